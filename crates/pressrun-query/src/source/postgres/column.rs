//! Values of the binary wire format → Arrow columns.

use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, Date32Builder, Float32Builder, Float64Builder, Int64Builder, StringBuilder, Time64MicrosecondBuilder,
    TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, Decimal128Array};
use tokio_postgres::types::{FromSql, Kind, Type};

use crate::error::{QueryError, QueryErrorKind};

/// Days and microseconds from 1970 to 2000, where PostgreSQL counts from.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_MICROS: i64 = 946_684_800_000_000;
/// Digits that a decimal column holds.
const DIGITS: u8 = 38;

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
}

/// Numbers of any scale. The scale of the column is the largest of the first batch; in later batches digits beyond it are
/// rounded, which only a result of more than 8,192 rows with growing scales can see.
#[derive(Default)]
pub(super) struct Decimals {
    values: Vec<Option<(i128, u8)>>,
    scale: Option<u8>,
}

impl Column {
    pub(super) fn new(data_type: &Type, zone: &str) -> Self {
        match *data_type {
            Type::BOOL => Self::Boolean(BooleanBuilder::new()),
            Type::INT2 | Type::INT4 | Type::INT8 | Type::OID => Self::Integer(Int64Builder::new()),
            Type::FLOAT4 => Self::Float32(Float32Builder::new()),
            Type::FLOAT8 => Self::Float64(Float64Builder::new()),
            Type::NUMERIC => Self::Decimal(Decimals::default()),
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
            Self::Decimal(decimals) => decimals.values.push(raw.map(numeric).transpose()?),
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
        })
    }
}

impl Decimals {
    fn finish(&mut self) -> Result<ArrayRef, QueryError> {
        let values = std::mem::take(&mut self.values);
        let scale = *self.scale.get_or_insert_with(|| values.iter().flatten().map(|(_, scale)| *scale).max().unwrap_or(0));
        let scaled = values.into_iter().map(|value| value.map(|(unscaled, own)| rescale(unscaled, own, scale)).transpose());
        let array: Decimal128Array = scaled.collect::<Result<_, _>>()?;
        let array = array
            .with_precision_and_scale(DIGITS, i8::try_from(scale).unwrap_or(0))
            .map_err(|error| QueryError::new(QueryErrorKind::Internal, error.to_string()))?;
        Ok(Arc::new(array))
    }
}

fn rescale(unscaled: i128, own: u8, scale: u8) -> Result<i128, QueryError> {
    let by = 10i128.checked_pow(u32::from(own.abs_diff(scale))).ok_or_else(too_long)?;
    if own <= scale {
        return unscaled.checked_mul(by).filter(|value| value.unsigned_abs() < 10u128.pow(u32::from(DIGITS))).ok_or_else(too_long);
    }
    let half = by / 2 * unscaled.signum();
    Ok((unscaled + half) / by)
}

fn too_long() -> QueryError {
    QueryError::new(QueryErrorKind::Value, format!("a numeric value has more than {DIGITS} digits"))
        .hint("round it, or cast it to double precision or text")
}

fn broken() -> QueryError {
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

/// A numeric of the wire: groups of four digits, the weight of the first, a sign, and the digits to show behind the point.
fn numeric(raw: &[u8]) -> Result<(i128, u8), QueryError> {
    let word = |at: usize| raw.get(at * 2..at * 2 + 2).and_then(|two| two.try_into().ok()).map(i16::from_be_bytes).ok_or_else(broken);
    let (groups, weight, sign, shown) = (word(0)?, word(1)?, word(2)? as u16, word(3)?);
    if !matches!(sign, 0x0000 | 0x4000) {
        return Err(QueryError::new(QueryErrorKind::Value, "a numeric value is NaN or infinite").hint("cast it to double precision"));
    }
    let mut unscaled: i128 = 0;
    // The scale of what has been read: four for each group behind the point.
    let scale = (i32::from(groups) - 1 - i32::from(weight)) * 4;
    for at in 0..groups {
        let group = word(4 + usize::try_from(at).map_err(|_| broken())?)?;
        unscaled = unscaled.checked_mul(10_000).and_then(|value| value.checked_add(i128::from(group))).ok_or_else(too_long)?;
    }
    let shown = u8::try_from(shown).ok().filter(|shown| *shown <= DIGITS).ok_or_else(too_long)?;
    let shift = i32::from(shown) - scale;
    let by = 10i128.checked_pow(shift.unsigned_abs()).ok_or_else(too_long)?;
    // Trailing zeros of the last group lie beyond the digits shown.
    let unscaled = if shift >= 0 { unscaled.checked_mul(by).ok_or_else(too_long)? } else { unscaled / by };
    if unscaled.unsigned_abs() >= 10u128.pow(u32::from(DIGITS)) {
        return Err(too_long());
    }
    Ok((if sign == 0x4000 { -unscaled } else { unscaled }, shown))
}
