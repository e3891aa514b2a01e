//! The days of a phrase.

use super::words::{Run, Words};
use super::{PhraseError, Said};
use crate::calendar::Days;

/// Every day of the week; Sunday is bit 0.
pub(super) const EVERY: u8 = 0b111_1111;
pub(super) const MONDAY: u8 = 1 << 1;
const WORKING: u8 = 0b011_1110;
const WEEKEND: u8 = 0b100_0001;

/// After `on` or `every`, or where nothing stands before: `weekdays`, `Monday and Friday`, `the last business day of the month`, `1 January`.
pub(super) fn on(words: &mut Words<'_>, said: &mut Said) -> Result<(), PhraseError> {
    let is_definite = words.skip(&["the"]);
    if words.skip(&["last"]) {
        said.days(last(words)?)?;
        return of_the_month(words);
    }
    if words.skip_all(&["weekday", "nearest", "day"]) || words.skip_all(&["weekday", "nearest", "the"]) {
        let day = words.day()?.ok_or_else(|| words.unknown())?;
        said.days(Days::NearestWeekday(u8::try_from(day).unwrap_or(u8::MAX)))?;
        return of_the_month(words);
    }
    let before = words.mark();
    if let Some(nth) = words.ordinal() {
        if let Some(days) = nth_of_week(words, nth)? {
            said.days(days)?;
            return of_the_month(words);
        }
        words.back_to(before);
    }
    if words.skip(&["day", "days"]) {
        return of_month(words, said);
    }
    if !is_definite && let Some(weekdays) = of_week(words)? {
        return said.days(Days::OfWeek(weekdays));
    }
    // `January 1` as well as `1 January`.
    if let Some(months) = words.months()? {
        said.months(months)?;
        return if words.peek().is_some_and(|word| word.starts_with(|c: char| c.is_ascii_digit())) {
            of_month(words, said)
        } else {
            Ok(())
        };
    }
    of_month(words, said)
}

fn last(words: &mut Words<'_>) -> Result<Days, PhraseError> {
    if working_day(words) {
        return Ok(Days::LastWeekday);
    }
    if words.skip(&["day"]) {
        return Ok(Days::LastOfMonth);
    }
    let weekday = words.weekday().ok_or_else(|| words.unknown())?;
    Ok(Days::LastOfWeek(u8::try_from(weekday).unwrap_or(u8::MAX)))
}

/// After `first` to `fifth`: a weekday, or a working day, of which only the first can be told.
fn nth_of_week(words: &mut Words<'_>, nth: u8) -> Result<Option<Days>, PhraseError> {
    if working_day(words) {
        return if nth == 1 {
            Ok(Some(Days::NearestWeekday(1)))
        } else {
            Err(PhraseError::Beyond {
                what: "the second or a later business day of a month",
                instead: "take the first or the last business day, or “the weekday nearest day 3 of the month”",
            })
        };
    }
    if words.skip_all(&["day", "of"]) {
        return if words.skip_all(&["the", "month"]) || words.skip_all(&["each", "month"]) || words.skip_all(&["every", "month"]) {
            Ok(Some(Days::OfMonth(1 << nth)))
        } else {
            Err(words.unknown())
        };
    }
    Ok(words.weekday().and_then(|weekday| Some(Days::NthOfWeek { weekday: u8::try_from(weekday).ok()?, nth })))
}

fn working_day(words: &mut Words<'_>) -> bool {
    words.skip(&["weekday", "workday", "businessday"])
        || words.skip_all(&["business", "day"])
        || words.skip_all(&["working", "day"])
        || words.skip_all(&["work", "day"])
}

/// Weekdays, Sunday being bit 0.
fn of_week(words: &mut Words<'_>) -> Result<Option<u8>, PhraseError> {
    let is_working = words.skip(&["weekdays", "workdays"])
        || words.skip_all(&["business", "days"])
        || words.skip_all(&["working", "days"])
        || working_day(words);
    if is_working {
        return Ok(Some(WORKING));
    }
    if words.skip(&["weekend", "weekends"]) {
        return Ok(Some(WEEKEND));
    }
    let runs = words.list(|words| Ok(words.weekday()))?;
    let days = runs.iter().flat_map(|run| run.around(7)).fold(0, |days, day| days | 1 << day);
    Ok((days != 0).then_some(days))
}

/// `1, 15 and 20 through 25`, perhaps with a month and a year.
fn of_month(words: &mut Words<'_>, said: &mut Said) -> Result<(), PhraseError> {
    let runs = words.list(|words| {
        let before = words.mark();
        words.skip(&["the"]);
        let day = words.day()?;
        if day.is_none() {
            words.back_to(before);
        }
        Ok(day)
    })?;
    if runs.is_empty() {
        return Err(words.unknown());
    }
    let days = runs.iter().flat_map(|Run { first, last }| *first..=*last).fold(0, |days, day| days | 1_u32 << day);
    if days == 0 {
        return Err(words.unknown());
    }
    said.days(Days::OfMonth(days))?;
    of_the_month(words)?;
    if said.months == 0
        && let Some(months) = words.months()?
    {
        said.months(months)?;
    }
    if said.months != 0
        && said.years.is_empty()
        && let Some(years) = words.years()?
    {
        said.years = years;
    }
    Ok(())
}

fn of_the_month(words: &mut Words<'_>) -> Result<(), PhraseError> {
    let before = words.mark();
    if !words.skip(&["of"]) {
        return Ok(());
    }
    let is_each = words.skip(&["the", "each", "every", "a"]);
    if words.skip(&["month", "months"]) {
        return Ok(());
    }
    words.back_to(before);
    // `the 1st of January`: the month is read where months are.
    if !is_each && words.skip(&["of"]) { Ok(()) } else { Err(words.unknown()) }
}
