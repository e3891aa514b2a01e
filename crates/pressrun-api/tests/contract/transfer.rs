//! §5.11.

use pressrun_store::sample as stored;
use serde_json::{Value, json};

use crate::harness::{Answer, NOWHERE, Server, refusals, server, webhook};
use crate::sample;

async fn transferred(server: &Server, token: &str, body: Option<Value>) -> Answer {
    let id = server.create(&webhook(json!({"identifier": "secret"}))).await.id();
    server.call(token, "PUT", &format!("/api/v1/schedules/{id}/transfer-ownership"), body.as_ref()).await
}

async fn nowhere(server: &Server, id: &str, method: &str) -> Answer {
    let path = format!("/api/v1/schedules/{id}/transfer-ownership");
    server.call("org", method, &path, Some(&json!({"userId": sample::HILL}))).await
}

refusals! {
    transfer_01_bad_id: |server| nowhere(&server, "x", "PUT") => 400 "Bad Request: scheduleId: Invalid uuid";
    transfer_02_wrong_method: |server| nowhere(&server, NOWHERE, "GET") => 400 "Invalid method";
    transfer_03_no_body: |server| transferred(&server, "org", None) => 400 "userId: Required";
    transfer_03_user_id_missing: |server| transferred(&server, "org", Some(json!({}))) => 400 "userId: Required";
    transfer_04_user_id_is_no_uuid: |server| transferred(&server, "org", Some(json!({"userId": "x"}))) => 400 "userId: Invalid uuid";
    transfer_04_user_id_is_no_text: |server| transferred(&server, "org", Some(json!({"userId": 5}))) => 400 "userId: Expected string, received number";
    transfer_05_already_the_owner_x7: |server| transferred(&server, "org", Some(json!({"userId": sample::ROSS}))) => 400 "userId: User is already the owner of this schedule";
    transfer_06_new_owner_may_not_view_x7: |server| transferred(&server, "org", Some(json!({"userId": sample::OUTER}))) => 403 "New owner does not have permission to view the dashboard";
    transfer_06_new_owner_has_left_x7: |server| transferred(&server, "org", Some(json!({"userId": sample::GONE}))) => 403 "New owner does not have permission to view the dashboard";
    transfer_07_not_owner: |server| transferred(&server, "hill", Some(json!({"userId": sample::HILL}))) => 403 "Permission denied";
    transfer_08_no_such_schedule: |server| nowhere(&server, NOWHERE, "PUT") => 404 format!("Scheduled task with id {NOWHERE} does not exist");
    transfer_09_no_such_user: |server| transferred(&server, "org", Some(json!({"userId": NOWHERE}))) => 404 format!("User with id {NOWHERE} does not exist");
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
