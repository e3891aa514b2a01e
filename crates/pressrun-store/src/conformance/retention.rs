//! What goes by age, and what stays whatever its age.

use pressrun_domain::audit::Verb;
use pressrun_domain::delivery::{Attempt, Delivery, DeliveryState, Outcome};
use pressrun_domain::id::WorkerId;
use pressrun_domain::run::{ResendOf, RunKind, RunStatus, TimelineEntry};
use pressrun_domain::schedule::{Schedule, SystemDisabled, SystemDisabledReason};

use super::{insert, started, stored};
use crate::{ClaimedRun, Learnt, Pruned, RunEnd, RunNews, Store, StoreError, sample};

/// Much later.
const YEAR: i64 = 365 * 86_400;

/// Prunes runs until nothing is left to prune; how many went.
async fn prune<S: Store>(store: &S, kept_since: i64) -> u64 {
    let mut count = 0;
    loop {
        let step = store.prune_runs(sample::after(kept_since), 1000).await.unwrap();
        count += step.count;
        if !step.more {
            return count;
        }
    }
}

/// Ends a run at this second.
async fn end<S: Store>(store: &S, run: &ClaimedRun, second: i64) {
    store.finish(&run.lease, &sample::end(RunStatus::Complete), sample::after(second)).await.unwrap();
}

/// A manual run of the schedule as stored, claimed.
async fn again<S: Store>(store: &S, schedule: &Schedule, second: i64) -> ClaimedRun {
    let schedule = stored(store, schedule).await;
    let change = sample::change_at(Verb::RunTriggered, sample::after(second));
    store.enqueue(&sample::manual(&schedule, sample::after(second)), &change).await.unwrap();
    claim_of(store, &schedule, second).await
}

/// The run of this schedule that is available at that second.
async fn claim_of<S: Store>(store: &S, schedule: &Schedule, second: i64) -> ClaimedRun {
    let claimed = store.claim(WorkerId::generate(), sample::after(second), sample::after(second + 300), 9).await.unwrap();
    claimed.into_iter().find(|claimed| claimed.run.schedule_id == schedule.id).expect("a run to claim")
}

/// Promises these pieces and has the first accepted.
async fn deliver<S: Store>(store: &S, run: &ClaimedRun, pieces: &[Delivery]) {
    store.promise(&run.lease, pieces).await.unwrap();
    let number = store.begin_attempt(&run.lease, pieces[0].id, sample::after(2)).await.unwrap();
    let outcome = Some(Outcome::Accepted { receipt: "250 OK".into() });
    let attempt = Attempt { number, started_at: sample::after(2), ended_at: Some(sample::after(3)), outcome };
    let state = DeliveryState::Accepted { at: sample::after(3) };
    store.end_attempt(&run.lease, pieces[0].id, &attempt, &state, &Learnt::default()).await.unwrap();
}

pub async fn h6_runs_go_by_age_with_all_that_was_known_of_them<S: Store>(store: &S) {
    let (schedule, old) = started(store, sample::schedule("daily")).await;
    deliver(store, &old, &[sample::piece(old.run.id, "blob@myorg.co")]).await;
    end(store, &old, 5).await;
    let newer = again(store, &schedule, 10).await;
    end(store, &newer, 15).await;
    assert_eq!(prune(store, 5).await, 0, "it ended then");
    assert_eq!(prune(store, 6).await, 1);
    assert_eq!(store.run(old.run.id).await.unwrap(), None);
    assert_eq!(store.deliveries(old.run.id).await.unwrap(), []);
    let left = store.list_runs(None, 1, 10).await.unwrap();
    assert_eq!((left.rows[0].id, left.total), (newer.run.id, 1));
    // A month that was missed is a row that never ran.
    let skipped = sample::test_delivery(sample::definition("test"), sample::after(20));
    store.enqueue(&skipped, &sample::change_at(Verb::RunTested, sample::after(20))).await.unwrap();
    store.cancel(skipped.run.id, &sample::change_at(Verb::RunCancelled, sample::after(21))).await.unwrap();
    assert_eq!((prune(store, 21).await, prune(store, 22).await), (0, 1));
    assert_eq!(store.prune_runs(sample::after(22), 1000).await.unwrap(), Pruned::default());
}

