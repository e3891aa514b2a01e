//! Run history (S12): one run, stopping it, its files.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::run_view::RunView;
use super::schedules::BAD_REQUEST;
use crate::app::error::AppError;
use crate::app::list::Parameters;
use crate::app::{resend, runs};
use crate::http::download::download;
use crate::http::extract::{Caller, Segments};
use crate::http::problem::{Problem, ProblemBody};
use crate::http::wire::Success;
use crate::state::ApiState;

/// Reads a run: when, why and how it ran, and the pieces it promised with each try, a page of them at a time, those that failed first.
#[utoipa::path(get, path = "/api/v1/runs/{runId}", operation_id = "getRun", tag = "Runs",
    params(
        ("runId" = uuid::Uuid, Path, description = "Id of the run."),
        ("cursor" = Option<String>, Query, description = "Page number of its deliveries, from 1."),
        ("pageSize" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Deliveries of one answer, 1 to 1000; 1000 when left out."),
    ),
    responses((status = 200, description = "The run.", body = RunView, example = json!({
        "id": "0192f0c1-2b7e-7c1d-9a55-1f0c5e6d7a8b", "scheduleId": "2abba91d-9bec-41a0-8a8d-6f133b4ff0b7", "name": "My Webhook schedule",
        "identifier": "12db1a0a", "format": "json", "destinationType": "webhook", "kind": "scheduled", "state": "ended", "status": "COMPLETE",
        "reason": null, "scheduledFor": "2025-07-24T09:00:00.000Z", "createdAt": "2025-07-24T09:00:00.012Z", "startedAt": "2025-07-24T09:00:00.020Z",
        "endedAt": "2025-07-24T09:00:01.400Z", "dst": null, "warnings": [], "error": null, "timeline": [], "tiles": [], "conditions": [],
        "artifacts": [], "deliveries": [], "deliveriesPage": {"hasNextPage": false, "nextCursor": null, "pageSize": 1000, "totalRecords": 0}, "notices": [], "resendOf": null, "resends": []
    }))))]
pub(crate) async fn get(
    Caller(actor): Caller,
    segments: Segments,
    parameters: Parameters,
    State(state): State<Arc<ApiState>>,
) -> Result<Json<RunView>, Problem> {
    let story = runs::get(&state, &actor, segments.id("runId", BAD_REQUEST)?, &parameters).await?;
    Ok(Json(RunView::new(story)))
}

/// Stops a run: a queued one at once, a running one when its worker next looks.
#[utoipa::path(post, path = "/api/v1/runs/{runId}/cancel", operation_id = "cancelRun", tag = "Runs",
    params(("runId" = uuid::Uuid, Path, description = "Id of the run.")),
    responses(
        (status = 200, description = "It will stop.", body = Success, example = json!({"success": true})),
        (status = 409, description = "It was over.", body = ProblemBody, example = json!({"detail": "Run has already ended", "status": 409})),
    ))]
pub(crate) async fn cancel(
    Caller(actor): Caller,
    segments: Segments,
    State(state): State<Arc<ApiState>>,
) -> Result<Json<Success>, Problem> {
    runs::cancel(&state, &actor, segments.id("runId", BAD_REQUEST)?).await?;
    Ok(Json(Success::YES))
}

/// That a delivery is sent again, and by which run.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Resent {
    /// Always true.
    success: bool,
    /// The run of kind `resend` that sends it.
    run_id: uuid::Uuid,
}

/// Sends one delivery of a run again: exactly the same bytes to the same recipient or destination, under a new idempotency mark, as a run
/// of its own (`kind` is `resend`). Nothing is queried or rendered anew, and the schedule's last status stays.
#[utoipa::path(post, path = "/api/v1/runs/{runId}/deliveries/{deliveryId}/resend", tag = "Runs",
    params(
        ("runId" = uuid::Uuid, Path, description = "Id of the run that promised the delivery."),
        ("deliveryId" = uuid::Uuid, Path, description = "Id of the delivery, as the run shows it."),
    ),
    responses(
        (status = 200, description = "Queued.", body = Resent, example = json!({"success": true, "runId": "0192f0c1-2b7e-7c1d-9a55-1f0c5e6d7a8b"})),
        (status = 409, description = "It was never tried, is still owed, or its recipient or destination is no longer the schedule's.", body = ProblemBody, example = json!({"detail": "a@b.co is no longer a recipient of this schedule", "status": 409})),
    ))]
pub(crate) async fn resend(Caller(actor): Caller, segments: Segments, State(state): State<Arc<ApiState>>) -> Result<Json<Resent>, Problem> {
    let (run, delivery) = (segments.id("runId", BAD_REQUEST)?, segments.id("deliveryId", BAD_REQUEST)?);
    let again = resend::resend(&state, &actor, run, delivery).await?;
    Ok(Json(Resent { success: true, run_id: again.0 }))
}

/// Fetches a file that a run rendered, while it is kept. Only who may manage the schedule gets it.
#[utoipa::path(get, path = "/api/v1/runs/{runId}/artifacts/{sha256}", operation_id = "getArtifact", tag = "Runs",
    params(
        ("runId" = uuid::Uuid, Path, description = "Id of the run."),
        ("sha256" = String, Path, description = "SHA-256 of the file, in hex."),
    ),
    responses((status = 200, description = "The bytes, under the media type they were rendered as.", body = Vec<u8>, content_type = "application/octet-stream", example = json!("%PDF-1.7 …"))))]
pub(crate) async fn artifact(Caller(actor): Caller, segments: Segments, State(state): State<Arc<ApiState>>) -> Result<Response, Problem> {
    let id = segments.id("runId", BAD_REQUEST)?;
    let sha256 = segments.get("sha256");
    let (record, path) = runs::artifact(&state, &actor, id, sha256).await?;
    download(&record, &path).await.map_err(|error| {
        tracing::warn!(%error, sha256, "an artifact cannot be read");
        AppError::NoArtifact(sha256.to_owned()).into()
    })
}
