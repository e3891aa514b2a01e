//! How the wall clock moves against the steady one.

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// The two clocks, as they were when somebody last looked.
pub(crate) struct Drift {
    wall: Timestamp,
    steady: Instant,
}

impl Drift {
    /// From `now` on.
    pub(crate) fn from(now: Timestamp) -> Self {
        Self { wall: now, steady: Instant::now() }
    }

    /// By how much the wall clock, which shows `now`, is ahead of what the steady clock says since the last look; and the steady clock.
    pub(crate) fn look(&mut self, now: Timestamp) -> (SignedDuration, Instant) {
        let steady = Instant::now();
        let passed = SignedDuration::try_from(steady.duration_since(self.steady)).unwrap_or(SignedDuration::MAX);
        let ahead = now.duration_since(self.wall).saturating_sub(passed);
        (self.wall, self.steady) = (now, steady);
        (ahead, steady)
    }
}
