//! Turns at the writing connection: what they share, and what they do not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::FutureExt as _;
use futures::future::join_all;
use pressrun_domain::audit::Verb;
use pressrun_domain::delivery::{Attempt, Outcome};
use pressrun_domain::id::WorkerId;
use pressrun_domain::run::{Progress, RunRecord};
use sqlx::Row as _;

use super::in_file;
use crate::sqlite::writer::Tx;
use crate::sqlite::{SqliteStore, meta};
use crate::{LastAnswer, Learnt, Planning as _, PlanningNote, RunNews, Runs as _, Schedules as _, StoreError, sample};

/// Counts the commits of the writing connection.
async fn commits(store: &SqliteStore) -> Arc<AtomicU32> {
    let count = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&count);
    let mut connection = store.write.acquire().await.unwrap();
    connection.lock_handle().await.unwrap().set_commit_hook(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        true
    });
    count
}

async fn put(store: &SqliteStore, key: &str) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    meta::put_meta(&mut tx, key, b"1").await?;
    tx.commit().await
}

async fn has(store: &SqliteStore, key: &str) -> bool {
    meta::meta(&mut store.snapshot().await.unwrap(), key).await.unwrap().is_some()
}

fn waits<T>(future: &mut (impl Future<Output = T> + Unpin)) {
    assert!(future.now_or_never().is_none(), "it waits");
}

/// Who stands in front of the others until it is given back.
async fn first(store: &SqliteStore) -> Tx {
    let mut tx = store.begin().await.unwrap();
    meta::put_meta(&mut tx, "first", b"1").await.unwrap();
    tx
}

#[tokio::test]
async fn section5_those_who_wait_share_a_commit() {
    let (store, _folder) = in_file().await;
    let count = commits(&store).await;
    let tx = first(&store).await;
    let names: Vec<String> = (0..100).map(|number| format!("writer {number}")).collect();
    let mut others = join_all(names.iter().map(|name| put(&store, name)));
    waits(&mut others);
    let (first, others) = futures::join!(tx.commit(), others);
    first.unwrap();
    for other in others {
        other.unwrap();
    }
    for name in &names {
        assert!(has(&store, name).await, "{name}");
    }
    // As many as a slow machine needs for whoever comes after five milliseconds; by far not one for each.
    let count = count.load(Ordering::SeqCst);
    assert!(count < 60, "{count} commits of 101 writers");
}

#[tokio::test]
async fn section5_what_one_leaves_unfinished_concerns_nobody_else() {
    let (store, _folder) = in_file().await;
    let tx = first(&store).await;
    let refused = async {
        let mut tx = store.begin().await?;
        meta::put_meta(&mut tx, "refused", b"1").await?;
        Err::<(), _>(StoreError::LeaseLost)
    };
    let fails = async {
        let mut tx = store.begin().await?;
        meta::put_meta(&mut tx, "fails", b"1").await?;
        sqlx::query("INSERT INTO meta (key, value) VALUES ('first', x'02')").execute(&mut *tx).await?;
        tx.commit().await
    };
    let (mut before, mut after) = (Box::pin(put(&store, "before")), Box::pin(put(&store, "after")));
    let (mut refused, mut fails) = (Box::pin(refused), Box::pin(fails));
    waits(&mut before);
    waits(&mut refused);
    waits(&mut fails);
    waits(&mut after);
    let (first, before, refused, fails, after) = futures::join!(tx.commit(), before, refused, fails, after);
    first.and(before).and(after).unwrap();
    assert!(matches!((refused, fails), (Err(StoreError::LeaseLost), Err(StoreError::Conflict))));
    for (key, expected) in [("first", true), ("before", true), ("refused", false), ("fails", false), ("after", true)] {
        assert_eq!(has(&store, key).await, expected, "{key}");
    }
}

