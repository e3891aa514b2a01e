//! API keys: by organization keys only; a token is shown once, when it is made.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use pressrun_domain::key::ApiKey;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::{access, keys};
use crate::http::extract::{Caller, JsonBody, Segments};
use crate::http::problem::Problem;
use crate::http::wire::{Records, Success, stamp};
use crate::state::ApiState;

/// A key without its token.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyRow {
    id: uuid::Uuid,
    /// `organization` or `personal`.
    #[serde(rename = "type")]
    kind: &'static str,
    name: String,
    /// Membership it belongs to.
    user_id: uuid::Uuid,
    /// First characters of the token.
    prefix: String,
    created_at: String,
    revoked_at: Option<String>,
}

impl From<ApiKey> for KeyRow {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id.0,
            kind: key.kind.as_str(),
            name: key.name,
            user_id: key.member.0,
            prefix: key.prefix,
            created_at: stamp(key.created_at),
            revoked_at: key.revoked_at.map(stamp),
        }
    }
}

/// A key to make.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"type": "personal", "name": "laptop", "userId": "9e8719d9-276a-4964-9395-a493189a247c"}))]
pub(crate) struct KeyBody {
    /// `organization` or `personal`.
    #[serde(rename = "type")]
    kind: String,
    /// What it is for.
    name: String,
    /// Membership it belongs to; needed for a personal one.
    user_id: Option<uuid::Uuid>,
}

/// A new key with its token, which is never shown again; no `Debug`, which would show it too (D13).
#[derive(Serialize, ToSchema)]
pub(crate) struct NewKey {
    #[serde(flatten)]
    key: KeyRow,
    token: String,
}

/// Lists keys, newest first, without their tokens.
#[utoipa::path(get, path = "/api/v1/api-keys", operation_id = "listApiKeys", tag = "API keys",
    responses((status = 200, description = "All keys.", body = Records<KeyRow>, example = json!({"records": []}))))]
pub(crate) async fn list(Caller(actor): Caller, State(state): State<Arc<ApiState>>) -> Result<Json<Records<KeyRow>>, Problem> {
    let listed = keys::list(&state, &actor).await?;
    Ok(Json(Records { records: listed.into_iter().map(KeyRow::from).collect() }))
}

/// Makes a key. Its token is in this answer and nowhere else.
#[utoipa::path(post, path = "/api/v1/api-keys", operation_id = "createApiKey", tag = "API keys", request_body = KeyBody,
    responses((status = 200, description = "Made.", body = NewKey, example = json!({
        "id": "0192f0c1-2b7e-7c1d-9a55-1f0c5e6d7a8b", "type": "personal", "name": "laptop", "userId": "9e8719d9-276a-4964-9395-a493189a247c",
        "prefix": "pr_pat_A1b2", "createdAt": "2025-07-23T21:43:39.000Z", "revokedAt": null, "token": "pr_pat_A1b2…"
    }))))]
pub(crate) async fn create(Caller(actor): Caller, State(state): State<Arc<ApiState>>, body: JsonBody) -> Result<Json<NewKey>, Problem> {
    access::organization_only(&actor)?;
    let (token, key) = keys::create(&state, &actor, &body.object()?).await?;
    Ok(Json(NewKey { key: key.into(), token: token.expose().to_owned() }))
}

/// Stops a key from working.
#[utoipa::path(delete, path = "/api/v1/api-keys/{keyId}", operation_id = "revokeApiKey", tag = "API keys",
    params(("keyId" = uuid::Uuid, Path, description = "Id of the key.")),
    responses((status = 200, description = "Revoked.", body = Success, example = json!({"success": true}))))]
pub(crate) async fn revoke(
    Caller(actor): Caller,
    segments: Segments,
    State(state): State<Arc<ApiState>>,
) -> Result<Json<Success>, Problem> {
    keys::revoke(&state, &actor, segments.get("keyId")).await?;
    Ok(Json(Success::YES))
}
