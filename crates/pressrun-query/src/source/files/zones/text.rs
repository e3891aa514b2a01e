//! Dates and times written as text.
//!
//! ISO 8601 with what databases and spreadsheets make of it. What names no offset and no zone is wall clock time of the query zone.

use datafusion::error::{DataFusionError, Result};
use jiff::civil::{Date, DateTime, Time, date};
use jiff::fmt::strtime;
use jiff::{Timestamp, ZonedDateTime};

use super::clock::{Clock, Reader};
use crate::error::{QueryError, QueryErrorKind};

/// What a text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// Microseconds since 1970 UTC.
    Instant(i64),
    /// Microseconds since 1970 on the wall clock.
    Wall(i64),
    /// Days since 1970.
    Day(i64),
}

impl Written {
    /// As an instant, in microseconds; a day is its first instant.
    pub(super) fn instant(self, clock: &Reader<'_>) -> i64 {
        match self {
            Self::Instant(at) => at,
            Self::Wall(wall) => {
                clock.instants(wall.div_euclid(MICROS)).read().saturating_mul(MICROS).saturating_add(wall.rem_euclid(MICROS))
            }
            Self::Day(day) => clock.instants(day.saturating_mul(86_400)).begin().saturating_mul(MICROS),
        }
    }

    /// As wall clock time, in microseconds.
    pub(super) fn wall(self, clock: &Reader<'_>) -> i64 {
        match self {
            Self::Instant(at) => at.saturating_add(clock.offset(at.div_euclid(MICROS)).saturating_mul(MICROS)),
            Self::Wall(wall) => wall,
            Self::Day(day) => day.saturating_mul(86_400 * MICROS),
        }
    }

    /// The day on the wall clock, since 1970.
    pub(super) fn day(self, clock: &Reader<'_>) -> i64 {
        match self {
            Self::Day(day) => day,
            other => other.wall(clock).div_euclid(86_400 * MICROS),
        }
    }
}

const MICROS: i64 = 1_000_000;

/// Reads ISO 8601 text; empty text is no value.
///
/// # Errors
/// When it is no date, with the forms that are read.
pub(super) fn read(text: &str) -> Result<Option<Written>> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    plain(text).or_else(|| named(text)).map(Some).ok_or_else(|| {
        if text.starts_with("9999-12-3") {
            let hint = "write '9999-12-30' for what has no end, or null; instants end on that day at 22:00 UTC";
            return unreadable(text, hint);
        }
        unreadable(text, "write dates as 2025-03-31 or 2025-03-31T09:30:00Z; other forms are read by to_timestamp(…, '%d.%m.%Y %H:%M')")
    })
}

/// Reads ISO 8601 text as an instant, in microseconds.
///
/// # Errors
/// When it is no date.
pub(in super::super) fn instant_of_text(text: &str, clock: &Clock) -> Result<Option<i64>> {
    Ok(read(text)?.map(|written| written.instant(&Reader::new(clock))))
}

/// Reads text in the first of `formats` that it has; empty text is no value.
///
/// # Errors
/// When it has none of them.
pub(super) fn read_as(text: &str, formats: &[&str]) -> Result<Option<Written>> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let read = |format: &&str| {
        let parts = strtime::parse(format, text).ok()?;
        if parts.offset().is_some() || parts.timestamp().is_some() || parts.iana_time_zone().is_some() {
            return parts.to_timestamp().ok().map(|at| Written::Instant(at.as_microsecond()));
        }
        match (parts.to_datetime(), parts.hour()) {
            (Ok(local), Some(_)) => Some(of_wall(local)),
            _ => parts.to_date().ok().map(of_day),
        }
    };
    let read = formats.iter().find_map(read);
    read.map(Some).ok_or_else(|| unreadable(text, &format!("its format is said to be {}", formats.join(" or "))))
}

fn unreadable(text: &str, hint: &str) -> DataFusionError {
    let shown: String = text.chars().take(60).collect();
    let error = QueryError::new(QueryErrorKind::Value, format!("\"{shown}\" cannot be read as a date"));
    DataFusionError::External(Box::new(error.hint(hint)))
}

fn of_wall(local: DateTime) -> Written {
    // Instants end before the last wall clock times of the calendar do.
    let days = local.date().since(date(1970, 1, 1)).map_or(0, |span| i64::from(span.get_days()));
    let of_day = local.time().duration_since(Time::midnight()).as_micros() as i64;
    Written::Wall(days * 86_400 * MICROS + of_day)
}

fn of_day(day: Date) -> Written {
    Written::Day(day.since(date(1970, 1, 1)).map_or(0, |span| i64::from(span.get_days())))
}

