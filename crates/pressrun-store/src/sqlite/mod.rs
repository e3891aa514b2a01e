//! SQLite: one file, one writer, any number of readers.
//!
//! Every write has a turn at the only writing connection (see [`writer`]), so that writers queue up here instead of failing with "database is locked";
//! reads go to a pool that sees the last committed state (WAL). Other processes may use the file at the same time.
//!
//! `synchronous` is `FULL`: what a call returned is on the disk, also after a power cut. `NORMAL` would be faster and may forget the last
//! commits then, and a forgotten "accepted" is a mail sent twice.

mod addresses;
mod copy;
mod dialect;
mod hints;
mod list;
mod listing;
mod migrate;
mod open;
mod presence;
mod quotas;
#[cfg(test)]
mod tests;
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

use std::sync::Arc;

use jiff::Timestamp;
use sqlx::sqlite::SqlitePool;

use crate::StoreError;
use crate::collation::Collation;
use crate::seal::Sealer;
pub use copy::{CopiedArtifact, SqliteCopy};
use listed::Shown;
use listing::Listing;
use presence::Presence;
use writer::{Tx, Writer};

use SqliteStore as Backend;

/// A store in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    /// Of one connection.
    write: SqlitePool,
    writer: Writer,
    read: SqlitePool,
    sealer: Arc<Sealer>,
    collation: Arc<Collation>,
    presence: Arc<Presence>,
    listing: Arc<Listing>,
    shown: Arc<Shown>,
}

impl SqliteStore {
    /// Begins a write; waits its turn.
    async fn begin(&self) -> Result<Tx, StoreError> {
        Ok(Tx::Turn(self.writer.turn().await?))
    }

    /// Begins a read of one consistent state.
    async fn snapshot(&self) -> Result<Tx, StoreError> {
        Ok(Tx::Own(self.read.begin().await?))
    }

    /// Whether a write transaction is open. A simulation, in which nobody is to be faster than another by chance, waits until none is.
    #[cfg(any(test, feature = "conformance"))]
    #[must_use]
    pub fn is_writing(&self) -> bool {
        self.writer.is_open()
    }

    /// Closes every connection, after what is under way.
    pub async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }
}

/// How an instant is stored; parts of a microsecond are cut.
fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}
