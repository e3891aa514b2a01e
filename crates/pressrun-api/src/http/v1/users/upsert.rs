use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::{KnownUser, UserBody};
use crate::app::access::Caller;
use crate::app::users;
use crate::http::extract::JsonBody;
use crate::http::problem::Problem;
use crate::state::ApiState;

/// Creates an email-only user, or updates the one with this address.
#[utoipa::path(post, path = "/api/v1/users/email-only", operation_id = "upsertEmailOnlyUser", tag = "Email-only users", request_body = UserBody,
    responses((status = 200, description = "Created or updated.", body = KnownUser, example = json!({"email": "iamagoodblob@myorg.co", "userId": "9e8719d9-276a-4964-9395-a493189a247c"}))))]
pub(crate) async fn upsert(caller: Caller, State(state): State<Arc<ApiState>>, body: JsonBody) -> Result<Json<KnownUser>, Problem> {
    caller.organization_only()?;
    let user = users::upsert(&state, &caller, &body.object()?).await?;
    Ok(Json(user.into()))
}
