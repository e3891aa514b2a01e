use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use pressrun_domain::access::Handover;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::BAD_REQUEST;
use crate::app::error::AppError;
use crate::app::given::{Fields, Given};
use crate::app::ownership;
use crate::http::extract::{Caller, JsonBody, Segments};
use crate::http::problem::Problem;
use crate::state::ApiState;

/// Who gets the schedule.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TransferBody {
    /// Membership of the new owner.
    user_id: uuid::Uuid,
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Transferred {
    /// Always true.
    success: bool,
    /// There, and true, when the new owner has to accept first.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    offered: bool,
}

/// Gives a schedule to another member, with whose rights and attributes it runs from then on: at once for organization keys and admins. Anybody
/// else offers it, and it goes on as theirs until the new owner accepts; the offer lapses after fourteen days, or when the schedule changes.
#[utoipa::path(put, path = "/api/v1/schedules/{scheduleId}/transfer-ownership", operation_id = "transferOwnership", tag = "Schedules", request_body = TransferBody,
    params(("scheduleId" = uuid::Uuid, Path, description = "Id of the schedule.")),
    responses(
        (status = 200, description = "Given, or offered.", body = Transferred, example = json!({"success": true})),
        (status = 409, description = "Somebody else changed the schedule at the same time.", body = crate::http::problem::ProblemBody, example = json!({"detail": "The schedule was changed by somebody else at the same time; try again", "status": 409})),
    ))]
pub(crate) async fn transfer(
    Caller(actor): Caller,
    segments: Segments,
    State(state): State<Arc<ApiState>>,
    body: JsonBody,
) -> Result<Json<Transferred>, Problem> {
    let id = segments.id("scheduleId", BAD_REQUEST)?;
    let body = body.optional()?.unwrap_or_default();
    let Given::Value(user_id) = Fields(&body).text("userId")? else { return Err(AppError::required("userId").into()) };
    let handover = ownership::transfer(&state, &actor, id, &user_id).await?;
    Ok(Json(Transferred { success: true, offered: handover == Handover::Offer }))
}
