//! §5.9, design §12, A12, D13, T12, X4, X10.

use pressrun_domain::audit::Verb;
use pressrun_domain::condition::BaselineMoves;
use pressrun_domain::destination::Destination;
use pressrun_domain::id::WorkerId;
use pressrun_domain::run::{JudgedResult, RunStatus, WaitingBaseline};
use pressrun_store::sample as stored;
use serde_json::{Value, json};

use crate::harness::{Answer, NOW, Server, changed, mail, refusals, server, webhook};
use crate::sample;

/// Stores a baseline by running the schedule once.
pub async fn baseline(server: &Server, id: &str) {
    server.call("org", "POST", &format!("/api/v1/schedules/{id}/trigger"), None).await.ok();
    let now = stored::at(NOW);
    let claimed = server.store.claim(WorkerId::generate(), now, stored::at("2025-07-24T00:00:00Z"), 9).await.unwrap();
    let claim = claimed.iter().find(|claim| claim.run.schedule_id.to_string() == id).expect("claimed");
    let mut end = stored::end(RunStatus::Complete);
    let shared = WaitingBaseline { audience: String::new(), moves: BaselineMoves::Always, told_by: None };
    end.judged = vec![JudgedResult { fingerprint: "f".into(), baselines: vec![shared] }];
    server.store.finish(&claim.lease, &end, now).await.unwrap();
    assert!(server.store.baseline(id.parse().unwrap(), "").await.unwrap().is_some());
}

async fn kept(server: &Server, id: &str) -> bool {
    server.store.baseline(id.parse().unwrap(), "").await.unwrap().is_some()
}

#[tokio::test]
async fn update_left_out_fields_keep_their_value_and_null_clears() {
    let server = server().await;
    let body = mail(json!({"paperFormat": "a4", "filterConfig": {"region": "US", "status": "x"}, "conditionType": "RESULTS_PRESENT",
        "conditionQueryMapKey": "1", "queryIdentifierMapKey": "2", "textBody": "Hi", "fanOut": true, "hideTitle": true}));
    let id = server.create(&body).await.id();
    let path = format!("/api/v1/schedules/{id}");
    let before = server.stored(&id).await;
    let answer = server.put(&path, &json!({"name": "Renamed", "schedule": "0 10 ? * * *", "testNow": true})).await;
    assert_eq!(answer.ok(), &json!({"success": true, "scheduledTaskId": id}));
    let mut expected = before.definition.clone();
    expected.name = "Renamed".into();
    expected.cron = "0 10 ? * * *".into();
    let after = server.stored(&id).await;
    assert_eq!(after.definition, expected);
    assert_eq!(after.next_at, Some(stored::at("2025-07-24T10:00:00Z")), "T12");
    let cleared = json!({"paperFormat": null, "filterConfig": null, "conditionType": null, "conditionQueryMapKey": null, "queryIdentifierMapKey": null,
        "textBody": null, "fanOut": null, "hideTitle": null, "timezoneOverride": null});
    let answer = server.put(&path, &cleared).await;
    assert_eq!(answer.ok()["warnings"].as_array().unwrap().len(), 3, "the condition, the overrides, and the outsiders: {}", answer.text);
    let definition = server.stored(&id).await.definition;
    let email = definition.destination.email().unwrap();
    assert_eq!((email.text_body.as_deref(), email.fan_out, email.recipients.len()), (None, false, 1));
    assert!(definition.condition.is_none() && definition.tile.is_none() && definition.filters.is_empty());
    assert_eq!((definition.options.paper_format, definition.options.hide_title), (None, false));
}

#[tokio::test]
async fn update_without_a_body_changes_nothing() {
    let server = server().await;
    let id = server.create(&mail(json!({}))).await.id();
    let before = server.stored(&id).await;
    assert_eq!(server.put_empty(&format!("/api/v1/schedules/{id}")).await.ok(), &json!({"success": true, "scheduledTaskId": id}));
    assert_eq!(server.stored(&id).await, before);
}

