//! One HTTP/1.1 exchange on one checked connection: no proxy, no redirects, no reuse, a deadline on everything.
//!
//! A general HTTP client resolves names, follows redirects and asks proxies by itself; here each of these is a hole in the
//! egress policy. So the connection is made by us, to an address that [`EgressPolicy`] returned, and `hyper` speaks on it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
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
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::client::TlsStream;
use tokio_util::io::ReaderStream;
use tokio_util::task::AbortOnDropHandle;
use url::{Host, Url};

use crate::egress::{EgressPolicy, Resolve, ResolveError};
use crate::outcome::{ANSWER_BYTES_MAX, retry_after};
use crate::tls;

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

/// Either end of the wire, encrypted or not.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Wire for T {}

/// Makes exchanges under one policy.
#[derive(Clone)]
pub(crate) struct Http {
    pub(crate) egress: EgressPolicy,
    pub(crate) resolver: Arc<dyn Resolve>,
    pub(crate) tls: Arc<rustls::ClientConfig>,
    pub(crate) connect: Duration,
}

/// Whose address it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A tenant typed it: the egress policy applies.
    Tenant,
    /// The operator configured it: taken as it is.
    Operator,
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

impl HttpError {
    fn at(phase: &str, error: impl fmt::Display) -> Self {
        Self { refused: false, reason: format!("{phase}: {error}") }
    }

    fn timed_out(phase: &str) -> Self {
        Self { refused: false, reason: format!("{phase}: timed out") }
    }
}

/// The whole chain of an error in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let more = source.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        next = source.source();
    }
    text
}

impl Http {
    /// Looks up, checks and connects to `host`.
    pub(crate) async fn open(&self, host: &Host, port: u16, owner: Owner) -> Result<TcpStream, HttpError> {
        let addresses = self.addresses(host, port, owner).await.map_err(|error| HttpError {
            refused: matches!(error, ResolveError::Refused(_)),
            reason: format!("connect: {}", chain(&error)),
        })?;
        // An address that swallows packets must not use up the time of those after it.
        let share = self.connect / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
        let mut last = "no address".to_owned();
        for address in addresses {
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => last = error.to_string(),
                Err(_) => "timed out".clone_into(&mut last),
            }
        }
        Err(HttpError::at("connect", last))
    }

    /// TLS on an open connection; the certificate must be trusted and carry `host`.
    ///
    /// # Errors
    /// What is wrong, in plain words.
    pub(crate) async fn secure<S: Wire>(&self, host: &Host, stream: S) -> Result<TlsStream<S>, String> {
        let name = server_name(host).ok_or("the host is no valid name")?;
        let connector = tokio_rustls::TlsConnector::from(Arc::clone(&self.tls));
        connector.connect(name, stream).await.map_err(|error| tls::explained(&error))
    }

    /// Where `host` may be reached; only what a tenant typed is judged.
    pub(crate) async fn addresses(&self, host: &Host, port: u16, owner: Owner) -> Result<Vec<SocketAddr>, ResolveError> {
        match (owner, host) {
            (Owner::Tenant, host) => self.egress.resolve_checked(self.resolver.as_ref(), host, port).await,
            (Owner::Operator, Host::Ipv4(address)) => Ok(vec![SocketAddr::new((*address).into(), port)]),
            (Owner::Operator, Host::Ipv6(address)) => Ok(vec![SocketAddr::new((*address).into(), port)]),
            (Owner::Operator, Host::Domain(name)) => {
                let lookup = |source| ResolveError::Lookup { host: name.clone(), source };
                let found = self.resolver.resolve(name).await.map_err(lookup)?;
                Ok(found.into_iter().map(|address| SocketAddr::new(address, port)).collect())
            }
        }
    }

    async fn connect(&self, url: &Url, owner: Owner) -> Result<Pin<Box<dyn Wire>>, HttpError> {
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(HttpError { refused: true, reason: "connect: the address has no host".to_owned() });
        };
        let host = host.to_owned();
        let stream = self.open(&host, port, owner).await?;
        if url.scheme() == "http" {
            return Ok(Box::pin(stream));
        }
        let stream = self.secure(&host, stream).await.map_err(|reason| HttpError::at("TLS", reason))?;
        Ok(Box::pin(stream))
    }

    /// Sends one request and reads the answer, all before `total` has passed.
    pub(crate) async fn exchange(
        &self,
        url: &Url,
        owner: Owner,
        mut request: Request<Body>,
        total: Duration,
        reading: Reading,
    ) -> Result<Answer, HttpError> {
        let deadline = Instant::now() + total;
        let wire = timeout(self.connect.min(total), self.connect(url, owner)).await.map_err(|_| HttpError::timed_out("connect"))??;
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

/// The name that a certificate must carry.
pub(crate) fn server_name(host: &Host) -> Option<ServerName<'static>> {
    match host {
        Host::Domain(name) => ServerName::try_from(name.strip_suffix('.').unwrap_or(name).to_owned()).ok(),
        Host::Ipv4(address) => Some(ServerName::from(std::net::IpAddr::V4(*address))),
        Host::Ipv6(address) => Some(ServerName::from(std::net::IpAddr::V6(*address))),
    }
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
