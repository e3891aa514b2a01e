//! Claims, leases, fences, cancelling.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use pressrun_domain::audit::Verb;
use pressrun_domain::delivery::{Attempt, DeliveryState};
use pressrun_domain::id::{RunId, WorkerId};
use pressrun_domain::run::{Lease, Progress, RunKind, RunRecord, RunState, RunStatus, TimelineEntry, Worked};

use super::{claim, insert, saved, started, stored};
use crate::{ClaimRequest, ClaimedRun, Learnt, RunNews, Store, StoreError, sample};

pub async fn claims_count_the_fence_and_keep_the_first_start<S: Store>(store: &S) {
    let (_, first) = started(store, sample::schedule("daily")).await;
    assert_eq!((first.lease.fence, first.run.fence, first.run.started_at), (1, 1, Some(sample::after(1))));
    assert_eq!(first.run.state, RunState::Running { lease: first.lease });
    let mut record = RunRecord::default();
    record.note(sample::after(2), "retrying", None);
    let progress = Progress { query_failures: 1, queries_fail_since: Some(sample::after(2)), ..Progress::default() };
    let news = RunNews { record: record.clone(), progress, ..RunNews::default() };
    store.release(&first.lease, sample::after(30), &news).await.unwrap();
    let waiting = store.run(first.run.id).await.unwrap().unwrap();
    assert_eq!(
        (waiting.state, &waiting.record.timeline[1..]),
        (RunState::Queued { available_at: sample::after(30) }, &record.timeline[..])
    );
    let second = store.claim(WorkerId::generate(), sample::after(30), sample::after(60), 9).await.unwrap().remove(0);
    assert_eq!((second.lease.fence, second.run.started_at), (2, Some(sample::after(1))));
    assert_eq!(second.run.progress, Progress { fence: 1, ..news.progress }, "and it came further");
    assert_eq!(second.run.record, RunRecord::default(), "a claim reads no history");
}

pub async fn eight_claimers_get_each_of_400_runs_once<S: Store>(store: &S) {
    let mut planned = Vec::new();
    for number in 0..400 {
        let mut schedule = sample::schedule(&format!("daily {number}"));
        schedule.definition.owner = sample::member(number % 7);
        planned.push(insert(store, schedule).await);
    }
    assert_eq!(sample::occur(store, &planned.iter().collect::<Vec<_>>(), sample::after(0)).await, 400);
    let claimers = (0..8).map(|_| async {
        let (worker, mut mine) = (WorkerId::generate(), Vec::new());
        loop {
            let runs = store.claim(worker, sample::after(1), sample::after(301), 7).await.unwrap();
            if runs.is_empty() {
                return mine;
            }
            mine.extend(runs.iter().map(|run| run.run.id));
            for run in runs {
                store.finish(&run.lease, &sample::end(RunStatus::Complete), sample::after(2)).await.unwrap();
            }
        }
    });
    let claimed: Vec<RunId> = futures::future::join_all(claimers).await.concat();
    assert_eq!(claimed.len(), 400);
    assert_eq!(claimed.iter().collect::<BTreeSet<_>>().len(), 400);
    assert_eq!(store.next_available(sample::after(0)).await.unwrap(), None);
}

pub async fn claims_go_round_by_owner<S: Store>(store: &S) {
    for (owner, number) in [(1, 0), (1, 1), (1, 2), (1, 3), (2, 4), (2, 5), (3, 6)] {
        let mut schedule = sample::schedule(&format!("{owner}-{number}"));
        schedule.definition.owner = sample::member(owner);
        let schedule = insert(store, schedule).await;
        store
            .enqueue(&sample::manual(&schedule, sample::after(0)), &sample::change_at(Verb::RunTriggered, sample::after(0)))
            .await
            .unwrap();
    }
    let mut order = Vec::new();
    for _ in 0..7 {
        order.push(claim(store).await.run.definition.name);
    }
    assert_eq!(order, ["1-0", "2-4", "3-6", "1-1", "2-5", "1-2", "1-3"]);
}

pub async fn a_run_is_not_claimed_before_it_is_available<S: Store>(store: &S) {
    let schedule = saved(store, "daily").await;
    let mut later = sample::manual(&schedule, sample::after(0));
    later.run.state = RunState::Queued { available_at: sample::after(10) };
    store.enqueue(&later, &sample::change_at(Verb::RunTriggered, sample::after(0))).await.unwrap();
    let worker = WorkerId::generate();
    assert!(store.claim(worker, sample::after(9), sample::after(99), 5).await.unwrap().is_empty());
    assert!(store.claim(worker, sample::after(10), sample::after(99), 0).await.unwrap().is_empty());
    assert_eq!(store.claim(worker, sample::after(10), sample::after(99), 5).await.unwrap().len(), 1);
}

