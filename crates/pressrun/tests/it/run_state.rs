//! What a run knows of itself survives whatever becomes of its workers, and only time that was worked is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use pressrun_deliver::{Delivered, Parcel, TurnWatch};
use pressrun_domain::condition::ConditionKind;
use pressrun_domain::delivery::{Attempt, DeliveryState, Outcome};
use pressrun_domain::destination::Destination;
use pressrun_domain::id::WorkerId;
use pressrun_domain::output::Format;
use pressrun_domain::run::{RunState, RunStatus, Worked};
use pressrun_engine::Carrier;
use pressrun_store::{Learnt, Store};
use pressrun_testkit::FakeClock;
use tokio::sync::Notify;

use crate::audiences::personal;
use crate::carrier::Recorder;
use crate::world::{World, ended, watching};

const PEOPLE: [&str; 3] = ["a@x.example", "b@x.example", "c@x.example"];

fn accepted() -> Outcome {
    Outcome::Accepted { receipt: "ok".to_owned() }
}

fn put_off() -> Outcome {
    Outcome::Retry { reason: "451 come again".to_owned(), not_before: None }
}

fn answer(outcome: Outcome) -> Delivered {
    Delivered { outcome, learnt_host_key: None, warnings: Vec::new() }
}

/// Claims the one run that waits, as a worker that is never heard of again.
async fn claim_and_die(world: &World) -> pressrun_store::ClaimedRun {
    world.store.claim(WorkerId::generate(), world.now(), world.now(), 1).await.unwrap().remove(0)
}

#[tokio::test]
async fn h2_an_outage_ends_nothing_that_is_still_wanted() {
    for (hours, expected) in
        [(1, (RunStatus::Complete, None)), (23, (RunStatus::Complete, None)), (24, (RunStatus::Error, Some("tooLate")))]
    {
        let world = World::new().await;
        let run = world.trigger(world.save(world.webhook(Format::Json)).await).await;
        claim_and_die(&world).await;
        world.clock.advance(SignedDuration::from_hours(hours));
        world.engine.drain().await.unwrap();
        let (run, _) = world.run(run).await;
        assert_eq!(ended(&run), expected, "after {hours} hours: {:?}", run.record.error);
        assert_eq!(world.http.requests().len(), usize::from(hours < 24));
    }
}

#[tokio::test]
async fn h2_an_occurrence_is_worthless_when_its_schedule_says_and_a_trigger_is_not() {
    for (minutes, expected) in [(29, (RunStatus::Complete, None)), (30, (RunStatus::Error, Some("tooLate")))] {
        let world = World::new().await;
        let mut definition = world.webhook(Format::Json);
        definition.worthless_after = Some(jiff::civil::time(9, 30, 0, 0));
        let schedule = world.save(definition).await;
        world.clock.set("2025-07-24T09:00:00Z".parse().unwrap());
        world.engine.tick().await.unwrap();
        claim_and_die(&world).await;
        world.clock.advance(SignedDuration::from_mins(minutes));
        world.engine.drain().await.unwrap();
        let run = world.runs(schedule).await.remove(0);
        assert_eq!(ended(&run), expected, "after {minutes} minutes: {:?}", run.record.error);
        let by_hand = world.trigger(schedule).await;
        world.engine.drain().await.unwrap();
        assert_eq!(ended(&world.run(by_hand).await.0).0, RunStatus::Complete, "somebody asked for it now");
    }
}

#[tokio::test]
async fn h2_a_run_whose_retry_would_come_too_late_ends_when_it_is_worth_nothing_any_more() {
    let world = World::new().await;
    let carrier = Arc::new(Recorder::default());
    carrier.answers([put_off(), put_off()]);
    let engine = world.another_engine(Arc::clone(&carrier) as _);
    let mut definition = world.webhook(Format::Json);
    definition.worthless_after = Some(jiff::civil::time(9, 1, 0, 0));
    let schedule = world.save(definition).await;
    let at_nine_and = async |seconds: i64| {
        world.clock.set(pressrun_testkit::instant("2025-07-24T09:00:00Z") + SignedDuration::from_secs(seconds));
        engine.tick().await.unwrap();
        engine.drain().await.unwrap();
        world.runs(schedule).await.remove(0)
    };
    at_nine_and(0).await;
    let waiting = at_nine_and(40).await;
    let RunState::Queued { available_at } = waiting.state else { panic!("{:?}", waiting.state) };
    assert_eq!(
        available_at.to_string(),
        "2025-07-24T09:01:00Z",
        "the next attempt would be two minutes later, and hold up what is due meanwhile"
    );
    assert_eq!(ended(&at_nine_and(60).await), (RunStatus::Error, Some("tooLate")));
}

