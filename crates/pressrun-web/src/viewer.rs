//! Who looks, and what that person may see (contract §1.2, the rights of the API).

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Redirect, Response};
use pressrun_domain::access::Actor;
use pressrun_domain::catalog::{Catalog, Document};
use pressrun_domain::delivery::Delivery;
use pressrun_domain::id::MembershipId;
use pressrun_domain::key::KeyKind;
use pressrun_domain::run::{ArtifactRecord, Run};
use pressrun_domain::schedule::Definition;
use pressrun_store::StoreError;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::base::here;
use crate::page::PageError;
use crate::session::{self, Subject};
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

    /// Whether what belongs to `owner` is this person's to manage.
    pub(crate) fn may_manage(&self, owner: MembershipId) -> bool {
        self.actor.may_manage(&self.catalog, owner)
    }

    /// Whether a schedule or run of this definition may be read.
    pub(crate) fn may_read(&self, definition: &Definition) -> bool {
        self.actor.may_read(&self.catalog, definition)
    }

    /// The file of this hash, when this person may open it ([`Run::file`]).
    pub(crate) fn file<'a>(&self, run: &'a Run, pieces: &'a [Delivery], sha256: &str) -> Option<&'a ArtifactRecord> {
        if self.actor.is_admin(&self.catalog) {
            return run.file(pieces, sha256, None);
        }
        let person = self.actor.person(&self.catalog).filter(|person| person.id == run.definition.owner)?;
        run.file(pieces, sha256, Some(&person.email))
    }

    /// The person behind the session cookie of these headers, if it is good and its key still is.
    pub(crate) async fn of(headers: &HeaderMap, state: &WebState) -> Result<Option<Self>, StoreError> {
        let Some(cookie) = cookie(headers) else { return Ok(None) };
        let Some(subject) = session::open(&state.session_key, cookie, state.clock.now()) else { return Ok(None) };
        let catalog = (state.catalog)();
        let found = match subject {
            Subject::Stored(id) => {
                let keys = state.store.list_keys().await?;
                keys.into_iter().find(|key| key.id == id && key.revoked_at.is_none()).map(|key| (key.kind, key.member, key.name))
            }
            Subject::Development(tag) => {
                let same = |token| {
                    session::development_tag(&state.session_key, token).is_some_and(|own| own.as_bytes().ct_eq(tag.as_bytes()).into())
                };
                let key = catalog.dev_keys.iter().find(|key| same(&key.token));
                key.map(|key| (key.kind, key.member, "Development key".to_owned()))
            }
        };
        let form_token = session::form_token(&state.session_key, cookie);
        Ok(found.and_then(|(kind, member, name)| Self::new(catalog, kind, member, name, form_token)))
    }

    fn new(catalog: Arc<Catalog>, kind: KeyKind, member: MembershipId, key_name: String, form_token: String) -> Option<Self> {
        let person = catalog.member(member.0);
        if kind == KeyKind::Personal && !person.is_some_and(|person| person.active) {
            return None;
        }
        let (member, name) = person.map_or((member, key_name), |person| (person.id, person.name.clone()));
        Some(Self { actor: Actor::new(kind, member), name, catalog, form_token })
    }
}

/// The key of a pasted token: a stored one, or a development key of the catalog. `None` for what opens nothing.
pub(crate) async fn subject_of(token: &str, state: &WebState) -> Result<Option<Subject>, StoreError> {
    let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
    let catalog = (state.catalog)();
    let same = |key: &&pressrun_domain::catalog::DevKey| bool::from(Sha256::digest(key.token.expose().as_bytes()).as_slice().ct_eq(&hash));
    let works = |kind, member: MembershipId| kind == KeyKind::Organization || catalog.member(member.0).is_some_and(|person| person.active);
    if let Some(key) = catalog.dev_keys.iter().find(same).filter(|key| works(key.kind, key.member)) {
        return Ok(session::development_tag(&state.session_key, &key.token).map(Subject::Development));
    }
    let key = state.store.key_by_hash(hash).await?.filter(|key| key.revoked_at.is_none() && works(key.kind, key.member));
    Ok(key.map(|key| Subject::Stored(key.id)))
}

/// The value of our cookie.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == session::COOKIE)
        .map(|(_, value)| value)
}

impl FromRequestParts<Arc<WebState>> for Viewer {
    type Rejection = Response;

    /// Who is not signed in is asked to, and comes back to where the way led.
    async fn from_request_parts(parts: &mut Parts, state: &Arc<WebState>) -> Result<Self, Response> {
        match Self::of(&parts.headers, state).await {
            Ok(Some(viewer)) => Ok(viewer),
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
