//! The outbox of notices.

use pressrun_domain::audit::{Change, Verb};
use pressrun_domain::delivery::{Attempt, DeliveryState, Outcome};
use pressrun_domain::id::{DeliveryId, RunId, ScheduleId};
use pressrun_domain::notice::{Notice, NoticeKind, NoticeLane, NoticeTo};
use pressrun_domain::run::RunStatus;
use pressrun_domain::schedule::{SystemDisabled, SystemDisabledReason};

use super::{claim, saved, started, stored};
use crate::{AuditQuery, RunEnd, Store, StoreError, sample};

fn owner() -> NoticeTo {
    NoticeTo::Owner(sample::email("blob@myorg.co"))
}

/// A notice that is due `seconds` after nine.
fn notice(schedule: ScheduleId, kind: NoticeKind, to: NoticeTo, seconds: i64) -> Notice {
    Notice {
        id: DeliveryId::generate(),
        kind,
        schedule,
        run: None,
        to,
        subject: "Delivery failed".into(),
        text: "It failed.".into(),
        body: "{\"event\":\"run.failed\"}".into(),
        created_at: sample::after(seconds),
        state: DeliveryState::Pending { not_before: sample::after(seconds) },
        attempts: Vec::new(),
    }
}

async fn claim_all<S: Store>(store: &S, seconds: i64) -> Vec<Notice> {
    sample::claim_notices(store, sample::after(seconds), sample::after(seconds + 300)).await
}

/// The attempt under way, accepted.
fn accepted(notice: &Notice, seconds: i64) -> (Attempt, DeliveryState) {
    let begun = notice.attempts.last().unwrap().clone();
    let ended_at = sample::after(seconds);
    let attempt = Attempt { ended_at: Some(ended_at), outcome: Some(Outcome::Accepted { receipt: "250 OK".into() }), ..begun };
    (attempt, DeliveryState::Accepted { at: ended_at })
}

pub async fn s10_a_notice_is_kept_once_and_claimed_by_one<S: Store>(store: &S) {
    let about = notice(ScheduleId::generate(), NoticeKind::RunFailed, owner(), 0);
    assert_eq!(store.add_notices(std::slice::from_ref(&about)).await.unwrap(), 1);
    let again = Notice { text: "said anew".into(), ..about.clone() };
    assert_eq!(store.add_notices(&[again]).await.unwrap(), 0);
    assert!(claim_all(store, -1).await.is_empty(), "not before its time");
    assert_eq!(store.next_notice(NoticeLane::People).await.unwrap(), Some(sample::after(0)));

    let claimed = claim_all(store, 1).await;
    let begun = Attempt { number: 1, started_at: sample::after(1), ended_at: None, outcome: None };
    let hidden = DeliveryState::Pending { not_before: sample::after(301) };
    assert_eq!(claimed, [Notice { attempts: vec![begun], state: hidden, ..about }]);
    assert!(claim_all(store, 2).await.is_empty(), "somebody has it");
    assert_eq!(store.next_notice(NoticeLane::People).await.unwrap(), Some(sample::after(301)));
}

pub async fn s10_a_notice_whose_sender_died_is_tried_again_and_the_dead_settle_nothing<S: Store>(store: &S) {
    store.add_notices(&[notice(ScheduleId::generate(), NoticeKind::RunFailed, owner(), 0)]).await.unwrap();
    let first = claim_all(store, 1).await.remove(0);
    let second = claim_all(store, 301).await.remove(0);
    assert_eq!(second.attempts.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), [1, 2]);
    let (attempt, state) = accepted(&first, 302);
    assert!(matches!(store.settle_notice(first.id, &attempt, &state, &[]).await, Err(StoreError::LeaseLost)));
    let (attempt, state) = accepted(&second, 303);
    store.settle_notice(second.id, &attempt, &state, &[]).await.unwrap();
    assert!(matches!(store.settle_notice(second.id, &attempt, &state, &[]).await, Err(StoreError::LeaseLost)), "it is settled");
    assert!(claim_all(store, 9999).await.is_empty(), "accepted is accepted");
    assert_eq!(store.next_notice(NoticeLane::People).await.unwrap(), None);
}

