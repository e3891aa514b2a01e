//! What happens to a piece that did not get through (S9, I6, I7).

use std::collections::HashSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use pressrun_domain::delivery::{DeliveryState, Outcome};
use pressrun_domain::id::RunId;
use pressrun_domain::output::Format;
use pressrun_domain::run::{Run, RunState, RunStatus};
use pressrun_engine::{Engine, EngineConfig};

use crate::carrier::Recorder;
use crate::world::{World, ended};

fn busy(not_before: Option<Timestamp>) -> Outcome {
    Outcome::Retry { reason: "webhook: 503 busy".to_owned(), not_before }
}

fn refused() -> Outcome {
    Outcome::Rejected { reason: "webhook: 404 not found".to_owned() }
}

/// A webhook run whose attempts are answered by a script.
struct Case {
    world: World,
    carrier: Arc<Recorder>,
    engine: Engine,
    run: RunId,
}

impl Case {
    async fn new(answers: impl IntoIterator<Item = Outcome>, change: impl FnOnce(&mut EngineConfig)) -> Self {
        let world = World::new().await;
        let carrier = Arc::new(Recorder::default());
        carrier.answers(answers);
        let engine = world.another_engine_with(Arc::clone(&carrier) as _, change);
        let schedule = world.save(world.webhook(Format::Json)).await;
        let run = world.trigger(schedule).await;
        engine.drain().await.unwrap();
        Self { world, carrier, engine, run }
    }

    /// Attempts of the webhook after so much more time.
    async fn attempts_after(&self, seconds: i64) -> usize {
        self.world.clock.advance(SignedDuration::from_secs(seconds));
        self.engine.drain().await.unwrap();
        self.attempts()
    }

    fn attempts(&self) -> usize {
        self.carrier.taken().iter().filter(|taken| taken.target == "webhook").count()
    }

    async fn now(&self) -> (Run, DeliveryState) {
        let (run, mut deliveries) = self.world.run(self.run).await;
        (run, deliveries.swap_remove(0).state)
    }
}

#[tokio::test]
async fn s9_i6_a_transient_failure_is_tried_again_in_its_time_with_the_same_bytes_and_mark() {
    let case = Case::new([busy(None), busy(None)], |_| {}).await;
    assert_eq!(case.attempts(), 1);
    assert!(matches!(case.now().await.0.state, RunState::Queued { .. }), "waiting holds no worker");
    // New numbers do not matter: what was rendered is what is sent.
    case.world.write_data("sales.csv", "day,region,amount\n2025-07-21,US,999\n");
    assert_eq!(case.attempts_after(29).await, 1, "not before half a minute");
    assert_eq!(case.attempts_after(8).await, 2, "half a minute and a fifth of it at most");
    assert_eq!(case.attempts_after(119).await, 2, "not before four times as long");
    assert_eq!(case.attempts_after(26).await, 3);
    let (run, state) = case.now().await;
    assert_eq!(ended(&run).0, RunStatus::Complete);
    assert!(matches!(state, DeliveryState::Accepted { .. }));
    assert_eq!((run.record.tiles.len(), run.record.artifacts.len()), (2, 1), "nothing was queried or rendered again");
    let same: HashSet<_> = case.carrier.taken().into_iter().map(|taken| (taken.mark, taken.sha256)).collect();
    assert_eq!(same.len(), 1, "one mark, the same bytes");
    assert_eq!(case.attempts_after(3600).await, 3, "what was accepted is never sent again");
}

#[tokio::test]
async fn s9_the_remote_says_how_long_to_wait() {
    let later: Timestamp = "2025-07-24T08:35:00Z".parse().unwrap();
    let case = Case::new([busy(Some(later))], |_| {}).await;
    assert_eq!(case.attempts_after(299).await, 1);
    assert_eq!(case.attempts_after(1).await, 2);
    assert_eq!(ended(&case.now().await.0).0, RunStatus::Complete);
}

#[tokio::test]
async fn s9_a_failure_says_why_no_further_attempt_was_made() {
    let too_late: Timestamp = "2025-07-24T08:45:01Z".parse().unwrap();
    let config = |attempts: u32| move |config: &mut EngineConfig| config.retry.max_attempts = attempts;
    for (case, answers, attempts, expected) in [
        ("what is refused is not repeated", vec![refused()], 3, "webhook: 404 not found"),
        ("one attempt is one attempt", vec![busy(None)], 1, "webhook: 503 busy"),
        ("after the last attempt", vec![busy(None), busy(None)], 2, "webhook: 503 busy; given up after 2 attempts"),
        ("later than the deadline", vec![busy(Some(too_late))], 3, "webhook: 503 busy; the time for retries is over"),
    ] {
        let made = answers.len();
        let found = Case::new(answers, config(attempts)).await;
        found.attempts_after(60).await;
        assert_eq!(found.attempts_after(3600).await, made, "{case}");
        let (run, state) = found.now().await;
        assert_eq!(ended(&run), (RunStatus::Error, Some(expected)), "{case}");
        assert!(matches!(state, DeliveryState::Failed { reason, .. } if reason == expected), "{case}");
    }
}

#[tokio::test]
async fn i7_only_the_recipients_that_failed_are_tried_again() {
    let world = World::new().await;
    let carrier = Arc::new(Recorder::default());
    carrier.answers([Outcome::Accepted { receipt: "ok".to_owned() }, busy(None), Outcome::Accepted { receipt: "ok".to_owned() }]);
    let engine = world.another_engine_with(Arc::clone(&carrier) as _, |config| config.parallel_deliveries = 1);
    let schedule = world.save(world.email(Format::Csv, &["a@x.example", "b@x.example", "c@x.example"])).await;
    let run = world.trigger(schedule).await;
    engine.drain().await.unwrap();
    world.clock.advance(SignedDuration::from_secs(60));
    engine.drain().await.unwrap();
    let (run, deliveries) = world.run(run).await;
    assert_eq!(ended(&run).0, RunStatus::Complete);
    assert_eq!(deliveries.iter().map(|delivery| delivery.attempts.len()).collect::<Vec<_>>(), [1, 2, 1]);
    let targets: Vec<_> = carrier.taken().into_iter().map(|taken| taken.target).collect();
    assert_eq!(targets, ["a@x.example", "b@x.example", "c@x.example", "b@x.example"]);
}

#[tokio::test]
async fn s11_a_failed_schedule_stays_active_and_runs_at_its_next_instant() {
    let world = World::new().await;
    let schedule = world.save(world.webhook(Format::LinkOnly)).await;
    world.http.push([pressrun_testkit::HttpAnswer::new(404, "gone for now")]);
    world.go_to("2025-07-24T09:00:00Z").await;
    let saved = world.store.schedule(schedule).await.unwrap().unwrap();
    assert_eq!(saved.last_run.unwrap().status, RunStatus::Error);
    assert!(saved.is_active());
    world.go_to("2025-07-25T09:00:00Z").await;
    let runs = world.runs(schedule).await;
    assert_eq!((ended(&runs[0]).0, ended(&runs[1]).0), (RunStatus::Error, RunStatus::Complete));
}

#[tokio::test]
async fn s1_s6_a_run_is_complete_when_everybody_has_it_and_the_schedule_says_so_only_then() {
    let case = Case::new([busy(None)], |_| {}).await;
    let schedule = case.now().await.0.schedule_id;
    let last = async || case.world.store.schedule(schedule).await.unwrap().unwrap().last_run;
    assert_eq!(last().await, None, "while it is under way the schedule shows the run before");
    case.attempts_after(60).await;
    assert_eq!(last().await.unwrap().status, RunStatus::Complete);
}
