//! §5.11.

use pressrun_store::sample as stored;
use serde_json::json;

use crate::harness::{NOWHERE, server, webhook};
use crate::sample;

#[tokio::test]
async fn transfer_error_rows() {
    let server = server().await;
    let id = server.create(&webhook(json!({"identifier": "secret"}))).await.id();
    let path = format!("/api/v1/schedules/{id}/transfer-ownership");
    for (body, status, detail) in [
        (json!({}), 400, "userId: Required".to_owned()),
        (json!({"userId": "x"}), 400, "userId: Invalid uuid".to_owned()),
        (json!({"userId": 5}), 400, "userId: Expected string, received number".to_owned()),
        (json!({"userId": sample::ROSS}), 400, "userId: User is already the owner of this schedule".to_owned()),
        (json!({"userId": sample::OUTER}), 403, "New owner does not have permission to view the dashboard".to_owned()),
        (json!({"userId": sample::GONE}), 403, "New owner does not have permission to view the dashboard".to_owned()),
        (json!({"userId": NOWHERE}), 404, format!("User with id {NOWHERE} does not exist")),
    ] {
        server.put(&path, &body).await.refuses(status, &detail);
    }
    server.put_empty(&path).await.refuses(400, "userId: Required");
    server.put("/api/v1/schedules/x/transfer-ownership", &json!({})).await.refuses(400, "Bad Request: scheduleId: Invalid uuid");
    let missing = format!("/api/v1/schedules/{NOWHERE}/transfer-ownership");
    server.put(&missing, &json!({"userId": sample::HILL})).await.refuses(404, &format!("Scheduled task with id {NOWHERE} does not exist"));
    server.get(&path).await.refuses(400, "Invalid method");
    server.call("hill", "PUT", &path, Some(&json!({"userId": sample::HILL}))).await.refuses(403, "Permission denied");
}

#[tokio::test]
async fn transfer_x7_gives_and_a13_forgets_the_baseline() {
    let server = server().await;
    let id = server.create(&webhook(json!({"conditionType": "RESULTS_CHANGED", "conditionQueryMapKey": "1"}))).await.id();
    crate::update::baseline(&server, &id).await;
    let path = format!("/api/v1/schedules/{id}/transfer-ownership");
    assert_eq!(server.put(&path, &json!({"userId": sample::HILL})).await.ok(), &json!({"success": true}));
    let row = server.get("/api/v1/schedules").await;
    assert_eq!(row.ok()["records"][0]["ownerName"], "Blobby Hill");
    assert_eq!(server.store.baseline(id.parse().unwrap(), "").await.unwrap(), None);
}

#[tokio::test]
async fn transfer_x4_revives_a_schedule_whose_owner_left() {
    let server = server().await;
    let id = crate::pause::system_disabled(&server).await;
    let path = format!("/api/v1/schedules/{id}/transfer-ownership");
    server.put(&path, &json!({"userId": sample::HILL})).await.ok();
    let schedule = server.stored(&id).await;
    assert_eq!((schedule.system_disabled, schedule.next_at), (None, Some(stored::at("2025-07-24T09:00:00Z"))));
}
