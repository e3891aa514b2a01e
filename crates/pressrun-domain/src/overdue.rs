//! From when on what was promised is late, and when a clock cannot be trusted to tell (H7).
//!
//! A wall clock that jumps ahead makes everything late at once, and so does a start after an outage, until it is caught up. So nothing is called late for a
//! while after either; what is still owed by then is.

use jiff::{SignedDuration, Timestamp};

/// The two clocks may differ by so much between two looks.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(1);

/// After a start, what was due meanwhile is caught up first.
const CATCHING_UP: SignedDuration = SignedDuration::from_mins(1);

/// After a jump, what became due with it has so long, or as long as everything else if that is less.
const SETTLING: SignedDuration = SignedDuration::from_mins(10);

/// Tells what is late by two clocks.
#[derive(Debug)]
pub struct LateWatch {
    after: SignedDuration,
    /// What both clocks showed last.
    seen: (Timestamp, SignedDuration),
    /// By the steady clock.
    quiet_until: SignedDuration,
}

impl LateWatch {
    /// Watches from now on, when the clocks show `wall` and `steady`; late is what is not over so long `after` its instant.
    #[must_use]
    pub fn new(after: SignedDuration, wall: Timestamp, steady: SignedDuration) -> Self {
        Self { after, seen: (wall, steady), quiet_until: steady.saturating_add(CATCHING_UP) }
    }

    /// The instant before which what is not over is late; `None` while that cannot be told.
    pub fn look(&mut self, wall: Timestamp, steady: SignedDuration) -> Option<Timestamp> {
        let (wall_before, steady_before) = std::mem::replace(&mut self.seen, (wall, steady));
        let drift = wall.duration_since(wall_before).saturating_sub(steady.saturating_sub(steady_before));
        if drift > TOLERANCE {
            self.quiet_until = self.quiet_until.max(steady.saturating_add(SETTLING.min(self.after)));
        }
        if steady < self.quiet_until {
            return None;
        }
        Some(wall.saturating_sub(self.after).unwrap_or(Timestamp::MIN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nine() -> Timestamp {
        "2026-11-25T09:00:00Z".parse().expect("an instant")
    }

    /// How many minutes before nine the border lies after each step of (minutes that pass, minutes that the wall clock moves).
    fn borders(after: i64, steps: &[(i64, i64)]) -> Vec<Option<i64>> {
        let (mut steady, mut wall) = (SignedDuration::ZERO, nine());
        let mut watch = LateWatch::new(SignedDuration::from_mins(after), wall, steady);
        let mut looks = Vec::new();
        for (pass, moves) in steps {
            steady += SignedDuration::from_mins(*pass);
            wall += SignedDuration::from_mins(*moves);
            looks.push(watch.look(wall, steady).map(|border| border.duration_since(nine()).as_mins()));
        }
        looks
    }

    #[test]
    fn o2_late_is_what_is_not_over_so_long_after_its_instant() {
        assert_eq!(borders(60, &[(0, 0), (1, 1), (60, 60)]), [None, Some(-59), Some(1)], "a start catches up first");
    }

    #[test]
    fn o2_a_clock_that_jumps_ahead_makes_nothing_late_until_that_is_caught_up() {
        assert_eq!(borders(60, &[(5, 5), (1, 601), (8, 8), (2, 2)]), [Some(-55), None, None, Some(556)]);
        assert_eq!(
            borders(3, &[(5, 5), (1, 601), (2, 2), (1, 1)]),
            [Some(2), None, None, Some(606)],
            "never for longer than things have anyway"
        );
    }

    #[test]
    fn o2_a_clock_that_is_set_back_makes_nothing_late() {
        assert_eq!(borders(60, &[(5, 5), (1, -599), (1, 1)]), [Some(-55), Some(-654), Some(-653)]);
    }
}
