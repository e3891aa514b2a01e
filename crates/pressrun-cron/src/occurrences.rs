//! Calendar and clock together: the instants of an expression, with daylight saving decided (crate documentation).

use std::fmt;
use std::iter::FusedIterator;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::calendar::Calendar;
use crate::clock::{Clock, OFFSET_BOUND, floor_second};
use crate::date::Date;

/// One instant at which an expression fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Occurrence {
    /// The instant.
    pub at: Timestamp,
    /// The local time that the expression names, which does not exist when `dst` is [`DstNote::Gap`]. Where several
    /// local times fire as one, it is the earliest.
    pub local: DateTime,
    /// Whether a change of the clock touches this occurrence.
    pub dst: Option<DstNote>,
}

/// How a change of the clock touches an occurrence; history shows it (rule T9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DstNote {
    /// The local time does not exist; the occurrence is the first instant after the gap.
    Gap,
    /// The local time exists twice. A named hour fires at the first, real hours fire at both.
    Fold,
}

impl DstNote {
    /// `dst_gap` or `dst_fold`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gap => "dst_gap",
            Self::Fold => "dst_fold",
        }
    }
}

impl fmt::Display for DstNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How the hour field counts when the clock changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Hours {
    /// Hours by name: each local time fires once (rules T9 and T10).
    Named,
    /// `*` or a step: hours as they pass (rule T11).
    Real,
}

/// What an expression means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pattern {
    pub(crate) calendar: Calendar,
    pub(crate) hours: Hours,
}

/// The occurrences of an expression, ascending and without duplicates.
#[derive(Clone, Debug)]
pub struct Occurrences {
    pattern: Pattern,
    after: Timestamp,
    zone: TimeZone,
    finished: bool,
}

impl Occurrences {
    pub(crate) fn new(pattern: Pattern, after: Timestamp, zone: TimeZone) -> Self {
        Self { pattern, after, zone, finished: false }
    }
}

impl Iterator for Occurrences {
    type Item = Occurrence;

    fn next(&mut self) -> Option<Occurrence> {
        if self.finished {
            return None;
        }
        let next = next_after(&self.pattern, self.after, &self.zone);
        match next {
            Some(occurrence) => self.after = occurrence.at,
            None => self.finished = true,
        }
        next
    }
}

impl FusedIterator for Occurrences {}

pub(crate) fn next_after(pattern: &Pattern, after: Timestamp, zone: &TimeZone) -> Option<Occurrence> {
    let (clock, after) = (Clock(zone), floor_second(after));
    match pattern.hours {
        Hours::Named => next_named(&pattern.calendar, clock, after),
        Hours::Real => next_real(&pattern.calendar, clock, after),
    }
}

pub(crate) fn latest_between(pattern: &Pattern, after: Timestamp, until: Timestamp, zone: &TimeZone) -> Option<Occurrence> {
    let (clock, after, until) = (Clock(zone), floor_second(after), floor_second(until));
    if until <= after {
        return None;
    }
    match pattern.hours {
        Hours::Named => latest_named(&pattern.calendar, clock, after, until),
        Hours::Real => latest_real(&pattern.calendar, clock, after, until),
    }
}

/// A wall time fires on the clock's first arrival at it, and the clock has arrived at all times up to the furthest one
/// that it has shown. So the next is the first match beyond that.
fn next_named(calendar: &Calendar, clock: Clock<'_>, after: i64) -> Option<Occurrence> {
    let wall = match_from(calendar, clock.furthest(after) + 1)?;
    let arrival = clock.arrival(wall);
    occurrence(clock, arrival.instant, wall, arrival.skipped)
}

fn latest_named(calendar: &Calendar, clock: Clock<'_>, after: i64, until: i64) -> Option<Occurrence> {
    let wall = match_until(calendar, clock.furthest(until))?;
    let instant = clock.arrival(wall).instant;
    // The same instant, seen from before it: among several times of one gap, that is the earliest.
    if instant > after { next_named(calendar, clock, instant - 1) } else { None }
}

/// Between two changes of the clock, wall time and real time run alike: look for a match there, then go on behind the
/// change, or behind many of them when the next match is far.
fn next_real(calendar: &Calendar, clock: Clock<'_>, after: i64) -> Option<Occurrence> {
    let mut from = after + 1;
    loop {
        let offset = clock.offset(from);
        let change = clock.change_after(from);
        if let Some(wall) = match_from(calendar, from + offset) {
            let instant = wall - offset;
            if change.is_none_or(|change| instant < change) {
                return occurrence(clock, instant, wall, false);
            }
        }
        let change = change?;
        let earliest_wall = match_from(calendar, change - OFFSET_BOUND)?;
        from = change.max(earliest_wall - OFFSET_BOUND);
    }
}

/// [`next_real`] in the mirror.
fn latest_real(calendar: &Calendar, clock: Clock<'_>, after: i64, until: i64) -> Option<Occurrence> {
    let mut bound = until;
    while bound > after {
        let offset = clock.offset(bound);
        let change = clock.change_until(bound);
        if let Some(wall) = match_until(calendar, bound + offset) {
            let instant = wall - offset;
            if change.is_none_or(|change| instant >= change) {
                return if instant > after { occurrence(clock, instant, wall, false) } else { None };
            }
        }
        let end = change? - 1;
        let latest_wall = match_until(calendar, end + OFFSET_BOUND)?;
        bound = end.min(latest_wall + OFFSET_BOUND);
    }
    None
}

/// The first match at or after a wall time, in seconds.
fn match_from(calendar: &Calendar, wall: i64) -> Option<i64> {
    // Rounded up: `div_euclid` rounds down.
    calendar.at_or_after(-(-wall).div_euclid(60)).map(|minute| minute * 60)
}

/// The last match at or before a wall time, in seconds.
fn match_until(calendar: &Calendar, wall: i64) -> Option<i64> {
    calendar.at_or_before(wall.div_euclid(60)).map(|minute| minute * 60)
}

fn occurrence(clock: Clock<'_>, instant: i64, wall: i64, skipped: bool) -> Option<Occurrence> {
    let at = Timestamp::from_second(instant).ok()?;
    let local = civil(wall)?;
    let dst = if skipped { Some(DstNote::Gap) } else { clock.repeats(local).then_some(DstNote::Fold) };
    Some(Occurrence { at, local, dst })
}

/// A wall time as a date and a time of day.
fn civil(wall: i64) -> Option<DateTime> {
    let Date { year, month, day } = Date::from_days(wall.div_euclid(86_400));
    let minute = wall.rem_euclid(86_400) / 60;
    DateTime::new(year as i16, month as i8, day as i8, (minute / 60) as i8, (minute % 60) as i8, 0, 0).ok()
}
