//! What it costs when one of many leaves a list.

use std::path::Path;

use pressrun_domain::audit::Verb;
use pressrun_domain::schedule::Schedule;
use sqlx::Row as _;

use super::{in_file, in_memory};
use crate::sqlite::SqliteStore;
use crate::sqlite::recipients::MOST_DEPARTURES;
use crate::{People as _, Schedules as _, sample};

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

#[tokio::test]
async fn h6_a_list_that_many_left_is_written_anew() {
    let (store, ()) = in_memory().await;
    let schedule = save(&store, MOST_DEPARTURES + 10).await;
    let count = async |sql: &'static str| -> i64 { sqlx::query(sql).fetch_one(&store.read).await.unwrap().get(0) };
    for number in 0..=MOST_DEPARTURES {
        assert_eq!(count("SELECT count(*) FROM departures").await, i64::try_from(number).unwrap());
        leaves(&store, &schedule, number).await;
    }
    assert_eq!(count("SELECT count(*) FROM departures").await, 0);
    assert_eq!(count("SELECT count(*) FROM definitions").await, 1);
    assert_eq!(count("SELECT count(*) FROM schedule_recipients").await, 9);
    let read = store.schedule(schedule.id).await.unwrap().unwrap();
    assert_eq!(read.definition.destination.email().unwrap().named().count(), 9);
}
