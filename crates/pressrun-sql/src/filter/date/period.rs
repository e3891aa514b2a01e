//! From a literal to the half-open period it means at a run's instant, in a zone.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Span, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use super::{DateLiteral, Length, Unit};
use crate::compile::ResolvedClock;

/// A half-open stretch of time, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// First instant inside.
    pub start: Timestamp,
    /// First instant after it.
    pub end: Timestamp,
}

/// Where a stretch of time begins or ends: a reading of the wall clock for as long as it is counted on the calendar, an instant at
/// last. A day that has no midnight begins when its clocks have moved on, and the day after it begins at midnight all the same;
/// counted from the instant it would not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// What the wall clock of the query zone shows.
    Wall(DateTime),
    /// An instant.
    At(Timestamp),
}

impl Edge {
    /// This edge moved by `length`: days and more on the calendar, hours and less on the clock.
    ///
    /// # Errors
    /// When it leaves the calendar.
    pub fn plus(self, length: Length, zone: &TimeZone) -> Result<Self, jiff::Error> {
        if matches!(length.unit, Unit::Second | Unit::Minute | Unit::Hour) {
            let moved = SignedDuration::from_secs(length.count.saturating_mul(seconds(length.unit)));
            return Ok(Self::At(self.instant(zone)?.checked_add(moved)?));
        }
        let wall = match self {
            Self::Wall(wall) => wall,
            Self::At(at) => at.to_zoned_datetime(zone.clone()).datetime(),
        };
        Ok(Self::Wall(wall.checked_add(span(length.unit, length.count)?)?))
    }

    /// The instant: of a wall clock time that occurs twice the first, of one that does not exist the end of the gap.
    ///
    /// # Errors
    /// When it leaves the calendar.
    pub fn instant(self, zone: &TimeZone) -> Result<Timestamp, jiff::Error> {
        let wall = match self {
            Self::At(at) => return Ok(at),
            Self::Wall(wall) => wall,
        };
        match zone.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(wall),
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(wall),
            AmbiguousOffset::Gap { before, .. } => {
                // Read on the clock as it was, the time lies behind the change, by less than the gap is long.
                let late = before.to_timestamp(wall)?.checked_add(1.second())?;
                Ok(zone.preceding(late).next().map_or(late, |change| change.timestamp()))
            }
        }
    }
}

/// The period that `literal` means.
///
/// A wall-clock time that does not exist begins at the end of the gap, so that an hour inside a gap is empty; one that occurs twice
/// is its first occurrence, so that the hour before the clocks go back is two hours long and a minute in it is the first of its name.
///
/// # Errors
/// When it leaves the calendar (years −9999 to 9999).
pub fn period(literal: DateLiteral, clock: &ResolvedClock) -> Result<Period, jiff::Error> {
    let (start, end) = edges(literal, clock)?;
    Ok(Period { start: start.instant(&clock.zone)?, end: end.instant(&clock.zone)? })
}

/// Where the period that `literal` means begins and ends.
///
/// # Errors
/// When it leaves the calendar.
pub fn edges(literal: DateLiteral, clock: &ResolvedClock) -> Result<(Edge, Edge), jiff::Error> {
    match literal {
        DateLiteral::Civil { start, unit } => civil(start, unit),
        DateLiteral::Instant(start) => Ok((Edge::At(start), Edge::At(start.checked_add(1.second())?))),
        DateLiteral::FiscalYear(year) => {
            let first = fiscal_year_start(year, clock.fiscal_start)?;
            civil(first.to_datetime(Time::midnight()), Unit::Year)
        }
        DateLiteral::FiscalQuarter { year, quarter } => {
            let first = fiscal_year_start(year, clock.fiscal_start)?.checked_add(Span::new().months((quarter - 1) * 3))?;
            civil(first.to_datetime(Time::midnight()), Unit::Quarter)
        }
        DateLiteral::Relative { unit: unit @ (Unit::Second | Unit::Minute | Unit::Hour), offset } => {
            let local = clock.at.to_zoned_datetime(clock.zone.clone());
            let past = match unit {
                Unit::Hour => i64::from(local.minute()) * 60 + i64::from(local.second()),
                Unit::Minute => i64::from(local.second()),
                _ => 0,
            };
            let length = seconds(unit);
            let back = SignedDuration::new(past, local.subsec_nanosecond());
            let start = clock.at.checked_sub(back)?.checked_add(SignedDuration::from_secs(offset.saturating_mul(length)))?;
            Ok((Edge::At(start), Edge::At(start.checked_add(SignedDuration::from_secs(length))?)))
        }
        DateLiteral::Relative { unit, offset } => {
            let today = clock.at.to_zoned_datetime(clock.zone.clone()).date();
            let first = unit_start(today, unit, clock.fiscal_start)?.checked_add(span(unit, offset)?)?;
            civil(first.to_datetime(Time::midnight()), unit)
        }
    }
}

fn civil(start: DateTime, unit: Unit) -> Result<(Edge, Edge), jiff::Error> {
    Ok((Edge::Wall(start), Edge::Wall(start.checked_add(span(unit, 1)?)?)))
}

fn seconds(unit: Unit) -> i64 {
    match unit {
        Unit::Hour => 3600,
        Unit::Minute => 60,
        _ => 1,
    }
}

/// `count` units of the calendar.
///
/// # Errors
/// When it is more than any calendar holds.
pub(crate) fn span(unit: Unit, count: i64) -> Result<Span, jiff::Error> {
    let span = Span::new();
    match unit {
        Unit::Second => span.try_seconds(count),
        Unit::Minute => span.try_minutes(count),
        Unit::Hour => span.try_hours(count),
        Unit::Day => span.try_days(count),
        Unit::Week => span.try_weeks(count),
        Unit::Month => span.try_months(count),
        Unit::Quarter | Unit::FiscalQuarter => span.try_months(count.saturating_mul(3)),
        Unit::Year | Unit::FiscalYear => span.try_years(count),
    }
}

fn unit_start(day: Date, unit: Unit, fiscal_start: i8) -> Result<Date, jiff::Error> {
    let months_into = |length: i8, first: i8| (day.month() - first).rem_euclid(length);
    let first = |months: i8| day.first_of_month().checked_sub(Span::new().months(months));
    match unit {
        Unit::Second | Unit::Minute | Unit::Hour | Unit::Day => Ok(day),
        Unit::Week => day.checked_sub(Span::new().days(day.weekday().to_monday_zero_offset())),
        Unit::Month => Ok(day.first_of_month()),
        Unit::Quarter => first(months_into(3, 1)),
        Unit::Year => first(months_into(12, 1)),
        Unit::FiscalQuarter => first(months_into(3, fiscal_start)),
        Unit::FiscalYear => first(months_into(12, fiscal_start)),
    }
}

/// The fiscal year named `year` ends in calendar year `year`; it begins there too when it begins in January.
fn fiscal_year_start(year: i16, fiscal_start: i8) -> Result<Date, jiff::Error> {
    Date::new(if fiscal_start == 1 { year } else { year - 1 }, fiscal_start, 1)
}
