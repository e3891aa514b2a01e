//! Files: what is in them, which are refused, how old ones are brought up to date.

use std::path::Path;

use pressrun_domain::audit::Verb;
use pressrun_domain::condition::BaselineMoves;
use pressrun_domain::run::{JudgedResult, RunStatus, WaitingBaseline};
use pressrun_domain::secret::Secret;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

use super::in_file;
use crate::sqlite::{SqliteStore, Tx, migrate, open, seals};
use crate::{Hints as _, Keys as _, Planning as _, RunNews, Runs as _, Schedules as _, Sealer, SealingKey, Seals as _, StoreError, sample};

async fn raw(path: &Path) -> SqlitePool {
    SqlitePool::connect_with(SqliteConnectOptions::new().filename(path).create_if_missing(true)).await.unwrap()
}

async fn refusal(path: &Path, sealer: Sealer) -> String {
    SqliteStore::open(path, sealer).await.unwrap_err().to_string()
}

/// Every byte of the database, its log included.
pub(super) fn bytes_of(folder: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    files.flatten().collect()
}

pub(super) fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

#[tokio::test]
async fn d13_secrets_are_sealed_in_the_file() {
    let (store, folder) = in_file().await;
    let mut schedule = sample::schedule("sealed");
    schedule.definition.destination = sample::sftp("1am@g00dBL0b");
    store.insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
    sample::occur(&store, &[&schedule], sample::after(0)).await;
    let mut test = sample::definition("test");
    test.destination = sample::webhook(&["whsec_blobblobblob"]);
    store.enqueue(&sample::test_delivery(test, sample::after(0)), &sample::change_at(Verb::RunTriggered, sample::after(0))).await.unwrap();
    store.close().await;
    let bytes = bytes_of(folder.path());
    assert!(contains(&bytes, "sftp.blobsrus.com"), "the file was read");
    for secret in ["1am@g00dBL0b", "whsec_blobblobblob"] {
        assert!(!contains(&bytes, secret), "{secret}");
    }
}

#[tokio::test]
async fn low_a_file_that_may_not_be_written_is_refused_when_it_is_opened() {
    let (store, folder) = in_file().await;
    store.close().await;
    // Whoever runs as root may write every file.
    let options = SqliteConnectOptions::new().filename(folder.path().join("pressrun.db")).read_only(true);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    let refused = open::is_writable(&mut Tx::Own(pool.begin().await.unwrap())).await.unwrap_err().to_string();
    assert!(refused.contains("the database is read-only; let the user of this process write"), "{refused}");
}

#[tokio::test]
async fn d13_keys_are_rotated_by_sealing_everything_anew() {
    let (store, folder) = in_file().await;
    let path = folder.path().join("pressrun.db");
    let mut schedule = sample::schedule("sealed");
    schedule.definition.destination = sample::sftp("1am@g00dBL0b");
    store.insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
    sample::occur(&store, &[&schedule], sample::after(0)).await;
    store.insert_schedule(&sample::schedule("no secrets"), &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
    assert_eq!(store.list_runs(Some(schedule.id), 1, 9).await.unwrap().total, 1, "it is on record");
    store.close().await;

    let key = |byte: u8| SealingKey::new(&[byte; 32]);
    let store = SqliteStore::open(&path, Sealer::new(vec![key(8), key(7)]).unwrap()).await.unwrap();
    assert_eq!(store.schedule(schedule.id).await.unwrap().unwrap().definition, schedule.definition);
    assert_eq!(store.reseal_all().await.unwrap(), 2, "the schedule and its run");
    assert_eq!(store.reseal_all().await.unwrap(), 0);
    store.close().await;

    let store = SqliteStore::open(&path, Sealer::new(vec![key(8)]).unwrap()).await.unwrap();
    assert_eq!(store.schedule(schedule.id).await.unwrap().unwrap().definition, schedule.definition);
    let run = store.claim(pressrun_domain::id::WorkerId::generate(), sample::after(1), sample::after(9), 1).await.unwrap().remove(0);
    assert_eq!(run.run.definition, schedule.definition);
    store.close().await;
    let refused = SqliteStore::open(&path, sample::sealer()).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Sealing(text) if text.contains("not configured")), "{refused}");
}

