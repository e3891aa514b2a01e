//! What is due, what is planned ahead, and what becomes of it at its instant.

use jiff::{SignedDuration, Timestamp};
use pressrun_domain::audit::Verb;
use pressrun_domain::id::{RunId, WorkerId};
use pressrun_domain::run::{Run, RunKind, RunState, RunStatus, SkipReason};
use pressrun_domain::schedule::{Schedule, SystemDisabled, SystemDisabledReason};

use super::missed::put_right;
use super::{claim, insert, saved, started, stored};
use crate::{
    DueSchedule, MissedOccurrences, PlannedOccurrence, PlannedSchedule, PlannedThrough, PlanningNote, Replanned, ScheduleKey, Store,
    StoreError, sample,
};

async fn due<S: Store>(store: &S, schedule: &Schedule) -> DueSchedule {
    sample::due(store, schedule).await.expect("it is due some time")
}

async fn history<S: Store>(store: &S, schedule: &Schedule) -> Vec<Run> {
    store.list_runs(Some(schedule.id), 1, 100).await.unwrap().rows
}

/// Plans the schedule at its next instant, which is `at`, and does not release it.
async fn plan_ahead<S: Store>(store: &S, schedule: &Schedule) -> PlannedSchedule {
    let planned = sample::planned(due(store, schedule).await);
    store.plan(std::slice::from_ref(&planned), sample::after(-5)).await.unwrap();
    planned
}

async fn release<S: Store>(store: &S, now: Timestamp) -> u32 {
    store.release_planned(now, now - SignedDuration::from_hours(24), 100).await.unwrap().queued
}

pub async fn i1_two_planners_make_one_run<S: Store>(store: &S) {
    let schedule = saved(store, "daily").await;
    let mut plan = sample::planned(due(store, &schedule).await);
    plan.starts[0].dst = Some("dst_gap");
    let plans = [plan.clone()];
    let (first, second) = futures::join!(store.plan(&plans, sample::after(-4)), store.plan(&plans, sample::after(-4)));
    first.and(second).unwrap();
    assert_eq!(release(store, sample::after(-1)).await, 0, "not before its instant");
    let (first, second) = futures::join!(release(store, sample::after(1)), release(store, sample::after(1)));
    assert_eq!(first + second, 1);
    // One that read the schedule before all that comes late.
    store.plan(&plans, sample::after(2)).await.unwrap();
    assert_eq!(release(store, sample::after(2)).await, 0);
    let runs = history(store, &schedule).await;
    assert_eq!(runs.len(), 1);
    assert_eq!((runs[0].kind, runs[0].scheduled_for, runs[0].dst.as_deref()), (RunKind::Scheduled, sample::after(0), Some("dst_gap")));
    assert_eq!(store.run(runs[0].id).await.unwrap().unwrap().definition, schedule.definition);
    assert_eq!((runs[0].created_at, runs[0].started_at, runs[0].fence), (sample::after(1), None, 0));
    assert_eq!(runs[0].state, RunState::Queued { available_at: sample::after(1) });
    assert_eq!(stored(store, &schedule).await.next_at, plan.next_at);
}

pub async fn i1_an_occurrence_that_exists_is_not_made_again<S: Store>(store: &S) {
    let (schedule, run) = started(store, sample::schedule("daily")).await;
    store.finish(&run.lease, &sample::end(RunStatus::Complete), sample::after(3)).await.unwrap();
    // Somebody saves an old `next_at` over the new one: the instant comes up again, its run does not.
    store.replace_schedule(&schedule, &sample::names(), &sample::change_at(Verb::ScheduleUpdated, sample::after(4))).await.unwrap();
    assert_eq!(due(store, &schedule).await.next_at, Some(sample::after(0)));
    assert_eq!(sample::occur(store, &[&schedule], sample::after(4)).await, 0);
    assert_eq!(history(store, &schedule).await.len(), 1);
    assert!(store.due_schedules(sample::after(4), sample::after(-60), 10).await.unwrap().is_empty());
}

pub async fn i6_an_occurrence_that_is_planned_from_a_backup_is_the_same_run<S: Store>(store: &S) {
    let schedule = saved(store, "daily").await;
    sample::occur(store, &[&schedule], sample::after(0)).await;
    let run = store.list_runs(Some(schedule.id), 1, 10).await.unwrap().rows.remove(0);
    assert_eq!(run.id, RunId::of_occurrence(schedule.id, sample::after(0)), "it follows from the schedule and the instant alone");
}

