//! Wiring: the only place that names a concrete store, clock and carrier.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use axum::Router;
use jiff::SignedDuration;
use pressrun_api::{ApiConfig, ApiState, ArtifactSource, CatalogSource, ServerLimits, UrlPolicy};
use pressrun_catalog::CatalogHandle;
use pressrun_deliver::{CarrierConfig, Carriers, EgressPolicy, MailConfig, SystemResolver, parse_sftp_address};
use pressrun_domain::clock::Clock;
use pressrun_domain::retry::RetryPolicy;
use pressrun_domain::secret::Secret;
use pressrun_engine::content::Producer;
use pressrun_engine::executor::{ExecutorConfig, ExecutorPool};
use pressrun_engine::links::Links;
use pressrun_engine::pipeline::Context;
use pressrun_engine::spool::Spool;
use pressrun_engine::{Engine, EngineConfig};
use pressrun_store::{SqliteStore, Store};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::clock::WallClock;
use crate::config::Settings;
use crate::{sealing, web};

/// A wired server that has not started yet.
pub(crate) struct App {
    /// Rows.
    pub store: Arc<dyn Store>,
    /// Dashboards and people.
    pub catalog: Arc<CatalogHandle>,
    engine: Arc<Engine>,
    router: Router,
    limits: ServerLimits,
    grace: Duration,
}

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Role {
    /// API, pages, scheduler and workers.
    All,
    /// API and pages.
    Api,
    /// Scheduler and workers.
    Worker,
}

impl App {
    /// Opens everything that `settings` name.
    ///
    /// # Errors
    /// Something cannot be opened or is not valid; the message says what to change.
    pub(crate) async fn open(settings: &Settings) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(WallClock);
        let catalog = CatalogHandle::open(&settings.catalog.path, Arc::clone(&clock))?;
        let store = open_store(settings).await?;
        let spool =
            Spool::open(&settings.spool.path).with_context(|| format!("could not open the spool {}", settings.spool.path.display()))?;
        let config = Arc::new(EngineConfig { operator: settings.operator()?, ..engine_config(settings) });
        let producer = Producer::new(executors(settings)?, Arc::clone(&config));
        let links = Links::new(&config.public_url, own_secret(settings, &store, "links").await?)
            .valid_for(SignedDuration::from_hours(24 * i64::from(settings.links.valid_days)));
        let organization = catalog.current().organization.id.to_string();
        let carrier_config = CarrierConfig {
            egress: settings.egress.policy()?,
            slack: settings.slack.workspace()?,
            s3: settings.s3.access(&organization)?,
            dkim: settings.mail.signing_keys()?,
            ..CarrierConfig::new(mail(settings)?)
        };
        let egress = carrier_config.egress.clone();
        let context = Context {
            store: Arc::clone(&store),
            catalog: Arc::clone(&catalog),
            clock: Arc::clone(&clock),
            carrier: Arc::new(Carriers::new(carrier_config)?),
            producer,
            spool,
            links,
            config,
        };
        let wake = Arc::new(Notify::new());
        let router = router(settings, &context, egress, &wake, own_secret(settings, &store, "sessions").await?);
        let engine = Arc::new(Engine::new(context, wake));
        let limits = ServerLimits {
            max_connections: settings.limits.connections,
            header_timeout: Duration::from_secs(settings.limits.header_seconds.max(1).into()),
            write_timeout: Duration::from_secs(settings.limits.write_seconds.max(1).into()),
            ..ServerLimits::default()
        };
        Ok(Self { store, catalog, engine, router, limits, grace: Duration::from_secs(settings.scheduler.grace_seconds.into()) })
    }

    /// Serves on `listener` until `stop`; then ends within the grace period.
    ///
    /// # Errors
    /// The server failed.
    pub(crate) async fn serve(self, listener: TcpListener, role: Role, stop: CancellationToken) -> anyhow::Result<()> {
        let hand_back = CancellationToken::new();
        let mut tasks = tokio::task::JoinSet::new();
        {
            let (catalog, stop) = (Arc::clone(&self.catalog), stop.clone());
            tasks.spawn(async move { catalog.watch(stop.cancelled_owned()).await });
        }
        if role != Role::Api {
            let (engine, stopping, hand_back) = (Arc::clone(&self.engine), stop.clone(), hand_back.clone());
            tasks.spawn(async move { engine.run(stopping, hand_back).await });
            let (engine, stopping) = (Arc::clone(&self.engine), stop.clone());
            tasks.spawn(async move { engine.follow_catalog(stopping).await });
        }
        if role == Role::Worker {
            drop(listener);
            stop.cancelled().await;
        } else {
            pressrun_api::serve(listener, self.router, self.limits, stop.clone().cancelled_owned()).await?;
        }
        stop.cancel();
        info!(grace_seconds = self.grace.as_secs(), "stopping: runs under way may end");
        let ended = async { while tasks.join_next().await.is_some() {} };
        tokio::pin!(ended);
        if tokio::time::timeout(self.grace, &mut ended).await.is_err() {
            warn!("the grace period is over: runs under way are handed back");
            hand_back.cancel();
            // Handing back is one statement a run; whatever hangs now is picked up when its lease lapses.
            let _ = tokio::time::timeout(Duration::from_secs(5), ended).await;
        }
        info!("stopped");
        Ok(())
    }
}

