//! A webhook receiver inside the demo: it keeps what it receives as files.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use pressrun_domain::naming::safe_name;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A receiver that is running.
pub(crate) struct Receiver {
    address: SocketAddr,
}

impl Receiver {
    /// Starts on the port of the last start, or on a free one; keeps what it receives in `data/received`.
    pub(crate) async fn start(data: &Path, stop: CancellationToken) -> anyhow::Result<Self> {
        let folder = data.join("received");
        std::fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
        let kept = data.join("receiver-port");
        let port: u16 = std::fs::read_to_string(&kept).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        let listener = match TcpListener::bind(("127.0.0.1", port)).await {
            Ok(listener) => listener,
            Err(_) => TcpListener::bind(("127.0.0.1", 0)).await.context("could not start the demo's webhook receiver")?,
        };
        let address = listener.local_addr()?;
        std::fs::write(&kept, address.port().to_string()).with_context(|| format!("could not write {}", kept.display()))?;
        let router = Router::new().route("/orders", post(keep)).layer(DefaultBodyLimit::max(64 << 20)).with_state(folder);
        tokio::spawn(async move { axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await });
        Ok(Self { address })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address that webhooks post to.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/orders", self.address)
    }
}

/// Keeps a body under the name and the idempotency mark that it came with, so that a repeated delivery is one file.
async fn keep(State(folder): State<PathBuf>, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = safe_name(if header("x-filename").is_empty() { "webhook.json" } else { header("x-filename") });
    let mark = safe_name(header("idempotency-key"));
    let path = folder.join(format!("{}-{name}", mark.chars().rev().take(8).collect::<String>()));
    match tokio::fs::write(&path, &body).await {
        Ok(()) => (StatusCode::OK, format!("kept as {}", path.display())),
        Err(error) => (StatusCode::INSUFFICIENT_STORAGE, error.to_string()),
    }
}
