//! API tokens of the signed-in person: made, listed, revoked. A token is shown once, on the page that answers its making.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use pressrun_api::NewKey;
use pressrun_domain::key::{ApiKey, KeyKind, Scope, Scopes};

use super::act::{Pressed, done, is_own_token};
use crate::base::here;
use crate::page::{Frame, PageError, show};
use crate::state::WebState;
use crate::viewer::Viewer;
use crate::words::{self, When};

/// What one may choose a token to last for, in days.
const LASTS_DAYS: [u32; 4] = [7, 30, 90, 365];

#[derive(Template)]
#[template(path = "tokens.html")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
    form_token: String,
    /// Scopes that a new one may have.
    scopes: Vec<(&'static str, &'static str)>,
    lasts_days: [u32; 4],
    /// The token that was just made.
    fresh: Option<String>,
}

struct Row {
    id: String,
    name: String,
    prefix: String,
    kind: &'static str,
    scopes: String,
    made: When,
    expires: Option<When>,
    used: Option<When>,
    /// Why it does not work, if it does not.
    over: Option<&'static str>,
    revocable: bool,
}

/// What the form sends; each scope is a field of its own.
type Fields = Result<Form<Vec<(String, String)>>, FormRejection>;

/// `GET /tokens`.
pub(crate) async fn page(State(state): State<Arc<WebState>>, viewer: Viewer) -> Result<Response, PageError> {
    let page = of(&state, &viewer, None).await?;
    Ok(show(StatusCode::OK, &page))
}

/// `POST /tokens`: makes one and shows it.
pub(crate) async fn make(
    State(state): State<Arc<WebState>>,
    headers: HeaderMap,
    viewer: Viewer,
    form: Fields,
) -> Result<Response, PageError> {
    let Ok(Form(fields)) = form else { return Err(PageError::Foreign) };
    let field = |wanted: &str| fields.iter().find(|(name, _)| name == wanted).map_or("", |(_, value)| value.trim());
    is_own_token(&state, &headers, field("form_token"))?;
    let name = field("name");
    if name.is_empty() {
        return Err(PageError::Invalid("Give the token a name that says what it is for.".to_owned()));
    }
    let days = field("days");
    let expires_at = match days {
        "" => None,
        days => Some(in_days(&state, days)?),
    };
    let scopes = fields.iter().filter(|(field, _)| field == "scope").filter_map(|(_, word)| Scope::named(word)).collect::<Scopes>();
    if scopes == Scopes::NONE {
        return Err(PageError::Invalid("Choose at least one thing that the token is for.".to_owned()));
    }
    let new = NewKey { kind: KeyKind::Personal, member: viewer.actor.member, name: name.to_owned(), scopes: Some(scopes), expires_at };
    let (token, _) = done(pressrun_api::make_key(&state.api, &viewer.actor, new).await, "token")?;
    let page = of(&state, &viewer, Some(token.expose().to_owned())).await?;
    Ok(show(StatusCode::OK, &page))
}

/// `POST /tokens/{id}/revoke`.
pub(crate) async fn revoke(Pressed { state, viewer, id }: Pressed) -> Result<Response, PageError> {
    done(pressrun_api::revoke_key(&state.api, &viewer.actor, &id).await, "token")?;
    Ok(Redirect::to(&here("/tokens")).into_response())
}

fn in_days(state: &WebState, days: &str) -> Result<Timestamp, PageError> {
    let days = days.parse::<u32>().ok().filter(|days| LASTS_DAYS.contains(days));
    let days = days.ok_or_else(|| PageError::Invalid("Choose one of the times that the form offers.".to_owned()))?;
    Ok(state.clock.now().saturating_add(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(Timestamp::MAX))
}

async fn of(state: &WebState, viewer: &Viewer, fresh: Option<String>) -> Result<Page, PageError> {
    let now = state.clock.now();
    let keys = done(pressrun_api::keys(&state.api, &viewer.actor).await, "token")?;
    let own = keys.into_iter().filter(|key| key.member == viewer.actor.member);
    Ok(Page {
        frame: Frame::new("API tokens", viewer, "account"),
        rows: own.map(|key| row(&key, viewer, now)).collect(),
        form_token: viewer.form_token.clone(),
        scopes: viewer.actor.scopes.iter().map(|scope| (scope.as_str(), meaning(scope))).collect(),
        lasts_days: LASTS_DAYS,
        fresh,
    })
}

fn row(key: &ApiKey, viewer: &Viewer, now: Timestamp) -> Row {
    let when = |at| words::when(at, &TimeZone::UTC, now);
    let over = match (key.revoked_at, key.expires_at) {
        (Some(_), _) => Some("revoked"),
        (None, Some(at)) if at <= now => Some("expired"),
        (None, _) => None,
    };
    Row {
        id: key.id.to_string(),
        name: key.name.clone(),
        prefix: key.prefix.clone(),
        kind: key.kind.as_str(),
        scopes: key.scopes.iter().map(Scope::as_str).collect::<Vec<_>>().join(", "),
        made: when(key.created_at),
        expires: key.expires_at.map(when),
        used: key.last_used_at.map(when),
        over,
        revocable: over.is_none() && (key.kind == KeyKind::Personal || viewer.actor.is_organization()),
    }
}

fn meaning(scope: Scope) -> &'static str {
    match scope {
        Scope::Read => "read what you may see",
        Scope::Schedules => "make, change and run schedules",
        Scope::Users => "manage recipients without a login",
        Scope::Keys => "make and revoke tokens",
    }
}
