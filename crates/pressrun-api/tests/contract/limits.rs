//! Limits that reach the meaning: what callers send can make neither figures, nor lists, nor texts without end.

use std::collections::BTreeSet;
use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusBuilder;
use pressrun_api::{ApiConfig, Limits};
use pressrun_domain::id::WorkerId;
use pressrun_store::{RunNews, SqliteStore, sample as stored};
use reqwest::Method;
use serde_json::json;

use crate::harness::{NOW, Server, mail, server, server_on, server_with, webhook};
use crate::sample;

/// Requests of `count` methods that nobody else uses, on as many paths.
async fn flood(server: &Server, count: usize) {
    for number in 0..count {
        let method = Method::from_bytes(format!("M{number}{}", "X".repeat(1000)).as_bytes()).unwrap();
        server
            .send(server.request(method.clone(), &format!("/api/v1/{number}")))
            .await
            .refuses(401, "Unauthorized: Missing or invalid API key");
        server.send(server.request(method, "/healthz")).await.refuses(400, "Invalid request method");
    }
}

// The recorder is that of one thread, so that other tests do not count in it.
#[test]
fn h1_a_flood_of_methods_and_paths_leaves_no_figures_behind() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let figures = recorder.handle();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let server = server().await;
            flood(&server, 1).await;
            let before = figures.render();
            flood(&server, 3000).await;
            let after = figures.render();
            assert!(after.contains(r#"method="other",route="/healthz",status="400"} 3001"#), "{after}");
            assert_eq!(after.lines().count(), before.lines().count(), "{}", after.len());
            assert!(after.len() < before.len() + 60, "only digits were added: {} after {}", after.len(), before.len());
        });
    });
}

/// A server whose limits were changed.
async fn limited(change: impl FnOnce(&mut Limits)) -> Server {
    let mut limits = Limits::default();
    change(&mut limits);
    server_with(ApiConfig { requests_per_minute: 0, limits, ..ApiConfig::default() }).await
}

fn outsiders(from: usize, count: usize) -> Vec<String> {
    (from..from + count).map(|number| format!("person{number}@elsewhere.example")).collect()
}

async fn known_users(server: &Server) -> u64 {
    server.get("/api/v1/users/email-only").await.ok()["pageInfo"]["totalRecords"].as_u64().unwrap()
}

#[tokio::test]
async fn h2_texts_have_a_length_and_the_refusal_names_its_key() {
    let server = server().await;
    let long = |length: usize| "é".repeat(length);
    for (changes, detail) in [
        (json!({"name": long(256)}), "name: String must contain at most 255 character(s) (limits.name_characters)"),
        (json!({"subject": long(999)}), "subject: String must contain at most 998 character(s) (limits.subject_characters)"),
        (json!({"textBody": long(32 * 1024 + 1)}), "textBody: String must contain at most 65536 byte(s) (limits.text_kib)"),
        (
            json!({"filterConfig": {"region": vec!["x".repeat(100); 1_000]}}),
            "filterConfig: Object must contain at most 65536 byte(s) of JSON (limits.filters_kib)",
        ),
    ] {
        server.create(&mail(changes.clone())).await.refuses(400, detail);
        let id = server.create(&mail(json!({}))).await.id();
        server.put(&format!("/api/v1/schedules/{id}"), &changes).await.refuses(400, detail);
    }
    let longest = json!({"name": long(255), "subject": long(998), "textBody": long(32 * 1024)});
    server.create(&mail(longest)).await.ok();
}

