use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::{KnownUser, UserBody};
use crate::app::{access, users};
use crate::http::extract::{Caller, JsonBody};
use crate::http::problem::Problem;
use crate::state::ApiState;

/// Creates an email-only user, or updates the one with this address.
#[utoipa::path(post, path = "/api/v1/users/email-only", operation_id = "upsertEmailOnlyUser", tag = "Email-only users", request_body = UserBody,
    responses((status = 200, description = "Created or updated.", body = KnownUser, example = json!({"email": "iamagoodblob@myorg.co", "userId": "9e8719d9-276a-4964-9395-a493189a247c"}))))]
pub(crate) async fn upsert(Caller(actor): Caller, State(state): State<Arc<ApiState>>, body: JsonBody) -> Result<Json<KnownUser>, Problem> {
    access::organization_only(&actor)?;
    let user = users::upsert(&state, &actor, &body.object()?).await?;
    Ok(Json(user.into()))
}
