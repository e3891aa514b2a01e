//! The parent's side: children by crew, each with one job at a time.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use pressrun_domain::mail::MailWords;
use pressrun_query::{ConnectionSpec, QueryError, QueryJob, QueryOutcome};
use pressrun_render::html::PageTiles;
use pressrun_render::{RenderError, RenderJob, Rendered, Report};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::figures;

use super::job::{Job, JobResult, MailJob, Message, Reply};
use super::scratch::{self, Scratch};
use super::worker::{ExecutorError, Worker};

/// What a driver needs before it does anything: those in Go some 117 MB.
const DRIVER_BYTES: u64 = 256 << 20;

/// How children are started and bounded.
#[derive(Debug, Clone)]
pub struct ExecutorConfig {
    /// Program and arguments that start a child; what it may use is said by further arguments: `--memory-bytes`, `--temp-dir` and
    /// `--threads`. It serves [`super::serve`] on its standard input and output.
    pub command: Vec<String>,
    /// Most children that compute at once.
    pub processes: usize,
    /// Most children that wait for a database at once.
    pub remote_processes: usize,
    /// Most children that have a database driver loaded at once.
    pub driver_processes: usize,
    /// Most bytes of memory of one child.
    pub memory_bytes: u64,
    /// Threads with which one child computes.
    pub threads: usize,
    /// A child that holds more memory than this after a job is replaced.
    pub retire_above_bytes: u64,
    /// A child is replaced after so many jobs.
    pub retire_after_jobs: u32,
    /// A child without work for so long is stopped.
    pub idle: Duration,
    /// Folder for what a query spills.
    pub temp_dir: PathBuf,
}

impl ExecutorConfig {
    /// Children started by `command`, with defaults for the rest.
    #[must_use]
    pub fn new(command: Vec<String>, temp_dir: PathBuf) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            command,
            // One more than there are cores, for the last one is never one connection's.
            processes: (cores + 1).min(5),
            remote_processes: 16,
            driver_processes: 8,
            memory_bytes: 1536 << 20,
            threads: cores,
            retire_above_bytes: 384 << 20,
            retire_after_jobs: 500,
            idle: Duration::from_secs(300),
            temp_dir,
        }
    }
}

/// What a job needs most of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crew {
    /// A processor: the embedded engine and typesetting.
    Compute,
    /// Patience: a database answers.
    Remote,
    /// A process of its own, which ends behind it: native code of others is loaded.
    Driver,
}

impl Crew {
    /// Where queries of a connection belong.
    #[must_use]
    pub fn of(connection: &ConnectionSpec) -> Self {
        match connection {
            ConnectionSpec::Files { .. } => Self::Compute,
            ConnectionSpec::Postgres { .. } | ConnectionSpec::ClickHouse(_) => Self::Remote,
            ConnectionSpec::Adbc(_) => Self::Driver,
        }
    }
}

impl Crew {
    /// The word in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Compute => "compute",
            Self::Remote => "remote",
            Self::Driver => "driver",
        }
    }
}

/// How full a crew is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occupancy {
    /// Which.
    pub crew: Crew,
    /// Most children that work at once.
    pub most: usize,
    /// So many more may begin now.
    pub free: usize,
    /// Children that wait for work.
    pub idle_children: usize,
}

/// Does jobs in the place of child processes: a model of them, in a simulation.
#[async_trait]
pub trait StandIn: std::fmt::Debug + Send + Sync {
    /// Does one job as a child would, and keeps `deadline` itself.
    ///
    /// # Errors
    /// How a child would have ended.
    async fn act(&self, job: Job, deadline: Duration) -> Result<JobResult, ExecutorError>;
}

/// Pools of child processes. Dropping a call stops its work: a query as [`super`] says, everything else by the end of its child.
#[derive(Debug, Clone)]
pub struct ExecutorPool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: ExecutorConfig,
    stand_in: Option<Arc<dyn StandIn>>,
    compute: Children,
    remote: Children,
    driver: Children,
    /// Made with the first child.
    scratch: OnceLock<Scratch>,
}

