//! Planning, triggering, history.

use jiff::SignedDuration;
use pressrun_domain::audit::Verb;
use pressrun_domain::id::{RunId, WorkerId};
use pressrun_domain::run::{ResendOf, RunKind, RunState, RunStatus, SkipReason};
use pressrun_domain::schedule::{Schedule, SystemDisabled, SystemDisabledReason};

use super::{claim, insert, saved, started, stored};
use crate::{NewOccurrence, PlannedSchedule, Store, StoreError, sample};

pub async fn i1_two_planners_make_one_run<S: Store>(store: &S) {
    let schedule = saved(store, "daily").await;
    let (mut a, b) = (sample::planned(&schedule), sample::planned(&schedule));
    a.occurrences[0].dst = Some("dst_gap".into());
    a.occurrences[0].detail = Some("7 more were missed".into());
    let (first_plan, second_plan) = ([a.clone()], [b]);
    let (first, second) = futures::join!(store.plan(&first_plan, sample::after(1)), store.plan(&second_plan, sample::after(1)));
    assert_eq!(first.unwrap() + second.unwrap(), 1);
    let history = store.list_runs(Some(schedule.id), 1, 10).await.unwrap();
    assert_eq!(history.total, 1);
    let run = &history.rows[0];
    assert_eq!((run.kind, run.scheduled_for), (RunKind::Scheduled, sample::after(0)));
    assert_eq!(run.definition, schedule.definition);
    assert_eq!((run.created_at, run.started_at, run.fence), (sample::after(1), None, 0));
    assert_eq!(run.state, RunState::Queued { available_at: sample::after(1) });
    if run.id == a.occurrences[0].run {
        assert_eq!(run.dst.as_deref(), Some("dst_gap"));
        assert_eq!(run.record.timeline[0].detail.as_deref(), Some("7 more were missed"));
    }
    assert_eq!(stored(store, &schedule).await.next_at, a.next_at);
}

pub async fn i1_an_occurrence_that_exists_is_not_made_again<S: Store>(store: &S) {
    let (schedule, run) = started(store, sample::schedule("daily")).await;
    store.finish(&run.lease, &sample::end(RunStatus::Complete), sample::after(3)).await.unwrap();
    // Somebody saves an old `next_at` over the new one: the instant comes up again, its run does not.
    store.replace_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleUpdated)).await.unwrap();
    let again = stored(store, &schedule).await;
    assert_eq!(store.due_schedules(sample::after(4), 10).await.unwrap().len(), 1);
    assert_eq!(store.plan(&[sample::planned(&again)], sample::after(4)).await.unwrap(), 0);
    assert_eq!(store.list_runs(Some(schedule.id), 1, 10).await.unwrap().total, 1);
    assert!(store.due_schedules(sample::after(4), 10).await.unwrap().is_empty());
}

pub async fn plan_leaves_an_edited_schedule_alone<S: Store>(store: &S) {
    let schedule = saved(store, "daily").await;
    let edited = Schedule { next_at: Some(sample::after(60)), ..schedule.clone() };
    store.replace_schedule(&edited, &sample::names(), &sample::change(Verb::ScheduleUpdated)).await.unwrap();
    assert_eq!(store.plan(&[sample::planned(&schedule)], sample::after(1)).await.unwrap(), 0);
    let other_instant = PlannedSchedule { version: 2, ..sample::planned(&schedule) };
    assert_eq!(store.plan(&[other_instant], sample::after(1)).await.unwrap(), 0);
    assert_eq!(store.list_runs(None, 1, 10).await.unwrap().total, 0);
    assert_eq!(stored(store, &schedule).await.next_at, Some(sample::after(60)));
}

pub async fn only_active_schedules_are_due_and_the_most_overdue_first<S: Store>(store: &S) {
    let at = |name: &str, seconds: i64| Schedule { next_at: Some(sample::after(seconds)), ..sample::schedule(name) };
    insert(store, at("later", 2)).await;
    insert(store, at("sooner", 1)).await;
    insert(store, at("not yet", 60)).await;
    insert(store, Schedule { disabled_at: Some(sample::after(-9)), ..at("paused", 0) }).await;
    let system_disabled = Some(SystemDisabled { at: sample::after(-9), reason: SystemDisabledReason::NoAccess });
    insert(store, Schedule { system_disabled, ..at("disabled", 0) }).await;
    insert(store, Schedule { next_at: None, ..at("finished", 0) }).await;
    let names = |due: Vec<crate::DueSchedule>| due.into_iter().map(|due| due.schedule.definition.name).collect::<Vec<_>>();
    assert_eq!(names(store.due_schedules(sample::after(2), 10).await.unwrap()), ["sooner", "later"]);
    assert_eq!(names(store.due_schedules(sample::after(2), 1).await.unwrap()), ["sooner"]);
    assert!(store.due_schedules(sample::after(0), 10).await.unwrap().is_empty());
    assert_eq!(store.next_due().await.unwrap(), Some(sample::after(1)));
}

