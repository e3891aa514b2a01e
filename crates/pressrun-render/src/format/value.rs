//! One cell of an Arrow column as a plain value, without losing digits.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::types as t;
use arrow_array::{Array, ArrowPrimitiveType, PrimitiveArray};
use arrow_buffer::i256;
use arrow_schema::{DataType, IntervalUnit, TimeUnit};
use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Span, Timestamp};

/// A number of up to 256 bits with a decimal point: `unscaled` / 10^`scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    /// All digits, as an integer.
    pub unscaled: i256,
    /// How many of them stand behind the point; negative adds zeros.
    pub scale: i8,
}

/// One cell. Borrows text and bytes from the array.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// No value.
    Null,
    /// True or false.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An unsigned integer.
    UInt(u64),
    /// A binary fraction; may be NaN or infinite.
    Float(f64),
    /// An exact decimal.
    Decimal(Decimal),
    /// Text.
    Text(Cow<'a, str>),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A calendar date.
    Date(Date),
    /// A time of day.
    Time(Time),
    /// Date and time on a wall, in no zone.
    DateTime(DateTime),
    /// An instant.
    Instant(Timestamp),
    /// An exact length of time.
    Duration(SignedDuration),
    /// A calendar length of time.
    Interval {
        /// Months, twelve a year.
        months: i32,
        /// Days.
        days: i32,
        /// The rest, in nanoseconds.
        nanoseconds: i64,
    },
    /// Items in order.
    List(Vec<Value<'a>>),
    /// Named members in order.
    Struct(Vec<(&'a str, Value<'a>)>),
    /// Keys and values in order.
    Map(Vec<(Value<'a>, Value<'a>)>),
}

impl<'a> Value<'a> {
    /// The value of `array` at `row`; a row beyond the end is null.
    ///
    /// Instants beyond the years that a calendar can say become the text of their raw count.
    #[must_use]
    pub fn at(array: &'a dyn Array, row: usize) -> Self {
        if row >= array.len() || array.is_null(row) {
            return Self::Null;
        }
        match array.data_type() {
            DataType::Null => Self::Null,
            DataType::Boolean => Self::Bool(array.as_boolean().value(row)),
            DataType::Int8 => Self::Int(native::<t::Int8Type>(array, row).into()),
            DataType::Int16 => Self::Int(native::<t::Int16Type>(array, row).into()),
            DataType::Int32 => Self::Int(native::<t::Int32Type>(array, row).into()),
            DataType::Int64 => Self::Int(native::<t::Int64Type>(array, row)),
            DataType::UInt8 => Self::UInt(native::<t::UInt8Type>(array, row).into()),
            DataType::UInt16 => Self::UInt(native::<t::UInt16Type>(array, row).into()),
            DataType::UInt32 => Self::UInt(native::<t::UInt32Type>(array, row).into()),
            DataType::UInt64 => Self::UInt(native::<t::UInt64Type>(array, row)),
            DataType::Float16 => Self::Float(shortest(f32::from(native::<t::Float16Type>(array, row)))),
            DataType::Float32 => Self::Float(shortest(native::<t::Float32Type>(array, row))),
            DataType::Float64 => Self::Float(native::<t::Float64Type>(array, row)),
            DataType::Decimal32(_, scale) => decimal(native::<t::Decimal32Type>(array, row).into(), *scale),
            DataType::Decimal64(_, scale) => decimal(native::<t::Decimal64Type>(array, row).into(), *scale),
            DataType::Decimal128(_, scale) => decimal(native::<t::Decimal128Type>(array, row), *scale),
            DataType::Decimal256(_, scale) => Self::Decimal(Decimal { unscaled: native::<t::Decimal256Type>(array, row), scale: *scale }),
            DataType::Utf8 => Self::Text(Cow::Borrowed(array.as_string::<i32>().value(row))),
            DataType::LargeUtf8 => Self::Text(Cow::Borrowed(array.as_string::<i64>().value(row))),
            DataType::Utf8View => Self::Text(Cow::Borrowed(array.as_string_view().value(row))),
            DataType::Binary => Self::Bytes(array.as_binary::<i32>().value(row)),
            DataType::LargeBinary => Self::Bytes(array.as_binary::<i64>().value(row)),
            DataType::BinaryView => Self::Bytes(array.as_binary_view().value(row)),
            DataType::FixedSizeBinary(_) => Self::Bytes(array.as_fixed_size_binary().value(row)),
            DataType::Date32 => date_from_days(native::<t::Date32Type>(array, row).into()),
            DataType::Date64 => date_from_days(native::<t::Date64Type>(array, row).div_euclid(86_400_000)),
            DataType::Time32(TimeUnit::Second) => {
                time_from_nanoseconds(i128::from(native::<t::Time32SecondType>(array, row)) * 1_000_000_000)
            }
            DataType::Time32(_) => time_from_nanoseconds(i128::from(native::<t::Time32MillisecondType>(array, row)) * 1_000_000),
            DataType::Time64(TimeUnit::Microsecond) => {
                time_from_nanoseconds(i128::from(native::<t::Time64MicrosecondType>(array, row)) * 1_000)
            }
            DataType::Time64(_) => time_from_nanoseconds(native::<t::Time64NanosecondType>(array, row).into()),
            DataType::Timestamp(unit, zone) => instant(array, row, *unit, zone.is_some()),
            DataType::Duration(unit) => duration(array, row, *unit),
            DataType::Interval(unit) => interval(array, row, *unit),
            _ => Self::nested(array, row),
        }
    }

    /// Dictionaries and nested types; what has no case of its own becomes text by Arrow's own formatter.
    fn nested(array: &'a dyn Array, row: usize) -> Self {
        match array.data_type() {
            DataType::Dictionary(..) => {
                let dictionary = array.as_any_dictionary();
                let key = match Value::at(dictionary.keys(), row) {
                    Value::Int(key) => usize::try_from(key).ok(),
                    Value::UInt(key) => usize::try_from(key).ok(),
                    _ => None,
                };
                key.map_or(Self::Null, |key| Self::at(dictionary.values().as_ref(), key))
            }
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                Self::items(list.values().as_ref(), span(list.value_offsets(), row))
            }
            DataType::LargeList(_) => {
                let list = array.as_list::<i64>();
                Self::items(list.values().as_ref(), span(list.value_offsets(), row))
            }
            DataType::FixedSizeList(_, size) => {
                let list = array.as_fixed_size_list();
                let size = usize::try_from(*size).unwrap_or(0);
                let start = usize::try_from(list.value_offset(row)).unwrap_or(0);
                Self::items(list.values().as_ref(), start..start + size)
            }
            DataType::Map(..) => {
                let map = array.as_map();
                let (keys, values) = (map.keys().as_ref(), map.values().as_ref());
                Self::Map(span(map.value_offsets(), row).map(|i| (Self::at(keys, i), Self::at(values, i))).collect())
            }
            DataType::Struct(fields) => {
                let columns = array.as_struct().columns();
                Self::Struct(
                    fields.iter().zip(columns).map(|(field, column)| (field.name().as_str(), Self::at(column.as_ref(), row))).collect(),
                )
            }
            _ => Self::Text(Cow::Owned(arrow_cast::display::array_value_to_string(array, row).unwrap_or_default())),
        }
    }

    fn items(values: &'a dyn Array, range: std::ops::Range<usize>) -> Self {
        Self::List(range.map(|i| Self::at(values, i)).collect())
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The nearest 64-bit float, for geometry only; durations in seconds, flags as 0 and 1.
    ///
    /// `None` for what is not a finite number.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        let number = match self {
            Self::Bool(flag) => f64::from(u8::from(*flag)),
            Self::Int(int) => *int as f64,
            Self::UInt(int) => *int as f64,
            Self::Float(float) => *float,
            Self::Decimal(decimal) => decimal.to_f64(),
            Self::Text(text) => text.trim().parse().ok()?,
            Self::Duration(duration) => duration.as_secs_f64(),
            Self::Null
            | Self::Bytes(_)
            | Self::Date(_)
            | Self::Time(_)
            | Self::DateTime(_)
            | Self::Instant(_)
            | Self::Interval { .. }
            | Self::List(_)
            | Self::Struct(_)
            | Self::Map(_) => return None,
        };
        number.is_finite().then_some(number)
    }
}

