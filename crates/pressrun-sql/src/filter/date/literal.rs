//! The date literals of contract §4.2.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};

use super::Unit;

/// A date as written: a period of the calendar, absolute or counted from the run's instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateLiteral {
    /// `2025`, `2025-03`, `2025-03-04 09:30`: the unit that was cut off after, whole.
    Civil {
        /// First moment, wall clock of the query zone.
        start: DateTime,
        /// How much of the calendar or clock it covers.
        unit: Unit,
    },
    /// An instant with an offset, RFC 3339; it covers one second.
    Instant(Timestamp),
    /// `FY2012`, or a year with `isFiscal`.
    FiscalYear(i16),
    /// `FY2012 Q3`, or `2012 Q3` with `isFiscal`.
    FiscalQuarter {
        /// Name of the fiscal year.
        year: i16,
        /// 1 to 4.
        quarter: i8,
    },
    /// Whole units from the one the run falls in: 0 is this one, −1 the last.
    Relative {
        /// The unit.
        unit: Unit,
        /// How many units later; negative is earlier.
        offset: i64,
    },
}

/// A length of time, such as `6 months`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length {
    /// How many.
    pub count: i64,
    /// Of what.
    pub unit: Unit,
}

/// The text is no date of contract §4.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a date")]
pub struct InvalidDate;

impl FromStr for DateLiteral {
    type Err = InvalidDate;

    fn from_str(text: &str) -> Result<Self, InvalidDate> {
        let text = text.trim();
        if !text.is_ascii() || text.len() > 64 {
            return Err(InvalidDate);
        }
        words(text).or_else(|| absolute(text)).ok_or(InvalidDate)
    }
}

impl DateLiteral {
    /// The same on the fiscal calendar (`isFiscal`): years and quarters change, the rest does not.
    #[must_use]
    pub fn fiscal(self) -> Self {
        match self {
            Self::Civil { start, unit: Unit::Year } => Self::FiscalYear(start.year()),
            Self::Civil { start, unit: Unit::Quarter } => Self::FiscalQuarter { year: start.year(), quarter: (start.month() - 1) / 3 + 1 },
            Self::Relative { unit, offset } => Self::Relative { unit: unit.fiscal(), offset },
            other => other,
        }
    }
}

impl Length {
    /// Reads a shift: `7 days`, `-1 year`, `1 year ago`. An empty text and a count of zero shift nothing.
    ///
    /// # Errors
    /// [`InvalidDate`].
    pub fn shift(text: &str) -> Result<Option<Self>, InvalidDate> {
        let text = text.trim();
        let lower = text.to_ascii_lowercase();
        if lower.is_empty() {
            return Ok(None);
        }
        let (back, length) = match (lower.strip_prefix('-'), lower.strip_suffix(" ago")) {
            (Some(length), None) | (None, Some(length)) => (true, length),
            (None, None) => (false, lower.strip_prefix('+').unwrap_or(&lower)),
            (Some(_), Some(_)) => return Err(InvalidDate),
        };
        let Self { count, unit } = length.parse()?;
        Ok((count != 0).then_some(Self { count: if back { -count } else { count }, unit }))
    }
}

impl FromStr for Length {
    type Err = InvalidDate;

    /// Reads `6 months`, `1 day`, `28 complete days`.
    fn from_str(text: &str) -> Result<Self, InvalidDate> {
        let lower = text.trim().to_ascii_lowercase();
        let mut words = lower.split_ascii_whitespace().filter(|word| *word != "complete");
        let (Some(count), Some(unit), None) = (words.next(), words.next(), words.next()) else {
            return Err(InvalidDate);
        };
        let unit = Unit::parse(unit).ok_or(InvalidDate)?;
        Ok(Self { count: count_of(count).ok_or(InvalidDate)?, unit })
    }
}

fn count_of(word: &str) -> Option<i64> {
    // Far more than any calendar holds, and far from overflow in every unit.
    const MOST: i64 = 1_000_000_000;
    if word.is_empty() || !word.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    word.parse().ok().filter(|count| *count <= MOST)
}

