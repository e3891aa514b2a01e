//! Ticks on calendar boundaries in the query zone, from seconds to centuries, and how they are named.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan as _};

/// A step of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unit {
    /// Millionths of a second.
    Fraction,
    Second,
    Minute,
    Hour,
    Day,
    Month,
    Year,
}

/// Units with their lengths in seconds (mean, for months and years) and the multiples that make good ticks.
const STEPS: [(Unit, f64, &[i64]); 7] = [
    (Unit::Fraction, 1e-6, &[1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000]),
    (Unit::Second, 1.0, &[1, 5, 10, 15, 30]),
    (Unit::Minute, 60.0, &[1, 5, 10, 15, 30]),
    (Unit::Hour, 3600.0, &[1, 2, 3, 6, 12]),
    (Unit::Day, 86_400.0, &[1, 2, 7, 14]),
    (Unit::Month, 2_629_746.0, &[1, 2, 3, 6]),
    (Unit::Year, 31_556_952.0, &[1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000]),
];

/// One tick.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    /// Seconds since 1970, UTC.
    pub(crate) at: f64,
    /// What a clock on the wall shows then.
    pub(crate) wall: DateTime,
}

/// What a clock in `zone` shows at `seconds` since 1970; kept within the years that a calendar can say.
pub(crate) fn wall(seconds: f64, zone: &TimeZone) -> DateTime {
    let microseconds = (seconds.clamp(-3e11, 2.5e11) * 1e6).round() as i64;
    let at = Timestamp::from_microsecond(microseconds).unwrap_or(Timestamp::UNIX_EPOCH);
    zone.to_datetime(at)
}

/// A step of an axis: so many of a unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    pub(crate) unit: Unit,
    pub(crate) count: i64,
    /// Its length in seconds, the mean one of months and years.
    pub(crate) length: f64,
}

/// The steps that make good ticks, from the shortest of `finest` on.
pub(crate) fn steps(finest: Unit) -> impl Iterator<Item = Step> {
    STEPS.iter().filter(move |(unit, ..)| *unit >= finest).flat_map(|(unit, length, counts)| {
        counts.iter().map(move |count| Step { unit: *unit, count: *count, length: *length * *count as f64 })
    })
}

/// Seconds since 1970 of a wall time; one that does not exist is taken after the gap, a repeated one at its first.
pub(crate) fn seconds(wall: DateTime, zone: &TimeZone) -> Option<f64> {
    let at = zone.to_ambiguous_timestamp(wall).compatible().ok()?;
    Some(at.as_microsecond() as f64 / 1e6)
}

/// The boundaries of `step` in `low..=high` (seconds since 1970), at most about `most` of them.
pub(crate) fn ticks(low: f64, high: f64, step: Step, most: usize, zone: &TimeZone) -> Vec<Tick> {
    let mut at = floor(wall(low, zone), step.unit, step.count);
    let mut found: Vec<Tick> = Vec::new();
    for _ in 0..most.saturating_add(8) {
        if let Some(seconds) = seconds(at, zone) {
            if seconds > high + 1e-7 {
                break;
            }
            // A tick that fell into a gap may land on its neighbour.
            if seconds >= low - 1e-7 && found.last().is_none_or(|last| seconds > last.at) {
                found.push(Tick { at: seconds, wall: wall(seconds, zone) });
            }
        }
        let Some(next) = next(at, step.unit, step.count) else { break };
        at = next;
    }
    found
}

/// The number of the calendar's cell of `step` that a moment lies in: moments of one cell share a label.
pub(crate) fn cell(at: DateTime, step: Step) -> i64 {
    let days = days(at.date());
    let count = step.count.max(1);
    let second = days * 86_400 + i64::from(at.hour()) * 3600 + i64::from(at.minute()) * 60 + i64::from(at.second());
    match step.unit {
        Unit::Fraction => (second * 1_000_000 + i64::from(at.subsec_nanosecond()) / 1000).div_euclid(count),
        Unit::Second => second.div_euclid(count),
        Unit::Minute => second.div_euclid(60 * count),
        Unit::Hour => second.div_euclid(3600 * count),
        // 1970 began on a Thursday, weeks begin on Monday.
        Unit::Day if count >= 7 => (days + 3).div_euclid(count),
        Unit::Day => days.div_euclid(count),
        Unit::Month => months(at.date()).div_euclid(count),
        Unit::Year => i64::from(at.year()).div_euclid(count),
    }
}