pub async fn h6_a_run_that_is_not_over_and_the_last_of_a_schedule_stay<S: Store>(store: &S) {
    let (schedule, last) = started(store, sample::schedule("yearly")).await;
    end(store, &last, 5).await;
    let (_, running) = started(store, sample::schedule("running")).await;
    let waiting = insert(store, sample::schedule("waiting")).await;
    sample::occur(store, &[&waiting], sample::after(0)).await;
    assert_eq!(prune(store, YEAR).await, 0);
    assert!(store.run(running.run.id).await.unwrap().is_some(), "it is owed");
    assert_eq!(store.list_runs(Some(waiting.id), 1, 10).await.unwrap().total, 1, "it is owed");
    assert!(store.run(last.run.id).await.unwrap().is_some(), "the status of its schedule stands on it");
    // It was looked at, and is looked at again a month later: then it goes, when another is the last or the schedule is gone.
    let next = again(store, &schedule, 10).await;
    end(store, &next, YEAR).await;
    assert_eq!(prune(store, YEAR).await, 0);
    assert_eq!(prune(store, YEAR + 31 * 86_400).await, 1);
    assert_eq!(store.list_runs(Some(schedule.id), 1, 10).await.unwrap().rows[0].id, next.run.id);
    store.delete_schedule(schedule.id, &sample::change_at(Verb::ScheduleDeleted, sample::after(20))).await.unwrap();
    assert_eq!(prune(store, 2 * YEAR).await, 1);
}

pub async fn h6_a_run_of_many_pieces_goes_in_steps<S: Store>(store: &S) {
    let (schedule, large) = started(store, sample::schedule("large")).await;
    let pieces: Vec<_> = (0..25).map(|number| sample::piece(large.run.id, &format!("p{number}@b.co"))).collect();
    deliver(store, &large, &pieces).await;
    let mut news = RunNews::default();
    for number in 0..30 {
        news.record.timeline.push(TimelineEntry { at: sample::after(2), event: "queried".into(), detail: Some(number.to_string()) });
        news.record.warn(format!("warning {number}"));
    }
    store.add_news(&large.lease, &news).await.unwrap();
    end(store, &large, 5).await;
    let newer = again(store, &schedule, 10).await;
    end(store, &newer, 15).await;
    let mut steps = 0;
    loop {
        let before = store.deliveries(large.run.id).await.unwrap().len();
        let step = store.prune_runs(sample::after(9), 10).await.unwrap();
        steps += 1;
        let left = store.deliveries(large.run.id).await.unwrap().len();
        assert!(before - left <= 10, "a step is small");
        if step.count > 0 {
            break;
        }
        assert!(step.more && steps < 100, "it is not over before the run is gone");
    }
    assert!(steps > 8, "{steps}");
    assert_eq!(store.run(large.run.id).await.unwrap(), None);
    assert!(store.run(newer.run.id).await.unwrap().is_some());
}

pub async fn h6_definitions_go_with_the_last_that_names_them<S: Store>(store: &S) {
    // Whether they are gone is seen by each database's own tests; here, that nothing that is named goes.
    let (schedule, old) = started(store, sample::schedule("before")).await;
    end(store, &old, 5).await;
    let mut edited = stored(store, &schedule).await;
    edited.definition.name = "after".into();
    let change = sample::change_at(Verb::ScheduleUpdated, sample::after(6));
    store.replace_schedule(&edited, &sample::names(), &change).await.unwrap();
    assert_eq!(store.run(old.run.id).await.unwrap().unwrap().definition.name, "before", "history shows what was delivered then");
    let newer = again(store, &schedule, 10).await;
    end(store, &newer, 15).await;
    assert_eq!(prune(store, 9).await, 1);
    assert_eq!(stored(store, &schedule).await.definition.name, "after");
    // Two schedules that are alike, of which one goes.
    let twins = [insert(store, sample::schedule("twin")).await, sample::schedule("twin")];
    let other = Schedule { definition: twins[0].definition.clone(), ..twins[1].clone() };
    let other = insert(store, other).await;
    store.delete_schedule(twins[0].id, &sample::change_at(Verb::ScheduleDeleted, sample::after(20))).await.unwrap();
    assert_eq!(stored(store, &other).await.definition, twins[0].definition);
}

