//! The list of schedules.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{Redirect, Response};
use jiff::Timestamp;
use pressrun_domain::access::RunAccess;
use pressrun_domain::destination::DestinationKind;
use pressrun_domain::id::{MembershipId, ScheduleId};
use pressrun_domain::run::Run;
use pressrun_store::{ListQuery, ListRow, ScheduleKind, SortDirection, SortField, StatusFilter, StoreError};
use serde::Deserialize;

use crate::base::here;
use crate::page::{Frame, PageError, show};
use crate::state::WebState;
use crate::viewer::Viewer;
use crate::words::{Chip, When};
use crate::{place, words};

/// Rows a page.
const PAGE_SIZE: u32 = 50;
/// Highest page number that is asked for.
const LAST_PAGE: u64 = 1_000_000;

/// What is asked for.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Asked {
    q: String,
    status: String,
    kind: String,
    to: String,
    sort: String,
    page: String,
    /// What was just done, on the way back from a button.
    done: String,
}

impl Asked {
    fn narrows(&self) -> bool {
        [&self.q, &self.status, &self.kind, &self.to].iter().any(|part| !part.is_empty())
    }
}

#[derive(Template)]
#[template(path = "schedules.html")]
struct Page {
    frame: Frame,
    form_token: String,
    asked: Asked,
    rows: Vec<Row>,
    /// Whether the viewer manages any of them.
    any_mine: bool,
    total: String,
    /// How many failed the last time, when nothing narrows the list.
    failed: u64,
    selects: [Select; 4],
    pager: Pager,
}

/// One way to narrow or order the list.
struct Select {
    name: &'static str,
    label: &'static str,
    options: &'static [(&'static str, &'static str)],
    chosen: String,
}

impl Select {
    /// All of them, as asked for.
    fn all(asked: &Asked) -> [Self; 4] {
        let select = |name, label, options, chosen: &str| Self { name, label, options, chosen: chosen.to_owned() };
        [
            select(
                "status",
                "Last run",
                &[
                    ("", "Any last run"),
                    ("success", "Sent, or nothing to say"),
                    ("error", "Failed"),
                    ("canceled", "Stopped"),
                    ("none", "Never ran"),
                ],
                &asked.status,
            ),
            select("kind", "Kind", &[("", "Schedules and alerts"), ("schedule", "Schedules"), ("alert", "Alerts")], &asked.kind),
            select(
                "to",
                "Destination",
                &[("", "Any destination"), ("email", "Email"), ("slack", "Slack"), ("webhook", "Webhook"), ("sftp", "SFTP"), ("s3", "S3")],
                &asked.to,
            ),
            select(
                "sort",
                "Order",
                &[
                    ("", "By name"),
                    ("dashboard", "By dashboard"),
                    ("owner", "By owner"),
                    ("last", "Latest run first"),
                    ("status", "By last outcome"),
                ],
                &asked.sort,
            ),
        ]
    }
}

struct Row {
    id: String,
    /// Whether the viewer manages it.
    mine: bool,
    name: String,
    dashboard: String,
    owner: String,
    format: &'static str,
    alert: bool,
    activity: Chip,
    /// Why it cannot be read.
    fault: Option<String>,
    next: Option<When>,
    last: Option<Last>,
    /// The run that is queued or running: what it does, why, and which it is.
    under_way: Option<(Chip, (String, String))>,
    destination: String,
}

/// The last run of a row.
struct Last {
    status: Chip,
    when: When,
    /// Why it failed, and the run.
    trouble: Option<(String, String)>,
}

/// Links to the pages before and after.
pub(crate) struct Pager {
    pub(crate) page: u64,
    pub(crate) pages: u64,
    /// The query of the address up to the page number.
    pub(crate) query: String,
}

impl Pager {
    pub(crate) fn new(page: u64, total: u64, page_size: u32, parts: &[(&str, &str)]) -> Self {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in parts.iter().filter(|(_, value)| !value.is_empty()) {
            query.append_pair(name, value);
        }
        let query = query.finish();
        let query = if query.is_empty() { "page=".to_owned() } else { format!("{query}&page=") };
        Self { page, pages: total.div_ceil(u64::from(page_size.max(1))).max(1), query }
    }
}

/// The page number of a query text; anything odd is the first.
pub(crate) fn page_number(text: &str) -> u64 {
    text.parse().unwrap_or(1).clamp(1, LAST_PAGE)
}

/// `GET /`.
pub(crate) async fn home() -> Redirect {
    Redirect::to(&here("/schedules"))
}

