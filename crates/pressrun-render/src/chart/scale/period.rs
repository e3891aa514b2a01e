//! The regular periods that moments or numbers lie on, so that a chart of bars shows the ones without a row.
//!
//! One detector for all: the greatest common step of what is there, counted in the unit that makes it regular. Months are counted
//! as months when all moments lie on the same day of theirs, or on the last; days as days when all have the same time of day; and
//! anything shorter in instants, so that the hour that a clock skips or repeats is neither a gap nor a bar too many.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan as _};

use super::time::{days, months, seconds, wall};

/// More places than this many times those with a row show nothing but gaps.
const MOST: usize = 2;

/// All places from the first to the last of `sorted` (seconds since 1970), those without a row included; `None` when they follow
/// no step, or when more of them would be empty than not.
pub(crate) fn of_moments(sorted: &[f64], zone: &TimeZone) -> Option<Vec<f64>> {
    if sorted.len() < 2 {
        return Some(sorted.to_vec());
    }
    let walls: Vec<DateTime> = sorted.iter().map(|at| wall(*at, zone)).collect();
    let one_time = walls.iter().all(|wall| walls.first().is_some_and(|first| first.time() == wall.time()));
    let slots = if one_time {
        let found = of_months(&walls).or_else(|| of_days(&walls))?;
        found.into_iter().map(|wall| seconds(wall, zone)).collect::<Option<Vec<f64>>>()?
    } else {
        of_instants(sorted).or_else(|| of_walls(&walls, zone))?
    };
    holds_all(&slots, sorted, 1e-6).then_some(slots)
}

/// As [`of_moments`] for numbers of few decimals.
pub(crate) fn of_numbers(sorted: &[f64]) -> Option<Vec<f64>> {
    if sorted.len() < 2 {
        return Some(sorted.to_vec());
    }
    (0..=6).find_map(|decimals| {
        let scale = 10f64.powi(decimals);
        let whole: Option<Vec<i64>> = sorted
            .iter()
            .map(|number| {
                let scaled = number * scale;
                ((scaled - scaled.round()).abs() < 1e-6 && scaled.abs() < 9e15).then(|| scaled.round() as i64)
            })
            .collect();
        let slots: Vec<f64> = stepped(&whole?)?.into_iter().map(|slot| slot as f64 / scale).collect();
        holds_all(&slots, sorted, 1e-9 * sorted.iter().fold(1.0f64, |most, number| most.max(number.abs()))).then_some(slots)
    })
}

/// Month by month, on the same day or on the last of each.
fn of_months(walls: &[DateTime]) -> Option<Vec<DateTime>> {
    let first = walls.first()?;
    let day = walls.iter().map(|wall| wall.day()).max()?;
    let ends = walls.iter().all(|wall| wall.day() == wall.days_in_month());
    let day = if ends { 31 } else { day };
    if !walls.iter().all(|wall| wall.day() == day.min(wall.days_in_month())) {
        return None;
    }
    let slots = stepped(&walls.iter().map(|wall| months(wall.date())).collect::<Vec<_>>())?;
    slots
        .into_iter()
        .map(|month| {
            let start = Date::new(i16::try_from(month.div_euclid(12)).ok()?, (month.rem_euclid(12) + 1) as i8, 1).ok()?;
            let date = Date::new(start.year(), start.month(), day.min(start.days_in_month())).ok()?;
            Some(date.to_datetime(first.time()))
        })
        .collect()
}

/// Day by day, or so many days.
fn of_days(walls: &[DateTime]) -> Option<Vec<DateTime>> {
    let first = walls.first()?;
    let numbers: Vec<i64> = walls.iter().map(|wall| days(wall.date())).collect();
    let start = *numbers.first()?;
    let slots = stepped(&numbers)?;
    slots.into_iter().map(|day| first.checked_add((day - start).days()).ok()).collect()
}

/// Equal lengths of time.
fn of_instants(sorted: &[f64]) -> Option<Vec<f64>> {
    let micros: Vec<i64> = sorted.iter().map(|at| (at * 1e6).round() as i64).collect();
    Some(stepped(&micros)?.into_iter().map(|at| at as f64 / 1e6).collect())
}

/// Equal steps of a clock on the wall, where a change of the clock makes their lengths unequal.
fn of_walls(walls: &[DateTime], zone: &TimeZone) -> Option<Vec<f64>> {
    let first = walls.first()?;
    let since = |wall: &DateTime| wall.since((jiff::Unit::Second, *first)).ok().map(|span: Span| span.get_seconds());
    let numbers: Vec<i64> = walls.iter().map(since).collect::<Option<_>>()?;
    let slots = stepped(&numbers)?;
    let mut found: Vec<f64> =
        slots.into_iter().map(|second| seconds(first.checked_add(second.seconds()).ok()?, zone)).collect::<Option<_>>()?;
    // What falls into the gap of a clock lands on its neighbour.
    found.dedup();
    Some(found)
}

