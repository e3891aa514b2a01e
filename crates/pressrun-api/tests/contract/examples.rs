//! The documented examples of §5.1.5 and §5.2 to §6.4, sent as printed.

use serde_json::{Value, json};

use crate::harness::{Server, server};
use crate::sample;

/// §5.1.5, byte for byte.
pub const BODIES: [&str; 7] = [
    r#"{"identifier":"12db1a0a","name":"My Webhook schedule","schedule":"0 9 ? * * *","timezone":"UTC","format":"json","destinationType":"webhook","url":"https://webhooksrus.com/1234566"}"#,
    r#"{"identifier":"12db1a0a","name":"My Email schedule","schedule":"0 9 ? * * *","timezone":"UTC","format":"pdf","destinationType":"email","paperFormat":"legal","expandTablesToShowAllRows":true,"paperOrientation":"landscape","recipients":["iamagoodblob@myorg.co","blobmanager@myorg.co"],"subject":"Daily Sales report","textBody":"Here are the daily sales!","fanOut":"false"}"#,
    r#"{"identifier":"12db1a0a","name":"My SFTP schedule","schedule":"0 9 ? * * *","timezone":"UTC","format":"xlsx","destinationType":"sftp","address":"sftp.blobsrus.com","port":"22","username":"blobby","passwordUnencrypted":"1am@g00dBL0b"}"#,
    r#"{"identifier":"dashboard-abc123","name":"Weekly Regional Report","schedule":"0 0 ? * MON *","timezone":"UTC","format":"pdf","destinationType":"email","recipients":["iamagoodblob@myorg.com","managerblob@emyorg.com"],"subject":"Weekly Regional Report","filterConfig":{"region":{"kind":"EQ","left_side":"US","type":"string"}},"hideTitle":true}"#,
    r#"{"identifier":"dashboard-abc123","name":"Data Alert Webhook","schedule":"0 */6 * * ? *","timezone":"UTC","format":"json","destinationType":"webhook","url":"https://api.example.com/webhook","conditionType":"RESULTS_PRESENT","conditionQueryMapKey":"1","queryIdentifierMapKey":"1","overrideRowLimit":true,"maxRowLimit":1000}"#,
    r#"{"identifier":"dashboard-abc123","name":"Single tile delivery","schedule":"0 */6 * * ? *","timezone":"UTC","format":"json","destinationType":"webhook","url":"https://api.example.com/webhook","queryIdentifierMapKey":"1","overrideRowLimit":true,"maxRowLimit":1000}"#,
    r#"{"identifier":"dashboard-abc123","name":"Test Delivery","schedule":"0 0 1 1 ? 2099","timezone":"UTC","format":"pdf","destinationType":"email","recipients":["iamagoodblob@myorg.com"],"subject":"Test Delivery","testNow":true}"#,
];

/// As the create examples do: `Authentication`, not `Authorization`.
async fn post(server: &Server, path: &str, body: &'static str) -> crate::harness::Answer {
    let request =
        server.request(reqwest::Method::POST, path).header("Authentication", "Bearer org").header("Content-Type", "application/json");
    server.send(request.body(body)).await
}

#[tokio::test]
async fn examples_of_create() {
    let server = server().await;
    for body in BODIES {
        let answer = post(&server, "/api/v1/schedules", body).await;
        assert_eq!(answer.ok()["message"], "Successfully created schedule", "{body}");
        assert!(pressrun_domain::id::parse_uuid(answer.body["id"].as_str().unwrap()).is_ok());
    }
    let list = server.get("/api/v1/schedules").await;
    assert_eq!(list.ok()["pageInfo"]["totalRecords"], 6, "the test delivery saves nothing");
}