/// ISO 8601, with or without a time and an offset.
fn plain(text: &str) -> Option<Written> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(Written::Instant(at.as_microsecond()));
    }
    if text.ends_with(']') {
        return text.parse::<ZonedDateTime>().ok().map(|at| Written::Instant(at.timestamp().as_microsecond()));
    }
    if text.len() <= 10 && !text.contains(':') {
        return text.parse::<Date>().ok().map(of_day);
    }
    // What has an offset and is no instant lies beyond them; as a wall clock time the offset would be passed over.
    let has_offset = text.split_once(['T', 't', ' ']).is_some_and(|(_, time)| time.contains(['+', '-']));
    text.parse::<DateTime>().ok().filter(|_| !has_offset).map(of_wall)
}

/// A time followed by an offset or the name of a zone behind a space, as PostgreSQL and log files write it.
fn named(text: &str) -> Option<Written> {
    let (time, zone) = text.rsplit_once(' ')?;
    let time = time.trim_end();
    if zone.starts_with(['+', '-']) {
        return plain(&format!("{time}{zone}")).filter(|written| matches!(written, Written::Instant(_)));
    }
    let local = match plain(time)? {
        Written::Wall(wall) => wall,
        Written::Instant(_) | Written::Day(_) => return None,
    };
    let clock = Clock::of(if zone == "Z" { "UTC" } else { zone }).ok()?;
    Some(Written::Instant(Written::Wall(local).instant(&Reader::new(&clock))))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn micros(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_microsecond()
    }

    #[test]
    fn text_says_an_instant_a_wall_clock_time_or_a_day() {
        let noon = micros("2026-11-01T12:00:00Z");
        for (text, expected) in [
            ("2026-11-01T12:00:00Z", Written::Instant(noon)),
            ("2026-11-01 12:00:00z", Written::Instant(noon)),
            (" 2026-11-01 13:00:00+01 ", Written::Instant(noon)),
            ("2026-11-01T17:30:00+05:30", Written::Instant(noon)),
            ("2026-11-01T08:30:00-0330", Written::Instant(noon)),
            ("2026-11-01 08:30 -03:30", Written::Instant(noon)),
            ("2026-11-01 12:00:00 UTC", Written::Instant(noon)),
            ("2026-11-01 13:00:00 Europe/Berlin", Written::Instant(noon)),
            ("2026-11-01T13:00:00[Europe/Berlin]", Written::Instant(noon)),
            ("2026-11-01T12:00", Written::Wall(noon)),
            ("2026-11-01 12:00:00.5", Written::Wall(noon + 500_000)),
            ("20261101T120000", Written::Wall(noon)),
            ("2026-11-01", Written::Day(20_758)),
            ("9999-12-31", Written::Day(2_932_896)),
            ("0001-01-01", Written::Day(-719_162)),
        ] {
            assert_eq!(read(text).unwrap(), Some(expected), "{text}");
        }
        assert_eq!(read("  ").unwrap(), None);
        for text in
            ["yesterday", "2026-13-01", "2026-02-30 10:00", "2026-11-01 12:00 Mars/Olympus", "12:00", "01.11.2026", "2026-11-01 25:00", "1"]
        {
            assert!(read(text).unwrap_err().to_string().contains(text), "{text}");
        }
    }

    /// What many systems write for no end.
    #[test]
    fn an_instant_beyond_the_last_is_refused_with_what_to_write() {
        for text in ["9999-12-31T23:59:59Z", "9999-12-31 00:00:00+00", "9999-12-30T22:30:00Z"] {
            assert!(read(text).unwrap_err().to_string().contains("write '9999-12-30'"), "{text}");
        }
        assert!(read("9999-12-30").is_ok() && read("9999-12-30T21:59:59Z").is_ok() && read("9999-12-31 23:59:59").is_ok());
    }

    #[test]
    fn text_in_another_form_is_read_by_its_format() {
        let noon = micros("2026-11-01T12:00:00Z");
        for (text, formats, expected) in [
            ("01.11.2026 12:00", &["%d.%m.%Y %H:%M"][..], Some(Written::Wall(noon))),
            ("11/01/2026", &["%d.%m.%Y", "%m/%d/%Y"], Some(Written::Day(20_758))),
            ("Nov 1 2026 12:00 PM", &["%b %d %Y %I:%M %p"], Some(Written::Wall(noon))),
            ("1 Nov 2026 07:00 -0500", &["%d %b %Y %H:%M %z"], Some(Written::Instant(noon))),
            ("1793534400", &["%s"], Some(Written::Instant(noon))),
            ("", &["%Y"], None),
        ] {
            assert_eq!(read_as(text, formats).unwrap(), expected, "{text}");
        }
        let error = read_as("x", &["%Y", "%d"]).unwrap_err().to_string();
        assert!(error.contains("%Y or %d"), "{error}");
    }
}
