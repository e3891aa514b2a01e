use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{KnownUser, UserBody};
use crate::app::{access, users};
use crate::http::extract::{Caller, JsonBody};
use crate::http::problem::Problem;
use crate::state::ApiState;

/// Users to create or update.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct UsersBody {
    /// 1 to 20 users.
    #[schema(min_items = 1, max_items = 20)]
    users: Vec<UserBody>,
}

/// Users in the order asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Results {
    results: Vec<KnownUser>,
}

/// Creates or updates up to twenty email-only users, all or none.
#[utoipa::path(post, path = "/api/v1/users/email-only/bulk", operation_id = "upsertEmailOnlyUsers", tag = "Email-only users", request_body = UsersBody,
    responses((status = 200, description = "Created or updated.", body = Results, example = json!({"results": [{"email": "iamagoodblob@myorg.co", "userId": "1e23dadc-961b-4a21-b36b-17168130fc3f"}]}))))]
pub(crate) async fn upsert_many(
    Caller(actor): Caller,
    State(state): State<Arc<ApiState>>,
    body: JsonBody,
) -> Result<Json<Results>, Problem> {
    access::organization_only(&actor)?;
    let known = users::upsert_many(&state, &actor, &body.object()?).await?;
    Ok(Json(Results { results: known.into_iter().map(KnownUser::from).collect() }))
}
