//! The ends of the calendar: a result shows the years 1 to 9999, since reports, CSV and JSON have no form for others.

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use datafusion::arrow::compute::{max, min};

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

/// The first and the last day of a column, since 1970.
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
        _ => None,
    }
}
