//! §5.1.7, row by row.

use std::sync::Arc;

use indexmap::IndexMap;
use pressrun_domain::catalog::{Connection, SourceSettings, TileBody};
use serde_json::{Value, json};

use crate::harness::{NOW, NOWHERE, mail, server, server_with, webhook};
use crate::sample;

#[track_caller]
fn cases(rows: Vec<(Value, u16, &str)>) -> Vec<(Value, u16, String)> {
    rows.into_iter().map(|(body, status, detail)| (body, status, detail.to_owned())).collect()
}

async fn refused(rows: Vec<(Value, u16, &str)>) {
    let server = server().await;
    for (body, status, detail) in cases(rows) {
        server.create(&body).await.refuses(status, &detail);
    }
    assert_eq!(server.get("/api/v1/schedules").await.ok()["pageInfo"]["totalRecords"], 0, "nothing was saved");
}

#[tokio::test]
async fn create_01_body_is_not_json() {
    let server = server().await;
    for body in ["", "{", "identifier=12db1a0a", "{\"name\": 1e999}"] {
        let request = server.request(reqwest::Method::POST, "/api/v1/schedules").header("Authorization", "Bearer org").body(body);
        server.send(request).await.refuses(400, "Invalid JSON");
    }
}

#[tokio::test]
async fn create_02_missing_wrong_type_bad_enum() {
    refused(vec![
        (json!({}), 400, "identifier: Required"),
        (json!([]), 400, "Expected object, received array"),
        (webhook(json!({"name": null})), 400, "name: Required"),
        (webhook(json!({"name": 5})), 400, "name: Expected string, received number"),
        (webhook(json!({"name": ""})), 400, "name: String must contain at least 1 character(s)"),
        (webhook(json!({"schedule": null})), 400, "schedule: Required"),
        (webhook(json!({"timezone": null})), 400, "timezone: Required"),
        (webhook(json!({"format": null})), 400, "format: Required"),
        (
            webhook(json!({"format": "doc"})),
            400,
            "format: Invalid enum value. Expected 'csv' | 'json' | 'link_only' | 'pdf' | 'png' | 'xlsx', received 'doc'",
        ),
        (webhook(json!({"destinationType": null})), 400, "destinationType: Required"),
        (
            webhook(json!({"destinationType": "google_sheets"})),
            400,
            "destinationType: Invalid enum value. Expected 'email' | 'sftp' | 'webhook' | 'slack' | 's3', received 'google_sheets'",
        ),
        (webhook(json!({"filterConfig": []})), 400, "filterConfig: Expected object, received array"),
        (webhook(json!({"url": null})), 400, "url: Required"),
        (webhook(json!({"url": "ftp://x.com"})), 400, "url: Invalid url: the scheme must be http or https"),
        (webhook(json!({"url": "nonsense"})), 400, "url: Invalid url: write it as https://host/path"),
        (mail(json!({"recipients": null})), 400, "recipients: Required"),
        (mail(json!({"recipients": []})), 400, "recipients: Array must contain at least 1 element(s)"),
        (mail(json!({"recipients": ["nobody"]})), 400, "recipients: Invalid email address"),
        (mail(json!({"subject": null})), 400, "subject: Required"),
        (mail(json!({"fanOut": "yes"})), 400, "fanOut: Expected boolean, received string"),
        (webhook(json!({"hideTitle": "no"})), 400, "hideTitle: Expected boolean, received string"),
        (webhook(json!({"maxRowLimit": 0})), 400, "maxRowLimit: Number must be greater than or equal to 1"),
        (webhook(json!({"filename": "{{nonsense}}"})), 400, "filename: unknown variable {{nonsense}}; use one of currentDate, currentTime, currentYear, currentMonth, currentDay, yesterdayDate, timeZone, entityName, format, scheduledTaskName"),
    ])
    .await;
}

#[tokio::test]
async fn create_02_sftp_slack_and_s3_fields() {
    let sftp = |changes| {
        crate::harness::changed(
            webhook(
                json!({"url": null, "format": "csv", "destinationType": "sftp", "address": "sftp.blobsrus.com", "port": "22", "username": "b", "passwordUnencrypted": "p"}),
            ),
            changes,
        )
    };
    let slack = |changes| {
        crate::harness::changed(
            webhook(json!({"url": null, "format": "pdf", "destinationType": "slack", "slackRecipientType": "channel", "recipients": "C1"})),
            changes,
        )
    };
    let s3 = |changes| {
        crate::harness::changed(
            webhook(
                json!({"url": null, "format": "csv", "destinationType": "s3", "bucketName": "my-bucket", "region": "us-east-1", "roleArn": "arn:aws:iam::123456789012:role/x"}),
            ),
            changes,
        )
    };
    refused(vec![
        (sftp(json!({"address": null})), 400, "address: Required"),
        (
            sftp(json!({"address": "sftp://u@h:22/x"})),
            400,
            "address: Invalid SFTP address: a host has no '@'; give the host alone, such as sftp.example.com",
        ),
        (sftp(json!({"port": null})), 400, "port: Required"),
        (sftp(json!({"port": 0})), 400, "port: Number must be between 1 and 65535"),
        (sftp(json!({"port": "ssh"})), 400, "port: Expected number, received string"),
        (sftp(json!({"username": null})), 400, "username: Required"),
        (sftp(json!({"passwordUnencrypted": null})), 400, "passwordUnencrypted: Required"),
        (slack(json!({"slackRecipientType": null})), 400, "slackRecipientType: Required"),
        (slack(json!({"recipients": ["C1", "C2"]})), 400, "recipients: Array must contain at most 1 element(s) for a channel"),
        (slack(json!({"recipients": []})), 400, "recipients: Array must contain at least 1 element(s)"),
        (
            s3(json!({"bucketName": "No_Bucket"})),
            400,
            "bucketName: Invalid bucket name: 3 to 63 lower-case letters, digits, hyphens and periods",
        ),
        (s3(json!({"region": null})), 400, "region: Required"),
        (s3(json!({"roleArn": null})), 400, "roleArn: Required"),
        (s3(json!({"keyPrefix": "a/../b"})), 400, "keyPrefix: Invalid key prefix: leave out the .. parts"),
        (s3(json!({"testNow": true})), 400, "Test delivery not supported for destination type s3"),
    ])
    .await;
    let server = server().await;
    for body in [
        sftp(json!({"address": "sftp://sftp.example.com"})),
        slack(json!({"slackRecipientType": "users", "recipients": "U1, U2"})),
        s3(json!({"keyPrefix": "/a//b/"})),
    ] {
        server.create(&body).await.ok();
    }
}

