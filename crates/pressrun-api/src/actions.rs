//! What pages let a person cause, through the use cases behind the HTTP contract.

use pressrun_domain::access::Actor;
use pressrun_domain::action::{Action, Refused};
use pressrun_domain::id::RunId;

use crate::app::error::AppError;
use crate::app::{runs, schedules};
use crate::state::ApiState;

fn refused(error: AppError) -> Refused {
    match error {
        AppError::Denied
        | AppError::NoSchedule(_)
        | AppError::NoRun(_)
        | AppError::Gone(_)
        | AppError::Unauthorized
        | AppError::ForOthers => Refused::Denied,
        AppError::Store(_) | AppError::NotQueued(_) | AppError::Randomness(_) => {
            tracing::error!(error = &error as &dyn std::error::Error, "an action failed");
            Refused::Failed
        }
        other => Refused::NotNow(other.to_string()),
    }
}

/// Does it; a trigger answers with its run.
///
/// # Errors
/// [`Refused`].
pub async fn act(state: &ApiState, actor: Actor, action: Action) -> Result<Option<RunId>, Refused> {
    let done = match action {
        Action::Trigger(id) => return schedules::trigger(state, &actor, &id.to_string()).await.map(Some).map_err(refused),
        Action::Pause(id) => schedules::pause(state, &actor, &id.to_string()).await,
        Action::Resume(id) => schedules::resume(state, &actor, &id.to_string()).await,
        Action::Delete(id) => schedules::delete(state, &actor, &id.to_string()).await,
        Action::Cancel(id) => runs::cancel(state, &actor, &id.to_string()).await,
    };
    done.map(|()| None).map_err(refused)
}
