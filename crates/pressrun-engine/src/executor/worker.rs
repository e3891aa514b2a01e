//! The parent's hold on one child: its pipes, and what it died of.

use std::collections::VecDeque;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use pressrun_query::{QueryError, QueryErrorKind, Sources};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, Command};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::job::{MAX_FRAME_BYTES, Message, Reply};
use super::scratch::ChildScratch;

/// What makes glibc's allocator give memory back after a large job: it otherwise raises these thresholds by itself, and 500 different reports
/// ended at 1.85 times the memory of the first 20 instead of 1.03 times. Other allocators know nothing of it.
const GIVE_MEMORY_BACK: [(&str, &str); 2] = [("MALLOC_MMAP_THRESHOLD_", "1048576"), ("MALLOC_TRIM_THRESHOLD_", "1048576")];

/// Time that a child has for each step of being stopped; it takes a little less of its own to tell a server.
const STOPPING: Duration = Duration::from_secs(2);

/// Why a child gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExecutorError {
    /// It passed its deadline and was stopped.
    #[error("killed: deadline (stopped after {} s)", after.as_secs())]
    Deadline {
        /// The time it had.
        after: Duration,
    },
    /// It passed its memory limit.
    #[error("killed: memory (needed more than render.memory_mb allows one process)")]
    Memory,
    /// It died, such as by a stack overflow.
    #[error("the executor process died ({0})")]
    Died(String),
    /// It could not be started or talked to.
    #[error("the executor process could not be started or reached: {0}")]
    Unavailable(String),
}

impl ExecutorError {
    pub(super) fn unavailable(error: impl std::fmt::Display) -> Self {
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

/// A child process. Dropped, its pipe closes and it ends by itself.
pub(super) struct Worker {
    child: Child,
    input: Box<dyn AsyncWrite + Send + Unpin>,
    output: Box<dyn AsyncRead + Send + Unpin>,
    /// What came of an answer so far.
    answer: BytesMut,
    /// A job has crossed the pipe whole, and its answer has not come.
    busy: bool,
    last_words: JoinHandle<String>,
    /// Digests of the connections whose sources it keeps, the one used last at the end.
    warm: VecDeque<String>,
    pub(super) jobs: u32,
    pub(super) resident_bytes: u64,
    pub(super) idle_since: Instant,
    /// Goes when nobody has use for the child any more.
    _scratch: ChildScratch,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("child", &self.child).field("jobs", &self.jobs).finish_non_exhaustive()
    }
}

/// Variables of the environment that a driver sees: where programs and certificates are. Others hold logins, proxies and settings that nobody chose for it.
const KNOWN_TO_DRIVERS: [&str; 3] = ["PATH", "SSL_CERT_FILE", "SSL_CERT_DIR"];

impl Worker {
    /// Starts a child that will load a driver: it knows nothing of this process's environment, and what it prints is no answer, since it answers on its standard
    /// input, which is a socket.
    pub(super) fn start_apart(program: &str, arguments: &[String], scratch: ChildScratch) -> Result<Self, ExecutorError> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(ExecutorError::unavailable)?;
        ours.set_nonblocking(true).map_err(ExecutorError::unavailable)?;
        let known = KNOWN_TO_DRIVERS.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .env_clear()
            .envs(known)
            .envs([("RUST_BACKTRACE", "0"), ("TZ", "UTC"), ("LANG", "C.UTF-8")])
            .env("HOME", std::path::absolute(scratch.path()).map_err(ExecutorError::unavailable)?)
            .spawn()
            .map_err(ExecutorError::unavailable)?;
        let Some(errors) = child.stderr.take() else { return Err(ExecutorError::unavailable("it has no pipes")) };
        let (output, input) = tokio::net::UnixStream::from_std(ours).map_err(ExecutorError::unavailable)?.into_split();
        Ok(Self::of(child, Box::new(input), Box::new(output), errors, scratch))
    }

    fn of(
        child: Child,
        input: Box<dyn AsyncWrite + Send + Unpin>,
        output: Box<dyn AsyncRead + Send + Unpin>,
        errors: ChildStderr,
        scratch: ChildScratch,
    ) -> Self {
        Self {
            child,
            input,
            output,
            answer: BytesMut::new(),
            busy: false,
            last_words: tokio::spawn(last_words(errors)),
            warm: VecDeque::new(),
            jobs: 0,
            resident_bytes: 0,
            idle_since: Instant::now(),
            _scratch: scratch,
        }
    }

