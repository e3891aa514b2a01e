//! Dates as people write them: those of contract §4.2, and every other form that can mean only one day.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, ISOWeekDate, Time, Weekday};

use super::Unit;
use crate::filter::language::tidy;

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

/// The text is no date.
#[derive(Debug, Clone, PartialEq, Eq, Default, thiserror::Error)]
#[error("not a date")]
pub struct InvalidDate {
    /// What would be right, when the text shows what was meant.
    pub hint: Option<String>,
}

impl InvalidDate {
    fn hint(hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()) }
    }
}

impl FromStr for DateLiteral {
    type Err = InvalidDate;

    /// Reads a date, whatever its case and white space.
    fn from_str(text: &str) -> Result<Self, InvalidDate> {
        let tidy = tidy(text);
        if !tidy.is_ascii() || tidy.len() > 64 {
            return Err(InvalidDate::default());
        }
        if let Some(literal) = words(&tidy).or_else(|| fiscal_or_quarter(&tidy)).or_else(|| week(&tidy)) {
            return Ok(literal);
        }
        if let Some(literal) = named_month(&tidy)? {
            return Ok(literal);
        }
        if let Some(literal) = civil(&tidy).or_else(|| text.trim().parse::<Timestamp>().ok().map(Self::Instant)) {
            return Ok(literal);
        }
        numeric(&tidy)
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
        let lower = tidy(text);
        if lower.is_empty() {
            return Ok(None);
        }
        let (back, length) = match (lower.strip_prefix('-'), lower.strip_suffix(" ago")) {
            (Some(length), None) | (None, Some(length)) => (true, length),
            (None, None) => (false, lower.strip_prefix('+').unwrap_or(&lower)),
            (Some(_), Some(_)) => return Err(InvalidDate::default()),
        };
        let Self { count, unit } = length.parse()?;
        Ok((count != 0).then_some(Self { count: if back { -count } else { count }, unit }))
    }

    /// Reads a length from words such as `["6", "complete", "months"]`.
    pub(crate) fn of_words(words: &[&str]) -> Option<Self> {
        let words: Vec<&str> = words.iter().copied().filter(|word| *word != "complete").collect();
        let (count, unit) = words.split_first()?;
        Some(Self { count: count_of(count)?, unit: unit_of(unit)? })
    }
}

impl FromStr for Length {
    type Err = InvalidDate;

    /// Reads `6 months`, `1 day`, `28 complete days`.
    fn from_str(text: &str) -> Result<Self, InvalidDate> {
        let lower = tidy(text);
        Self::of_words(&lower.split(' ').collect::<Vec<_>>()).ok_or_else(InvalidDate::default)
    }
}

fn count_of(word: &str) -> Option<i64> {
    // Far more than any calendar holds, and far from overflow in every unit.
    const MOST: i64 = 1_000_000_000;
    match word {
        "a" | "an" | "one" => Some(1),
        _ if word.is_empty() || !word.bytes().all(|b| b.is_ascii_digit()) => None,
        _ => word.parse().ok().filter(|count| *count <= MOST),
    }
}

/// `month`, `fiscal quarters`.
fn unit_of(words: &[&str]) -> Option<Unit> {
    match words {
        [unit] => Unit::parse(unit),
        ["fiscal", unit] => Unit::parse(unit).map(Unit::fiscal),
        _ => None,
    }
}

fn words(text: &str) -> Option<DateLiteral> {
    let words: Vec<&str> = text.split(' ').collect();
    let relative = |unit, offset| Some(DateLiteral::Relative { unit, offset });
    match words.as_slice() {
        ["now"] => relative(Unit::Second, 0),
        ["today"] => relative(Unit::Day, 0),
        ["yesterday"] => relative(Unit::Day, -1),
        ["tomorrow"] => relative(Unit::Day, 1),
        ["day", "before", "yesterday"] => relative(Unit::Day, -2),
        ["day", "after", "tomorrow"] => relative(Unit::Day, 2),
        [length @ .., "ago"] => Length::of_words(length).and_then(|length| relative(length.unit, -length.count)),
        [length @ .., "from", "now"] | ["in", length @ ..] => {
            Length::of_words(length).and_then(|length| relative(length.unit, length.count))
        }
        [which, rest @ ..] => {
            let offset = match *which {
                "this" | "current" => 0,
                "last" | "previous" | "past" => -1,
                "next" | "coming" => 1,
                _ => return None,
            };
            let rest = if let ["complete", rest @ ..] = rest { rest } else { rest };
            // `this months` is no phrase; `this` goes with one.
            if rest.last()?.ends_with('s') {
                return None;
            }
            relative(unit_of(rest)?, offset)
        }
        [] => None,
    }
}

