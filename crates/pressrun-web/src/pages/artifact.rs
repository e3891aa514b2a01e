//! Files that a run rendered, for downloading.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use pressrun_api::reading;

use crate::page::PageError;
use crate::state::WebState;
use crate::viewer::Viewer;

const WHAT: &str = "file";

/// `GET /runs/{id}/artifacts/{sha256}`.
pub(crate) async fn download(
    State(state): State<Arc<WebState>>,
    viewer: Viewer,
    Path((id, sha256)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let found = reading::file(&state.api, &viewer.actor, &id, &sha256).await;
    let (record, path) = found.map_err(|refused| PageError::refused(refused, WHAT))?;
    pressrun_api::download(&record, &path).await.map_err(|error| {
        tracing::warn!(%error, sha256, "an artifact cannot be read");
        PageError::NotFound(WHAT)
    })
}
