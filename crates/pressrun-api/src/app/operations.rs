//! What those who answer for everything see at a glance: what is due, late, failing and in the way. For admins.

use jiff::Timestamp;
use pressrun_domain::access::{Actor, RunAccess};
use pressrun_domain::run::Run;
use pressrun_store::{
    HistoryPart, HistoryQuery, ListQuery, ListRow, Owed, RunCounts, ScheduleCounts, SortDirection, SortField, StatusFilter, Waiting,
};

use super::access::granted;
use super::error::AppError;
use crate::state::{ApiState, CatalogFaults};

/// Failing schedules that are named.
const NAMED: u32 = 20;

/// Schedules of a search whose runs are looked at.
const SEARCHED: u32 = 200;

/// How everything stands.
#[derive(Debug)]
pub struct Standing {
    /// Runs of today, in the zone that was asked for.
    pub today: RunCounts,
    /// Schedules by whether they come due.
    pub schedules: ScheduleCounts,
    /// Who waits for a worker.
    pub waiting: Waiting,
    /// What is promised and not delivered.
    pub owed: Owed,
    /// Occurrences that are later than the operator wants to wait.
    pub overdue: u64,
    /// Workers that live, where several processes may share the database.
    pub workers: Option<u64>,
    /// Tasks of this process that give no sign of life.
    pub late_tasks: Vec<&'static str>,
    /// How many schedules failed the last time.
    pub failing: u64,
    /// The first of them, latest first.
    pub failed: Vec<ListRow>,
    /// What of the catalog is not in force.
    pub faults: CatalogFaults,
    /// How many addresses get no more mail.
    pub suppressed: u64,
}

/// How everything stands; today is from `from` until `until`, and late is what is older than `late`.
pub(crate) async fn standing(
    state: &ApiState,
    actor: &Actor,
    from: Timestamp,
    until: Timestamp,
    late: Timestamp,
) -> Result<Standing, AppError> {
    granted(actor.is_admin(&state.catalog.current()))?;
    let store = &state.store;
    let failing = ListQuery { status: Some(StatusFilter::Error), ..listed(None, NAMED) };
    let failing = store.list_schedules(&failing).await?;
    Ok(Standing {
        today: store.runs_between(from, until).await?,
        schedules: store.schedule_counts().await?,
        waiting: store.waiting(state.clock.now()).await?,
        owed: store.still_owed(late).await?,
        overdue: store.count_overdue().await?,
        workers: store.workers_alive().await?,
        late_tasks: state.engine.late_tasks(),
        failing: failing.total,
        failed: failing.rows,
        faults: state.catalog.faults(),
        suppressed: store.list_suppressions(None, None, 1).await?.total,
    })
}

fn listed(search: Option<String>, page_size: u32) -> ListQuery {
    ListQuery { search, sort: SortField::LastRun, direction: SortDirection::Descending, ..ListQuery::all(page_size) }
}

/// Which runs of all are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// First instant of an occurrence.
    pub from: Timestamp,
    /// The instant after the last.
    pub until: Timestamp,
    /// How they stand.
    pub part: HistoryPart,
    /// A part of the name of their schedule, its dashboard or its owner; empty for all.
    pub search: String,
    /// How many are passed over.
    pub offset: u64,
    /// How many at most.
    pub limit: u32,
}

/// Runs of all schedules, or of those that a search found.
#[derive(Debug)]
pub struct History {
    /// Newest first.
    pub runs: Vec<Run>,
    /// When a search found more schedules than are looked at: how many are, those that ran last, and how many it found.
    pub looked_at: Option<(usize, u64)>,
}

/// Runs of all schedules, newest first.
pub(crate) async fn history(state: &ApiState, actor: &Actor, wanted: &Wanted) -> Result<History, AppError> {
    let catalog = state.catalog.current();
    granted(actor.is_admin(&catalog))?;
    let search = wanted.search.trim();
    let (mut schedules, mut looked_at) = (None, None);
    if !search.is_empty() {
        let found = state.store.list_schedules(&listed(Some(search.to_owned()), SEARCHED)).await?;
        looked_at = (found.total > found.rows.len() as u64).then_some((found.rows.len(), found.total));
        schedules = Some(found.rows.iter().map(|row| row.id).collect());
    }
    let Wanted { from, until, part, offset, limit, .. } = *wanted;
    let runs = state.store.history(&HistoryQuery { from, until, part, schedules, offset, limit }).await?;
    let shown = |run| actor.shown_run(&catalog, run, Vec::new(), Vec::new(), RunAccess::Everything).run;
    Ok(History { runs: runs.into_iter().map(shown).collect(), looked_at })
}
