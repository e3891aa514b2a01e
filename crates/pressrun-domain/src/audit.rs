//! Who changed what: the entries of the audit, which are written in the transaction of each change and never changed after it.

mod difference;

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use jiff::Timestamp;
use serde_json::Map;

use crate::email::EmailAddress;
use crate::id::{ApiKeyId, MembershipId, SessionId};
use crate::key::KeyKind;

pub use difference::{definition_difference, plain_difference};

/// What of an object changed: field → `{"before": …, "after": …}`, or the word `changed` for what must not be shown (D13).
pub type Details = Map<String, serde_json::Value>;

/// Who makes a change, when, from where, and what it is called. The store adds to it what it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub agent: Agent,
    /// From where.
    pub origin: Origin,
    /// What it is called.
    pub verb: Verb,
}

impl Change {
    /// What Pressrun does by itself.
    #[must_use]
    pub fn by_system(verb: Verb, at: Timestamp) -> Self {
        Self { at, agent: Agent::System, origin: Origin::default(), verb }
    }

    /// What an operator does on the command line.
    #[must_use]
    pub fn by_command_line(verb: Verb, at: Timestamp) -> Self {
        Self { at, agent: Agent::CommandLine, origin: Origin::default(), verb }
    }
}

/// Who makes a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agent {
    /// Whoever holds a key, or the session that it opened.
    Key {
        /// What the key may do.
        kind: KeyKind,
        /// The member it belongs to.
        member: MembershipId,
        /// The stored key; `None` for a development key of the catalog.
        key: Option<ApiKeyId>,
        /// The session of a browser.
        session: Option<SessionId>,
    },
    /// Whoever holds the link of a mail to this address.
    Recipient(EmailAddress),
    /// An operator on the server itself.
    CommandLine,
    /// Pressrun.
    System,
    /// Nobody known: a token that opens nothing.
    Unknown,
}

impl Agent {
    /// The wire value.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Key { kind, .. } => kind.as_str(),
            Self::Recipient(_) => "recipient",
            Self::CommandLine => "commandLine",
            Self::System => "system",
            Self::Unknown => "unknown",
        }
    }

    /// The member behind it.
    #[must_use]
    pub fn member(&self) -> Option<MembershipId> {
        if let Self::Key { member, .. } = self { Some(*member) } else { None }
    }
}

/// Where a request came from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Origin {
    /// Address of the client, as far as trusted proxies tell.
    pub source: Option<IpAddr>,
    /// Id of the request.
    pub request: Option<RequestId>,
}

/// Id of a request: 1 to 64 letters, digits, dots, hyphens and underscores, so that it cannot forge a line of a log.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId {
    /// ASCII; what is not used is zero.
    bytes: [u8; 64],
    length: u8,
}

/// The text is no [`RequestId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a request id has 1 to 64 characters out of A-Z a-z 0-9 . _ -")]
pub struct InvalidRequestId;

impl FromStr for RequestId {
    type Err = InvalidRequestId;

    fn from_str(text: &str) -> Result<Self, InvalidRequestId> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let mut bytes = [0; 64];
        if text.is_empty() || !text.bytes().all(plain) {
            return Err(InvalidRequestId);
        }
        bytes.get_mut(..text.len()).ok_or(InvalidRequestId)?.copy_from_slice(text.as_bytes());
        Ok(Self { bytes, length: text.len() as u8 })
    }
}

impl RequestId {
    /// A new one.
    #[must_use]
    pub fn generate() -> Self {
        let mut bytes = [0; 64];
        let length = uuid::Uuid::now_v7().as_simple().encode_lower(&mut bytes).len() as u8;
        Self { bytes, length }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let used = self.bytes.get(..usize::from(self.length)).unwrap_or_default();
        std::str::from_utf8(used).unwrap_or_default()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// Every value.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The wire value.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }
    };
}