#[tokio::test]
async fn create_03_bad_cron() {
    let server = server().await;
    for cron in ["0 9 * * MON", "0 0 9 ? * * *", "0 9 * * * *", "nonsense", "", "@daily", "0 9 1 * MON *"] {
        let answer = server.create(&webhook(json!({"schedule": cron, "identifier": "unknown"}))).await;
        // Newcomer 17: the contract's sentence, and then what the command line says.
        let why = cron.parse::<pressrun_cron::CronExpression>().unwrap_err();
        answer.refuses(400, &format!("schedule: Schedule is an invalid cron expression: {why}"));
    }
}

#[tokio::test]
async fn newcomer_17_a_cron_error_says_what_to_change() {
    let answer = server().await.create(&webhook(json!({"schedule": "0 8 * * 1-5"}))).await;
    let detail = answer.body["detail"].as_str().unwrap();
    assert!(detail.starts_with("schedule: Schedule is an invalid cron expression: a cron expression has six fields"), "{detail}");
    assert!(detail.contains("has 5") && detail.contains('?'), "{detail}");
}

#[tokio::test]
async fn create_04_bad_timezone() {
    let text = "timezone: Time zone must be IANA valid.";
    refused(
        ["", "PST", "UTC+2", "utc", "Mars/Base"]
            .map(|zone| (webhook(json!({"timezone": zone, "identifier": "unknown"})), 400, text))
            .into(),
    )
    .await;
    refused(vec![(webhook(json!({"timezoneOverride": "PST"})), 400, "timezoneOverride: Time zone must be IANA valid.")]).await;
}

#[tokio::test]
async fn create_05_hide_title_with_a_data_format() {
    let text = "hideTitle can only be used with PDF or PNG formats";
    refused(
        ["csv", "json", "xlsx", "link_only"]
            .map(|format| (webhook(json!({"format": format, "hideTitle": true, "paperFormat": "a4"})), 400, text))
            .into(),
    )
    .await;
    let server = server().await;
    server.create(&webhook(json!({"hideTitle": "false"}))).await.ok();
    server.create(&webhook(json!({"hideTitle": true, "format": "png"}))).await.ok();
}

#[tokio::test]
async fn create_06_print_option_with_a_data_format() {
    let text = "Print options are not supported for this format";
    let options = [
        json!({"paperFormat": "a4"}),
        json!({"paperOrientation": "portrait"}),
        json!({"singleColumnLayout": true}),
        json!({"expandTablesToShowAllRows": "true"}),
        json!({"pageFormat": "a4"}),
    ];
    let mut rows = vec![];
    for format in ["csv", "json", "xlsx", "link_only"] {
        for option in &options {
            rows.push((crate::harness::changed(webhook(json!({"format": format})), option.clone()), 400, text));
        }
    }
    refused(rows).await;
    let server = server().await;
    server.create(&webhook(json!({"singleColumnLayout": false, "expandTablesToShowAllRows": "false"}))).await.ok();
    let png = server.create(&webhook(json!({"format": "png", "paperFormat": "a4"}))).await;
    assert_eq!(png.ok()["warnings"], json!(["paperFormat is ignored: it has no effect with format png"]));
}

#[tokio::test]
async fn create_07_fit_page_with_single_column() {
    let text = "Single column layout and table expansion options are not supported for FIT_PAGE format.";
    refused(vec![
        (mail(json!({"paperFormat": "fit_page", "singleColumnLayout": true})), 400, text),
        (mail(json!({"paperFormat": "fit_page", "expandTablesToShowAllRows": true})), 400, text),
    ])
    .await;
    server().await.create(&mail(json!({"paperFormat": "fit_page", "singleColumnLayout": "false"}))).await.ok();
}

#[tokio::test]
async fn create_08_test_of_a_comparing_condition_a20() {
    refused(vec![
        (
            webhook(json!({"testNow": true, "conditionType": "RESULTS_CHANGED", "conditionQueryMapKey": "1"})),
            400,
            "Test delivery not supported for condition type RESULTS_CHANGED",
        ),
        (
            webhook(json!({"testNow": true, "conditionType": "RESULTS_UNCHANGED", "conditionQueryMapKey": "1"})),
            400,
            "Test delivery not supported for condition type RESULTS_UNCHANGED",
        ),
    ])
    .await;
    server().await.create(&webhook(json!({"testNow": true, "conditionType": "RESULTS_PRESENT", "conditionQueryMapKey": "1"}))).await.ok();
}

