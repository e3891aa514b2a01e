//! Units of the calendar and of the clock, on seconds of a wall clock. Weeks begin on Monday, as in ISO 8601.

use jiff::Span;
use jiff::civil::date;
use pressrun_sql::filter::date::Unit as Period;

const DAY: i64 = 86_400;

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl Unit {
    /// What is said when a word is none of them.
    pub(super) const ALL: &str = "use microsecond, millisecond, second, minute, hour, day, week, month, quarter or year";

    /// The unit of a word, one or many.
    pub(super) fn of(word: &str) -> Option<Self> {
        let word = word.trim().to_ascii_lowercase();
        Some(match Period::parse(&word) {
            None => match word.strip_suffix('s').unwrap_or(&word) {
                "microsecond" => Self::Microsecond,
                "millisecond" => Self::Millisecond,
                _ => return None,
            },
            Some(Period::Second) => Self::Second,
            Some(Period::Minute) => Self::Minute,
            Some(Period::Hour) => Self::Hour,
            Some(Period::Day) => Self::Day,
            Some(Period::Week) => Self::Week,
            Some(Period::Month) => Self::Month,
            Some(Period::Quarter) => Self::Quarter,
            Some(Period::Year) => Self::Year,
            // Filters alone count by fiscal years.
            Some(Period::FiscalQuarter | Period::FiscalYear) => return None,
        })
    }

    /// How many of it make a second, for those that are no longer than one.
    pub(super) fn parts_of_a_second(self) -> Option<i64> {
        match self {
            Self::Microsecond => Some(1_000_000),
            Self::Millisecond => Some(1000),
            Self::Second => Some(1),
            _ => None,
        }
    }

    /// Whether it is told by a clock and not by a calendar.
    pub(super) fn is_clock_time(self) -> bool {
        matches!(self, Self::Minute | Self::Hour)
    }

    /// The second at which the unit of `local` begins, on the same wall clock.
    pub(super) fn begin(self, local: i64) -> i64 {
        let day = local.div_euclid(DAY);
        match self {
            Self::Microsecond | Self::Millisecond | Self::Second => local,
            Self::Minute => local - local.rem_euclid(60),
            Self::Hour => local - local.rem_euclid(3600),
            Self::Day => day * DAY,
            // 1970-01-01 was a Thursday.
            Self::Week => (day - (day + 3).rem_euclid(7)) * DAY,
            Self::Month | Self::Quarter | Self::Year => {
                let (year, month) = year_and_month(day);
                let first = match self {
                    Self::Month => month,
                    Self::Quarter => month - (month - 1) % 3,
                    _ => 1,
                };
                first_of(year, first) * DAY
            }
        }
    }

    /// The second at which the unit ends that begins at `begin`; nothing for what is no unit of the calendar.
    pub(super) fn next(self, begin: i64) -> Option<i64> {
        let days = match self {
            Self::Day => 1,
            Self::Week => 7,
            Self::Month => 31,
            Self::Quarter => 92,
            Self::Year => 366,
            _ => return None,
        };
        // No unit is longer, and the one that follows is never shorter than what is added too much.
        Some(self.begin(begin.checked_add(days * DAY)?))
    }

    /// How many beginnings of the unit lie between 1970 and an instant of `number` parts of which `by` make a second, whose wall clock
    /// shows `local`. Hours and shorter are real time, longer units those of the calendar.
    pub(super) fn number(self, number: i64, by: i64, local: i64) -> i64 {
        let second = number.div_euclid(by);
        let day = local.div_euclid(DAY);
        let months = || {
            let (year, month) = year_and_month(day);
            year * 12 + month - 1
        };
        match self {
            Self::Microsecond | Self::Millisecond => {
                let parts = self.parts_of_a_second().unwrap_or(1);
                second.saturating_mul(parts).saturating_add(number.rem_euclid(by).saturating_mul(parts).div_euclid(by))
            }
            Self::Second => second,
            Self::Minute => second.div_euclid(60),
            Self::Hour => second.div_euclid(3600),
            Self::Day => day,
            Self::Week => (day + 3).div_euclid(7),
            Self::Month => months(),
            Self::Quarter => months().div_euclid(3),
            Self::Year => months().div_euclid(12),
        }
    }
}

/// Year and month of a day since 1970, by the rule of the Gregorian calendar: years of 365.2425 days that begin in March.
fn year_and_month(day: i64) -> (i64, i64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month)
}

/// The day since 1970 on which a month begins.
fn first_of(year: i64, month: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let from_march = (month + 9) % 12;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + (153 * from_march + 2) / 5 - 719_468
}

/// `local` some months and then some days later, at the same time of day; a month that is too short ends with its last day.
/// Nothing beyond the calendar.
pub(super) fn add_calendar(local: i64, months: i64, days: i64) -> Option<i64> {
    let epoch = date(1970, 1, 1);
    let day = epoch.checked_add(Span::new().try_days(local.div_euclid(DAY)).ok()?).ok()?;
    let span = Span::new().try_months(months).ok()?;
    let day = day.checked_add(span).ok()?.checked_add(Span::new().try_days(days).ok()?).ok()?;
    let days = i64::from(day.since(epoch).ok()?.get_days());
    Some(days * DAY + local.rem_euclid(DAY))
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;

    #[test]
    fn sums_beyond_the_calendar_are_none() {
        assert_eq!(add_calendar(0, 1, 30), Some(61 * DAY));
        assert_eq!(add_calendar(30 * DAY + 5, 1, 0), Some(58 * DAY + 5), "January ends later than February");
        for (local, months, days) in [(0, 240_000, 0), (0, 0, i64::MAX), (i64::MAX, 1, 0), (0, i64::MIN, 0), (250_000_000_000, 12 * 200, 0)]
        {
            assert_eq!(add_calendar(local, months, days), None, "{local} {months} {days}");
        }
    }

    #[test]
    fn months_and_years_are_those_of_the_calendar() {
        let mut day = date(-400, 1, 1);
        let epoch = date(1970, 1, 1);
        while day.year() < 2500 {
            let number = i64::from(day.since(epoch).map_or(0, |span| span.get_days()));
            assert_eq!(year_and_month(number), (i64::from(day.year()), i64::from(day.month())), "{day}");
            if day.day() == 1 {
                assert_eq!(first_of(i64::from(day.year()), i64::from(day.month())), number, "{day}");
            }
            day = day.saturating_add(1.day());
        }
    }
}
