//! What is older than it is kept.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::StoreError;

/// Deletes what is older than it is kept, a little in each transaction, so that others write in between. Each step finds what it deletes by an
/// index on age, whatever else is kept, and one that was cut off is made again.
#[async_trait]
pub trait Retention: Send + Sync {
    /// Makes room for what is written in months to come, where history is parted by months. To be called now and then.
    async fn make_months(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Drops what there is most of in months that were over at `kept_since`, where history is parted by months: timelines, findings, contents and attempts. What is kept for
    /// another reason stays. Returns how many parts went.
    async fn prune_months(&self, kept_since: Timestamp) -> Result<u64, StoreError> {
        let _ = kept_since;
        Ok(0)
    }

    /// Deletes up to `limit` rows of runs that were over before `kept_since`, oldest first: pieces, attempts, timeline and all, and definitions that
    /// nothing names any more.
    ///
    /// Of each schedule that is stored the newest run that counts is kept, for its last status stands on it; it is looked at again a month
    /// later. A run of more rows than `limit` goes in several steps, its pieces first.
    async fn prune_runs(&self, kept_since: Timestamp, limit: u32) -> Result<Pruned, StoreError>;

    /// Deletes up to `limit` notices from before `kept_since` of which nothing is owed, and what came back of them. Those about a schedule that
    /// has been switched off since stay, so that they are not said again.
    async fn prune_notices(&self, kept_since: Timestamp, limit: u32) -> Result<Pruned, StoreError>;

    /// Deletes up to `limit` entries of the audit from before `kept_since`.
    async fn prune_audit(&self, kept_since: Timestamp, limit: u32) -> Result<Pruned, StoreError>;

    /// Forgets up to `limit` artifacts that no run has needed since `needed_since`, and returns their hashes. Their files are deleted afterwards:
    /// whoever needs one again meanwhile has made it again.
    async fn prune_artifacts(&self, needed_since: Timestamp, limit: u32) -> Result<Vec<String>, StoreError>;

    /// Which of these hashes are of no artifact that is known.
    async fn unknown_artifacts(&self, hashes: &[String]) -> Result<Vec<String>, StoreError>;
}

/// What a step deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Runs, notices or entries that are gone.
    pub count: u64,
    /// Whether another step may find more.
    pub more: bool,
}
