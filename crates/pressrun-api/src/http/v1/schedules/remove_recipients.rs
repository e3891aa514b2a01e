use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::BAD_REQUEST;
use super::body::RecipientsBody;
use crate::app::recipients;
use crate::http::extract::{Caller, JsonBody, Segments};
use crate::http::problem::Problem;
use crate::state::ApiState;

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
        (status = 409, description = "Somebody else changed the schedule at the same time.", body = crate::http::problem::ProblemBody, example = json!({"detail": "The schedule was changed by somebody else at the same time; try again", "status": 409})),
    ))]
pub(crate) async fn remove(
    Caller(actor): Caller,
    segments: Segments,
    State(state): State<Arc<ApiState>>,
    body: JsonBody,
) -> Result<Json<RemovedRecipients>, Problem> {
    let id = segments.id("scheduleId", BAD_REQUEST)?;
    let named = recipients::read(body.optional()?.as_ref(), BAD_REQUEST)?;
    let changed = recipients::remove(&state, &actor, id, named).await?;
    Ok(Json(RemovedRecipients {
        removed_recipients_count: changed.recipients,
        removed_group_recipients_count: changed.groups,
        success: true,
    }))
}
