//! Ticks on calendar boundaries in the query zone, from seconds to centuries, and how they are named.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan as _};

/// A step of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Month,
    Year,
}

/// Units with their lengths in seconds (mean, for months and years) and the multiples that make good ticks.
const STEPS: [(Unit, f64, &[i64]); 6] = [
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
    let nanoseconds = (seconds.clamp(-3e11, 2.5e11) * 1e6).round() as i64;
    let at = Timestamp::from_microsecond(nanoseconds).unwrap_or(Timestamp::UNIX_EPOCH);
    zone.to_datetime(at)
}

/// Seconds since 1970 of a wall time; one that does not exist is taken after the gap, a repeated one at its first.
pub(crate) fn seconds(wall: DateTime, zone: &TimeZone) -> Option<f64> {
    let at = zone.to_ambiguous_timestamp(wall).compatible().ok()?;
    Some(at.as_microsecond() as f64 / 1e6)
}

/// At most about `most` ticks in `low..=high` (seconds since 1970).
pub(crate) fn ticks(low: f64, high: f64, most: usize, zone: &TimeZone) -> (Unit, Vec<Tick>) {
    let rough = ((high - low) / most.max(1) as f64).max(1e-3);
    let (unit, count) = STEPS
        .iter()
        .flat_map(|(unit, length, counts)| counts.iter().map(move |count| (*unit, *count, *length)))
        .find(|(_, count, length)| *count as f64 * length >= rough * 0.999)
        .map_or((Unit::Year, 5000), |(unit, count, _)| (unit, count));
    let mut at = floor(wall(low, zone), unit, count);
    let mut found: Vec<Tick> = Vec::new();
    for _ in 0..most.saturating_mul(4).saturating_add(8) {
        if let Some(seconds) = seconds(at, zone) {
            if seconds > high + 1e-6 {
                break;
            }
            // A tick that fell into a gap may land on its neighbour.
            if seconds >= low - 1e-6 && found.last().is_none_or(|last| seconds > last.at) {
                found.push(Tick { at: seconds, wall: wall(seconds, zone) });
            }
        }
        let Some(next) = next(at, unit, count) else { break };
        at = next;
    }
    (unit, found)
}

