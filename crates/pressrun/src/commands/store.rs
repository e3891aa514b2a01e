//! `pressrun store copy`: from SQLite to PostgreSQL.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use pressrun_store::{CopiedTable, PostgresStore, SqliteStore};

use crate::config::{Database, Settings};
use crate::{sealing, show};

/// What is done with the rows.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Copy all rows of an SQLite file into the empty PostgreSQL database of the configuration, and compare them one by one.
    Copy(Copy),
}

/// Arguments of `pressrun store copy`.
#[derive(Debug, Args)]
pub(crate) struct Copy {
    /// The SQLite file. Its server must have stopped.
    #[arg(long)]
    from: PathBuf,
    /// Configuration file of the server that is to go on, with store.url = "postgres://…" and the sealing key of the file.
    #[arg(long)]
    config: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    let Command::Copy(arguments) = command;
    super::serve::runtime()?.block_on(copy(arguments))
}

async fn copy(Copy { from, config }: Copy) -> anyhow::Result<ExitCode> {
    let settings = Settings::for_command(config.as_deref())?;
    let Database::Postgres(database) = settings.store.database()? else {
        bail!("store.url names an SQLite file: name the PostgreSQL database that is to have the rows");
    };
    if !from.is_file() {
        bail!("there is no file {}", from.display());
    }
    let named = || format!("could not open the database {}", from.display());
    // Brings the file to the schema of this version, and finds whether the key is its own.
    let file = SqliteStore::open(&from, sealing::sealer(&settings)?).await.with_context(named)?;
    if file.is_served() {
        bail!("a server works on {}: stop it first, or what it does meanwhile is lost", from.display());
    }
    file.close().await;
    let store = PostgresStore::open(&database, sealing::sealer(&settings)?).await.context("could not open the database of store.url")?;
    let progress = show::progress(None, "copying and comparing");
    let copied = store.take_in(&from).await;
    progress.finish_and_clear();
    let copied = copied?;
    for CopiedTable { table, rows } in copied.iter().filter(|copied| copied.rows > 0) {
        show::line(format!("{rows:>12}  {table}"));
    }
    show::line(format!("{:>12}  rows in all, each compared", copied.iter().map(|copied| copied.rows).sum::<u64>()));
    show::hint("the spool is not copied: let the new server use the folder of the old one");
    show::hint(format!("do not start the old server again; move {} away", from.display()));
    Ok(ExitCode::SUCCESS)
}
