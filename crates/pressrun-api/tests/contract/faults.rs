//! The rows of the error tables that need something to break: 409 of a change that is always too late, 500, 503.

use std::sync::Arc;

use pressrun_api::ApiConfig;
use pressrun_store::{SqliteStore, Store, sample as stored};
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use tempfile::TempDir;

use crate::harness::{Answer, Server, mail, server_on, webhook};
use crate::sample;

/// A server whose database file a test may damage.
struct Breakable {
    server: Server,
    store: Arc<SqliteStore>,
    database: SqlitePool,
    _folder: TempDir,
}

async fn breakable() -> Breakable {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pressrun.db");
    let store = Arc::new(SqliteStore::open(&path, stored::sealer()).await.unwrap());
    let database = SqlitePool::connect_with(SqliteConnectOptions::new().filename(&path)).await.unwrap();
    let shared: Arc<dyn Store> = Arc::clone(&store) as Arc<dyn Store>;
    let server = server_on(shared, ApiConfig { requests_per_minute: 0, ..ApiConfig::default() }).await;
    Breakable { server, store, database, _folder: folder }
}

impl Breakable {
    async fn damage(&self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(&self.database).await.unwrap();
    }

    /// As if somebody else changed every schedule a moment before each change.
    async fn always_too_late(&self) {
        self.damage("CREATE TRIGGER too_late BEFORE UPDATE ON schedules BEGIN SELECT raise(IGNORE); END").await;
    }
}

const BUSY: &str = "The schedule was changed by somebody else at the same time; try again";

async fn too_late(verb: &str, body: Option<Value>) -> Answer {
    let broken = breakable().await;
    let id = broken.server.create(&mail(json!({}))).await.id();
    if verb == "/resume" {
        broken.server.put_empty(&format!("/api/v1/schedules/{id}/pause")).await.ok();
    }
    broken.always_too_late().await;
    broken.server.call("org", "PUT", &format!("/api/v1/schedules/{id}{verb}"), body.as_ref()).await
}

#[tokio::test]
async fn add_recipients_12_changed_by_somebody_else() {
    too_late("/add-recipients", Some(json!({"emails": ["a@b.co"]}))).await.refuses(409, BUSY);
}

#[tokio::test]
async fn remove_recipients_12_changed_by_somebody_else() {
    too_late("/remove-recipients", Some(json!({"emails": ["iamagoodblob@myorg.co"]}))).await.refuses(409, BUSY);
}

#[tokio::test]
async fn update_22_changed_by_somebody_else() {
    too_late("", Some(json!({"name": "other"}))).await.refuses(409, BUSY);
}

#[tokio::test]
async fn pause_05_changed_by_somebody_else() {
    too_late("/pause", None).await.refuses(409, BUSY);
}

#[tokio::test]
async fn resume_05_changed_by_somebody_else() {
    too_late("/resume", None).await.refuses(409, BUSY);
}

#[tokio::test]
async fn transfer_10_changed_by_somebody_else() {
    too_late("/transfer-ownership", Some(json!({"userId": sample::HILL}))).await.refuses(409, BUSY);
}

#[tokio::test]
async fn trigger_05_dispatcher_failed() {
    let broken = breakable().await;
    let id = broken.server.create(&webhook(json!({}))).await.id();
    broken.damage("CREATE TRIGGER full BEFORE INSERT ON runs BEGIN SELECT raise(ABORT, 'no room on /dev/sda1'); END").await;
    let answer = broken.server.call("org", "POST", &format!("/api/v1/schedules/{id}/trigger"), None).await;
    answer.refuses(500, "The run could not be queued: the server's database failed, and its log says why; nothing was sent");
    assert!(!answer.text.contains("sda1"), "the cause is for the log");
}

