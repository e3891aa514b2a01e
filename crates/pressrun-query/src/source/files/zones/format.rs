//! Instants as text.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{ArrayRef, StringArray};
use arrow_schema::{DataType, TimeUnit};
use datafusion::error::Result;
use jiff::tz::TimeZone;

use super::clock::{Clock, Reader};
use super::columns::{beyond, change, numbers, per_second, unit_of};

pub(super) fn format(clock: &Clock, value: &ArrayRef, formats: &ArrayRef) -> Result<ArrayRef> {
    let micros = change(value, &DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))?;
    let micros = micros.as_primitive::<TimestampMicrosecondType>();
    let formats =
        formats.as_string_opt::<i32>().ok_or_else(|| super::wrong("a format is no text".to_owned(), "write it in single quotes"))?;
    let one = |(micros, format): (Option<i64>, Option<&str>)| {
        let (Some(micros), Some(format)) = (micros, format) else { return Ok(None) };
        let at = jiff::Timestamp::from_microsecond(micros).map_err(|_| beyond())?;
        let local = at.to_zoned_datetime(clock.zone().clone());
        let text = jiff::fmt::strtime::format(format, &local);
        text.map(Some).map_err(|error| super::wrong(format!("\"{format}\" is no format of a date: {error}"), "%Y-%m-%d %H:%M:%S %z is one"))
    };
    Ok(Arc::new(micros.iter().zip(formats.iter()).map(one).collect::<Result<StringArray>>()?))
}

/// Instants as ISO 8601 with the offset of the zone.
pub(super) fn told(value: &ArrayRef, clock: &Reader<'_>) -> Result<ArrayRef> {
    let by = per_second(unit_of(value));
    let one = |number: Option<i64>| {
        let Some(number) = number else { return Ok(None) };
        let second = number.div_euclid(by);
        let offset = clock.offset(second);
        let local = second.checked_add(offset).and_then(|local| jiff::Timestamp::from_second(local).ok()).ok_or_else(beyond)?;
        let text = local.to_zoned_datetime(TimeZone::UTC).datetime().strftime("%Y-%m-%dT%H:%M:%S").to_string();
        let nanos = number.rem_euclid(by) * (1_000_000_000 / by);
        let fraction = match nanos {
            0 => String::new(),
            _ if nanos % 1_000_000 == 0 => format!(".{:03}", nanos / 1_000_000),
            _ if nanos % 1000 == 0 => format!(".{:06}", nanos / 1000),
            _ => format!(".{nanos:09}"),
        };
        let (hours, minutes) = (offset.abs() / 3600, offset.abs() % 3600 / 60);
        let sign = if offset < 0 { '-' } else { '+' };
        Ok(Some(format!("{text}{fraction}{sign}{hours:02}:{minutes:02}")))
    };
    Ok(Arc::new(numbers(value)?.iter().map(one).collect::<Result<StringArray>>()?))
}
