//! Figures of a large fan-out: personal copies by mail from the real server to a real SMTP sink on this machine. Run by `cargo xtask bench
//! fanout`; `PRESSRUN_BENCH_MAILS`, `…_AUDIENCES`, `…_CONNECTIONS` and `…_RUNS` say how much of what.
//!
//! One more run, of a tenth of the mails, counts how often the disk is waited for, where `strace` is installed; it is slow and not among the figures.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, clippy::panic, missing_docs, reason = "a benchmark")]
#![allow(dead_code, reason = "the world of the tests has more in it")]

#[path = "../../tests/it/people.rs"]
mod people;
#[path = "../../tests/it/process.rs"]
mod process;
#[path = "../../tests/it/world.rs"]
mod world;

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use pressrun_domain::destination::Destination;
use pressrun_domain::run::{RunState, RunStatus};

use process::{Server, Site};

/// What a run is made of.
#[derive(Clone, Copy)]
struct Size {
    mails: usize,
    audiences: usize,
    connections: usize,
}

/// What it came to.
struct Figures {
    /// From the instant to the first mail.
    first: Duration,
    /// From the first mail to the last.
    sending: Duration,
    /// Processor time of the server and its children for each mail.
    cpu_a_mail: Duration,
    memory: u64,
}

fn main() {
    let size = Size {
        mails: setting("PRESSRUN_BENCH_MAILS", 10_000),
        audiences: setting("PRESSRUN_BENCH_AUDIENCES", 12),
        connections: setting("PRESSRUN_BENCH_CONNECTIONS", 8),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut runs = Vec::new();
        for _ in 0..setting("PRESSRUN_BENCH_RUNS", 3) {
            runs.push(fan_out(size).await);
        }
        let syncs = waits_for_the_disk(Size { mails: size.mails.div_ceil(10), ..size }).await;
        print(size, &runs, syncs);
    });
}

fn setting(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn print(size: Size, runs: &[Figures], syncs: Option<f64>) {
    let Size { mails, audiences, connections } = size;
    let rates = spread(runs, |run| mails as f64 / run.sending.as_secs_f64());
    let cpu = spread(runs, |run| run.cpu_a_mail.as_secs_f64() * 1e6);
    let first = spread(runs, |run| run.first.as_secs_f64());
    let memory = spread(runs, |run| (run.memory >> 20) as f64);
    println!(
        "fanout: {mails} personal mails in {audiences} audiences, csv by SMTP over {connections} connections to a sink on this machine"
    );
    println!("  {} runs                        median       least        most", runs.len());
    for (what, unit, [least, median, most]) in [
        ("mails sent", "a second", rates),
        ("processor time a mail", "µs", cpu),
        ("until the first mail", "s", first),
        ("memory of the server at most", "MiB", memory),
    ] {
        println!("  {what:<28} {median:>10.2}  {least:>10.2}  {most:>10.2}  {unit}");
    }
    let syncs = syncs.map_or("null".to_owned(), |syncs| format!("{syncs:.3}"));
    println!("  waits for the disk a mail    {syncs:>10}");
    println!(
        "{{\"bench\":\"fanout\",\"mails\":{mails},\"audiences\":{audiences},\"connections\":{connections},\"mailsPerSecond\":{:.0},\
         \"cpuMicrosPerMail\":{:.0},\"firstSeconds\":{:.2},\"memoryMiB\":{:.0},\"syncsPerMail\":{syncs}}}",
        rates[1], cpu[1], first[1], memory[1]
    );
}

/// The least, the median and the most.
fn spread(runs: &[Figures], of: impl Fn(&Figures) -> f64) -> [f64; 3] {
    let mut all: Vec<f64> = runs.iter().map(of).collect();
    all.sort_by(f64::total_cmp);
    [all[0], all[all.len() / 2], all[all.len() - 1]]
}

/// The processor time that the server and its children have used so far (Linux).
fn processor_time() -> Duration {
    let mut parents = HashMap::new();
    let mut ticks = HashMap::new();
    for stat in std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok()) {
        // The name stands in parentheses and may hold anything.
        let (Some((id, _)), Some((_, rest))) = (stat.split_once(' '), stat.rsplit_once(") ")) else { continue };
        let fields: Vec<u64> = rest.split(' ').skip(1).take(12).map(|field| field.parse().unwrap_or(0)).collect();
        let id: u64 = id.parse().unwrap_or(0);
        parents.insert(id, fields[0]);
        ticks.insert(id, fields[10] + fields[11]);
    }
    let me = u64::from(std::process::id());
    let is_below = |id: &u64| std::iter::successors(parents.get(id), |parent| parents.get(*parent)).any(|parent| *parent == me);
    let all: u64 = ticks.iter().filter(|(id, _)| is_below(id)).map(|(_, ticks)| ticks).sum();
    // A tick is a hundredth of a second.
    Duration::from_millis(all * 10)
}