/// Days since 1970.
pub(crate) fn days(date: Date) -> i64 {
    let epoch = Date::constant(1970, 1, 1);
    date.since((jiff::Unit::Day, epoch)).map_or(0, |span| i64::from(span.get_days()))
}

/// Months since the year 0.
pub(crate) fn months(date: Date) -> i64 {
    i64::from(date.year()) * 12 + i64::from(date.month()) - 1
}

/// The last boundary at or before `at`.
fn floor(at: DateTime, unit: Unit, count: i64) -> DateTime {
    let down = |value: i64| value - value.rem_euclid(count);
    let time = |hour: i64, minute: i64, second: i64| Time::new(hour as i8, minute as i8, second as i8, 0).unwrap_or_default();
    let (hour, minute, second) = (i64::from(at.hour()), i64::from(at.minute()), i64::from(at.second()));
    let date = at.date();
    match unit {
        Unit::Fraction => {
            let micros = down(i64::from(at.subsec_nanosecond()) / 1000);
            let exact = Time::new(at.hour(), at.minute(), at.second(), (micros * 1000) as i32);
            date.to_datetime(exact.unwrap_or_else(|_| time(hour, minute, second)))
        }
        Unit::Second => date.to_datetime(time(hour, minute, down(second))),
        Unit::Minute => date.to_datetime(time(hour, down(minute), 0)),
        Unit::Hour => date.to_datetime(time(down(hour), 0, 0)),
        // Weeks begin on Monday; steps of two days begin with the month.
        Unit::Day if count >= 7 => {
            let back = i64::from(at.weekday().to_monday_zero_offset());
            date.checked_sub(back.days()).unwrap_or(date).to_datetime(Time::midnight())
        }
        Unit::Day => {
            let day = 1 + down(i64::from(at.day()) - 1);
            Date::new(at.year(), at.month(), day as i8).unwrap_or(date).to_datetime(Time::midnight())
        }
        Unit::Month => {
            let month = 1 + down(i64::from(at.month()) - 1);
            Date::new(at.year(), month as i8, 1).unwrap_or(date).to_datetime(Time::midnight())
        }
        Unit::Year => Date::new(down(at.year().into()) as i16, 1, 1).unwrap_or(date).to_datetime(Time::midnight()),
    }
}

fn next(at: DateTime, unit: Unit, count: i64) -> Option<DateTime> {
    let span = match unit {
        Unit::Fraction => Span::new().try_microseconds(count),
        Unit::Second => Span::new().try_seconds(count),
        Unit::Minute => Span::new().try_minutes(count),
        Unit::Hour => Span::new().try_hours(count),
        Unit::Day => Span::new().try_days(count),
        Unit::Month => Span::new().try_months(count),
        Unit::Year => Span::new().try_years(count),
    };
    let next = at.checked_add(span.ok()?).ok()?;
    if unit == Unit::Day && count == 2 && (next.month() != at.month() || next.day() == 31) {
        // Every other day starts again with each month: no 31st beside a 1st.
        return next.first_of_month().checked_add(if next.day() == 31 { 1.month() } else { Span::new() }).ok();
    }
    Some(next)
}

/// The coarsest unit on whose boundaries all these moments lie.
pub(crate) fn granularity(moments: &[DateTime]) -> Unit {
    let all = |test: fn(&DateTime) -> bool| moments.iter().all(test);
    if !all(|at| at.subsec_nanosecond() == 0) {
        Unit::Fraction
    } else if !all(|at| at.second() == 0) {
        Unit::Second
    } else if !all(|at| at.minute() == 0) {
        Unit::Minute
    } else if !all(|at| at.hour() == 0) {
        Unit::Hour
    } else if !all(|at| at.day() == 1) {
        Unit::Day
    } else if !all(|at| at.month() == 1) || moments.len() < 2 {
        Unit::Month
    } else {
        Unit::Year
    }
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn month(at: DateTime) -> &'static str {
    MONTHS.get(usize::from(at.month().unsigned_abs()).saturating_sub(1)).copied().unwrap_or("")
}

/// A tick's own label and the larger period it stands in, which is written where it begins.
pub(crate) fn labels(at: DateTime, unit: Unit) -> (String, Option<String>) {
    match unit {
        Unit::Fraction | Unit::Second | Unit::Minute | Unit::Hour => (clock(at, unit), Some(format!("{} {}", month(at), at.day()))),
        Unit::Day => (at.day().to_string(), Some(format!("{} {}", month(at), at.year()))),
        Unit::Month => (month(at).to_owned(), Some(at.year().to_string())),
        Unit::Year => (at.year().to_string(), None),
    }
}

