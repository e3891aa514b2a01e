//! Secrets at rest beside those of schedules, and new keys for all of them (D13).

use async_trait::async_trait;
use pressrun_domain::secret::Secret;

use crate::StoreError;

/// What is sealed.
#[async_trait]
pub trait Seals: Send + Sync {
    /// Seals every secret anew that stands under an older key, some at a time: what was done stays done when it ends early, and everything
    /// stays readable as long as both keys are configured. Returns how many it sealed; after 0 older keys may be dropped.
    ///
    /// # Errors
    /// [`StoreError::Sealing`] when a secret does not open with any key.
    async fn reseal_all(&self) -> Result<u64, StoreError>;

    /// The server's own secret of this name, sealed like every other; `first` becomes it when there is none yet. It outlives a change of keys.
    async fn own_secret(&self, name: &str, first: &Secret) -> Result<Secret, StoreError>;
}
