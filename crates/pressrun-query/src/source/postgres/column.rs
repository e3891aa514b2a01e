//! Values of the binary wire format → Arrow columns.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{
    BooleanBuilder, Date32Builder, Float32Builder, Float64Builder, Int64Builder, IntervalMonthDayNanoBuilder, StringBuilder,
    Time64MicrosecondBuilder, TimestampMicrosecondBuilder,
};
use arrow_buffer::IntervalMonthDayNano;
use tokio_postgres::types::{FromSql, Kind, Type};

use super::decimal::{Decimals, Form};

use crate::error::{QueryError, QueryErrorKind};

/// Days and microseconds from 1970 to 2000, where PostgreSQL counts from.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// The bytes of a value.
pub(super) struct Raw<'a>(pub(super) &'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Raw(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Whether values of this type are read here; others are asked for as text.
pub(super) fn is_native(data_type: &Type) -> bool {
    matches!(
        *data_type,
        Type::BOOL
            | Type::INT2
            | Type::INT4
            | Type::INT8
            | Type::OID
            | Type::FLOAT4
            | Type::FLOAT8
            | Type::NUMERIC
            | Type::TEXT
            | Type::VARCHAR
            | Type::BPCHAR
            | Type::NAME
            | Type::UNKNOWN
            | Type::JSON
            | Type::JSONB
            | Type::UUID
            | Type::BYTEA
            | Type::DATE
            | Type::TIME
            | Type::TIMESTAMP
            | Type::TIMESTAMPTZ
            | Type::INTERVAL
    ) || matches!(data_type.kind(), Kind::Enum(_))
}

/// A column being filled.
pub(super) enum Column {
    Boolean(BooleanBuilder),
    Integer(Int64Builder),
    Float32(Float32Builder),
    Float64(Float64Builder),
    Decimal(Decimals),
    Text(StringBuilder),
    /// As text with a version byte before it.
    Jsonb(StringBuilder),
    Uuid(StringBuilder),
    Bytes(StringBuilder),
    Date(Date32Builder),
    Time(Time64MicrosecondBuilder),
    Timestamp(TimestampMicrosecondBuilder),
    Interval(IntervalMonthDayNanoBuilder),
}

impl Column {
    /// A column of `data_type`; `form` is what is known of a numeric's digits.
    pub(super) fn new(data_type: &Type, form: Option<Form>, zone: &str) -> Self {
        match *data_type {
            Type::BOOL => Self::Boolean(BooleanBuilder::new()),
            Type::INT2 | Type::INT4 | Type::INT8 | Type::OID => Self::Integer(Int64Builder::new()),
            Type::FLOAT4 => Self::Float32(Float32Builder::new()),
            Type::FLOAT8 => Self::Float64(Float64Builder::new()),
            Type::NUMERIC => Self::Decimal(Decimals::new(form)),
            Type::JSONB => Self::Jsonb(StringBuilder::new()),
            Type::UUID => Self::Uuid(StringBuilder::new()),
            Type::BYTEA => Self::Bytes(StringBuilder::new()),
            Type::DATE => Self::Date(Date32Builder::new()),
            Type::TIME => Self::Time(Time64MicrosecondBuilder::new()),
            Type::TIMESTAMP => Self::Timestamp(TimestampMicrosecondBuilder::new()),
            Type::TIMESTAMPTZ => {
                let data_type = arrow_schema::DataType::Timestamp(arrow_schema::TimeUnit::Microsecond, Some(zone.into()));
                Self::Timestamp(TimestampMicrosecondBuilder::new().with_data_type(data_type))
            }
            Type::INTERVAL => Self::Interval(IntervalMonthDayNanoBuilder::new()),
            _ => Self::Text(StringBuilder::new()),
        }
    }

    /// Adds a value; PostgreSQL's infinite dates and times become null, since no calendar holds them.
    pub(super) fn push(&mut self, raw: Option<&[u8]>) -> Result<(), QueryError> {
        match self {
            Self::Boolean(builder) => builder.append_option(raw.map(|raw| raw.first() == Some(&1))),
            Self::Integer(builder) => builder.append_option(raw.map(integer).transpose()?),
            Self::Float32(builder) => builder.append_option(raw.map(fixed).transpose()?.map(f32::from_be_bytes)),
            Self::Float64(builder) => builder.append_option(raw.map(fixed).transpose()?.map(f64::from_be_bytes)),
            Self::Decimal(decimals) => decimals.push(raw)?,
            Self::Text(builder) => builder.append_option(raw.map(text).transpose()?),
            Self::Jsonb(builder) => builder.append_option(raw.map(|raw| text(raw.get(1..).unwrap_or_default())).transpose()?),
            Self::Uuid(builder) => builder.append_option(raw.map(uuid)),
            Self::Bytes(builder) => builder.append_option(raw.map(|raw| format!("\\x{}", hex::encode(raw)))),
            Self::Date(builder) => {
                let days = raw.map(fixed).transpose()?.map(i32::from_be_bytes);
                builder
                    .append_option(days.filter(|days| !matches!(*days, i32::MIN | i32::MAX)).map(|days| days.saturating_add(EPOCH_DAYS)));
            }
            Self::Time(builder) => builder.append_option(raw.map(fixed).transpose()?.map(i64::from_be_bytes)),
            Self::Timestamp(builder) => {
                let micros = raw.map(fixed).transpose()?.map(i64::from_be_bytes);
                let finite = micros.filter(|micros| !matches!(*micros, i64::MIN | i64::MAX));
                builder.append_option(finite.map(|micros| micros.saturating_add(EPOCH_MICROS)));
            }
            Self::Interval(builder) => builder.append_option(raw.map(interval).transpose()?),
        }
        Ok(())
    }

    /// The values so far, as an array; the column is empty afterwards.
    pub(super) fn finish(&mut self) -> Result<ArrayRef, QueryError> {
        Ok(match self {
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Integer(builder) => Arc::new(builder.finish()),
            Self::Float32(builder) => Arc::new(builder.finish()),
            Self::Float64(builder) => Arc::new(builder.finish()),
            Self::Decimal(decimals) => decimals.finish()?,
            Self::Text(builder) | Self::Jsonb(builder) | Self::Uuid(builder) | Self::Bytes(builder) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
            Self::Time(builder) => Arc::new(builder.finish()),
            Self::Timestamp(builder) => Arc::new(builder.finish()),
            Self::Interval(builder) => Arc::new(builder.finish()),
        })
    }

    /// Forgets the values so far.
    pub(super) fn forget(&mut self) {
        match self {
            Self::Decimal(decimals) => decimals.forget(),
            other => drop(other.finish()),
        }
    }

    /// The digits of a numeric column; `None` for every other.
    pub(super) fn decimals(&mut self) -> Option<&mut Decimals> {
        match self {
            Self::Decimal(decimals) => Some(decimals),
            _ => None,
        }
    }
}

pub(super) fn too_long() -> QueryError {
    QueryError::new(QueryErrorKind::Value, "a numeric column needs more than 76 digits")
        .hint("round it, or cast it to double precision or text")
}

pub(super) fn broken() -> QueryError {
    QueryError::new(QueryErrorKind::Internal, "the database sent a value that is not of its type")
}

fn fixed<const N: usize>(raw: &[u8]) -> Result<[u8; N], QueryError> {
    raw.try_into().map_err(|_| broken())
}

fn integer(raw: &[u8]) -> Result<i64, QueryError> {
    match raw.len() {
        2 => Ok(i64::from(i16::from_be_bytes(fixed(raw)?))),
        4 => Ok(i64::from(i32::from_be_bytes(fixed(raw)?))),
        _ => Ok(i64::from_be_bytes(fixed(raw)?)),
    }
}

fn text(raw: &[u8]) -> Result<&str, QueryError> {
    std::str::from_utf8(raw).map_err(|_| broken())
}

fn uuid(raw: &[u8]) -> String {
    let hex = hex::encode(raw);
    let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default();
    [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
}

/// Microseconds, days, months.
fn interval(raw: &[u8]) -> Result<IntervalMonthDayNano, QueryError> {
    let (Some(micros), Some(days), Some(months)) = (raw.get(..8), raw.get(8..12), raw.get(12..16)) else { return Err(broken()) };
    let nanoseconds = i64::from_be_bytes(fixed(micros)?).checked_mul(1000);
    let too_long = || QueryError::new(QueryErrorKind::Value, "an interval has more than 292 years of seconds").hint("cast it to text");
    let nanoseconds = nanoseconds.ok_or_else(too_long)?;
    Ok(IntervalMonthDayNano::new(i32::from_be_bytes(fixed(months)?), i32::from_be_bytes(fixed(days)?), nanoseconds))
}
