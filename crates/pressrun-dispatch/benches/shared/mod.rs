//! What benchmarks of the dispatcher share: a stored world, clocks, tables.
#![allow(dead_code, reason = "each benchmark uses its part")]

use std::time::{Duration, Instant};

use pressrun_store::sample;
use sqlx::sqlite::SqliteConnection;

pub(crate) fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Prints each figure's median and spread, and all of it as JSON.
pub(crate) fn print(title: &str, names: &[&str], figures: &mut [Vec<f64>]) {
    println!("{title}");
    for (name, figures) in names.iter().zip(figures.iter_mut()) {
        figures.sort_by(f64::total_cmp);
        let (least, median, most) = (figures[0], figures[figures.len() / 2], figures[figures.len() - 1]);
        println!("  {name:<44} {median:>9.1}   ({least:.1} to {most:.1})");
    }
    let json: Vec<String> = names.iter().zip(figures.iter()).map(|(name, figures)| format!("\"{name}\": {figures:.1?}")).collect();
    println!("{{{}}}", json.join(", "));
}

/// Most memory that the process had, in MiB.
pub(crate) fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default() >> 10
}

pub(crate) async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let began = Instant::now();
    let done = work.await;
    (done, began.elapsed())
}

/// Processor time of this process so far.
pub(crate) fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |field: usize| fields.get(field).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) / 100.0
}

/// Schedules of a thousand owners, definitions and timings of five zones; the first `due` of them daily at nine.
pub(crate) async fn seed(raw: &mut SqliteConnection, stored: u64, due: u64) {
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
        "INSERT OR IGNORE INTO lane_names (name) SELECT owner FROM schedules UNION SELECT identifier FROM schedules",
        "INSERT OR IGNORE INTO timings (cron, zone) SELECT '0 9 ? * * *', value FROM json_each('[\"UTC\",\"Etc/UTC\",\"Zulu\",\"Africa/Accra\",\"Atlantic/Reykjavik\"]')",
        "INSERT INTO due (owner, document, schedule_id, timing, next_at, planned_through)
         SELECT (SELECT id FROM lane_names WHERE name = printf('00000000-0000-4000-8000-%012x', i % 1000)),
             (SELECT id FROM lane_names WHERE name = 'doc' || (i % 100)), printf('%08x-0000-4000-8000-%012x', i * 2654435761 % 4294967296, i),
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
