//! What arrives, and what the ledger says of it.

use jiff::SignedDuration;
use pressrun_domain::audit::Verb;
use pressrun_domain::delivery::{DeliveryState, Outcome};
use pressrun_domain::output::Format;
use pressrun_domain::run::{RunKind, RunStatus};
use pressrun_testkit::HttpAnswer;

use crate::world::{World, ended};

#[tokio::test]
async fn d2_a_json_webhook_carries_the_rows() {
    let world = World::new().await;
    let mut one_tile = world.webhook(Format::Json);
    one_tile.tile = Some("1".into());
    let (run, deliveries) = world.run_now(one_tile).await;
    assert_eq!(ended(&run), (RunStatus::Complete, None), "{:?}", run.record);
    assert_eq!(deliveries.len(), 1);
    let requests = world.http.requests();
    assert_eq!(requests[0].header("content-type"), Some("application/json"));
    let rows: serde_json::Value = serde_json::from_str(&requests[0].text()).unwrap();
    assert_eq!(rows, serde_json::json!([{ "region": "EU", "amount": 20.5 }, { "region": "US", "amount": 40 }]));
}

#[tokio::test]
async fn r1_every_format_arrives_by_mail() {
    let world = World::new().await;
    for (format, media) in [
        (Format::Pdf, "application/pdf"),
        (Format::Png, "image/png"),
        (Format::Xlsx, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (Format::Csv, "application/zip"),
        (Format::Json, "application/json"),
        (Format::LinkOnly, "http://reports.example/dashboards/sales"),
    ] {
        let before = world.smtp.mails().len();
        let (run, _) = world.run_now(world.email(format, &["blob.ross@myorg.co"])).await;
        assert_eq!(ended(&run), (RunStatus::Complete, None), "{format}: {:?}", run.record);
        let mails = world.smtp.mails();
        assert_eq!(mails.len(), before + 1, "{format}");
        let mail = mails.last().unwrap();
        assert!(mail.text().contains(media), "{format}: no {media} in\n{}", mail.text());
        assert_eq!(mail.header("subject").as_deref(), Some("Sales of 2025-07-24"));
    }
}

#[tokio::test]
async fn p2_recipients_do_not_see_each_other() {
    let world = World::new().await;
    let (run, deliveries) = world.run_now(world.email(Format::LinkOnly, &["blob.ross@myorg.co", "partner@example.com"])).await;
    assert_eq!(ended(&run).0, RunStatus::Complete);
    assert_eq!(deliveries.len(), 2);
    let mails = world.smtp.mails();
    assert_eq!(mails.len(), 2);
    for mail in mails {
        let other = if mail.text().contains("To: partner@example.com") { "blob.ross@myorg.co" } else { "partner@example.com" };
        assert!(!mail.text().contains(&format!("To: {other}")));
    }
}

#[tokio::test]
async fn i7_a_retry_reuses_the_artifact_and_its_mark_and_stops_at_success() {
    let world = World::new().await;
    world.http.push([HttpAnswer::new(503, "busy"), HttpAnswer::new(200, "thanks")]);
    let schedule = world.save(world.webhook(Format::Json)).await;
    let run = world.trigger(schedule).await;
    world.engine.drain().await.unwrap();
    let (waiting, _) = world.run(run).await;
    assert!(matches!(waiting.state, pressrun_domain::run::RunState::Queued { .. }), "{:?}", waiting.state);
    world.write_data("sales.csv", "day,region,amount\n2025-07-21,US,999\n");
    world.pass(SignedDuration::from_mins(1)).await;
    let (run, deliveries) = world.run(run).await;
    assert_eq!(ended(&run), (RunStatus::Complete, None));
    assert_eq!(deliveries[0].attempts.len(), 2);
    assert!(matches!(deliveries[0].attempts[0].outcome, Some(Outcome::Retry { .. })));
    let requests = world.http.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].body, requests[1].body, "queries are not run again");
    assert!(requests[0].header("idempotency-key").is_some_and(|mark| Some(mark) == requests[1].header("idempotency-key")));
}

