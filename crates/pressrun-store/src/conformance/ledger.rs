//! Deliveries, attempts, endings and what they leave behind.

use pressrun_domain::audit::Verb;
use pressrun_domain::condition::{BaselineMoves, ConditionKind, Judgement};
use pressrun_domain::delivery::{Attempt, Delivery, DeliveryState, Outcome, Tally};
use pressrun_domain::destination::Destination;
use pressrun_domain::id::DeliveryId;
use pressrun_domain::outline::{KnownTo, Outline, Untold};
use pressrun_domain::run::{
    BaselineRecord, ConditionRecord, JudgedResult, RunRecord, RunState, RunStatus, TileRecord, TimelineEntry, WaitingBaseline,
};
use pressrun_domain::schedule::{LastRun, Schedule, SystemDisabled, SystemDisabledReason};

use super::{claim, insert, started, stored};
use crate::{ClaimedRun, Learnt, RunEnd, RunNews, Store, StoreError, sample};

fn attempt(number: u32, outcome: Outcome) -> Attempt {
    Attempt { number, started_at: sample::after(2), ended_at: Some(sample::after(3)), outcome: Some(outcome) }
}

fn accepted() -> (Outcome, DeliveryState) {
    (Outcome::Accepted { receipt: "250 OK".into() }, DeliveryState::Accepted { at: sample::after(3) })
}

/// A result that becomes the baseline of `audience` whatever becomes of the run.
fn judged(audience: &str, fingerprint: &str) -> JudgedResult {
    waiting(fingerprint, vec![WaitingBaseline { audience: audience.into(), moves: BaselineMoves::Always, told_by: None }])
}

fn waiting(fingerprint: &str, baselines: Vec<WaitingBaseline>) -> JudgedResult {
    JudgedResult { fingerprint: fingerprint.into(), baselines }
}

async fn run_again<S: Store>(store: &S, schedule: &Schedule) -> ClaimedRun {
    let schedule = stored(store, schedule).await;
    store
        .enqueue(&sample::manual(&schedule, sample::after(1)), &sample::change_at(Verb::RunTriggered, sample::after(1)))
        .await
        .expect("queued");
    claim(store).await
}

pub async fn pieces_are_promised_once_and_in_order<S: Store>(store: &S) {
    let (_, run) = started(store, sample::schedule("daily")).await;
    let mut pieces: Vec<_> = ["c@d.co", "a@b.co", "b@c.co"].iter().map(|target| sample::piece(run.run.id, target)).collect();
    pieces[1].artifact = None;
    pieces[1].state = DeliveryState::Skipped { reason: "noAccess".into() };
    pieces[2].state = DeliveryState::Failed { at: sample::after(1), reason: "domain not allowed".into() };
    store.promise(&run.lease, &pieces[..2]).await.unwrap();
    // A resumed run promises everything again, and one more.
    let mut again = pieces.clone();
    again[0].message.subject = "rendered anew".into();
    again[0].id = DeliveryId::generate();
    store.promise(&run.lease, &again).await.unwrap();
    assert_eq!(store.deliveries(run.run.id).await.unwrap(), pieces);
}

pub async fn i7_an_accepted_piece_is_never_tried_again<S: Store>(store: &S) {
    let (_, run) = started(store, sample::schedule("daily")).await;
    let piece = sample::piece(run.run.id, "blob@myorg.co");
    store.promise(&run.lease, std::slice::from_ref(&piece)).await.unwrap();
    let number = store.begin_attempt(&run.lease, piece.id, sample::after(2)).await.unwrap();
    let (outcome, state) = accepted();
    let made = attempt(number, outcome);
    store.end_attempt(&run.lease, piece.id, &made, &state, &Learnt::default()).await.unwrap();

    store.promise(&run.lease, std::slice::from_ref(&piece)).await.unwrap();
    assert!(matches!(store.begin_attempt(&run.lease, piece.id, sample::after(4)).await, Err(StoreError::Conflict)));
    let owed = DeliveryState::Pending { not_before: sample::after(9) };
    assert!(matches!(store.end_attempt(&run.lease, piece.id, &made, &owed, &Learnt::default()).await, Err(StoreError::Conflict)));
    let read = store.deliveries(run.run.id).await.unwrap().remove(0);
    assert_eq!((read.state, read.attempts), (state, vec![made]));
    let unknown = DeliveryId::generate();
    assert!(matches!(store.begin_attempt(&run.lease, unknown, sample::after(4)).await, Err(StoreError::NotFound(_))));
}

