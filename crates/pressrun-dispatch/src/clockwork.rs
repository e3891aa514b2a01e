//! Whether the wall clock can be planned by (H7).
//!
//! A clock that runs ahead for a moment (a bad time server, a virtual machine that wakes on another host) makes everything due at once: planned
//! then, instants of days would be called missed before they came. So planning holds for a minute when the wall clock is far ahead of what the
//! steady clock says, or, at a start, of the last pass that anybody made; a clock that is still there then is believed. A clock that is set back is
//! believed at once, and what was planned beyond it is planned anew.

use jiff::{SignedDuration, Timestamp};

use crate::drift::{Drift, Reading};

/// The two clocks may differ by so much between two looks; adjustments are smaller, and so are instants planned ahead.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(1);

/// How long a clock that jumped ahead has to stay there to be believed.
const HOLD: SignedDuration = SignedDuration::from_mins(1);

/// A start that is later than the last pass by more than this may be an outage as well as a wrong clock.
const OUTAGE: SignedDuration = SignedDuration::from_hours(24);

/// What the clock is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clockwork {
    /// Plan by it.
    Runs,
    /// It jumped ahead; plan nothing yet.
    Ahead,
    /// It was set back: plan anew what was planned beyond it, and also what has come since this instant, at which somebody last looked.
    SetBack {
        /// What a right clock showed then.
        since: Timestamp,
    },
}

/// Compares the wall clock with the steady one.
pub(crate) struct ClockWatch {
    drift: Drift,
    /// By the steady clock.
    hold_until: Option<SignedDuration>,
    /// It was set back after this, by the steady clock, and nothing has been planned anew yet.
    set_back: Option<SignedDuration>,
}

impl ClockWatch {
    /// Watches from `now` on; `last_tick` is when planning last looked at the clock, in whatever process.
    pub(crate) fn new(now: Reading, last_tick: Option<Timestamp>) -> Self {
        let gap = last_tick.map_or(SignedDuration::ZERO, |last| now.wall.duration_since(last));
        let hold_until = (gap > OUTAGE).then(|| now.steady.saturating_add(HOLD));
        Self { drift: Drift::from(now), hold_until, set_back: (gap < -TOLERANCE).then_some(now.steady) }
    }

    /// Looks at the clocks.
    pub(crate) fn look(&mut self, now: Reading) -> Clockwork {
        let looked = self.drift.looked();
        let off = self.drift.look(now);
        if off > TOLERANCE {
            tracing::warn!(by = %off, "the clock jumped ahead; nothing is planned until it has stayed there for a minute");
            self.hold_until = Some(now.steady.saturating_add(HOLD));
        }
        if off < -TOLERANCE {
            tracing::warn!(by = %off, "the clock was set back; what was planned beyond it is planned anew");
            self.hold_until = None;
            self.set_back.get_or_insert(looked);
        }
        if self.hold_until.is_some_and(|until| now.steady < until) {
            return Clockwork::Ahead;
        }
        self.hold_until = None;
        match self.set_back {
            Some(after) => {
                let passed = now.steady.saturating_sub(after);
                Clockwork::SetBack { since: now.wall.saturating_sub(passed).unwrap_or(Timestamp::MIN) }
            }
            None => Clockwork::Runs,
        }
    }

    /// What was planned beyond the present has been planned anew.
    pub(crate) fn settled(&mut self) {
        self.set_back = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nine() -> Timestamp {
        "2026-11-25T09:00:00Z".parse().expect("an instant")
    }

    /// The clocks when the wall clock shows `wall` seconds after nine, `steady` seconds after the steady one began.
    fn reading(steady: i64, wall: i64) -> Reading {
        Reading { wall: nine() + SignedDuration::from_secs(wall), steady: SignedDuration::from_secs(steady) }
    }

    /// What is said after each step of (seconds that pass, seconds that the wall clock moves).
    fn said(steps: &[(i64, i64)]) -> Vec<Clockwork> {
        let (mut steady, mut wall) = (0, 0);
        let mut watch = ClockWatch::new(reading(0, 0), Some(nine()));
        let mut said = Vec::new();
        for (pass, moves) in steps {
            (steady, wall) = (steady + pass, wall + moves);
            said.push(watch.look(reading(steady, wall)));
            watch.settled();
        }
        said
    }

    const DAYS: i64 = 3 * 86_400;

    #[test]
    fn h7_planning_holds_while_the_clock_is_ahead_for_a_moment() {
        use Clockwork::{Ahead, Runs};
        let since = nine() + SignedDuration::from_secs(30);
        let set_back = Clockwork::SetBack { since };
        assert_eq!(said(&[(15, 15), (15, 15 + DAYS), (20, 20 - DAYS), (15, 15)]), [Runs, Ahead, set_back, Runs]);
    }

    #[test]
    fn h7_a_clock_that_stays_ahead_is_believed_after_a_minute() {
        use Clockwork::{Ahead, Runs};
        assert_eq!(said(&[(15, 15 + DAYS), (45, 45), (15, 15)]), [Ahead, Ahead, Runs]);
    }

    #[test]
    fn h7_a_clock_that_is_put_right_by_seconds_is_believed() {
        use Clockwork::Runs;
        assert_eq!(said(&[(15, 45), (15, -20), (3600, 3600)]), [Runs, Runs, Runs]);
    }

    #[test]
    fn h7_planning_anew_is_asked_for_until_it_is_done() {
        let mut watch = ClockWatch::new(reading(0, 0), Some(nine() + SignedDuration::from_hours(1)));
        let set_back = Clockwork::SetBack { since: nine() };
        assert_eq!([watch.look(reading(0, 0)), watch.look(reading(7, 7))], [set_back; 2]);
        watch.settled();
        assert_eq!(watch.look(reading(7, 7)), Clockwork::Runs);
    }

    #[test]
    fn h7_a_start_after_days_or_before_the_last_pass_is_looked_at_twice() {
        for (case, last, expected) in [
            ("the first start ever", None, Clockwork::Runs),
            ("an outage of an hour", Some(-3600), Clockwork::Runs),
            ("an outage of days, or a clock that is wrong", Some(-DAYS), Clockwork::Ahead),
            ("a clock that was ahead before", Some(DAYS), Clockwork::SetBack { since: nine() }),
        ] {
            let last = last.map(|seconds| nine() + SignedDuration::from_secs(seconds));
            assert_eq!(ClockWatch::new(reading(0, 0), last).look(reading(0, 0)), expected, "{case}");
        }
    }
}
