//! Columns of timestamps as numbers, and conversions of types that the engine's own casts get right.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType};
use arrow_array::{ArrayRef, Int64Array};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, TimeUnit};
use datafusion::error::{DataFusionError, Result};

use crate::error::{QueryError, QueryErrorKind};

const STRICT: CastOptions<'static> = CastOptions { safe: false, format_options: arrow_cast::display::FormatOptions::new() };

/// Text of any layout as plain text; dictionaries as what they stand for; days counted in milliseconds as days.
pub(super) fn undress(array: &ArrayRef) -> Result<ArrayRef> {
    match super::plain(array.data_type().clone()) {
        DataType::LargeUtf8 | DataType::Utf8View | DataType::Utf8 => change(array, &DataType::Utf8),
        DataType::Date64 => change(array, &DataType::Timestamp(TimeUnit::Millisecond, None)),
        other => change(array, &other),
    }
}

pub(super) fn change(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    if array.data_type() == to {
        return Ok(Arc::clone(array));
    }
    // A wall clock time becomes an instant of the same number here, never by the engine's own reading of zones.
    let array = match (array.data_type(), to) {
        (DataType::Timestamp(unit, None), DataType::Timestamp(_, Some(_))) => &cast_with_options(array, &DataType::Int64, &STRICT)
            .and_then(|numbers| cast_with_options(&numbers, &DataType::Timestamp(*unit, Some("UTC".into())), &STRICT))?,
        _ => array,
    };
    // A coarser unit takes the beginning of what it is, before 1970 as after.
    if let (DataType::Timestamp(fine, _), DataType::Timestamp(coarse, _)) = (array.data_type(), to)
        && per_second(*fine) > per_second(*coarse)
    {
        let by = per_second(*fine) / per_second(*coarse);
        let whole: Int64Array = numbers(array)?.unary(|number| number.div_euclid(by));
        return Ok(cast_with_options(&cast_with_options(&whole, &DataType::Int64, &STRICT)?, to, &STRICT)?);
    }
    Ok(cast_with_options(array, to, &STRICT)?)
}

pub(super) fn beyond() -> DataFusionError {
    DataFusionError::External(Box::new(QueryError::new(
        QueryErrorKind::Value,
        "a date lies outside the calendar, which is that of the years 1 to 9999",
    )))
}

/// Units of a timestamp in a second.
pub(super) fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// The numbers of a column of timestamps.
pub(super) fn numbers(array: &ArrayRef) -> Result<Int64Array> {
    let DataType::Timestamp(unit, _) = array.data_type() else {
        return Err(super::no_date(array.data_type(), "a function of dates"));
    };
    Ok(match unit {
        TimeUnit::Second => array.as_primitive::<TimestampSecondType>().reinterpret_cast(),
        TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().reinterpret_cast(),
        TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().reinterpret_cast(),
        TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().reinterpret_cast(),
    })
}

/// A column of timestamps without a zone, of numbers.
pub(super) fn timestamps(numbers: Int64Array, unit: TimeUnit) -> ArrayRef {
    match unit {
        TimeUnit::Second => Arc::new(numbers.reinterpret_cast::<TimestampSecondType>()) as ArrayRef,
        TimeUnit::Millisecond => Arc::new(numbers.reinterpret_cast::<TimestampMillisecondType>()),
        TimeUnit::Microsecond => Arc::new(numbers.reinterpret_cast::<TimestampMicrosecondType>()),
        TimeUnit::Nanosecond => Arc::new(numbers.reinterpret_cast::<TimestampNanosecondType>()),
    }
}

pub(super) fn unit_of(array: &ArrayRef) -> TimeUnit {
    match array.data_type() {
        DataType::Timestamp(unit, _) => *unit,
        _ => TimeUnit::Microsecond,
    }
}

/// Each value moved as `of` moves whole seconds; what is below a second stays.
pub(super) fn seconds(value: &ArrayRef, of: impl Fn(i64) -> Result<i64>) -> Result<ArrayRef> {
    let unit = unit_of(value);
    let by = per_second(unit);
    let moved: Result<Int64Array> = numbers(value)?.try_unary(|number| {
        let second = number.div_euclid(by);
        let moved = of(second)?.checked_sub(second).and_then(|by_seconds| by_seconds.checked_mul(by)).and_then(|by| number.checked_add(by));
        moved.ok_or_else(beyond)
    });
    Ok(timestamps(moved?, unit))
}