pub async fn s10_a_notice_is_hidden_for_as_long_as_its_sender_says_that_it_lives<S: Store>(store: &S) {
    let [renewed, lost] = [0, 1].map(|second| notice(ScheduleId::generate(), NoticeKind::RunFailed, owner(), second));
    store.add_notices(&[renewed.clone(), lost.clone()]).await.unwrap();
    let claimed = claim_all(store, 2).await;
    let held: Vec<_> = claimed.iter().map(|notice| (notice.id, sample::after(302))).collect();
    // One has been claimed by somebody else since: it is theirs.
    store.renew_notices(&[(renewed.id, sample::after(302)), (lost.id, sample::after(200))], sample::after(400)).await.unwrap();
    let taken_over = claim_all(store, 310).await;
    assert_eq!(taken_over.iter().map(|notice| notice.id).collect::<Vec<_>>(), [lost.id]);
    store.renew_notices(&held, sample::after(9_000)).await.unwrap();
    let taken_over = claim_all(store, 410).await;
    assert_eq!(taken_over.iter().map(|notice| notice.id).collect::<Vec<_>>(), [renewed.id]);
    let (attempt, state) = accepted(&taken_over[0], 411);
    store.settle_notice(renewed.id, &attempt, &state, &[]).await.unwrap();
    store.renew_notices(&[(renewed.id, sample::after(710))], sample::after(9_000)).await.unwrap();
    assert_eq!(store.next_notice(NoticeLane::People).await.unwrap(), Some(sample::after(610)), "what is settled is not renewed");
}

pub async fn an_all_clear_never_comes_before_its_alarm<S: Store>(store: &S) {
    let schedule = ScheduleId::generate();
    let alarm = notice(schedule, NoticeKind::RunFailed, owner(), 0);
    let clear = notice(schedule, NoticeKind::RunRecovered, owner(), 10);
    let elsewhere = notice(schedule, NoticeKind::RunRecovered, NoticeTo::Operator, 10);
    let other = notice(ScheduleId::generate(), NoticeKind::RunRecovered, owner(), 10);
    store.add_notices(&[clear.clone(), alarm.clone(), elsewhere.clone(), other.clone()]).await.unwrap();
    let claimed = claim_all(store, 20).await;
    let mut ids: Vec<_> = claimed.iter().map(|notice| notice.id).collect();
    let mut expected = vec![alarm.id, elsewhere.id, other.id];
    ids.sort_unstable();
    expected.sort_unstable();
    assert_eq!(ids, expected);
    let first = claimed.iter().find(|notice| notice.id == alarm.id).unwrap();
    let (attempt, state) = accepted(first, 21);
    store.settle_notice(alarm.id, &attempt, &state, &[]).await.unwrap();
    assert_eq!(claim_all(store, 22).await[0].id, clear.id);
}

pub async fn h4_notices_of_one_lane_are_claimed_and_looked_for_without_those_of_the_other<S: Store>(store: &S) {
    let schedule = ScheduleId::generate();
    let [to_owner, to_operator] = [owner(), NoticeTo::Operator].map(|to| notice(schedule, NoticeKind::RunFailed, to, 0));
    store.add_notices(&[to_owner.clone(), to_operator.clone()]).await.unwrap();
    for (lane, expected) in [(NoticeLane::Operator, &to_operator), (NoticeLane::People, &to_owner)] {
        assert_eq!(store.next_notice(lane).await.unwrap(), Some(sample::after(0)));
        let claimed = store.claim_notices(lane, sample::after(1), sample::after(300), 9).await.unwrap();
        assert_eq!(claimed.iter().map(|notice| notice.id).collect::<Vec<_>>(), [expected.id]);
        assert_eq!(store.next_notice(lane).await.unwrap(), Some(sample::after(300)));
    }
}

pub async fn s10_a_notice_that_waits_for_an_older_one_is_not_looked_for_at_its_own_instant<S: Store>(store: &S) {
    let schedule = ScheduleId::generate();
    let [alarm, clear] = [(NoticeKind::RunFailed, 0), (NoticeKind::RunRecovered, 10)].map(|(kind, at)| notice(schedule, kind, owner(), at));
    store.add_notices(std::slice::from_ref(&alarm)).await.unwrap();
    let claimed = claim_all(store, 1).await.remove(0);
    store.add_notices(&[clear]).await.unwrap();
    assert_eq!(store.next_notice(NoticeLane::People).await.unwrap(), Some(sample::after(301)), "that of the alarm");
    let (attempt, state) = accepted(&claimed, 20);
    store.settle_notice(alarm.id, &attempt, &state, &[]).await.unwrap();
    assert_eq!(store.next_notice(NoticeLane::People).await.unwrap(), Some(sample::after(10)));
}

