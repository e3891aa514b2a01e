//! No body makes any endpoint answer 5xx, and every answer is JSON with its own status.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

use crate::harness::{Server, mail, server, webhook};
use crate::sample;

const FIELDS: [&str; 49] = [
    "identifier",
    "name",
    "schedule",
    "timezone",
    "format",
    "destinationType",
    "filterConfig",
    "conditionType",
    "conditionQueryMapKey",
    "queryIdentifierMapKey",
    "testNow",
    "killJobsOnFailure",
    "worthlessAfter",
    "timezoneOverride",
    "hideTitle",
    "paperFormat",
    "paperOrientation",
    "expandTablesToShowAllRows",
    "singleColumnLayout",
    "showFilters",
    "showContentLink",
    "hideHiddenFields",
    "enableFormatting",
    "overrideRowLimit",
    "maxRowLimit",
    "filename",
    "url",
    "webhookUrl",
    "recipients",
    "subject",
    "textBody",
    "fanOut",
    "address",
    "port",
    "username",
    "passwordUnencrypted",
    "path",
    "slackRecipientType",
    "bucketName",
    "region",
    "roleArn",
    "keyPrefix",
    "emails",
    "userIds",
    "userGroupIds",
    "userId",
    "email",
    "userAttributes",
    "users",
];

fn words() -> impl Strategy<Value = Value> {
    let known = [
        "12db1a0a",
        "dashboard-abc123",
        "0 9 ? * * *",
        "UTC",
        "America/New_York",
        "json",
        "pdf",
        "csv",
        "xlsx",
        "email",
        "sftp",
        "webhook",
        "slack",
        "s3",
        "RESULTS_PRESENT",
        "RESULTS_CHANGED",
        "1",
        "true",
        "false",
        "fit_page",
        "a4",
        "channel",
        "users",
        "https://a.example.com/",
        "a@b.co",
        "00000000-0000-0000-0000-000000000002",
        "{{currentDate}}",
        "\u{202e}\u{10ffff}",
        "",
    ];
    prop_oneof![proptest::sample::select(known.to_vec()).prop_map(Value::from), ".{0,40}".prop_map(Value::from)]
}

fn value() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        (-3_i64..70_000).prop_map(Value::from),
        words(),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| prop_oneof![proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from), object(inner),])
        .boxed()
}

