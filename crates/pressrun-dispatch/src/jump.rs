//! A wall clock that jumps.
//!
//! Leases are instants of the wall clock. When it is set forward, or the machine was asleep, every lease has lapsed at once although its
//! holder lives and only had no time to renew. So a worker that sees time pass otherwise than its own steady clock says leaves leases alone
//! until each holder has had time for a heartbeat.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::drift::Drift;

/// Compares the wall clock with the steady one.
pub(crate) struct JumpWatch {
    drift: Drift,
    heartbeat: Duration,
    wait_until: Option<Instant>,
}

impl JumpWatch {
    /// Watches from `now` on, among holders of leases of this length.
    pub(crate) fn new(now: Timestamp, lease: SignedDuration) -> Self {
        let heartbeat = Duration::try_from(lease / 3).unwrap_or_default();
        Self { drift: Drift::from(now), heartbeat, wait_until: None }
    }

    /// Whether a lease that seems to have lapsed at `now` has; not until everybody had time to renew after a jump.
    pub(crate) fn leases_can_be_told(&mut self, now: Timestamp) -> bool {
        let (off, steady) = self.drift.look(now);
        if off.unsigned_abs() > self.heartbeat {
            tracing::warn!(by = %off, "the clock jumped; leases are left alone until their holders had time to renew");
            self.wait_until = Some(steady + 2 * self.heartbeat);
        }
        if self.wait_until.is_some_and(|until| steady >= until) {
            self.wait_until = None;
        }
        self.wait_until.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn i1_leases_are_left_alone_for_two_heartbeats_after_a_jump() {
        let start: Timestamp = "2026-11-25T09:00:00Z".parse().expect("an instant");
        let mut wall = start;
        let mut watch = JumpWatch::new(wall, SignedDuration::from_secs(60));
        let mut pass = async |wall: &mut Timestamp, steady: u64, by: SignedDuration| {
            tokio::time::advance(Duration::from_secs(steady)).await;
            *wall += by;
            watch.leases_can_be_told(*wall)
        };
        let seconds = SignedDuration::from_secs;
        assert!(pass(&mut wall, 15, seconds(15)).await, "time passes as it should");
        assert!(pass(&mut wall, 15, seconds(17)).await, "a clock that is put right by seconds");
        for jump in [SignedDuration::from_hours(3), SignedDuration::from_hours(-5)] {
            assert!(!pass(&mut wall, 15, jump).await, "{jump}");
            assert!(!pass(&mut wall, 39, seconds(39)).await, "not everybody had time to renew");
            assert!(pass(&mut wall, 1, seconds(1)).await, "whoever lives has renewed");
        }
    }
}
