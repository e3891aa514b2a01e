//! Who may do what, and who gains rows: the one answer that API, pages, links and engine go by (contract §1.2).
//!
//! A plain schedule carries its owner's rows. So each question is asked of whoever acts, with the catalog as it is now, and nothing is
//! remembered: a right that was lost is lost at once.

use jiff::Timestamp;

use crate::audit::{Agent, Change, Origin, Verb};
use crate::catalog::{Catalog, Document, Member};
use crate::id::{ApiKeyId, DocumentIdentifier, MembershipId, SessionId};
use crate::key::{ApiKey, KeyKind, Scopes};
use crate::schedule::Definition;

/// Who acts, as authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actor {
    /// What the key may do.
    pub kind: KeyKind,
    /// Whom it belongs to.
    pub member: MembershipId,
    /// The stored key; `None` for a development key of the catalog.
    pub key: Option<ApiKeyId>,
    /// The session of a browser.
    pub session: Option<SessionId>,
    /// What the key's requests may be about.
    pub scopes: Scopes,
    /// Where the request came from.
    pub origin: Origin,
}

impl Actor {
    /// Whoever holds a development key of this kind that belongs to `member`.
    #[must_use]
    pub fn new(kind: KeyKind, member: MembershipId) -> Self {
        Self { kind, member, key: None, session: None, scopes: Scopes::ALL, origin: Origin::default() }
    }

    /// Whoever holds this key.
    #[must_use]
    pub fn with(key: &ApiKey) -> Self {
        Self { key: Some(key.id), scopes: key.scopes, ..Self::new(key.kind, key.member) }
    }

    /// The same, by a request from there.
    #[must_use]
    pub fn from(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// A change that this actor makes, for the audit.
    #[must_use]
    pub fn change(&self, verb: Verb, at: Timestamp) -> Change {
        let Self { kind, member, key, session, origin, .. } = *self;
        Change { at, agent: Agent::Key { kind, member, key, session }, origin, verb }
    }

    /// The member behind the key.
    #[must_use]
    pub fn person<'a>(&self, catalog: &'a Catalog) -> Option<&'a Member> {
        catalog.member(self.member.0)
    }

    /// Whether this is an organization key.
    #[must_use]
    pub fn is_organization(&self) -> bool {
        self.kind == KeyKind::Organization
    }

    /// Whether everything is open: organization keys, and personal ones of admins.
    #[must_use]
    pub fn is_admin(&self, catalog: &Catalog) -> bool {
        self.is_organization() || self.person(catalog).is_some_and(|person| person.admin && person.active)
    }

    /// Whether the document is open.
    #[must_use]
    pub fn may_view(&self, catalog: &Catalog, document: &Document) -> bool {
        self.is_organization() || self.person(catalog).is_some_and(|person| catalog.may_view(person, document))
    }

    /// Whether what belongs to `owner` may be changed, run and deleted: by its owner, and by admins.
    #[must_use]
    pub fn may_manage(&self, catalog: &Catalog, owner: MembershipId) -> bool {
        self.is_admin(catalog) || self.person(catalog).is_some_and(|person| person.active && person.id == owner)
    }

    /// Whether a schedule or run of this definition may be read: what one may manage, and what is on dashboards that are open.
    #[must_use]
    pub fn may_read(&self, catalog: &Catalog, definition: &Definition) -> bool {
        self.may_manage(catalog, definition.owner)
            || catalog.documents.get(&definition.identifier).is_some_and(|document| self.may_view(catalog, document))
    }

    /// What lists of schedules are narrowed to: one's own, and those on dashboards that are open; `None` sees all.
    #[must_use]
    pub fn visible(&self, catalog: &Catalog) -> Option<(MembershipId, Vec<DocumentIdentifier>)> {
        if self.is_admin(catalog) {
            return None;
        }
        let open = catalog.documents.values().filter(|document| self.may_view(catalog, document));
        Some((self.member, open.map(|document| document.identifier.clone()).collect()))
    }
}
