//! The child's side: read a job, do it, answer, until the pipe closes.

use std::io::{self, Read, Write};
use std::path::Path;

use pressrun_render::chart::{ChartInput, kpi_text};
use pressrun_render::rows::Batches;
use pressrun_render::{TileContent, email, html};

use super::job::{Job, JobResult, MAX_FRAME_BYTES, MailJob, Reply};

/// Most rows read for a number; a KPI over more than this is a mistake in its query.
const KPI_ROWS: u64 = 10_000;

/// Serves jobs from `input` to `output` until `input` ends, with at most `memory_bytes` of memory of its own.
///
/// # Errors
/// A broken pipe or a frame that is no job: the parent is gone or of another version, and the child must end.
pub fn serve(mut input: impl Read, mut output: impl Write, memory_bytes: u64, temp_dir: &Path) -> io::Result<()> {
    limit_memory(memory_bytes)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_stack_size(8 << 20).enable_all().build()?;
    while let Some(frame) = read_frame(&mut input)? {
        let job: Job = serde_json::from_slice(&frame)?;
        let result = match job {
            Job::Query(job) => JobResult::Queried(runtime.block_on(pressrun_query::run_job(&job, temp_dir))),
            Job::Render { job, out } => JobResult::Rendered(pressrun_render::render(&job, &out)),
            Job::Mail(job) => JobResult::Mail(mail(*job)),
            Job::Page(report) => JobResult::Page(html::dashboard_html(&report, report.theme)),
        };
        write_frame(&mut output, &serde_json::to_vec(&Reply { result, resident_bytes: resident_bytes() })?)?;
    }
    Ok(())
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
        let input = ChartInput { chart: &data.chart, batches: &taken.batches, fields: &data.fields, zone: &job.zone };
        if let Ok(text) = kpi_text(&input) {
            job.view.kpis.push((kpi.tile.title.clone(), text));
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
