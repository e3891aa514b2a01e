//! What is told of instants that came and were not planned, and what a clock that is put right makes of that.

use jiff::Timestamp;
use pressrun_domain::audit::Verb;
use pressrun_domain::id::RunId;
use pressrun_domain::missed::{Missed, Why};
use pressrun_domain::plan::Pattern;
use pressrun_domain::run::{Run, RunState, SkipReason};
use pressrun_domain::schedule::{Schedule, SystemDisabled, SystemDisabledReason};

use super::{insert, saved};
use crate::{MissedOccurrences, PlannedOccurrence, PlannedSchedule, PutRight, Store, sample};

const HOUR: i64 = 3600;

/// A clock that was ahead from an instant on, and is put right before everybody's eyes.
pub(super) fn put_right(ahead_from: Timestamp, now: Timestamp) -> PutRight {
    PutRight { ahead_from, since: now, now }
}

/// An hourly schedule that is due at nine.
async fn hourly<S: Store>(store: &S, name: &str) -> Schedule {
    let mut schedule = sample::schedule(name);
    schedule.definition.cron = "0 * ? * * *".into();
    insert(store, schedule).await
}

/// The hours that an hourly schedule missed from nine on, up to `now`.
fn hours(now: Timestamp) -> Missed {
    let pattern = Pattern::parse("0 * ? * * *", "UTC").unwrap();
    Missed::up_to(&pattern, sample::after(0), now).unwrap()
}

/// Planning believes that it is `now`, hours after nine, and tells of the hours that passed.
async fn miss<S: Store>(store: &S, schedule: &Schedule, now: Timestamp) {
    let missed = hours(now);
    let last = PlannedOccurrence { at: missed.last.at, dst: None };
    let told = MissedOccurrences { run: RunId::generate(), last, detail: missed.in_words(Why::Down) };
    let due = sample::due(store, schedule).await.unwrap();
    let next_at = Some(missed.last.at + jiff::SignedDuration::from_hours(1));
    let plan = PlannedSchedule { starts: Vec::new(), missed: vec![told], through: now, next_at, ..sample::planned(due) };
    store.plan(&[plan], now).await.unwrap();
}

/// Instant and note of each row that tells of missed instants.
async fn told<S: Store>(store: &S, schedule: &Schedule) -> Vec<(Timestamp, String)> {
    let note = |run: &Run| run.record.timeline[0].detail.clone().unwrap_or_default();
    let runs = store.list_runs(Some(schedule.id), 1, 100).await.unwrap().rows;
    let missed = runs.iter().filter(|run| run.state == RunState::Skipped { reason: SkipReason::Missed });
    missed.map(|run| (run.scheduled_for, note(run))).collect()
}

async fn next_at<S: Store>(store: &S, schedule: &Schedule) -> Option<Timestamp> {
    sample::due(store, schedule).await.and_then(|due| due.next_at)
}

pub async fn t12_t15_what_has_come_and_nobody_has_planned_is_told_when_a_schedule_is_left<S: Store>(store: &S) {
    let now = sample::after(2 * HOUR + 1);
    let changed = sample::change_at(Verb::ScheduleUpdated, now);
    for change in ["other times", "pause", "switch off", "delete", "rename"] {
        let schedule = hourly(store, change).await;
        let mut edited = schedule.clone();
        match change {
            "other times" => {
                edited.definition.cron = "30 * ? * * *".into();
                edited.next_at = Some(sample::after(2 * HOUR + 1800));
            }
            "pause" => (edited.next_at, edited.disabled_at) = (None, Some(now)),
            "rename" => edited.definition.name = "renamed".into(),
            _ => {}
        }
        match change {
            "switch off" => {
                let off = SystemDisabled { at: now, reason: SystemDisabledReason::MissingQuery };
                store.system_disable(schedule.id, schedule.version, off, &[]).await.unwrap();
            }
            "delete" => assert!(store.delete_schedule(schedule.id, &changed).await.unwrap()),
            _ => assert_eq!(store.replace_schedule(&edited, &sample::names(), &changed).await.unwrap(), 2),
        }
        let told = told(store, &schedule).await;
        if change == "rename" {
            assert_eq!((told, next_at(store, &schedule).await), (vec![], Some(sample::after(0))), "it stays due");
        } else {
            assert_eq!(told, [(sample::after(2 * HOUR), hours(now).in_words(Why::Changed))], "{change}");
        }
    }
}

