//! `pressrun completions` and `pressrun man`: what packages carry besides the program.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::show;

/// Arguments of `pressrun completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Arguments of `pressrun man`.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Folder; made when it is not there.
    folder: PathBuf,
}

/// Prints completions.
pub(crate) fn completions(arguments: &Completions) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "pressrun", &mut script);
    show::text(String::from_utf8(script)?);
    Ok(ExitCode::SUCCESS)
}

/// Writes one page a command.
pub(crate) fn man(arguments: &Man) -> anyhow::Result<ExitCode> {
    let folder = &arguments.folder;
    std::fs::create_dir_all(folder).with_context(|| format!("could not create {}", folder.display()))?;
    clap_mangen::generate_to(Cli::command(), folder).with_context(|| format!("could not write into {}", folder.display()))?;
    Ok(ExitCode::SUCCESS)
}
