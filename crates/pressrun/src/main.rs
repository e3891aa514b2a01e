//! The `pressrun` binary: configuration, wiring, lifecycle and the command line.

mod answers;
mod app;
mod backup;
mod cli;
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

use clap::Parser as _;

use cli::{Cli, Command};

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
        Command::Init(arguments) => commands::init::run(arguments),
        Command::Dev(arguments) => commands::dev::run(arguments),
        Command::Serve(arguments) => commands::serve::run(arguments),
        Command::Check(arguments) => commands::check::run(&arguments),
        Command::Connection(command) => commands::connection::run(command),
        Command::Publish(arguments) => commands::publish::run(arguments),
        Command::Render(arguments) => commands::render::run(arguments),
        Command::Config(command) => commands::config::run(command),
        Command::Doctor(arguments) => commands::doctor::run(&arguments),
        Command::Test(command) => commands::test::run(command),
        Command::Health(arguments) => commands::health::run(arguments),
        Command::People(arguments) => commands::people::run(&arguments),
        Command::Cron(command) => commands::cron::run(command),
        Command::Key(command) => commands::key::run(command),
        Command::Secrets(command) => commands::secrets::run(command),
        Command::Suppressions(command) => commands::suppressions::run(command),
        Command::Backup(arguments) => commands::backup::run(arguments),
        Command::Restore(arguments) => commands::restore::run(&arguments),
        Command::Store(command) => commands::store::run(command),
        Command::Completions(arguments) => commands::completions::completions(&arguments),
        Command::Man(arguments) => commands::completions::man(&arguments),
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
