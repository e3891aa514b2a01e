//! Dates of the Gregorian calendar and the number of their day.

pub(crate) const FEBRUARY: u8 = 2;

/// A date of the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Date {
    pub(crate) year: i32,
    pub(crate) month: u8,
    pub(crate) day: u8,
}

impl Date {
    /// Days since 1970-01-01, by counting in 400-year eras of years that begin in March.
    pub(crate) fn to_days(self) -> i64 {
        let (year, month) = if self.month > FEBRUARY {
            (i64::from(self.year), i64::from(self.month) - 3)
        } else {
            (i64::from(self.year) - 1, i64::from(self.month) + 9)
        };
        let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
        let day_of_year = (153 * month + 2) / 5 + i64::from(self.day) - 1;
        era * 146_097 + year * 365 + year / 4 - year / 100 + day_of_year - 719_468
    }

    /// The inverse of [`to_days`](Self::to_days).
    pub(crate) fn from_days(days: i64) -> Self {
        let days = days + 719_468;
        let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day_of_year = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
        Self { year: (era * 400 + year + carry) as i32, month: month as u8, day: day as u8 }
    }

    /// 0 is Sunday. 1970-01-01 was a Thursday.
    pub(crate) fn weekday(self) -> u8 {
        (self.to_days() + 4).rem_euclid(7) as u8
    }
}

pub(crate) fn is_leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

pub(crate) fn month_length(year: i32, month: u8) -> u8 {
    match month {
        FEBRUARY if is_leap(year) => 29,
        FEBRUARY => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_are_inverse_and_agree_with_jiff() {
        let mut expected = jiff::civil::date(1967, 12, 31);
        for days in -732..90_000 {
            let date = Date::from_days(days);
            assert_eq!(date.to_days(), days);
            assert_eq!((date.year as i16, date.month as i8, date.day as i8), (expected.year(), expected.month(), expected.day()));
            assert_eq!(date.weekday() as i8, expected.weekday().to_sunday_zero_offset());
            assert_eq!(month_length(date.year, date.month) as i8, expected.days_in_month());
            expected = expected.tomorrow().unwrap();
        }
        for days in [-4_371_587, 2_932_896] {
            assert_eq!(Date::from_days(days).to_days(), days, "the ends of Jiff's range");
        }
    }
}