/// A moment in one label, as exact as its unit.
pub(crate) fn full_label(at: DateTime, unit: Unit) -> String {
    match unit {
        Unit::Fraction | Unit::Second | Unit::Minute | Unit::Hour => format!("{} {}, {}", month(at), at.day(), clock(at, unit)),
        Unit::Day => format!("{} {}, {}", month(at), at.day(), at.year()),
        Unit::Month => format!("{} {}", month(at), at.year()),
        Unit::Year => at.year().to_string(),
    }
}

/// The time of day, as exact as its unit.
fn clock(at: DateTime, unit: Unit) -> String {
    match unit {
        Unit::Fraction => {
            let micros = format!("{:06}", at.subsec_nanosecond() / 1000);
            // Thousandths are read together.
            let digits = micros.trim_end_matches('0').len().max(1).next_multiple_of(3);
            format!("{:02}:{:02}:{:02}.{}", at.hour(), at.minute(), at.second(), &micros[..digits.min(micros.len())])
        }
        Unit::Second => format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second()),
        _ => format!("{:02}:{:02}", at.hour(), at.minute()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, zone: &TimeZone) -> f64 {
        seconds(text.parse().unwrap(), zone).unwrap()
    }

    #[test]
    fn ticks_lie_on_calendar_boundaries_of_the_zone() {
        let zone = TimeZone::get("America/New_York").unwrap();
        for (low, high, (unit, count), expected) in [
            ("2024-01-01T00:00:00", "2024-01-01T00:00:02", (Unit::Second, 1), vec!["00:00:00", "00:00:01", "00:00:02"]),
            (
                "2024-01-01T00:00:00.1",
                "2024-01-01T00:00:00.6",
                (Unit::Fraction, 200_000),
                vec!["00:00:00.200", "00:00:00.400", "00:00:00.600"],
            ),
            ("2024-01-01T00:03", "2024-01-01T01:00", (Unit::Minute, 15), vec!["00:15", "00:30", "00:45", "01:00"]),
            ("2024-03-09T22:00", "2024-03-10T12:00", (Unit::Hour, 3), vec!["00:00", "03:00", "06:00", "09:00", "12:00"]),
            ("2024-01-03T05:00", "2024-01-07T00:00", (Unit::Day, 1), vec!["4", "5", "6", "7"]),
            ("2024-01-01T00:00", "2024-02-04T00:00", (Unit::Day, 7), vec!["1", "8", "15", "22", "29"]),
            ("2024-01-01T00:00", "2024-12-31T00:00", (Unit::Month, 3), vec!["Jan", "Apr", "Jul", "Oct"]),
            ("1990-06-01T00:00", "2024-06-01T00:00", (Unit::Year, 10), vec!["2000", "2010", "2020"]),
        ] {
            let step = steps(unit).find(|step| step.unit == unit && step.count == count).unwrap();
            let ticks = ticks(at(low, &zone), at(high, &zone), step, 50, &zone);
            let found: Vec<String> = ticks.iter().map(|t| labels(t.wall, unit).0).collect();
            assert_eq!(found, expected.into_iter().map(str::to_owned).collect::<Vec<_>>(), "{low} to {high}");
        }
    }

    #[test]
    fn moments_of_one_cell_of_the_calendar_share_its_number() {
        let wall = |text: &str| text.parse::<DateTime>().unwrap();
        for (a, b, (unit, count), same) in [
            ("2024-01-01T00:00", "2024-01-07T23:59", (Unit::Day, 7), true),
            ("2024-01-07T00:00", "2024-01-08T00:00", (Unit::Day, 7), false),
            ("2024-01-31T00:00", "2024-03-31T00:00", (Unit::Month, 3), true),
            ("2024-03-31T00:00", "2024-04-01T00:00", (Unit::Month, 3), false),
            ("1969-12-31T23:00", "1970-01-01T00:00", (Unit::Hour, 12), false),
        ] {
            let step = steps(unit).find(|step| step.unit == unit && step.count == count).unwrap();
            assert_eq!(cell(wall(a), step) == cell(wall(b), step), same, "{a} and {b} by {count} {unit:?}");
        }
    }

    #[test]
    fn far_ends_of_time_are_survived() {
        for (low, high) in [(-1e18, 1e18), (0.0, 0.0), (-3e11, -2.9e11), (0.0, 1e-9)] {
            for step in steps(Unit::Fraction) {
                assert!(ticks(low, high, step, 6, &TimeZone::UTC).len() <= 14);
            }
        }
    }
}
