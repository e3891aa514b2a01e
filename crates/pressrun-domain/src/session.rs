//! Browsers that somebody signed in with.

use jiff::{SignedDuration, Timestamp};

use crate::id::{ApiKeyId, MembershipId, SessionId};

/// A session. Its cookie holds a random secret; only the SHA-256 of that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Names it in lists; opens nothing.
    pub id: SessionId,
    /// What it was opened with, and what it ends with.
    pub opener: Opener,
    /// Whose it is.
    pub member: MembershipId,
    /// When that person signed in.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub seen_at: Timestamp,
    /// When it ends, however often it is used.
    pub expires_at: Timestamp,
    /// Address it was opened from.
    pub source: Option<String>,
    /// What the browser says it is.
    pub browser: Option<String>,
}

/// What a session was opened with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opener {
    /// A stored key.
    Key(ApiKeyId),
    /// A development key of the catalog, by a mark that does not tell its token.
    Development(String),
}

impl Session {
    /// Whether it is open at `now`: neither its time nor the time it may lie idle is over.
    #[must_use]
    pub fn is_open(&self, now: Timestamp, idle: SignedDuration) -> bool {
        now < self.expires_at && now.duration_since(self.seen_at) < idle
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m4_a_session_ends_with_its_time_or_when_it_lies_idle() {
        let at = |minutes| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        let session = Session {
            id: SessionId::generate(),
            opener: Opener::Key(ApiKeyId::generate()),
            member: MembershipId::generate(),
            created_at: at(0),
            seen_at: at(100),
            expires_at: at(720),
            source: None,
            browser: None,
        };
        let idle = SignedDuration::from_mins(60);
        for (case, now, open) in [
            ("used just now", at(100), true),
            ("almost idle", at(159), true),
            ("idle", at(160), false),
            ("its clock was set back", at(50), true),
        ] {
            assert_eq!(session.is_open(now, idle), open, "{case}");
        }
        let used = Session { seen_at: at(719), ..session };
        assert!(used.is_open(at(719), idle) && !used.is_open(at(720), idle), "use does not prolong it");
    }
}
