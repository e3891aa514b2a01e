//! Everyday commands. `cargo xtask test` is what the README and CI run; the others are its parts, and benchmarks.

#![expect(clippy::print_stderr, reason = "a command line")]

mod bench;
mod deploy;
mod dist;
mod engines;
mod fuzz;
mod fuzz_api;
mod machine;
mod python;
mod relays;
mod render;
mod tidy;

use std::process::Command;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Install what the tests need, check everything, and run all tests.
    Test {
        /// Leave formatting, lints, the crate graph and licences alone.
        #[arg(long)]
        no_checks: bool,
    },
    /// Formatting, lints, the crate graph and licences; no tests.
    Check,
    /// Install what the tests need: sshd, poppler, Postgres, and ClickHouse's engine from Python's index.
    Setup,
    /// Hold the crate graph to the drawing in ARCHITECTURE.md.
    Tidy,
    /// Hold the files of `deploy/` to the tools that will read them: Helm, Kubernetes' schemas, systemd. Needs Python 3 and its package index.
    Deploy,
    /// Fuzz a server by its own OpenAPI document: no 5xx, nothing that is not documented. Needs Python 3 and its package index.
    FuzzApi(fuzz_api::Bounds),
    /// Bend texts until a claim about them breaks: `catalog`, `filters`, `templates`.
    Fuzz {
        /// Which.
        name: String,
        /// For how long.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Where to start, to repeat a run.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Let dispatcher, engine and store run in virtual time under faults that seeds draw: `--seeds 2000 --from 1`, or `--seed 7` for one with
    /// its trace.
    Simulate {
        /// What the simulation is told.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// Draw every reference output and every kind of chart into a folder, with one page to look at them all.
    ContactSheet {
        /// Where.
        #[arg(default_value = "target/contact-sheet")]
        folder: std::path::PathBuf,
    },
    /// Let several nodes on one PostgreSQL deliver while everything goes wrong, and compare the ledger with what arrived:
    /// `schedules=600 minutes=2 seed=1`.
    Chaos {
        /// What it is told.
        words: Vec<String>,
    },
    /// Make the packages: a tar ball with completions and man pages, a .deb, a Python wheel and an npm package; `--test` installs each where nothing
    /// else is. `--binary PATH` packs a program that is there.
    Dist(dist::Dist),
    /// Fetch Postfix, Exim and OpenSMTPD and send mail through each as a strict relay. Needs Debian or its like, and root.
    Relays,
    /// Print figures: `catalog`, `cron`, `dispatch`, `export`, `ledger`, `plan`, `query`, `render`.
    Bench {
        /// Which.
        name: String,
    },
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().task {
        Task::Test { no_checks } => test(!no_checks),
        Task::Check => check(),
        Task::Setup => machine::setup().and_then(|()| engines::setup().map(drop)),
        Task::Tidy => tidy::crate_graph(),
        Task::Deploy => deploy::check(),
        Task::FuzzApi(bounds) => fuzz_api::run(bounds),
        Task::Fuzz { name, seconds, seed } => fuzz::run(&name, seconds, seed),
        Task::Simulate { words } => simulate(&words),
        Task::ContactSheet { folder } => render::contact_sheet(&folder),
        Task::Chaos { words } => chaos(&words, &bench::release_build()?),
        Task::Dist(arguments) => dist::run(&arguments),
        Task::Relays => relays::run(),
        Task::Bench { name } => bench::run(&name),
    }
}

fn test(checks: bool) -> anyhow::Result<()> {
    machine::setup()?;
    let engines = engines::setup()?;
    if checks {
        check()?;
    }
    cargo(&["test", "--workspace", "--doc", "--quiet"])?;
    let mut tests = cargo_command();
    if machine::has("cargo-nextest") {
        tests.args(["nextest", "run", "--workspace", "--no-fail-fast", "--status-level", "fail", "--final-status-level", "fail"]);
    } else {
        tests.args(["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"]);
    }
    if let Some(folder) = &engines {
        tests.env(engines::VARIABLE, folder);
    }
    run(tests.env("PRESSRUN_SIMULATION_SEEDS", SIMULATED_SEEDS))?;
    chaos(&["schedules=90".to_owned(), "minutes=1".to_owned()], &target()?.join("debug/pressrun"))?;
    test_on_postgres()
}

/// The contract of the API, and the engine's work from the plan to the receiver, once more with their rows in PostgreSQL.
fn test_on_postgres() -> anyhow::Result<()> {
    // One looks into the file of rows.
    const OF_THE_ENGINE: &str = "binary(it) and not test(c2_the_link_that_answers_a_request_is_in_the_mail_and_in_no_row) and test(/^(alerts|audiences|deliveries|fan_out|held|notices|resend|retention|retries|run_state|scheduling|sending|stopping|streaming)::/)";
    let mut tests = cargo_command();
    if machine::has("cargo-nextest") {
        tests.args(["nextest", "run", "--no-fail-fast", "--status-level", "fail", "--final-status-level", "fail"]);
        tests.args(["--filterset", "binary(contract)", "--filterset", OF_THE_ENGINE]);
    } else {
        tests.args(["test", "--no-fail-fast", "--test", "contract", "--test", "it"]);
    }
    tests.args(["--package", "pressrun-api", "--package", "pressrun"]);
    run(tests.env("PRESSRUN_TEST_STORE", "postgres"))
}

/// Seeds that the simulation goes through here; those who run its tests by themselves mean fewer. A hundred cost some 16 seconds of processor time, so that two
/// cores are through in less than a minute and a half.
const SIMULATED_SEEDS: &str = "1000";

fn check() -> anyhow::Result<()> {
    cargo(&["fmt", "--all", "--check"])?;
    tidy::crate_graph()?;
    tidy::no_markers()?;
    cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"])?;
    machine::ensure_cargo_deny()?;
    if machine::has("cargo-deny") {
        cargo(&["deny", "--log-level", "error", "check", "bans", "licenses", "sources"])?;
    }
    // A developer's machine need not reach Python's index.
    if std::env::var_os("CI").is_some() {
        deploy::check()?;
    }
    Ok(())
}

fn simulate(words: &[String]) -> anyhow::Result<()> {
    let mut command = cargo_command();
    command.args(["run", "--quiet", "--package", "pressrun-simulation", "--"]).args(words);
    run(&mut command)
}

/// Where cargo puts what it makes.
pub(crate) fn target() -> anyhow::Result<std::path::PathBuf> {
    Ok(cargo_metadata::MetadataCommand::new().no_deps().exec()?.target_directory.into())
}

/// Chaos around a program.
fn chaos(words: &[String], program: &std::path::Path) -> anyhow::Result<()> {
    let mut command = cargo_command();
    command.args(["run", "--quiet", "--package", "pressrun-testkit", "--bin", "chaos", "--"]).args(words);
    run(command.env("PRESSRUN_CHAOS_BINARY", program))
}

/// Runs cargo and fails when it does.
pub(crate) fn cargo(arguments: &[&str]) -> anyhow::Result<()> {
    run(cargo_command().args(arguments))
}

/// Cargo, as a person would start it from a shell.
///
/// `cargo xtask` describes its own package to this program in variables. Build scripts of some dependencies (`ring`) ask to be run again
/// when these change, and everything above them, the embedded engine too, would be compiled anew at each change between the two.
pub(crate) fn cargo_command() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs a command whose words are too long to be shown, and fails when it does.
pub(crate) fn run_quietly(command: &mut Command, what: &str) -> anyhow::Result<()> {
    eprintln!("$ {what}");
    let status = command.status().with_context(|| format!("could not start what is {what}"))?;
    if !status.success() {
        bail!("{what} failed: {status}");
    }
    Ok(())
}

/// Runs a command and fails when it does.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    eprintln!("$ {}", words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" "));
    let status = command.status().with_context(|| format!("could not start {command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed: {status}");
    }
    Ok(())
}
