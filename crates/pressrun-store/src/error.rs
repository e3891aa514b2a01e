//! What can go wrong with a store.

/// A failed store call. Nothing was changed by it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, is full or refuses; the call may succeed later.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The database undid the call because of what others did at the same time, or with a connection that was cut before the commit. The store makes it again
    /// by itself; callers see this only where that did not help.
    #[error("the database is busy: {0}")]
    Undone(String),
    /// A stored row does not parse: names table, column and row.
    #[error("{table}.{column} of row {row} is not readable: {fault}")]
    Corrupt {
        /// Table.
        table: &'static str,
        /// Column.
        column: &'static str,
        /// Primary key.
        row: String,
        /// What is wrong with it.
        fault: String,
    },
    /// There is no such row.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// Somebody else changed the row in between (X10); read it again.
    #[error("the row was changed by somebody else")]
    Conflict,
    /// The worker's lease has passed to another claim; it may write nothing more.
    #[error("the lease on this run is lost")]
    LeaseLost,
    /// A run of the schedule is under way (I3).
    #[error("a run of this schedule is in progress")]
    RunInProgress,
    /// Secrets cannot be opened or sealed with the configured keys.
    #[error("secrets cannot be read or written: {0}")]
    Sealing(String),
}
