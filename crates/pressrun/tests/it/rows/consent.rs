//! What people agreed to, kept apart from the server: who said that whose rows of the schedule may reach whom.
//!
//! Only calls count that somebody made who may: the owner of the schedule as this model has it, or an admin. So when the server lets
//! others do it, or does more than was said, rows arrive that nobody gave.

use std::collections::BTreeSet;

use super::people::{Place, Region, Who};

/// What a schedule sends to each on its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Copies {
    /// Its owner's rows.
    OfTheOwner,
    /// Their own rows, as it says itself.
    Personal,
    /// Their own rows, because the organization says so.
    PersonalByPolicy,
}

/// The schedule at hand, and all consents about it.
#[derive(Debug, Clone)]
pub(super) struct Consents {
    /// Whose it is: who made it, then whoever accepted it or was given it by an admin.
    pub(super) owner: Who,
    /// Who is on the list for their own rows only: members who put themselves there, and outsiders who were named under a policy.
    own_rows_only: BTreeSet<Place>,
    /// Who may have whose rows.
    given: BTreeSet<(Who, Place)>,
    /// What the owner offers, and to whom; it is what somebody can accept.
    pub(super) offered_to: Option<Who>,
    /// What each was shown of an offer: its mark, and the places that it names.
    pub(super) seen: Vec<(Who, String, BTreeSet<Place>)>,
}

impl Consents {
    pub(super) fn of_new(owner: Who, named: &BTreeSet<Place>) -> Self {
        let mut consents = Self { owner, own_rows_only: BTreeSet::new(), given: BTreeSet::new(), offered_to: None, seen: Vec::new() };
        consents.name(owner, named, Copies::Personal);
        consents
    }

    /// Whether a call of this person is the owner's word.
    pub(super) fn decides(&self, who: Who) -> bool {
        who == self.owner || who == Who::Root
    }

    /// Somebody names these places; `copies` is what the schedule sends after the call. Being named while copies are personal says nothing about
    /// more than that of those who came by themselves, and of outsiders where it is only the organization that has it so.
    pub(super) fn name(&mut self, who: Who, named: &BTreeSet<Place>, copies: Copies) {
        if !self.decides(who) {
            return;
        }
        for place in named {
            let is_given = self.given.contains(&(self.owner, *place));
            if copies == Copies::OfTheOwner {
                self.own_rows_only.remove(place);
            }
            if copies == Copies::PersonalByPolicy && !is_given && !matches!(place, Place::Inbox(_)) {
                self.own_rows_only.insert(*place);
            }
            if !self.own_rows_only.contains(place) {
                self.given.insert((self.owner, *place));
            }
        }
    }

    /// A member put themselves on the list.
    pub(super) fn subscribed(&mut self, who: Who, personal: bool) {
        let place = Place::Inbox(who);
        if personal && who != self.owner && !self.given.contains(&(self.owner, place)) {
            self.own_rows_only.insert(place);
        }
    }

    /// A request was confirmed.
    pub(super) fn confirmed(&mut self, by: Who, asked: Who) {
        if self.decides(by) {
            self.own_rows_only.remove(&Place::Inbox(asked));
            self.given.insert((self.owner, Place::Inbox(asked)));
        }
    }

    /// A piece was sent again at somebody's word.
    pub(super) fn sent_again(&mut self, by: Who, rows_of: Who, to: Place) {
        if self.decides(by) {
            self.given.insert((rows_of, to));
        }
    }

    /// An admin gives the schedule to somebody: it is for them to say that the places on its list get the rows of its new owner.
    pub(super) fn transferred(&mut self, by: Who, to: Who, on_list: &BTreeSet<Place>) {
        if by == Who::Root {
            self.becomes(to, on_list);
        }
    }

    /// Whoever it is offered to accepts what they were shown under this mark, and no more than that.
    pub(super) fn accepted(&mut self, who: Who, mark: Option<&str>) {
        if self.offered_to == Some(who) {
            let shown = self.seen.iter().rev().find(|(reader, seen, _)| *reader == who && Some(seen.as_str()) == mark);
            let shown = shown.map(|(.., places)| places.clone()).unwrap_or_default();
            self.becomes(who, &shown);
        }
    }

    fn becomes(&mut self, owner: Who, named: &BTreeSet<Place>) {
        (self.owner, self.offered_to) = (owner, None);
        let agreed = named.iter().filter(|place| !self.own_rows_only.contains(place));
        self.given.extend(agreed.map(|place| (owner, *place)));
    }

    /// Who is on no list any more starts anew.
    pub(super) fn left(&mut self, on_list: &BTreeSet<Place>) {
        self.own_rows_only.retain(|place| on_list.contains(place));
        self.given.retain(|(_, place)| on_list.contains(place));
    }

    /// Whether somebody's rows were given to a place.
    pub(super) fn is_given(&self, rows_of: Who, place: Place) -> bool {
        self.given.contains(&(rows_of, place))
    }

    /// Whether a row of this region may arrive at a place: it is the reader's own, or one of those who have it gave it.
    pub(super) fn may_arrive(&self, region: Region, place: Place) -> bool {
        let gave = |who: &Who| who.sees(region) && self.is_given(*who, place);
        place.reader().is_none_or(|reader| reader.sees(region)) || Who::ALL.iter().any(gave)
    }

    /// Whether anybody waits on the list for more than their own rows.
    pub(super) fn waits(&self) -> bool {
        !self.own_rows_only.is_empty()
    }
}
