//! Alerts over real results.

use jiff::SignedDuration;
use pressrun_domain::condition::ConditionKind;
use pressrun_domain::output::Format;
use pressrun_domain::run::RunStatus;
use pressrun_testkit::HttpAnswer;

use crate::world::{World, ended, watching};

const HEADER: &str = "day,region,amount\n";

/// Runs the alert daily; before each day the total is set. Returns the statuses.
async fn days(world: &World, kind: ConditionKind, tile: &str, amounts: &[&str]) -> Vec<RunStatus> {
    let schedule = world.save(watching(world.webhook(Format::Json), kind, tile)).await;
    for amount in amounts {
        let rows = amount.split(',').filter(|amount| !amount.is_empty()).map(|amount| format!("2025-07-21,US,{amount}\n"));
        world.write_data("sales.csv", &format!("{HEADER}2025-07-20,EU,1\n{}", rows.collect::<String>()));
        world.pass(SignedDuration::from_hours(24)).await;
    }
    world.runs(schedule).await.iter().map(|run| ended(run).0).collect()
}

#[tokio::test]
async fn a1_present_and_missing() {
    use RunStatus::{Complete, ConditionUnmet};
    let world = World::new().await;
    assert_eq!(days(&world, ConditionKind::ResultsPresent, "refunds", &["5", "-5"]).await, [ConditionUnmet, Complete]);
    let world = World::new().await;
    assert_eq!(days(&world, ConditionKind::ResultsMissing, "refunds", &["5", "-5"]).await, [Complete, ConditionUnmet]);
}

#[tokio::test]
async fn a9_the_comparison_is_with_the_previous_evaluation() {
    use RunStatus::{Complete, ConditionUnmet};
    let world = World::new().await;
    let statuses = days(&world, ConditionKind::ResultsChanged, "1", &["10", "12", "12", "10"]).await;
    assert_eq!(statuses, [ConditionUnmet, Complete, ConditionUnmet, Complete]);
    assert_eq!(world.http.requests().len(), 2);
}

#[tokio::test]
async fn a8_unchanged_delivers_when_nothing_moved() {
    use RunStatus::{Complete, ConditionUnmet};
    let world = World::new().await;
    assert_eq!(days(&world, ConditionKind::ResultsUnchanged, "1", &["10", "10", "11"]).await, [ConditionUnmet, Complete, ConditionUnmet]);
}

#[tokio::test]
async fn a10_a_change_that_nobody_heard_of_fires_again() {
    let world = World::new().await;
    let schedule = world.save(watching(world.webhook(Format::Json), ConditionKind::ResultsChanged, "1")).await;
    world.pass(SignedDuration::from_hours(24)).await;
    world.write_data("sales.csv", &format!("{HEADER}2025-07-21,US,12\n"));
    world.http.push([HttpAnswer::new(400, "no")]);
    world.pass(SignedDuration::from_hours(24)).await;
    world.pass(SignedDuration::from_hours(24)).await;
    let statuses: Vec<_> = world.runs(schedule).await.iter().map(|run| ended(run).0).collect();
    assert_eq!(statuses, [RunStatus::ConditionUnmet, RunStatus::Error, RunStatus::Complete]);
}

#[tokio::test]
async fn a4_an_unmet_condition_runs_nothing_else_and_mails_nobody() {
    let world = World::new().await;
    let (run, deliveries) = world.run_now(watching(world.webhook(Format::Json), ConditionKind::ResultsPresent, "refunds")).await;
    assert_eq!(ended(&run), (RunStatus::ConditionUnmet, Some("conditionUnmet")));
    assert_eq!(run.record.tiles.len(), 1, "only the watched query ran");
    assert!(deliveries.is_empty() && world.http.requests().is_empty() && world.smtp.mails().is_empty());
}

#[tokio::test]
async fn a11_a_failed_watched_query_is_an_error_never_missing() {
    let world = World::new().await;
    let mut alert = watching(world.webhook(Format::Json), ConditionKind::ResultsMissing, "1");
    alert.identifier = "unknown-column".into();
    let (run, _) = world.run_now(alert).await;
    assert_eq!(ended(&run), (RunStatus::Error, Some("conditionQueryFailed")));
    assert!(run.record.error.as_deref().unwrap().contains("regoin"), "{:?}", run.record.error);
    assert!(world.http.requests().is_empty());
}

#[tokio::test]
async fn a17_the_data_judged_is_the_data_sent() {
    let world = World::new().await;
    let (run, _) = world.run_now(watching(world.webhook(Format::Json), ConditionKind::ResultsPresent, "1")).await;
    assert_eq!(ended(&run).0, RunStatus::Complete);
    let judged = run.record.tiles.iter().find(|tile| tile.key.as_str() == "1").unwrap();
    let sent = run.record.tiles.iter().rfind(|tile| tile.key.as_str() == "1").unwrap();
    assert_eq!((judged.rows, judged.ms), (sent.rows, sent.ms), "one execution");
}
