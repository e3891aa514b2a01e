//! What of the catalog's files is not in force, for admins.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::tz::TimeZone;
use pressrun_api::CatalogProblem;

use super::act::done;
use crate::page::{Frame, PageError, show};
use crate::state::WebState;
use crate::viewer::Viewer;
use crate::words::{self, When};

#[derive(Template)]
#[template(path = "catalog.html")]
struct Page {
    frame: Frame,
    loaded: When,
    dashboards: usize,
    members: usize,
    problems: Vec<CatalogProblem>,
    files: Vec<File>,
    /// Files that are not listed.
    more: usize,
}

/// Files that the page lists.
const LISTED: usize = 200;

struct File {
    path: String,
    identifier: String,
    kept: bool,
}

/// `GET /catalog`.
pub(crate) async fn page(State(state): State<Arc<WebState>>, viewer: Viewer) -> Result<Response, PageError> {
    let faults = done(pressrun_api::catalog_faults(&state.api, &viewer.actor), "page")?;
    let page = Page {
        loaded: words::when_exactly(faults.loaded_at, &TimeZone::UTC, state.clock.now()),
        dashboards: viewer.catalog.documents.len(),
        members: viewer.catalog.members.len(),
        problems: faults.problems,
        more: faults.documents.len().saturating_sub(LISTED),
        files: faults
            .documents
            .into_iter()
            .take(LISTED)
            .map(|document| File {
                path: document.file,
                identifier: document.identifier.map_or_else(|| "–".to_owned(), |identifier| identifier.0),
                kept: document.kept,
            })
            .collect(),
        frame: Frame::new("Catalog", &viewer, "catalog"),
    };
    Ok(show(StatusCode::OK, &page))
}