pub async fn plan_leaves_an_edited_schedule_alone<S: Store>(store: &S) {
    let schedule = saved(store, "daily").await;
    let before = sample::planned(due(store, &schedule).await);
    let edited = Schedule { next_at: Some(sample::after(60)), ..schedule.clone() };
    store.replace_schedule(&edited, &sample::names(), &sample::change_at(Verb::ScheduleUpdated, sample::after(-1))).await.unwrap();
    store.plan(&[before], sample::after(0)).await.unwrap();
    assert_eq!(release(store, sample::after(0)).await, 0);
    assert_eq!(history(store, &schedule).await.len(), 0);
    assert_eq!(stored(store, &schedule).await.next_at, Some(sample::after(60)));
}

pub async fn only_active_schedules_are_due_and_the_most_overdue_first<S: Store>(store: &S) {
    let at = |name: &str, seconds: i64| Schedule { next_at: Some(sample::after(seconds)), ..sample::schedule(name) };
    let later = insert(store, at("later", 2)).await;
    let sooner = insert(store, at("sooner", 1)).await;
    insert(store, at("not yet", 60)).await;
    insert(store, Schedule { disabled_at: Some(sample::after(-9)), ..at("paused", 0) }).await;
    let system_disabled = Some(SystemDisabled { at: sample::after(-9), reason: SystemDisabledReason::NoAccess });
    insert(store, Schedule { system_disabled, ..at("disabled", 0) }).await;
    insert(store, Schedule { next_at: None, ..at("finished", 0) }).await;
    let found = async |until: i64, limit| {
        let mut ids = Vec::new();
        for due in store.due_schedules(sample::after(until), sample::after(-60), limit).await.unwrap() {
            ids.extend(store.schedule_of(due.key).await.unwrap());
        }
        ids
    };
    assert_eq!(found(2, 10).await, [sooner.id, later.id]);
    assert_eq!(found(2, 1).await, [sooner.id]);
    assert_eq!(found(0, 10).await, []);
    assert_eq!(store.next_due().await.unwrap(), Some(sample::after(1)));
}

pub async fn equal_expressions_are_one_timing<S: Store>(store: &S) {
    let (one, two) = (saved(store, "one").await, saved(store, "two").await);
    let mut elsewhere = sample::schedule("elsewhere");
    elsewhere.definition.timezone = "Europe/Berlin".into();
    let elsewhere = insert(store, elsewhere).await;
    let (one, two, elsewhere) = (due(store, &one).await, due(store, &two).await, due(store, &elsewhere).await);
    assert_eq!(one.timing, two.timing);
    let mut timings = store.timings(&[one.timing, elsewhere.timing]).await.unwrap();
    timings.sort_by(|a, b| a.zone.cmp(&b.zone));
    let read: Vec<_> = timings.iter().map(|timing| (timing.id, timing.cron.as_str(), timing.zone.as_str())).collect();
    assert_eq!(read, [(elsewhere.timing, "0 9 ? * * *", "Europe/Berlin"), (one.timing, "0 9 ? * * *", "UTC")]);
}

pub async fn i2_an_occurrence_beside_a_run_under_way_is_an_overlap<S: Store>(store: &S) {
    let schedule = saved(store, "daily").await;
    plan_ahead(store, &schedule).await;
    // Triggered after it was planned; tests and resends do not count.
    let test = sample::test_delivery(schedule.definition.clone(), sample::after(-1));
    store.enqueue(&test, &sample::change_at(Verb::RunTriggered, sample::after(-1))).await.unwrap();
    store.enqueue(&sample::manual(&schedule, sample::after(-1)), &sample::change_at(Verb::RunTriggered, sample::after(-1))).await.unwrap();
    assert_eq!(release(store, sample::after(0)).await, 0);
    let runs = history(store, &schedule).await;
    assert_eq!(runs[0].state, RunState::Skipped { reason: SkipReason::Overlap });
    assert_eq!(runs[1].kind, RunKind::Manual);
    assert_eq!(stored(store, &schedule).await.last_run, None);
}

pub async fn i2_two_instants_that_are_late_together_are_a_run_and_an_overlap<S: Store>(store: &S) {
    let schedule = saved(store, "minutely").await;
    let mut plan = sample::planned(due(store, &schedule).await);
    plan.starts.push(PlannedOccurrence { at: sample::after(60), dst: None });
    store.plan(&[plan], sample::after(-5)).await.unwrap();
    assert_eq!(release(store, sample::after(61)).await, 1);
    assert_eq!(release(store, sample::after(61)).await, 0);
    let runs = history(store, &schedule).await;
    assert_eq!(runs[0].state, RunState::Skipped { reason: SkipReason::Overlap });
    assert!(matches!(runs[1].state, RunState::Queued { .. }));
}

