//! What a person causes through the buttons of the pages: said by `web`, done by `api`.

use crate::id::{RunId, ScheduleId, SubscriptionRequestId};

/// What can be done to a schedule or a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Until it is resumed, no occurrence becomes a run.
    Pause(ScheduleId),
    /// From now on again; what was missed is not made up (T15).
    Resume(ScheduleId),
    /// A run at once, for everybody on the list (I3 to I5).
    Trigger(ScheduleId),
    /// The schedule goes, its history stays (X9).
    Delete(ScheduleId),
    /// A run under way is stopped (S5).
    Cancel(RunId),
    /// Links without a login that were sent so far end (M11).
    WithdrawLinks(ScheduleId),
    /// A schedule that was offered is not theirs to whom it was offered (C1).
    DeclineOffer(ScheduleId),
    /// It is no longer offered.
    WithdrawOffer(ScheduleId),
    /// A member who asked is put on the list, or not (C2).
    AnswerRequest(SubscriptionRequestId, bool),
}

/// Why an action was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It does not exist, or the actor may not do this.
    #[error("it does not exist, or it is not for this person")]
    Denied,
    /// Not as things stand; the text says why.
    #[error("{0}")]
    NotNow(String),
    /// The store failed; the cause was logged.
    #[error("the database did not answer")]
    Failed,
}
