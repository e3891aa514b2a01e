//! Saving, changing and deleting schedules.

use pressrun_domain::audit::Verb;
use pressrun_domain::condition::ConditionKind;
use pressrun_domain::id::ScheduleId;
use pressrun_domain::run::{RunKind, RunStatus};
use pressrun_domain::schedule::{Grounds, LastRun, Schedule, SystemDisabled, SystemDisabledReason};
use serde_json::json;

use super::{claim, insert, saved, started, stored};
use crate::{GroundsKey, Store, StoreError, sample};

pub async fn a_schedule_is_read_as_it_was_saved<S: Store>(store: &S) {
    let mut schedule = sample::schedule("⚡️🍣 Query");
    schedule.definition.condition = Some(sample::condition(ConditionKind::ResultsChanged));
    schedule.definition.tile = Some("1".into());
    // The order of overrides is the order in which they were sent.
    schedule.definition.filters.insert("zeta".into(), json!({"kind": "EQUALS", "values": ["b", "a"], "b": 1, "a": 2}));
    schedule.definition.filters.insert("alpha".into(), json!({}));
    schedule.disabled_at = Some(sample::at("2025-07-02T10:11:12.345678Z"));
    schedule.system_disabled =
        Some(SystemDisabled { at: sample::at("2025-07-03T00:00:00Z"), reason: SystemDisabledReason::OrphanedFilterConfigKeys });
    schedule.last_run = Some(LastRun { status: RunStatus::ErrorDelivered, completed_at: sample::at("2025-07-02T09:00:07Z"), untold: None });
    schedule.next_at = None;
    let schedule = insert(store, schedule).await;
    let read = stored(store, &schedule).await;
    assert_eq!(read, schedule);
    let filters = serde_json::to_string(&read.definition.filters).unwrap();
    assert_eq!(filters, serde_json::to_string(&schedule.definition.filters).unwrap());
    for destination in [sample::slack(), sample::s3()] {
        let mut other = sample::schedule("elsewhere");
        other.definition.destination = destination;
        let other = insert(store, other).await;
        assert_eq!(stored(store, &other).await, other);
    }
    assert_eq!(store.schedule(ScheduleId::generate()).await.unwrap(), None);
    assert!(matches!(
        store.insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await,
        Err(StoreError::Conflict)
    ));
}

pub async fn d13_secrets_come_back_to_the_schedule_and_its_run_only<S: Store>(store: &S) {
    for destination in [sample::sftp("1am@g00dBL0b"), sample::webhook(&["newest", "older"])] {
        let mut schedule = sample::schedule("secret");
        schedule.definition.destination = destination;
        let (schedule, claimed) = started(store, schedule).await;
        assert_eq!(stored(store, &schedule).await.definition, schedule.definition);
        assert_eq!(claimed.run.definition, schedule.definition);
        let history = store.run(claimed.run.id).await.unwrap().unwrap();
        assert!(history.definition.destination.secrets().is_empty());
        let listed = store.list_schedules(&sample::list()).await.unwrap();
        assert!(listed.rows.iter().all(|row| row.definition.as_ref().unwrap().destination.secrets().is_empty()));
        store.finish(&claimed.lease, &sample::end(RunStatus::Complete), sample::after(9)).await.unwrap();
    }
    let mut definition = sample::definition("test");
    definition.destination = sample::sftp("1am@g00dBL0b");
    store
        .enqueue(&sample::test_delivery(definition.clone(), sample::after(0)), &sample::change_at(Verb::RunTriggered, sample::after(0)))
        .await
        .unwrap();
    assert_eq!(claim(store).await.run.definition, definition);
}

