//! A rhythm in English to an expression: `every weekday at 08:00 in New York`, `last business day at 17:00`.
//!
//! The other way is [`CronExpression::describe`], and every description is a phrase that names the same local minutes. What an expression cannot
//! say, such as every other week or 08:00 and 10:30, is refused with the reason: nothing is rounded to what comes close.
//!
//! - `words`: the text as words, and the small things that they name (times, weekdays, months, lists).
//! - `times` and `days`: the two halves of a phrase.
//! - `regular`: once a day, week, month, quarter or year.
//! - `spelled`: sets of values as fields of an expression.
//! - `place`: the zone of a place.

mod days;
mod place;
mod regular;
mod spelled;
mod times;
mod words;

pub use place::zones;

use crate::calendar::Days;
use crate::expression::CronExpression;
use regular::{Regular, regularly};
use times::Times;
use words::Words;

/// A rhythm that was said in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phrase {
    /// What it comes to.
    pub expression: CronExpression,
    /// The IANA zone of the place that was named, if one was.
    pub zone: Option<String>,
}

/// Why a phrase is no rhythm; the text says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PhraseError {
    /// Nothing was said.
    #[error("say when, such as “every weekday at 08:00”")]
    Empty,
    /// It does not say at what time of day.
    #[error("say at what time, such as “at 09:00” or “every 15 minutes”")]
    NoTime,
    /// A word that is not understood at its place.
    #[error(
        "“{word}” is not understood here; write it like “every weekday at 08:00”, “last business day at 17:00” or “every 2 hours on Monday”"
    )]
    Unknown {
        /// As typed.
        word: String,
    },
    /// The same was said twice.
    #[error("it says twice {what}; an expression has one of each")]
    Twice {
        /// What was.
        what: &'static str,
    },
    /// Something that no expression can say.
    #[error("{what} cannot be said by one expression; {instead}")]
    Beyond {
        /// What was asked for.
        what: &'static str,
        /// What to do.
        instead: &'static str,
    },
    /// Something that people say and mean several times by.
    #[error("{what} may be read as more than one time; {instead}")]
    Unclear {
        /// What was said.
        what: &'static str,
        /// What to write.
        instead: &'static str,
    },
    /// Minutes that do not repeat in each hour.
    #[error(
        "one expression cannot say exactly these times, because each of its minutes goes with each of its hours: it would fire at {also} too"
    )]
    Uneven {
        /// Times that would come with it.
        also: String,
    },
    /// A number outside of what there is.
    #[error("“{text}” is no {what}")]
    OutOfRange {
        /// As typed.
        text: String,
        /// What it should be.
        what: &'static str,
    },
    /// No zone is called like this.
    #[error("no time zone is known for “{text}”; give a city such as “in New York”, or an IANA name such as Europe/Berlin")]
    NoPlace {
        /// As typed.
        text: String,
    },
}

/// Reads a rhythm in English.
///
/// # Errors
/// [`PhraseError`], which says what is missing or not understood.
pub fn phrase(text: &str) -> Result<Phrase, PhraseError> {
    let mut words = Words::of(text);
    if words.is_done() {
        return Err(PhraseError::Empty);
    }
    let mut said = Said::default();
    while !words.is_done() {
        part(&mut words, &mut said)?;
    }
    let times = said.times.ok_or(PhraseError::NoTime)?;
    let (minutes, hours) = times.sets()?;
    let (of_month, of_week) = spelled::days(said.days.unwrap_or(Days::OfWeek(days::EVERY)));
    let months = if said.months == 0 { "*".to_owned() } else { spelled::numbers(u64::from(said.months), 1) };
    let years = if said.years.is_empty() { "*".to_owned() } else { spelled::years(&said.years) };
    let text = format!("{} {} {of_month} {months} {of_week} {years}", spelled::minutes(minutes), spelled::hours(hours));
    // What is spelled here is an expression; were it not, that is no word of whoever typed the phrase.
    let expression = text.parse().map_err(|_| PhraseError::Unknown { word: words::shortened(&text) })?;
    Ok(Phrase { expression, zone: said.zone })
}