impl Decimal {
    /// The nearest 64-bit float.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        super::digits::Digits::from_decimal(self).to_string().parse().unwrap_or(f64::NAN)
    }
}

fn native<T: ArrowPrimitiveType>(array: &dyn Array, row: usize) -> T::Native {
    let primitive: &PrimitiveArray<T> = array.as_primitive();
    primitive.value(row)
}

/// A 32-bit float as the 64-bit float with the same shortest digits, so that 0.1 stays 0.1.
fn shortest(float: f32) -> f64 {
    if float.is_finite() { float.to_string().parse().unwrap_or(f64::from(float)) } else { f64::from(float) }
}

fn decimal<'a>(unscaled: i128, scale: i8) -> Value<'a> {
    Value::Decimal(Decimal { unscaled: i256::from_i128(unscaled), scale })
}

fn span<O: arrow_array::OffsetSizeTrait>(offsets: &[O], row: usize) -> std::ops::Range<usize> {
    match offsets.get(row..row + 2) {
        Some([start, end]) => start.as_usize()..end.as_usize(),
        _ => 0..0,
    }
}

/// Midnight from which instants and days are counted.
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

fn date_from_days<'a>(days: i64) -> Value<'a> {
    let date = Span::new().try_days(days).ok().and_then(|days| EPOCH.date().checked_add(days).ok());
    date.map_or_else(|| Value::Text(Cow::Owned(format!("day {days}"))), Value::Date)
}