pub async fn s13_what_follows_from_a_lost_notice_is_kept_with_its_end<S: Store>(store: &S) {
    let lost = notice(ScheduleId::generate(), NoticeKind::RunFailed, owner(), 0);
    store.add_notices(std::slice::from_ref(&lost)).await.unwrap();
    let claimed = claim_all(store, 1).await.remove(0);
    let follow_up = notice(lost.schedule, NoticeKind::OwnerUnreachable, NoticeTo::Operator, 2);
    let reason = "550 no such user";
    let attempt = Attempt {
        ended_at: Some(sample::after(2)),
        outcome: Some(Outcome::Rejected { reason: reason.into() }),
        ..claimed.attempts[0].clone()
    };
    let failed = DeliveryState::Failed { at: sample::after(2), reason: reason.into() };
    store.settle_notice(lost.id, &attempt, &failed, std::slice::from_ref(&follow_up)).await.unwrap();
    assert_eq!(claim_all(store, 3).await[0].id, follow_up.id);
}

pub async fn whoever_heard_of_a_failure_is_alarmed_until_the_all_clear<S: Store>(store: &S) {
    let schedule = ScheduleId::generate();
    assert!(store.alarmed(schedule).await.unwrap().is_empty());
    let lost = Notice {
        state: DeliveryState::Failed { at: sample::after(0), reason: "550".into() },
        ..notice(schedule, NoticeKind::RunFailed, NoticeTo::Operator, 0)
    };
    store
        .add_notices(&[notice(schedule, NoticeKind::RunFailed, owner(), 0), notice(schedule, NoticeKind::RunFailed, owner(), 1), lost])
        .await
        .unwrap();
    assert_eq!(store.alarmed(schedule).await.unwrap(), [owner()], "not who never heard of it");
    assert!(store.alarmed(ScheduleId::generate()).await.unwrap().is_empty());
    store.add_notices(&[notice(schedule, NoticeKind::RunRecovered, owner(), 2)]).await.unwrap();
    assert!(store.alarmed(schedule).await.unwrap().is_empty(), "said once");
    store.add_notices(&[notice(schedule, NoticeKind::RunFailed, owner(), 3)]).await.unwrap();
    assert_eq!(store.alarmed(schedule).await.unwrap(), [owner()]);
}

pub async fn h3_an_alarm_of_which_no_notice_got_through_is_none<S: Store>(store: &S) {
    let schedule = ScheduleId::generate();
    let settle = async |notice: &Notice, seconds: i64, gets_through: bool| {
        let claimed = claim_all(store, seconds).await.remove(0);
        assert_eq!(claimed.id, notice.id);
        let (attempt, state) = if gets_through {
            accepted(&claimed, seconds)
        } else {
            let reason = "550 no such user".to_owned();
            let attempt = Attempt { outcome: Some(Outcome::Rejected { reason: reason.clone() }), ..claimed.attempts[0].clone() };
            (attempt, DeliveryState::Failed { at: sample::after(seconds), reason })
        };
        store.settle_notice(claimed.id, &attempt, &state, &[]).await.unwrap();
    };
    let [first, second, third] = [0, 1, 2].map(|seconds| notice(schedule, NoticeKind::RunFailed, owner(), seconds));
    store.add_notices(&[first.clone(), second.clone()]).await.unwrap();
    settle(&first, 10, false).await;
    assert_eq!(store.alarmed(schedule).await.unwrap(), [owner()], "another may get through");
    settle(&second, 11, false).await;
    assert!(store.alarmed(schedule).await.unwrap().is_empty(), "they never heard of it");
    store.add_notices(std::slice::from_ref(&third)).await.unwrap();
    settle(&third, 12, true).await;
    let late = notice(schedule, NoticeKind::RunFailed, owner(), 13);
    store.add_notices(std::slice::from_ref(&late)).await.unwrap();
    settle(&late, 14, false).await;
    assert_eq!(store.alarmed(schedule).await.unwrap(), [owner()], "they heard of the one before");
}

pub async fn s10_notices_of_a_run_are_kept_with_its_end<S: Store>(store: &S) {
    let (schedule, run) = started(store, sample::schedule("daily")).await;
    let about = Notice { run: Some(run.run.id), ..notice(schedule.id, NoticeKind::RunFailed, owner(), 5) };
    let end = RunEnd { notices: vec![about.clone()], ..sample::end(RunStatus::Error) };
    store.finish(&run.lease, &end, sample::after(5)).await.unwrap();
    assert_eq!(store.notices_of(run.run.id).await.unwrap(), [about]);
    assert!(store.notices_of(RunId::generate()).await.unwrap().is_empty());
}

