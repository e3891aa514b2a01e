//! Sets of values as the fields of an expression.

use crate::calendar::Days;
use crate::describe::{bits, period};

const ALL_DAYS: u32 = u32::MAX - 1;

/// The minute field; minute 0 is bit 0.
pub(super) fn minutes(set: u64) -> String {
    stepped(set, 60)
}

/// The hour field; hour 0 is bit 0. Hours that repeat evenly through the day are counted as they pass (rule T11).
pub(super) fn hours(set: u32) -> String {
    stepped(u64::from(set), 24)
}

fn stepped(set: u64, size: u32) -> String {
    if set == (1 << size) - 1 {
        return "*".to_owned();
    }
    period(set, size).map_or_else(|| numbers(set, 0), |step| format!("*/{step}"))
}

/// The set as numbers and ranges; bit 0 is `least`.
pub(super) fn numbers(set: u64, least: usize) -> String {
    let all: Vec<usize> = bits(set).map(|bit| bit + least).collect();
    listed(&all)
}

/// The year field.
pub(super) fn years(years: &[u16]) -> String {
    let all: Vec<usize> = years.iter().copied().map(usize::from).collect();
    listed(&all)
}

fn listed(values: &[usize]) -> String {
    let runs = values.chunk_by(|earlier, later| earlier + 1 == *later).map(|run| match run {
        [first, _, .., last] => format!("{first}-{last}"),
        short => short.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
    });
    runs.collect::<Vec<_>>().join(",")
}

/// The day-of-month and the day-of-week field.
pub(super) fn days(days: Days) -> (String, String) {
    const WEEK: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
    let of_month = |text: String| (text, "?".to_owned());
    let of_week = |text: String| ("?".to_owned(), text);
    match days {
        Days::OfMonth(ALL_DAYS) => of_month("*".to_owned()),
        Days::OfMonth(days) => of_month(numbers(u64::from(days), 0)),
        Days::LastOfMonth => of_month("L".to_owned()),
        Days::LastWeekday => of_month("LW".to_owned()),
        Days::NearestWeekday(day) => of_month(format!("{day}W")),
        Days::OfWeek(0b111_1111) => of_week("*".to_owned()),
        Days::OfWeek(0b011_1110) => of_week("MON-FRI".to_owned()),
        Days::OfWeek(days) => of_week(bits(u64::from(days)).filter_map(|day| WEEK.get(day)).copied().collect::<Vec<_>>().join(",")),
        Days::LastOfWeek(day) => of_week(format!("{}L", day + 1)),
        Days::NthOfWeek { weekday, nth } => of_week(format!("{}#{nth}", weekday + 1)),
    }
}
