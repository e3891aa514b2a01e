use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::BAD_REQUEST;
use super::body::ScheduleChange;
use crate::app::update;
use crate::http::extract::{Caller, JsonBody, Segments};
use crate::http::problem::{Problem, ProblemBody};
use crate::state::ApiState;

/// What was updated.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdatedSchedule {
    /// Always true.
    success: bool,
    /// Id of the schedule.
    #[schema(value_type = uuid::Uuid)]
    scheduled_task_id: String,
    /// What of the body does nothing, and what was dropped; left out when there is nothing to say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    warnings: Vec<String>,
}

/// Changes a schedule: fields left out keep their value, `null` clears one. With `If-Match` an older version is refused.
#[utoipa::path(put, path = "/api/v1/schedules/{scheduleId}", operation_id = "updateSchedule", tag = "Schedules", request_body(content = Option<ScheduleChange>, content_type = "application/json"),
    params(
        ("scheduleId" = uuid::Uuid, Path, description = "Id of the schedule."),
        ("If-Match" = Option<String>, Header, description = "`ETag` of the version that was read."),
    ),
    responses(
        (status = 200, description = "Changed.", body = UpdatedSchedule, headers(("ETag" = String, description = "The version it has now.")),
            example = json!({"success": true, "scheduledTaskId": "2abba91d-9bec-41a0-8a8d-6f133b4ff0b7"})),
        (status = 409, description = "Somebody else changed the schedule at the same time.", body = ProblemBody, example = json!({"detail": "The schedule was changed by somebody else at the same time; try again", "status": 409})),
        (status = 412, description = "The schedule has another version than `If-Match` names.", body = ProblemBody, example = json!({"detail": "The schedule was changed since it was read; read it again and repeat the change", "status": 412})),
    ))]
pub(crate) async fn update(
    Caller(actor): Caller,
    segments: Segments,
    headers: HeaderMap,
    State(state): State<Arc<ApiState>>,
    body: JsonBody,
) -> Result<Response, Problem> {
    let id = segments.id("scheduleId", BAD_REQUEST)?;
    let body = body.optional()?;
    let updated = update::update(&state, &actor, id, body.as_ref(), if_match(&headers).as_deref(), true).await?;
    let answer = UpdatedSchedule { success: true, scheduled_task_id: id.to_ascii_lowercase(), warnings: updated.warnings };
    Ok(([(header::ETAG, etag(updated.version))], Json(answer)).into_response())
}

/// A version as an entity tag (X10).
pub(crate) fn etag(version: u64) -> String {
    format!("\"{version}\"")
}

/// The versions that `If-Match` names; `None` when it is absent or `*`.
fn if_match(headers: &HeaderMap) -> Option<Vec<u64>> {
    let text = headers.get(header::IF_MATCH)?.to_str().unwrap_or_default();
    let tag = |tag: &str| tag.trim().trim_start_matches("W/").trim_matches('"').parse().ok();
    (text.trim() != "*").then(|| text.split(',').filter_map(tag).collect())
}
