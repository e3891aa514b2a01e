//! The rate limit of a key (contract §1.4).

use std::num::NonZeroU32;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};

/// One bucket a key.
type Keyed<C> = RateLimiter<[u8; 32], DefaultKeyedStateStore<[u8; 32]>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// Counts by hash of the token; only tokens that open something get in, so it stays as small as the list of keys.
pub(super) struct Limiter<C: Clock = DefaultClock> {
    inner: Keyed<C>,
    clock: C,
}

impl Limiter {
    /// So many requests a minute; none for 0, which is no limit.
    pub(super) fn new(requests_per_minute: u32) -> Option<Self> {
        Self::timed_by(requests_per_minute, DefaultClock::default())
    }
}

impl<C: Clock + Clone> Limiter<C> {
    fn timed_by(requests_per_minute: u32, clock: C) -> Option<Self> {
        let quota = Quota::per_minute(NonZeroU32::new(requests_per_minute)?);
        let inner = RateLimiter::new(quota, DefaultKeyedStateStore::default(), clock.clone());
        Some(Self { inner, clock })
    }

    /// Counts a request, good or bad.
    ///
    /// # Errors
    /// Whole seconds after which the next one is admitted.
    pub(super) fn check(&self, key: [u8; 32]) -> Result<(), u64> {
        self.inner.check_key(&key).map_err(|refused| {
            let wait = refused.wait_time_from(self.clock.now());
            wait.as_secs() + u64::from(wait.subsec_nanos() > 0).max(u64::from(wait.is_zero()))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use governor::clock::FakeRelativeClock;

    use super::*;

    #[test]
    fn sixty_a_minute_for_each_key_and_the_wait_is_long_enough() {
        let clock = FakeRelativeClock::default();
        let limiter = Limiter::timed_by(60, clock.clone()).expect("a limit");
        for request in 0..60 {
            assert_eq!(limiter.check([1; 32]), Ok(()), "{request}");
        }
        assert_eq!(limiter.check([1; 32]), Err(1));
        assert_eq!(limiter.check([2; 32]), Ok(()), "another key has its own");
        clock.advance(Duration::from_secs(1));
        assert_eq!(limiter.check([1; 32]), Ok(()), "who waits as long as told is admitted");
        assert_eq!(limiter.check([1; 32]), Err(1));
        clock.advance(Duration::from_secs(60));
        for request in 0..60 {
            assert_eq!(limiter.check([1; 32]), Ok(()), "{request}");
        }
        let slow = Limiter::timed_by(2, clock).expect("a limit");
        assert_eq!([slow.check([1; 32]), slow.check([1; 32]), slow.check([1; 32])], [Ok(()), Ok(()), Err(30)]);
        assert!(Limiter::new(0).is_none(), "0 switches it off");
    }
}
