//! One HTTP/1.1 exchange on one checked connection: no proxy, no redirects, no reuse, a deadline on everything.
//!
//! A general HTTP client resolves names, follows redirects and asks proxies by itself; here each of these is a hole in the
//! egress policy. So the connection is made by our [`Dialer`], and `hyper` speaks on it.

use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HOST, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::io::ReaderStream;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use crate::dial::{Connection, DialError, Dialer, Trust};
use crate::outcome::{ANSWER_BYTES_MAX, chain, retry_after};
use crate::steps::step;

/// How much of an answer's body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// The beginning, for people: when only the rest is late or cut, what was read is enough, because the status decides.
    Beginning,
    /// All of it, because its words decide; an answer that is late, cut or too long is none.
    Whole,
}

impl Reading {
    fn bytes_max(self) -> usize {
        match self {
            // Room to find a secret that reaches over the end of what is kept.
            Self::Beginning => 2 * ANSWER_BYTES_MAX,
            Self::Whole => 1024 * 1024,
        }
    }
}

/// A body to send; its length is always known.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// A body of these bytes.
pub(crate) fn bytes_body(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A body of `before`, the first `len` bytes of the file, and `after`.
pub(crate) async fn file_body(before: Bytes, path: &Path, len: u64, after: Bytes) -> io::Result<Body> {
    let file = tokio::fs::File::open(path).await?;
    let stream = futures::stream::once(async move { Ok(before) })
        .chain(ReaderStream::with_capacity(file.take(len), 64 * 1024))
        .chain(futures::stream::once(async move { Ok(after) }))
        .map_ok(Frame::data);
    Ok(StreamBody::new(stream).boxed_unsync())
}

/// Makes exchanges under one policy.
#[derive(Clone)]
pub(crate) struct Http {
    pub(crate) dialer: Dialer,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The first bytes of the body, as text; not yet redacted.
    pub(crate) text: String,
}

impl Answer {
    /// The instant before which the remote does not want to be asked again.
    pub(crate) fn not_before(&self, now: Timestamp) -> Option<Timestamp> {
        self.headers.get(RETRY_AFTER)?.to_str().ok().and_then(|value| retry_after(value, now))
    }
}

/// Why nothing came back. `Display` names the phase.
#[derive(Debug)]
pub(crate) struct HttpError {
    /// The egress policy said no; waiting will not help.
    pub(crate) refused: bool,
    reason: String,
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl From<DialError> for HttpError {
    fn from(error: DialError) -> Self {
        Self { refused: error.refused, reason: error.to_string() }
    }
}

impl HttpError {
    fn at(phase: &str, error: impl fmt::Display) -> Self {
        Self { refused: false, reason: format!("{phase}: {error}") }
    }

    fn timed_out(phase: &str) -> Self {
        Self { refused: false, reason: format!("{phase}: timed out") }
    }
}

impl Http {
    /// Opens a connection to where `url` leads, with TLS if it says so.
    pub(crate) async fn connect(&self, url: &Url, trust: Trust) -> Result<Connection, HttpError> {
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(HttpError { refused: true, reason: "connect: the address has no host".to_owned() });
        };
        let host = host.to_owned();
        let stream = self.dialer.open(&host, port, trust).await?;
        if url.scheme() == "http" {
            return Ok(stream);
        }
        let stream = self.dialer.secure(&host, stream).await.map_err(|reason| HttpError::at("TLS", reason))?;
        Ok(Box::pin(stream))
    }

    /// Sends one request and reads the answer, all before `total` has passed.
    pub(crate) async fn exchange(
        &self,
        url: &Url,
        trust: Trust,
        mut request: Request<Body>,
        total: Duration,
        reading: Reading,
    ) -> Result<Answer, HttpError> {
        let deadline = Instant::now() + total;
        let wire =
            timeout(self.dialer.connect.min(total), self.connect(url, trust)).await.map_err(|_| HttpError::timed_out("connect"))??;
        if let Ok(host) = HeaderValue::from_str(&authority(url)) {
            request.headers_mut().insert(HOST, host);
        }
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let (mut sender, connection) = timeout_at(deadline, hyper::client::conn::http1::handshake(TokioIo::new(wire)))
            .await
            .map_err(|_| HttpError::timed_out("connect"))?
            .map_err(|error| HttpError::at("connect", error))?;
        // The connection is driven beside the exchange and ends with it.
        let _driver = AbortOnDropHandle::new(tokio::spawn(connection));
        let response = timeout_at(deadline, sender.send_request(request))
            .await
            .map_err(|_| HttpError::timed_out("answer"))?
            .map_err(|error| HttpError::at("answer", chain(&error)))?;
        let (parts, mut body) = response.into_parts();
        // Neither path nor words: an address may be a secret, and whoever asked judges and quotes the answer.
        step(|| format!("{} answered HTTP {}", url.host_str().unwrap_or_default(), parts.status));
        let (mut read, bytes_max) = (Vec::new(), reading.bytes_max());
        while read.len() < bytes_max {
            match timeout_at(deadline, body.frame()).await {
                Ok(Some(Ok(frame))) => read.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data)),
                Ok(None) => break,
                _ if reading == Reading::Beginning => break,
                Ok(Some(Err(error))) => return Err(HttpError::at("answer", chain(&error))),
                Err(_) => return Err(HttpError::timed_out("answer")),
            }
        }
        if reading == Reading::Whole && read.len() >= bytes_max {
            return Err(HttpError::at("answer", "too long"));
        }
        read.truncate(bytes_max);
        let text = match packed(&parts.headers) {
            // We ask for none (`identity`), and do not unpack what a stranger packed.
            Some(coding) => format!("(an answer packed with {coding})"),
            None => String::from_utf8_lossy(&read).into_owned(),
        };
        Ok(Answer { status: parts.status, headers: parts.headers, text })
    }
}

/// How the body is compressed, if it is.
fn packed(headers: &HeaderMap) -> Option<&str> {
    headers.get(CONTENT_ENCODING)?.to_str().ok().filter(|coding| !coding.eq_ignore_ascii_case("identity"))
}

/// `host` or `host:port`, as the Host header wants it.
pub(crate) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// The request target: path and query.
pub(crate) fn target(url: &Url) -> String {
    url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
}
