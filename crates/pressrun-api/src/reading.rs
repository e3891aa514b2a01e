//! What pages read: through the use cases behind the HTTP contract, so that the same person is shown the same by both.

use std::collections::HashMap;
use std::path::PathBuf;

use jiff::Timestamp;
use pressrun_domain::access::Actor;
use pressrun_domain::access::shown::ShownSchedule;
use pressrun_domain::action::Refused;
use pressrun_domain::audit::Origin;
use pressrun_domain::consent::{OwnershipOffer, SubscriptionRequest};
use pressrun_domain::id::{RunId, ScheduleId};
use pressrun_domain::run::{ArtifactRecord, Run};
use pressrun_domain::schedule::Schedule;
use pressrun_store::Page;

use crate::actions::refused;
use crate::app::doers::Doers;
use crate::app::error::AppError;
use crate::app::list::Parameters;
pub use crate::app::operations::{History, Standing, Wanted};
pub use crate::app::runs::StoryPage;
use crate::app::{directory, operations, ownership, runs, schedules, subscriptions};
use crate::state::ApiState;

/// A schedule that may be read, as the actor may see it.
///
/// # Errors
/// [`Refused`].
pub async fn schedule(state: &ApiState, actor: &Actor, id: ScheduleId) -> Result<ShownSchedule, Refused> {
    let catalog = state.catalog.current();
    let schedule = schedules::readable(state, actor, &catalog, &id.to_string()).await.map_err(refused)?;
    Ok(actor.shown_schedule(&catalog, schedule))
}

/// How everything stands, for admins: today is from `from` until `until`, and late is what is older than `late`.
///
/// # Errors
/// [`Refused`].
pub async fn standing(state: &ApiState, actor: &Actor, from: Timestamp, until: Timestamp, late: Timestamp) -> Result<Standing, Refused> {
    operations::standing(state, actor, from, until, late).await.map_err(refused)
}

/// Runs of all schedules, newest first, for admins.
///
/// # Errors
/// [`Refused`].
pub async fn history(state: &ApiState, actor: &Actor, wanted: &Wanted) -> Result<History, Refused> {
    operations::history(state, actor, wanted).await.map_err(refused)
}

/// People found by a part of their name or address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KnownBy {
    /// Name and address of the first of them.
    pub people: Vec<(String, String)>,
    /// How many more there are.
    pub more: u64,
}

/// Active members whom the actor may look up and whose name or address has this part.
///
/// # Errors
/// [`Refused`].
pub fn known_by(state: &ApiState, actor: &Actor, part: &str) -> Result<KnownBy, Refused> {
    const NAMED: usize = 50;
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("q", part.trim()).append_pair("pageSize", "100").finish();
    let catalog = state.catalog.current();
    let listed = directory::members(&catalog, actor, &Parameters::read(Some(&query))).map_err(refused)?;
    let people: Vec<_> = listed
        .rows
        .iter()
        .filter(|member| member.active)
        .take(NAMED)
        .map(|member| (member.name.clone(), member.email.to_string()))
        .collect();
    Ok(KnownBy { more: listed.total.saturating_sub(people.len() as u64), people })
}

/// One page of a schedule's runs, newest first, and who started and stopped them; pages are counted from 1.
///
/// # Errors
/// [`Refused`].
pub async fn runs(
    state: &ApiState,
    actor: &Actor,
    id: ScheduleId,
    page: u64,
    page_size: u32,
) -> Result<(Page<Run>, HashMap<RunId, Doers>), Refused> {
    runs::told(state, actor, &id.to_string(), page, page_size).await.map_err(refused)
}

/// One page of a run and what came of it; pages are counted from 1.
///
/// # Errors
/// [`Refused`].
pub async fn run(state: &ApiState, actor: &Actor, id: &str, page: u64, page_size: u32) -> Result<StoryPage, Refused> {
    runs::get_page(state, actor, id, page, page_size).await.map_err(refused)
}

/// A file that a run rendered: its record and where it is.
///
/// # Errors
/// [`Refused`].
pub async fn file(state: &ApiState, actor: &Actor, run: &str, sha256: &str) -> Result<(ArtifactRecord, PathBuf), Refused> {
    runs::artifact(state, actor, run, sha256).await.map_err(refused)
}

/// The offer of a schedule that stands, for those whom it concerns, with the schedule as it is offered; `None` when there is none.
///
/// # Errors
/// [`Refused`].
pub async fn offered(state: &ApiState, actor: &Actor, id: ScheduleId) -> Result<Option<(OwnershipOffer, Schedule)>, Refused> {
    let offered = ownership::offered(state, actor, &id.to_string()).await.map_err(refused)?;
    Ok(offered.map(|offered| (offered.offer, offered.schedule)))
}

/// Who asks to be on a list; for those who manage the schedule.
///
/// # Errors
/// [`Refused`].
pub async fn requests(state: &ApiState, actor: &Actor, id: ScheduleId) -> Result<Vec<SubscriptionRequest>, Refused> {
    subscriptions::requests(state, actor, &id.to_string()).await.map_err(refused)
}

/// What the link in an owner's mail asks.
#[derive(Debug)]
pub struct Asked {
    /// Who asks.
    pub request: SubscriptionRequest,
    /// On whose list.
    pub schedule: Schedule,
}

/// What a link without a login asks; `None` when it opens nothing.
///
/// # Errors
/// [`Refused`]: the store failed.
pub async fn asked(state: &ApiState, id: &str, word: &str) -> Result<Option<Asked>, Refused> {
    match subscriptions::by_link(state, id, word).await {
        Ok((request, schedule, _)) => Ok(Some(Asked { request, schedule })),
        Err(AppError::NoRequest) => Ok(None),
        Err(error) => Err(refused(error)),
    }
}

/// Answers what a link asks; false when there is nothing to answer, or it no longer can be.
///
/// # Errors
/// [`Refused`]: not as things stand, or the store failed.
pub async fn answer(state: &ApiState, id: &str, word: &str, yes: bool, origin: Origin) -> Result<bool, Refused> {
    match subscriptions::answer_by_link(state, id, word, yes, origin).await {
        Ok(()) => Ok(true),
        Err(AppError::NoRequest) => Ok(false),
        Err(error) => Err(refused(error)),
    }
}
