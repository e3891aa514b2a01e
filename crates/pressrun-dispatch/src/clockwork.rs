//! Whether the wall clock can be planned by (H7).
//!
//! A clock that runs ahead for a moment (a bad time server, a virtual machine that wakes on another host) makes everything due at once: planned
//! then, instants of days would be called missed before they came. So planning holds for a minute when the wall clock is far ahead of what the
//! steady clock says, or, at a start, of the last pass that anybody made; a clock that is still there then is planned by.
//!
//! Whether a clock that is set back was ahead before, or is behind now, nobody can see in it. So the last instant that was *beyond doubt* is kept, also for
//! the next start. Set back to a time after it, the clock was ahead: what was planned beyond it is planned anew. Set back to before it, the clock is behind, and
//! everything that comes again has been dealt with: what is written down stays as it is. What the clock shows is beyond doubt again when it fits what was, or
//! has stayed for an hour; one that was behind until then was right, and what it is behind of was written by one that was ahead.
//!
//! A doubt may also begin and end where nobody looks: between two looks, or while no process is there. So whenever it ends, and at a start after an outage, what
//! was planned beyond the present is planned anew too.

use jiff::{SignedDuration, Timestamp};

use crate::drift::{Drift, Reading};

/// The two clocks may differ by so much between two looks; adjustments are smaller, and so are instants planned ahead.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(1);

/// How long a clock that jumped ahead has to stay there to be planned by.
const HOLD: SignedDuration = SignedDuration::from_mins(1);

/// A start that is later than the last pass by more than this may be an outage as well as a wrong clock; planning holds.
const OUTAGE: SignedDuration = SignedDuration::from_hours(24);

/// The same for a doubt: the last pass is noted each minute, and a restart takes some time.
const RESTART: SignedDuration = SignedDuration::from_mins(2);

/// How long a clock has to go on as it does to be beyond doubt.
const SETTLES: SignedDuration = SignedDuration::from_hours(1);

/// What the clock is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clockwork {
    /// Plan by it.
    Runs,
    /// It jumped ahead; plan nothing yet.
    Ahead,
    /// It was ahead, and has been put right: plan anew what was planned beyond it.
    WasAhead(WasAhead),
}

/// What a clock that was put right says of what came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WasAhead {
    /// What a right clock showed when somebody last looked: what has come since is to be planned anew too.
    pub(crate) since: Timestamp,
    /// The clock may have been ahead from this instant on.
    pub(crate) ahead_from: Timestamp,
    /// It was set back by so much before somebody's eyes.
    pub(crate) by: SignedDuration,
}

/// When planning looked at the clock, in whatever process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LastLook {
    /// What the clock showed last.
    pub(crate) at: Timestamp,
    /// What it showed when that was last beyond doubt.
    pub(crate) sure: Timestamp,
}

/// Compares the wall clock with the steady one.
pub(crate) struct ClockWatch {
    drift: Drift,
    /// By the steady clock.
    hold_until: Option<SignedDuration>,
    /// It was set back, and nothing has been planned anew yet.
    set_back: Option<Before>,
    /// What the clocks showed when the wall clock was last beyond doubt.
    sure: Reading,
}

/// When a clock that was set back since was looked at.
#[derive(Debug, Clone, Copy)]
struct Before {
    /// By the steady clock.
    looked: SignedDuration,
    /// What was last beyond doubt.
    sure: Timestamp,
    /// By how much it has been set back since.
    by: SignedDuration,
}

impl ClockWatch {
    /// Watches from `now` on.
    pub(crate) fn new(now: Reading, last: Option<LastLook>) -> Self {
        // Whoever made schedules before any process planned them may have done so by another clock.
        let is_first = last.is_none();
        let last = last.unwrap_or(LastLook { at: now.wall, sure: now.wall });
        let (gap, doubt) = (now.wall.duration_since(last.at), now.wall.duration_since(last.sure));
        let hold_until = (gap > OUTAGE).then(|| now.steady.saturating_add(HOLD));
        let is_set_back = is_first || doubt >= -TOLERANCE && !(-TOLERANCE..=RESTART).contains(&gap);
        if doubt < -TOLERANCE {
            tracing::warn!(by = %doubt, "the clock is behind what is written down; what comes again has been dealt with");
        }
        let before = Before { looked: now.steady, sure: last.sure, by: SignedDuration::ZERO };
        let sure = if (-TOLERANCE..=RESTART).contains(&doubt) { now } else { Reading { wall: last.sure, ..now } };
        Self { drift: Drift::from(now), hold_until, set_back: is_set_back.then_some(before), sure }
    }