/// The children of one crew.
#[derive(Debug)]
struct Children {
    most: usize,
    threads: usize,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Worker>>,
}

impl Children {
    fn new(most: usize, threads: usize) -> Self {
        let most = most.max(1);
        Self { most, threads, permits: Arc::new(Semaphore::new(most)), idle: Mutex::default() }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Worker>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One that waits for work; rather one that keeps the source of this connection, else the one that worked last.
    fn take_idle(&self, connection: Option<&str>) -> Option<Worker> {
        let mut idle = self.idle();
        while !idle.is_empty() {
            let warm = connection.and_then(|connection| idle.iter().position(|worker| worker.is_warm(connection)));
            let last = idle.len() - 1;
            let mut worker = idle.remove(warm.unwrap_or(last));
            if worker.lives() {
                return Some(worker);
            }
        }
        None
    }
}

impl ExecutorPool {
    /// A pool without children yet.
    #[must_use]
    pub fn new(config: ExecutorConfig) -> Self {
        Self::with(config, None)
    }

    /// A pool as large as `config` says in which `stand_in` does every job; no process is started.
    #[must_use]
    pub fn played_by(stand_in: Arc<dyn StandIn>, config: ExecutorConfig) -> Self {
        Self::with(config, Some(stand_in))
    }

    fn with(config: ExecutorConfig, stand_in: Option<Arc<dyn StandIn>>) -> Self {
        let compute = Children::new(config.processes, config.threads);
        let remote = Children::new(config.remote_processes, 1);
        let driver = Children::new(config.driver_processes, 1);
        Self { shared: Arc::new(Shared { config, stand_in, compute, remote, driver, scratch: OnceLock::new() }) }
    }

    /// Removes what processes that are dead spilled and left; blocks.
    ///
    /// # Errors
    /// The folder cannot be read, or something in it not removed.
    pub fn clear_spills_of_the_dead(&self) -> std::io::Result<()> {
        scratch::clear_the_dead(&self.shared.config.temp_dir)
    }

    /// Most children of `crew` that one connection may have at once: the last quarter, and at least one, is left to others.
    #[must_use]
    pub fn most_of_one_connection(&self, crew: Crew) -> usize {
        let most = self.shared.children(crew).most;
        (most - most.div_ceil(4)).max(1)
    }

    /// Runs a query within `deadline`.
    ///
    /// # Errors
    /// The query's own failure, or that its process was killed or died.
    pub async fn query(&self, job: QueryJob, deadline: Duration) -> Result<QueryOutcome, QueryError> {
        let out = job.out.clone();
        let (crew, connection) = (Crew::of(&job.connection), job.connection.digest());
        let driver = match &job.connection {
            ConnectionSpec::Adbc(spec) => Some(spec.driver.clone()),
            _ => None,
        };
        let answer = self.call(crew, Job::Query(Box::new(job)), Some(connection), deadline).await;
        let answer = answer.map_err(|error| match (driver, error) {
            // Whose fault it is, is told.
            (Some(driver), ExecutorError::Died(how)) => ExecutorError::Died(format!("the driver `{driver}` ended it: {how}")),
            (_, error) => error,
        });
        if answer.is_err() {
            // The child could not clean up after itself.
            let _ = tokio::fs::remove_file(&out).await;
        }
        match answer? {
            JobResult::Queried(result) => result,
            other => Err(ExecutorError::Died(format!("answered {}", kind(&other))).into()),
        }
    }

    /// Renders an artifact into `out` within `deadline`.
    ///
    /// # Errors
    /// Outside, that the process was killed or died; inside, the renderer's own failure.
    pub async fn render(&self, job: RenderJob, out: PathBuf, deadline: Duration) -> Result<Result<Rendered, RenderError>, ExecutorError> {
        match self.compute(Job::Render { job: Box::new(job), out }, deadline).await? {
            JobResult::Rendered(result) => Ok(result),
            other => Err(ExecutorError::Died(format!("answered {}", kind(&other)))),
        }
    }