pub async fn h6_notices_go_by_age_but_not_what_is_owed_or_would_be_said_again<S: Store>(store: &S) {
    let (active, off) = (insert(store, sample::schedule("active")).await, insert(store, sample::schedule("off")).await);
    let disabled = SystemDisabled { at: sample::after(1), reason: SystemDisabledReason::MissingQuery };
    let about = |schedule: &Schedule, second| sample::notice(schedule.id, sample::after(second));
    let told = [about(&active, 2), about(&active, 3), about(&off, 2)];
    store.system_disable(off.id, 1, disabled, &told[2..]).await.unwrap();
    store.add_notices(&told[..2]).await.unwrap();
    let owed = about(&active, 4);
    for _ in 0..2 {
        for mut notice in sample::claim_notices(store, sample::after(3), sample::after(60)).await {
            let attempt = Attempt { ended_at: Some(sample::after(3)), ..notice.attempts.pop().unwrap() };
            store.settle_notice(notice.id, &attempt, &DeliveryState::Accepted { at: sample::after(3) }, &[]).await.unwrap();
        }
    }
    store.add_notices(std::slice::from_ref(&owed)).await.unwrap();
    assert_eq!(store.prune_notices(sample::after(2), 9).await.unwrap(), Pruned::default());
    assert!(store.prune_notices(sample::after(YEAR), 1).await.unwrap().more);
    let mut count = 0;
    for _ in 0..3 {
        count += store.prune_notices(sample::after(YEAR), 9).await.unwrap().count;
    }
    assert!(count >= 1, "those that were told");
    assert_eq!(store.add_notices(&told[..2]).await.unwrap(), 2, "they are gone");
    assert_eq!(store.add_notices(&[told[2].clone(), owed]).await.unwrap(), 0, "what stands and what is owed is known");
}

pub async fn h10_an_artifact_is_kept_until_the_last_run_that_needed_it_is_old<S: Store>(store: &S) {
    let (schedule, run) = started(store, sample::schedule("daily")).await;
    let mut news = RunNews::default();
    news.record.artifacts.push(sample::artifact("bb22"));
    store.add_news(&run.lease, &news).await.unwrap();
    let mut piece = sample::piece(run.run.id, "blob@myorg.co");
    piece.message.inline_png = Some("cc33".into());
    piece.message.words_artifact = Some("dd44".to_owned());
    store.promise(&run.lease, &[piece]).await.unwrap();
    let forgotten = async |needed_since| {
        let mut forgotten = store.prune_artifacts(sample::after(needed_since), 500).await.unwrap();
        forgotten.sort();
        forgotten
    };
    assert_eq!(forgotten(YEAR).await, [""; 0], "it is under way");
    end(store, &run, 5).await;
    assert_eq!(forgotten(4).await, [""; 0]);
    // Equal bytes are one file.
    let newer = again(store, &schedule, 10).await;
    store.promise(&newer.lease, &[sample::piece(newer.run.id, "blob@myorg.co")]).await.unwrap();
    assert_eq!(forgotten(5).await, ["bb22", "cc33", "dd44"]);
    end(store, &newer, 15).await;
    assert_eq!(forgotten(14).await, [""; 0]);
    assert_eq!(forgotten(15).await, ["aa11"]);
    assert_eq!(forgotten(YEAR).await, [""; 0], "each is forgotten once");
}

pub async fn h10_a_resend_of_a_forgotten_artifact_is_refused<S: Store>(store: &S) {
    let (schedule, run) = started(store, sample::schedule("daily")).await;
    let piece = sample::piece(run.run.id, "blob@myorg.co");
    store.promise(&run.lease, std::slice::from_ref(&piece)).await.unwrap();
    end(store, &run, 5).await;
    let resend = async |second| {
        let mut again = sample::run(&schedule, RunKind::Resend, sample::after(second));
        again.record.resend_of = Some(ResendOf { run: run.run.id, delivery: piece.id });
        let piece = sample::piece(again.id, "blob@myorg.co");
        store.enqueue_resend(&again, &piece, &sample::change(Verb::RunResent)).await
    };
    resend(6).await.unwrap();
    assert!(store.prune_artifacts(sample::after(YEAR), 9).await.unwrap().is_empty(), "the resend needs it");
    let resent = claim_of(store, &schedule, 6).await;
    end(store, &resent, 7).await;
    assert_eq!(store.prune_artifacts(sample::after(YEAR), 9).await.unwrap(), ["aa11"]);
    assert!(matches!(resend(8).await, Err(StoreError::NotFound("artifact"))));
    assert_eq!(store.resends(run.run.id).await.unwrap().len(), 1, "nothing half done");
}

pub async fn h10_unknown_artifacts_are_told<S: Store>(store: &S) {
    let (_, run) = started(store, sample::schedule("daily")).await;
    store.promise(&run.lease, &[sample::piece(run.run.id, "blob@myorg.co")]).await.unwrap();
    let asked = ["aa11", "left by a crash"].map(str::to_owned);
    assert_eq!(store.unknown_artifacts(&asked).await.unwrap(), ["left by a crash"]);
    store.finish(&run.lease, &RunEnd { ..sample::end(RunStatus::Complete) }, sample::after(5)).await.unwrap();
    assert_eq!(store.unknown_artifacts(&asked[..1]).await.unwrap(), [""; 0], "kept, though nobody needs it");
}
