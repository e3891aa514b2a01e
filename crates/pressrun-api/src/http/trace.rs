//! One line in the log for each request, and the id that the answer, the audit and every other line about it carry.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
use ipnet::IpNet;
use pressrun_domain::access::Actor;
use pressrun_domain::audit::{Origin, RequestId};
use pressrun_domain::trace::TraceContext;
use tracing::Instrument;
use tracing::field::Empty;

use super::method;

/// The header that carries the id of the client's making to us, and the one of ours back.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The header by which a caller says which trace a request belongs to.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Most hops of a forwarding header that are looked at.
const HOPS: usize = 32;

/// The other end of the connection that a request came by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Proxies that are believed about where requests come from.
pub type TrustedProxies = Vec<IpNet>;

/// What the inside of the server found out about a request, for its line in the log.
#[derive(Debug, Clone, Default)]
pub struct Noted(Arc<Notes>);

#[derive(Debug, Default)]
struct Notes {
    route: OnceLock<String>,
    actor: OnceLock<Actor>,
}

impl Noted {
    /// The notes of a request; those of a request that nobody logs are thrown away.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_default()
    }

    /// Notes which route it took.
    pub fn route(&self, extensions: &Extensions) {
        if let Some(route) = extensions.get::<MatchedPath>() {
            let _ = self.0.route.set(route.as_str().to_owned());
        }
    }

    /// Notes who made it.
    pub fn actor(&self, actor: Actor) {
        let _ = self.0.actor.set(actor);
    }
}

/// Where a request came from, as [`traced`] found out.
#[must_use]
pub fn origin(extensions: &Extensions) -> Origin {
    extensions.get::<Origin>().copied().unwrap_or_default()
}

/// Gives each request an id and the address it came from, and logs it under the target `pressrun::access` when its answer is over.
pub fn traced(router: Router, proxies: TrustedProxies) -> Router {
    router.layer(from_fn_with_state(Arc::new(proxies), trace))
}

async fn trace(State(proxies): State<Arc<TrustedProxies>>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    // The audit keeps an id of ours: one that clients choose could be that of somebody else's request. Theirs stands beside it in the log.
    let id = RequestId::generate();
    let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok()?.parse().ok());
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0.ip());
    let source = peer.map(|peer| client(peer, request.headers(), &proxies));
    let noted = Noted::default();
    request.extensions_mut().insert(noted.clone());
    request.extensions_mut().insert(Origin { source, request: Some(id) });
    let method = method::name(request.method());
    // A caller's trace goes on here, if they say which (W3C Trace Context).
    let before: Option<TraceContext> = request.headers().get(TRACEPARENT).and_then(|value| value.to_str().ok()?.parse().ok());
    let before = before.map(|trace| trace.to_string());
    let span = tracing::error_span!(
        target: "pressrun::trace",
        "request",
        request_id = %id,
        method,
        traceparent = before,
        route = Empty,
        status = Empty,
        failed = Empty,
    );
    let mut response = next.run(request).instrument(span.clone()).await;
    span.record("route", noted.0.route.get().map_or("none", String::as_str)).record("status", response.status().as_u16());
    span.record("failed", response.status().is_server_error());
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let line = Line { method, status: response.status(), source, id, given, noted, began };
    response.map(|inner| Body::new(Measured { inner, bytes: 0, line }))
}

/// The last address on the way that is no trusted proxy. What stands before it in the headers is what the client says.
///
/// A proxy writes `X-Forwarded-For` or `Forwarded` (RFC 7239) and passes the other one on as the client sent it. Where both are there and say
/// different things, neither is believed: whoever adds the one that the proxy does not write would choose their own address.
fn client(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    let peer = peer.to_canonical();
    let trusted = |address: &IpAddr| proxies.iter().any(|net| net.contains(address));
    if !trusted(&peer) {
        return peer;
    }
    let along = |hops: Vec<Option<IpAddr>>| {
        let mut last = peer;
        for hop in hops.into_iter().rev().take(HOPS) {
            // A hop that hides or cannot be read ends the way: nothing before it can be believed.
            let Some(address) = hop else { return last };
            last = address;
            if !trusted(&address) {
                return address;
            }
        }
        last
    };
    match (usual_hops(headers).map(along), standard_hops(headers).map(along)) {
        (Some(one), Some(other)) if one != other => peer,
        (Some(address), _) | (None, Some(address)) => address,
        (None, None) => peer,
    }
}

/// Addresses of `X-Forwarded-For` in order, `None` for what is no address.
fn usual_hops(headers: &HeaderMap) -> Option<Vec<Option<IpAddr>>> {
    let list = joined(headers, &HeaderName::from_static("x-forwarded-for"))?;
    Some(list.split(',').map(address).collect())
}

/// Addresses of `Forwarded` (RFC 7239) in order, `None` for what is no address.
fn standard_hops(headers: &HeaderMap) -> Option<Vec<Option<IpAddr>>> {
    let element = |element: &str| {
        let named = element.split(';').filter_map(|pair| pair.split_once('='));
        let found = named.into_iter().find(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
        found.and_then(|(_, value)| address(value))
    };
    let list = joined(headers, &header::FORWARDED)?;
    Some(list.split(',').map(element).collect())
}

/// All lines of a header as one list.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let lines: Vec<&str> = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default()).collect();
    (!lines.is_empty()).then(|| lines.join(","))
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `"[2001:db8::1]:80"`.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let bare = text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(address, _)| address);
    let parsed = bare.unwrap_or(text).parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    parsed.map(|address: IpAddr| address.to_canonical())
}

