//! `pressrun cron`: when an expression fires.

use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use pressrun_cron::{CronExpression, DstNote};
use pressrun_domain::clock::Clock;

use crate::clock::WallClock;
use crate::show;

/// What to look into.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the next instants of an expression; those that daylight saving moved are marked.
    Next(Next),
}

/// Arguments of `pressrun cron next`.
#[derive(Debug, Args)]
pub(crate) struct Next {
    /// Six fields: minute hour day-of-month month day-of-week year.
    expression: String,
    /// IANA time zone.
    #[arg(long, default_value = "UTC")]
    timezone: String,
    /// How many.
    #[arg(short = 'n', long = "count", default_value_t = 10)]
    count: usize,
    /// Instant after which to look, such as 2026-01-01T00:00:00Z; now when absent.
    #[arg(long)]
    from: Option<Timestamp>,
    /// Print a JSON array of UTC instants.
    #[arg(long)]
    json: bool,
}

/// Runs `pressrun cron …`.
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Next(next) => next_instants(&next),
    }
}

fn next_instants(next: &Next) -> anyhow::Result<ExitCode> {
    let expression: CronExpression = next.expression.parse().with_context(|| format!("{:?} is not valid", next.expression))?;
    let zone = pressrun_cron::zone(&next.timezone).with_context(|| format!("timezone {:?} is not valid", next.timezone))?;
    let from = next.from.unwrap_or_else(|| WallClock.now());
    let occurrences: Vec<_> = expression.occurrences(from, &zone).take(next.count).collect();
    if next.json {
        let instants: Vec<String> = occurrences.iter().map(|occurrence| occurrence.at.to_string()).collect();
        show::line(serde_json::to_string(&instants)?);
        return Ok(ExitCode::SUCCESS);
    }
    show::line(format!("{} ({})", expression.describe(), next.timezone));
    if occurrences.is_empty() {
        show::line("never fires again");
    }
    for occurrence in occurrences {
        let local = occurrence.at.to_zoned_datetime(zone.clone());
        let mark = match occurrence.dst {
            None => "",
            Some(DstNote::Gap) => "  dst_gap: the local time does not exist; fires when the gap ends",
            Some(DstNote::Fold) => "  dst_fold: the local time happens twice on this day",
        };
        show::line(format!("{}  {}{mark}", occurrence.at, local.strftime("%a %Y-%m-%d %H:%M %Z")));
    }
    Ok(ExitCode::SUCCESS)
}
