//! Keys (M4): scopes, expiry, last use, and people's own.

use jiff::SignedDuration;
use pressrun_domain::catalog::Catalog;
use serde_json::{Value, json};

use crate::harness::{Server, server, webhook};
use crate::sample;

const KEYS: &str = "/api/v1/api-keys";

/// Makes a key with the token of `by`; returns the new token.
async fn made(server: &Server, by: &str, body: Value) -> String {
    server.call(by, "POST", KEYS, Some(&body)).await.ok()["token"].as_str().unwrap().to_owned()
}

fn change(server: &Server, edit: impl FnOnce(&mut Catalog)) {
    edit(&mut server.files.0.lock().unwrap());
}

#[tokio::test]
async fn m4_a_request_outside_the_scopes_of_its_key_is_refused_by_name() {
    let server = server().await;
    let id = server.create(&webhook(json!({}))).await.id();
    let schedule = format!("/api/v1/schedules/{id}");
    let pause = format!("{schedule}/pause");
    let users = "/api/v1/users/email-only";
    for (scopes, allowed) in [
        (json!(["read"]), [true, false, false, false]),
        (json!(["schedules"]), [false, true, false, false]),
        (json!(["users"]), [false, false, true, false]),
        (json!(["keys", "read"]), [true, false, false, true]),
    ] {
        let token = made(&server, "org", json!({"type": "organization", "name": "k", "scopes": scopes})).await;
        let requests =
            [("read", "GET", schedule.as_str()), ("schedules", "PUT", pause.as_str()), ("users", "GET", users), ("keys", "GET", KEYS)];
        for ((scope, method, path), allowed) in requests.into_iter().zip(allowed) {
            let answer = server.call(&token, method, path, None).await;
            if allowed {
                assert_ne!(answer.status, 403, "{scopes} {method} {path}: {}", answer.text);
            } else {
                answer.refuses(403, &format!("Permission denied: this API key lacks the scope `{scope}`"));
            }
        }
    }
}

#[tokio::test]
async fn m4_no_key_makes_one_that_may_more_or_lives_longer() {
    let server = server().await;
    let body = json!({"type": "organization", "name": "k", "scopes": ["read", "keys"], "expiresAt": "2025-08-01T00:00:00Z"});
    let parent = made(&server, "org", body).await;
    let make = async |extra: Value| {
        server.call(&parent, "POST", KEYS, Some(&crate::harness::changed(json!({"type": "organization", "name": "c"}), extra))).await
    };
    make(json!({"scopes": ["schedules"]})).await.refuses(400, "scopes: The key that makes it lacks the scope `schedules` itself");
    make(json!({"expiresAt": "2025-08-02T00:00:00Z"}))
        .await
        .refuses(400, "expiresAt: The key that makes it expires at 2025-08-01T00:00:00Z; choose that or an earlier instant");
    make(json!({"expiresAt": "2025-07-01T00:00:00Z"})).await.refuses(400, "expiresAt: The instant is not in the future");
    make(json!({"expiresAt": "soon"})).await.refuses(400, "expiresAt: Expected an instant such as 2026-07-23T21:43:39Z");
    make(json!({"scopes": []})).await.refuses(400, "scopes: Array must contain at least 1 element(s)");
    make(json!({"scopes": ["admin"]})).await.refuses(400, "scopes: Expected some of read, schedules, users, keys");
    make(json!({"name": "x".repeat(256)})).await.refuses(400, "name: String must contain at most 255 character(s)");
    let child = make(json!({})).await;
    assert_eq!((&child.ok()["scopes"], &child.body["expiresAt"]), (&json!(["read", "keys"]), &json!("2025-08-01T00:00:00.000Z")));
    let audit = server.get("/api/v1/audit?action=key.created&pageSize=1").await;
    assert_eq!(audit.ok()["records"][0]["object"]["id"], child.body["id"], "an organization key that makes one leaves a row");
    assert!(audit.body["records"][0]["actor"]["keyId"].is_string());
}

