//! Serving: bounded connections, in all and for each client, slow clients cut off, and a shutdown that lets requests finish.
//!
//! What is no HTTP is refused by the HTTP library itself, before a router sees it, and with an empty body.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

use crate::http::Peer;
use crate::peers::Peers;
use crate::write_deadline::WriteDeadline;

/// Failed accepts in a row after which the listener is given up: about a minute.
const MAX_ACCEPT_FAILURES: u32 = 600;

/// Wait after a failed accept; other connections close in the meantime.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What one server takes on at a time.
#[derive(Debug, Clone)]
pub struct ServerLimits {
    /// Connections open at once; further ones wait in the listener's queue.
    pub max_connections: usize,
    /// Connections that one client (an IPv4 address, or an IPv6 network of 64 bits) holds at once; further ones are closed unanswered, so
    /// that the others still find a place.
    pub connections_per_peer: usize,
    /// How long a client may take to send its headers, and how long a connection may idle before the next request.
    pub header_timeout: Duration,
    /// Headers of one request.
    pub max_headers: usize,
    /// Bytes of one request's head.
    pub max_head_bytes: usize,
    /// How long a client may leave an answer unread.
    pub write_timeout: Duration,
    /// How long requests may go on after shutdown was asked for.
    pub grace: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            max_connections: 1024,
            connections_per_peer: 256,
            header_timeout: Duration::from_secs(15),
            max_headers: 100,
            max_head_bytes: 32 * 1024,
            write_timeout: Duration::from_secs(30),
            grace: Duration::from_secs(5),
        }
    }
}

/// Serves `app` on `listener` until `shutdown` ends, then lets open requests finish within the grace period.
///
/// A failed accept (out of file descriptors, say) is logged and tried again.
///
/// # Errors
/// Nothing could be accepted many times in a row.
pub async fn serve(listener: TcpListener, app: Router, limits: ServerLimits, shutdown: impl Future<Output = ()>) -> std::io::Result<()> {
    // HTTP/2 stays with the proxy that speaks TLS: here it would be a second way to hold a connection without sending a request.
    let mut builder = Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_headers(limits.max_headers)
        .max_buf_size(limits.max_head_bytes);
    let builder = Arc::new(builder);
    let slots = Arc::new(Semaphore::new(limits.max_connections.max(1)));
    let peers = Peers::new(limits.connections_per_peer);
    let graceful = GracefulShutdown::new();
    let mut failures = 0;
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let next = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            (slot, listener.accept().await)
        };
        let (slot, accepted) = tokio::select! {
            biased;
            () = &mut shutdown => break,
            next = next => next,
        };
        let (stream, address, peer) = match accepted {
            Ok((stream, address)) => (stream, address, peers.admit(address.ip())),
            Err(error) => {
                failures += 1;
                if failures >= MAX_ACCEPT_FAILURES {
                    return Err(error);
                }
                tracing::warn!(%error, failures, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        failures = 0;
        let Some(peer) = peer else {
            metrics::counter!("pressrun_connections_refused_total").increment(1);
            tracing::debug!(%address, limit = limits.connections_per_peer, "a connection was closed: its client has too many");
            continue;
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection closed before it was served");
        }
        let service = app.clone().map_request(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(address));
            request
        });
        let service = TowerToHyperService::new(service);
        let (builder, watcher) = (Arc::clone(&builder), graceful.watcher());
        let stream = WriteDeadline::new(stream, limits.write_timeout);
        tokio::spawn(async move {
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            if let Err(error) = watcher.watch(connection).await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop((slot, peer));
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.grace, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still open after the grace period");
    }
    Ok(())
}
