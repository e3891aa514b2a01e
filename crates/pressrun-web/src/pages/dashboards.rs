//! The list of dashboards.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use pressrun_domain::catalog::{Dashboard, Document};

use crate::page::{Frame, show};
use crate::viewer::Viewer;
use crate::words;

#[derive(Template)]
#[template(path = "dashboards.html")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
}

struct Row {
    identifier: String,
    name: String,
    description: Option<String>,
    facts: String,
}

/// `GET /dashboards`: those that are open to the viewer, by name.
pub(crate) async fn page(viewer: Viewer) -> Response {
    let sees_hidden = viewer.actor.sees_hidden_filters(&viewer.catalog);
    let open = viewer.catalog.documents.values().filter(|document| document.saved && viewer.may_view(document));
    let mut rows: Vec<Row> =
        open.filter_map(|document| document.dashboard.as_ref().map(|dashboard| row(document, dashboard, sees_hidden))).collect();
    rows.sort_by_cached_key(|row| (row.name.to_lowercase(), row.identifier.clone()));
    show(StatusCode::OK, &Page { frame: Frame::new("Dashboards", &viewer, "dashboards"), rows })
}

fn row(document: &Document, dashboard: &Dashboard, sees_hidden: bool) -> Row {
    let tiles = dashboard.tiles.values().filter(|tile| !tile.hidden).count() as u64;
    let mut facts = vec![words::count(tiles, "tile")];
    let filters = dashboard.filters.values().filter(|filter| sees_hidden || !filter.hidden).count() as u64;
    if filters > 0 {
        facts.push(words::count(filters, "filter"));
    }
    facts.push(dashboard.connection.0.clone());
    Row {
        identifier: document.identifier.0.clone(),
        name: document.name.clone(),
        description: dashboard.description.clone(),
        facts: facts.join(" · "),
    }
}
