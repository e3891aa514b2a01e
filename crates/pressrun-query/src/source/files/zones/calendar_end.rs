//! The ends of the calendar: a result shows the years 1 to 9999, since reports, CSV and JSON have no form for others.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Int64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use datafusion::arrow::compute::{max, min, nullif};

use super::clock::{Clock, Reader};
use super::columns::{change, numbers, per_second, unit_of};
use crate::error::{QueryError, QueryErrorKind};

/// 0001-01-01 and 10000-01-01, in days since 1970.
const FIRST: i64 = -719_162;
const END: i64 = 2_932_897;

/// # Errors
/// When a column of `batch` holds a day or a time that the clock shows in another year, with the column's name.
pub(in super::super) fn within_calendar(batch: &RecordBatch, clock: &Clock) -> Result<(), QueryError> {
    let schema = batch.schema();
    for (column, field) in batch.columns().iter().zip(schema.fields()) {
        let Some((least, most)) = ends(column, clock) else { continue };
        if least < FIRST || most >= END {
            let message = format!("the column \"{}\" has a date outside the calendar, which is that of the years 1 to 9999", field.name());
            return Err(QueryError::new(QueryErrorKind::Value, message)
                .hint("leave such rows out, or give them another value: case when … then null"));
        }
    }
    Ok(())
}

/// The first and the last day that a column holds, at any depth, since 1970.
fn ends(column: &ArrayRef, clock: &Clock) -> Option<(i64, i64)> {
    match column.data_type() {
        DataType::Date32 => {
            let days = column.as_primitive::<Date32Type>();
            Some((i64::from(min(days)?), i64::from(max(days)?)))
        }
        DataType::Date64 => ends(&change(column, &DataType::Timestamp(TimeUnit::Millisecond, None)).ok()?, clock),
        DataType::Timestamp(_, zone) => {
            let by = per_second(unit_of(column));
            let ticks = numbers(column).ok()?;
            let reader = Reader::new(clock);
            let day = |tick: i64| {
                let second = tick.div_euclid(by);
                let offset = if zone.is_some() { reader.offset(second) } else { 0 };
                second.saturating_add(offset).div_euclid(86_400)
            };
            Some((day(min::<Int64Type>(&ticks)?), day(max::<Int64Type>(&ticks)?)))
        }
        nested if nested.is_nested() && holds_dates(nested) => parts(column).iter().filter_map(|part| ends(part, clock)).reduce(both),
        _ => None,
    }
}

fn both(one: (i64, i64), other: (i64, i64)) -> (i64, i64) {
    (one.0.min(other.0), one.1.max(other.1))
}

fn holds_dates(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) | DataType::Map(item, _) => {
            holds_dates(item.data_type())
        }
        DataType::Struct(members) => members.iter().any(|member| holds_dates(member.data_type())),
        other => matches!(other, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..)),
    }
}

/// What the lists or structures of a column hold; what lies under a null is not part of it.
fn parts(column: &ArrayRef) -> Vec<ArrayRef> {
    match column.data_type() {
        DataType::List(_) => column.as_list::<i32>().iter().flatten().collect(),
        DataType::LargeList(_) => column.as_list::<i64>().iter().flatten().collect(),
        DataType::FixedSizeList(..) => column.as_fixed_size_list().iter().flatten().collect(),
        DataType::Map(..) => column.as_map().iter().flatten().map(|entries| Arc::new(entries) as ArrayRef).collect(),
        DataType::Struct(_) => {
            let structure = column.as_struct();
            let is_null = structure.nulls().map(|nulls| BooleanArray::new(!nulls.inner(), None));
            let masked = |member: &ArrayRef| match &is_null {
                Some(is_null) => nullif(member, is_null).unwrap_or_else(|_| Arc::clone(member)),
                None => Arc::clone(member),
            };
            structure.columns().iter().map(masked).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use arrow_array::{Date32Array, ListArray, StructArray};
    use arrow_buffer::NullBuffer;
    use arrow_schema::Field;

    use super::*;

    #[test]
    fn n12_dates_inside_lists_and_structures_end_with_the_calendar_too() {
        const BEYOND: i32 = 3_000_000;
        let clock = Clock::of("UTC").unwrap();
        let list =
            |day: i32| Arc::new(ListArray::from_iter_primitive::<Date32Type, _, _>([Some(vec![Some(1), Some(day)]), None])) as ArrayRef;
        let structure = |day: i32, is_there: bool| {
            let members = vec![Field::new("a", DataType::Date32, true)].into();
            let nulls = NullBuffer::from(vec![is_there, true]);
            Arc::new(StructArray::new(members, vec![Arc::new(Date32Array::from(vec![day, 1]))], Some(nulls))) as ArrayRef
        };
        for (what, column, fits) in [
            ("a list", list(20_000), true),
            ("a list beyond", list(BEYOND), false),
            ("a part of it before", list(BEYOND).slice(1, 1), true),
            ("a structure", structure(20_000, true), true),
            ("a structure beyond", structure(BEYOND, true), false),
            ("what lies under a null", structure(BEYOND, false), true),
        ] {
            let batch = RecordBatch::try_from_iter([("x", column)]).unwrap();
            assert_eq!(within_calendar(&batch, &clock).is_ok(), fits, "{what}");
        }
    }
}
