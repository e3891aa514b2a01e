//! What operators are told of how much there is to do.

use jiff::SignedDuration;
use pressrun_domain::audit::Verb;
use pressrun_domain::run::Worked;
use pressrun_domain::schedule::Schedule;

use super::{claim, insert, saved, started};
use crate::{Owed, QueuedKind, ScheduleCounts, Store, Waiting, sample};

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