/// What was said so far.
#[derive(Default)]
struct Said {
    times: Option<Times>,
    days: Option<Days>,
    /// January is bit 0; none said is 0.
    months: u16,
    years: Vec<u16>,
    zone: Option<String>,
}

impl Said {
    fn times(&mut self, times: Times) -> Result<(), PhraseError> {
        put(&mut self.times, times, "at what time")
    }

    fn days(&mut self, days: Days) -> Result<(), PhraseError> {
        put(&mut self.days, days, "on which days")
    }

    fn months(&mut self, months: u16) -> Result<(), PhraseError> {
        let mut before = Some(self.months).filter(|months| *months != 0);
        put(&mut before, months, "in which months")?;
        self.months = months;
        Ok(())
    }
}

fn put<T>(place: &mut Option<T>, value: T, what: &'static str) -> Result<(), PhraseError> {
    if place.is_some() {
        return Err(PhraseError::Twice { what });
    }
    *place = Some(value);
    Ok(())
}

/// One part of a phrase: a time, days, months, years or a place.
fn part(words: &mut Words<'_>, said: &mut Said) -> Result<(), PhraseError> {
    if words.skip(&[",", "and"]) {
        return Ok(());
    }
    if words.skip(&["at"]) {
        return said.times(times::at(words)?);
    }
    if words.skip_all(&["on", "the", "hour"]) || words.skip_all(&["hourly"]) {
        return said.times(times::on_the_hour(words)?);
    }
    if words.skip(&["on"]) {
        return days::on(words, said);
    }
    if words.skip(&["in"]) {
        return within(words, said);
    }
    if words.skip(&["every", "each"]) {
        return every(words, said);
    }
    let regular = [
        ("daily", Regular::Day),
        ("weekly", Regular::Week),
        ("monthly", Regular::Month),
        ("quarterly", Regular::Quarter),
        ("yearly", Regular::Year),
    ];
    if let Some((_, regular)) = regular.into_iter().find(|(word, _)| words.skip(&[word])) {
        return regularly(words, said, regular);
    }
    if words.is_place() {
        return put(&mut said.zone, place::zone_of(&words.rest())?, "in which time zone");
    }
    if let Some(clock) = words.clock_alone()? {
        words.refuse_number()?;
        return said.times(Times::List(vec![clock]));
    }
    days::on(words, said)
}

/// After `in`: months, years, or a place.
fn within(words: &mut Words<'_>, said: &mut Said) -> Result<(), PhraseError> {
    if let Some(months) = words.months()? {
        said.months(months)?;
        if let Some(years) = words.years()? {
            said.years = years;
        }
        return Ok(());
    }
    if let Some(years) = words.years()? {
        if !said.years.is_empty() {
            return Err(PhraseError::Twice { what: "in which years" });
        }
        said.years = years;
        return Ok(());
    }
    put(&mut said.zone, place::zone_of(&words.rest())?, "in which time zone")
}

/// After `every`: a step of the clock, days, a month, a quarter or a year.
fn every(words: &mut Words<'_>, said: &mut Said) -> Result<(), PhraseError> {
    if words.skip(&["other", "second"]) {
        return Err(match words.peek() {
            Some("hour") => PhraseError::Beyond { what: "every other hour", instead: "write “every 2 hours”" },
            Some("minute") => PhraseError::Beyond { what: "every other minute", instead: "write “every 2 minutes”" },
            _ => PhraseError::Beyond {
                what: "every other day, week or month",
                instead: "name the days, such as “on the 1st and 15th at 09:00”, or the weekday of a month, such as “on the first Monday at 09:00”",
            },
        });
    }
    if let Some(times) = times::every(words)? {
        return said.times(times);
    }
    if words.skip(&["day"]) {
        return said.days(Days::OfWeek(days::EVERY));
    }
    if words.skip(&["week"]) {
        return regularly(words, said, Regular::Week);
    }
    if words.skip(&["month"]) {
        return regularly(words, said, Regular::Month);
    }
    if words.skip(&["quarter"]) {
        return regularly(words, said, Regular::Quarter);
    }
    if words.skip(&["year"]) {
        return regularly(words, said, Regular::Year);
    }
    days::on(words, said)
}

#[cfg(test)]
mod tests;