#[tokio::test]
async fn d13_a_rotation_that_ends_halfway_leaves_everything_readable() {
    let (store, folder) = in_file().await;
    let path = folder.path().join("pressrun.db");
    let mut saved = Vec::new();
    for number in 0..seals::BATCH + 20 {
        let mut schedule = sample::schedule(&format!("sealed {number}"));
        schedule.definition.destination = sample::sftp("1am@g00dBL0b");
        store.insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
        saved.push(schedule);
    }
    store.own_secret("links", &Secret::new("for ever")).await.unwrap();
    store.close().await;

    let key = |byte: u8| SealingKey::new(&[byte; 32]);
    let both = || Sealer::new(vec![key(8), key(7)]).unwrap();
    let store = SqliteStore::open(&path, both()).await.unwrap();
    let last = saved.iter().map(|schedule| schedule.id.to_string()).max().unwrap();
    let fault = format!("CREATE TRIGGER fault BEFORE UPDATE ON schedules WHEN old.id = '{last}' BEGIN SELECT raise(ABORT, 'crash'); END");
    sqlx::raw_sql(sqlx::AssertSqlSafe(fault)).execute(&store.write).await.unwrap();
    store.reseal_all().await.unwrap_err();
    let new = Sealer::new(vec![key(8)]).unwrap().present_mark().unwrap();
    let done: i64 = sqlx::query("SELECT count(*) FROM schedules WHERE substr(sealed, 1, length($1)) = $1")
        .bind(&new)
        .fetch_one(&store.read)
        .await
        .unwrap()
        .get(0);
    assert_eq!(done, seals::BATCH, "the first batch stays done");
    store.close().await;

    let store = SqliteStore::open(&path, both()).await.unwrap();
    for schedule in &saved {
        assert_eq!(store.schedule(schedule.id).await.unwrap().unwrap().definition, schedule.definition);
    }
    sqlx::raw_sql("DROP TRIGGER fault").execute(&store.write).await.unwrap();
    assert_eq!(store.reseal_all().await.unwrap(), 21, "the rest, and the server's own secret");
    store.close().await;
    let store = SqliteStore::open(&path, Sealer::new(vec![key(8)]).unwrap()).await.unwrap();
    for schedule in &saved {
        assert_eq!(store.schedule(schedule.id).await.unwrap().unwrap().definition, schedule.definition);
    }
    assert_eq!(store.own_secret("links", &Secret::new("another")).await.unwrap(), Secret::new("for ever"));
}

#[tokio::test]
async fn d13_the_secrets_of_a_run_end_with_it() {
    let (store, _folder) = in_file().await;
    let mut schedule = sample::schedule("sealed");
    schedule.definition.destination = sample::sftp("1am@g00dBL0b");
    store.insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
    let run = sample::manual(&schedule, sample::after(0));
    store.enqueue(&run, &sample::change_at(Verb::RunTriggered, sample::after(0))).await.unwrap();
    store.cancel(run.run.id, &sample::change_at(Verb::RunCancelled, sample::after(1))).await.unwrap();
    let sealed: i64 = sqlx::query("SELECT count(sealed) FROM runs").fetch_one(&store.read).await.unwrap().get(0);
    assert_eq!(sealed, 0);
}

#[tokio::test]
async fn what_was_saved_is_there_after_a_restart() {
    let (store, folder) = in_file().await;
    let schedule = sample::schedule("kept");
    store.insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
    store.close().await;
    let store = SqliteStore::open(&folder.path().join("pressrun.db"), sample::sealer()).await.unwrap();
    assert_eq!(store.schedule(schedule.id).await.unwrap(), Some(schedule));
}

