//! What our own predicates mean for the type of a column. None of these functions is executed under its own name: each becomes what
//! the engine can compare, push down to files and prune by, with literals of exactly the column's type.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, BooleanArray, Float32Array, Float64Array, Scalar, StringArray};
use arrow_buffer::i256;
use arrow_schema::{DataType, TimeUnit};
use datafusion::arrow::compute::kernels::comparison::like;
use datafusion::arrow::compute::or_kleene;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, Like, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, cast, lit,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use pressrun_sql::Decimal;

use super::functions::{bound_wall, column, first_day, instant, stamp, time_zone, zone_of};
use super::numbers::canonical;
use super::widen::word;
use super::zones::{Clock, instant_of_text, plain, wrong};
use crate::error::{QueryError, QueryErrorKind};

/// Alternatives that are written out; beyond it one function looks at all of them.
const WRITTEN_OUT: usize = 16;

/// The texts of a list literal.
pub(super) fn texts(expr: &Expr) -> Result<Vec<String>> {
    let list = list(expr)?;
    let texts = list.as_string_opt::<i32>().ok_or_else(|| DataFusionError::Internal("a list that is none of texts".to_owned()))?;
    Ok(texts.iter().flatten().map(ToOwned::to_owned).collect())
}

/// The instants of a list literal, as microseconds.
pub(super) fn instants(expr: &Expr) -> Result<Vec<Timestamp>> {
    let list = list(expr)?;
    let micros = list
        .as_primitive_opt::<TimestampMicrosecondType>()
        .ok_or_else(|| DataFusionError::Internal("a list that is none of instants".to_owned()))?;
    let at = |micros| Timestamp::from_microsecond(micros).map_err(|_| DataFusionError::Internal("a bound outside the calendar".to_owned()));
    micros.iter().flatten().map(at).collect()
}

fn list(expr: &Expr) -> Result<ArrayRef> {
    match expr {
        Expr::Literal(ScalarValue::List(list), _) if list.len() == 1 => Ok(list.value(0)),
        _ => Err(DataFusionError::Internal("a list that is no literal".to_owned())),
    }
}

/// `value` is one of `texts`, each read as a value of the column's type.
pub(super) fn text_in(value: &Expr, texts: Vec<String>, schema: &DFSchema, zone: &str) -> Result<Expr> {
    let data_type = plain(value.get_type(schema)?);
    if matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null) {
        return Ok(among(value, texts.into_iter().map(|text| ScalarValue::Utf8(Some(text))).collect()));
    }
    let tz = time_zone(zone)?;
    let clock = Clock::of(zone)?;
    let mut literals = Vec::with_capacity(texts.len());
    for text in &texts {
        let unreadable = || {
            let shown: String = text.chars().take(60).collect();
            let error = QueryError::new(QueryErrorKind::Value, format!("\"{shown}\" is no value of a column of type {}", word(&data_type)));
            DataFusionError::External(Box::new(error.hint("correct the filter, or compare the text of the column with cast(… as varchar)")))
        };
        let text = text.trim();
        literals.extend(match &data_type {
            DataType::Timestamp(unit, name) => {
                let at = instant_of_text(text, &clock)?.ok_or_else(unreadable)?;
                match name {
                    Some(name) => Some(stamp(at, *unit, Some(Arc::clone(name)))),
                    None => {
                        let at = Timestamp::from_microsecond(at).map_err(|_| unreadable())?;
                        Some(stamp(bound_wall(at, &tz), *unit, None))
                    }
                }
            }
            DataType::Float16 | DataType::Float32 | DataType::Float64 => {
                let number = canonical(text.parse().map_err(|_| unreadable())?);
                Some(match data_type {
                    DataType::Float64 => ScalarValue::Float64(Some(number)),
                    // Read in 32 bits: by way of a double it would be rounded twice.
                    _ if number.is_nan() => ScalarValue::Float32(Some(f32::NAN)),
                    _ => ScalarValue::Float32(Some(text.parse::<f32>().map_err(|_| unreadable())? + 0.0)),
                })
            }
            numeric if numeric.is_numeric() => number(text.parse().map_err(|_| unreadable())?, &data_type).map_err(|()| unreadable())?,
            _ => Some(ScalarValue::Utf8(Some(text.to_owned())).cast_to(&data_type).map_err(|_| unreadable())?),
        });
    }
    Ok(among(value, literals))
}

