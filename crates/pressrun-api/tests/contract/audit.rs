//! The audit (H3): who changed what, and who tried with tokens that open nothing.

use pressrun_api::ApiConfig;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Server, mail, refusals, server, server_with};
use crate::sample;

const AUDIT: &str = "/api/v1/audit";

/// Actions in the order in which they were done.
fn actions(answer: &Answer) -> Vec<String> {
    let records = answer.ok()["records"].as_array().unwrap();
    records.iter().rev().map(|record| record["action"].as_str().unwrap().to_owned()).collect()
}

async fn newest(server: &Server, query: &str) -> Value {
    server.get(&format!("{AUDIT}?pageSize=1&{query}")).await.ok()["records"][0].clone()
}

#[tokio::test]
async fn h3_everything_a_person_does_to_a_schedule_is_told() {
    let server = server().await;
    let made = json!({"emails": ["other@myorg.co"]});
    let id = server.call("hill", "POST", "/api/v1/schedules", Some(&mail(json!({"name": "Audited"})))).await.id();
    let at = |rest: &str| format!("/api/v1/schedules/{id}{rest}");
    server.call("hill", "PUT", &at(""), Some(&json!({"schedule": "0 10 ? * * *", "subject": "New"}))).await.ok();
    server.call("hill", "PUT", &at("/pause"), None).await.ok();
    server.call("hill", "PUT", &at("/resume"), None).await.ok();
    server.call("hill", "PUT", &at("/add-recipients"), Some(&made)).await.ok();
    server.call("hill", "PUT", &at("/remove-recipients"), Some(&made)).await.ok();
    let run = server.call("hill", "POST", &at("/trigger"), None).await;
    assert_eq!(run.status, 200, "{}", run.text);
    server.call("org", "DELETE", &at(""), None).await.ok();
    let listed = server.get(&format!("{AUDIT}?objectType=schedule&objectId={id}&pageSize=100")).await;
    let expected = ["created", "updated", "paused", "resumed", "recipientsAdded", "recipientsRemoved", "deleted"];
    assert_eq!(actions(&listed), expected.map(|word| format!("schedule.{word}")));
    let records = listed.ok()["records"].as_array().unwrap();
    let updated = &records[records.len() - 2];
    assert_eq!(updated["changes"]["cron"], json!({"before": "0 9 ? * * *", "after": "0 10 ? * * *"}));
    assert_eq!(updated["changes"]["destination.subject"], json!({"before": "Sales", "after": "New"}));
    assert_eq!(updated["actor"]["type"], "personal");
    assert_eq!((&updated["actor"]["userId"], &updated["sourceAddress"]), (&json!(sample::HILL), &json!("127.0.0.1")));
    let deleted = &records[0];
    assert_eq!((&deleted["actor"]["type"], &deleted["object"]["name"]), (&json!("organization"), &json!("Audited")));
    let triggered = newest(&server, "action=run.triggered").await;
    assert_eq!((&triggered["changes"]["schedule"], &triggered["object"]["name"]), (&json!(id), &json!("Audited")));
    let of_hill = server.get(&format!("{AUDIT}?actor={}&pageSize=100", sample::HILL)).await;
    assert!(actions(&of_hill).iter().all(|action| action != "schedule.deleted"));
}

#[tokio::test]
async fn h3_requests_are_known_by_an_id_that_no_client_chooses() {
    let server = server().await;
    let body = mail(json!({})).to_string();
    let mut made = Vec::new();
    for given in ["deploy-42.a_b", "deploy-42.a_b", "a b", "<script>", &"x".repeat(65), ""] {
        let request = server.request(Method::POST, "/api/v1/schedules").bearer_auth("org").header("X-Request-Id", given).body(body.clone());
        let answer = server.send(request).await;
        let id = answer.header("X-Request-Id").expect("one is made").to_owned();
        assert!(id.len() == 32 && !made.contains(&id), "{given}: {id}");
        assert_eq!(newest(&server, "action=schedule.created").await["requestId"], id.as_str());
        made.push(id);
    }
    assert!(server.get("/nowhere").await.header("X-Request-Id").is_some(), "also of what is no route");
}

#[tokio::test]
async fn h3_no_secret_of_a_request_reaches_the_audit() {
    let server = server().await;
    let sftp = json!({"identifier": "dashboard-abc123", "name": "Files", "schedule": "0 9 ? * * *", "timezone": "UTC", "format": "csv",
        "destinationType": "sftp", "address": "sftp.blobsrus.com", "port": 22, "username": "blob", "passwordUnencrypted": "HUSHHUSH"});
    let id = server.create(&sftp).await.id();
    server.put(&format!("/api/v1/schedules/{id}"), &json!({"passwordUnencrypted": "HUSHAGAIN"})).await.ok();
    let hook = json!({"identifier": "dashboard-abc123", "name": "Hook", "schedule": "0 9 ? * * *", "timezone": "UTC", "format": "json",
        "destinationType": "webhook", "url": "https://webhooksrus.com/HUSHPATH?key=HUSHQUERY"});
    server.create(&hook).await.ok();
    let key = server.post("/api/v1/api-keys", &json!({"type": "personal", "name": "k", "userId": sample::HILL})).await;
    let listed = server.get(&format!("{AUDIT}?pageSize=100")).await;
    assert!(!listed.text.contains("HUSH") && !listed.text.contains(key.ok()["token"].as_str().unwrap()), "{}", listed.text);
    let updated = newest(&server, "action=schedule.updated").await;
    assert_eq!(updated["changes"], json!({"destination.password": "changed"}));
    assert!(listed.text.contains("https://webhooksrus.com\""), "the host is told");
}