words! {
    /// What was done. The first part is the object's kind.
    Verb {
        /// A schedule was made.
        ScheduleCreated = "schedule.created",
        /// Its definition was changed.
        ScheduleUpdated = "schedule.updated",
        /// It was deleted; its history stays (X9).
        ScheduleDeleted = "schedule.deleted",
        /// No occurrence becomes a run until it is resumed.
        SchedulePaused = "schedule.paused",
        /// Occurrences become runs again.
        ScheduleResumed = "schedule.resumed",
        /// It has another owner (X7).
        ScheduleTransferred = "schedule.transferred",
        /// It was offered to another owner.
        OwnershipOffered = "schedule.ownershipOffered",
        /// The offer was accepted.
        OwnershipAccepted = "schedule.ownershipAccepted",
        /// The offer was declined.
        OwnershipDeclined = "schedule.ownershipDeclined",
        /// The offer was taken back.
        OwnershipWithdrawn = "schedule.ownershipWithdrawn",
        /// People were put on its list.
        RecipientsAdded = "schedule.recipientsAdded",
        /// People were taken off its list.
        RecipientsRemoved = "schedule.recipientsRemoved",
        /// Somebody put themselves on its list (P12).
        Subscribed = "schedule.subscribed",
        /// Somebody asked to be put on its list.
        SubscriptionRequested = "schedule.subscriptionRequested",
        /// The owner let them.
        SubscriptionAllowed = "schedule.subscriptionAllowed",
        /// The owner did not.
        SubscriptionDeclined = "schedule.subscriptionDeclined",
        /// Somebody took themselves off for good (P12).
        Unsubscribed = "schedule.unsubscribed",
        /// Links without a login that were sent so far open nothing any more.
        LinksWithdrawn = "schedule.linksWithdrawn",
        /// Pressrun switched it off (X1).
        ScheduleSwitchedOff = "schedule.switchedOff",
        /// What it was switched off for is back, and Pressrun switched it on again.
        ScheduleSwitchedOn = "schedule.switchedOn",
        /// A run was started by hand (I3).
        RunTriggered = "run.triggered",
        /// A delivery was tried without saving a schedule (S8).
        RunTested = "run.tested",
        /// A piece was sent again.
        RunResent = "run.resent",
        /// A run was told to stop (S5).
        RunCancelled = "run.cancelled",
        /// An email-only user was made.
        UserCreated = "user.created",
        /// Attributes of an email-only user were changed.
        UserUpdated = "user.updated",
        /// An email-only user was deleted (P9).
        UserDeleted = "user.deleted",
        /// An API key was made.
        KeyCreated = "key.created",
        /// An API key was stopped from working.
        KeyRevoked = "key.revoked",
        /// Somebody signed in.
        SignedIn = "session.began",
        /// A session was ended.
        SignedOut = "session.ended",
        /// A token that opens nothing was offered to the sign-in page.
        SignInRefused = "session.refused",
        /// A token that opens nothing was sent to the API.
        TokenRefused = "key.refused",
        /// Everything sealed was sealed anew under the present key.
        SecretsRotated = "secrets.rotated",
        /// A backup was taken.
        BackupTaken = "backup.taken",
        /// A backup was restored: entries after it was taken are lost.
        BackupRestored = "backup.restored",
        /// Mail to an address came back for good: it gets no more.
        AddressSuppressed = "address.suppressed",
        /// Somebody lifted that.
        AddressReleased = "address.released",
    }
}

words! {
    /// What was changed.
    ObjectKind {
        /// A schedule.
        Schedule = "schedule",
        /// A run.
        Run = "run",
        /// An email-only user.
        User = "user",
        /// An API key.
        Key = "key",
        /// A session of a browser.
        Session = "session",
        /// The secrets at rest.
        Secrets = "secrets",
        /// A backup; its id is the instant that it shows.
        Backup = "backup",
        /// An address that gets mail; its id is the folded address.
        Address = "address",
    }
}

/// What was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its id as text; empty when it has none.
    pub id: String,
    /// Its name at that time; empty when it has none.
    pub name: String,
}

impl Object {
    /// An object.
    #[must_use]
    pub fn new(kind: ObjectKind, id: impl fmt::Display, name: impl Into<String>) -> Self {
        Self { kind, id: id.to_string(), name: name.into() }
    }
}

/// A stored entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its place: later entries have larger ones.
    pub seq: u64,
    /// Who, when, from where, and what was done.
    pub change: Change,
    /// What it was done to.
    pub object: Object,
    /// What of it changed.
    pub details: Details,
    /// How often, or to how many: more than 1 for refusals, which are counted by the minute, and for more than fifty users made by one call.
    pub count: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h3_a_request_id_cannot_forge_a_line_of_a_log() {
        for (text, good) in [
            ("a", true),
            ("0197-A_b.c", true),
            (&"x".repeat(64), true),
            (&"x".repeat(65), false),
            ("", false),
            ("a b", false),
            ("a\nb", false),
            ("ä", false),
            ("a\u{1b}[0m", false),
        ] {
            assert_eq!(text.parse::<RequestId>().is_ok(), good, "{text:?}");
        }
        assert!(RequestId::generate().as_str().parse::<RequestId>().is_ok());
    }

    #[test]
    fn h3_every_word_is_its_own() {
        let words: std::collections::BTreeSet<&str> = Verb::ALL.iter().map(|verb| verb.as_str()).collect();
        assert_eq!(words.len(), Verb::ALL.len());
    }
}
