//! Several processes, and processes that are asked to stop.

use std::collections::HashSet;

use pressrun_domain::condition::ConditionKind;
use pressrun_domain::delivery::DeliveryState;
use pressrun_domain::run::{RunState, RunStatus};
use pressrun_domain::schedule::Definition;
use pressrun_testkit::{HttpAnswer, HttpBehaviour};

use crate::process::{Site, eventually};
use crate::world::{ended, watching};

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
async fn h14_a_task_that_panics_ends_the_server_with_a_word_and_the_next_one_goes_on() {
    let site = Site::new("").await;
    let schedule = site.due_once(site.webhook()).await;
    let mut server = site.start(Some("after_plan:1:panic"));
    let status = server.end().await;
    assert_eq!(status.code(), Some(1), "{}", server.log());
    assert!(server.log().contains("the task `planner` panicked: the fail point after_plan"), "{}", server.log());
    let next = site.start(None);
    let (run, _) = site.ended(schedule).await;
    assert_eq!(ended(&run).0, RunStatus::Complete);
    next.stop().await;
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
    let site = Site::new("grace_seconds = 2").await;
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

/// Stops the server when it has sent `accepted` mails of a run, lets the data change, and goes on with another.
async fn stopped_amid_mails(definition: Definition, accepted: usize, recipients: usize) {
    let site = Site::new("grace_seconds = 2\nparallel_deliveries = 1").await;
    site.smtp.follow(|script| script.hang_after = Some(accepted));
    let schedule = site.due_once(definition).await;
    let server = site.start(None);
    site.smtp.hang().reached().await;
    server.stop().await;
    let run = site.store.list_runs(Some(schedule), 1, 10).await.unwrap().rows.remove(0);
    assert!(matches!(run.state, RunState::Queued { .. }), "{:?}", run.state);
    let before = site.store.deliveries(run.id).await.unwrap();
    assert_eq!(before.len(), recipients, "what was promised is still promised");

    // What the owner may see is gone: the condition no longer holds, and every file would be another.
    std::fs::write(site.dir.path().join("catalog/data/sales.csv"), "day,region,amount\n2025-07-21,APAC,99\n").unwrap();
    site.smtp.follow(|script| script.hang_after = None);
    let again = site.start(None);
    let (run, pieces) = site.ended(schedule).await;
    again.stop().await;
    assert_eq!(ended(&run), (RunStatus::Complete, None), "{:?}", run.record);
    assert!(pieces.iter().all(|piece| matches!(piece.state, DeliveryState::Accepted { .. })), "{pieces:?}");
    let files: HashSet<_> = pieces.iter().map(|piece| piece.artifact.as_ref().map(|file| &file.sha256)).collect();
    assert_eq!(files.len(), 1, "everybody has the same file");
    let mails = site.smtp.mails();
    let readers: HashSet<_> = mails.iter().flat_map(|mail| mail.to.clone()).collect();
    assert_eq!((mails.len(), readers.len()), (recipients, recipients), "each has it once");
}

#[tokio::test]
async fn h1_a_run_handed_back_amid_its_mails_goes_on_with_the_file_that_it_made() {
    stopped_amid_mails(Site::email(&["a@x.example", "b@x.example", "c@x.example"]), 1, 3).await;
}

#[tokio::test]
async fn h1_an_alert_handed_back_amid_its_mails_reaches_everybody_although_its_data_has_changed() {
    let people: Vec<String> = (0..300).map(|number| format!("p{number}@x.example")).collect();
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    stopped_amid_mails(watching(Site::email(&people), ConditionKind::ResultsPresent, "1"), 72, 300).await;
}
