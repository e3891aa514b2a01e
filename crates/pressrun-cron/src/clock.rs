//! How a zone's wall clock moves against real time, in whole seconds.
//!
//! An *instant* is seconds since 1970-01-01T00:00Z; a *wall* time is seconds since 1970-01-01T00:00 on the wall clock.
//! Zones change their offset at whole seconds, so no fraction is ever needed.

use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, TimeZone};

/// More than any offset from UTC that a zone can have, in seconds.
pub(crate) const OFFSET_BOUND: i64 = 26 * 60 * 60;

/// The wall clock of a zone.
#[derive(Clone, Copy)]
pub(crate) struct Clock<'z>(pub(crate) &'z TimeZone);

/// When the wall clock first shows a time or passes it.
pub(crate) struct Arrival {
    pub(crate) instant: i64,
    /// The clock jumped over the time, and `instant` is the end of the jump.
    pub(crate) skipped: bool,
}

impl Clock<'_> {
    /// Seconds that the wall clock is ahead of UTC at `instant`.
    pub(crate) fn offset(self, instant: i64) -> i64 {
        i64::from(self.0.to_offset(timestamp(instant)).seconds())
    }

    /// The first change of the clock after `instant`.
    pub(crate) fn change_after(self, instant: i64) -> Option<i64> {
        self.0.following(timestamp(instant)).next().map(|change| floor_second(change.timestamp()))
    }

    /// The last change of the clock at or before `instant`.
    pub(crate) fn change_until(self, instant: i64) -> Option<i64> {
        let changes = &mut self.0.preceding(timestamp(instant.saturating_add(1)));
        changes.next().map(|change| floor_second(change.timestamp()))
    }

    /// The latest wall time that the clock has shown at or before `instant`. It is ahead of what the clock shows now
    /// while a repeated hour runs for the second time.
    pub(crate) fn furthest(self, instant: i64) -> i64 {
        let mut furthest = instant + self.offset(instant);
        let mut cursor = instant;
        while let Some(change) = self.change_until(cursor) {
            // An older change was overtaken by the clock since, whatever the offsets are.
            if change < instant - 2 * OFFSET_BOUND {
                break;
            }
            cursor = change - 1;
            furthest = furthest.max(cursor + self.offset(cursor));
        }
        furthest
    }

    /// The first instant at which the clock shows `wall` or a later time.
    pub(crate) fn arrival(self, wall: i64) -> Arrival {
        let mut instant = wall - OFFSET_BOUND;
        loop {
            let offset = self.offset(instant);
            if instant + offset >= wall {
                return Arrival { instant, skipped: instant + offset > wall };
            }
            match self.change_after(instant) {
                Some(change) if change + offset <= wall => instant = change,
                _ => {
                    return Arrival { instant: wall - offset, skipped: false };
                }
            }
        }
    }

    /// Whether the clock shows this wall time twice.
    pub(crate) fn repeats(self, wall: jiff::civil::DateTime) -> bool {
        matches!(self.0.to_ambiguous_timestamp(wall).offset(), AmbiguousOffset::Fold { .. })
    }
}

/// The instant as a whole second, rounded down.
pub(crate) fn floor_second(timestamp: Timestamp) -> i64 {
    timestamp.as_second() - i64::from(timestamp.subsec_nanosecond() < 0)
}

/// The nearest instant that Jiff can express.
fn timestamp(instant: i64) -> Timestamp {
    Timestamp::from_second(instant).unwrap_or(if instant < 0 { Timestamp::MIN } else { Timestamp::MAX })
}
