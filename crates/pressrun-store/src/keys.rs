//! API keys.

use async_trait::async_trait;
use jiff::Timestamp;
use pressrun_domain::id::ApiKeyId;
use pressrun_domain::key::ApiKey;

use crate::StoreError;

/// API keys, found by the SHA-256 of their token; the token itself is never stored.
#[async_trait]
pub trait Keys: Send + Sync {
    /// Saves a key under the hash (32 bytes) of its token.
    async fn insert_key(&self, key: &ApiKey, token_sha256: [u8; 32]) -> Result<(), StoreError>;

    /// The key of this hash, revoked ones included.
    async fn key_by_hash(&self, token_sha256: [u8; 32]) -> Result<Option<ApiKey>, StoreError>;

    /// Every key, newest first.
    async fn list_keys(&self) -> Result<Vec<ApiKey>, StoreError>;

    /// Stops a key from working; false when there is none or it was revoked before.
    async fn revoke_key(&self, id: ApiKeyId, now: Timestamp) -> Result<bool, StoreError>;
}
