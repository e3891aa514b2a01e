use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use crate::app::schedules;
use crate::http::extract::{Caller, Segments};
use crate::http::problem::Problem;
use crate::http::wire::Success;
use crate::state::ApiState;

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
