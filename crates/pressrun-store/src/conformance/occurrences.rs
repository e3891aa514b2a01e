//! Triggering, tests, resends, history.

use pressrun_domain::access::told::HistoryReader;
use pressrun_domain::audit::Verb;
use pressrun_domain::condition::ConditionKind;
use pressrun_domain::delivery::Delivery;
use pressrun_domain::id::{RunId, ScheduleId, WorkerId};
use pressrun_domain::outline::{KnownTo, Outline};
use pressrun_domain::run::{ResendOf, RunKind, RunStatus};

use super::{claim, saved, started, stored};
use crate::{RunNews, Store, StoreError, sample};

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
    store.release(&run.lease, sample::after(60), &RunNews::default()).await.unwrap();
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
    assert_eq!(sample::occur(store, &[&schedule], sample::after(2)).await, 1);
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

pub async fn m13_only_runs_that_count_are_among_the_last_endings<S: Store>(store: &S) {
    let schedule = saved(store, "daily").await;
    let end = async |kind: RunKind, second: i64, status: RunStatus| {
        let mut enqueue = sample::manual(&schedule, sample::after(second));
        enqueue.run.kind = kind;
        store.enqueue(&enqueue, &sample::change_at(Verb::RunTriggered, sample::after(0))).await.unwrap();
        let run = store.claim(WorkerId::generate(), sample::after(99), sample::after(999), 1).await.unwrap().remove(0);
        store.finish(&run.lease, &sample::end(status), sample::after(99)).await.unwrap();
    };
    end(RunKind::Manual, 1, RunStatus::Complete).await;
    end(RunKind::Manual, 2, RunStatus::Error).await;
    for second in 3..30 {
        end(RunKind::Test, second, RunStatus::Killed).await;
        end(RunKind::Resend, second, RunStatus::ErrorDelivered).await;
    }
    assert_eq!(store.last_endings(schedule.id, 5).await.unwrap(), [RunStatus::Error, RunStatus::Complete]);
    assert_eq!(store.last_endings(schedule.id, 1).await.unwrap(), [RunStatus::Error]);
    assert!(store.last_endings(ScheduleId::generate(), 5).await.unwrap().is_empty());
    // What failed last is an occurrence too, and not what was sent again since.
    assert_eq!(store.latest_failures(&[schedule.id]).await.unwrap()[0].scheduled_for, sample::after(2));
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
    store.promise(&first.lease, &[sample::piece(first.run.id, "blob@myorg.co")]).await.unwrap();
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

pub async fn i3_a_piece_is_sent_again_once_at_a_time<S: Store>(store: &S) {
    let (schedule, first) = started(store, sample::schedule("daily")).await;
    let [one, other] = ["blob@myorg.co", "blobby@myorg.co"].map(|target| sample::piece(first.run.id, target));
    store.promise(&first.lease, &[one.clone(), other.clone()]).await.unwrap();
    let resend = async |piece: &Delivery, seconds: i64| {
        let mut again = sample::run(&schedule, RunKind::Resend, sample::after(seconds));
        again.record.resend_of = Some(ResendOf { run: first.run.id, delivery: piece.id });
        let piece = sample::piece(again.id, &piece.target);
        store.enqueue_resend(&again, &piece, &sample::change(Verb::RunResent)).await
    };
    resend(&one, 2).await.unwrap();
    assert!(matches!(resend(&one, 3).await, Err(StoreError::RunInProgress)), "it is queued");
    resend(&other, 3).await.unwrap();
    let claimed = store.claim(WorkerId::generate(), sample::after(4), sample::after(304), 9).await.unwrap();
    assert!(matches!(resend(&one, 5).await, Err(StoreError::RunInProgress)), "it is running");
    for run in &claimed {
        store.finish(&run.lease, &sample::end(RunStatus::Complete), sample::after(6)).await.unwrap();
    }
    resend(&one, 7).await.unwrap();
}

pub async fn d28_resends_are_listed_for_those_who_may_know_of_them<S: Store>(store: &S) {
    let (schedule, first) = started(store, sample::schedule("daily")).await;
    store.promise(&first.lease, &[sample::piece(first.run.id, "blob@myorg.co")]).await.unwrap();
    let mut alert = schedule.clone();
    alert.definition.condition = Some(sample::condition(ConditionKind::ResultsPresent));
    let tries = [
        (&schedule, None, "plain@myorg.co"),
        (&alert, Some(KnownTo::Readers), "readers@myorg.co"),
        (&alert, Some(KnownTo::Owner), "owner@myorg.co"),
        (&alert, Some(KnownTo::Admins), "Admins@myorg.co"),
        (&alert, None, "old@myorg.co"),
    ];
    for (second, (of, known_to, target)) in (2..).zip(tries) {
        let mut again = sample::run(of, RunKind::Resend, sample::after(second));
        let piece = sample::piece(again.id, target);
        again.record.resend_of = Some(ResendOf { run: first.run.id, delivery: piece.id });
        again.record.outline = known_to.map(Outline::new);
        store.enqueue_resend(&again, &piece, &sample::change(Verb::RunResent)).await.unwrap();
    }
    let owner = Some(schedule.definition.owner);
    for (owner, address, seconds) in [
        (None, None, &[3, 2, 0][..]),
        (owner, None, &[4, 3, 2, 0]),
        (Some(sample::member(77)), Some("nobody@myorg.co"), &[3, 2, 0]),
        (None, Some("admins@MYORG.co"), &[5, 3, 2, 0]),
        (owner, Some("old@myorg.co"), &[6, 4, 3, 2, 0]),
    ] {
        let reader = HistoryReader { owner, address: address.map(|address| address.parse().unwrap()) };
        let mut listed = Vec::new();
        for page in 1..=3 {
            let found = store.list_runs_for(&reader, schedule.id, page, 2).await.unwrap();
            assert_eq!(found.total, seconds.len() as u64, "{reader:?}");
            listed.extend(found.rows.iter().map(|run| run.scheduled_for.as_second() - sample::after(0).as_second()));
        }
        assert_eq!(listed, seconds, "{reader:?}");
    }
    assert_eq!(store.list_runs(Some(schedule.id), 1, 9).await.unwrap().total, 6);
}