#[tokio::test]
async fn h2_an_outage_amid_the_deliveries_ends_only_what_nobody_wants_any_more() {
    for (hours, status, reason) in [(3, RunStatus::Complete, None), (24, RunStatus::ErrorDelivered, Some("tooLate"))] {
        let world = World::new().await;
        let carrier = Arc::new(Recorder::default());
        carrier.answers([accepted(), put_off(), put_off()]);
        let engine = world.another_engine(Arc::clone(&carrier) as _);
        let run = world.trigger(world.save(world.email(Format::Csv, &PEOPLE)).await).await;
        engine.drain().await.unwrap();
        let waiting = world.run(run).await.0;
        assert!(matches!(waiting.state, RunState::Queued { .. }), "{:?}", waiting.state);
        assert_eq!(waiting.progress.waits_for.as_deref(), Some("451 come again"), "newcomer_24: and it says why");
        world.clock.advance(SignedDuration::from_hours(hours));
        engine.drain().await.unwrap();
        let (run, pieces) = world.run(run).await;
        assert_eq!(ended(&run), (status, reason), "{:?}", run.record.error);
        let arrived = pieces.iter().filter(|piece| matches!(piece.state, DeliveryState::Accepted { .. })).count();
        assert_eq!(arrived, if reason.is_none() { 3 } else { 1 });
    }
}

#[tokio::test]
async fn s5_h2_preparing_is_bounded_by_the_time_that_all_claims_have_worked() {
    for (minutes, expected) in [(29, (RunStatus::Complete, None)), (30, (RunStatus::Killed, Some("killed: deadline")))] {
        let world = World::new().await;
        let schedule = world.save(world.webhook(Format::Json)).await;
        let run = world.trigger(schedule).await;
        for _ in 0..2 {
            let claim = world.store.claim(WorkerId::generate(), world.now(), world.now(), 1).await.unwrap().remove(0);
            let preparing = claim.run.progress.worked.preparing + SignedDuration::from_secs(30 * minutes);
            let worked = Worked { preparing, ..claim.run.progress.worked };
            world.store.hand_back(&claim.lease, world.now(), &[], worked).await.unwrap();
        }
        world.engine.drain().await.unwrap();
        let (run, pieces) = world.run(run).await;
        assert_eq!(ended(&run), expected, "{minutes} minutes: {:?}", run.record.error);
        if minutes == 30 {
            assert_eq!((pieces.len(), world.http.requests().len()), (0, 0));
            let error = "preparing it took longer than 30 minutes of work and was stopped";
            assert_eq!(run.record.error.as_deref(), Some(error));
            world.go_to("2025-07-25T09:00:00Z").await;
            assert_eq!(world.http.requests().len(), 1, "it is no fault of the schedule");
        }
    }
}

/// Takes everything, and so much time passes with each piece, before or while it has its turn.
struct Slow {
    clock: Arc<FakeClock>,
    waits: fn(&FakeClock),
    takes: fn(&FakeClock),
}

#[async_trait]
impl Carrier for Slow {
    async fn deliver(&self, _: &Destination, _: &Parcel, _: Timestamp) -> Delivered {
        (self.takes)(&self.clock);
        answer(accepted())
    }

    async fn deliver_in_turn(&self, to: &Destination, parcel: &Parcel, now: Timestamp, watch: &dyn TurnWatch) -> Delivered {
        (self.waits)(&self.clock);
        watch.has_turn();
        self.deliver(to, parcel, now).await
    }
}

/// A name, what happens before each piece and with it, how the run ends and how many arrive.
type Case = (&'static str, fn(&FakeClock), fn(&FakeClock), (RunStatus, Option<&'static str>), usize);

#[tokio::test]
async fn s5_h2_m9_sending_has_a_bound_of_its_own_also_when_something_has_arrived() {
    let hour = |clock: &FakeClock| clock.advance(SignedDuration::from_hours(1));
    let jump = |clock: &FakeClock| clock.jump(SignedDuration::from_hours(1));
    let at_once = |_: &FakeClock| {};
    let cases: [Case; 3] = [
        ("it takes hours", at_once, hour, (RunStatus::Killed, Some("killed: deadline")), 2),
        ("the clock is set", at_once, jump, (RunStatus::Complete, None), 3),
        ("M9: it waits for hours for its turn at the relay", hour, at_once, (RunStatus::Complete, None), 3),
    ];
    for (case, waits, takes, expected, arrived) in cases {
        let world = World::new().await;
        let carrier = Arc::new(Slow { clock: Arc::clone(&world.clock), waits, takes });
        let engine = world.another_engine_with(carrier, |config| config.parallel_deliveries = 1);
        let run = world.trigger(world.save(world.email(Format::Csv, &PEOPLE)).await).await;
        engine.drain().await.unwrap();
        let (run, pieces) = world.run(run).await;
        assert_eq!(ended(&run), expected, "{case}: {:?}", run.record.error);
        assert_eq!(pieces.iter().filter(|piece| matches!(piece.state, DeliveryState::Accepted { .. })).count(), arrived, "{case}");
    }
}

