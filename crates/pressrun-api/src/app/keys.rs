//! API keys: made, listed, revoked; by organization keys only, and the token is shown once.

use pressrun_domain::access::Actor;
use pressrun_domain::id::ApiKeyId;
use pressrun_domain::key::{ApiKey, KeyKind};
use pressrun_domain::secret::Secret;
use serde_json::{Map, Value};

use super::access;
use super::error::AppError;
use super::given::{Fields, Given};
use crate::state::ApiState;
use crate::token;

/// Every key, newest first.
pub(crate) async fn list(state: &ApiState, actor: &Actor) -> Result<Vec<ApiKey>, AppError> {
    access::organization_only(actor)?;
    Ok(state.store.list_keys().await?)
}

/// Makes a key.
pub(crate) async fn create(state: &ApiState, actor: &Actor, body: &Map<String, Value>) -> Result<(Secret, ApiKey), AppError> {
    access::organization_only(actor)?;
    let fields = Fields(body);
    let kinds = [KeyKind::Organization, KeyKind::Personal];
    let Given::Value(kind) = fields.word("type", &kinds, KeyKind::as_str)? else { return Err(AppError::required("type")) };
    let Given::Value(name) = fields.filled("name")? else { return Err(AppError::required("name")) };
    let catalog = state.catalog.current();
    let member = match fields.text("userId")? {
        Given::Value(text) => {
            let id = pressrun_domain::id::parse_uuid(&text).map_err(|_| AppError::field("userId", "Invalid uuid"))?;
            catalog.member(id).map(|member| member.id).ok_or(AppError::NoUser(text))?
        }
        Given::Absent | Given::Null if kind == KeyKind::Organization => actor.member,
        Given::Absent | Given::Null => return Err(AppError::required("userId")),
    };
    let (secret, key, hash) = token::mint(kind, member, &name, state.clock.now()).map_err(AppError::Randomness)?;
    state.store.insert_key(&key, hash).await?;
    Ok((secret, key))
}

/// Stops a key from working.
pub(crate) async fn revoke(state: &ApiState, actor: &Actor, id: &str) -> Result<(), AppError> {
    access::organization_only(actor)?;
    let parsed: ApiKeyId = id.parse().map_err(|_| AppError::field("keyId", "Invalid uuid"))?;
    if state.store.revoke_key(parsed, state.clock.now()).await? { Ok(()) } else { Err(AppError::NoKey(id.to_owned())) }
}
