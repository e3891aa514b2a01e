//! §5.2.3, and what the list holds.

use serde_json::{Value, json};

use crate::harness::{NOWHERE, Server, changed, mail, server, webhook};
use crate::sample;

async fn refused(rows: &[(&str, u16, &str)]) {
    let server = server().await;
    for (query, status, detail) in rows {
        server.get(&format!("/api/v1/schedules?{query}")).await.refuses(*status, detail);
    }
}

#[tokio::test]
async fn list_bad_enum_value() {
    let names = ["status", "destination", "scheduleType", "contentType", "sortField", "sortDirection"];
    let queries: Vec<String> = names.iter().map(|name| format!("{name}=doc")).collect();
    refused(&queries.iter().map(|query| (query.as_str(), 400, "Invalid enum value")).collect::<Vec<_>>()).await;
}

#[tokio::test]
async fn list_owner_id_is_no_uuid() {
    refused(&[("ownerId=ross", 400, "ownerId: Invalid uuid"), ("ownerId=0000000000000000000000000000000a", 400, "ownerId: Invalid uuid")])
        .await;
}

#[tokio::test]
async fn list_page_size_over_100() {
    refused(&[("pageSize=101", 400, "Page size cannot exceed 100")]).await;
}

#[tokio::test]
async fn list_page_size_under_1() {
    let text = "Page size must be at least 1";
    refused(&[("pageSize=0", 400, text), ("pageSize=-1", 400, text), ("pageSize=x", 400, text)]).await;
}

#[tokio::test]
async fn list_page_past_the_end() {
    let text = "Invalid page number. The last valid page is 1.";
    refused(&[
        ("cursor=2", 400, text),
        ("cursor=0", 400, text),
        ("cursor=x", 400, text),
        ("destination=google_sheets&cursor=2", 400, text),
    ])
    .await;
    let server = server().await;
    for _ in 0..3 {
        server.create(&webhook(json!({}))).await.ok();
    }
    server.get("/api/v1/schedules?pageSize=2&cursor=3").await.refuses(400, "Invalid page number. The last valid page is 2.");
}

#[tokio::test]
async fn list_owner_id_names_nobody() {
    refused(&[(&format!("ownerId={NOWHERE}"), 404, &format!("User with id {NOWHERE} does not exist"))]).await;
}

#[tokio::test]
async fn list_personal_token_with_somebody_elses_owner_id() {
    let server = server().await;
    let text = "User-scoped API keys can only be used to act on behalf of the authenticated user.";
    server.call("hill", "GET", &format!("/api/v1/schedules?ownerId={}", sample::ROSS), None).await.refuses(403, text);
    server.call("hill", "GET", &format!("/api/v1/schedules?ownerId={}", sample::HILL), None).await.ok();
}

async fn names(server: &Server, query: &str) -> Vec<Value> {
    let answer = server.get(&format!("/api/v1/schedules{query}")).await;
    answer.ok()["records"].as_array().unwrap().iter().map(|row| row["name"].clone()).collect()
}

#[tokio::test]
async fn list_default_order_is_that_of_the_sample_rows() {
    let server = server().await;
    let expected = ["Web Traffic Analysis", "⚡️🍣 Query", "Orders (2)", "Orders", "External users", "Daily Slack update"];
    for name in ["Orders", "Daily Slack update", "⚡️🍣 Query", "Orders (2)", "Web Traffic Analysis", "External users"] {
        server.create(&webhook(json!({ "name": name }))).await.ok();
    }
    assert_eq!(names(&server, "").await, expected);
    let mut ascending = expected;
    ascending.reverse();
    assert_eq!(names(&server, "?sortDirection=asc&sortField=scheduleName").await, ascending);
    let first = server.get("/api/v1/schedules?pageSize=4").await;
    assert_eq!(first.ok()["pageInfo"], json!({"hasNextPage": true, "nextCursor": "2", "pageSize": 4, "totalRecords": 6}));
    let last = server.get("/api/v1/schedules?pageSize=4&cursor=2").await;
    assert_eq!(last.ok()["pageInfo"], json!({"hasNextPage": false, "nextCursor": null, "pageSize": 4, "totalRecords": 6}));
    assert_eq!(last.body["records"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn list_filters_narrow_together() {
    let server = server().await;
    server.create(&webhook(json!({"name": "plain"}))).await.ok();
    server.create(&webhook(json!({"name": "tile", "queryIdentifierMapKey": "1"}))).await.ok();
    server.create(&webhook(json!({"name": "alert", "conditionType": "RESULTS_PRESENT", "conditionQueryMapKey": "1"}))).await.ok();
    server.create(&mail(json!({"name": "mail", "identifier": "12db1a0a"}))).await.ok();
    let path = format!("/api/v1/schedules?userId={}", sample::HILL);
    server.post(&path, &webhook(json!({"name": "hill's"}))).await.ok();
    for (query, expected) in [
        ("?destination=email", vec!["mail"]),
        ("?scheduleType=alert", vec!["alert"]),
        ("?contentType=single%20tile", vec!["tile"]),
        ("?contentType=single+tile&destination=email", vec![]),
        ("?identifier=12db1a0a", vec!["mail"]),
        ("?status=none&q=TILE", vec!["tile"]),
        ("?status=success", vec![]),
        ("?q=Blobby%20Hill", vec!["hill's"]),
        ("?q=orders", vec!["mail"]),
        (&format!("?ownerId={}", sample::HILL), vec!["hill's"]),
        ("?embedEntity=acme", vec![]),
        (
            "?q=&unknown=1&scheduleType=schedule&sortField=ownerName&sortDirection=desc&contentType=dashboard&destination=webhook",
            vec!["hill's", "plain"],
        ),
    ] {
        let mut found = names(&server, query).await;
        let mut expected: Vec<Value> = expected.into_iter().map(Value::from).collect();
        found.sort_by_key(Value::to_string);
        expected.sort_by_key(Value::to_string);
        assert_eq!(found, expected, "{query}");
    }
}

#[tokio::test]
async fn list_rows_have_every_key() {
    let server = server().await;
    let id = server
        .create(&mail(json!({"conditionType": "RESULTS_PRESENT", "conditionQueryMapKey": "2", "queryIdentifierMapKey": "1"})))
        .await
        .id();
    let answer = server.get("/api/v1/schedules").await;
    assert_eq!(
        answer.ok()["records"],
        json!([{
            "id": id, "schedule": "0 9 ? * * *", "disabledAt": null, "name": "Mail", "timezone": "UTC", "identifier": "dashboard-abc123",
            "dashboardName": "Regional", "ownerName": "Blob Ross", "lastCompletedAt": null, "lastStatus": null, "destinationType": "email",
            "recipientCount": 1, "content": "single tile", "slackRecipientType": null, "systemDisabledAt": null, "systemDisabledReason": null,
            "alert": {"conditionQueryName": "Revenue", "conditionType": "RESULTS_PRESENT"}, "ownerId": sample::ROSS, "format": "pdf"
        }])
    );
    let slack =
        changed(webhook(json!({"url": null, "destinationType": "slack", "slackRecipientType": "users", "recipients": ["U1"]})), json!({}));
    server.create(&slack).await.ok();
    let row = server.get("/api/v1/schedules?destination=slack").await;
    let row = &row.ok()["records"][0];
    assert_eq!((&row["recipientCount"], &row["slackRecipientType"], &row["alert"]), (&json!(-1), &json!("users"), &Value::Null));
}