#[tokio::test]
async fn m8_a_run_over_which_five_workers_died_ends_and_its_owner_hears_of_it() {
    let world = World::new().await;
    let run = world.trigger(world.save(world.webhook(Format::Json)).await).await;
    for _ in 0..5 {
        claim_and_die(&world).await;
    }
    world.engine.drain().await.unwrap();
    let (run, _) = world.run(run).await;
    assert_eq!(ended(&run), (RunStatus::Error, Some("workerDied")));
    assert!(world.http.requests().is_empty());
    let told = world.smtp.mails();
    assert_eq!(told.iter().flat_map(|mail| &mail.to).collect::<Vec<_>>(), ["blob.ross@myorg.co"]);
    assert!(told[0].text().contains("workerDied"), "{}", told[0].text());
}

#[tokio::test]
async fn m8_four_dead_workers_are_an_accident() {
    let world = World::new().await;
    let run = world.trigger(world.save(world.webhook(Format::Json)).await).await;
    for _ in 0..4 {
        claim_and_die(&world).await;
    }
    world.engine.drain().await.unwrap();
    assert_eq!(ended(&world.run(run).await.0), (RunStatus::Complete, None));
}

/// Takes the second piece only when the third was refused by the store, which another hand settles while the first is under way.
struct Meddles {
    store: Arc<dyn Store>,
    second_is_under_way: Notify,
    second_was_taken: AtomicBool,
}

impl Meddles {
    async fn settle_the_third(&self, parcel: &Parcel) {
        let run = self.store.run(parcel.run_id).await.unwrap().unwrap();
        let RunState::Running { lease } = run.state else { panic!("{:?}", run.state) };
        let third = self.store.deliveries(run.id).await.unwrap().remove(2);
        let number = self.store.begin_attempt(&lease, third.id, run.created_at).await.unwrap();
        let attempt = Attempt { number, started_at: run.created_at, ended_at: Some(run.created_at), outcome: Some(accepted()) };
        let state = DeliveryState::Accepted { at: run.created_at };
        self.store.end_attempt(&lease, third.id, &attempt, &state, &Learnt::default()).await.unwrap();
    }
}

#[async_trait]
impl Carrier for Meddles {
    async fn deliver(&self, _: &Destination, parcel: &Parcel, _: Timestamp) -> Delivered {
        if parcel.target == PEOPLE[0] {
            self.second_is_under_way.notified().await;
            self.settle_the_third(parcel).await;
        } else {
            self.second_is_under_way.notify_one();
            // Long enough for the refusal, which nothing tells of.
            for _ in 0..200 {
                self.store.tally(parcel.run_id).await.unwrap();
            }
            self.second_was_taken.store(true, Ordering::SeqCst);
        }
        answer(accepted())
    }
}

#[tokio::test]
async fn m11_what_is_under_way_is_heard_to_its_end_when_the_store_refuses_another() {
    let world = World::new().await;
    let carrier =
        Arc::new(Meddles { store: Arc::clone(&world.store), second_is_under_way: Notify::new(), second_was_taken: AtomicBool::new(false) });
    let engine = world.another_engine_with(Arc::clone(&carrier) as _, |config| config.parallel_deliveries = 2);
    let run = world.trigger(world.save(world.email(Format::Csv, &PEOPLE)).await).await;
    engine.drain().await.unwrap();
    assert!(carrier.second_was_taken.load(Ordering::SeqCst));
    let (run, pieces) = world.run(run).await;
    assert!(matches!(run.state, RunState::Running { .. }), "the claim is given up: {:?}", run.state);
    for piece in &pieces {
        assert!(matches!(piece.state, DeliveryState::Accepted { .. }), "{piece:?}");
        assert!(piece.attempts.iter().all(|attempt| attempt.ended_at.is_some()), "{piece:?}");
    }
}

