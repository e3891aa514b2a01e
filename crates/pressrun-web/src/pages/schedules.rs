//! The list of schedules.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{Redirect, Response};
use jiff::Timestamp;
use pressrun_store::{ListQuery, ListRow, SortDirection, SortField, StatusFilter};
use serde::Deserialize;

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
    sort: String,
    page: String,
}

#[derive(Template)]
#[template(path = "schedules.html")]
struct Page {
    frame: Frame,
    asked: Asked,
    rows: Vec<Row>,
    total: String,
    pager: Pager,
}

struct Row {
    id: String,
    name: String,
    dashboard: String,
    owner: String,
    format: &'static str,
    alert: bool,
    activity: Chip,
    next: Option<When>,
    last: Option<(Chip, When)>,
    destination: String,
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
    Redirect::to("/schedules")
}

/// `GET /schedules`.
pub(crate) async fn page(State(state): State<Arc<WebState>>, viewer: Viewer, Query(asked): Query<Asked>) -> Result<Response, PageError> {
    let page = page_number(&asked.page);
    let (sort, direction) = match asked.sort.as_str() {
        "dashboard" => (SortField::DashboardName, SortDirection::Ascending),
        "owner" => (SortField::OwnerName, SortDirection::Ascending),
        "last" => (SortField::LastRun, SortDirection::Descending),
        _ => (SortField::ScheduleName, SortDirection::Ascending),
    };
    let query = ListQuery {
        search: Some(asked.q.trim().to_owned()).filter(|text| !text.is_empty()),
        status: match asked.status.as_str() {
            "success" => Some(StatusFilter::Success),
            "error" => Some(StatusFilter::Error),
            "canceled" => Some(StatusFilter::Canceled),
            "none" => Some(StatusFilter::None),
            _ => None,
        },
        destination: None,
        kind: None,
        content: None,
        owner: None,
        identifier: None,
        visible: viewer.visible(),
        sort,
        direction,
        page,
        page_size: PAGE_SIZE,
    };
    let list = state.store.list_schedules(&query).await?;
    let now = state.clock.now();
    let pager = Pager::new(page, list.total, PAGE_SIZE, &[("q", &asked.q), ("status", &asked.status), ("sort", &asked.sort)]);
    Ok(show(
        StatusCode::OK,
        &Page {
            frame: Frame::new("Schedules", &viewer, "schedules"),
            rows: list.rows.into_iter().map(|row| present(row, now)).collect(),
            total: words::count(list.total, "schedule"),
            asked,
            pager,
        },
    ))
}

fn present(row: ListRow, now: Timestamp) -> Row {
    let destination = place::summary(&row);
    let schedule = row.schedule;
    let zone = words::zone(&schedule.definition.timezone);
    Row {
        id: schedule.id.to_string(),
        activity: words::activity(&schedule),
        next: schedule.next_at.filter(|_| schedule.is_active()).map(|at| words::when(at, &zone, now)),
        last: schedule.last_run.map(|run| (words::status(run.status), words::when(run.completed_at, &zone, now))),
        format: schedule.definition.format.as_str(),
        alert: schedule.definition.condition.is_some(),
        name: schedule.definition.name,
        dashboard: row.names.dashboard,
        owner: row.names.owner,
        destination,
    }
}