/// `GET /schedules`.
pub(crate) async fn page(State(state): State<Arc<WebState>>, viewer: Viewer, Query(asked): Query<Asked>) -> Result<Response, PageError> {
    let page = page_number(&asked.page);
    let query = query(&asked, &viewer, page);
    let mut list = state.store.list_schedules(&query).await?;
    for row in &mut list.rows {
        row.last_run = row.last_run.map(|last| viewer.actor.told_last_run(&viewer.catalog, row.owner, last));
        if !viewer.actor.is_admin(&viewer.catalog) && row.owner != viewer.actor.member {
            row.withhold_fault();
        }
    }
    let failed = if asked.narrows() || list.total == 0 {
        0
    } else {
        let failing = ListQuery { status: Some(StatusFilter::Error), page: 1, page_size: 1, ..query };
        state.store.list_schedules(&failing).await?.total
    };
    let now = state.clock.now();
    let parts = [("q", &asked.q), ("status", &asked.status), ("kind", &asked.kind), ("to", &asked.to), ("sort", &asked.sort)];
    let pager = Pager::new(page, list.total, PAGE_SIZE, &parts.map(|(name, value)| (name, value.as_str())));
    let told = Told::of(&state, &viewer, &list.rows).await?;
    let rows: Vec<Row> = list
        .rows
        .into_iter()
        .map(|row| {
            let mine = viewer.actor.may_manage(&viewer.catalog, row.owner);
            Row { mine, ..present(&told, row, now) }
        })
        .collect();
    let frame = Frame::new("Schedules", &viewer, "schedules");
    Ok(show(
        StatusCode::OK,
        &Page {
            frame,
            form_token: viewer.form_token.clone(),
            any_mine: rows.iter().any(|row| row.mine),
            rows,
            total: words::count(list.total, "schedule"),
            failed,
            selects: Select::all(&asked),
            asked,
            pager,
        },
    ))
}

fn query(asked: &Asked, viewer: &Viewer, page: u64) -> ListQuery {
    let (sort, direction) = match asked.sort.as_str() {
        "dashboard" => (SortField::DashboardName, SortDirection::Ascending),
        "owner" => (SortField::OwnerName, SortDirection::Ascending),
        "last" => (SortField::LastRun, SortDirection::Descending),
        "status" => (SortField::LastRunStatus, SortDirection::Ascending),
        _ => (SortField::ScheduleName, SortDirection::Ascending),
    };
    ListQuery {
        search: Some(asked.q.trim().to_owned()).filter(|text| !text.is_empty()),
        status: match asked.status.as_str() {
            "success" => Some(StatusFilter::Success),
            "error" => Some(StatusFilter::Error),
            "canceled" => Some(StatusFilter::Canceled),
            "none" => Some(StatusFilter::None),
            _ => None,
        },
        destination: DestinationKind::ALL.into_iter().find(|kind| kind.as_str() == asked.to),
        kind: match asked.kind.as_str() {
            "alert" => Some(ScheduleKind::Alert),
            "schedule" => Some(ScheduleKind::Schedule),
            _ => None,
        },
        content: None,
        owner: None,
        identifier: None,
        visible: viewer.actor.visible(&viewer.catalog),
        sort,
        direction,
        page,
        page_size: PAGE_SIZE,
    }
}

/// Runs that rows of a page tell of, read for all of them at once.
struct Told {
    /// The newest that failed, of schedules whose last run did.
    failures: HashMap<ScheduleId, Run>,
    /// Those queued or running.
    under_way: HashMap<ScheduleId, Run>,
}

impl Told {
    /// Each run as the viewer may see it.
    async fn of(state: &WebState, viewer: &Viewer, rows: &[ListRow]) -> Result<Self, StoreError> {
        let owners: HashMap<ScheduleId, MembershipId> = rows.iter().map(|row| (row.id, row.owner)).collect();
        let shown = |run: Run| {
            let access = viewer.actor.run_access(&viewer.catalog, &run, owners.get(&run.schedule_id).copied());
            let access = access.unwrap_or(RunAccess::Summary);
            viewer.actor.shown_run(&viewer.catalog, run, Vec::new(), Vec::new(), access).run
        };
        let has_failed = |row: &&ListRow| row.last_run.is_some_and(|last| last.status.is_failure());
        let failing: Vec<ScheduleId> = rows.iter().filter(has_failed).map(|row| row.id).collect();
        let all: Vec<ScheduleId> = rows.iter().map(|row| row.id).collect();
        let by_schedule = |runs: Vec<Run>| runs.into_iter().map(|run| (run.schedule_id, shown(run))).collect();
        Ok(Self {
            failures: by_schedule(state.store.latest_failures(&failing).await?),
            under_way: by_schedule(state.store.runs_under_way(&all).await?),
        })
    }
}

fn present(told: &Told, row: ListRow, now: Timestamp) -> Row {
    let zone = words::zone(row.timezone());
    let why = |run: &Run| (words::why(run, &zone, now), run.id.to_string());
    let is_active = row.disabled_at.is_none() && row.system_disabled.is_none();
    Row {
        mine: false,
        id: row.id.to_string(),
        activity: words::activity_of_row(&row),
        fault: row.definition.as_ref().err().map(|unreadable| unreadable.reason.clone()),
        next: row.next_at.filter(|_| is_active).map(|at| words::when(at, &zone, now)),
        last: row.last_run.map(|run| Last {
            status: words::last_status(&run),
            when: words::when(run.completed_at, &zone, now),
            trouble: told.failures.get(&row.id).map(why),
        }),
        under_way: told.under_way.get(&row.id).map(|run| (words::state(run), why(run))),
        format: row.definition.as_ref().map_or("–", |definition| definition.format.as_str()),
        alert: row.alert,
        name: row.name().to_owned(),
        destination: place::summary(&row),
        dashboard: row.names.dashboard,
        owner: row.names.owner,
    }
}