fn words(text: &str) -> Option<DateLiteral> {
    let lower = text.to_ascii_lowercase();
    let words: Vec<&str> = lower.split_ascii_whitespace().collect();
    let relative = |unit, offset| Some(DateLiteral::Relative { unit, offset });
    match words.as_slice() {
        ["now"] => relative(Unit::Second, 0),
        ["today"] => relative(Unit::Day, 0),
        ["yesterday"] => relative(Unit::Day, -1),
        ["tomorrow"] => relative(Unit::Day, 1),
        [count, unit, "ago"] | [count, "complete", unit, "ago"] => relative(Unit::parse(unit)?, -count_of(count)?),
        [count, unit, "from", "now"] => relative(Unit::parse(unit)?, count_of(count)?),
        [which @ ("this" | "last" | "next"), rest @ ..] => {
            let (fiscal, unit) = match rest {
                [unit] | ["complete", unit] => (false, unit),
                ["fiscal", unit] | ["complete", "fiscal", unit] => (true, unit),
                _ => return None,
            };
            // `this months` is no phrase; `this` goes with one.
            if unit.ends_with('s') {
                return None;
            }
            let unit = Unit::parse(unit)?;
            let offset = match *which {
                "this" => 0,
                "last" => -1,
                _ => 1,
            };
            relative(if fiscal { unit.fiscal() } else { unit }, offset)
        }
        _ => None,
    }
}

fn absolute(text: &str) -> Option<DateLiteral> {
    let upper = text.to_ascii_uppercase();
    if let Some(rest) = upper.strip_prefix("FY") {
        let rest = rest.trim_start();
        return match rest.split_once([' ', '-']) {
            None => Some(DateLiteral::FiscalYear(year(rest)?)),
            Some((name, quarter)) => Some(DateLiteral::FiscalQuarter { year: year(name)?, quarter: quarter_of(quarter)? }),
        };
    }
    if upper.len() > 4
        && let Some((name, quarter)) = upper.split_once([' ', '-'])
        && let Some(quarter) = quarter_of(quarter)
    {
        let start = Date::new(year(name)?, (quarter - 1) * 3 + 1, 1).ok()?;
        return Some(DateLiteral::Civil { start: start.to_datetime(Time::midnight()), unit: Unit::Quarter });
    }
    civil(text).or_else(|| text.parse::<Timestamp>().ok().map(DateLiteral::Instant))
}

fn year(text: &str) -> Option<i16> {
    if text.len() == 4 { digits(text).and_then(|y| i16::try_from(y).ok()) } else { None }
}

fn quarter_of(text: &str) -> Option<i8> {
    match text.trim() {
        "Q1" => Some(1),
        "Q2" => Some(2),
        "Q3" => Some(3),
        "Q4" => Some(4),
        _ => None,
    }
}

fn digits(text: &str) -> Option<u32> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// `YYYY-MM-DD HH:MM:SS`, cut after any field.
fn civil(text: &str) -> Option<DateLiteral> {
    let (day, clock) = match text.split_once([' ', 'T', 't']) {
        Some((day, clock)) => (day, Some(clock)),
        None => (text, None),
    };
    let mut fields = day.split('-');
    let year = year(fields.next()?)?;
    let two = |field: Option<&str>| match field {
        None => Some(None),
        Some(field) if field.len() == 2 => digits(field).map(|n| Some(n as i8)),
        Some(_) => None,
    };
    let (month, dom) = (two(fields.next())?, two(fields.next())?);
    if fields.next().is_some() || (clock.is_some() && dom.is_none()) {
        return None;
    }
    let date = Date::new(year, month.unwrap_or(1), dom.unwrap_or(1)).ok()?;
    let (time, unit) = match clock {
        None if dom.is_some() => (Time::midnight(), Unit::Day),
        None if month.is_some() => (Time::midnight(), Unit::Month),
        None => (Time::midnight(), Unit::Year),
        Some(clock) => {
            let mut fields = clock.split(':');
            let (hour, minute, second) = (two(fields.next())??, two(fields.next())?, two(fields.next())?);
            if fields.next().is_some() {
                return None;
            }
            let unit = match (minute, second) {
                (_, Some(_)) => Unit::Second,
                (Some(_), None) => Unit::Minute,
                (None, None) => Unit::Hour,
            };
            (Time::new(hour, minute.unwrap_or(0), second.unwrap_or(0), 0).ok()?, unit)
        }
    };
    Some(DateLiteral::Civil { start: date.to_datetime(time), unit })
}
