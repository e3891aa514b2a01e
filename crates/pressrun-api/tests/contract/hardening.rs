//! Limits: bodies, depth, addresses, slow clients, shutdown.

use std::time::Duration;

use pressrun_api::{ApiConfig, ServerLimits};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::{server, server_with, webhook};

#[tokio::test]
async fn hardening_body_limit() {
    let server = server_with(ApiConfig { requests_per_minute: 0, body_limit: 1000, ..ApiConfig::default() }).await;
    let long = webhook(json!({"name": "x".repeat(2000)}));
    server.create(&long).await.refuses(413, "Request body is larger than 1000 bytes");
    let chunks = futures::stream::iter((0..20).map(|_| Ok::<_, std::io::Error>("x".repeat(100))));
    let request = server
        .request(reqwest::Method::POST, "/api/v1/schedules")
        .header("Authorization", "Bearer org")
        .body(reqwest::Body::wrap_stream(chunks));
    server.send(request).await.refuses(413, "Request body is larger than 1000 bytes");
}

#[tokio::test]
async fn hardening_json_depth() {
    let server = server().await;
    let deep = format!("{{\"x\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
    let request = server.request(reqwest::Method::POST, "/api/v1/schedules").header("Authorization", "Bearer org").body(deep);
    server.send(request).await.refuses(400, "Invalid JSON");
}

#[tokio::test]
async fn hardening_text_without_nul() {
    let server = server().await;
    server.create(&webhook(json!({"name": "a\u{0}b"}))).await.refuses(400, "Invalid JSON: text must not contain the character U+0000");
}

#[tokio::test]
async fn hardening_url_limit() {
    let server = server().await;
    server.get(&format!("/api/v1/schedules?q={}", "x".repeat(9000))).await.refuses(414, "URI Too Long");
}

#[tokio::test]
async fn hardening_headers_keep_browsers_tame() {
    let server = server().await;
    for path in ["/api/v1/schedules", "/docs", "/healthz", "/nothing"] {
        let answer = server.get(path).await;
        assert_eq!(answer.header("X-Content-Type-Options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("X-Frame-Options"), Some("DENY"), "{path}");
        assert!(answer.header("Access-Control-Allow-Origin").is_none(), "{path}");
    }
}

#[tokio::test]
async fn hardening_a_slow_body_ends_in_408() {
    let config = ApiConfig { requests_per_minute: 0, request_timeout: Duration::from_millis(50), ..ApiConfig::default() };
    let server = server_with(config).await;
    let mut stream = TcpStream::connect(server.base.trim_start_matches("http://")).await.unwrap();
    stream
        .write_all(b"POST /api/v1/schedules HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer org\r\nContent-Length: 100\r\n\r\n{")
        .await
        .unwrap();
    let mut head = vec![0; 12];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(String::from_utf8(head).unwrap(), "HTTP/1.1 408");
}

async fn limited(limits: ServerLimits) -> (String, tokio::sync::oneshot::Sender<()>, tokio::task::JoinHandle<std::io::Result<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let app = axum::Router::new().route("/", axum::routing::get(async || "ok"));
    let serving = tokio::spawn(pressrun_api::serve(listener, app, limits, async {
        let _ = stopped.await;
    }));
    (address, stop, serving)
}

#[tokio::test]
async fn hardening_slow_headers_are_cut_off() {
    let (address, _stop, _) = limited(ServerLimits { header_timeout: Duration::from_millis(50), ..ServerLimits::default() }).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").await.unwrap();
    let mut rest = Vec::new();
    // The server closes; how it says so is hyper's business.
    let _ = stream.read_to_end(&mut rest).await;
    assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
}

#[tokio::test]
async fn hardening_connections_wait_for_a_slot() {
    let (address, _stop, _) = limited(ServerLimits { max_connections: 1, ..ServerLimits::default() }).await;
    let mut first = TcpStream::connect(&address).await.unwrap();
    first.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut buffer = [0; 1024];
    assert!(first.read(&mut buffer).await.unwrap() > 0);
    let mut second = TcpStream::connect(&address).await.unwrap();
    second.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    let waiting = tokio::time::timeout(Duration::from_millis(100), second.read_to_string(&mut answer)).await;
    assert!(waiting.is_err(), "served beside the first: {answer}");
    drop(first);
    second.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn hardening_shutdown_ends_idle_connections() {
    let (address, stop, serving) = limited(ServerLimits::default()).await;
    let mut idle = TcpStream::connect(&address).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut buffer = [0; 1024];
    assert!(idle.read(&mut buffer).await.unwrap() > 0);
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
    assert!(TcpStream::connect(&address).await.is_err());
}
