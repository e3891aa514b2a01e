//! Several processes, and processes that are asked to stop.

use std::collections::HashSet;

use pressrun_domain::run::{RunState, RunStatus};
use pressrun_testkit::{HttpAnswer, HttpBehaviour};

use crate::process::{Site, eventually};
use crate::world::ended;

#[tokio::test]
async fn i1_two_servers_on_one_database_deliver_each_occurrence_once() {
    let site = Site::new("workers = 4").await;
    let mut schedules = Vec::new();
    for _ in 0..20 {
        schedules.push(site.due_once(site.webhook()).await);
    }
    let servers = [site.start(None), site.start(None)];
    for schedule in schedules {
        let (run, deliveries) = site.ended(schedule).await;
        assert_eq!((ended(&run).0, deliveries.len()), (RunStatus::Complete, 1), "{:?}", run.record);
        assert_eq!(site.store.list_runs(Some(schedule), 1, 10).await.unwrap().rows.len(), 1);
    }
    for server in servers {
        server.stop().await;
    }
    let requests = site.http.requests();
    let marks: HashSet<_> = requests.iter().map(|request| request.header("idempotency-key").map(str::to_owned)).collect();
    assert_eq!((requests.len(), marks.len()), (20, 20));
}

#[tokio::test]
async fn i7_when_one_of_two_servers_dies_the_other_goes_on_at_once() {
    let site = Site::new("lease_seconds = 600").await;
    let schedule = site.due_once(site.webhook()).await;
    let dying = site.start(Some("after_promise"));
    dying.killed().await;
    // A process that was there all along would see it as this one does: by the lock that is free.
    let other = site.start(None);
    let (run, _) = site.ended(schedule).await;
    assert_eq!((ended(&run).0, run.fence), (RunStatus::Complete, 2), "nobody waits ten minutes for the lease of the dead");
    other.stop().await;
    assert_eq!(site.http.requests().len(), 1);
}

#[tokio::test]
async fn l3_a_server_that_is_asked_to_stop_lets_its_runs_end() {
    let site = Site::new("grace_seconds = 60").await;
    let schedule = site.due_once(Site::email(&["a@x.example"])).await;
    let server = site.start(None);
    eventually("the run is claimed", async || {
        let run = site.store.list_runs(Some(schedule), 1, 10).await.unwrap().rows.pop()?;
        (!matches!(run.state, RunState::Queued { .. })).then_some(())
    })
    .await;
    server.stop().await;
    let run = site.store.list_runs(Some(schedule), 1, 10).await.unwrap().rows.remove(0);
    assert_eq!((ended(&run).0, run.fence), (RunStatus::Complete, 1), "{:?}", run.record);
    assert_eq!(site.smtp.mails().len(), 1);
}

#[tokio::test]
async fn l3_when_the_grace_period_is_over_runs_are_handed_back_and_nothing_is_lost() {
    let site = Site::new("grace_seconds = 1").await;
    site.http.push([HttpAnswer::new(200, "ok").behaving(HttpBehaviour::Hang)]);
    let schedule = site.due_once(site.webhook()).await;
    let server = site.start(None);
    site.http.wait_for(1).await;
    server.stop().await;
    let run = site.store.list_runs(Some(schedule), 1, 10).await.unwrap().rows.remove(0);
    assert!(matches!(run.state, RunState::Queued { .. }), "handed back, not left to its lease: {:?}", run.state);

    let again = site.start(None);
    let (run, _) = site.ended(schedule).await;
    again.stop().await;
    assert_eq!(ended(&run).0, RunStatus::Complete);
    let requests = site.http.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].header("idempotency-key"), requests[1].header("idempotency-key"));
    assert_eq!(requests[0].body, requests[1].body);
}
