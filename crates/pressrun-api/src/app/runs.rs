//! Run history: what was promised, what happened, and stopping it (S12).

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use pressrun_domain::access::shown::ShownRun;
use pressrun_domain::access::{Actor, RunAccess};
use pressrun_domain::audit::Verb;
use pressrun_domain::bounce::Bounce;
use pressrun_domain::catalog::Catalog;
use pressrun_domain::delivery::{Delivery, Tally};
use pressrun_domain::id::{DeliveryId, MembershipId, RunId};
use pressrun_domain::run::{ArtifactRecord, Run, RunState};
use pressrun_store::{AudienceTargets, Page};

use super::access::granted;
use super::doers::{Doers, doers_of};
use super::error::AppError;
use super::list::{Listed, Parameters, slice};
use super::schedules;
use crate::state::ApiState;

/// Runs of a schedule, newest occurrence first.
pub(crate) async fn list(state: &ApiState, actor: &Actor, id: &str, parameters: &Parameters) -> Result<Listed<Run>, AppError> {
    let page_size = parameters.page_size(100)?;
    let asked = parameters.page();
    let page = page(state, actor, id, asked.unwrap_or(1), page_size).await?;
    Listed::new(page, asked, page_size)
}

/// One page of the runs of a schedule, each as the actor may see it.
pub(crate) async fn page(state: &ApiState, actor: &Actor, id: &str, page: u64, page_size: u32) -> Result<Page<Run>, AppError> {
    Ok(told(state, actor, id, page, page_size).await?.0)
}

/// The same, and who started and stopped those runs to which more than a summary is open.
pub(crate) async fn told(
    state: &ApiState,
    actor: &Actor,
    id: &str,
    page: u64,
    page_size: u32,
) -> Result<(Page<Run>, HashMap<RunId, Doers>), AppError> {
    let catalog = state.catalog.current();
    let schedule = schedules::readable(state, actor, &catalog, id).await?;
    let owner_now = Some(schedule.definition.owner);
    let Page { rows, total } = match actor.history_reader(&catalog, schedule.definition.owner) {
        Some(reader) => state.store.list_runs_for(&reader, schedule.id, page, page_size).await?,
        None => state.store.list_runs(Some(schedule.id), page, page_size).await?,
    };
    let access = |run: &Run| actor.run_access(&catalog, run, owner_now).unwrap_or(RunAccess::Summary);
    let open: Vec<&Run> = rows.iter().filter(|run| access(run) > RunAccess::Summary).collect();
    let doers = doers_of(&*state.store, &catalog, &open).await?;
    let shown = |run: Run| {
        let access = access(&run);
        actor.shown_run(&catalog, run, Vec::new(), Vec::new(), access).run
    };
    Ok((Page { rows: rows.into_iter().map(shown).collect(), total }, doers))
}

/// A run, and who owns its schedule today; `None` when there is none.
struct Found {
    run: Run,
    owner_now: Option<MembershipId>,
}

async fn find(state: &ApiState, id: &str) -> Result<Found, AppError> {
    let missing = || AppError::NoRun(id.to_owned());
    let parsed = id.parse().map_err(|_| missing())?;
    let run = state.store.run(parsed).await?.ok_or_else(missing)?;
    let owner_now = state.store.schedule(run.schedule_id).await?.map(|schedule| schedule.definition.owner);
    Ok(Found { run, owner_now })
}

/// Everything that there is to read about a run, for one reader.
#[derive(Debug)]
pub(crate) struct Story {
    /// The run, without its pieces.
    pub(crate) shown: ShownRun,
    /// One page of its pieces.
    pub(crate) pieces: Listed<Delivery>,
    /// What came back of mail afterwards, by piece; for those who manage it.
    pub(crate) bounces: HashMap<DeliveryId, Vec<Bounce>>,
    /// Runs that sent a piece of it again.
    pub(crate) resends: Vec<RunId>,
    /// Who started and stopped it, for those who may know.
    pub(crate) doers: Doers,
}