fn object(values: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Value> {
    let keys = prop_oneof![proptest::sample::select(FIELDS.to_vec()).prop_map(str::to_owned), ".{0,8}".prop_map(String::from)];
    proptest::collection::vec((keys, values), 0..8).prop_map(|pairs| Value::Object(pairs.into_iter().collect::<Map<_, _>>())).boxed()
}

/// Anything at all, or a valid schedule with some fields replaced.
fn body() -> impl Strategy<Value = Value> {
    let base = prop_oneof![Just(webhook(json!({}))), Just(mail(json!({})))];
    let damaged = (base, object(value())).prop_map(|(mut base, changes)| {
        if let (Some(base), Value::Object(changes)) = (base.as_object_mut(), changes) {
            base.extend(changes);
        }
        base
    });
    prop_oneof![1 => value(), 2 => object(value()), 3 => damaged]
}

async fn endpoints(server: &Server) -> Vec<(&'static str, String)> {
    let id = server.create(&mail(json!({}))).await.id();
    let schedule = format!("/api/v1/schedules/{id}");
    let create_for = format!("/api/v1/schedules?userId={}", sample::HILL);
    let mut all: Vec<(&str, String)> = ["add-recipients", "remove-recipients", "transfer-ownership", "pause", "resume"]
        .map(|verb| ("PUT", format!("{schedule}/{verb}")))
        .into();
    all.extend([
        ("PUT", schedule.clone()),
        ("POST", format!("{schedule}/trigger")),
        ("POST", "/api/v1/schedules".to_owned()),
        ("POST", create_for),
        ("POST", "/api/v1/users/email-only".to_owned()),
        ("POST", "/api/v1/users/email-only/bulk".to_owned()),
        ("DELETE", "/api/v1/users/email-only/bulk".to_owned()),
        ("POST", "/api/v1/api-keys".to_owned()),
    ]);
    all
}

#[test]
fn no_body_makes_any_endpoint_answer_5xx() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (server, endpoints) = runtime.block_on(async {
        let server = server().await;
        let endpoints = endpoints(&server).await;
        (server, endpoints)
    });
    let config = Config { cases: 256, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&body(), |body| {
            for (method, path) in &endpoints {
                let answer = runtime.block_on(server.call("org", method, path, Some(&body)));
                prop_assert!(answer.status < 500, "{method} {path} {body}: {}", answer.text);
                prop_assert!(answer.body.is_object(), "{method} {path} {body}: {}", answer.text);
                if answer.status >= 400 {
                    prop_assert_eq!(&answer.body["status"], &json!(answer.status));
                    prop_assert!(
                        answer.body["detail"].is_string() && answer.body.as_object().is_some_and(|body| body.len() == 2),
                        "{}",
                        answer.text
                    );
                }
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn no_query_makes_the_lists_answer_5xx() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let server = runtime.block_on(server());
    let names = ["q", "status", "destination", "ownerId", "identifier", "sortField", "cursor", "pageSize", "email", "userId"];
    let pair = (proptest::sample::select(names.to_vec()), prop_oneof!["[0-9]{1,25}", ".{0,20}", "(asc|desc|email|none|lastRun|a@b.co)"]);
    let config = Config { cases: 256, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&proptest::collection::vec(pair, 0..4), |pairs| {
            let query: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            for path in ["/api/v1/schedules", "/api/v1/users/email-only", "/api/v1/documents", "/api/v1/dashboards"] {
                let answer = runtime.block_on(server.get(&format!("{path}?{query}")));
                prop_assert!(answer.status < 500 && answer.body.is_object(), "{path}?{query}: {}", answer.text);
            }
            Ok(())
        })
        .unwrap();
}

/// Bytes that HTTP allows in the value of a header: visible ASCII, blanks, and everything from 0x80.
fn header_value() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(prop_oneof![0x20_u8..0x7f, 0x80_u8..=0xff, Just(b'\t')], 0..40)
}

#[test]
fn no_header_query_or_path_makes_an_endpoint_answer_5xx_or_out_of_shape() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (server, endpoints) = runtime.block_on(async {
        let server = server().await;
        let endpoints = endpoints(&server).await;
        (server, endpoints)
    });
    let names = ["Authentication", "Content-Type", "If-Match", "Accept", "Origin", "X-Forwarded-For", "Accept-Encoding", "Expect", "Range"];
    let headers = proptest::collection::vec((proptest::sample::select(names.to_vec()), header_value()), 0..4);
    let text = "[!-~]{0,30}".prop_map(|text| text.replace(['#', '?', '"', '<', '>', '`', '{', '}', '\\', '^', '|'], "%00%ff"));
    let config = Config { cases: 256, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&(headers, text.clone(), text), |(headers, segment, query)| {
            let odd = [
                ("GET", format!("/api/v1/schedules/{segment}")),
                ("PUT", format!("/api/v1/runs/{segment}/cancel")),
                ("GET", format!("/{segment}")),
            ];
            for (method, path) in endpoints.iter().map(|(method, path)| (*method, path.clone())).chain(odd) {
                // A bad token among them is a 401 like any other.
                let mut request = server.request(method.parse().unwrap(), &format!("{path}?{query}"));
                let named = headers.iter().any(|(name, _)| *name == "Authentication");
                if !named {
                    request = request.header("Authorization", "Bearer org");
                }
                for (name, value) in &headers {
                    request = request.header(*name, value.as_slice());
                }
                let answer = runtime.block_on(server.send(request));
                prop_assert!(answer.status < 500 && !answer.text.is_empty(), "{method} {path}?{query} {headers:?}: {}", answer.text);
                if answer.status >= 400 {
                    let keys: Vec<&String> = answer.body.as_object().map(|body| body.keys().collect()).unwrap_or_default();
                    prop_assert_eq!(keys, ["detail", "status"], "{} {}?{}", method, path, query);
                    prop_assert_eq!(&answer.body["status"], &json!(answer.status));
                }
            }
            Ok(())
        })
        .unwrap();
}
