//! PostgreSQL: any number of nodes, each with a pool of connections.
//!
//! Each write is a transaction of its own (READ COMMITTED) that locks the rows that it decides by; see [`dialect`] for the order. What the database undid
//! because of others (a deadlock, a connection that was cut before the commit) is done again here, see [`again`]. Nothing is kept with a connection:
//! a pooler may give each transaction another one.
//!
//! Leases, heartbeats and all that lapses is measured by the database's clock, see [`clock`].

mod again;
mod clock;
mod dialect;
mod hints;
mod list;
mod migrate;
mod months;
mod moving;
mod nodes;
mod open;
mod quotas;
#[cfg(test)]
mod tests;
mod tx;
mod writer;

// What both databases do alike, compiled for each with the words of its `dialect`.
#[path = "../common/alarms.rs"]
mod alarms;
#[path = "../common/artifacts.rs"]
mod artifacts;
#[path = "../common/audiences.rs"]
mod audiences;
#[path = "../common/audit.rs"]
mod audit;
#[path = "../common/baselines.rs"]
mod baselines;
#[path = "../common/catalogs.rs"]
mod catalogs;
#[path = "../common/claim.rs"]
mod claim;
#[path = "../common/consents.rs"]
mod consents;
#[path = "../common/due.rs"]
mod due;
#[path = "../common/entries.rs"]
mod entries;
#[path = "../common/figures.rs"]
mod figures;
#[path = "../common/finish.rs"]
mod finish;
#[path = "../common/grounds.rs"]
mod grounds;
#[path = "../common/history.rs"]
mod history;
#[path = "../common/keys.rs"]
mod keys;
#[path = "../common/lease.rs"]
mod lease;
#[path = "../common/ledger.rs"]
mod ledger;
#[path = "../common/listed.rs"]
mod listed;
#[path = "../common/meta.rs"]
mod meta;
#[path = "../common/missed.rs"]
mod missed;
#[path = "../common/moved.rs"]
mod moved;
#[path = "../common/news.rs"]
mod news;
#[path = "../common/notices.rs"]
mod notices;
#[path = "../common/old_lists.rs"]
mod old_lists;
#[path = "../common/overdue.rs"]
mod overdue;
#[path = "../common/people.rs"]
mod people;
#[path = "../common/places.rs"]
mod places;
#[path = "../common/plan.rs"]
mod plan;
#[path = "../common/planning.rs"]
mod planning;
#[path = "../common/promises.rs"]
mod promises;
#[path = "../common/queue.rs"]
mod queue;
#[path = "../common/recipients.rs"]
mod recipients;
#[path = "../common/release.rs"]
mod release;
#[path = "../common/retention.rs"]
mod retention;
#[path = "../common/row.rs"]
mod row;
#[path = "../common/runs.rs"]
mod runs;
#[path = "../common/schedule_row.rs"]
mod schedule_row;
#[path = "../common/schedules.rs"]
mod schedules;
#[path = "../common/seals.rs"]
mod seals;
#[path = "../common/sessions.rs"]
mod sessions;
#[path = "../common/story.rs"]
mod story;
#[path = "../common/suppressions.rs"]
mod suppressions;
#[path = "../common/unread.rs"]
mod unread;

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use sqlx::postgres::PgPool;

use crate::StoreError;
use crate::collation::Collation;
use crate::seal::Sealer;
use clock::Offset;
use listed::Shown;
pub use moving::CopiedTable;
pub use open::PostgresSettings;
use tx::{Limits, Tx};
use writer::Writer;

use Once as Backend;

/// A store in a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresStore {
    once: Once,
    settings: PostgresSettings,
}

/// The store as it tries each call once.
#[derive(Debug, Clone)]
struct Once {
    write: PgPool,
    writer: Writer,
    read: PgPool,
    limits: Limits,
    sealer: Arc<Sealer>,
    collation: Arc<Collation>,
    offset: Arc<Offset>,
    shown: Arc<Shown>,
    /// What this process is called among nodes.
    node: Arc<str>,
    /// Those of this process.
    workers: Arc<Mutex<BTreeSet<String>>>,
    /// A newer version has changed the schema so that this one may not work on it any more.
    left_behind: Arc<AtomicBool>,
    /// Leases go by the instants that callers say.
    by_callers_clock: bool,
}

impl Once {
    /// Begins a write.
    async fn begin(&self) -> Result<Tx, StoreError> {
        Tx::begin(&self.write, &self.limits).await
    }

    /// Begins a write that may be forgotten when the database crashes: nobody waits for the disk.
    async fn begin_forgettable(&self) -> Result<Tx, StoreError> {
        Tx::begin_forgettable(&self.write, &self.limits).await
    }

    /// Begins a read of one consistent state.
    async fn snapshot(&self) -> Result<Tx, StoreError> {
        Tx::snapshot(&self.read, &self.limits).await
    }
}

/// How an instant is stored; parts of a microsecond are cut.
fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}
