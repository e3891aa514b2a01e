//! When runs happen.

use jiff::SignedDuration;
use pressrun_domain::audit::Verb;
use pressrun_domain::output::Format;
use pressrun_domain::run::{RunState, RunStatus, SkipReason};

use crate::world::{World, at, ended};

#[tokio::test]
async fn t13_a_due_run_happens_at_its_instant_and_the_next_is_planned() {
    let world = World::new().await;
    let schedule = world.save(world.webhook(Format::Json)).await;
    world.go_to("2025-07-24T08:59:59Z").await;
    assert!(world.runs(schedule).await.is_empty(), "nothing happens before its time");
    world.go_to("2025-07-24T09:00:02Z").await;
    let runs = world.runs(schedule).await;
    assert_eq!(at(&runs[0]).to_string(), "2025-07-24T09:00:00Z");
    assert_eq!(ended(&runs[0]), (RunStatus::Complete, None), "{:?}", runs[0].record);
    let saved = world.store.schedule(schedule).await.unwrap().unwrap();
    assert_eq!(saved.next_at.unwrap().to_string(), "2025-07-25T09:00:00Z");
    assert_eq!(saved.last_run.unwrap().status, RunStatus::Complete);
    assert_eq!(world.http.requests().len(), 1);
}

#[tokio::test]
async fn t13_days_of_schedule_time_pass_in_a_moment() {
    let world = World::new().await;
    let schedule = world.save(world.webhook(Format::LinkOnly)).await;
    for _ in 0..72 {
        world.pass(SignedDuration::from_hours(1)).await;
    }
    let instants: Vec<_> = world.runs(schedule).await.iter().map(|run| at(run).to_string()).collect();
    assert_eq!(instants, ["2025-07-24T09:00:00Z", "2025-07-25T09:00:00Z", "2025-07-26T09:00:00Z"]);
    assert_eq!(world.http.requests().len(), 3);
}

#[tokio::test]
async fn t14_after_an_outage_only_the_latest_instant_runs_and_one_row_tells_of_the_others() {
    let world = World::new().await;
    let mut hourly = world.webhook(Format::LinkOnly);
    hourly.cron = "0 * * * ? *".to_owned();
    let schedule = world.save(hourly).await;
    world.go_to("2025-07-24T11:30:00Z").await;
    let runs = world.runs(schedule).await;
    assert_eq!(runs.len(), 2);
    assert_eq!(runs[0].state, RunState::Skipped { reason: SkipReason::Missed });
    let told = runs[0].record.timeline[0].detail.as_deref();
    assert_eq!(told, Some("the service was down: 2 instants from 2025-07-24T09:00:00Z to 2025-07-24T10:00:00Z were missed"));
    assert_eq!(ended(&runs[1]).0, RunStatus::Complete);
    assert_eq!(world.http.requests().len(), 1);
}

#[tokio::test]
async fn i1_two_engines_at_one_instant_make_one_run() {
    let world = World::new().await;
    let schedule = world.save(world.webhook(Format::LinkOnly)).await;
    let other = world.another_engine(world.carriers());
    world.clock.set("2025-07-24T09:00:00Z".parse().unwrap());
    let (a, b) = tokio::join!(world.engine.tick(), other.tick());
    assert_eq!(a.unwrap() + b.unwrap(), 1);
    let (a, b) = tokio::join!(world.engine.drain(), other.drain());
    assert_eq!(a.unwrap() + b.unwrap(), 1);
    assert_eq!(world.runs(schedule).await.len(), 1);
    assert_eq!(world.http.requests().len(), 1);
}

#[tokio::test]
async fn i2_while_a_run_waits_for_a_retry_the_next_instant_is_skipped() {
    let world = World::new().await;
    let mut often = world.webhook(Format::LinkOnly);
    often.cron = "* * * * ? *".to_owned();
    let schedule = world.save(often).await;
    world.http.always(pressrun_testkit::HttpAnswer::new(503, "busy"));
    world.go_to("2025-07-24T08:31:00Z").await;
    world.clock.set("2025-07-24T08:32:00Z".parse().unwrap());
    world.engine.tick().await.unwrap();
    let runs = world.runs(schedule).await;
    assert_eq!(runs[1].state, RunState::Skipped { reason: SkipReason::Overlap });
    assert_eq!(world.store.schedule(schedule).await.unwrap().unwrap().last_run, None, "a skip does not move the last status");
}

