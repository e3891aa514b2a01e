//! What is counted of requests. Every label comes from a closed set: whoever sends requests must not be able to make series of figures,
//! which are kept for as long as the process lives.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::StatusCode;

use super::method;

/// What of a request is counted, taken before it is answered.
pub(super) struct Counted {
    method: &'static str,
    /// The route as written in the router, never the path that was asked for.
    route: Option<MatchedPath>,
    began: Instant,
}

impl Counted {
    /// Reads the labels of a request.
    pub(super) fn of(request: &Request) -> Self {
        Self { method: method::name(request.method()), route: request.extensions().get().cloned(), began: Instant::now() }
    }

    /// Counts it, with the status of its answer.
    pub(super) fn answered(self, status: StatusCode) {
        let route = self.route.as_ref().map_or("none", MatchedPath::as_str).to_owned();
        metrics::counter!("pressrun_http_requests_total", "method" => self.method, "route" => route, "status" => class(status))
            .increment(1);
        metrics::histogram!("pressrun_http_request_duration_seconds", "method" => self.method).record(self.began.elapsed());
    }
}

fn class(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(_) => status.as_u16().to_string(),
        None => "other".to_owned(),
    }
}