pub async fn i6_promises_of_a_claim_that_died_are_forgotten_but_not_what_was_tried<S: Store>(store: &S) {
    let (_, run) = started(store, sample::schedule("daily")).await;
    let tried = sample::piece(run.run.id, "tried@b.co");
    let half: Vec<_> = ["a@b.co", "b@c.co"].iter().map(|target| sample::piece(run.run.id, target)).collect();
    store.promise(&run.lease, &half).await.unwrap();
    store.promise(&run.lease, std::slice::from_ref(&tried)).await.unwrap();
    store.begin_attempt(&run.lease, tried.id, sample::after(2)).await.unwrap();
    store.forget_promises(&run.lease).await.unwrap();
    let left: Vec<_> = store.deliveries(run.run.id).await.unwrap().into_iter().map(|piece| piece.target).collect();
    assert_eq!(left, ["tried@b.co"]);
    // The next claim promises something else to the same people.
    let mut again = half.clone();
    again[0].message.subject = "rendered anew".into();
    store.promise(&run.lease, &again).await.unwrap();
    assert_eq!(store.deliveries(run.run.id).await.unwrap()[1..], again);
    let stale = pressrun_domain::run::Lease { fence: 0, ..run.lease };
    assert!(matches!(store.forget_promises(&stale).await, Err(StoreError::LeaseLost)));
}

pub async fn owed_pieces_come_in_pages_in_the_order_promised<S: Store>(store: &S) {
    let (_, run) = started(store, sample::schedule("daily")).await;
    let mut pieces: Vec<_> = (0..5).map(|number| sample::piece(run.run.id, &format!("p{number}@b.co"))).collect();
    pieces[1].state = DeliveryState::Pending { not_before: sample::after(60) };
    pieces[2].state = DeliveryState::Skipped { reason: "noAccess".into() };
    store.promise(&run.lease, &pieces).await.unwrap();
    let owed = async |now, limit| {
        let owed = store.owed(run.run.id, sample::after(now), limit).await.unwrap();
        owed.into_iter().map(|piece| piece.target).collect::<Vec<_>>()
    };
    assert_eq!(owed(1, 2).await, ["p0@b.co", "p3@b.co"]);
    assert_eq!(owed(60, 9).await, ["p0@b.co", "p1@b.co", "p3@b.co", "p4@b.co"]);
    let number = store.begin_attempt(&run.lease, pieces[0].id, sample::after(2)).await.unwrap();
    let (outcome, state) = accepted();
    store.end_attempt(&run.lease, pieces[0].id, &attempt(number, outcome), &state, &Learnt::default()).await.unwrap();
    assert_eq!(owed(1, 1).await, ["p3@b.co"]);
    assert_eq!(store.delivery(run.run.id, pieces[0].id).await.unwrap().unwrap().attempts.len(), 1);
    assert_eq!(store.delivery(run.run.id, DeliveryId::generate()).await.unwrap(), None);
}

pub async fn pieces_are_read_in_pages_those_that_failed_first<S: Store>(store: &S) {
    let (_, run) = started(store, sample::schedule("daily")).await;
    let mut pieces: Vec<_> = (0..5).map(|number| sample::piece(run.run.id, &format!("P{number}@ö.example"))).collect();
    pieces[3].state = DeliveryState::Failed { at: sample::after(1), reason: "no such user".into() };
    for piece in &mut pieces[1..3] {
        piece.audience = "a1".into();
    }
    store.promise(&run.lease, &pieces).await.unwrap();
    let number = store.begin_attempt(&run.lease, pieces[4].id, sample::after(2)).await.unwrap();
    let (outcome, state) = accepted();
    store.end_attempt(&run.lease, pieces[4].id, &attempt(number, outcome), &state, &Learnt::default()).await.unwrap();
    let all = store.deliveries(run.run.id).await.unwrap();
    let expected: Vec<_> = [3, 0, 1, 2, 4].into_iter().map(|at: usize| all[at].clone()).collect();
    for (page, size, from, to) in [(1, 5, 0, 5), (1, 2, 0, 2), (2, 2, 2, 4), (3, 2, 4, 5), (4, 2, 5, 5), (u64::MAX, 2, 5, 5)] {
        let read = store.piece_page(run.run.id, page, size).await.unwrap();
        assert_eq!((read.rows.as_slice(), read.total), (&expected[from..to], 5), "page {page} of {size}");
    }
    assert_eq!(store.pieces_to(run.run.id, &sample::email("p4@Ö.example")).await.unwrap(), [all[4].clone()]);
    assert_eq!(store.pieces_to(run.run.id, &sample::email("nobody@b.co")).await.unwrap(), []);
    let audiences = store.audiences(run.run.id).await.unwrap();
    let audiences: Vec<_> = audiences.iter().map(|one| (one.audience == "a1", one.first.as_str(), one.count)).collect();
    assert_eq!(audiences.len(), 2);
    assert!(audiences.contains(&(true, "P1@ö.example", 2)) && audiences.contains(&(false, "P0@ö.example", 3)), "{audiences:?}");
}

