//! Places on the list of a schedule.

use std::collections::HashSet;

use super::Recipient;
use crate::email::EmailAddress;
use crate::id::{RecipientId, ScheduleId};

/// Gives out places on the list of one schedule. A place is made from schedule and address, so that the links in older mails go on to mean the same
/// person (P12); but the place of a member who has moved stays theirs, and whoever has their old address now gets another one.
#[derive(Debug)]
pub struct Places {
    schedule: ScheduleId,
    moved: HashSet<RecipientId>,
}

impl Places {
    /// Places on the list that has these.
    pub fn beside<'a>(schedule: ScheduleId, named: impl IntoIterator<Item = &'a Recipient>) -> Self {
        let moved = named.into_iter().filter(|place| place.id != place.email.place_on(schedule));
        Self { schedule, moved: moved.map(|place| place.id).collect() }
    }

    /// The place of whoever has this address.
    #[must_use]
    pub fn of(&self, email: &EmailAddress) -> RecipientId {
        let place = email.place_on(self.schedule);
        if self.moved.contains(&place) { email.other_place_on(self.schedule) } else { place }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::{EmailSettings, Person};
    use crate::id::MembershipId;

    fn email(text: &str) -> EmailAddress {
        text.parse().unwrap()
    }

    fn place(id: RecipientId, address: &str) -> Recipient {
        Recipient { id, email: email(address), person: Person::Member(MembershipId::generate()) }
    }

    #[test]
    fn p12_the_place_of_somebody_who_moved_is_nobody_elses() {
        let schedule = ScheduleId::generate();
        let (old, new) = (email("ann@old.co"), email("ann@new.co"));
        let ann = place(old.place_on(schedule), "ann@new.co");
        let places = Places::beside(schedule, [&ann]);
        assert_ne!(places.of(&old), ann.id);
        assert_eq!(places.of(&old), Places::beside(schedule, [&ann]).of(&email("Ann@OLD.co")), "the same in every mail");
        assert_eq!(places.of(&new), new.place_on(schedule));
        let back = place(ann.id, "ann@old.co");
        assert_eq!(Places::beside(schedule, [&back]).of(&old), ann.id);
    }

    #[test]
    fn p7_the_first_of_two_places_of_one_address_stays() {
        let [one, two, three] = ["ann@b.co", "ben@b.co", "ANN@b.co"].map(|address| place(RecipientId::generate(), address));
        let mut email = EmailSettings { recipients: vec![one.clone()], cc: vec![two.clone(), three.clone()], ..EmailSettings::default() };
        email.subscribed = three.member().into_iter().chain(two.member()).collect();
        email.name_each_once();
        assert_eq!((email.recipients, email.cc), (vec![one], vec![two.clone()]));
        assert_eq!(email.subscribed, two.member().into_iter().collect());
    }
}
