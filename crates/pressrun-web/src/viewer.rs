//! Who looks: the session of a request. What that person may see is in [`pressrun_domain::access`].

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::{SignedDuration, Timestamp};
use pressrun_api::Noted;
use pressrun_domain::access::Actor;
use pressrun_domain::audience::TIMEZONE_ATTRIBUTE;
use pressrun_domain::audit::Origin;
use pressrun_domain::catalog::{Catalog, DevKey, Document};
use pressrun_domain::key::Scope;
use pressrun_domain::session::{Opener, Session};
use pressrun_store::StoreError;
use subtle::ConstantTimeEq;

use crate::base::here;
use crate::page::PageError;
use crate::session;
use crate::state::WebState;

/// The signed-in person of a request, with the catalog as it was when the request came.
pub(crate) struct Viewer {
    /// Whose rights and rows count.
    pub(crate) actor: Actor,
    /// Shown in the corner.
    pub(crate) name: String,
    /// The catalog.
    pub(crate) catalog: Arc<Catalog>,
    /// What forms of this session carry.
    pub(crate) form_token: String,
}

impl Viewer {
    /// Whether the document is open.
    pub(crate) fn may_view(&self, document: &Document) -> bool {
        self.actor.may_view(&self.catalog, document)
    }

    /// The viewer's own time zone, where one is known.
    pub(crate) fn zone(&self) -> Option<String> {
        let person = self.actor.person(&self.catalog)?;
        let zone = person.attributes.get(TIMEZONE_ATTRIBUTE)?.values().first()?.to_string();
        pressrun_cron::zone(&zone).is_ok().then_some(zone)
    }

    /// The person behind the session cookie of a request, if the session is open and what opened it still works.
    pub(crate) async fn of(parts: &Parts, state: &WebState) -> Result<Option<Self>, StoreError> {
        let Some(cookie) = cookie(&parts.headers, state) else { return Ok(None) };
        let now = state.clock.now();
        let Some((session, key)) = state.store.session_by_hash(session::hash(cookie)).await? else { return Ok(None) };
        if !session.is_open(now, state.sessions.idle) {
            return Ok(None);
        }
        let catalog = (state.catalog)();
        let actor = match (&session.opener, &key) {
            (Opener::Key(_), Some(key)) if key.works(&catalog, now) => Actor::with(key),
            (Opener::Key(_), _) => return Ok(None),
            (Opener::Development(mark), _) => {
                let same = |key: &&DevKey| {
                    let own = session::development_mark(&state.session_key, &key.token);
                    own.is_some_and(|own| own.as_bytes().ct_eq(mark.as_bytes()).into())
                };
                let Some(key) = catalog.dev_keys.iter().find(same).filter(|_| state.api.config.development_keys) else { return Ok(None) };
                Actor::new(key.kind, key.member)
            }
        };
        let Some(person) = actor.person(&catalog).filter(|person| person.active) else { return Ok(None) };
        if now.duration_since(session.seen_at) >= SignedDuration::from_mins(1) {
            touch(state, &session, now).await;
        }
        let actor = Actor { session: Some(session.id), origin: pressrun_api::origin(&parts.extensions), ..actor };
        Noted::of(&parts.extensions).actor(actor);
        let form_token = session::form_token(&state.session_key, cookie);
        Ok(Some(Self { actor, name: person.name.clone(), catalog: Arc::clone(&catalog), form_token }))
    }
}

/// Records a use. A store that cannot write now does not keep people from reading.
async fn touch(state: &WebState, session: &Session, now: Timestamp) {
    let touched = state.store.touch_session(session.id, now).await;
    let touched = match (&session.opener, touched) {
        (Opener::Key(key), Ok(())) => state.store.touch_key(*key, now).await,
        (_, touched) => touched,
    };
    if let Err(error) = touched {
        tracing::warn!(%error, session = %session.id, "the use of a session could not be recorded");
    }
}

/// The value of our cookie.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, state: &WebState) -> Option<&'a str> {
    let own = session::cookie_name(state.is_https());
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == own)
        .map(|(_, value)| value)
}

/// Where a request came from.
pub(crate) struct Came(pub(crate) Origin);

impl<S: Sync> FromRequestParts<S> for Came {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(pressrun_api::origin(&parts.extensions)))
    }
}

/// The signed-in person, if there is one; whoever is not is not asked to be.
pub(crate) struct Perhaps(pub(crate) Option<Viewer>);

impl FromRequestParts<Arc<WebState>> for Perhaps {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<WebState>) -> Result<Self, PageError> {
        Ok(Self(Viewer::of(parts, state).await?))
    }
}

/// What a request to the pages is about; `None` is one's own session.
fn scope(method: &Method, path: &str) -> Option<Scope> {
    let under = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    match () {
        () if under("/sign-out") || under("/sessions") => None,
        () if under("/tokens") => Some(Scope::Keys),
        () if under("/people/outside") => Some(Scope::Users),
        () if matches!(*method, Method::GET | Method::HEAD) => Some(Scope::Read),
        () => Some(Scope::Schedules),
    }
}

impl FromRequestParts<Arc<WebState>> for Viewer {
    type Rejection = Response;

    /// Who is not signed in is asked to, and comes back to where the way led.
    async fn from_request_parts(parts: &mut Parts, state: &Arc<WebState>) -> Result<Self, Response> {
        match Self::of(parts, state).await {
            Ok(Some(viewer)) => match scope(&parts.method, parts.uri.path()).filter(|scope| !viewer.actor.scopes.has(*scope)) {
                None => Ok(viewer),
                Some(lacking) => Err(PageError::OutOfScope(lacking).into_response()),
            },
            Ok(None) => {
                let wanted = parts.uri.path_and_query().map_or("/", |path| path.as_str());
                let wanted = if parts.method == Method::GET { wanted } else { "/" };
                let next: String = url::form_urlencoded::byte_serialize(wanted.as_bytes()).collect();
                Err(Redirect::to(&here(&format!("/sign-in?next={next}"))).into_response())
            }
            Err(error) => Err(PageError::from(error).into_response()),
        }
    }
}
