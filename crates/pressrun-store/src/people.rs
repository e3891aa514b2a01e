//! Email-only users and who has unsubscribed.

use async_trait::async_trait;
use pressrun_domain::audit::Change;
use pressrun_domain::catalog::AttributeValue;
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::{RecipientId, ScheduleId, UserId};
use pressrun_domain::users::EmailOnlyUser;

use crate::{Page, StoreError};

/// One user to create or update: address, and the attributes to set (`Some`) or unset (`None`).
pub type Upserted = (EmailAddress, Vec<(String, Option<AttributeValue>)>);

/// Email-only users.
#[async_trait]
pub trait People: Send + Sync {
    /// Creates or updates users by address, compared without case (P8), in order and all or nothing.
    /// Attributes are merged by key. Each user that is new or another leaves an entry of its own in the audit, whatever the verb of `change`.
    /// The result has one user an item, in the same order; an address given twice is one user.
    async fn upsert_users(&self, users: &[Upserted], change: &Change) -> Result<Vec<EmailOnlyUser>, StoreError>;

    /// Users by address (without case); unknown addresses are absent from the result.
    async fn users_by_email(&self, emails: &[EmailAddress]) -> Result<Vec<EmailOnlyUser>, StoreError>;

    /// Schedules whose lists of mail name this address, compared without case; by id, at most so many. Groups are not looked into.
    async fn lists_naming(&self, email: &EmailAddress, limit: u32) -> Result<Vec<ScheduleId>, StoreError>;

    /// Users by id; unknown ids are absent from the result.
    async fn users_by_id(&self, ids: &[UserId]) -> Result<Vec<EmailOnlyUser>, StoreError>;

    /// Users whose address contains `email_part` (without case), sorted by folded address, after (exclusive) the cursor address.
    async fn list_users(
        &self,
        email_part: Option<&str>,
        after: Option<&str>,
        limit: u32,
        descending: bool,
    ) -> Result<Page<EmailOnlyUser>, StoreError>;

    /// Deletes users and takes them off every schedule (P9), all in one transaction. Unknown ones are ignored; returns the deleted.
    async fn delete_users(&self, emails: &[EmailAddress], ids: &[UserId], change: &Change) -> Result<Vec<EmailOnlyUser>, StoreError>;

    /// Takes one address off one schedule (unsubscribe, P12); false when it was not on it.
    async fn remove_recipient(&self, schedule: ScheduleId, recipient: RecipientId, change: &Change) -> Result<bool, StoreError>;

    /// Takes one address off one schedule for good (P12): off its list, and out of what its groups expand to. Twice is the same as once.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the schedule is deleted.
    async fn opt_out(&self, schedule: ScheduleId, email: &EmailAddress, change: &Change) -> Result<(), StoreError>;

    /// Takes back [`People::opt_out`]: the address is again among what groups expand to.
    async fn opt_in(&self, schedule: ScheduleId, email: &EmailAddress, change: &Change) -> Result<(), StoreError>;

    /// Addresses, in lower case, that are off a schedule for good.
    async fn opted_out(&self, schedule: ScheduleId) -> Result<Vec<String>, StoreError>;
}