#[tokio::test]
async fn two_processes_may_use_one_file() {
    let (store, folder) = in_file().await;
    let other = SqliteStore::open(&folder.path().join("pressrun.db"), sample::sealer()).await.unwrap();
    let keys: Vec<_> = (0..20).map(|second| sample::api_key(pressrun_domain::key::KeyKind::Personal, sample::after(second))).collect();
    let change = sample::change(Verb::KeyCreated);
    let writes = keys.iter().zip(0_u8..).map(|(key, number)| {
        let store = if number % 2 == 0 { &store } else { &other };
        store.insert_key(key, [number; 32], &change)
    });
    for written in futures::future::join_all(writes).await {
        written.unwrap();
    }
    assert_eq!(store.list_keys(None).await.unwrap().len(), 20);
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused() {
    let (store, folder) = in_file().await;
    sqlx::raw_sql("PRAGMA user_version = 999").execute(&store.write).await.unwrap();
    store.close().await;
    let error = refusal(&folder.path().join("pressrun.db"), sample::sealer()).await;
    assert!(error.contains("newer Pressrun (schema 999"), "{error}");
}

#[tokio::test]
async fn files_that_are_not_ours_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "this is no database, it is a text of more than one hundred bytes ".repeat(40)).unwrap();
    let error = refusal(&text, sample::sealer()).await;
    assert!(error.contains("not an SQLite database") && error.contains("notes.txt"), "{error}");

    let foreign = folder.path().join("foreign.db");
    let pool = raw(&foreign).await;
    sqlx::raw_sql("CREATE TABLE cats (name TEXT)").execute(&pool).await.unwrap();
    pool.close().await;
    let error = refusal(&foreign, sample::sealer()).await;
    assert!(error.contains("another program"), "{error}");
    let tables: i64 = sqlx::query("SELECT count(*) FROM sqlite_master").fetch_one(&raw(&foreign).await).await.unwrap().get(0);
    assert_eq!(tables, 1);

    let error = refusal(&folder.path().join("missing/pressrun.db"), sample::sealer()).await;
    assert!(error.contains("cannot be opened") && error.contains("missing"), "{error}");
}

#[tokio::test]
async fn a_full_disk_is_named_and_changes_nothing() {
    let (store, _folder) = in_file().await;
    let pages: i64 = sqlx::query("PRAGMA page_count").fetch_one(&store.write).await.unwrap().get(0);
    let limit = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
    sqlx::raw_sql(limit).execute(&store.write).await.unwrap();
    let mut schedule = sample::schedule("too long");
    schedule.definition.timezone = "x".repeat(100_000);
    let error = store.insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap_err().to_string();
    assert!(error.contains("the disk is full"), "{error}");
    assert_eq!(store.schedule(schedule.id).await.unwrap(), None);
    sqlx::raw_sql("PRAGMA max_page_count = 1000000").execute(&store.write).await.unwrap();
    store.insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
}

async fn schema(pool: &SqlitePool) -> Vec<(String, String)> {
    let rows = sqlx::query("SELECT name, coalesce(sql, '') FROM sqlite_master ORDER BY type, name").fetch_all(pool).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn a_file_of_every_older_schema_becomes_a_new_one() {
    let (new, _folder) = in_file().await;
    let expected = schema(&new.read).await;
    for version in 0..=migrate::MIGRATIONS.len() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.db");
        let pool = raw(&path).await;
        migrate::migrate_to(&pool, version).await.unwrap();
        pool.close().await;
        let store = SqliteStore::open(&path, sample::sealer()).await.unwrap();
        assert_eq!(schema(&store.read).await, expected, "from schema {version}");
        let stamp: i64 = sqlx::query("PRAGMA application_id").fetch_one(&store.read).await.unwrap().get(0);
        assert_eq!(stamp, migrate::APPLICATION_ID);
    }
}