/// Pieces of a run that one answer holds at most.
const PIECES: u32 = 1000;

/// One run with a page of the pieces it promised, those that failed first, and what came of it.
pub(crate) async fn get(state: &ApiState, actor: &Actor, id: &str, parameters: &Parameters) -> Result<Story, AppError> {
    let catalog = state.catalog.current();
    let Found { run, owner_now } = find(state, id).await?;
    let access = actor.run_access(&catalog, &run, owner_now).ok_or(AppError::Denied)?;
    let page_size = if parameters.get("pageSize").is_some() { parameters.page_size(PIECES)? } else { PIECES };
    let asked = parameters.page();
    let knows = actor.knows_outcome(&catalog, &run, access);
    let mut pieces = if knows && access != RunAccess::Summary {
        Listed::new(state.store.piece_page(run.id, asked.unwrap_or(1), page_size).await?, asked, page_size)?
    } else {
        slice(own_pieces(state, actor, &catalog, &run, knows).await?, asked, page_size)?
    };
    let mut bounces: HashMap<DeliveryId, Vec<Bounce>> = HashMap::new();
    if access != RunAccess::Summary {
        let page: Vec<DeliveryId> = pieces.rows.iter().map(|piece| piece.id).collect();
        for bounce in state.store.bounces_of(&page).await? {
            bounces.entry(bounce.delivery).or_default().push(bounce);
        }
    }
    let notices = state.store.notices_of(run.id).await?;
    let resends = if knows { state.store.resends(run.id).await? } else { Vec::new() };
    let resends = resends.into_iter().map(|run| run.id).collect();
    let doers = doers(state, &catalog, access, &run).await?;
    let mut shown = actor.shown_run(&catalog, run, std::mem::take(&mut pieces.rows), notices, access);
    pieces.rows = std::mem::take(&mut shown.deliveries);
    Ok(Story { shown, pieces, bounces, resends, doers })
}

/// The pieces of a run to the actor's own address that are shown, which depends on whether the actor `knows` how it went.
async fn own_pieces(state: &ApiState, actor: &Actor, catalog: &Catalog, run: &Run, knows: bool) -> Result<Vec<Delivery>, AppError> {
    let Some(person) = actor.person(catalog) else { return Ok(Vec::new()) };
    let mut pieces = state.store.pieces_to(run.id, &person.email).await?;
    pieces.retain(|piece| actor.is_shown(catalog, knows, piece));
    Ok(pieces)
}

/// One page of a run, for one reader.
#[derive(Debug)]
pub struct StoryPage {
    /// The run with the pieces of the page; what was said about it stands on the first.
    pub shown: ShownRun,
    /// Pieces that are shown, over all pages.
    pub total: u64,
    /// How many pieces there are of each kind, those that are not shown included; `None` when the reader may not know how it went.
    pub tally: Option<Tally>,
    /// Who gets the same bytes.
    pub audiences: Vec<AudienceTargets>,
    /// Hashes (SHA-256, hex) of the files of this page that may be had.
    pub files: HashSet<String>,
    /// Whether the reader may stop it.
    pub may_cancel: bool,
    /// Who started and stopped it, for those who may know.
    pub doers: Doers,
}

/// Who started and stopped a run, for those to whom more than its summary is open.
async fn doers(state: &ApiState, catalog: &Catalog, access: RunAccess, run: &Run) -> Result<Doers, AppError> {
    if access == RunAccess::Summary {
        return Ok(Doers::default());
    }
    Ok(doers_of(&*state.store, catalog, &[run]).await?.remove(&run.id).unwrap_or_default())
}

