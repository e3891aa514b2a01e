//! Whose a schedule is: given away, offered, accepted (contract §5.11, C1).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use pressrun_domain::access::shown::offered_schedule;
use pressrun_domain::access::{Handover, leaves_the_organization};
use pressrun_domain::catalog::Catalog;
use pressrun_domain::id::MembershipId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::BAD_REQUEST;
use super::get::{ScheduleView, view};
use crate::app::error::AppError;
use crate::app::given::{Fields, Given};
use crate::app::ownership::{self, Offered};
use crate::http::extract::{Caller, JsonBody, OfSchedule, Segments};
use crate::http::problem::{Problem, ProblemBody};
use crate::http::wire::{Success, stamp};
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
        (status = 409, description = "Somebody else changed the schedule at the same time.", body = ProblemBody, example = json!({"detail": "The schedule was changed by somebody else at the same time; try again", "status": 409})),
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

/// A schedule that is offered to somebody.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OfferView {
    /// Who offers it: its owner.
    from: PartyView,
    /// Who may accept it.
    to: PartyView,
    offered_at: String,
    /// When it lapses.
    expires_at: String,
    /// Whether rows go to people without a login, or to a server.
    leaves_the_organization: bool,
    /// What is offered, whole: it is void when anything but the name changes.
    schedule: ScheduleView,
}

/// One of the two.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PartyView {
    /// Membership.
    id: uuid::Uuid,
    name: String,
}

fn party(member: MembershipId, catalog: &Catalog) -> PartyView {
    PartyView { id: member.0, name: catalog.member(member.0).map_or_else(|| member.to_string(), |member| member.name.clone()) }
}

/// Reads the offer of a schedule; for its owner, and for whoever may accept it.
#[utoipa::path(get, path = "/api/v1/schedules/{scheduleId}/ownership-offer", operation_id = "getOwnershipOffer", tag = "Schedules",
    params(("scheduleId" = uuid::Uuid, Path, description = "Id of the schedule.")),
    responses(
        (status = 200, description = "The offer.", body = OfferView, headers(("ETag" = String, description = "What is offered, for `If-Match`.")), example = json!({
            "from": {"id": "9e8719d9-276a-4964-9395-a493189a247c", "name": "Blob Ross"}, "to": {"id": "1e8719d9-276a-4964-9395-a493189a247d", "name": "Blobby Hill"},
            "offeredAt": "2025-07-23T21:43:39.000Z", "expiresAt": "2025-08-06T21:43:39.000Z", "leavesTheOrganization": false, "schedule": {}
        })),
        (status = 404, description = "There is none that stands.", body = ProblemBody, example = json!({"detail": "There is no offer of this schedule that stands; it lapsed, was answered or taken back, or the schedule was changed since", "status": 404})),
    ))]
pub(crate) async fn get(call: OfSchedule) -> Result<Response, Problem> {
    let Offered { offer, schedule } = ownership::offered(&call.state, &call.actor, &call.id).await?.ok_or(AppError::NoOffer)?;
    let catalog = call.state.catalog.current();
    let tag = format!("\"{}\"", offer.terms);
    let shown = OfferView {
        from: party(offer.from, &catalog),
        to: party(offer.to, &catalog),
        offered_at: stamp(offer.offered_at),
        expires_at: stamp(offer.expires_at),
        leaves_the_organization: leaves_the_organization(&schedule.definition),
        schedule: view(&offered_schedule(&catalog, schedule), &catalog),
    };
    Ok(([(header::ETAG, tag)], Json(shown)).into_response())
}

/// Takes an offer back.
#[utoipa::path(delete, path = "/api/v1/schedules/{scheduleId}/ownership-offer", operation_id = "withdrawOwnershipOffer", tag = "Schedules",
    params(("scheduleId" = uuid::Uuid, Path, description = "Id of the schedule.")),
    responses((status = 200, description = "Taken back.", body = Success, example = json!({"success": true}))))]
pub(crate) async fn withdraw(call: OfSchedule) -> Result<Json<Success>, Problem> {
    ownership::withdraw(&call.state, &call.actor, &call.id).await?;
    Ok(Json(Success::YES))
}

/// Accepts an offer: the schedule is the caller's from now on, and sends the caller's rows. `If-Match` has to name what was read, and only that
/// is accepted: its owner may change what is offered and offer it anew meanwhile.
#[utoipa::path(post, path = "/api/v1/schedules/{scheduleId}/ownership-offer/accept", operation_id = "acceptOwnershipOffer", tag = "Schedules",
    params(
        ("scheduleId" = uuid::Uuid, Path, description = "Id of the schedule."),
        ("If-Match" = String, Header, description = "`ETag` of the offer that was read; `*` names none."),
    ),
    responses(
        (status = 200, description = "Accepted.", body = Success, example = json!({"success": true})),
        (status = 412, description = "The offer is not the one that `If-Match` names.", body = ProblemBody, example = json!({"detail": "What is offered was changed and offered anew since it was read; read it again", "status": 412})),
        (status = 428, description = "`If-Match` is absent or names none.", body = ProblemBody, example = json!({"detail": "Say what you accept: read the offer at GET /api/v1/schedules/{scheduleId}/ownership-offer, see what it sends and to whom, and name its `ETag` in `If-Match`", "status": 428})),
        (status = 404, description = "There is none that stands.", body = ProblemBody, example = json!({"detail": "There is no offer of this schedule that stands; it lapsed, was answered or taken back, or the schedule was changed since", "status": 404})),
    ))]
pub(crate) async fn accept(call: OfSchedule, headers: HeaderMap) -> Result<Json<Success>, Problem> {
    // A header that is no text names nothing that there is.
    let named = headers.get(header::IF_MATCH).map(|value| value.to_str().unwrap_or_default().trim());
    let seen = named.filter(|text| *text != "*").map(|text| text.trim_start_matches("W/").trim_matches('"'));
    ownership::accept(&call.state, &call.actor, &call.id, seen).await?;
    Ok(Json(Success::YES))
}

/// Declines an offer; the schedule goes on as it was, and its owner is told.
#[utoipa::path(post, path = "/api/v1/schedules/{scheduleId}/ownership-offer/decline", operation_id = "declineOwnershipOffer", tag = "Schedules",
    params(("scheduleId" = uuid::Uuid, Path, description = "Id of the schedule.")),
    responses((status = 200, description = "Declined.", body = Success, example = json!({"success": true}))))]
pub(crate) async fn decline(call: OfSchedule) -> Result<Json<Success>, Problem> {
    ownership::decline(&call.state, &call.actor, &call.id).await?;
    Ok(Json(Success::YES))
}
