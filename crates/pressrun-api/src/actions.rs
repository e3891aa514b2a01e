//! What pages let a person cause, through the use cases behind the HTTP contract.

use pressrun_domain::id::{MembershipId, RunId, ScheduleId};
use pressrun_domain::key::KeyKind;

use crate::app::access::Caller;
use crate::app::error::AppError;
use crate::app::{runs, schedules};
use crate::state::ApiState;

/// Who acts: what the key may do, and whom it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actor {
    /// What the key may do.
    pub kind: KeyKind,
    /// Whom it belongs to.
    pub member: MembershipId,
}

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
}

/// Why an action was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It does not exist, or the actor may not do this.
    #[error("{0}")]
    Denied(String),
    /// Not as things stand; the text says why.
    #[error("{0}")]
    NotNow(String),
    /// The store failed; the cause was logged.
    #[error("the database did not answer")]
    Failed,
}

impl From<AppError> for Refused {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Denied | AppError::NoSchedule(_) | AppError::NoRun(_) | AppError::Unauthorized | AppError::ForOthers => {
                Self::Denied(error.to_string())
            }
            AppError::Store(_) | AppError::NotQueued(_) | AppError::Randomness(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "an action failed");
                Self::Failed
            }
            other => Self::NotNow(other.to_string()),
        }
    }
}

/// Does it; a trigger answers with its run.
///
/// # Errors
/// [`Refused`].
pub async fn act(state: &ApiState, actor: Actor, action: Action) -> Result<Option<RunId>, Refused> {
    let caller = Caller { kind: actor.kind, member: actor.member };
    match action {
        Action::Pause(id) => schedules::pause(state, &caller, &id.to_string()).await?,
        Action::Resume(id) => schedules::resume(state, &caller, &id.to_string()).await?,
        Action::Trigger(id) => return Ok(Some(schedules::trigger(state, &caller, &id.to_string()).await?)),
        Action::Delete(id) => schedules::delete(state, &caller, &id.to_string()).await?,
        Action::Cancel(id) => runs::cancel(state, &caller, &id.to_string()).await?,
    }
    Ok(None)
}
