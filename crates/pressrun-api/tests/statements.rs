//! A page of the list costs the same statements whatever is on it. In a process of its own: it counts what the whole process asks.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "contract/harness.rs"]
#[allow(dead_code, unused_imports, unused_macros, unreachable_pub, reason = "shared with the contract's tests")]
mod harness;
#[path = "contract/sample.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the contract's tests")]
mod sample;

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

static STATEMENTS: AtomicUsize = AtomicUsize::new(0);

struct Counting;

impl<S: tracing::Subscriber> Layer<S> for Counting {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" {
            STATEMENTS.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[tokio::test]
async fn list_asks_a_constant_number_of_statements_a_page() {
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Counting)).unwrap();
    let server = harness::server().await;
    // A stored key, so that authentication is counted too.
    let key = server.post("/api/v1/api-keys", &json!({"type": "personal", "name": "x", "userId": sample::HILL})).await;
    let token = key.ok()["token"].as_str().unwrap().to_owned();
    let count = async |query: &str| {
        let before = STATEMENTS.load(Ordering::SeqCst);
        let answer = server.call(&token, "GET", &format!("/api/v1/schedules{query}"), None).await;
        let rows = answer.ok()["records"].as_array().unwrap().len();
        (rows, STATEMENTS.load(Ordering::SeqCst) - before)
    };
    // The first use of a minute is written down.
    count("").await;
    let (rows, few) = count("").await;
    assert_eq!(rows, 0);
    assert!(few > 0, "statements are counted");
    for number in 0..110 {
        let recipients: Vec<String> = (0..=number % 7).map(|person| format!("{person}@b.co")).collect();
        server.create(&harness::mail(json!({"name": format!("Mail {number}"), "recipients": recipients}))).await.ok();
    }
    // The first list after changes takes them in.
    count("").await;
    for (query, expected) in [
        ("?pageSize=1", 1),
        ("?pageSize=100", 100),
        ("?pageSize=100&cursor=2", 10),
        ("?pageSize=50&q=mail&destination=email&scheduleType=schedule&contentType=dashboard&status=none&sortField=ownerName", 50),
    ] {
        assert_eq!(count(query).await, (expected, few), "{query}");
    }
    assert!(few <= 5, "{few} statements");
}
