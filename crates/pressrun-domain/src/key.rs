//! API keys.

use serde::{Deserialize, Serialize};

use jiff::Timestamp;

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
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stopped working.
    pub revoked_at: Option<Timestamp>,
}
