//! Run history: what was promised, what happened, and stopping it (S12).

use std::path::PathBuf;

use pressrun_domain::access::Actor;
use pressrun_domain::audit::Verb;
use pressrun_domain::catalog::Catalog;
use pressrun_domain::delivery::Delivery;
use pressrun_domain::notice::Notice;
use pressrun_domain::run::{ArtifactRecord, Run, RunState};

use super::access;
use super::doers::{Doers, doers_of};
use super::error::AppError;
use super::list::{Listed, Parameters};
use super::schedules;
use crate::state::ApiState;

/// Runs of a schedule, newest occurrence first.
pub(crate) async fn list(state: &ApiState, actor: &Actor, id: &str, parameters: &Parameters) -> Result<Listed<Run>, AppError> {
    let page_size = parameters.page_size(100)?;
    let schedule = schedules::readable(state, actor, &state.catalog.current(), id).await?;
    let asked = parameters.page();
    let page = state.store.list_runs(Some(schedule.id), asked.unwrap_or(1), page_size).await?;
    Listed::new(page, asked, page_size)
}

async fn find(state: &ApiState, id: &str) -> Result<Run, AppError> {
    let missing = || AppError::NoRun(id.to_owned());
    let parsed = id.parse().map_err(|_| missing())?;
    state.store.run(parsed).await?.ok_or_else(missing)
}

/// Everything that there is to read about a run.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) run: Run,
    /// Every piece it promised.
    pub(crate) deliveries: Vec<Delivery>,
    /// What was said about it to its owner and the operator.
    pub(crate) notices: Vec<Notice>,
    /// Runs that sent a piece of it again.
    pub(crate) resends: Vec<Run>,
    /// Who started and stopped it, for those who may know.
    pub(crate) doers: Doers,
}

/// One run with every piece it promised, and what came of it.
pub(crate) async fn get(state: &ApiState, actor: &Actor, id: &str) -> Result<Story, AppError> {
    let catalog = state.catalog.current();
    let run = find(state, id).await?;
    access::granted(actor.may_read(&catalog, &run.definition))?;
    let deliveries = state.store.deliveries(run.id).await?;
    let notices = state.store.notices_of(run.id).await?;
    let resends = state.store.resends(run.id).await?;
    let doers = doers_of(&*state.store, &catalog, actor, &[&run]).await?.remove(&run.id).unwrap_or_default();
    Ok(Story { run, deliveries, notices, resends, doers })
}

/// The run, when the caller may change it.
pub(crate) async fn managed(state: &ApiState, actor: &Actor, catalog: &Catalog, id: &str) -> Result<Run, AppError> {
    let run = find(state, id).await?;
    access::granted(actor.may_manage(catalog, run.definition.owner))?;
    Ok(run)
}

/// Asks for a run to be stopped (S5).
pub(crate) async fn cancel(state: &ApiState, actor: &Actor, id: &str) -> Result<(), AppError> {
    let run = managed(state, actor, &state.catalog.current(), id).await?;
    let over = matches!(run.state, RunState::Ended { .. } | RunState::Skipped { .. });
    if over || !state.store.cancel(run.id, &actor.change(Verb::RunCancelled, state.clock.now())).await? {
        return Err(AppError::RunEnded);
    }
    state.wake.notify_one();
    Ok(())
}

/// A file that a run rendered, for those who may manage the schedule and open the file ([`Run::file`]).
pub(crate) async fn artifact(state: &ApiState, actor: &Actor, id: &str, sha256: &str) -> Result<(ArtifactRecord, PathBuf), AppError> {
    let missing = || AppError::NoArtifact(sha256.to_owned());
    let catalog = state.catalog.current();
    let run = managed(state, actor, &catalog, id).await?;
    let hash = sha256.to_ascii_lowercase();
    if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(missing());
    }
    let reader = if actor.is_admin(&catalog) { None } else { Some(&actor.person(&catalog).ok_or(AppError::Denied)?.email) };
    let deliveries = state.store.deliveries(run.id).await?;
    let record = run.file(&deliveries, &hash, reader).cloned().ok_or_else(missing)?;
    let path = state.artifacts.path(&hash).ok_or_else(missing)?;
    Ok((record, path))
}
