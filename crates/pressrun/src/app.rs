//! Wiring: the only place that names a concrete store, clock and carrier.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use axum::Router;
use jiff::SignedDuration;
use pressrun_api::{
    ApiConfig, ApiState, ArtifactSource, CatalogFaults, CatalogProblem, CatalogSource, Door, FaultyDocument, ServerLimits, UrlPolicy,
};
use pressrun_catalog::CatalogHandle;
use pressrun_deliver::{AllNodes, CarrierConfig, Carriers, EgressPolicy, MailConfig};
use pressrun_dispatch::{Pulses, Tasks};
use pressrun_domain::bounce::ReturnPath;
use pressrun_domain::clock::Clock;
use pressrun_domain::destination::Host;
use pressrun_domain::retry::RetryPolicy;
use pressrun_domain::secret::Secret;
use pressrun_engine::alarm::Alarm;
use pressrun_engine::artifacts::{ArtifactStore, Bucket};
use pressrun_engine::bounce::{Intake, Mailbox};
use pressrun_engine::content::Producer;
use pressrun_engine::executor::{ExecutorConfig, ExecutorPool};
use pressrun_engine::faults::Faults;
use pressrun_engine::links::Links;
use pressrun_engine::pipeline::Context;
use pressrun_engine::published::{self, Behind, Fetched, Follower, Publisher};
use pressrun_engine::spool::Spool;
use pressrun_engine::{Engine, EngineConfig, Receivers, RelayBounds, ShareKeeper};
use pressrun_store::{PostgresStore, SqliteStore, Store, StoreError};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::answers::Answers;
use crate::clock::WallClock;
use crate::config::{CatalogFrom, Database, Settings, published_folder};
use crate::figures::{Figures, Reader, Sources};
use crate::lifecycle::Budget;
use crate::show::Hinted;
use crate::{private, sealing, web};

/// A wired server that has not started yet.
pub(crate) struct App {
    /// Rows.
    pub store: Arc<dyn Store>,
    /// Dashboards and people.
    pub catalog: Arc<CatalogHandle>,
    publishing: Option<Publishing>,
    engine: Arc<Engine>,
    /// Asks for this node's shares of what all nodes may do at once.
    shares: Option<ShareKeeper>,
    /// Signs of life of the tasks that [`serve`](Self::serve) starts.
    pulses: Pulses,
    /// Tells of what is not delivered in time, if anybody is to be told.
    alarm: Option<Alarm>,
    /// Where bounces are read, and what takes them in.
    mailbox: Option<(Mailbox, Intake)>,
    router: Router,
    admin_router: Router,
    door: Arc<Door>,
    figures: Figures,
    limits: ServerLimits,
    budget: Budget,
}

/// What a node has to do with the catalog that all nodes share.
enum Publishing {
    Follows(Follower),
    Publishes(Publisher),
}

/// Where a server listens. A worker has no public listener, and nobody has to have one for operators.
#[derive(Debug)]
pub(crate) struct Listeners {
    public: Option<TcpListener>,
    admin: Option<TcpListener>,
}

impl Listeners {
    /// Listens where `settings` say.
    ///
    /// # Errors
    /// An address cannot be had; the message names its key.
    pub(crate) async fn bind(settings: &Settings, role: Role) -> anyhow::Result<Self> {
        let mut listeners = Self { public: None, admin: None };
        if role != Role::Worker {
            listeners.public = Some(bind("server.listen", &settings.server.listen).await?);
        }
        if let Some(address) = &settings.server.admin_listen {
            let admin = bind("server.admin_listen", address).await?;
            info!(address = %admin.local_addr()?, "metrics and health are served");
            listeners.admin = Some(admin);
        }
        match &listeners.public {
            Some(public) => info!(address = %public.local_addr()?, "listening"),
            None => info!("working; this process listens for nobody but operators"),
        }
        Ok(listeners)
    }

    /// Only people and clients.
    pub(crate) fn public(listener: TcpListener) -> Self {
        Self { public: Some(listener), admin: None }
    }
}

