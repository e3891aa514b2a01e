//! Time as a parameter.

use std::future::Future;
use std::pin::Pin;

use jiff::{SignedDuration, Timestamp};

/// Where time comes from. The binary brings the wall clock; tests bring one they advance.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;

    /// Ends at `instant`, or at once when it has passed.
    fn sleep_until(&self, instant: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// Ends after `duration`, also when the clock is set meanwhile.
    fn sleep(&self, duration: SignedDuration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.sleep_until(self.now().saturating_add(duration).unwrap_or(Timestamp::MAX))
    }
}
