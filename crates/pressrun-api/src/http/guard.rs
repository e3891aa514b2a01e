//! What every request passes: length of its address, its token, the rate limit, its deadline (contract §1.2, §1.4).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use pressrun_domain::access::Actor;
use pressrun_domain::key::KeyKind;
use subtle::ConstantTimeEq;

use super::extract::Caller;
use super::figures::Counted;
use super::limiter::Limiter;
use super::problem::Problem;
use crate::app::error::AppError;
use crate::state::ApiState;
use crate::token;

/// The guard's own state.
pub(crate) struct Guard {
    state: Arc<ApiState>,
    limiter: Option<Limiter>,
}

impl Guard {
    pub(crate) fn new(state: Arc<ApiState>) -> Arc<Self> {
        let limiter = Limiter::new(state.config.requests_per_minute);
        Arc::new(Self { state, limiter })
    }

    async fn admit(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        let token = bearer(headers).ok_or(AppError::Unauthorized)?;
        let hash = token::hash(token);
        let caller = Caller(authenticate(&self.state, hash).await?);
        match self.limiter.as_ref().map(|limiter| limiter.check(hash)) {
            Some(Err(retry_after_seconds)) => Err(Problem::too_many_requests(retry_after_seconds)),
            Some(Ok(())) | None => Ok(caller),
        }
    }
}

/// The token of either header name; `Authorization` wins.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION).or_else(|| headers.get("authentication"))?.to_str().ok()?;
    let (scheme, token) = value.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Whose token this is: a stored key, or one of the catalog's development keys.
async fn authenticate(state: &ApiState, hash: [u8; 32]) -> Result<Actor, AppError> {
    let catalog = state.catalog.current();
    let written = catalog.dev_keys.iter().find(|key| bool::from(token::hash(key.token.expose()).ct_eq(&hash)));
    let actor = if let Some(key) = written {
        Actor::new(key.kind, key.member)
    } else {
        let key = state.store.key_by_hash(hash).await?.filter(|key| key.revoked_at.is_none()).ok_or(AppError::Unauthorized)?;
        Actor::new(key.kind, key.member)
    };
    match actor.kind {
        KeyKind::Organization => Ok(actor),
        KeyKind::Personal if actor.person(&catalog).is_some_and(|member| member.active) => Ok(actor),
        KeyKind::Personal => Err(AppError::Unauthorized),
    }
}

/// Admits or refuses a request, and bounds the time until its answer begins.
pub(crate) async fn guard(State(guard): State<Arc<Guard>>, mut request: Request, next: Next) -> Response {
    let config = &guard.state.config;
    let counted = Counted::of(&request);
    let too_long = request.uri().path_and_query().is_some_and(|text| text.as_str().len() > config.url_limit);
    let path = request.uri().path();
    let protected = path == "/api" || path.starts_with("/api/");
    let answer = async {
        if too_long {
            return Problem::uri_too_long().into_response();
        }
        if protected {
            match guard.admit(request.headers()).await {
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
