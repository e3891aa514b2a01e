//! One process: a runtime of its own, in which the real engine works over a connection of its own to the database.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use jiff::SignedDuration;
use pressrun_catalog::CatalogHandle;
use pressrun_dispatch::{Keep, Pulses, Tasks};
use pressrun_domain::clock::Clock;
use pressrun_domain::retry::RetryPolicy;
use pressrun_domain::secret::Secret;
use pressrun_engine::content::Producer;
use pressrun_engine::executor::{ExecutorConfig, ExecutorPool};
use pressrun_engine::links::Links;
use pressrun_engine::pipeline::Context;
use pressrun_engine::spool::Spool;
use pressrun_engine::{Engine, EngineConfig, Receivers};
use pressrun_store::{SqliteStore, StoreError};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::plants::Plant;
use crate::servers::{Couriers, Executors};
use crate::stage::{NodeId, Stage, StageClock};
use crate::store::StagedStore;

/// No call takes so long on the slowest machine, by the time outside of the simulation.
const STANDSTILL: Duration = Duration::from_secs(60);

/// Whether a runtime has anything to do.
#[derive(Debug, Default)]
pub struct Idleness {
    idle: AtomicBool,
    /// Store calls that are being made: the runtime then waits for the database, which is no idleness.
    calls: AtomicUsize,
    waker: Mutex<Option<Waker>>,
    /// The database, which may have a transaction to end.
    store: OnceLock<Arc<SqliteStore>>,
}

/// A store call that is being made; over when dropped.
pub struct Calling(Arc<Idleness>);

impl Idleness {
    /// A store call begins.
    pub fn calling(self: &Arc<Self>) -> Calling {
        self.calls.fetch_add(1, Ordering::SeqCst);
        Calling(Arc::clone(self))
    }

    /// Called by the runtime when nothing can go on.
    fn parked(&self) {
        let writes = self.store.get().is_some_and(|store| store.is_writing());
        if self.calls.load(Ordering::SeqCst) == 0 && !writes {
            self.idle.store(true, Ordering::SeqCst);
            if let Some(waker) = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take() {
                waker.wake();
            }
        }
    }
}

impl Drop for Calling {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Ends when nothing in the runtime can go on.
struct UntilIdle<'a>(&'a Idleness);

impl Future for UntilIdle<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<()> {
        if self.0.idle.swap(false, Ordering::SeqCst) {
            return Poll::Ready(());
        }
        *self.0.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(context.waker().clone());
        Poll::Pending
    }
}

/// What every process of a run is started with.
pub struct Site {
    /// The database.
    pub database: std::path::PathBuf,
    /// Artifacts.
    pub spool: std::path::PathBuf,
    /// Dashboards and people.
    pub catalog: Arc<CatalogHandle>,
    /// Bounds and habits.
    pub config: EngineConfig,
    /// What is wrong on purpose.
    pub plant: Option<Plant>,
}

/// One process.
pub struct Node {
    /// Which.
    pub id: NodeId,
    /// Signalled by whoever changes a schedule through this process.
    pub wake: Arc<Notify>,
    idleness: Arc<Idleness>,
    stop: CancellationToken,
    hand_back: CancellationToken,
    tasks: Option<JoinSet<()>>,
    engine: Option<Arc<Engine>>,
    runtime: Option<Runtime>,
}

