//! Between text, wall clock times, days, numbers and instants, on columns.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float64Type};
use arrow_array::{Array, ArrayRef, Date32Array, StringArray, TimestampMicrosecondArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, TimeUnit};
use datafusion::error::Result;
use datafusion::logical_expr::ScalarUDFImpl as _;

use super::clock::{Clock, Reader};
use super::columns::{beyond, change, per_second, seconds};
use super::function::Zoned;
use super::text::{Written, read, read_as};

impl Zoned {
    /// Text through `of`, or null where that is asked for.
    fn texts<T>(&self, texts: &StringArray, formats: &[ArrayRef], of: impl Fn(Written) -> T) -> Result<Vec<Option<T>>> {
        let formats: Vec<&StringArray> = formats
            .iter()
            .map(|format| {
                format.as_string_opt::<i32>().ok_or_else(|| super::wrong("a format is no text".to_owned(), "write it in single quotes"))
            })
            .collect::<Result<_>>()?;
        let mut row_formats = Vec::with_capacity(formats.len());
        texts
            .iter()
            .enumerate()
            .map(|(row, text)| {
                let Some(text) = text else { return Ok(None) };
                let found = if formats.is_empty() {
                    read(text)
                } else {
                    row_formats.clear();
                    row_formats.extend(formats.iter().filter(|format| format.is_valid(row)).map(|format| format.value(row)));
                    read_as(text, &row_formats)
                };
                match found {
                    Err(_) if self.lenient => Ok(None),
                    found => Ok(found?.map(&of)),
                }
            })
            .collect()
    }

    pub(super) fn walls(&self, value: &ArrayRef, clock: &Reader<'_>) -> Result<ArrayRef> {
        match value.data_type() {
            DataType::Utf8 => {
                let found = self.texts(value.as_string(), &[], |written| written.wall(clock))?;
                Ok(Arc::new(TimestampMicrosecondArray::from(found)))
            }
            DataType::Timestamp(_, Some(_)) => seconds(value, |second| Ok(second.saturating_add(clock.offset(second)))),
            DataType::Timestamp(_, None) | DataType::Date32 | DataType::Null => Ok(Arc::clone(value)),
            other => Err(super::no_date(other, self.name())),
        }
    }

    pub(super) fn instants(&self, value: &ArrayRef, formats: &[ArrayRef], unit: TimeUnit, clock: &Reader<'_>) -> Result<ArrayRef> {
        match value.data_type() {
            DataType::Utf8 => {
                let found = self.texts(value.as_string(), formats, |written| written.instant(clock))?;
                Ok(Arc::new(TimestampMicrosecondArray::from(found)))
            }
            DataType::Timestamp(_, Some(_)) => Ok(Arc::clone(value)),
            DataType::Timestamp(_, None) => seconds(value, |second| Ok(clock.instants(second).read())),
            DataType::Date32 => {
                let days = value.as_primitive::<Date32Type>();
                let begin = |day: i32| clock.instants(i64::from(day) * 86_400).begin().checked_mul(1_000_000).ok_or_else(beyond);
                let found: Result<TimestampMicrosecondArray> = days.try_unary(begin);
                Ok(Arc::new(found?))
            }
            DataType::Null => change(value, &DataType::Timestamp(TimeUnit::Microsecond, None)),
            number if number.is_integer() => {
                let numbers = change(value, &DataType::Int64)?;
                change(&numbers, &DataType::Timestamp(unit, None))
            }
            number if number.is_numeric() => {
                let numbers = change(value, &DataType::Float64)?;
                let micros = 1_000_000.0 / per_second(unit) as f64;
                let found = numbers.as_primitive::<Float64Type>().iter().map(|number| {
                    let Some(number) = number else { return Ok(None) };
                    let at = (number * micros).round();
                    // The calendar ends in the year 9999, far within what both types hold exactly enough.
                    if at.abs() > 3e17 || at.is_nan() { Err(beyond()) } else { Ok(Some(at as i64)) }
                });
                Ok(Arc::new(found.collect::<Result<TimestampMicrosecondArray>>()?))
            }
            other => Err(super::no_date(other, self.name())),
        }
    }

    pub(super) fn days(&self, value: &ArrayRef, formats: &[ArrayRef], clock: &Reader<'_>) -> Result<ArrayRef> {
        match value.data_type() {
            DataType::Utf8 => {
                let found = self.texts(value.as_string(), formats, |written| i32::try_from(written.day(clock)).ok())?;
                Ok(Arc::new(Date32Array::from(found.into_iter().map(Option::flatten).collect::<Vec<_>>())))
            }
            number if number.is_integer() => change(&change(value, &DataType::Int32)?, &DataType::Date32),
            DataType::Timestamp(..) => change(&self.walls(value, clock)?, &DataType::Date32),
            DataType::Date32 | DataType::Null => change(value, &DataType::Date32),
            other => Err(super::no_date(other, self.name())),
        }
    }

    /// An instant → the wall clock there; a wall clock time there → the instant.
    pub(super) fn at_time_zone(&self, value: &ArrayRef, zones: &ArrayRef) -> Result<ArrayRef> {
        let zones = zones.as_string_opt::<i32>().ok_or_else(|| {
            super::wrong("the zone of at time zone is no text".to_owned(), "name it in single quotes: at time zone 'Asia/Tokyo'")
        })?;
        let mut names = zones.iter().flatten();
        let Some(first) = names.next() else {
            return Ok(arrow_array::new_null_array(value.data_type(), value.len()));
        };
        if names.all(|name| name == first) {
            let found = self.there(first)?.change_side(value)?;
            // A row without a zone has no value.
            let nulls = NullBuffer::union(found.nulls(), zones.nulls());
            return Ok(arrow_array::make_array(found.into_data().into_builder().nulls(nulls).build()?));
        }
        let rows: Vec<ArrayRef> = (0..value.len())
            .map(|row| {
                let one = value.slice(row, 1);
                if zones.is_null(row) {
                    return self.change_side(&arrow_array::new_null_array(one.data_type(), 1));
                }
                self.there(zones.value(row))?.change_side(&one)
            })
            .collect::<Result<_>>()?;
        let rows: Vec<&dyn Array> = rows.iter().map(AsRef::as_ref).collect();
        Ok(datafusion::arrow::compute::concat(&rows)?)
    }

    fn change_side(&self, value: &ArrayRef) -> Result<ArrayRef> {
        let clock = &Reader::new(&self.clock);
        match value.data_type() {
            DataType::Timestamp(_, Some(_)) => self.walls(value, clock),
            _ => self.instants(value, &[], TimeUnit::Second, clock),
        }
    }

    /// The same function in another zone.
    fn there(&self, zone: &str) -> Result<Self> {
        // Offsets have two opposite readings, ISO's and POSIX's.
        let clock =
            Clock::of(zone).map_err(|_| super::wrong(format!("\"{zone}\" is no time zone"), "name one such as Asia/Tokyo or UTC"))?;
        Ok(Self::new(self.op(), clock))
    }
}