async fn bind(key: &str, address: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("{key}: could not listen on {address}"))
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
        let figures = Figures::install()?;
        // First of all: what follows makes files.
        let public_url = settings.server.public_url()?;
        let rules = settings.catalog.rules(&settings.spool)?;
        let (catalog, taken, (store, of_the_engine)) = match settings.catalog.source {
            // In this order: a wrong folder leaves no database behind.
            CatalogFrom::Folder => {
                let catalog = CatalogHandle::open_with(&settings.catalog.path, Arc::clone(&clock), rules)?;
                (catalog, None, open(settings).await?.halves().await?)
            }
            CatalogFrom::Published => {
                let halves = open(settings).await?.halves().await?;
                let Fetched { published, dir } = fetch_published(settings, halves.0.as_ref()).await?;
                let catalog = CatalogHandle::open_with(dir, Arc::clone(&clock), rules)?;
                published::warn_of_another_reading(&catalog, &published);
                published::forget_half_written(&published_folder(&settings.spool), clock.now());
                (catalog, Some(published.publication), halves)
            }
        };
        let named = || format!("could not open the spool {}", settings.spool.path.display());
        let spool = Spool::open(&settings.spool.path).with_context(named)?;
        private::tighten(&settings.spool.path).with_context(named)?;
        let artifacts = artifacts(settings, &spool)?;
        let config = Arc::new(EngineConfig {
            operator: settings.operator()?,
            connections: settings.egress.of_connections()?,
            ..engine_config(settings, &public_url)?
        });
        let producer = Producer::new(executors(settings)?, Arc::clone(&config));
        let links = Links::new(&config.public_url, own_secret(settings, &store, "links").await?)
            .valid_for(SignedDuration::from_hours(24 * i64::from(settings.links.valid_days)));
        let organization = catalog.current().organization.id.to_string();
        let return_path = return_path(settings, &store).await?;
        tell_how_mail_leaves(settings)?;
        let carrier_config = carrier_config(settings, &organization, return_path.clone())?;
        let egress = carrier_config.egress.clone();
        // What is stuck on the way out of runs does not keep the operator from hearing of it.
        let way_out_of_the_alarm = Arc::new(Carriers::new(carrier_config.clone())?);
        let relay = store.divides().then(|| Arc::new(RelayBounds::new(Arc::clone(&of_the_engine))));
        let nodes = relay.clone().map(|relay| relay as Arc<dyn AllNodes>);
        let context = Context {
            store: Arc::clone(&store),
            catalog: Arc::clone(&catalog),
            clock: Arc::clone(&clock),
            carrier: Arc::new(Carriers::new(CarrierConfig { nodes, ..carrier_config })?),
            producer,
            spool,
            artifacts,
            links,
            config,
            faults: Arc::new(Faults::new(SignedDuration::from_secs(settings.catalog.settle_seconds.into()))),
            receivers: Receivers::default(),
        };
        let intake = return_path.map(|return_path| Intake {
            store: Arc::clone(&store),
            catalog: Arc::clone(&catalog),
            clock: Arc::clone(&context.clock),
            return_path,
            config: Arc::clone(&context.config),
        });
        let mailbox = match (&settings.mail.bounces.maildir, &intake) {
            (Some(folder), Some(intake)) => Some((Mailbox::open(folder.clone()).context("mail.bounces.maildir")?, intake.clone())),
            _ => None,
        };
        let alarm = alarm(settings, Context { carrier: way_out_of_the_alarm, ..context.clone() })?;
        let wake = Arc::new(Notify::new());
        let session_key = own_secret(settings, &store, "sessions").await?;
        let pulses = Pulses::default();
        let answers = Answers { context: context.clone(), intake, pulses: pulses.clone() };
        let behind = Behind::default();
        let live = LiveCatalog { handle: Arc::clone(&context.catalog), behind: behind.clone() };
        let state = api_state(settings, &public_url, &context, live, egress, answers, &wake);
        let metrics = figures.router(Arc::new(figures_of_now(settings, &context, &pulses)?));
        let admin_router = pressrun_api::health_router(state.clone()).merge(metrics.clone());
        let door = Door::new(&state);
        let pages = web::router(&context, state.clone(), Arc::clone(&door), settings, &public_url, session_key);
        let mut router = pressrun_api::router_behind(state.clone(), Arc::clone(&door)).merge(pages);
        if settings.server.admin_listen.is_none() {
            // How runs end tells a member on a quiet day whether a colleague's rows met a condition.
            router = router.merge(pressrun_api::for_operators(metrics, state, Arc::clone(&door)));
        }
        let router = pressrun_api::traced(pressrun_web::front(router, &public_url), settings.server.proxies()?);
        // Whoever searches among a million schedules holds up no delivery.
        let engine = Arc::new(Engine::new(Context { store: of_the_engine, ..context }, wake));
        let shares = relay.map(|relay| ShareKeeper::new(engine.context(), &relay));
        let publishing = match taken {
            Some(taken) => Some(Publishing::Follows(Follower {
                store: Arc::clone(&store),
                catalog: Arc::clone(&catalog),
                folder: published_folder(&settings.spool),
                clock: Arc::clone(&clock),
                taken,
                behind,
            })),
            None if settings.catalog.publish => Some(Publishing::Publishes(Publisher {
                store: Arc::clone(&store),
                catalog: Arc::clone(&catalog),
                scratch: settings.spool.path.join("tmp"),
                clock: Arc::clone(&clock),
                by: format!("the node with the folder {}", settings.catalog.path.display()),
            })),
            None => None,
        };
        let budget = Budget::new(Duration::from_secs(settings.scheduler.grace_seconds.into()));
        let limits = ServerLimits {
            max_connections: settings.limits.connections,
            connections_per_peer: settings.limits.connections_per_peer,
            grace: budget.requests(),
            header_timeout: Duration::from_secs(settings.limits.header_seconds.max(1).into()),
            write_timeout: Duration::from_secs(settings.limits.write_seconds.max(1).into()),
            ..ServerLimits::default()
        };
        Ok(Self { store, catalog, publishing, engine, shares, pulses, alarm, mailbox, router, admin_router, door, figures, limits, budget })
    }

    /// Serves on `listeners` until `stop`; then ends within the budget.
    ///
    /// # Errors
    /// The server failed, or a task that has to live as long as it does.
    pub(crate) async fn serve(self, listeners: Listeners, role: Role, stop: CancellationToken) -> anyhow::Result<()> {
        let hand_back = CancellationToken::new();
        let mut tasks = Tasks::new(self.pulses.clone());
        let (over, shares_end) = (CancellationToken::new(), CancellationToken::new());
        let shares = self.shares.map(|shares| {
            let (ends, over, pulse) = (shares_end.clone().drop_guard(), over.clone(), self.pulses.task("shares"));
            let until_they_end = stop.clone().run_until_cancelled_owned(shares_end.cancelled_owned());
            tasks.spawn("shares", async move { until_they_end.await.unwrap_or_default() });
            // What is under way at the stop needs its turns too.
            tokio::spawn(async move {
                let _ends = ends;
                shares.run(over, pulse).await;
            })
        });
        let watching = Arc::clone(&self.catalog).watch(stop.clone().cancelled_owned());
        tasks.spawn("catalog watcher", watching);
        let publishing = stop.clone().run_until_cancelled_owned(publish_on_request(Arc::clone(&self.catalog)));
        tasks.spawn("publisher", async move { publishing.await.unwrap_or_default() });
        let figures = stop.clone().run_until_cancelled_owned(self.figures.keep_up());
        tasks.spawn("figures", async move { figures.await.unwrap_or_default() });
        match self.publishing {
            Some(Publishing::Follows(follower)) => tasks.spawn("catalog follower", follower.run(stop.clone())),
            Some(Publishing::Publishes(publisher)) => tasks.spawn("catalog publisher", publisher.run(stop.clone())),
            None => {}
        }
        tasks.spawn("catalog standing", pressrun_engine::standing::show(self.engine.shared_context(), stop.clone()));
        // Of every role: whoever is left tells.
        if let Some(alarm) = self.alarm {
            tasks.spawn_pulsed("alarm", |pulse| alarm.run(stop.clone(), pulse));
        }
        if role != Role::Api {
            self.engine.start(&mut tasks, &stop, hand_back.clone());
            tasks.spawn("hints", Arc::clone(&self.engine).follow_hints(stop.clone()));
            if let Some((mailbox, intake)) = self.mailbox {
                let stopping = stop.clone();
                tasks.spawn("mailbox", async move { mailbox.follow(&intake, stopping).await });
            }
        }
        let asked = async {
            stop.cancelled().await;
            tokio::time::Instant::now()
        };
        let supervised = async {
            let failure = tasks.failure(&stop).await;
            if let Some(failure) = &failure {
                error!(%failure, "the process ends: it can no longer do what it is there for");
                stop.cancel();
            }
            failure
        };
        let (public, admin, asked, failure) = tokio::join!(
            serve_until(&stop, listeners.public, self.router, &self.limits),
            serve_until(&stop, listeners.admin, self.admin_router, &self.limits),
            asked,
            supervised,
        );
        self.budget.end(tasks.into_inner(), hand_back, asked).await;
        over.cancel();
        if let Some(shares) = shares
            && let Err(error) = shares.await
        {
            warn!(%error, "the shares of this node were not given back");
        }
        self.door.close().await;
        public.and(admin)?;
        failure.map_or(Ok(()), |failure| Err(failure.into()))
    }
}

