//! From a literal to the half-open period it means at a run's instant, in a zone.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
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

/// The period that `literal` means.
///
/// A wall-clock time that does not exist begins after the gap; one that occurs twice begins at its first occurrence and
/// reaches to the end of its second.
///
/// # Errors
/// When it leaves the calendar (years −9999 to 9999).
pub fn period(literal: DateLiteral, clock: &ResolvedClock) -> Result<Period, jiff::Error> {
    let zone = &clock.zone;
    match literal {
        DateLiteral::Civil { start, unit } => civil(start, unit, zone),
        DateLiteral::Instant(start) => Ok(Period { start, end: start.checked_add(1.second())? }),
        DateLiteral::FiscalYear(year) => {
            let first = fiscal_year_start(year, clock.fiscal_start)?;
            civil(first.to_datetime(Time::midnight()), Unit::Year, zone)
        }
        DateLiteral::FiscalQuarter { year, quarter } => {
            let first = fiscal_year_start(year, clock.fiscal_start)?.checked_add(Span::new().months((quarter - 1) * 3))?;
            civil(first.to_datetime(Time::midnight()), Unit::Quarter, zone)
        }
        DateLiteral::Relative { unit: unit @ (Unit::Second | Unit::Minute | Unit::Hour), offset } => {
            let local = clock.at.to_zoned_datetime(zone.clone());
            let past = match unit {
                Unit::Hour => i64::from(local.minute()) * 60 + i64::from(local.second()),
                Unit::Minute => i64::from(local.second()),
                _ => 0,
            };
            let length = seconds(unit);
            let back = SignedDuration::new(past, local.subsec_nanosecond());
            let start = clock.at.checked_sub(back)?.checked_add(SignedDuration::from_secs(offset * length))?;
            Ok(Period { start, end: start.checked_add(SignedDuration::from_secs(length))? })
        }
        DateLiteral::Relative { unit, offset } => {
            let today = clock.at.to_zoned_datetime(zone.clone()).date();
            let first = unit_start(today, unit, clock.fiscal_start)?.checked_add(span(unit, offset)?)?;
            civil(first.to_datetime(Time::midnight()), unit, zone)
        }
    }
}

/// The instant `length` after `start`, counted on the calendar of `zone`.
///
/// # Errors
/// When it leaves the calendar.
pub fn length_end(start: Timestamp, length: Length, zone: &TimeZone) -> Result<Timestamp, jiff::Error> {
    match length.unit {
        Unit::Second | Unit::Minute | Unit::Hour => start.checked_add(SignedDuration::from_secs(length.count * seconds(length.unit))),
        unit => {
            let local = start.to_zoned_datetime(zone.clone()).datetime().checked_add(span(unit, length.count)?)?;
            Ok(local.to_zoned_datetime(zone.clone())?.timestamp())
        }
    }
}

fn civil(start: DateTime, unit: Unit, zone: &TimeZone) -> Result<Period, jiff::Error> {
    let end = start.checked_add(span(unit, 1)?)?;
    let instant = |local: DateTime| local.to_zoned_datetime(zone.clone()).map(|z| z.timestamp());
    Ok(Period { start: instant(start)?, end: instant(end)? })
}

fn seconds(unit: Unit) -> i64 {
    match unit {
        Unit::Hour => 3600,
        Unit::Minute => 60,
        _ => 1,
    }
}

fn span(unit: Unit, count: i64) -> Result<Span, jiff::Error> {
    let span = Span::new();
    match unit {
        Unit::Second => span.try_seconds(count),
        Unit::Minute => span.try_minutes(count),
        Unit::Hour => span.try_hours(count),
        Unit::Day => span.try_days(count),
        Unit::Week => span.try_weeks(count),
        Unit::Month => span.try_months(count),
        Unit::Quarter | Unit::FiscalQuarter => span.try_months(count * 3),
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
