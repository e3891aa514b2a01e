use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::BAD_REQUEST;
use crate::app::schedules;
use crate::http::extract::{Caller, Segments};
use crate::http::problem::Problem;
use crate::http::wire::Success;
use crate::state::ApiState;

/// Pauses a schedule: until it is resumed, no occurrence becomes a run.
#[utoipa::path(put, path = "/api/v1/schedules/{scheduleId}/pause", operation_id = "pauseSchedule", tag = "Schedules",
    params(("scheduleId" = uuid::Uuid, Path, description = "Id of the schedule.")),
    responses(
        (status = 200, description = "Paused.", body = Success, example = json!({"success": true})),
        (status = 409, description = "Somebody else changed the schedule at the same time.", body = crate::http::problem::ProblemBody, example = json!({"detail": "The schedule was changed by somebody else at the same time; try again", "status": 409})),
    ))]
pub(crate) async fn pause(Caller(actor): Caller, segments: Segments, State(state): State<Arc<ApiState>>) -> Result<Json<Success>, Problem> {
    schedules::pause(&state, &actor, segments.id("scheduleId", BAD_REQUEST)?).await?;
    Ok(Json(Success::YES))
}
