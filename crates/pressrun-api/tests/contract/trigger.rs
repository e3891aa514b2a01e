//! §5.3.

use pressrun_domain::id::WorkerId;
use pressrun_store::sample as stored;
use serde_json::json;

use crate::harness::{NOWHERE, server, webhook};

#[tokio::test]
async fn trigger_bad_id() {
    let server = server().await;
    for id in ["x", "2abba91d9bec41a08a8d6f133b4ff0b7", "%7B2abba91d-9bec-41a0-8a8d-6f133b4ff0b7%7D", "%ff"] {
        let answer = server.call("org", "POST", &format!("/api/v1/schedules/{id}/trigger"), None).await;
        answer.refuses(400, "Bad Request: scheduleId: Invalid uuid");
    }
}

#[tokio::test]
async fn trigger_wrong_method() {
    let server = server().await;
    for method in ["GET", "PUT", "DELETE", "PATCH"] {
        server.call("org", method, &format!("/api/v1/schedules/{NOWHERE}/trigger"), None).await.refuses(400, "Invalid method");
    }
}

#[tokio::test]
async fn trigger_no_such_schedule() {
    let server = server().await;
    let upper = NOWHERE.to_uppercase();
    let answer = server.call("org", "POST", &format!("/api/v1/schedules/{upper}/trigger"), None).await;
    answer.refuses(404, &format!("Scheduled task with id {upper} does not exist"));
}

#[tokio::test]
async fn trigger_i3_while_a_run_is_in_progress() {
    let server = server().await;
    let id = server.create(&webhook(json!({}))).await.id();
    let path = format!("/api/v1/schedules/{id}/trigger");
    let first = server.call("org", "POST", &path, None).await;
    assert_eq!(first.ok(), &json!({"success": true}));
    server.call("org", "POST", &path, None).await.refuses(409, "Another execution of this schedule is in progress");
    let runs = server.get(&format!("/api/v1/schedules/{id}/runs")).await;
    assert_eq!(runs.ok()["pageInfo"]["totalRecords"], 1);
    assert_eq!(runs.body["records"][0]["kind"], "manual");
    let until = stored::at("2025-07-24T00:00:00Z");
    let claimed = server.store.claim(WorkerId::generate(), stored::at(crate::harness::NOW), until, 5).await.unwrap();
    assert_eq!(claimed.len(), 1);
    server.call("org", "POST", &path, None).await.refuses(409, "Another execution of this schedule is in progress");
}

#[tokio::test]
async fn trigger_i5_paused_runs() {
    let server = server().await;
    let id = server.create(&webhook(json!({}))).await.id();
    server.put_empty(&format!("/api/v1/schedules/{id}/pause")).await.ok();
    server.post(&format!("/api/v1/schedules/{id}/trigger"), &json!({"ignored": true})).await.ok();
}

#[tokio::test]
async fn trigger_i5_system_disabled_is_refused() {
    let server = server().await;
    let id = crate::pause::system_disabled(&server).await;
    server.call("org", "POST", &format!("/api/v1/schedules/{id}/trigger"), None).await.refuses(409, "Cannot trigger an inactive schedule");
}

#[tokio::test]
async fn trigger_not_owner() {
    let server = server().await;
    let id = server.create(&webhook(json!({}))).await.id();
    server.call("hill", "POST", &format!("/api/v1/schedules/{id}/trigger"), None).await.refuses(403, "Permission denied");
}
