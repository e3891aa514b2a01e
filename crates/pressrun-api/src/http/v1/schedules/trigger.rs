use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::BAD_REQUEST;
use crate::app::schedules;
use crate::http::extract::{Caller, Segments};
use crate::http::problem::Problem;
use crate::http::wire::Success;
use crate::state::ApiState;

/// Runs a schedule now, apart from its cron. The answer comes when the run is queued.
#[utoipa::path(post, path = "/api/v1/schedules/{scheduleId}/trigger", operation_id = "triggerSchedule", tag = "Schedules",
    params(("scheduleId" = uuid::Uuid, Path, description = "Id of the schedule.")),
    responses((status = 200, description = "Queued.", body = Success, example = json!({"success": true})),
    (status = 409, description = "A run of it is under way, or Pressrun switched it off.", body = crate::http::problem::ProblemBody, example = json!({"detail": "Cannot trigger an inactive schedule", "status": 409}))))]
pub(crate) async fn trigger(
    Caller(actor): Caller,
    segments: Segments,
    State(state): State<Arc<ApiState>>,
) -> Result<Json<Success>, Problem> {
    schedules::trigger(&state, &actor, segments.id("scheduleId", BAD_REQUEST)?).await?;
    Ok(Json(Success::YES))
}