#[tokio::test]
async fn m4_an_expired_key_opens_nothing() {
    let server = server().await;
    let token = made(&server, "org", json!({"type": "organization", "name": "k", "expiresAt": "2025-07-23T22:00:00Z"})).await;
    assert_eq!(server.call(&token, "GET", KEYS, None).await.status, 200);
    *server.clock.0.lock().unwrap() = "2025-07-23T22:00:00Z".parse().unwrap();
    assert_eq!(server.call(&token, "GET", KEYS, None).await.status, 401);
}

#[tokio::test]
async fn m4_an_organization_key_falls_with_its_member() {
    let server = server().await;
    let token = made(&server, "org", json!({"type": "organization", "name": "k", "userId": sample::HILL})).await;
    assert_eq!(server.call(&token, "GET", KEYS, None).await.status, 200);
    let active = |active: bool| {
        move |catalog: &mut Catalog| {
            let mut members = catalog.members.to_vec();
            members.iter_mut().filter(|member| member.id.0 == sample::HILL).for_each(|member| member.active = active);
            catalog.members = members.into();
        }
    };
    change(&server, active(false));
    assert_eq!(server.call(&token, "GET", KEYS, None).await.status, 401, "deactivated");
    let refused = server.post(KEYS, &json!({"type": "organization", "name": "k", "userId": sample::HILL})).await;
    refused.refuses(400, "userId: The member is deactivated, so that the key would not work");
    change(&server, active(true));
    assert_eq!(server.call(&token, "GET", KEYS, None).await.status, 200);
    change(&server, |catalog| {
        let others = catalog.members.iter().filter(|member| member.id.0 != sample::HILL);
        catalog.members = others.cloned().collect::<Vec<_>>().into();
    });
    assert_eq!(server.call(&token, "GET", KEYS, None).await.status, 401, "gone");
    assert_eq!(server.call("hill", "GET", "/api/v1/schedules", None).await.status, 401);
}

#[tokio::test]
async fn m4_people_make_list_and_revoke_their_own_tokens_only() {
    let server = server().await;
    let of_ross = server.post(KEYS, &json!({"type": "personal", "name": "ross", "userId": sample::ROSS})).await;
    let own = server.call("hill", "POST", KEYS, Some(&json!({"type": "personal", "name": "laptop", "scopes": ["read"]}))).await;
    assert_eq!((&own.ok()["userId"], &own.body["scopes"]), (&json!(sample::HILL), &json!(["read"])));
    let listed = server.call("hill", "GET", KEYS, None).await;
    assert_eq!(listed.ok()["records"].as_array().unwrap().iter().map(|key| &key["name"]).collect::<Vec<_>>(), ["laptop"]);
    let others = format!("{KEYS}/{}", of_ross.ok()["id"].as_str().unwrap());
    assert_eq!(server.call("hill", "DELETE", &others, None).await.status, 404, "and is not told that it exists");
    let token = own.body["token"].as_str().unwrap();
    assert_eq!(server.call(token, "GET", "/api/v1/schedules", None).await.status, 200);
    let path = format!("{KEYS}/{}", own.body["id"].as_str().unwrap());
    server.call("hill", "DELETE", &path, None).await.ok();
    assert_eq!(server.call(token, "GET", "/api/v1/schedules", None).await.status, 401);
}

#[tokio::test]
async fn m4_the_last_use_is_told_to_the_minute() {
    let server = server().await;
    let token = made(&server, "org", json!({"type": "personal", "name": "k", "userId": sample::HILL})).await;
    let last_used = async || server.get(KEYS).await.ok()["records"][0]["lastUsedAt"].clone();
    assert_eq!(last_used().await, Value::Null);
    for (seconds, expected) in [(0, "2025-07-23T21:43:39.000Z"), (30, "2025-07-23T21:43:39.000Z"), (30, "2025-07-23T21:44:39.000Z")] {
        {
            let mut now = server.clock.0.lock().unwrap();
            *now += SignedDuration::from_secs(seconds);
        }
        server.call(&token, "GET", "/api/v1/schedules", None).await.ok();
        assert_eq!(last_used().await, expected);
    }
}

#[tokio::test]
async fn m4_development_keys_can_be_shut_out() {
    let config = pressrun_api::ApiConfig { requests_per_minute: 0, development_keys: false, ..pressrun_api::ApiConfig::default() };
    let server = crate::harness::server_with(config).await;
    assert_eq!(server.get("/api/v1/schedules").await.status, 401);
}
