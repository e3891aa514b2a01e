//! An HTTP/1.1 receiver that records every request and answers as told. Written on the socket, because a well-behaved
//! server framework cannot be made to hang, to drip or to cut an answer in the middle.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::hang::drip;
use crate::{Hang, TestCertificate};

/// One request as it came over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedRequest {
    /// `POST`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// The body, unchunked.
    pub body: Vec<u8>,
}

impl ReceivedRequest {
    /// The first header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// How an answer misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HttpBehaviour {
    /// Not at all.
    #[default]
    Plain,
    /// Reads the request, then never answers.
    Hang,
    /// Sends status and headers, then nothing more of the body.
    HangInBody,
    /// Closes the connection after reading the request.
    Drop,
    /// Closes the connection in the middle of the body.
    CutBody,
    /// Sends the body byte by byte, then goes silent before its end.
    Drip,
    /// Sends one byte of the body a second, again and again, without an end.
    DripForever,
    /// Sends the body again and again, as fast as it is read, without an end.
    Endless,
}

/// One scripted answer.
#[derive(Debug, Clone, Default)]
pub struct HttpAnswer {
    /// Status code.
    pub status: u16,
    /// Headers besides `Content-Length` and `Connection`.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
    /// How it misbehaves.
    pub behaviour: HttpBehaviour,
}

impl HttpAnswer {
    /// An answer with this status and text.
    #[must_use]
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, body: body.into(), ..Self::default() }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Misbehaving.
    #[must_use]
    pub fn behaving(mut self, behaviour: HttpBehaviour) -> Self {
        self.behaviour = behaviour;
        self
    }
}

/// Answers a request by what is in it.
type Answering = Box<dyn Fn(&ReceivedRequest) -> HttpAnswer + Send + Sync>;

struct State {
    answers: Mutex<VecDeque<HttpAnswer>>,
    answering: Option<Answering>,
    failing: Mutex<Option<(usize, HttpAnswer)>>,
    default: Mutex<HttpAnswer>,
    requests: watch::Sender<Vec<ReceivedRequest>>,
    connections: watch::Sender<usize>,
    hang: Hang,
}

impl State {
    /// The failure that was ordered, when its time has come.
    fn failure(&self) -> Option<HttpAnswer> {
        let mut failing = lock(&self.failing);
        let (good, answer) = failing.take()?;
        if good == 0 {
            return Some(answer);
        }
        *failing = Some((good - 1, answer));
        None
    }
}

/// The receiver; stops when dropped.
pub struct HttpReceiver {
    address: SocketAddr,
    state: Arc<State>,
    scheme: &'static str,
    accepting: JoinHandle<()>,
}

impl Drop for HttpReceiver {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl HttpReceiver {
    /// Listens; answers 200 until told otherwise.
    pub async fn start() -> Self {
        Self::listen(None, None).await
    }

    /// Listens; what was not scripted with [`HttpReceiver::push`] is answered by `answering`.
    pub async fn serving(answering: impl Fn(&ReceivedRequest) -> HttpAnswer + Send + Sync + 'static) -> Self {
        Self::listen(None, Some(Box::new(answering))).await
    }

    /// Listens with TLS.
    pub async fn start_tls(certificate: &TestCertificate) -> Self {
        Self::listen(Some(TlsAcceptor::from(Arc::clone(&certificate.server))), None).await
    }

    async fn listen(tls: Option<TlsAcceptor>, answering: Option<Answering>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State {
            answers: Mutex::default(),
            answering,
            failing: Mutex::default(),
            default: Mutex::new(HttpAnswer::new(200, "ok")),
            requests: watch::Sender::new(Vec::new()),
            connections: watch::Sender::new(0),
            hang: Hang::default(),
        });
        let scheme = if tls.is_some() { "https" } else { "http" };
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                shared.connections.send_modify(|count| *count += 1);
                let (state, tls) = (Arc::clone(&shared), tls.clone());
                open.spawn(async move {
                    match tls {
                        None => serve(stream, &state).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, &state).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, state, scheme, accepting }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// An address on it: `http://127.0.0.1:PORT/path` (`https://localhost:PORT/path` with TLS).
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        let host = if self.scheme == "https" { format!("localhost:{}", self.address.port()) } else { self.address.to_string() };
        format!("{}://{host}{path}", self.scheme)
    }

