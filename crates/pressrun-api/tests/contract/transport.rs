//! §1.1 and §1.7, health, and the OpenAPI document.

use serde_json::{Value, json};

use crate::harness::{NOWHERE, server, server_with, webhook};

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

/// Method and path of every documented endpoint under `/api`, its ids filled in.
async fn endpoints(server: &crate::harness::Server) -> Vec<(String, String)> {
    let document = server.send(server.request(reqwest::Method::GET, "/openapi.json")).await.ok().clone();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap().iter().filter(|(path, _)| path.starts_with("/api/")) {
        let filled: Vec<&str> = path.split('/').map(|part| if part.starts_with('{') { NOWHERE } else { part }).collect();
        all.extend(item.as_object().unwrap().keys().map(|method| (method.to_uppercase(), filled.join("/"))));
    }
    assert!(all.len() >= 27, "{all:?}");
    all
}

#[tokio::test]
async fn every_endpoint_401_without_a_token() {
    let server = server().await;
    for (method, path) in endpoints(&server).await {
        let request = server.request(method.parse().unwrap(), &path).body("not json");
        server.send(request).await.refuses(401, "Unauthorized: Missing or invalid API key");
    }
}

#[tokio::test]
async fn every_endpoint_429_over_the_rate() {
    let server = server_with(pressrun_api::ApiConfig { requests_per_minute: 1, ..Default::default() }).await;
    server.get("/api/v1/schedules").await.ok();
    for (method, path) in endpoints(&server).await {
        let answer = server.call("org", &method, &path, Some(&json!({}))).await;
        answer.refuses(429, "Too Many Requests");
        assert!(
            answer.header("Retry-After").is_some_and(|seconds| seconds.parse::<u64>().is_ok_and(|seconds| (1..=60).contains(&seconds)))
        );
        assert_eq!(answer.header("X-Omni-Waf-Action"), Some("block"), "{method} {path}");
    }
}

/// The words that a schema or parameter admits.
fn words(document: &Value, schema: &Value) -> Vec<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        return words(document, document.pointer(reference.trim_start_matches('#')).unwrap());
    }
    let choices = schema["oneOf"].as_array().into_iter().flatten().flat_map(|choice| words(document, choice));
    let own = schema["enum"].as_array().into_iter().flatten().map(|word| word.as_str().unwrap().to_owned());
    choices.chain(own).collect()
}

#[tokio::test]
async fn openapi_names_the_recipients_fields_as_the_wire_does() {
    let server = server().await;
    let document = server.send(server.request(reqwest::Method::GET, "/openapi.json")).await.ok().clone();
    for (kind, fields) in
        [("email", &["recipients", "userGroupRecipients"][..]), ("s3", &["bucketName", "roleArn", "externalId", "keyPrefix", "filename"])]
    {
        let properties = &document["components"]["schemas"][format!("RecipientsView_{kind}")]["properties"];
        assert!(fields.iter().all(|field| properties[field].is_object()), "{kind}: {properties}");
    }
}

#[tokio::test]
async fn openapi_words_are_those_of_the_wire() {
    let server = server().await;
    let document = server.send(server.request(reqwest::Method::GET, "/openapi.json")).await.ok().clone();
    let mut tried = 0;
    for parameter in document["paths"]["/api/v1/schedules"]["get"]["parameters"].as_array().unwrap() {
        for word in words(&document, &parameter["schema"]) {
            let name = parameter["name"].as_str().unwrap();
            let request = server.request(reqwest::Method::GET, "/api/v1/schedules").query(&[(name, &word)]);
            server.send(request.header("Authorization", "Bearer org")).await.ok();
            tried += 1;
        }
    }
    for (field, schema) in document["components"]["schemas"]["ScheduleBody"]["properties"].as_object().unwrap() {
        for word in words(&document, schema) {
            let answer = server.create(&webhook(json!({ field: word }))).await;
            assert!(!answer.text.contains("Invalid enum value"), "{field} {word}: {}", answer.text);
            tried += 1;
        }
    }
    assert_eq!(tried, 4 + 6 + 2 + 2 + 5 + 2 + 6 + 5 + 4 + 6 + 2 + 2 + 2);
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
        json!({"destinationType": "s3", "bucketName": "bucket", "region": "us-east-1", "roleArn": "arn:aws:iam::123456789012:role/x"}),
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
