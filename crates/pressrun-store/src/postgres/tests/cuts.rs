//! Connections that are cut, deadlocks, and a server that is away for a while.

use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use pressrun_domain::audit::Verb;
use pressrun_domain::id::WorkerId;
use pressrun_domain::run::RunStatus;
use pressrun_testkit::PostgresServer;
use sqlx::{Connection as _, PgConnection};

use super::server::{Schema, save};
use crate::{Planning as _, PostgresStore, Runs as _, Schedules as _, StoreError, sample};

/// Somebody else who holds what this statement locks until the connection is dropped.
async fn holding(schema: &Schema, sql: &'static str) -> PgConnection {
    let url = schema.settings().url.replace("application_name=", "application_name=other");
    let mut connection = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("BEGIN").execute(&mut connection).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_a_call_whose_connection_is_cut_before_the_commit_is_made_again_and_counts_once() {
    let schema = Schema::make().await;
    let store = schema.open().await;
    let mut schedule = save(&store, 1).await.remove(0);
    schedule.definition.name = "another name".into();
    let other = holding(&schema, "SELECT 1 FROM due FOR UPDATE").await;
    let replacing = async { store.replace_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleUpdated)).await };
    let cutting = async {
        schema.until_somebody_waits().await;
        assert_eq!(schema.cut("wait_event_type = 'Lock'").await, 1);
        schema.until_somebody_waits().await;
        other.close().await.unwrap();
    };
    let (version, ()) = tokio::join!(replacing, cutting);
    assert_eq!(version.unwrap(), 2);
    assert_eq!(schema.ask("SELECT version FROM schedules").await, ["2"]);
    assert_eq!(schema.ask("SELECT count(*) FROM audit WHERE verb = 'schedule.updated'").await, ["1"], "and one entry tells of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_a_call_that_is_the_victim_of_a_deadlock_is_made_again() {
    let schema = Schema::make().await;
    let store = schema.open().await;
    let mut schedule = save(&store, 1).await.remove(0);
    schedule.definition.name = "another name".into();
    loop {
        let mut other = holding(&schema, "SELECT 1 FROM due FOR UPDATE").await;
        let version = schedule.version;
        let replacing = async { store.replace_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleUpdated)).await };
        let other = async {
            schema.until_somebody_waits().await;
            // Both wait for each other now. Whoever looks for that first is undone: each does so once, a second after it began to wait, and on a
            // busy machine the call may have looked before there was anything to see.
            let undone = sqlx::raw_sql("SELECT 1 FROM schedules FOR UPDATE").execute(&mut other).await.is_err();
            other.close().await.unwrap();
            undone
        };
        let (replaced, other_was_undone) = tokio::join!(replacing, other);
        schedule.version = replaced.unwrap();
        assert_eq!(schedule.version, version + 1);
        if !other_was_undone {
            return;
        }
    }
}

/// Claims and finishes until `done`.
async fn claim_until(store: &PostgresStore, done: &AtomicBool) {
    let worker = WorkerId::generate();
    while !done.load(Ordering::SeqCst) {
        let Ok(runs) = store.claim(worker, sample::after(1), sample::after(301), 5).await else { continue };
        for run in runs {
            loop {
                match store.finish(&run.lease, &sample::end(RunStatus::Complete), sample::after(2)).await {
                    // Nobody could tell whether the end before was written: it was.
                    Ok(()) | Err(StoreError::LeaseLost) => break,
                    Err(StoreError::Unavailable(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_nodes_whose_connections_are_cut_again_and_again_do_each_occurrence_once() {
    let schema = Schema::make().await;
    let store = schema.open().await;
    let schedules = save(&store, 120).await;
    let (planner, claimers) = (schema.open().await, [schema.open().await, schema.open().await]);
    let done = AtomicBool::new(false);
    let planning = async {
        loop {
            // What was cut in its commit is told, and looked at anew.
            let Ok(due) = planner.due_schedules(sample::after(0), Timestamp::MIN, 10).await else { continue };
            let plans: Vec<_> = due.into_iter().map(sample::planned).collect();
            let _ = planner.plan(&plans, sample::after(0)).await;
            let _ = planner.release_planned(sample::after(0), Timestamp::MIN, 10).await;
            if plans.is_empty() && matches!(planner.next_ready().await, Ok(None)) {
                return;
            }
        }
    };
    let cutting = async {
        let mut cut = 0;
        while schema.ask("SELECT count(*) FROM runs WHERE state = 'ended'").await != ["120"] {
            cut += schema.cut("state <> 'idle'").await;
            // A claim that was committed when its connection was cut, and of which nobody heard: its lease lapses.
            schema.ask("UPDATE runs SET lease_until = 0 WHERE state = 'running' AND random() < 0.05").await;
        }
        done.store(true, Ordering::SeqCst);
        cut
    };
    let ((), (), (), cut) = tokio::join!(planning, claim_until(&claimers[0], &done), claim_until(&claimers[1], &done), cutting);
    assert!(cut > 0);
    assert_eq!(schema.ask("SELECT count(DISTINCT (schedule_id, scheduled_for)) FROM runs").await, [schedules.len().to_string()]);
    assert_eq!(schema.ask("SELECT count(*) FROM runs").await, [schedules.len().to_string()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_told_and_over_when_it_is_over() {
    let schema = Schema::on(PostgresServer::start().expect("PostgreSQL is installed")).await;
    let store = schema.open().await;
    let schedules = save(&store, 2).await;
    sample::occur(&store, &schedules.iter().collect::<Vec<_>>(), sample::after(0)).await;
    let worker = WorkerId::generate();
    let before = store.claim(worker, sample::after(1), sample::after(301), 1).await.unwrap().remove(0);
    schema.server().halt();
    for answer in [
        store.claim(worker, sample::after(2), sample::after(302), 9).await.map(|_| ()),
        store.finish(&before.lease, &sample::end(RunStatus::Complete), sample::after(2)).await,
    ] {
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    }
    schema.server().begin();
    store.finish(&before.lease, &sample::end(RunStatus::Complete), sample::after(3)).await.unwrap();
    let after = store.claim(worker, sample::after(3), sample::after(303), 9).await.unwrap();
    assert_eq!(after.len(), 1);
    assert_ne!(after[0].run.id, before.run.id);
}
