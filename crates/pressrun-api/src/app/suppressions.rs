//! Addresses that get no more mail, and what comes back of mail.

use pressrun_domain::access::Actor;
use pressrun_domain::audit::Verb;
use pressrun_domain::bounce::Suppression;
use pressrun_domain::catalog::Catalog;
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::ScheduleId;
use pressrun_domain::schedule::Definition;

use super::access;
use super::error::AppError;
use super::list::Parameters;
use crate::state::{ApiState, CameBack};

/// Most addresses that a warning names.
const NAMED: usize = 3;

/// One page of suppressed addresses.
#[derive(Debug)]
pub struct SuppressionPage {
    /// By address.
    pub rows: Vec<Suppression>,
    /// How many there are on all pages.
    pub total: u64,
    /// Cursor of the next page, if there is one.
    pub next: Option<String>,
    /// How many fit on a page.
    pub page_size: u32,
}

/// Lists suppressed addresses.
pub(crate) async fn list(state: &ApiState, actor: &Actor, parameters: &Parameters) -> Result<SuppressionPage, AppError> {
    admin(state, actor)?;
    let page_size = parameters.page_size(100)?;
    let (part, after) = (parameters.filled("email"), parameters.filled("cursor"));
    let page = state.store.list_suppressions(part.as_deref(), after.as_deref(), page_size + 1).await?;
    let mut rows = page.rows;
    let more = rows.len() > page_size as usize;
    rows.truncate(page_size as usize);
    let next = if more { rows.last().map(|row| row.email.to_string()) } else { None };
    Ok(SuppressionPage { rows, total: page.total, next, page_size })
}

/// Lets an address get mail again.
pub(crate) async fn lift(state: &ApiState, actor: &Actor, email: &str) -> Result<(), AppError> {
    admin(state, actor)?;
    let address: EmailAddress = email.parse().map_err(|_| AppError::field("email", "Invalid email address"))?;
    let change = actor.change(Verb::AddressReleased, state.clock.now());
    if state.store.lift_suppression(&address, &change).await? { Ok(()) } else { Err(AppError::NoSuppression(email.to_owned())) }
}

/// Takes in a mail that came back.
pub(crate) async fn take_in(state: &ApiState, actor: &Actor, mail: &[u8]) -> Result<CameBack, AppError> {
    access::organization_only(actor)?;
    let taken = state.engine.take_in(mail).await?;
    taken.ok_or(AppError::invalid("Mail has no return path on this server; the operator sets mail.return_path"))
}

fn admin(state: &ApiState, actor: &Actor) -> Result<(), AppError> {
    access::granted(actor.is_admin(&state.catalog.current()))
}

/// Says which recipients get nothing because earlier mail to them came back. Who may not list suppressed addresses is told of those that this
/// schedule's own mail did not reach: its owner heard of them then. To ask for others' would only take an address and a schedule.
pub(crate) async fn warning(
    state: &ApiState,
    actor: &Actor,
    catalog: &Catalog,
    schedule: ScheduleId,
    definition: &Definition,
) -> Result<Option<String>, AppError> {
    let Some(email) = definition.destination.email() else { return Ok(None) };
    let grouped = email.groups.iter().filter_map(|id| catalog.group(*id)).flat_map(|group| &group.members);
    let grouped = grouped.filter_map(|id| catalog.member(id.0)).map(|member| member.email.clone());
    let addresses: Vec<EmailAddress> = email.named().map(|place| place.email.clone()).chain(grouped).collect();
    let knows_all = actor.is_admin(catalog);
    let mut found = state.store.suppressed(&addresses).await?;
    found.retain(|row| knows_all || row.schedule == schedule);
    if found.is_empty() {
        return Ok(None);
    }
    let first: Vec<String> = found.iter().take(NAMED).map(|row| format!("{} ({})", row.email, row.report.words)).collect();
    let more = match found.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Ok(Some(format!(
        "{} recipient(s) get nothing, because earlier mail to them came back: {}{more}; an administrator can lift that",
        found.len(),
        first.join(", "),
    )))
}
