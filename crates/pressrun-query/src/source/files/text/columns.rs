//! Texts to values of one type, a column at a time.

use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder, PrimitiveBuilder, StringBuilder};
use arrow_array::types::{Date32Type, Decimal128Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType, TimestampNanosecondType};
use arrow_array::{ArrayRef, NullArray, PrimitiveArray};
use arrow_schema::{DataType, TimeUnit};
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use pressrun_domain::catalog::ColumnType;

use super::moment;
use super::number::{Marks, unscaled};
use crate::error::{QueryError, QueryErrorKind};

/// The Arrow type of a declared column; instants are told in `zone`.
pub(crate) fn declared(of: &ColumnType, zone: &str) -> DataType {
    match of {
        ColumnType::Text => DataType::Utf8,
        ColumnType::Integer => DataType::Int64,
        ColumnType::Number => DataType::Float64,
        ColumnType::Decimal(precision, scale) => DataType::Decimal128(*precision, *scale),
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Date(_) => DataType::Date32,
        ColumnType::Time => DataType::Time64(TimeUnit::Microsecond),
        ColumnType::Timestamp(_) => DataType::Timestamp(TimeUnit::Microsecond, None),
        ColumnType::Instant(_) => DataType::Timestamp(TimeUnit::Microsecond, Some(zone.into())),
    }
}

/// How the texts of a column are read.
#[derive(Debug, Clone)]
pub(crate) struct Parser {
    pub(crate) marks: Marks,
    /// A declared pattern of `strftime`.
    pub(crate) pattern: Option<String>,
    /// Where wall clocks are instants of.
    pub(crate) zone: TimeZone,
}

/// The values of one column so far.
pub(crate) struct Column {
    parser: Parser,
    values: Values,
}

enum Values {
    Nothing(usize),
    Boolean(BooleanBuilder),
    Integer(Int64Builder),
    Number(Float64Builder),
    /// With precision and scale.
    Decimal(PrimitiveBuilder<Decimal128Type>, u8, u8),
    Date(PrimitiveBuilder<Date32Type>),
    Time(PrimitiveBuilder<Time64MicrosecondType>),
    /// Ticks of a wall clock, or of instants when there is a zone.
    Timestamp(PrimitiveBuilder<Int64Type>, TimeUnit, Option<Arc<str>>),
    Text(StringBuilder),
}

impl Column {
    /// # Errors
    /// A type that no text is read as; a defect.
    pub(crate) fn new(data_type: &DataType, parser: Parser) -> Result<Self, QueryError> {
        let values = match data_type {
            DataType::Null => Values::Nothing(0),
            DataType::Boolean => Values::Boolean(BooleanBuilder::new()),
            DataType::Int64 => Values::Integer(Int64Builder::new()),
            DataType::Float64 => Values::Number(Float64Builder::new()),
            DataType::Decimal128(precision, scale) => {
                Values::Decimal(PrimitiveBuilder::new().with_data_type(data_type.clone()), *precision, scale.unsigned_abs())
            }
            DataType::Date32 => Values::Date(PrimitiveBuilder::new()),
            DataType::Time64(TimeUnit::Microsecond) => Values::Time(PrimitiveBuilder::new()),
            DataType::Timestamp(unit @ (TimeUnit::Microsecond | TimeUnit::Nanosecond), zone) => {
                Values::Timestamp(PrimitiveBuilder::new(), *unit, zone.clone())
            }
            DataType::Utf8 => Values::Text(StringBuilder::new()),
            other => return Err(QueryError::new(QueryErrorKind::Internal, format!("text files have no columns of type {other}"))),
        };
        Ok(Self { parser, values })
    }

    /// What its values are, in the words of the catalog.
    pub(crate) fn data_type(&self) -> String {
        match &self.values {
            Values::Nothing(_) => "value of an empty column".to_owned(),
            Values::Boolean(_) => "boolean".to_owned(),
            Values::Integer(_) => "integer".to_owned(),
            Values::Number(_) => "number".to_owned(),
            Values::Decimal(_, precision, scale) => format!("decimal({precision},{scale})"),
            Values::Date(_) => "date".to_owned(),
            Values::Time(_) => "time".to_owned(),
            Values::Timestamp(.., None) => "timestamp".to_owned(),
            Values::Timestamp(.., Some(_)) => "timestamptz".to_owned(),
            Values::Text(_) => "text".to_owned(),
        }
    }

    /// Whether its values are texts, which keep their blanks and may be empty.
    pub(crate) fn is_text(&self) -> bool {
        matches!(self.values, Values::Text(_))
    }

