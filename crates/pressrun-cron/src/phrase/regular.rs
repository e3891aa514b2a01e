//! What comes once in so long: `weekly on Tuesday`, `every month on the 15th`.

use super::words::Words;
use super::{PhraseError, Said, days};
use crate::calendar::Days;

/// What comes once in so long.
#[derive(Clone, Copy)]
pub(super) enum Regular {
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

/// January, April, July and October.
const QUARTERS: u16 = 0b10_0100_1001;

impl Regular {
    /// Where no day is named.
    fn days(self) -> Days {
        match self {
            Self::Day => Days::OfWeek(days::EVERY),
            Self::Week => Days::OfWeek(days::MONDAY),
            Self::Month | Self::Quarter | Self::Year => Days::OfMonth(1 << 1),
        }
    }

    /// Where no month is named; 0 is all of them.
    fn months(self) -> u16 {
        match self {
            Self::Day | Self::Week | Self::Month => 0,
            Self::Quarter => QUARTERS,
            Self::Year => 1,
        }
    }

    /// Refuses days that come more often or less often, or at another end of it than whoever names them means.
    fn agrees(self, days: Days, months: u16) -> Result<(), PhraseError> {
        let is_last = matches!(days, Days::LastOfMonth | Days::LastWeekday | Days::LastOfWeek(_));
        let unclear = |what, instead| Err(PhraseError::Unclear { what, instead });
        match (self, days) {
            (Self::Week, days) if !matches!(days, Days::OfWeek(_)) => unclear(
                "a day of the month once a week",
                "name a weekday, such as “every Friday at 09:00”, or leave out the week, such as “on the 15th at 09:00”",
            ),
            (Self::Month | Self::Quarter | Self::Year, Days::OfWeek(_)) => unclear(
                "a weekday once a month, quarter or year",
                "say which one, such as “on the first Monday of the month at 09:00”, or “every Monday at 09:00” for all of them",
            ),
            (Self::Month | Self::Quarter, _) if months.is_power_of_two() => unclear(
                "a date once a month or quarter",
                "name the day alone, such as “monthly on the 15th at 09:00”, or the date alone, such as “on 15 March at 09:00”",
            ),
            (Self::Quarter, _) if is_last && months == 0 => unclear(
                "the last day of a month once a quarter",
                "name the months, such as “on the last business day in March, June, September and December at 17:00”",
            ),
            (Self::Year, _) if is_last && months == 0 => {
                unclear("the last day of a month once a year", "name the month, such as “on the last business day in December at 17:00”")
            }
            (Self::Day | Self::Week | Self::Month | Self::Quarter | Self::Year, _) => Ok(()),
        }
    }
}

/// `weekly on Tuesday`: the day that is named is the day, and the one of the word is where none is.
pub(super) fn regularly(words: &mut Words<'_>, said: &mut Said, regular: Regular) -> Result<(), PhraseError> {
    let names_days = words.skip(&["on"]) || words.peek().is_some_and(|word| word == "the");
    if names_days {
        days::on(words, said)?;
        // `the last day of December`
        if said.months == 0
            && let Some(months) = words.months()?
        {
            said.months(months)?;
        }
        regular.agrees(said.days.unwrap_or(regular.days()), said.months)?;
    } else {
        said.days(regular.days())?;
    }
    // A date that was named has its own month.
    if said.months == 0 {
        said.months = regular.months();
    }
    Ok(())
}
