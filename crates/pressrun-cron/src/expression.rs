//! The expression: its text as typed, and what the text means.

use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::calendar::{Calendar, Days};
use crate::describe;
use crate::error::{CronError, DayFields, FieldError, FieldFault, FieldName, echo};
use crate::field::{number, value, values};
use crate::interval;
use crate::occurrences::{self, Hours, Occurrence, Occurrences, Pattern};

/// A six-field AWS cron expression, kept exactly as typed (contract §3, rules T1 to T5).
///
/// Only parsing builds one. Two expressions are equal when their texts are, not when they fire alike.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CronExpression {
    text: String,
    pattern: Pattern,
}

impl CronExpression {
    /// The text as typed, byte for byte (rule T3).
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The first occurrence strictly after `after`; none when the years have run out (rule T6).
    pub fn next_after(&self, after: Timestamp, zone: &TimeZone) -> Option<Occurrence> {
        occurrences::next_after(&self.pattern, after, zone)
    }

    /// All occurrences strictly after `after`, ascending and without duplicates.
    pub fn occurrences(&self, after: Timestamp, zone: &TimeZone) -> Occurrences {
        Occurrences::new(self.pattern, after, zone.clone())
    }

    /// The latest occurrence strictly after `after` and at or before `until`: the one that is made up after an outage
    /// (rule T14).
    pub fn latest_between(&self, after: Timestamp, until: Timestamp, zone: &TimeZone) -> Option<Occurrence> {
        occurrences::latest_between(&self.pattern, after, until, zone)
    }

    /// The shortest real time between two consecutive occurrences in all of 1970 to 2199, for the operator's cadence
    /// floor (rule T7); none when there are fewer than two.
    ///
    /// Days with a change of the clock count too: a daily time is 23 hours from the next one once a year, in a zone with
    /// daylight saving.
    pub fn shortest_interval(&self, zone: &TimeZone) -> Option<SignedDuration> {
        interval::shortest_after(&self.pattern, Timestamp::MIN, zone)
    }

    /// As [`shortest_interval`](Self::shortest_interval), among the occurrences strictly after `after` only: a zone's
    /// old law cannot refuse a new schedule.
    pub fn shortest_interval_after(&self, after: Timestamp, zone: &TimeZone) -> Option<SignedDuration> {
        interval::shortest_after(&self.pattern, after, zone)
    }

    /// The local minutes that it names.
    #[cfg(test)]
    pub(crate) fn calendar(&self) -> Calendar {
        self.pattern.calendar
    }

    /// What the expression means, in English: `At 09:00 on Monday through Friday`.
    pub fn describe(&self) -> String {
        describe::describe(&self.pattern.calendar)
    }
}

impl FromStr for CronExpression {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, CronError> {
        Ok(Self { text: text.to_owned(), pattern: parse(text)? })
    }
}

impl fmt::Display for CronExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn parse(text: &str) -> Result<Pattern, CronError> {
    let mut fields = text.split_ascii_whitespace();
    let first = fields.clone().next().unwrap_or_default();
    if first.starts_with('@') {
        return Err(CronError::Macro { text: echo(first) });
    }
    if first.contains('(') {
        return Err(CronError::Wrapped);
    }
    let mut six = [""; 6];
    for slot in &mut six {
        *slot = fields.next().unwrap_or_default();
    }
    let [minute, hour, day_of_month, month, day_of_week, year] = six;
    if year.is_empty() || fields.next().is_some() {
        return Err(CronError::WrongFieldCount { found: text.split_ascii_whitespace().count() });
    }

    let minutes = values(FieldName::Minute, minute)?.word();
    let hours = values(FieldName::Hour, hour)?.word();
    let of_month = days_of_month(day_of_month)?;
    let months = values(FieldName::Month, month)?.word();
    let of_week = days_of_week(day_of_week)?;
    let years = values(FieldName::Year, year)?.words();
    let days = match (of_month, of_week) {
        (Some(days), None) | (None, Some(days)) => days,
        (Some(_), Some(_)) => return Err(CronError::DayFieldsConflict(DayFields::BothGiven)),
        (None, None) => return Err(CronError::DayFieldsConflict(DayFields::BothOpen)),
    };
    let calendar = Calendar::new(minutes, hours as u32, days, months as u16, years);
    let hours = if hour.contains(['*', '/']) { Hours::Real } else { Hours::Named };
    Ok(Pattern { calendar, hours })
}

/// The day-of-month field; none for `?`.
fn days_of_month(text: &str) -> Result<Option<Days>, FieldError> {
    const FIELD: FieldName = FieldName::DayOfMonth;
    let fault = |fault| FieldError::new(FIELD, text, fault);
    if text == "?" {
        return Ok(None);
    }
    if text.contains('?') {
        return Err(fault(FieldFault::OpenNotAlone));
    }
    if text.eq_ignore_ascii_case("L") {
        return Ok(Some(Days::LastOfMonth));
    }
    if text.eq_ignore_ascii_case("LW") {
        return Ok(Some(Days::LastWeekday));
    }
    if let Some(day) = text.strip_suffix(['W', 'w']).filter(|day| number(day).is_some()) {
        return Ok(Some(Days::NearestWeekday(value(FIELD, day).map_err(fault)? as u8)));
    }
    if text.contains(['L', 'l', 'W', 'w']) && text.contains([',', '-', '/']) {
        let from_last = text.strip_prefix(['L', 'l']).and_then(|rest| rest.strip_prefix('-')).is_some_and(|days| number(days).is_some());
        return Err(fault(if from_last { FieldFault::OffsetFromLast } else { FieldFault::SpecialNotAlone }));
    }
    // Day 1 is bit 1, so that a day is its own bit.
    Ok(Some(Days::OfMonth((values(FIELD, text)?.word() << 1) as u32)))
}

/// The day-of-week field; none for `?`.
fn days_of_week(text: &str) -> Result<Option<Days>, FieldError> {
    const FIELD: FieldName = FieldName::DayOfWeek;
    const SATURDAY: u8 = 6;
    let fault = |fault| FieldError::new(FIELD, text, fault);
    // 1 is Sunday for AWS, 0 is Sunday for the calendar.
    let weekday = |text: &str| Ok::<_, FieldError>(value(FIELD, text).map_err(fault)? as u8 - 1);
    if text == "?" {
        return Ok(None);
    }
    if text.contains('?') {
        return Err(fault(FieldFault::OpenNotAlone));
    }
    if text.eq_ignore_ascii_case("L") {
        return Ok(Some(Days::OfWeek(1 << SATURDAY)));
    }
    let compound = text.contains([',', '-', '/']);
    // No weekday's name has an `L`.
    if compound && text.contains(['L', 'l', '#']) {
        return Err(fault(FieldFault::SpecialNotAlone));
    }
    if let Some(day) = text.strip_suffix(['L', 'l']) {
        return Ok(Some(Days::LastOfWeek(weekday(day)?)));
    }
    if let Some((day, nth)) = text.split_once('#') {
        let weekday = weekday(day)?;
        let nth = number(nth).filter(|nth| (1..=5).contains(nth)).ok_or_else(|| fault(FieldFault::BadOrdinal))?;
        return Ok(Some(Days::NthOfWeek { weekday, nth: nth as u8 }));
    }
    Ok(Some(Days::OfWeek(values(FIELD, text)?.word() as u8)))
}
