//! An expression in English, from what it means rather than how it is written: `2,3,4,5,6` is Monday through Friday.
//!
//! A description is a time part, a day part, and a month and a year part where these are restricted. Common shapes have
//! their own words; the rest is told field by field.

use crate::calendar::{Calendar, Days, YEARS};

/// Most times of day that are listed one by one.
const LISTED_TIMES_MAX: usize = 6;

const ALL_MINUTES: u64 = (1 << 60) - 1;
const ALL_HOURS: u32 = (1 << 24) - 1;
const ALL_MONTHS: u16 = (1 << 12) - 1;
const ALL_WEEKDAYS: u8 = (1 << 7) - 1;
const ALL_DAYS: u32 = u32::MAX - 1;

pub(crate) const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
pub(crate) const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

pub(crate) fn describe(calendar: &Calendar) -> String {
    let time = time(calendar);
    let mut text = time.text;
    let day = day(calendar);
    if !(time.implies_every_day && day == EVERY_DAY) {
        text.push(' ');
        text.push_str(&day);
    }
    if calendar.months != ALL_MONTHS && !names_its_month(calendar) {
        text.push_str(" in ");
        text.push_str(&runs(&month_numbers(calendar), |month| MONTHS[month - 1].to_owned()));
    }
    if let Some(years) = years(calendar) {
        text.push_str(if is_single_date(calendar) { " " } else { " in " });
        text.push_str(&years);
    }
    if !calendar.has_dates() {
        text.push_str(" (never: no such date)");
    }
    text
}

const EVERY_DAY: &str = "every day";

struct Time {
    text: String,
    implies_every_day: bool,
}

fn time(calendar: &Calendar) -> Time {
    let (minutes, hours) = (calendar.minutes, calendar.hours);
    let every = |text: String| Time { text, implies_every_day: true };
    let single_minute = minutes.is_power_of_two().then(|| minutes.trailing_zeros());
    if hours == ALL_HOURS {
        if minutes == ALL_MINUTES {
            return every("Every minute".to_owned());
        }
        if let Some(step) = period(minutes, 60) {
            return every(format!("Every {step} minutes"));
        }
        return every(match single_minute {
            Some(0) => "Every hour".to_owned(),
            Some(1) => "At 1 minute past every hour".to_owned(),
            Some(minute) => format!("At {minute} minutes past every hour"),
            None => format!("At minutes {} of every hour", numbers(minutes)),
        });
    }
    if let (Some(minute), Some(step)) = (single_minute, period(u64::from(hours), 24)) {
        return every(match minute {
            0 => format!("Every {step} hours"),
            minute => format!("Every {step} hours from 00:{minute:02}"),
        });
    }
    let times: Vec<i64> = calendar.times().collect();
    if times.len() <= LISTED_TIMES_MAX {
        let times: Vec<String> = times.into_iter().map(clock_time).collect();
        return Time { text: format!("At {}", listed(&times)), implies_every_day: false };
    }
    if let (Some(step), Some(first), Some(last)) = (even_step(&times), times.first(), times.last()) {
        let (first, last) = (clock_time(*first), clock_time(*last));
        let text = match step {
            1 => format!("Every minute from {first} through {last}"),
            60 => format!("Every hour from {first} through {last}"),
            step if step % 60 == 0 => {
                format!("Every {} hours from {first} through {last}", step / 60)
            }
            step => format!("Every {step} minutes from {first} through {last}"),
        };
        return Time { text, implies_every_day: false };
    }
    let hours = numbers(u64::from(hours));
    let text = match single_minute {
        Some(0) => format!("On the hour in hours {hours}"),
        Some(minute) => format!("At minute {minute} of hours {hours}"),
        None if minutes == ALL_MINUTES => format!("Every minute of hours {hours}"),
        None => format!("At minutes {} of hours {hours}", numbers(minutes)),
    };
    Time { text, implies_every_day: false }
}