impl Node {
    /// Starts a process.
    ///
    /// # Errors
    /// The database or the spool cannot be opened.
    pub fn start(id: NodeId, stage: &Stage, site: &Site) -> Result<Self, StoreError> {
        let idleness = Arc::new(Idleness::default());
        let hook = Arc::clone(&idleness);
        let runtime = Builder::new_current_thread().enable_time().on_thread_park(move || hook.parked()).build().map_err(unavailable)?;
        let opening = idleness.calling();
        let store = Arc::new(runtime.block_on(open(&site.database))?);
        drop(opening);
        idleness.store.get_or_init(|| Arc::clone(&store));
        let store = Arc::new(StagedStore::new(store, stage.clone(), id, Arc::clone(&idleness), site.plant));
        let jumps_along = site.plant == Some(Plant::ClockIsBelieved);
        let clock: Arc<dyn Clock> = Arc::new(StageClock { stage: stage.clone(), node: id, jumps_along });
        let config = Arc::new(site.config.clone());
        let executors = Arc::new(Executors { stage: stage.clone(), node: id });
        let pool = ExecutorPool::played_by(executors, ExecutorConfig::new(Vec::new(), site.spool.join("tmp")));
        let spool = spool(&site.spool)?;
        let context = Context {
            store,
            catalog: Arc::clone(&site.catalog),
            clock,
            carrier: Arc::new(Couriers { stage: stage.clone(), node: id }),
            producer: Producer::new(pool, Arc::clone(&config)),
            artifacts: Arc::new(spool.clone()),
            spool,
            links: Links::new(&config.public_url, Secret::new("k")),
            config,
            faults: Arc::default(),
            receivers: Receivers::default(),
        };
        let wake = Arc::new(Notify::new());
        let engine = Arc::new(Engine::new(context, Arc::clone(&wake)));
        let (stop, hand_back) = (CancellationToken::new(), CancellationToken::new());
        let mut tasks = Tasks::new(Pulses::default());
        {
            let _inside = runtime.enter();
            engine.start(&mut tasks, &stop, hand_back.clone());
        }
        let tasks = Some(tasks.into_inner());
        Ok(Self { id, wake, idleness, stop, hand_back, tasks, engine: Some(engine), runtime: Some(runtime) })
    }

    /// Runs until nothing can go on without the world; false when that does not come about, because a call that is being made waits for a task that waits
    /// for it.
    #[must_use]
    pub fn run(&self) -> bool {
        let Some(runtime) = &self.runtime else { return true };
        runtime.block_on(async { tokio::time::timeout(STANDSTILL, UntilIdle(&self.idleness)).await.is_ok() })
    }

    /// Asks it to stop, as SIGTERM does: nothing more is claimed.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Its time to stop is over: what is under way is handed back.
    pub fn hand_back(&self) {
        self.hand_back.cancel();
    }

    /// Whether every task has ended; and how the first that panicked did.
    pub fn ended(&mut self) -> (bool, Option<String>) {
        let mut fault = None;
        if let Some(tasks) = &mut self.tasks {
            while let Some(ended) = tasks.try_join_next() {
                if let Err(error) = ended
                    && error.is_panic()
                {
                    fault.get_or_insert_with(|| panic_words(error.into_panic().as_ref()));
                } else if !self.stop.is_cancelled() {
                    fault.get_or_insert_with(|| "a task ended that nobody asked to".to_owned());
                }
            }
        }
        (self.tasks.as_ref().is_none_or(JoinSet::is_empty), fault)
    }
}

fn panic_words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

impl Drop for Node {
    /// As if the process was killed: nothing of it goes on, and nothing is written.
    fn drop(&mut self) {
        let Some(runtime) = self.runtime.take() else { return };
        {
            let _inside = runtime.enter();
            drop(self.tasks.take());
        }
        drop(runtime);
        drop(self.engine.take());
    }
}

/// Opens a database, and waits until no transaction of that keeps others from writing.
pub async fn open(database: &Path) -> Result<SqliteStore, StoreError> {
    let store = SqliteStore::open(database, pressrun_store::sample::sealer()).await?;
    until_written(&store).await;
    Ok(store)
}

/// Waits until no transaction is open: whoever is refused, or has nothing to write, hears of it before.
pub async fn until_written(store: &SqliteStore) {
    while store.is_writing() {
        tokio::time::sleep(Duration::from_micros(100)).await;
    }
}

/// A spool in the folder.
fn spool(folder: &Path) -> Result<Spool, StoreError> {
    Spool::open(folder).map_err(unavailable)
}

fn unavailable(error: impl std::fmt::Display) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

/// Bounds and habits of simulated processes: as they are, but that retries are over sooner and idle looks are rarer.
#[must_use]
pub fn config(workers: u32, keep: Option<SignedDuration>) -> EngineConfig {
    let (first_wait, deadline) = (SignedDuration::from_secs(15), SignedDuration::from_mins(4));
    let defaults = EngineConfig::new("http://reports.example");
    let retry = RetryPolicy { first_wait, deadline, ..defaults.retry };
    let keep = keep.map_or(defaults.keep, |keep| Keep { history: keep, audit: keep });
    EngineConfig { workers, retry, keep, mail_preview: false, poll: SignedDuration::from_mins(4), ..defaults }
}