async fn fan_out(size: Size) -> Figures {
    let site = Site::new("").await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_pressrun"));
    command.env("PRESSRUN_MAIL__CONNECTIONS", size.connections.to_string());
    let server = Server::start(command, site.dir.path(), None);
    process::eventually("the server listens", async || server.log().contains("listening").then_some(())).await;
    let before = processor_time();
    let (first, sending) = mails(&site, size).await;
    let cpu = processor_time().saturating_sub(before);
    let memory = server.memory();
    server.stop().await;
    Figures { first, sending, cpu_a_mail: cpu / u32::try_from(size.mails).unwrap(), memory }
}

/// How often the disk is waited for, for each mail; `None` where nothing can count it.
async fn waits_for_the_disk(size: Size) -> Option<f64> {
    let site = Site::new("").await;
    let trace = site.dir.path().join("strace.txt");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-e", "trace=fsync,fdatasync", "-o"]).arg(&trace).arg(env!("CARGO_BIN_EXE_pressrun"));
    command.env("PRESSRUN_MAIL__CONNECTIONS", size.connections.to_string());
    Command::new("strace").arg("-V").output().ok()?;
    let server = Server::start(command, site.dir.path(), None);
    process::eventually("the server listens", async || server.log().contains("listening").then_some(())).await;
    let before = count(&trace);
    mails(&site, size).await;
    let waits = count(&trace) - before;
    drop(server);
    Some(waits as f64 / size.mails as f64)
}

fn count(trace: &Path) -> usize {
    std::fs::read_to_string(trace).unwrap_or_default().lines().filter(|line| line.contains("sync(")).count()
}

/// Has one run done; how long its first mail took, and the others after it.
async fn mails(site: &Site, size: Size) -> (Duration, Duration) {
    let Size { mails, audiences, .. } = size;
    let rows = (0..audiences).map(|region| format!("2025-07-21,R{region:05},{}\n", region + 1)).collect::<Vec<_>>().concat();
    std::fs::write(site.dir.path().join("catalog/data/sales.csv"), format!("day,region,amount\n{rows}")).unwrap();
    let people: Vec<_> = (0..mails).map(|number| (format!("p{number}@x.example"), format!("R{:05}", number % audiences))).collect();
    let regions: Vec<_> = people.iter().map(|(_, region)| [region.as_str()]).collect();
    let people: Vec<_> = people.iter().zip(&regions).map(|((email, _), region)| (email.as_str(), Some(&region[..]))).collect();
    let mut definition = Site::email(&[]);
    definition.tile = Some("1".into());
    if let Destination::Email(email) = &mut definition.destination {
        email.fan_out = true;
        email.recipients = people::email_only(site.store.as_ref(), &people).await;
    }
    let schedule = site.due_once(definition).await;
    // The schedule is found by the poll: what counts begins with the claim.
    let running = async || {
        let runs = site.store.list_runs(Some(schedule), 1, 1).await.unwrap().rows;
        runs.first().is_some_and(|run| !matches!(run.state, RunState::Queued { .. })).then_some(())
    };
    process::eventually("the run is claimed", running).await;
    let began = Instant::now();
    site.smtp.wait_for(1).await;
    let first = began.elapsed();
    let (run, _) = site.ended(schedule).await;
    let sending = began.elapsed().saturating_sub(first);
    assert!(matches!(run.state, RunState::Ended { status: RunStatus::Complete, .. }), "{:?}", run.state);
    assert_eq!(site.smtp.mails().len(), mails);
    (first, sending)
}