    /// Writes the words of a mail within `deadline`.
    ///
    /// # Errors
    /// The process was killed or died.
    pub async fn mail(&self, job: MailJob, deadline: Duration) -> Result<MailWords, ExecutorError> {
        match self.compute(Job::Mail(Box::new(job)), deadline).await? {
            JobResult::Mail(body) => Ok(body),
            other => Err(ExecutorError::Died(format!("answered {}", kind(&other)))),
        }
    }

    /// Draws the tiles of a report for a browser within `deadline`.
    ///
    /// # Errors
    /// Outside, that the process was killed or died; inside, the renderer's own failure.
    pub async fn page(&self, report: Report, deadline: Duration) -> Result<Result<Vec<PageTiles>, RenderError>, ExecutorError> {
        match self.compute(Job::Page(Box::new(report)), deadline).await? {
            JobResult::Page(result) => Ok(result),
            other => Err(ExecutorError::Died(format!("answered {}", kind(&other)))),
        }
    }

    /// Stops children that have been idle for long; call it now and then.
    pub fn reap(&self) {
        let idle_for = self.shared.config.idle;
        for children in self.shared.crews() {
            // A worker that is dropped closes its pipe, and its process ends.
            children.idle().retain(|worker| worker.idle_since.elapsed() < idle_for);
        }
    }

    /// How many children wait for work.
    #[must_use]
    pub fn idle_children(&self) -> usize {
        self.shared.crews().map(|children| children.idle().len()).sum()
    }

    /// How many of them keep the source of this connection.
    #[must_use]
    pub fn warm_children(&self, connection: &ConnectionSpec) -> usize {
        let (idle, digest) = (self.shared.children(Crew::of(connection)).idle(), connection.digest());
        idle.iter().filter(|worker| worker.is_warm(&digest)).count()
    }

    /// How full each crew is.
    #[must_use]
    pub fn occupancy(&self) -> [Occupancy; 3] {
        [Crew::Compute, Crew::Remote, Crew::Driver].map(|crew| {
            let children = self.shared.children(crew);
            Occupancy { crew, most: children.most, free: children.permits.available_permits(), idle_children: children.idle().len() }
        })
    }

    /// Memory that the children that wait held after their last job; 0 where the system does not say.
    #[must_use]
    pub fn idle_bytes(&self) -> u64 {
        self.shared.crews().map(|children| children.idle().iter().map(|worker| worker.resident_bytes).sum::<u64>()).sum()
    }

    async fn compute(&self, job: Job, deadline: Duration) -> Result<JobResult, ExecutorError> {
        self.call(Crew::Compute, job, None, deadline).await
    }

    async fn call(&self, crew: Crew, job: Job, connection: Option<String>, deadline: Duration) -> Result<JobResult, ExecutorError> {
        let children = self.shared.children(crew);
        let permit = Arc::clone(&children.permits).acquire_owned().await.map_err(ExecutorError::unavailable)?;
        if let Some(stand_in) = &self.shared.stand_in {
            return stand_in.act(job, deadline).await;
        }
        let frame = serde_json::to_vec(&Message::Work(job)).map_err(ExecutorError::unavailable)?;
        let worker = match children.take_idle(connection.as_deref()) {
            Some(worker) => worker,
            None => self.shared.start(crew, children.threads)?,
        };
        let mut under_way =
            UnderWay { shared: Arc::clone(&self.shared), crew, is_query: connection.is_some(), held: Some((worker, permit)) };
        let answer = tokio::time::timeout(deadline, under_way.exchange(&frame)).await;
        // What is under way is stopped when it is dropped.
        let Ok(answer) = answer else {
            figures::child_ended("deadline");
            return Err(ExecutorError::Deadline { after: deadline });
        };
        let Some((mut worker, _permit)) = under_way.held.take() else { return Err(ExecutorError::unavailable("it is gone")) };
        match answer {
            Ok(reply) => {
                if let Some(connection) = connection {
                    worker.warmed(connection);
                }
                Ok(self.shared.take_back(crew, worker, reply))
            }
            Err(fault) => {
                let cause = worker.cause_of_death(fault).await;
                figures::child_ended(if matches!(cause, ExecutorError::Memory) { "memory" } else { "other" });
                Err(cause)
            }
        }
    }
}

impl Shared {
    fn children(&self, crew: Crew) -> &Children {
        match crew {
            Crew::Compute => &self.compute,
            Crew::Remote => &self.remote,
            Crew::Driver => &self.driver,
        }
    }