/// Cancelled by Ctrl-C or, on Unix, SIGTERM.
pub(crate) fn stop_signal() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let token = stop.clone();
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::spawn(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
        token.cancel();
    });
    Ok(stop)
}

/// The pool of executor processes: this program itself.
///
/// # Errors
/// The program cannot find itself.
pub(crate) fn executors(settings: &Settings) -> anyhow::Result<ExecutorPool> {
    let program = std::env::current_exe().context("could not find this program's own file")?;
    let temp_dir = settings.spool.path.join("tmp");
    let memory = (settings.render.memory_mb << 20).to_string();
    let command = [
        program.display().to_string(),
        "executor".into(),
        "--memory-bytes".into(),
        memory,
        "--temp-dir".into(),
        temp_dir.display().to_string(),
    ];
    let mut config = ExecutorConfig::new(command.into(), temp_dir);
    if let Some(processes) = settings.render.processes {
        config.processes = processes;
    }
    Ok(ExecutorPool::new(config))
}

/// Bounds and habits of the engine.
pub(crate) fn engine_config(settings: &Settings) -> EngineConfig {
    let scheduler = &settings.scheduler;
    EngineConfig {
        workers: scheduler.workers.max(1),
        lease: SignedDuration::from_secs(scheduler.lease_seconds.max(3).into()),
        max_run: SignedDuration::from_mins(scheduler.max_run_minutes.max(1).into()),
        retry: RetryPolicy {
            max_attempts: settings.retry.max_attempts.max(1),
            first_wait: SignedDuration::from_secs(settings.retry.first_wait_seconds.into()),
            deadline: SignedDuration::from_mins(settings.retry.deadline_minutes.into()),
        },
        share_queries: scheduler.share_queries,
        parallel_deliveries: scheduler.parallel_deliveries.max(1),
        max_rows: scheduler.max_rows,
        render_deadline: Duration::from_secs(settings.render.seconds.max(1).into()),
        query_memory_bytes: (settings.render.memory_mb << 20) / 2,
        fonts: settings.render.fonts.clone(),
        table_rows: settings.render.table_rows,
        expanded_rows: settings.render.expanded_rows,
        keep_artifacts: SignedDuration::from_hours(24 * i64::from(scheduler.keep_artifacts_days)),
        mail_preview: settings.mail.preview.unwrap_or(true),
        ..EngineConfig::new(settings.server.link_base())
    }
}

