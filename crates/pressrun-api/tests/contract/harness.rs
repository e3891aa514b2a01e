//! A server on a port of its own, over a store and a catalog that tests may change.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use pressrun_api::{ApiConfig, ApiState, ArtifactSource, CatalogFaults, CatalogSource, Door, ServerLimits, UrlPolicy};
use pressrun_domain::catalog::Catalog;
use pressrun_domain::clock::Clock;
use pressrun_domain::schedule::Schedule;
use pressrun_store::{PostgresSettings, PostgresStore, SqliteStore, Store, sample as stored};
use pressrun_testkit::postgres_of_tests;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::sample;

/// 2025-07-23T21:43:39Z, a Wednesday.
pub const NOW: &str = "2025-07-23T21:43:39.000Z";

pub struct FixedClock(pub Mutex<Timestamp>);

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    fn sleep_until(&self, _: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::pending())
    }
}

#[derive(Clone)]
pub struct Files(pub Arc<Mutex<Catalog>>, pub Arc<Mutex<CatalogFaults>>);

impl CatalogSource for Files {
    /// Panics once the lock is poisoned, which a test does on purpose.
    fn current(&self) -> Arc<Catalog> {
        Arc::new(self.0.lock().unwrap().clone())
    }

    fn faults(&self) -> CatalogFaults {
        self.1.lock().unwrap().clone()
    }
}

/// Refuses what is on this machine.
struct NoLoopback;

#[async_trait]
impl UrlPolicy for NoLoopback {
    async fn check_url(&self, url: &url::Url) -> Result<(), String> {
        let local = url.host_str().is_some_and(|host| host == "127.0.0.1" || host == "localhost");
        if local { Err("127.0.0.1 is not a public address".into()) } else { Ok(()) }
    }

    async fn check_host(&self, host: &str, _: u16) -> Result<(), String> {
        if host == "127.0.0.1" { Err("127.0.0.1 is not a public address".into()) } else { Ok(()) }
    }
}

#[derive(Default)]
pub struct Spool(pub Mutex<BTreeMap<String, PathBuf>>);

#[async_trait::async_trait]
impl ArtifactSource for Spool {
    async fn open(&self, sha256: &str) -> Result<Option<PathBuf>, pressrun_store::StoreError> {
        Ok(self.0.lock().unwrap().get(sha256).cloned())
    }
}

pub struct Server {
    pub base: String,
    pub store: Arc<dyn Store>,
    pub files: Files,
    pub clock: Arc<FixedClock>,
    pub spool: Arc<Spool>,
    pub wake: Arc<Notify>,
    pub door: Arc<Door>,
    client: reqwest::Client,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
    pub text: String,
    pub headers: HeaderMap,
}

impl Answer {
    /// It is exactly this refusal.
    #[track_caller]
    pub fn refuses(&self, status: u16, detail: &str) -> &Self {
        assert_eq!(self.body, json!({"detail": detail, "status": status}), "{}", self.text);
        assert_eq!(self.status, status);
        self
    }

    #[track_caller]
    pub fn ok(&self) -> &Value {
        assert_eq!(self.status, 200, "{}", self.text);
        &self.body
    }

    #[track_caller]
    pub fn id(&self) -> String {
        self.ok()["id"].as_str().expect("an id").to_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

pub async fn server() -> Server {
    server_with(ApiConfig { requests_per_minute: 0, ..ApiConfig::default() }).await
}

pub async fn server_with(config: ApiConfig) -> Server {
    server_on(store().await, config).await
}

/// SQLite in memory, or PostgreSQL when these tests are to run on that.
async fn store() -> Arc<dyn Store> {
    match postgres_of_tests().await {
        None => Arc::new(SqliteStore::open_in_memory(stored::sealer()).await.unwrap()),
        Some(url) => Arc::new(PostgresStore::open(&PostgresSettings::new(url), stored::sealer()).await.unwrap().by_callers_clock()),
    }
}

pub async fn server_on(store: Arc<dyn Store>, config: ApiConfig) -> Server {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let files = Files(Arc::new(Mutex::new(sample::catalog())), Arc::default());
    let clock = Arc::new(FixedClock(Mutex::new(NOW.parse().unwrap())));
    let (spool, wake) = (Arc::new(Spool::default()), Arc::new(Notify::new()));
    let state = ApiState {
        store: Arc::clone(&store),
        catalog: Arc::new(files.clone()),
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        urls: Arc::new(NoLoopback),
        artifacts: Arc::clone(&spool) as Arc<dyn ArtifactSource>,
        engine: Arc::new(pressrun_api::NoEngine),
        wake: Arc::clone(&wake),
        config,
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let door = Door::new(&state);
    let router = pressrun_api::traced(pressrun_api::router_behind(state, Arc::clone(&door)), Vec::new());
    let serving = pressrun_api::serve(listener, router, ServerLimits::default(), async {
        let _ = stopped.await;
    });
    tokio::spawn(serving);
    Server {
        base,
        store,
        files,
        clock,
        spool,
        wake,
        door,
        client: reqwest::Client::builder().no_proxy().build().unwrap(),
        stop: Some(stop),
    }
}

impl Server {
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = String::from_utf8_lossy(&response.bytes().await.unwrap()).into_owned();
        Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::Null), text, headers }
    }

    pub async fn call(&self, token: &str, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let mut request = self.request(method.parse().unwrap(), path).header("Authorization", format!("Bearer {token}"));
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body.to_string());
        }
        self.send(request).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call("org", "GET", path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call("org", "POST", path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.call("org", "PUT", path, Some(body)).await
    }

    pub async fn put_empty(&self, path: &str) -> Answer {
        self.call("org", "PUT", path, None).await
    }

    pub async fn create(&self, body: &Value) -> Answer {
        self.post("/api/v1/schedules", body).await
    }

    pub async fn stored(&self, id: &str) -> Schedule {
        self.store.schedule(id.parse().unwrap()).await.unwrap().expect("stored")
    }
}

/// A webhook schedule with `changes` on top; a `null` takes the field away.
pub fn webhook(changes: Value) -> Value {
    changed(
        json!({"identifier": "dashboard-abc123", "name": "Hook", "schedule": "0 9 ? * * *", "timezone": "UTC", "format": "json",
            "destinationType": "webhook", "url": "https://webhooksrus.com/1234566"}),
        changes,
    )
}

/// A mail schedule with `changes` on top; a `null` takes the field away.
pub fn mail(changes: Value) -> Value {
    changed(
        json!({"identifier": "dashboard-abc123", "name": "Mail", "schedule": "0 9 ? * * *", "timezone": "UTC", "format": "pdf",
            "destinationType": "email", "recipients": ["iamagoodblob@myorg.co"], "subject": "Sales"}),
        changes,
    )
}

pub fn changed(mut body: Value, changes: Value) -> Value {
    for (key, value) in changes.as_object().expect("an object") {
        if value.is_null() {
            body.as_object_mut().unwrap().remove(key);
        } else {
            body[key] = value.clone();
        }
    }
    body
}

/// A well-formed id that names nothing.
pub const NOWHERE: &str = "2abba91d-9bec-41a0-8a8d-6f133b4ff0b7";

/// One test a row of an error table: its name, the request, and the refusal as the contract prints it.
macro_rules! refusals {
    ($($name:ident: |$server:ident| $request:expr => $status:literal $detail:expr;)+) => {$(
        #[tokio::test]
        async fn $name() {
            let $server = crate::harness::server().await;
            let detail: String = $detail.into();
            $request.await.refuses($status, &detail);
        }
    )+};
}
pub(crate) use refusals;
