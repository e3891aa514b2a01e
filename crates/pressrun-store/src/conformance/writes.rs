//! A run of which all is promised, begun and answered in a few writes.

use pressrun_domain::audit::Verb;
use pressrun_domain::delivery::{Attempt, Delivery, DeliveryState, Outcome};
use pressrun_domain::id::DeliveryId;
use pressrun_domain::notice::NoticeKind;
use pressrun_domain::run::{Lease, Progress, RunRecord, RunState, RunStatus};
use pressrun_domain::schedule::{LastRun, Schedule};

use super::{started, stored};
use crate::{ClaimedRun, LastAnswer, Learnt, RunNews, Store, StoreError, sample};

/// News that say that all is promised.
fn all_promised() -> RunNews {
    let mut news = RunNews { progress: Progress { promised_at: Some(sample::after(2)), ..Progress::default() }, ..RunNews::default() };
    news.record.note(sample::after(2), "promised", Some("2 pieces".into()));
    news
}

fn last(piece: &Delivery) -> LastAnswer {
    let outcome = Some(Outcome::Accepted { receipt: "250 OK".into() });
    let mut record = RunRecord::default();
    record.note(sample::after(4), "ended", Some("COMPLETE".into()));
    LastAnswer {
        delivery: piece.id,
        attempt: Attempt { number: 1, started_at: sample::after(2), ended_at: Some(sample::after(4)), outcome },
        at: sample::after(4),
        learnt: Learnt::default(),
        record,
    }
}

/// A run that has promised these, and begun with all of them.
async fn begun<S: Store>(store: &S, targets: &[&str]) -> (Schedule, ClaimedRun, Vec<Delivery>) {
    let (schedule, run) = started(store, sample::schedule("daily")).await;
    let pieces: Vec<_> = targets.iter().map(|target| sample::piece(run.run.id, target)).collect();
    let ids: Vec<DeliveryId> = pieces.iter().map(|piece| piece.id).collect();
    assert!(store.promise_and_begin(&run.lease, &pieces, &all_promised(), &ids, sample::after(2)).await.unwrap());
    (schedule, run, pieces)
}

pub async fn what_is_sent_at_once_begins_with_its_promise<S: Store>(store: &S) {
    let (_, run) = started(store, sample::schedule("daily")).await;
    let pieces = ["a@b.co", "b@c.co"].map(|target| sample::piece(run.run.id, target));
    assert!(store.promise_and_begin(&run.lease, &pieces, &all_promised(), &[pieces[0].id], sample::after(2)).await.unwrap());
    let read = store.deliveries(run.run.id).await.unwrap();
    let first = Attempt { number: 1, started_at: sample::after(2), ended_at: None, outcome: None };
    assert_eq!((read[0].attempts.as_slice(), read[1].attempts.as_slice()), (&[first][..], &[][..]));
    let written = store.run(run.run.id).await.unwrap().unwrap();
    assert_eq!(written.progress.promised_at, Some(sample::after(2)));
    assert_eq!(written.record.timeline.last().map(|line| line.event.as_str()), Some("promised"));
    assert_eq!(store.owed(run.run.id, sample::after(2), 9).await.unwrap().len(), 2, "all is owed");
    let stale = Lease { fence: 0, ..run.lease };
    let again = store.promise_and_begin(&stale, &pieces, &all_promised(), &[pieces[1].id], sample::after(3)).await;
    assert!(matches!(again, Err(StoreError::LeaseLost)));
    assert_eq!(store.deliveries(run.run.id).await.unwrap(), read, "who lost the lease begins nothing");
}

pub async fn x9_nothing_begins_of_a_run_that_is_to_be_stopped<S: Store>(store: &S) {
    for deleted in [false, true] {
        let (schedule, run) = started(store, sample::schedule("daily")).await;
        if deleted {
            assert!(store.delete_schedule(schedule.id, &sample::change(Verb::ScheduleDeleted)).await.unwrap());
        } else {
            assert!(store.cancel(run.run.id, &sample::change(Verb::RunCancelled)).await.unwrap());
        }
        let piece = sample::piece(run.run.id, "a@b.co");
        let pieces = std::slice::from_ref(&piece);
        assert!(!store.promise_and_begin(&run.lease, pieces, &all_promised(), &[piece.id], sample::after(2)).await.unwrap());
        assert_eq!(store.deliveries(run.run.id).await.unwrap(), pieces, "it is promised, so that it can be told what did not go");
    }
}