pub async fn p4_pieces_are_counted_by_where_they_stand<S: Store>(store: &S) {
    let (_, run) = started(store, sample::schedule("daily")).await;
    assert_eq!(store.tally(run.run.id).await.unwrap(), Tally::default());
    let failed = |reason: &str| DeliveryState::Failed { at: sample::after(1), reason: reason.into() };
    let states = [
        DeliveryState::Accepted { at: sample::after(1) },
        failed("first"),
        DeliveryState::Pending { not_before: sample::after(90) },
        failed("second"),
        DeliveryState::Pending { not_before: sample::after(60) },
        DeliveryState::Skipped { reason: "noAccess".into() },
    ];
    let pieces = (0..).zip(states).map(|(number, state)| (sample::piece(run.run.id, &format!("p{number}@b.co")), state));
    let pieces: Vec<_> = pieces.map(|(piece, state)| pressrun_domain::delivery::Delivery { state, ..piece }).collect();
    store.promise(&run.lease, &pieces).await.unwrap();
    let expected = Tally {
        accepted: 1,
        failed: 2,
        skipped: 1,
        pending: 2,
        next_attempt: Some(sample::after(60)),
        first_failure: Some("first".into()),
    };
    assert_eq!(store.tally(run.run.id).await.unwrap(), expected);
}

pub async fn attempts_are_counted_also_when_a_worker_died_in_one<S: Store>(store: &S) {
    let (_, run) = started(store, sample::schedule("daily")).await;
    let pieces = ["a@b.co", "b@c.co"].map(|target| sample::piece(run.run.id, target));
    store.promise(&run.lease, &pieces).await.unwrap();
    assert_eq!(store.begin_attempt(&run.lease, pieces[0].id, sample::after(2)).await.unwrap(), 1);
    // The worker dies here; the next one tries again.
    let next = store.claim(run.lease.worker, sample::after(301), sample::after(999), 1).await.unwrap().remove(0);
    assert_eq!(store.begin_attempt(&next.lease, pieces[0].id, sample::after(302)).await.unwrap(), 2);
    let second = Attempt {
        number: 2,
        started_at: sample::after(302),
        ended_at: Some(sample::after(303)),
        outcome: Some(Outcome::Retry { reason: "421 try later".into(), not_before: Some(sample::after(400)) }),
    };
    let owed = DeliveryState::Pending { not_before: sample::after(400) };
    store.end_attempt(&next.lease, pieces[0].id, &second, &owed, &Learnt::default()).await.unwrap();
    assert_eq!(store.begin_attempt(&next.lease, pieces[1].id, sample::after(304)).await.unwrap(), 1);
    let read = store.deliveries(run.run.id).await.unwrap();
    let died = Attempt { number: 1, started_at: sample::after(2), ended_at: None, outcome: None };
    assert_eq!((&read[0].state, &read[0].attempts), (&owed, &vec![died, second]));
    assert_eq!(read[1].attempts.len(), 1);
    let unknown = attempt(9, accepted().0);
    assert!(matches!(
        store.end_attempt(&next.lease, pieces[0].id, &unknown, &owed, &Learnt::default()).await,
        Err(StoreError::NotFound(_))
    ));
}