#[tokio::test]
async fn t9_a_time_in_the_gap_runs_once_and_the_history_says_so() {
    let world = World::new().await;
    world.clock.set("2026-03-07T12:00:00Z".parse().unwrap());
    let mut nightly = world.webhook(Format::LinkOnly);
    nightly.cron = "30 2 ? * * *".to_owned();
    nightly.timezone = "America/New_York".to_owned();
    let schedule = world.save(nightly).await;
    world.go_to("2026-03-08T07:00:00Z").await;
    let runs = world.runs(schedule).await;
    assert_eq!((at(&runs[0]).to_string().as_str(), runs[0].dst.as_deref()), ("2026-03-08T07:00:00Z", Some("dst_gap")));
}

#[tokio::test]
async fn i1_t14_a_clock_that_jumps_repeats_nothing_and_makes_up_one_instant_at_most() {
    let world = World::new().await;
    let mut hourly = world.webhook(Format::LinkOnly);
    hourly.cron = "0 * * * ? *".to_owned();
    let schedule = world.save(hourly).await;
    let started = async |at: &str| {
        world.go_to(at).await;
        let runs = world.runs(schedule).await;
        let started = runs.iter().filter(|run| !matches!(run.state, RunState::Skipped { .. })).map(at_hour);
        started.collect::<Vec<_>>()
    };
    for (case, at, expected) in [
        ("on time", "2025-07-24T09:00:01Z", vec!["09"]),
        ("hours back", "2025-07-24T06:30:00Z", vec!["09"]),
        ("past an instant that has run", "2025-07-24T09:30:00Z", vec!["09"]),
        ("hours forward: the latest only", "2025-07-24T14:10:00Z", vec!["09", "14"]),
        ("back before it", "2025-07-24T10:15:00Z", vec!["09", "14"]),
        ("through it again", "2025-07-24T14:59:59Z", vec!["09", "14"]),
        ("on time", "2025-07-24T15:00:00Z", vec!["09", "14", "15"]),
    ] {
        assert_eq!(started(at).await, expected, "{case}: {at}");
    }
    assert_eq!(world.http.requests().len(), 3);
    let runs = world.runs(schedule).await;
    let missed: Vec<_> = runs.iter().filter(|run| run.state == RunState::Skipped { reason: SkipReason::Missed }).collect();
    assert_eq!((missed.len(), at_hour(missed[0]).as_str()), (1, "13"));
    assert!(missed[0].record.timeline[0].detail.as_ref().unwrap().contains("4 instants"), "10, 11, 12 and 13 did not run");
}

fn at_hour(run: &pressrun_domain::run::Run) -> String {
    at(run).strftime("%H").to_string()
}

#[tokio::test]
async fn s9_t14_a_retry_does_not_wait_for_hours_when_the_clock_is_set_back() {
    let world = World::new().await;
    let schedule = world.save(world.webhook(Format::LinkOnly)).await;
    world.http.push([pressrun_testkit::HttpAnswer::new(503, "busy")]);
    world.go_to("2025-07-24T09:00:00Z").await;
    assert_eq!(world.http.requests().len(), 1);
    world.go_to("2025-07-24T04:00:00Z").await;
    assert_eq!(world.http.requests().len(), 2);
    let runs = world.runs(schedule).await;
    assert_eq!((runs.len(), ended(&runs[0]).0), (1, RunStatus::Complete));
}

#[tokio::test]
async fn t15_an_instant_that_passed_while_paused_is_not_made_up() {
    let world = World::new().await;
    let schedule = world.save(world.webhook(Format::LinkOnly)).await;
    let saved = world.store.schedule(schedule).await.unwrap().unwrap();
    let names = pressrun_engine::publish::names(&saved.definition, &world.catalog.current());
    let paused = pressrun_domain::schedule::Schedule { disabled_at: Some(world.now()), next_at: None, ..saved.clone() };
    let version = world
        .store
        .replace_schedule(&paused, &names, &pressrun_store::sample::change_at(Verb::ScheduleUpdated, world.now()))
        .await
        .unwrap();
    world.go_to("2025-07-24T10:00:00Z").await;
    let next = "2025-07-25T09:00:00Z".parse().unwrap();
    let resumed = pressrun_domain::schedule::Schedule { version, next_at: Some(next), ..saved };
    world.store.replace_schedule(&resumed, &names, &pressrun_store::sample::change_at(Verb::ScheduleUpdated, world.now())).await.unwrap();
    world.go_to("2025-07-24T12:00:00Z").await;
    assert!(world.runs(schedule).await.is_empty());
    world.go_to("2025-07-25T09:00:00Z").await;
    assert_eq!(world.runs(schedule).await.len(), 1);
}
