//! `pressrun key`: API keys.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use pressrun_catalog::CatalogHandle;
use pressrun_domain::clock::Clock;
use pressrun_domain::email::EmailAddress;
use pressrun_domain::key::KeyKind;
use pressrun_store::Store;

use crate::app::{open_existing_store, open_store};
use crate::clock::WallClock;
use crate::config::{Settings, Source};
use crate::show;

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a key and print its token, once.
    Create(Create),
    /// List keys, without their tokens.
    List(Place),
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
            Command::List(place) => list(place).await,
            Command::Revoke(revoke) => revoke_key(revoke).await,
        }
    })
}

async fn create_key(create: Create) -> anyhow::Result<ExitCode> {
    let settings = Settings::for_command(create.place.config.as_deref())?;
    let catalog = CatalogHandle::open(&settings.catalog.path, Arc::new(WallClock))?.current();
    let Some(member) = catalog.member_by_email(&create.member) else {
        bail!("people.yaml has no member with the address {}", create.member);
    };
    let store = store_for_first_key(&settings).await?;
    let kind = match create.kind {
        Kind::Organization => KeyKind::Organization,
        Kind::Personal => KeyKind::Personal,
    };
    let (token, key, hash) = pressrun_api::mint(kind, member.id, &create.name, WallClock.now()).context("could not make a token")?;
    store.insert_key(&key, hash).await?;
    if create.json {
        show::line(serde_json::json!({ "id": key.id, "kind": kind.as_str(), "member": create.member, "token": token.expose() }));
    } else {
        show::line(token.expose());
        show::hint("this token is shown once; send it as `Authorization: Bearer <token>`");
    }
    Ok(ExitCode::SUCCESS)
}

/// The database, which the first key of a new server may make, as long as somebody wrote down where it is to be: a command without a
/// configuration, in the wrong folder, makes nothing.
async fn store_for_first_key(settings: &Settings) -> anyhow::Result<Arc<dyn Store>> {
    let path = settings.store.sqlite_path()?;
    if path.is_file() || settings.source == Source::Defaults {
        return open_existing_store(settings).await;
    }
    show::hint(format!("there was no database {}; it is made now", path.display()));
    open_store(settings).await
}

async fn list(place: Place) -> anyhow::Result<ExitCode> {
    let settings = Settings::for_command(place.config.as_deref())?;
    let store = open_existing_store(&settings).await?;
    for key in store.list_keys().await? {
        let state = key.revoked_at.map_or_else(|| "active".to_owned(), |at| format!("revoked {at}"));
        show::line(format!("{}  {:<12}  {}…  {}  {state}  {}", key.id, key.kind.as_str(), key.prefix, key.created_at, key.name));
    }
    Ok(ExitCode::SUCCESS)
}

async fn revoke_key(revoke: Revoke) -> anyhow::Result<ExitCode> {
    let settings = Settings::for_command(revoke.place.config.as_deref())?;
    let id = revoke.id.parse().with_context(|| format!("{:?} is no key id", revoke.id))?;
    let store = open_existing_store(&settings).await?;
    if !store.revoke_key(id, WallClock.now()).await? {
        bail!("there is no active key {id}");
    }
    show::line(format!("revoked {id}"));
    Ok(ExitCode::SUCCESS)
}
