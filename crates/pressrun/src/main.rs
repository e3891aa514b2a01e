//! The `pressrun` binary: configuration, wiring, lifecycle and the command line.

mod answers;
mod app;
mod backup;
mod clock;
mod commands;
mod config;
mod figures;
mod hidden;
mod lifecycle;
mod private;
mod sealing;
mod show;
mod telemetry;
mod web;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Runs dashboards on a schedule and delivers them.
#[derive(Debug, Parser)]
#[command(name = "pressrun", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the sample catalog, deliver one of each kind at once, and go on serving.
    Demo(commands::demo::Arguments),
    /// Serve a catalog: API, pages, scheduler and workers.
    Serve(commands::serve::Arguments),
    /// Validate a catalog, as a pull request would.
    Check(commands::check::Arguments),
    /// Put a catalog into force for all nodes that take theirs from the database.
    Publish(commands::publish::Arguments),
    /// Render one dashboard to a file, without a server.
    Render(commands::render::Arguments),
    /// Ask the server of this machine whether it is ready, as a container's health check does.
    Health(commands::health::Arguments),
    /// Look into cron expressions.
    #[command(subcommand)]
    Cron(commands::cron::Command),
    /// Manage API keys.
    #[command(subcommand)]
    Key(commands::key::Command),
    /// Manage the keys that seal secrets at rest.
    #[command(subcommand)]
    Secrets(commands::secrets::Command),
    /// Manage addresses that get no more mail.
    #[command(subcommand)]
    Suppressions(commands::suppressions::Command),
    /// Copy what an installation remembers into a folder, while the server runs.
    Backup(commands::backup::Arguments),
    /// Put a backup into a place where there is no database yet.
    Restore(commands::restore::Arguments),
    /// Move the rows to another database.
    #[command(subcommand)]
    Store(commands::store::Command),
    /// Serve jobs of a parent process on standard input and output.
    #[command(hide = true)]
    Executor(commands::executor::Arguments),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // The only provider that is built in; a second installation would be a defect, and harmless.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // What these make holds rows, secrets or mails. `render` and `check` write what their caller asked for, as the caller's umask has it.
    if !matches!(cli.command, Command::Render(_) | Command::Check(_)) {
        private::keep_files_private();
    }
    let result = match cli.command {
        Command::Demo(arguments) => commands::demo::run(arguments),
        Command::Serve(arguments) => commands::serve::run(arguments),
        Command::Check(arguments) => commands::check::run(&arguments),
        Command::Publish(arguments) => commands::publish::run(arguments),
        Command::Render(arguments) => commands::render::run(arguments),
        Command::Health(arguments) => commands::health::run(arguments),
        Command::Cron(command) => commands::cron::run(command),
        Command::Key(command) => commands::key::run(command),
        Command::Secrets(command) => commands::secrets::run(command),
        Command::Suppressions(command) => commands::suppressions::run(command),
        Command::Backup(arguments) => commands::backup::run(arguments),
        Command::Restore(arguments) => commands::restore::run(&arguments),
        Command::Store(command) => commands::store::run(command),
        Command::Executor(arguments) => commands::executor::run(&arguments),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            show::error(&error);
            ExitCode::FAILURE
        }
    }
}
