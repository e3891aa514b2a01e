//! Sending is apart from preparing: a receiver that hangs holds up what goes to it, and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use pressrun_deliver::{Delivered, Parcel};
use pressrun_domain::delivery::{DeliveryState, Outcome};
use pressrun_domain::destination::{Destination, WebhookSettings};
use pressrun_domain::id::{RunId, ScheduleId};
use pressrun_domain::output::Format;
use pressrun_domain::run::{RunState, RunStatus};
use pressrun_engine::Carrier;
use pressrun_testkit::{HttpAnswer, HttpBehaviour, HttpReceiver};
use tokio::sync::Notify;

use crate::process::{Site, eventually};
use crate::world::{World, definition, ended};

/// A schedule to this receiver with a run of it queued.
async fn queued(world: &World, url: &str) -> (ScheduleId, RunId) {
    let schedule = world.save(definition(Destination::Webhook(WebhookSettings::new(url, Vec::new())), Format::Json)).await;
    (schedule, world.trigger(schedule).await)
}

#[tokio::test]
async fn h4_sixteen_webhooks_that_never_answer_do_not_hold_up_another_run_of_their_owner() {
    let world = World::new().await;
    let dead = HttpReceiver::start().await;
    dead.always(HttpAnswer::new(200, "ok").behaving(HttpBehaviour::Hang));
    let engine = world.another_engine_with(world.carriers_to(&[&dead, &world.http]), |config| config.workers = 1);
    for _ in 0..16 {
        queued(&world, &dead.url("/hook")).await;
    }
    let (_, run) = queued(&world, &world.http.url("/hook")).await;
    let delivered = async {
        dead.wait_for(8).await;
        eventually("the other run ends", async || {
            matches!(world.run(run).await.0.state, RunState::Ended { status: RunStatus::Complete, .. }).then_some(())
        })
        .await;
    };
    tokio::select! {
        result = engine.drain() => panic!("nobody answers: {result:?}"),
        () = delivered => {}
    }
    assert_eq!((dead.requests().len(), world.http.requests().len()), (8, 1), "a receiver has so many at once");
}

#[tokio::test]
async fn h4_l3_what_is_being_sent_is_handed_back_at_a_stop_and_nothing_of_it_is_lost() {
    let site = Site::new("grace_seconds = 8\nworkers = 1\ndeliveries_of_one_host = 2").await;
    site.http.always(HttpAnswer::new(200, "ok").behaving(HttpBehaviour::Hang));
    let mut schedules = Vec::new();
    for _ in 0..12 {
        schedules.push(site.due_once(site.webhook()).await);
    }
    let server = site.start(None);
    site.http.wait_for(2).await;
    eventually("all are being sent", async || {
        let mut promised = 0;
        for schedule in &schedules {
            let run = site.store.list_runs(Some(*schedule), 1, 10).await.unwrap().rows.pop()?;
            promised += usize::from(run.progress.promised_at.is_some());
        }
        (promised == schedules.len()).then_some(())
    })
    .await;
    server.stop().await;
    for schedule in &schedules {
        let run = site.store.list_runs(Some(*schedule), 1, 10).await.unwrap().rows.remove(0);
        assert!(matches!(run.state, RunState::Queued { .. }), "handed back, not left to its lease: {:?}", run.state);
    }
    assert_eq!(site.http.requests().len(), 2);

    site.http.always(HttpAnswer::new(200, "ok"));
    let again = site.start(None);
    for schedule in &schedules {
        let (run, pieces) = site.ended(*schedule).await;
        assert_eq!((ended(&run).0, pieces.len()), (RunStatus::Complete, 1), "{:?}", run.record);
    }
    again.stop().await;
    let requests = site.http.requests();
    let marks: std::collections::HashSet<_> = requests.iter().map(|request| request.header("idempotency-key").map(str::to_owned)).collect();
    assert_eq!((requests.len(), marks.len()), (14, 12), "two that were under way come again under their marks");
}

/// Answers when it may.
#[derive(Default)]
struct Waits {
    may_answer: Notify,
    answers: AtomicBool,
}

#[async_trait]
impl Carrier for Waits {
    async fn deliver(&self, _: &Destination, _: &Parcel, _: Timestamp) -> Delivered {
        let told = self.may_answer.notified();
        if !self.answers.load(Ordering::SeqCst) {
            told.await;
        }
        Delivered { outcome: Outcome::Accepted { receipt: "ok".to_owned() }, learnt_host_key: None, warnings: Vec::new() }
    }
}

