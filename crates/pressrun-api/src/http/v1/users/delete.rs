use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::KnownUser;
use crate::app::{access, users};
use crate::http::extract::{Caller, JsonBody};
use crate::http::problem::Problem;
use crate::state::ApiState;

/// Users to delete, together up to 100.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"emails": ["iamagoodblob@myorg.co"], "userIds": []}))]
pub(crate) struct DeleteBody {
    #[schema(max_items = 100)]
    emails: Option<Vec<String>>,
    #[schema(max_items = 100)]
    user_ids: Option<Vec<uuid::Uuid>>,
}

/// Who was deleted, and who was not there.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeletedUsers {
    deleted: Vec<KnownUser>,
    not_found: NotFound,
}

/// Who was not there.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NotFound {
    emails: Vec<String>,
    user_ids: Vec<String>,
}

/// Deletes email-only users and takes them off every schedule.
#[utoipa::path(delete, path = "/api/v1/users/email-only/bulk", operation_id = "deleteEmailOnlyUsers", tag = "Email-only users", request_body = DeleteBody,
    responses((status = 200, description = "Deleted.", body = DeletedUsers, example = json!({
        "deleted": [{"email": "iamagoodblob@myorg.co", "userId": "1e23dadc-961b-4a21-b36b-17168130fc3f"}], "notFound": {"emails": [], "userIds": []}
    }))))]
pub(crate) async fn delete(
    Caller(actor): Caller,
    State(state): State<Arc<ApiState>>,
    body: JsonBody,
) -> Result<Json<DeletedUsers>, Problem> {
    access::organization_only(&actor)?;
    let deleted = users::delete(&state, &actor, body.optional()?.as_ref()).await?;
    Ok(Json(DeletedUsers {
        deleted: deleted.users.into_iter().map(|user| (user.email, user.id).into()).collect(),
        not_found: NotFound { emails: deleted.unknown_emails, user_ids: deleted.unknown_ids },
    }))
}
