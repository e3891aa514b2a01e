//! What is late is told once, and once more when it is over.

use jiff::SignedDuration;
use pressrun_domain::audit::Verb;
use pressrun_domain::run::RunStatus;

use super::{claim, saved};
use crate::{OverdueRun, Store, sample};

/// What is to be told at that second, by somebody who has a minute for it.
async fn news<S: Store>(store: &S, second: i64) -> Vec<OverdueRun> {
    store.claim_overdue(sample::after(second), sample::after(second + 60), 100).await.unwrap()
}

/// Looks at that second for what is of an instant before nine and a half.
async fn look<S: Store>(store: &S, second: i64) -> u32 {
    store.note_overdue(sample::after(1800), sample::after(second), 100).await.unwrap()
}

pub async fn o2_what_nobody_planned_released_claimed_or_ended_is_late<S: Store>(store: &S) {
    let names = ["unplanned", "queued", "running"];
    let mut schedules = Vec::new();
    for name in names {
        schedules.push(saved(store, name).await);
    }
    sample::occur(store, &[&schedules[1], &schedules[2]], sample::after(0)).await;
    // One of the two, whichever it is.
    let run = claim(store).await;
    assert_eq!(store.note_overdue(sample::after(0), sample::after(1), 100).await.unwrap(), 0, "nothing is of an instant before nine");
    assert_eq!(look(store, 3600).await, 3);
    assert_eq!((look(store, 3630).await, store.count_overdue().await.unwrap()), (0, 3), "each is noted once");
    let mut told: Vec<String> = news(store, 3631).await.into_iter().map(|run| run.schedule).collect();
    told.sort();
    let mut expected: Vec<String> = schedules.iter().map(|schedule| schedule.id.to_string()).collect();
    expected.sort();
    assert_eq!(told, expected);
    store.finish(&run.lease, &sample::end(RunStatus::Complete), sample::after(3640)).await.unwrap();
    look(store, 3641).await;
    assert_eq!(store.count_overdue().await.unwrap(), 2, "one has come to its end");
}

pub async fn o2_one_of_many_tells_once_and_again_when_it_is_over<S: Store>(store: &S) {
    let schedule = saved(store, "daily").await;
    sample::occur(store, &[&schedule], sample::after(0)).await;
    assert_eq!(look(store, 3600).await, 1);
    let late = OverdueRun { schedule: schedule.id.to_string(), scheduled_for: sample::after(0), outcome: None };
    assert_eq!(news(store, 3600).await, std::slice::from_ref(&late));
    assert_eq!(news(store, 3601).await, [], "somebody is telling");
    assert_eq!(news(store, 3661).await, std::slice::from_ref(&late), "and died over it");
    store.overdue_told(std::slice::from_ref(&late), sample::after(3662)).await.unwrap();
    look(store, 7000).await;
    assert_eq!(news(store, 7000).await, [], "it was told");

    let run = claim(store).await;
    store.finish(&run.lease, &sample::end(RunStatus::Error), sample::after(7100)).await.unwrap();
    look(store, 7101).await;
    let over = OverdueRun { outcome: Some("ERROR".to_owned()), ..late };
    assert_eq!(news(store, 7101).await, std::slice::from_ref(&over));
    assert_eq!(store.count_overdue().await.unwrap(), 0);
    store.overdue_told(&[over], sample::after(7102)).await.unwrap();
    look(store, 9000).await;
    assert_eq!(news(store, 9000).await, []);
}

pub async fn o2_what_is_over_before_anybody_was_told_is_not_told<S: Store>(store: &S) {
    let schedule = saved(store, "daily").await;
    sample::occur(store, &[&schedule], sample::after(0)).await;
    look(store, 3600).await;
    let run = claim(store).await;
    store.finish(&run.lease, &sample::end(RunStatus::Complete), sample::after(3610)).await.unwrap();
    look(store, 3611).await;
    assert_eq!((news(store, 3611).await, store.count_overdue().await.unwrap()), (Vec::new(), 0));
}

pub async fn o2_what_is_no_longer_wanted_is_over<S: Store>(store: &S) {
    let schedule = saved(store, "daily").await;
    assert_eq!(look(store, 3600).await, 1, "nobody plans");
    let late = news(store, 3600).await;
    store.overdue_told(&late, sample::after(3600)).await.unwrap();
    store.delete_schedule(schedule.id, &sample::change(Verb::ScheduleDeleted)).await.unwrap();
    look(store, 3700).await;
    let outcomes: Vec<_> = news(store, 3700).await.into_iter().map(|run| run.outcome).collect();
    // What has come and nobody planned is told in history when a schedule is left (T12).
    assert_eq!(outcomes, [Some("missed".to_owned())]);
}

pub async fn o2_tests_are_nobodys_alarm_and_a_clock_that_was_set_back_hides_nothing<S: Store>(store: &S) {
    let test = sample::test_delivery(sample::definition("test"), sample::after(0));
    store.enqueue(&test, &sample::change_at(Verb::RunTested, sample::after(0))).await.unwrap();
    assert_eq!(look(store, 3600).await, 0);
    saved(store, "daily").await;
    let hours = |hours| sample::after(0) + SignedDuration::from_hours(hours);
    assert_eq!(store.note_overdue(hours(1), hours(1), 100).await.unwrap(), 1);
    assert_eq!(store.claim_overdue(hours(5), hours(6), 100).await.unwrap().len(), 1);
    assert_eq!(store.claim_overdue(hours(1), hours(2), 100).await.unwrap().len(), 1, "it would have been hidden for four hours");
}
