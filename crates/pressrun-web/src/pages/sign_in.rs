//! Signing in with an API token, and out again.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use pressrun_api::NotAdmitted;
use pressrun_domain::access::Actor;
use pressrun_domain::audit::Verb;
use pressrun_domain::id::SessionId;
use pressrun_domain::secret::Secret;
use pressrun_domain::session::{Opener, Session};
use serde::Deserialize;

use super::act::{Posted, is_own};
use crate::base::{self, here};
use crate::page::{Frame, PageError, show};
use crate::secure::{is_from_here, local_path};
use crate::session;
use crate::state::WebState;
use crate::viewer::{Came, Perhaps};

/// Characters of what a browser says it is.
const BROWSER: usize = 200;

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
pub(crate) async fn form(Perhaps(viewer): Perhaps, Query(wanted): Query<Wanted>) -> Response {
    let next = local_path(wanted.next.as_deref());
    if viewer.is_some() {
        return Redirect::to(&here(next)).into_response();
    }
    show(StatusCode::OK, &SignIn { frame: Frame::bare("Sign in"), next: next.to_owned(), refused: false })
}

/// `POST /sign-in`: exchanges a token for a session. A session that the browser had before ends.
pub(crate) async fn enter(
    State(state): State<Arc<WebState>>,
    headers: HeaderMap,
    Came(origin): Came,
    Perhaps(before): Perhaps,
    entry: Result<Form<Entry>, FormRejection>,
) -> Result<Response, PageError> {
    if !is_from_here(&headers, &state.public_url) {
        return Err(PageError::Foreign);
    }
    let Ok(Form(entry)) = entry else {
        return Err(PageError::Invalid("The form was not complete. Go back and paste your token again.".to_owned()));
    };
    let (next, token) = (local_path(entry.next.as_deref()), entry.token.trim());
    let actor = match state.door.admit(token, origin, Verb::SignInRefused).await {
        Ok(actor) => actor,
        Err(NotAdmitted::Unknown) => {
            let page = SignIn { frame: Frame::bare("Sign in"), next: next.to_owned(), refused: true };
            return Ok(show(StatusCode::UNAUTHORIZED, &page));
        }
        Err(NotAdmitted::TooMany { retry_after_seconds }) => return Err(PageError::TooMany(retry_after_seconds)),
        Err(NotAdmitted::Store(error)) => return Err(error.into()),
    };
    if let Some(before) = before {
        end(&state, &before.actor).await?;
    }
    let cookie = begin(&state, actor, token, &headers).await?;
    Ok(with_cookie(Redirect::to(&here(next)).into_response(), cookie.expose(), state.sessions.lasts.as_secs(), &state))
}

/// Saves a session for whoever holds `token`; returns the secret of its cookie.
async fn begin(state: &WebState, actor: Actor, token: &str, headers: &HeaderMap) -> Result<Secret, PageError> {
    let random = pressrun_api::session_secret().map_err(|error| {
        tracing::error!(%error, "the system gave no randomness");
        PageError::Failed("No session could be made. The server's log says more.".to_owned())
    })?;
    let opener = match actor.key {
        Some(key) => Opener::Key(key),
        None => Opener::Development(session::development_mark(&state.session_key, &Secret::new(token)).unwrap_or_default()),
    };
    let now = state.clock.now();
    let browser = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let session = Session {
        id: SessionId::generate(),
        opener,
        member: actor.member,
        created_at: now,
        seen_at: now,
        expires_at: now.saturating_add(state.sessions.lasts).unwrap_or(jiff::Timestamp::MAX),
        source: actor.origin.source.map(|source| source.to_string()),
        browser: browser.map(|text| text.chars().take(BROWSER).collect()),
    };
    let actor = Actor { session: Some(session.id), ..actor };
    state.store.begin_session(&session, session::hash(random.expose()), &actor.change(Verb::SignedIn, now)).await?;
    Ok(random)
}

/// Ends the session of `actor`; one that was ended elsewhere is ended.
async fn end(state: &WebState, actor: &Actor) -> Result<(), PageError> {
    if let Some(session) = actor.session {
        state.store.end_session(session, actor.member, &actor.change(Verb::SignedOut, state.clock.now())).await?;
    }
    Ok(())
}

/// `POST /sign-out`: ends the session.
pub(crate) async fn leave(
    State(state): State<Arc<WebState>>,
    headers: HeaderMap,
    Perhaps(viewer): Perhaps,
    form: Posted,
) -> Result<Response, PageError> {
    is_own(&state, &headers, form)?;
    if let Some(viewer) = viewer {
        end(&state, &viewer.actor).await?;
    }
    Ok(with_cookie(Redirect::to(&here("/sign-in")).into_response(), "", 0, &state))
}

fn with_cookie(mut response: Response, value: &str, seconds: i64, state: &WebState) -> Response {
    let (https, base) = (state.is_https(), base::path());
    let (name, secure) = (session::cookie_name(https), if https { "; Secure" } else { "" });
    let path = if base.is_empty() { "/" } else { &base };
    let cookie = format!("{name}={value}; Path={path}; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}