    /// Looks at the clocks.
    pub(crate) fn look(&mut self, now: Reading) -> Clockwork {
        let before = Before { looked: self.drift.looked(), sure: self.sure.wall, by: SignedDuration::ZERO };
        let was_in_doubt = self.sure.steady != before.looked;
        let is_over = was_in_doubt && self.doubt(now).abs() <= TOLERANCE;
        let off = self.drift.look(now);
        if off > TOLERANCE && !is_over {
            tracing::warn!(by = %off, "the clock jumped ahead; nothing is planned until it has stayed there for a minute");
            self.hold_until = Some(now.steady.saturating_add(HOLD));
        }
        if off < -TOLERANCE {
            let is_behind = self.doubt(now) < -TOLERANCE;
            tracing::warn!(by = %off, is_behind, "the clock was set back");
            self.hold_until = None;
            if !is_behind {
                let before = self.set_back.get_or_insert(before);
                before.by = before.by.saturating_sub(off);
            }
        }
        if is_over {
            self.hold_until = None;
            self.set_back.get_or_insert(before);
        }
        self.learn(now, before);
        if self.hold_until.is_some_and(|until| now.steady < until) {
            return Clockwork::Ahead;
        }
        self.hold_until = None;
        match self.set_back {
            Some(before) => {
                let passed = now.steady.saturating_sub(before.looked);
                let since = now.wall.saturating_sub(passed).unwrap_or(Timestamp::MIN);
                Clockwork::WasAhead(WasAhead { since, ahead_from: before.sure.min(since), by: before.by })
            }
            None => Clockwork::Runs,
        }
    }

    /// By how much the clock is ahead of what was beyond doubt and the time since.
    fn doubt(&self, now: Reading) -> SignedDuration {
        let passed = now.steady.saturating_sub(self.sure.steady);
        now.wall.duration_since(self.sure.wall).saturating_sub(passed)
    }

    /// Takes what the clock shows as beyond doubt if it fits, or has gone on for long. One that was behind until then was not: what it is behind of was
    /// written by one that was ahead.
    fn learn(&mut self, now: Reading, before: Before) {
        let doubt = self.doubt(now);
        if doubt.abs() > TOLERANCE && now.steady.saturating_sub(self.sure.steady) < SETTLES {
            return;
        }
        if doubt < -TOLERANCE {
            tracing::warn!(by = %doubt, "the clock has stayed behind for an hour and is believed");
            self.set_back.get_or_insert(before);
        }
        self.sure = now;
    }

    /// What was last beyond doubt, unless that is the present.
    pub(crate) fn in_doubt_since(&self, now: Reading) -> Option<Timestamp> {
        (self.sure.steady != now.steady || self.sure.wall != now.wall).then_some(self.sure.wall)
    }

