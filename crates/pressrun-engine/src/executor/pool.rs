//! The parent's side: a small pool of children, each with one job at a time.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pressrun_domain::mail::MailWords;
use pressrun_query::{QueryError, QueryErrorKind, QueryJob, QueryOutcome};
use pressrun_render::html::PageTiles;
use pressrun_render::{RenderError, RenderJob, Rendered, Report};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::job::{Job, JobResult, MAX_FRAME_BYTES, MailJob, Reply};

/// How children are started and bounded.
#[derive(Debug, Clone)]
pub struct ExecutorConfig {
    /// Program and arguments that start a child; it serves [`super::serve`] on its standard input and output.
    pub command: Vec<String>,
    /// Most children at once.
    pub processes: usize,
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
        Self {
            command,
            processes: std::thread::available_parallelism().map_or(2, usize::from).clamp(1, 4),
            retire_above_bytes: 384 << 20,
            retire_after_jobs: 500,
            idle: Duration::from_secs(60),
            temp_dir,
        }
    }
}

/// What makes glibc's allocator give memory back after a large job: it otherwise raises these thresholds by itself, and 500 different reports
/// ended at 1.85 times the memory of the first 20 instead of 1.03 times. Other allocators know nothing of it.
const GIVE_MEMORY_BACK: [(&str, &str); 2] = [("MALLOC_MMAP_THRESHOLD_", "1048576"), ("MALLOC_TRIM_THRESHOLD_", "1048576")];

/// Why a child gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExecutorError {
    /// It passed its deadline and was killed.
    #[error("killed: deadline (stopped after {} s)", after.as_secs())]
    Deadline {
        /// The time it had.
        after: Duration,
    },
    /// It passed its memory limit.
    #[error("killed: memory (needed more than its limit)")]
    Memory,
    /// It died, such as by a stack overflow.
    #[error("the executor process died ({0})")]
    Died(String),
    /// It could not be started or talked to.
    #[error("the executor process could not be started or reached: {0}")]
    Unavailable(String),
}

impl ExecutorError {
    fn unavailable(error: impl std::fmt::Display) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// A query's failure, in the child or of the child.
impl From<ExecutorError> for QueryError {
    fn from(error: ExecutorError) -> Self {
        let kind = match error {
            ExecutorError::Deadline { .. } => QueryErrorKind::Timeout,
            ExecutorError::Memory => QueryErrorKind::Memory,
            ExecutorError::Died(_) | ExecutorError::Unavailable(_) => QueryErrorKind::Internal,
        };
        QueryError::new(kind, error.to_string())
    }
}

/// A small pool of child processes. Dropping a call kills its child: that is how work is cancelled.
#[derive(Debug, Clone)]
pub struct ExecutorPool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: ExecutorConfig,
    permits: Semaphore,
    idle: Mutex<Vec<Worker>>,
}

#[derive(Debug)]
struct Worker {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    last_words: JoinHandle<String>,
    jobs: u32,
    resident_bytes: u64,
    idle_since: Instant,
}

impl ExecutorPool {
    /// A pool without children yet.
    #[must_use]
    pub fn new(config: ExecutorConfig) -> Self {
        let permits = Semaphore::new(config.processes.max(1));
        Self { shared: Arc::new(Shared { config, permits, idle: Mutex::default() }) }
    }

    /// Folder for what a query spills, and for half-made files.
    #[must_use]
    pub fn temp_dir(&self) -> &std::path::Path {
        &self.shared.config.temp_dir
    }

    /// Runs a query within `deadline`.
    ///
    /// # Errors
    /// The query's own failure, or that its process was killed or died.
    pub async fn query(&self, job: QueryJob, deadline: Duration) -> Result<QueryOutcome, QueryError> {
        let out = job.out.clone();
        let answer = self.call(Job::Query(Box::new(job)), deadline).await;
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
        match self.call(Job::Render { job: Box::new(job), out }, deadline).await? {
            JobResult::Rendered(result) => Ok(result),
            other => Err(ExecutorError::Died(format!("answered {}", kind(&other)))),
        }
    }

    /// Writes the words of a mail within `deadline`.
    ///
    /// # Errors
    /// The process was killed or died.
    pub async fn mail(&self, job: MailJob, deadline: Duration) -> Result<MailWords, ExecutorError> {
        match self.call(Job::Mail(Box::new(job)), deadline).await? {
            JobResult::Mail(body) => Ok(body),
            other => Err(ExecutorError::Died(format!("answered {}", kind(&other)))),
        }
    }

    /// Draws the tiles of a report for a browser within `deadline`.
    ///
    /// # Errors
    /// Outside, that the process was killed or died; inside, the renderer's own failure.
    pub async fn page(&self, report: Report, deadline: Duration) -> Result<Result<Vec<PageTiles>, RenderError>, ExecutorError> {
        match self.call(Job::Page(Box::new(report)), deadline).await? {
            JobResult::Page(result) => Ok(result),
            other => Err(ExecutorError::Died(format!("answered {}", kind(&other)))),
        }
    }

    /// Stops children that have been idle for long; call it now and then.
    pub fn reap(&self) {
        let idle_for = self.shared.config.idle;
        // Dropping a worker kills its process; it has no job.
        self.shared.idle().retain(|worker| worker.idle_since.elapsed() < idle_for);
    }

