//! What pages save: the same bodies as by the API, and each refusal beside the field that it is about.

use pressrun_domain::access::{Actor, Handover};
use pressrun_domain::action::Refused;
use pressrun_domain::audit::ObjectKind;
use pressrun_domain::id::{RunId, ScheduleId};
use pressrun_store::AuditQuery;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::actions::refused;
use crate::app::consider;
pub use crate::app::consider::Considered;
use crate::app::error::AppError;
use crate::app::{ownership, resend, schedules, update};
use crate::state::ApiState;

/// Why a form was not saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotSaved {
    /// One field of the body is at fault.
    Field {
        /// Its name in the body.
        field: String,
        /// What is wrong, in the words of the contract.
        fault: String,
    },
    /// Fields do not go together, or it is not possible as things stand.
    Whole(String),
    /// Somebody else changed it since the form was made.
    Stale,
    /// There is no such thing for this person, or the store failed.
    Refused(Refused),
}

impl From<AppError> for NotSaved {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Field { field, fault, .. } => Self::Field { field: field.into_owned(), fault: fault.into_owned() },
            AppError::Stale => Self::Stale,
            other => match refused(other) {
                Refused::NotNow(text) => Self::Whole(text),
                refused => Self::Refused(refused),
            },
        }
    }
}

/// What saving came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Of the schedule, or of the one run of a test delivery.
    pub id: Uuid,
    /// What of the body does nothing, and what to know.
    pub warnings: Vec<String>,
}

/// Says what saving a body would come to; `id` is the schedule that it would change, `None` makes a new one. Nothing is saved.
///
/// # Errors
/// [`NotSaved`].
pub async fn consider(state: &ApiState, actor: &Actor, id: Option<&str>, body: &Map<String, Value>) -> Result<Considered, NotSaved> {
    consider::consider(state, actor, id, body).await.map_err(NotSaved::from)
}

/// Makes a schedule. A form that is sent twice makes one: `once` is what it was given when it was made, and another for each form.
///
/// # Errors
/// [`NotSaved`]; also when this form was saved before.
pub async fn create(state: &ApiState, actor: &Actor, body: &Map<String, Value>, once: &str) -> Result<Saved, NotSaved> {
    // Nobody can choose an id with this, and so none of what is or was somebody else's.
    let id = ScheduleId(Uuid::new_v5(&actor.member.0, once.as_bytes()));
    if let Some(made) = state.store.schedule(id).await.map_err(AppError::from)? {
        return Err(NotSaved::Whole(format!(
            "This form was saved before, as “{}”. Open that schedule to change it, or begin a new one",
            made.definition.name
        )));
    }
    // An id is used once: history and audit of what was deleted are of that, and not of what is made now.
    let before = AuditQuery { object: Some((ObjectKind::Schedule, Some(id.to_string()))), limit: 1, ..AuditQuery::default() };
    if !state.store.audit(&before).await.map_err(AppError::from)?.is_empty() {
        return Err(NotSaved::Whole("This form was saved before, and that schedule was deleted since. Begin a new one".to_owned()));
    }
    let created = schedules::create_as(state, actor, id, None, body).await?;
    Ok(Saved { id: created.id, warnings: created.warnings })
}

/// Delivers once, now, and keeps nothing but the run, whose id is in the answer. With `id`, what the body leaves out is as in that schedule.
///
/// # Errors
/// [`NotSaved`].
pub async fn test(state: &ApiState, actor: &Actor, id: Option<&str>, body: &Map<String, Value>) -> Result<Saved, NotSaved> {
    let created = schedules::test(state, actor, id, body).await?;
    Ok(Saved { id: created.id, warnings: created.warnings })
}

/// Changes a schedule that is still of this `version`. A form sends whole lists back whatever was changed in it: that somebody stands on one says
/// nothing about whether they may have the owner's rows (C2). Whoever is taken off and put on again may.
///
/// # Errors
/// [`NotSaved`].
pub async fn change(state: &ApiState, actor: &Actor, id: &str, body: &Map<String, Value>, version: u64) -> Result<Saved, NotSaved> {
    let updated = update::update(state, actor, id, Some(body), Some(&[version]), false).await?;
    let id = id.parse().map_err(|_| NotSaved::Refused(Refused::Denied))?;
    Ok(Saved { id, warnings: updated.warnings })
}

/// Queues the sending of one piece of a run again; the run that sends it.
///
/// # Errors
/// [`Refused`].
pub async fn resend(state: &ApiState, actor: &Actor, run: &str, delivery: &str) -> Result<RunId, Refused> {
    resend::resend(state, actor, run, delivery).await.map_err(refused)
}

/// Gives a schedule to the member of this address, or offers it to them.
///
/// # Errors
/// [`NotSaved`]: also when the actor does not know of such a member.
pub async fn give(state: &ApiState, actor: &Actor, id: ScheduleId, address: &str) -> Result<Handover, NotSaved> {
    let catalog = state.catalog.current();
    let acquainted = actor.acquainted(&catalog);
    let member = catalog.members.by_address(&address.trim().to_lowercase()).filter(|member| acquainted.has_member(member.id));
    let member = member.ok_or_else(|| NotSaved::Whole(format!("No member whom you may look up has the address “{}”", address.trim())))?;
    Ok(ownership::transfer(state, actor, &id.to_string(), &member.id.to_string()).await?)
}
