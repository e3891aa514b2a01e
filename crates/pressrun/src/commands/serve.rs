//! `pressrun serve`: API, pages, scheduler and workers.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tracing_subscriber::EnvFilter;

use crate::app::{App, Listeners, Role, stop_signal};
use crate::config::Settings;

/// Arguments of `pressrun serve`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Configuration file; ./pressrun.toml, else /etc/pressrun/pressrun.toml, when there is one. Every key can be overridden by environment,
    /// such as PRESSRUN_SERVER__LISTEN.
    #[arg(long)]
    config: Option<PathBuf>,
    /// What this process does.
    #[arg(long, value_enum, default_value_t = Role::All)]
    role: Role,
    /// Write logs as JSON lines.
    #[arg(long)]
    log_json: bool,
}

/// What blocks a thread, such as a sweep of the spool, has so long to end with the server.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Serves until Ctrl-C or SIGTERM.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    init_logs("info", arguments.log_json);
    let settings = Settings::load(arguments.config.as_deref())?;
    tracing::info!(source = %settings.source, "the configuration was read");
    let runtime = runtime()?;
    let served: anyhow::Result<()> = runtime.block_on(async {
        // Before anything else: a server that is asked to stop while it starts stops cleanly too.
        let stop = stop_signal()?;
        let app = App::open(&settings).await?;
        settings.server.check_development_keys(&app.catalog.current())?;
        let listeners = Listeners::bind(&settings, arguments.role).await?;
        app.serve(listeners, arguments.role, stop).await
    });
    // A task that is stuck would keep the process from ending.
    runtime.shutdown_timeout(LAST_WORDS);
    served?;
    Ok(ExitCode::SUCCESS)
}

/// The runtime of servers.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build()?)
}

/// Logs to standard error; `PRESSRUN_LOG` sets the level.
pub(crate) fn init_logs(level: &str, json: bool) {
    let filter = EnvFilter::try_from_env("PRESSRUN_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    // Colours are for a terminal; a file keeps plain text.
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    // A second initialization, in tests, keeps the first.
    let _ = if json { logs.json().try_init() } else { logs.try_init() };
}
