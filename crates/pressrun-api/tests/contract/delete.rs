//! §5.7.

use serde_json::json;

use crate::harness::{NOWHERE, server, webhook};

#[tokio::test]
async fn delete_bad_id_has_no_prefix() {
    server().await.call("org", "DELETE", "/api/v1/schedules/x", None).await.refuses(400, "scheduleId: Invalid uuid");
}

#[tokio::test]
async fn delete_wrong_method() {
    let server = server().await;
    for method in ["POST", "PATCH"] {
        server.call("org", method, &format!("/api/v1/schedules/{NOWHERE}"), None).await.refuses(400, "Invalid request method");
    }
    server.call("org", "DELETE", "/api/v1/schedules", None).await.refuses(400, "Invalid request method");
    server.call("org", "PATCH", "/api/v1/users/email-only", None).await.refuses(400, "Invalid request method");
}

#[tokio::test]
async fn delete_not_owner() {
    let server = server().await;
    let id = server.create(&webhook(json!({}))).await.id();
    server.call("hill", "DELETE", &format!("/api/v1/schedules/{id}"), None).await.refuses(403, "Permission denied");
}

#[tokio::test]
async fn delete_no_such_schedule_and_deleted_twice() {
    let server = server().await;
    let id = server.create(&webhook(json!({}))).await.id();
    let answer = server.call("org", "DELETE", &format!("/api/v1/schedules/{id}"), None).await;
    assert_eq!(answer.ok(), &json!({"success": true}));
    let text = format!("Scheduled task with id {id} does not exist");
    for (method, suffix) in [
        ("DELETE", ""),
        ("GET", ""),
        ("PUT", ""),
        ("POST", "/trigger"),
        ("PUT", "/pause"),
        ("PUT", "/resume"),
        ("GET", "/recipients"),
        ("GET", "/runs"),
    ] {
        server.call("org", method, &format!("/api/v1/schedules/{id}{suffix}"), None).await.refuses(404, &text);
    }
    for path in ["add-recipients", "remove-recipients"] {
        server.put(&format!("/api/v1/schedules/{id}/{path}"), &json!({"emails": ["a@b.co"]})).await.refuses(404, &text);
    }
    assert_eq!(server.get("/api/v1/schedules").await.ok()["records"], json!([]));
}