/// Changes a webhook schedule of Blob Ross.
async fn updated(server: &Server, token: &str, body: Value) -> Answer {
    let id = server.create(&webhook(json!({}))).await.id();
    server.call(token, "PUT", &format!("/api/v1/schedules/{id}"), Some(&body)).await
}

refusals! {
    update_01_body_is_no_object: |server| updated(&server, "org", json!([])) => 400 "Expected object, received array";
    update_02_name_null: |server| updated(&server, "org", json!({"name": null})) => 400 "name: Expected string, received null";
    update_02_format_unknown: |server| updated(&server, "org", json!({"format": "doc"})) => 400 "format: Invalid enum value. Expected 'csv' | 'json' | 'link_only' | 'pdf' | 'png' | 'xlsx', received 'doc'";
    update_02_another_destination_needs_its_fields: |server| updated(&server, "org", json!({"destinationType": "email"})) => 400 "recipients: Required";
    update_03_bad_cron: |server| updated(&server, "org", json!({"schedule": "0 9 * * MON"})) => 400
        format!("schedule: Schedule is an invalid cron expression: {}", "0 9 * * MON".parse::<pressrun_cron::CronExpression>().unwrap_err());
    update_04_bad_timezone: |server| updated(&server, "org", json!({"timezone": "PST"})) => 400 "timezone: Time zone must be IANA valid.";
    update_05_hide_title_with_a_data_format: |server| updated(&server, "org", json!({"hideTitle": true})) => 400 "hideTitle can only be used with PDF or PNG formats";
    update_06_print_option_with_a_data_format: |server| updated(&server, "org", json!({"paperFormat": "a4"})) => 400 "Print options are not supported for this format";
    update_07_fit_page_with_single_column: |server| updated(&server, "org", json!({"format": "pdf", "paperFormat": "fit_page", "singleColumnLayout": true})) => 400 "Single column layout and table expansion options are not supported for FIT_PAGE format.";
    update_09_half_a_condition: |server| updated(&server, "org", json!({"conditionType": "RESULTS_PRESENT"})) => 400 "Alert conditions require a condition type and a condition query map key";
    update_10_no_such_document: |server| updated(&server, "org", json!({"identifier": "nope"})) => 404 "Document with identifier \"nope\" not found";
    update_11_unsaved_document: |server| updated(&server, "org", json!({"identifier": "draft"})) => 400 "Analyses do not support dashboards.";
    update_12_document_without_dashboard: |server| updated(&server, "org", json!({"identifier": "workbook"})) => 400 "Document does not have a dashboard";
    update_13_unknown_filter_key_f1: |server| updated(&server, "org", json!({"filterConfig": {"x": 1}})) => 400 "Invalid filter keys found in schedule configuration: x. Available dashboard filter keys are: region, status.";
    update_14_unknown_query_key: |server| updated(&server, "org", json!({"queryIdentifierMapKey": "9"})) => 400 "Couldn't find query presentation for key: 9";
    update_d5_address_inside: |server| updated(&server, "org", json!({"url": "http://127.0.0.1/"})) => 400 "url: 127.0.0.1 is not a public address";
    update_18_not_owner: |server| updated(&server, "hill", json!({"name": "mine"})) => 403 "Permission denied";
    update_20_bad_id: |server| server.put("/api/v1/schedules/x", &Value::Null) => 400 "Bad Request: scheduleId: Invalid uuid";
    update_21_no_such_schedule: |server| server.put("/api/v1/schedules/2abba91d-9bec-41a0-8a8d-6f133b4ff0b7", &Value::Null) => 404 "Scheduled task with id 2abba91d-9bec-41a0-8a8d-6f133b4ff0b7 does not exist";
}

#[tokio::test]
async fn update_moves_from_pages_to_data_and_says_what_it_drops() {
    let server = server().await;
    let id = server.create(&mail(json!({"paperFormat": "a4"}))).await.id();
    let answer = server.put(&format!("/api/v1/schedules/{id}"), &json!({"format": "csv"})).await;
    assert_eq!(answer.ok()["warnings"], json!(["the stored print options were dropped: format csv does not take them"]));
}

