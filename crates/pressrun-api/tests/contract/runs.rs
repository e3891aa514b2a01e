//! Our additions: run history, stopping a run, its files.

use pressrun_domain::delivery::{Attempt, Delivery, DeliveryState, Outcome};
use pressrun_domain::id::WorkerId;
use pressrun_domain::run::{ArtifactRecord, RunStatus};
use pressrun_store::sample as stored;
use serde_json::{Value, json};

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
    assert_eq!(got["timeline"][0], json!({"at": NOW, "event": "planned", "detail": "manual"}));
    assert_eq!(got["timeline"][1], json!({"at": NOW, "event": "ended", "detail": null}));
    server.call("org", "POST", &format!("/api/v1/runs/{run}/cancel"), None).await.refuses(409, "Run has already ended");
    let row = server.get("/api/v1/schedules?status=error").await;
    assert_eq!((&row.ok()["records"][0]["lastStatus"], &row.body["records"][0]["lastCompletedAt"]), (&json!("ERROR"), &json!(NOW)));
}

#[tokio::test]
async fn runs_give_their_pieces_by_the_page() {
    let server = server().await;
    let (_, run) = triggered(&server).await;
    let claimed = server.store.claim(WorkerId::generate(), stored::at(NOW), stored::at("2025-07-24T00:00:00Z"), 1).await.unwrap();
    let pieces: Vec<_> = (0..1001).map(|number| stored::piece(claimed[0].run.id, &format!("a{number:04}@b.co"))).collect();
    server.store.promise(&claimed[0].lease, &pieces).await.unwrap();
    for (query, pieces, first, next) in [
        ("", 1000, "a0000@b.co", json!("2")),
        ("?cursor=2", 1, "a1000@b.co", Value::Null),
        ("?pageSize=10&cursor=3", 10, "a0020@b.co", json!("4")),
    ] {
        let shown = server.get(&format!("/api/v1/runs/{run}{query}")).await;
        let shown = shown.ok();
        assert_eq!(shown["deliveries"].as_array().unwrap().len(), pieces, "{query}");
        assert_eq!((&shown["deliveries"][0]["target"], &shown["deliveriesPage"]["nextCursor"]), (&json!(first), &next), "{query}");
        assert_eq!(shown["deliveriesPage"]["totalRecords"], 1001);
    }
    server.get(&format!("/api/v1/runs/{run}?cursor=3")).await.refuses(400, "Invalid page number. The last valid page is 2.");
    server.get(&format!("/api/v1/runs/{run}?pageSize=1001")).await.refuses(400, "Page size cannot exceed 1000");
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
    let mut news = pressrun_store::RunNews::default();
    let mut artifact = stored::artifact(&sha256);
    artifact.bytes = 5;
    news.record.artifacts.push(artifact);
    server.store.add_news(&claimed[0].lease, &news).await.unwrap();
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

#[tokio::test]
async fn p1_who_manages_a_run_opens_the_owners_file_and_their_own_copy_and_no_other() {
    let server = server().await;
    let people = ["blobby@blobsrus.com", "iamagoodblob@myorg.co"];
    let body = crate::harness::mail(json!({"fanOut": true, "recipients": people}));
    let id = server.call("hill", "POST", "/api/v1/schedules", Some(&body)).await.id();
    server.call("hill", "POST", &format!("/api/v1/schedules/{id}/trigger"), None).await.ok();
    let claimed = server.store.claim(WorkerId::generate(), stored::at(NOW), stored::at("2025-07-24T00:00:00Z"), 1).await.unwrap().remove(0);
    let [owners, own, other] = ["a", "b", "c"].map(|digit| digit.repeat(64));
    let copies = [(people[0], &own), (people[1], &other)].map(|(target, sha256)| {
        let mut piece = stored::piece(claimed.run.id, target);
        let artifact = ArtifactRecord { audience: format!("of {target}"), bytes: 4, ..stored::artifact(sha256) };
        piece.artifact = Some(artifact);
        piece
    });
    let mut news = pressrun_store::RunNews::default();
    news.record.artifacts.push(ArtifactRecord { bytes: 4, ..stored::artifact(&owners) });
    news.record.artifacts.extend(copies.iter().filter_map(|piece| piece.artifact.clone()));
    server.store.promise(&claimed.lease, &copies).await.unwrap();
    server.store.add_news(&claimed.lease, &news).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (sha256, who, status) in [(&owners, "hill", 200), (&own, "hill", 200), (&other, "hill", 404), (&other, "org", 200)] {
        let file = folder.path().join(sha256);
        std::fs::write(&file, "rows").unwrap();
        server.spool.0.lock().unwrap().insert(sha256.clone(), file);
        let path = format!("/api/v1/runs/{}/artifacts/{sha256}", claimed.run.id);
        assert_eq!(server.call(who, "GET", &path, None).await.status, status, "{sha256} for {who}");
    }
}

/// A mail schedule whose run has sent one piece to `target`; returns schedule, run and piece.
async fn sent(server: &Server, target: &str) -> (String, String, Delivery) {
    let id = server.create(&crate::harness::mail(json!({"recipients": [target]}))).await.id();
    server.call("org", "POST", &format!("/api/v1/schedules/{id}/trigger"), None).await.ok();
    let now = stored::at(NOW);
    let claimed = server.store.claim(WorkerId::generate(), now, stored::at("2025-07-24T00:00:00Z"), 1).await.unwrap().remove(0);
    let piece = stored::piece(claimed.run.id, target);
    server.store.promise(&claimed.lease, std::slice::from_ref(&piece)).await.unwrap();
    let number = server.store.begin_attempt(&claimed.lease, piece.id, now).await.unwrap();
    let outcome = Outcome::Accepted { receipt: "250 OK".into() };
    let attempt = Attempt { number, started_at: now, ended_at: Some(now), outcome: Some(outcome) };
    server
        .store
        .end_attempt(&claimed.lease, piece.id, &attempt, &DeliveryState::Accepted { at: now }, &pressrun_store::Learnt::default())
        .await
        .unwrap();
    server.store.finish(&claimed.lease, &stored::end(RunStatus::Complete), now).await.unwrap();
    (id, claimed.run.id.to_string(), piece)
}

/// Keeps a file for every artifact that a piece names.
fn keep(server: &Server, piece: &Delivery, folder: &tempfile::TempDir) {
    let path = folder.path().join("artifact");
    std::fs::write(&path, "hello").unwrap();
    server.spool.0.lock().unwrap().insert(piece.artifact.as_ref().unwrap().sha256.clone(), path);
}

#[tokio::test]
async fn a_delivery_is_resent_as_a_run_of_its_own_under_a_new_mark() {
    let server = server().await;
    let (id, run, piece) = sent(&server, "iamagoodblob@myorg.co").await;
    let folder = tempfile::tempdir().unwrap();
    keep(&server, &piece, &folder);
    let answer = server.call("org", "POST", &format!("/api/v1/runs/{run}/deliveries/{}/resend", piece.id), None).await;
    let again = answer.ok()["runId"].as_str().unwrap().to_owned();
    let first = server.get(&format!("/api/v1/runs/{run}")).await;
    let told = &first.ok()["timeline"][1];
    assert_eq!((&told["event"], &told["detail"]), (&json!("attempted"), &json!("1 to iamagoodblob@myorg.co: accepted 250 OK")));
    let got = server.get(&format!("/api/v1/runs/{again}")).await;
    let got = got.ok();
    assert_eq!((&got["kind"], &got["scheduleId"]), (&json!("resend"), &json!(id)));
    assert_eq!(got["resendOf"], json!({"runId": run, "deliveryId": piece.id.to_string()}));
    let delivery = &got["deliveries"][0];
    assert_eq!((&delivery["target"], &delivery["state"]), (&json!("iamagoodblob@myorg.co"), &json!("pending")));
    assert_eq!(delivery["artifact"]["sha256"], piece.artifact.as_ref().unwrap().sha256);
    assert_ne!(delivery["idempotencyKey"], piece.idempotency_key);
    assert_eq!(server.get(&format!("/api/v1/runs/{run}")).await.ok()["resends"], json!([again]));
    let twice = server.call("org", "POST", &format!("/api/v1/runs/{run}/deliveries/{}/resend", piece.id), None).await;
    twice.refuses(409, "The delivery is being sent again already");
    let listed = server.get(&format!("/api/v1/schedules/{id}/runs")).await;
    assert_eq!(listed.ok()["pageInfo"]["totalRecords"], 2);
    let claimed = server.store.claim(WorkerId::generate(), stored::at(NOW), stored::at("2025-07-24T00:00:00Z"), 9).await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert_eq!(server.store.deliveries(claimed[0].run.id).await.unwrap()[0].message, piece.message, "the same words");
}

#[tokio::test]
async fn what_cannot_be_resent_says_why() {
    let server = server().await;
    let (id, run, piece) = sent(&server, "iamagoodblob@myorg.co").await;
    let path = format!("/api/v1/runs/{run}/deliveries/{}/resend", piece.id);
    let sha256 = &piece.artifact.as_ref().unwrap().sha256;
    let gone = format!("Artifact {sha256} does not exist or is no longer kept");
    server.call("org", "POST", &path, None).await.refuses(404, &gone);
    let folder = tempfile::tempdir().unwrap();
    keep(&server, &piece, &folder);
    server.call("hill", "POST", &path, None).await.refuses(403, "Permission denied");
    let resend = async |delivery: &str| server.call("org", "POST", &format!("/api/v1/runs/{run}/deliveries/{delivery}/resend"), None).await;
    resend(NOWHERE).await.refuses(404, &format!("Delivery with id {NOWHERE} does not exist"));
    resend("x").await.refuses(400, "Bad Request: deliveryId: Invalid uuid");
    server.put(&format!("/api/v1/schedules/{id}/remove-recipients"), &json!({"emails": ["iamagoodblob@myorg.co"]})).await.ok();
    let text = "iamagoodblob@myorg.co is no longer a recipient of this schedule";
    server.call("org", "POST", &path, None).await.refuses(409, text);
    // P12: nobody knows who still wants it once the schedule is gone.
    server.call("org", "DELETE", &format!("/api/v1/schedules/{id}"), None).await.ok();
    server.call("org", "POST", &path, None).await.refuses(409, "The schedule no longer sends mail");
}