/// Publishes the catalog whenever SIGHUP says that its files are as they are meant to be; on Unix only.
async fn publish_on_request(catalog: Arc<CatalogHandle>) {
    #[cfg(unix)]
    {
        let mut asked = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()) {
            Ok(asked) => asked,
            Err(error) => {
                warn!(%error, "SIGHUP is not heard");
                return std::future::pending().await;
            }
        };
        while asked.recv().await.is_some() {
            let catalog = Arc::clone(&catalog);
            match tokio::task::spawn_blocking(move || catalog.publish()).await {
                Ok(Ok(_)) => info!("the catalog was published as it is"),
                Ok(Err(error)) => error!(%error, "the catalog was not published"),
                Err(error) => error!(%error, "publishing the catalog ended early"),
            }
        }
    }
    #[cfg(not(unix))]
    {
        drop(catalog);
        std::future::pending().await
    }
}

/// Serves until `stop`; a listener that fails stops everything else too.
async fn serve_until(stop: &CancellationToken, listener: Option<TcpListener>, router: Router, limits: &ServerLimits) -> anyhow::Result<()> {
    let Some(listener) = listener else { return Ok(()) };
    let served = pressrun_api::serve(listener, router, limits.clone(), stop.clone().cancelled_owned()).await;
    stop.cancel();
    Ok(served?)
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

/// What tells of what is not delivered in time; `None` when the configuration wants nobody to be told.
///
/// # Errors
/// An address is none, or there is no mail.
fn alarm(settings: &Settings, context: Context) -> anyhow::Result<Option<Alarm>> {
    let mail_to = settings.alarm.mail_to(settings.mail.url.is_some())?;
    Ok(settings.alarm.after().map(|after| Alarm { context: Arc::new(context), after, mail_to }))
}

/// What `/metrics` reads when somebody asks.
fn figures_of_now(settings: &Settings, context: &Context, pulses: &Pulses) -> anyhow::Result<Reader> {
    Ok(Reader::new(Sources {
        store: Arc::clone(&context.store),
        catalog: Arc::clone(&context.catalog),
        clock: Arc::clone(&context.clock),
        executors: context.producer.executors().clone(),
        pulses: pulses.clone(),
        database: match settings.store.database()? {
            Database::Sqlite(_) => "sqlite",
            Database::Postgres(_) => "postgres",
        },
        late_after: settings.alarm.after().unwrap_or(SignedDuration::from_hours(1)),
        started_at: context.clock.now(),
    }))
}

/// The pool of executor processes: this program itself.
///
/// # Errors
/// The program cannot find itself.
pub(crate) fn executors(settings: &Settings) -> anyhow::Result<ExecutorPool> {
    let program = std::env::current_exe().context("could not find this program's own file")?;
    let temp_dir = settings.spool.path.join("tmp");
    let command = vec![program.display().to_string(), "executor".to_owned()];
    let mut config = ExecutorConfig {
        memory_bytes: settings.render.memory_mb << 20,
        remote_processes: settings.query.database_queries,
        driver_processes: settings.adbc.processes,
        threads: settings.query.threads(),
        ..ExecutorConfig::new(command, temp_dir)
    };
    if let Some(processes) = settings.render.processes {
        config.processes = processes;
    }
    Ok(ExecutorPool::new(config))
}

/// Bounds and habits of the engine, for a server reached under `public_url`.
///
/// # Errors
/// A bound does not fit another; the message names the key.
pub(crate) fn engine_config(settings: &Settings, public_url: &str) -> anyhow::Result<EngineConfig> {
    let scheduler = &settings.scheduler;
    Ok(EngineConfig {
        workers: scheduler.workers.max(1),
        lease: SignedDuration::from_secs(scheduler.lease_seconds.max(3).into()),
        max_run: SignedDuration::from_mins(scheduler.max_run_minutes.max(1).into()),
        max_sending: SignedDuration::from_mins(scheduler.max_sending_minutes.max(1).into()),
        worthless_after: SignedDuration::from_hours(scheduler.worthless_after_hours.max(1).into()),
        retry: RetryPolicy {
            max_attempts: settings.retry.max_attempts.max(1),
            first_wait: SignedDuration::from_secs(settings.retry.first_wait_seconds.into()),
            deadline: SignedDuration::from_mins(settings.retry.deadline_minutes.into()),
            hold: SignedDuration::from_mins(settings.retry.hold_minutes.into()),
        },
        share_queries: scheduler.share_queries,
        deliveries_of_one_host: scheduler.deliveries_of_one_host.max(1),
        parallel_deliveries: scheduler.parallel_deliveries.max(1),
        max_rows: scheduler.max_rows,
        render_deadline: Duration::from_secs(settings.render.seconds.max(1).into()),
        query: settings.query.limits(&settings.render)?,
        drivers: settings.adbc.folder()?,
        fonts: settings.render.fonts.clone(),
        table_rows: settings.render.table_rows,
        expanded_rows: settings.render.expanded_rows,
        keep_artifacts: SignedDuration::from_hours(24 * i64::from(scheduler.keep_artifacts_days)),
        mail_preview: settings.mail.preview.unwrap_or(true),
        keep: settings.history.keep(),
        trace_ratio: settings.trace.endpoint()?.map(|_| settings.trace.ratio()),
        ..EngineConfig::new(public_url)
    })
}

/// Where artifacts are kept: in the bucket that is configured, or in the spool.
///
/// # Errors
/// The configuration names no bucket; the message says what to write.
pub(crate) fn artifacts(settings: &Settings, spool: &Spool) -> anyhow::Result<Arc<dyn ArtifactStore>> {
    Ok(match settings.artifacts.bucket()? {
        Some(bucket) => Arc::new(Bucket::new(&bucket, spool).context("artifacts")?),
        None => Arc::new(spool.clone()),
    })
}

/// What was published last, with its files in the spool.
///
/// # Errors
/// Nothing is published, or it cannot be had.
pub(crate) async fn fetch_published(settings: &Settings, store: &dyn Store) -> anyhow::Result<Fetched> {
    let fetched = published::fetch(store, &published_folder(&settings.spool)).await?;
    fetched.ok_or_else(|| {
        let error = "catalog.source is \"published\", and no catalog was published in this database".to_owned();
        Hinted::new(error, "run `pressrun publish FOLDER --config …`, or start a node with catalog.publish = true").into()
    })
}

/// Opens the database that is there; neither it nor a key is made.
///
/// # Errors
/// There is none, or it cannot be opened.
pub(crate) async fn open_existing_store(settings: &Settings) -> anyhow::Result<Arc<dyn Store>> {
    if let Database::Sqlite(path) = settings.store.database()?
        && !path.is_file()
    {
        let error = format!("there is no database {} (configuration: {})", path.display(), settings.source);
        return Err(Hinted::new(error, "name the server's configuration with --config, or its database with PRESSRUN_STORE__URL").into());
    }
    open_store(settings).await
}

/// How far the clock of this machine is behind that of the database; `None` where both are one.
///
/// # Errors
/// The database cannot be opened.
pub(crate) async fn clock_behind(settings: &Settings) -> anyhow::Result<Option<SignedDuration>> {
    Ok(match open(settings).await? {
        Opened::Sqlite(_) => None,
        Opened::Postgres(store) => Some(store.clock_behind(WallClock.now()).await?),
    })
}

/// Opens the database, its secrets sealed with the configured keys; a file and its key are made when they are not there.
pub(crate) async fn open_store(settings: &Settings) -> anyhow::Result<Arc<dyn Store>> {
    Ok(match open(settings).await? {
        Opened::Sqlite(store) => Arc::new(store),
        Opened::Postgres(store) => Arc::new(store),
    })
}

/// An open database.
enum Opened {
    Sqlite(SqliteStore),
    Postgres(PostgresStore),
}

impl Opened {
    /// The store of API and pages, and that of the engine, which has connections of its own.
    async fn halves(self) -> anyhow::Result<(Arc<dyn Store>, Arc<dyn Store>)> {
        Ok(match self {
            Self::Sqlite(store) => {
                let engine = store.with_own_readers().await?;
                (Arc::new(store), Arc::new(engine))
            }
            Self::Postgres(store) => {
                let engine = store.with_own_readers().await?;
                (Arc::new(store), Arc::new(engine))
            }
        })
    }
}

async fn open(settings: &Settings) -> anyhow::Result<Opened> {
    match settings.store.database()? {
        Database::Sqlite(path) => Ok(Opened::Sqlite(open_file(settings, &path).await?)),
        Database::Postgres(database) => {
            let store =
                PostgresStore::open(&database, sealing::sealer(settings)?).await.context("could not open the database of store.url")?;
            Ok(Opened::Postgres(store))
        }
    }
}

async fn open_file(settings: &Settings, path: &Path) -> anyhow::Result<SqliteStore> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).with_context(|| format!("could not create {}", folder.display()))?;
    }
    let sealer = sealing::sealer(settings)?;
    let named = || format!("could not open the database {}", path.display());
    for file in ["", "-wal", "-shm"] {
        let mut beside = path.to_owned().into_os_string();
        beside.push(file);
        private::tighten(Path::new(&beside)).with_context(named)?;
    }
    SqliteStore::open(path, sealer).await.with_context(named)
}

