//! Consents that are asked for and not yet given: a schedule offered to a new owner, and a member who asks to be on a list.
//!
//! Either is a row that lapses. An offer is for what was shown with it: when the schedule delivers anything else, or elsewhere, it is void,
//! so that nobody accepts what they have not seen.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::destination::Destination;
use crate::id::{MembershipId, ScheduleId, SubscriptionRequestId};
use crate::schedule::Definition;

/// How long somebody has to answer.
pub const ANSWER_WITHIN: SignedDuration = SignedDuration::from_hours(24 * 14);

/// A schedule that its owner wants to give to somebody else. At most one a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnershipOffer {
    /// What is offered.
    pub schedule: ScheduleId,
    /// Its owner, who offers it.
    pub from: MembershipId,
    /// Who may accept.
    pub to: MembershipId,
    /// [`terms`] of the schedule when it was offered.
    pub terms: String,
    /// When it was offered.
    pub offered_at: Timestamp,
    /// First instant at which it can no longer be accepted.
    pub expires_at: Timestamp,
}

impl OwnershipOffer {
    /// An offer of a schedule of this definition, made at `now`.
    #[must_use]
    pub fn new(schedule: ScheduleId, definition: &Definition, to: MembershipId, now: Timestamp) -> Self {
        let expires_at = now.saturating_add(ANSWER_WITHIN).unwrap_or(Timestamp::MAX);
        Self { schedule, from: definition.owner, to, terms: terms(definition), offered_at: now, expires_at }
    }

    /// Whether it can still be accepted: in time, from the same owner, and for what was shown.
    #[must_use]
    pub fn stands(&self, definition: &Definition, now: Timestamp) -> bool {
        now < self.expires_at && definition.owner == self.from && terms(definition) == self.terms
    }
}

/// A member who asks the owner of a schedule to be on its list. At most one a schedule and member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionRequest {
    /// UUID.
    pub id: SubscriptionRequestId,
    /// On whose list.
    pub schedule: ScheduleId,
    /// Who asks.
    pub member: MembershipId,
    /// Who was asked: the owner at that time.
    pub owner: MembershipId,
    /// SHA-256 of the word in the owner's mail that stands for the owner's login.
    pub token_sha256: [u8; 32],
    /// When it was asked.
    pub requested_at: Timestamp,
    /// First instant at which it can no longer be confirmed.
    pub expires_at: Timestamp,
}

impl SubscriptionRequest {
    /// Whether it can still be confirmed: in time, and by the owner who was asked.
    #[must_use]
    pub fn stands(&self, definition: &Definition, now: Timestamp) -> bool {
        now < self.expires_at && definition.owner == self.owner
    }
}

/// Names what a schedule delivers, how, when and where to: SHA-256 (hex) of its definition. Its name may change, links may be withdrawn and a
/// host key may be pinned without making it another.
#[must_use]
pub fn terms(definition: &Definition) -> String {
    let mut shown = definition.clone();
    shown.name.clear();
    shown.link_epoch = 0;
    if let Destination::Sftp(sftp) = &mut shown.destination {
        sftp.host_key = None;
    }
    // A definition is made of plain values only; one that could not be written would equal no other.
    let json = serde_json::to_vec(&shown).unwrap_or_default();
    hex::encode(Sha256::digest(json))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::tests::{definition, member_id};

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    #[test]
    fn c1_an_offer_stands_for_what_was_shown_until_it_lapses() {
        type Change = fn(&mut Definition);
        let shown = definition(1);
        let offer = OwnershipOffer::new(ScheduleId::generate(), &shown, member_id(2), NOW);
        assert!(offer.stands(&shown, NOW) && offer.stands(&shown, NOW + SignedDuration::from_hours(24 * 14 - 1)));
        assert!(!offer.stands(&shown, NOW + SignedDuration::from_hours(24 * 14)), "lapsed");
        let voids: [(&str, Change); 6] = [
            ("another owner", |changed| changed.owner = member_id(3)),
            ("another dashboard", |changed| changed.identifier = "other".into()),
            ("filters", |changed| changed.filters = [("region".into(), serde_json::json!(["EU"]))].into_iter().collect()),
            ("one more recipient", |changed| {
                let Destination::Email(email) = &mut changed.destination else { panic!("mail") };
                let mut more = email.recipients[0].clone();
                more.email = "more@outside.example".parse().expect("an address");
                email.recipients.push(more);
            }),
            ("no personal copies", |changed| {
                let Destination::Email(email) = &mut changed.destination else { panic!("mail") };
                email.fan_out = !email.fan_out;
            }),
            ("one tile", |changed| changed.tile = Some("1".into())),
        ];
        for (case, change) in voids {
            let mut changed = shown.clone();
            change(&mut changed);
            assert!(!offer.stands(&changed, NOW), "{case}");
        }
        let mut renamed = shown.clone();
        "Another name".clone_into(&mut renamed.name);
        renamed.link_epoch = 7;
        assert!(offer.stands(&renamed, NOW), "a name and withdrawn links change nothing that is delivered");
    }

    #[test]
    fn c2_a_request_is_for_the_owner_who_was_asked() {
        let asked = definition(1);
        let request = SubscriptionRequest {
            id: SubscriptionRequestId::generate(),
            schedule: ScheduleId::generate(),
            member: member_id(2),
            owner: member_id(1),
            token_sha256: [0; 32],
            requested_at: NOW,
            expires_at: NOW + ANSWER_WITHIN,
        };
        assert!(request.stands(&asked, NOW));
        assert!(!request.stands(&asked, NOW + ANSWER_WITHIN), "lapsed");
        assert!(!request.stands(&definition(3), NOW), "another owner");
    }
}
