//! `pressrun suppressions`: addresses that get no more mail, because mail to them came back.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use pressrun_domain::audit::{Change, Verb};
use pressrun_domain::bounce::Suppression;
use pressrun_domain::clock::Clock;
use pressrun_domain::email::EmailAddress;
use pressrun_store::Store;

use crate::app::open_existing_store;
use crate::clock::WallClock;
use crate::config::Settings;
use crate::show;

/// Rows that are read at once.
const PAGE: u32 = 500;

/// What to do with suppressed addresses.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List them: who, why and since when.
    List(List),
    /// Let an address get mail again.
    Lift(Lift),
}

/// Arguments of `pressrun suppressions list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only addresses with this in them, in any case.
    #[arg(long, value_name = "PART")]
    email: Option<String>,
    /// Configuration file; ./pressrun.toml, else /etc/pressrun/pressrun.toml, when there is one.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
}

/// Arguments of `pressrun suppressions lift`.
#[derive(Debug, Args)]
pub(crate) struct Lift {
    /// The address, in any case.
    email: EmailAddress,
    /// Configuration file; ./pressrun.toml, else /etc/pressrun/pressrun.toml, when there is one.
    #[arg(long)]
    config: Option<PathBuf>,
}

/// Runs `pressrun suppressions …`.
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    super::serve::runtime()?.block_on(async {
        match command {
            Command::List(arguments) => list(arguments).await,
            Command::Lift(arguments) => lift(arguments).await,
        }
    })
}

async fn list(arguments: List) -> anyhow::Result<ExitCode> {
    let store = open_existing_store(&Settings::for_command(arguments.config.as_deref())?).await?;
    let found = all(store.as_ref(), arguments.email.as_deref()).await?;
    if arguments.json {
        show::line(serde_json::Value::from(found.iter().map(as_json).collect::<Vec<_>>()));
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = vec![["ADDRESS", "WHY", "STATUS", "SINCE", "RUN", "WORDS"].map(str::to_owned)];
    rows.extend(found.iter().map(as_row));
    show::table(&rows);
    Ok(ExitCode::SUCCESS)
}

async fn all(store: &dyn Store, part: Option<&str>) -> anyhow::Result<Vec<Suppression>> {
    let mut found: Vec<Suppression> = Vec::new();
    loop {
        let after = found.last().map(|last| last.email.to_string());
        let page = store.list_suppressions(part, after.as_deref(), PAGE).await?;
        if page.rows.is_empty() {
            return Ok(found);
        }
        found.extend(page.rows);
    }
}

async fn lift(arguments: Lift) -> anyhow::Result<ExitCode> {
    let store = open_existing_store(&Settings::for_command(arguments.config.as_deref())?).await?;
    let change = Change::by_command_line(Verb::AddressReleased, WallClock.now());
    if !store.lift_suppression(&arguments.email, &change).await? {
        bail!("{} is not suppressed", arguments.email);
    }
    show::line(format!("{} gets mail again", arguments.email));
    Ok(ExitCode::SUCCESS)
}

fn as_row(row: &Suppression) -> [String; 6] {
    [
        row.email.to_string(),
        row.report.kind.as_str().to_owned(),
        row.report.status.clone().unwrap_or_default(),
        row.at.strftime("%Y-%m-%d %H:%MZ").to_string(),
        row.run.map(|run| run.to_string()).unwrap_or_default(),
        row.report.words.clone(),
    ]
}

/// With the names of `GET /api/v1/suppressions`.
fn as_json(row: &Suppression) -> serde_json::Value {
    serde_json::json!({
        "email": row.email.to_string(), "reason": row.report.kind.as_str(), "status": row.report.status, "detail": row.report.words,
        "at": row.at, "deliveryId": row.delivery, "runId": row.run, "scheduleId": row.schedule,
    })
}