pub async fn an_occurrence_that_somebody_saw_waiting_is_the_run_that_is_claimed<S: Store>(store: &S) {
    let mut edited = Vec::new();
    for looks in [true, false] {
        let schedule = saved(store, "daily").await;
        plan_ahead(store, &schedule).await;
        assert_eq!(release(store, sample::after(1)).await, 1);
        let seen = if looks { history(store, &schedule).await.pop() } else { None };
        if let Some(seen) = &seen {
            assert_eq!((&seen.state, seen.created_at), (&RunState::Queued { available_at: sample::after(1) }, sample::after(1)));
            assert_eq!(store.runs_under_way(&[schedule.id]).await.unwrap(), std::slice::from_ref(seen));
        }
        assert!(store.others_wait(sample::after(1)).await.unwrap());
        let claimed = claim(store).await.run;
        assert!(seen.is_none_or(|seen| seen.id == claimed.id));
        assert_eq!((claimed.schedule_id, claimed.created_at, claimed.started_at), (schedule.id, sample::after(1), Some(sample::after(1))));
        assert_eq!((claimed.fence, claimed.scheduled_for), (1, sample::after(0)));
        assert!(!store.others_wait(sample::after(1)).await.unwrap());
        edited.push(history(store, &schedule).await);
    }
    assert!(edited.iter().all(|runs| runs.len() == 1), "one row each: {edited:?}");
}

pub async fn i3_an_occurrence_that_waits_to_be_claimed_is_a_run_in_progress<S: Store>(store: &S) {
    let schedule = saved(store, "daily").await;
    plan_ahead(store, &schedule).await;
    release(store, sample::after(0)).await;
    let trigger = sample::manual(&schedule, sample::after(1));
    let refused = store.enqueue(&trigger, &sample::change_at(Verb::RunTriggered, sample::after(1))).await;
    assert!(matches!(refused, Err(StoreError::RunInProgress)), "{refused:?}");
    // Whoever sees it can stop it.
    let seen = history(store, &schedule).await.remove(0);
    assert!(store.cancel(seen.id, &sample::change_at(Verb::RunCancelled, sample::after(2))).await.unwrap());
    assert!(store.claim(WorkerId::generate(), sample::after(3), sample::after(99), 9).await.unwrap().is_empty());
    store.enqueue(&trigger, &sample::change_at(Verb::RunTriggered, sample::after(4))).await.unwrap();
}

pub async fn t14_h9_missed_occurrences_are_one_row_of_history_that_never_runs<S: Store>(store: &S) {
    let schedule = saved(store, "hourly").await;
    let occurrence = |hour: i64| PlannedOccurrence { at: sample::after(hour * 3600), dst: None };
    let missed = MissedOccurrences { run: RunId::generate(), last: occurrence(1), detail: "2 were missed".into() };
    let plan = PlannedSchedule {
        starts: vec![occurrence(2)],
        missed: vec![missed],
        next_at: None,
        ..sample::planned(due(store, &schedule).await)
    };
    let now = sample::after(9000);
    store.plan(&[plan], now).await.unwrap();
    assert_eq!(release(store, now).await, 1);
    let runs = store.claim(WorkerId::generate(), now, now + SignedDuration::from_mins(5), 10).await.unwrap();
    assert_eq!(runs.iter().map(|run| run.run.scheduled_for).collect::<Vec<_>>(), [sample::after(7200)]);
    let history = history(store, &schedule).await;
    assert_eq!(history.len(), 2);
    assert_eq!((history[1].scheduled_for, &history[1].state), (sample::after(3600), &RunState::Skipped { reason: SkipReason::Missed }));
    assert_eq!(history[1].record.timeline[0].detail.as_deref(), Some("2 were missed"));
    assert_eq!(stored(store, &schedule).await.last_run, None);
    assert_eq!(store.next_due().await.unwrap(), None);
}

pub async fn t14_what_was_planned_a_day_ago_is_missed<S: Store>(store: &S) {
    let schedule = saved(store, "daily").await;
    plan_ahead(store, &schedule).await;
    assert_eq!(release(store, sample::after(86_400)).await, 0);
    assert_eq!(history(store, &schedule).await[0].state, RunState::Skipped { reason: SkipReason::Missed });
}

