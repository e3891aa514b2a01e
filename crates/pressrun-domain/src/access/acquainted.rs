//! Which people and groups of the organization somebody may look up, and so name by their ids: whoever names one sees its addresses.

use std::collections::HashSet;

use crate::catalog::{Catalog, Group};
use crate::id::{GroupId, MembershipId};

use super::Actor;

/// Whom an actor may look up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acquainted {
    /// Everybody, people without a login included: admins and organization keys.
    All,
    /// These.
    With {
        /// Themselves and who is in a group with them.
        members: HashSet<MembershipId>,
        /// Groups that they are in.
        groups: HashSet<GroupId>,
    },
}

impl Acquainted {
    /// Whether it has this member.
    #[must_use]
    pub fn has_member(&self, id: MembershipId) -> bool {
        match self {
            Self::All => true,
            Self::With { members, .. } => members.contains(&id),
        }
    }

    /// Whether it has this group.
    #[must_use]
    pub fn has_group(&self, id: GroupId) -> bool {
        match self {
            Self::All => true,
            Self::With { groups, .. } => groups.contains(&id),
        }
    }
}

impl Actor {
    /// Whom this actor may look up.
    #[must_use]
    pub fn acquainted(&self, catalog: &Catalog) -> Acquainted {
        if self.is_admin(catalog) {
            return Acquainted::All;
        }
        let own: Vec<&Group> = catalog.groups.of(self.member).collect();
        Acquainted::With {
            members: own.iter().flat_map(|group| group.members.iter().copied()).chain([self.member]).collect(),
            groups: own.iter().map(|group| group.id).collect(),
        }
    }
}