pub async fn i2_a_due_schedule_says_whether_it_runs<S: Store>(store: &S) {
    let schedule = saved(store, "daily").await;
    let test = sample::test_delivery(schedule.definition.clone(), sample::after(0));
    store.enqueue(&test, &sample::change_at(Verb::RunTriggered, sample::after(0))).await.unwrap();
    let due = store.due_schedules(sample::after(0), 10).await.unwrap();
    assert_eq!((due.len(), due[0].running), (1, false), "a test is no run of the schedule");
    assert_eq!(due[0].schedule, schedule);
    store.enqueue(&sample::manual(&schedule, sample::after(0)), &sample::change_at(Verb::RunTriggered, sample::after(0))).await.unwrap();
    assert!(store.due_schedules(sample::after(0), 10).await.unwrap()[0].running);
    for claimed in store.claim(WorkerId::generate(), sample::after(0), sample::after(9), 2).await.unwrap() {
        assert!(store.due_schedules(sample::after(0), 10).await.unwrap()[0].running || claimed.run.kind == RunKind::Test);
        store.finish(&claimed.lease, &sample::end(RunStatus::Complete), sample::after(1)).await.unwrap();
    }
    assert!(!store.due_schedules(sample::after(0), 10).await.unwrap()[0].running);
}

pub async fn i2_an_occurrence_beside_a_run_under_way_is_an_overlap<S: Store>(store: &S) {
    let schedule = saved(store, "daily").await;
    // Triggered after the ticker had read the schedule as idle.
    store.enqueue(&sample::manual(&schedule, sample::after(-1)), &sample::change_at(Verb::RunTriggered, sample::after(-1))).await.unwrap();
    assert_eq!(store.plan(&[sample::planned(&schedule)], sample::after(0)).await.unwrap(), 0);
    let history = store.list_runs(Some(schedule.id), 1, 10).await.unwrap().rows;
    assert_eq!(history[0].state, RunState::Skipped { reason: SkipReason::Overlap });
    assert_eq!(history[1].kind, RunKind::Manual);
    assert_eq!(stored(store, &schedule).await.last_run, None);
}

pub async fn t14_a_missed_occurrence_is_history_and_never_runs<S: Store>(store: &S) {
    let schedule = saved(store, "hourly").await;
    let occurrence = |hour: i64, skip| NewOccurrence {
        run: RunId::generate(),
        scheduled_for: sample::after(hour * 3600),
        dst: None,
        skip,
        detail: None,
    };
    let missed = Some(SkipReason::Missed);
    let plan = PlannedSchedule {
        occurrences: vec![occurrence(0, missed), occurrence(1, missed), occurrence(2, None)],
        next_at: None,
        ..sample::planned(&schedule)
    };
    let now = sample::after(9000);
    assert_eq!(store.plan(&[plan], now).await.unwrap(), 1);
    let runs = store.claim(WorkerId::generate(), now, now + SignedDuration::from_mins(5), 10).await.unwrap();
    assert_eq!(runs.iter().map(|run| run.run.scheduled_for).collect::<Vec<_>>(), [sample::after(7200)]);
    let history = store.list_runs(Some(schedule.id), 1, 10).await.unwrap().rows;
    let skipped = RunState::Skipped { reason: SkipReason::Missed };
    assert_eq!([&history[1].state, &history[2].state], [&skipped, &skipped]);
    assert_eq!(stored(store, &schedule).await.last_run, None);
    assert_eq!(store.next_due().await.unwrap(), None);
}

