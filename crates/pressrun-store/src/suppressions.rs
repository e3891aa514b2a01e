//! What came back of mail, and addresses that get nothing more.

use async_trait::async_trait;
use pressrun_domain::audit::Change;
use pressrun_domain::bounce::{Bounce, Mailed, Suppression};
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::DeliveryId;
use pressrun_domain::notice::Notice;

use crate::{Page, StoreError};

/// Reports about mail, and the addresses that they suppress.
#[async_trait]
pub trait Suppressions: Send + Sync {
    /// The mail that went out as this piece or notice; `None` when there is none, or when it was never tried.
    async fn mailed(&self, delivery: DeliveryId) -> Result<Option<Mailed>, StoreError>;

    /// Keeps a report about `mailed`, and suppresses the address if the report's kind says so, with the notices that this gives reason for,
    /// in one transaction. Of several reports of one kind about one mail the first is kept; false when this one was not.
    async fn record_bounce(&self, bounce: &Bounce, mailed: &Mailed, notices: &[Notice]) -> Result<bool, StoreError>;

    /// Reports about these pieces, such as those of one page of a run, oldest first.
    async fn bounces_of(&self, pieces: &[DeliveryId]) -> Result<Vec<Bounce>, StoreError>;

    /// Which of these addresses, compared without case, get nothing more.
    async fn suppressed(&self, emails: &[EmailAddress]) -> Result<Vec<Suppression>, StoreError>;

    /// Suppressed addresses that contain `part` (without case), by folded address, after (exclusive) the address `after`.
    async fn list_suppressions(&self, part: Option<&str>, after: Option<&str>, limit: u32) -> Result<Page<Suppression>, StoreError>;

    /// Lets an address get mail again; false when it was not suppressed.
    async fn lift_suppression(&self, email: &EmailAddress, change: &Change) -> Result<bool, StoreError>;
}
