use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::BAD_REQUEST;
use crate::app::subscriptions;
use crate::http::extract::{Caller, Segments};
use crate::http::problem::{Problem, ProblemBody};
use crate::http::wire::{Records, Success, stamp};
use crate::state::ApiState;

/// A member who asks to be on the list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestView {
    id: uuid::Uuid,
    /// Membership of who asks.
    user_id: uuid::Uuid,
    name: String,
    email: Option<String>,
    requested_at: String,
    /// When it lapses.
    expires_at: String,
}

/// Lists who asks to be on the list and waits for an answer; for those who manage the schedule.
#[utoipa::path(get, path = "/api/v1/schedules/{scheduleId}/subscription-requests", operation_id = "listSubscriptionRequests", tag = "Schedules",
    params(("scheduleId" = uuid::Uuid, Path, description = "Id of the schedule.")),
    responses((status = 200, description = "Oldest first.", body = Records<RequestView>, example = json!({"records": [{
        "id": "0198f0c1-2b7e-7c1d-9a55-1f0c5e6d7a8b", "userId": "9e8719d9-276a-4964-9395-a493189a247c", "name": "Blobby Hill", "email": "blobby.hill@myorg.co",
        "requestedAt": "2025-07-23T21:43:39.000Z", "expiresAt": "2025-08-06T21:43:39.000Z"
    }]}))))]
pub(crate) async fn list(
    Caller(actor): Caller,
    segments: Segments,
    State(state): State<Arc<ApiState>>,
) -> Result<Json<Records<RequestView>>, Problem> {
    let requests = subscriptions::requests(&state, &actor, segments.id("scheduleId", BAD_REQUEST)?).await?;
    let catalog = state.catalog.current();
    let view = |request: pressrun_domain::consent::SubscriptionRequest| {
        let member = catalog.member(request.member.0);
        RequestView {
            id: request.id.0,
            user_id: request.member.0,
            name: member.map_or_else(|| request.member.to_string(), |member| member.name.clone()),
            email: member.map(|member| member.email.to_string()),
            requested_at: stamp(request.requested_at),
            expires_at: stamp(request.expires_at),
        }
    };
    Ok(Json(Records { records: requests.into_iter().map(view).collect() }))
}

/// Puts whoever asked on the list.
#[utoipa::path(post, path = "/api/v1/subscription-requests/{requestId}/confirm", operation_id = "confirmSubscription", tag = "Schedules",
    params(("requestId" = uuid::Uuid, Path, description = "Id of the request.")),
    responses(
        (status = 200, description = "On the list.", body = Success, example = json!({"success": true})),
        (status = 404, description = "There is none that stands.", body = ProblemBody, example = json!({"detail": "There is no such request that stands; it lapsed, was answered or taken back, or the schedule has another owner now", "status": 404})),
    ))]
pub(crate) async fn confirm(
    Caller(actor): Caller,
    segments: Segments,
    State(state): State<Arc<ApiState>>,
) -> Result<Json<Success>, Problem> {
    subscriptions::answer(&state, &actor, segments.id("requestId", BAD_REQUEST)?, true).await?;
    Ok(Json(Success::YES))
}

/// Declines a request; whoever asked is told, and cannot ask again until it would have lapsed.
#[utoipa::path(post, path = "/api/v1/subscription-requests/{requestId}/decline", operation_id = "declineSubscription", tag = "Schedules",
    params(("requestId" = uuid::Uuid, Path, description = "Id of the request.")),
    responses((status = 200, description = "Declined.", body = Success, example = json!({"success": true}))))]
pub(crate) async fn decline(
    Caller(actor): Caller,
    segments: Segments,
    State(state): State<Arc<ApiState>>,
) -> Result<Json<Success>, Problem> {
    subscriptions::answer(&state, &actor, segments.id("requestId", BAD_REQUEST)?, false).await?;
    Ok(Json(Success::YES))
}