#[tokio::test]
async fn create_09_half_a_condition() {
    let text = "Alert conditions require a condition type and a condition query map key";
    refused(vec![
        (webhook(json!({"conditionType": "RESULTS_CHANGED", "testNow": true})), 400, text),
        (webhook(json!({"conditionQueryMapKey": "1"})), 400, text),
    ])
    .await;
}

#[tokio::test]
async fn create_10_no_such_document() {
    refused(vec![(
        webhook(json!({"identifier": "nope\"", "filterConfig": {"x": 1}})),
        404,
        "Document with identifier \"nope\"\" not found",
    )])
    .await;
}

#[tokio::test]
async fn create_11_unsaved_document() {
    refused(vec![(webhook(json!({"identifier": "draft"})), 400, "Analyses do not support dashboards.")]).await;
}

#[tokio::test]
async fn create_12_document_without_dashboard() {
    refused(vec![(webhook(json!({"identifier": "workbook"})), 400, "Document does not have a dashboard")]).await;
}

#[tokio::test]
async fn create_13_unknown_filter_keys_f1() {
    refused(vec![
        (
            webhook(json!({"filterConfig": {"Region": 1, "region": 1, "other": 1}})),
            400,
            "Invalid filter keys found in schedule configuration: Region, other. Available dashboard filter keys are: region, status.",
        ),
        (
            webhook(json!({"identifier": "plain", "filterConfig": {"region": 1}})),
            400,
            "Invalid filter keys found in schedule configuration: region. Available dashboard filter keys are: .",
        ),
    ])
    .await;
}

#[tokio::test]
async fn newcomer_11_filters_that_can_never_be_read_are_refused_and_unknown_words_are_kept_with_a_warning() {
    refused(vec![
        (
            webhook(json!({"filterConfig": {"region": {"type": "date", "kind": "BEFORE", "left_side": "last 90 dayz"}}})),
            400,
            "filterConfig.region: left_side: \"last 90 dayz\" is no date; write for example 2025, 2025-03-31, 2025-03-31 09:30, 2025 Q3, \
             October 2025, 6 months ago, today, last week or last 90 days",
        ),
        (webhook(json!({"filterConfig": {"status": [{"a": 1}]}})), 400, "filterConfig.status: [0]: this is an object; write text"),
        (
            webhook(json!({"filterConfig": {"region": ["US"], "status": {"type": "boolean", "values": ["maybe"]}}})),
            400,
            "filterConfig.status: values[0]: this is text; write true or false",
        ),
    ])
    .await;
    let server = server().await;
    for expression in
        [json!({"type": "date", "values": ["last 90 days", "01.10.2026"]}), json!({"type": "number", "values": ["> 5"]}), json!([])]
    {
        server.create(&webhook(json!({"filterConfig": {"region": expression}}))).await.ok();
    }
    let created = server.create(&webhook(json!({"filterConfig": {"region": {"kind": "NEW_KIND"}}}))).await;
    let said = created.ok()["warnings"].to_string();
    assert!(said.contains("filterConfig.region is stored, but cannot be read"), "{said}");
}

#[tokio::test]
async fn create_14_unknown_query_keys() {
    refused(vec![
        (webhook(json!({"queryIdentifierMapKey": "9", "filterConfig": {"x": 1}})), 400, "Couldn't find query presentation for key: 9"),
        (webhook(json!({"queryIdentifierMapKey": "note"})), 400, "Couldn't find query presentation for key: note"),
        (
            webhook(json!({"conditionType": "RESULTS_PRESENT", "conditionQueryMapKey": "8"})),
            400,
            "Couldn't find query presentation for key: 8",
        ),
    ])
    .await;
}

#[tokio::test]
async fn create_15_user_id_with_a_personal_token() {
    let server = server().await;
    let path = format!("/api/v1/schedules?userId={}", sample::ROSS);
    let text = "User-scoped API keys can only be used to act on behalf of the authenticated user.";
    server.call("hill", "POST", &path, Some(&webhook(json!({})))).await.refuses(403, text);
    let own = format!("/api/v1/schedules?userId={}", sample::HILL);
    server.call("hill", "POST", &own, Some(&webhook(json!({})))).await.refuses(403, text);
    server.call("hill", "POST", "/api/v1/schedules?userId=x", Some(&json!({}))).await.refuses(403, text);
}

#[tokio::test]
async fn create_16_user_id_is_no_uuid() {
    let server = server().await;
    server.post("/api/v1/schedules?userId=ross", &json!({})).await.refuses(400, "userId: Invalid uuid");
}

#[tokio::test]
async fn create_17_user_id_unknown() {
    let server = server().await;
    let path = format!("/api/v1/schedules?userId={NOWHERE}");
    server.post(&path, &webhook(json!({}))).await.refuses(404, &format!("User with id {NOWHERE} does not exist"));
}

#[tokio::test]
async fn create_18_owner_may_not_view() {
    let server = server().await;
    let body = webhook(json!({"identifier": "secret", "queryIdentifierMapKey": "9"}));
    let path = format!("/api/v1/schedules?userId={}", sample::OUTER);
    server.post(&path, &body).await.refuses(403, "Permission denied");
    server.call("outer", "POST", "/api/v1/schedules", Some(&body)).await.refuses(403, "Permission denied");
    server.call("hill", "POST", "/api/v1/schedules", Some(&webhook(json!({"identifier": "secret"})))).await.ok();
}

