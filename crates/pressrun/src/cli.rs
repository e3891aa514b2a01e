//! The command line: what there is, and the page about it.

use clap::{Parser, Subcommand};

use crate::commands;

/// Runs dashboards on a schedule and delivers them.
#[derive(Debug, Parser)]
#[command(name = "pressrun", version, about, max_term_width = 100)]
pub(crate) struct Cli {
    /// What is done.
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the sample catalog, deliver one of each kind at once, and go on serving.
    Demo(commands::demo::Arguments),
    /// Make a dashboard of your own data, a configuration and a schedule, and deliver a first report.
    Init(commands::init::Arguments),
    /// Show dashboards while they are written: what is saved is seen at once, as it will be delivered.
    Dev(commands::dev::Arguments),
    /// Serve a catalog: API, pages, scheduler and workers.
    Serve(commands::serve::Arguments),
    /// Validate a catalog, as a pull request would.
    Check(commands::check::Arguments),
    /// Look into connections of a catalog.
    #[command(subcommand)]
    Connection(commands::connection::Command),
    /// Put a catalog into force for all nodes that take theirs from the database.
    Publish(commands::publish::Arguments),
    /// Render one dashboard to a file, without a server.
    Render(commands::render::Arguments),
    /// Look into the configuration.
    #[command(subcommand)]
    Config(commands::config::Command),
    /// Look for what would keep schedules from going out: configuration, database, disk, clock, fonts, mail server, catalog.
    Doctor(commands::doctor::Arguments),
    /// Try a way out before a schedule needs it, and say each step.
    #[command(subcommand)]
    Test(commands::test::Command),
    /// Ask the server of this machine whether it is ready, as a container's health check does.
    Health(commands::health::Arguments),
    /// Print members and groups with the ids that the API takes.
    People(commands::people::Arguments),
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
    /// Print completions for a shell.
    Completions(commands::completions::Completions),
    /// Write man pages into a folder.
    Man(commands::completions::Man),
    /// Serve jobs of a parent process on standard input and output.
    #[command(hide = true)]
    Executor(commands::executor::Arguments),
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use clap::{Arg, CommandFactory as _};

    use super::*;

    /// Set to write the page anew.
    const WRITE: &str = "PRESSRUN_WRITE_DOCS";

    #[test]
    fn newcomer_ranked_3_the_page_of_the_command_line_is_what_the_program_takes() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
        let page = std::fs::read_to_string(&path).expect("docs/cli.md");
        let (before, found) = page.split_once("<!-- one by one -->\n").expect("the mark at which the list begins");
        let mut expected = String::new();
        let mut cli = Cli::command();
        cli.build();
        described(&cli, "pressrun", &mut expected);
        if std::env::var_os(WRITE).is_some() {
            std::fs::write(&path, format!("{before}<!-- one by one -->\n{expected}")).expect("writes");
        } else {
            assert!(found == expected, "docs/cli.md is out of date; run the tests once with {WRITE}=1");
        }
    }

    fn described(command: &clap::Command, name: &str, page: &mut String) {
        for below in command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help") {
            let name = format!("{name} {}", below.get_name());
            let words = below.get_long_about().or_else(|| below.get_about()).map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(page, "\n## `{name}`\n\n{words}");
            if below.has_subcommands() {
                described(below, &name, page);
                continue;
            }
            let shown = below.get_arguments().filter(|argument| !argument.is_hide_set() && argument.get_id() != "help").map(argument);
            let lines = shown.collect::<Vec<_>>().join("\n");
            if !lines.is_empty() {
                let _ = writeln!(page, "\n{lines}");
            }
        }
    }

    fn argument(argument: &Arg) -> String {
        let value = argument.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
        let value = value.filter(|_| argument.get_num_args().is_none_or(|number| number.takes_values()));
        let mut words = match (argument.get_short(), argument.get_long(), value) {
            (_, None, value) => value.unwrap_or_else(|| argument.get_id().to_string().to_uppercase()),
            (short, Some(long), value) => {
                let short = short.map(|short| format!("-{short}, ")).unwrap_or_default();
                format!("{short}--{long}{}", value.map(|value| format!(" {value}")).unwrap_or_default())
            }
        };
        let help = argument.get_long_help().or_else(|| argument.get_help()).map(ToString::to_string).unwrap_or_default();
        // The parser takes the last full stop away.
        words = format!("- `{words}`: {}.", help.trim_end_matches('.'));
        let choices: Vec<_> = argument
            .get_possible_values()
            .iter()
            .filter(|value| !value.is_hide_set() && argument.get_num_args().is_none_or(|number| number.takes_values()))
            .map(|value| format!("`{}`", value.get_name()))
            .collect();
        if !choices.is_empty() {
            let _ = write!(words, " One of {}.", choices.join(", "));
        }
        let defaults: Vec<_> = argument.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
        if !defaults.is_empty() && argument.get_num_args().is_none_or(|number| number.takes_values()) {
            let _ = write!(words, " Default {}.", defaults.join(", "));
        }
        if let Some(variable) = argument.get_env() {
            let _ = write!(words, " Variable `{}`.", variable.to_string_lossy());
        }
        words
    }

    #[test]
    fn every_command_and_argument_says_what_it_is() {
        let mut cli = Cli::command();
        cli.build();
        let mut unsaid = Vec::new();
        let mut left = vec![cli];
        while let Some(command) = left.pop() {
            if command.get_about().is_none() {
                unsaid.push(command.get_name().to_owned());
            }
            unsaid.extend(
                command
                    .get_arguments()
                    .filter(|argument| argument.get_help().is_none())
                    .map(|argument| format!("{} {}", command.get_name(), argument.get_id())),
            );
            left.extend(command.get_subcommands().filter(|below| !below.is_hide_set()).cloned());
        }
        assert!(unsaid.is_empty(), "{unsaid:?}");
    }
}
