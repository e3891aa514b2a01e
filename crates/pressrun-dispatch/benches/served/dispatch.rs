//! Many webhooks due at one instant, minute after minute: how late they begin, and how many a second are over.
//!
//! `PRESSRUN_BENCH_DUE` of them among `PRESSRUN_BENCH_STORED`, with `PRESSRUN_BENCH_WORKERS`; `PRESSRUN_BENCH_EVERY` minutes lie between two rounds.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sqlx::Row as _;

use crate::Figures;
use crate::figures::{percentile, print};
use crate::receiver::Receiver;
use crate::server::Server;
use crate::shared::setting;
use crate::site::Site;

pub(crate) async fn run() {
    let of = |name, usual| usize::try_from(setting(name, usual)).unwrap();
    let (due, stored) = (of("PRESSRUN_BENCH_DUE", 5_000), of("PRESSRUN_BENCH_STORED", 20_000));
    let (workers, every) = (of("PRESSRUN_BENCH_WORKERS", 64), of("PRESSRUN_BENCH_EVERY", 1));
    let rounds = of("PRESSRUN_BENCH_RUNS", 3);
    let one_host = of("PRESSRUN_BENCH_ONE_HOST", 64);
    let receiver = Receiver::of_posts();
    let mut site = Site::new(&format!("[scheduler]\nworkers = {workers}\ndeliveries_of_one_host = {one_host}\n")).await;
    let idle = site.save(Site::webhook(receiver.port, "0 9 1 1 ? *")).await;
    site.clone_idle(idle, stored.saturating_sub(due + 1)).await;
    site.save_many(&Site::webhook(receiver.port, &format!("*/{every} * ? * * *")), due).await;
    let mut figures = Figures::new();
    let (server, _) = Server::start(site.folder.path(), site.port);
    for _ in 0..rounds {
        round(&mut site, &server, &receiver, due, every, &mut figures).await;
    }
    figures.entry("memory of the server at most, MiB").or_default().push(server.memory().1);
    drop(server);
    if let Some(waits) = waits_for_the_disk(&mut site, due, every).await {
        figures.entry("waits for the disk, a run (a round more, under strace)").or_default().push(waits);
    }
    print("dispatch", &format!("{due} of {stored} webhooks due at one instant, {workers} workers (SQLite, over HTTP)"), &mut figures);
}

/// The next instant at which they are due, at least three seconds away.
fn next_instant(every: usize) -> Timestamp {
    let period = 60 * i64::try_from(every).unwrap();
    let earliest = Timestamp::now().as_second() + 3;
    Timestamp::from_second(earliest - earliest.rem_euclid(period) + period).unwrap()
}

async fn until(at: Timestamp) {
    let left = at.duration_since(Timestamp::now());
    tokio::time::sleep(Duration::try_from(left).unwrap_or_default()).await;
}

/// Waits for the end of all runs of an instant.
async fn all_ended(site: &mut Site, at: Timestamp, due: usize) {
    until(at + SignedDuration::from_millis(300)).await;
    while site.count(at, "ended").await < due {
        assert!(Timestamp::now().duration_since(at) < SignedDuration::from_mins(30), "it takes too long");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn round(site: &mut Site, server: &Server, receiver: &Receiver, due: usize, every: usize, figures: &mut Figures) {
    let at = next_instant(every);
    // Planning ahead is part of it.
    until(at - SignedDuration::from_secs(6)).await;
    let (cpu, own, taken) = (server.cpu_seconds(), server.own_cpu_seconds(), receiver.taken());
    all_ended(site, at, due).await;
    let (cpu, own_after) = (server.cpu_seconds() - cpu, server.own_cpu_seconds());
    let next = at + SignedDuration::from_mins(i64::try_from(every).unwrap());
    assert!(Timestamp::now() < next, "a round reaches into the next one: PRESSRUN_BENCH_EVERY is to be larger on this machine");
    assert_eq!(receiver.taken() - taken, due, "each comes once");
    let rows = sqlx::query("SELECT started_at - scheduled_for, ended_at - scheduled_for, status FROM runs WHERE scheduled_for = $1");
    let rows = rows.bind(at.as_microsecond()).fetch_all(&mut site.rows).await.unwrap();
    assert!(rows.iter().all(|row| row.get::<&str, _>(2) == "COMPLETE"), "all of them complete");
    let millis = |column: usize| rows.iter().map(|row| row.get::<i64, _>(column) as f64 / 1e3).collect::<Vec<f64>>();
    let (mut began, mut ended) = (millis(0), millis(1));
    let wall = percentile(&mut ended, 100) / 1e3;
    let each = |seconds: f64| seconds / due as f64 * 1e6;
    for (name, value) in [
        ("runs due to ended, a second", due as f64 / wall),
        ("CPU of the server, µs a run", each(cpu)),
        ("of that in the program, µs a run", each(own_after.0 - own.0)),
        ("of that in the system, µs a run", each(own_after.1 - own.1)),
        ("began after the instant, half, ms", percentile(&mut began, 50)),
        ("began after the instant, 99 %, ms", percentile(&mut began, 99)),
        ("ended after the instant, half, ms", percentile(&mut ended, 50)),
        ("ended after the instant, 99 %, ms", percentile(&mut ended, 99)),
    ] {
        figures.entry(name).or_default().push(value);
    }
}

/// How often a round waits for the disk, for each run; `None` where nothing can count it.
async fn waits_for_the_disk(site: &mut Site, due: usize, every: usize) -> Option<f64> {
    Command::new("strace").arg("-V").output().ok()?;
    let trace = site.path("strace.txt");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-e", "trace=fsync,fdatasync", "-o"]).arg(&trace).arg(std::env::var_os("PRESSRUN_BENCH_BINARY")?);
    let (server, _) = Server::start_by(command, site.folder.path(), site.port);
    let at = next_instant(every);
    until(at - SignedDuration::from_secs(6)).await;
    let before = count(&trace);
    all_ended(site, at, due).await;
    let waits = count(&trace) - before;
    drop(server);
    Some(waits as f64 / due as f64)
}

fn count(trace: &Path) -> usize {
    std::fs::read_to_string(trace).unwrap_or_default().lines().filter(|line| line.contains("sync(")).count()
}
