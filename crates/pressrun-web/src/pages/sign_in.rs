//! Signing in with an API token, and out again.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::act::{Posted, is_own};
use crate::base::{self, here};
use crate::page::{Frame, PageError, show};
use crate::secure::{is_from_here, local_path};
use crate::session;
use crate::state::WebState;
use crate::viewer::{Viewer, subject_of};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn {
    frame: Frame,
    next: String,
    refused: bool,
}

/// Where to go afterwards.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    next: Option<String>,
}

/// What the form sends.
#[derive(Deserialize)]
pub(crate) struct Entry {
    token: String,
    next: Option<String>,
}

/// `GET /sign-in`: the form; who is signed in already goes on.
pub(crate) async fn form(
    State(state): State<Arc<WebState>>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Result<Response, PageError> {
    let next = local_path(wanted.next.as_deref());
    if Viewer::of(&headers, &state).await?.is_some() {
        return Ok(Redirect::to(&here(next)).into_response());
    }
    Ok(show(StatusCode::OK, &SignIn { frame: Frame::bare("Sign in"), next: next.to_owned(), refused: false }))
}

/// `POST /sign-in`: exchanges a token for a session.
pub(crate) async fn enter(
    State(state): State<Arc<WebState>>,
    headers: HeaderMap,
    entry: Result<Form<Entry>, FormRejection>,
) -> Result<Response, PageError> {
    if !is_from_here(&headers, &state.public_url) {
        return Err(PageError::Foreign);
    }
    let Ok(Form(entry)) = entry else {
        return Err(PageError::Invalid("The form was not complete. Go back and paste your token again.".to_owned()));
    };
    let next = local_path(entry.next.as_deref());
    let Some(subject) = subject_of(entry.token.trim(), &state).await? else {
        tracing::info!("a sign-in was refused");
        let page = SignIn { frame: Frame::bare("Sign in"), next: next.to_owned(), refused: true };
        return Ok(show(StatusCode::UNAUTHORIZED, &page));
    };
    let expires = state.clock.now().saturating_add(session::LASTS).unwrap_or(jiff::Timestamp::MAX);
    let value = session::seal(&state.session_key, &subject, expires).unwrap_or_default();
    Ok(with_cookie(Redirect::to(&here(next)).into_response(), &value, session::LASTS.as_secs(), &state))
}

/// `POST /sign-out`: forgets the session.
pub(crate) async fn leave(State(state): State<Arc<WebState>>, headers: HeaderMap, form: Posted) -> Result<Response, PageError> {
    is_own(&state, &headers, form)?;
    Ok(with_cookie(Redirect::to(&here("/sign-in")).into_response(), "", 0, &state))
}

fn with_cookie(mut response: Response, value: &str, seconds: i64, state: &WebState) -> Response {
    let secure = if state.public_url.starts_with("https://") { "; Secure" } else { "" };
    let base = base::path();
    let path = if base.is_empty() { "/" } else { &base };
    let cookie = format!("{}={value}; Path={path}; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}", session::COOKIE);
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}
