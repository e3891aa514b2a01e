//! Functions that the engine lacks, and those that our own predicates are written with.
//!
//! The functions of our predicates ([`super::filters`] and here), `strftime` and `date_diff` are never executed: a rewrite replaces
//! them, once the types of their arguments are known, by comparisons and functions that the engine can push down to files.
//! Comparing a timestamp without a zone with one that has one goes wrong in the engine, which takes the first for UTC. So the
//! bounds of periods are converted here to exactly the type of the column, and a comparison or difference that a tile's own
//! SQL writes (`ordered_at >= now() - interval '7 days'`) has its wall clock read in the query zone.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, ArrayRef, Int64Array, TimestampMicrosecondArray};
use arrow_schema::{DataType, TimeUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::FunctionRegistry;
use datafusion::execution::session_state::SessionState;
use datafusion::functions::datetime::expr_fn::{date_part, date_trunc, to_char};
use datafusion::functions::math::expr_fn::isnan;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::{
    Between, BinaryExpr, ColumnarValue, Expr, ExprSchemable, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
    cast, lit,
};
use jiff::Timestamp;
use jiff::civil::{DateTime, date};
use jiff::tz::TimeZone;
use pressrun_sql::dialect::{COMPARE, IN_PERIOD, IN_PERIODS, LIKE_ANY, LOCAL_PART, NUMBER_IN, TEXT, TEXT_IN};

use super::filters;
use crate::error::{QueryError, QueryErrorKind};

const INSTANT: &str = "pressrun_instant";
const DATE_DIFF: &str = "date_diff";
const STRFTIME: &str = "strftime";

/// Registers everything with `state`.
pub(super) fn register(state: &mut SessionState) -> Result<()> {
    datafusion_functions_json::register_all(state)?;
    let placeholders = [
        (IN_PERIOD, 3, DataType::Boolean),
        (LOCAL_PART, 2, DataType::Int32),
        (IN_PERIODS, 2, DataType::Boolean),
        (TEXT, 1, DataType::Utf8),
        (TEXT_IN, 2, DataType::Boolean),
        (LIKE_ANY, 2, DataType::Boolean),
        (NUMBER_IN, 2, DataType::Boolean),
        (COMPARE, 3, DataType::Boolean),
        (STRFTIME, 2, DataType::Utf8),
    ];
    for (name, arguments, returns) in placeholders {
        state.register_udf(Arc::new(ScalarUDF::from(Rewritten {
            name,
            returns,
            signature: Signature::any(arguments, Volatility::Immutable),
        })))?;
    }
    state.register_udf(Arc::new(ScalarUDF::from(ToInstant { signature: Signature::any(2, Volatility::Immutable) })))?;
    state.register_udf(Arc::new(ScalarUDF::from(DateDiff { signature: Signature::any(4, Volatility::Immutable) })))?;
    state.register_udf(Arc::new(ScalarUDF::from(Rewritten {
        name: DATE_DIFF,
        returns: DataType::Int64,
        signature: Signature::any(3, Volatility::Immutable),
    })))?;
    state.register_function_rewrite(Arc::new(ByType))
}

/// A function that [`ByType`] replaces before anything runs.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Rewritten {
    name: &'static str,
    returns: DataType,
    signature: Signature,
}

impl ScalarUDFImpl for Rewritten {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.returns.clone())
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Err(DataFusionError::Internal(format!("{} was not rewritten", self.name)))
    }
}

/// Replaces functions by what they mean for the types of their arguments.
#[derive(Debug)]
struct ByType;