pub async fn what_is_still_owed_is_closed_with_the_run<S: Store>(store: &S) {
    let (_, run) = started(store, sample::schedule("daily")).await;
    let pieces = ["a@b.co", "b@c.co", "c@d.co"].map(|target| sample::piece(run.run.id, target));
    store.promise(&run.lease, &pieces).await.unwrap();
    let (outcome, state) = accepted();
    store.begin_attempt(&run.lease, pieces[0].id, sample::after(2)).await.unwrap();
    store.end_attempt(&run.lease, pieces[0].id, &attempt(1, outcome), &state, &Learnt::default()).await.unwrap();
    store.begin_attempt(&run.lease, pieces[1].id, sample::after(2)).await.unwrap();
    let end = RunEnd { reason: Some("killed: time".into()), ..sample::end(RunStatus::Killed) };
    store.finish(&run.lease, &end, sample::after(9)).await.unwrap();
    let states: Vec<_> = store.deliveries(run.run.id).await.unwrap().into_iter().map(|piece| piece.state).collect();
    let reason = || "killed: time".to_owned();
    assert_eq!(
        states,
        [state, DeliveryState::Failed { at: sample::after(9), reason: reason() }, DeliveryState::Skipped { reason: reason() }]
    );
}

pub async fn s6_last_run_moves_only_at_the_end<S: Store>(store: &S) {
    let (schedule, run) = started(store, sample::schedule("daily")).await;
    assert_eq!(stored(store, &schedule).await.last_run, None);
    store.finish(&run.lease, &sample::end(RunStatus::ErrorDelivered), sample::after(5)).await.unwrap();
    let first = Some(LastRun { status: RunStatus::ErrorDelivered, completed_at: sample::after(5), untold: None });
    let read = stored(store, &schedule).await;
    assert_eq!((read.last_run, read.version), (first, 1), "a run is no edit");
    let run = run_again(store, &schedule).await;
    store.add_news(&run.lease, &RunNews::default()).await.unwrap();
    assert_eq!(stored(store, &schedule).await.last_run, first);
    store.finish(&run.lease, &sample::end(RunStatus::ConditionUnmet), sample::after(9)).await.unwrap();
    let second = LastRun { status: RunStatus::ConditionUnmet, completed_at: sample::after(9), untold: None };
    assert_eq!(stored(store, &schedule).await.last_run, Some(second));
}

pub async fn d28_what_is_told_of_the_last_run_stands_beside_how_it_was<S: Store>(store: &S) {
    let (schedule, run) = started(store, sample::schedule("daily")).await;
    let mut outline = Outline::new(KnownTo::Owner);
    outline.held_for_others = true;
    let record = RunRecord { outline: Some(outline.clone()), ..RunRecord::default() };
    store.finish(&run.lease, &RunEnd { record, ..sample::end(RunStatus::ErrorDelivered) }, sample::after(50)).await.unwrap();
    let read = stored(store, &schedule).await;
    let began = store.run(run.run.id).await.unwrap().unwrap().started_at.unwrap();
    let untold = Some(Untold { known_to: KnownTo::Owner, status: RunStatus::Complete, at: began });
    assert_eq!(read.last_run, Some(LastRun { status: RunStatus::ErrorDelivered, completed_at: sample::after(50), untold }));

    // An edit leaves that alone; another owner may not know what came of the rows of the one before.
    let mut edited = read.clone();
    edited.definition.name = "weekly".into();
    edited.version = store.replace_schedule(&edited, &sample::names(), &sample::change(Verb::ScheduleUpdated)).await.unwrap();
    assert_eq!(stored(store, &schedule).await.last_run, read.last_run);
    edited.definition.owner = sample::member(7);
    store.replace_schedule(&edited, &sample::names(), &sample::change(Verb::ScheduleTransferred)).await.unwrap();
    let after = stored(store, &schedule).await.last_run.unwrap();
    assert_eq!(after.untold.map(|untold| untold.known_to), Some(KnownTo::Admins));

    // A run that judged nothing is told as it was.
    let run = run_again(store, &schedule).await;
    store.finish(&run.lease, &sample::end(RunStatus::Error), sample::after(60)).await.unwrap();
    assert_eq!(stored(store, &schedule).await.last_run.unwrap().untold, None);
}