pub async fn i3_a_manual_run_conflicts_with_one_under_way<S: Store>(store: &S) {
    let schedule = saved(store, "daily").await;
    let (a, b) = (sample::manual(&schedule, sample::after(0)), sample::manual(&schedule, sample::after(0)));
    let change = sample::change_at(Verb::RunTriggered, sample::after(0));
    let (first, second) = futures::join!(store.enqueue(&a, &change), store.enqueue(&b, &change));
    let results = [first, second];
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert!(results.iter().any(|result| matches!(result, Err(StoreError::RunInProgress))));
    let run = claim(store).await;
    let again = sample::manual(&schedule, sample::after(2));
    assert!(matches!(
        store.enqueue(&again, &sample::change_at(Verb::RunTriggered, sample::after(2))).await,
        Err(StoreError::RunInProgress)
    ));
    // Waiting for a retry is under way too.
    store.release(&run.lease, sample::after(60), &run.run.record).await.unwrap();
    assert!(matches!(
        store.enqueue(&again, &sample::change_at(Verb::RunTriggered, sample::after(2))).await,
        Err(StoreError::RunInProgress)
    ));
    let run = store.claim(WorkerId::generate(), sample::after(60), sample::after(90), 1).await.unwrap().remove(0);
    store.finish(&run.lease, &sample::end(RunStatus::Error), sample::after(61)).await.unwrap();
    store.enqueue(&again, &sample::change_at(Verb::RunTriggered, sample::after(62))).await.unwrap();
    let unknown = sample::schedule("unknown");
    assert!(matches!(
        store.enqueue(&sample::manual(&unknown, sample::after(0)), &sample::change_at(Verb::RunTriggered, sample::after(0))).await,
        Err(StoreError::NotFound(_))
    ));
}

pub async fn i4_a_manual_run_leaves_the_timeline_alone<S: Store>(store: &S) {
    let schedule = saved(store, "daily").await;
    // At the very instant of the occurrence: both are runs of their own.
    let enqueue = sample::manual(&schedule, sample::after(0));
    store.enqueue(&enqueue, &sample::change_at(Verb::RunTriggered, sample::after(0))).await.unwrap();
    let run = claim(store).await;
    assert_eq!((run.run.kind, run.run.id), (RunKind::Manual, enqueue.run.id));
    store.finish(&run.lease, &sample::end(RunStatus::Complete), sample::after(1)).await.unwrap();
    assert_eq!(stored(store, &schedule).await.next_at, schedule.next_at);
    assert_eq!(store.plan(&[sample::planned(&schedule)], sample::after(2)).await.unwrap(), 1);
}

pub async fn s8_tests_never_conflict<S: Store>(store: &S) {
    let (schedule, _run) = started(store, sample::schedule("daily")).await;
    let mut test = sample::test_delivery(schedule.definition.clone(), sample::after(2));
    for _ in 0..2 {
        store.enqueue(&test, &sample::change_at(Verb::RunTriggered, sample::after(2))).await.unwrap();
        test.run.id = RunId::generate();
    }
    assert_eq!(store.list_runs(Some(test.run.schedule_id), 1, 10).await.unwrap().total, 2);
}

pub async fn history_is_newest_first_and_pages<S: Store>(store: &S) {
    let (one, two) = (saved(store, "one").await, saved(store, "two").await);
    for (schedule, second) in [(&one, 10), (&two, 20), (&one, 30), (&two, 40), (&one, 50)] {
        store
            .enqueue(&sample::manual(schedule, sample::after(second)), &sample::change_at(Verb::RunTriggered, sample::after(0)))
            .await
            .unwrap();
        let run = store.claim(WorkerId::generate(), sample::after(99), sample::after(999), 1).await.unwrap().remove(0);
        store.finish(&run.lease, &sample::end(RunStatus::Complete), sample::after(99)).await.unwrap();
    }
    for (schedule, page, expected, total) in [
        (None, 1, &[50, 40, 30][..], 5),
        (None, 2, &[20, 10], 5),
        (Some(one.id), 1, &[50, 30, 10], 3),
        (Some(one.id), 2, &[], 3),
        (Some(two.id), 1, &[40, 20], 2),
    ] {
        let found = store.list_runs(schedule, page, 3).await.unwrap();
        let seconds: Vec<i64> = found.rows.iter().map(|run| run.scheduled_for.as_second() - sample::after(0).as_second()).collect();
        assert_eq!((seconds.as_slice(), found.total), (expected, total));
    }
    assert_eq!(store.run(RunId::generate()).await.unwrap(), None);
}