pub async fn h4_m1_what_waits_at_a_receiver_is_called_up_when_there_is_room_or_comes_by_itself<S: Store>(store: &S) {
    let mut schedules = Vec::new();
    for number in 0..6 {
        schedules.push(saved(store, &format!("to a dead host {number}")).await);
    }
    assert_eq!(sample::occur(store, &schedules.iter().collect::<Vec<_>>(), sample::after(0)).await, 6);
    let claim = async |second: i64, receivers: &[(&str, u32)]| {
        let mut request = ClaimRequest::new(WorkerId::generate(), sample::after(second), sample::after(9_999), 9);
        request.receivers = receivers.iter().map(|(name, room)| ((*name).to_owned(), *room)).collect();
        store.claim_some(&request).await.unwrap()
    };
    // Four wait at one receiver, one at another, one for its retry.
    let (mut slow, mut all) = (Vec::new(), claim(1, &[]).await);
    for (number, run) in all.drain(..).enumerate() {
        let waits_at = ["slow", "slow", "slow", "slow", "other"].get(number).map(|name| (*name).to_owned());
        slow.push(run.run.id);
        let until = sample::after(600 + i64::try_from(number).unwrap());
        store.release(&run.lease, until, &RunNews { waits_at, ..RunNews::default() }).await.unwrap();
    }
    assert!(claim(2, &[]).await.is_empty(), "nobody calls");
    assert!(claim(2, &[("unknown", 9)]).await.is_empty());
    let called: Vec<_> = claim(3, &[("slow", 2)]).await.into_iter().map(|run| run.run.id).collect();
    assert_eq!(called, slow[..2], "who comes first by itself");
    let rest: Vec<_> = claim(604, &[("slow", 9)]).await.into_iter().map(|run| run.run.id).collect();
    assert_eq!(rest, slow[2..5], "each once, whether it is called or its time comes");
    assert_eq!(claim(700, &[("other", 9)]).await.len(), 1);
}

pub async fn a_lapsed_lease_is_claimed_again<S: Store>(store: &S) {
    let (_, first) = started(store, sample::schedule("daily")).await;
    let worker = WorkerId::generate();
    assert!(store.claim(worker, sample::after(300), sample::after(999), 5).await.unwrap().is_empty());
    let second = store.claim(worker, sample::after(301), sample::after(999), 5).await.unwrap().remove(0);
    assert_eq!(second.run.id, first.run.id);
    assert_eq!(second.lease, Lease { run: first.run.id, worker, fence: 2, until: sample::after(999) });
    assert!(matches!(store.renew(&first.lease, sample::after(999)).await, Err(StoreError::LeaseLost)));
    store.renew(&second.lease, sample::after(1999)).await.unwrap();
}

pub async fn h1_handing_back_leaves_what_is_recorded_as_it_is<S: Store>(store: &S) {
    let (_, first) = started(store, sample::schedule("daily")).await;
    let pieces = ["a@b.co", "c@d.co"].map(|target| sample::piece(first.run.id, target));
    store.promise(&first.lease, &pieces).await.unwrap();
    let mut news = RunNews { progress: Progress { promised_at: Some(sample::after(2)), ..Progress::default() }, ..RunNews::default() };
    news.record.warn("said meanwhile");
    store.add_news(&first.lease, &news).await.unwrap();
    store.begin_attempt(&first.lease, pieces[0].id, sample::after(2)).await.unwrap();
    let before = (store.run(first.run.id).await.unwrap().unwrap().record, store.deliveries(first.run.id).await.unwrap());
    let line = TimelineEntry { at: sample::after(3), event: "handedBack".into(), detail: None };
    let worked = Worked { preparing: SignedDuration::from_secs(1), sending: SignedDuration::from_millis(500) };
    store.hand_back(&first.lease, sample::after(3), std::slice::from_ref(&line), worked).await.unwrap();
    assert!(matches!(store.hand_back(&first.lease, sample::after(4), &[], worked).await, Err(StoreError::LeaseLost)));
    let mut handed_back = store.run(first.run.id).await.unwrap().unwrap();
    assert_eq!(handed_back.state, RunState::Queued { available_at: sample::after(3) });
    assert_eq!(handed_back.record.timeline.pop(), Some(line));
    assert_eq!((handed_back.record, store.deliveries(first.run.id).await.unwrap()), before);
    let second = store.claim(WorkerId::generate(), sample::after(3), sample::after(99), 9).await.unwrap().remove(0);
    assert_eq!((second.run.fence, second.run.progress), (2, Progress { worked, fence: 1, ..news.progress }));
}

