//! The connections on which `object_store` speaks: ours, so that the address that is connected to is judged, nothing is redirected, and
//! every call has a deadline.
//!
//! The library tells errors as prose. What was answered is kept here instead, where it can be judged by its words.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::header::HOST;
use hyper::{Method, Request};
use jiff::Timestamp;
use object_store::ClientOptions;
use object_store::client::{HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService};
use url::Url;

use super::fault::Fault;
use super::xml::text_of;
use crate::dial::Trust;
use crate::http::{Answer, Http, Reading, target};

/// Connections for one purpose.
#[derive(Clone)]
pub(super) struct Wire {
    http: Http,
    trust: Trust,
    /// For each call.
    deadline: Duration,
    now: Timestamp,
    heard: Arc<Mutex<Heard>>,
}

/// What became of the calls so far.
#[derive(Default)]
struct Heard {
    fault: Option<Trouble>,
    stored: bool,
}

/// Why a call did not succeed.
pub(super) enum Trouble {
    /// There was an answer, and it is no success.
    Answered(&'static str, Fault),
    /// There was none.
    Silent {
        phase: &'static str,
        /// The egress policy said no.
        refused: bool,
        reason: String,
    },
}

impl Wire {
    pub(super) fn new(http: Http, trust: Trust, deadline: Duration, now: Timestamp) -> Self {
        Self { http, trust, deadline, now, heard: Arc::default() }
    }

    /// The first trouble since it was last asked for.
    pub(super) fn take_trouble(&self) -> Option<Trouble> {
        self.heard().fault.take()
    }

    /// Whether the store has said that it has the whole object.
    pub(super) fn stored(&self) -> bool {
        self.heard().stored
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One call; `Err` when it did not succeed.
    pub(super) async fn ask(&self, phase: &'static str, request: HttpRequest) -> Result<Answer, Trouble> {
        let silent = |refused: bool, reason: String| Trouble::Silent { phase, refused, reason };
        let (mut parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string()).map_err(|error| silent(true, error.to_string()))?;
        parts.uri = target(&url).parse().map_err(|_| silent(true, "the address is not valid".to_owned()))?;
        parts.headers.remove(HOST);
        let request = Request::from_parts(parts, body.map_err(io::Error::other).boxed_unsync());
        let answer = self.http.exchange(&url, self.trust, request, self.deadline, Reading::Whole).await;
        let answer = answer.map_err(|error| silent(error.refused, error.to_string()))?;
        // Completing an upload in parts can fail after its 200.
        let failed_late = phase == COMPLETE && text_of(&answer.text, "Code").is_some();
        if answer.status.is_success() && !failed_late { Ok(answer) } else { Err(Trouble::Answered(phase, Fault::of(&answer, self.now))) }
    }
}

/// The call after which an object in parts is there.
const COMPLETE: &str = "complete parts";

/// What a call of the S3 API does.
fn phase(request: &HttpRequest) -> &'static str {
    let query = request.uri().query().unwrap_or_default();
    match *request.method() {
        Method::PUT if query.contains("partNumber=") => "part",
        Method::PUT => "put",
        Method::POST if query.starts_with("uploads") => "begin parts",
        Method::POST if query.starts_with("uploadId=") => COMPLETE,
        Method::DELETE => "abort parts",
        _ => "call",
    }
}

#[async_trait]
impl HttpService for Wire {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let phase = phase(&request);
        match self.ask(phase, request).await {
            Ok(answer) => {
                self.heard().stored |= matches!(phase, "put" | COMPLETE);
                let mut response = HttpResponse::new(HttpResponseBody::from(Bytes::from(answer.text)));
                *response.status_mut() = answer.status;
                *response.headers_mut() = answer.headers;
                Ok(response)
            }
            Err(trouble) => {
                self.heard().fault.get_or_insert(trouble);
                Err(HttpError::new(HttpErrorKind::Unknown, io::Error::other(format!("{phase} failed"))))
            }
        }
    }
}

impl HttpConnector for Wire {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("trust", &self.trust).finish_non_exhaustive()
    }
}
