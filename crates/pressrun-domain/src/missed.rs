//! Instants that passed and never become runs (T14): one row of history tells of all that follow each other (H9).

use std::collections::BTreeSet;

use jiff::Timestamp;
use pressrun_cron::Occurrence;

use crate::plan::{Pattern, just_before};

/// Missed instants are counted up to here, which is two years of a minutely schedule; what is beyond it is of a clock or a row that is wrong.
pub const MISSED_COUNTED: u64 = 1 << 20;

/// Instants that follow each other, none of which becomes a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed {
    /// How many, as far as they are counted ([`MISSED_COUNTED`]).
    pub count: u64,
    /// The first.
    pub first: Timestamp,
    /// The last.
    pub last: Occurrence,
}

/// Why instants were missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Nobody was there.
    Down,
    /// Nobody was there, and before somebody was the schedule had been paused, deleted or moved to other times: none of them is made up for
    /// (T12, T15).
    Changed,
}

/// What stands between the count and the first instant in the note of a row.
const FROM: &str = " instants from ";

impl Missed {
    pub(crate) fn one(occurrence: Occurrence) -> Self {
        Self { count: 1, first: occurrence.at, last: occurrence }
    }

    pub(crate) fn and(self, last: Occurrence) -> Self {
        Self { count: self.count + 1, last, ..self }
    }

    /// Every instant from `first` to `now`; `None` when there is none.
    #[must_use]
    pub fn up_to(pattern: &Pattern, first: Timestamp, now: Timestamp) -> Option<Self> {
        let mut missed: Option<Self> = None;
        for occurrence in pattern.cron.occurrences(just_before(first), &pattern.zone).take_while(|occurrence| occurrence.at <= now) {
            missed = Some(missed.map_or(Self::one(occurrence), |missed| missed.and(occurrence)));
            if let Some(missed) = missed.as_mut().filter(|missed| missed.count >= MISSED_COUNTED) {
                missed.last = pattern.cron.latest_between(missed.last.at, now, &pattern.zone).unwrap_or(missed.last);
                break;
            }
        }
        missed
    }

    /// What is left of these without the instants in `dealt_with`: what follows each other without a gap stays together. More than can be counted
    /// stays whole.
    #[must_use]
    pub fn without(self, pattern: &Pattern, dealt_with: &BTreeSet<Timestamp>) -> Vec<Self> {
        if dealt_with.is_empty() || self.count >= MISSED_COUNTED {
            return vec![self];
        }
        let mut left: Vec<Self> = Vec::new();
        let mut follows = false;
        let told = pattern.cron.occurrences(just_before(self.first), &pattern.zone).take_while(|occurrence| occurrence.at <= self.last.at);
        for occurrence in told {
            let is_missed = !dealt_with.contains(&occurrence.at);
            match left.last_mut().filter(|_| follows) {
                Some(last) if is_missed => *last = last.and(occurrence),
                None if is_missed => left.push(Self::one(occurrence)),
                Some(_) | None => {}
            }
            follows = is_missed;
        }
        left
    }

    /// How many were missed, from when to when, and why: the note of the row that tells of them.
    #[must_use]
    pub fn in_words(&self, why: Why) -> String {
        let (count, first, last) = (self.count, self.first, self.last.at);
        let why = match why {
            Why::Down if count == 1 => return "the service was down at the instant".to_owned(),
            Why::Changed if count == 1 => {
                return "the service was down at the instant, and the schedule was changed before it was back".to_owned();
            }
            Why::Down => "the service was down",
            Why::Changed => "the service was down, and the schedule was changed before it was back",
        };
        let count = if count == MISSED_COUNTED { format!("more than {count}") } else { count.to_string() };
        format!("{why}: {count}{FROM}{first} to {last} were missed")
    }
}

/// The first of the instants that a row for `last` tells of in this note.
#[must_use]
pub fn first_told(note: &str, last: Timestamp) -> Timestamp {
    let first = note.split_once(FROM).and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
    first.filter(|first| *first <= last).unwrap_or(last)
}

/// Why a row says that its instants were missed.
#[must_use]
pub fn why_told(note: &str) -> Why {
    if note.contains("the schedule was changed") { Why::Changed } else { Why::Down }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn hourly() -> Pattern {
        Pattern::parse("0 * ? * * *", "UTC").expect("valid")
    }

    fn up_to(first: &str, now: &str) -> Option<Missed> {
        Missed::up_to(&hourly(), instant(first), instant(now))
    }

    #[test]
    fn h9_a_row_says_of_which_instants_it_tells_and_why() {
        for (first, now, why) in [
            ("2025-07-24T09:00:00Z", "2025-07-24T09:30:00Z", Why::Down),
            ("2025-07-24T09:00:00Z", "2025-07-24T09:30:00Z", Why::Changed),
            ("2025-07-24T09:00:00Z", "2025-07-24T11:30:00Z", Why::Changed),
            ("1970-07-24T09:00:00Z", "2025-07-24T11:30:00Z", Why::Down),
        ] {
            let missed = up_to(first, now).expect("some");
            let note = missed.in_words(why);
            assert_eq!((first_told(&note, missed.last.at), why_told(&note)), (instant(first), why), "{note}");
            assert_eq!(missed.last.at, instant(&format!("{}00:00Z", &now[..14])));
        }
        assert_eq!(first_told("written by somebody else", instant("2025-07-24T09:00:00Z")), instant("2025-07-24T09:00:00Z"));
        assert_eq!(up_to("2025-07-24T09:00:00Z", "2025-07-24T08:59:59Z"), None);
    }

    #[test]
    fn h7_what_is_dealt_with_is_not_told_as_missed() {
        let missed = up_to("2025-07-24T01:00:00Z", "2025-07-24T08:00:00Z").expect("some");
        let left = |dealt_with: &[&str]| -> Vec<(u64, String, String)> {
            let dealt_with: BTreeSet<Timestamp> = dealt_with.iter().map(|hour| instant(&format!("2025-07-24T{hour}:00:00Z"))).collect();
            let hour = |at: Timestamp| at.to_string()[11..13].to_owned();
            let left = missed.without(&hourly(), &dealt_with);
            left.iter().map(|missed| (missed.count, hour(missed.first), hour(missed.last.at))).collect()
        };
        let part = |count, first: &str, last: &str| (count, first.to_owned(), last.to_owned());
        assert_eq!(left(&[]), [part(8, "01", "08")]);
        assert_eq!(left(&["01", "04", "05", "08"]), [part(2, "02", "03"), part(2, "06", "07")]);
        assert_eq!(left(&["01", "02", "03", "04", "05", "06", "07", "08"]), []);
    }
}