#[tokio::test]
async fn m7_records_of_old_become_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.db");
    let pool = raw(&path).await;
    let before = migrate::MIGRATIONS.iter().position(|sql| sql.contains("CREATE TABLE alarms")).unwrap();
    migrate::migrate_to(&pool, before).await.unwrap();
    let (run, schedule) = (sample::after(0), sample::schedule("alert"));
    let (id, of) = (pressrun_domain::id::RunId::generate(), schedule.id);
    let record = r#"{"timeline":[{"at":"2025-07-24T09:00:00Z","event":"planned","detail":"7 more were missed"},
        {"at":"2025-07-24T09:00:01.25Z","event":"claimed","detail":null}],
        "tiles":[{"key":"1","title":"Blobs","audience":"owner","rows":7,"ms":12,"truncated":false,"error":"timeout"}],
        "conditions":[],"artifacts":[],"warnings":["say \"when\""],"error":null,"degraded":true,"promised":true,"queryFailures":2,
        "judged":[{"audience":"","judgement":"met","fingerprint":"{\"rows\":1}"},{"audience":"a@b.co","judgement":"unmet","fingerprint":"{\"rows\":1}"}]}"#;
    let definition = serde_json::to_string(&schedule.definition).unwrap();
    sqlx::query("INSERT INTO definitions (id, json) VALUES ('d', $1)").bind(definition).execute(&pool).await.unwrap();
    let insert =
        "INSERT INTO runs (id, schedule_id, definition_id, kind, scheduled_for, owner, state, worker, lease_until, fence, created_at,
         started_at, record) VALUES ($1, $2, 'd', 'scheduled', $3, 'o', 'running', $4, $3, 3, $3, $3, $5)";
    let worker = pressrun_domain::id::WorkerId::generate();
    for (id, record) in [(id, record), (pressrun_domain::id::RunId::generate(), "garbage")] {
        let insert = sqlx::query(insert).bind(id.to_string()).bind(if record == "garbage" { String::new() } else { of.to_string() });
        insert.bind(run.as_microsecond()).bind(worker.to_string()).bind(record).execute(&pool).await.unwrap();
    }
    let notice = "INSERT INTO notices (id, kind, schedule_id, recipient, subject, text, body, created_at, state, not_before, attempts)
         VALUES ($1, $2, 's', 'operator', '', '', '', $3, 'accepted', NULL, '[]')";
    for (at, kind) in ["run.failed", "run.recovered", "run.failed", "run.failed"].into_iter().enumerate() {
        sqlx::query(notice).bind(format!("n{at}")).bind(kind).bind(at as i64).execute(&pool).await.unwrap();
    }
    pool.close().await;

    let store = SqliteStore::open(&path, sample::sealer()).await.unwrap();
    let read = store.run(id).await.unwrap().unwrap();
    let lines: Vec<_> = read.record.timeline.iter().map(|line| (line.event.as_str(), line.at, line.detail.as_deref())).collect();
    let claimed_at = sample::at("2025-07-24T09:00:01.25Z");
    assert_eq!(lines, [("planned", run, Some("7 more were missed")), ("claimed", claimed_at, None)]);
    assert_eq!(
        (read.record.tiles[0].error.as_deref(), read.record.warnings.as_slice()),
        (Some("timeout"), &["say \"when\"".to_owned()][..])
    );
    let progress = read.progress;
    assert_eq!((progress.promised_at, progress.query_failures, progress.degraded, progress.fence), (Some(run), 2, true, 3));
    let waiting =
        sqlx::query("SELECT audience, moves, count(*) OVER () FROM run_baselines JOIN fingerprints f ON f.id = fingerprint_id ORDER BY 1");
    let waiting = waiting.fetch_all(&store.read).await.unwrap();
    let waiting: Vec<(String, String)> = waiting.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(waiting, [(String::new(), "onceDelivered".to_owned()), ("a@b.co".to_owned(), "always".to_owned())]);
    let alarms: Vec<(i64, bool)> = sqlx::query("SELECT since, told FROM alarms")
        .fetch_all(&store.read)
        .await
        .unwrap()
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    assert_eq!(alarms, [(2, true)], "of the failures since the last recovery");
}

