//! Figures of planning on SQLite: how many occurrences are planned ahead in a second, how many become queued runs at their instant, and how fast
//! those are claimed. Run by `cargo xtask bench plan`; `PRESSRUN_BENCH_STORED` and `PRESSRUN_BENCH_DUE` set how many schedules there are.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "a benchmark")]

#[path = "../shared/mod.rs"]
mod shared;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use pressrun_dispatch::{DispatchConfig, Permit, Planner, Room, Runner};
use pressrun_domain::id::{DocumentIdentifier, ScheduleId, WorkerId};
use pressrun_domain::notice::Notice;
use pressrun_store::{ClaimedRun, SqliteStore, Store, UnreadRun, sample};
use pressrun_testkit::FakeClock;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;
use tokio_util::sync::CancellationToken;

use shared::{cpu_seconds, seed, setting, timed};

const ROUNDS: usize = 5;

/// Claimed at once, and so many times.
const CLAIM: (u32, usize) = (64, 100);

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (stored, due) = (setting("PRESSRUN_BENCH_STORED", 1_000_000), setting("PRESSRUN_BENCH_DUE", 100_000));
    runtime.block_on(plan(stored, due));
}

struct Nobody;

#[async_trait]
impl Runner for Nobody {
    async fn work(&self, _: ClaimedRun, _: &CancellationToken, _: &Permit) {}

    fn room(&self, _: &[&DocumentIdentifier]) -> Room {
        Room::unbounded()
    }

    async fn about_unplannable(&self, _: ScheduleId, _: &str) -> Vec<Notice> {
        Vec::new()
    }

    async fn about_unread(&self, _: &UnreadRun) -> Vec<Notice> {
        Vec::new()
    }

    fn tidy(&self) {}

    async fn sweep(&self, _: Timestamp) {}
}

async fn plan(stored: u64, due: u64) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bench.db");
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path, sample::sealer()).await.unwrap());
    let mut raw = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    seed(&mut raw, stored, due).await;
    let clock = FakeClock::at(sample::after(0));
    let config = DispatchConfig {
        permits: 8,
        lease: SignedDuration::from_secs(60),
        longest_wait: SignedDuration::from_mins(20),
        poll: SignedDuration::from_secs(15),
    };
    let planner = Planner::new(Arc::clone(&store), Arc::new(clock.clone()), Arc::new(Nobody), config, Arc::default(), Arc::default());
    let mut figures: [Vec<f64>; 4] = Default::default();
    for round in 0..ROUNDS {
        let nine = sample::after(86_400 * i64::try_from(round).unwrap());
        clock.set(nine - SignedDuration::from_secs(4));
        let cpu = cpu_seconds();
        let (_, took) = timed(planner.pass()).await;
        figures[0].push(due as f64 / took.as_secs_f64());
        figures[1].push((cpu_seconds() - cpu) / due as f64 * 1e6);
        clock.set(nine);
        let (queued, took) = timed(planner.pass()).await;
        assert_eq!(u64::from(queued.unwrap()), due);
        figures[2].push(due as f64 / took.as_secs_f64());
        let claiming = async {
            let mut claimed = 0;
            for _ in 0..CLAIM.1 {
                claimed += store.claim(WorkerId::generate(), nine, nine + SignedDuration::from_mins(1), CLAIM.0).await.unwrap().len();
            }
            claimed
        };
        let (claimed, took) = timed(claiming).await;
        figures[3].push(claimed as f64 / took.as_secs_f64());
        sqlx::raw_sql("DELETE FROM queue; DELETE FROM runs; PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut raw).await.unwrap();
    }
    let names = ["planned ahead, a second", "CPU of that, µs each", "released into the queue, a second", "claimed by 64, a second"];
    shared::print(&format!("plan: {due} of {stored} schedules due at one instant (SQLite, {ROUNDS} rounds)"), &names, &mut figures);
    let file = std::fs::metadata(&path).unwrap().len() >> 20;
    println!("  the file has {file} MiB, the process had {} MiB at most", shared::peak_memory());
}