#[tokio::test]
async fn create_19_rate() {
    let server = server_with(pressrun_api::ApiConfig { requests_per_minute: 2, ..Default::default() }).await;
    server.create(&json!({})).await;
    server.get("/api/v1/nothing").await.refuses(404, "Not Found");
    let answer = server.create(&webhook(json!({}))).await;
    answer.refuses(429, "Too Many Requests");
    assert!(answer.header("Retry-After").unwrap().parse::<u64>().unwrap() >= 1);
    assert_eq!(answer.header("X-Omni-Waf-Action"), Some("block"));
    server.call("hill", "GET", "/api/v1/schedules", None).await.ok();
    server.call("nobody", "GET", "/api/v1/schedules", None).await.refuses(401, "Unauthorized: Missing or invalid API key");
}

#[tokio::test]
async fn create_r10_formatting_and_limits_of_json_need_a_tile() {
    refused(vec![
        (webhook(json!({"enableFormatting": true})), 400, "queryIdentifierMapKey: Required"),
        (webhook(json!({"overrideRowLimit": true})), 400, "queryIdentifierMapKey: Required"),
        (webhook(json!({"format": "xlsx", "overrideRowLimit": "true"})), 400, "queryIdentifierMapKey: Required"),
    ])
    .await;
    let server = server().await;
    server.create(&webhook(json!({"format": "xlsx", "enableFormatting": true}))).await.ok();
    server.create(&webhook(json!({"format": "csv", "overrideRowLimit": true, "maxRowLimit": 5}))).await.ok();
    server.create(&webhook(json!({"format": "pdf", "overrideRowLimit": true}))).await.ok();
}

#[tokio::test]
async fn create_d5_addresses_inside_are_refused_at_save() {
    refused(vec![
        (webhook(json!({"url": "http://127.0.0.1/x"})), 400, "url: 127.0.0.1 is not a public address"),
        (
            webhook(json!({"url": null, "destinationType": "sftp", "address": "127.0.0.1", "port": 22, "username": "b", "passwordUnencrypted": "p"})),
            400,
            "address: 127.0.0.1 is not a public address",
        ),
    ])
    .await;
}

#[tokio::test]
async fn create_p13_only_allowed_domains() {
    let server = server().await;
    server.files.0.lock().unwrap().organization.allowed_domains = vec!["blobsrus.com".into()];
    server
        .create(&mail(json!({})))
        .await
        .refuses(400, "recipients: iamagoodblob@myorg.co may not receive deliveries; addresses have to be in blobsrus.com");
    server.create(&mail(json!({"recipients": ["X@BlobsRus.com"]}))).await.ok();
}

#[tokio::test]
async fn create_t7_the_operators_floor_is_named() {
    let floor = jiff::SignedDuration::from_hours(1);
    let server = server_with(pressrun_api::ApiConfig { requests_per_minute: 0, cadence_floor: Some(floor), ..Default::default() }).await;
    let answer = server.create(&webhook(json!({"schedule": "*/15 * ? * * *"}))).await;
    assert_eq!(answer.status, 400);
    assert!(answer.body["detail"].as_str().unwrap().starts_with("schedule: Schedule fires more often than once in 1h"), "{}", answer.text);
    server.create(&webhook(json!({"schedule": "0 * ? * * *"}))).await.ok();
}

#[tokio::test]
async fn create_p8_strangers_become_email_only_users_once_and_members_stay_members() {
    let server = server().await;
    let body = mail(json!({"recipients": ["New@myorg.co", "new@MYORG.co", {"email": "Blobby@blobsrus.com"}]}));
    let id = server.create(&body).await.id();
    server.create(&body).await.ok();
    let people = server.get(&format!("/api/v1/schedules/{id}/recipients")).await;
    let people = people.ok()["recipients"].as_array().unwrap();
    assert_eq!(people.len(), 2);
    assert_eq!(
        (&people[0]["email"], &people[0]["emailOnly"], &people[0]["name"]),
        (&json!("New@myorg.co"), &json!(true), &json!("New@myorg.co"))
    );
    assert_eq!(
        (&people[1]["id"], &people[1]["emailOnly"], &people[1]["name"]),
        (&json!(sample::HILL), &json!(false), &json!("Blobby Hill"))
    );
    assert_eq!(server.get("/api/v1/users/email-only").await.ok()["pageInfo"]["totalRecords"], 1);
}

#[tokio::test]
async fn create_p5_v1_r8_names_what_it_ignores() {
    let server = server().await;
    let answer = server
        .create(&webhook(
            json!({"content": "dashboard", "fanOut": true, "subject": "x", "showContentLink": false, "hideHiddenFields": true}),
        ))
        .await;
    assert_eq!(answer.ok()["message"], "Successfully created schedule");
    assert_eq!(
        answer.body["warnings"],
        json!([
            "hideHiddenFields is ignored: it has no effect with format json",
            "not a field of a schedule, and ignored: content",
            "subject is ignored: it has no effect with destination type webhook",
            "fanOut is refused: personal copies are for email only, and destination type webhook gets one for all"
        ])
    );
    let plain = server.create(&webhook(json!({"fanOut": "false"}))).await;
    assert_eq!(plain.ok().as_object().unwrap().keys().collect::<Vec<_>>(), ["id", "message"]);
}