#[tokio::test]
async fn m7_a_result_is_stored_once_and_goes_with_the_last_baseline() {
    let (store, _folder) = in_file().await;
    let count = async || sqlx::query("SELECT count(*) FROM fingerprints").fetch_one(&store.read).await.unwrap().get::<i64, _>(0);
    let schedule = sample::schedule("alert");
    store.insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
    for (fingerprint, expected) in [("f1", 1), ("f2", 1)] {
        store
            .enqueue(&sample::manual(&schedule, sample::after(0)), &sample::change_at(Verb::RunTriggered, sample::after(0)))
            .await
            .unwrap();
        let run = store.claim(pressrun_domain::id::WorkerId::generate(), sample::after(1), sample::after(9), 1).await.unwrap().remove(0);
        let baselines =
            (0..1000).map(|number| WaitingBaseline { audience: format!("p{number}@b.co"), moves: BaselineMoves::Always, told_by: None });
        let judged = vec![JudgedResult { fingerprint: fingerprint.into(), baselines: baselines.collect() }];
        store.add_news(&run.lease, &RunNews { judged, ..RunNews::default() }).await.unwrap();
        store.finish(&run.lease, &sample::end(RunStatus::ConditionUnmet), sample::after(2)).await.unwrap();
        assert_eq!(count().await, expected);
        let found = store.baselines(schedule.id, &["p0@b.co", "p999@b.co", "unknown@b.co"]).await.unwrap();
        assert_eq!((found.len(), found[0].audiences.len(), found[0].fingerprint.as_str()), (1, 2, fingerprint), "equal ones together");
    }
    store.delete_schedule(schedule.id, &sample::change(Verb::ScheduleDeleted)).await.unwrap();
    assert_eq!(count().await, 0);
}

#[tokio::test]
async fn commits_are_on_the_disk_when_a_call_returns() {
    let (store, _folder) = in_file().await;
    for (pragma, expected) in [("PRAGMA journal_mode", "wal"), ("PRAGMA synchronous", "2"), ("PRAGMA foreign_keys", "1")] {
        let row = sqlx::query(pragma).fetch_one(&store.write).await.unwrap();
        let value = row.try_get::<String, _>(0).or_else(|_| row.try_get::<i64, _>(0).map(|value| value.to_string())).unwrap();
        assert_eq!(value, expected, "{pragma}");
    }
}