pub async fn s8_a_test_leaves_no_trace_on_a_schedule<S: Store>(store: &S) {
    let schedule = insert(store, sample::schedule("daily")).await;
    let mut test = sample::test_delivery(schedule.definition.clone(), sample::after(0));
    // Even one that names a saved schedule.
    test.run.schedule_id = schedule.id;
    store.enqueue(&test, &sample::change_at(Verb::RunTriggered, sample::after(0))).await.unwrap();
    let run = claim(store).await;
    let end = RunEnd { judged: vec![judged("", "f1")], disable: Some(SystemDisabledReason::MissingQuery), ..sample::end(RunStatus::Error) };
    store.finish(&run.lease, &end, sample::after(5)).await.unwrap();
    assert_eq!(stored(store, &schedule).await, schedule);
    assert_eq!(store.baseline(schedule.id, "").await.unwrap(), None);
    assert!(matches!(store.run(run.run.id).await.unwrap().unwrap().state, RunState::Ended { .. }));
}

fn tile(audience: &str, error: Option<&str>) -> TileRecord {
    TileRecord {
        key: "1".into(),
        title: "Blobs".into(),
        audience: audience.into(),
        rows: 7,
        ms: 12,
        truncated: true,
        error: error.map(str::to_owned),
        quotes_data: false,
    }
}

pub async fn s12_what_happened_is_read_as_it_was_told<S: Store>(store: &S) {
    let (_, run) = started(store, sample::schedule("daily")).await;
    let mut record = RunRecord::default();
    record.note(sample::after(2), "rendered", Some("1 file".into()));
    record.tiles.push(tile("owner", Some("timeout")));
    record.conditions.push(ConditionRecord {
        audience: "blob@myorg.co".into(),
        tile: "2".into(),
        rows: 3,
        judgement: Judgement::Met,
        added: Some(1),
        removed: None,
        kind: Some(ConditionKind::ResultsChanged),
        fingerprint: Some("ab12".into()),
        baseline: Some(BaselineRecord { at: sample::after(0), rows: 2, fingerprint: "cd34".into() }),
    });
    record.artifacts.push(sample::artifact("bb22"));
    record.warn("a tile was cut");
    record.error = Some("the mail server refused".into());
    let news = RunNews { record: record.clone(), ..RunNews::default() };
    store.add_news(&run.lease, &news).await.unwrap();
    let planned = TimelineEntry { at: sample::after(0), event: "planned".into(), detail: None };
    record.timeline.insert(0, planned);
    assert_eq!(store.run(run.run.id).await.unwrap().unwrap().record, record);
    let mut last = RunRecord::default();
    last.note(sample::after(5), "ended", None);
    let end = RunEnd { reason: Some("noData".into()), record: last.clone(), ..sample::end(RunStatus::Error) };
    store.finish(&run.lease, &end, sample::after(5)).await.unwrap();
    record.timeline.append(&mut last.timeline);
    let read = store.run(run.run.id).await.unwrap().unwrap();
    assert_eq!(read.record, record);
    assert_eq!(read.state, RunState::Ended { at: sample::after(5), status: RunStatus::Error, reason: Some("noData".into()) });
}

pub async fn m7_what_is_told_of_a_run_is_added_and_lists_have_their_part_of_it<S: Store>(store: &S) {
    let (schedule, run) = started(store, sample::schedule("daily")).await;
    for (number, audience) in ["owner", "a1", "a2"].into_iter().enumerate() {
        let mut news = RunNews::default();
        news.record.note(sample::after(2), "queried", Some(audience.into()));
        news.record.warn("render: a letter is missing");
        news.record.tiles.extend([tile(audience, None), tile(audience, (number == 2).then_some("no such column"))]);
        store.add_news(&run.lease, &news).await.unwrap();
    }
    let whole = store.run(run.run.id).await.unwrap().unwrap().record;
    assert_eq!((whole.timeline.len(), whole.tiles.len(), whole.warnings.len()), (4, 6, 1), "warnings are said once");
    let audiences: Vec<&str> = whole.tiles.iter().map(|tile| tile.audience.as_str()).collect();
    assert_eq!(audiences, ["owner", "owner", "a1", "a1", "a2", "a2"]);
    let listed = store.list_runs(Some(schedule.id), 1, 9).await.unwrap().rows.remove(0);
    let under_way = store.runs_under_way(&[schedule.id]).await.unwrap().remove(0);
    for outline in [&listed.record, &under_way.record] {
        assert_eq!((outline.timeline.len(), outline.warnings.len()), (1, 1));
        let tiles: Vec<_> = outline.tiles.iter().map(|tile| (tile.audience.as_str(), tile.error.is_some())).collect();
        assert_eq!(tiles, [("a1", false), ("a2", true)], "what failed, and that it ran for others than the owner");
    }
}

