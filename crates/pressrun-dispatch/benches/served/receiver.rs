//! Takes whatever is posted or mailed to it, and says thank you.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A server on a thread of its own.
pub(crate) struct Receiver {
    pub(crate) port: u16,
    taken: Arc<AtomicUsize>,
}

impl Receiver {
    /// One for HTTP.
    pub(crate) fn of_posts() -> Self {
        Self::start(take_posts)
    }

    /// One for SMTP.
    pub(crate) fn of_mails() -> Self {
        Self::start(take_mails)
    }

    fn start<F: Future<Output = ()> + Send + 'static>(take: fn(TcpStream, Arc<AtomicUsize>) -> F) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let (port, taken) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&taken);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    stream.set_nodelay(true).unwrap();
                    tokio::spawn(take(stream, Arc::clone(&count)));
                }
            });
        });
        Self { port, taken }
    }

    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

async fn take_posts(stream: TcpStream, count: Arc<AtomicUsize>) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    loop {
        let mut length = 0;
        loop {
            line.clear();
            if !matches!(stream.read_line(&mut line).await, Ok(1..)) {
                return;
            }
            if line == "\r\n" {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; length];
        if stream.read_exact(&mut body).await.is_err() {
            return;
        }
        count.fetch_add(1, Ordering::Relaxed);
        if stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.is_err() {
            return;
        }
    }
}

async fn take_mails(stream: TcpStream, count: Arc<AtomicUsize>) {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    let mut in_message = false;
    let mut answer: &[u8] = b"220 sink.example\r\n";
    loop {
        if stream.get_mut().write_all(answer).await.is_err() {
            return;
        }
        loop {
            line.clear();
            if !matches!(stream.read_until(b'\n', &mut line).await, Ok(1..)) {
                return;
            }
            if !in_message || line == b".\r\n" {
                break;
            }
        }
        answer = match line.get(..4) {
            _ if in_message => {
                in_message = false;
                count.fetch_add(1, Ordering::Relaxed);
                b"250 taken\r\n"
            }
            Some(b"EHLO") => b"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 50000000\r\n",
            Some(b"DATA") => {
                in_message = true;
                b"354 go on\r\n"
            }
            Some(b"QUIT") => b"221 bye\r\n",
            _ => b"250 ok\r\n",
        };
    }
}