#[tokio::test]
async fn create_knows_its_next_occurrence_and_wakes_the_engine() {
    let server = server().await;
    let id = server.create(&webhook(json!({"timezone": "America/New_York", "schedule": "00 09 ? * 2,3,4,5,6 *"}))).await.id();
    let stored = server.stored(&id).await;
    assert_eq!(stored.next_at, Some("2025-07-24T13:00:00Z".parse().unwrap()));
    assert_eq!(stored.definition.cron, "00 09 ? * 2,3,4,5,6 *");
    assert_eq!(stored.created_at, NOW.parse().unwrap());
    server.wake.notified().await;
    let never = server.create(&webhook(json!({"schedule": "0 0 1 1 ? 2001"}))).await.id();
    assert_eq!(server.stored(&never).await.next_at, None);
}

#[tokio::test]
async fn create_s8_test_now_queues_one_run_and_saves_nothing() {
    let server = server().await;
    let answer = server.create(&mail(json!({"testNow": "true"}))).await;
    let run = server.get(&format!("/api/v1/runs/{}", answer.id())).await;
    assert_eq!((&run.ok()["kind"], &run.body["state"]), (&json!("test"), &json!("queued")));
    assert_eq!(server.get("/api/v1/schedules").await.ok()["pageInfo"]["totalRecords"], 0);
    server.wake.notified().await;
}

#[tokio::test]
async fn create_s3_answers_what_the_role_has_to_trust() {
    let config = pressrun_api::ApiConfig {
        requests_per_minute: 0,
        deliverer_role_arn: Some("arn:aws:iam::9:role/pressrun".into()),
        ..Default::default()
    };
    let server = server_with(config).await;
    let body = webhook(
        json!({"url": null, "format": "csv", "destinationType": "s3", "bucketName": "my-bucket", "region": "us-east-1", "roleArn": "arn:aws:iam::123456789012:role/x"}),
    );
    let answer = server.create(&body).await;
    assert_eq!(answer.ok()["delivererRoleArn"], "arn:aws:iam::9:role/pressrun");
    assert_eq!(answer.body["externalId"], json!(sample::ORGANIZATION));
}

#[tokio::test]
async fn create_p5_names_every_field_of_another_destination() {
    let server = server().await;
    let body = webhook(json!({"recipients": ["a@b.co"], "textBody": "x", "address": "a.b", "privateKeyUnencrypted": "k", "hostKey": "h",
        "bucketName": "b", "roleArn": "r", "slackRecipientType": "users"}));
    let answer = server.create(&body).await;
    let expected = ["address", "privateKeyUnencrypted", "hostKey", "slackRecipientType", "bucketName", "roleArn", "recipients", "textBody"]
        .map(|name| format!("{name} is ignored: it has no effect with destination type webhook"));
    assert_eq!(answer.ok()["warnings"], json!(expected));
}

#[tokio::test]
async fn create_v1_names_options_that_do_not_fit_the_format() {
    let server = server().await;
    let ignored = |format: &str, fields: &[&str]| -> Vec<String> {
        fields.iter().map(|field| format!("{field} is ignored: it has no effect with format {format}")).collect()
    };
    for (changes, expected) in [
        (json!({"format": "csv", "showFilters": false, "maxRowLimit": 5}), {
            let mut all = ignored("csv", &["showFilters"]);
            all.push("maxRowLimit is ignored: it acts only with overrideRowLimit".into());
            all
        }),
        (
            json!({"format": "link_only", "showFilters": false, "showContentLink": false}),
            ignored("link_only", &["showFilters", "showContentLink"]),
        ),
        (
            json!({"format": "pdf", "enableFormatting": true, "hideHiddenFields": true, "overrideRowLimit": true, "maxRowLimit": 5}),
            ignored("pdf", &["hideHiddenFields", "enableFormatting", "overrideRowLimit", "maxRowLimit"]),
        ),
        (json!({"format": "png", "paperOrientation": "landscape"}), ignored("png", &["paperOrientation"])),
        (json!({"format": "pdf", "enableFormatting": false, "showFilters": true}), vec![]),
    ] {
        let answer = server.create(&webhook(changes.clone())).await;
        let warnings = answer.ok().get("warnings").cloned().unwrap_or_else(|| json!([]));
        assert_eq!(warnings, json!(expected), "{changes}");
    }
}

#[tokio::test]
async fn create_q1_says_that_outsiders_receive_what_the_owner_may_see() {
    let server = server().await;
    let text = "1 recipient(s) without a login will receive what the owner may see; fanOut sends each their own data";
    let people = json!({"recipients": ["a@b.co", "blobby@blobsrus.com"]});
    let id = server.create(&mail(people.clone())).await;
    assert_eq!(id.ok()["warnings"], json!([text]));
    let personal = server.create(&mail(crate::harness::changed(people, json!({"fanOut": true})))).await;
    assert_eq!(personal.ok().get("warnings"), None);
    let members = server.create(&mail(json!({"recipients": ["blobby@blobsrus.com"]}))).await;
    assert_eq!(members.ok().get("warnings"), None);
    let path = format!("/api/v1/schedules/{}", members.id());
    assert_eq!(server.put(&path, &json!({"recipients": ["c@d.co"]})).await.ok()["warnings"], json!([text]));
}