#[tokio::test]
async fn every_endpoint_says_500_in_its_shape_and_readyz_503_when_the_database_is_gone() {
    let broken = breakable().await;
    let id = broken.server.create(&mail(json!({}))).await.id();
    broken.store.close().await;
    for (method, path, body) in [
        ("POST", "/api/v1/schedules".to_owned(), Some(mail(json!({})))),
        ("GET", "/api/v1/schedules".to_owned(), None),
        ("GET", format!("/api/v1/schedules/{id}"), None),
        ("PUT", format!("/api/v1/schedules/{id}"), Some(json!({"name": "x"}))),
        ("DELETE", format!("/api/v1/schedules/{id}"), None),
        ("POST", format!("/api/v1/schedules/{id}/trigger"), None),
        ("PUT", format!("/api/v1/schedules/{id}/pause"), None),
        ("PUT", format!("/api/v1/schedules/{id}/add-recipients"), Some(json!({"emails": ["a@b.co"]}))),
        ("GET", format!("/api/v1/schedules/{id}/recipients"), None),
        ("GET", format!("/api/v1/schedules/{id}/runs"), None),
        ("POST", "/api/v1/users/email-only".to_owned(), Some(json!({"email": "a@b.co"}))),
        ("GET", "/api/v1/users/email-only".to_owned(), None),
        ("DELETE", "/api/v1/users/email-only/bulk".to_owned(), Some(json!({"emails": ["a@b.co"]}))),
        ("GET", "/api/v1/api-keys".to_owned(), None),
    ] {
        broken.server.call("org", method, &path, body.as_ref()).await.refuses(500, "Internal Server Error");
    }
    broken.server.call("unknown", "GET", "/api/v1/schedules", None).await.refuses(500, "Internal Server Error");
    let ready = broken.server.get("/readyz").await;
    assert_eq!(ready.status, 503);
    assert_eq!((&ready.body["status"], &ready.body["checks"]["store"]["status"]), (&json!("unavailable"), &json!("unavailable")));
    assert_eq!(broken.server.get("/healthz").await.status, 200, "the process lives");
}

#[tokio::test]
async fn a_request_that_panics_is_a_500_and_the_server_goes_on() {
    let broken = breakable().await;
    let files = broken.server.files.clone();
    let poison: std::thread::JoinHandle<()> = std::thread::spawn(move || {
        let _held = files.0.lock().unwrap();
        panic!("on purpose");
    });
    assert!(poison.join().is_err());
    for _ in 0..2 {
        broken.server.get("/api/v1/schedules").await.refuses(500, "Internal Server Error");
    }
    broken.server.files.0.clear_poison();
    broken.server.get("/api/v1/schedules").await.ok();
}

#[tokio::test]
async fn list_shows_a_schedule_that_cannot_be_read_and_tells_why_to_those_who_may_know() {
    let broken = breakable().await;
    let damaged = broken.server.create(&mail(json!({"name": "Damaged One"}))).await.id();
    broken.server.create(&mail(json!({"name": "whole"}))).await.id();
    broken.damage("UPDATE definitions SET json = json_set(json, '$.format', 'papyrus') WHERE json LIKE '%Damaged One%'").await;
    let row = async |token: &str| {
        let answer = broken.server.call(token, "GET", "/api/v1/schedules?sortDirection=asc", None).await;
        assert_eq!(answer.ok()["pageInfo"]["totalRecords"], 2);
        assert_eq!(answer.ok()["records"][1].get("unreadable"), None, "the other one is whole");
        answer.ok()["records"][0].clone()
    };
    let told = row("org").await;
    assert_eq!((&told["id"], &told["name"], &told["format"]), (&json!(damaged), &json!("Damaged One"), &Value::Null));
    assert_eq!((&told["schedule"], &told["destinationType"]), (&json!(mail(json!({}))["schedule"]), &json!("email")));
    let reason = told["unreadable"].as_str().unwrap();
    assert!(reason.contains("papyrus") && reason.contains(&damaged), "{reason}");
    // Somebody who may see the dashboard, and not what is in the schedule.
    let withheld = row("hill").await;
    assert_eq!((&withheld["id"], &withheld["name"]), (&json!(damaged), &json!("Damaged One")));
    let reason = withheld["unreadable"].as_str().unwrap();
    assert!(!reason.contains("papyrus"), "{reason}");
    let path = format!("/api/v1/schedules/{damaged}");
    assert_eq!(broken.server.call("hill", "DELETE", &path, None).await.status, 500);
    broken.server.call("org", "DELETE", &path, None).await.ok();
    assert_eq!(broken.server.get("/api/v1/schedules").await.ok()["pageInfo"]["totalRecords"], 1);
}
