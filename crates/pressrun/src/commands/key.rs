//! `pressrun key`: API keys.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use pressrun_catalog::{CatalogHandle, CatalogRules};
use pressrun_domain::audit::{Change, Verb};
use pressrun_domain::catalog::Catalog;
use pressrun_domain::clock::Clock;
use pressrun_domain::email::EmailAddress;
use pressrun_domain::key::{ApiKey, KeyKind, Scope, Scopes};
use pressrun_store::Store;

use crate::app::{fetch_published, open_existing_store, open_store};
use crate::clock::WallClock;
use crate::config::{CatalogFrom, Database, Settings, Source};
use crate::show;

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a key and print its token, once.
    Create(Create),
    /// List keys, without their tokens.
    List(List),
    /// Stop a key from working.
    Revoke(Revoke),
}

/// Where keys are.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// Configuration file; ./pressrun.toml, else /etc/pressrun/pressrun.toml, when there is one.
    #[arg(long)]
    config: Option<PathBuf>,
}

/// Arguments of `pressrun key list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    place: Place,
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
}

/// Arguments of `pressrun key create`.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// What the key may do.
    #[arg(long, value_enum)]
    kind: Kind,
    /// Address of the member it belongs to.
    #[arg(long)]
    member: EmailAddress,
    /// What it is for.
    #[arg(long, default_value = "")]
    name: String,
    /// What its requests may be about, with commas between: read, schedules, users, keys.
    #[arg(long = "scope", value_name = "SCOPES", default_value = "read,schedules,users,keys")]
    scopes: Scopes,
    /// When it stops working: an instant (2027-01-31T00:00:00Z), a day (2027-01-31, its beginning in UTC) or a time from now (90d, 12h).
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    #[command(flatten)]
    place: Place,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// Arguments of `pressrun key revoke`.
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// Id of the key, as `key list` prints it.
    id: String,
    #[command(flatten)]
    place: Place,
}

/// What a key may do.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// Everything, and act for members.
    Organization,
    /// What its member may do.
    Personal,
}

/// Runs `pressrun key …`.
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    super::serve::runtime()?.block_on(async {
        match command {
            Command::Create(create) => create_key(create).await,
            Command::List(arguments) => list(arguments).await,
            Command::Revoke(revoke) => revoke_key(revoke).await,
        }
    })
}

/// The catalog of the server that `settings` are of.
pub(crate) async fn catalog(settings: &Settings) -> anyhow::Result<Arc<Catalog>> {
    // A command leaves nothing behind.
    let rules = CatalogRules { last_good: None, ..settings.catalog.rules(&settings.spool)? };
    let dir = match settings.catalog.source {
        CatalogFrom::Folder => settings.catalog.path.clone(),
        CatalogFrom::Published => fetch_published(settings, open_existing_store(settings).await?.as_ref()).await?.dir,
    };
    Ok(CatalogHandle::open_with(dir, Arc::new(WallClock), rules)?.current())
}

async fn create_key(create: Create) -> anyhow::Result<ExitCode> {
    let settings = Settings::for_command(create.place.config.as_deref())?;
    let catalog = catalog(&settings).await?;
    let Some(member) = catalog.member_by_email(&create.member) else {
        bail!("people.yaml has no member with the address {}", create.member);
    };
    if !member.active {
        bail!("{} is deactivated in people.yaml: the key would not work", create.member);
    }
    if create.scopes == Scopes::NONE {
        bail!("--scope names nothing: choose some of read, schedules, users, keys");
    }
    let now = WallClock.now();
    let expires_at = create.expires.as_deref().map(|text| expiry(text, now)).transpose()?;
    let store = store_for_first_key(&settings).await?;
    let kind = match create.kind {
        Kind::Organization => KeyKind::Organization,
        Kind::Personal => KeyKind::Personal,
    };
    let (token, key, hash) = pressrun_api::mint(kind, member.id, &create.name, now).context("could not make a token")?;
    let key = ApiKey { scopes: create.scopes, expires_at, ..key };
    store.insert_key(&key, hash, &Change::by_command_line(Verb::KeyCreated, now)).await?;
    if create.json {
        show::line(serde_json::json!({
            "id": key.id, "kind": kind.as_str(), "member": create.member, "scopes": words(key.scopes), "expiresAt": key.expires_at,
            "token": token.expose(),
        }));
    } else {
        show::line(token.expose());
        show::hint("this token is shown once; send it as `Authorization: Bearer <token>`");
    }
    Ok(ExitCode::SUCCESS)
}

/// The database, which the first key of a new server may make, as long as somebody wrote down where it is to be: a command without a
/// configuration, in the wrong folder, makes nothing.
async fn store_for_first_key(settings: &Settings) -> anyhow::Result<Arc<dyn Store>> {
    if let Database::Sqlite(path) = settings.store.database()?
        && !path.is_file()
        && settings.source != Source::Defaults
    {
        show::hint(format!("there was no database {}; it is made now", path.display()));
        return open_store(settings).await;
    }
    open_existing_store(settings).await
}