/// The last boundary at or before `at`.
fn floor(at: DateTime, unit: Unit, count: i64) -> DateTime {
    let down = |value: i64| value - value.rem_euclid(count);
    let time = |hour: i64, minute: i64, second: i64| Time::new(hour as i8, minute as i8, second as i8, 0).unwrap_or_default();
    let (hour, minute, second) = (i64::from(at.hour()), i64::from(at.minute()), i64::from(at.second()));
    let date = at.date();
    match unit {
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
    if !all(|at| at.second() == 0 && at.subsec_nanosecond() == 0) {
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

/// The regular periods from the first to the last moment, those without a value included.
///
/// `None` when they follow no calendar step or would be more than `most`.
pub(crate) fn periods(sorted: &[f64], zone: &TimeZone, most: usize) -> Option<Vec<f64>> {
    let (first, last) = (*sorted.first()?, *sorted.last()?);
    let walls: Vec<DateTime> = sorted.iter().map(|at| wall(*at, zone)).collect();
    let unit = granularity(&walls);
    let counts: &[i64] = match unit {
        Unit::Year => &[10, 5, 1],
        Unit::Month => &[12, 6, 3, 1],
        Unit::Day => &[14, 7, 1],
        Unit::Hour => &[12, 6, 4, 3, 2, 1],
        Unit::Minute | Unit::Second => &[30, 20, 15, 10, 5, 1],
    };
    'counts: for count in counts {
        let mut slots = vec![first];
        let mut at = wall(first, zone);
        let mut wanted = sorted.iter().skip(1).peekable();
        while let Some(target) = wanted.peek() {
            let Some(following) = next_plain(at, unit, *count) else { continue 'counts };
            at = following;
            let Some(seconds) = seconds(at, zone) else { continue 'counts };
            if seconds > **target + 1e-6 || slots.len() >= most {
                continue 'counts;
            }
            if (seconds - **target).abs() < 1e-6 {
                wanted.next();
            }
            slots.push(seconds);
        }
        return (slots.last().copied().unwrap_or(first) >= last - 1e-6).then_some(slots);
    }
    None
}

fn next_plain(at: DateTime, unit: Unit, count: i64) -> Option<DateTime> {
    if unit == Unit::Day && count == 2 { at.checked_add(2.days()).ok() } else { next(at, unit, count) }
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn month(at: DateTime) -> &'static str {
    MONTHS.get(usize::from(at.month().unsigned_abs()).saturating_sub(1)).copied().unwrap_or("")
}

/// A tick's own label and the larger period it stands in, which is written where it begins.
pub(crate) fn labels(at: DateTime, unit: Unit) -> (String, Option<String>) {
    match unit {
        Unit::Second => (format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second()), Some(format!("{} {}", month(at), at.day()))),
        Unit::Minute | Unit::Hour => (format!("{:02}:{:02}", at.hour(), at.minute()), Some(format!("{} {}", month(at), at.day()))),
        Unit::Day => (at.day().to_string(), Some(format!("{} {}", month(at), at.year()))),
        Unit::Month => (month(at).to_owned(), Some(at.year().to_string())),
        Unit::Year => (at.year().to_string(), None),
    }
}

/// A moment in one label, as exact as its unit.
pub(crate) fn full_label(at: DateTime, unit: Unit) -> String {
    match unit {
        Unit::Second => format!("{} {}, {:02}:{:02}:{:02}", month(at), at.day(), at.hour(), at.minute(), at.second()),
        Unit::Minute | Unit::Hour => format!("{} {}, {:02}:{:02}", month(at), at.day(), at.hour(), at.minute()),
        Unit::Day => format!("{} {}, {}", month(at), at.day(), at.year()),
        Unit::Month => format!("{} {}", month(at), at.year()),
        Unit::Year => at.year().to_string(),
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
        for (low, high, most, unit, expected) in [
            (
                "2024-01-01T00:00:00",
                "2024-01-01T00:00:04",
                5,
                Unit::Second,
                vec!["00:00:00", "00:00:01", "00:00:02", "00:00:03", "00:00:04"],
            ),
            ("2024-01-01T00:03", "2024-01-01T01:00", 4, Unit::Minute, vec!["00:15", "00:30", "00:45", "01:00"]),
            ("2024-03-09T22:00", "2024-03-10T12:00", 5, Unit::Hour, vec!["00:00", "03:00", "06:00", "09:00", "12:00"]),
            ("2024-01-03T05:00", "2024-01-07T00:00", 6, Unit::Day, vec!["4", "5", "6", "7"]),
            ("2024-01-01T00:00", "2024-02-04T00:00", 5, Unit::Day, vec!["1", "8", "15", "22", "29"]),
            ("2024-01-01T00:00", "2024-12-31T00:00", 4, Unit::Month, vec!["Jan", "Apr", "Jul", "Oct"]),
            ("1990-06-01T00:00", "2024-06-01T00:00", 4, Unit::Year, vec!["1990", "2000", "2010", "2020"].split_off(1)),
        ] {
            let (found, ticks) = ticks(at(low, &zone), at(high, &zone), most, &zone);
            let labels: Vec<String> = ticks.iter().map(|t| labels(t.wall, found).0).collect();
            assert_eq!((found, labels), (unit, expected.into_iter().map(str::to_owned).collect()), "{low} to {high}");
        }
    }

    #[test]
    fn periods_without_rows_are_filled_in() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        for (case, moments, expected) in [
            ("months", vec!["2024-01-01", "2024-02-01", "2024-05-01"], Some(5)),
            ("quarters", vec!["2023-10-01", "2024-01-01", "2024-07-01"], Some(4)),
            ("weeks over the change of the clock", vec!["2024-03-18", "2024-03-25", "2024-04-08"], Some(4)),
            ("days", vec!["2024-03-30", "2024-03-31", "2024-04-02"], Some(4)),
            ("one", vec!["2024-03-30"], Some(1)),
            ("too many", vec!["2024-03-01", "2024-03-02", "2054-03-02"], None),
        ] {
            let sorted: Vec<f64> = moments.iter().map(|m| at(&format!("{m}T00:00"), &zone)).collect();
            assert_eq!(periods(&sorted, &zone, 400).map(|slots| slots.len()), expected, "{case}");
        }
    }

    #[test]
    fn far_ends_of_time_are_survived() {
        for (low, high) in [(-1e18, 1e18), (0.0, 0.0), (-3e11, -2.9e11), (0.0, 1e-9)] {
            assert!(ticks(low, high, 6, &TimeZone::UTC).1.len() <= 32);
        }
    }
}
