//! Nodes whose clocks differ.

use jiff::{SignedDuration, Timestamp};
use pressrun_domain::id::WorkerId;
use pressrun_domain::run::RunStatus;

use super::server::{Schema, save};
use crate::{ClaimedRun, Planning as _, PostgresStore, Runs as _, sample};

/// The server's clock, as a node would read it that is ahead by so many milliseconds.
async fn present(schema: &Schema, ahead: i64) -> Timestamp {
    let micros = schema.ask("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint").await;
    Timestamp::from_microsecond(micros.last().unwrap().parse().unwrap()).unwrap() + SignedDuration::from_millis(ahead)
}

/// A node whose clock is ahead by so much, and that has had its first heartbeat.
async fn node(schema: &Schema, ahead: i64) -> (PostgresStore, WorkerId) {
    let (store, worker) = (schema.open_by_its_clock().await, WorkerId::generate());
    store.announce(worker).await.unwrap();
    store.release_dead(present(schema, ahead).await).await.unwrap();
    (store, worker)
}

async fn claim(schema: &Schema, (store, worker): &(PostgresStore, WorkerId), ahead: i64, seconds: i64) -> Vec<ClaimedRun> {
    let now = present(schema, ahead).await;
    store.claim(*worker, now, now + SignedDuration::from_secs(seconds), 10).await.unwrap()
}

#[tokio::test]
async fn p1_leases_are_as_long_as_said_whatever_the_clock_of_the_node_that_asks() {
    let schema = Schema::make().await;
    let schedules = save(&schema.open_by_its_clock().await, 2).await;
    for (schedule, ahead) in schedules.iter().zip([-1_000, 1_000]) {
        let node = node(&schema, ahead).await;
        schema.ask("DELETE FROM leads").await;
        sample::occur(&node.0, &[schedule], present(&schema, ahead).await).await;
        let asked = present(&schema, ahead).await;
        let claimed = claim(&schema, &node, ahead, 3_600).await;
        let seconds = |lease: Timestamp| lease.duration_since(asked).as_secs();
        assert!((3_599..=3_620).contains(&seconds(claimed[0].lease.until)), "{ahead}: {:?}", claimed[0].lease);
        // By the server's clock it is not a second shorter or longer.
        let left = schema
            .ask("SELECT lease_until - (extract(epoch FROM clock_timestamp()) * 1000000)::bigint FROM runs WHERE state = 'running'")
            .await;
        let left: i64 = left.last().unwrap().parse().unwrap();
        assert!((3_580_000_000..3_600_900_000).contains(&left), "{ahead}: {left}");
        let renewed = node.0.renew(&claimed[0].lease, asked + SignedDuration::from_secs(7_200)).await.unwrap();
        assert_eq!(renewed.until, asked + SignedDuration::from_secs(7_200), "the node hears of it by its own clock");
        node.0.finish(&renewed, &sample::end(RunStatus::Complete), asked).await.unwrap();
    }
}

#[tokio::test]
async fn p2_a_node_whose_clock_is_off_by_more_than_two_seconds_claims_and_plans_nothing_until_it_is_right() {
    let schema = Schema::make().await;
    let right = node(&schema, 0).await;
    let schedules = save(&right.0, 2).await;
    for ahead in [3_600_000, -3_600_000, 4_000] {
        let off = node(&schema, ahead).await;
        let now = present(&schema, ahead).await;
        assert_eq!(off.0.due_schedules(Timestamp::MAX, Timestamp::MIN, 9).await.unwrap(), [], "{ahead}");
        assert_eq!(
            (off.0.next_due().await.unwrap(), off.0.next_ready().await.unwrap()),
            (None, None),
            "{ahead}: nor does it wait for something"
        );
        sample::occur(&right.0, &[&schedules[0]], present(&schema, 0).await).await;
        assert_eq!(off.0.release_planned(now, Timestamp::MIN, 9).await.unwrap().taken, 0, "{ahead}");
        assert!(claim(&schema, &off, ahead, 60).await.is_empty(), "{ahead}");
        assert!(!off.0.others_wait(now).await.unwrap(), "{ahead}");
        // The clock is put right, and the next heartbeat finds that.
        off.0.release_dead(present(&schema, 0).await).await.unwrap();
        assert!(off.0.others_wait(present(&schema, 0).await).await.unwrap(), "{ahead}");
        let claimed = claim(&schema, &off, 0, 60).await;
        assert_eq!(claimed.len(), 1, "{ahead}");
        off.0.finish(&claimed[0].lease, &sample::end(RunStatus::Complete), present(&schema, 0).await).await.unwrap();
        schema.ask("UPDATE due SET next_at = 0, planned_through = 0; DELETE FROM runs").await;
    }
}

#[tokio::test]
async fn p2_runs_of_a_node_without_a_heartbeat_go_on_at_once() {
    let schema = Schema::make().await;
    let (dead, alive) = (node(&schema, 0).await, node(&schema, 0).await);
    let schedules = save(&dead.0, 2).await;
    sample::occur(&dead.0, &schedules.iter().collect::<Vec<_>>(), present(&schema, 0).await).await;
    assert_eq!(claim(&schema, &dead, 0, 3_600).await.len(), 2);
    assert_eq!(alive.0.release_dead(present(&schema, 0).await).await.unwrap(), 0, "both were seen a moment ago");
    assert!(claim(&schema, &alive, 0, 3_600).await.is_empty());
    schema.ask(&format!("UPDATE nodes SET seen_at = seen_at - 21000000 WHERE worker = '{}'", dead.1)).await;
    assert_eq!(alive.0.release_dead(present(&schema, 0).await).await.unwrap(), 2);
    let claimed = claim(&schema, &alive, 0, 3_600).await;
    assert_eq!(claimed.iter().map(|run| run.lease.fence).collect::<Vec<_>>(), [2, 2]);
    // Whoever comes back is seen again.
    assert_eq!(dead.0.release_dead(present(&schema, 0).await).await.unwrap(), 0);
    assert_eq!(schema.ask("SELECT count(*) FROM nodes").await, ["2"]);
}

#[tokio::test]
async fn p3_one_node_plans_for_all_and_another_takes_over_when_it_is_gone() {
    let schema = Schema::make().await;
    let (first, second) = (node(&schema, 0).await.0, node(&schema, 0).await.0);
    save(&first, 2).await;
    let due = async |store: &PostgresStore| store.due_schedules(Timestamp::MAX, Timestamp::MIN, 9).await.unwrap().len();
    assert_eq!((due(&first).await, due(&second).await, due(&first).await), (2, 0, 2));
    assert_eq!((first.next_due().await.unwrap().is_some(), second.next_due().await.unwrap()), (true, None));
    schema.ask("UPDATE leads SET lease_until = lease_until - 5000000").await;
    assert_eq!((due(&second).await, due(&first).await), (2, 0));
    // Both halves of a process are one node.
    assert_eq!(due(&second.with_own_readers().await.unwrap()).await, 2);
}

#[tokio::test]
async fn a_clock_that_is_off_is_told_by_how_much() {
    let schema = Schema::make().await;
    let store = schema.open().await;
    for behind in [0, 90, -90] {
        let now = present(&schema, -behind * 1_000).await;
        let found = store.clock_behind(now).await.unwrap();
        // The way there and back takes a moment.
        assert!((behind..=behind + 5).contains(&found.as_secs()), "{behind}: {found:?}");
    }
}