pub async fn m15_what_attempts_taught_is_kept_with_them<S: Store>(store: &S) {
    let (_, run) = started(store, sample::schedule("daily")).await;
    let piece = sample::piece(run.run.id, "blob@myorg.co");
    store.promise(&run.lease, std::slice::from_ref(&piece)).await.unwrap();
    let number = store.begin_attempt(&run.lease, piece.id, sample::after(2)).await.unwrap();
    let (outcome, state) = accepted();
    let learnt = Learnt { warnings: vec!["attachmentTooLarge".into()], degraded: true, host_key: None };
    store.end_attempt(&run.lease, piece.id, &attempt(number, outcome), &state, &learnt).await.unwrap();
    // The process dies here, and the next claim knows nothing but what is stored.
    let next = store.claim(run.lease.worker, sample::after(301), sample::after(999), 5).await.unwrap().remove(0);
    assert!(next.run.progress.degraded);
    store.release(&next.lease, sample::after(400), &RunNews::default()).await.unwrap();
    let read = store.run(run.run.id).await.unwrap().unwrap();
    assert!(read.progress.degraded, "and whoever does not know leaves it");
    assert_eq!(read.record.warnings, ["attachmentTooLarge"]);
}

fn watching(name: &str) -> Schedule {
    let mut schedule = sample::schedule(name);
    schedule.definition.condition = Some(sample::condition(ConditionKind::ResultsChanged));
    schedule
}

pub async fn a10_baselines_move_with_the_run<S: Store>(store: &S) {
    let (schedule, run) = started(store, watching("alert")).await;
    let end = RunEnd { judged: vec![judged("", "f1"), judged("a@b.co", "f2")], ..sample::end(RunStatus::ConditionUnmet) };
    store.finish(&run.lease, &end, sample::after(5)).await.unwrap();
    assert_eq!(store.baseline(schedule.id, "").await.unwrap().as_deref(), Some("f1"));
    assert_eq!(store.baseline(schedule.id, "a@b.co").await.unwrap().as_deref(), Some("f2"), "a18: each audience has its own");
    assert_eq!(store.baseline(schedule.id, "c@d.co").await.unwrap(), None);
    let run = run_again(store, &schedule).await;
    let end = RunEnd { judged: vec![judged("", "f3")], ..sample::end(RunStatus::Complete) };
    store.finish(&run.lease, &end, sample::after(6)).await.unwrap();
    assert_eq!(store.baseline(schedule.id, "").await.unwrap().as_deref(), Some("f3"));
    assert_eq!(store.baseline(schedule.id, "a@b.co").await.unwrap().as_deref(), Some("f2"));
    let paused = Schedule { disabled_at: Some(sample::after(7)), ..stored(store, &schedule).await };
    store.replace_schedule(&paused, &sample::names(), &sample::change(Verb::ScheduleUpdated)).await.unwrap();
    assert!(store.baseline(schedule.id, "").await.unwrap().is_some(), "a13: pausing keeps it");
    store.reset_baselines(schedule.id).await.unwrap();
    assert_eq!(store.baseline(schedule.id, "").await.unwrap(), None);
}

pub async fn m15_a_run_killed_after_part_of_it_arrived_moves_its_baselines<S: Store>(store: &S) {
    for (arrives, by_a_person) in [(true, false), (true, true), (false, false), (false, true)] {
        let (schedule, run) = started(store, watching("alert")).await;
        let pieces = ["a@b.co", "c@d.co"].map(|target| sample::piece(run.run.id, target));
        store.promise(&run.lease, &pieces).await.unwrap();
        let baseline = |audience: &str, moves, told_by| WaitingBaseline { audience: audience.into(), moves, told_by };
        let judged = vec![
            waiting("f1", vec![baseline("", BaselineMoves::OnceDelivered, None), baseline("x@y.co", BaselineMoves::Always, None)]),
            waiting("f2", vec![baseline("c@d.co", BaselineMoves::OnceDelivered, Some(pieces[1].id))]),
        ];
        store.add_news(&run.lease, &RunNews { judged, ..RunNews::default() }).await.unwrap();
        if arrives {
            let number = store.begin_attempt(&run.lease, pieces[0].id, sample::after(2)).await.unwrap();
            let (outcome, state) = accepted();
            store.end_attempt(&run.lease, pieces[0].id, &attempt(number, outcome), &state, &Learnt::default()).await.unwrap();
        }
        if by_a_person {
            store.release(&run.lease, sample::after(60), &RunNews::default()).await.unwrap();
            assert!(store.cancel(run.run.id, &sample::change_at(Verb::RunCancelled, sample::after(5))).await.unwrap());
        } else {
            store.finish(&run.lease, &sample::end(RunStatus::Killed), sample::after(5)).await.unwrap();
        }
        let mut found = Vec::new();
        for audience in ["", "x@y.co", "c@d.co"] {
            found.push(store.baseline(schedule.id, audience).await.unwrap());
        }
        let moved = arrives.then(|| "f1".to_owned());
        assert_eq!(found, [moved.clone(), moved, None], "arrives: {arrives}, by a person: {by_a_person}");
    }
}

