//! The clock of a zone: which wall clock time an instant has, which instants a wall clock time has.
//!
//! Whole columns pass through here, so a zone is read once into a table of its changes. Beyond that table every zone follows the yearly
//! rules of its last entry, and the calendar repeats itself after 400 years.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::error::{DataFusionError, Result};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Zones that were read.
static CLOCKS: Mutex<Option<HashMap<String, Arc<Clock>>>> = Mutex::new(None);

/// Seconds in 400 years of the calendar.
const CYCLE: i64 = 146_097 * 86_400;
/// 2100-01-01 in seconds since 1970: from here on zones change by rules only.
const RULES: i64 = 4_102_444_800;
/// No two offsets of a zone are further apart than this, in seconds; that of a place which changed sides of the date line is a day.
const FAR: i64 = 2 * 86_400;

/// A zone as a table.
pub(in super::super) struct Clock {
    name: String,
    zone: TimeZone,
    /// From which second on, since 1970, which offset holds; sorted. The first holds from the beginning of time.
    changes: Vec<(i64, i64)>,
}

/// What a wall clock time means, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Local {
    /// The clock shows it once.
    Once(i64),
    /// The clock was set back and shows it twice.
    Twice(i64, i64),
    /// The clock was set forward and never shows it: the instant that the clock before the change would have called so, and the
    /// change itself.
    Never { moved: i64, change: i64 },
}

impl Local {
    /// The instant that people mean by it: the first of two; what was skipped is later by as much as was skipped.
    pub(super) fn read(self) -> i64 {
        match self {
            Self::Once(at) | Self::Twice(at, _) | Self::Never { moved: at, .. } => at,
        }
    }

    /// The first instant that is not before it, as days and months begin.
    pub(super) fn begin(self) -> i64 {
        match self {
            Self::Once(at) | Self::Twice(at, _) | Self::Never { change: at, .. } => at,
        }
    }

    /// The last such instant not after `limit`, as the hours of a doubled hour begin.
    pub(super) fn begin_before(self, limit: i64) -> i64 {
        match self {
            Self::Twice(_, second) if second <= limit => second,
            other => other.begin(),
        }
    }
}

impl Clock {
    /// The clock of the IANA zone `name`.
    ///
    /// # Errors
    /// When there is no such zone.
    pub(in super::super) fn of(name: &str) -> Result<Arc<Self>> {
        let zone = TimeZone::get(name).map_err(|_| DataFusionError::Configuration(format!("\"{name}\" is no time zone")))?;
        let key = zone.iana_name().unwrap_or(name).to_owned();
        let mut known = CLOCKS.lock().unwrap_or_else(PoisonError::into_inner);
        let clock = known.get_or_insert_default().entry(key).or_insert_with_key(|key| Arc::new(Self::read(key.clone(), zone)));
        Ok(Arc::clone(clock))
    }

    fn read(name: String, zone: TimeZone) -> Self {
        let offset = |at: Timestamp| i64::from(zone.to_offset(at).seconds());
        let mut changes = vec![(i64::MIN, offset(Timestamp::MIN))];
        for change in zone.following(Timestamp::MIN) {
            let at = change.timestamp().as_second();
            if at >= RULES + CYCLE + 4 * FAR {
                break;
            }
            changes.push((at, i64::from(change.offset().seconds())));
        }
        // A change of name or of summer time that leaves the offset is none here.
        changes.dedup_by_key(|(_, offset)| *offset);
        Self { name, zone, changes }
    }

    pub(in super::super) fn name(&self) -> &str {
        &self.name
    }

    pub(in super::super) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Where in the table `second` lies.
    fn place(&self, second: i64) -> usize {
        self.changes.partition_point(|(from, _)| *from <= second).saturating_sub(1)
    }

    fn span(&self, place: usize) -> Span {
        let (from, offset) = self.changes.get(place).copied().unwrap_or((i64::MIN, 0));
        let until = self.changes.get(place + 1).map_or(i64::MAX, |(from, _)| *from);
        Span { from, until, offset }
    }
}

/// The same clock is the same zone.
impl PartialEq for Clock {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Clock {}

impl Hash for Clock {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Clock").field(&self.name).finish()
    }
}

/// An offset and the seconds during which it holds.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: i64,
    until: i64,
    offset: i64,
}

