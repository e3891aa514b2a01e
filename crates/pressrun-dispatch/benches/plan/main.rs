//! Figures of planning on SQLite: how many occurrences are planned ahead in a second, how many become queued runs at their instant, and how fast
//! those are claimed. Run by `cargo xtask bench plan`; `PRESSRUN_BENCH_STORED` and `PRESSRUN_BENCH_DUE` set how many schedules there are.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "a benchmark")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use pressrun_dispatch::{DispatchConfig, Permit, Planner, Room, Runner};
use pressrun_domain::id::{DocumentIdentifier, ScheduleId, WorkerId};
use pressrun_domain::notice::Notice;
use pressrun_store::{ClaimedRun, SqliteStore, Store, sample};
use pressrun_testkit::FakeClock;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tokio_util::sync::CancellationToken;

const ROUNDS: usize = 5;

/// Claimed at once, and so many times.
const CLAIM: (u32, usize) = (64, 100);

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (stored, due) = (setting("PRESSRUN_BENCH_STORED", 1_000_000), setting("PRESSRUN_BENCH_DUE", 100_000));
    runtime.block_on(plan(stored, due));
}

fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
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
        sqlx::raw_sql("DELETE FROM runs; PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut raw).await.unwrap();
    }
    println!("plan: {due} of {stored} schedules due at one instant (SQLite, {ROUNDS} rounds)");
    let names = ["planned ahead, a second", "CPU of that, µs each", "released into the queue, a second", "claimed by 64, a second"];
    for (name, figures) in names.iter().zip(&mut figures) {
        figures.sort_by(f64::total_cmp);
        let (least, median, most) = (figures[0], figures[figures.len() / 2], figures[figures.len() - 1]);
        println!("  {name:<36} {median:>9.1}   ({least:.1} to {most:.1})");
    }
    let file = std::fs::metadata(&path).unwrap().len() >> 20;
    let json: Vec<String> = names.iter().zip(&figures).map(|(name, figures)| format!("\"{name}\": {figures:.1?}")).collect();
    println!("  the file has {file} MiB\n{{{}}}", json.join(", "));
}

async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let began = Instant::now();
    let done = work.await;
    (done, began.elapsed())
}

/// Processor time of this process so far.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |field: usize| fields.get(field).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) / 100.0
}

/// Schedules of a thousand owners, definitions and timings of five zones; the first `due` of them daily at nine.
async fn seed(raw: &mut SqliteConnection, stored: u64, due: u64) {
    let template = serde_json::to_string(&sample::definition("Schedule")).unwrap();
    sqlx::raw_sql("PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; BEGIN; CREATE TEMP TABLE n (i INTEGER PRIMARY KEY)")
        .execute(&mut *raw)
        .await
        .unwrap();
    let statements = [
        "WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < $1) INSERT INTO n SELECT i FROM c",
        "INSERT INTO definitions (id, json) SELECT printf('%064x', i), json_set($3, '$.name', 'Schedule ' || i) FROM n WHERE i <= 1000",
        "INSERT INTO schedules (id, version, definition_id, created_at, updated_at, destination, alert, single_tile, owner, identifier,
             recipient_count, dashboard_name, owner_name, name_key, dashboard_key, owner_key, name_folded, dashboard_folded, owner_folded)
         SELECT printf('%08x-0000-4000-8000-%012x', i * 2654435761 % 4294967296, i), 1, printf('%064x', i % 1000 + 1), $4, $4, 'email', 0, 0,
             printf('00000000-0000-4000-8000-%012x', i % 1000), 'doc' || (i % 100), 1, 'Blobs', 'Blob Ross', randomblob(24), randomblob(12),
             randomblob(12), 'schedule ' || i, 'blobs', 'blob ross' FROM n",
        "INSERT OR IGNORE INTO timings (cron, zone) SELECT '0 9 ? * * *', value FROM json_each('[\"UTC\",\"Etc/UTC\",\"Zulu\",\"Africa/Accra\",\"Atlantic/Reykjavik\"]')",
        "INSERT INTO due (schedule_id, timing, next_at, planned_through)
         SELECT printf('%08x-0000-4000-8000-%012x', i * 2654435761 % 4294967296, i),
             (SELECT id FROM timings WHERE zone = CASE i % 5 WHEN 0 THEN 'UTC' WHEN 1 THEN 'Etc/UTC' WHEN 2 THEN 'Zulu' WHEN 3 THEN 'Africa/Accra' ELSE 'Atlantic/Reykjavik' END),
             CASE WHEN i <= $2 THEN $4 ELSE $4 + 8640000000000 END, $4 - 1 FROM n",
    ];
    for statement in statements {
        sqlx::query(statement)
            .bind(i64::try_from(stored).unwrap())
            .bind(i64::try_from(due).unwrap())
            .bind(&template)
            .bind(sample::after(0).as_microsecond())
            .execute(&mut *raw)
            .await
            .unwrap();
    }
    sqlx::raw_sql("COMMIT; DROP TABLE n; PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut *raw).await.unwrap();
}