impl FunctionRewrite for ByType {
    fn name(&self) -> &'static str {
        "pressrun"
    }

    fn rewrite(&self, expr: Expr, schema: &DFSchema, config: &ConfigOptions) -> Result<Transformed<Expr>> {
        let zone = config.execution.time_zone.as_deref().unwrap_or("UTC");
        let Expr::ScalarFunction(ScalarFunction { func, args }) = &expr else {
            return Ok(mixed(&expr, schema, zone)?.map_or_else(|| Transformed::no(expr), Transformed::yes));
        };
        let rewritten = match (func.name(), args.as_slice()) {
            (IN_PERIOD, [value, start, end]) => in_period(value, bound(start)?, bound(end)?, schema, zone)?,
            (LOCAL_PART, [part, value]) => local_part(&text(part, LOCAL_PART)?, value, schema, zone)?,
            (IN_PERIODS, [value, bounds]) => filters::in_periods(value, &filters::instants(bounds)?, schema, zone)?,
            (TEXT, [value]) => filters::text(value, schema, zone)?,
            (TEXT_IN, [value, list]) => filters::text_in(value, filters::texts(list)?, schema, zone)?,
            (LIKE_ANY, [value, list]) => filters::like_any(value, filters::texts(list)?),
            (NUMBER_IN, [value, list]) => filters::number_in(value, &filters::texts(list)?, schema)?,
            (COMPARE, [value, operator, number]) => compare(value, &text(operator, COMPARE)?, number, schema)?,
            (STRFTIME, [a, b]) => {
                let swapped = matches!(a, Expr::Literal(ScalarValue::Utf8(Some(text)), _) if text.contains('%'));
                let (value, format) = if swapped { (b, a) } else { (a, b) };
                to_char(value.clone(), format.clone())
            }
            (DATE_DIFF, [unit, start, end]) => {
                let unit = text(unit, DATE_DIFF)?;
                let unit = unit_word(&unit).ok_or_else(|| {
                    wrong(format!("date_diff knows no unit \"{unit}\""), "use second, minute, hour, day, week, month, quarter or year")
                })?;
                let start = instant(start, schema, zone, DATE_DIFF)?;
                let end = instant(end, schema, zone, DATE_DIFF)?;
                let func = Arc::new(ScalarUDF::from(DateDiff { signature: Signature::any(4, Volatility::Immutable) }));
                Expr::ScalarFunction(ScalarFunction::new_udf(func, vec![lit(unit), start, end, lit(zone)]))
            }
            _ => return Ok(Transformed::no(expr)),
        };
        Ok(Transformed::yes(rewritten))
    }
}

/// A comparison or difference of a wall clock time with an instant, with the first read in the query zone.
fn mixed(expr: &Expr, schema: &DFSchema, zone: &str) -> Result<Option<Expr>> {
    let is = |expr: &Expr| match expr.get_type(schema).map(plain) {
        Ok(DataType::Timestamp(_, Some(_))) => (true, false),
        Ok(DataType::Timestamp(_, None) | DataType::Date32 | DataType::Date64) => (false, true),
        // What has no type here is judged by the engine.
        _ => (false, false),
    };
    let read = |expr: &Expr| if is(expr).1 { instant(expr, schema, zone, "a comparison") } else { Ok(expr.clone()) };
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if compares(*op) && is(left).0 != is(right).0 && is(left).1 != is(right).1 => {
            Ok(Some(Expr::BinaryExpr(BinaryExpr::new(Box::new(read(left)?), *op, Box::new(read(right)?)))))
        }
        Expr::Between(Between { expr, negated, low, high }) => {
            let parts = [expr, low, high];
            if parts.iter().any(|part| is(part).0) && parts.iter().any(|part| is(part).1) {
                let [expr, low, high] = [read(expr)?, read(low)?, read(high)?].map(Box::new);
                return Ok(Some(Expr::Between(Between { expr, negated: *negated, low, high })));
            }
            Ok(None)
        }
        _ => Ok(None),
    }
}

/// Whether both sides have to be told on one clock.
fn compares(op: Operator) -> bool {
    use Operator as O;
    matches!(op, O::Eq | O::NotEq | O::Lt | O::LtEq | O::Gt | O::GtEq | O::IsDistinctFrom | O::IsNotDistinctFrom | O::Minus)
}

pub(super) fn wrong(message: String, hint: &str) -> DataFusionError {
    DataFusionError::External(Box::new(QueryError::new(QueryErrorKind::Syntax, message).hint(hint)))
}

fn text(expr: &Expr, function: &str) -> Result<String> {
    match expr {
        Expr::Literal(ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)), _) => Ok(text.to_lowercase()),
        _ => Err(wrong(format!("the first argument of {function} is no text"), "write it in single quotes")),
    }
}

