//! The child's side: read a job, do it, answer, until the pipe closes.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pressrun_query::source::goodbye;
use pressrun_query::{QueryError, QueryErrorKind, QueryJob, QueryOutcome, Sources};
use pressrun_render::chart::{ChartInput, Colors, kpi_text};
use pressrun_render::rows::Batches;
use pressrun_render::{TileContent, email, html};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use super::job::{Job, JobResult, MAX_FRAME_BYTES, MailJob, Message, Reply};

/// Most rows read for a number; a KPI over more than this is a mistake in its query.
const KPI_ROWS: u64 = 10_000;

/// Time that a server has to hear that its query was given up.
const GOODBYE: Duration = Duration::from_millis(1500);

/// A child whose parent is gone lives no longer than this, whatever it is doing.
const ORPHANED: Duration = Duration::from_secs(3);

/// Stack of each thread that plans or computes: the engine and the layout recurse.
const STACK: usize = 8 << 20;

/// Threads that read files. Each has a stack of its own under the memory limit, so that hundreds of them would use it up.
const BLOCKING_THREADS: usize = 8;

/// What a child may use.
#[derive(Debug, Clone)]
pub struct ChildConfig {
    /// Most bytes of memory.
    pub memory_bytes: u64,
    /// Folder for what queries spill.
    pub temp_dir: PathBuf,
    /// Threads that compute.
    pub threads: usize,
}

/// Serves jobs from `input` to `output` until `input` ends or the parent process does.
///
/// # Errors
/// A broken pipe or a frame that is no job: the parent is gone or of another version, and the child must end.
pub fn serve(input: impl Read + Send + 'static, mut output: impl Write, config: &ChildConfig) -> io::Result<()> {
    limit_memory(config.memory_bytes)?;
    let workers = Builder::new_multi_thread()
        .worker_threads(config.threads.max(1))
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_stack_size(STACK)
        .enable_all()
        .build()?;
    let mut parent = Parent::listen(input)?;
    let sources = Arc::new(Sources::new(config.temp_dir.clone()));
    while let Some(job) = parent.next_job()? {
        let result = match job {
            Job::Query(job) => match parent.query(&workers, &sources, job)? {
                Some(result) => JobResult::Queried(result),
                None => break,
            },
            Job::Render { job, out } => JobResult::Rendered(pressrun_render::render(&job, &out)),
            Job::Mail(job) => JobResult::Mail(mail(*job)),
            Job::Page(report) => JobResult::Page(html::dashboard_html(&report, report.theme)),
        };
        write_frame(&mut output, &serde_json::to_vec(&Reply { result, resident_bytes: resident_bytes() })?)?;
    }
    // Sessions that were kept for the next query are ended as a client ends them.
    let entered = workers.enter();
    drop(sources);
    drop(entered);
    parent.ear.block_on(say_goodbye());
    // What does not yield is not waited for.
    workers.shutdown_background();
    Ok(())
}

/// What the parent says, and whether it still lives.
///
/// A service manager or a terminal sends its signals to children too. Those ask the parent, which goes on for a while; a child ends with its
/// pipe. So it does not mind `SIGTERM` and `SIGINT`, but for a `SIGTERM` that follows a message to stop.
struct Parent {
    /// A runtime of its own, so that a query that does not yield keeps nobody from listening.
    ear: Runtime,
    inbox: mpsc::Receiver<Vec<u8>>,
    gone: Signal,
    terminate: Signal,
    interrupt: Signal,
    process: Option<rustix::process::Pid>,
}

