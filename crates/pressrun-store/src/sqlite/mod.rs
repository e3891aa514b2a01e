//! SQLite: one file, one writer, any number of readers.
//!
//! Every write has a turn at the only writing connection (see [`writer`]), so that writers queue up here instead of failing with "database is locked";
//! reads go to a pool that sees the last committed state (WAL). Other processes may use the file at the same time.
//!
//! `synchronous` is `FULL`: what a call returned is on the disk, also after a power cut. `NORMAL` would be faster and may forget the last
//! commits then, and a forgotten "accepted" is a mail sent twice.

mod addresses;
mod alarms;
mod artifacts;
mod audiences;
mod audit;
mod baselines;
mod catalogs;
mod claim;
mod consents;
mod copy;
mod due;
mod entries;
mod fault;
mod finish;
mod grounds;
mod history;
mod keys;
mod lease;
mod ledger;
mod list;
mod migrate;
mod news;
mod notices;
mod open;
mod people;
mod plan;
mod planning;
mod presence;
mod queue;
mod recipients;
mod release;
mod retention;
mod row;
mod runs;
mod schedule_row;
mod schedules;
mod seals;
mod sessions;
mod story;
mod suppressions;
#[cfg(test)]
mod tests;
mod unread;
mod writer;

use std::sync::Arc;

use jiff::Timestamp;
use sqlx::sqlite::SqlitePool;

use crate::StoreError;
use crate::collation::Collation;
use crate::seal::Sealer;
pub use copy::{CopiedArtifact, SqliteCopy};
use presence::Presence;
use writer::{Tx, Writer};

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
