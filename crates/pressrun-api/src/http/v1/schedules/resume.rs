use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::BAD_REQUEST;
use crate::app::schedules;
use crate::http::extract::{Caller, Segments};
use crate::http::problem::Problem;
use crate::http::wire::Success;
use crate::state::ApiState;

/// Resumes a paused schedule from now on; what was missed is not made up.
#[utoipa::path(put, path = "/api/v1/schedules/{scheduleId}/resume", operation_id = "resumeSchedule", tag = "Schedules",
    params(("scheduleId" = uuid::Uuid, Path, description = "Id of the schedule.")),
    responses(
        (status = 200, description = "Resumed.", body = Success, example = json!({"success": true})),
        (status = 409, description = "Somebody else changed the schedule at the same time.", body = crate::http::problem::ProblemBody, example = json!({"detail": "The schedule was changed by somebody else at the same time; try again", "status": 409})),
    ))]
pub(crate) async fn resume(
    Caller(actor): Caller,
    segments: Segments,
    State(state): State<Arc<ApiState>>,
) -> Result<Json<Success>, Problem> {
    schedules::resume(&state, &actor, segments.id("scheduleId", BAD_REQUEST)?).await?;
    Ok(Json(Success::YES))
}
