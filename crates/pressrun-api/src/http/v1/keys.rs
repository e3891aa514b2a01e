//! API keys: all of them for organization keys, their own for people; a token is shown once, when it is made.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use pressrun_domain::key::{ApiKey, Scope};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::keys;
use crate::http::extract::{Caller, JsonBody, Segments};
use crate::http::problem::Problem;
use crate::http::wire::{Records, Success, stamp, words};
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
    /// What its requests may be about: `read`, `schedules`, `users`, `keys`.
    scopes: Vec<&'static str>,
    created_at: String,
    /// When it stops working.
    expires_at: Option<String>,
    /// When it was last used, to the minute.
    last_used_at: Option<String>,
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
            scopes: key.scopes.iter().map(Scope::as_str).collect(),
            created_at: stamp(key.created_at),
            expires_at: key.expires_at.map(stamp),
            last_used_at: key.last_used_at.map(stamp),
            revoked_at: key.revoked_at.map(stamp),
        }
    }
}

words! {
    /// What a key's requests may be about.
    ScopeWord { Read = "read", Schedules = "schedules", Users = "users", Keys = "keys" }
}

/// A key to make.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"type": "personal", "name": "laptop", "userId": "9e8719d9-276a-4964-9395-a493189a247c", "scopes": ["read"], "expiresAt": "2026-07-23T21:43:39Z"}))]
pub(crate) struct KeyBody {
    /// `organization` or `personal`.
    #[serde(rename = "type")]
    kind: String,
    /// What it is for.
    name: String,
    /// Membership it belongs to; an organization key has to name one for a personal key, people make keys for themselves only.
    user_id: Option<uuid::Uuid>,
    /// What its requests may be about; what those of the key that makes it may be, when left out.
    scopes: Option<Vec<ScopeWord>>,
    /// When it stops working (RFC 3339); when the key that makes it does, when left out.
    expires_at: Option<String>,
}

/// A new key with its token, which is never shown again; no `Debug`, which would show it too (D13).
#[derive(Serialize, ToSchema)]
pub(crate) struct NewKey {
    #[serde(flatten)]
    key: KeyRow,
    token: String,
}

/// Lists keys, newest first, without their tokens: all of them for an organization key, their own for people.
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
        "prefix": "pr_pat_A1b2", "scopes": ["read"], "createdAt": "2025-07-23T21:43:39.000Z", "expiresAt": null, "lastUsedAt": null, "revokedAt": null, "token": "pr_pat_A1b2…"
    }))))]
pub(crate) async fn create(Caller(actor): Caller, State(state): State<Arc<ApiState>>, body: JsonBody) -> Result<Json<NewKey>, Problem> {
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