pub async fn t14_what_a_dead_planner_left_is_planned_with_what_came_after_it<S: Store>(store: &S) {
    let schedule = saved(store, "hourly").await;
    let ahead = plan_ahead(store, &schedule).await;
    let found = store.due_schedules(sample::after(90_000), sample::after(3600), 10).await.unwrap();
    assert_eq!((found[0].next_at, found[0].from), (ahead.next_at, sample::after(0)), "from what was never released");
    let found_in_time = store.due_schedules(sample::after(90_000), sample::after(0), 10).await.unwrap();
    assert_eq!(found_in_time[0].from, ahead.next_at.unwrap());
    let start = PlannedOccurrence { at: sample::after(86_400), dst: None };
    let again = PlannedSchedule { starts: vec![start], ..sample::planned(found[0]) };
    store.plan(&[again], sample::after(86_401)).await.unwrap();
    assert_eq!(release(store, sample::after(86_401)).await, 1);
    assert_eq!(history(store, &schedule).await.iter().map(|run| run.scheduled_for).collect::<Vec<_>>(), [sample::after(86_400)]);
}

pub async fn a_schedule_says_when_it_runs_next_also_while_that_is_planned<S: Store>(store: &S) {
    let schedule = saved(store, "daily").await;
    let ahead = plan_ahead(store, &schedule).await;
    assert_eq!(stored(store, &schedule).await.next_at, Some(sample::after(0)));
    assert_eq!((store.next_ready().await.unwrap(), store.next_due().await.unwrap()), (Some(sample::after(0)), ahead.next_at));
    release(store, sample::after(0)).await;
    assert_eq!(stored(store, &schedule).await.next_at, ahead.next_at);
    assert_eq!(store.next_ready().await.unwrap(), None);
}

pub async fn t12_t15_what_is_planned_and_not_ready_is_taken_back_with_a_change<S: Store>(store: &S) {
    let later = Some(sample::after(600));
    for change in ["edit", "pause", "switch off", "delete"] {
        let schedule = saved(store, change).await;
        plan_ahead(store, &schedule).await;
        let before = sample::after(-1);
        let changed = sample::change_at(Verb::ScheduleUpdated, before);
        let replaced = match change {
            "edit" => Some(Schedule { next_at: later, ..schedule.clone() }),
            "pause" => Some(Schedule { next_at: None, disabled_at: Some(before), ..schedule.clone() }),
            "switch off" => {
                let off = SystemDisabled { at: before, reason: SystemDisabledReason::MissingQuery };
                store.system_disable(schedule.id, schedule.version, off, &[]).await.unwrap();
                None
            }
            _ => {
                assert!(store.delete_schedule(schedule.id, &changed).await.unwrap());
                None
            }
        };
        if let Some(replaced) = &replaced {
            store.replace_schedule(replaced, &sample::names(), &changed).await.unwrap();
        }
        assert_eq!(release(store, sample::after(0)).await, 0, "{change}");
        assert_eq!(history(store, &schedule).await.len(), 0, "{change}");
        let next = store.schedule(schedule.id).await.unwrap().and_then(|stored| stored.next_at);
        assert_eq!(next, if change == "edit" { later } else { None }, "{change}");
    }
}

pub async fn t12_what_is_ready_when_a_schedule_changes_is_a_run_of_what_it_was<S: Store>(store: &S) {
    let schedule = saved(store, "daily").await;
    plan_ahead(store, &schedule).await;
    let mut edited = Schedule { next_at: Some(sample::after(600)), ..schedule.clone() };
    edited.definition.name = "renamed".into();
    store.replace_schedule(&edited, &sample::names(), &sample::change_at(Verb::ScheduleUpdated, sample::after(1))).await.unwrap();
    let run = claim(store).await.run;
    assert_eq!((run.scheduled_for, run.definition.name.as_str()), (sample::after(0), "daily"));
    // And one of a schedule that is deleted ends with it (X9).
    let gone = saved(store, "gone").await;
    plan_ahead(store, &gone).await;
    store.delete_schedule(gone.id, &sample::change_at(Verb::ScheduleDeleted, sample::after(1))).await.unwrap();
    let ended = RunState::Ended { at: sample::after(1), status: RunStatus::Killed, reason: Some("deleted".into()) };
    assert_eq!(history(store, &gone).await[0].state, ended);
}

