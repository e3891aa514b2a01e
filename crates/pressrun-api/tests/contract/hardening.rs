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

// Where time is paused, it jumps to the next deadline when everybody waits.
#[tokio::test]
async fn hardening_a_slow_body_ends_in_408() {
    let server = server().await;
    tokio::time::pause();
    let mut stream = TcpStream::connect(server.base.trim_start_matches("http://")).await.unwrap();
    let began = tokio::time::Instant::now();
    stream
        .write_all(
            b"POST /api/v1/schedules HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer org\r\nContent-Length: 100\r\n\r\n{",
        )
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408") && answer.ends_with(r#"{"detail":"Request Timeout","status":408}"#), "{answer}");
    assert_eq!(began.elapsed().as_secs(), ApiConfig::default().request_timeout.as_secs());
}

/// Sends raw bytes and reads until the server closes.
async fn raw(address: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address.trim_start_matches("http://")).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = String::new();
    // A client that was refused while it still sent may see a reset after the answer.
    let _ = stream.read_to_string(&mut answer).await;
    answer
}

#[tokio::test]
async fn h4_what_is_no_http_is_refused_by_the_library_in_whole_frames() {
    let server = server().await;
    let many = "X-Many: 1\r\n".repeat(200);
    let long = "x".repeat(300_000);
    for (request, status) in [
        (format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{many}\r\n"), 431),
        (format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX: {long}\r\n\r\n"), 431),
        (format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(300_000)), 431),
        (format!("{} / HTTP/1.1\r\nHost: x\r\n\r\n", "M".repeat(300_000)), 431),
        ("GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\u{1}b\r\n\r\n".to_owned(), 400),
        ("GET / a b c HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("\u{16}\u{3}\u{1} this would be TLS\r\n\r\n".to_owned(), 400),
    ] {
        let answer = raw(&server.base, request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.contains("content-length: 0\r\n") && answer.ends_with("\r\n\r\n"), "no body was added: {answer}");
    }
}

#[tokio::test]
async fn hardening_cors_is_off() {
    let server = server().await;
    let preflight = server
        .request(reqwest::Method::OPTIONS, "/api/v1/schedules")
        .header("Authorization", "Bearer org")
        .header("Origin", "https://evil.example")
        .header("Access-Control-Request-Method", "POST");
    let simple = server.request(reqwest::Method::GET, "/healthz").header("Origin", "https://evil.example");
    for request in [preflight, simple] {
        let answer = server.send(request).await;
        assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control-")), "{:?}", answer.headers);
    }
}

#[tokio::test]
async fn hardening_the_rate_limit_is_off_at_0() {
    let server = server_with(ApiConfig { requests_per_minute: 0, ..ApiConfig::default() }).await;
    for _ in 0..100 {
        server.get("/api/v1/user-attributes").await.ok();
    }
    assert_eq!(ApiConfig::default().requests_per_minute, 60);
}

type Limited = (String, tokio::sync::oneshot::Sender<()>, tokio::task::JoinHandle<std::io::Result<()>>);

async fn limited(limits: ServerLimits) -> Limited {
    limited_app(axum::Router::new().route("/", axum::routing::get(async || "ok")), limits).await
}

async fn limited_app(app: axum::Router, limits: ServerLimits) -> Limited {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(pressrun_api::serve(listener, app, limits, async {
        let _ = stopped.await;
    }));
    (address, stop, serving)
}

#[tokio::test(start_paused = true)]
async fn hardening_slow_headers_are_cut_off() {
    let (address, _stop, _) = limited(ServerLimits::default()).await;
    let began = tokio::time::Instant::now();
    let answer = raw(&address, b"GET / HTTP/1.1\r\nHost: x\r\n").await;
    assert!(!answer.contains("200 OK"), "{answer}");
    assert_eq!(began.elapsed().as_secs(), ServerLimits::default().header_timeout.as_secs());
}

#[tokio::test(start_paused = true)]
async fn hardening_a_client_that_says_nothing_is_cut_off() {
    let (address, _stop, _) = limited(ServerLimits::default()).await;
    for opening in ["", "G", "PRI * HTTP/2.0\r\n\r\nSM"] {
        let began = tokio::time::Instant::now();
        raw(&address, opening.as_bytes()).await;
        assert!(began.elapsed() <= ServerLimits::default().header_timeout, "{opening}");
    }
}

#[tokio::test(start_paused = true)]
async fn hardening_an_idle_connection_is_closed() {
    let (address, _stop, _) = limited(ServerLimits::default()).await;
    let began = tokio::time::Instant::now();
    let answer = raw(&address, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(began.elapsed().as_secs(), ServerLimits::default().header_timeout.as_secs());
}

#[tokio::test(start_paused = true)]
async fn hardening_a_client_that_reads_nothing_is_cut_off() {
    // Far more than the sockets' buffers hold.
    let app = axum::Router::new().route("/", axum::routing::get(async || vec![b'x'; 64 << 20]));
    let (address, _stop, _) = limited_app(app, ServerLimits::default()).await;
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    tokio::time::sleep(ServerLimits::default().write_timeout * 2).await;
    let mut received = Vec::new();
    let _ = stream.read_to_end(&mut received).await;
    assert!(!received.is_empty() && received.len() < 64 << 20, "{}", received.len());
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

/// Connects from another address of this machine.
async fn connect_from(local: &str, address: &str) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(format!("{local}:0").parse().unwrap()).unwrap();
    socket.connect(address.parse().unwrap()).await.unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn m8_half_open_requests_of_one_client_leave_places_for_another() {
    let limits = ServerLimits { max_connections: 8, connections_per_peer: 6, ..ServerLimits::default() };
    let (address, _stop, _) = limited(limits).await;
    let mut held = Vec::new();
    for _ in 0..6 {
        let mut stream = connect_from("127.0.0.2", &address).await;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").await.unwrap();
        held.push(stream);
    }
    for _ in 0..20 {
        let mut more = connect_from("127.0.0.2", &address).await;
        let mut rest = Vec::new();
        // Closed at once; it depends on the moment whether that is read as an end or as a reset.
        let _ = more.read_to_end(&mut rest).await;
        assert!(rest.is_empty(), "a seventh connection was served");
    }
    let mut other = connect_from("127.0.0.3", &address).await;
    other.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    other.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // What was half open is served still, and its place can be had again.
    let mut first = held.swap_remove(0);
    first.write_all(b"Connection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    first.read_to_string(&mut answer).await.unwrap();
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

/// A server with one request under way, which ends when told.
async fn with_a_request_under_way() -> (Limited, TcpStream, tokio::sync::mpsc::Sender<()>) {
    let (finish, finished) = tokio::sync::mpsc::channel::<()>(1);
    let (started, mut begun) = tokio::sync::mpsc::channel::<()>(1);
    let finished = std::sync::Arc::new(tokio::sync::Mutex::new(finished));
    let handler = axum::routing::get(async move || {
        started.send(()).await.unwrap();
        finished.lock().await.recv().await;
        "done"
    });
    let limited = limited_app(axum::Router::new().route("/", handler), ServerLimits::default()).await;
    let mut stream = TcpStream::connect(&limited.0).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    begun.recv().await.unwrap();
    (limited, stream, finish)
}

#[tokio::test]
async fn hardening_shutdown_lets_requests_finish() {
    let ((address, stop, serving), mut stream, finish) = with_a_request_under_way().await;
    stop.send(()).unwrap();
    // The listener is gone, the request is not.
    while TcpStream::connect(&address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    finish.send(()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"), "{answer}");
    serving.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn hardening_shutdown_does_not_wait_beyond_the_grace_period() {
    let ((_, stop, serving), _stream, _finish) = with_a_request_under_way().await;
    let began = tokio::time::Instant::now();
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
    assert_eq!(began.elapsed().as_secs(), ServerLimits::default().grace.as_secs());
}