/// A secret of this server for one purpose; the first one is made from the sealing key, as it was before it was kept.
async fn own_secret(settings: &Settings, store: &Arc<dyn Store>, purpose: &str) -> anyhow::Result<Secret> {
    let key = sealing::present_key(settings)?;
    let digest = Sha256::new().chain_update(b"pressrun ").chain_update(purpose).chain_update(key.expose()).finalize();
    Ok(store.own_secret(purpose, &Secret::new(hex::encode(digest))).await?)
}

/// Everything that ways out need, for `organization`; connects to nothing.
///
/// # Errors
/// A setting does not fit, or a file cannot be read; the message names the key.
pub(crate) fn carrier_config(settings: &Settings, organization: &str, return_path: Option<ReturnPath>) -> anyhow::Result<CarrierConfig> {
    Ok(CarrierConfig {
        return_path,
        egress: settings.egress.policy()?,
        proxy: settings.egress.way_out()?,
        slack: settings.slack.workspace()?,
        s3: settings.s3.access(organization)?,
        dkim: settings.mail.signing_keys()?,
        ..CarrierConfig::new(settings.mail.transport()?)
    })
}

/// The return paths of mail, signed with a secret of the database's.
///
/// # Errors
/// The address is none, or the secret cannot be had.
pub(crate) async fn return_path(settings: &Settings, store: &Arc<dyn Store>) -> anyhow::Result<Option<ReturnPath>> {
    settings.mail.return_paths(&own_secret(settings, store, "bounces").await?)
}

