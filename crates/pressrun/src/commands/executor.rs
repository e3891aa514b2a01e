//! `pressrun executor`: the child's side of the executor pool.

use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use pressrun_engine::executor::{ChildConfig, serve};

/// Arguments that the parent gives.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Most bytes of memory.
    #[arg(long)]
    memory_bytes: u64,
    /// Folder for what queries spill.
    #[arg(long)]
    temp_dir: PathBuf,
    /// Threads that compute.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// A database driver will be loaded: jobs come and answers go on standard input, which is a socket, for a driver may print.
    #[arg(long)]
    for_driver: bool,
}

/// Serves until standard input closes.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = ChildConfig { memory_bytes: arguments.memory_bytes, temp_dir: arguments.temp_dir.clone(), threads: arguments.threads };
    if arguments.for_driver {
        let socket = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
        serve(socket.try_clone()?, socket, &config)?;
    } else {
        serve(std::io::stdin(), std::io::stdout().lock(), &config)?;
    }
    Ok(ExitCode::SUCCESS)
}
