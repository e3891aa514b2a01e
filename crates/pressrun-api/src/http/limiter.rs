//! The rate limit of a key (contract §1.4).

mod nodes;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use pressrun_store::{Store, StoreError};

use nodes::OfAllNodes;

/// One bucket a key.
type Keyed<C> = RateLimiter<[u8; 32], DefaultKeyedStateStore<[u8; 32]>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// Most keys that are counted one by one.
const KEYS: usize = 10_000;

/// What all others are counted as.
const CROWD: [u8; 32] = [0xff; 32];

/// Counts the requests of those whose token is known: by itself where this process is alone, and with all other nodes where there are any.
pub(crate) enum KeyLimiter {
    Alone(Limiter),
    OfAllNodes(OfAllNodes),
}

impl KeyLimiter {
    /// So many requests a minute; none for 0, which is no limit.
    pub(crate) fn new(requests_per_minute: u32, store: &Arc<dyn Store>) -> Option<Self> {
        if store.divides() && requests_per_minute > 0 {
            return Some(Self::OfAllNodes(OfAllNodes::new(Arc::clone(store), requests_per_minute)));
        }
        Limiter::new(requests_per_minute).map(Self::Alone)
    }

    /// Counts a request; whole seconds after which the next one is admitted when it is too many.
    ///
    /// # Errors
    /// The store failed.
    pub(crate) async fn check(&self, key: [u8; 32]) -> Result<Result<(), u64>, StoreError> {
        match self {
            Self::Alone(limiter) => Ok(limiter.check(key)),
            Self::OfAllNodes(limiter) => limiter.check(key).await,
        }
    }
}

/// Whole seconds after which a wait is over, at least one.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0).max(u64::from(wait.is_zero()))
}

/// Counts by hash of the token or by address. Whoever comes when it is full is counted with all others who do, so that nobody makes it
/// grow.
pub(crate) struct Limiter<C: Clock = DefaultClock> {
    inner: Keyed<C>,
    clock: C,
}

impl Limiter {
    /// So many requests a minute; none for 0, which is no limit.
    pub(crate) fn new(requests_per_minute: u32) -> Option<Self> {
        Self::timed_by(requests_per_minute, DefaultClock::default())
    }
}

impl<C: Clock + Clone> Limiter<C> {
    fn timed_by(requests_per_minute: u32, clock: C) -> Option<Self> {
        let quota = Quota::per_minute(NonZeroU32::new(requests_per_minute)?);
        let inner = RateLimiter::new(quota, DefaultKeyedStateStore::default(), clock.clone());
        Some(Self { inner, clock })
    }

    /// Whether it is full, also after what has come to rest was forgotten.
    fn is_full(&self) -> bool {
        if self.inner.len() < KEYS {
            return false;
        }
        self.inner.retain_recent();
        self.inner.len() >= KEYS
    }

    /// Counts a request, good or bad.
    ///
    /// # Errors
    /// Whole seconds after which the next one is admitted.
    pub(crate) fn check(&self, key: [u8; 32]) -> Result<(), u64> {
        let key = if self.is_full() { CROWD } else { key };
        self.inner.check_key(&key).map_err(|refused| whole_seconds(refused.wait_time_from(self.clock.now())))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use governor::clock::FakeRelativeClock;

    use super::*;

    #[test]
    fn h3_it_does_not_grow_with_those_who_come() {
        let clock = FakeRelativeClock::default();
        let limiter = Limiter::timed_by(1, clock.clone()).expect("a limit");
        let key = |number: u32| {
            let mut key = [0; 32];
            key[..4].copy_from_slice(&number.to_be_bytes());
            key
        };
        let admitted = (0..KEYS as u32 + 100).filter(|number| limiter.check(key(*number)).is_ok()).count();
        assert_eq!(admitted, KEYS + 1, "those who came too late share one place");
        assert!(limiter.inner.len() <= KEYS + 1);
        clock.advance(Duration::from_secs(120));
        assert_eq!(limiter.check(key(77)), Ok(()));
        assert!(limiter.inner.len() < 10, "what has come to rest is forgotten");
    }

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
