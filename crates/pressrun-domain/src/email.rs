//! Mail addresses.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{RecipientId, ScheduleId};

/// The text is no mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a mail address; write it as name@example.com")]
pub struct InvalidEmail;

/// A mail address as typed: one `@`, a local part and a dotted domain, no white space or control characters.
///
/// Addresses are kept as typed and compared without case ([`EmailAddress::same_as`], P7 and P8).
/// Non-ASCII letters are allowed on both sides (RFC 6531).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress(String);

impl EmailAddress {
    /// The address as typed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that is compared and stored as a key: lower case.
    #[must_use]
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
    }

    /// The part after the `@`, lower case.
    #[must_use]
    pub fn domain(&self) -> String {
        self.0.rsplit_once('@').map(|(_, domain)| domain.to_lowercase()).unwrap_or_default()
    }

    /// The place of somebody who is on a schedule only through a group: made from both, so that the same person has the same unsubscribe
    /// link in every mail (P12).
    #[must_use]
    pub fn place_on(&self, schedule: ScheduleId) -> RecipientId {
        RecipientId(uuid::Uuid::new_v5(&schedule.0, self.folded().as_bytes()))
    }

    /// The same, when that place is of somebody who had this address before.
    #[must_use]
    pub fn other_place_on(&self, schedule: ScheduleId) -> RecipientId {
        RecipientId(uuid::Uuid::new_v5(&schedule.0, format!("{} again", self.folded()).as_bytes()))
    }

    /// Whether both name the same mailbox, compared without case.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        self.folded() == other.folded()
    }
}

impl FromStr for EmailAddress {
    type Err = InvalidEmail;

    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        let (local, domain) = text.rsplit_once('@').ok_or(InvalidEmail)?;
        let local_ok = !local.is_empty()
            && local.len() <= 64
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..")
            && local.chars().all(|c| {
                c.is_alphanumeric() || (!c.is_ascii() && !c.is_control() && !c.is_whitespace()) || "!#$%&'*+-/=?^_`{|}~.".contains(c)
            });
        let label_ok = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        };
        let domain_ok = domain.len() <= 253
            && domain.contains('.')
            && domain.split('.').all(label_ok)
            && domain.rsplit('.').next().is_some_and(|top| top.chars().count() >= 2 && !top.chars().all(|c| c.is_ascii_digit()));
        if local_ok && domain_ok { Ok(Self(text.to_owned())) } else { Err(InvalidEmail) }
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = InvalidEmail;
    fn try_from(text: String) -> Result<Self, InvalidEmail> {
        text.parse()
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.0
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_by_shape() {
        for (text, valid) in [
            ("iamagoodblob@myorg.co", true),
            ("blob+reports@sub.my-org.com", true),
            ("Blob.Ross@MyOrg.CO", true),
            ("blöb@exämple.org", true),
            ("blob@localhost", false),
            ("blob", false),
            ("", false),
            ("@myorg.co", false),
            ("blob@", false),
            ("blob@@myorg.co", false),
            ("blob ross@myorg.co", false),
            ("blob@my org.co", false),
            ("blob@myorg.co\r\nBcc: x@y.zz", false),
            ("blob..ross@myorg.co", false),
            ("blob@-myorg.co", false),
            ("blob@127.0.0.1", false),
            ("Blob <blob@myorg.co>", false),
        ] {
            assert_eq!(text.parse::<EmailAddress>().is_ok(), valid, "{text:?}");
        }
    }

    #[test]
    fn p8_addresses_compare_without_case() {
        let (a, b): (EmailAddress, EmailAddress) = (EmailAddress("A@B.co".into()), EmailAddress("a@b.CO".into()));
        assert!(a.same_as(&b));
        assert_eq!(a.domain(), "b.co");
    }
}
