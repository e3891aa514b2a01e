//! §5.6.

use pressrun_domain::audit::Verb;
use pressrun_domain::schedule::{SystemDisabled, SystemDisabledReason};
use pressrun_store::sample as stored;
use serde_json::json;

use crate::harness::{NOW, NOWHERE, Server, server, webhook};

/// A schedule that Pressrun switched off because of a filter that was gone, and is there again.
pub async fn system_disabled(server: &Server) -> String {
    let id = server.create(&webhook(json!({}))).await.id();
    let mut schedule = server.stored(&id).await;
    schedule.system_disabled = Some(SystemDisabled { at: stored::at(NOW), reason: SystemDisabledReason::OrphanedFilterConfigKeys });
    schedule.next_at = None;
    server.store.replace_schedule(&schedule, &stored::names(), &stored::change(Verb::ScheduleUpdated)).await.unwrap();
    id
}

#[tokio::test]
async fn pause_and_resume_t15() {
    let server = server().await;
    let id = server.create(&webhook(json!({}))).await.id();
    let pause = server.put_empty(&format!("/api/v1/schedules/{id}/pause")).await;
    assert_eq!(pause.ok(), &json!({"success": true}));
    let row = server.get("/api/v1/schedules").await;
    assert_eq!(row.ok()["records"][0]["disabledAt"], NOW);
    assert_eq!(server.stored(&id).await.next_at, None);
    *server.clock.0.lock().unwrap() = stored::at("2025-07-30T12:00:00Z");
    let resume = server.put_empty(&format!("/api/v1/schedules/{id}/resume")).await;
    assert_eq!(resume.ok(), &json!({"success": true}));
    let stored = server.stored(&id).await;
    assert_eq!((stored.disabled_at, stored.next_at), (None, Some("2025-07-31T09:00:00Z".parse().unwrap())));
}

#[tokio::test]
async fn pause_already_paused_keeps_the_first_instant() {
    let server = server().await;
    let id = server.create(&webhook(json!({}))).await.id();
    server.put_empty(&format!("/api/v1/schedules/{id}/pause")).await.ok();
    *server.clock.0.lock().unwrap() = stored::at("2025-07-30T12:00:00Z");
    server.put_empty(&format!("/api/v1/schedules/{id}/pause")).await.refuses(400, "Schedule is already paused");
    assert_eq!(server.stored(&id).await.disabled_at, Some(stored::at(NOW)));
}

#[tokio::test]
async fn resume_never_paused() {
    let server = server().await;
    let id = server.create(&webhook(json!({}))).await.id();
    server.put_empty(&format!("/api/v1/schedules/{id}/resume")).await.refuses(400, "Schedule is already resumed");
}

#[tokio::test]
async fn pause_and_resume_system_disabled_x3() {
    let server = server().await;
    let id = system_disabled(&server).await;
    for verb in ["pause", "resume"] {
        server.put_empty(&format!("/api/v1/schedules/{id}/{verb}")).await.refuses(400, "Schedule is system disabled");
    }
}

#[tokio::test]
async fn pause_and_resume_no_such_schedule() {
    let server = server().await;
    for verb in ["pause", "resume"] {
        let answer = server.put_empty(&format!("/api/v1/schedules/{NOWHERE}/{verb}")).await;
        answer.refuses(404, &format!("Scheduled task with id {NOWHERE} does not exist"));
    }
}

#[tokio::test]
async fn pause_and_resume_bad_id() {
    let server = server().await;
    for verb in ["pause", "resume"] {
        server.put_empty(&format!("/api/v1/schedules/x/{verb}")).await.refuses(400, "Bad Request: scheduleId: Invalid uuid");
    }
}

#[tokio::test]
async fn pause_and_resume_wrong_method_and_not_owner() {
    let server = server().await;
    let id = server.create(&webhook(json!({}))).await.id();
    for verb in ["pause", "resume"] {
        server.call("org", "POST", &format!("/api/v1/schedules/{id}/{verb}"), None).await.refuses(400, "Invalid method");
        server.call("hill", "PUT", &format!("/api/v1/schedules/{id}/{verb}"), None).await.refuses(403, "Permission denied");
    }
}
