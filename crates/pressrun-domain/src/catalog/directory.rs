//! Members and groups, found by what they are named with. Whoever walks a list of recipients asks for each of them, so that no question may
//! cost a walk over everybody.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use super::{Group, Member};
use crate::email::EmailAddress;
use crate::id::{GroupId, MembershipId, UserId};

/// Everybody with a login, in file order. Cheap to clone; of two with the same id or address the first is found.
#[derive(Debug, Clone, Default)]
pub struct Members(Arc<IndexedMembers>);

#[derive(Debug, Default)]
struct IndexedMembers {
    all: Vec<Member>,
    by_id: HashMap<MembershipId, usize>,
    by_user: HashMap<UserId, usize>,
    by_address: HashMap<String, usize>,
}

impl Members {
    /// The member with this membership id.
    #[must_use]
    pub fn by_id(&self, id: MembershipId) -> Option<&Member> {
        self.get(*self.0.by_id.get(&id)?)
    }

    /// The member who is this person.
    #[must_use]
    pub fn by_user(&self, id: UserId) -> Option<&Member> {
        self.get(*self.0.by_user.get(&id)?)
    }

    /// The member with this address, as [`EmailAddress::folded`] gives it.
    #[must_use]
    pub fn by_address(&self, folded: &str) -> Option<&Member> {
        self.get(*self.0.by_address.get(folded)?)
    }
}

impl From<Vec<Member>> for Members {
    fn from(all: Vec<Member>) -> Self {
        let mut indexed = IndexedMembers { all, ..IndexedMembers::default() };
        for (at, member) in indexed.all.iter().enumerate() {
            indexed.by_id.entry(member.id).or_insert(at);
            indexed.by_user.entry(member.user_id).or_insert(at);
            indexed.by_address.entry(EmailAddress::folded(&member.email)).or_insert(at);
        }
        Self(Arc::new(indexed))
    }
}

impl Deref for Members {
    type Target = [Member];

    fn deref(&self) -> &[Member] {
        &self.0.all
    }
}

/// Groups of members, in file order. Cheap to clone; of two with the same id the first is found.
#[derive(Debug, Clone, Default)]
pub struct Groups(Arc<IndexedGroups>);

#[derive(Debug, Default)]
struct IndexedGroups {
    all: Vec<Group>,
    by_id: HashMap<GroupId, usize>,
    by_member: HashMap<MembershipId, Vec<usize>>,
}

impl Groups {
    /// The group with this id.
    #[must_use]
    pub fn by_id(&self, id: GroupId) -> Option<&Group> {
        self.get(*self.0.by_id.get(&id)?)
    }

    /// The groups that `member` is in, in file order.
    pub fn of(&self, member: MembershipId) -> impl Iterator<Item = &Group> {
        self.0.by_member.get(&member).into_iter().flatten().filter_map(|at| self.get(*at))
    }

    /// Whether `member` is in one of these groups.
    #[must_use]
    pub fn any_has(&self, groups: &[GroupId], member: MembershipId) -> bool {
        self.of(member).any(|group| groups.contains(&group.id))
    }
}

impl From<Vec<Group>> for Groups {
    fn from(all: Vec<Group>) -> Self {
        let mut indexed = IndexedGroups { all, ..IndexedGroups::default() };
        for (at, group) in indexed.all.iter().enumerate() {
            indexed.by_id.entry(group.id).or_insert(at);
            for member in &group.members {
                let places = indexed.by_member.entry(*member).or_default();
                if places.last() != Some(&at) {
                    places.push(at);
                }
            }
        }
        Self(Arc::new(indexed))
    }
}

impl Deref for Groups {
    type Target = [Group];

    fn deref(&self) -> &[Group] {
        &self.0.all
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn member(id: u128, user: u128, address: &str) -> Member {
        Member {
            id: MembershipId(Uuid::from_u128(id)),
            user_id: UserId(Uuid::from_u128(user)),
            name: format!("{id}"),
            email: address.parse().unwrap(),
            admin: false,
            active: true,
            attributes: super::super::AttributeValues::new(),
        }
    }

    #[test]
    fn q15_members_are_found_by_either_id_and_by_their_address_without_case() {
        let members = Members::from(vec![member(1, 11, "Blob@MyOrg.co"), member(2, 12, "b@x.co"), member(1, 13, "BLOB@myorg.co")]);
        let name = |found: Option<&Member>| found.map(|member| member.user_id.0.as_u128());
        assert_eq!(name(members.by_id(MembershipId(Uuid::from_u128(2)))), Some(12));
        assert_eq!(name(members.by_id(MembershipId(Uuid::from_u128(11)))), None, "a user's id is no membership's");
        assert_eq!(name(members.by_user(UserId(Uuid::from_u128(12)))), Some(12));
        assert_eq!(name(members.by_id(MembershipId(Uuid::from_u128(1)))), Some(11), "the first of two");
        assert_eq!(name(members.by_address("blob@myorg.co")), Some(11), "the first of two");
        assert_eq!(name(members.by_address("Blob@MyOrg.co")), None, "only folded");
        assert_eq!(members.iter().map(|member| member.user_id.0.as_u128()).collect::<Vec<_>>(), [11, 12, 13], "in file order");
    }

    #[test]
    fn p7_groups_are_found_by_id_and_by_member() {
        let (one, two, nobody) = (MembershipId(Uuid::from_u128(1)), MembershipId(Uuid::from_u128(2)), MembershipId(Uuid::from_u128(3)));
        let group =
            |id, members: &[MembershipId]| Group { id: GroupId(Uuid::from_u128(id)), name: id.to_string(), members: members.to_vec() };
        let groups = Groups::from(vec![group(70, &[one, two, one]), group(71, &[]), group(72, &[one])]);
        let of = |member| groups.of(member).map(|group| group.name.as_str()).collect::<Vec<_>>();
        assert_eq!((of(one), of(two), of(nobody)), (vec!["70", "72"], vec!["70"], vec![]));
        assert_eq!(groups.by_id(GroupId(Uuid::from_u128(71))).map(|group| group.members.len()), Some(0));
        let ids = |ids: &[u128]| ids.iter().map(|id| GroupId(Uuid::from_u128(*id))).collect::<Vec<_>>();
        assert!(groups.any_has(&ids(&[71, 72]), one));
        assert!(!groups.any_has(&ids(&[71, 72]), two));
        assert!(!groups.any_has(&[], one));
    }
}
