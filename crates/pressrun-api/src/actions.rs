//! What pages let a person cause, through the use cases behind the HTTP contract.

use pressrun_domain::access::Actor;
use pressrun_domain::action::{Action, Refused};
use pressrun_domain::id::{RunId, ScheduleId};
use pressrun_domain::key::ApiKey;
use pressrun_domain::secret::Secret;

use crate::app::audit::AuditPage;
use crate::app::error::AppError;
use crate::app::keys::NewKey;
use crate::app::list::Parameters;
use crate::app::suppressions::SuppressionPage;
use crate::app::{self, ownership, runs, schedules, subscriptions};
use crate::state::{ApiState, CatalogFaults};

pub(crate) fn refused(error: AppError) -> Refused {
    match error {
        AppError::Denied
        | AppError::OutOfScope(_)
        | AppError::NoKey(_)
        | AppError::NoSchedule(_)
        | AppError::NoRun(_)
        | AppError::Gone(_)
        | AppError::NoArtifact(_)
        | AppError::Unauthorized
        | AppError::ForOthers => Refused::Denied,
        AppError::Store(_) | AppError::NotQueued(_) | AppError::Randomness(_) => {
            tracing::error!(error = &error as &dyn std::error::Error, "an action failed");
            Refused::Failed
        }
        other => Refused::NotNow(other.told()),
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
        Action::WithdrawLinks(id) => schedules::withdraw_links(state, &actor, &id.to_string()).await,
        Action::DeclineOffer(id) => ownership::decline(state, &actor, &id.to_string()).await,
        Action::WithdrawOffer(id) => ownership::withdraw(state, &actor, &id.to_string()).await,
        Action::AnswerRequest(id, yes) => subscriptions::answer(state, &actor, &id.to_string(), yes).await,
    };
    done.map(|()| None).map_err(refused)
}

/// Accepts an offer of ownership for what was `seen`, the terms that stood on the page.
///
/// # Errors
/// [`Refused`]: also when it is no longer what was seen.
pub async fn accept_offer(state: &ApiState, actor: &Actor, id: ScheduleId, seen: &str) -> Result<(), Refused> {
    ownership::accept(state, actor, &id.to_string(), Some(seen)).await.map_err(refused)
}

/// Keys that are the actor's to see, newest first.
///
/// # Errors
/// [`Refused`].
pub async fn keys(state: &ApiState, actor: &Actor) -> Result<Vec<ApiKey>, Refused> {
    app::keys::list(state, actor).await.map_err(refused)
}

/// Makes a key within what the actor may; its token is in the answer and nowhere else.
///
/// # Errors
/// [`Refused`].
pub async fn make_key(state: &ApiState, actor: &Actor, new: NewKey) -> Result<(Secret, ApiKey), Refused> {
    app::keys::make(state, actor, &state.catalog.current(), new).await.map_err(refused)
}

/// Stops a key from working.
///
/// # Errors
/// [`Refused`].
pub async fn revoke_key(state: &ApiState, actor: &Actor, id: &str) -> Result<(), Refused> {
    app::keys::revoke(state, actor, id).await.map_err(refused)
}

/// One page of the audit, narrowed as by the query of `GET /api/v1/audit`.
///
/// # Errors
/// [`Refused`].
pub async fn audit(state: &ApiState, actor: &Actor, query: Option<&str>) -> Result<AuditPage, Refused> {
    app::audit::list(state, actor, &Parameters::read(query)).await.map_err(refused)
}

/// One page of addresses that get no more mail, narrowed as by the query of `GET /api/v1/suppressions`.
///
/// # Errors
/// [`Refused`].
pub async fn suppressions(state: &ApiState, actor: &Actor, query: Option<&str>) -> Result<SuppressionPage, Refused> {
    app::suppressions::list(state, actor, &Parameters::read(query)).await.map_err(refused)
}

/// Lets an address get mail again.
///
/// # Errors
/// [`Refused`].
pub async fn lift_suppression(state: &ApiState, actor: &Actor, email: &str) -> Result<(), Refused> {
    app::suppressions::lift(state, actor, email).await.map_err(refused)
}

/// What of the catalog's files is not in force.
///
/// # Errors
/// [`Refused`] for who is no admin: it may quote the files.
pub fn catalog_faults(state: &ApiState, actor: &Actor) -> Result<CatalogFaults, Refused> {
    app::faults::faults(state, actor).map_err(refused)
}
