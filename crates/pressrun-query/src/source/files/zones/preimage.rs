//! The instants for which a function of dates has a value, where they are one period: so that `cast(at as date) = date '2026-11-01'`
//! is compared with the column itself, by which files and parts of files are skipped.
//!
//! A bound that the clock shows twice makes no period: on such a night a day may come back after the next has begun.

use arrow_schema::{DataType, TimeUnit};
use datafusion::common::ScalarValue;

use super::calendar::Unit;
use super::clock::{Clock, Local, Reader};
use super::columns::per_second;
use super::function::Op;

/// `start <= argument < end` in the argument's unit, which holds exactly where `op` of the argument is `value`.
pub(super) fn period(op: Op, unit: Option<Unit>, value: &ScalarValue, argument: &DataType, clock: &Clock) -> Option<(i64, i64)> {
    let DataType::Timestamp(resolution, zone) = argument else { return None };
    if zone.is_none() && op != Op::Truncate {
        return None;
    }
    let by = per_second(*resolution);
    let reader = &Reader::new(clock);
    let single = |local: i64| match reader.instants(local) {
        Local::Twice(..) => None,
        other => Some(other.begin()),
    };
    match (op, unit) {
        (Op::Day, None) => {
            let ScalarValue::Date32(Some(day)) = value else { return None };
            let midnight = i64::from(*day) * 86_400;
            ordered(single(midnight)?.checked_mul(by)?, single(midnight + 86_400)?.checked_mul(by)?)
        }
        (Op::Wall, None) => {
            let number = number(value, *resolution, false)?;
            let Local::Once(second) = reader.instants(number.div_euclid(by)) else { return None };
            let start = second.checked_mul(by)?.checked_add(number.rem_euclid(by))?;
            // The reading that follows has to follow in time as well.
            let Local::Once(next) = reader.instants(number.checked_add(1)?.div_euclid(by)) else { return None };
            (next - second <= 1).then_some((start, start.checked_add(1)?))
        }
        (Op::Truncate, Some(unit)) => {
            let number = number(value, *resolution, zone.is_some())?;
            let second = number.div_euclid(by);
            let local = unit.begin(second.checked_add(reader.offset(second))?);
            let end = unit.next(local)?;
            let (start, end) = (single(local)?, single(end)?);
            (start.checked_mul(by)? == number).then(|| ordered(number, end.checked_mul(by)?))?
        }
        _ => None,
    }
}

fn ordered(start: i64, end: i64) -> Option<(i64, i64)> {
    (start < end).then_some((start, end))
}

fn number(value: &ScalarValue, resolution: TimeUnit, aware: bool) -> Option<i64> {
    let (number, unit, zone) = match value {
        ScalarValue::TimestampSecond(number, zone) => (number, TimeUnit::Second, zone),
        ScalarValue::TimestampMillisecond(number, zone) => (number, TimeUnit::Millisecond, zone),
        ScalarValue::TimestampMicrosecond(number, zone) => (number, TimeUnit::Microsecond, zone),
        ScalarValue::TimestampNanosecond(number, zone) => (number, TimeUnit::Nanosecond, zone),
        _ => return None,
    };
    number.filter(|_| unit == resolution && zone.is_some() == aware)
}
