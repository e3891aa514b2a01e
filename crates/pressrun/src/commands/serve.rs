//! `pressrun serve`: API, pages, scheduler and workers.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::app::{App, Listeners, Role, stop_signal};
use crate::config::{self, LogFormat, Settings};
use crate::telemetry;

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
    /// Write logs as JSON lines, as `[log] format = "json"` does.
    #[arg(long)]
    log_json: bool,
}

/// What blocks a thread, such as a sweep of the spool, has so long to end with the server.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Serves until Ctrl-C or SIGTERM.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let mut settings = Settings::load(arguments.config.as_deref())?;
    if arguments.log_json {
        settings.log.format = LogFormat::Json;
    }
    let runtime = runtime()?;
    let telemetry = telemetry::start(&settings.log, &settings.trace, runtime.handle())?;
    tracing::info!(source = %settings.source, "the configuration was read");
    config::warn_of_unknown_variables();
    let served: anyhow::Result<()> = runtime.block_on(async {
        // Before anything else: a server that is asked to stop while it starts stops cleanly too.
        let stop = stop_signal()?;
        let app = App::open(&settings).await?;
        settings.server.check_development_keys(&app.catalog.current())?;
        let listeners = Listeners::bind(&settings, arguments.role).await?;
        app.serve(listeners, arguments.role, stop).await
    });
    telemetry.end();
    // A task that is stuck would keep the process from ending.
    runtime.shutdown_timeout(LAST_WORDS);
    served?;
    Ok(ExitCode::SUCCESS)
}

/// The runtime of servers.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build()?)
}