pub async fn a12_a_run_does_not_bring_back_a_baseline_that_an_edit_reset<S: Store>(store: &S) {
    let (schedule, run) = started(store, watching("alert")).await;
    let mut edited = stored(store, &schedule).await;
    edited.definition.condition = Some(sample::condition(ConditionKind::ResultsUnchanged));
    store.replace_schedule(&edited, &sample::names(), &sample::change(Verb::ScheduleUpdated)).await.unwrap();
    store.reset_baselines(schedule.id).await.unwrap();
    let end = RunEnd { judged: vec![judged("", "f1")], ..sample::end(RunStatus::Complete) };
    store.finish(&run.lease, &end, sample::after(5)).await.unwrap();
    assert_eq!(store.baseline(schedule.id, "").await.unwrap(), None);
    assert!(stored(store, &schedule).await.last_run.is_some());
}

pub async fn a13_a_deleted_schedule_takes_its_baselines_along<S: Store>(store: &S) {
    let (schedule, run) = started(store, watching("alert")).await;
    let end = RunEnd { judged: vec![judged("", "f1")], ..sample::end(RunStatus::Complete) };
    store.finish(&run.lease, &end, sample::after(5)).await.unwrap();
    store.delete_schedule(schedule.id, &sample::change_at(Verb::ScheduleDeleted, sample::after(6))).await.unwrap();
    store.insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
    assert_eq!(store.baseline(schedule.id, "").await.unwrap(), None);
}

pub async fn x1_a_run_can_disable_its_schedule<S: Store>(store: &S) {
    let (schedule, run) = started(store, sample::schedule("daily")).await;
    let end = RunEnd { disable: Some(SystemDisabledReason::MissingQuery), ..sample::end(RunStatus::Error) };
    store.finish(&run.lease, &end, sample::after(5)).await.unwrap();
    let read = stored(store, &schedule).await;
    assert_eq!(read.system_disabled, Some(SystemDisabled { at: sample::after(5), reason: SystemDisabledReason::MissingQuery }));
    assert_eq!((read.next_at, read.version), (None, 2), "somebody who edits what was read before must look again");
    assert_eq!(store.next_due().await.unwrap(), None);
}

pub async fn x4_a_run_does_not_disable_what_was_edited_meanwhile<S: Store>(store: &S) {
    let mut schedule = sample::schedule("daily");
    schedule.definition.tile = Some("gone".into());
    let (schedule, run) = started(store, schedule).await;
    let mut edited = stored(store, &schedule).await;
    edited.definition.tile = Some("there".into());
    store.replace_schedule(&edited, &sample::names(), &sample::change(Verb::ScheduleUpdated)).await.unwrap();
    let end = RunEnd { disable: Some(SystemDisabledReason::MissingQuery), ..sample::end(RunStatus::Error) };
    store.finish(&run.lease, &end, sample::after(5)).await.unwrap();
    assert_eq!(stored(store, &schedule).await.system_disabled, None);
}

