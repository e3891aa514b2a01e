//! Bad input ends as a named failure of that run, and everything else goes on.

use pressrun_domain::output::Format;
use pressrun_domain::run::RunStatus;
use pressrun_domain::schedule::SystemDisabledReason;

use crate::world::{World, ended};

#[tokio::test]
async fn s4_when_every_query_fails_nothing_is_sent_and_the_reason_names_what_and_where() {
    let world = World::new().await;
    for (identifier, expected) in [
        ("unknown-column", "regoin"),
        ("unreadable", "broken.parquet"),
        ("never-yields", "deadline"),
        ("endless-repeat", "memory"),
        ("ddl", "SELECT"),
    ] {
        let mut definition = world.webhook(Format::Json);
        definition.identifier = identifier.into();
        let (run, _) = world.run_now(definition).await;
        assert_eq!(ended(&run), (RunStatus::Error, Some("everyQueryFailed")), "{identifier}: {:?}", run.record);
        let error = run.record.error.as_deref().unwrap();
        assert!(error.to_lowercase().contains(&expected.to_lowercase()), "{identifier}: {error}");
    }
    assert!(world.http.requests().is_empty());
    let (run, _) = world.run_now(world.webhook(Format::Json)).await;
    assert_eq!(ended(&run).0, RunStatus::Complete, "everything else goes on");
}

#[tokio::test]
async fn s2_a_failed_tile_is_shown_and_the_rest_is_delivered() {
    let world = World::new().await;
    let mut definition = world.email(Format::Pdf, &["blob.ross@myorg.co"]);
    definition.identifier = "mixed-unknown-column".into();
    let (run, _) = world.run_now(definition).await;
    assert_eq!(ended(&run).0, RunStatus::ErrorDelivered);
    let mails = world.smtp.mails();
    assert_eq!(mails.len(), 2, "the report, and the notice to its owner");
}

#[tokio::test]
async fn s3_with_kill_jobs_on_failure_nothing_is_sent() {
    let world = World::new().await;
    let mut definition = world.webhook(Format::Json);
    definition.identifier = "mixed-unknown-column".into();
    definition.kill_jobs_on_failure = true;
    let (run, _) = world.run_now(definition).await;
    assert_eq!(ended(&run), (RunStatus::Killed, Some("queryFailed")));
    assert!(world.http.requests().is_empty());
}

#[tokio::test]
async fn x1_a_missing_tile_switches_the_schedule_off_and_its_owner_is_told() {
    let world = World::new().await;
    let mut definition = world.webhook(Format::Json);
    definition.tile = Some("no-such-tile".into());
    let schedule = world.save(definition).await;
    let run = world.trigger(schedule).await;
    world.engine.drain().await.unwrap();
    world.pass(jiff::SignedDuration::from_mins(1)).await;
    assert_eq!(ended(&world.run(run).await.0), (RunStatus::Error, Some("missingQuery")));
    let saved = world.store.schedule(schedule).await.unwrap().unwrap();
    assert_eq!(saved.system_disabled.unwrap().reason, SystemDisabledReason::MissingQuery);
    assert_eq!(world.smtp.mails().len(), 1);
}

#[tokio::test]
async fn f12_an_orphaned_filter_key_never_runs_unfiltered() {
    let world = World::new().await;
    let mut definition = world.webhook(Format::Json);
    definition.filters.insert("regoin".into(), serde_json::json!(["US"]));
    let schedule = world.save(definition).await;
    let run = world.trigger(schedule).await;
    for _ in 0..2 {
        world.pass(jiff::SignedDuration::from_mins(1)).await;
    }
    assert_eq!(ended(&world.run(run).await.0), (RunStatus::Error, Some("orphanedFilterConfigKeys")));
    assert!(world.http.requests().is_empty());
}

#[tokio::test]
async fn f6_a_malformed_filter_fails_its_tile_with_a_message() {
    let world = World::new().await;
    let mut definition = world.webhook(Format::Json);
    definition.tile = Some("1".into());
    definition.filters.insert("region".into(), serde_json::json!({ "type": "string", "kind": "LOOKS_LIKE", "values": ["US"] }));
    let (run, _) = world.run_now(definition).await;
    assert_eq!(ended(&run).0, RunStatus::Error);
    assert!(run.record.error.as_deref().unwrap().contains("LOOKS_LIKE"), "{:?}", run.record.error);
}

#[tokio::test]
async fn d5_a_webhook_into_our_own_network_is_refused_when_it_is_sent() {
    let world = World::new().await;
    let mut definition = world.webhook(Format::Json);
    if let pressrun_domain::destination::Destination::Webhook(webhook) = &mut definition.destination {
        *webhook = pressrun_domain::destination::WebhookSettings::new("http://127.0.0.1:1/hook", Vec::new());
    }
    let (run, _) = world.run_now(definition).await;
    assert_eq!(ended(&run).0, RunStatus::Error);
}

#[tokio::test]
async fn v13_a_tile_without_rows_is_no_failure() {
    let world = World::new().await;
    let mut definition = world.email(Format::Pdf, &["blob.ross@myorg.co"]);
    definition.identifier = "empty".into();
    let (run, _) = world.run_now(definition).await;
    assert_eq!(ended(&run).0, RunStatus::Complete);
}

#[tokio::test]
async fn a_bad_edit_of_the_catalog_keeps_the_last_good_state() {
    let world = World::new().await;
    let file = world.dir.path().join("catalog/dashboards/sales.yaml");
    let good = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, good.replace("connection: files", "connection: flies")).unwrap();
    world.catalog.reload().unwrap();
    let problems = world.catalog.status().problems;
    let error = problems[0].to_string();
    assert!(error.contains("dashboards/sales.yaml:") && error.contains("flies"), "{error}");
    let (run, _) = world.run_now(world.webhook(Format::Json)).await;
    assert_eq!(ended(&run).0, RunStatus::Complete);
}
