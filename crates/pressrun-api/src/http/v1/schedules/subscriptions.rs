//! Members who put themselves on a list, or ask to be (P12, C2).

use axum::Json;
use pressrun_domain::access::Subscription;
use pressrun_domain::consent::SubscriptionRequest;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::subscriptions;
use crate::http::extract::{OfRequest, OfSchedule};
use crate::http::problem::{Problem, ProblemBody};
use crate::http::wire::{Records, Success, stamp};

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
pub(crate) async fn subscribe(call: OfSchedule) -> Result<Json<Subscribed>, Problem> {
    let subscription = subscriptions::subscribe(&call.state, &call.actor, &call.id).await?;
    Ok(Json(Subscribed { success: true, requested: subscription == Subscription::Request }))
}

/// Takes the caller, and nobody else, off a schedule for good: off its list, and out of what its groups expand to.
#[utoipa::path(put, path = "/api/v1/schedules/{scheduleId}/unsubscribe", tag = "Schedules",
    params(("scheduleId" = uuid::Uuid, Path, description = "Id of the schedule.")),
    responses((status = 200, description = "The caller gets no more of it.", body = Success, example = json!({"success": true}))))]
pub(crate) async fn unsubscribe(call: OfSchedule) -> Result<Json<Success>, Problem> {
    subscriptions::unsubscribe(&call.state, &call.actor, &call.id).await?;
    Ok(Json(Success::YES))
}

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
pub(crate) async fn list(call: OfSchedule) -> Result<Json<Records<RequestView>>, Problem> {
    let requests = subscriptions::requests(&call.state, &call.actor, &call.id).await?;
    let catalog = call.state.catalog.current();
    let view = |request: SubscriptionRequest| {
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
pub(crate) async fn confirm(call: OfRequest) -> Result<Json<Success>, Problem> {
    subscriptions::answer(&call.state, &call.actor, &call.id, true).await?;
    Ok(Json(Success::YES))
}

/// Declines a request; whoever asked is told, and cannot ask again until it would have lapsed.
#[utoipa::path(post, path = "/api/v1/subscription-requests/{requestId}/decline", operation_id = "declineSubscription", tag = "Schedules",
    params(("requestId" = uuid::Uuid, Path, description = "Id of the request.")),
    responses((status = 200, description = "Declined.", body = Success, example = json!({"success": true}))))]
pub(crate) async fn decline(call: OfRequest) -> Result<Json<Success>, Problem> {
    subscriptions::answer(&call.state, &call.actor, &call.id, false).await?;
    Ok(Json(Success::YES))
}