fn bound(expr: &Expr) -> Result<Option<Timestamp>> {
    match expr {
        Expr::Literal(ScalarValue::TimestampMicrosecond(Some(at), _), _) => {
            Timestamp::from_microsecond(*at).map(Some).map_err(|_| DataFusionError::Internal("a bound outside the calendar".to_owned()))
        }
        Expr::Literal(value, _) if value.is_null() => Ok(None),
        _ => Err(DataFusionError::Internal("a bound that is no instant".to_owned())),
    }
}

pub(super) fn time_zone(name: &str) -> Result<TimeZone> {
    TimeZone::get(name).map_err(|_| DataFusionError::Configuration(format!("\"{name}\" is no time zone")))
}

/// `start <= value < end`, each bound in exactly the type of `value`.
fn in_period(value: &Expr, start: Option<Timestamp>, end: Option<Timestamp>, schema: &DFSchema, zone: &str) -> Result<Expr> {
    let tz = time_zone(zone)?;
    let data_type = plain(value.get_type(schema)?);
    let (value, bound): (Expr, Box<dyn Fn(Timestamp) -> ScalarValue>) = match &data_type {
        DataType::Timestamp(unit, Some(name)) => {
            let (unit, name) = (*unit, Arc::clone(name));
            (value.clone(), Box::new(move |at| stamp(at.as_microsecond(), unit, Some(Arc::clone(&name)))))
        }
        DataType::Timestamp(unit, None) => {
            let unit = *unit;
            (value.clone(), Box::new(move |at| stamp(bound_wall(at, &tz), unit, None)))
        }
        DataType::Date64 => (
            cast(value.clone(), DataType::Timestamp(TimeUnit::Millisecond, None)),
            Box::new(move |at| stamp(bound_wall(at, &tz), TimeUnit::Millisecond, None)),
        ),
        DataType::Date32 => (value.clone(), Box::new(move |at| ScalarValue::Date32(Some(first_day(at, &tz))))),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => (
            instant(value, schema, zone, "a date filter")?,
            Box::new(|at| stamp(at.as_microsecond(), TimeUnit::Microsecond, Some("UTC".into()))),
        ),
        DataType::Null => return Ok(lit(ScalarValue::Boolean(None))),
        other => return Err(no_date(other, "a date filter")),
    };
    let from = start.map(|at| value.clone().gt_eq(lit(bound(at))));
    let until = end.map(|at| value.clone().lt(lit(bound(at))));
    Ok(match (from, until) {
        (Some(from), Some(until)) => from.and(until),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => value.is_not_null(),
    })
}

/// A number as a float where the column holds floats, else exactly.
fn like_column(number: &Expr, column: &DataType) -> Result<Expr> {
    match (number, column) {
        (Expr::Literal(value, _), DataType::Float16 | DataType::Float32 | DataType::Float64) => Ok(lit(value.cast_to(&DataType::Float64)?)),
        _ => Ok(number.clone()),
    }
}

/// `value operator number`; never for NaN, which the statistics of files leave out.
fn compare(value: &Expr, operator: &str, number: &Expr, schema: &DFSchema) -> Result<Expr> {
    let column = plain(value.get_type(schema)?);
    let number = like_column(number, &column)?;
    let holds = match operator {
        "<" => value.clone().lt(number),
        "<=" => value.clone().lt_eq(number),
        ">" => value.clone().gt(number),
        _ => value.clone().gt_eq(number),
    };
    Ok(if column.is_floating() { holds.and(isnan(value.clone()).is_not_true()) } else { holds })
}

fn no_date(data_type: &DataType, what: &str) -> DataFusionError {
    wrong(format!("{what} is used on a column of type {data_type}"), "use a date or timestamp, or convert it with to_timestamp(…)")
}

/// The type behind a dictionary.
pub(super) fn plain(data_type: DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, values) => plain(*values),
        other => other,
    }
}

/// Microseconds in another unit, rounded up, so that `>=` and `<` keep their meaning in coarser units.
pub(super) fn stamp(micros: i64, unit: TimeUnit, zone: Option<Arc<str>>) -> ScalarValue {
    let up = |by: i64| micros.div_euclid(by) + i64::from(micros.rem_euclid(by) != 0);
    match unit {
        TimeUnit::Second => ScalarValue::TimestampSecond(Some(up(1_000_000)), zone),
        TimeUnit::Millisecond => ScalarValue::TimestampMillisecond(Some(up(1000)), zone),
        TimeUnit::Microsecond => ScalarValue::TimestampMicrosecond(Some(micros), zone),
        // Beyond the years 1677 to 2262 nothing can lie: the bound becomes the edge.
        TimeUnit::Nanosecond => ScalarValue::TimestampNanosecond(Some(micros.saturating_mul(1000)), zone),
    }
}

