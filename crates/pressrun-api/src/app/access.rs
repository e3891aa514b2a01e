//! Who may do what (contract §1.2).

use pressrun_domain::catalog::{Catalog, Document, Member};
use pressrun_domain::destination::Destination;
use pressrun_domain::id::{DocumentIdentifier, MembershipId};
use pressrun_domain::key::KeyKind;
use pressrun_domain::schedule::{Definition, Schedule};

use super::error::AppError;

/// Who calls, as authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caller {
    /// What the token may do.
    pub(crate) kind: KeyKind,
    /// Whom it belongs to.
    pub(crate) member: MembershipId,
}

impl Caller {
    /// Whether everything is open: organization keys, and personal tokens of admins where people's rights decide.
    pub(crate) fn is_admin(&self, catalog: &Catalog) -> bool {
        match self.kind {
            KeyKind::Organization => true,
            KeyKind::Personal => self.person(catalog).is_some_and(|member| member.admin && member.active),
        }
    }

    /// The member behind the token.
    pub(crate) fn person<'a>(&self, catalog: &'a Catalog) -> Option<&'a Member> {
        catalog.member(self.member.0)
    }

    /// Only organization keys.
    pub(crate) fn organization_only(&self) -> Result<(), AppError> {
        match self.kind {
            KeyKind::Organization => Ok(()),
            KeyKind::Personal => Err(AppError::Denied),
        }
    }

    /// Change, run, delete: the owner, or an admin.
    pub(crate) fn may_manage(&self, catalog: &Catalog, owner: MembershipId) -> Result<(), AppError> {
        if self.is_admin(catalog) || self.member == owner { Ok(()) } else { Err(AppError::Denied) }
    }

    /// Read: what one may manage, and schedules on dashboards one may view.
    pub(crate) fn may_read(&self, catalog: &Catalog, definition: &Definition) -> Result<(), AppError> {
        let viewable = || {
            let person = self.person(catalog)?;
            let document = catalog.documents.get(&definition.identifier)?;
            catalog.may_view(person, document).then_some(())
        };
        if self.may_manage(catalog, definition.owner).is_ok() || viewable().is_some() { Ok(()) } else { Err(AppError::Denied) }
    }

    /// Whether the document is open to the caller.
    pub(crate) fn may_view(&self, catalog: &Catalog, document: &Document) -> bool {
        match self.kind {
            KeyKind::Organization => true,
            KeyKind::Personal => self.person(catalog).is_some_and(|member| catalog.may_view(member, document)),
        }
    }

    /// What a reader is shown of a destination: of a webhook only those who may manage the schedule see more than the host, for its path
    /// may be what opens it (D13).
    pub(crate) fn shown(&self, catalog: &Catalog, mut schedule: Schedule) -> Schedule {
        if let Destination::Webhook(webhook) = &mut schedule.definition.destination
            && self.may_manage(catalog, schedule.definition.owner).is_err()
        {
            webhook.url = url::Url::parse(&webhook.url).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
        }
        schedule
    }

    /// What the list is narrowed to; `None` sees all.
    pub(crate) fn visible(&self, catalog: &Catalog) -> Option<(MembershipId, Vec<DocumentIdentifier>)> {
        if self.is_admin(catalog) {
            return None;
        }
        let documents = catalog.documents.values().filter(|document| self.may_view(catalog, document));
        Some((self.member, documents.map(|document| document.identifier.clone()).collect()))
    }
}

/// The member that a `userId` names for an organization key; personal tokens may not name one at all (§1.2, §5.1.7 rows 15 to 17).
pub(crate) fn acting_for<'a>(caller: &Caller, catalog: &'a Catalog, user_id: Option<&str>) -> Result<Option<&'a Member>, AppError> {
    let Some(text) = user_id else { return Ok(None) };
    if caller.kind == KeyKind::Personal {
        return Err(AppError::ForOthers);
    }
    let id = pressrun_domain::id::parse_uuid(text).map_err(|_| AppError::field("userId", "Invalid uuid"))?;
    catalog.member(id).map(Some).ok_or_else(|| AppError::NoUser(text.to_owned()))
}
