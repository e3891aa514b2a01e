//! Who started, stopped or deleted what a run was about, as the audit knows it.

use std::collections::HashMap;

use pressrun_domain::audit::{Agent, ObjectKind, Verb};
use pressrun_domain::catalog::Catalog;
use pressrun_domain::id::{MembershipId, RunId, ScheduleId};
use pressrun_domain::run::{Run, RunState};
use pressrun_store::{AuditQuery, Store, StoreError};

/// Somebody who did something, for those who may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doer {
    /// The membership; `None` for the command line, links of mails and Pressrun itself.
    pub member: Option<MembershipId>,
    /// In words.
    pub name: String,
}

/// Who did what to one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Doers {
    /// Who ran it by hand, tested it or sent it again.
    pub started: Option<Doer>,
    /// Who told it to stop.
    pub stopped: Option<Doer>,
    /// Who deleted its schedule while it waited.
    pub deleted: Option<Doer>,
}

/// Who made a change, in words.
#[must_use]
pub fn doer(agent: &Agent, catalog: &Catalog) -> Doer {
    let name = match agent {
        Agent::Key { member, .. } => catalog.member(member.0).map_or_else(|| format!("former member {member}"), |one| one.name.clone()),
        Agent::Recipient(email) => email.to_string(),
        Agent::CommandLine => "the command line".to_owned(),
        Agent::System => "Pressrun".to_owned(),
        Agent::Unknown => "nobody known".to_owned(),
    };
    Doer { member: agent.member(), name }
}

/// Who did what to these runs, which are open to whoever is told.
///
/// # Errors
/// The store failed.
pub(crate) async fn doers_of(store: &dyn Store, catalog: &Catalog, runs: &[&Run]) -> Result<HashMap<RunId, Doers>, StoreError> {
    let mut found: HashMap<RunId, Doers> = HashMap::new();
    if runs.is_empty() {
        return Ok(found);
    }
    let ids: Vec<RunId> = runs.iter().map(|run| run.id).collect();
    for entry in store.audit_of_runs(&ids).await? {
        let Ok(id) = entry.object.id.parse() else { continue };
        let doers = found.entry(id).or_default();
        let doer = doer(&entry.change.agent, catalog);
        match entry.change.verb {
            Verb::RunTriggered | Verb::RunTested | Verb::RunResent => doers.started = Some(doer),
            Verb::RunCancelled => doers.stopped = Some(doer),
            _ => {}
        }
    }
    for run in runs {
        if matches!(&run.state, RunState::Ended { reason: Some(reason), .. } if reason == "deleted")
            && let Some(agent) = latest(store, run.schedule_id, Verb::ScheduleDeleted).await?
        {
            found.entry(run.id).or_default().deleted = Some(doer(&agent, catalog));
        }
    }
    Ok(found)
}

/// Who did this to a schedule last.
///
/// # Errors
/// The store failed.
pub async fn latest(store: &dyn Store, schedule: ScheduleId, verb: Verb) -> Result<Option<Agent>, StoreError> {
    let object = Some((ObjectKind::Schedule, Some(schedule.to_string())));
    let query = AuditQuery { verb: Some(verb), object, limit: 1, ..AuditQuery::default() };
    Ok(store.audit(&query).await?.pop().map(|entry| entry.change.agent))
}