fn tell_how_mail_leaves(settings: &Settings) -> anyhow::Result<()> {
    match settings.mail.transport()? {
        MailConfig::Off => warn!(
            "mail is not configured: schedules by mail end with ERROR, and nobody is told of failures by mail; set mail.url to \
             smtp://HOST:587 to send it, or to file:FOLDER to write files"
        ),
        MailConfig::File { folder, .. } => info!(folder = %folder.display(), "mail is written to files, as mail.url says; nobody gets it"),
        MailConfig::Smtp(_) => {}
    }
    Ok(())
}

fn api_state(
    settings: &Settings,
    public_url: &str,
    context: &Context,
    catalog: LiveCatalog,
    egress: EgressPolicy,
    answers: Answers,
    wake: &Arc<Notify>,
) -> ApiState {
    ApiState {
        store: Arc::clone(&context.store),
        catalog: Arc::new(catalog),
        clock: Arc::clone(&context.clock),
        urls: Arc::new(Egress(egress)),
        artifacts: Arc::new(Artifacts(Arc::clone(&context.artifacts))),
        engine: Arc::new(answers),
        wake: Arc::clone(wake),
        config: ApiConfig {
            requests_per_minute: settings.limits.requests_per_minute,
            failed_authentications_per_minute: settings.limits.failed_authentications_per_minute,
            development_keys: settings.server.lets_development_keys_in(),
            public_url: public_url.to_owned(),
            deliverer_role_arn: settings.s3.deliverer_role_arn.clone(),
            allow_s3_test: settings.s3.allow_test,
            slack_connected: settings.slack.is_connected(),
            s3_connected: settings.s3.is_connected(),
            s3_buckets: settings.s3.only_buckets(),
            mail: settings.mail.url.is_some(),
            cadence_floor: Some(settings.scheduler.cadence_floor_minutes)
                .filter(|minutes| *minutes > 0)
                .map(|minutes| SignedDuration::from_mins(minutes.into())),
            limits: settings.limits.api(),
            body_limit: settings.limits.body_kib << 10,
            request_timeout: Duration::from_secs(settings.limits.request_seconds.max(1).into()),
            ..ApiConfig::default()
        },
    }
}

