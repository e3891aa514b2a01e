//! A transaction.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use pressrun_domain::id::WorkerId;
use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{AssertSqlSafe, Postgres, Transaction};

use crate::StoreError;
use crate::fault::{in_words, lost_to_others};

/// How long the statements of a transaction may take, and whose it is, said with its beginning: a pooler gives each transaction another connection.
#[derive(Debug, Clone)]
pub(super) struct Limits(Arc<str>);

impl Limits {
    /// Statements of this node, and the time between them, take this long at most.
    pub(super) fn new(longest: Duration, node: WorkerId) -> Self {
        let millis = longest.as_millis();
        let limits = format!(
            "SET LOCAL statement_timeout = {millis}; SET LOCAL idle_in_transaction_session_timeout = {millis}; SET LOCAL pressrun.node = '{node}'"
        );
        Self(limits.into())
    }
}

/// A transaction; dropping it undoes it.
#[derive(Debug)]
pub(super) struct Tx(Transaction<'static, Postgres>);

impl Tx {
    /// Begins one that writes.
    pub(super) async fn begin(pool: &PgPool, limits: &Limits) -> Result<Self, StoreError> {
        Ok(Self(pool.begin_with(AssertSqlSafe(format!("BEGIN; {}", limits.0))).await?))
    }

    /// Begins one that writes what may be lost in a crash of the database: its commit does not wait for the disk.
    pub(super) async fn begin_forgettable(pool: &PgPool, limits: &Limits) -> Result<Self, StoreError> {
        Ok(Self(pool.begin_with(AssertSqlSafe(format!("BEGIN; SET LOCAL synchronous_commit = off; {}", limits.0))).await?))
    }

    /// Begins one that reads a single state of everything.
    pub(super) async fn snapshot(pool: &PgPool, limits: &Limits) -> Result<Self, StoreError> {
        Ok(Self(pool.begin_with(AssertSqlSafe(format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {}", limits.0))).await?))
    }

    /// Commits.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] also when nobody can tell whether it was committed, so that it is not made again.
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        self.0.commit().await.map_err(|error| {
            if lost_to_others(&error) { StoreError::Undone(in_words(&error)) } else { StoreError::Unavailable(in_words(&error)) }
        })
    }
}

impl Deref for Tx {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.0
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.0
    }
}