/// One page of a run, those pieces first that failed; pages are counted from 1.
pub(crate) async fn get_page(state: &ApiState, actor: &Actor, id: &str, page: u64, page_size: u32) -> Result<StoryPage, AppError> {
    let catalog = state.catalog.current();
    let Found { run, owner_now } = find(state, id).await?;
    let access = actor.run_access(&catalog, &run, owner_now).ok_or(AppError::Denied)?;
    let knows = actor.knows_outcome(&catalog, &run, access);
    let own = own_pieces(state, actor, &catalog, &run, knows).await?;
    let tally = if knows { Some(state.store.tally(run.id).await?) } else { None };
    let notices = if page == 1 { state.store.notices_of(run.id).await? } else { Vec::new() };
    let (Page { rows, total }, audiences) = if knows && access != RunAccess::Summary {
        (state.store.piece_page(run.id, page, page_size).await?, state.store.audiences(run.id).await?)
    } else {
        (Page { total: own.len() as u64, rows: own.clone() }, Vec::new())
    };
    // Whoever the run belongs to may open what went to their own address, wherever it stands.
    let nameable: Vec<Delivery> = own.into_iter().chain(rows.iter().cloned()).collect();
    let files = actor.files(&catalog, &run, owner_now, &nameable).into_iter().map(|file| file.sha256.clone()).collect();
    let may_cancel = actor.may_cancel(&catalog, &run, owner_now);
    let doers = doers(state, &catalog, access, &run).await?;
    let shown = actor.shown_run(&catalog, run, rows, notices, access);
    Ok(StoryPage { shown, total, tally, audiences, files, may_cancel, doers })
}

/// The run, when its bytes may be had again.
pub(crate) async fn with_bytes(state: &ApiState, actor: &Actor, catalog: &Catalog, id: &str) -> Result<Run, AppError> {
    let Found { run, owner_now } = find(state, id).await?;
    granted(actor.may_have_bytes(catalog, &run, owner_now))?;
    Ok(run)
}

/// A piece of a run, if this actor may know that there is one.
pub(crate) async fn known_piece(
    state: &ApiState,
    actor: &Actor,
    catalog: &Catalog,
    run: &Run,
    id: DeliveryId,
) -> Result<Option<Delivery>, AppError> {
    let owner_now = state.store.schedule(run.schedule_id).await?.map(|schedule| schedule.definition.owner);
    let knows = actor.run_access(catalog, run, owner_now).is_some_and(|access| actor.knows_outcome(catalog, run, access));
    let piece = state.store.delivery(run.id, id).await?;
    Ok(piece.filter(|piece| actor.is_shown(catalog, knows, piece)))
}

/// Asks for a run to be stopped (S5).
pub(crate) async fn cancel(state: &ApiState, actor: &Actor, id: &str) -> Result<(), AppError> {
    let Found { run, owner_now } = find(state, id).await?;
    granted(actor.may_cancel(&state.catalog.current(), &run, owner_now))?;
    let over = matches!(run.state, RunState::Ended { .. } | RunState::Skipped { .. });
    if over || !state.store.cancel(run.id, &actor.change(Verb::RunCancelled, state.clock.now())).await? {
        return Err(AppError::RunEnded);
    }
    state.wake.notify_one();
    Ok(())
}

/// A file that a run rendered, for those who may have it ([`Actor::files`]).
pub(crate) async fn artifact(state: &ApiState, actor: &Actor, id: &str, sha256: &str) -> Result<(ArtifactRecord, PathBuf), AppError> {
    let missing = || AppError::NoArtifact(sha256.to_owned());
    let catalog = state.catalog.current();
    let Found { run, owner_now } = find(state, id).await?;
    granted(actor.may_have_bytes(&catalog, &run, owner_now))?;
    let hash = sha256.to_ascii_lowercase();
    if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(missing());
    }
    // Files of others' pieces that an admin may open stand with the run; pieces that were left out have none.
    let own = own_pieces(state, actor, &catalog, &run, true).await?;
    let files = actor.files(&catalog, &run, owner_now, &own);
    let record = files.into_iter().find(|file| file.sha256 == hash).cloned().ok_or_else(missing)?;
    let path = state.artifacts.open(&hash).await?.ok_or_else(missing)?;
    Ok((record, path))
}