pub async fn x1_a_schedule_is_switched_off_with_its_notices_once<S: Store>(store: &S) {
    let schedule = saved(store, "daily").await;
    let off = SystemDisabled { at: sample::after(3), reason: SystemDisabledReason::NoAccess };
    let about = notice(schedule.id, NoticeKind::ScheduleDisabled, owner(), 3);
    assert!(matches!(store.system_disable(schedule.id, 9, off, &[]).await, Err(StoreError::Conflict)), "another version");
    store.system_disable(schedule.id, schedule.version, off, std::slice::from_ref(&about)).await.unwrap();
    let read = stored(store, &schedule).await;
    assert_eq!((read.system_disabled, read.next_at, read.version), (Some(off), None, schedule.version + 1));
    let again = notice(schedule.id, NoticeKind::ScheduleDisabled, owner(), 4);
    assert!(matches!(store.system_disable(schedule.id, read.version, off, &[again]).await, Err(StoreError::Conflict)), "off already");
    let unsaved = sample::schedule("unsaved");
    assert!(matches!(store.system_disable(unsaved.id, 1, off, &[]).await, Err(StoreError::NotFound(_))));
    assert_eq!(claim_all(store, 9).await.iter().map(|notice| notice.id).collect::<Vec<_>>(), [about.id]);
}

pub async fn x1_a_run_says_that_its_schedule_is_off_only_when_it_switched_it_off<S: Store>(store: &S) {
    let (schedule, run) = started(store, sample::schedule("daily")).await;
    let said = |run: RunId| Notice { run: Some(run), ..notice(schedule.id, NoticeKind::ScheduleDisabled, owner(), 5) };
    let end = |run: RunId| RunEnd {
        disable: Some(SystemDisabledReason::MissingQuery),
        notices: vec![said(run)],
        ..sample::end(RunStatus::Error)
    };
    store.finish(&run.lease, &end(run.run.id), sample::after(5)).await.unwrap();
    assert_eq!(store.notices_of(run.run.id).await.unwrap().len(), 1);
    // A run that was queued before comes to the same end.
    store.enqueue(&sample::manual(&schedule, sample::after(1)), &sample::change_at(Verb::RunTriggered, sample::after(1))).await.unwrap();
    let second = claim(store).await;
    store.finish(&second.lease, &end(second.run.id), sample::after(6)).await.unwrap();
    assert!(store.notices_of(second.run.id).await.unwrap().is_empty());
}

pub async fn x5_a_schedule_is_switched_on_again_with_its_notices_once<S: Store>(store: &S) {
    let schedule = saved(store, "daily").await;
    let off = SystemDisabled { at: sample::after(3), reason: SystemDisabledReason::MissingQuery };
    let next = Some(sample::after(60));
    let on = async |id, version, about: &[Notice]| store.system_enable(id, version, next, sample::after(4), about).await;
    assert!(matches!(on(schedule.id, schedule.version, &[]).await, Err(StoreError::Conflict)), "it is not off");
    store.system_disable(schedule.id, schedule.version, off, &[]).await.unwrap();
    assert!(matches!(on(schedule.id, schedule.version, &[]).await, Err(StoreError::Conflict)), "another version");
    let about = notice(schedule.id, NoticeKind::ScheduleEnabled, owner(), 4);
    on(schedule.id, schedule.version + 1, std::slice::from_ref(&about)).await.unwrap();
    let read = stored(store, &schedule).await;
    assert_eq!((read.system_disabled, read.next_at, read.version), (None, next, schedule.version + 2));
    assert_eq!(claim_all(store, 9).await.iter().map(|notice| notice.id).collect::<Vec<_>>(), [about.id]);
    let entries = store.audit(&AuditQuery { limit: 9, ..AuditQuery::default() }).await.unwrap();
    assert_eq!(entries[0].change, Change::by_system(Verb::ScheduleSwitchedOn, sample::after(4)));
    assert!(matches!(on(ScheduleId::generate(), 1, &[]).await, Err(StoreError::NotFound(_))));
}

pub async fn x5_a_paused_schedule_that_is_switched_on_again_stays_paused<S: Store>(store: &S) {
    let mut schedule = sample::schedule("daily");
    schedule.disabled_at = Some(sample::after(1));
    schedule.system_disabled = Some(SystemDisabled { at: sample::after(3), reason: SystemDisabledReason::MissingQuery });
    schedule.next_at = None;
    store.insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
    store.system_enable(schedule.id, schedule.version, Some(sample::after(60)), sample::after(4), &[]).await.unwrap();
    let read = stored(store, &schedule).await;
    assert_eq!((read.system_disabled, read.disabled_at, read.next_at), (None, schedule.disabled_at, None));
}
