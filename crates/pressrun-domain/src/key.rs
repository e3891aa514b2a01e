//! API keys.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::catalog::Catalog;
use crate::id::{ApiKeyId, MembershipId};

/// What a token may do (contract §1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    /// Acts as an organization admin and may act for a member.
    Organization,
    /// Acts as its member, within that person's rights.
    Personal,
}

impl KeyKind {
    /// The wire value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::Personal => "personal",
        }
    }
}

/// What requests with a key may be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Reading what its member may see.
    Read,
    /// Making, changing, running and deleting schedules.
    Schedules,
    /// Email-only users.
    Users,
    /// API keys.
    Keys,
}

impl Scope {
    /// Every value.
    pub const ALL: [Self; 4] = [Self::Read, Self::Schedules, Self::Users, Self::Keys];

    /// The wire value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Schedules => "schedules",
            Self::Users => "users",
            Self::Keys => "keys",
        }
    }

    /// The scope of this wire value.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

/// A set of scopes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// Every scope.
    pub const ALL: Self = Self(0b1111);

    /// No scope.
    pub const NONE: Self = Self(0);

    /// Whether `scope` is one of them.
    #[must_use]
    pub fn has(self, scope: Scope) -> bool {
        self.0 & bit(scope) != 0
    }

    /// Those of `self` that `other` lacks, in order.
    pub fn beyond(self, other: Self) -> impl Iterator<Item = Scope> {
        Self(self.0 & !other.0).iter()
    }

    /// Each of them, in order.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.has(*scope))
    }
}

fn bit(scope: Scope) -> u8 {
    1 << scope as u8
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | bit(scope)))
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scopes({self})")
    }
}

/// Wire values with blanks between, in order.
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, scope) in self.iter().enumerate() {
            write!(f, "{}{}", if at > 0 { " " } else { "" }, scope.as_str())?;
        }
        Ok(())
    }
}

/// A word that is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no scope; there are read, schedules, users and keys")]
pub struct UnknownScope(pub String);

impl FromStr for Scopes {
    type Err = UnknownScope;

    /// Reads words with blanks or commas between.
    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        let words = text.split([' ', ',']).filter(|word| !word.is_empty());
        words.map(|word| Scope::named(word).ok_or_else(|| UnknownScope(word.to_owned()))).collect()
    }
}

/// A stored API key. The token is shown once, at creation; only its SHA-256 is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// UUID.
    pub id: ApiKeyId,
    /// What it may do.
    pub kind: KeyKind,
    /// The member it belongs to.
    pub member: MembershipId,
    /// What it is for.
    pub name: String,
    /// First characters of the token, to tell keys apart in lists.
    pub prefix: String,
    /// What its requests may be about.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working; `None` never does.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it stopped working.
    pub revoked_at: Option<Timestamp>,
}

impl ApiKey {
    /// Whether it works at `now`: not revoked, not expired, and its member is still with the organization. A key of either kind falls
    /// with its member.
    #[must_use]
    pub fn works(&self, catalog: &Catalog, now: Timestamp) -> bool {
        let in_time = self.revoked_at.is_none() && self.expires_at.is_none_or(|expires| now < expires);
        in_time && catalog.member(self.member.0).is_some_and(|member| member.active)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m4_scopes_are_read_as_they_are_written() {
        for text in ["", "read", "read schedules", "read schedules users keys", "keys"] {
            assert_eq!(text.parse::<Scopes>().map(|scopes| scopes.to_string()).as_deref(), Ok(text));
        }
        assert_eq!("keys,read".parse(), Ok(Scopes::from_iter([Scope::Read, Scope::Keys])));
        assert_eq!("read admin".parse::<Scopes>(), Err(UnknownScope("admin".into())));
        assert_eq!(Scopes::ALL, Scopes::from_iter(Scope::ALL));
        let read: Scopes = [Scope::Read].into_iter().collect();
        assert_eq!(Scopes::ALL.beyond(read).collect::<Vec<_>>(), [Scope::Schedules, Scope::Users, Scope::Keys]);
        assert_eq!(read.beyond(Scopes::ALL).count(), 0);
        assert!(!Scopes::NONE.has(Scope::Read));
    }
}