/// From the first to the last by the greatest common step; `None` when that makes too many.
fn stepped(rising: &[i64]) -> Option<Vec<i64>> {
    let (first, last) = (*rising.first()?, *rising.last()?);
    let step = rising.windows(2).fold(0_i64, |step, pair| match pair {
        [a, b] => common(step, b.saturating_sub(*a)),
        _ => step,
    });
    if step <= 0 {
        return None;
    }
    let count = last.checked_sub(first)? / step + 1;
    (count as u64 <= (rising.len() * MOST + 1) as u64).then(|| (0..count).map(|nth| first + nth * step).collect())
}

/// The greatest common divisor.
fn common(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { common(b, a % b) }
}

fn holds_all(slots: &[f64], wanted: &[f64], slack: f64) -> bool {
    let mut slots = slots.iter();
    wanted.iter().all(|at| slots.any(|slot| (slot - at).abs() <= slack))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a5_periods_without_rows_are_filled_in_whatever_the_step() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        for (case, moments, expected) in [
            ("months", vec!["2024-01-01T00:00", "2024-02-01T00:00", "2024-05-01T00:00"], Some(5)),
            ("month ends", vec!["2024-01-31T00:00", "2024-02-29T00:00", "2024-04-30T00:00", "2024-05-31T00:00"], Some(5)),
            ("ends of short months", vec!["2024-02-29T00:00", "2024-04-30T00:00", "2024-06-30T00:00"], Some(3)),
            ("mid-months", vec!["2024-01-15T00:00", "2024-02-15T00:00", "2024-04-15T00:00"], Some(4)),
            ("the 30th, which February has not", vec!["2024-01-30T00:00", "2024-02-29T00:00", "2024-03-30T00:00"], Some(3)),
            ("quarters", vec!["2023-10-01T00:00", "2024-01-01T00:00", "2024-07-01T00:00"], Some(4)),
            ("fifty years", vec!["1800-01-01T00:00", "1850-01-01T00:00", "1950-01-01T00:00"], Some(4)),
            ("weeks over the change of the clock", vec!["2024-03-18T00:00", "2024-03-25T00:00", "2024-04-08T00:00"], Some(4)),
            ("days", vec!["2024-03-30T00:00", "2024-03-31T00:00", "2024-04-02T00:00"], Some(4)),
            ("seven minutes", vec!["2024-03-30T10:00", "2024-03-30T10:07", "2024-03-30T10:21"], Some(4)),
            ("one", vec!["2024-03-30T00:00"], Some(1)),
            ("mostly empty", vec!["2024-03-01T00:00", "2024-03-02T00:00", "2024-04-02T00:00"], None),
            ("no step", vec!["2024-03-01T00:00", "2024-03-02T13:21", "2024-03-09T11:00"], None),
        ] {
            let sorted: Vec<f64> = moments.iter().map(|m| seconds(m.parse().unwrap(), &zone).unwrap()).collect();
            assert_eq!(of_moments(&sorted, &zone).map(|slots| slots.len()), expected, "{case}");
        }
    }

    #[test]
    fn b1_an_hour_that_is_skipped_or_repeated_is_no_gap() {
        let zone = TimeZone::get("America/New_York").unwrap();
        for (day, hours) in [("2024-03-10", 23), ("2024-11-03", 25), ("2024-11-04", 24)] {
            let start = seconds(format!("{day}T00:00").parse().unwrap(), &zone).unwrap();
            let all: Vec<f64> = (0..hours).map(|hour| start + 3600.0 * f64::from(hour)).collect();
            assert_eq!(of_moments(&all, &zone).unwrap(), all, "{day}");
            let mut holey = all.clone();
            holey.remove(5);
            assert_eq!(of_moments(&holey, &zone).unwrap(), all, "{day} without one hour");
        }
    }

    #[test]
    fn b10_numbers_have_a_step_too() {
        for (case, numbers, expected) in [
            ("bins", vec![0.0, 10.0, 20.0, 50.0], Some(6)),
            ("halves", vec![0.5, 1.0, 2.0], Some(4)),
            ("unequal", vec![0.0, 10.0, 20.0, 50.0, 60.0, 200.0], None),
            ("tenths", vec![0.1, 0.2, 0.3], Some(3)),
        ] {
            assert_eq!(of_numbers(&numbers).map(|slots| slots.len()), expected, "{case}");
        }
    }
}
