//! What it costs when one of many comes to a list or leaves it.

use std::path::Path;

use pressrun_domain::audit::Verb;
use pressrun_domain::destination::{Destination, Person};
use pressrun_domain::id::{UserId, WorkerId};
use pressrun_domain::schedule::Schedule;
use sqlx::Row as _;

use super::{in_file, in_memory};
use crate::sqlite::SqliteStore;
use crate::{People as _, Runs as _, Schedules as _, sample};

/// A page with its header in the log.
const PAGE: u64 = 4096 + 24;

async fn save(store: &SqliteStore, recipients: usize) -> Schedule {
    let addresses: Vec<String> = (0..recipients).map(|number| format!("person{number}@myorg.co")).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let mut schedule = sample::schedule("large");
    schedule.definition.destination = sample::to_members(&addresses);
    store.insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
    schedule
}

async fn leaves(store: &SqliteStore, schedule: &Schedule, number: usize) {
    let address = sample::email(&format!("person{number}@myorg.co"));
    store.opt_out(schedule.id, &address, &sample::change(Verb::Unsubscribed)).await.unwrap();
}

/// Pages in the log since it was last emptied.
fn pages(database: &Path) -> u64 {
    let mut log = database.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).unwrap().len() / PAGE
}

#[tokio::test]
async fn h6_unsubscribing_from_a_list_of_ten_thousand_writes_a_few_pages() {
    let (store, folder) = in_file().await;
    let schedule = save(&store, 10_000).await;
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_all(&store.write).await.unwrap();
    for number in 0..10 {
        leaves(&store, &schedule, number).await;
    }
    let each = pages(&folder.path().join("pressrun.db")) / 10;
    assert!((1..40).contains(&each), "{each} pages each");
    let read = store.schedule(schedule.id).await.unwrap().unwrap();
    assert_eq!(read.definition.destination.email().unwrap().named().count(), 9_990);
}

/// Makes the stored definition one of a version that wrote the list into it, for the schedule and its runs.
async fn make_old(store: &SqliteStore, schedule: &Schedule) {
    let (text, id) = (serde_json::to_string(&schedule.definition).unwrap(), schedule.id.to_string());
    sqlx::query("INSERT INTO definitions (id, json) VALUES ('of old', $1)").bind(text).execute(&store.write).await.unwrap();
    for statement in [
        "UPDATE runs SET definition_id = 'of old' WHERE schedule_id = $1",
        "UPDATE schedules SET definition_id = 'of old' WHERE id = $1",
        "INSERT INTO meta (key, value) SELECT 'lists_in_definitions', x'' WHERE $1 <> ''",
    ] {
        sqlx::query(statement).bind(&id).execute(&store.write).await.unwrap();
    }
    assert_eq!(number(store, "SELECT count(*) FROM lists").await, 0);
}

async fn number(store: &SqliteStore, sql: &'static str) -> i64 {
    sqlx::query(sql).fetch_one(&store.read).await.unwrap().get(0)
}

#[tokio::test]
async fn h6_an_edit_of_a_list_of_thirty_thousand_writes_what_changed() {
    let (store, folder) = in_file().await;
    let mut schedule = save(&store, 30_000).await;
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_all(&store.write).await.unwrap();
    let Destination::Email(email) = &mut schedule.definition.destination else { unreachable!() };
    email.recipients.remove(15_000);
    email.recipients.push(sample::recipient("new@myorg.co", Person::EmailOnly(UserId::generate())));
    store.replace_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleUpdated)).await.unwrap();
    let written = pages(&folder.path().join("pressrun.db"));
    assert!((1..60).contains(&written), "{written} pages");
    assert_eq!(store.schedule(schedule.id).await.unwrap().unwrap().definition, schedule.definition, "in its order, too");
    assert_eq!(number(&store, "SELECT count(*) FROM list_places").await, 30_000, "no run needs who left");
    assert_eq!(number(&store, "SELECT count(*) FROM list_places WHERE since > 1").await, 1);
    assert!(number(&store, "SELECT max(length(json)) FROM definitions").await < 2_000, "no list in any text");
}

