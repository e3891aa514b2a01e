//! Values of the wire → Arrow columns.
//!
//! Numbers, dates and bytes come in binary form, which no setting of the server changes. Of everything else the server writes the text: it
//! knows enums, arrays, ranges, composites, addresses and the types of its extensions best.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{
    BooleanBuilder, Decimal128Builder, Float32Builder, Float64Builder, Int64Builder, IntervalMonthDayNanoBuilder, StringBuilder,
};
use arrow_buffer::IntervalMonthDayNano;

use super::calendar::{Calendar, Kind};
use super::decimal::{Decimals, Form, NARROW};
use super::session::Described;
use crate::error::{QueryError, QueryErrorKind};

/// Object ids of types, which PostgreSQL never changes (`pg_type.dat`).
mod oid {
    pub(super) const BOOL: u32 = 16;
    pub(super) const BYTEA: u32 = 17;
    pub(super) const INT8: u32 = 20;
    pub(super) const INT2: u32 = 21;
    pub(super) const INT4: u32 = 23;
    pub(super) const OID: u32 = 26;
    pub(super) const FLOAT4: u32 = 700;
    pub(super) const FLOAT8: u32 = 701;
    pub(super) const MONEY: u32 = 790;
    pub(super) const DATE: u32 = 1082;
    pub(super) const TIME: u32 = 1083;
    pub(super) const TIMESTAMP: u32 = 1114;
    pub(super) const TIMESTAMPTZ: u32 = 1184;
    pub(super) const INTERVAL: u32 = 1186;
    pub(super) const NUMERIC: u32 = 1700;
}

/// An amount of one unit, of which the server's locale decides the digits.
pub(super) const ONE_OF_MONEY: &str = "select '1'::money";

/// A column being filled.
pub(super) struct Column {
    name: String,
    values: Values,
}

enum Values {
    Boolean(BooleanBuilder),
    Integer(Int64Builder),
    /// Four bytes without a sign.
    ObjectId(Int64Builder),
    Float32(Float32Builder),
    Float64(Float64Builder),
    Decimal(Decimals),
    Money(Decimal128Builder),
    Text(StringBuilder),
    Bytes(StringBuilder),
    Calendar(Calendar),
    Interval(IntervalMonthDayNanoBuilder),
}

/// Whether values of this column are asked for in binary form.
pub(super) fn is_binary(described: &Described) -> bool {
    use oid::{BOOL, BYTEA, DATE, FLOAT4, FLOAT8, INT2, INT4, INT8, INTERVAL, MONEY, NUMERIC, OID, TIME, TIMESTAMP, TIMESTAMPTZ};
    matches!(
        described.type_id,
        BOOL | BYTEA | INT8 | INT2 | INT4 | OID | FLOAT4 | FLOAT8 | MONEY | DATE | TIME | TIMESTAMP | TIMESTAMPTZ | INTERVAL | NUMERIC
    )
}

/// Whether the digits of money have to be known.
pub(super) fn is_money(described: &Described) -> bool {
    described.type_id == oid::MONEY
}

/// The digits behind the point of money, by one unit of it.
pub(super) fn money_scale(one: &[u8]) -> Result<i8, QueryError> {
    let one = i64::from_be_bytes(fixed(one)?);
    let digits = u64::try_from(one).ok().and_then(u64::checked_ilog10).filter(|digits| 10_i64.checked_pow(*digits) == Some(one));
    digits.and_then(|digits| i8::try_from(digits).ok()).ok_or_else(broken)
}

