//! One dashboard, with the viewer's rows and the filters of the address.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use pressrun_domain::id::DocumentIdentifier;
use pressrun_domain::schedule::FilterConfig;
use pressrun_domain::text::percent_encoded;

use super::filters::{self, Field};
use crate::base::here;
use crate::page::{Frame, PageError, show};
use crate::state::{DashboardError, DashboardTile, DashboardView, WebState};
use crate::viewer::Viewer;

#[derive(Template)]
#[template(path = "dashboard.html")]
struct Page {
    frame: Frame,
    view: DashboardView,
    fields: Vec<Field>,
    /// The filters in force, as JSON, for those that the form does not show.
    json: String,
    /// Where a schedule of it is made, with its present filters; nothing when it takes none.
    schedule_this: Option<String>,
    /// The address without filters, when there are any.
    reset: Option<String>,
}

/// Where a tile stands. Numbers only, so it cannot leave its attribute.
pub(super) fn place(tile: &DashboardTile) -> String {
    let x = tile.at.x.min(23) + 1;
    let w = tile.at.w.clamp(1, 25 - x);
    format!("--x:{x};--w:{w};--y:{};--h:{}", u32::from(tile.at.y) + 1, tile.at.h.max(1))
}

/// `GET /dashboards/{identifier}`.
pub(crate) async fn page(
    State(state): State<Arc<WebState>>,
    viewer: Viewer,
    Path(identifier): Path<String>,
    Query(sent): Query<Vec<(String, String)>>,
) -> Result<Response, PageError> {
    const WHAT: &str = "dashboard";
    let identifier = DocumentIdentifier(identifier);
    let document =
        viewer.catalog.documents.get(&identifier).filter(|document| viewer.may_view(document)).ok_or(PageError::NotFound(WHAT))?;
    let dashboard = document.dashboard.as_ref().ok_or(PageError::NotFound(WHAT))?;
    let json = sent.iter().find(|(name, _)| name == "filters").map(|(_, value)| value.as_str());
    let mut filters = filters::read(json, dashboard).map_err(PageError::Invalid)?;
    let sees_hidden = viewer.actor.sees_hidden_filters(&viewer.catalog);
    if filters::apply(&mut filters, dashboard, &sent, sees_hidden).map_err(PageError::Invalid)? {
        return Ok(Redirect::to(&filters::address(identifier.as_str(), &filters)).into_response());
    }
    let view = state.dashboards.dashboard(&identifier, &filters, viewer.actor.member).await.map_err(|error| match error {
        DashboardError::NotFound => PageError::NotFound(WHAT),
        DashboardError::Filters(text) => PageError::Invalid(text),
        DashboardError::Busy => PageError::Busy,
        DashboardError::Failed(text) => PageError::Failed(text),
    })?;
    Ok(show(
        StatusCode::OK,
        &Page {
            frame: Frame::new(&view.title, &viewer, "dashboards"),
            fields: filters::fields(dashboard, &filters, sees_hidden),
            reset: (!filters.is_empty()).then(|| filters::address(identifier.as_str(), &FilterConfig::default())),
            schedule_this: (!document.access.no_new_schedules).then(|| schedule_this(identifier.as_str(), &filters)),
            json: if filters.is_empty() { String::new() } else { serde_json::to_string(&filters).unwrap_or_default() },
            view,
        },
    ))
}

/// The form of a new schedule with these filters.
fn schedule_this(identifier: &str, filters: &FilterConfig) -> String {
    let form = format!("/schedules/new?dashboard={}", percent_encoded(identifier));
    let json = if filters.is_empty() { String::new() } else { serde_json::to_string(filters).unwrap_or_default() };
    here(&if json.is_empty() { form } else { format!("{form}&filters={}", percent_encoded(&json)) })
}
