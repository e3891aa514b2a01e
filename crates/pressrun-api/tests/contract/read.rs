//! §5.8.

use std::sync::Arc;

use serde_json::json;

use crate::harness::{Answer, NOW, NOWHERE, Server, changed, mail, refusals, server, webhook};
use crate::sample;

#[tokio::test]
async fn get_f3_shows_the_effective_filters_and_the_overrides_apart() {
    let server = server().await;
    let body = mail(json!({"filterConfig": {"status": ["active"]}, "timezoneOverride": "Asia/Tokyo", "hideTitle": true, "fanOut": "true"}));
    let id = server.create(&body).await.id();
    let answer = server.get(&format!("/api/v1/schedules/{id}")).await;
    let got = answer.ok();
    assert_eq!(got["filterConfig"], json!({"region": {"kind": "EQUALS", "values": ["default region"]}, "status": ["active"]}));
    assert_eq!(got["filterOverrides"], json!({"status": ["active"]}));
    assert_eq!(
        changed(got.clone(), json!({"destinations": null, "metadata": null, "filterConfig": null, "filterOverrides": null})),
        json!({
            "id": id, "name": "Mail", "organizationId": sample::ORGANIZATION, "entityId": "dashboard-abc123", "identifier": "dashboard-abc123",
            "ownerId": sample::ROSS, "owner": {"name": "Blob Ross"}, "schedule": "0 9 ? * * *", "timezone": "UTC", "fanOut": true,
            "killJobsOnFailure": false, "worthlessAfter": null, "conditionType": null, "conditionQueryMapKey": null, "queryIdentifierMapKey": null, "disabledAt": null,
            "systemDisabledAt": null, "systemDisabledReason": null, "createdAt": NOW, "updatedAt": NOW, "nextRunAt": "2025-07-24T09:00:00.000Z"
        })
    );
    assert_eq!((&got["metadata"]["hideTitle"], &got["metadata"]["timezoneOverride"]), (&json!(true), &json!("Asia/Tokyo")));
    let destination = &got["destinations"][0];
    assert_eq!((&destination["format"], &destination["metadata"]["type"]), (&json!("pdf"), &json!("email")));
    assert_eq!(destination["recipients"][0]["membership"], json!({"user": {"email": "iamagoodblob@myorg.co", "name": null}}));
}

#[tokio::test]
async fn get_f2_later_defaults_reach_only_the_filters_that_were_not_overridden() {
    let server = server().await;
    let id = server.create(&webhook(json!({"filterConfig": {"status": ["active"]}}))).await.id();
    {
        let mut catalog = server.files.0.lock().unwrap();
        let dashboard = Arc::make_mut(catalog.documents.get_mut("dashboard-abc123").unwrap()).dashboard.as_mut().unwrap();
        for filter in dashboard.filters.values_mut() {
            filter.default = Some(json!({"kind": "EQUALS", "values": ["new default"]}));
        }
    }
    let answer = server.get(&format!("/api/v1/schedules/{id}")).await;
    assert_eq!(answer.ok()["filterConfig"], json!({"region": {"kind": "EQUALS", "values": ["new default"]}, "status": ["active"]}));
    assert_eq!(answer.body["filterOverrides"], json!({"status": ["active"]}));
    let stored = server.stored(&id).await.definition.filters;
    assert_eq!(serde_json::to_value(stored).unwrap(), json!({"status": ["active"]}), "nothing else is stored");
}

/// Reads a schedule on a dashboard that only `sales` may view.
async fn read(server: &Server, token: &str, query: &str) -> Answer {
    let id = server.create(&webhook(json!({"identifier": "secret"}))).await.id();
    server.call(token, "GET", &format!("/api/v1/schedules/{id}{query}"), None).await
}

const FOR_OTHERS: &str = "User-scoped API keys can only be used to act on behalf of the authenticated user.";

refusals! {
    get_01_bad_id: |server| server.get("/api/v1/schedules/x") => 400 "Bad Request: scheduleId: Invalid uuid";
    get_02_no_such_schedule: |server| server.get("/api/v1/schedules/2abba91d-9bec-41a0-8a8d-6f133b4ff0b7") => 404 "Scheduled task with id 2abba91d-9bec-41a0-8a8d-6f133b4ff0b7 does not exist";
    get_03_not_readable: |server| read(&server, "outer", "") => 403 "Permission denied";
    get_04_not_readable_for_the_user: |server| read(&server, "org", &format!("?userId={}", sample::OUTER)) => 403 "Permission denied";
    get_05_user_id_is_no_uuid: |server| read(&server, "org", "?userId=x") => 400 "userId: Invalid uuid";
    get_06_user_id_unknown: |server| read(&server, "org", &format!("?userId={NOWHERE}")) => 404 format!("User with id {NOWHERE} does not exist");
    get_07_user_id_with_a_personal_token: |server| read(&server, "hill", &format!("?userId={}", sample::ROSS)) => 403 FOR_OTHERS;
    get_07_own_user_id_with_a_personal_token: |server| read(&server, "hill", &format!("?userId={}", sample::HILL)) => 403 FOR_OTHERS;
}

#[tokio::test]
async fn get_checks_the_access_of_the_user_that_is_named() {
    let server = server().await;
    read(&server, "org", &format!("?userId={}", sample::HILL)).await.ok();
    read(&server, "hill", "").await.ok();
}