#[tokio::test]
async fn update_changes_the_destination_and_keeps_a_pause() {
    let server = server().await;
    let id = server.create(&mail(json!({}))).await.id();
    server.put_empty(&format!("/api/v1/schedules/{id}/pause")).await.ok();
    let path = format!("/api/v1/schedules/{id}");
    server.put(&path, &json!({"destinationType": "webhook", "webhookUrl": "https://a.example.com/x"})).await.ok();
    let schedule = server.stored(&id).await;
    assert_eq!((schedule.disabled_at, schedule.next_at), (Some(stored::at(NOW)), None));
    assert!(matches!(schedule.definition.destination, Destination::Webhook(webhook) if webhook.shown() == "https://a.example.com/x"));
}

#[tokio::test]
async fn update_x10_an_older_version_is_refused() {
    let server = server().await;
    let id = server.create(&mail(json!({}))).await.id();
    let path = format!("/api/v1/schedules/{id}");
    let tag = server.get(&path).await.header("ETag").expect("an ETag").to_owned();
    let put = |tag: String, name: &str| {
        let body = json!({ "name": name }).to_string();
        server.request(reqwest::Method::PUT, &path).header("Authorization", "Bearer org").header("If-Match", tag).body(body)
    };
    let first = server.send(put(tag.clone(), "one")).await;
    first.ok();
    let text = "The schedule was changed since it was read; read it again and repeat the change";
    server.send(put(tag, "two")).await.refuses(412, text);
    server.send(put("nonsense".into(), "two")).await.refuses(412, text);
    let now = first.header("ETag").expect("an ETag").to_owned();
    assert_eq!(Some(now.as_str()), server.get(&path).await.header("ETag"));
    server.send(put(now, "two")).await.ok();
    server.send(put("*".into(), "three")).await.ok();
}

#[tokio::test]
async fn update_x10_says_when_a_condition_or_overrides_disappear() {
    let server = server().await;
    let alert = json!({"conditionType": "RESULTS_PRESENT", "conditionQueryMapKey": "1", "filterConfig": {"region": "US"}});
    let id = server.create(&webhook(alert)).await.id();
    let path = format!("/api/v1/schedules/{id}");
    assert_eq!(server.put(&path, &json!({"name": "other"})).await.ok().get("warnings"), None, "left out is kept");
    let answer = server.put(&path, &json!({"filterConfig": {}})).await;
    assert_eq!(
        answer.ok()["warnings"],
        json!(["filter overrides were dropped: region; the dashboard's defaults hold for them"]),
        "newcomer 23"
    );
    let answer = server.put(&path, &json!({"conditionType": null, "conditionQueryMapKey": null})).await;
    assert_eq!(answer.ok()["warnings"], json!(["the alert condition was dropped: every occurrence delivers from now on"]));
}

#[tokio::test]
async fn update_a12_what_is_judged_resets_the_baseline_and_nothing_else_does() {
    let server = server().await;
    let id = server.create(&mail(json!({"conditionType": "RESULTS_CHANGED", "conditionQueryMapKey": "1"}))).await.id();
    let path = format!("/api/v1/schedules/{id}");
    for (change, stays) in [
        (json!({"name": "n", "recipients": ["x@y.co"], "format": "csv", "schedule": "0 7 ? * * *"}), true),
        (json!({"conditionQueryMapKey": "2"}), false),
        (json!({"conditionType": "RESULTS_UNCHANGED"}), false),
        (json!({"filterConfig": {"region": "EU"}}), false),
        (json!({"timezoneOverride": "Asia/Tokyo"}), false),
    ] {
        baseline(&server, &id).await;
        server.put(&path, &change).await.ok();
        assert_eq!(kept(&server, &id).await, stays, "{change}");
    }
}

#[tokio::test]
async fn update_x4_ends_a_system_disabling_whose_cause_is_gone() {
    let server = server().await;
    let id = crate::pause::system_disabled(&server).await;
    server.put_empty(&format!("/api/v1/schedules/{id}")).await.ok();
    let schedule = server.stored(&id).await;
    assert_eq!((schedule.system_disabled, schedule.next_at), (None, Some(stored::at("2025-07-24T09:00:00Z"))));
}