pub async fn x10_a_stale_version_conflicts<S: Store>(store: &S) {
    let schedule = saved(store, "first").await;
    let mut changed = schedule.clone();
    changed.definition.name = "second".into();
    assert_eq!(store.replace_schedule(&changed, &sample::names(), &sample::change(Verb::ScheduleUpdated)).await.unwrap(), 2);
    let stale = Schedule { disabled_at: Some(sample::at(sample::NINE)), ..schedule.clone() };
    assert!(matches!(
        store.replace_schedule(&stale, &sample::names(), &sample::change(Verb::ScheduleUpdated)).await,
        Err(StoreError::Conflict)
    ));
    let read = stored(store, &schedule).await;
    assert_eq!((read.definition.name.as_str(), read.version, read.disabled_at), ("second", 2, None));
    assert!(matches!(
        store.replace_schedule(&sample::schedule("nowhere"), &sample::names(), &sample::change(Verb::ScheduleUpdated)).await,
        Err(StoreError::NotFound("schedule"))
    ));
}

pub async fn replacing_keeps_the_last_run_and_the_day_it_was_made<S: Store>(store: &S) {
    let (schedule, run) = started(store, sample::schedule("kept")).await;
    store.finish(&run.lease, &sample::end(RunStatus::Complete), sample::after(5)).await.unwrap();
    let mut changed = stored(store, &schedule).await;
    changed.last_run = None;
    changed.created_at = sample::after(0);
    changed.updated_at = sample::after(7);
    store.replace_schedule(&changed, &sample::names(), &sample::change(Verb::ScheduleUpdated)).await.unwrap();
    let read = stored(store, &schedule).await;
    assert_eq!(read.last_run, Some(LastRun { status: RunStatus::Complete, completed_at: sample::after(5), untold: None }));
    assert_eq!((read.created_at, read.updated_at), (schedule.created_at, sample::after(7)));
}

pub async fn p7_an_address_is_on_a_list_once<S: Store>(store: &S) {
    let mut schedule = sample::schedule("twice");
    schedule.definition.destination = sample::to_members(&["blob@myorg.co", "BLOB@MyOrg.co"]);
    assert!(matches!(
        store.insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await,
        Err(StoreError::Conflict)
    ));
    assert_eq!(store.schedule(schedule.id).await.unwrap(), None);
    let other = saved(store, "the same address on another list").await;
    assert_eq!(stored(store, &other).await, other);
}

pub async fn x9_runs_outlive_their_schedule<S: Store>(store: &S) {
    let (schedule, run) = started(store, sample::schedule("gone")).await;
    store.promise(&run.lease, &[sample::piece(run.run.id, "blob@myorg.co")]).await.unwrap();
    assert!(store.delete_schedule(schedule.id, &sample::change_at(Verb::ScheduleDeleted, sample::after(2))).await.unwrap());
    assert!(!store.delete_schedule(schedule.id, &sample::change_at(Verb::ScheduleDeleted, sample::after(2))).await.unwrap());
    assert_eq!(store.schedule(schedule.id).await.unwrap(), None);
    store.finish(&run.lease, &sample::end(RunStatus::Killed), sample::after(3)).await.unwrap();
    let history = store.list_runs(Some(schedule.id), 1, 10).await.unwrap();
    assert_eq!((history.total, history.rows[0].id), (1, run.run.id));
    assert_eq!(history.rows[0].definition.name, "gone");
    assert_eq!(store.deliveries(run.run.id).await.unwrap().len(), 1);
}

pub async fn x9_a_waiting_run_of_a_deleted_schedule_ends<S: Store>(store: &S) {
    let schedule = saved(store, "gone").await;
    store.enqueue(&sample::manual(&schedule, sample::after(0)), &sample::change_at(Verb::RunTriggered, sample::after(0))).await.unwrap();
    store.delete_schedule(schedule.id, &sample::change_at(Verb::ScheduleDeleted, sample::after(1))).await.unwrap();
    assert_eq!(store.next_available(sample::after(0)).await.unwrap(), None);
    let runs = store.list_runs(Some(schedule.id), 1, 10).await.unwrap().rows;
    let run = runs.iter().find(|run| run.kind == RunKind::Manual).unwrap();
    assert_eq!(
        run.state,
        pressrun_domain::run::RunState::Ended { at: sample::after(1), status: RunStatus::Killed, reason: Some("deleted".into()) }
    );
}