pub async fn h7_what_has_run_is_not_told_as_missed_by_a_clock_that_is_put_right<S: Store>(store: &S) {
    let (ran, other) = (hourly(store, "ran").await, hourly(store, "other").await);
    assert_eq!(sample::occur(store, &[&ran], sample::after(1)).await, 1);
    let key = sample::due(store, &ran).await.unwrap().key;
    let others = sample::due(store, &other).await.unwrap().key;
    let dealt_with = async |from, to| {
        store.dealt_with(&[(key, sample::after(from), sample::after(to)), (others, sample::after(from), sample::after(to))]).await.unwrap()
    };
    assert_eq!(dealt_with(-60, HOUR).await, [(key, sample::after(0))], "it waits to be claimed");
    assert_eq!(store.list_runs(Some(ran.id), 1, 9).await.unwrap().rows.len(), 1);
    assert_eq!(dealt_with(0, 0).await, [(key, sample::after(0))], "it is on record");
    assert_eq!(dealt_with(1, HOUR).await, []);
    // A change tells of what is left.
    let mut paused = ran.clone();
    (paused.next_at, paused.disabled_at) = (Some(sample::after(0)), None);
    let version =
        store.replace_schedule(&paused, &sample::names(), &sample::change_at(Verb::ScheduleUpdated, sample::after(-60))).await.unwrap();
    (paused.version, paused.next_at, paused.disabled_at) = (version, None, Some(sample::after(HOUR + 1)));
    store.replace_schedule(&paused, &sample::names(), &sample::change_at(Verb::SchedulePaused, sample::after(HOUR + 1))).await.unwrap();
    let one = Missed::up_to(&Pattern::parse("0 * ? * * *", "UTC").unwrap(), sample::after(HOUR), sample::after(HOUR)).unwrap();
    assert_eq!(told(store, &ran).await, [(sample::after(HOUR), one.in_words(Why::Changed))]);
}

pub async fn h7_t14_what_a_clock_that_was_ahead_told_as_missed_is_planned_again_from_the_first<S: Store>(store: &S) {
    let ahead = sample::after(72 * HOUR + 1);
    let (active, paused) = (hourly(store, "active").await, hourly(store, "paused").await);
    for schedule in [&active, &paused] {
        miss(store, schedule, ahead).await;
    }
    let later = Schedule { next_at: None, disabled_at: Some(ahead), updated_at: ahead, ..paused.clone() };
    store.replace_schedule(&later, &sample::names(), &sample::change_at(Verb::SchedulePaused, ahead)).await.unwrap();
    // It is put right two hours after nine: the third hour has not come.
    let now = sample::after(HOUR + 1800);
    store.forget_future(&put_right(now, now)).await.unwrap();
    assert_eq!((told(store, &active).await, next_at(store, &active).await), (vec![], Some(sample::after(0))));
    assert_eq!(told(store, &paused).await, [(sample::after(HOUR), hours(now).in_words(Why::Down))]);
    let again = [told(store, &paused).await, told(store, &active).await];
    store.forget_future(&put_right(now, now)).await.unwrap();
    assert_eq!([told(store, &paused).await, told(store, &active).await], again, "it is done once");
    // Put right to before nine, nothing has come.
    store.forget_future(&put_right(sample::after(-1), sample::after(-1))).await.unwrap();
    assert_eq!(told(store, &paused).await, []);
    let untouched = saved(store, "untouched").await;
    assert_eq!(next_at(store, &untouched).await, Some(sample::after(0)));
}

pub async fn h7_what_was_told_as_missed_by_a_clock_that_was_ahead_had_not_come<S: Store>(store: &S) {
    let schedule = hourly(store, "told too early").await;
    // Nine o'clock was told, by a clock three days ahead; by the time that the clock is right it has come.
    let ahead = sample::after(72 * HOUR);
    let told_early = MissedOccurrences {
        run: RunId::generate(),
        last: PlannedOccurrence { at: sample::after(0), dst: None },
        detail: hours(sample::after(0)).in_words(Why::Down),
    };
    let plan = PlannedSchedule {
        starts: Vec::new(),
        missed: vec![told_early],
        through: ahead,
        next_at: Some(sample::after(73 * HOUR)),
        ..sample::planned(sample::due(store, &schedule).await.unwrap())
    };
    store.plan(&[plan], ahead).await.unwrap();
    let now = sample::after(1800);
    store.forget_future(&put_right(sample::after(60), now)).await.unwrap();
    assert_eq!(told(store, &schedule).await.len(), 1, "it had come when that clock left the right one");
    store.forget_future(&put_right(sample::after(-60), now)).await.unwrap();
    assert_eq!((told(store, &schedule).await, next_at(store, &schedule).await), (vec![], Some(sample::after(0))));
}

pub async fn h7_i2_what_a_clock_that_was_ahead_skipped_as_overlap_is_yet_to_come<S: Store>(store: &S) {
    let schedule = hourly(store, "under way").await;
    let starts = (0..=3).map(|hour| PlannedOccurrence { at: sample::after(hour * HOUR), dst: None });
    let plan = PlannedSchedule { starts: starts.collect(), ..sample::planned(sample::due(store, &schedule).await.unwrap()) };
    store.plan(&[plan], sample::after(0)).await.unwrap();
    for (hour, queued) in [(0, 1), (1, 0), (2, 0), (3, 0)] {
        let released = store.release_planned(sample::after(hour * HOUR), Timestamp::MIN, 9).await.unwrap();
        assert_eq!((released.queued, released.taken), (queued, 1), "beside the first");
    }
    let now = sample::after(HOUR + 1800);
    store.forget_future(&put_right(now, now)).await.unwrap();
    let left: Vec<_> = store.list_runs(Some(schedule.id), 1, 9).await.unwrap().rows.iter().map(|run| run.scheduled_for).collect();
    assert_eq!(left, [sample::after(HOUR), sample::after(0)]);
}