#[tokio::test]
async fn h2_recipients_are_bounded_by_who_saves_them_and_nobody_is_created_in_vain() {
    let server = limited(|limits| (limits.recipients, limits.outside_recipients, limits.admin_recipients) = (5, 3, 10)).await;
    let few = "Array must contain at most 5 element(s) (limits.recipients)";
    let outside = "Array must contain at most 3 recipient(s) without a login (limits.outside_recipients); an admin may save more";
    let to = |recipients: Vec<String>| mail(json!({"recipients": recipients}));
    let members: Vec<String> = ["blobby", "ross"].map(|name| format!("{name}@blobsrus.com")).into();
    let create = async |token: &str, body: &serde_json::Value| server.call(token, "POST", "/api/v1/schedules", Some(body)).await;

    create("hill", &to(outsiders(0, 6))).await.refuses(400, &format!("recipients: {few}"));
    create("hill", &to(outsiders(0, 4))).await.refuses(400, &format!("recipients: {outside}"));
    create("org", &to(outsiders(0, 11)))
        .await
        .refuses(400, "recipients: Array must contain at most 10 element(s) (limits.admin_recipients)");
    assert_eq!(known_users(&server).await, 0, "what was refused created nobody");

    let id = create("hill", &to([members, outsiders(0, 2)].concat())).await.id();
    let add = |emails: Vec<String>| json!({ "emails": emails });
    let path = format!("/api/v1/schedules/{id}");
    let added = async |token: &str, emails| server.call(token, "PUT", &format!("{path}/add-recipients"), Some(&add(emails))).await;
    added("hill", outsiders(2, 2)).await.refuses(400, &format!("emails: {few}; 4 are on the list"));
    added("hill", outsiders(0, 2)).await.ok();
    added("hill", outsiders(2, 1)).await.ok();
    let update = async |token: &str, recipients| server.call(token, "PUT", &path, Some(&json!({"recipients": recipients}))).await;
    update("hill", outsiders(0, 6)).await.refuses(400, &format!("recipients: {few}"));
    update("org", outsiders(0, 8)).await.ok();
    // What an admin made longer may be edited and may shrink, but not grow.
    server.call("hill", "PUT", &path, Some(&json!({"name": "other"}))).await.ok();
    update("hill", outsiders(0, 7)).await.ok();
    added("hill", outsiders(20, 1)).await.refuses(400, &format!("emails: {few}; 7 are on the list"));
    assert_eq!(server.stored(&id).await.definition.destination.email().unwrap().recipients.len(), 7);
    let slack = json!({"identifier": "dashboard-abc123", "name": "S", "schedule": "0 9 ? * * *", "timezone": "UTC", "format": "pdf",
        "destinationType": "slack", "slackRecipientType": "users", "recipients": "U1,U2,U3,U4,U5,U6"});
    create("hill", &slack).await.refuses(400, &format!("recipients: {few}"));
}

#[tokio::test]
async fn h2_schedules_and_tests_of_a_member_are_counted() {
    let server = limited(|limits| (limits.schedules_per_member, limits.test_deliveries_per_day) = (2, 2)).await;
    let create = async |token: &str, body: &serde_json::Value| server.call(token, "POST", "/api/v1/schedules", Some(body)).await;
    let (saved, test) = (webhook(json!({})), mail(json!({"testNow": true})));
    let (first, _) = (create("hill", &saved).await.id(), create("hill", &saved).await.id());
    let most = "You have 2 schedules, which is as many as one member may have (limits.schedules_per_member); delete one that is not needed";
    create("hill", &saved).await.refuses(400, most);
    server.call("hill", "DELETE", &format!("/api/v1/schedules/{first}"), None).await.ok();
    create("hill", &saved).await.ok();

    for _ in 0..2 {
        create("hill", &test).await.ok();
    }
    let enough = "testNow: You made 2 test deliveries within 24 hours, which is as many as one member may (limits.test_deliveries_per_day)";
    create("hill", &test).await.refuses(400, enough);
    create("org", &test).await.ok();
    let tomorrow = stored::at("2025-07-24T21:43:40Z");
    *server.clock.0.lock().unwrap() = tomorrow;
    create("hill", &test).await.ok();
}

#[tokio::test]
async fn h2_what_a_member_asks_of_others_is_counted_also_when_it_is_taken_back() {
    let server = limited(|limits| limits.asks_per_day = 3).await;
    let create = async |changes| server.call("hill", "POST", "/api/v1/schedules", Some(&mail(changes))).await.id();
    let (plain, copies) = (create(json!({})).await, create(json!({"fanOut": true})).await);
    let put = async |token: &str, id: &str, verb: &str| server.call(token, "PUT", &format!("/api/v1/schedules/{id}/{verb}"), None).await;
    let enough = "You subscribed to schedules, asked to or offered them 3 times within 24 hours, which is as often as one member may (limits.asks_per_day)";
    for id in [&plain, &plain, &copies] {
        put("outer", id, "subscribe").await.ok();
        put("outer", id, "unsubscribe").await.ok();
    }
    put("outer", &plain, "subscribe").await.refuses(400, enough);
    put("outer", &copies, "subscribe").await.refuses(400, enough);
    put("outer", &copies, "unsubscribe").await.ok();
    let body = json!({"userId": sample::ROSS});
    let offer = async || server.call("hill", "PUT", &format!("/api/v1/schedules/{plain}/transfer-ownership"), Some(&body)).await;
    for _ in 0..3 {
        offer().await.ok();
    }
    offer().await.refuses(400, enough);
    for _ in 0..4 {
        put("org", &copies, "subscribe").await.ok();
        put("org", &copies, "unsubscribe").await.ok();
    }
    *server.clock.0.lock().unwrap() = stored::at("2025-07-24T21:43:40Z");
    put("outer", &plain, "subscribe").await.ok();
    offer().await.ok();
}

