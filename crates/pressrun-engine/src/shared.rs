//! Who looks through a link without a login, and what that audience may see now.
//!
//! A link was sent to one place on one schedule's list. Everything it needs is asked again at each visit: the schedule as it is
//! now, as if that place were alone on its list, goes through the same [`audience::resolve`] as a run. So a visitor sees what the next
//! mail would be computed from, and never more: rows by the recipient's attributes or the owner's (P1, Q1), only the delivered tile,
//! and nothing at all once the owner lost access (Q2) or the address left the list (P9, P12).

use jiff::Timestamp;
use pressrun_domain::catalog::{Catalog, Dashboard};
use pressrun_domain::destination::Destination;
use pressrun_domain::id::{RecipientId, ScheduleId};
use pressrun_domain::output::{Format, OutputOptions};
use pressrun_domain::schedule::{Definition, FilterConfig, fault};
use pressrun_store::{Store, StoreError};

use crate::links::{Links, SharedError, scope};
use crate::pipeline::audience::{self, Audience, Scene};

/// What a link opens.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// The schedule that sent the link.
    pub schedule: ScheduleId,
    /// The place on its list that it was sent to.
    pub recipient: RecipientId,
    /// The schedule's definition with the filters of the link and this one recipient.
    pub definition: Definition,
    /// Whose rows are seen.
    pub audience: Audience,
    /// Until when the link is good.
    pub expires: Timestamp,
}

impl Opened {
    /// What a page shows of the dashboard: the pages that were sent, of which a picture holds the first (V10).
    #[must_use]
    pub fn options(&self, dashboard: &Dashboard) -> OutputOptions {
        let mut pages = self.definition.options.pages.clone();
        if pages.is_empty() && self.definition.format == Format::Png {
            pages.extend(dashboard.pages.first().cloned());
        }
        OutputOptions { pages, ..OutputOptions::default() }
    }
}

/// Why a link opens nothing.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Not ours, or its time is over.
    #[error(transparent)]
    Link(#[from] SharedError),
    /// It is ours, but what it was made for is gone: the schedule, the place on its list, or the owner's access.
    #[error("what the link was made for is gone")]
    Withdrawn,
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

/// Opens a link at `now`.
///
/// # Errors
/// [`OpenError`].
pub async fn open(
    links: &Links,
    store: &dyn Store,
    catalog: &Catalog,
    now: Timestamp,
    token: &str,
    filters: &str,
) -> Result<Opened, OpenError> {
    let link = links.open_shared(token, filters, now)?;
    let schedule = store.schedule(link.schedule).await?.filter(|schedule| schedule.system_disabled.is_none());
    let mut definition = schedule.ok_or(OpenError::Withdrawn)?.definition;
    if fault(&definition, catalog).is_some() || scope(catalog.organization.fan_out, &definition) != link.scope {
        return Err(OpenError::Withdrawn);
    }
    let Destination::Email(email) = &mut definition.destination else { return Err(OpenError::Withdrawn) };
    email.retain(|recipient| recipient.id == link.recipient);
    email.groups.clear();
    let document = catalog.documents.get(&definition.identifier).ok_or(OpenError::Withdrawn)?;
    let dashboard = document.dashboard.as_ref().ok_or(OpenError::Withdrawn)?;
    // Visible filters stand in the address, under the signature; hidden ones never do (F11), so they are taken from the schedule.
    let stated: FilterConfig = if filters.is_empty() { FilterConfig::new() } else { read(filters)? };
    definition.filters.retain(|key, _| dashboard.filters.get(key).is_some_and(|filter| filter.hidden));
    definition.filters.extend(stated);
    if fault(&definition, catalog).is_some() {
        return Err(OpenError::Withdrawn);
    }
    let found = audience::resolve(Scene { catalog, document, dashboard, definition: &definition }, link.schedule, store).await?;
    let audience = found.audiences.into_iter().next().ok_or(OpenError::Withdrawn)?;
    Ok(Opened { schedule: link.schedule, recipient: link.recipient, definition, audience, expires: link.expires })
}

fn read(filters: &str) -> Result<FilterConfig, OpenError> {
    serde_json::from_str(filters).map_err(|_| OpenError::Link(SharedError::Unknown))
}

/// The part of the filters in force that a link spells out.
#[must_use]
pub fn stated(in_force: &FilterConfig, dashboard: &Dashboard) -> FilterConfig {
    let visible = |key| dashboard.filters.get(key).is_some_and(|filter| !filter.hidden);
    in_force.iter().filter(|(key, _)| visible(*key)).map(|(key, expression)| (key.clone(), expression.clone())).collect()
}
