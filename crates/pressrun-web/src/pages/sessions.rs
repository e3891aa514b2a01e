//! Where one is signed in, and signing out from afar.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::tz::TimeZone;
use pressrun_domain::audit::Verb;

use super::act::{Posted, Pressed, is_own};
use crate::base::here;
use crate::page::{Frame, PageError, show};
use crate::state::WebState;
use crate::viewer::Viewer;
use crate::words::{self, When};

#[derive(Template)]
#[template(path = "sessions.html")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
    form_token: String,
}

struct Row {
    id: String,
    /// This very browser.
    here: bool,
    /// Program and system in words.
    browser: String,
    /// What the browser itself says.
    agent: String,
    source: Option<String>,
    began: When,
    seen: When,
    ends: When,
}

/// `GET /sessions`.
pub(crate) async fn page(State(state): State<Arc<WebState>>, viewer: Viewer) -> Result<Response, PageError> {
    let now = state.clock.now();
    let when = |at| words::when(at, &TimeZone::UTC, now);
    let sessions = state.store.sessions_of(viewer.actor.member, now).await?;
    let open = sessions.into_iter().filter(|session| session.is_open(now, state.sessions.idle));
    let rows = open.map(|session| Row {
        id: session.id.to_string(),
        here: viewer.actor.session == Some(session.id),
        browser: session.browser.as_deref().map_or_else(|| "A browser".to_owned(), browser),
        agent: session.browser.unwrap_or_default(),
        source: session.source,
        began: when(session.created_at),
        seen: when(session.seen_at),
        ends: when(session.expires_at),
    });
    let rows = rows.collect();
    let page = Page { frame: Frame::new("Signed-in sessions", &viewer, "account"), rows, form_token: viewer.form_token.clone() };
    Ok(show(StatusCode::OK, &page))
}

/// `POST /sessions/{id}/end`: one's own sessions only.
pub(crate) async fn end(Pressed { state, viewer, id }: Pressed) -> Result<Response, PageError> {
    const WHAT: &str = "session";
    let id = id.parse().map_err(|_| PageError::NotFound(WHAT))?;
    let change = viewer.actor.change(Verb::SignedOut, state.clock.now());
    if state.store.end_session(id, viewer.actor.member, &change).await? {
        Ok(Redirect::to(&here("/sessions")).into_response())
    } else {
        Err(PageError::NotFound(WHAT))
    }
}

/// `POST /sessions/end-others`: all but the one that asks.
pub(crate) async fn end_others(
    State(state): State<Arc<WebState>>,
    headers: HeaderMap,
    viewer: Viewer,
    form: Posted,
) -> Result<Response, PageError> {
    is_own(&state, &headers, form)?;
    let change = viewer.actor.change(Verb::SignedOut, state.clock.now());
    state.store.end_sessions_of(viewer.actor.member, viewer.actor.session, &change).await?;
    Ok(Redirect::to(&here("/sessions")).into_response())
}

/// `Firefox on Windows`, of what browsers say (RFC 9110 §10.1.5), each of which also claims to be those before it; anything else as it is.
fn browser(agent: &str) -> String {
    const PROGRAMS: [(&str, &str); 7] = [
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("CriOS/", "Chrome"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    const SYSTEMS: [(&str, &str); 7] = [
        ("Windows", "Windows"),
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ];
    let found = |list: &[(&str, &'static str)]| list.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name);
    match (found(&PROGRAMS), found(&SYSTEMS)) {
        (Some(program), Some(system)) => format!("{program} on {system}"),
        _ => agent.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m4_a_session_is_known_by_browser_and_system() {
        let webkit = "AppleWebKit/537.36 (KHTML, like Gecko)";
        for (agent, expected) in [
            (format!("Mozilla/5.0 (X11; Linux x86_64) {webkit} Chrome/156.0.0.0 Safari/537.36"), "Chrome on Linux"),
            (format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {webkit} Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0"), "Edge on Windows"),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14.5; rv:150.0) Gecko/20100101 Firefox/150.0".to_owned(), "Firefox on macOS"),
            (format!("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) {webkit} Version/19.0 Safari/604.1"), "Safari on iPhone"),
            ("curl/8.5.0".to_owned(), "curl/8.5.0"),
            (String::new(), ""),
        ] {
            assert_eq!(browser(&agent), expected, "{agent}");
        }
    }
}