    /// Starts `program` with `arguments`; it spills into `scratch`.
    pub(super) fn start(program: &str, arguments: &[String], scratch: ChildScratch) -> Result<Self, ExecutorError> {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .env("RUST_BACKTRACE", "0")
            .envs(GIVE_MEMORY_BACK)
            .spawn()
            .map_err(ExecutorError::unavailable)?;
        let (Some(input), Some(output), Some(errors)) = (child.stdin.take(), child.stdout.take(), child.stderr.take()) else {
            return Err(ExecutorError::unavailable("it has no pipes"));
        };
        Ok(Self::of(child, Box::new(input), Box::new(output), errors, scratch))
    }

    /// Whether it still lives; one may have been killed while idle, by the system or a person.
    pub(super) fn lives(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Whether it keeps the source of the connection with this digest.
    pub(super) fn is_warm(&self, connection: &str) -> bool {
        self.warm.iter().any(|known| known == connection)
    }

    /// It has served the connection with this digest.
    pub(super) fn warmed(&mut self, connection: String) {
        self.warm.retain(|known| *known != connection);
        if self.warm.len() >= Sources::MOST {
            self.warm.pop_front();
        }
        self.warm.push_back(connection);
    }

    /// Sends a job and waits for its answer.
    pub(super) async fn exchange(&mut self, frame: &[u8]) -> std::io::Result<Reply> {
        self.send(frame).await?;
        self.busy = true;
        self.reply().await
    }

    async fn send(&mut self, frame: &[u8]) -> std::io::Result<()> {
        let length = u32::try_from(frame.len()).map_err(std::io::Error::other)?;
        self.input.write_all(&length.to_be_bytes()).await?;
        self.input.write_all(frame).await?;
        self.input.flush().await
    }

    /// The answer to what was sent. Given up and called again, it goes on where it was.
    async fn reply(&mut self) -> std::io::Result<Reply> {
        loop {
            let mut missing = 4096;
            if let Some(length) = self.answer.first_chunk().map(|bytes| u32::from_be_bytes(*bytes)) {
                if length > MAX_FRAME_BYTES {
                    return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "its answer is too long"));
                }
                let end = 4 + length as usize;
                if let Some(frame) = self.answer.get(4..end) {
                    let reply = serde_json::from_slice(frame)?;
                    self.answer.advance(end);
                    self.busy = false;
                    return Ok(reply);
                }
                missing = end - self.answer.len();
            }
            self.answer.reserve(missing);
            if self.output.read_buf(&mut self.answer).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Stops the query that it is busy with: by a message, so that its server is told and the child lives on; else by a signal; else by ending the
    /// process. The answer, if it lives on.
    pub(super) async fn stop(&mut self) -> Option<Reply> {
        // Half a job on the pipe cannot be followed by a message.
        if self.busy {
            let asked = async {
                let frame = serde_json::to_vec(&Message::Stop)?;
                self.send(&frame).await?;
                self.reply().await
            };
            if let Ok(Ok(reply)) = tokio::time::timeout(STOPPING, asked).await {
                return Some(reply);
            }
            self.terminate();
            if tokio::time::timeout(STOPPING, self.child.wait()).await.is_ok() {
                return None;
            }
        }
        self.kill().await;
        None
    }

    fn terminate(&self) {
        let process = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(process) = process {
            // One that is gone meanwhile needs no signal.
            let _ = rustix::process::kill_process(process, rustix::process::Signal::TERM);
        }
    }

    /// Ends the process at once.
    pub(super) async fn kill(&mut self) {
        if let Err(error) = self.child.kill().await {
            tracing::warn!(error = %error, "an executor process could not be killed");
        }
    }

    /// The pipe broke: says what the process died of.
    pub(super) async fn cause_of_death(mut self, fault: std::io::Error) -> ExecutorError {
        if fault.kind() == std::io::ErrorKind::InvalidData {
            self.kill().await;
            return ExecutorError::Died(fault.to_string());
        }
        let status = match self.child.wait().await {
            Ok(status) => status,
            Err(error) => return ExecutorError::Died(error.to_string()),
        };
        let last_words = self.last_words.await.unwrap_or_default();
        if OUT_OF_MEMORY.iter().any(|words| last_words.contains(words)) || was_killed(status) {
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

/// What is said of a lack of memory: by Rust, and by drivers in Go and C.
const OUT_OF_MEMORY: [&str; 6] = [
    "memory allocation of",
    "runtime: out of memory",
    "cannot allocate memory",
    "Cannot allocate memory",
    "C malloc failed",
    "pthread_create failed",
];

/// What a process says before it dies: the cause comes first, so the first few kilobytes are kept; the rest is read and dropped, so
/// that the pipe never fills.
async fn last_words(mut errors: ChildStderr) -> String {
    let mut kept = Vec::new();
    let mut chunk = [0; 1024];
    while let Ok(read @ 1..) = errors.read(&mut chunk).await {
        if kept.len() < 8192 {
            kept.extend_from_slice(&chunk[..read]);
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
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