struct LiveCatalog {
    handle: Arc<CatalogHandle>,
    behind: Behind,
}

impl CatalogSource for LiveCatalog {
    fn current(&self) -> Arc<pressrun_domain::catalog::Catalog> {
        self.handle.current()
    }

    fn faults(&self) -> CatalogFaults {
        let status = self.handle.status();
        let document = |file: &pressrun_catalog::FaultyFile| FaultyDocument {
            file: file.file.clone(),
            identifier: file.identifier.clone(),
            kept: file.kept,
        };
        let problem = |problem: pressrun_catalog::Problem| CatalogProblem {
            file: problem.file,
            place: (problem.line > 0).then_some((problem.line, problem.column)),
            message: problem.message,
            hint: problem.hint,
        };
        let behind = self.behind.why().map(|why| CatalogProblem {
            file: String::new(),
            place: None,
            message: format!("the published catalog cannot be taken here: {why}"),
            hint: String::new(),
        });
        CatalogFaults {
            loaded_at: status.loaded_at,
            problems: behind.into_iter().chain(status.problems.into_iter().map(problem)).collect(),
            documents: status.faulty.iter().map(document).collect(),
        }
    }
}

struct Artifacts(Arc<dyn ArtifactStore>);

#[async_trait]
impl ArtifactSource for Artifacts {
    async fn open(&self, sha256: &str) -> Result<Option<PathBuf>, StoreError> {
        self.0.open(sha256).await.map_err(|error| StoreError::Unavailable(error.to_string()))
    }
}

struct Egress(EgressPolicy);

#[async_trait]
impl UrlPolicy for Egress {
    async fn check_url(&self, url: &url::Url) -> Result<(), String> {
        self.0.check_url(url.as_str()).map(drop).map_err(|refused| refused.to_string())
    }

    async fn check_host(&self, host: &str, port: u16) -> Result<(), String> {
        let host = Host::of_sftp_address(host).map_err(|fault| fault.to_string())?;
        self.0.check_host(host.as_url_host(), port).map_err(|refused| refused.to_string())
    }

    fn check_private_key(&self, key: &Secret, passphrase: Option<&Secret>) -> Result<(), String> {
        pressrun_deliver::check_private_key(key, passphrase).map_err(|fault| fault.to_string())
    }
}