/// Nanoseconds that this thread has worked so far: what others do on the machine does not count.
#[cfg(target_os = "linux")]
fn worked() -> u64 {
    let schedule = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    schedule.split_whitespace().next().unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn h2_work_grows_with_a_list_and_not_with_its_square() {
    let server = limited(|limits| limits.admin_recipients = 100_000).await;
    let mut costs = Vec::new();
    for (round, count) in [1_500, 1_500, 6_000].into_iter().enumerate() {
        let from = round * 100_000;
        let id = server.create(&mail(json!({"recipients": outsiders(from, 10)}))).await.id();
        let path = format!("/api/v1/schedules/{id}");
        let before = worked();
        server.put(&format!("{path}/add-recipients"), &json!({"emails": outsiders(from, count)})).await.ok();
        server.put(&path, &json!({"recipients": outsiders(from + 100, count)})).await.ok();
        server.put(&format!("{path}/remove-recipients"), &json!({"emails": outsiders(from + 100, count)})).await.ok();
        costs.push(worked() - before);
    }
    // The first round also warms up. Four times as many are four times the work; their square would be sixteen times.
    assert!(costs[2] < costs[1] * 9, "{costs:?}");
}

#[tokio::test]
async fn newcomer_19_members_and_groups_are_listed_with_the_ids_that_calls_take() {
    let server = server().await;
    let members = server.get("/api/v1/members").await;
    let hill = members.ok()["records"].as_array().unwrap().iter().find(|row| row["name"] == "Blobby Hill").unwrap().clone();
    assert_eq!(hill["id"], json!(sample::HILL));
    let groups = server.get("/api/v1/groups").await;
    let group = &groups.ok()["records"][0];
    assert_eq!(group["id"], json!(sample::SALES));
    let id = server.create(&mail(json!({}))).await.id();
    let add = json!({"userIds": [hill["id"]], "userGroupIds": [group["id"]]});
    let added = server.put(&format!("/api/v1/schedules/{id}/add-recipients"), &add).await;
    assert_eq!((&added.ok()["addedRecipientsCount"], &added.body["addedGroupRecipientsCount"]), (&json!(1), &json!(1)));
    assert_eq!(server.get("/api/v1/members?q=HILL").await.ok()["pageInfo"]["totalRecords"], 1);

    let seen = async |token: &str, what: &str| {
        let answer = server.call(token, "GET", &format!("/api/v1/{what}"), None).await;
        let rows = answer.ok()["records"].as_array().unwrap().clone();
        rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(seen("outer", "members").await, [sample::OUTER.to_string()], "in no group: only themselves");
    assert!(seen("outer", "groups").await.is_empty());
    assert_eq!(seen("hill", "groups").await, [sample::SALES.to_string()]);
    let colleagues = seen("hill", "members").await;
    assert!(colleagues.contains(&sample::HILL.to_string()) && !colleagues.contains(&sample::OUTER.to_string()), "{colleagues:?}");
    assert!(!colleagues.contains(&sample::GONE.to_string()), "deactivated");
}

#[tokio::test]
async fn newcomer_23_keys_that_are_no_fields_are_named() {
    let server = server().await;
    let created = server.create(&webhook(json!({"recipientz": ["a@b.co"], "tittle": "x"}))).await;
    assert_eq!(created.ok()["warnings"], json!(["not a field of a schedule, and ignored: recipientz, tittle"]));
    let path = format!("/api/v1/schedules/{}", created.id());
    let updated = server.put(&path, &json!({"recipientz": ["a@b.co"]})).await;
    assert_eq!(updated.ok()["warnings"], json!(["not a field of a schedule, and ignored: recipientz"]));
    // Every documented field is one.
    let document = server.send(server.request(Method::GET, "/openapi.json")).await.ok().clone();
    for field in document["components"]["schemas"]["ScheduleBody"]["properties"].as_object().unwrap().keys() {
        let warnings = server.put(&path, &json!({ field: null })).await.body["warnings"].to_string();
        assert!(!warnings.contains("not a field"), "{field}: {warnings}");
    }
}

#[tokio::test]
async fn newcomer_24_a_trigger_beside_a_run_that_waits_says_until_when_and_why() {
    let server = server().await;
    let id = server.create(&webhook(json!({}))).await.id();
    let path = format!("/api/v1/schedules/{id}/trigger");
    server.call("org", "POST", &path, None).await.ok();
    let now = stored::at(NOW);
    let run = server.store.claim(WorkerId::generate(), now, stored::at("2025-07-23T22:00:00Z"), 1).await.unwrap().remove(0);
    server.call("org", "POST", &path, None).await.refuses(409, "Another execution of this schedule is in progress");
    let later = stored::at("2025-07-23T21:58:39Z");
    let mut news = RunNews::default();
    news.progress.waits_for = Some(format!("webhook: HTTP 503\nService Unavailable {}", "x".repeat(500)));
    server.store.release(&run.lease, later, &news).await.unwrap();
    let refused = server.call("org", "POST", &path, None).await;
    let detail = refused.body["detail"].as_str().unwrap();
    let expected =
        "Another execution of this schedule is in progress; it waits until 2025-07-23T21:58:39Z to try again: webhook: HTTP 503 Service";
    assert!(refused.status == 409 && detail.starts_with(expected) && detail.len() < 350 && !detail.contains('\n'), "{detail}");
    let told = server.get(&format!("/api/v1/runs/{}", run.run.id)).await;
    assert_eq!((&told.ok()["state"], &told.body["waitsUntil"]), (&json!("queued"), &json!("2025-07-23T21:58:39.000Z")));
    assert!(told.body["waitsFor"].as_str().is_some_and(|reason| reason.starts_with("webhook: HTTP 503")), "{}", told.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn races_a_burst_of_calls_that_meets_a_deletion_is_answered_as_for_what_never_was() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("pressrun.db"), stored::sealer()).await.unwrap();
    let server = Arc::new(server_on(Arc::new(store), ApiConfig { requests_per_minute: 0, ..ApiConfig::default() }).await);
    let mut statuses = BTreeSet::new();
    for round in 0..40 {
        let id = server.create(&mail(json!({}))).await.id();
        let calls = [
            ("POST", "/trigger", None),
            ("PUT", "/pause", None),
            ("PUT", "/resume", None),
            ("PUT", "", Some(json!({"name": "other"}))),
            ("PUT", "/add-recipients", Some(json!({"emails": ["a@b.co"]}))),
            ("PUT", "/remove-recipients", Some(json!({"emails": ["iamagoodblob@myorg.co"]}))),
            ("PUT", "/subscribe", None),
            ("PUT", "/unsubscribe", None),
            ("PUT", "/transfer-ownership", Some(json!({"userId": sample::HILL}))),
            ("GET", "/runs", None),
            ("GET", "/recipients", None),
        ];
        let mut under_way = tokio::task::JoinSet::new();
        for (at, (method, verb, body)) in calls.into_iter().chain(std::iter::repeat_n(("POST", "/trigger", None), 12)).enumerate() {
            let (server, path) = (Arc::clone(&server), format!("/api/v1/schedules/{id}{verb}"));
            // The deletion stands at another place among them in each round.
            if at == round % 23 {
                let (server, path) = (Arc::clone(&server), format!("/api/v1/schedules/{id}"));
                under_way.spawn(async move { (path.clone(), server.call("org", "DELETE", &path, None).await) });
            }
            under_way.spawn(async move { (path.clone(), server.call("org", method, &path, body.as_ref()).await) });
        }
        while let Some(answer) = under_way.join_next().await {
            let (path, answer) = answer.unwrap();
            let detail = answer.body["detail"].as_str().unwrap_or_default();
            assert!(answer.status < 500 && !detail.contains("database"), "round {round}, {path}: {} {detail}", answer.status);
            if answer.status == 404 {
                assert_eq!(detail, format!("Scheduled task with id {id} does not exist"), "{path}");
            }
            statuses.insert(answer.status);
        }
    }
    assert!(statuses.contains(&404) && statuses.contains(&200), "{statuses:?}");
}

#[tokio::test]
async fn h2_a_refusal_does_not_send_back_all_that_was_sent() {
    let server = server().await;
    let long = "x".repeat(300_000);
    for body in [
        mail(json!({"identifier": long})),
        mail(json!({"filterConfig": {(long.as_str()): []}})),
        mail(json!({"queryIdentifierMapKey": long})),
        mail(json!({"pages": [long]})),
        mail(json!({"timezone": long})),
    ] {
        let answer = server.create(&body).await;
        assert!(answer.status >= 400 && answer.text.len() < 10_000, "{} with {} bytes", answer.status, answer.text.len());
    }
}
