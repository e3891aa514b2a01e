//! What operators are told of how much there is to do.

use jiff::SignedDuration;
use pressrun_domain::audit::Verb;
use pressrun_domain::run::{RunStatus, Worked};
use pressrun_domain::schedule::Schedule;

use super::{claim, insert, saved, started};
use crate::{HistoryPart, HistoryQuery, Owed, QueuedKind, RunCounts, ScheduleCounts, Store, Waiting, sample};

pub async fn o1_what_waits_is_counted_by_what_it_is_and_the_oldest_is_told<S: Store>(store: &S) {
    assert_eq!(store.waiting(sample::after(0)).await.unwrap(), Waiting::default());
    let first = saved(store, "first").await;
    let planned_for = first.next_at.unwrap();
    let a_minute_later = planned_for + SignedDuration::from_mins(1);
    let unplanned = store.waiting(a_minute_later).await.unwrap();
    assert_eq!(unplanned, Waiting { queued: Vec::new(), oldest_due: Some(planned_for) }, "nobody has planned it");
    let before = planned_for - SignedDuration::from_secs(1);
    assert_eq!(store.waiting(before).await.unwrap().oldest_due, None, "it is not due yet");

    sample::occur(store, &[&first], sample::after(0)).await;
    let ready = store.waiting(sample::after(60)).await.unwrap();
    assert_eq!(ready, Waiting { queued: vec![(QueuedKind::Occurrence, true, 1)], oldest_due: Some(sample::after(0)) });

    let run = claim(store).await;
    assert_eq!(store.waiting(sample::after(60)).await.unwrap(), Waiting::default(), "somebody works on it");
    store.hand_back(&run.lease, sample::after(2), &[], Worked::default()).await.unwrap();
    let test = sample::test_delivery(sample::definition("test"), sample::after(3));
    store.enqueue(&test, &sample::change_at(Verb::RunTested, sample::after(3))).await.unwrap();
    let mut queued = store.waiting(sample::after(60)).await.unwrap().queued;
    queued.sort_by_key(|(kind, ..)| kind.as_str());
    assert_eq!(queued, [(QueuedKind::Again, false, 1), (QueuedKind::Asked, false, 1)], "those wait for a turn");
}

pub async fn o1_what_is_owed_is_counted_and_what_is_late_of_it<S: Store>(store: &S) {
    assert_eq!(store.still_owed(sample::after(0)).await.unwrap(), Owed::default());
    let (schedule, run) = started(store, sample::schedule("daily")).await;
    let pieces = ["a@myorg.co", "b@myorg.co", "c@myorg.co"].map(|target| sample::piece(run.run.id, target));
    store.promise(&run.lease, &pieces).await.unwrap();
    store.add_notices(&[sample::notice(schedule.id, sample::after(1))]).await.unwrap();
    let owed = store.still_owed(sample::after(0)).await.unwrap();
    assert_eq!((owed.pieces, owed.late_pieces), (3, 0));
    assert_eq!(owed.notices_to_people + owed.notices_to_operator, 1);
    assert_eq!(store.still_owed(sample::after(1)).await.unwrap().late_pieces, 3, "all of them belong to an instant before");
}

pub async fn o1_schedules_are_counted_by_whether_they_come_due<S: Store>(store: &S) {
    let none = ScheduleCounts::default();
    assert_eq!(store.schedule_counts().await.unwrap(), none);
    saved(store, "one").await;
    let paused = sample::schedule("two");
    insert(store, Schedule { next_at: None, disabled_at: Some(sample::after(0)), ..paused }).await;
    assert_eq!(store.schedule_counts().await.unwrap(), ScheduleCounts { active: 1, inactive: 1 });
    assert!(matches!(store.workers_alive().await.unwrap(), None | Some(0)));
}

pub async fn runs_of_all_schedules_are_listed_and_counted_by_how_they_stand<S: Store>(store: &S) {
    let (failing, run) = started(store, sample::schedule("failing")).await;
    store.finish(&run.lease, &sample::end(RunStatus::Error), sample::after(5)).await.unwrap();
    let (_, sent) = started(store, sample::schedule("sent")).await;
    store.finish(&sent.lease, &sample::end(RunStatus::Complete), sample::after(6)).await.unwrap();
    let (_, open) = started(store, sample::schedule("open")).await;
    let at = open.run.scheduled_for;
    let day = SignedDuration::from_hours(24);
    let all = HistoryQuery { from: at - day, until: at + day, part: HistoryPart::All, schedules: None, offset: 0, limit: 10 };
    let ids = async |query: HistoryQuery| -> Vec<_> { store.history(&query).await.unwrap().into_iter().map(|run| run.id).collect() };
    assert_eq!(ids(all.clone()).await.len(), 3);
    assert_eq!(ids(HistoryQuery { offset: 1, limit: 1, ..all.clone() }).await.len(), 1);
    for (part, expected) in [
        (HistoryPart::Failed, vec![run.run.id]),
        (HistoryPart::Sent, vec![sent.run.id]),
        (HistoryPart::Open, vec![open.run.id]),
        (HistoryPart::Unmet, vec![]),
        (HistoryPart::Skipped, vec![]),
    ] {
        assert_eq!(ids(HistoryQuery { part, ..all.clone() }).await, expected, "{part:?}");
    }
    assert_eq!(ids(HistoryQuery { schedules: Some(vec![failing.id]), ..all.clone() }).await, [run.run.id]);
    assert_eq!(ids(HistoryQuery { schedules: Some(Vec::new()), ..all.clone() }).await, []);
    assert_eq!(ids(HistoryQuery { until: at - day, from: at - day - day, ..all }).await, []);
    let counts = store.runs_between(at - day, at + day).await.unwrap();
    assert_eq!(counts, RunCounts { sent: 1, failed: 1, open: 1, ..RunCounts::default() });
    assert_eq!(store.runs_between(at + day, at + day + day).await.unwrap(), RunCounts::default());
}