/// What is logged of one request.
struct Line {
    method: &'static str,
    status: StatusCode,
    source: Option<IpAddr>,
    id: RequestId,
    /// What the client calls it.
    given: Option<RequestId>,
    noted: Noted,
    began: Instant,
}

impl Line {
    fn log(&self, bytes: u64, complete: bool) {
        let actor = self.noted.0.actor.get();
        tracing::info!(
            target: "pressrun::access",
            method = self.method,
            route = self.noted.0.route.get().map_or("none", String::as_str),
            status = self.status.as_u16(),
            ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            bytes,
            complete,
            key = %Shown(actor.and_then(|actor| actor.key)),
            session = %Shown(actor.and_then(|actor| actor.session)),
            member = %Shown(actor.map(|actor| actor.member)),
            source = %Shown(self.source),
            request_id = %self.id,
            client_request_id = %Shown(self.given),
            "request"
        );
    }
}

/// A value, or a hyphen.
struct Shown<T>(Option<T>);

impl<T: fmt::Display> fmt::Display for Shown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("-"),
        }
    }
}

/// A body that logs its request when it is over, also when the client left before.
struct Measured {
    inner: Body,
    bytes: u64,
    line: Line,
}

impl HttpBody for Measured {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            self.bytes += data.len() as u64;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        self.line.log(self.bytes, self.inner.is_end_stream());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn h3_the_source_is_the_last_hop_that_is_no_trusted_proxy() {
        let proxies: TrustedProxies = ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse().expect("a network")).into();
        for (case, peer, name, value, expected) in [
            ("nobody said anything", "10.0.0.1", "x-other", "1.2.3.4", "10.0.0.1"),
            ("a stranger is not believed", "192.0.2.9", "x-forwarded-for", "1.2.3.4", "192.0.2.9"),
            ("one proxy", "10.0.0.1", "x-forwarded-for", "1.2.3.4", "1.2.3.4"),
            ("what the client says itself is not believed", "10.0.0.1", "x-forwarded-for", "6.6.6.6, 1.2.3.4", "1.2.3.4"),
            ("two proxies", "10.0.0.1", "x-forwarded-for", "6.6.6.6, 1.2.3.4, 10.9.9.9", "1.2.3.4"),
            ("only proxies", "10.0.0.1", "x-forwarded-for", "10.1.1.1, 10.2.2.2", "10.1.1.1"),
            ("what cannot be read ends the way", "10.0.0.1", "x-forwarded-for", "1.2.3.4, hidden", "10.0.0.1"),
            ("with a port", "10.0.0.1", "x-forwarded-for", "1.2.3.4:5678", "1.2.3.4"),
            ("version 6", "fd00::1", "x-forwarded-for", "2001:db8::7", "2001:db8::7"),
            ("the standard header", "10.0.0.1", "forwarded", "for=6.6.6.6, for=\"[2001:db8::7]:99\";proto=https", "2001:db8::7"),
            ("its word is in any case", "10.0.0.1", "forwarded", "proto=http;FOR=1.2.3.4", "1.2.3.4"),
            ("a hidden hop", "10.0.0.1", "forwarded", "for=1.2.3.4, for=unknown", "10.0.0.1"),
            ("version 4 in version 6", "::ffff:10.0.0.1", "x-forwarded-for", "::ffff:1.2.3.4", "1.2.3.4"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            assert_eq!(client(ip(peer), &headers, &proxies), ip(expected), "{case}");
        }
    }

    #[test]
    fn h3_a_header_that_the_proxy_does_not_write_chooses_no_source() {
        let proxies: TrustedProxies = vec!["10.0.0.0/8".parse().expect("a network")];
        for (case, usual, standard, expected) in [
            ("a proxy that writes the usual one", "1.2.3.4", "for=6.6.6.6", "10.0.0.1"),
            ("one that writes the standard one", "6.6.6.6", "for=1.2.3.4", "10.0.0.1"),
            ("the other says nothing that can be read", "1.2.3.4", "for=_hidden", "10.0.0.1"),
            ("one that writes both", "6.6.6.6, 1.2.3.4", "for=7.7.7.7, for=1.2.3.4", "1.2.3.4"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", HeaderValue::from_static(usual));
            headers.insert(header::FORWARDED, HeaderValue::from_static(standard));
            assert_eq!(client(ip("10.0.0.1"), &headers, &proxies), ip(expected), "{case}");
        }
    }

    #[test]
    fn h3_a_thousand_hops_are_not_walked() {
        let proxies: TrustedProxies = vec!["10.0.0.0/8".parse().expect("a network")];
        let mut headers = HeaderMap::new();
        let long = format!("1.2.3.4{}", ", 10.0.0.2".repeat(1000));
        headers.insert("x-forwarded-for", HeaderValue::from_str(&long).expect("a value"));
        assert_eq!(client(ip("10.0.0.1"), &headers, &proxies), ip("10.0.0.2"));
    }
}
