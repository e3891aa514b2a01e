//! What the catalog and the operator's policy say of a definition (contract §5.1.7 rows 10 to 14 and 18, D5, P13, T7).

use pressrun_domain::access;
use pressrun_domain::catalog::{Catalog, Dashboard, Member};
use pressrun_domain::destination::{Destination, EmailSettings, Host, Recipient};
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::TileKey;
use pressrun_domain::output::Format;
use pressrun_domain::schedule::Definition;
use pressrun_domain::text;
use pressrun_store::Names;

use super::access::granted;
use super::destination::Lists;
use super::edit::{self, Asks};
use super::error::AppError;
use super::filters;
use crate::state::ApiState;

/// Asks the catalog, in the contract's order: 10, 11, 12, 18, 14, 13.
pub(crate) fn against_catalog(definition: &Definition, catalog: &Catalog, owner: Option<&Member>, asks: Asks) -> Result<(), AppError> {
    let document = catalog.documents.get(&definition.identifier);
    let dashboard = document.and_then(|document| document.dashboard.as_ref());
    if asks.document {
        let document = document.ok_or_else(|| AppError::NoDocument(definition.identifier.0.clone()))?;
        if !document.saved {
            return Err(AppError::invalid("Analyses do not support dashboards."));
        }
        if dashboard.is_none() {
            return Err(AppError::invalid("Document does not have a dashboard"));
        }
        if document.access.no_new_schedules || !owner.is_some_and(|owner| catalog.may_view(owner, document)) {
            return Err(AppError::Denied);
        }
    }
    let Some(dashboard) = dashboard else { return Ok(()) };
    if asks.tile {
        known(dashboard, definition.tile.as_ref())?;
    }
    if asks.condition {
        known(dashboard, definition.condition.as_ref().map(|condition| &condition.tile))?;
    }
    pages(definition, dashboard)?;
    if asks.filters { filters::check(&definition.filters, dashboard) } else { Ok(()) }
}

/// What to say of filter expressions in words that are not known here.
pub(crate) fn unknown_filter_words(definition: &Definition, catalog: &Catalog) -> Vec<String> {
    let dashboard = catalog.documents.get(&definition.identifier).and_then(|document| document.dashboard.as_ref());
    dashboard.map(|dashboard| filters::unknown_words(&definition.filters, dashboard)).unwrap_or_default()
}

/// Refuses what would widen a schedule whose document takes no more (X8).
pub(crate) fn may_widen(definition: &Definition, catalog: &Catalog) -> Result<(), AppError> {
    granted(access::may_widen(catalog, definition))
}

fn known(dashboard: &Dashboard, key: Option<&TileKey>) -> Result<(), AppError> {
    match key {
        Some(key) if dashboard.query(key).is_none() => Err(AppError::invalid(format!("Couldn't find query presentation for key: {key}"))),
        _ => Ok(()),
    }
}

/// V10: the pages exist, each is named once, and a picture holds one.
fn pages(definition: &Definition, dashboard: &Dashboard) -> Result<(), AppError> {
    let wanted = &definition.options.pages;
    if let Some(unknown) = wanted.iter().find(|page| !dashboard.pages.contains(page)) {
        let valid = if dashboard.pages.is_empty() { "none, it has one page".to_owned() } else { dashboard.pages.join(", ") };
        return Err(AppError::invalid(format!("Unknown page: {unknown}. Valid pages: {valid}")));
    }
    if let Some(repeated) = wanted.iter().enumerate().find(|(index, page)| wanted[..*index].contains(page)).map(|(_, page)| page) {
        return Err(AppError::invalid(format!("Page {repeated} is named twice")));
    }
    if definition.format == Format::Png && definition.tile.is_none() && wanted.len() > 1 {
        return Err(AppError::invalid("PNG format requires exactly one page"));
    }
    Ok(())
}

