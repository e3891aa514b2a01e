//! A wall clock that jumps.
//!
//! Leases are instants of the wall clock. When it is set forward, or the machine was asleep, every lease has lapsed at once although its
//! holder lives and only had no time to renew. So a worker that sees time pass otherwise than its own steady clock says leaves leases alone
//! until each holder has had time for a heartbeat.

use jiff::{SignedDuration, Timestamp};
use pressrun_domain::clock::Clock;

use crate::drift::{Drift, Reading};

/// Compares the wall clock with the steady one.
#[derive(Debug)]
pub struct JumpWatch {
    drift: Drift,
    heartbeat: SignedDuration,
    /// By the steady clock.
    wait_until: Option<SignedDuration>,
}

impl JumpWatch {
    /// Watches `clock`, which shows `now`, among holders of leases of this length.
    #[must_use]
    pub fn new(clock: &dyn Clock, now: Timestamp, lease: SignedDuration) -> Self {
        Self::from(Reading::of(clock, now), lease)
    }

    fn from(now: Reading, lease: SignedDuration) -> Self {
        Self { drift: Drift::from(now), heartbeat: lease / 3, wait_until: None }
    }

    /// Whether a lease that seems to have lapsed at `now` has; not until everybody had time to renew after a jump.
    pub fn leases_can_be_told(&mut self, clock: &dyn Clock, now: Timestamp) -> bool {
        self.look(Reading::of(clock, now))
    }

    fn look(&mut self, now: Reading) -> bool {
        let off = self.drift.look(now);
        if off.abs() > self.heartbeat {
            metrics::counter!("pressrun_clock_jumps_total").increment(1);
            tracing::warn!(by = %off, "the clock jumped; leases are left alone until their holders had time to renew");
            self.wait_until = Some(now.steady.saturating_add(self.heartbeat.saturating_mul(2)));
        }
        if self.wait_until.is_some_and(|until| now.steady >= until) {
            self.wait_until = None;
        }
        self.wait_until.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i1_leases_are_left_alone_for_two_heartbeats_after_a_jump() {
        let seconds = SignedDuration::from_secs;
        let mut now = Reading { wall: "2026-11-25T09:00:00Z".parse().expect("an instant"), steady: SignedDuration::ZERO };
        let mut watch = JumpWatch::from(now, seconds(60));
        let mut pass = |steady: SignedDuration, wall: SignedDuration| {
            now = Reading { wall: now.wall + wall, steady: now.steady + steady };
            watch.look(now)
        };
        assert!(pass(seconds(15), seconds(15)), "time passes as it should");
        assert!(pass(seconds(15), seconds(17)), "a clock that is put right by seconds");
        for jump in [SignedDuration::from_hours(3), SignedDuration::from_hours(-5)] {
            assert!(!pass(seconds(15), jump), "{jump}");
            assert!(!pass(seconds(39), seconds(39)), "not everybody had time to renew");
            assert!(pass(seconds(1), seconds(1)), "whoever lives has renewed");
        }
    }
}
