//! Truncation, bins, sums and differences, on columns.

use std::cell::Cell;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::IntervalMonthDayNanoType;
use arrow_array::{Array, ArrayRef, Int64Array};
use arrow_buffer::IntervalMonthDayNano;
use arrow_schema::{DataType, IntervalUnit};
use datafusion::error::Result;

use super::calendar::{Unit, add_calendar};
use super::clock::Reader;
use super::columns::{beyond, change, numbers, per_second, timestamps, unit_of};

fn one_unit(units: &ArrayRef) -> Result<Unit> {
    let word =
        units.as_string_opt::<i32>().filter(|units| units.len() > 0 && units.is_valid(0)).map(|units| units.value(0)).unwrap_or_default();
    Unit::of(word).ok_or_else(|| super::wrong(format!("dates have no unit \"{word}\""), Unit::ALL))
}

/// The seconds around `second` in which the wall clock runs evenly through the unit of the calendar that begins when it shows `first`: from, until.
fn stretch(unit: Unit, first: i64, second: i64, clock: &Reader<'_>) -> Option<(i64, i64)> {
    let next = unit.next(first)?;
    let (even, offset) = clock.held(second)?;
    Some((even.start.max(first.saturating_sub(offset)), even.end.min(next.saturating_sub(offset))))
}

pub(super) fn truncate(units: &ArrayRef, value: &ArrayRef, clock: &Reader<'_>) -> Result<ArrayRef> {
    if units.is_empty() {
        return Ok(timestamps(numbers(value)?, unit_of(value)));
    }
    let unit = one_unit(units)?;
    let resolution = unit_of(value);
    let by = per_second(resolution);
    // Neighbours in a column mostly lie in one unit: numbers that are known to begin alike, and where.
    let (alike, known) = (Cell::new((0, 0)), Cell::new(0));
    let truncated: Result<Int64Array> = numbers(value)?.try_unary(|number| {
        let (from, until) = alike.get();
        if number >= from && number < until {
            return Ok(known.get());
        }
        let second = number.div_euclid(by);
        if let Some(parts) = unit.parts_of_a_second() {
            let part = (by / parts).max(1);
            return Ok(number.div_euclid(part) * part);
        }
        let first = unit.begin(second.saturating_add(clock.offset(second)));
        let stretch = stretch(unit, first, second, clock);
        let local = clock.instants(first);
        let begin = if unit.is_clock_time() { local.begin_before(second) } else { local.begin() };
        let begin = begin.checked_mul(by).ok_or_else(beyond)?;
        if let Some((from, until)) = stretch {
            alike.set((from.saturating_mul(by), until.saturating_mul(by)));
            known.set(begin);
        }
        Ok(begin)
    });
    Ok(timestamps(truncated?, resolution))
}

pub(super) fn begin(walls: &ArrayRef, value: &ArrayRef, strides: &ArrayRef, clock: &Reader<'_>) -> Result<ArrayRef> {
    let unit = unit_of(walls);
    let by = per_second(unit);
    let strides = change(strides, &DataType::Interval(IntervalUnit::MonthDayNano))?;
    let strides = strides.as_primitive::<IntervalMonthDayNanoType>();
    // Bins of an hour and less stay apart in a doubled hour; longer ones begin once.
    let short = strides.iter().flatten().all(|stride| stride.months == 0 && stride.days == 0 && stride.nanoseconds <= 3_600_000_000_000);
    let (walls, limits, limit_by) = (numbers(walls)?, numbers(value)?, per_second(unit_of(value)));
    let begun = walls.iter().zip(limits.iter()).map(|(wall, limit)| {
        let (Some(wall), Some(limit)) = (wall, limit) else { return Ok(None) };
        let local = clock.instants(wall.div_euclid(by));
        let second = if short { local.begin_before(limit.div_euclid(limit_by)) } else { local.begin() };
        second.checked_mul(by).and_then(|at| at.checked_add(wall.rem_euclid(by))).map(Some).ok_or_else(beyond)
    });
    Ok(timestamps(begun.collect::<Result<Int64Array>>()?, unit))
}

pub(super) fn shift(value: &ArrayRef, intervals: &ArrayRef, sign: i64, clock: &Reader<'_>) -> Result<ArrayRef> {
    let unit = unit_of(value);
    let by = per_second(unit);
    let intervals = change(intervals, &DataType::Interval(IntervalUnit::MonthDayNano))?;
    let intervals = intervals.as_primitive::<IntervalMonthDayNanoType>();
    let values = numbers(value)?;
    let shifted = values.iter().zip(intervals.iter()).map(|(number, interval)| {
        let (Some(number), Some(interval)) = (number, interval) else { return Ok(None) };
        add(number, by, interval, sign, clock).map(Some)
    });
    Ok(timestamps(shifted.collect::<Result<Int64Array>>()?, unit))
}

/// `number`, of which `by` make a second, `times` an interval later: months and days on the calendar, then the rest in real time.
///
/// # Errors
/// When the sum lies beyond the calendar.
pub(super) fn add(number: i64, by: i64, interval: IntervalMonthDayNano, times: i64, clock: &Reader<'_>) -> Result<i64> {
    let (months, days) = (times * i64::from(interval.months), times * i64::from(interval.days));
    let mut second = number.div_euclid(by);
    if months != 0 || days != 0 {
        let local = add_calendar(second.saturating_add(clock.offset(second)), months, days).ok_or_else(beyond)?;
        second = clock.instants(local).read();
    }
    // A column of whole seconds loses what is below one, as the sum would.
    let real = (i128::from(interval.nanoseconds) * i128::from(times) * i128::from(by)).div_euclid(1_000_000_000);
    let real = i64::try_from(real).map_err(|_| beyond())?;
    let at = second.checked_mul(by).and_then(|at| at.checked_add(number.rem_euclid(by))).and_then(|at| at.checked_add(real));
    at.ok_or_else(beyond)
}

pub(super) fn difference(units: &ArrayRef, start: &ArrayRef, end: &ArrayRef, clock: &Reader<'_>) -> Result<ArrayRef> {
    if units.is_empty() {
        return Ok(Arc::new(Int64Array::from(Vec::<i64>::new())));
    }
    let unit = one_unit(units)?;
    let count = |number: i64, by: i64| {
        let second = number.div_euclid(by);
        unit.number(number, by, second.saturating_add(clock.offset(second)))
    };
    let (start_by, end_by) = (per_second(unit_of(start)), per_second(unit_of(end)));
    let (start, end) = (numbers(start)?, numbers(end)?);
    let found: Int64Array =
        start.iter().zip(end.iter()).map(|(start, end)| Some(count(end?, end_by).saturating_sub(count(start?, start_by)))).collect();
    Ok(Arc::new(found))
}