/// Asks the operator's policy: cadence floor, and where deliveries may go.
pub(crate) async fn against_policy(state: &ApiState, definition: &Definition) -> Result<(), AppError> {
    if let Some(floor) = state.config.cadence_floor {
        let cron = edit::cron(&definition.cron)?;
        let zone = pressrun_cron::zone(&definition.timezone).map_err(|_| AppError::field("timezone", "Time zone must be IANA valid."))?;
        if cron.shortest_interval_after(state.clock.now(), &zone).is_some_and(|shortest| shortest < floor) {
            return Err(AppError::field(
                "schedule",
                format!("Schedule fires more often than once in {floor:#}, the shortest distance this server allows"),
            ));
        }
    }
    match &definition.destination {
        Destination::Webhook(webhook) => {
            let url = webhook.address().map_err(|fault| AppError::field("url", fault.to_string()))?;
            state.urls.check_url(url.url()).await.map_err(|reason| AppError::field("url", reason))
        }
        Destination::Sftp(sftp) => {
            let host = Host::of_sftp_address(&sftp.address)
                .map_err(|fault| AppError::field("address", format!("Invalid SFTP address: {fault}")))?;
            state.urls.check_host(&host.to_string(), sftp.port).await.map_err(|reason| AppError::field("address", reason))?;
            if let Some(key) = &sftp.private_key {
                let checked = state.urls.check_private_key(key, sftp.passphrase.as_ref());
                checked.map_err(|reason| AppError::field("privateKeyUnencrypted", reason))?;
            }
            Ok(())
        }
        Destination::S3(s3) => {
            let allowed = state.config.s3_buckets.as_ref().is_none_or(|buckets| buckets.contains(&s3.bucket_name));
            let fault = "This server may not write into this bucket; ask the operator to list it under [s3] buckets";
            if allowed { Ok(()) } else { Err(AppError::field("bucketName", fault)) }
        }
        Destination::Email(_) | Destination::Slack(_) => Ok(()),
    }
}

/// Refuses copies of personal mail: each holds one person's rows, which are nobody else's (P1). `lists` replace those of `email`.
pub(crate) fn copies(email: &EmailSettings, lists: &Lists, catalog: &Catalog) -> Result<(), AppError> {
    if !catalog.organization.fan_out.is_personal(email.fan_out) {
        return Ok(());
    }
    let named = |given: Option<&[EmailAddress]>, kept: &[Recipient]| given.map_or(!kept.is_empty(), |given| !given.is_empty());
    let copied = [("cc", named(lists.cc.as_deref(), &email.cc)), ("bcc", named(lists.bcc.as_deref(), &email.bcc))];
    let fault = "Not possible with personal copies (fanOut): each holds one person's rows; name the address among recipients instead";
    match copied.into_iter().find(|(_, named)| *named) {
        Some((field, _)) => Err(AppError::field(field, fault)),
        None => Ok(()),
    }
}

/// Says that a schedule by mail cannot deliver on this server yet (H7).
pub(crate) fn no_mail(state: &ApiState, definition: &Definition) -> Option<String> {
    (definition.destination.email().is_some() && !state.config.mail)
        .then(|| "mail is not configured on this server: until the operator sets mail.url, every run ends with ERROR".to_owned())
}

/// Refuses addresses outside the organization's mail domains (P13).
pub(crate) fn allowed_domains(catalog: &Catalog, field: &'static str, emails: &[EmailAddress]) -> Result<(), AppError> {
    let allowed = &catalog.organization.allowed_domains;
    let outside: Vec<&str> =
        emails.iter().filter(|email| !allowed.is_empty() && !allowed.contains(&email.domain())).map(EmailAddress::as_str).collect();
    if outside.is_empty() {
        return Ok(());
    }
    Err(AppError::field(
        field,
        format!("{} may not receive deliveries; addresses have to be in {}", text::listed(&outside), allowed.join(", ")),
    ))
}

/// What the list shows of the catalog; ids stand in for what is gone.
pub(crate) fn names(catalog: &Catalog, definition: &Definition) -> Names {
    let document = catalog.documents.get(&definition.identifier);
    let dashboard = document.and_then(|document| document.dashboard.as_ref());
    let watched = definition.condition.as_ref().and_then(|condition| dashboard?.tiles.get(&condition.tile));
    Names {
        dashboard: document.map_or_else(|| definition.identifier.0.clone(), |document| document.name.clone()),
        owner: catalog.member(definition.owner.0).map_or_else(|| definition.owner.to_string(), |member| member.name.clone()),
        condition_query: watched.map(|tile| tile.title.clone()),
    }
}