#[tokio::test]
async fn s9_after_three_attempts_the_run_is_an_error_and_the_owner_is_told_once() {
    let world = World::new().await;
    world.http.always(HttpAnswer::new(500, "no"));
    let schedule = world.save(world.webhook(Format::Json)).await;
    let run = world.trigger(schedule).await;
    for _ in 0..8 {
        world.pass(SignedDuration::from_mins(2)).await;
    }
    let (run, deliveries) = world.run(run).await;
    assert_eq!(ended(&run).0, RunStatus::Error);
    assert_eq!(world.http.requests().len(), 3);
    let hook = deliveries.iter().find(|delivery| delivery.target == "webhook").unwrap();
    assert!(matches!(&hook.state, DeliveryState::Failed { reason, .. } if reason.contains("500")), "{:?}", hook.state);
    let notices: Vec<_> = world.smtp.mails().into_iter().filter(|mail| mail.text().contains("Daily sales")).collect();
    assert_eq!(notices.len(), 1, "S10: once per occurrence, not per attempt");
    assert!(world.store.schedule(schedule).await.unwrap().unwrap().is_active(), "S11: a failure leaves it active");
}

#[tokio::test]
async fn d3_a_permanent_refusal_is_not_retried() {
    let world = World::new().await;
    world.http.always(HttpAnswer::new(404, "gone"));
    let (run, _) = world.run_now(world.webhook(Format::Json)).await;
    assert_eq!(ended(&run).0, RunStatus::Error);
    assert_eq!(world.http.requests().len(), 1);
}

#[tokio::test]
async fn p4_one_refused_recipient_does_not_keep_the_others_waiting() {
    let world = World::new().await;
    world.smtp.follow(|script| {
        script.refuse.insert("nobody@example.com".to_owned(), (550, "no such user".to_owned()));
    });
    let (run, deliveries) = world.run_now(world.email(Format::Pdf, &["blob.ross@myorg.co", "nobody@example.com"])).await;
    assert_eq!(ended(&run).0, RunStatus::ErrorDelivered);
    let refused = deliveries.iter().find(|delivery| delivery.target == "nobody@example.com").unwrap();
    assert!(matches!(&refused.state, DeliveryState::Failed { reason, .. } if reason.contains("no such user")), "{:?}", refused.state);
}

#[tokio::test]
async fn s8_a_test_delivers_and_leaves_no_trace_on_the_schedule() {
    let world = World::new().await;
    let definition = world.webhook(Format::LinkOnly);
    let schedule = world.save(definition.clone()).await;
    let run = world.enqueue(pressrun_domain::id::ScheduleId::generate(), definition, RunKind::Test).await;
    world.engine.drain().await.unwrap();
    assert_eq!(ended(&world.run(run).await.0).0, RunStatus::Complete);
    assert_eq!(world.http.requests().len(), 1);
    assert_eq!(world.store.schedule(schedule).await.unwrap().unwrap().last_run, None);
}

#[tokio::test]
async fn s5_a_cancelled_run_sends_nothing_and_its_owner_is_not_mailed() {
    let world = World::new().await;
    let schedule = world.save(world.webhook(Format::Json)).await;
    let run = world.trigger(schedule).await;
    assert!(
        world
            .store
            .cancel(run, &pressrun_store::sample::change_at(Verb::RunCancelled, "2025-07-24T08:30:01Z".parse().unwrap()))
            .await
            .unwrap()
    );
    world.engine.drain().await.unwrap();
    assert_eq!(ended(&world.run(run).await.0).0, RunStatus::Killed);
    assert!(world.http.requests().is_empty() && world.smtp.mails().is_empty());
}

#[tokio::test]
async fn r3_a_csv_of_one_data_tile_is_the_file_itself() {
    let world = World::new().await;
    let mut csv = world.webhook(Format::Csv);
    csv.tile = Some("1".into());
    let (run, _) = world.run_now(csv).await;
    assert_eq!(ended(&run).0, RunStatus::Complete);
    assert_eq!(world.http.requests()[0].text(), "Region,Amount\r\nEU,20.5\r\nUS,40\r\n");
}
