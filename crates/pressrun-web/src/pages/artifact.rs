//! Files that a run rendered, for downloading.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;

use super::run::readable;
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
    let run = readable(&state, &viewer, &id).await?;
    let hash = sha256.to_ascii_lowercase();
    if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(PageError::NotFound(WHAT));
    }
    let deliveries = state.store.deliveries(run.id).await?;
    let record = viewer.file(&run, &deliveries, &hash).ok_or(PageError::NotFound(WHAT))?;
    let path = (state.artifacts)(&hash).ok_or(PageError::NotFound(WHAT))?;
    pressrun_api::download(record, &path).await.map_err(|error| {
        tracing::warn!(%error, sha256 = hash, "an artifact cannot be read");
        PageError::NotFound(WHAT)
    })
}