impl Column {
    /// A column of what the server described, instants in `zone`, money with `money_scale` digits.
    pub(super) fn new(described: &Described, zone: &Arc<str>, money_scale: i8) -> Result<Self, QueryError> {
        let values = match described.type_id {
            oid::BOOL => Values::Boolean(BooleanBuilder::new()),
            oid::INT2 | oid::INT4 | oid::INT8 => Values::Integer(Int64Builder::new()),
            oid::OID => Values::ObjectId(Int64Builder::new()),
            oid::FLOAT4 => Values::Float32(Float32Builder::new()),
            oid::FLOAT8 => Values::Float64(Float64Builder::new()),
            oid::NUMERIC => Values::Decimal(Decimals::new(Form::declared(described.modifier))),
            oid::MONEY => {
                let builder = Decimal128Builder::new().with_precision_and_scale(NARROW as u8, money_scale);
                Values::Money(builder.map_err(|error| QueryError::new(QueryErrorKind::Internal, error.to_string()))?)
            }
            oid::BYTEA => Values::Bytes(StringBuilder::new()),
            oid::DATE => Values::Calendar(Calendar::new(Kind::Date)),
            oid::TIME => Values::Calendar(Calendar::new(Kind::Time)),
            oid::TIMESTAMP => Values::Calendar(Calendar::new(Kind::Wall)),
            oid::TIMESTAMPTZ => Values::Calendar(Calendar::new(Kind::Instant(Arc::clone(zone)))),
            oid::INTERVAL => Values::Interval(IntervalMonthDayNanoBuilder::new()),
            _ => Values::Text(StringBuilder::new()),
        };
        Ok(Self { name: described.name.clone(), values })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Adds a value.
    pub(super) fn push(&mut self, raw: Option<&[u8]>) -> Result<(), QueryError> {
        self.values.push(raw).map_err(|error| self.named(error))
    }

    /// The values so far, as an array; the column is empty afterwards. Its type is that of the array before, or a wider one, for which
    /// [`crate::source::widened`] knows the way.
    pub(super) fn finish(&mut self) -> Result<ArrayRef, QueryError> {
        self.values.finish().map_err(|error| self.named(error))
    }

    fn named(&self, error: QueryError) -> QueryError {
        QueryError { message: format!("the column `{}` {}", self.name, error.message), ..error }
    }
}

impl Values {
    fn push(&mut self, raw: Option<&[u8]>) -> Result<(), QueryError> {
        match self {
            Self::Boolean(builder) => builder.append_option(raw.map(|raw| raw.first() == Some(&1))),
            Self::Integer(builder) => builder.append_option(raw.map(integer).transpose()?),
            Self::ObjectId(builder) => builder.append_option(raw.map(fixed).transpose()?.map(u32::from_be_bytes).map(i64::from)),
            Self::Float32(builder) => builder.append_option(raw.map(fixed).transpose()?.map(f32::from_be_bytes)),
            Self::Float64(builder) => builder.append_option(raw.map(fixed).transpose()?.map(f64::from_be_bytes)),
            Self::Decimal(decimals) => decimals.push(raw)?,
            Self::Money(builder) => builder.append_option(raw.map(fixed).transpose()?.map(i64::from_be_bytes).map(i128::from)),
            Self::Text(builder) => builder.append_option(raw.map(text).transpose()?),
            Self::Bytes(builder) => builder.append_option(raw.map(|raw| format!("\\x{}", hex::encode(raw)))),
            Self::Calendar(calendar) => calendar.push(raw.map(count).transpose()?),
            Self::Interval(builder) => builder.append_option(raw.map(interval).transpose()?),
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef, QueryError> {
        Ok(match self {
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Integer(builder) | Self::ObjectId(builder) => Arc::new(builder.finish()),
            Self::Float32(builder) => Arc::new(builder.finish()),
            Self::Float64(builder) => Arc::new(builder.finish()),
            Self::Decimal(decimals) => decimals.finish()?,
            Self::Money(builder) => Arc::new(builder.finish()),
            Self::Text(builder) | Self::Bytes(builder) => Arc::new(builder.finish()),
            Self::Calendar(calendar) => calendar.finish()?,
            Self::Interval(builder) => Arc::new(builder.finish()),
        })
    }
}

pub(super) fn broken() -> QueryError {
    QueryError::new(QueryErrorKind::Internal, "has a value that is not of its type")
}

fn fixed<const N: usize>(raw: &[u8]) -> Result<[u8; N], QueryError> {
    raw.try_into().map_err(|_| broken())
}

/// Whole numbers of any width.
fn integer(raw: &[u8]) -> Result<i64, QueryError> {
    match raw.len() {
        2 => Ok(i64::from(i16::from_be_bytes(fixed(raw)?))),
        4 => Ok(i64::from(i32::from_be_bytes(fixed(raw)?))),
        _ => Ok(i64::from_be_bytes(fixed(raw)?)),
    }
}

/// Days or microseconds; the infinities of days become those of the wider count.
fn count(raw: &[u8]) -> Result<i64, QueryError> {
    match raw.len() {
        4 => Ok(match i32::from_be_bytes(fixed(raw)?) {
            i32::MIN => i64::MIN,
            i32::MAX => i64::MAX,
            days => i64::from(days),
        }),
        _ => Ok(i64::from_be_bytes(fixed(raw)?)),
    }
}

fn text(raw: &[u8]) -> Result<&str, QueryError> {
    std::str::from_utf8(raw).map_err(|_| QueryError::new(QueryErrorKind::Value, "has text that is not UTF-8"))
}

/// Microseconds, days, months.
fn interval(raw: &[u8]) -> Result<IntervalMonthDayNano, QueryError> {
    let (Some(micros), Some(days), Some(months)) = (raw.get(..8), raw.get(8..12), raw.get(12..16)) else { return Err(broken()) };
    let nanoseconds = i64::from_be_bytes(fixed(micros)?).checked_mul(1000);
    let too_long = || QueryError::new(QueryErrorKind::Value, "has an interval of more than 292 years of seconds").hint("cast it to text");
    let nanoseconds = nanoseconds.ok_or_else(too_long)?;
    Ok(IntervalMonthDayNano::new(i32::from_be_bytes(fixed(months)?), i32::from_be_bytes(fixed(days)?), nanoseconds))
}