/// `value` is true, or is false.
pub(super) fn is(value: &Expr, holds: &Expr, schema: &DFSchema) -> Result<Expr> {
    match (plain(value.get_type(schema)?), holds) {
        (DataType::Boolean | DataType::Null, Expr::Literal(ScalarValue::Boolean(Some(true)), _)) => Ok(value.clone().is_true()),
        (DataType::Boolean | DataType::Null, _) => Ok(value.clone().is_false()),
        (other, _) => Err(wrong(
            format!("a boolean filter is used on a column of type {}", word(&other)),
            "make it a filter of the column's type, or write what makes it true as the tile's column: status = 'open'",
        )),
    }
}

/// `value` is one of `numbers`; a column of floats of 32 bits is compared in 32 bits.
pub(super) fn number_in(value: &Expr, numbers: &[String], schema: &DFSchema) -> Result<Expr> {
    let data_type = plain(value.get_type(schema)?);
    if data_type == DataType::Null {
        return Ok(lit(ScalarValue::Boolean(None)));
    }
    let mut literals = Vec::with_capacity(numbers.len());
    for text in numbers {
        let decimal: Decimal = text.parse().map_err(|_| DataFusionError::Internal("a number that is none".to_owned()))?;
        literals.extend(number(decimal, &data_type).map_err(|()| no_numbers(&data_type))?);
    }
    Ok(among(value, literals))
}

/// A filter of numbers is used on a column of something else.
pub(super) fn no_numbers(data_type: &DataType) -> DataFusionError {
    let message = format!("a number filter is used on a column of type {}", word(data_type));
    wrong(message, "make it a filter of the column's type, or convert the column with cast(… as double)")
}

/// The number in the type of a column; `None` when no value of the type equals it, an error when the type is none of numbers.
fn number(decimal: Decimal, data_type: &DataType) -> std::result::Result<Option<ScalarValue>, ()> {
    macro_rules! whole {
        ($variant:ident: $type:ty) => {
            (decimal.scale == 0)
                .then(|| <$type>::try_from(decimal.unscaled).ok())
                .flatten()
                .map(|number| ScalarValue::$variant(Some(number)))
        };
    }
    // Digits behind the point that the column has not: nothing in it is equal.
    let shift = |scale: i8| i16::from(scale).checked_sub(i16::from(decimal.scale)).and_then(|by| u32::try_from(by).ok());
    Ok(match data_type {
        DataType::Int8 => whole!(Int8: i8),
        DataType::Int16 => whole!(Int16: i16),
        DataType::Int32 => whole!(Int32: i32),
        DataType::Int64 => whole!(Int64: i64),
        DataType::UInt8 => whole!(UInt8: u8),
        DataType::UInt16 => whole!(UInt16: u16),
        DataType::UInt32 => whole!(UInt32: u32),
        DataType::UInt64 => whole!(UInt64: u64),
        DataType::Float16 | DataType::Float32 => decimal.to_string().parse().ok().map(|number| ScalarValue::Float32(Some(number))),
        DataType::Float64 => decimal.to_string().parse().ok().map(|number| ScalarValue::Float64(Some(number))),
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) | DataType::Decimal128(precision, scale) => {
            let unscaled = shift(*scale).and_then(|by| decimal.unscaled.checked_mul(10_i128.checked_pow(by)?));
            let fits = |unscaled: &i128| 10_i128.checked_pow(u32::from(*precision)).is_none_or(|most| unscaled.abs() < most);
            unscaled.filter(fits).map(|unscaled| ScalarValue::Decimal128(Some(unscaled), *precision, *scale))
        }
        DataType::Decimal256(precision, scale) => {
            let ten = |by| i256::from_i128(10).checked_pow(by);
            let unscaled = shift(*scale).and_then(|by| i256::from_i128(decimal.unscaled).checked_mul(ten(by)?));
            unscaled.map(|unscaled| ScalarValue::Decimal256(Some(unscaled), *precision, *scale))
        }
        _ => return Err(()),
    })
}

/// `value` is one of the literals; null stays null when there is none.
fn among(value: &Expr, literals: Vec<ScalarValue>) -> Expr {
    let mut seen = HashSet::new();
    let mut distinct: Vec<Expr> = literals.into_iter().filter(|literal| seen.insert(literal.clone())).map(lit).collect();
    match distinct.len() {
        0 => value.clone().not_eq(value.clone()),
        1 => value.clone().eq(distinct.remove(0)),
        _ => value.clone().in_list(distinct, false),
    }
}

/// `text` matches one of `patterns`.
pub(super) fn like_any(text: &Expr, patterns: Vec<String>) -> Expr {
    if patterns.len() > WRITTEN_OUT {
        let values: Vec<ScalarValue> = patterns.into_iter().map(|pattern| ScalarValue::Utf8(Some(pattern))).collect();
        let list = ScalarValue::List(ScalarValue::new_list_nullable(&values, &DataType::Utf8));
        return call(LikeAny { signature: any(2) }, vec![cast(text.clone(), DataType::Utf8), lit(list)]);
    }
    let one = |pattern: String| Expr::Like(Like::new(false, Box::new(text.clone()), Box::new(lit(pattern)), None, false));
    patterns.into_iter().map(one).reduce(Expr::or).unwrap_or_else(|| lit(false))
}