pub async fn m8_only_what_brings_a_run_further_counts_as_progress<S: Store>(store: &S) {
    let (_, mut run) = started(store, sample::schedule("daily")).await;
    let pieces = ["a@b.co", "c@d.co"].map(|target| sample::piece(run.run.id, target));
    let mut now = 1;
    let mut dies = async |run: ClaimedRun| {
        now += 1000;
        let again = store.claim(run.lease.worker, sample::after(now), sample::after(now + 300), 1).await.unwrap().remove(0);
        assert_eq!(again.run.id, run.run.id);
        again
    };
    for _ in 0..5 {
        assert!(!run.run.is_poison());
        // Pieces that are thrown away again are none.
        store.promise(&run.lease, &pieces).await.unwrap();
        run = dies(run).await;
    }
    assert!(run.run.is_poison(), "five workers died over it");
    store.begin_attempt(&run.lease, pieces[0].id, sample::after(2)).await.unwrap();
    run = dies(run).await;
    assert!(run.run.is_poison(), "an attempt that never ended");
    let number = store.begin_attempt(&run.lease, pieces[0].id, sample::after(2)).await.unwrap();
    let attempt = Attempt { number, started_at: sample::after(2), ended_at: Some(sample::after(3)), outcome: None };
    let owed = DeliveryState::Pending { not_before: sample::after(3) };
    store.end_attempt(&run.lease, pieces[0].id, &attempt, &owed, &Learnt::default()).await.unwrap();
    for _ in 0..5 {
        run = dies(run).await;
        assert!(!run.run.is_poison(), "claim {}", run.run.fence);
    }
    assert!(dies(run).await.run.is_poison());
}

pub async fn a_renewed_lease_does_not_lapse<S: Store>(store: &S) {
    let (_, run) = started(store, sample::schedule("daily")).await;
    let renewed = store.renew(&run.lease, sample::after(600)).await.unwrap();
    assert_eq!(renewed, Lease { until: sample::after(600), ..run.lease });
    assert!(store.claim(WorkerId::generate(), sample::after(599), sample::after(999), 5).await.unwrap().is_empty());
    assert_eq!(store.next_available(sample::after(1)).await.unwrap(), Some(sample::after(600)));
    // Late, but nobody else has it: it still holds.
    store.renew(&renewed, sample::after(700)).await.unwrap();
}

pub async fn a_worker_that_lost_its_lease_writes_nothing<S: Store>(store: &S) {
    let (schedule, first) = started(store, sample::schedule("daily")).await;
    let piece = sample::piece(first.run.id, "blob@myorg.co");
    store.promise(&first.lease, std::slice::from_ref(&piece)).await.unwrap();
    store.begin_attempt(&first.lease, piece.id, sample::after(2)).await.unwrap();
    let second = store.claim(first.lease.worker, sample::after(301), sample::after(999), 5).await.unwrap().remove(0);
    let before = (store.run(first.run.id).await.unwrap(), store.deliveries(first.run.id).await.unwrap());

    let strangers = [first.lease, Lease { worker: WorkerId::generate(), ..second.lease }, Lease { fence: 3, ..second.lease }];
    for lease in &strangers {
        let mut news = RunNews::default();
        news.record.warn("from the past");
        let attempt = Attempt { number: 1, started_at: sample::after(2), ended_at: Some(sample::after(3)), outcome: None };
        let results = [
            store.renew(lease, sample::after(9999)).await.map(|_| ()),
            store.add_news(lease, &news).await,
            store.release(lease, sample::after(400), &news).await,
            store.hand_back(lease, sample::after(400), &news.record.timeline, Worked::default()).await,
            store.promise(lease, &[sample::piece(first.run.id, "other@myorg.co")]).await,
            store.begin_attempt(lease, piece.id, sample::after(302)).await.map(|_| ()),
            store.end_attempt(lease, piece.id, &attempt, &DeliveryState::Accepted { at: sample::after(3) }, &Learnt::default()).await,
            store.finish(lease, &sample::end(RunStatus::Complete), sample::after(303)).await,
        ];
        for (call, result) in results.iter().enumerate() {
            assert!(matches!(result, Err(StoreError::LeaseLost)), "call {call}: {result:?}");
        }
    }
    assert_eq!((store.run(first.run.id).await.unwrap(), store.deliveries(first.run.id).await.unwrap()), before);
    assert_eq!(stored(store, &schedule).await.last_run, None);
}

