//! Time as a parameter.

use std::future::Future;
use std::pin::Pin;

use jiff::{SignedDuration, Timestamp};

/// Where time comes from. The binary brings the wall clock; tests bring one they advance.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;

    /// How long it is since some instant of the past that stays the same while the process lives. Unlike [`Clock::now`] nobody sets it, so that
    /// differences between two readings are time that has passed.
    fn steady(&self) -> SignedDuration {
        self.now().duration_since(Timestamp::UNIX_EPOCH)
    }

    /// Ends at `instant`, or at once when it has passed.
    fn sleep_until(&self, instant: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// Ends after `duration`, also when the clock is set meanwhile.
    fn sleep(&self, duration: SignedDuration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.sleep_until(self.now().saturating_add(duration).unwrap_or(Timestamp::MAX))
    }
}