    fn crews(&self) -> impl Iterator<Item = &Children> {
        [&self.compute, &self.remote, &self.driver].into_iter()
    }

    fn start(&self, crew: Crew, threads: usize) -> Result<Worker, ExecutorError> {
        let config = &self.config;
        let (program, arguments) = config.command.split_first().ok_or_else(|| ExecutorError::unavailable("no command is configured"))?;
        let scratch = self.scratch().and_then(Scratch::for_child).map_err(ExecutorError::unavailable)?;
        let is_driver = crew == Crew::Driver;
        let memory = config.memory_bytes + if is_driver { DRIVER_BYTES } else { 0 };
        let (memory, folder, threads) = (memory.to_string(), scratch.path().display().to_string(), threads.to_string());
        let bounds = [("--memory-bytes", memory), ("--temp-dir", folder), ("--threads", threads)];
        let bounds = bounds.into_iter().flat_map(|(name, value)| [name.to_owned(), value]);
        let arguments = arguments.iter().cloned().chain(bounds).chain(is_driver.then(|| "--for-driver".to_owned()));
        let arguments = arguments.collect::<Vec<_>>();
        if is_driver { Worker::start_apart(program, &arguments, scratch) } else { Worker::start(program, &arguments, scratch) }
    }

    fn scratch(&self) -> std::io::Result<&Scratch> {
        match self.scratch.get() {
            Some(scratch) => Ok(scratch),
            None => {
                let opened = Scratch::open(&self.config.temp_dir)?;
                Ok(self.scratch.get_or_init(|| opened))
            }
        }
    }

    /// A child has answered: it waits for the next job, unless it has grown too large or too old.
    fn take_back(&self, crew: Crew, mut worker: Worker, reply: Reply) -> JobResult {
        worker.jobs += 1;
        worker.resident_bytes = reply.resident_bytes;
        if crew == Crew::Driver {
            // It is not asked to close anything: that can take longer than the query, and what it has loaded is not used again.
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(async move { worker.kill().await });
            }
            return reply.result;
        }
        if worker.jobs < self.config.retire_after_jobs && reply.resident_bytes < self.config.retire_above_bytes {
            worker.idle_since = Instant::now();
            self.children(crew).idle().push(worker);
        }
        reply.result
    }
}

/// A job that a child works on. Dropped before its answer came, it is stopped; its place in the pool is free when that is done.
struct UnderWay {
    shared: Arc<Shared>,
    crew: Crew,
    is_query: bool,
    held: Option<(Worker, OwnedSemaphorePermit)>,
}

impl UnderWay {
    async fn exchange(&mut self, frame: &[u8]) -> std::io::Result<Reply> {
        match &mut self.held {
            Some((worker, _)) => worker.exchange(frame).await,
            None => Err(std::io::ErrorKind::NotConnected.into()),
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let Some((mut worker, permit)) = self.held.take() else { return };
        // Without a runtime this process ends, and its children with it.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (shared, crew, is_query) = (Arc::clone(&self.shared), self.crew, self.is_query);
        runtime.spawn(async move {
            if !is_query {
                worker.kill().await;
            } else if let Some(reply) = worker.stop().await {
                shared.take_back(crew, worker, reply);
            }
            drop(permit);
        });
    }
}

fn kind(result: &JobResult) -> &'static str {
    match result {
        JobResult::Queried(_) => "rows",
        JobResult::Rendered(_) => "an artifact",
        JobResult::Mail(_) => "a mail",
        JobResult::Page(_) => "a page",
    }
}