pub async fn an_ended_run_takes_nothing_more<S: Store>(store: &S) {
    let (_, run) = started(store, sample::schedule("daily")).await;
    store.finish(&run.lease, &sample::end(RunStatus::Complete), sample::after(3)).await.unwrap();
    assert!(matches!(store.finish(&run.lease, &sample::end(RunStatus::Error), sample::after(4)).await, Err(StoreError::LeaseLost)));
    assert!(matches!(store.add_news(&run.lease, &RunNews::default()).await, Err(StoreError::LeaseLost)));
    assert!(!store.cancel(run.run.id, &sample::change_at(Verb::RunCancelled, sample::after(4))).await.unwrap());
    let expected = RunState::Ended { at: sample::after(3), status: RunStatus::Complete, reason: None };
    assert_eq!(store.run(run.run.id).await.unwrap().unwrap().state, expected);
    assert!(store.claim(WorkerId::generate(), sample::after(9999), sample::after(99999), 5).await.unwrap().is_empty());
}

pub async fn the_next_wake_is_the_earliest_of_queue_and_leases<S: Store>(store: &S) {
    assert_eq!(store.next_available(sample::after(0)).await.unwrap(), None);
    assert_eq!(store.next_due().await.unwrap(), None);
    let (_, _running) = started(store, sample::schedule("running")).await;
    assert_eq!(store.next_available(sample::after(1)).await.unwrap(), Some(sample::after(301)));
    let queued = saved(store, "queued").await;
    store.enqueue(&sample::manual(&queued, sample::after(5)), &sample::change_at(Verb::RunTriggered, sample::after(5))).await.unwrap();
    assert_eq!(store.next_available(sample::after(1)).await.unwrap(), Some(sample::after(5)));
    // Whoever tried to claim at five and got nothing has no reason to come back before the lease lapses.
    assert_eq!(store.next_available(sample::after(5)).await.unwrap(), Some(sample::after(301)));
    assert_eq!(store.next_available(sample::after(301)).await.unwrap(), None);
}

pub async fn s5_a_queued_run_is_cancelled_at_once<S: Store>(store: &S) {
    let schedule = saved(store, "daily").await;
    let enqueue = sample::manual(&schedule, sample::after(0));
    store.enqueue(&enqueue, &sample::change_at(Verb::RunTriggered, sample::after(0))).await.unwrap();
    assert!(store.cancel(enqueue.run.id, &sample::change_at(Verb::RunCancelled, sample::after(1))).await.unwrap());
    assert!(!store.cancel(enqueue.run.id, &sample::change_at(Verb::RunCancelled, sample::after(2))).await.unwrap());
    assert!(!store.cancel(RunId::generate(), &sample::change_at(Verb::RunCancelled, sample::after(2))).await.unwrap());
    let state = store.run(enqueue.run.id).await.unwrap().unwrap().state;
    assert_eq!(state, RunState::Ended { at: sample::after(1), status: RunStatus::Killed, reason: Some("cancelled".into()) });
    let last = stored(store, &schedule).await.last_run.unwrap();
    assert_eq!((last.status, last.completed_at), (RunStatus::Killed, sample::after(1)));
    assert!(store.claim(WorkerId::generate(), sample::after(9), sample::after(99), 5).await.unwrap().is_empty());
}

pub async fn s5_a_running_run_is_told<S: Store>(store: &S) {
    let (_, run) = started(store, sample::schedule("daily")).await;
    assert!(!store.is_cancelled(run.run.id).await.unwrap());
    assert!(store.cancel(run.run.id, &sample::change_at(Verb::RunCancelled, sample::after(2))).await.unwrap());
    assert!(store.is_cancelled(run.run.id).await.unwrap());
    assert!(matches!(store.run(run.run.id).await.unwrap().unwrap().state, RunState::Running { .. }));
    // It was about to wait for a retry: it does not wait to be told.
    store.release(&run.lease, sample::after(900), &RunNews::default()).await.unwrap();
    let again = claim(store).await;
    assert_eq!((again.run.id, again.run.kind), (run.run.id, RunKind::Scheduled));
    assert!(store.is_cancelled(run.run.id).await.unwrap());
}