/// Why a password has to be given again.
const MOVED: &str = "passwordUnencrypted: Required: host, port, user name or host key changed, and a stored secret goes only to the server that it \
                     was given for";

#[tokio::test]
async fn update_d13_a_password_stays_only_where_it_was_meant_for() {
    let server = server().await;
    let sftp = changed(
        webhook(json!({"url": null, "format": "csv"})),
        json!({"destinationType": "sftp", "address": "sftp.blobsrus.com", "port": 22, "username": "blobby", "passwordUnencrypted": "1am@g00dBL0b"}),
    );
    let id = server.create(&sftp).await.id();
    let path = format!("/api/v1/schedules/{id}");
    let password = async || match server.stored(&id).await.definition.destination {
        Destination::Sftp(sftp) => sftp.password.map(|password| password.expose().to_owned()),
        _ => None,
    };
    server.put(&path, &json!({"path": "in", "address": "sftp://SFTP.blobsrus.com/", "port": "22"})).await.ok();
    assert_eq!(password().await.as_deref(), Some("1am@g00dBL0b"));
    for other in [json!({"address": "evil.example.com"}), json!({"username": "root"}), json!({"port": "2222"})] {
        server.put(&path, &other).await.refuses(400, MOVED);
    }
    server.put(&path, &json!({"passwordUnencrypted": null})).await.refuses(400, "passwordUnencrypted: Required");
    server.put(&path, &json!({"address": "new.example.com", "passwordUnencrypted": "other"})).await.ok();
    assert_eq!(password().await.as_deref(), Some("other"));
    for answer in [server.get(&path).await, server.get("/api/v1/schedules").await, server.get(&format!("{path}/recipients")).await] {
        assert!(!answer.text.contains("other") && !answer.text.contains("1am@g00dBL0b"), "{}", answer.text);
    }
}

#[tokio::test]
async fn update_keeps_a_recipients_place_and_takes_the_owners_rights_for_a_new_document() {
    let server = server().await;
    let path = format!("/api/v1/schedules?userId={}", sample::OUTER);
    let id = server.post(&path, &mail(json!({}))).await.id();
    let place = |schedule: pressrun_domain::schedule::Schedule| schedule.definition.destination.email().unwrap().recipients[0].id;
    let before = place(server.stored(&id).await);
    let path = format!("/api/v1/schedules/{id}");
    server.put(&path, &json!({"recipients": ["IAMAGOODBLOB@myorg.co", "b@c.de"]})).await.ok();
    assert_eq!(place(server.stored(&id).await), before);
    server.put(&path, &json!({"identifier": "secret"})).await.refuses(403, "Permission denied");
    assert_eq!(server.get(&path).await.ok()["identifier"], Value::from("dashboard-abc123"));
}

#[tokio::test]
async fn update_m7_a_host_key_that_is_no_longer_the_pinned_one_needs_the_secret_again() {
    const PINNED: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    let server = server().await;
    let sftp = changed(
        webhook(json!({"url": null, "format": "csv"})),
        json!({"destinationType": "sftp", "address": "sftp.blobsrus.com", "port": 22, "username": "blobby", "passwordUnencrypted": "p"}),
    );
    let id = server.create(&sftp).await.id();
    let path = format!("/api/v1/schedules/{id}");
    let pinned = async || match server.stored(&id).await.definition.destination {
        Destination::Sftp(sftp) => sftp.host_key,
        _ => None,
    };
    // A first key, and the same key in other words, trust nobody new.
    for key in [PINNED.to_owned(), format!("sftp.blobsrus.com {PINNED} comment")] {
        server.put(&path, &json!({ "hostKey": key })).await.ok();
        assert_eq!(pinned().await, Some(key));
    }
    for other in [json!({"hostKey": null}), json!({"hostKey": format!("SHA256:{}", "a".repeat(43))})] {
        server.put(&path, &other).await.refuses(400, MOVED);
    }
    server.put(&path, &json!({"hostKey": null, "passwordUnencrypted": "p"})).await.ok();
    assert_eq!(pinned().await, None);
    server.put(&path, &json!({ "hostKey": PINNED })).await.ok();
    // Another server has another key.
    server.put(&path, &json!({"port": 2222, "passwordUnencrypted": "p"})).await.ok();
    assert_eq!(pinned().await, None);
}