pub async fn i1_an_edit_just_when_a_schedule_is_due_loses_no_instant<S: Store>(store: &S) {
    let schedule = saved(store, "daily").await;
    // The API looked for the next instant after the present one, and nobody has planned that yet.
    let mut edited = Schedule { next_at: Some(sample::after(86_400)), ..schedule.clone() };
    edited.definition.name = "renamed".into();
    let edit = sample::change_at(Verb::ScheduleUpdated, sample::after(1));
    let version = store.replace_schedule(&edited, &sample::names(), &edit).await.unwrap();
    assert_eq!(due(store, &schedule).await.next_at, Some(sample::after(0)));
    // Another expression fires never retroactively (T12).
    let mut other = Schedule { version, ..edited };
    other.definition.cron = "0 10 ? * * *".into();
    store.replace_schedule(&other, &sample::names(), &edit).await.unwrap();
    assert_eq!(due(store, &schedule).await.next_at, Some(sample::after(86_400)));
}

pub async fn h7_what_was_planned_beyond_the_present_is_planned_anew<S: Store>(store: &S) {
    let (ahead, fine) = (saved(store, "ahead").await, saved(store, "fine").await);
    let occurrence = |hour: i64| PlannedOccurrence { at: sample::after(hour * 3600), dst: None };
    // A clock that runs three hours ahead: one instant is called missed before it comes, one is queued.
    let missed = MissedOccurrences { run: RunId::generate(), last: occurrence(1), detail: "missed".into() };
    let plan = PlannedSchedule {
        starts: vec![occurrence(2)],
        missed: vec![missed],
        through: sample::after(3 * 3600),
        next_at: Some(sample::after(4 * 3600)),
        ..sample::planned(due(store, &ahead).await)
    };
    store.plan(&[plan], sample::after(3 * 3600)).await.unwrap();
    assert_eq!(release(store, sample::after(3 * 3600)).await, 1);
    let now = sample::after(0);
    store.forget_future(&put_right(now, now)).await.unwrap();
    assert_eq!(history(store, &ahead).await.len(), 0);
    let beyond = store.planned_beyond(Some(now), ScheduleKey::default(), 10).await.unwrap();
    assert_eq!(beyond.len(), 1);
    let PlannedThrough { schedule, through, .. } = beyond[0];
    assert_eq!((store.schedule_of(schedule.key).await.unwrap(), through), (Some(ahead.id), sample::after(3 * 3600)));
    store.replan(&[Replanned { schedule, through: now, next_at: Some(sample::after(3600)) }], now).await.unwrap();
    assert!(store.planned_beyond(Some(now), ScheduleKey::default(), 10).await.unwrap().is_empty());
    assert_eq!(sample::occur(store, &[&ahead, &fine], sample::after(3600)).await, 2);
}

pub async fn h7_an_edit_after_the_clock_was_put_right_hides_nothing_that_is_to_be_planned_anew<S: Store>(store: &S) {
    let ahead = saved(store, "ahead").await;
    let (through, next_at) = (sample::after(3 * 3600), Some(sample::after(4 * 3600)));
    let plan = PlannedSchedule { starts: Vec::new(), through, next_at, ..sample::planned(due(store, &ahead).await) };
    store.plan(&[plan], through).await.unwrap();
    let now = sample::after(10);
    let edited = store.schedule(ahead.id).await.unwrap().unwrap();
    store.replace_schedule(&edited, &sample::names(), &sample::change_at(Verb::ScheduleUpdated, now)).await.unwrap();
    let beyond = store.planned_beyond(Some(now), ScheduleKey::default(), 10).await.unwrap();
    assert_eq!(beyond.iter().map(|planned| (planned.schedule.next_at, planned.through)).collect::<Vec<_>>(), [(next_at, through)]);
}

