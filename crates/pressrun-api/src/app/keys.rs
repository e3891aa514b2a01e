//! API keys: made, listed, revoked. Organization keys see and make all; people see and make their own personal ones. A token is shown
//! once, and no key makes one that may more or lives longer than itself.

use jiff::Timestamp;
use pressrun_domain::access::Actor;
use pressrun_domain::audit::Verb;
use pressrun_domain::catalog::Catalog;
use pressrun_domain::id::{ApiKeyId, MembershipId};
use pressrun_domain::key::{ApiKey, KeyKind, Scope, Scopes};
use pressrun_domain::secret::Secret;
use serde_json::{Map, Value};

use super::error::AppError;
use super::given::{Fields, Given};
use crate::state::ApiState;
use crate::token;

/// Characters of a name.
const NAME: usize = 255;

/// Working keys of one member.
const KEYS_OF_A_MEMBER: usize = 100;

/// A key to make.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// What it may do.
    pub kind: KeyKind,
    /// Whom it belongs to.
    pub member: MembershipId,
    /// What it is for.
    pub name: String,
    /// What its requests may be about; `None` is what the maker's may be.
    pub scopes: Option<Scopes>,
    /// When it stops working; `None` when the maker does.
    pub expires_at: Option<Timestamp>,
}

/// Every key that is the actor's to see, newest first.
pub(crate) async fn list(state: &ApiState, actor: &Actor) -> Result<Vec<ApiKey>, AppError> {
    let own = (!actor.is_organization()).then_some(actor.member);
    Ok(state.store.list_keys(own).await?)
}

/// Makes the key that a body asks for.
pub(crate) async fn create(state: &ApiState, actor: &Actor, body: &Map<String, Value>) -> Result<(Secret, ApiKey), AppError> {
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
        Given::Absent | Given::Null if kind == KeyKind::Organization || !actor.is_organization() => actor.member,
        Given::Absent | Given::Null => return Err(AppError::required("userId")),
    };
    let new = NewKey { kind, member, name, scopes: scopes(fields)?, expires_at: expiry(fields)? };
    make(state, actor, &catalog, new).await
}

/// Makes a key within what the actor may.
pub(crate) async fn make(state: &ApiState, actor: &Actor, catalog: &Catalog, new: NewKey) -> Result<(Secret, ApiKey), AppError> {
    if !actor.is_organization() && (new.kind == KeyKind::Organization || new.member != actor.member) {
        return Err(AppError::Denied);
    }
    let now = state.clock.now();
    if new.name.chars().nth(NAME).is_some() {
        return Err(AppError::field("name", format!("String must contain at most {NAME} character(s)")));
    }
    if !catalog.member(new.member.0).is_some_and(|member| member.active) {
        return Err(AppError::field("userId", "The member is deactivated, so that the key would not work"));
    }
    let scopes = new.scopes.unwrap_or(actor.scopes);
    if let Some(beyond) = scopes.beyond(actor.scopes).next() {
        return Err(AppError::field("scopes", format!("The key that makes it lacks the scope `{}` itself", beyond.as_str())));
    }
    if scopes == Scopes::NONE {
        return Err(AppError::field("scopes", "Array must contain at least 1 element(s)"));
    }
    let most = own_expiry(state, actor).await?;
    let expires_at = new.expires_at.or(most);
    if let (Some(asked), Some(most)) = (expires_at, most)
        && asked > most
    {
        return Err(AppError::field("expiresAt", format!("The key that makes it expires at {most}; choose that or an earlier instant")));
    }
    if expires_at.is_some_and(|at| at <= now) {
        return Err(AppError::field("expiresAt", "The instant is not in the future"));
    }
    let others = state.store.list_keys(Some(new.member)).await?;
    if others.iter().filter(|key| key.works(catalog, now)).count() >= KEYS_OF_A_MEMBER {
        return Err(AppError::invalid(format!("The member has {KEYS_OF_A_MEMBER} keys that work; revoke one first")));
    }
    let (secret, key, hash) = token::mint(new.kind, new.member, &new.name, now).map_err(AppError::Randomness)?;
    let key = ApiKey { scopes, expires_at, ..key };
    state.store.insert_key(&key, hash, &actor.change(Verb::KeyCreated, now)).await?;
    Ok((secret, key))
}

/// When the actor's own key expires.
async fn own_expiry(state: &ApiState, actor: &Actor) -> Result<Option<Timestamp>, AppError> {
    let Some(id) = actor.key else { return Ok(None) };
    let own = state.store.list_keys(Some(actor.member)).await?;
    Ok(own.into_iter().find(|key| key.id == id).and_then(|key| key.expires_at))
}

/// Stops a key from working; people may stop their own, and are not told which others there are.
pub(crate) async fn revoke(state: &ApiState, actor: &Actor, id: &str) -> Result<(), AppError> {
    let parsed: ApiKeyId = id.parse().map_err(|_| AppError::field("keyId", "Invalid uuid"))?;
    let missing = || AppError::NoKey(id.to_owned());
    if !actor.is_organization() {
        let own = state.store.list_keys(Some(actor.member)).await?;
        own.iter().find(|key| key.id == parsed && key.kind == KeyKind::Personal).ok_or_else(missing)?;
    }
    let change = actor.change(Verb::KeyRevoked, state.clock.now());
    if state.store.revoke_key(parsed, &change).await? { Ok(()) } else { Err(missing()) }
}

fn scopes(fields: Fields<'_>) -> Result<Option<Scopes>, AppError> {
    let Some(words) = fields.texts("scopes")?.value() else { return Ok(None) };
    let expected = || AppError::field("scopes", "Expected some of read, schedules, users, keys");
    words.iter().map(|word| Scope::named(word).ok_or_else(expected)).collect::<Result<Scopes, _>>().map(Some)
}

fn expiry(fields: Fields<'_>) -> Result<Option<Timestamp>, AppError> {
    let Some(text) = fields.text("expiresAt")?.value() else { return Ok(None) };
    text.parse().map(Some).map_err(|_| AppError::field("expiresAt", "Expected an instant such as 2026-07-23T21:43:39Z"))
}
