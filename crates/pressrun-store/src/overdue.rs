//! What was promised and is not delivered in time, and whether anybody was told.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::StoreError;

/// Occurrences and manual runs that are not over when they should be. Tests and resends are looked at by whoever asked for them.
///
/// Each is noted as a row, so that it is told once and, when it is over, once more, whichever of many processes tells and however often they die.
#[async_trait]
pub trait Overdue: Send + Sync {
    /// Notes up to `limit` of an instant before `late` that are not over, oldest first: whether nobody has planned them, released them, claimed them or
    /// brought them to an end. And of those noted before, which are over. Returns how many are new.
    async fn note_overdue(&self, late: Timestamp, now: Timestamp, limit: u32) -> Result<u32, StoreError>;

    /// Takes up to `limit` of which somebody has to be told, oldest first: that they are late, or that they are over. Nobody else gets them before
    /// `hidden_until`.
    async fn claim_overdue(&self, now: Timestamp, hidden_until: Timestamp, limit: u32) -> Result<Vec<OverdueRun>, StoreError>;

    /// These were told at `now`; of those that are over nothing is kept.
    async fn overdue_told(&self, told: &[OverdueRun], now: Timestamp) -> Result<(), StoreError>;

    /// How many are noted that are not over.
    async fn count_overdue(&self) -> Result<u64, StoreError>;
}

/// An occurrence or a manual run that is or was overdue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverdueRun {
    /// Id of its schedule, as stored.
    pub schedule: String,
    /// Its instant.
    pub scheduled_for: Timestamp,
    /// How it came out, when it is over: a status, why it was skipped, or `notRun` for what is no longer owed and has no line of
    /// its own in history.
    pub outcome: Option<String>,
}