pub async fn h7_a_schedule_fires_from_where_somebody_made_it_what_it_is<S: Store>(store: &S) {
    let schedule = saved(store, "changes").await;
    let fires_from = async || {
        let planned = store.planned_beyond(None, ScheduleKey::default(), 10).await.unwrap();
        planned.into_iter().map(|planned| planned.fires_from).next()
    };
    assert_eq!(fires_from().await, Some(sample::after(0)));
    let mut edited = schedule.clone();
    let mut save = async |second: i64, what: fn(&mut Schedule)| {
        what(&mut edited);
        let change = sample::change_at(Verb::ScheduleUpdated, sample::after(second));
        edited.version = store.replace_schedule(&edited, &sample::names(), &change).await.unwrap();
        fires_from().await
    };
    assert_eq!(save(10, |edited| edited.definition.name = "renamed".into()).await, Some(sample::after(0)), "its times stay");
    assert_eq!(save(20, |edited| edited.definition.cron = "0 10 ? * * *".into()).await, Some(sample::after(20)));
    assert_eq!(save(30, |edited| (edited.disabled_at, edited.next_at) = (Some(sample::after(30)), None)).await, None, "paused");
    assert_eq!(save(40, |edited| (edited.disabled_at, edited.next_at) = (None, Some(sample::after(3600)))).await, Some(sample::after(40)));
    // Planned anew from an earlier instant, because the clock that it was resumed by was ahead.
    let due = due(store, &schedule).await;
    let anew = |seconds| Replanned { schedule: due, through: sample::after(seconds), next_at: due.next_at };
    for (seconds, expected) in [(600, 40), (-3600, -3600)] {
        store.replan(&[anew(seconds)], sample::after(seconds)).await.unwrap();
        assert_eq!(fires_from().await, Some(sample::after(expected)));
    }
}

pub async fn h8_every_active_schedule_can_be_planned_anew_page_by_page<S: Store>(store: &S) {
    let mut active = Vec::new();
    for name in ["one", "two", "three"] {
        active.push(saved(store, name).await.id);
    }
    insert(store, Schedule { disabled_at: Some(sample::after(-9)), next_at: None, ..sample::schedule("paused") }).await;
    let (mut after, mut found) = (ScheduleKey::default(), Vec::new());
    while let Some(PlannedThrough { schedule: due, .. }) = store.planned_beyond(None, after, 1).await.unwrap().pop() {
        found.extend(store.schedule_of(due.key).await.unwrap());
        after = due.key;
        let other = Replanned { schedule: due, through: sample::after(-60), next_at: Some(sample::after(3600)) };
        store.replan(&[other], sample::after(-60)).await.unwrap();
        // As it was read before: another node has planned it anew already.
        store.replan(&[Replanned { next_at: None, ..other }], sample::after(-60)).await.unwrap();
    }
    assert_eq!(found, active);
    assert_eq!(store.next_due().await.unwrap(), Some(sample::after(3600)));
    assert_eq!(store.planning_note(PlanningNote::Rules).await.unwrap(), None);
    for rules in ["2026f", "2027a"] {
        store.keep_planning_note(PlanningNote::Rules, rules).await.unwrap();
        assert_eq!(store.planning_note(PlanningNote::Rules).await.unwrap().as_deref(), Some(rules));
    }
}

pub async fn m10_a_schedule_that_cannot_be_planned_is_set_aside_once_and_told<S: Store>(store: &S) {
    let schedule = saved(store, "of a zone that is gone").await;
    let read = due(store, &schedule).await;
    let notice = sample::notice(schedule.id, sample::after(0));
    assert!(store.set_aside(&read, std::slice::from_ref(&notice)).await.unwrap());
    assert!(!store.set_aside(&read, &[]).await.unwrap());
    assert_eq!(store.next_due().await.unwrap(), None);
    assert_eq!(sample::claim_notices(store, sample::after(1), sample::after(60)).await.len(), 1);
    // Saving it plans it again.
    store.replace_schedule(&schedule, &sample::names(), &sample::change_at(Verb::ScheduleUpdated, sample::after(-1))).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), Some(sample::after(0)));
}

pub async fn m2_a_burst_of_one_owner_and_an_old_wait_let_others_go_first<S: Store>(store: &S) {
    let owned = async |owner, name: &str| {
        let mut schedule = sample::schedule(name);
        schedule.definition.owner = sample::member(owner);
        insert(store, schedule).await
    };
    let mut burst = Vec::new();
    for number in 0..5 {
        burst.push(owned(1, &format!("burst {number}")).await);
    }
    assert_eq!(sample::occur(store, &burst.iter().collect::<Vec<_>>(), sample::after(0)).await, 5);
    // The first waits for a retry, and stands in the queue for a long time.
    let first = claim(store).await;
    store.release(&first.lease, sample::after(900), &crate::RunNews::default()).await.unwrap();
    assert_eq!(claim(store).await.run.definition.owner, sample::member(1), "the second of the burst");
    // One new owner arrives for each claim: the burst gets its turn all the same.
    let mut of_burst = 0;
    for number in 2..8 {
        let schedule = owned(number, "single").await;
        sample::occur(store, &[&schedule], sample::after(1)).await;
        of_burst += usize::from(claim(store).await.run.definition.owner == sample::member(1));
    }
    assert!(of_burst >= 2, "{of_burst} of 6 claims");
}
