//! §5.8.

use serde_json::json;

use crate::harness::{NOW, NOWHERE, changed, mail, server, webhook};
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
            "killJobsOnFailure": false, "conditionType": null, "conditionQueryMapKey": null, "queryIdentifierMapKey": null, "disabledAt": null,
            "systemDisabledAt": null, "systemDisabledReason": null, "createdAt": NOW, "updatedAt": NOW, "nextRunAt": "2025-07-24T09:00:00.000Z"
        })
    );
    assert_eq!((&got["metadata"]["hideTitle"], &got["metadata"]["timezoneOverride"]), (&json!(true), &json!("Asia/Tokyo")));
    let destination = &got["destinations"][0];
    assert_eq!((&destination["format"], &destination["metadata"]["type"]), (&json!("pdf"), &json!("email")));
    assert_eq!(destination["recipients"][0]["membership"], json!({"user": {"email": "iamagoodblob@myorg.co", "name": null}}));
}

#[tokio::test]
async fn get_error_rows() {
    let server = server().await;
    server.get("/api/v1/schedules/x").await.refuses(400, "Bad Request: scheduleId: Invalid uuid");
    server.get(&format!("/api/v1/schedules/{NOWHERE}")).await.refuses(404, &format!("Scheduled task with id {NOWHERE} does not exist"));
    let id = server.create(&webhook(json!({"identifier": "secret"}))).await.id();
    let path = format!("/api/v1/schedules/{id}");
    server.call("outer", "GET", &path, None).await.refuses(403, "Permission denied");
    server.get(&format!("{path}?userId={}", sample::OUTER)).await.refuses(403, "Permission denied");
    server.get(&format!("{path}?userId={}", sample::HILL)).await.ok();
    server.get(&format!("{path}?userId=x")).await.refuses(400, "userId: Invalid uuid");
    server.get(&format!("{path}?userId={NOWHERE}")).await.refuses(404, &format!("User with id {NOWHERE} does not exist"));
    let text = "User-scoped API keys can only be used to act on behalf of the authenticated user.";
    server.call("hill", "GET", &format!("{path}?userId={}", sample::ROSS), None).await.refuses(403, text);
}