#[tokio::test]
async fn m12_each_reader_of_an_alert_is_told_how_their_own_result_has_changed() {
    let world = World::new().await;
    let people: [(&str, Option<&[&str]>); 3] =
        [("early@x.example", Some(&["US"])), ("late@x.example", Some(&["US"])), ("later@x.example", Some(&["US"]))];
    let whole = watching(personal(&world, &people).await, ConditionKind::ResultsChanged, "1");
    let id = world.save(whole.clone()).await;
    let day = async |recipients: std::ops::Range<usize>, data: &str| {
        let mut schedule = world.store.schedule(id).await.unwrap().unwrap();
        schedule.definition = whole.clone();
        let Destination::Email(email) = &mut schedule.definition.destination else { unreachable!("it is mail") };
        email.recipients = email.recipients.drain(recipients).collect();
        let names = pressrun_engine::publish::names(&schedule.definition, &world.catalog.current());
        let change = pressrun_store::sample::change(pressrun_domain::audit::Verb::ScheduleUpdated);
        world.store.replace_schedule(&schedule, &names, &change).await.unwrap();
        world.write_data("sales.csv", &format!("day,region,amount\n{data}"));
        world.pass(SignedDuration::from_hours(24)).await;
    };
    // The first result of one has a row, that of the others has none.
    day(0..1, "2025-07-21,US,10\n").await;
    day(1..3, "2025-07-21,APAC,10\n").await;
    let before = world.smtp.mails().len();
    day(0..3, "2025-07-21,US,11\n").await;
    let mut said: Vec<_> = world.smtp.mails()[before..]
        .iter()
        .map(|mail| {
            (mail.to[0].clone(), mail.text().contains("1 row added, 1 row removed"), mail.text().contains("1 row added, 0 rows removed"))
        })
        .collect();
    said.sort();
    let others = |name: &str| (name.to_owned(), false, true);
    assert_eq!(said, [("early@x.example".to_owned(), true, false), others("late@x.example"), others("later@x.example")]);
    let run = world.runs(id).await.pop().unwrap();
    assert_eq!((run.record.tiles.len(), run.record.artifacts.len()), (2, 2), "judged once and told twice");
    assert_eq!(run.record.conditions.len(), 2, "m7: not one for each reader");
}

#[tokio::test]
async fn m15_a10_who_was_told_before_the_run_was_stopped_is_not_told_again() {
    let world = World::new().await;
    let carrier = Arc::new(Recorder::default());
    let engine = world.another_engine(Arc::clone(&carrier) as _);
    let schedule = world.save(watching(world.email(Format::Csv, &PEOPLE), ConditionKind::ResultsChanged, "1")).await;
    let trigger = async || {
        let run = world.trigger(schedule).await;
        engine.drain().await.unwrap();
        run
    };
    trigger().await;
    world.write_data("sales.csv", "day,region,amount\n2025-07-21,US,12\n");
    carrier.answers([accepted(), put_off(), put_off()]);
    let run = trigger().await;
    let change = pressrun_store::sample::change_at(pressrun_domain::audit::Verb::RunCancelled, world.now());
    assert!(world.store.cancel(run, &change).await.unwrap());
    assert_eq!(ended(&world.run(run).await.0), (RunStatus::Killed, Some("cancelled")));
    let again = trigger().await;
    assert_eq!(ended(&world.run(again).await.0).0, RunStatus::ConditionUnmet, "the change was told");
}

/// Warns of what it takes, and dies over the second piece.
struct CutsAndDies {
    second_is_under_way: Notify,
}

#[async_trait]
impl Carrier for CutsAndDies {
    async fn deliver(&self, _: &Destination, parcel: &Parcel, _: Timestamp) -> Delivered {
        if parcel.target != PEOPLE[0] {
            self.second_is_under_way.notify_one();
            std::future::pending::<()>().await;
        }
        Delivered { warnings: vec!["attachmentTooLarge: 30 MB".to_owned()], ..answer(accepted()) }
    }
}

#[tokio::test]
async fn m15_d12_less_than_was_promised_is_remembered_by_whoever_goes_on() {
    let world = World::new().await;
    let carrier = Arc::new(CutsAndDies { second_is_under_way: Notify::new() });
    let dying = world.another_engine_with(Arc::clone(&carrier) as _, |config| config.parallel_deliveries = 1);
    let run = world.trigger(world.save(world.email(Format::Csv, &PEOPLE)).await).await;
    tokio::select! {
        result = dying.drain() => panic!("the run ended: {result:?}"),
        () = carrier.second_is_under_way.notified() => {}
    }
    drop(dying);
    world.pass(SignedDuration::from_secs(61)).await;
    world.engine.drain().await.unwrap();
    let (run, pieces) = world.run(run).await;
    assert!(pieces.iter().all(|piece| matches!(piece.state, DeliveryState::Accepted { .. })), "{pieces:?}");
    assert_eq!(ended(&run), (RunStatus::ErrorDelivered, None));
    assert!(run.record.warnings.contains(&"attachmentTooLarge: 30 MB".to_owned()), "{:?}", run.record.warnings);
}
