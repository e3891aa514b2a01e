//! What Pressrun itself has to say: an outbox beside the ledger.

use async_trait::async_trait;
use jiff::Timestamp;
use pressrun_domain::delivery::{Attempt, DeliveryState};
use pressrun_domain::id::{DeliveryId, MembershipId, RunId, ScheduleId};
use pressrun_domain::notice::{Notice, NoticeLane, NoticeTo};
use pressrun_domain::schedule::SystemDisabled;

use crate::StoreError;

/// Notices, each kept until it was sent or given up. Those about a run are kept with its end ([`Runs::finish`](crate::Runs::finish)).
#[async_trait]
pub trait Notices: Send + Sync {
    /// Keeps notices; one that exists (same id) is left as it is. Returns how many are new.
    async fn add_notices(&self, notices: &[Notice]) -> Result<u32, StoreError>;

    /// Switches a schedule off and keeps what is to be said about it, in one transaction. The schedule's version counts up.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it has another version or is off already, [`StoreError::NotFound`] when it is deleted.
    async fn system_disable(
        &self,
        schedule: ScheduleId,
        version: u64,
        disabled: SystemDisabled,
        notices: &[Notice],
    ) -> Result<(), StoreError>;

    /// Switches a schedule that Pressrun had switched off on again at `at`, its next occurrence at `next_at`, and keeps what is to be said about
    /// it, in one transaction. The schedule's version counts up.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it has another version or is not off, [`StoreError::NotFound`] when it is deleted.
    async fn system_enable(
        &self,
        schedule: ScheduleId,
        version: u64,
        next_at: Option<Timestamp>,
        at: Timestamp,
        notices: &[Notice],
    ) -> Result<(), StoreError>;

    /// Claims up to `limit` notices of a lane that are due, oldest first: an attempt begins for each, and nobody else gets it before `hidden_until`.
    /// A notice waits for older ones about the same schedule to the same place, so that an all-clear never comes before its alarm.
    async fn claim_notices(&self, lane: NoticeLane, now: Timestamp, hidden_until: Timestamp, limit: u32)
    -> Result<Vec<Notice>, StoreError>;

    /// Hides claimed notices for longer, each of which is hidden until the instant that is named with it; nobody else has claimed it as long as it is.
    async fn renew_notices(&self, held: &[(DeliveryId, Timestamp)], hidden_until: Timestamp) -> Result<(), StoreError>;

    /// When the earliest notice of a lane is due that waits for no older one.
    async fn next_notice(&self, lane: NoticeLane) -> Result<Option<Timestamp>, StoreError>;

    /// Records what the attempt under way came to, and keeps `follow_ups`, in one transaction.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the attempt is no longer the last one: somebody else has claimed the notice since.
    async fn settle_notice(
        &self,
        id: DeliveryId,
        attempt: &Attempt,
        state: &DeliveryState,
        follow_ups: &[Notice],
    ) -> Result<(), StoreError>;

    /// Notices about a run, in the order in which there was reason for them.
    async fn notices_of(&self, run: RunId) -> Result<Vec<Notice>, StoreError>;

    /// Who was, or is about to be, told of a failed run of this schedule and of no recovery since.
    async fn alarmed(&self, schedule: ScheduleId) -> Result<Vec<NoticeTo>, StoreError>;

    /// Runs that ended because they could not be read, of which nobody has been told yet (M10).
    async fn unread_runs(&self, limit: u32) -> Result<Vec<UnreadRun>, StoreError>;

    /// Keeps what there is to say about one of them, and with it that it is said.
    async fn tell_unread(&self, run: RunId, said: &[Notice]) -> Result<(), StoreError>;
}

/// A run that could not be read when it was claimed, as far as its row can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadRun {
    /// The run.
    pub run: RunId,
    /// Its schedule.
    pub schedule: ScheduleId,
    /// Whose it was.
    pub owner: MembershipId,
    /// What the schedule was called; empty when that cannot be read either.
    pub name: String,
    /// What cannot be read.
    pub fault: String,
}
