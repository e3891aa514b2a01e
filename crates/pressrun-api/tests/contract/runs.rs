//! Our additions: run history, stopping a run, its files.

use pressrun_domain::id::WorkerId;
use pressrun_domain::run::RunStatus;
use pressrun_store::sample as stored;
use serde_json::json;

use crate::harness::{NOW, NOWHERE, Server, server, webhook};

async fn triggered(server: &Server) -> (String, String) {
    let id = server.create(&webhook(json!({}))).await.id();
    server.call("org", "POST", &format!("/api/v1/schedules/{id}/trigger"), None).await.ok();
    let runs = server.get(&format!("/api/v1/schedules/{id}/runs")).await;
    let run = runs.ok()["records"][0]["id"].as_str().unwrap().to_owned();
    (id, run)
}

#[tokio::test]
async fn runs_error_rows() {
    let server = server().await;
    server.get("/api/v1/schedules/x/runs").await.refuses(400, "Bad Request: scheduleId: Invalid uuid");
    server
        .get(&format!("/api/v1/schedules/{NOWHERE}/runs"))
        .await
        .refuses(404, &format!("Scheduled task with id {NOWHERE} does not exist"));
    server.get("/api/v1/runs/x").await.refuses(400, "Bad Request: runId: Invalid uuid");
    server.get(&format!("/api/v1/runs/{NOWHERE}")).await.refuses(404, &format!("Run with id {NOWHERE} does not exist"));
    server.call("org", "PUT", &format!("/api/v1/runs/{NOWHERE}/cancel"), None).await.refuses(400, "Invalid method");
    server.call("org", "DELETE", &format!("/api/v1/runs/{NOWHERE}"), None).await.refuses(400, "Invalid request method");
    let (id, run) = triggered(&server).await;
    server.get(&format!("/api/v1/schedules/{id}/runs?cursor=2")).await.refuses(400, "Invalid page number. The last valid page is 1.");
    server.call("hill", "POST", &format!("/api/v1/runs/{run}/cancel"), None).await.refuses(403, "Permission denied");
}

#[tokio::test]
async fn runs_show_every_piece_and_try_and_no_secret() {
    let server = server().await;
    let (id, run) = triggered(&server).await;
    let now = stored::at(NOW);
    let claimed = server.store.claim(WorkerId::generate(), now, stored::at("2025-07-24T00:00:00Z"), 1).await.unwrap();
    let lease = &claimed[0].lease;
    let piece = stored::piece(claimed[0].run.id, "a@b.co");
    server.store.promise(lease, &[piece]).await.unwrap();
    let mut end = stored::end(RunStatus::Error);
    end.reason = Some("noData".into());
    end.record.note(now, "ended", None);
    server.store.finish(lease, &end, now).await.unwrap();
    let answer = server.get(&format!("/api/v1/runs/{run}")).await;
    let got = answer.ok();
    assert_eq!(
        (&got["scheduleId"], &got["state"], &got["status"], &got["reason"]),
        (&json!(id), &json!("ended"), &json!("ERROR"), &json!("noData"))
    );
    assert_eq!((&got["scheduledFor"], &got["endedAt"]), (&json!(NOW), &json!(NOW)));
    assert_eq!(got["deliveries"][0]["target"], "a@b.co");
    assert_eq!(got["timeline"][0], json!({"at": NOW, "event": "ended", "detail": null}));
    server.call("org", "POST", &format!("/api/v1/runs/{run}/cancel"), None).await.refuses(409, "Run has already ended");
    let row = server.get("/api/v1/schedules?status=error").await;
    assert_eq!((&row.ok()["records"][0]["lastStatus"], &row.body["records"][0]["lastCompletedAt"]), (&json!("ERROR"), &json!(NOW)));
}

#[tokio::test]
async fn runs_are_cancelled() {
    let server = server().await;
    let (_, run) = triggered(&server).await;
    let path = format!("/api/v1/runs/{run}/cancel");
    assert_eq!(server.call("org", "POST", &path, None).await.ok(), &json!({"success": true}));
    assert_eq!(server.get(&format!("/api/v1/runs/{run}")).await.ok()["status"], "KILLED");
    server.call("org", "POST", &path, None).await.refuses(409, "Run has already ended");
}

#[tokio::test]
async fn runs_give_their_files_to_who_may_manage_only() {
    let server = server().await;
    let (_, run) = triggered(&server).await;
    let sha256 = "a".repeat(64);
    let claimed = server.store.claim(WorkerId::generate(), stored::at(NOW), stored::at("2025-07-24T00:00:00Z"), 1).await.unwrap();
    let mut record = claimed[0].run.record.clone();
    let mut artifact = stored::artifact(&sha256);
    artifact.bytes = 5;
    record.artifacts.push(artifact);
    server.store.save_record(&claimed[0].lease, &record).await.unwrap();
    let path = format!("/api/v1/runs/{run}/artifacts/{sha256}");
    let gone = format!("Artifact {sha256} does not exist or is no longer kept");
    server.get(&path).await.refuses(404, &gone);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("artifact");
    std::fs::write(&file, "hello").unwrap();
    server.spool.0.lock().unwrap().insert(sha256.clone(), file);
    let answer = server.get(&path).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "hello"));
    assert!(answer.header("Content-Disposition").unwrap().starts_with("attachment; filename="));
    assert_eq!(answer.header("X-Content-Type-Options"), Some("nosniff"));
    server.call("hill", "GET", &path, None).await.refuses(403, "Permission denied");
    let other = "b".repeat(64);
    server.spool.0.lock().unwrap().insert(other.clone(), folder.path().join("artifact"));
    server
        .get(&format!("/api/v1/runs/{run}/artifacts/{other}"))
        .await
        .refuses(404, &format!("Artifact {other} does not exist or is no longer kept"));
    assert_eq!(server.get(&format!("/api/v1/runs/{run}/artifacts/..%2F..%2Fpasswd")).await.status, 404);
}
