//! §1.2: tokens, and what each may do.

use pressrun_domain::destination::Destination;
use serde_json::json;

use crate::harness::{NOWHERE, refusals, server, webhook};
use crate::sample;

const REFUSED: &str = "Unauthorized: Missing or invalid API key";

#[tokio::test]
async fn auth_missing_malformed_and_unknown_tokens() {
    let server = server().await;
    for (name, value) in [
        ("X-Nothing", ""),
        ("Authorization", "org"),
        ("Authorization", "Bearer"),
        ("Authorization", "Bearer "),
        ("Authorization", "Basic org"),
        ("Authorization", "Bearer unknown"),
        ("Authentication", "Bearer unknown"),
        ("Authorization", "Bearer gone"),
    ] {
        let request = server.request(reqwest::Method::POST, "/api/v1/schedules").header(name, value).body("not json");
        let answer = server.send(request).await;
        answer.refuses(401, REFUSED);
        assert_eq!(answer.header("WWW-Authenticate"), Some("Bearer"));
    }
    server.call("unknown", "PATCH", "/api/v1/schedules", None).await.refuses(401, REFUSED);
}

#[tokio::test]
async fn auth_either_header_name_and_authorization_wins() {
    let server = server().await;
    let list = || server.request(reqwest::Method::GET, "/api/v1/schedules");
    server.send(list().header("Authentication", "Bearer org")).await.ok();
    server.send(list().header("authorization", "bEaReR   org")).await.ok();
    server.send(list().header("Authentication", "Bearer unknown").header("Authorization", "Bearer org")).await.ok();
    server.send(list().header("Authentication", "Bearer org").header("Authorization", "Bearer unknown")).await.refuses(401, REFUSED);
}

#[tokio::test]
async fn keys_are_made_shown_once_and_revoked() {
    let server = server().await;
    let made = server.post("/api/v1/api-keys", &json!({"type": "personal", "name": "laptop", "userId": sample::HILL})).await;
    let token = made.ok()["token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("pr_pat_"));
    assert_eq!(server.call(&token, "GET", "/api/v1/schedules", None).await.status, 200);
    let listed = server.get("/api/v1/api-keys").await;
    assert!(listed.ok()["records"][0]["name"] == "laptop" && !listed.text.contains(&token), "{}", listed.text);
    let path = format!("/api/v1/api-keys/{}", made.body["id"].as_str().unwrap());
    assert_eq!(server.call("org", "DELETE", &path, None).await.ok(), &json!({"success": true}));
    server.call(&token, "GET", "/api/v1/schedules", None).await.refuses(401, REFUSED);
    assert_eq!(server.call("org", "DELETE", &path, None).await.status, 404);
}

const KEYS: &str = "/api/v1/api-keys";

refusals! {
    keys_create_type_missing: |server| server.post(KEYS, &json!({"name": "x"})) => 400 "type: Required";
    keys_create_type_unknown: |server| server.post(KEYS, &json!({"name": "x", "type": "mcp"})) => 400 "type: Invalid enum value. Expected 'organization' | 'personal', received 'mcp'";
    keys_create_name_missing: |server| server.post(KEYS, &json!({"type": "organization"})) => 400 "name: Required";
    keys_create_personal_for_nobody: |server| server.post(KEYS, &json!({"type": "personal", "name": "x"})) => 400 "userId: Required";
    keys_create_user_id_is_no_uuid: |server| server.post(KEYS, &json!({"type": "personal", "name": "x", "userId": "x"})) => 400 "userId: Invalid uuid";
    keys_create_user_id_unknown: |server| server.post(KEYS, &json!({"type": "personal", "name": "x", "userId": NOWHERE})) => 404 format!("User with id {NOWHERE} does not exist");
    keys_create_personal_token: |server| server.call("hill", "POST", KEYS, Some(&json!({"type": "organization", "name": "x"}))) => 403 "Permission denied";
    keys_create_personal_token_for_somebody_else: |server| server.call("hill", "POST", KEYS, Some(&json!({"type": "personal", "name": "x", "userId": sample::ROSS}))) => 403 "Permission denied";
    keys_revoke_bad_id: |server| server.call("org", "DELETE", "/api/v1/api-keys/x", None) => 400 "keyId: Invalid uuid";
    keys_revoke_no_such_key: |server| server.call("org", "DELETE", "/api/v1/api-keys/2abba91d-9bec-41a0-8a8d-6f133b4ff0b7", None) => 404 "API key with id 2abba91d-9bec-41a0-8a8d-6f133b4ff0b7 does not exist";
}

#[tokio::test]
async fn personal_tokens_see_their_own_and_what_is_on_dashboards_they_may_view() {
    let server = server().await;
    for (name, identifier, owner) in [
        ("open", "12db1a0a", sample::ROSS),
        ("sales", "secret", sample::ROSS),
        ("hill's", "secret", sample::HILL),
        ("outer's", "12db1a0a", sample::OUTER),
    ] {
        let path = format!("/api/v1/schedules?userId={owner}");
        server.post(&path, &webhook(json!({"name": name, "identifier": identifier}))).await.ok();
    }
    let names = async |token: &str| {
        let answer = server.call(token, "GET", "/api/v1/schedules?sortDirection=asc", None).await;
        let rows = answer.ok()["records"].as_array().unwrap().clone();
        rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("org").await, ["hill's", "open", "outer's", "sales"]);
    assert_eq!(names("hill").await, ["hill's", "open", "outer's", "sales"]);
    assert_eq!(names("outer").await, ["open", "outer's"]);
}

#[tokio::test]
async fn personal_tokens_manage_their_own() {
    let server = server().await;
    let id = server.call("hill", "POST", "/api/v1/schedules", Some(&webhook(json!({})))).await.id();
    assert_eq!(server.stored(&id).await.definition.owner.0, sample::HILL);
    server.call("hill", "PUT", &format!("/api/v1/schedules/{id}/pause"), None).await.ok();
    server.call("outer", "PUT", &format!("/api/v1/schedules/{id}/resume"), None).await.refuses(403, "Permission denied");
    // D13: the path of a webhook may be what opens it.
    let url = server.stored(&id).await.definition.destination;
    let Destination::Webhook(webhook) = url else { panic!("a webhook") };
    let url = webhook.shown();
    let host = url.split_inclusive('/').take(3).collect::<String>();
    for (who, shown) in [("hill", url.as_str()), ("outer", host.trim_end_matches('/'))] {
        let read = server.call(who, "GET", &format!("/api/v1/schedules/{id}"), None).await;
        assert_eq!(read.ok()["destinations"][0]["metadata"]["url"], shown, "{who}");
        let recipients = server.call(who, "GET", &format!("/api/v1/schedules/{id}/recipients"), None).await;
        assert_eq!(recipients.ok()["url"], shown, "{who}");
    }
    server.call("hill", "DELETE", &format!("/api/v1/schedules/{id}"), None).await.ok();
}
