//! Each task of the dispatcher, driven alone or together with its neighbours, on a real store.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod planning;
mod site;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::SignedDuration;
use pressrun_dispatch::{Janitor, Keep, Sweeper, Tasks};
use pressrun_domain::audit::Verb;
use pressrun_domain::id::WorkerId;
use pressrun_domain::run::RunState;
use pressrun_store::{SqliteStore, sample};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use tokio_util::sync::CancellationToken;

use site::{DAILY, Site};

#[tokio::test]
async fn m3_an_instant_that_is_near_is_not_overslept() {
    let site = Site::at(sample::after(0) - SignedDuration::from_millis(5)).await;
    let schedule = site.save(DAILY, sample::after(0)).await;
    let (mut tasks, stop) = (Tasks::default(), CancellationToken::new());
    tasks.spawn_pulsed("planner", |pulse| site.planner().run(stop.clone(), pulse));
    // Until the instant, and until the next look anyway.
    site.clock.wait_for_sleepers(2).await;
    assert_eq!(site.clock.next_wake(), Some(sample::after(0)));
    site.clock.set(sample::after(0));
    site.ready.notified().await;
    let runs = loop {
        let runs = site.store.list_runs(Some(schedule.id), 1, 10).await.unwrap().rows;
        if !runs.is_empty() {
            break runs;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(runs[0].state, RunState::Queued { available_at: sample::after(0) });
    stop.cancel();
}

#[tokio::test]
async fn m4_one_claim_takes_as_many_runs_as_there_are_permits() {
    let mut site = Site::at(sample::after(0)).await;
    for _ in 0..20 {
        site.save(DAILY, sample::after(0)).await;
    }
    assert_eq!(site.planner().pass().await.unwrap(), 20);
    let (mut tasks, stop) = (Tasks::default(), CancellationToken::new());
    tasks.spawn_pulsed("claimer", |pulse| site.claimer().run(stop.clone(), CancellationToken::new(), pulse));
    for _ in 0..8 {
        site.begun.recv().await.unwrap();
    }
    assert_eq!(site.runner.asked.load(Ordering::SeqCst), 1, "a batch, after which no permit is free");
    site.runner.leave.add_permits(20);
    for _ in 8..20 {
        site.begun.recv().await.unwrap();
    }
    stop.cancel();
}

#[tokio::test]
async fn h4_a_run_that_only_waits_for_others_holds_no_permit() {
    let mut site = Site::at(sample::after(0)).await;
    site.runner.sends.store(true, Ordering::SeqCst);
    for _ in 0..20 {
        site.save(DAILY, sample::after(0)).await;
    }
    assert_eq!(site.planner().pass().await.unwrap(), 20);
    let (mut tasks, stop) = (Tasks::default(), CancellationToken::new());
    tasks.spawn_pulsed("claimer", |pulse| site.claimer().run(stop.clone(), CancellationToken::new(), pulse));
    // None of them may end.
    for _ in 0..20 {
        site.begun.recv().await.unwrap();
    }
    stop.cancel();
}

#[tokio::test]
async fn h10_a_sweep_that_never_ends_holds_up_neither_planning_nor_claiming() {
    let mut site = Site::at(sample::after(-60)).await;
    let schedule = site.save(DAILY, sample::after(0)).await;
    let (mut tasks, stop) = (Tasks::default(), CancellationToken::new());
    let sweeper = Sweeper::new(Arc::clone(&site.store), Arc::new(site.clock.clone()), Arc::clone(&site.runner) as _, Keep::default());
    tasks.spawn("sweeper", sweeper.run(stop.clone()));
    tasks.spawn_pulsed("planner", |pulse| site.planner().run(stop.clone(), pulse));
    tasks.spawn_pulsed("claimer", |pulse| site.claimer().run(stop.clone(), CancellationToken::new(), pulse));
    site.clock.wait_for_sleepers(2).await;
    site.clock.set(sample::after(0));
    let claimed = site.begun.recv().await.unwrap();
    assert_eq!((claimed.run.schedule_id, claimed.run.scheduled_for), (schedule.id, sample::after(0)));
    stop.cancel();
}

#[tokio::test]
async fn a_manual_run_is_claimed_as_soon_as_somebody_signals_it() {
    let mut site = Site::at(sample::after(0)).await;
    let schedule = site.save(DAILY, sample::after(86_400)).await;
    let (mut tasks, stop) = (Tasks::default(), CancellationToken::new());
    tasks.spawn_pulsed("planner", |pulse| site.planner().run(stop.clone(), pulse));
    tasks.spawn_pulsed("claimer", |pulse| site.claimer().run(stop.clone(), CancellationToken::new(), pulse));
    site.clock.wait_for_sleepers(3).await;
    let manual = sample::manual(&schedule, sample::after(0));
    site.store.enqueue(&manual, &sample::change_at(Verb::RunTriggered, sample::after(0))).await.unwrap();
    site.wake.notify_one();
    assert_eq!(site.begun.recv().await.unwrap().run.id, manual.run.id);
    stop.cancel();
}

#[tokio::test]
async fn m10_a_run_that_cannot_be_read_is_told_of_once() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("pressrun.db");
    let mut site = Site::at(sample::after(0)).await;
    site.store = Arc::new(SqliteStore::open(&database, sample::sealer()).await.unwrap());
    let schedule = site.save(DAILY, sample::after(0)).await;
    let raw = SqlitePool::connect_with(SqliteConnectOptions::new().filename(&database)).await.unwrap();
    sqlx::raw_sql("UPDATE schedules SET sealed = x'01020304'").execute(&raw).await.unwrap();
    assert_eq!(site.planner().pass().await.unwrap(), 1);
    assert!(site.store.claim(WorkerId::generate(), sample::after(0), sample::after(60), 9).await.unwrap().is_empty(), "it ends");
    let (mut tasks, stop) = (Tasks::default(), CancellationToken::new());
    let janitor =
        Janitor::new(Arc::clone(&site.store), Arc::new(site.clock.clone()), Arc::clone(&site.runner) as _, Arc::clone(&site.ready));
    tasks.spawn_pulsed("janitor", |pulse| janitor.run(stop.clone(), pulse));
    // After its first look.
    site.clock.wait_for_sleepers(1).await;
    let said = sample::claim_notices(site.store.as_ref(), sample::after(60), sample::after(120)).await;
    assert_eq!(said.iter().map(|notice| notice.schedule).collect::<Vec<_>>(), [schedule.id]);
    assert_eq!(site.store.unread_runs(9).await.unwrap(), [], "it is said once");
    stop.cancel();
}