#[tokio::test]
async fn create_p4_warns_of_personal_copies_that_fail_by_what_somebody_elses_rows_hold() {
    let server = server().await;
    let sql = "select cast(code as integer) / parts from orders where {{ user_attribute('region', 'region') }}";
    {
        let mut catalog = server.files.0.lock().unwrap();
        let warehouse = Connection {
            name: "warehouse".into(),
            timezone: "UTC".to_owned(),
            max_concurrency: 1,
            timeout_seconds: 60,
            source: SourceSettings::Files { folder: "/data".into(), tables: IndexMap::new() },
        };
        catalog.connections.insert("warehouse".into(), warehouse);
        let dashboard = Arc::make_mut(catalog.documents.get_mut("dashboard-abc123").unwrap()).dashboard.as_mut().unwrap();
        let Some(TileBody::Query(query)) = dashboard.tiles.get_mut("2").map(|tile| &mut tile.body) else { panic!("a query") };
        query.sql = sql.to_owned();
    }
    let text = "the SQL of `2` can fail by what somebody's rows hold, in 2 places: the owner is told whose copy failed, and so who has such a row; \
                `pressrun check` names each place, and what to write there";
    let (owner, other) = (json!(["ross@blobsrus.com"]), json!(["blobby@blobsrus.com"]));
    let alert = json!({"recipients": other, "fanOut": true, "conditionType": "RESULTS_CHANGED", "conditionQueryMapKey": "2"});
    for (case, changes, told) in [
        ("copies for others", json!({"recipients": other, "fanOut": true}), true),
        ("of this tile", json!({"recipients": other, "fanOut": true, "format": "csv", "queryIdentifierMapKey": "2"}), true),
        ("of another tile", json!({"recipients": other, "fanOut": true, "format": "csv", "queryIdentifierMapKey": "1"}), false),
        ("the owner's rows for all", json!({"recipients": other}), false),
        ("a copy for the owner alone", json!({"recipients": owner, "fanOut": true}), false),
        ("an alert, of which the owner is told nothing", alert, false),
    ] {
        let created = server.create(&mail(changes)).await;
        let warnings = created.ok().get("warnings").cloned().unwrap_or_else(|| json!([]));
        assert_eq!(warnings.as_array().unwrap().contains(&json!(text)), told, "{case}: {warnings}");
    }
    let id = server.create(&mail(json!({"recipients": other}))).await.id();
    let changed = server.put(&format!("/api/v1/schedules/{id}"), &json!({"fanOut": true})).await;
    assert_eq!(changed.ok()["warnings"], json!([text]));
    let id = server.create(&mail(json!({"recipients": owner, "fanOut": true}))).await.id();
    let added = server.put(&format!("/api/v1/schedules/{id}/add-recipients"), &json!({"emails": other})).await;
    assert_eq!(added.ok()["warnings"], json!([text]));
}

#[tokio::test]
async fn create_a2_warns_of_an_alert_that_always_holds() {
    let server = server().await;
    let alert = |kind: &str| webhook(json!({"conditionType": kind, "conditionQueryMapKey": "2"}));
    for (kind, outcome) in [("RESULTS_PRESENT", "every occurrence delivers"), ("RESULTS_MISSING", "no occurrence ever delivers")] {
        let text = format!(
            "query 2 always returns one row, so that {outcome}: group it by a dimension, or put the threshold into a having clause"
        );
        assert_eq!(server.create(&alert(kind)).await.ok()["warnings"], json!([text]));
    }
    assert_eq!(server.create(&alert("RESULTS_CHANGED")).await.ok().get("warnings"), None, "a total may change");
    let grouped = webhook(json!({"conditionType": "RESULTS_PRESENT", "conditionQueryMapKey": "1"}));
    let id = server.create(&grouped).await;
    assert_eq!(id.ok().get("warnings"), None);
    let answer = server.put(&format!("/api/v1/schedules/{}", id.id()), &json!({"conditionQueryMapKey": "2"})).await;
    assert!(answer.ok()["warnings"][0].as_str().unwrap().starts_with("query 2 always returns one row"), "{}", answer.text);
}

#[tokio::test]
async fn create_d9_unknown_template_variable() {
    let text = "filename: unknown variable {{nonsense}}; use one of currentDate, currentTime, currentYear, currentMonth, currentDay, yesterdayDate, \
                timeZone, entityName, format, scheduledTaskName";
    let s3 = json!({"url": null, "format": "csv", "destinationType": "s3", "bucketName": "bucket", "region": "r", "roleArn": "a", "filename": "{{nonsense}}"});
    refused(vec![
        (webhook(json!({"filename": "x {{nonsense}}"})), 400, text),
        (webhook(s3), 400, text),
        (webhook(json!({"filename": "{{currentDate"})), 400, "filename: a {{ is never closed; write variables as {{currentDate}}"),
        (webhook(json!({"filename": "x".repeat(256)})), 400, "filename: String must contain at most 255 character(s)"),
    ])
    .await;
    server().await.create(&webhook(json!({"filename": "{{ scheduledTaskName }} of {{currentDate}}"}))).await.ok();
}

#[tokio::test]
async fn create_d8_bucket_names_and_prefixes() {
    let s3 = |changes| {
        crate::harness::changed(
            webhook(
                json!({"url": null, "format": "csv", "destinationType": "s3", "bucketName": "bucket", "region": "us-east-1", "roleArn": "arn:aws:iam::123456789012:role/x"}),
            ),
            changes,
        )
    };
    let name = "bucketName: Invalid bucket name: 3 to 63 lower-case letters, digits, hyphens and periods";
    let mut rows: Vec<_> = ["ab", "Bucket", "a_b", "-bucket", "bucket.", "a..b", &"b".repeat(64)]
        .map(|bucket| (s3(json!({ "bucketName": bucket })), 400, name))
        .into();
    rows.extend(
        ["..", "../x", "a/../b", "a/.."]
            .map(|prefix| (s3(json!({ "keyPrefix": prefix })), 400, "keyPrefix: Invalid key prefix: leave out the .. parts")),
    );
    refused(rows).await;
    let server = server().await;
    let id = server.create(&s3(json!({"keyPrefix": "/a//b/", "bucketName": "my.bucket-1"}))).await.id();
    assert_eq!(server.get(&format!("/api/v1/schedules/{id}/recipients")).await.ok()["keyPrefix"], "a/b/");
}

