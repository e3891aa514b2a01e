//! Who may do what, and who gains rows: the one answer that API, pages, links and engine go by (contract §1.2).
//!
//! A plain schedule carries its owner's rows (Q1), so whatever changes its owner, its recipients, its filters or its links needs the consent
//! of whoever's rows they are. Each question is asked of whoever acts, with the catalog as it is now, and nothing is remembered: a right
//! that was lost is lost at once. What of a thing is shown to whom is in [`shown`].

pub mod acquainted;
pub mod shown;
pub mod told;

use jiff::Timestamp;

use crate::audit::{Agent, Change, Origin, Verb};
use crate::catalog::{Catalog, Document, Member};
use crate::delivery::Delivery;
use crate::destination::{Destination, EmailSettings, Person, Recipient};
use crate::id::{ApiKeyId, DocumentIdentifier, MembershipId, SessionId};
use crate::key::{ApiKey, KeyKind, Scopes};
use crate::run::{ArtifactRecord, Run};
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

/// What giving a schedule to somebody else comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handover {
    /// It is theirs from now on.
    AtOnce,
    /// It is theirs when they accept; until then everything goes on as it was.
    Offer,
}

/// What putting oneself on a list comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subscription {
    /// On the list from now on.
    AtOnce,
    /// On the list when the owner, whose rows would be sent, says so.
    Request,
}

/// How much of a run is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RunAccess {
    /// When it was and how it ended.
    Summary,
    /// Also to whom it went, what their servers said, and the files of the owner's rows.
    Owned,
    /// Everything.
    Everything,
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

    /// Whether the key is this member's, who is active.
    #[must_use]
    pub fn is(&self, catalog: &Catalog, member: MembershipId) -> bool {
        self.person(catalog).is_some_and(|person| person.active && person.id == member)
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

    /// Whether the document is open. A draft is its authors' alone, who are admins here (Q3).
    #[must_use]
    pub fn may_view(&self, catalog: &Catalog, document: &Document) -> bool {
        self.is_admin(catalog) || (document.saved && self.person(catalog).is_some_and(|person| catalog.may_view(person, document)))
    }

    /// Whether hidden filters of dashboards are shown, with their defaults (F11). What a schedule sets of them its owner sees too.
    #[must_use]
    pub fn sees_hidden_filters(&self, catalog: &Catalog) -> bool {
        self.is_admin(catalog)
    }

    /// Whether what belongs to `owner` may be changed, run and deleted: by its owner, and by admins.
    #[must_use]
    pub fn may_manage(&self, catalog: &Catalog, owner: MembershipId) -> bool {
        self.is_admin(catalog) || self.is(catalog, owner)
    }

    /// Whether a schedule of this definition may be read: what one may manage, and what is on dashboards that are open.
    #[must_use]
    pub fn may_read(&self, catalog: &Catalog, definition: &Definition) -> bool {
        self.may_manage(catalog, definition.owner) || self.may_view_content(catalog, definition)
    }

    fn may_view_content(&self, catalog: &Catalog, definition: &Definition) -> bool {
        catalog.documents.get(&definition.identifier).is_some_and(|document| self.may_view(catalog, document))
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

    /// How this actor gives away what they may manage: only admins decide for others.
    #[must_use]
    pub fn handover(&self, catalog: &Catalog) -> Handover {
        if self.is_admin(catalog) { Handover::AtOnce } else { Handover::Offer }
    }

    /// What this actor's own subscribing comes to (P12), or `None` when it is refused: to who may not read the schedule, and when nothing may
    /// be widened (X8). At once only where it shows no more than the subscriber may see: personal copies, or they are the owner or an admin.
    #[must_use]
    pub fn subscription(&self, catalog: &Catalog, definition: &Definition) -> Option<Subscription> {
        let person = self.person(catalog).filter(|person| person.active)?;
        if !self.may_read(catalog, definition) || !may_widen(catalog, definition) {
            return None;
        }
        let no_gain = is_personal(catalog, definition) || person.id == definition.owner || self.is_admin(catalog);
        Some(if no_gain { Subscription::AtOnce } else { Subscription::Request })
    }

    /// How much of a run is open, or `None` for nothing. `owner_now` is who owns its schedule today; `None` when there is no such schedule.
    ///
    /// A run carries the rows of whoever owned the schedule *then*. It is theirs for as long as the schedule is theirs: who gave the schedule
    /// away neither reads nor repeats what is another's now, and who received it gains no rows of the time before.
    #[must_use]
    pub fn run_access(&self, catalog: &Catalog, run: &Run, owner_now: Option<MembershipId>) -> Option<RunAccess> {
        if self.is_admin(catalog) {
            return Some(RunAccess::Everything);
        }
        let owner = run.definition.owner;
        let is_own = self.is(catalog, owner) && owner_now.is_none_or(|now| now == owner);
        if is_own {
            return Some(RunAccess::Owned);
        }
        let is_heir = owner_now.is_some_and(|now| self.is(catalog, now));
        (is_heir || self.may_view_content(catalog, &run.definition)).then_some(RunAccess::Summary)
    }

    /// Whether a run may be stopped: by whoever manages the schedule today, or, when there is none, the run.
    #[must_use]
    pub fn may_cancel(&self, catalog: &Catalog, run: &Run, owner_now: Option<MembershipId>) -> bool {
        self.may_manage(catalog, owner_now.unwrap_or(run.definition.owner))
    }

    /// Whether bytes of a run may be had again: its own people ([`RunAccess::Owned`]), as long as the dashboard is open to them today.
    #[must_use]
    pub fn may_have_bytes(&self, catalog: &Catalog, run: &Run, owner_now: Option<MembershipId>) -> bool {
        match self.run_access(catalog, run, owner_now) {
            Some(RunAccess::Everything) => true,
            Some(RunAccess::Owned) => self.may_view_content(catalog, &run.definition),
            Some(RunAccess::Summary) | None => false,
        }
    }

    /// The files that this actor may open among those that the run and its `pieces` name ([`Run::files`]); one may come twice.
    #[must_use]
    pub fn files<'a>(
        &self,
        catalog: &Catalog,
        run: &'a Run,
        owner_now: Option<MembershipId>,
        pieces: &'a [Delivery],
    ) -> Vec<&'a ArtifactRecord> {
        if !self.may_have_bytes(catalog, run, owner_now) {
            return Vec::new();
        }
        if self.is_admin(catalog) {
            return run.files(pieces, None).collect();
        }
        let Some(person) = self.person(catalog) else { return Vec::new() };
        if self.knows_outcome(catalog, run, RunAccess::Owned) {
            return run.files(pieces, Some(&person.email)).collect();
        }
        let own = pieces.iter().filter(|piece| piece.target.to_lowercase() == person.email.folded());
        own.filter_map(|piece| piece.artifact.as_ref()).collect()
    }
}

