//! How the wall clock moves against the steady one.

use jiff::{SignedDuration, Timestamp};
use pressrun_domain::clock::Clock;

/// What both clocks show at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    /// The present.
    pub(crate) wall: Timestamp,
    /// Time since some instant that stays the same; nobody sets it.
    pub(crate) steady: SignedDuration,
}

impl Reading {
    /// What `clock` shows, which showed `wall` a moment ago.
    pub(crate) fn of(clock: &dyn Clock, wall: Timestamp) -> Self {
        Self { wall, steady: clock.steady() }
    }
}

/// The two clocks, as they were when somebody last looked.
#[derive(Debug)]
pub(crate) struct Drift(Reading);

impl Drift {
    /// From `now` on.
    pub(crate) fn from(now: Reading) -> Self {
        Self(now)
    }

    /// When somebody last looked, by the steady clock.
    pub(crate) fn looked(&self) -> SignedDuration {
        self.0.steady
    }

    /// By how much the wall clock is ahead of what the steady clock says since the last look.
    pub(crate) fn look(&mut self, now: Reading) -> SignedDuration {
        let before = std::mem::replace(&mut self.0, now);
        let passed = now.steady.saturating_sub(before.steady);
        now.wall.duration_since(before.wall).saturating_sub(passed)
    }
}
