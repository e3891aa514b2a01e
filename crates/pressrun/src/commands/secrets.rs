//! `pressrun secrets`: the keys that seal secrets at rest.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use clap::{Args, Subcommand};
use pressrun_domain::audit::{Change, Object, ObjectKind, Verb};
use pressrun_domain::clock::Clock as _;
use pressrun_store::{Sealer, Store};

use crate::app::open_existing_store;
use crate::clock::WallClock;
use crate::config::Settings;
use crate::sealing::{self, KeyPlace};
use crate::show;

/// What to do with the keys that seal secrets.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Seal every secret anew under a new key, after which the old one is not needed any more.
    ///
    /// The key file is changed in place, and servers that run follow it. When the keys stand in the configuration or the environment, put
    /// the new key first, restart the servers, and run this; then take the old key away. It may be stopped and run again at any time.
    Rotate(Rotate),
    /// Print a new key, for `secrets.keys` or a key file.
    NewKey,
}

/// Arguments of `pressrun secrets rotate`.
#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// Configuration file.
    #[arg(long)]
    config: Option<PathBuf>,
}

/// Runs `pressrun secrets …`.
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::NewKey => show::line(Sealer::generate_key()?.expose()),
        Command::Rotate(arguments) => {
            let settings = Settings::for_command(arguments.config.as_deref())?;
            super::serve::runtime()?.block_on(rotate(&settings))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn rotate(settings: &Settings) -> anyhow::Result<()> {
    match KeyPlace::of(settings)? {
        KeyPlace::Settings if settings.secrets.keys.len() < 2 => {
            bail!(
                "secrets.keys holds one key: put a new one before it (`pressrun secrets new-key` prints one), restart the servers, and run this again"
            );
        }
        KeyPlace::Settings => {
            let store = open_to_rotate(settings).await?;
            let sealed = reseal(&store).await?;
            show::line(format!("sealed {sealed} secrets anew; secrets.keys needs its first key only"));
        }
        KeyPlace::File(file) => {
            let store = open_to_rotate(settings).await?;
            let sealed = rotate_file(&store, &file).await?;
            show::line(format!("sealed {sealed} secrets anew; {} holds the new key only", file.display()));
            show::hint("keep it with your backups: older backups of the database open with the old key only");
        }
    }
    Ok(())
}

/// Opens the database and tells the audit what is about to happen: a rotation that is stopped half way has happened too.
async fn open_to_rotate(settings: &Settings) -> anyhow::Result<Arc<dyn Store>> {
    let store = open_existing_store(settings).await?;
    let change = Change::by_command_line(Verb::SecretsRotated, WallClock.now());
    store.record(&change, &Object::new(ObjectKind::Secrets, "", ""), 1).await?;
    Ok(store)
}

/// New key in, everything sealed anew, old keys out. A file with several keys is a rotation that was stopped: it goes on.
async fn rotate_file(store: &Arc<dyn Store>, file: &Path) -> anyhow::Result<u64> {
    let mut keys = sealing::read(file)?;
    if keys.len() == 1 {
        keys.insert(0, Sealer::generate_key()?);
        sealing::replace(file, &keys)?;
    }
    let sealed = reseal(store).await?;
    sealing::replace(file, &keys[..1])?;
    // What a server had begun to write before it saw the new key; this process still knows the old one.
    Ok(sealed + reseal(store).await?)
}

/// Seals until nothing stands under an older key.
async fn reseal(store: &Arc<dyn Store>) -> anyhow::Result<u64> {
    let progress = show::progress(None, "sealing secrets anew");
    let mut sealed = 0;
    loop {
        let changed = store.reseal_all().await?;
        if changed == 0 {
            progress.finish_and_clear();
            return Ok(sealed);
        }
        sealed += changed;
        progress.set_message(format!("sealed {sealed} secrets anew"));
    }
}
