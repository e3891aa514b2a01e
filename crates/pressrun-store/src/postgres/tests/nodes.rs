//! Many nodes at once: each occurrence is planned once, released once, claimed once.

use std::collections::BTreeSet;

use futures::FutureExt as _;
use futures::future::join_all;
use jiff::Timestamp;
use pressrun_domain::audit::Verb;
use pressrun_domain::id::{RunId, WorkerId};
use pressrun_domain::notice::NoticeLane;
use pressrun_domain::run::{RunKind, RunState, RunStatus, SkipReason};

use super::server::{Schema, save};
use crate::{Hints as _, Notices as _, PlannedOccurrence, Planning as _, PostgresStore, Runs as _, Schedules as _, StoreError, sample};

/// Plans what is due, and releases what is ready, until nothing is.
pub(super) async fn plan_all(store: &PostgresStore) {
    loop {
        let due = store.due_schedules(sample::after(0), Timestamp::MIN, 20).await.unwrap();
        let plans: Vec<_> = due.into_iter().map(sample::planned).collect();
        store.plan(&plans, sample::after(0)).await.unwrap();
        let released = store.release_planned(sample::after(0), Timestamp::MIN, 15).await.unwrap();
        if plans.is_empty() && released.taken == 0 && store.next_ready().await.unwrap().is_none() {
            return;
        }
    }
}