/// What the wall clock of `zone` shows, as microseconds since 1970 on that clock.
fn wall(at: Timestamp, zone: &TimeZone) -> i64 {
    let offset = zone.to_offset(at);
    at.as_microsecond().saturating_add(i64::from(offset.seconds()) * 1_000_000)
}

/// What the wall clock of `zone` shows at the bound of a period. At a change forward that is the reading that the clock leaves, as in
/// PostgreSQL: what a column calls midnight of a day without one belongs to that day.
pub(super) fn bound_wall(at: Timestamp, zone: &TimeZone) -> i64 {
    let before = at.checked_sub(jiff::SignedDuration::from_micros(1)).unwrap_or(at);
    let offset = zone.to_offset(before).min(zone.to_offset(at));
    at.as_microsecond().saturating_add(i64::from(offset.seconds()) * 1_000_000)
}

/// The first day, counted from 1970, whose beginning in `zone` is not before `at`.
pub(super) fn first_day(at: Timestamp, zone: &TimeZone) -> i32 {
    let local = at.to_zoned_datetime(zone.clone());
    let begins = local.start_of_day().is_ok_and(|start| start.timestamp() == at);
    let days = local.date().since(date(1970, 1, 1)).map_or(0, |span| span.get_days());
    if begins { days } else { days.saturating_add(1) }
}

/// `value` as an instant: Timestamp(µs, UTC), whatever its type.
pub(super) fn instant(value: &Expr, schema: &DFSchema, zone: &str, what: &str) -> Result<Expr> {
    let micros = |zone: Option<Arc<str>>| DataType::Timestamp(TimeUnit::Microsecond, zone);
    let argument = match plain(value.get_type(schema)?) {
        DataType::Timestamp(_, Some(_)) => {
            return Ok(cast(value.clone(), micros(Some("UTC".into()))));
        }
        DataType::Timestamp(_, None) | DataType::Date32 | DataType::Date64 | DataType::Null => cast(value.clone(), micros(None)),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => cast(value.clone(), DataType::Utf8),
        other => return Err(no_date(&other, what)),
    };
    let func = Arc::new(ScalarUDF::from(ToInstant { signature: Signature::any(2, Volatility::Immutable) }));
    Ok(Expr::ScalarFunction(ScalarFunction::new_udf(func, vec![argument, lit(zone)])))
}

/// A part of the local date or time of `value`.
fn local_part(part: &str, value: &Expr, schema: &DFSchema, zone: &str) -> Result<Expr> {
    let local = match plain(value.get_type(schema)?) {
        DataType::Timestamp(_, None) | DataType::Date32 | DataType::Date64 | DataType::Null => {
            cast(value.clone(), DataType::Timestamp(TimeUnit::Microsecond, None))
        }
        _ => cast(instant(value, schema, zone, "a date filter")?, DataType::Timestamp(TimeUnit::Microsecond, Some(zone.into()))),
    };
    let number = |name: &str, of: Expr| date_part(lit(name), of);
    Ok(match part {
        "day_of_week" => number("isodow", local),
        "day_of_month" => number("day", local),
        "day_of_year" => number("doy", local),
        "day_of_quarter" => number("doy", local.clone()) - number("doy", date_trunc(lit("quarter"), local)) + lit(1i32),
        other => number(other, local),
    })
}

/// `pressrun_instant(value, zone)`: text or wall clock → Timestamp(µs, UTC).
#[derive(Debug, PartialEq, Eq, Hash)]
struct ToInstant {
    signature: Signature,
}

impl ScalarUDFImpl for ToInstant {
    fn name(&self) -> &'static str {
        INSTANT
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let zone = zone_of(args.args.get(1))?;
        let values = column(&args, 0)?;
        let found: TimestampMicrosecondArray = if *values.data_type() == DataType::Utf8 {
            values.as_string::<i32>().iter().map(|text| text.map_or(Ok(None), |text| read(text, &zone))).collect::<Result<_>>()?
        } else {
            let walls = values.as_primitive::<TimestampMicrosecondType>();
            walls.iter().map(|micros| micros.and_then(|micros| from_wall(micros, &zone))).collect()
        };
        Ok(ColumnarValue::Array(Arc::new(found.with_timezone("UTC"))))
    }
}