/// `FY2012`, `fiscal year 2012`, `FY2012 Q3`, `Q3 FY2012`, `2012 Q3`, `Q3/2012`.
fn fiscal_or_quarter(text: &str) -> Option<DateLiteral> {
    let text = text.replace("fiscal year ", "fy").replace("fiscal ", "fy").replace("fy ", "fy");
    let fiscal = text.contains("fy");
    let plain = text.replacen("fy", "", 1);
    let parts: Vec<&str> = plain.split([' ', '-', '/']).filter(|part| !part.is_empty()).collect();
    let (name, quarter) = match parts.as_slice() {
        [one] => match one.split_once('q') {
            Some((name, number)) if name.len() == 4 => (name.to_owned(), Some(format!("q{number}"))),
            _ => ((*one).to_owned(), None),
        },
        [name, quarter] if quarter.starts_with('q') => ((*name).to_owned(), Some((*quarter).to_owned())),
        [quarter, name] if quarter.starts_with('q') => ((*name).to_owned(), Some((*quarter).to_owned())),
        _ => return None,
    };
    let name = year(&name)?;
    match (quarter, fiscal) {
        (None, true) => Some(DateLiteral::FiscalYear(name)),
        (None, false) => None,
        (Some(quarter), true) => Some(DateLiteral::FiscalQuarter { year: name, quarter: quarter_of(&quarter)? }),
        (Some(quarter), false) => day(name, (quarter_of(&quarter)? - 1) * 3 + 1, 1, Unit::Quarter),
    }
}

/// `2026-W42`, `2026 W42`, `week 42 2026`, `week 42 of 2026`: weeks of ISO 8601.
fn week(text: &str) -> Option<DateLiteral> {
    let parts: Vec<&str> = text.split([' ', '-']).filter(|part| *part != "of").collect();
    let (name, number) = match parts.as_slice() {
        [name, week] => (*name, week.strip_prefix('w')?),
        ["week", number, name] => (*name, *number),
        _ => return None,
    };
    let monday = ISOWeekDate::new(year(name)?, digits(number)? as i8, Weekday::Monday).ok()?.date();
    Some(DateLiteral::Civil { start: monday.to_datetime(Time::midnight()), unit: Unit::Week })
}

/// `October 2026`, `1 Oct 2026`, `October 1st, 2026`, each also with a day of the week before it and a time behind it.
fn named_month(text: &str) -> Result<Option<DateLiteral>, InvalidDate> {
    let text = text.replace([',', '.'], " ");
    let mut parts: Vec<&str> = text.split(' ').filter(|part| !part.is_empty() && *part != "of").collect();
    if parts.first().is_some_and(|word| weekday_of(word).is_some()) {
        parts.remove(0);
    }
    let Some(at) = parts.iter().position(|part| month_of(part).is_some()) else { return Ok(None) };
    let Some(month) = month_of(parts.remove(at)) else { return Ok(None) };
    let clock = parts.iter().position(|part| part.contains(':')).map(|at| parts.remove(at));
    let number = |part: &str| digits(part.trim_end_matches(|c: char| c.is_ascii_alphabetic())).filter(|_| part.len() <= 4);
    let literal = match parts.as_slice() {
        [name] if year(name).is_some() => year(name).and_then(|name| day(name, month, 1, Unit::Month)),
        [a, b] => {
            let (name, dom) = if year(a).is_some() { (a, b) } else { (b, a) };
            match (year(name), number(dom)) {
                (Some(name), Some(dom)) => day(name, month, i8::try_from(dom).unwrap_or(0), Unit::Day),
                _ => None,
            }
        }
        [dom] if number(dom).is_some() => return Err(InvalidDate::hint("add the year, in four digits")),
        _ => None,
    };
    Ok(match (literal, clock) {
        (literal, None) => literal,
        (Some(DateLiteral::Civil { start, unit: Unit::Day }), Some(clock)) => at_time(start.date(), clock),
        _ => None,
    })
}

