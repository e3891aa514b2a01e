//! Equal queries are one execution (Q8, design §5), and never more equal than they are.

use std::sync::Arc;

use jiff::SignedDuration;
use pressrun_domain::id::{MembershipId, ScheduleId, WorkerId};
use pressrun_domain::output::Format;
use pressrun_domain::run::{RunStatus, Worked};
use pressrun_domain::schedule::Definition;
use serde_json::Value;

use crate::world::{HILL, World, ended};

/// Two tiles with one query, whose every execution gives other numbers.
const DICE: &str = "
identifier: dice
name: Dice
connection: files
tiles:
  '1': { title: One, sql: select random() as r, at: { x: 0, y: 0, w: 12, h: 8 } }
  '2': { title: Two, sql: select random() as r, at: { x: 12, y: 0, w: 12, h: 8 } }
";

async fn world(share: bool) -> World {
    let world = World::with(|config| config.share_queries = share).await;
    std::fs::write(world.dir.path().join("catalog/dashboards/dice.yaml"), DICE).unwrap();
    world.catalog.reload().unwrap_or_else(|error| panic!("{error}"));
    world
}

fn dice(world: &World) -> Definition {
    let mut definition = world.webhook(Format::Json);
    definition.identifier = "dice".into();
    definition
}

/// The number of a tile in each body that came.
fn thrown(world: &World, tile: &str) -> Vec<f64> {
    let bodies = world.http.requests().into_iter().map(|request| serde_json::from_slice::<Value>(&request.body).unwrap());
    bodies.map(|body| body["tiles"][tile]["rows"][0]["r"].as_f64().unwrap_or_else(|| panic!("{body}"))).collect()
}

async fn at_nine(world: &World, definitions: Vec<Definition>) -> Vec<ScheduleId> {
    let mut schedules = Vec::new();
    for definition in definitions {
        schedules.push(world.save(definition).await);
    }
    world.go_to("2025-07-24T09:00:00Z").await;
    schedules
}

#[tokio::test]
async fn q8_two_tiles_with_one_query_are_one_execution() {
    let world = world(false).await;
    world.run_now(dice(&world)).await;
    assert_eq!(thrown(&world, "1"), thrown(&world, "2"));
}

#[tokio::test]
async fn q8_schedules_due_at_one_instant_share_an_execution_unless_the_operator_says_no() {
    for (share, shared) in [(true, true), (false, false)] {
        let world = world(share).await;
        at_nine(&world, vec![dice(&world), dice(&world)]).await;
        let numbers = thrown(&world, "1");
        assert_eq!(numbers.len(), 2);
        assert_eq!(numbers[0].to_bits() == numbers[1].to_bits(), shared, "share_queries = {share}: {numbers:?}");
    }
}

#[tokio::test]
async fn q4_another_instant_and_a_trigger_ask_anew() {
    let world = world(true).await;
    let schedules = at_nine(&world, vec![dice(&world)]).await;
    world.trigger(schedules[0]).await;
    world.engine.drain().await.unwrap();
    world.trigger(schedules[0]).await;
    world.engine.drain().await.unwrap();
    world.go_to("2025-07-25T09:00:00Z").await;
    let mut numbers = thrown(&world, "1");
    assert_eq!(numbers.len(), 4);
    numbers.sort_by(f64::total_cmp);
    numbers.dedup();
    assert_eq!(numbers.len(), 4, "each was computed at its time");
}

#[tokio::test]
async fn p1_sharing_never_shows_anybody_rows_of_another() {
    // Ross sees US and EU, Hill sees US; the same dashboard, the same instant, the same tile.
    let mut seen = Vec::new();
    for share in [true, false] {
        let world = World::with(|config| config.share_queries = share).await;
        let mut by_hill = world.webhook(Format::Json);
        by_hill.owner = MembershipId(HILL.parse().unwrap());
        let schedules = at_nine(&world, vec![world.webhook(Format::Json), by_hill]).await;
        let bodies = schedules.iter().map(|schedule| {
            let requests = world.http.requests();
            let mine = |request: &&pressrun_testkit::ReceivedRequest| {
                request.header("pressrun-schedule-id") == Some(schedule.to_string().as_str())
            };
            serde_json::from_slice::<Value>(&requests.iter().find(mine).unwrap().body).unwrap()["tiles"]["1"]["rows"].clone()
        });
        seen.push(bodies.collect::<Vec<_>>());
    }
    assert_eq!(seen[0], seen[1], "the same as without sharing");
    let regions = |rows: &Value| rows.as_array().unwrap().iter().map(|row| row["region"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!((regions(&seen[0][0]), regions(&seen[0][1])), (vec!["EU".to_owned(), "US".to_owned()], vec!["US".to_owned()]));
}

#[tokio::test]
async fn q5_a_run_that_starts_late_covers_the_period_of_its_instant() {
    let world = World::new().await;
    let clock = "identifier: clock\nname: Clock\nconnection: files\ntiles:\n  '1': { title: Now, sql: 'select cast(now() as varchar) as n', at: { x: 0, y: 0, w: 12, h: 8 } }\n";
    std::fs::write(world.dir.path().join("catalog/dashboards/clock.yaml"), clock).unwrap();
    world.catalog.reload().unwrap_or_else(|error| panic!("{error}"));
    let mut definition = world.webhook(Format::Json);
    definition.identifier = "clock".into();
    world.save(definition).await;
    world.go_to("2025-07-24T09:14:00Z").await;
    let body: Value = serde_json::from_slice(&world.http.requests()[0].body).unwrap();
    let at = body["tiles"]["1"]["rows"][0]["n"].as_str().unwrap();
    assert!(at.starts_with("2025-07-24T09:00:00"), "{body}");
}

#[tokio::test]
async fn a_result_that_others_use_outlives_the_run_that_asked_for_it() {
    let world = world(true).await;
    let carrier: Arc<dyn pressrun_engine::Carrier> = world.carriers();
    let engine = world.another_engine_with(carrier, |config| config.workers = 1);
    for _ in 0..3 {
        world.save(dice(&world)).await;
    }
    world.clock.set("2025-07-24T09:00:00Z".parse().unwrap());
    engine.tick().await.unwrap();
    engine.drain().await.unwrap();
    // One after the other: the first had ended, and its folder would be gone, when the others read the file.
    let mut numbers: Vec<_> = thrown(&world, "1").into_iter().map(f64::to_bits).collect();
    numbers.dedup();
    assert_eq!((world.http.requests().len(), numbers.len()), (3, 1));
}

#[tokio::test]
async fn m9_a_run_that_has_no_time_left_takes_no_other_along() {
    let world = world(true).await;
    for _ in 0..2 {
        world.save(dice(&world)).await;
    }
    world.clock.set("2025-07-24T09:00:00Z".parse().unwrap());
    world.engine.tick().await.unwrap();
    let first = world.store.claim(WorkerId::generate(), world.now(), world.now(), 1).await.unwrap().remove(0);
    // A millisecond is less than any query takes.
    let worked = Worked { preparing: SignedDuration::from_mins(30) - SignedDuration::from_millis(1), ..Worked::default() };
    world.store.hand_back(&first.lease, world.now(), &[], worked).await.unwrap();
    world.engine.drain().await.unwrap();
    assert_ne!(ended(&world.run(first.run.id).await.0).0, RunStatus::Complete);
    assert_eq!(thrown(&world, "1").len(), 1, "the other has the time of its connection");
}
