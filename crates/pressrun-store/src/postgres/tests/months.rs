//! History by months: what is old goes as tables, and nothing goes with it that is kept.

use jiff::{SignedDuration, Timestamp};
use pressrun_domain::audit::Verb;
use pressrun_domain::delivery::Delivery;
use pressrun_domain::id::{DeliveryId, RunId, WorkerId};
use pressrun_domain::run::{RunRecord, RunStatus, TimelineEntry};

use super::super::months::{Month, make};
use super::super::tx::{Limits, Tx};
use super::server::{Schema, save};
use crate::{PostgresStore, Retention as _, RunNews, Runs as _, Schedules as _, sample};

/// Makes the month of the samples and those after it.
async fn make_months_of_samples(store: &PostgresStore) {
    let limits = Limits::new(std::time::Duration::from_secs(30), WorkerId::generate());
    let mut tx = Tx::begin(&store.once.write, &limits).await.unwrap();
    make(&mut tx, Month::of(sample::after(0))).await.unwrap();
    tx.commit().await.unwrap();
}

/// Claims one run, notes something of it and sends its one piece, which was made with it.
async fn work(store: &PostgresStore, ends: bool) -> RunId {
    let claimed = store.claim(WorkerId::generate(), sample::after(1), sample::after(301), 1).await.unwrap().remove(0);
    let made = RunId::of_occurrence(claimed.run.schedule_id, sample::after(2));
    let piece = Delivery { id: DeliveryId(made.0), ..sample::piece(claimed.run.id, "a@myorg.co") };
    let line = TimelineEntry { at: sample::after(2), event: "promised".to_owned(), detail: None };
    let news = RunNews { record: RunRecord { timeline: vec![line], ..RunRecord::default() }, ..RunNews::default() };
    store.add_news(&claimed.lease, &news).await.unwrap();
    store.promise(&claimed.lease, std::slice::from_ref(&piece)).await.unwrap();
    store.begin_attempt(&claimed.lease, piece.id, sample::after(2)).await.unwrap();
    if ends {
        store.finish(&claimed.lease, &sample::end(RunStatus::Complete), sample::after(3)).await.unwrap();
    }
    claimed.run.id
}

async fn rows_of(schema: &Schema, run: RunId) -> Vec<String> {
    let count = |table: &str| format!("(SELECT count(*) FROM {table} WHERE run_id = '{run}')");
    let attempts = format!("(SELECT count(*) FROM attempts a JOIN deliveries d ON d.id = a.delivery_id WHERE d.run_id = '{run}')");
    schema.ask(&format!("SELECT {} > 0 AND {} = 1 AND {attempts} = 1", count("run_events"), count("contents"))).await
}

#[tokio::test]
async fn h3_a_month_goes_as_a_whole_and_what_is_kept_of_it_stays() {
    let schema = Schema::make().await;
    let store = schema.open().await;
    make_months_of_samples(&store).await;
    let schedules = save(&store, 3).await;
    let mut runs = Vec::new();
    for (schedule, ends) in [(0, true), (1, true), (2, false)] {
        sample::occur(&store, &[&schedules[schedule]], sample::after(0)).await;
        runs.push(work(&store, ends).await);
    }
    let [old, newest, under_way] = runs[..] else { panic!("three") };
    // Nothing stands on what a schedule did that is gone.
    store.delete_schedule(schedules[0].id, &sample::change(Verb::ScheduleDeleted)).await.unwrap();
    let parts = "SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE c.relname LIKE '%_2025_07'
         AND c.relnamespace = current_schema()::regnamespace";
    assert_eq!(schema.ask(parts).await, ["4"]);
    for run in [old, newest, under_way] {
        assert_eq!(rows_of(&schema, run).await, ["t"]);
    }
    let whole_month: Timestamp = "2025-08-01T00:00:00Z".parse().unwrap();
    let amid: Timestamp = whole_month - SignedDuration::from_secs(1);
    assert_eq!(store.prune_months(amid).await.unwrap(), 0, "the month is not over");
    assert_eq!(store.prune_months(whole_month).await.unwrap(), 4);
    assert_eq!(schema.ask(parts).await, ["0"]);
    for run in [newest, under_way] {
        assert_eq!(rows_of(&schema, run).await, ["t"], "the newest of a schedule stays, and what is not over");
    }
    assert_eq!(schema.ask(&format!("SELECT count(*) FROM run_events WHERE run_id = '{old}'")).await, ["0"]);
    // What is left of it goes row by row.
    assert_eq!(store.prune_runs(whole_month, 500).await.unwrap().count, 1);
    assert!(store.run(old).await.unwrap().is_none() && store.run(newest).await.unwrap().is_some());
    assert_eq!(
        schema.ask("SELECT count(*) FROM attempts a WHERE NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.id = a.delivery_id)").await,
        ["0"]
    );
}

#[tokio::test]
async fn h3_months_are_made_ahead_and_take_in_what_had_none() {
    let schema = Schema::make().await;
    let store = schema.open().await;
    let parts = "SELECT count(*) FROM pg_inherits i WHERE i.inhparent = 'run_events'::regclass";
    assert_eq!(schema.ask(parts).await, ["4"], "the present, two ahead, and what belongs to none");
    store.make_months().await.unwrap();
    assert_eq!(schema.ask(parts).await, ["4"], "once");
    let schedules = save(&store, 1).await;
    sample::occur(&store, &[&schedules[0]], sample::after(0)).await;
    let run = work(&store, true).await;
    let others = "SELECT count(*) FROM run_events_other";
    assert_ne!(schema.ask(others).await, ["0"]);
    make_months_of_samples(&store).await;
    assert_eq!(schema.ask(others).await, ["0"]);
    assert_eq!(rows_of(&schema, run).await, ["t"]);
}