#[tokio::test]
async fn h4_m1_what_was_put_back_because_many_wait_is_called_up_when_the_receiver_answers() {
    const MANY: usize = 300;
    let world = World::new().await;
    let carrier = Arc::new(Waits::default());
    let engine = world.another_engine(Arc::clone(&carrier) as _);
    for _ in 0..MANY {
        let hook = Destination::Webhook(WebhookSettings::new("http://127.0.0.1:9/hook", Vec::new()));
        let schedule = world.save(definition(hook, Format::LinkOnly)).await;
        world.trigger(schedule).await;
    }
    let runs = async || world.store.list_runs(None, 1, 1_000).await.unwrap().rows;
    let answering = async {
        eventually("some are put back", async || {
            let put_back = runs().await.iter().filter(|run| run.fence > 0 && matches!(run.state, RunState::Queued { .. })).count();
            (put_back == MANY - 256).then_some(())
        })
        .await;
        carrier.answers.store(true, Ordering::SeqCst);
        carrier.may_answer.notify_waiters();
    };
    let (drained, ()) = tokio::join!(engine.drain(), answering);
    drained.unwrap();
    // No time has passed by the clock that they would come back by.
    let complete = runs().await.iter().filter(|run| matches!(run.state, RunState::Ended { status: RunStatus::Complete, .. })).count();
    assert_eq!(complete, MANY);
}

/// Never answers the first, and takes all others.
#[derive(Default)]
struct HangsOnce {
    begun: AtomicUsize,
    first: Notify,
    go_on: Notify,
}

#[async_trait]
impl Carrier for HangsOnce {
    async fn deliver(&self, _: &Destination, _: &Parcel, _: Timestamp) -> Delivered {
        if self.begun.fetch_add(1, Ordering::SeqCst) == 0 {
            self.first.notify_one();
            self.go_on.notified().await;
        }
        Delivered { outcome: Outcome::Accepted { receipt: "ok".to_owned() }, learnt_host_key: None, warnings: Vec::new() }
    }
}

#[tokio::test]
async fn s5_h4_a_run_that_waits_for_a_receiver_that_hangs_is_stopped_at_once() {
    let world = World::new().await;
    let carrier = Arc::new(HangsOnce::default());
    let engine = world.another_engine_with(Arc::clone(&carrier) as _, |config| (config.workers, config.deliveries_of_one_host) = (1, 1));
    queued(&world, &world.http.url("/hook")).await;
    let (_, waits) = queued(&world, &world.http.url("/other")).await;
    let stopped = async {
        carrier.first.notified().await;
        eventually("the other waits", async || world.run(waits).await.0.progress.promised_at).await;
        let change = pressrun_store::sample::change_at(pressrun_domain::audit::Verb::RunCancelled, world.now());
        assert!(world.store.cancel(waits, &change).await.unwrap());
        eventually("it has ended", async || {
            world.clock.advance(SignedDuration::from_secs(2));
            matches!(world.run(waits).await.0.state, RunState::Ended { .. }).then_some(())
        })
        .await;
    };
    tokio::select! {
        result = engine.drain() => panic!("nobody answers: {result:?}"),
        () = stopped => {}
    }
    let (run, pieces) = world.run(waits).await;
    assert_eq!(ended(&run), (RunStatus::Killed, Some("cancelled")));
    assert_eq!(pieces[0].state, DeliveryState::Skipped { reason: "cancelled".to_owned() }, "it was never begun");
    assert_eq!(carrier.begun.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn s5_h4_waiting_for_a_turn_is_no_time_of_sending() {
    let world = World::new().await;
    let carrier = Arc::new(HangsOnce::default());
    let engine = world.another_engine_with(Arc::clone(&carrier) as _, |config| (config.workers, config.deliveries_of_one_host) = (1, 1));
    let (_, hangs) = queued(&world, &world.http.url("/hook")).await;
    let (_, waits) = queued(&world, &world.http.url("/other")).await;
    let three_hours = async {
        carrier.first.notified().await;
        eventually("the other waits", async || world.run(waits).await.0.progress.promised_at).await;
        world.clock.advance(SignedDuration::from_hours(3));
        carrier.go_on.notify_one();
    };
    let (worked, ()) = tokio::join!(engine.drain(), three_hours);
    worked.unwrap();
    assert_eq!(ended(&world.run(hangs).await.0).0, RunStatus::Complete, "its only piece was taken");
    let run = world.run(waits).await.0;
    assert_eq!(ended(&run), (RunStatus::Complete, None), "{:?}", run.record.error);
}