pub(super) fn column(args: &ScalarFunctionArgs, at: usize) -> Result<ArrayRef> {
    let value = args.args.get(at).ok_or_else(|| DataFusionError::Internal("an argument is missing".to_owned()))?;
    value.to_array(args.number_rows)
}

pub(super) fn zone_of(value: Option<&ColumnarValue>) -> Result<TimeZone> {
    match value {
        Some(ColumnarValue::Scalar(ScalarValue::Utf8(Some(name)))) => time_zone(name),
        _ => Err(DataFusionError::Internal("the zone is no constant".to_owned())),
    }
}

/// The instant at which the wall clock of `zone` shows `micros`; the first of two, the end of a gap.
fn from_wall(micros: i64, zone: &TimeZone) -> Option<i64> {
    let shown = Timestamp::from_microsecond(micros).ok()?.to_zoned_datetime(TimeZone::UTC).datetime();
    shown.to_zoned_datetime(zone.clone()).ok().map(|zoned| zoned.timestamp().as_microsecond())
}

/// ISO 8601 text as an instant; empty text is no value.
pub(super) fn read(text: &str, zone: &TimeZone) -> Result<Option<i64>> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(Some(at.as_microsecond()));
    }
    let local = text.parse::<DateTime>().ok().and_then(|local| local.to_zoned_datetime(zone.clone()).ok());
    if let Some(local) = local {
        return Ok(Some(local.timestamp().as_microsecond()));
    }
    let shown: String = text.chars().take(60).collect();
    let error = QueryError::new(QueryErrorKind::Value, format!("\"{shown}\" cannot be read as a date"));
    Err(DataFusionError::External(Box::new(error.hint("write dates as 2025-03-31 or 2025-03-31T09:30:00Z"))))
}

fn unit_word(word: &str) -> Option<&'static str> {
    let word = word.strip_suffix('s').unwrap_or(word);
    ["second", "minute", "hour", "day", "week", "month", "quarter", "year"].into_iter().find(|unit| *unit == word)
}

/// `date_diff(unit, start, end, zone)`: boundaries of the unit between two instants, on the clock of the zone.
#[derive(Debug, PartialEq, Eq, Hash)]
struct DateDiff {
    signature: Signature,
}

impl ScalarUDFImpl for DateDiff {
    fn name(&self) -> &'static str {
        "pressrun_date_diff"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(ColumnarValue::Scalar(ScalarValue::Utf8(Some(unit)))) = args.args.first() else {
            return Err(DataFusionError::Internal("the unit is no constant".to_owned()));
        };
        let zone = zone_of(args.args.get(3))?;
        let (start, end) = (column(&args, 1)?, column(&args, 2)?);
        let (start, end) = (start.as_primitive::<TimestampMicrosecondType>(), end.as_primitive::<TimestampMicrosecondType>());
        let count = |micros: i64| Timestamp::from_microsecond(micros).ok().map(|at| unit_number(at, unit, &zone));
        let found: Int64Array = start.iter().zip(end.iter()).map(|(start, end)| Some(count(end?)? - count(start?)?)).collect();
        Ok(ColumnarValue::Array(Arc::new(found)))
    }
}

/// The number of the unit in which `at` falls, counted from some beginning.
fn unit_number(at: Timestamp, unit: &str, zone: &TimeZone) -> i64 {
    let seconds = wall(at, zone).div_euclid(1_000_000);
    let local = at.to_zoned_datetime(zone.clone()).date();
    let months = i64::from(local.year()) * 12 + i64::from(local.month()) - 1;
    let days = seconds.div_euclid(86_400);
    match unit {
        "second" => at.as_second(),
        "minute" => at.as_second().div_euclid(60),
        "hour" => at.as_second().div_euclid(3600),
        "day" => days,
        // 1970-01-01 was a Thursday.
        "week" => (days + 3).div_euclid(7),
        "month" => months,
        "quarter" => months.div_euclid(3),
        _ => i64::from(local.year()),
    }
}