#[tokio::test]
async fn h6_places_of_a_list_go_with_the_last_run_that_has_them() {
    let (store, ()) = in_memory().await;
    let mut schedule = save(&store, 3).await;
    let run = sample::manual(&schedule, sample::after(0));
    store.enqueue(&run, &sample::change(Verb::RunTriggered)).await.unwrap();
    let Destination::Email(email) = &mut schedule.definition.destination else { unreachable!() };
    let kept = email.recipients.split_off(2);
    email.recipients = kept;
    schedule.version = store.replace_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleUpdated)).await.unwrap();
    assert_eq!(number(&store, "SELECT count(*) FROM list_places").await, 3);
    sqlx::raw_sql("DELETE FROM runs").execute(&store.write).await.unwrap();
    assert_eq!(number(&store, "SELECT count(*) FROM list_places").await, 1);
    assert!(store.delete_schedule(schedule.id, &sample::change(Verb::ScheduleDeleted)).await.unwrap());
    // It leaves a row that tells what it missed.
    sqlx::raw_sql("DELETE FROM runs").execute(&store.write).await.unwrap();
    assert_eq!(
        number(&store, "SELECT (SELECT count(*) FROM list_places) + (SELECT count(*) FROM lists) + (SELECT count(*) FROM definitions)")
            .await,
        0
    );
}

#[tokio::test]
async fn h6_lists_in_definitions_of_old_become_rows_while_the_server_works() {
    let (store, ()) = in_memory().await;
    let schedule = save(&store, 40).await;
    make_old(&store, &schedule).await;
    let before = store.schedule(schedule.id).await.unwrap().unwrap();
    assert_eq!(before.definition, schedule.definition);
    for _ in 0..2 {
        store.move_lists().await.unwrap();
        assert_eq!(store.schedule(schedule.id).await.unwrap().unwrap(), before);
        assert_eq!(number(&store, "SELECT count(*) FROM list_places").await, 40);
        assert_eq!(number(&store, "SELECT count(*) FROM definitions WHERE json LIKE '%@myorg.co%'").await, 0);
        assert_eq!(number(&store, "SELECT count(*) FROM meta WHERE key = 'lists_in_definitions'").await, 0);
    }
}

#[tokio::test]
async fn h6_whoever_leaves_a_list_of_old_leaves_the_runs_that_wait_with_it() {
    let (store, ()) = in_memory().await;
    let schedule = save(&store, 40).await;
    let run = sample::manual(&schedule, sample::after(0));
    store.enqueue(&run, &sample::change(Verb::RunTriggered)).await.unwrap();
    make_old(&store, &schedule).await;
    let on_list = async || {
        let (schedule, run) = (store.schedule(schedule.id).await.unwrap().unwrap(), store.run(run.run.id).await.unwrap().unwrap());
        [schedule.definition, run.definition].map(|definition| definition.destination.email().unwrap().named().count())
    };
    leaves(&store, &schedule, 7).await;
    assert_eq!(on_list().await, [39, 39]);
    assert_eq!(number(&store, "SELECT count(*) FROM list_places").await, 39, "the schedule's list is rows now");
    leaves(&store, &schedule, 8).await;
    assert_eq!(on_list().await, [38, 38]);
    assert_eq!(number(&store, "SELECT count(*) FROM departures").await, 2);
}

#[tokio::test]
async fn h6_a_start_does_not_wait_for_lists_of_old() {
    let (store, folder) = in_file().await;
    let schedule = save(&store, 40).await;
    make_old(&store, &schedule).await;
    store.close().await;
    let store = SqliteStore::open(&folder.path().join("pressrun.db"), sample::sealer()).await.unwrap();
    assert_eq!(store.schedule(schedule.id).await.unwrap().unwrap().definition, schedule.definition);
    sample::occur(&store, &[&schedule], sample::after(0)).await;
    let run = store.claim(WorkerId::generate(), sample::after(1), sample::after(9), 1).await.unwrap().remove(0);
    assert_eq!(run.run.definition, schedule.definition);
    // Beside the one that began with the start.
    store.move_lists().await.unwrap();
    assert_eq!(number(&store, "SELECT count(*) FROM list_places").await, 40);
    assert_eq!(store.schedule(schedule.id).await.unwrap().unwrap().definition, schedule.definition);
}