#[tokio::test]
async fn update_m7_signing_secrets_and_logins_stay_with_their_origin() {
    let server = server().await;
    let hook = webhook(json!({"url": "https://bob:pw@hooks.example.com/a", "webhookSecretUnencrypted": "whsec_c2VjcmV0"}));
    let id = server.create(&hook).await.id();
    let path = format!("/api/v1/schedules/{id}");
    let stored = async || match server.stored(&id).await.definition.destination {
        Destination::Webhook(webhook) => (webhook.address().expect("an address").expose().to_owned(), webhook.secrets.len()),
        other => panic!("{other:?}"),
    };
    // What is read can be written back: the login, which nobody is shown, is still there.
    let shown = server.get(&path).await.ok()["destinations"][0]["metadata"].clone();
    assert_eq!((&shown["url"], &shown["hasLogin"]), (&json!("https://hooks.example.com/a"), &json!(true)));
    server.put(&path, &json!({"url": "https://hooks.example.com/b"})).await.ok();
    assert_eq!(stored().await, ("https://bob:pw@hooks.example.com/b".to_owned(), 1));
    let moved = "webhookSecretUnencrypted: Required: scheme, host or port of the address changed, and the stored secret signs only for the \
                 receiver that it was given for; give the new receiver's secret, or null to send unsigned";
    for url in ["https://hooks.example.com:8443/b", "http://hooks.example.com/b", "https://evil.example.com/b"] {
        server.put(&path, &json!({ "url": url })).await.refuses(400, moved);
    }
    server.put(&path, &json!({"url": "https://evil.example.com/b", "webhookSecretUnencrypted": null})).await.ok();
    assert_eq!(stored().await, ("https://evil.example.com/b".to_owned(), 0));
}

#[tokio::test]
async fn update_m5_what_an_older_version_took_can_be_renamed_and_is_refused_where_it_is_named() {
    let server = server().await;
    let s3 = changed(
        webhook(json!({"url": null, "format": "csv"})),
        json!({"destinationType": "s3", "bucketName": "bucket", "region": "us-east-1", "roleArn": "arn:aws:iam::123456789012:role/x"}),
    );
    let id = server.create(&s3).await.id();
    let mut schedule = server.stored(&id).await;
    let Destination::S3(settings) = &mut schedule.definition.destination else { panic!("a bucket") };
    settings.region = "EU West 1".to_owned();
    server.store.replace_schedule(&schedule, &stored::names(), &stored::change(Verb::ScheduleUpdated)).await.unwrap();
    let path = format!("/api/v1/schedules/{id}");
    server.put(&path, &json!({"name": "renamed"})).await.ok();
    server.put_empty(&format!("{path}/pause")).await.ok();
    let fault = "region: Invalid region: lower-case letters, digits and hyphens, such as us-east-1";
    server.put(&path, &json!({"region": "EU West 2"})).await.refuses(400, fault);
    server.put(&path, &json!({"region": "eu-west-1"})).await.ok();
}

#[tokio::test]
async fn h2_a_schedule_may_say_when_what_it_delivers_is_worthless() {
    let server = server().await;
    let id = server.create(&webhook(json!({"worthlessAfter": "09:30"}))).await.id();
    let path = format!("/api/v1/schedules/{id}");
    let said = async || server.get(&path).await.ok()["worthlessAfter"].clone();
    assert_eq!(said().await, "09:30");
    server.put(&path, &json!({"name": "Renamed"})).await.ok();
    assert_eq!(said().await, "09:30", "left out, it stays");
    for bad in ["9:30", "24:00", "09:60", "09:30:00", "nine", ""] {
        let refused = server.put(&path, &json!({ "worthlessAfter": bad })).await;
        refused.refuses(400, "worthlessAfter: Expected a time of day from 00:00 to 23:59, such as 09:00");
    }
    server.put(&path, &json!({"worthlessAfter": null})).await.ok();
    assert_eq!(said().await, Value::Null);
}