/// Forms of digits only whose order has to be known: `01.10.2026` is told by its points, `10/31/2026` by a number that is no month.
fn numeric(text: &str) -> Result<DateLiteral, InvalidDate> {
    let (date, clock) = match text.split_once(' ') {
        Some((date, clock)) => (date, Some(clock)),
        None => (text, None),
    };
    let Some(sign) = date.chars().find(|c| matches!(c, '.' | '/' | '-')) else {
        // `20261001`, the short form of ISO 8601.
        let compact = if date.len() == 8 && clock.is_none() { digits(date) } else { None };
        let parts = compact.and_then(|n| Some((i16::try_from(n / 10_000).ok()?, (n / 100 % 100) as i8, (n % 100) as i8)));
        return parts.and_then(|(name, month, dom)| day(name, month, dom, Unit::Day)).ok_or_else(InvalidDate::default);
    };
    let parts: Vec<&str> = date.split(sign).collect();
    let number = |part: &str| if part.len() <= 2 { digits(part).map(|n| n as i8) } else { None };
    let found = match parts.as_slice() {
        // Year first: `2026/10/01`, `2026.10.01`.
        [name, month, dom] if year(name).is_some() => match (year(name), number(month), number(dom)) {
            (Some(name), Some(month), Some(dom)) => day(name, month, dom, Unit::Day),
            _ => None,
        },
        [name, month] if year(name).is_some() => match (year(name), number(month)) {
            (Some(name), Some(month)) => day(name, month, 1, Unit::Month),
            _ => None,
        },
        [month, name] => match (year(name), number(month)) {
            (Some(name), Some(month)) => day(name, month, 1, Unit::Month),
            _ => None,
        },
        [a, b, name] => match (number(a), number(b), year(name)) {
            (Some(dom), Some(month), Some(name)) if sign == '.' => day(name, month, dom, Unit::Day),
            (Some(a), Some(b), Some(name)) if a > 12 || a == b => day(name, b, a, Unit::Day),
            (Some(a), Some(b), Some(name)) if b > 12 => day(name, a, b, Unit::Day),
            (Some(a), Some(b), Some(name)) => {
                return Err(InvalidDate::hint(format!(
                    "days and months are written in either order: write {name}-{b:02}-{a:02} or {name}-{a:02}-{b:02}"
                )));
            }
            (Some(_), Some(_), None) if digits(name).is_some() => return Err(InvalidDate::hint("write the year in four digits")),
            _ => None,
        },
        _ => None,
    };
    match (found, clock) {
        (Some(literal), None) => Ok(literal),
        (Some(DateLiteral::Civil { start, unit: Unit::Day }), Some(clock)) => at_time(start.date(), clock).ok_or_else(InvalidDate::default),
        _ => Err(InvalidDate::default()),
    }
}

fn day(year: i16, month: i8, day: i8, unit: Unit) -> Option<DateLiteral> {
    Some(DateLiteral::Civil { start: Date::new(year, month, day).ok()?.to_datetime(Time::midnight()), unit })
}

fn year(text: &str) -> Option<i16> {
    if text.len() == 4 { digits(text).and_then(|y| i16::try_from(y).ok()) } else { None }
}

pub(crate) fn quarter_of(text: &str) -> Option<i8> {
    match text.trim() {
        "q1" => Some(1),
        "q2" => Some(2),
        "q3" => Some(3),
        "q4" => Some(4),
        _ => None,
    }
}

/// The month, 1 to 12, of an English name or its first letters.
pub(crate) fn month_of(word: &str) -> Option<i8> {
    const MONTHS: [&str; 12] =
        ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"];
    let named = |name: &&str| word == *name || word == &name[..3] || (word == "sept" && *name == "september");
    MONTHS.iter().position(named).map(|at| at as i8 + 1)
}

/// The day of the week, 1 (Monday) to 7, of an English name or its first letters.
pub(crate) fn weekday_of(word: &str) -> Option<i64> {
    const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    DAYS.iter().position(|name| word == *name || word == &name[..3]).map(|at| at as i64 + 1)
}

fn digits(text: &str) -> Option<u32> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// `YYYY-MM-DD HH:MM:SS`, cut after any field.
fn civil(text: &str) -> Option<DateLiteral> {
    let (day, clock) = match text.split_once([' ', 't']) {
        Some((day, clock)) => (day, Some(clock)),
        None => (text, None),
    };
    let mut fields = day.split('-');
    let year = year(fields.next()?)?;
    let (month, dom) = (two(fields.next())?, two(fields.next())?);
    if fields.next().is_some() || (clock.is_some() && dom.is_none()) {
        return None;
    }
    let date = Date::new(year, month.unwrap_or(1), dom.unwrap_or(1)).ok()?;
    match clock {
        Some(clock) => at_time(date, clock),
        None => {
            let unit = match (month, dom) {
                (_, Some(_)) => Unit::Day,
                (Some(_), None) => Unit::Month,
                (None, None) => Unit::Year,
            };
            Some(DateLiteral::Civil { start: date.to_datetime(Time::midnight()), unit })
        }
    }
}

/// `HH:MM:SS`, cut after any field.
pub(crate) fn at_time(date: Date, clock: &str) -> Option<DateLiteral> {
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
    let time = Time::new(hour, minute.unwrap_or(0), second.unwrap_or(0), 0).ok()?;
    Some(DateLiteral::Civil { start: date.to_datetime(time), unit })
}

/// A field of one or two digits; `Some(None)` when it is not there.
#[expect(clippy::option_option, reason = "a field that is not there differs from one that is wrong")]
fn two(field: Option<&str>) -> Option<Option<i8>> {
    match field {
        None => Some(None),
        Some(field) if field.len() <= 2 => digits(field).map(|n| Some(n as i8)),
        Some(_) => None,
    }
}