#[tokio::test]
async fn section5_who_is_dropped_in_the_middle_has_written_nothing_and_holds_nobody_up() {
    let (store, _folder) = in_file().await;
    let (dropped, kept) = (Box::pin(put(&store, "waited only")), put(&store, "kept"));
    let mut tx = first(&store).await;
    {
        let mut dropped = dropped;
        waits(&mut dropped);
    }
    // A statement that nobody may hear the answer of.
    let mut statement = Box::pin(meta::put_meta(&mut tx, "statement", b"1"));
    let _ = (&mut statement).now_or_never();
    drop(statement);
    drop(tx);
    kept.await.unwrap();
    for (key, expected) in [("first", false), ("waited only", false), ("statement", false), ("kept", true)] {
        assert_eq!(has(&store, key).await, expected, "{key}");
    }
}

#[tokio::test]
async fn section5_a_full_disk_is_told_to_each_and_the_next_one_writes() {
    let (store, _folder) = in_file().await;
    let pages: i64 = sqlx::query("PRAGMA page_count").fetch_one(&store.write).await.unwrap().get(0);
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"))).execute(&store.write).await.unwrap();
    let tx = first(&store).await;
    let large = async {
        let mut tx = store.begin().await?;
        meta::put_meta(&mut tx, "large", &vec![1; 200_000]).await?;
        tx.commit().await
    };
    let (mut large, mut small) = (Box::pin(large), Box::pin(put(&store, "small")));
    waits(&mut large);
    waits(&mut small);
    let (first, large, small) = futures::join!(tx.commit(), large, small);
    let told = |answer: Result<(), StoreError>| answer.unwrap_err().to_string();
    assert!(told(large).contains("the disk is full"));
    // SQLite may end the whole transaction or the statement alone: what was told is what is there.
    assert_eq!((first.is_ok(), small.is_ok()), (has(&store, "first").await, has(&store, "small").await));
    sqlx::raw_sql("PRAGMA max_page_count = 1000000").execute(&store.write).await.unwrap();
    put(&store, "afterwards").await.unwrap();
}

#[tokio::test]
async fn m5_the_engine_has_readers_of_its_own() {
    let (store, folder) = in_file().await;
    let engine = store.with_own_readers().await.unwrap();
    let mut searching = Vec::new();
    for _ in 0..store.read.options().get_max_connections() {
        searching.push(store.snapshot().await.unwrap());
    }
    // Both write in turn, and see what the other wrote.
    store.keep_planning_note(PlanningNote::Rules, "r1").await.unwrap();
    assert_eq!(engine.planning_note(PlanningNote::Rules).await.unwrap().as_deref(), Some("r1"), "while every reader of the API is taken");
    drop(searching);
    engine.keep_planning_note(PlanningNote::Rules, "r2").await.unwrap();
    assert_eq!(store.planning_note(PlanningNote::Rules).await.unwrap().as_deref(), Some("r2"));
    drop((store, engine));
    SqliteStore::open(&folder.path().join("pressrun.db"), sample::sealer()).await.unwrap();
}

#[tokio::test]
async fn section5_a_run_of_one_piece_is_written_three_times() {
    let (store, _folder) = in_file().await;
    let schedule = sample::schedule("daily");
    store.insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
    sample::occur(&store, &[&schedule], sample::after(0)).await;
    let count = commits(&store).await;
    let run = store.claim(WorkerId::generate(), sample::after(1), sample::after(301), 1).await.unwrap().remove(0);
    let piece = sample::piece(run.run.id, "blob@myorg.co");
    let progress = Progress { promised_at: Some(sample::after(2)), ..Progress::default() };
    let news = RunNews { progress, ..RunNews::default() };
    assert!(store.promise_and_begin(&run.lease, std::slice::from_ref(&piece), &news, &[piece.id], sample::after(2)).await.unwrap());
    let outcome = Some(Outcome::Accepted { receipt: "ok".to_owned() });
    let attempt = Attempt { number: 1, started_at: sample::after(2), ended_at: Some(sample::after(3)), outcome };
    let (learnt, record) = (Learnt::default(), RunRecord::default());
    let last = LastAnswer { delivery: piece.id, attempt, at: sample::after(3), learnt, record };
    assert!(store.settle(&run.lease, &last).await.unwrap(), "the run has ended");
    assert_eq!(count.load(Ordering::SeqCst), 3);
}
