//! Figures of the ledger on SQLite: how many runs of one piece are claimed, promised, tried and ended in a second, with nothing done in between. Run by
//! `cargo xtask bench ledger`; `PRESSRUN_BENCH_STORED`, `PRESSRUN_BENCH_DUE` and `PRESSRUN_BENCH_WORKERS` set how many schedules and workers there are.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "a benchmark")]

#[path = "../shared/mod.rs"]
mod shared;

use std::sync::Arc;

use jiff::Timestamp;
use pressrun_domain::delivery::{Attempt, Outcome};
use pressrun_domain::id::WorkerId;
use pressrun_domain::run::{Progress, RunRecord};
use pressrun_store::{ClaimedRun, LastAnswer, Learnt, RunNews, SqliteStore, Store, sample};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;
use tokio::task::JoinSet;

use shared::{cpu_seconds, seed, setting, timed};

const ROUNDS: usize = 5;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (stored, due) = (setting("PRESSRUN_BENCH_STORED", 100_000), setting("PRESSRUN_BENCH_DUE", 10_000));
    runtime.block_on(ledger(stored, due, setting("PRESSRUN_BENCH_WORKERS", 64)));
}

async fn ledger(stored: u64, due: u64, workers: u64) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bench.db");
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path, sample::sealer()).await.unwrap());
    let mut raw = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    seed(&mut raw, stored, due).await;
    let mut figures: [Vec<f64>; 2] = Default::default();
    for round in 0..ROUNDS {
        let nine = sample::after(86_400 * i64::try_from(round).unwrap());
        let found = store.due_schedules(nine, Timestamp::MIN, u32::MAX).await.unwrap();
        let plans: Vec<_> = found.into_iter().map(sample::planned).collect();
        store.plan(&plans, nine).await.unwrap();
        assert_eq!(u64::from(store.release_planned(nine, Timestamp::MIN, u32::MAX).await.unwrap().queued), due);
        let cpu = cpu_seconds();
        let ((), took) = timed(work(&store, nine, due, workers)).await;
        figures[0].push(due as f64 / took.as_secs_f64());
        figures[1].push((cpu_seconds() - cpu) / due as f64 * 1e6);
    }
    let names = ["runs through the ledger, a second", "CPU of that, µs each"];
    let title = format!("ledger: {due} runs of one piece, {workers} at once, {stored} schedules stored (SQLite, {ROUNDS} rounds)");
    shared::print(&title, &names, &mut figures);
    println!("  the process had {} MiB at most", shared::peak_memory());
}

/// Claims as many as there are permits, until all have ended.
async fn work(store: &Arc<dyn Store>, now: Timestamp, due: u64, permits: u64) {
    let (worker, mut under_way, mut ended) = (WorkerId::generate(), JoinSet::new(), 0);
    while ended < due {
        let free = permits - under_way.len() as u64;
        let claimed = store.claim(worker, now, now + jiff::SignedDuration::from_mins(1), u32::try_from(free).unwrap()).await.unwrap();
        for run in claimed {
            under_way.spawn(one(Arc::clone(store), run, now));
        }
        let mut joined = under_way.join_next().await;
        while let Some(done) = joined {
            done.unwrap();
            ended += 1;
            joined = under_way.try_join_next();
        }
    }
}

/// What the engine writes of a run that delivers one piece at the first try.
async fn one(store: Arc<dyn Store>, run: ClaimedRun, now: Timestamp) {
    let piece = sample::piece(run.run.id, "blob@myorg.co");
    let mut news = RunNews { progress: Progress { promised_at: Some(now), ..Progress::default() }, ..RunNews::default() };
    for event in ["claimed", "promised"] {
        news.record.note(now, event, Some("1 piece".to_owned()));
    }
    assert!(store.promise_and_begin(&run.lease, std::slice::from_ref(&piece), &news, &[piece.id], now).await.unwrap());
    let outcome = Some(Outcome::Accepted { receipt: "ok".to_owned() });
    let attempt = Attempt { number: 1, started_at: now, ended_at: Some(now), outcome };
    let mut record = RunRecord::default();
    record.note(now, "ended", Some("COMPLETE".to_owned()));
    let last = LastAnswer { delivery: piece.id, attempt, at: now, learnt: Learnt::default(), record };
    assert!(store.settle(&run.lease, &last).await.unwrap());
}