    pub(crate) fn append_null(&mut self) {
        match &mut self.values {
            Values::Nothing(rows) => *rows += 1,
            Values::Boolean(builder) => builder.append_null(),
            Values::Integer(builder) | Values::Timestamp(builder, ..) => builder.append_null(),
            Values::Number(builder) => builder.append_null(),
            Values::Decimal(builder, ..) => builder.append_null(),
            Values::Date(builder) => builder.append_null(),
            Values::Time(builder) => builder.append_null(),
            Values::Text(builder) => builder.append_null(),
        }
    }

    /// Appends the value that `text` is; false when it is none of this type.
    #[must_use]
    pub(crate) fn append(&mut self, text: &str) -> bool {
        let parser = &self.parser;
        match &mut self.values {
            Values::Nothing(_) => false,
            Values::Text(builder) => {
                builder.append_value(text);
                true
            }
            Values::Boolean(builder) => put(boolean(text), |value| builder.append_value(value)),
            Values::Integer(builder) => put(parser.plain(text, |text| text.parse().ok()), |value| builder.append_value(value)),
            Values::Number(builder) => put(parser.plain(text, |text| text.parse().ok()), |value| builder.append_value(value)),
            Values::Decimal(builder, precision, scale) => {
                let most = 10_i128.checked_pow(u32::from(*precision));
                let fits = |value: &i128| most.is_some_and(|most| value.unsigned_abs() < most.unsigned_abs());
                put(parser.plain(text, |text| unscaled(text, *scale)).filter(fits), |value| builder.append_value(value))
            }
            Values::Date(builder) => put(parser.day(text), |value| builder.append_value(value)),
            Values::Time(builder) => put(moment::time(text), |value| builder.append_value(micros_of_day(value))),
            Values::Timestamp(builder, unit, zone) => {
                let since = if zone.is_some() { parser.instant(text) } else { parser.wall(text).map(moment::since_epoch) };
                let ticks = since.and_then(|since| match unit {
                    TimeUnit::Nanosecond => i64::try_from(since.as_nanos()).ok(),
                    _ => i64::try_from(since.as_micros()).ok(),
                });
                put(ticks, |value| builder.append_value(value))
            }
        }
    }

    /// The column, which then is empty again.
    pub(crate) fn finish(&mut self) -> ArrayRef {
        match &mut self.values {
            Values::Nothing(rows) => Arc::new(NullArray::new(std::mem::take(rows))),
            Values::Boolean(builder) => Arc::new(builder.finish()),
            Values::Integer(builder) => Arc::new(builder.finish()),
            Values::Number(builder) => Arc::new(builder.finish()),
            Values::Decimal(builder, ..) => Arc::new(builder.finish()),
            Values::Date(builder) => Arc::new(builder.finish()),
            Values::Time(builder) => Arc::new(builder.finish()),
            Values::Timestamp(builder, unit, zone) => {
                let ticks: PrimitiveArray<Int64Type> = builder.finish();
                match unit {
                    TimeUnit::Nanosecond => Arc::new(ticks.reinterpret_cast::<TimestampNanosecondType>().with_timezone_opt(zone.clone())),
                    _ => Arc::new(ticks.reinterpret_cast::<TimestampMicrosecondType>().with_timezone_opt(zone.clone())),
                }
            }
            Values::Text(builder) => Arc::new(builder.finish()),
        }
    }
}

impl Parser {
    fn plain<T>(&self, text: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        self.marks.plain(text).and_then(|plain| read(&plain))
    }

    fn day(&self, text: &str) -> Option<i32> {
        let day = match &self.pattern {
            Some(pattern) => moment::by_pattern(pattern, text)?.to_date().ok()?,
            None => moment::day(text)?,
        };
        Some(moment::days(day))
    }

    /// A day alone is its midnight.
    fn wall(&self, text: &str) -> Option<DateTime> {
        match &self.pattern {
            Some(pattern) => {
                let parts = moment::by_pattern(pattern, text)?;
                Some(parts.to_date().ok()?.to_datetime(parts.to_time().unwrap_or(Time::midnight())))
            }
            None => moment::wall(text).or_else(|| moment::day(text).map(|day| day.to_datetime(Time::midnight()))),
        }
    }

    /// Since 1970. What has no offset is read in the zone.
    fn instant(&self, text: &str) -> Option<SignedDuration> {
        let stated = match &self.pattern {
            Some(pattern) => moment::by_pattern(pattern, text)?.to_timestamp().ok(),
            None => moment::instant(text),
        };
        stated.or_else(|| moment::in_zone(self.wall(text)?, &self.zone)).map(Timestamp::as_duration)
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "on" | "1" => Some(true),
        "false" | "f" | "no" | "n" | "off" | "0" => Some(false),
        _ => None,
    }
}

fn micros_of_day(time: Time) -> i64 {
    (time.duration_since(Time::midnight()).as_nanos() / 1000) as i64
}

fn put<T>(value: Option<T>, mut append: impl FnMut(T)) -> bool {
    value.map(&mut append).is_some()
}
