//! API keys.

use async_trait::async_trait;
use jiff::Timestamp;
use pressrun_domain::audit::Change;
use pressrun_domain::id::{ApiKeyId, MembershipId};
use pressrun_domain::key::ApiKey;

use crate::StoreError;

/// API keys, found by the SHA-256 of their token; the token itself is never stored.
#[async_trait]
pub trait Keys: Send + Sync {
    /// Saves a key under the hash (32 bytes) of its token.
    async fn insert_key(&self, key: &ApiKey, token_sha256: [u8; 32], change: &Change) -> Result<(), StoreError>;

    /// The key of this hash, revoked ones included.
    async fn key_by_hash(&self, token_sha256: [u8; 32]) -> Result<Option<ApiKey>, StoreError>;

    /// Every key, or every key of one member, newest first.
    async fn list_keys(&self, member: Option<MembershipId>) -> Result<Vec<ApiKey>, StoreError>;

    /// Records that a key was used, when the last use on record is a minute ago or more.
    async fn touch_key(&self, id: ApiKeyId, now: Timestamp) -> Result<(), StoreError>;

    /// Stops a key from working, and ends the sessions that it opened; false when there is none or it was revoked before.
    async fn revoke_key(&self, id: ApiKeyId, change: &Change) -> Result<bool, StoreError>;
}
