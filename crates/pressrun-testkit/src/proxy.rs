//! A wire that breaks: everything passes between a client and a real server until the byte at which it is cut or falls silent.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::Hang;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

/// What happens to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// On which way.
    pub way: Way,
    /// After so many bytes on that way, over all connections since the fault was set.
    pub after: u64,
    /// Whether the connection is closed, or carries nothing more on this way.
    pub cut: bool,
}

#[derive(Default)]
struct State {
    wear: Mutex<Wear>,
    hang: Hang,
}

/// What the wire has carried, and what it will bear.
#[derive(Default)]
struct Wear {
    fault: Option<Fault>,
    up: u64,
    down: u64,
}

impl State {
    fn wear(&self) -> MutexGuard<'_, Wear> {
        self.wear.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fault on this way, and the bytes that are left before it.
    fn left(&self, way: Way) -> Option<(Fault, u64)> {
        let wear = self.wear();
        let fault = wear.fault.filter(|fault| fault.way == way)?;
        Some((fault, fault.after.saturating_sub(if way == Way::Up { wear.up } else { wear.down })))
    }
}

/// The wire; it is gone when dropped.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Proxy {
    /// Leads to `server`, without a fault.
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                open.spawn(async move {
                    let Ok(server) = TcpStream::connect(server).await else { return };
                    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
                    let up = pump(from_client, to_server, Way::Up, &state);
                    let down = pump(from_server, to_client, Way::Down, &state);
                    let _ = tokio::try_join!(up, down);
                });
            }
        });
        Self { address, state, accepting }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What happens from now on; counting starts anew.
    pub fn break_with(&self, fault: Option<Fault>) {
        *self.state.wear() = Wear { fault, ..Wear::default() };
    }

    /// Bytes carried since counting started, over all connections: up and down.
    #[must_use]
    pub fn carried(&self) -> (u64, u64) {
        let wear = self.state.wear();
        (wear.up, wear.down)
    }

    /// Announces silence.
    #[must_use]
    pub fn hang(&self) -> Hang {
        self.state.hang.clone()
    }
}

/// The wire was cut: both ways end.
struct Cut;

async fn pump(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, way: Way, state: &State) -> Result<(), Cut> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let mut room = buffer.len();
        if let Some((fault, left)) = state.left(way) {
            if left == 0 {
                if fault.cut {
                    return Err(Cut);
                }
                state.hang.forever().await;
            }
            room = room.min(usize::try_from(left).unwrap_or(usize::MAX));
        }
        let count = from.read(&mut buffer[..room]).await.map_err(|_| Cut)?;
        if count == 0 {
            let _ = to.shutdown().await;
            return Ok(());
        }
        to.write_all(&buffer[..count]).await.map_err(|_| Cut)?;
        let mut wear = state.wear();
        match way {
            Way::Up => wear.up += count as u64,
            Way::Down => wear.down += count as u64,
        }
    }
}
