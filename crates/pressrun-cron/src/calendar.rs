//! Which local minutes an expression names: months, leap years, weekdays, and no zone.
//!
//! A local minute is counted from 1970-01-01T00:00 on the wall clock. Searching skips by year, month and day with bit
//! sets, so that February 29 or a date that never comes costs no more than tomorrow.

use crate::date::{Date, FEBRUARY, is_leap, month_length};

/// First and last year that can fire (contract §3).
pub(crate) const YEARS: std::ops::RangeInclusive<i32> = 1970..=2199;

const MINUTES_PER_DAY: i64 = 24 * 60;

/// Days of a month that match; weekday 0 is Sunday.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Days {
    /// Days by number: day 1 is bit 1.
    OfMonth(u32),
    /// `L`
    LastOfMonth,
    /// `LW`
    LastWeekday,
    /// `15W`: the day, or the Friday or Monday beside it, in the same month (rule T5).
    NearestWeekday(u8),
    /// Days by weekday: Sunday is bit 0.
    OfWeek(u8),
    /// `6L`
    LastOfWeek(u8),
    /// `3#2`; a month without an `nth` one has no match.
    NthOfWeek { weekday: u8, nth: u8 },
}

impl Days {
    /// The matching days of a month, day 1 being bit 1.
    fn in_month(self, first_weekday: u8, length: u8) -> u32 {
        let whole_month = ((1_u64 << (length + 1)) - 2) as u32;
        let weekday_of = |day: u8| (first_weekday + day - 1) % 7;
        let first_of = |weekday: u8| 1 + (weekday + 7 - first_weekday) % 7;
        match self {
            Self::OfMonth(days) => days & whole_month,
            Self::LastOfMonth => 1 << length,
            Self::LastWeekday => match weekday_of(length) {
                0 => 1 << (length - 2),
                6 => 1 << (length - 1),
                _ => 1 << length,
            },
            Self::NearestWeekday(day) if day > length => 0,
            Self::NearestWeekday(day) => match weekday_of(day) {
                0 if day == length => 1 << (day - 2),
                0 => 1 << (day + 1),
                6 if day == 1 => 1 << 3,
                6 => 1 << (day - 1),
                _ => 1 << day,
            },
            Self::OfWeek(weekdays) => {
                const WEEKLY: u64 = 1 | 1 << 7 | 1 << 14 | 1 << 21 | 1 << 28;
                let days =
                    (0..7).filter(|weekday| weekdays & (1 << weekday) != 0).fold(0, |days, weekday| days | WEEKLY << first_of(weekday));
                days as u32 & whole_month
            }
            Self::LastOfWeek(weekday) => {
                let fifth = first_of(weekday) + 28;
                1 << if fifth <= length { fifth } else { fifth - 7 }
            }
            Self::NthOfWeek { weekday, nth } => (1_u64 << (first_of(weekday) + 7 * (nth - 1))) as u32 & whole_month,
        }
    }

    /// The smallest day number that a month must have to match at all.
    fn needs_day(self) -> u8 {
        match self {
            Self::OfMonth(days) => days.trailing_zeros() as u8,
            Self::NearestWeekday(day) => day,
            Self::NthOfWeek { nth: 5, .. } => 29,
            Self::LastOfMonth | Self::LastWeekday | Self::OfWeek(_) | Self::LastOfWeek(_) | Self::NthOfWeek { .. } => 1,
        }
    }
}

/// The local minutes that an expression names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Calendar {
    /// Minute 0 is bit 0.
    pub(crate) minutes: u64,
    /// Hour 0 is bit 0.
    pub(crate) hours: u32,
    pub(crate) days: Days,
    /// January is bit 0; as written.
    pub(crate) months: u16,
    /// 1970 is bit 0; as written.
    pub(crate) years: [u64; 4],
    /// `months` without those that never have a matching day.
    live_months: u16,
    /// `years` without those in which no live month can have one.
    live_years: [u64; 4],
}

