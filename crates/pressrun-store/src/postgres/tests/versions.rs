//! Nodes of several versions on the same rows, and poolers that pass nothing on.

use futures::FutureExt as _;
use futures::future::join_all;
use jiff::Timestamp;
use pressrun_domain::id::WorkerId;
use pressrun_testkit::PgBouncer;

use super::nodes::{claim_all, plan_all};
use super::server::{Schema, save};
use crate::{ClaimRequest, Hints as _, Planning as _, PostgresSettings, PostgresStore, Runs as _, StoreError, sample};

#[tokio::test(flavor = "multi_thread")]
async fn p9_a_migration_that_adds_goes_by_under_nodes_that_work_and_they_work_on() {
    let schema = Schema::make().await;
    let schedules = save(&schema.open().await, 150).await;
    let mut nodes = Vec::new();
    for _ in 0..3 {
        nodes.push(schema.open().await);
    }
    let migration = async {
        // As one of the next version does it, table by table.
        for table in
            ["schedules", "due", "planned", "queue", "runs", "definitions", "deliveries", "attempts", "run_events", "audit", "nodes"]
        {
            schema.ask(&format!("ALTER TABLE {table} ADD COLUMN of_the_next_version TEXT")).await;
        }
        schema.ask("INSERT INTO pressrun_schema (version, needs) VALUES (2, 1)").await;
    };
    let ((), _, claimed) =
        tokio::join!(migration, join_all(nodes.iter().map(plan_all)), join_all(nodes.iter().map(|node| claim_all(node, schedules.len()))));
    assert_eq!(claimed.concat().len(), schedules.len());
    assert_eq!(schema.ask("SELECT count(*) FROM runs WHERE state = 'ended' AND fence = 1").await, ["150"]);
    let late = schema.open().await;
    assert!(late.release_dead(sample::after(5)).await.is_ok(), "one that starts now works too");
}

#[tokio::test]
async fn p9_a_node_that_the_schema_has_left_behind_stands_still_says_so_and_goes_on_when_it_may() {
    let schema = Schema::make().await;
    save(&schema.open().await, 2).await;
    let node = schema.open().await;
    schema.ask("INSERT INTO pressrun_schema (version, needs) VALUES (3, 3)").await;
    let refused = node.release_dead(sample::after(0)).await.unwrap_err();
    assert!(
        matches!(&refused, StoreError::Unavailable(words) if words.contains("a newer Pressrun has changed the database (it needs schema 3, this node knows up to 1)")),
        "{refused}"
    );
    let request = ClaimRequest::new(WorkerId::generate(), sample::after(1), sample::after(301), 9);
    assert!(node.due_schedules(sample::after(0), Timestamp::MIN, 20).await.unwrap().is_empty());
    assert!(node.claim_some(&request).await.unwrap().is_empty());
    assert_eq!(node.next_available(sample::after(1)).await.unwrap(), None);
    schema.ask("DELETE FROM pressrun_schema WHERE version = 3").await;
    node.release_dead(sample::after(5)).await.unwrap();
    plan_all(&node).await;
    assert_eq!(node.claim_some(&request).await.unwrap().len(), 2);
}

#[tokio::test]
async fn p7_behind_a_pooler_that_passes_no_notifications_on_a_timer_stands_in() {
    let schema = Schema::make().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pgbouncer.ini");
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let Some(bouncer) = PgBouncer::start(schema.server().port(), &file).await else { return };
    let direct = schema.open().await;
    let mut heard = direct.listen().await.unwrap();
    assert!(heard.heard().now_or_never().is_none(), "nobody has queued anything");
    let settings = PostgresSettings::new(format!("{}?sslmode=disable", bouncer.url()));
    let pooled = PostgresStore { settings, ..direct };
    let mut looks = pooled.listen().await.unwrap();
    for _ in 0..2 {
        // It ends although nobody says anything.
        looks.heard().await.unwrap();
    }
}