fn time_from_nanoseconds<'a>(nanoseconds: i128) -> Value<'a> {
    let second = nanoseconds.div_euclid(1_000_000_000);
    let rest = nanoseconds.rem_euclid(1_000_000_000);
    let part = |of: i128| i8::try_from(of).ok();
    let time = (|| Time::new(part(second / 3600)?, part(second / 60 % 60)?, part(second % 60)?, i32::try_from(rest).ok()?).ok())();
    match time {
        Some(time) => Value::Time(time),
        None => Value::Text(Cow::Owned(format!("{nanoseconds} ns"))),
    }
}

fn instant<'a>(array: &dyn Array, row: usize, unit: TimeUnit, zoned: bool) -> Value<'a> {
    let (count, per_second) = match unit {
        TimeUnit::Second => (native::<t::TimestampSecondType>(array, row), 1),
        TimeUnit::Millisecond => (native::<t::TimestampMillisecondType>(array, row), 1_000),
        TimeUnit::Microsecond => (native::<t::TimestampMicrosecondType>(array, row), 1_000_000),
        TimeUnit::Nanosecond => (native::<t::TimestampNanosecondType>(array, row), 1_000_000_000),
    };
    moment(count, per_second, zoned)
}

/// `count` units of 1/`per_second` s after 1970: an instant, or what a wall shows.
pub(crate) fn moment<'a>(count: i64, per_second: i64, zoned: bool) -> Value<'a> {
    let nanoseconds = count.rem_euclid(per_second) * (1_000_000_000 / per_second);
    let since = SignedDuration::new(count.div_euclid(per_second), nanoseconds as i32);
    if zoned && let Ok(at) = Timestamp::from_duration(since) {
        return Value::Instant(at);
    }
    match EPOCH.checked_add(since) {
        // The last hours of the year 9999, which stand for "for ever": no zone is known for them.
        Ok(wall) if zoned => Value::Text(Cow::Owned(format!("{wall}+00:00"))),
        Ok(wall) => Value::DateTime(wall),
        Err(_) => Value::Text(Cow::Owned(count.to_string())),
    }
}

fn duration<'a>(array: &dyn Array, row: usize, unit: TimeUnit) -> Value<'a> {
    Value::Duration(match unit {
        TimeUnit::Second => SignedDuration::from_secs(native::<t::DurationSecondType>(array, row)),
        TimeUnit::Millisecond => SignedDuration::from_millis(native::<t::DurationMillisecondType>(array, row)),
        TimeUnit::Microsecond => SignedDuration::from_micros(native::<t::DurationMicrosecondType>(array, row)),
        TimeUnit::Nanosecond => SignedDuration::from_nanos(native::<t::DurationNanosecondType>(array, row)),
    })
}

fn interval<'a>(array: &dyn Array, row: usize, unit: IntervalUnit) -> Value<'a> {
    match unit {
        IntervalUnit::YearMonth => Value::Interval { months: native::<t::IntervalYearMonthType>(array, row), days: 0, nanoseconds: 0 },
        IntervalUnit::DayTime => {
            let interval = native::<t::IntervalDayTimeType>(array, row);
            Value::Interval { months: 0, days: interval.days, nanoseconds: i64::from(interval.milliseconds) * 1_000_000 }
        }
        IntervalUnit::MonthDayNano => {
            let interval = native::<t::IntervalMonthDayNanoType>(array, row);
            Value::Interval { months: interval.months, days: interval.days, nanoseconds: interval.nanoseconds }
        }
    }
}
