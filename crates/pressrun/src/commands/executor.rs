//! `pressrun executor`: the child's side of the executor pool.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

/// Arguments that the parent gives.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Most bytes of memory.
    #[arg(long)]
    memory_bytes: u64,
    /// Folder for what queries spill.
    #[arg(long)]
    temp_dir: PathBuf,
}

/// Serves until standard input closes.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (input, output) = (std::io::stdin().lock(), std::io::stdout().lock());
    pressrun_engine::executor::serve(input, output, arguments.memory_bytes, &arguments.temp_dir)?;
    Ok(ExitCode::SUCCESS)
}