#[tokio::test]
async fn keys_of_another_collation_are_made_again_at_start() {
    let (store, folder) = in_file().await;
    for name in ["⚡️🍣 Query", "Orders"] {
        store.insert_schedule(&sample::schedule(name), &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
    }
    sqlx::raw_sql("UPDATE schedules SET name_key = x'00'; UPDATE meta SET value = x'00' WHERE key = 'collation'")
        .execute(&store.write)
        .await
        .unwrap();
    store.close().await;
    let store = SqliteStore::open(&folder.path().join("pressrun.db"), sample::sealer()).await.unwrap();
    let rows = store.list_schedules(&sample::list()).await.unwrap().rows;
    let names: Vec<&str> = rows.iter().map(crate::ListRow::name).collect();
    assert_eq!(names, ["Orders", "⚡️🍣 Query"]);
}

#[tokio::test]
async fn p3_what_an_audience_is_sent_is_stored_once() {
    let (store, _folder) = in_file().await;
    let schedule = sample::schedule("fan-out");
    store.insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
    sample::occur(&store, &[&schedule], sample::after(0)).await;
    let run = store.claim(pressrun_domain::id::WorkerId::generate(), sample::after(1), sample::after(9), 1).await.unwrap().remove(0);
    for region in ["us", "eu"] {
        let mut pieces: Vec<_> = (0..50).map(|number| sample::piece(run.run.id, &format!("p{number}@{region}.co"))).collect();
        for piece in &mut pieces {
            piece.message.text = format!("The numbers of {region}");
            piece.message.unsubscribe = Some(format!("http://localhost/unsubscribe/{}", piece.target));
        }
        let (first, second) = pieces.split_at(20);
        store.promise(&run.lease, first).await.unwrap();
        store.promise(&run.lease, second).await.unwrap();
    }
    let contents: i64 = sqlx::query("SELECT count(*) FROM contents").fetch_one(&store.read).await.unwrap().get(0);
    assert_eq!(contents, 2);
    let read = store.deliveries(run.run.id).await.unwrap();
    assert_eq!(read.len(), 100);
    for piece in read {
        assert!(piece.message.text.ends_with(piece.target.split(['@', '.']).nth(1).unwrap()), "{piece:?}");
        assert!(piece.message.unsubscribe.unwrap().ends_with(&piece.target));
    }
}

#[tokio::test]
async fn i7_the_runs_of_a_dead_worker_are_known_at_once_and_those_of_a_living_one_are_left_alone() {
    let (store, folder) = in_file().await;
    let other = SqliteStore::open(&folder.path().join("pressrun.db"), sample::sealer()).await.unwrap();
    let workers: Vec<_> = (0..3).map(|_| pressrun_domain::id::WorkerId::generate()).collect();
    let [living, dying, unknown] = workers[..] else { unreachable!() };
    store.announce(living).await.unwrap();
    other.announce(dying).await.unwrap();
    for worker in [living, dying, unknown] {
        let schedule = sample::schedule("daily");
        store.insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
        sample::occur(&store, &[&schedule], sample::after(0)).await;
        assert_eq!(store.claim(worker, sample::after(1), sample::after(301), 1).await.unwrap().len(), 1);
    }
    assert_eq!(store.release_dead(sample::after(2)).await.unwrap(), 0, "everybody who can be seen lives");
    other.close().await;
    drop(other);
    assert_eq!(store.release_dead(sample::after(2)).await.unwrap(), 1);
    let taken = store.claim(living, sample::after(2), sample::after(301), 9).await.unwrap();
    assert_eq!(taken.len(), 1, "one that was never seen waits for its lease");
    assert_eq!(store.release_dead(sample::after(2)).await.unwrap(), 0);
}

#[tokio::test]
async fn h8_schedules_of_an_older_file_are_due_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.db");
    let pool = raw(&path).await;
    let before = migrate::MIGRATIONS.iter().position(|sql| sql.contains("CREATE TABLE due")).unwrap();
    migrate::migrate_to(&pool, before).await.unwrap();
    let (due, paused, damaged) = (sample::schedule("due"), sample::schedule("paused"), sample::schedule("damaged"));
    for (schedule, next_at) in [(&due, Some(sample::after(0))), (&paused, None), (&damaged, Some(sample::after(0)))] {
        let json = if schedule.id == damaged.id { "{garbage".to_owned() } else { serde_json::to_string(&schedule.definition).unwrap() };
        let id = schedule.id.to_string();
        sqlx::query("INSERT INTO definitions (id, json) VALUES ($1, $2)").bind(&id).bind(json).execute(&pool).await.unwrap();
        sqlx::query(
            "INSERT INTO schedules (id, version, definition_id, created_at, updated_at, next_at, destination, alert, single_tile, owner,
                 identifier, recipient_count, dashboard_name, owner_name, name_key, dashboard_key, owner_key, name_folded,
                 dashboard_folded, owner_folded)
             VALUES ($1, 1, $1, 0, 0, $2, 'email', 0, 0, $3, '12db1a0a', 1, 'd', 'o', x'', x'', x'', 'n', 'd', 'o')",
        )
        .bind(&id)
        .bind(next_at.map(jiff::Timestamp::as_microsecond))
        .bind(schedule.definition.owner.to_string())
        .execute(&pool)
        .await
        .unwrap();
    }
    pool.close().await;
    let store = SqliteStore::open(&path, sample::sealer()).await.unwrap();
    assert_eq!(store.schedule(due.id).await.unwrap().unwrap().next_at, Some(sample::after(0)));
    assert_eq!(store.schedule(paused.id).await.unwrap().unwrap().next_at, None);
    let found = store.due_schedules(sample::after(0), sample::after(-60), 9).await.unwrap();
    let mut timings = store.timings(&found.iter().map(|due| due.timing).collect::<Vec<_>>()).await.unwrap();
    timings.sort_by(|a, b| a.cron.cmp(&b.cron));
    let read: Vec<_> = timings.iter().map(|timing| (timing.cron.as_str(), timing.zone.as_str())).collect();
    assert_eq!(read, [("", ""), ("0 9 ? * * *", "UTC")], "what does not parse is found when it is due");
}

#[tokio::test]
async fn p7_a_process_hears_that_another_has_written_to_the_file() {
    let (own, folder) = in_file().await;
    let other = SqliteStore::open(&folder.path().join("pressrun.db"), sample::sealer()).await.unwrap();
    let mut listening = own.listen().await.unwrap();
    let schedule = sample::schedule("daily");
    other.insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
    listening.heard().await.unwrap();
}