#[tokio::test]
async fn examples_of_the_other_schedule_endpoints() {
    let server = server().await;
    let id = post(&server, "/api/v1/schedules", BODIES[1]).await.id();
    let bare = |method: &str, path: String, typed: bool| {
        let mut request = server.request(method.parse().unwrap(), &path).header("Authorization", "Bearer org");
        if typed {
            request = request.header("Content-Type", "application/json");
        }
        server.send(request)
    };
    let list = bare(
        "GET",
        "/api/v1/schedules?q=Blob%20Ross&status=success&destination=email&sortField=lastRun&sortDirection=desc&pageSize=20".into(),
        true,
    )
    .await;
    assert_eq!(
        list.ok(),
        &json!({"pageInfo": {"hasNextPage": false, "nextCursor": null, "pageSize": 20, "totalRecords": 0}, "records": []})
    );
    for (method, suffix, typed) in
        [("POST", "/trigger", false), ("PUT", "/pause", false), ("PUT", "/resume", false), ("GET", "/recipients", true), ("GET", "", true)]
    {
        let answer = bare(method, format!("/api/v1/schedules/{id}{suffix}"), typed).await;
        assert!(answer.ok().is_object());
    }
    let user = server
        .call("org", "PUT", &format!("/api/v1/schedules/{id}/add-recipients"), Some(&json!({"emails": ["blobby@blobsrus.com"]})))
        .await;
    assert_eq!(user.ok()["addedRecipientsCount"], 1);
    let user =
        server.call("org", "PUT", &format!("/api/v1/schedules/{id}/remove-recipients"), Some(&json!({"userIds": [sample::HILL]}))).await;
    assert_eq!(user.ok()["removedRecipientsCount"], 1);
    let owner =
        server.call("org", "PUT", &format!("/api/v1/schedules/{id}/transfer-ownership"), Some(&json!({"userId": sample::HILL}))).await;
    assert_eq!(owner.ok(), &json!({"success": true}));
    let deleted = bare("DELETE", format!("/api/v1/schedules/{id}"), true).await;
    assert_eq!(deleted.ok(), &json!({"success": true}));
}

#[tokio::test]
async fn examples_of_email_only_users() {
    let server = server().await;
    let one = post(&server, "/api/v1/users/email-only", r#"{"email":"iamagoodblob@myorg.co","userAttributes":{"region":["US","EU"],"is_sales_team":1,"omni_user_timezone":"America/New_York"}}"#).await;
    assert_eq!(one.ok()["email"], "iamagoodblob@myorg.co");
    let bulk = post(&server, "/api/v1/users/email-only/bulk", r#"{"users":[{"email":"iamagoodblob@myorg.co","userAttributes":{"is_admin":0,"is_sales_team":"","omni_user_timezone":""}},{"email":"blobmanager@myorg.co","userAttributes":{"region":null}}]}"#).await;
    let results = bulk.ok()["results"].as_array().unwrap();
    assert_eq!((results.len(), &results[0]["userId"]), (2, &one.body["userId"]));
    let listed = server.get("/api/v1/users/email-only?email=iamagood").await;
    let attributes: &Value = &listed.ok()["records"][0]["user_attributes"];
    assert_eq!((&attributes["region"], &attributes["is_admin"]), (&json!(["US", "EU"]), &json!(0)));
    assert!(attributes.get("is_sales_team").is_none() && attributes.get("omni_user_timezone").is_none());
}

#[tokio::test]
async fn d13_no_answer_of_the_examples_holds_the_password() {
    let server = server().await;
    let id = post(&server, "/api/v1/schedules", BODIES[2]).await.id();
    server.call("org", "POST", &format!("/api/v1/schedules/{id}/trigger"), None).await.ok();
    let run = server.get(&format!("/api/v1/schedules/{id}/runs")).await;
    let run_id = run.ok()["records"][0]["id"].as_str().unwrap().to_owned();
    for path in [
        format!("/api/v1/schedules/{id}"),
        format!("/api/v1/schedules/{id}/recipients"),
        format!("/api/v1/schedules/{id}/runs"),
        format!("/api/v1/runs/{run_id}"),
        "/api/v1/schedules".to_owned(),
    ] {
        let answer = server.get(&path).await;
        answer.ok();
        assert!(!answer.text.contains("1am@g00dBL0b"), "{path}");
    }
}
