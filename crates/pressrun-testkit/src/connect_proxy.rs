//! An HTTP proxy that opens connections (`CONNECT`), and remembers what it was asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// The proxy; stops when dropped. Whatever it is asked for, it connects to one place.
pub struct ConnectProxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    accepting: JoinHandle<()>,
}

impl Drop for ConnectProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl ConnectProxy {
    /// Starts one that leads to `place`.
    pub async fn to(place: SocketAddr) -> Self {
        Self::start("HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n", Some(place)).await
    }

    /// Starts one that says this and hangs up.
    pub async fn saying(answer: &'static str) -> Self {
        Self::start(answer, None).await
    }

    async fn start(answer: &'static str, place: Option<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        let accepting = tokio::spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.spawn(serve(stream, answer, place, Arc::clone(&heard)));
            }
        });
        Self { address, asked, accepting }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address as a proxy's address is written.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The head of every request so far, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(mut client: TcpStream, answer: &str, place: Option<SocketAddr>, asked: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match client.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(String::from_utf8_lossy(&head).into_owned());
    let upstream = match place {
        Some(place) => TcpStream::connect(place).await.ok(),
        None => None,
    };
    if client.write_all(answer.as_bytes()).await.is_ok()
        && let Some(mut upstream) = upstream
    {
        let _ = tokio::io::copy_bidirectional(&mut client, &mut upstream).await;
    }
}