/// The value as PostgreSQL writes it.
pub(super) fn text(value: &Expr, schema: &DFSchema, zone: &str) -> Result<Expr> {
    let data_type = value.get_type(schema)?;
    Ok(match &data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => value.clone(),
        DataType::Float16 => call(Written { signature: any(2) }, vec![cast(value.clone(), DataType::Float32), lit(zone)]),
        DataType::Float32 | DataType::Float64 => call(Written { signature: any(2) }, vec![value.clone(), lit(zone)]),
        DataType::Timestamp(_, name) => {
            let micros = DataType::Timestamp(TimeUnit::Microsecond, name.as_ref().map(|_| "UTC".into()));
            call(Written { signature: any(2) }, vec![cast(value.clone(), micros), lit(zone)])
        }
        _ => cast(value.clone(), DataType::Utf8),
    })
}

/// `value` lies in one of the half-open periods whose starts and ends are `bounds` in turn, sorted.
pub(super) fn in_periods(value: &Expr, bounds: &[Timestamp], schema: &DFSchema, zone: &str) -> Result<Expr> {
    let tz = time_zone(zone)?;
    let data_type = plain(value.get_type(schema)?);
    let whole = |by: i64, micros: i64| micros.div_euclid(by) + i64::from(micros.rem_euclid(by) != 0);
    let in_unit = |micros: i64, unit: TimeUnit| match unit {
        TimeUnit::Second => whole(1_000_000, micros),
        TimeUnit::Millisecond => whole(1000, micros),
        TimeUnit::Microsecond => micros,
        TimeUnit::Nanosecond => micros.saturating_mul(1000),
    };
    let number = |value: Expr| cast(value, DataType::Int64);
    let (value, bounds): (Expr, Vec<i64>) = match &data_type {
        DataType::Timestamp(unit, Some(_)) => {
            (number(value.clone()), bounds.iter().map(|at| in_unit(at.as_microsecond(), *unit)).collect())
        }
        DataType::Timestamp(unit, None) => (number(value.clone()), bounds.iter().map(|at| in_unit(bound_wall(*at, &tz), *unit)).collect()),
        DataType::Date64 => (number(value.clone()), bounds.iter().map(|at| in_unit(bound_wall(*at, &tz), TimeUnit::Millisecond)).collect()),
        DataType::Date32 => {
            (number(cast(value.clone(), DataType::Int32)), bounds.iter().map(|at| i64::from(first_day(*at, &tz))).collect())
        }
        DataType::Null => return Ok(lit(ScalarValue::Boolean(None))),
        _ => (number(instant(value, schema, zone, "a date filter")?), bounds.iter().map(|at| at.as_microsecond()).collect()),
    };
    let list = |values: Vec<i64>| {
        let values: Vec<ScalarValue> = values.into_iter().map(|value| ScalarValue::Int64(Some(value))).collect();
        lit(ScalarValue::List(ScalarValue::new_list_nullable(&values, &DataType::Int64)))
    };
    let (starts, ends) = bounds.chunks_exact(2).map(|pair| (pair[0], pair[1])).unzip();
    Ok(call(InRanges { signature: any(3) }, vec![value, list(starts), list(ends)]))
}

fn any(arguments: usize) -> Signature {
    Signature::any(arguments, Volatility::Immutable)
}

fn call(function: impl ScalarUDFImpl + 'static, arguments: Vec<Expr>) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(ScalarUDF::from(function)), arguments))
}

fn list_argument(value: Option<&ColumnarValue>) -> Result<ArrayRef> {
    match value {
        Some(ColumnarValue::Scalar(ScalarValue::List(list))) if list.len() == 1 => Ok(list.value(0)),
        _ => Err(DataFusionError::Internal("the list is no constant".to_owned())),
    }
}

/// `like_any(text, patterns)` for many patterns.
#[derive(Debug, PartialEq, Eq, Hash)]
struct LikeAny {
    signature: Signature,
}

impl ScalarUDFImpl for LikeAny {
    fn name(&self) -> &'static str {
        "pressrun_like_many"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let text = column(&args, 0)?;
        let patterns = list_argument(args.args.get(1))?;
        let mut found: Option<BooleanArray> = None;
        for pattern in patterns.as_string::<i32>().iter().flatten() {
            let holds = like(&text, &Scalar::new(StringArray::from(vec![pattern])))?;
            let all = match found {
                None => holds,
                Some(found) => or_kleene(&found, &holds)?,
            };
            let done = all.true_count() + all.null_count() == all.len();
            found = Some(all);
            if done {
                break;
            }
        }
        Ok(ColumnarValue::Array(Arc::new(found.unwrap_or_else(|| BooleanArray::from(vec![false; text.len()])))))
    }
}