#[tokio::test]
async fn create_s8_a_test_into_a_bucket_needs_the_operators_word() {
    let body = webhook(
        json!({"url": null, "format": "csv", "destinationType": "s3", "bucketName": "bucket", "region": "r", "roleArn": "arn:aws:iam::123456789012:role/x", "testNow": true}),
    );
    refused(vec![(body.clone(), 400, "Test delivery not supported for destination type s3")]).await;
    let config = pressrun_api::ApiConfig { requests_per_minute: 0, allow_s3_test: true, ..Default::default() };
    server_with(config).await.create(&body).await.ok();
}

#[tokio::test]
async fn create_t8_est_is_a_zone_of_schedules_and_not_of_people() {
    let server = server().await;
    server.create(&webhook(json!({"timezone": "EST"}))).await.ok();
    let person = json!({"email": "a@b.co", "userAttributes": {"omni_user_timezone": "EST"}});
    assert_eq!(server.post("/api/v1/users/email-only", &person).await.status, 400);
}

#[tokio::test]
async fn x8_a_document_that_takes_no_schedules_narrows_those_it_has() {
    let server = server().await;
    let id = server.create(&mail(json!({}))).await.id();
    let other = server.create(&mail(json!({"identifier": "12db1a0a"}))).await.id();
    Arc::make_mut(server.files.0.lock().unwrap().documents.get_mut("dashboard-abc123").unwrap()).access.no_new_schedules = true;
    let path = format!("/api/v1/schedules/{id}");
    server.create(&mail(json!({}))).await.refuses(403, "Permission denied");
    server.put(&path, &json!({"schedule": "0 * ? * * *"})).await.refuses(403, "Permission denied");
    server.put(&format!("{path}/add-recipients"), &json!({"emails": ["a@b.co"]})).await.refuses(403, "Permission denied");
    server.put(&format!("/api/v1/schedules/{other}"), &json!({"identifier": "dashboard-abc123"})).await.refuses(403, "Permission denied");
    server.put_empty(&format!("{path}/pause")).await.ok();
    server.put_empty(&format!("{path}/resume")).await.ok();
    server.call("org", "POST", &format!("{path}/trigger"), None).await.ok();
    server.put(&format!("{path}/remove-recipients"), &json!({"emails": ["iamagoodblob@myorg.co"]})).await.ok();
    server.call("org", "DELETE", &path, None).await.ok();
}

