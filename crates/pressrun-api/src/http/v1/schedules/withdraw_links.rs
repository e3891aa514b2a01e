use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::BAD_REQUEST;
use crate::app::schedules;
use crate::http::extract::{Caller, Segments};
use crate::http::problem::Problem;
use crate::http::wire::Success;
use crate::state::ApiState;

/// Ends every link without a login that the schedule has sent so far; later mails bring new ones.
#[utoipa::path(post, path = "/api/v1/schedules/{scheduleId}/withdraw-links", operation_id = "withdrawLinks", tag = "Schedules",
    params(("scheduleId" = uuid::Uuid, Path, description = "Id of the schedule.")),
    responses((status = 200, description = "Withdrawn.", body = Success, example = json!({"success": true}))))]
pub(crate) async fn withdraw(
    Caller(actor): Caller,
    segments: Segments,
    State(state): State<Arc<ApiState>>,
) -> Result<Json<Success>, Problem> {
    schedules::withdraw_links(&state, &actor, segments.id("scheduleId", BAD_REQUEST)?).await?;
    Ok(Json(Success::YES))
}
