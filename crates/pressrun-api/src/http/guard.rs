//! What every request passes: length of its address, its token, the rate limit, its deadline (contract §1.2, §1.4).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use pressrun_domain::audit::Verb;
use pressrun_domain::key::Scope;

use super::extract::Caller;
use super::figures::Counted;
use super::limiter::KeyLimiter;
use super::problem::Problem;
use super::trace::{Noted, origin};
use crate::app::error::AppError;
use crate::door::{Door, NotAdmitted};
use crate::state::ApiState;
use crate::token;

/// The guard's own state.
pub(crate) struct Guard {
    state: Arc<ApiState>,
    limiter: Option<KeyLimiter>,
    door: Arc<Door>,
}

impl Guard {
    pub(crate) fn new(state: Arc<ApiState>, door: Arc<Door>) -> Arc<Self> {
        let limiter = KeyLimiter::new(state.config.requests_per_minute, &state.store);
        Arc::new(Self { state, limiter, door })
    }

    async fn admit(&self, headers: &HeaderMap, extensions: &Extensions, needed: Scope) -> Result<Caller, Problem> {
        let token = bearer(headers).ok_or(AppError::Unauthorized)?;
        let actor = match self.door.admit(token, origin(extensions), Verb::TokenRefused).await {
            Ok(actor) => actor,
            Err(NotAdmitted::Unknown) => return Err(AppError::Unauthorized.into()),
            Err(NotAdmitted::TooMany { retry_after_seconds }) => return Err(Problem::too_many_requests(retry_after_seconds)),
            Err(NotAdmitted::Store(error)) => return Err(AppError::from(error).into()),
        };
        Noted::of(extensions).actor(actor);
        if let Some(limiter) = &self.limiter
            && let Err(retry_after_seconds) = limiter.check(token::hash(token)).await.map_err(AppError::from)?
        {
            return Err(Problem::too_many_requests(retry_after_seconds));
        }
        if actor.scopes.has(needed) { Ok(Caller(actor)) } else { Err(AppError::OutOfScope(needed).into()) }
    }
}

/// The token of either header name; `Authorization` wins.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION).or_else(|| headers.get("authentication"))?.to_str().ok()?;
    let (scheme, token) = value.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// What a request is about.
fn scope(method: &Method, path: &str) -> Scope {
    let under = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if under("/api/v1/api-keys") {
        Scope::Keys
    } else if under("/api/v1/users/email-only") {
        Scope::Users
    } else if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        Scope::Read
    } else {
        Scope::Schedules
    }
}

/// Admits or refuses a request, and bounds the time until its answer begins.
pub(crate) async fn guard(State(guard): State<Arc<Guard>>, mut request: Request, next: Next) -> Response {
    let config = &guard.state.config;
    let counted = Counted::of(&request);
    let method = request.method().clone();
    Noted::of(request.extensions()).route(request.extensions());
    let too_long = request.uri().path_and_query().is_some_and(|text| text.as_str().len() > config.url_limit);
    let path = request.uri().path();
    let needed = scope(&method, path);
    let protected = path == "/api" || path.starts_with("/api/");
    let answer = async {
        if too_long {
            return Problem::uri_too_long().into_response();
        }
        if protected {
            match guard.admit(request.headers(), request.extensions(), needed).await {
                Ok(caller) => request.extensions_mut().insert(caller),
                Err(problem) => return problem.into_response(),
            };
        }
        next.run(request).await
    };
    let response = tokio::time::timeout(config.request_timeout, answer).await.unwrap_or_else(|_| Problem::timeout().into_response());
    counted.answered(response.status());
    response
}

/// Admits admins and organization keys alone, to what is none of the API but tells of everybody's runs.
pub(crate) async fn operators(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    Noted::of(request.extensions()).route(request.extensions());
    match guard.admit(request.headers(), request.extensions(), Scope::Read).await {
        Ok(Caller(actor)) if actor.is_admin(&guard.state.catalog.current()) => next.run(request).await,
        Ok(_) => Problem::from(AppError::Denied).into_response(),
        Err(problem) => problem.into_response(),
    }
}

/// Headers that keep browsers from doing anything clever with an answer.
pub(crate) async fn security_headers(mut response: Response) -> Response {
    let defaults = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in defaults {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