impl Calendar {
    pub(crate) fn new(minutes: u64, hours: u32, days: Days, months: u16, years: [u64; 4]) -> Self {
        let needs_day = days.needs_day();
        let mut live_months = 0;
        for month in 1..=12 {
            let longest = if month == FEBRUARY { 29 } else { month_length(2000, month) };
            if needs_day <= longest {
                live_months |= months & (1 << (month - 1));
            }
        }
        let only_leap_days = needs_day == 29 && live_months == 1 << (FEBRUARY - 1);
        let mut live_years = if live_months == 0 { [0; 4] } else { years };
        if only_leap_days {
            for year in YEARS.filter(|year| !is_leap(*year)) {
                let index = (year - YEARS.start()) as usize;
                live_years[index / 64] &= !(1 << (index % 64));
            }
        }
        Self { minutes, hours, days, months, years, live_months, live_years }
    }

    /// The first matching local minute at or after `minute`.
    pub(crate) fn at_or_after(&self, minute: i64) -> Option<i64> {
        let (day, time) = (minute.div_euclid(MINUTES_PER_DAY), minute.rem_euclid(MINUTES_PER_DAY));
        let found = self.day_at_or_after(Date::from_days(day))?.to_days();
        if found == day {
            if let Some(time) = self.time_at_or_after(time) {
                return Some(day * MINUTES_PER_DAY + time);
            }
            let next = self.day_at_or_after(Date::from_days(day + 1))?.to_days();
            return Some(next * MINUTES_PER_DAY + self.first_time());
        }
        Some(found * MINUTES_PER_DAY + self.first_time())
    }

    /// The last matching local minute at or before `minute`.
    pub(crate) fn at_or_before(&self, minute: i64) -> Option<i64> {
        let (day, time) = (minute.div_euclid(MINUTES_PER_DAY), minute.rem_euclid(MINUTES_PER_DAY));
        let found = self.day_at_or_before(Date::from_days(day))?.to_days();
        if found == day {
            if let Some(time) = self.time_at_or_before(time) {
                return Some(day * MINUTES_PER_DAY + time);
            }
            let previous = self.day_at_or_before(Date::from_days(day - 1))?.to_days();
            return Some(previous * MINUTES_PER_DAY + self.last_time());
        }
        Some(found * MINUTES_PER_DAY + self.last_time())
    }

    /// The shortest distance in minutes between two matches on the wall clock; none when there are fewer than two.
    pub(crate) fn least_spacing(&self) -> Option<i64> {
        let within_day = self.times().zip(self.times().skip(1)).map(|(earlier, later)| later - earlier).min();
        let mut across_days: Option<i64> = None;
        let mut previous: Option<i64> = None;
        let mut cursor = Date { year: *YEARS.start(), month: 1, day: 1 };
        while let Some(date) = self.day_at_or_after(cursor) {
            let day = date.to_days();
            if let Some(previous) = previous {
                let distance = (day - previous) * MINUTES_PER_DAY;
                across_days = Some(across_days.map_or(distance, |least| least.min(distance)));
                if distance == MINUTES_PER_DAY {
                    break;
                }
            }
            previous = Some(day);
            cursor = Date::from_days(day + 1);
        }
        // Without one matching day there is no time of day either.
        previous?;
        let across_days = across_days.map(|days| days - (self.last_time() - self.first_time()));
        within_day.into_iter().chain(across_days).min()
    }

    /// Whether any date matches at all.
    pub(crate) fn has_dates(&self) -> bool {
        self.day_at_or_after(Date { year: *YEARS.start(), month: 1, day: 1 }).is_some()
    }

    /// The matching minutes of a day, ascending.
    pub(crate) fn times(&self) -> impl Iterator<Item = i64> + use<> {
        let Self { minutes, hours, .. } = *self;
        (0..24)
            .filter(move |hour| hours & (1 << hour) != 0)
            .flat_map(move |hour| (0..60).filter(move |minute| minutes & (1 << minute) != 0).map(move |minute| hour * 60 + minute))
    }

    fn first_time(&self) -> i64 {
        i64::from(self.hours.trailing_zeros() * 60 + self.minutes.trailing_zeros())
    }

    fn last_time(&self) -> i64 {
        i64::from(self.hours.ilog2() * 60 + self.minutes.ilog2())
    }