/// Whether each recipient is sent their own rows, and not the owner's (P4, P5).
#[must_use]
pub fn is_personal(catalog: &Catalog, definition: &Definition) -> bool {
    definition.destination.email().is_some_and(|email| catalog.organization.fan_out.is_personal(email.fan_out))
}

/// Whether somebody on the list gets nothing for now (C2): they came onto it when that showed them their own rows, by themselves or, without a
/// login, under a policy that left no choice, and since then the schedule sends the owner's, which nobody said they may see. Whoever manages the
/// schedule says so by naming them; admins may see all.
#[must_use]
pub fn is_held(catalog: &Catalog, definition: &Definition, place: &Recipient) -> bool {
    let Some(email) = definition.destination.email().filter(|_| !is_personal(catalog, definition)) else { return false };
    match place.person {
        Person::Member(member) => {
            let sees_all = || catalog.member(member.0).is_some_and(|member| member.admin && member.active);
            email.subscribed.contains(&member) && member != definition.owner && !sees_all()
        }
        Person::EmailOnly(user) => email.named_under_policy.contains(&user),
    }
}

/// Everybody of whom [`is_held`] says so.
pub fn held<'a>(catalog: &'a Catalog, definition: &'a Definition) -> impl Iterator<Item = &'a Recipient> {
    let named = definition.destination.email().into_iter().flat_map(EmailSettings::named);
    named.filter(|place| is_held(catalog, definition, place))
}

/// Whether a schedule may get more recipients: not when its document takes no more (X8).
#[must_use]
pub fn may_widen(catalog: &Catalog, definition: &Definition) -> bool {
    !catalog.documents.get(&definition.identifier).is_some_and(|document| document.access.no_new_schedules)
}

/// Whether `member` may own a schedule of this definition (X7): somebody active who sees its dashboard, if there is one.
#[must_use]
pub fn may_own(catalog: &Catalog, member: &Member, definition: &Definition) -> bool {
    member.active && catalog.documents.get(&definition.identifier).is_none_or(|document| catalog.may_view(member, document))
}

/// Whether the owner's rows leave for people or places that are no members: what an owner has to know before they accept.
#[must_use]
pub fn leaves_the_organization(definition: &Definition) -> bool {
    match &definition.destination {
        Destination::Email(email) => email.named().any(|place| matches!(place.person, Person::EmailOnly(_))),
        Destination::Sftp(_) | Destination::Webhook(_) | Destination::Slack(_) | Destination::S3(_) => true,
    }
}

#[cfg(test)]
pub(crate) mod tests;
