use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use pressrun_domain::access::Subscription;
use serde::Serialize;
use utoipa::ToSchema;

use super::BAD_REQUEST;
use crate::app::subscriptions;
use crate::http::extract::{Caller, Segments};
use crate::http::problem::{Problem, ProblemBody};
use crate::http::wire::Success;
use crate::state::ApiState;

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Subscribed {
    /// Always true.
    success: bool,
    /// There, and true, when the owner has to say so first.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    requested: bool,
}

/// Puts the caller on the list of a schedule that mails. Who may view the dashboard may subscribe; twice is the same as once. Where mails show the
/// owner's rows, and not each recipient's own, the owner is asked first, and the answer says `requested`.
#[utoipa::path(put, path = "/api/v1/schedules/{scheduleId}/subscribe", tag = "Schedules",
    params(("scheduleId" = uuid::Uuid, Path, description = "Id of the schedule.")),
    responses(
        (status = 200, description = "The caller is on the list, or the owner was asked.", body = Subscribed, example = json!({"success": true})),
        (status = 409, description = "The owner declined not long ago, or somebody else changed the schedule at the same time.", body = ProblemBody, example = json!({"detail": "The schedule was changed by somebody else at the same time; try again", "status": 409})),
    ))]
pub(crate) async fn subscribe(
    Caller(actor): Caller,
    segments: Segments,
    State(state): State<Arc<ApiState>>,
) -> Result<Json<Subscribed>, Problem> {
    let subscription = subscriptions::subscribe(&state, &actor, segments.id("scheduleId", BAD_REQUEST)?).await?;
    Ok(Json(Subscribed { success: true, requested: subscription == Subscription::Request }))
}

/// Takes the caller, and nobody else, off a schedule for good: off its list, and out of what its groups expand to.
#[utoipa::path(put, path = "/api/v1/schedules/{scheduleId}/unsubscribe", tag = "Schedules",
    params(("scheduleId" = uuid::Uuid, Path, description = "Id of the schedule.")),
    responses((status = 200, description = "The caller gets no more of it.", body = Success, example = json!({"success": true}))))]
pub(crate) async fn unsubscribe(
    Caller(actor): Caller,
    segments: Segments,
    State(state): State<Arc<ApiState>>,
) -> Result<Json<Success>, Problem> {
    subscriptions::unsubscribe(&state, &actor, segments.id("scheduleId", BAD_REQUEST)?).await?;
    Ok(Json(Success::YES))
}