    fn time_at_or_after(&self, time: i64) -> Option<i64> {
        let (hour, minute) = (time / 60, time % 60);
        if self.hours & (1 << hour) != 0 {
            let minutes = self.minutes & (u64::MAX << minute);
            if minutes != 0 {
                return Some(hour * 60 + i64::from(minutes.trailing_zeros()));
            }
        }
        let hours = u64::from(self.hours) & (u64::MAX << (hour + 1));
        (hours != 0).then(|| i64::from(hours.trailing_zeros() * 60 + self.minutes.trailing_zeros()))
    }

    fn time_at_or_before(&self, time: i64) -> Option<i64> {
        let (hour, minute) = (time / 60, time % 60);
        if self.hours & (1 << hour) != 0 {
            let minutes = self.minutes & (u64::MAX >> (63 - minute));
            if minutes != 0 {
                return Some(hour * 60 + i64::from(minutes.ilog2()));
            }
        }
        let hours = self.hours & ((1 << hour) - 1);
        (hours != 0).then(|| i64::from(hours.ilog2() * 60 + self.minutes.ilog2()))
    }

    fn day_at_or_after(&self, from: Date) -> Option<Date> {
        let mut cursor = from;
        loop {
            let year = self.year_at_or_after(cursor.year)?;
            if year != cursor.year {
                cursor = Date { year, month: 1, day: 1 };
            }
            let months = u32::from(self.live_months) & (u32::MAX << (cursor.month - 1));
            if months == 0 {
                cursor = Date { year: year + 1, month: 1, day: 1 };
                continue;
            }
            let month = months.trailing_zeros() as u8 + 1;
            if month != cursor.month {
                cursor = Date { year, month, day: 1 };
            }
            let days = self.days_in(year, month) & (u32::MAX << cursor.day);
            if days != 0 {
                return Some(Date { year, month, day: days.trailing_zeros() as u8 });
            }
            cursor = if month == 12 { Date { year: year + 1, month: 1, day: 1 } } else { Date { year, month: month + 1, day: 1 } };
        }
    }

    fn day_at_or_before(&self, from: Date) -> Option<Date> {
        let mut cursor = from;
        loop {
            let year = self.year_at_or_before(cursor.year)?;
            if year != cursor.year {
                cursor = Date { year, month: 12, day: 31 };
            }
            let months = self.live_months & (u16::MAX >> (16 - cursor.month));
            if months == 0 {
                cursor = Date { year: year - 1, month: 12, day: 31 };
                continue;
            }
            let month = months.ilog2() as u8 + 1;
            if month != cursor.month {
                cursor = Date { year, month, day: 31 };
            }
            let days = self.days_in(year, month) & (u32::MAX >> (31 - cursor.day));
            if days != 0 {
                return Some(Date { year, month, day: days.ilog2() as u8 });
            }
            cursor = if month == 1 { Date { year: year - 1, month: 12, day: 31 } } else { Date { year, month: month - 1, day: 31 } };
        }
    }

    fn days_in(&self, year: i32, month: u8) -> u32 {
        let first_weekday = Date { year, month, day: 1 }.weekday();
        self.days.in_month(first_weekday, month_length(year, month))
    }

    fn year_at_or_after(&self, year: i32) -> Option<i32> {
        let from = (year - YEARS.start()).max(0) as usize;
        let mut index = from / 64;
        let mut word = self.live_years.get(index)? & (u64::MAX << (from % 64));
        while word == 0 {
            index += 1;
            word = *self.live_years.get(index)?;
        }
        Some(YEARS.start() + (index * 64) as i32 + word.trailing_zeros() as i32)
    }

    fn year_at_or_before(&self, year: i32) -> Option<i32> {
        let until = usize::try_from(year.min(*YEARS.end()) - YEARS.start()).ok()?;
        let mut index = until / 64;
        let mut word = self.live_years[index] & (u64::MAX >> (63 - until % 64));
        while word == 0 {
            index = index.checked_sub(1)?;
            word = self.live_years[index];
        }
        Some(YEARS.start() + (index * 64) as i32 + word.ilog2() as i32)
    }
}

#[cfg(test)]
mod tests;