/// Claims and finishes what there is.
pub(super) async fn claim_all(store: &PostgresStore, wanted: usize) -> Vec<RunId> {
    let (worker, mut mine) = (WorkerId::generate(), Vec::new());
    loop {
        let runs = store.claim(worker, sample::after(1), sample::after(301), 7).await.unwrap();
        mine.extend(runs.iter().map(|run| run.run.id));
        for run in runs {
            store.finish(&run.lease, &sample::end(RunStatus::Complete), sample::after(2)).await.unwrap();
        }
        if store.list_runs(None, 1, 1).await.unwrap().total >= wanted as u64 && !store.others_wait(sample::after(1)).await.unwrap() {
            return mine;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_four_planners_and_eight_claimers_on_connections_of_their_own_do_each_occurrence_once() {
    let schema = Schema::make().await;
    let schedules = save(&schema.open().await, 200).await;
    let (mut planners, mut claimers) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        planners.push(schema.open().await);
    }
    for _ in 0..8 {
        claimers.push(schema.open().await);
    }
    let (_, claimed) =
        tokio::join!(join_all(planners.iter().map(plan_all)), join_all(claimers.iter().map(|store| claim_all(store, schedules.len()))));
    let claimed = claimed.concat();
    assert_eq!(claimed.len(), schedules.len(), "each claim once");
    let expected: BTreeSet<RunId> = schedules.iter().map(|schedule| RunId::of_occurrence(schedule.id, sample::after(0))).collect();
    assert_eq!(claimed.into_iter().collect::<BTreeSet<_>>(), expected);
    assert_eq!(schema.ask("SELECT count(*) FROM runs WHERE state = 'ended' AND fence = 1").await, ["200"]);
    assert_eq!(schema.ask("SELECT (SELECT count(*) FROM queue) + (SELECT count(*) FROM planned)").await, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn i2_two_instants_that_many_nodes_release_at_once_are_a_run_and_an_overlap() {
    let schema = Schema::make().await;
    let store = schema.open().await;
    let schedules = save(&store, 40).await;
    let mut plans = Vec::new();
    for due in store.due_schedules(sample::after(0), Timestamp::MIN, 100).await.unwrap() {
        let mut plan = sample::planned(due);
        plan.starts.push(PlannedOccurrence { at: sample::after(60), dst: None });
        plans.push(plan);
    }
    store.plan(&plans, sample::after(0)).await.unwrap();
    let mut nodes = Vec::new();
    for _ in 0..6 {
        nodes.push(schema.open().await);
    }
    join_all(nodes.iter().map(|node| async {
        while node.next_ready().await.unwrap().is_some() {
            node.release_planned(sample::after(61), Timestamp::MIN, 7).await.unwrap();
        }
    }))
    .await;
    for schedule in &schedules {
        let runs = store.list_runs(Some(schedule.id), 1, 9).await.unwrap().rows;
        let states: Vec<&RunState> = runs.iter().map(|run| &run.state).collect();
        assert!(matches!(states.as_slice(), [RunState::Skipped { reason: SkipReason::Overlap }, RunState::Queued { .. }]), "{states:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t12_edits_pauses_and_triggers_amid_planners_and_claimers_lose_and_double_nothing() {
    let schema = Schema::make().await;
    let store = schema.open().await;
    let schedules = save(&store, 60).await;
    let (planner, claimer, other) = (schema.open().await, schema.open().await, schema.open().await);
    let edits = async {
        for schedule in &schedules {
            let mut edited = store.schedule(schedule.id).await.unwrap().unwrap();
            edited.definition.name = format!("{} again", edited.definition.name);
            // A run that switches it off, or learns a key, counts the version up in between.
            match store.replace_schedule(&edited, &sample::names(), &sample::change(Verb::ScheduleUpdated)).await {
                Ok(_) | Err(StoreError::Conflict) => {}
                Err(error) => panic!("{error}"),
            }
        }
    };
    let triggers = async {
        for schedule in &schedules {
            let run = sample::manual(schedule, sample::after(1));
            match other.enqueue(&run, &sample::change_at(Verb::RunTriggered, sample::after(1))).await {
                Ok(()) | Err(StoreError::RunInProgress) => {}
                Err(error) => panic!("{error}"),
            }
        }
    };
    let claims = async {
        while schema.ask("SELECT count(DISTINCT schedule_id) FROM runs WHERE kind = 'scheduled' AND state IN ('ended', 'skipped')").await
            != ["60"]
        {
            claim_all(&claimer, 0).await;
        }
    };
    tokio::join!(edits, triggers, plan_all(&planner), claims);
    claim_all(&claimer, 0).await;
    for schedule in &schedules {
        let runs = store.list_runs(Some(schedule.id), 1, 9).await.unwrap().rows;
        let scheduled: Vec<_> = runs.iter().filter(|run| run.kind == RunKind::Scheduled).collect();
        assert_eq!(scheduled.len(), 1, "{runs:?}");
        assert!(runs.iter().all(|run| !matches!(run.state, RunState::Queued { .. } | RunState::Running { .. })), "{runs:?}");
    }
    assert_eq!(schema.ask("SELECT count(*) FROM queue").await, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn s10_a_notice_is_claimed_by_one_of_many_nodes() {
    let schema = Schema::make().await;
    let store = schema.open().await;
    let schedules = save(&store, 1).await;
    let notices: Vec<_> = (0..60)
        .map(|number| {
            let mut notice = sample::notice(schedules[0].id, sample::after(0));
            notice.to = pressrun_domain::notice::NoticeTo::Owner(sample::email(&format!("blob{number}@myorg.co")));
            notice
        })
        .collect();
    assert_eq!(store.add_notices(&notices).await.unwrap(), 60);
    let mut nodes = Vec::new();
    for _ in 0..6 {
        nodes.push(schema.open().await);
    }
    let claimed = join_all(nodes.iter().map(|node| async {
        let mut mine = Vec::new();
        while node.next_notice(NoticeLane::People).await.unwrap().is_some_and(|next| next <= sample::after(1)) {
            mine.extend(
                node.claim_notices(NoticeLane::People, sample::after(1), sample::after(61), 3)
                    .await
                    .unwrap()
                    .into_iter()
                    .map(|notice| notice.id),
            );
        }
        mine
    }))
    .await
    .concat();
    assert_eq!((claimed.len(), claimed.iter().collect::<BTreeSet<_>>().len()), (60, 60));
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_node_hears_of_what_others_queue_and_not_of_its_own() {
    let schema = Schema::make().await;
    let (own, other) = (schema.open().await, schema.open().await);
    let mut listening = own.listen().await.unwrap();
    save(&own, 1).await;
    save(&other, 1).await;
    listening.heard().await.unwrap();
    // That was the other's: of its own, which came before, nothing was told.
    save(&own, 1).await;
    assert!(listening.heard().now_or_never().is_none());
    let schedule = &save(&other, 1).await[0];
    listening.heard().await.unwrap();
    let run = sample::test_delivery(schedule.definition.clone(), sample::after(0));
    other.enqueue(&run, &sample::change_at(Verb::RunTested, sample::after(0))).await.unwrap();
    listening.heard().await.unwrap();
}
