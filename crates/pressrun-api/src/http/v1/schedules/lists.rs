//! Recipients added and removed (contract §5.4, §5.5).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::BAD_REQUEST;
use super::body::RecipientsBody;
use crate::app::recipients::{self, Added, Named};
use crate::http::extract::{Caller, JsonBody, Segments};
use crate::http::problem::{Problem, ProblemBody};
use crate::state::ApiState;

/// The schedule, and whom the body names; faults begin with `prefix`, which the contract has for one of the two endpoints only.
fn asked<'a>(segments: &'a Segments, body: JsonBody, prefix: &'static str) -> Result<(&'a str, Named), Problem> {
    Ok((segments.id("scheduleId", prefix)?, recipients::read(body.optional()?.as_ref(), prefix)?))
}

/// How many recipients were really added.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names of the wire")]
pub(crate) struct AddedRecipients {
    /// Single recipients.
    added_recipients_count: usize,
    /// Groups.
    added_group_recipients_count: usize,
    /// Always true.
    success: bool,
    /// What to know of those on the list; left out when there is nothing to say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    warnings: Vec<String>,
}

/// Adds recipients to a schedule that mails; all or nothing.
#[utoipa::path(put, path = "/api/v1/schedules/{scheduleId}/add-recipients", operation_id = "addRecipients", tag = "Schedules", request_body = RecipientsBody,
    params(("scheduleId" = uuid::Uuid, Path, description = "Id of the schedule.")),
    responses(
        (status = 200, description = "Done.", body = AddedRecipients, example = json!({"addedRecipientsCount": 1, "addedGroupRecipientsCount": 0, "success": true})),
        (status = 409, description = "Somebody else changed the schedule at the same time.", body = ProblemBody, example = json!({"detail": "The schedule was changed by somebody else at the same time; try again", "status": 409})),
    ))]
pub(crate) async fn add(
    Caller(actor): Caller,
    segments: Segments,
    State(state): State<Arc<ApiState>>,
    body: JsonBody,
) -> Result<Json<AddedRecipients>, Problem> {
    let (id, named) = asked(&segments, body, "")?;
    let Added { changed, warnings } = recipients::add(&state, &actor, id, named).await?;
    Ok(Json(AddedRecipients {
        added_recipients_count: changed.recipients,
        added_group_recipients_count: changed.groups,
        success: true,
        warnings,
    }))
}

/// How many recipients were really removed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names of the wire")]
pub(crate) struct RemovedRecipients {
    /// Single recipients.
    removed_recipients_count: usize,
    /// Groups.
    removed_group_recipients_count: usize,
    /// Always true.
    success: bool,
}

/// Removes recipients from a schedule that mails; the last one may go.
#[utoipa::path(put, path = "/api/v1/schedules/{scheduleId}/remove-recipients", operation_id = "removeRecipients", tag = "Schedules", request_body = RecipientsBody,
    params(("scheduleId" = uuid::Uuid, Path, description = "Id of the schedule.")),
    responses(
        (status = 200, description = "Done.", body = RemovedRecipients, example = json!({"removedRecipientsCount": 1, "removedGroupRecipientsCount": 0, "success": true})),
        (status = 409, description = "Somebody else changed the schedule at the same time.", body = ProblemBody, example = json!({"detail": "The schedule was changed by somebody else at the same time; try again", "status": 409})),
    ))]
pub(crate) async fn remove(
    Caller(actor): Caller,
    segments: Segments,
    State(state): State<Arc<ApiState>>,
    body: JsonBody,
) -> Result<Json<RemovedRecipients>, Problem> {
    let (id, named) = asked(&segments, body, BAD_REQUEST)?;
    let changed = recipients::remove(&state, &actor, id, named).await?;
    Ok(Json(RemovedRecipients {
        removed_recipients_count: changed.recipients,
        removed_group_recipients_count: changed.groups,
        success: true,
    }))
}