/// Opens the database, its secrets sealed with the configured keys.
pub(crate) async fn open_store(settings: &Settings) -> anyhow::Result<Arc<dyn Store>> {
    let path = settings.store.sqlite_path()?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).with_context(|| format!("could not create {}", folder.display()))?;
    }
    let sealer = sealing::sealer(settings)?;
    let store = SqliteStore::open(&path, sealer).await.with_context(|| format!("could not open the database {}", path.display()))?;
    Ok(Arc::new(store))
}

/// A secret of this server for one purpose; the first one is made from the sealing key, as it was before it was kept.
async fn own_secret(settings: &Settings, store: &Arc<dyn Store>, purpose: &str) -> anyhow::Result<Secret> {
    let key = sealing::present_key(settings)?;
    let digest = Sha256::new().chain_update(b"pressrun ").chain_update(purpose).chain_update(key.expose()).finalize();
    Ok(store.own_secret(purpose, &Secret::new(hex::encode(digest))).await?)
}

fn mail(settings: &Settings) -> anyhow::Result<MailConfig> {
    let mail = settings.mail.transport(&settings.spool.path)?;
    if let MailConfig::File { folder, .. } = &mail {
        info!(folder = %folder.display(), "mail is written to files; set mail.url to send it");
    }
    Ok(mail)
}

fn router(settings: &Settings, context: &Context, egress: EgressPolicy, wake: &Arc<Notify>, session_key: Secret) -> Router {
    let public_url = settings.server.link_base();
    let state = ApiState {
        store: Arc::clone(&context.store),
        catalog: Arc::new(LiveCatalog(Arc::clone(&context.catalog))),
        clock: Arc::clone(&context.clock),
        urls: Arc::new(Egress(egress)),
        artifacts: Arc::new(Artifacts(context.spool.clone())),
        wake: Arc::clone(wake),
        config: ApiConfig {
            requests_per_minute: settings.limits.requests_per_minute,
            public_url: public_url.clone(),
            deliverer_role_arn: settings.s3.deliverer_role_arn.clone(),
            allow_s3_test: settings.s3.allow_test,
            cadence_floor: Some(settings.scheduler.cadence_floor_minutes)
                .filter(|minutes| *minutes > 0)
                .map(|minutes| SignedDuration::from_mins(minutes.into())),
            body_limit: settings.limits.body_kib << 10,
            request_timeout: Duration::from_secs(settings.limits.request_seconds.max(1).into()),
            ..ApiConfig::default()
        },
    };
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let figures = recorder.handle();
    if metrics::set_global_recorder(recorder).is_err() {
        warn!("metrics were set up twice; the first recorder stays");
    }
    let metrics = Router::new().route("/metrics", axum::routing::get(move || std::future::ready(figures.render())));
    pressrun_web::html_errors(
        pressrun_api::router(state.clone()).merge(web::router(context, state, &public_url, session_key)).merge(metrics),
    )
}

struct LiveCatalog(Arc<CatalogHandle>);

impl CatalogSource for LiveCatalog {
    fn current(&self) -> Arc<pressrun_domain::catalog::Catalog> {
        self.0.current()
    }

    fn is_stale(&self) -> bool {
        self.0.status().last_error.is_some()
    }
}

struct Artifacts(Spool);

impl ArtifactSource for Artifacts {
    fn path(&self, sha256: &str) -> Option<PathBuf> {
        self.0.find(sha256)
    }
}

struct Egress(EgressPolicy);

#[async_trait]
impl UrlPolicy for Egress {
    async fn check_url(&self, url: &url::Url) -> Result<(), String> {
        use pressrun_deliver::egress::ResolveError;
        match self.0.check_url_resolved(&SystemResolver, url.as_str()).await {
            Err(ResolveError::Refused(refused)) => Err(refused.to_string()),
            // A name that does not resolve today may tomorrow; it is checked again when something is sent.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    async fn check_host(&self, host: &str, port: u16) -> Result<(), String> {
        let host = parse_sftp_address(host).map_err(|error| error.to_string())?;
        self.0.check_host(&host, port).map_err(|refused| refused.to_string())
    }
}