/// Reads a clock again and again, cheaply where neighbours in a column are near in time.
pub(super) struct Reader<'a> {
    clock: &'a Clock,
    last: Cell<Span>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(clock: &'a Clock) -> Self {
        Self { clock, last: Cell::new(clock.span(0)) }
    }

    /// Seconds that the wall clock is ahead of UTC at `second`.
    pub(super) fn offset(&self, second: i64) -> i64 {
        let second = within_table(second).0;
        let last = self.last.get();
        if second >= last.from && second < last.until {
            return last.offset;
        }
        let span = self.clock.span(self.clock.place(second));
        self.last.set(span);
        span.offset
    }

    /// The seconds around `second` during which its offset holds, and the offset; nothing for years that are told by others.
    pub(super) fn held(&self, second: i64) -> Option<(Range<i64>, i64)> {
        let offset = (within_table(second).1 == 0).then(|| self.offset(second))?;
        let last = self.last.get();
        Some((last.from..last.until.min(RULES + CYCLE), offset))
    }

    /// What `local`, seconds on the wall clock since its 1970, means.
    pub(super) fn instants(&self, local: i64) -> Local {
        let (local, cycles) = within_table(local);
        let back = |second: i64| second.saturating_add(cycles);
        let Span { from, until, offset } = self.last.get();
        let guess = local.saturating_sub(offset);
        if guess >= from.saturating_add(FAR) && guess < until.saturating_sub(FAR) {
            return Local::Once(back(guess));
        }
        let first = self.clock.place(local.saturating_sub(FAR));
        let mut found: Option<(i64, i64)> = None;
        let mut before: Option<i64> = None;
        for place in first..self.clock.changes.len() {
            let span = self.clock.span(place);
            if span.from > local.saturating_add(FAR) {
                break;
            }
            let at = local.saturating_sub(span.offset);
            if let Some(moved) = before.filter(|moved| found.is_none() && *moved >= span.from && at < span.from) {
                return Local::Never { moved: back(moved), change: back(span.from) };
            }
            if at >= span.from && at < span.until {
                self.last.set(span);
                found = Some((found.map_or(at, |(first, _)| first), at));
            }
            before = Some(at);
        }
        match found {
            Some((first, last)) if first != last => Local::Twice(back(first), back(last)),
            Some((at, _)) => Local::Once(back(at)),
            None => Local::Once(back(guess)),
        }
    }
}

/// A second of the years that the table holds whose calendar is the same, and how far the given one is behind it.
fn within_table(second: i64) -> (i64, i64) {
    if second < RULES + CYCLE {
        return (second, 0);
    }
    let cycles = (second - RULES - FAR).div_euclid(CYCLE) * CYCLE;
    (second - cycles, cycles)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use jiff::civil::DateTime;
    use jiff::tz::AmbiguousOffset;
    use proptest::prelude::*;

    use super::*;

    /// A row of what the zone database says itself, to compare with.
    fn of_the_database(zone: &TimeZone, local: DateTime) -> Local {
        let at = |offset: jiff::tz::Offset| offset.to_timestamp(local).unwrap().as_second();
        match zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => Local::Once(at(offset)),
            AmbiguousOffset::Fold { before, after } => Local::Twice(at(before), at(after)),
            AmbiguousOffset::Gap { before, .. } => {
                let moved = offset_before(zone, at(before));
                Local::Never { moved: at(before), change: moved }
            }
        }
    }

    fn offset_before(zone: &TimeZone, second: i64) -> i64 {
        zone.preceding(Timestamp::from_second(second + 1).unwrap()).next().unwrap().timestamp().as_second()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        /// Any zone, any time, near changes and far from them, agree with the database; so do they after years in another order.
        #[test]
        fn the_table_of_a_zone_is_the_zone(
            pick in any::<prop::sample::Index>(),
            second in -5_000_000_000_i64..250_000_000_000,
            near in proptest::option::of(-100_000_i64..100_000),
            other in -5_000_000_000_i64..250_000_000_000,
        ) {
            let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
            let name = pick.get(&names);
            let clock = Clock::of(name).unwrap();
            let reader = Reader::new(&clock);
            reader.offset(other);
            let change = clock.zone().following(Timestamp::from_second(second).unwrap()).next();
            let second = match (near, change) {
                (Some(near), Some(change)) => change.timestamp().as_second() + near,
                _ => second,
            };
            prop_assume!(second < 250_000_000_000);
            let at = Timestamp::from_second(second).unwrap();
            prop_assert_eq!(reader.offset(second), i64::from(clock.zone().to_offset(at).seconds()), "{} {}", name, at);
            let local = at.to_zoned_datetime(TimeZone::UTC).datetime();
            let expected = of_the_database(clock.zone(), local);
            prop_assert_eq!(reader.instants(second), expected, "{} {}", name, local);
        }
    }

    #[test]
    fn a_zone_that_does_not_exist_is_an_error() {
        assert!(Clock::of("Europe/Atlantis").unwrap_err().to_string().contains("Europe/Atlantis"));
        assert_eq!(Clock::of("europe/berlin").unwrap(), Clock::of("Europe/Berlin").unwrap());
    }
}