    /// What was planned beyond the present has been planned anew.
    pub(crate) fn settled(&mut self) {
        self.set_back = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many seconds after nine.
    fn after(seconds: i64) -> Timestamp {
        "2026-11-25T09:00:00Z".parse::<Timestamp>().expect("an instant") + SignedDuration::from_secs(seconds)
    }

    /// The clocks when the wall clock shows `wall` seconds after nine, `steady` seconds after the steady one began.
    fn reading(steady: i64, wall: i64) -> Reading {
        Reading { wall: after(wall), steady: SignedDuration::from_secs(steady) }
    }

    /// It was ahead before, from `from` on.
    fn was_ahead(from: i64, since: i64, by: i64) -> Clockwork {
        let by = SignedDuration::from_secs(by);
        Clockwork::WasAhead(WasAhead { since: after(since), ahead_from: after(from), by })
    }

    /// When planning looked last, and what was beyond doubt then, in seconds after nine.
    fn last(at: i64, sure: i64) -> LastLook {
        LastLook { at: after(at), sure: after(sure) }
    }

    /// What is said after each step of (seconds that pass, seconds that the wall clock moves) from nine on.
    fn said_after(last: LastLook, steps: &[(i64, i64)]) -> Vec<Clockwork> {
        let (mut steady, mut wall) = (0, 0);
        let mut watch = ClockWatch::new(reading(0, 0), Some(last));
        let mut said = Vec::new();
        for (pass, moves) in steps {
            (steady, wall) = (steady + pass, wall + moves);
            said.push(watch.look(reading(steady, wall)));
            watch.settled();
        }
        said
    }

    fn said(steps: &[(i64, i64)]) -> Vec<Clockwork> {
        said_after(last(0, 0), steps)
    }

    const HOUR: i64 = 3_600;
    const DAYS: i64 = 3 * 86_400;

    #[test]
    fn h7_planning_holds_while_the_clock_is_ahead_for_a_moment() {
        use Clockwork::{Ahead, Runs};
        assert_eq!(said(&[(15, 15), (15, 15 + DAYS), (20, 20 - DAYS), (15, 15)]), [Runs, Ahead, was_ahead(15, 30, DAYS), Runs]);
    }

    #[test]
    fn h7_a_clock_that_stays_ahead_is_planned_by_after_a_minute() {
        use Clockwork::{Ahead, Runs};
        assert_eq!(said(&[(15, 15 + DAYS), (45, 45), (15, 15)]), [Ahead, Ahead, Runs]);
    }

    #[test]
    fn h7_a_clock_that_is_put_right_by_seconds_is_planned_by() {
        use Clockwork::Runs;
        assert_eq!(said(&[(15, 45), (15, -20), (3600, 3600)]), [Runs, Runs, Runs]);
    }

    #[test]
    fn h7_planning_anew_is_asked_for_until_it_is_done() {
        let mut watch = ClockWatch::new(reading(0, 0), Some(last(HOUR, 0)));
        assert_eq!([watch.look(reading(0, 0)), watch.look(reading(7, 7))], [was_ahead(0, 0, 0); 2]);
        watch.settled();
        assert_eq!(watch.look(reading(7, 7)), Clockwork::Runs);
    }

    #[test]
    fn h7_a_start_after_days_or_before_the_last_pass_is_looked_at_twice() {
        for (case, before, expected) in [
            ("the first start ever", None, was_ahead(0, 0, 0)),
            ("a restart", Some(last(-20, -20)), Clockwork::Runs),
            (
                "an outage of an hour, in which somebody may have had a clock that was ahead",
                Some(last(-HOUR, -HOUR)),
                was_ahead(-HOUR, 0, 0),
            ),
            ("an outage of days, or a clock that is wrong", Some(last(-DAYS, -DAYS)), Clockwork::Ahead),
            ("a clock that was ahead before", Some(last(DAYS, -30)), was_ahead(-30, 0, 0)),
            ("a clock that was ahead since the process before was gone", Some(last(HOUR, -600)), was_ahead(-600, 0, 0)),
            ("a clock that is behind", Some(last(HOUR, HOUR)), Clockwork::Runs),
            ("a clock that is behind as before", Some(last(-20, HOUR)), Clockwork::Runs),
            ("a clock that is behind as before, minutes later", Some(last(-600, HOUR)), Clockwork::Runs),
        ] {
            assert_eq!(ClockWatch::new(reading(0, 0), before).look(reading(0, 0)), expected, "{case}");
        }
    }

    #[test]
    fn h7_a_clock_that_is_set_back_is_behind_unless_it_was_ahead() {
        use Clockwork::Runs;
        for (case, before, steps, expected) in [
            ("behind", last(0, 0), vec![(600, 600), (60, 60 - HOUR)], Runs),
            ("behind after an outage", last(-HOUR, -HOUR), vec![(60, 60), (60, 60 - 2 * HOUR)], Runs),
            ("behind after it was ahead, and nobody had looked in between", last(-HOUR, -HOUR), vec![(60, 60), (60, 60 - DAYS)], Runs),
            ("ahead from the start on", last(-HOUR, -HOUR), vec![(60, 60), (60, 60 - HOUR)], was_ahead(-HOUR, 60 - HOUR, HOUR)),
            (
                "ahead, and put right by half",
                last(-HOUR, -HOUR),
                vec![(60, 60), (60, 60 - HOUR / 2)],
                was_ahead(-HOUR, 60 - HOUR / 2, HOUR / 2),
            ),
            ("ahead from the start on, for so long that nobody knows", last(-HOUR, -HOUR), vec![(HOUR, HOUR), (60, 60 - HOUR)], Runs),
        ] {
            let said = said_after(before, &steps);
            assert_eq!(said.last(), Some(&expected), "{case}");
        }
    }

    #[test]
    fn h7_a_doubt_that_begins_and_ends_between_two_looks_is_looked_into() {
        // Ahead at the start; then put right, and set far behind, and put right again.
        let steps = [(60, 60), (60, 60 - DAYS), (60, 60 + DAYS - HOUR), (60, 60)];
        let ended = was_ahead(-HOUR, 120 - HOUR, 0);
        assert_eq!(said_after(last(-HOUR, -HOUR), &steps)[1..], [Clockwork::Runs, ended, Clockwork::Runs]);
    }

    #[test]
    fn h7_a_clock_that_stays_behind_for_an_hour_was_right() {
        use Clockwork::Runs;
        let steps = [(60, 60 - HOUR), (HOUR - 60, HOUR - 60), (60, 60)];
        assert_eq!(said(&steps), [Runs, was_ahead(60 - HOUR, 60 - HOUR, 0), Runs]);
    }

    #[test]
    fn h7_what_was_beyond_doubt_is_kept_while_the_clock_is_in_doubt() {
        let mut watch = ClockWatch::new(reading(0, 0), Some(last(-HOUR, -HOUR)));
        watch.look(reading(0, 0));
        assert_eq!(watch.in_doubt_since(reading(0, 0)), Some(after(-HOUR)));
        watch.look(reading(HOUR, HOUR));
        assert_eq!(watch.in_doubt_since(reading(HOUR, HOUR)), None);
    }
}
