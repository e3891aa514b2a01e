//! Calls that name a schedule and nothing else, each of which is done or not.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use crate::app::schedules;
use crate::http::extract::{Caller, OfSchedule, Segments};
use crate::http::problem::{Problem, ProblemBody};
use crate::http::wire::Success;
use crate::state::ApiState;

/// Runs a schedule now, apart from its cron. The answer comes when the run is queued.
#[utoipa::path(post, path = "/api/v1/schedules/{scheduleId}/trigger", operation_id = "triggerSchedule", tag = "Schedules",
    params(("scheduleId" = uuid::Uuid, Path, description = "Id of the schedule.")),
    responses((status = 200, description = "Queued.", body = Success, example = json!({"success": true})),
    (status = 409, description = "A run of it is under way, or Pressrun switched it off.", body = ProblemBody, example = json!({"detail": "Cannot trigger an inactive schedule", "status": 409}))))]
pub(crate) async fn trigger(call: OfSchedule) -> Result<Json<Success>, Problem> {
    schedules::trigger(&call.state, &call.actor, &call.id).await?;
    Ok(Json(Success::YES))
}

/// Pauses a schedule: until it is resumed, no occurrence becomes a run.
#[utoipa::path(put, path = "/api/v1/schedules/{scheduleId}/pause", operation_id = "pauseSchedule", tag = "Schedules",
    params(("scheduleId" = uuid::Uuid, Path, description = "Id of the schedule.")),
    responses(
        (status = 200, description = "Paused.", body = Success, example = json!({"success": true})),
        (status = 409, description = "Somebody else changed the schedule at the same time.", body = ProblemBody, example = json!({"detail": "The schedule was changed by somebody else at the same time; try again", "status": 409})),
    ))]
pub(crate) async fn pause(call: OfSchedule) -> Result<Json<Success>, Problem> {
    schedules::pause(&call.state, &call.actor, &call.id).await?;
    Ok(Json(Success::YES))
}

/// Resumes a paused schedule from now on; what was missed is not made up.
#[utoipa::path(put, path = "/api/v1/schedules/{scheduleId}/resume", operation_id = "resumeSchedule", tag = "Schedules",
    params(("scheduleId" = uuid::Uuid, Path, description = "Id of the schedule.")),
    responses(
        (status = 200, description = "Resumed.", body = Success, example = json!({"success": true})),
        (status = 409, description = "Somebody else changed the schedule at the same time.", body = ProblemBody, example = json!({"detail": "The schedule was changed by somebody else at the same time; try again", "status": 409})),
    ))]
pub(crate) async fn resume(call: OfSchedule) -> Result<Json<Success>, Problem> {
    schedules::resume(&call.state, &call.actor, &call.id).await?;
    Ok(Json(Success::YES))
}

/// Ends every link without a login that the schedule has sent so far; later mails bring new ones.
#[utoipa::path(post, path = "/api/v1/schedules/{scheduleId}/withdraw-links", operation_id = "withdrawLinks", tag = "Schedules",
    params(("scheduleId" = uuid::Uuid, Path, description = "Id of the schedule.")),
    responses((status = 200, description = "Withdrawn.", body = Success, example = json!({"success": true}))))]
pub(crate) async fn withdraw_links(call: OfSchedule) -> Result<Json<Success>, Problem> {
    schedules::withdraw_links(&call.state, &call.actor, &call.id).await?;
    Ok(Json(Success::YES))
}

/// Deletes a schedule; its run history stays.
#[utoipa::path(delete, path = "/api/v1/schedules/{scheduleId}", operation_id = "deleteSchedule", tag = "Schedules",
    params(("scheduleId" = uuid::Uuid, Path, description = "Id of the schedule.")),
    responses((status = 200, description = "Deleted.", body = Success, example = json!({"success": true}))))]
pub(crate) async fn delete(
    Caller(actor): Caller,
    segments: Segments,
    State(state): State<Arc<ApiState>>,
) -> Result<Json<Success>, Problem> {
    schedules::delete(&state, &actor, segments.id("scheduleId", "")?).await?;
    Ok(Json(Success::YES))
}
