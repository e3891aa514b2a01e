//! Browsers that somebody signed in with.

use async_trait::async_trait;
use jiff::Timestamp;
use pressrun_domain::audit::Change;
use pressrun_domain::id::{MembershipId, SessionId};
use pressrun_domain::key::ApiKey;
use pressrun_domain::session::Session;

use crate::StoreError;

/// Most sessions of one member; the oldest go when there are more.
pub const SESSIONS_OF_A_MEMBER: u32 = 50;

/// Sessions, found by the SHA-256 of the secret in their cookie. A session that ended is gone; the audit remembers it.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Saves a session under the hash of its secret. Sessions whose time is over go on this occasion, and of one member the oldest beyond
    /// [`SESSIONS_OF_A_MEMBER`].
    async fn begin_session(&self, session: &Session, secret_sha256: [u8; 32], change: &Change) -> Result<(), StoreError>;

    /// The session of this hash, whatever its time, and the stored key that opened it.
    async fn session_by_hash(&self, secret_sha256: [u8; 32]) -> Result<Option<(Session, Option<ApiKey>)>, StoreError>;

    /// Records that a session was used, when the last use on record is a minute ago or more.
    async fn touch_session(&self, id: SessionId, now: Timestamp) -> Result<(), StoreError>;

    /// Sessions of a member whose time is not over at `now`, newest first.
    async fn sessions_of(&self, member: MembershipId, now: Timestamp) -> Result<Vec<Session>, StoreError>;

    /// Ends one session of a member; false when there is none.
    async fn end_session(&self, id: SessionId, member: MembershipId, change: &Change) -> Result<bool, StoreError>;

    /// Ends all sessions of a member but `kept`; returns how many.
    async fn end_sessions_of(&self, member: MembershipId, kept: Option<SessionId>, change: &Change) -> Result<u32, StoreError>;
}