pub async fn d7_a_learnt_host_key_is_pinned_once<S: Store>(store: &S) {
    let mut schedule = sample::schedule("sftp");
    schedule.definition.destination = sample::sftp("1am@g00dBL0b");
    let (schedule, run) = started(store, schedule).await;
    let learn = async |run: ClaimedRun, key: &str| {
        let piece = sample::piece(run.run.id, "sftp");
        store.promise(&run.lease, std::slice::from_ref(&piece)).await.unwrap();
        let number = store.begin_attempt(&run.lease, piece.id, sample::after(2)).await.unwrap();
        let (outcome, state) = accepted();
        let learnt = Learnt { host_key: Some(key.into()), ..Learnt::default() };
        store.end_attempt(&run.lease, piece.id, &attempt(number, outcome), &state, &learnt).await.unwrap();
        store.finish(&run.lease, &sample::end(RunStatus::Complete), sample::after(5)).await.unwrap();
    };
    learn(run, "ssh-ed25519 AAAA").await;
    learn(run_again(store, &schedule).await, "ssh-ed25519 BBBB").await;
    let read = stored(store, &schedule).await;
    let Destination::Sftp(sftp) = &read.definition.destination else { unreachable!("it was saved as sftp") };
    assert_eq!(sftp.host_key.as_deref(), Some("ssh-ed25519 AAAA"));
    assert_eq!(read.definition.destination.secrets(), schedule.definition.destination.secrets(), "its secrets are kept");
}

pub async fn a18_a_personal_baseline_moves_only_when_that_piece_was_accepted<S: Store>(store: &S) {
    let (schedule, run) = started(store, sample::schedule("daily")).await;
    let pieces = ["a@b.co", "c@d.co"].map(|target| sample::piece(run.run.id, target));
    store.promise(&run.lease, &pieces).await.unwrap();
    let (outcome, state) = accepted();
    let number = store.begin_attempt(&run.lease, pieces[0].id, sample::after(2)).await.unwrap();
    store.end_attempt(&run.lease, pieces[0].id, &attempt(number, outcome), &state, &Learnt::default()).await.unwrap();
    let personal =
        |piece: &Delivery| WaitingBaseline { audience: piece.target.clone(), moves: BaselineMoves::OnceDelivered, told_by: Some(piece.id) };
    let judged = vec![waiting("f1", pieces.iter().map(personal).collect())];
    store.finish(&run.lease, &RunEnd { judged, ..sample::end(RunStatus::ErrorDelivered) }, sample::after(5)).await.unwrap();
    assert_eq!(store.baseline(schedule.id, "a@b.co").await.unwrap().as_deref(), Some("f1"));
    assert_eq!(store.baseline(schedule.id, "c@d.co").await.unwrap(), None);
}

pub async fn a_character_that_a_database_does_not_take_loses_nothing_else<S: Store>(store: &S) {
    let (_, run) = started(store, sample::schedule("daily")).await;
    let said = "550 \\u0000 said \0 the relay";
    let mut record = RunRecord { error: Some(said.into()), warnings: vec![said.into()], ..RunRecord::default() };
    record.note(sample::after(2), "retrying", Some(said.into()));
    let piece = sample::piece(run.run.id, "blob@myorg.co");
    store.promise(&run.lease, std::slice::from_ref(&piece)).await.unwrap();
    store.add_news(&run.lease, &RunNews { record, ..RunNews::default() }).await.unwrap();
    let number = store.begin_attempt(&run.lease, piece.id, sample::after(3)).await.unwrap();
    let attempt = Attempt { number, started_at: sample::after(3), ended_at: Some(sample::after(4)), outcome: None };
    let state = DeliveryState::Failed { at: sample::after(4), reason: said.into() };
    store.end_attempt(&run.lease, piece.id, &attempt, &state, &Learnt::default()).await.unwrap();
    let end = RunEnd { reason: Some(said.into()), ..sample::end(RunStatus::Error) };
    store.finish(&run.lease, &end, sample::after(5)).await.unwrap();
    let kept = |text: &str| text.replace('\u{fffd}', "\0") == said;
    let run = store.run(run.run.id).await.unwrap().unwrap();
    assert!(run.record.error.as_deref().is_some_and(kept), "{:?}", run.record.error);
    assert!(kept(&run.record.warnings[0]) && run.record.timeline[1].detail.as_deref().is_some_and(kept), "{:?}", run.record);
    assert!(matches!(&run.state, RunState::Ended { reason: Some(reason), .. } if kept(reason)), "{:?}", run.state);
    let pieces = store.deliveries(run.id).await.unwrap();
    assert!(matches!(&pieces[0].state, DeliveryState::Failed { reason, .. } if kept(reason)), "{:?}", pieces[0].state);
}