pub async fn s1_the_answer_that_leaves_nothing_ends_the_run<S: Store>(store: &S) {
    let (schedule, run, pieces) = begun(store, &["a@b.co", "b@c.co"]).await;
    assert!(!store.settle(&run.lease, &last(&pieces[0])).await.unwrap(), "another one is owed");
    let under_way = store.run(run.run.id).await.unwrap().unwrap();
    assert!(matches!(under_way.state, RunState::Running { .. }));
    assert!(under_way.record.timeline.iter().all(|line| line.event != "ended"), "what is said of the end is written with it");
    let stale = Lease { fence: 0, ..run.lease };
    assert!(matches!(store.settle(&stale, &last(&pieces[1])).await, Err(StoreError::LeaseLost)));
    if !store.settle(&run.lease, &last(&pieces[1])).await.unwrap() {
        store.finish(&run.lease, &sample::end(RunStatus::Complete), sample::after(4)).await.unwrap();
    }
    let read = store.deliveries(run.run.id).await.unwrap();
    assert!(read.iter().all(|piece| piece.state == DeliveryState::Accepted { at: sample::after(4) }), "{read:?}");
    assert!(read.iter().all(|piece| piece.attempts.len() == 1 && piece.attempts[0].outcome.is_some()), "{read:?}");
    let ended = store.run(run.run.id).await.unwrap().unwrap();
    assert_eq!(ended.state, RunState::Ended { at: sample::after(4), status: RunStatus::Complete, reason: None });
    let expected = LastRun { status: RunStatus::Complete, completed_at: sample::after(4), untold: None };
    assert_eq!(stored(store, &schedule).await.last_run, Some(expected));
    assert!(store.settle(&run.lease, &last(&pieces[1])).await.is_err(), "an ended run takes nothing more");
}

pub async fn s2_an_answer_does_not_end_a_run_of_which_more_is_to_be_told<S: Store>(store: &S) {
    // A piece was given up.
    let (_, run, pieces) = begun(store, &["a@b.co", "b@c.co"]).await;
    let refused = DeliveryState::Failed { at: sample::after(3), reason: "550 no such user".into() };
    let no = Attempt { outcome: Some(Outcome::Rejected { reason: "550 no such user".into() }), ..last(&pieces[0]).attempt };
    store.end_attempt(&run.lease, pieces[0].id, &no, &refused, &Learnt::default()).await.unwrap();
    assert!(!store.settle(&run.lease, &last(&pieces[1])).await.unwrap(), "a piece was given up");
    assert_eq!(store.tally(run.run.id).await.unwrap().accepted, 1, "the answer is written");

    // Less came than was promised (D12).
    let (_, run, pieces) = begun(store, &["a@b.co"]).await;
    let learnt = Learnt { degraded: true, ..Learnt::default() };
    assert!(!store.settle(&run.lease, &LastAnswer { learnt, ..last(&pieces[0]) }).await.unwrap(), "less came than was promised");

    // Somebody waits to hear that it works again (S10).
    let (schedule, run, pieces) = begun(store, &["a@b.co"]).await;
    let failure = pressrun_domain::notice::Notice { kind: NoticeKind::RunFailed, ..sample::notice(schedule.id, sample::after(0)) };
    store.add_notices(&[failure]).await.unwrap();
    assert!(!store.settle(&run.lease, &last(&pieces[0])).await.unwrap(), "somebody waits for the all-clear");
    assert!(matches!(store.run(run.run.id).await.unwrap().unwrap().state, RunState::Running { .. }));

    // No such attempt began.
    let (_, run, pieces) = begun(store, &["a@b.co"]).await;
    let mut unknown = last(&pieces[0]);
    unknown.attempt.number = 9;
    assert!(matches!(store.settle(&run.lease, &unknown).await, Err(StoreError::NotFound(_))));
    assert_eq!(store.tally(run.run.id).await.unwrap().pending, 1);
}