    /// The next answers, one a request.
    pub fn push(&self, answers: impl IntoIterator<Item = HttpAnswer>) {
        lock(&self.state.answers).extend(answers);
    }

    /// Answers as usual `good` times, then once with `answer`.
    pub fn fail_after(&self, good: usize, answer: HttpAnswer) {
        *lock(&self.state.failing) = Some((good, answer));
    }

    /// The answer when no other is left.
    pub fn always(&self, answer: HttpAnswer) {
        *lock(&self.state.default) = answer;
    }

    /// Everything received so far.
    #[must_use]
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.state.requests.borrow().clone()
    }

    /// How many connections were made.
    #[must_use]
    pub fn connections(&self) -> usize {
        *self.state.connections.borrow()
    }

    /// Ends when `count` requests were received, and answers with them.
    pub async fn wait_for(&self, count: usize) -> Vec<ReceivedRequest> {
        let mut requests = self.state.requests.subscribe();
        requests.wait_for(|found| found.len() >= count).await.expect("the receiver lives").clone()
    }

    /// Announces silence that the script asked for.
    #[must_use]
    pub fn hang(&self) -> Hang {
        self.state.hang.clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, state: &State) {
    let mut stream = BufReader::new(stream);
    let Some(request) = read_request(&mut stream).await else { return };
    let scripted = state.failure().or_else(|| lock(&state.answers).pop_front());
    let answered = scripted.or_else(|| state.answering.as_ref().map(|answering| answering(&request)));
    let answer = answered.unwrap_or_else(|| lock(&state.default).clone());
    let head_only = request.method == "HEAD";
    state.requests.send_modify(|requests| requests.push(request));
    match answer.behaviour {
        HttpBehaviour::Hang => return state.hang.forever().await,
        HttpBehaviour::Drop => return,
        _ => {}
    }
    let mut head = format!("HTTP/1.1 {} Scripted\r\nConnection: close\r\n", answer.status);
    if !matches!(answer.behaviour, HttpBehaviour::DripForever | HttpBehaviour::Endless) {
        let _ = write!(head, "Content-Length: {}\r\n", answer.body.len());
    }
    for (name, value) in &answer.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head.push_str("\r\n");
    let _ = stream.write_all(head.as_bytes()).await;
    if head_only {
        let _ = stream.flush().await;
        let _ = stream.shutdown().await;
        return;
    }
    let half = answer.body.len() / 2;
    match answer.behaviour {
        HttpBehaviour::HangInBody => {
            let _ = stream.flush().await;
            state.hang.forever().await;
        }
        HttpBehaviour::CutBody => drop(stream.write_all(&answer.body[..half]).await),
        HttpBehaviour::Drip => {
            for byte in &answer.body[..half] {
                let _ = stream.write_all(&[*byte]).await;
                let _ = stream.flush().await;
            }
            state.hang.forever().await;
        }
        HttpBehaviour::DripForever => drop(drip(&mut stream, &answer.body, &state.hang).await),
        HttpBehaviour::Endless => while stream.write_all(&answer.body).await.is_ok() {},
        _ => drop(stream.write_all(&answer.body).await),
    }
    let _ = stream.flush().await;
    let _ = stream.shutdown().await;
}

async fn read_request(stream: &mut BufReader<impl AsyncRead + Unpin>) -> Option<ReceivedRequest> {
    let first = line(stream).await?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut request = ReceivedRequest { method, path, headers: Vec::new(), body: Vec::new() };
    loop {
        let header = line(stream).await?;
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(':')?;
        request.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    if let Some(length) = request.header("content-length").and_then(|value| value.parse::<usize>().ok()) {
        request.body = vec![0; length];
        stream.read_exact(&mut request.body).await.ok()?;
    } else if request.header("transfer-encoding").is_some() {
        loop {
            let length = usize::from_str_radix(line(stream).await?.split(';').next()?.trim(), 16).ok()?;
            let mut chunk = vec![0; length];
            stream.read_exact(&mut chunk).await.ok()?;
            line(stream).await?;
            if length == 0 {
                break;
            }
            request.body.append(&mut chunk);
        }
    }
    Some(request)
}

async fn line(stream: &mut BufReader<impl AsyncRead + Unpin>) -> Option<String> {
    let mut line = String::new();
    let read = stream.read_line(&mut line).await.ok()?;
    (read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
}