/// `in_ranges(number, starts, ends)`: by binary search.
#[derive(Debug, PartialEq, Eq, Hash)]
struct InRanges {
    signature: Signature,
}

impl ScalarUDFImpl for InRanges {
    fn name(&self) -> &'static str {
        "pressrun_in_ranges"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let numbers = column(&args, 0)?;
        let (starts, ends) = (list_argument(args.args.get(1))?, list_argument(args.args.get(2))?);
        let (starts, ends) = (starts.as_primitive::<Int64Type>().values(), ends.as_primitive::<Int64Type>().values());
        let within = |number: i64| {
            let next = starts.partition_point(|start| *start <= number);
            next.checked_sub(1).and_then(|last| ends.get(last)).is_some_and(|end| number < *end)
        };
        let found: BooleanArray = numbers.as_primitive::<Int64Type>().iter().map(|number| number.map(within)).collect();
        Ok(ColumnarValue::Array(Arc::new(found)))
    }
}

/// `written(value, zone)`: floats and timestamps as PostgreSQL writes them.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Written {
    signature: Signature,
}

impl ScalarUDFImpl for Written {
    fn name(&self) -> &'static str {
        "pressrun_written"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let zone = zone_of(args.args.get(1))?;
        let values = column(&args, 0)?;
        let texts: StringArray = match values.data_type() {
            DataType::Float32 => {
                let floats: &Float32Array = values.as_primitive();
                floats
                    .iter()
                    .map(|number| number.map(|number| written_float(f64::from(number), &format!("{number:e}"), &number.to_string(), 6)))
                    .collect()
            }
            DataType::Float64 => {
                let floats: &Float64Array = values.as_primitive();
                floats
                    .iter()
                    .map(|number| number.map(|number| written_float(number, &format!("{number:e}"), &number.to_string(), 15)))
                    .collect()
            }
            data_type => {
                let aware = matches!(data_type, DataType::Timestamp(_, Some(_)));
                let micros = values.as_primitive::<TimestampMicrosecondType>();
                micros.iter().map(|micros| micros.and_then(|micros| written_time(micros, aware, &zone))).collect()
            }
        };
        Ok(ColumnarValue::Array(Arc::new(texts)))
    }
}

/// A float in its shortest digits, with an exponent from `most` digits on and below four zeros.
fn written_float(number: f64, scientific: &str, plain: &str, most: i32) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    match scientific.split_once('e').and_then(|(digits, exponent)| Some((digits, exponent.parse::<i32>().ok()?))) {
        Some((digits, exponent)) if number != 0.0 && !(-4..most).contains(&exponent) => {
            format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
        }
        _ => plain.to_owned(),
    }
}

fn two(number: i32) -> String {
    format!("{number:02}")
}

fn written_time(micros: i64, aware: bool, zone: &TimeZone) -> Option<String> {
    let at = Timestamp::from_microsecond(micros).ok()?;
    let local = at.to_zoned_datetime(if aware { zone.clone() } else { TimeZone::UTC });
    let mut text = local.strftime("%Y-%m-%d %H:%M:%S").to_string();
    let fraction = micros.rem_euclid(1_000_000);
    if fraction != 0 {
        text.push_str(format!(".{fraction:06}").trim_end_matches('0'));
    }
    if aware {
        let seconds = local.offset().seconds();
        let (hours, rest) = (seconds.abs() / 3600, seconds.abs() % 3600);
        text.push(if seconds < 0 { '-' } else { '+' });
        text.push_str(&two(hours));
        if rest != 0 {
            text.push(':');
            text.push_str(&two(rest / 60));
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b11_floats_and_times_are_written_as_postgres_writes_them() {
        for (number, expected) in [
            (0.1, "0.1"),
            (1.0, "1"),
            (1e14, "100000000000000"),
            (1e15, "1e+15"),
            (1e300, "1e+300"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-2.5, "-2.5"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(written_float(number, &format!("{number:e}"), &number.to_string(), 15), expected);
        }
        let kolkata = TimeZone::get("Asia/Kolkata").unwrap_or(TimeZone::UTC);
        assert_eq!(written_time(1_500_000, true, &kolkata).as_deref(), Some("1970-01-01 05:30:01.5+05:30"));
        assert_eq!(written_time(0, false, &kolkata).as_deref(), Some("1970-01-01 00:00:00"));
    }
}
