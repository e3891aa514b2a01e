//! An installation that moves from SQLite.

use std::collections::BTreeSet;

use pressrun_domain::audit::Verb;
use pressrun_domain::id::WorkerId;
use pressrun_domain::run::RunStatus;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;

use super::server::Schema;
use crate::postgres::moving::TABLES;
use crate::{Audit as _, AuditQuery, Runs as _, Schedules as _, SqliteStore, StoreError, sample};

/// A file with something in it.
async fn installation(folder: &std::path::Path) -> (std::path::PathBuf, Vec<pressrun_domain::schedule::Schedule>) {
    let file = folder.join("pressrun.db");
    let store = SqliteStore::open(&file, sample::sealer()).await.unwrap();
    let mut schedules = Vec::new();
    for number in 0..1_100_u128 {
        let mut schedule = sample::schedule(&format!("daily {number} \u{26a1} \\ ' \""));
        schedule.definition.owner = sample::member(number % 5);
        if number == 0 {
            schedule.definition.destination = sample::sftp("1am@g00dBL0b");
        }
        store.insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
        schedules.push(schedule);
    }
    let some: Vec<_> = schedules.iter().take(6).collect();
    sample::occur(&store, &some, sample::after(0)).await;
    let worker = WorkerId::generate();
    for (number, run) in store.claim(worker, sample::after(1), sample::after(301), 4).await.unwrap().into_iter().enumerate() {
        store.promise(&run.lease, &[sample::piece(run.run.id, "blob@myorg.co")]).await.unwrap();
        if number > 0 {
            store.finish(&run.lease, &sample::end(RunStatus::Complete), sample::after(2)).await.unwrap();
        }
    }
    store.close().await;
    (file, schedules)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_moves_with_every_row_and_goes_on_where_it_was() {
    let (schema, folder) = (Schema::make().await, tempfile::tempdir().unwrap());
    let (file, schedules) = installation(folder.path()).await;
    let store = schema.open().await;
    let copied = store.take_in(&file).await.unwrap();
    let rows = |table: &str| copied.iter().find(|copied| copied.table == table).unwrap().rows;
    assert_eq!((rows("schedules"), rows("runs"), rows("queue"), rows("audit")), (1_100, 4, 2, 1_100));
    let before = SqliteStore::open(&file, sample::sealer()).await.unwrap();
    for schedule in &schedules {
        assert_eq!(store.schedule(schedule.id).await.unwrap(), before.schedule(schedule.id).await.unwrap(), "secrets included");
    }
    let all = AuditQuery { limit: 2_000, ..AuditQuery::default() };
    assert_eq!(store.audit(&all).await.unwrap(), before.audit(&all).await.unwrap());
    // What waited is claimed, and what somebody had goes on.
    let claimed = store.claim(WorkerId::generate(), sample::after(3), sample::after(303), 9).await.unwrap();
    assert_eq!(claimed.len(), 3);
    assert_eq!(claimed.iter().map(|run| run.lease.fence).collect::<BTreeSet<_>>(), BTreeSet::from([1, 2]));
    // And what is new has numbers of its own.
    let schedule = sample::schedule("after the move");
    store.insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
    assert_eq!(sample::occur(&store, &[&schedule], sample::after(4)).await, 1);
}

#[tokio::test]
async fn h6_lists_move_with_an_installation_also_those_of_old() {
    let (schema, folder) = (Schema::make().await, tempfile::tempdir().unwrap());
    let file = folder.path().join("pressrun.db");
    let store = SqliteStore::open(&file, sample::sealer()).await.unwrap();
    let mut schedules = Vec::new();
    for name in ["of now", "of old"] {
        let mut schedule = sample::schedule(name);
        schedule.definition.destination = sample::to_members(&["a@b.co", "c@d.co", "e@f.co"]);
        store.insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
        schedules.push(schedule);
    }
    store.close().await;
    let mut raw = SqliteConnectOptions::new().filename(&file).connect().await.unwrap();
    let old =
        "UPDATE definitions SET json = $1, list = NULL, revision = NULL WHERE id = (SELECT definition_id FROM schedules WHERE id = $2)";
    let text = serde_json::to_string(&schedules[1].definition).unwrap();
    sqlx::query(old).bind(text).bind(schedules[1].id.to_string()).execute(&mut raw).await.unwrap();
    let mark = "DELETE FROM list_places WHERE list = 2; DELETE FROM lists WHERE id = 2; INSERT INTO meta (key, value) VALUES ('lists_in_definitions', x'')";
    sqlx::raw_sql(mark).execute(&mut raw).await.unwrap();
    let store = schema.open().await;
    store.take_in(&file).await.unwrap();
    let read = async || {
        let mut read = Vec::new();
        for schedule in &schedules {
            read.push(store.schedule(schedule.id).await.unwrap().unwrap().definition);
        }
        read
    };
    let expected: Vec<_> = schedules.iter().map(|schedule| schedule.definition.clone()).collect();
    assert_eq!(read().await, expected);
    assert_eq!(schema.ask("SELECT count(*) FROM list_places").await, ["3"]);
    store.once.move_lists().await.unwrap();
    assert_eq!(read().await, expected);
    assert_eq!(schema.ask("SELECT count(*) FROM list_places").await, ["6"]);
    // A list that is new has a number of its own.
    let schedule = sample::schedule("new");
    store.insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
    assert_eq!(store.schedule(schedule.id).await.unwrap().unwrap().definition, schedule.definition);
}

#[tokio::test]
async fn nothing_is_copied_into_a_database_that_is_in_use() {
    let (schema, folder) = (Schema::make().await, tempfile::tempdir().unwrap());
    let (file, _) = installation(folder.path()).await;
    let store = schema.open().await;
    let schedule = sample::schedule("here before");
    store.insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
    let refused = store.take_in(&file).await.unwrap_err();
    assert!(refused.to_string().contains("is in use already"), "{refused}");
    assert_eq!(schema.ask("SELECT count(*) FROM schedules").await, ["1"]);
}

#[tokio::test]
async fn what_cannot_be_kept_is_named_and_nothing_is_copied() {
    let (schema, folder) = (Schema::make().await, tempfile::tempdir().unwrap());
    let (file, _) = installation(folder.path()).await;
    let mut raw = SqliteConnectOptions::new().filename(&file).connect().await.unwrap();
    sqlx::query("UPDATE runs SET error = 'a' || char(0) || 'b'").execute(&mut raw).await.unwrap();
    let refused = schema.open().await.take_in(&file).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Unavailable(words) if words.contains("rows of runs cannot be copied")), "{refused}");
    assert_eq!(schema.ask("SELECT (SELECT count(*) FROM schedules) + (SELECT count(*) FROM queue_clock)").await, ["1"]);
}

#[tokio::test]
async fn every_table_is_copied() {
    let schema = Schema::make().await;
    schema.open().await;
    let known: BTreeSet<&str> = TABLES.into_iter().chain(["audit", "audit_retention"]).collect();
    // What is of nodes that live is not of the file.
    let there = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()
         AND tablename NOT IN ('leads', 'nodes', 'share_holders', 'shares', 'rates', 'pressrun_schema')
         AND NOT (SELECT relispartition FROM pg_class WHERE oid = to_regclass(tablename::text))";
    let there = schema.ask(there).await;
    assert_eq!(there.iter().map(String::as_str).collect::<BTreeSet<_>>(), known);
}