fn day(calendar: &Calendar) -> String {
    match calendar.days {
        Days::OfMonth(ALL_DAYS) | Days::OfWeek(ALL_WEEKDAYS) => EVERY_DAY.to_owned(),
        Days::OfMonth(days) => {
            let all: Vec<usize> = bits(u64::from(days)).collect();
            match all[..] {
                [day] if names_its_month(calendar) => {
                    format!("on {day} {}", MONTHS[calendar.months.trailing_zeros() as usize])
                }
                [day] => format!("on day {day} of the month"),
                _ => format!("on days {} of the month", runs(&all, |day| day.to_string())),
            }
        }
        Days::LastOfMonth => "on the last day of the month".to_owned(),
        Days::LastWeekday => "on the last weekday of the month".to_owned(),
        Days::NearestWeekday(day) => format!("on the weekday nearest day {day} of the month"),
        Days::OfWeek(weekdays) => format!("on {}", weekdays_listed(weekdays)),
        Days::LastOfWeek(weekday) => {
            format!("on the last {} of the month", WEEKDAYS[usize::from(weekday)])
        }
        Days::NthOfWeek { weekday, nth } => {
            let nth = ["first", "second", "third", "fourth", "fifth"][usize::from(nth - 1)];
            format!("on the {nth} {} of the month", WEEKDAYS[usize::from(weekday)])
        }
    }
}

/// A single day in a single month is told as one date: `1 January`.
fn names_its_month(calendar: &Calendar) -> bool {
    let single_day = matches!(calendar.days, Days::OfMonth(days) if days.is_power_of_two());
    single_day && calendar.months.is_power_of_two()
}

fn is_single_date(calendar: &Calendar) -> bool {
    let years: u32 = calendar.years.iter().map(|word| word.count_ones()).sum();
    names_its_month(calendar) && years == 1
}

/// The years, unless they are all.
fn years(calendar: &Calendar) -> Option<String> {
    let years: Vec<usize> =
        calendar.years.iter().zip([1970, 2034, 2098, 2162]).flat_map(|(word, first)| bits(*word).map(move |bit| first + bit)).collect();
    (years.len() < YEARS.count()).then(|| runs(&years, |year| year.to_string()))
}

fn month_numbers(calendar: &Calendar) -> Vec<usize> {
    bits(u64::from(calendar.months)).map(|month| month + 1).collect()
}

/// Weekdays in runs. The week begins on Monday, unless a run goes on over Sunday night: then it begins with that run.
fn weekdays_listed(weekdays: u8) -> String {
    const MONDAY: usize = 1;
    let has = |day: usize| weekdays & (1 << (day % 7)) != 0;
    let over_sunday = has(0) && has(MONDAY);
    let start = if over_sunday {
        // The day after the last one that is left out; not all are in, that is "every day".
        (0..7).rev().find(|day| !has(*day)).map_or(MONDAY, |day| day + 1)
    } else {
        MONDAY
    };
    let steps: Vec<usize> = (0..7).filter(|step| has(start + step)).collect();
    runs(&steps, |step| WEEKDAYS[(start + step) % 7].to_owned())
}

/// The step of a field that repeats evenly from its minimum: `*/15`.
pub(crate) fn period(set: u64, size: u32) -> Option<u32> {
    (2..=size / 2)
        .filter(|step| size.is_multiple_of(*step))
        .find(|step| (0..size).step_by(*step as usize).fold(0_u64, |even, value| even | 1 << value) == set)
}

/// The one distance between all neighbours.
fn even_step(times: &[i64]) -> Option<i64> {
    let step = times.get(1)? - times.first()?;
    times.windows(2).all(|pair| pair[1] - pair[0] == step).then_some(step)
}

fn clock_time(minute: i64) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

fn numbers(set: u64) -> String {
    let all: Vec<usize> = bits(set).collect();
    runs(&all, |number| number.to_string())
}

pub(crate) fn bits(set: u64) -> impl Iterator<Item = usize> {
    (0..64).filter(move |bit| set & (1 << bit) != 0)
}

/// Ascending numbers, three or more neighbours told as a range.
fn runs(values: &[usize], name: impl Fn(usize) -> String) -> String {
    let items: Vec<String> = values
        .chunk_by(|earlier, later| earlier + 1 == *later)
        .flat_map(|run| match run {
            [first, _, .., last] => vec![format!("{} through {}", name(*first), name(*last))],
            short => short.iter().map(|value| name(*value)).collect(),
        })
        .collect();
    listed(&items)
}

/// `a`, `a and b`, `a, b and c`.
fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests;
