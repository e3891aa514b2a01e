//! Identifiers. A [`RunId`] is never accepted where a [`ScheduleId`] is meant.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The text is no UUID in the hyphenated 8-4-4-4-12 form (contract §1.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID of the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")]
pub struct InvalidUuid;

/// Parses the hyphenated form only, any case, any version and variant; braces, URN and 32-digit forms are refused (contract §1.5).
///
/// # Errors
/// [`InvalidUuid`] for every other text.
pub fn parse_uuid(text: &str) -> Result<Uuid, InvalidUuid> {
    let hyphens = [8, 13, 18, 23];
    let shaped = text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| if hyphens.contains(&at) { byte == b'-' } else { byte.is_ascii_hexdigit() });
    if !shaped {
        return Err(InvalidUuid);
    }
    Uuid::parse_str(text).map_err(|_| InvalidUuid)
}

/// UUID version 7, later than those made before.
fn fresh() -> Uuid {
    #[cfg(feature = "seeded-ids")]
    if let Some(id) = seeded::next() {
        return id;
    }
    Uuid::now_v7()
}

/// Ids that a seed repeats, for simulations; never in a build for use.
#[cfg(feature = "seeded-ids")]
pub mod seeded {
    use std::cell::Cell;

    use uuid::Uuid;

    thread_local! {
        static NEXT: Cell<Option<(u64, u64)>> = const { Cell::new(None) };
    }

    /// From now on this thread makes the ids of `seed`, in order; those of the clock and of chance when it is `None`.
    pub fn begin(seed: Option<u64>) {
        NEXT.set(seed.map(|seed| (seed, 0)));
    }

    pub(super) fn next() -> Option<Uuid> {
        let (seed, count) = NEXT.get()?;
        let count = count + 1;
        NEXT.set(Some((seed, count)));
        let chance = (seed ^ count.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&(count << 16).to_be_bytes());
        bytes[8..].copy_from_slice(&(chance ^ (chance >> 29)).to_be_bytes());
        // Version and variant; the count is in the bits that say when.
        bytes[6] = 0x70;
        bytes[8] = 0x80 | (bytes[8] & 0x3f);
        Some(Uuid::from_bytes(bytes))
    }
}

macro_rules! uuid_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id: UUID version 7, so that ids sort by the time they were made.
            #[must_use]
            pub fn generate() -> Self {
                Self(fresh())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidUuid;
            fn from_str(text: &str) -> Result<Self, InvalidUuid> {
                parse_uuid(text).map(Self)
            }
        }
    )*};
}

uuid_ids! {
    /// A saved schedule.
    ScheduleId;
    /// A member's request to be on a list.
    SubscriptionRequestId;
    /// The work for one occurrence, manual trigger or test.
    RunId;
    /// One promised piece of a run.
    DeliveryId;
    /// The organization.
    OrganizationId;
    /// A person's presence in the organization; what the contract calls `userId` of a member.
    MembershipId;
    /// A person, member or email-only user.
    UserId;
    /// A user group.
    GroupId;
    /// A recipient's place on one schedule.
    RecipientId;
    /// A stored API key (never the token itself).
    ApiKeyId;
    /// A browser that somebody signed in with.
    SessionId;
    /// One worker of one process.
    WorkerId;
}

impl RunId {
    /// The run of a schedule's occurrence at `at`: the same whoever plans it, and whenever. What it sends has the same marks, so that an occurrence
    /// which is planned again from a backup is known to receivers that saw it. Ids sort by the instant, as others do by when they were made.
    #[must_use]
    pub fn of_occurrence(schedule: ScheduleId, at: Timestamp) -> Self {
        let mut bytes = Uuid::new_v5(&schedule.0, &at.as_microsecond().to_be_bytes()).into_bytes();
        let since_epoch = u64::try_from(at.as_millisecond()).unwrap_or_default().to_be_bytes();
        bytes[..6].copy_from_slice(&since_epoch[2..]);
        // Version 8: made as somebody sees fit.
        bytes[6] = bytes[6] & 0x0f | 0x80;
        Self(Uuid::from_bytes(bytes))
    }
}

macro_rules! text_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The text as written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )*};
}

text_ids! {
    /// A document's `identifier`: opaque, usually eight hex characters or a slug.
    DocumentIdentifier;
    /// A query map key: opaque, case-sensitive.
    TileKey;
    /// A dashboard filter's key: opaque, case-sensitive, matched exactly.
    FilterKey;
    /// A connection's name in the catalog.
    ConnectionName;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hyphenated_form_is_a_uuid() {
        for (text, valid) in [
            ("abcdef12-3456-7890-abcd-ef1234567890", true),
            ("ABCDEF12-3456-7890-ABCD-EF1234567890", true),
            ("{abcdef12-3456-7890-abcd-ef1234567890}", false),
            ("urn:uuid:abcdef12-3456-7890-abcd-ef1234567890", false),
            ("abcdef1234567890abcdef1234567890", false),
            ("abcdef12-3456-7890-abcd-ef123456789", false),
            ("abcdef12-3456-7890-abcd-ef123456789g", false),
            ("abcdéf12-3456-7890-abcd-ef123456789", false),
            ("", false),
        ] {
            assert_eq!(parse_uuid(text).is_ok(), valid, "{text}");
        }
    }

    #[test]
    fn i6_an_occurrence_has_the_same_run_whoever_plans_it() {
        let (one, other) = (ScheduleId::generate(), ScheduleId::generate());
        let at = |second| Timestamp::from_second(second).expect("an instant");
        let run = RunId::of_occurrence(one, at(1_753_347_600));
        assert_eq!(run, RunId::of_occurrence(one, at(1_753_347_600)));
        assert_ne!(run, RunId::of_occurrence(other, at(1_753_347_600)));
        assert!(run < RunId::of_occurrence(other, at(1_753_347_601)), "ids sort by instant");
        assert_eq!(run.to_string().parse(), Ok(run));
        assert_eq!((run.0.get_version_num(), run.0.get_variant()), (8, uuid::Variant::RFC4122));
        assert_ne!(RunId::of_occurrence(one, Timestamp::MIN), RunId::of_occurrence(one, Timestamp::MAX));
    }
}
