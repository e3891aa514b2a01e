//! Email-only users: create or update, list, delete (contract §6); organization keys only.

use pressrun_domain::access::Actor;
use pressrun_domain::audit::Verb;
use pressrun_domain::catalog::Catalog;
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::UserId;
use pressrun_domain::users::EmailOnlyUser;
use pressrun_store::Upserted;
use serde_json::{Map, Value};

use super::access;
use super::attributes;
use super::error::AppError;
use super::given::{Fields, type_name};
use super::list::Parameters;
use crate::state::ApiState;

/// Users in one bulk call.
const BULK_LIMIT: usize = 20;

/// Users in one bulk delete.
const DELETE_LIMIT: usize = 100;

/// Address and id of a user that a call created, updated or deleted.
pub(crate) type Known = (EmailAddress, UserId);

fn read(body: &Map<String, Value>, catalog: &Catalog) -> Result<Upserted, AppError> {
    let fields = Fields(body);
    let email = fields.text("email")?.value().ok_or_else(|| AppError::field("email", "email is required"))?;
    let email: EmailAddress = email.parse().map_err(|_| AppError::field("email", "Invalid email address"))?;
    let given = fields.object("userAttributes")?.value().unwrap_or_default();
    Ok((email, attributes::read(&given, catalog)?))
}

/// Creates or updates one user.
pub(crate) async fn upsert(state: &ApiState, actor: &Actor, body: &Map<String, Value>) -> Result<Known, AppError> {
    access::organization_only(actor)?;
    let catalog = state.catalog.current();
    let user = read(body, &catalog)?;
    let email = user.0.clone();
    let known = store(state, actor, &catalog, vec![user]).await?;
    known.into_iter().next().ok_or(AppError::NoUser(email.to_string()))
}

/// Creates or updates up to twenty users; every item is checked before any is stored.
pub(crate) async fn upsert_many(state: &ApiState, actor: &Actor, body: &Map<String, Value>) -> Result<Vec<Known>, AppError> {
    access::organization_only(actor)?;
    let catalog = state.catalog.current();
    let users = match Fields(body).raw("users").value() {
        None => return Err(AppError::field("users", "users is required")),
        Some(Value::Array(users)) => users,
        Some(other) => return Err(AppError::field("users", format!("Expected array, received {}", type_name(other)))),
    };
    if users.len() > BULK_LIMIT {
        return Err(AppError::field("users", format!("Maximum of {BULK_LIMIT} users can be processed in a single request")));
    }
    if users.is_empty() {
        return Err(AppError::field("users", "Array must contain at least 1 element(s)"));
    }
    let item = |user: &Value| match user {
        Value::Object(user) => read(user, &catalog),
        other => Err(AppError::field("users", format!("Expected object, received {}", type_name(other)))),
    };
    let users = users.iter().map(item).collect::<Result<Vec<_>, _>>()?;
    store(state, actor, &catalog, users).await
}

/// Stores those who are no members; members keep their login and are answered with their own id (Q21).
async fn store(state: &ApiState, actor: &Actor, catalog: &Catalog, users: Vec<Upserted>) -> Result<Vec<Known>, AppError> {
    let emails: Vec<EmailAddress> = users.iter().map(|(email, _)| email.clone()).collect();
    let strangers: Vec<Upserted> = users.into_iter().filter(|(email, _)| catalog.member_by_email(email).is_none()).collect();
    let mut stored = state.store.upsert_users(&strangers, &actor.change(Verb::UserUpdated, state.clock.now())).await?.into_iter();
    let known = emails.into_iter().filter_map(|email| match catalog.member_by_email(&email) {
        Some(member) => Some((email, member.user_id)),
        None => stored.next().map(|user| (email, user.id)),
    });
    Ok(known.collect())
}

/// One page of users.
#[derive(Debug)]
pub(crate) struct UserPage {
    pub(crate) users: Vec<EmailOnlyUser>,
    pub(crate) total: u64,
    pub(crate) next: Option<String>,
    pub(crate) page_size: u32,
}

/// Lists users by address.
pub(crate) async fn list(state: &ApiState, actor: &Actor, parameters: &Parameters) -> Result<UserPage, AppError> {
    access::organization_only(actor)?;
    let page_size = parameters.page_size(20)?;
    let descending = parameters.word("sortDirection", &[("asc", false), ("desc", true)])?.unwrap_or(true);
    let (part, after) = (parameters.filled("email"), parameters.filled("cursor"));
    let page = state.store.list_users(part.as_deref(), after.as_deref(), page_size + 1, descending).await?;
    let mut users = page.rows;
    let more = users.len() > page_size as usize;
    users.truncate(page_size as usize);
    let next = if more { users.last().map(|user| user.email.to_string()) } else { None };
    Ok(UserPage { users, total: page.total, next, page_size })
}

/// Who was deleted, and who was not there.
#[derive(Debug)]
pub(crate) struct Deleted {
    pub(crate) users: Vec<EmailOnlyUser>,
    pub(crate) unknown_emails: Vec<String>,
    pub(crate) unknown_ids: Vec<String>,
}

/// Deletes users and takes them off every schedule (P9).
pub(crate) async fn delete(state: &ApiState, actor: &Actor, body: Option<&Map<String, Value>>) -> Result<Deleted, AppError> {
    access::organization_only(actor)?;
    let nothing = Map::new();
    let fields = Fields(body.unwrap_or(&nothing));
    let ids = fields.ids("userIds")?.value().unwrap_or_default();
    let emails = fields.emails("emails")?.value().unwrap_or_default();
    match ids.len() + emails.len() {
        0 => return Err(AppError::invalid("Please provide either valid email addresses, valid user IDs, or both")),
        count if count > DELETE_LIMIT => {
            return Err(AppError::invalid(format!("Maximum of {DELETE_LIMIT} users can be processed in a single request")));
        }
        _ => {}
    }
    let user_ids: Vec<UserId> = ids.iter().map(|(_, id)| UserId(*id)).collect();
    let users = state.store.delete_users(&emails, &user_ids, &actor.change(Verb::UserDeleted, state.clock.now())).await?;
    let unknown_emails = emails.iter().filter(|email| !users.iter().any(|user| user.email.same_as(email)));
    let unknown_ids = ids.iter().filter(|(_, id)| !users.iter().any(|user| user.id.0 == *id));
    Ok(Deleted {
        unknown_emails: unknown_emails.map(EmailAddress::to_string).collect(),
        unknown_ids: unknown_ids.map(|(text, _)| text.clone()).collect(),
        users,
    })
}