pub async fn l1_a_run_that_gives_way_comes_after_one_of_each_other_owner<S: Store>(store: &S) {
    for (owner, number) in [(1, 0), (1, 1), (2, 2), (2, 3), (3, 4)] {
        let mut schedule = sample::schedule(&format!("{owner}-{number}"));
        schedule.definition.owner = sample::member(owner);
        let schedule = insert(store, schedule).await;
        store
            .enqueue(&sample::manual(&schedule, sample::after(0)), &sample::change_at(Verb::RunTriggered, sample::after(0)))
            .await
            .unwrap();
    }
    let big = claim(store).await;
    assert_eq!(big.run.definition.name, "1-0");
    assert!(store.others_wait(sample::after(1)).await.unwrap());
    store.yield_run(&big.lease, sample::after(1), &RunNews::default()).await.unwrap();
    let mut order = Vec::new();
    while let Some(run) = store.claim(WorkerId::generate(), sample::after(1), sample::after(301), 1).await.unwrap().pop() {
        order.push(run.run.definition.name);
    }
    assert_eq!(order, ["2-2", "3-4", "1-1", "2-3", "1-0"]);
    assert!(!store.others_wait(sample::after(1)).await.unwrap());

    // Two at one instant, each the only one of its owner: the one that gave way is the second.
    for owner in [7, 8] {
        let mut schedule = sample::schedule(&format!("only one of {owner}"));
        schedule.definition.owner = sample::member(owner);
        let schedule = insert(store, schedule).await;
        store
            .enqueue(&sample::manual(&schedule, sample::after(2)), &sample::change_at(Verb::RunTriggered, sample::after(2)))
            .await
            .unwrap();
    }
    let first = store.claim(WorkerId::generate(), sample::after(2), sample::after(301), 1).await.unwrap().remove(0);
    store.yield_run(&first.lease, sample::after(2), &RunNews::default()).await.unwrap();
    let next = store.claim(WorkerId::generate(), sample::after(2), sample::after(301), 1).await.unwrap().remove(0);
    assert_ne!(next.run.id, first.run.id);
}

pub async fn l1_runs_of_busy_documents_wait<S: Store>(store: &S) {
    for identifier in ["slow", "quick"] {
        let mut schedule = sample::schedule(identifier);
        schedule.definition.identifier = identifier.into();
        let schedule = insert(store, schedule).await;
        sample::occur(store, &[&schedule], sample::after(0)).await;
    }
    let mut request = ClaimRequest::new(WorkerId::generate(), sample::after(1), sample::after(301), 9);
    request.busy = vec!["slow".into()];
    let claimed = store.claim_some(&request).await.unwrap();
    assert_eq!(claimed.iter().map(|run| run.run.definition.name.as_str()).collect::<Vec<_>>(), ["quick"]);
    request.busy.clear();
    assert_eq!(store.claim_some(&request).await.unwrap().len(), 1);
}

pub async fn i1_a_worker_does_not_take_its_own_runs_over<S: Store>(store: &S) {
    let (_, run) = started(store, sample::schedule("daily")).await;
    let mut request = ClaimRequest::new(run.lease.worker, sample::after(999), sample::after(1999), 9);
    request.under_way = vec![run.run.id];
    assert!(store.claim_some(&request).await.unwrap().is_empty(), "its lease has lapsed, but it is at work");
    request.under_way.clear();
    assert_eq!(store.claim_some(&request).await.unwrap().len(), 1);
}

pub async fn i1_leases_are_left_alone_when_nobody_can_tell_them<S: Store>(store: &S) {
    let (_, _run) = started(store, sample::schedule("daily")).await;
    let mut request = ClaimRequest::new(WorkerId::generate(), sample::after(999), sample::after(1999), 9);
    request.rescue = false;
    assert!(store.claim_some(&request).await.unwrap().is_empty());
}

pub async fn t14_a_clock_that_was_set_back_holds_nothing_up<S: Store>(store: &S) {
    let hours = |hours: i64| sample::after(hours * 3600);
    let (_, dead) = started(store, sample::schedule("of a worker that died")).await;
    store.renew(&dead.lease, hours(5)).await.unwrap();
    let waiting = saved(store, "put off").await;
    let mut enqueue = sample::manual(&waiting, hours(5));
    enqueue.run.state = RunState::Queued { available_at: hours(5) };
    store.enqueue(&enqueue, &sample::change_at(Verb::RunTriggered, hours(5))).await.unwrap();
    // Five hours back: a lease and a wait of hours are of another time.
    let mut request = ClaimRequest::new(WorkerId::generate(), sample::after(0), sample::after(60), 9);
    request.longest_wait = jiff::SignedDuration::from_mins(15);
    let claimed: BTreeSet<RunId> = store.claim_some(&request).await.unwrap().iter().map(|run| run.run.id).collect();
    assert_eq!(claimed, BTreeSet::from([dead.run.id, enqueue.run.id]));
}
