//! Deliveries that wait for a way out that is shut: a mail server that refuses our login refuses no mail.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use pressrun_domain::delivery::{DeliveryState, Outcome};
use pressrun_domain::destination::WebhookSettings;
use pressrun_domain::output::Format;
use pressrun_domain::run::{RunKind, RunState, RunStatus};
use pressrun_engine::{Engine, EngineConfig};

use crate::carrier::Recorder;
use crate::world::{World, ended};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

fn held(world: &World, minutes: i64) -> Outcome {
    let since: Timestamp = world.now();
    Outcome::Held {
        reason: "mail: AUTH: 535 5.7.8 wrong".to_owned(),
        since,
        not_before: world.now() + SignedDuration::from_mins(minutes),
        by_hand: true,
    }
}

async fn pass(world: &World, engine: &Engine, by: SignedDuration) {
    world.clock.advance(by);
    engine.tick().await.unwrap();
    engine.drain().await.unwrap();
}

#[tokio::test]
async fn newcomer_16_held_mail_goes_when_the_way_is_open_again_however_often_it_was_looked_at() {
    let world = World::new().await;
    let carrier = Arc::new(Recorder::default());
    carrier.answers((1..=6).map(|minutes| held(&world, minutes)));
    let engine = world.another_engine_with(Arc::clone(&carrier) as _, |config| config.retry.max_attempts = 1);
    let schedule = world.save(world.email(Format::Csv, &["a@x.example"])).await;
    let run = world.trigger(schedule).await;
    engine.drain().await.unwrap();
    for _ in 0..6 {
        let (run, deliveries) = world.run(run).await;
        assert!(matches!(run.state, RunState::Queued { .. }), "{:?}", run.state);
        assert!(matches!(deliveries[0].state, DeliveryState::Pending { .. }));
        pass(&world, &engine, MINUTE).await;
    }
    let (run, deliveries) = world.run(run).await;
    assert_eq!((ended(&run).0, deliveries[0].attempts.len()), (RunStatus::Complete, 7));
    assert_eq!(run.record.artifacts.len(), 1, "nothing was made anew");
    assert_eq!(run.record.timeline.iter().filter(|entry| entry.event == "held").count(), 6);
}

#[tokio::test]
async fn newcomer_16_what_holds_for_one_mail_is_not_tried_with_the_thousand_after_it() {
    let world = World::new().await;
    let carrier = Arc::new(Recorder::default());
    carrier.answers((0..2).map(|_| held(&world, 1)));
    let engine = world.another_engine_with(Arc::clone(&carrier) as _, |config| config.parallel_deliveries = 2);
    let people: Vec<String> = (0..30).map(|n| format!("p{n}@x.example")).collect();
    let schedule = world.save(world.email(Format::Csv, &people.iter().map(String::as_str).collect::<Vec<_>>())).await;
    let run = world.trigger(schedule).await;
    engine.drain().await.unwrap();
    assert_eq!(carrier.taken().len(), 2, "those that were under way");
    pass(&world, &engine, MINUTE).await;
    let (run, deliveries) = world.run(run).await;
    assert_eq!((ended(&run).0, deliveries.len(), carrier.taken().len()), (RunStatus::Complete, 30, 32));
}

#[tokio::test]
async fn newcomer_16_waiting_ends_with_the_time_for_it_and_says_so() {
    let world = World::new().await;
    let carrier = Arc::new(Recorder::default());
    carrier.answers([held(&world, 15), held(&world, 30), held(&world, 61), held(&world, 61)]);
    let engine = world.another_engine_with(Arc::clone(&carrier) as _, |config| {
        (config.retry.hold, config.parallel_deliveries) = (SignedDuration::from_hours(1), 1);
    });
    let schedule = world.save(world.email(Format::Csv, &["a@x.example", "b@x.example"])).await;
    let run = world.trigger(schedule).await;
    engine.drain().await.unwrap();
    for _ in 0..4 {
        pass(&world, &engine, SignedDuration::from_mins(15)).await;
    }
    let (run, deliveries) = world.run(run).await;
    assert_eq!(ended(&run), (RunStatus::Error, Some("mail: AUTH: 535 5.7.8 wrong; the time for waiting is over")));
    assert!(deliveries.iter().all(|delivery| matches!(delivery.state, DeliveryState::Failed { .. })), "also those that were never tried");
}

#[tokio::test]
async fn newcomer_16_who_tests_hears_at_once() {
    let world = World::new().await;
    let carrier = Arc::new(Recorder::default());
    carrier.answers([held(&world, 1)]);
    let engine = world.another_engine(Arc::clone(&carrier) as _);
    let definition = world.email(Format::Csv, &["a@x.example"]);
    let run = world.enqueue(pressrun_domain::id::ScheduleId::generate(), definition, RunKind::Test).await;
    engine.drain().await.unwrap();
    let (run, _) = world.run(run).await;
    assert_eq!(ended(&run), (RunStatus::Error, Some("mail: AUTH: 535 5.7.8 wrong")));
}

#[tokio::test]
async fn newcomer_16_a_relay_that_asks_for_a_login_holds_mail_until_that_is_put_right_and_the_operator_hears_once() {
    let world = World::new().await;
    let mut context = world.engine.context().clone();
    let operator = WebhookSettings::new(world.http.url("/ops"), Vec::new());
    context.config = Arc::new(EngineConfig { operator: Some(operator), ..(*context.config).clone() });
    let engine = Engine::new(context, Arc::default());
    world.smtp.follow(|script| script.credentials = Some(("blob".into(), "pw".into())));
    let first = world.save(world.email(Format::Csv, &["a@x.example", "b@x.example"])).await;
    let second = world.save(world.email(Format::Csv, &["c@x.example"])).await;
    let runs = [world.trigger(first).await, world.trigger(second).await];
    pass(&world, &engine, SignedDuration::ZERO).await;
    pass(&world, &engine, MINUTE).await;
    let told = || {
        let requests = world.http.requests();
        let bodies = requests.iter().filter(|request| request.path == "/ops");
        bodies.map(|request| serde_json::from_str::<serde_json::Value>(&request.text()).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(told().len(), 1, "{:?}", told());
    assert_eq!(told()[0]["event"], "deliveries.held");
    assert!(told()[0]["run"]["status"].is_null(), "it has not failed");
    assert!(told()[0].to_string().contains("530"), "{:?}", told());

    world.smtp.follow(|script| script.credentials = None);
    pass(&world, &engine, SignedDuration::from_mins(5)).await;
    pass(&world, &engine, SignedDuration::from_mins(5)).await;
    for run in runs {
        assert_eq!(ended(&world.run(run).await.0), (RunStatus::Complete, None));
    }
    let mut people: Vec<_> = world.smtp.mails().into_iter().flat_map(|mail| mail.to).collect();
    people.sort();
    assert_eq!(people, ["a@x.example", "b@x.example", "c@x.example"], "each once, and nobody was told of a failure");
}