async fn list(arguments: List) -> anyhow::Result<ExitCode> {
    let settings = Settings::for_command(arguments.place.config.as_deref())?;
    let store = open_existing_store(&settings).await?;
    let keys = store.list_keys(None).await?;
    // Without a catalog keys are still told, their members by id.
    let catalog = catalog(&settings).await.ok();
    let now = WallClock.now();
    if arguments.json {
        let keys: Vec<_> = keys.iter().map(|key| as_json(key, catalog.as_deref(), now)).collect();
        show::line(serde_json::Value::from(keys));
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = vec![["ID", "TYPE", "MEMBER", "STATE", "SCOPES", "MADE", "EXPIRES", "LAST USED", "TOKEN", "NAME"].map(str::to_owned)];
    rows.extend(keys.iter().map(|key| as_row(key, catalog.as_deref(), now)));
    show::table(&rows);
    Ok(ExitCode::SUCCESS)
}

/// The address of a key's member, or the id of one who is gone.
fn member(key: &ApiKey, catalog: Option<&Catalog>) -> String {
    let member = catalog.and_then(|catalog| catalog.member(key.member.0));
    member.map_or_else(|| key.member.to_string(), |member| member.email.to_string())
}

/// Whether a key works, and why not. Without a catalog nobody knows of its member.
fn state(key: &ApiKey, catalog: Option<&Catalog>, now: Timestamp) -> &'static str {
    match (key.revoked_at, key.expires_at) {
        (Some(_), _) => "revoked",
        (None, Some(at)) if at <= now => "expired",
        (None, _) if catalog.is_some_and(|catalog| !key.works(catalog, now)) => "member gone",
        (None, _) => "active",
    }
}

fn words(scopes: Scopes) -> Vec<&'static str> {
    scopes.iter().map(Scope::as_str).collect()
}

fn as_row(key: &ApiKey, catalog: Option<&Catalog>, now: Timestamp) -> [String; 10] {
    let minute = |at: Timestamp| at.strftime("%Y-%m-%d %H:%MZ").to_string();
    [
        key.id.to_string(),
        key.kind.as_str().to_owned(),
        member(key, catalog),
        state(key, catalog, now).to_owned(),
        words(key.scopes).join(","),
        minute(key.created_at),
        key.expires_at.map_or_else(|| "never".to_owned(), minute),
        key.last_used_at.map_or_else(|| "never".to_owned(), minute),
        format!("{}…", key.prefix),
        key.name.clone(),
    ]
}

fn as_json(key: &ApiKey, catalog: Option<&Catalog>, now: Timestamp) -> serde_json::Value {
    serde_json::json!({
        "id": key.id, "kind": key.kind.as_str(), "member": member(key, catalog), "state": state(key, catalog, now),
        "scopes": words(key.scopes), "createdAt": key.created_at, "expiresAt": key.expires_at, "lastUsedAt": key.last_used_at,
        "revokedAt": key.revoked_at, "prefix": key.prefix, "name": key.name,
    })
}

/// An instant, a day or a time from now.
fn expiry(text: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    let after = |number: &str, hours: i64| {
        let hours = number.parse::<u32>().ok().map(|count| i64::from(count) * hours);
        hours.and_then(|hours| now.checked_add(SignedDuration::from_hours(hours)).ok())
    };
    let day = || jiff::tz::TimeZone::UTC.to_timestamp(text.parse::<jiff::civil::Date>().ok()?.at(0, 0, 0, 0)).ok();
    let at = match (text.strip_suffix('d'), text.strip_suffix('h')) {
        (Some(days), _) => after(days, 24),
        (None, Some(hours)) => after(hours, 1),
        (None, None) => text.parse().ok().or_else(day),
    };
    let Some(at) = at else { bail!("--expires {text:?} is not understood; write 2027-01-31, 2027-01-31T12:00:00Z, 90d or 12h") };
    if at <= now {
        bail!("--expires {text:?} is not in the future");
    }
    Ok(at)
}

async fn revoke_key(revoke: Revoke) -> anyhow::Result<ExitCode> {
    let settings = Settings::for_command(revoke.place.config.as_deref())?;
    let id = revoke.id.parse().with_context(|| format!("{:?} is no key id", revoke.id))?;
    let store = open_existing_store(&settings).await?;
    if !store.revoke_key(id, &Change::by_command_line(Verb::KeyRevoked, WallClock.now())).await? {
        bail!("there is no active key {id}");
    }
    show::line(format!("revoked {id}"));
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m4_a_key_expires_at_an_instant_a_day_or_after_a_time() {
        let now: Timestamp = "2026-11-30T10:00:00Z".parse().expect("an instant");
        for (text, expected) in [
            ("2027-01-31T12:00:00Z", "2027-01-31T12:00:00Z"),
            ("2027-01-31", "2027-01-31T00:00:00Z"),
            ("90d", "2027-02-28T10:00:00Z"),
            ("12h", "2026-11-30T22:00:00Z"),
        ] {
            assert_eq!(expiry(text, now).expect(text).to_string(), expected, "{text}");
        }
        for text in ["", "d", "0d", "-5d", "99999999999d", "4294967295d", "soon", "2026-11-30", "2026-11-30T09:59:59Z"] {
            assert!(expiry(text, now).is_err(), "{text}");
        }
    }
}