impl Parent {
    fn listen(input: impl Read + Send + 'static) -> io::Result<Self> {
        let process = rustix::process::getppid();
        let ear = Builder::new_current_thread().enable_all().build()?;
        let (gone, terminate, interrupt) = {
            let _entered = ear.enter();
            (signal(SignalKind::hangup())?, signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
        };
        // A parent that is gone before this has closed the pipe.
        #[cfg(target_os = "linux")]
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::HUP))?;
        let (sender, inbox) = mpsc::channel(2);
        std::thread::Builder::new().name("inbox".to_owned()).stack_size(256 << 10).spawn(move || read_messages(input, sender))?;
        Ok(Self { ear, inbox, gone, terminate, interrupt, process })
    }

    /// The next job; `None` when the parent wants no more, or is gone.
    fn next_job(&mut self) -> io::Result<Option<Job>> {
        let Self { ear, inbox, gone, terminate, interrupt, process } = self;
        ear.block_on(async {
            loop {
                tokio::select! {
                    frame = inbox.recv() => match frame {
                        None => return Ok(None),
                        Some(frame) => match serde_json::from_slice(&frame)? {
                            Message::Work(job) => return Ok(Some(job)),
                            // The answer was on its way already.
                            Message::Stop => {}
                        },
                    },
                    Some(()) = gone.recv() => if rustix::process::getppid() != *process { return Ok(None) },
                    Some(()) = terminate.recv() => {}
                    Some(()) = interrupt.recv() => {}
                }
            }
        })
    }

    /// Runs a query on `workers` and listens meanwhile; `None` when the process has to end.
    fn query(
        &mut self,
        workers: &Runtime,
        sources: &Arc<Sources>,
        job: Box<QueryJob>,
    ) -> io::Result<Option<Result<QueryOutcome, QueryError>>> {
        let Self { ear, inbox, gone, terminate, interrupt, process } = self;
        let sources = Arc::clone(sources);
        let mut running = workers.spawn(async move { sources.run(&job).await });
        ear.block_on(async {
            let mut stopping = false;
            loop {
                let wanted = tokio::select! {
                    done = &mut running => {
                        if stopping {
                            say_goodbye().await;
                        }
                        return Ok(Some(outcome(done)));
                    }
                    frame = inbox.recv() => match frame {
                        None => false,
                        Some(frame) => match serde_json::from_slice(&frame)? {
                            Message::Stop => {
                                stopping = true;
                                running.abort();
                                true
                            }
                            Message::Work(_) => return Err(io::Error::new(io::ErrorKind::InvalidData, "a job came amid another")),
                        },
                    },
                    Some(()) = gone.recv() => rustix::process::getppid() == *process,
                    Some(()) = terminate.recv() => !stopping,
                    Some(()) = interrupt.recv() => true,
                };
                if !wanted {
                    running.abort();
                    // A query that does not yield has no server that waits for a word.
                    let _ = tokio::time::timeout(GOODBYE / 3, &mut running).await;
                    say_goodbye().await;
                    return Ok(None);
                }
            }
        })
    }
}

/// Gives servers their time to hear that a query was given up.
async fn say_goodbye() {
    let _ = tokio::time::timeout(GOODBYE, goodbye::all_said()).await;
}

fn outcome(done: Result<Result<QueryOutcome, QueryError>, tokio::task::JoinError>) -> Result<QueryOutcome, QueryError> {
    match done.map_err(tokio::task::JoinError::try_into_panic) {
        Ok(result) => result,
        // The process dies of it as of any other, and the parent reads what it said.
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        Err(Err(_)) => Err(QueryError::new(QueryErrorKind::Cancelled, "the query was stopped")),
    }
}

/// Hands on frames until the pipe closes; then the process ends soon, whatever else it is doing.
fn read_messages(mut input: impl Read, inbox: mpsc::Sender<Vec<u8>>) {
    while let Ok(Some(frame)) = read_frame(&mut input) {
        if inbox.blocking_send(frame).is_err() {
            return;
        }
    }
    drop(inbox);
    std::thread::sleep(ORPHANED);
    std::process::exit(0);
}

/// Allocations past the limit fail, which ends the process: the parent sees it and says `killed: memory`.
fn limit_memory(bytes: u64) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limit = Rlimit { current: Some(bytes), maximum: Some(bytes) };
    setrlimit(Resource::Data, limit).map_err(io::Error::from)?;
    // A core dump of customers' rows must not be left on disk.
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).map_err(io::Error::from)
}

/// Puts the numbers and first rows of tiles into the mail; a tile that has none is left out, its page says why.
fn mail(mut job: MailJob) -> pressrun_domain::mail::MailWords {
    for kpi in &job.kpis {
        let TileContent::Data(data) = &kpi.tile.content else { continue };
        let taken = Batches::open(&kpi.tile, &data.rows).and_then(|batches| batches.take_rows(KPI_ROWS));
        let Ok(taken) = taken else { continue };
        let input =
            ChartInput { chart: &data.chart, batches: &taken.batches, fields: &data.fields, zone: &job.zone, colors: &Colors::default() };
        if let Ok(text) = kpi_text(&input) {
            // Without its subtitle a number of last month stands under the period of the whole report.
            let label = [Some(kpi.tile.title.as_str()), kpi.tile.subtitle.as_deref()];
            let label = label.into_iter().flatten().filter(|part| !part.trim().is_empty()).collect::<Vec<_>>().join(" · ");
            job.view.kpis.push((label, text));
        }
    }
    for tile in &job.tables {
        let table = tile.data().map(|data| email::MailTable::read(tile, data, &job.zone));
        job.view.tables.extend(table.and_then(Result::ok));
    }
    email::mail_words(&job.view)
}

fn read_frame(input: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match input.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = u32::from_be_bytes(length);
    if length > MAX_FRAME_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the job is too long"));
    }
    let mut frame = vec![0; length as usize];
    input.read_exact(&mut frame)?;
    Ok(Some(frame))
}

fn write_frame(output: &mut impl Write, frame: &[u8]) -> io::Result<()> {
    output.write_all(&u32::try_from(frame.len()).map_err(io::Error::other)?.to_be_bytes())?;
    output.write_all(frame)?;
    output.flush()
}

/// What Linux says; other systems answer 0, and the parent retires children by age alone.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * rustix::param::page_size() as u64
}