#[tokio::test]
async fn h3_the_audit_is_for_admins_and_organization_keys() {
    let server = server().await;
    server.call("outer", "GET", AUDIT, None).await.refuses(403, "Permission denied");
    let ross = server.post("/api/v1/api-keys", &json!({"type": "personal", "name": "k", "userId": sample::ROSS})).await;
    let token = ross.ok()["token"].as_str().unwrap().to_owned();
    assert_eq!(actions(&server.call(&token, "GET", AUDIT, None).await), ["key.created"], "ROSS is an admin");
}

#[tokio::test]
async fn h3_the_audit_pages_by_cursor() {
    let server = server().await;
    for number in 0..5 {
        server.create(&mail(json!({"name": format!("n{number}")}))).await.ok();
    }
    for narrowed in ["action=schedule.created", "from=2020-01-01T00:00:00Z", "from=2020-01-01T00:00:00Z&action=schedule.created"] {
        let (mut cursor, mut names) = (String::new(), Vec::new());
        loop {
            let page = server.get(&format!("{AUDIT}?{narrowed}&pageSize=2&cursor={cursor}")).await;
            names.extend(page.ok()["records"].as_array().unwrap().iter().map(|row| row["object"]["name"].as_str().unwrap().to_owned()));
            let Some(next) = page.body["pageInfo"]["nextCursor"].as_str() else { break };
            cursor = next.to_owned();
        }
        names.retain(|name| name.starts_with('n'));
        assert_eq!(names, ["n4", "n3", "n2", "n1", "n0"], "{narrowed}");
    }
    let none = server.get(&format!("{AUDIT}?to=2020-01-01T00:00:00Z")).await;
    assert_eq!(none.ok()["records"], json!([]));
}

refusals! {
    h3_audit_unknown_actor: |server| server.get("/api/v1/audit?actor=bob") => 400 "actor: Expected the id of a member or one of organization, personal, recipient, commandLine, system, unknown";
    h3_audit_bad_instant: |server| server.get("/api/v1/audit?from=yesterday") => 400 "from: Expected an instant such as 2025-07-23T21:43:39Z";
    h3_audit_bad_cursor: |server| server.get("/api/v1/audit?cursor=-1") => 400 "cursor: Expected the nextCursor of the page before";
    h3_audit_object_without_type: |server| server.get("/api/v1/audit?objectId=x") => 400 "objectType: Required";
    h3_audit_page_size: |server| server.get("/api/v1/audit?pageSize=101") => 400 "Page size cannot exceed 100";
}

#[tokio::test]
async fn h3_a_flood_of_bad_tokens_is_two_rows_a_minute_with_their_number() {
    let server = server().await;
    for _ in 0..50 {
        assert_eq!(server.call("wrong", "GET", "/api/v1/schedules", None).await.status, 401);
    }
    let refused = async || server.get(&format!("{AUDIT}?actor=unknown&pageSize=100")).await.ok()["records"].as_array().unwrap().clone();
    let rows = refused().await;
    assert_eq!(rows.len(), 1, "the first is told at once");
    assert_eq!((&rows[0]["action"], &rows[0]["count"], &rows[0]["sourceAddress"]), (&json!("key.refused"), &json!(1), &json!("127.0.0.1")));
    {
        let mut now = server.clock.0.lock().unwrap();
        *now += jiff::SignedDuration::from_secs(61);
    }
    let rows = refused().await;
    assert_eq!(rows.iter().map(|row| row["count"].as_u64().unwrap()).collect::<Vec<_>>(), [49, 1]);
}

#[tokio::test]
async fn h3_a_stop_loses_no_count_of_bad_tokens() {
    let server = server().await;
    for _ in 0..50 {
        assert_eq!(server.call("wrong", "GET", "/api/v1/schedules", None).await.status, 401);
    }
    server.door.close().await;
    let rows = server.get(&format!("{AUDIT}?actor=unknown&pageSize=100")).await;
    let counts: Vec<_> = rows.ok()["records"].as_array().unwrap().iter().map(|row| row["count"].as_u64().unwrap()).collect();
    assert_eq!(counts, [49, 1]);
}

#[tokio::test]
async fn h3_bad_tokens_are_limited_by_address_and_good_ones_are_not() {
    let config = ApiConfig { requests_per_minute: 1000, failed_authentications_per_minute: 5, ..ApiConfig::default() };
    let server = server_with(config).await;
    for attempt in 0..5 {
        assert_eq!(server.call(&format!("wrong{attempt}"), "GET", "/api/v1/schedules", None).await.status, 401);
    }
    let limited = server.call("wrong again", "GET", "/api/v1/schedules", None).await;
    limited.refuses(429, "Too Many Requests");
    let wait: u64 = limited.header("Retry-After").expect("told when").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(server.get("/api/v1/schedules").await.status, 200, "a good key from the same address goes on");
    let nobody = server.send(server.request(Method::GET, "/api/v1/schedules")).await;
    assert_eq!(nobody.status, 401, "no token is no guess");
}