    /// How many children wait for work.
    #[must_use]
    pub fn idle_children(&self) -> usize {
        self.shared.idle().len()
    }

    /// Memory that the children that wait held after their last job; 0 where the system does not say.
    #[must_use]
    pub fn idle_bytes(&self) -> u64 {
        self.shared.idle().iter().map(|worker| worker.resident_bytes).sum()
    }

    async fn call(&self, job: Job, deadline: Duration) -> Result<JobResult, ExecutorError> {
        let _permit = self.shared.permits.acquire().await.map_err(ExecutorError::unavailable)?;
        let frame = serde_json::to_vec(&job).map_err(ExecutorError::unavailable)?;
        let mut worker = self.worker()?;
        let answer = tokio::time::timeout(deadline, worker.exchange(&frame)).await;
        let Ok(answer) = answer else {
            // Dropping the worker kills the process at once.
            return Err(ExecutorError::Deadline { after: deadline });
        };
        let reply = match answer {
            Ok(reply) => reply,
            Err(fault) => return Err(worker.cause_of_death(fault).await),
        };
        worker.jobs += 1;
        worker.resident_bytes = reply.resident_bytes;
        let config = &self.shared.config;
        if worker.jobs < config.retire_after_jobs && reply.resident_bytes < config.retire_above_bytes {
            worker.idle_since = Instant::now();
            self.shared.idle().push(worker);
        }
        Ok(reply.result)
    }

    fn worker(&self) -> Result<Worker, ExecutorError> {
        loop {
            let Some(mut worker) = self.shared.idle().pop() else { return self.start() };
            // One that died while idle, killed by the system or a person, is no use.
            if matches!(worker.child.try_wait(), Ok(None)) {
                return Ok(worker);
            }
        }
    }

    fn start(&self) -> Result<Worker, ExecutorError> {
        let config = &self.shared.config;
        let (program, arguments) = config.command.split_first().ok_or_else(|| ExecutorError::unavailable("no command is configured"))?;
        std::fs::create_dir_all(&config.temp_dir).map_err(ExecutorError::unavailable)?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .env("RUST_BACKTRACE", "0")
            .envs(GIVE_MEMORY_BACK)
            .kill_on_drop(true)
            .spawn()
            .map_err(ExecutorError::unavailable)?;
        let (Some(input), Some(output), Some(errors)) = (child.stdin.take(), child.stdout.take(), child.stderr.take()) else {
            return Err(ExecutorError::unavailable("it has no pipes"));
        };
        let last_words = tokio::spawn(last_words(errors));
        Ok(Worker { child, input, output, last_words, jobs: 0, resident_bytes: 0, idle_since: Instant::now() })
    }
}

impl Shared {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Worker>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Worker {
    async fn exchange(&mut self, frame: &[u8]) -> std::io::Result<Reply> {
        let length = u32::try_from(frame.len()).map_err(std::io::Error::other)?;
        self.input.write_all(&length.to_be_bytes()).await?;
        self.input.write_all(frame).await?;
        self.input.flush().await?;
        let mut length = [0; 4];
        self.output.read_exact(&mut length).await?;
        let length = u32::from_be_bytes(length);
        if length > MAX_FRAME_BYTES {
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "its answer is too long"));
        }
        let mut reply = vec![0; length as usize];
        self.output.read_exact(&mut reply).await?;
        Ok(serde_json::from_slice(&reply)?)
    }

    /// The pipe broke: says what the process died of.
    async fn cause_of_death(mut self, fault: std::io::Error) -> ExecutorError {
        if fault.kind() == std::io::ErrorKind::InvalidData {
            return ExecutorError::Died(fault.to_string());
        }
        let status = match self.child.wait().await {
            Ok(status) => status,
            Err(error) => return ExecutorError::Died(error.to_string()),
        };
        let last_words = self.last_words.await.unwrap_or_default();
        if last_words.contains("memory allocation of") || was_killed(status) {
            ExecutorError::Memory
        } else if last_words.contains("overflowed its stack") {
            ExecutorError::Died("its stack overflowed: the query or layout nests too deeply".to_owned())
        } else if let Some(panic) = last_words.lines().skip_while(|line| !line.contains("panicked at")).nth(1) {
            // A defect here or in an engine, often met by a damaged file; the message says what it stumbled over.
            ExecutorError::Died(panic.trim().to_owned())
        } else {
            ExecutorError::Died(format!("{status}; {fault}"))
        }
    }
}

/// What a process says before it dies: the cause comes first, so the first few kilobytes are kept; the rest is read and dropped, so
/// that the pipe never fills.
async fn last_words(mut errors: tokio::process::ChildStderr) -> String {
    let mut kept = Vec::new();
    let mut chunk = [0; 1024];
    while let Ok(read @ 1..) = errors.read(&mut chunk).await {
        if kept.len() < 8192 {
            kept.extend_from_slice(&chunk[..read]);
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}

fn kind(result: &JobResult) -> &'static str {
    match result {
        JobResult::Queried(_) => "rows",
        JobResult::Rendered(_) => "an artifact",
        JobResult::Mail(_) => "a mail",
        JobResult::Page(_) => "a page",
    }
}

/// The system's out-of-memory killer sends SIGKILL.
#[cfg(unix)]
fn was_killed(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    status.signal() == Some(9)
}

#[cfg(not(unix))]
fn was_killed(_: ExitStatus) -> bool {
    false
}