pub async fn x9_a_deleted_schedule_stops_a_run_that_has_sent_nothing<S: Store>(store: &S) {
    use pressrun_domain::delivery::{Attempt, DeliveryState};
    let (schedule, run) = started(store, sample::schedule("nothing sent")).await;
    assert!(!store.is_cancelled(run.run.id).await.unwrap());
    store.delete_schedule(schedule.id, &sample::change_at(Verb::ScheduleDeleted, sample::after(2))).await.unwrap();
    assert!(store.is_cancelled(run.run.id).await.unwrap());

    let piece = sample::piece(run.run.id, "blob@myorg.co");
    store.promise(&run.lease, std::slice::from_ref(&piece)).await.unwrap();
    let number = store.begin_attempt(&run.lease, piece.id, sample::after(2)).await.unwrap();
    let attempt = Attempt { number, started_at: sample::after(2), ended_at: Some(sample::after(3)), outcome: None };
    store
        .end_attempt(&run.lease, piece.id, &attempt, &DeliveryState::Accepted { at: sample::after(3) }, &crate::Learnt::default())
        .await
        .unwrap();
    assert!(!store.is_cancelled(run.run.id).await.unwrap(), "one that has sent something finishes");

    store
        .enqueue(
            &sample::test_delivery(sample::definition("test"), sample::after(0)),
            &sample::change_at(Verb::RunTriggered, sample::after(0)),
        )
        .await
        .unwrap();
    assert!(!store.is_cancelled(claim(store).await.run.id).await.unwrap(), "a test has no schedule to lose");
}

pub async fn x1_h11_schedules_are_found_by_what_they_stand_on<S: Store>(store: &S) {
    let alike = [saved(store, "one").await, saved(store, "two").await];
    let mut elsewhere = sample::schedule("elsewhere");
    elsewhere.definition.identifier = "1169b547".into();
    elsewhere.definition.tile = Some("1".into());
    elsewhere.definition.filters.insert("region".into(), serde_json::json!(["US"]));
    let elsewhere = insert(store, elsewhere).await;
    let off = SystemDisabled { at: sample::after(0), reason: SystemDisabledReason::MissingQuery };
    store.system_disable(alike[1].id, alike[1].version, off, &[]).await.unwrap();
    let (mut after, mut all) = (GroundsKey::default(), Vec::new());
    while let Some(shared) = store.grounds(after, 1).await.unwrap().pop() {
        after = shared.key;
        all.push(shared);
    }
    let told: Vec<_> = all.iter().map(|shared| (&shared.grounds, shared.any_on, shared.any_off)).collect();
    assert_eq!(told, [(&Grounds::of(&alike[0].definition), true, true), (&Grounds::of(&elsewhere.definition), true, false)]);
    let names = async |grounds, switched_off| {
        let (mut after, mut names) = (None, Vec::new());
        while let Some(schedule) = store.standing_on(grounds, switched_off, after, 1).await.unwrap().pop() {
            after = Some(schedule.id);
            names.push(schedule.definition.name);
        }
        names
    };
    assert_eq!((names(all[0].key, false).await, names(all[0].key, true).await), (vec!["one".to_owned()], vec!["two".to_owned()]));
    // Grounds go with the last schedule that stands on them, whether it is edited or deleted.
    let moved = Schedule { definition: elsewhere.definition.clone(), ..alike[0].clone() };
    store.replace_schedule(&moved, &sample::names(), &sample::change(Verb::ScheduleUpdated)).await.unwrap();
    assert_eq!(names(all[1].key, false).await.len(), 2);
    store.delete_schedule(alike[1].id, &sample::change(Verb::ScheduleDeleted)).await.unwrap();
    let left = store.grounds(GroundsKey::default(), 9).await.unwrap();
    assert_eq!(left.iter().map(|shared| shared.key).collect::<Vec<_>>(), [all[1].key]);
}