pub async fn runs_of_many_schedules_are_told_at_once<S: Store>(store: &S) {
    let (failing, fine, idle) = (saved(store, "failing").await, saved(store, "fine").await, saved(store, "idle").await);
    let tries = [
        (&failing, 10, RunStatus::Error),
        (&failing, 20, RunStatus::Killed),
        (&failing, 30, RunStatus::Complete),
        (&fine, 40, RunStatus::Complete),
    ];
    for (schedule, second, status) in tries {
        store
            .enqueue(&sample::manual(schedule, sample::after(second)), &sample::change_at(Verb::RunTriggered, sample::after(0)))
            .await
            .unwrap();
        let run = store.claim(WorkerId::generate(), sample::after(99), sample::after(999), 1).await.unwrap().remove(0);
        store.finish(&run.lease, &sample::end(status), sample::after(99)).await.unwrap();
    }
    for schedule in [&failing, &fine] {
        store
            .enqueue(&sample::manual(schedule, sample::after(100)), &sample::change_at(Verb::RunTriggered, sample::after(0)))
            .await
            .unwrap();
    }
    let all = [failing.id, fine.id, idle.id];
    let failures = store.latest_failures(&all).await.unwrap();
    assert_eq!(failures.len(), 1);
    assert_eq!((failures[0].schedule_id, failures[0].scheduled_for), (failing.id, sample::after(20)));
    let mut under_way: Vec<_> = store.runs_under_way(&all).await.unwrap().iter().map(|run| run.schedule_id).collect();
    under_way.sort();
    let mut expected = vec![failing.id, fine.id];
    expected.sort();
    assert_eq!(under_way, expected);
    assert_eq!(store.runs_under_way(&[idle.id]).await.unwrap(), []);
    assert_eq!((store.latest_failures(&[]).await.unwrap(), store.runs_under_way(&[]).await.unwrap()), (vec![], vec![]));
}

pub async fn s8_tests_are_counted_by_owner_and_day<S: Store>(store: &S) {
    let schedule = saved(store, "daily").await;
    let owner = schedule.definition.owner;
    let mut others = schedule.definition.clone();
    others.owner = sample::member(77);
    for (definition, second) in [(&schedule.definition, 10), (&schedule.definition, 20), (&others, 20)] {
        store
            .enqueue(
                &sample::test_delivery(definition.clone(), sample::after(second)),
                &sample::change_at(Verb::RunTriggered, sample::after(0)),
            )
            .await
            .unwrap();
    }
    store.enqueue(&sample::manual(&schedule, sample::after(30)), &sample::change_at(Verb::RunTriggered, sample::after(0))).await.unwrap();
    for (since, expected) in [(0, 2), (11, 1), (20, 1), (21, 0)] {
        assert_eq!(store.count_tests(owner, sample::after(since)).await.unwrap(), expected, "since {since}");
    }
}

pub async fn a_resend_is_a_run_of_its_own_with_its_piece<S: Store>(store: &S) {
    let (schedule, first) = started(store, sample::schedule("daily")).await;
    let mut again = sample::run(&schedule, RunKind::Resend, sample::after(2));
    let piece = sample::piece(again.id, "blob@myorg.co");
    again.record.resend_of = Some(ResendOf { run: first.run.id, delivery: piece.id });
    store.enqueue_resend(&again, &piece, &sample::change(Verb::RunResent)).await.unwrap();
    assert_eq!(store.deliveries(again.id).await.unwrap(), std::slice::from_ref(&piece));
    let listed = store.resends(first.run.id).await.unwrap();
    assert_eq!(listed.iter().map(|run| (run.id, run.kind)).collect::<Vec<_>>(), [(again.id, RunKind::Resend)]);
    assert!(store.resends(again.id).await.unwrap().is_empty());
    let claimed = store.claim(WorkerId::generate(), sample::after(3), sample::after(303), 9).await.unwrap();
    assert_eq!(claimed.len(), 1, "beside the run under way");
    store.finish(&claimed[0].lease, &sample::end(RunStatus::Complete), sample::after(4)).await.unwrap();
    assert_eq!(stored(store, &schedule).await.last_run, None, "it leaves no trace on the schedule");
    // Its schedule may be gone.
    store.delete_schedule(schedule.id, &sample::change_at(Verb::ScheduleDeleted, sample::after(5))).await.unwrap();
    let late = sample::run(&schedule, RunKind::Resend, sample::after(6));
    store.enqueue_resend(&late, &sample::piece(late.id, "blob@myorg.co"), &sample::change(Verb::RunResent)).await.unwrap();
    assert!(!store.is_cancelled(late.id).await.unwrap());
}
