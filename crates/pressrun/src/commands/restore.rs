//! `pressrun restore`: a backup into the place where there is nothing yet.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::backup::restore::{Restored, restore};
use crate::config::Settings;
use crate::show;

/// Arguments of `pressrun restore`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Folder that `pressrun backup` made.
    folder: PathBuf,
    /// Configuration file of the server that is to go on. Its database must not exist.
    #[arg(long)]
    config: Option<PathBuf>,
}

/// Restores a backup.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let settings = Settings::for_command(arguments.config.as_deref())?;
    let progress = show::progress(None, "checking and copying");
    let restored = super::serve::runtime()?.block_on(restore(&settings, &arguments.folder));
    progress.finish_and_clear();
    let Restored { taken_at, database, artifacts, missing } = restored?;
    let files = if artifacts == 1 { "artifact" } else { "artifacts" };
    let taken_at = show::instant(taken_at);
    show::line(format!("restored {} as of {taken_at}, and {artifacts} {files}", database.display()));
    if missing > 0 {
        show::warning(format!(
            "{missing} artifacts that were to be delivered are not in the backup; those deliveries will fail and say so"
        ));
    }
    show::warning(format!(
        "what happened after {taken_at} is not known: who unsubscribed, which schedules and keys were made, changed or revoked, and what was delivered"
    ));
    show::hint(
        "what was under way then, and what came due since and is less than a day old, is sent when the server starts, under the marks that it had before",
    );
    show::hint("people have to sign in again");
    Ok(ExitCode::SUCCESS)
}
