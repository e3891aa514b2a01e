//! The wall clock, the only place that reads it.

use std::future::Future;
use std::pin::Pin;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use pressrun_domain::clock::Clock;

/// The system's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WallClock;

/// The wall clock may be set while somebody sleeps, so nobody sleeps longer than this without looking again.
const LONGEST_NAP: Duration = Duration::from_secs(30);

/// What steady time is counted from.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Clock for WallClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else is handed")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn steady(&self) -> SignedDuration {
        SignedDuration::try_from(START.elapsed()).unwrap_or(SignedDuration::MAX)
    }

    fn sleep_until(&self, instant: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            while let Ok(left) = Duration::try_from(instant.duration_since(self.now())) {
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(LONGEST_NAP)).await;
            }
        })
    }

    fn sleep(&self, duration: SignedDuration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(Duration::try_from(duration).unwrap_or_default()))
    }
}
