//! §1.1 and §1.7, health, and the OpenAPI document.

use serde_json::{Value, json};

use crate::harness::{NOWHERE, server, webhook};

#[tokio::test]
async fn transport_any_content_type_is_read_as_json() {
    let server = server().await;
    for content_type in ["application/x-www-form-urlencoded", "text/plain", ""] {
        let request = server
            .request(reqwest::Method::POST, "/api/v1/schedules")
            .header("Authentication", "Bearer org")
            .header("Content-Type", content_type);
        server.send(request.body(webhook(json!({})).to_string())).await.ok();
    }
}

#[tokio::test]
async fn transport_q23_a_trailing_slash_is_the_same_path() {
    let server = server().await;
    let id = server.post("/api/v1/schedules/", &webhook(json!({}))).await.id();
    server.put_empty(&format!("/api/v1/schedules/{id}/pause/")).await.ok();
    server.get("/api/v1/schedules/?pageSize=5").await.ok();
}

#[tokio::test]
async fn transport_unknown_routes() {
    let server = server().await;
    for path in ["/api/v1/nothing", "/api/v1", "/api/v2/schedules", "/nothing", "/"] {
        server.get(path).await.refuses(404, "Not Found");
    }
    server.call("org", "PUT", &format!("/api/v1/schedules/{NOWHERE}/nothing"), None).await.refuses(404, "Not Found");
}

#[tokio::test]
async fn transport_wrong_methods_are_400() {
    let server = server().await;
    for suffix in ["trigger", "recipients", "pause", "resume", "add-recipients", "remove-recipients", "transfer-ownership", "runs"] {
        server.call("org", "PATCH", &format!("/api/v1/schedules/{NOWHERE}/{suffix}"), None).await.refuses(400, "Invalid method");
    }
    for path in ["/api/v1/schedules", "/api/v1/users/email-only", "/api/v1/users/email-only/bulk"] {
        server.call("org", "PUT", path, None).await.refuses(400, "Invalid request method");
    }
}

#[tokio::test]
async fn health_needs_no_token() {
    let server = server().await;
    let health = server.send(server.request(reqwest::Method::GET, "/healthz")).await;
    assert_eq!(health.ok(), &json!({"status": "ok"}));
    let ready = server.send(server.request(reqwest::Method::GET, "/readyz")).await;
    assert_eq!(ready.ok()["checks"]["store"], json!({"status": "ok", "error": null}));
}

#[tokio::test]
async fn openapi_describes_every_answer_with_an_example() {
    let server = server().await;
    let answer = server.send(server.request(reqwest::Method::GET, "/openapi.json")).await;
    let document = answer.ok();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut operations = 0;
    let mut ids = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations += 1;
            ids.insert(operation["operationId"].as_str().expect("an operationId").to_owned());
            assert!(operation["summary"].is_string(), "{method} {path} has no summary");
            let responses = operation["responses"].as_object().unwrap();
            assert!(!path.starts_with("/api/") || responses.contains_key("429"), "{method} {path}");
            for (status, response) in responses {
                let place = format!("{method} {path} {status}");
                assert!(response["description"].as_str().is_some_and(|text| !text.is_empty()), "{place}: no description");
                for content in response["content"].as_object().expect(&place).values() {
                    assert!(!content["example"].is_null() && !content["schema"].is_null(), "{place}: no example or schema");
                }
            }
        }
    }
    assert_eq!(ids.len(), operations, "operation ids are unique: {ids:?}");
    assert!(operations >= 31, "{operations}");
    assert_references(document, document);
    let page = server.send(server.request(reqwest::Method::GET, "/docs")).await;
    assert!(page.status == 200 && page.text.contains("/api/v1/schedules") && !page.text.contains("<script"));
}

#[tokio::test]
async fn openapi_tells_the_cases_of_a_tagged_choice_apart() {
    let server = server().await;
    let document = server.send(server.request(reqwest::Method::GET, "/openapi.json")).await;
    let schemas = &document.ok()["components"]["schemas"];
    let choice = &schemas["RecipientsView"];
    assert_eq!(choice["discriminator"]["propertyName"], "type");
    assert_eq!(choice["discriminator"]["mapping"].as_object().unwrap().len(), 5);
    for (tag, reference) in choice["discriminator"]["mapping"].as_object().unwrap() {
        let case = document.body.pointer(reference.as_str().unwrap().trim_start_matches('#')).expect("a schema");
        assert_eq!(case["properties"]["type"]["enum"], json!([tag]));
    }
}

/// Every reference points at something.
fn assert_references(value: &Value, document: &Value) {
    match value {
        Value::Object(map) => {
            if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
                assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
            }
            map.values().for_each(|value| assert_references(value, document));
        }
        Value::Array(items) => items.iter().for_each(|value| assert_references(value, document)),
        _ => {}
    }
}

#[tokio::test]
async fn openapi_documents_the_fields_that_are_read() {
    let server = server().await;
    let document = server.send(server.request(reqwest::Method::GET, "/openapi.json")).await;
    let properties = document.ok()["components"]["schemas"]["ScheduleBody"]["properties"].as_object().unwrap().clone();
    let base = webhook(json!({"url": null}));
    let bases = [
        json!({"destinationType": "webhook", "url": "https://a.example.com/"}),
        // `webhookUrl` counts only without `url`.
        json!({"destinationType": "webhook"}),
        json!({"destinationType": "email", "recipients": ["a@b.co"], "subject": "x"}),
        json!({"destinationType": "sftp", "address": "a.example.com", "port": 22, "username": "b", "passwordUnencrypted": "p"}),
        json!({"destinationType": "slack", "slackRecipientType": "users", "recipients": ["U1"]}),
        json!({"destinationType": "s3", "bucketName": "bucket", "region": "us-east-1", "roleArn": "arn:x"}),
    ];
    assert!(properties.len() > 40);
    for name in properties.keys() {
        let mut refused = false;
        for changes in &bases {
            let mut body = crate::harness::changed(base.clone(), changes.clone());
            body[name] = if name == "filterConfig" { json!(5) } else { json!({"wrong": [{}]}) };
            let answer = server.create(&body).await;
            refused |= answer.status == 400 && answer.body["detail"].as_str().unwrap().starts_with(&format!("{name}: "));
        }
        assert!(refused, "{name} is documented but not read");
    }
}
