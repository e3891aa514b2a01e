//! Reading the audit: organization keys and admins only.

use jiff::Timestamp;
use pressrun_domain::access::Actor;
use pressrun_domain::audit::{Entry, ObjectKind, Verb};
use pressrun_domain::id::MembershipId;
use pressrun_store::AuditQuery;

use super::access::granted;
use super::error::AppError;
use super::list::Parameters;
use crate::state::ApiState;

/// Agents that are no members.
const OTHERS: [&str; 6] = ["organization", "personal", "recipient", "commandLine", "system", "unknown"];

/// Entries of one page, newest first.
#[derive(Debug)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<Entry>,
    /// What the next page begins after; `None` on the last one.
    pub next: Option<u64>,
    /// The size that was asked for.
    pub page_size: u32,
}

/// One page of what `parameters` ask for.
pub(crate) async fn list(state: &ApiState, actor: &Actor, parameters: &Parameters) -> Result<AuditPage, AppError> {
    granted(actor.is_admin(&state.catalog.current()))?;
    let page_size = parameters.page_size(100)?;
    let mut query = query(parameters)?;
    query.limit = page_size + 1;
    let mut entries = state.store.audit(&query).await?;
    let more = entries.len() > page_size as usize;
    entries.truncate(page_size as usize);
    let next = entries.last().filter(|_| more).map(|entry| entry.seq);
    Ok(AuditPage { entries, next, page_size })
}

fn query(parameters: &Parameters) -> Result<AuditQuery, AppError> {
    let mut query = AuditQuery::default();
    if let Some(actor) = parameters.filled("actor") {
        match OTHERS.iter().find(|word| **word == actor) {
            Some(word) => query.agent = Some(word),
            None => {
                let expected = format!("Expected the id of a member or one of {}", OTHERS.join(", "));
                let member = pressrun_domain::id::parse_uuid(&actor).map_err(|_| AppError::field("actor", expected))?;
                query.member = Some(MembershipId(member));
            }
        }
    }
    query.verb = word(parameters, "action", Verb::ALL, Verb::as_str)?;
    let kind = word(parameters, "objectType", ObjectKind::ALL, ObjectKind::as_str)?;
    query.object = match (kind, parameters.filled("objectId")) {
        (Some(kind), id) => Some((kind, id)),
        (None, None) => None,
        (None, Some(_)) => return Err(AppError::required("objectType")),
    };
    query.from = instant(parameters, "from")?;
    query.to = instant(parameters, "to")?;
    query.before = match parameters.filled("cursor") {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| AppError::field("cursor", "Expected the nextCursor of the page before"))?),
    };
    Ok(query)
}

fn word<T: Copy>(
    parameters: &Parameters,
    name: &'static str,
    all: &[T],
    as_str: impl Fn(T) -> &'static str,
) -> Result<Option<T>, AppError> {
    let Some(text) = parameters.filled(name) else { return Ok(None) };
    let found = all.iter().copied().find(|value| as_str(*value) == text);
    let words = || all.iter().map(|value| as_str(*value)).collect::<Vec<_>>().join(", ");
    found.map(Some).ok_or_else(|| AppError::field(name, format!("Expected one of {}", words())))
}

fn instant(parameters: &Parameters, name: &'static str) -> Result<Option<Timestamp>, AppError> {
    let Some(text) = parameters.filled(name) else { return Ok(None) };
    // A blank is what an unescaped plus sign of an offset becomes on the way.
    let parsed = text.replace(' ', "+").parse();
    parsed.map(Some).map_err(|_| AppError::field(name, "Expected an instant such as 2025-07-23T21:43:39Z"))
}
