//! `pressrun backup`: a copy of what an installation remembers.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::backup::take::{BackedUp, Extent, take};
use crate::config::Settings;
use crate::show;

/// Arguments of `pressrun backup`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Folder to make. Until it is whole it has another name, which ends in .incomplete.
    folder: PathBuf,
    /// Configuration file of the server.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Copy every artifact that is kept for downloads and resends, not only those that are still to be delivered.
    #[arg(long)]
    all_artifacts: bool,
    /// Leave the sealing key out: keep it apart, and put it back before a restore.
    #[arg(long)]
    without_key: bool,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// Takes a backup; the server may run.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { folder, config, all_artifacts, without_key, json } = arguments;
    let settings = Settings::for_command(config.as_deref())?;
    let progress = show::progress(None, "copying");
    let extent = Extent { all_artifacts, key: !without_key };
    let taken = super::serve::runtime()?.block_on(take(&settings, &folder, extent));
    progress.finish_and_clear();
    let BackedUp { taken_at, bytes, artifacts, missing, has_key } = taken?;
    if json {
        show::line(serde_json::json!({
            "folder": folder, "takenAt": taken_at, "bytes": bytes, "artifacts": artifacts, "missingArtifacts": missing, "hasKey": has_key,
        }));
        return Ok(ExitCode::SUCCESS);
    }
    let files = if artifacts == 1 { "artifact" } else { "artifacts" };
    let taken_at = show::instant(taken_at);
    show::line(format!("backed up to {} as of {taken_at}: {bytes} bytes, {artifacts} {files}", folder.display()));
    if missing > 0 {
        show::warning(format!("{missing} artifacts that are still to be delivered are not in the spool; manifest.json names them"));
    }
    if has_key {
        show::warning("the backup holds the key that opens every stored secret: whoever can read it can use them");
    } else {
        show::hint("the backup holds no sealing key: keep the key with your other secrets, for nothing else opens what is sealed in it");
    }
    show::hint("the configuration and the catalog are files of yours and not in it");
    Ok(ExitCode::SUCCESS)
}