#[tokio::test]
async fn create_d11_says_which_variable_of_a_subject_does_not_exist() {
    let server = server().await;
    let people = json!({"recipients": ["blobby@blobsrus.com"], "subject": "{{entityName}} of {{today}}", "textBody": "{{currentDate}}"});
    let answer = server.create(&mail(people)).await;
    let warning = answer.ok()["warnings"][0].as_str().unwrap();
    assert!(warning.starts_with("subject is sent as typed: unknown variable {{today}}; use one of currentDate"), "{warning}");
    assert_eq!(answer.body["warnings"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn v10_pages_exist_are_named_once_and_a_picture_holds_one() {
    let paged = |changes: Value| crate::harness::changed(mail(json!({"identifier": "plain"})), changes);
    refused(vec![
        (paged(json!({"pages": ["overview"]})), 400, "Unknown page: overview. Valid pages: Overview, Sources"),
        (mail(json!({"pages": ["Overview"]})), 400, "Unknown page: Overview. Valid pages: none, it has one page"),
        (paged(json!({"pages": ["Sources", "Sources"]})), 400, "Page Sources is named twice"),
        (paged(json!({"format": "png", "pages": ["Sources", "Overview"]})), 400, "PNG format requires exactly one page"),
        (paged(json!({"pages": 1})), 400, "pages: Expected array, received number"),
    ])
    .await;
    let server = server().await;
    for (body, stored) in [
        (paged(json!({"pages": ["Sources", "Overview"]})), vec!["Sources", "Overview"]),
        (paged(json!({"format": "png", "pages": ["Sources"]})), vec!["Sources"]),
        (paged(json!({"format": "png"})), vec![]),
    ] {
        let id = server.create(&body).await.id();
        assert_eq!(server.stored(&id).await.definition.options.pages, stored);
    }
}

#[tokio::test]
async fn create_m5_what_can_only_fail_when_it_is_due_is_refused() {
    let to = |changes: Value| crate::harness::changed(webhook(json!({"url": null, "format": "csv"})), changes);
    let sftp = |changes| {
        crate::harness::changed(
            to(json!({"destinationType": "sftp", "address": "sftp.blobsrus.com", "port": 22, "username": "b", "passwordUnencrypted": "p"})),
            changes,
        )
    };
    let s3 = |changes| {
        crate::harness::changed(
            to(
                json!({"destinationType": "s3", "bucketName": "bucket", "region": "us-east-1", "roleArn": "arn:aws:iam::123456789012:role/x"}),
            ),
            changes,
        )
    };
    let slack = |kind: &str, id: &str| to(json!({"destinationType": "slack", "slackRecipientType": kind, "recipients": id}));
    refused(vec![
        (s3(json!({"region": "EU West 1"})), 400, "region: Invalid region: lower-case letters, digits and hyphens, such as us-east-1"),
        (s3(json!({"roleArn": "x"})), 400, "roleArn: Invalid role ARN: write it as arn:aws:iam::123456789012:role/name"),
        (
            s3(json!({"region": "cn-north-1"})),
            400,
            "roleArn: Invalid role ARN: the role belongs to another partition of Amazon than the region",
        ),
        (
            s3(json!({"bucketName": "a.-b"})),
            400,
            "bucketName: Invalid bucket name: each part between periods begins and ends with a letter or a digit",
        ),
        (s3(json!({"keyPrefix": "a\u{1}b"})), 400, "keyPrefix: Invalid key prefix: it contains a control character; take that out"),
        (
            sftp(json!({"hostKey": "garbage"})),
            400,
            "hostKey: Invalid host key: give it as `ssh-keyscan` prints it (ssh-ed25519 AAAA…), or the fingerprint that `ssh-keygen -l` \
             prints (SHA256:…)",
        ),
        (
            sftp(json!({"address": "127.1"})),
            400,
            "address: Invalid SFTP address: the host would be read as 127.0.0.1: write it like that; give the host alone, such as \
             sftp.example.com",
        ),
        (sftp(json!({"path": "in\nout"})), 400, "path: Invalid path: it contains the control character U+000A; take that out"),
        (sftp(json!({"path": "x".repeat(256)})), 400, "path: Invalid path: a name between two slashes has at most 255 bytes"),
        (sftp(json!({"passwordUnencrypted": "p".repeat(4097)})), 400, "passwordUnencrypted: String must contain at most 4096 byte(s)"),
        (
            sftp(json!({"privateKeyUnencrypted": "k".repeat(32 * 1024 + 1)})),
            400,
            "privateKeyUnencrypted: String must contain at most 32768 byte(s)",
        ),
        (
            webhook(json!({"webhookSecretUnencrypted": ["short", "s".repeat(900_000)]})),
            400,
            "webhookSecretUnencrypted: String must contain at most 4096 byte(s)",
        ),
        (sftp(json!({"username": "bob\n"})), 400, "username: Invalid user name: it contains a control character; take that out"),
        (
            slack("channel", "#general"),
            400,
            "recipients: Invalid Slack channel \"#general\": give its id, which begins with C or G and stands at the end of the channel's \
             details in Slack, not its name",
        ),
        (
            slack("users", "U1, @bob"),
            400,
            "recipients: Invalid Slack user \"@bob\": give the member id, which begins with U or W (in Slack: profile, ⋮, copy member ID), \
             not the name",
        ),
    ])
    .await;
    let hook = |url: &str, fault: &'static str| (webhook(json!({ "url": url })), 400, fault);
    refused(vec![
        hook("http:example.com", "url: Invalid url: write it as https://host/path"),
        hook("http:///example.com", "url: Invalid url: the host is missing"),
        hook(
            "https://example.com:0/",
            "url: Invalid url: the port is a number between 1 and 65535; leave the colon out when there is none",
        ),
        hook("https://.../", "url: Invalid url: a host has something between its dots"),
        hook(
            "https://exa\tmple.com/",
            "url: Invalid url: it contains an invisible character U+0009 at character 12: take that out, or write it percent-encoded",
        ),
        hook("https://example.com\\@evil.example/", "url: Invalid url: it contains a backslash; write / instead"),
    ])
    .await;
}

#[tokio::test]
async fn create_n20_slack_and_s3_that_nobody_connected_are_said_at_once() {
    let server = server_with(pressrun_api::ApiConfig { slack_connected: false, s3_connected: false, ..Default::default() }).await;
    for (destination, warning) in [
        (
            json!({"destinationType": "slack", "slackRecipientType": "channel", "recipients": "C1"}),
            "Slack is not connected: every run ends with an error until the operator fills in [slack] in the configuration",
        ),
        (
            json!({"destinationType": "s3", "bucketName": "bucket", "region": "us-east-1", "roleArn": "arn:aws:iam::123456789012:role/x"}),
            "object storage is not connected: every run ends with an error until the operator fills in [s3] in the configuration",
        ),
    ] {
        let body = crate::harness::changed(webhook(json!({"url": null, "format": "csv"})), destination);
        assert_eq!(server.create(&body).await.ok()["warnings"], json!([warning]));
    }
    assert_eq!(server.create(&webhook(json!({}))).await.ok()["warnings"], Value::Null);
}

#[tokio::test]
async fn create_m6_only_the_operators_buckets_are_taken() {
    let only = std::collections::BTreeSet::from(["open-bucket".to_owned()]);
    let server = server_with(pressrun_api::ApiConfig { s3_buckets: Some(only), ..Default::default() }).await;
    let into = |bucket: &str| {
        webhook(json!({
            "url": null, "format": "csv", "destinationType": "s3", "bucketName": bucket, "region": "us-east-1",
            "roleArn": "arn:aws:iam::123456789012:role/x"
        }))
    };
    let fault = "bucketName: This server may not write into this bucket; ask the operator to list it under [s3] buckets";
    server.create(&into("payroll-bucket")).await.refuses(400, fault);
    server.create(&into("open-bucket")).await.ok();
}
