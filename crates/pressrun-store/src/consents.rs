//! Consents that are asked for: offers of ownership, requests to be on a list.

use async_trait::async_trait;
use jiff::Timestamp;
use pressrun_domain::audit::Change;
use pressrun_domain::consent::{OwnershipOffer, SubscriptionRequest};
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::{MembershipId, ScheduleId, SubscriptionRequestId};
use pressrun_domain::notice::Notice;
use pressrun_domain::schedule::Schedule;

use crate::{Names, StoreError};

/// What somebody agreed to, together with the schedule as it is from then on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreed<'a> {
    /// It has another owner: its baselines go (A13), and so do its offer and the requests that the old owner was asked.
    Ownership {
        /// The offer that was accepted; `None` when nobody had to be asked.
        offer: Option<&'a OwnershipOffer>,
    },
    /// This address is on its list, also if it had unsubscribed (P12); the request that asked for it is answered.
    Subscription {
        /// Who was asked for it; `None` when nobody had to be.
        request: Option<SubscriptionRequestId>,
        /// The address.
        email: &'a EmailAddress,
    },
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// It is kept, and the owner will be told.
    Now,
    /// The owner was asked before, and has not answered.
    Before,
    /// The owner said no to an earlier one, which is remembered until this instant.
    Declined(Timestamp),
}

/// Offers and requests. What is to be said about one is kept with it, in one transaction.
#[async_trait]
pub trait Consents: Send + Sync {
    /// Keeps an offer, in place of an earlier one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the schedule is deleted.
    async fn put_offer(&self, offer: &OwnershipOffer, notices: &[Notice], change: &Change) -> Result<(), StoreError>;

    /// The offer of a schedule, also one that no longer stands.
    async fn offer(&self, schedule: ScheduleId) -> Result<Option<OwnershipOffer>, StoreError>;

    /// Takes back exactly this offer; false when it is gone or another took its place.
    async fn drop_offer(&self, offer: &OwnershipOffer, notices: &[Notice], change: &Change) -> Result<bool, StoreError>;

    /// Keeps a request unless that member has one with this owner that has not lapsed at `request.requested_at`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the schedule is deleted.
    async fn put_request(&self, request: &SubscriptionRequest, notices: &[Notice], change: &Change) -> Result<Asked, StoreError>;

    /// Requests on a schedule that the owner has not answered, oldest first; also such as no longer stand.
    async fn requests(&self, schedule: ScheduleId) -> Result<Vec<SubscriptionRequest>, StoreError>;

    /// A request that was not answered.
    async fn request(&self, id: SubscriptionRequestId) -> Result<Option<SubscriptionRequest>, StoreError>;

    /// Says no to a request; false when it is gone or answered.
    async fn decline_request(&self, id: SubscriptionRequestId, notices: &[Notice], change: &Change) -> Result<bool, StoreError>;

    /// A member takes their request back; one that was declined stays.
    async fn drop_request(&self, schedule: ScheduleId, member: MembershipId) -> Result<(), StoreError>;

    /// Saves a changed schedule like [`Schedules::replace_schedule`](crate::Schedules::replace_schedule), with what was agreed to.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the stored version is another, or the offer or request was answered or taken back meanwhile, [`StoreError::NotFound`] when
    /// the schedule is deleted.
    async fn agree(
        &self,
        schedule: &Schedule,
        names: &Names,
        agreed: Agreed<'_>,
        notices: &[Notice],
        change: &Change,
    ) -> Result<u64, StoreError>;
}
