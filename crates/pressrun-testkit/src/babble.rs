//! A server that speaks no protocol: it says the same bytes to everyone, then closes, falls silent or goes on for ever.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::Hang;
use crate::hang::drip;

/// What follows the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Afterwards {
    /// The connection is closed.
    Close,
    /// Nothing more comes.
    Silence,
    /// This byte, once a second, without an end.
    Drip(u8),
    /// This byte, as fast as it is read, without an end.
    Flood(u8),
}

/// The server; stops when dropped.
pub struct Babbler {
    address: SocketAddr,
    connections: Arc<watch::Sender<usize>>,
    hang: Hang,
    accepting: JoinHandle<()>,
}

impl Drop for Babbler {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Babbler {
    /// Says `bytes` to everyone who connects, whatever they say.
    pub async fn start(bytes: impl Into<Vec<u8>>, afterwards: Afterwards) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (bytes, hang, connections) = (Arc::new(bytes.into()), Hang::default(), Arc::new(watch::Sender::new(0)));
        let (announced, counted) = (hang.clone(), Arc::clone(&connections));
        let accepting = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                counted.send_modify(|count| *count += 1);
                open.spawn(babble(stream, Arc::clone(&bytes), afterwards, announced.clone()));
            }
        });
        Self { address, connections, hang, accepting }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections were made.
    #[must_use]
    pub fn connections(&self) -> usize {
        *self.connections.borrow()
    }

    /// Announces silence and dripping.
    #[must_use]
    pub fn hang(&self) -> Hang {
        self.hang.clone()
    }
}

async fn babble(stream: TcpStream, bytes: Arc<Vec<u8>>, afterwards: Afterwards, hang: Hang) {
    let (mut heard, mut said) = stream.into_split();
    // What the client says is read and dropped, or a full buffer would hold it up.
    let listening = tokio::spawn(async move {
        let mut ignored = vec![0; 16 * 1024];
        while heard.read(&mut ignored).await.is_ok_and(|count| count > 0) {}
    });
    if said.write_all(&bytes).await.is_ok() {
        match afterwards {
            Afterwards::Close => {}
            Afterwards::Silence => hang.forever().await,
            Afterwards::Drip(byte) => drop(drip(&mut said, &[byte], &hang).await),
            Afterwards::Flood(byte) => while said.write_all(&[byte; 16 * 1024]).await.is_ok() {},
        }
    }
    let _ = said.shutdown().await;
    let _ = listening.await;
}
