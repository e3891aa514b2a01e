//! Functions that the engine lacks, and those that our own predicates are written with.
//!
//! The functions of our predicates ([`super::filters`] and here), `strftime` and `date_diff` are never executed: a rewrite replaces
//! them, once the types of their arguments are known, by comparisons and functions that the engine can push down to files.
//! Comparing a timestamp without a zone with one that has one goes wrong in the engine, which takes the first for UTC. So the
//! bounds of periods are converted here to exactly the type of the column, and a comparison or difference that a tile's own
//! SQL writes (`ordered_at >= now() - interval '7 days'`) has its wall clock read in the query zone.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::{DataType, TimeUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::FunctionRegistry;
use datafusion::execution::session_state::SessionState;
use datafusion::functions::datetime::expr_fn::{date_part, date_trunc, to_char};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, cast, lit,
};
use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;
use pressrun_sql::dialect::{COMPARE, IN_PERIOD, IN_PERIODS, IS, LIKE_ANY, LOCAL_PART, NUMBER_IN, TEXT, TEXT_IN};

use super::coerced::Coerced;
use super::zones::{self, Clock, Op, Zoned, no_date, plain, wrong};
use super::{filters, numbers};

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
        (IS, 2, DataType::Boolean),
        (STRFTIME, 2, DataType::Utf8),
    ];
    for (name, arguments, returns) in placeholders {
        state.register_udf(Arc::new(ScalarUDF::from(Rewritten {
            name,
            returns,
            signature: Signature::any(arguments, Volatility::Immutable),
        })))?;
    }
    state.register_udf(Arc::new(ScalarUDF::from(Rewritten {
        name: DATE_DIFF,
        returns: DataType::Int64,
        signature: Signature::any(3, Volatility::Immutable),
    })))?;
    numbers::register(state)?;
    zones::register(state)?;
    state.add_analyzer_rule(Arc::new(Coerced));
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
        let clock = Clock::of(zone)?;
        let dated = |expr: Expr| Ok(zones::rewrite(&expr, schema, &clock, config)?.map_or_else(|| Transformed::no(expr), Transformed::yes));
        if let Some(exact) = numbers::rewrite(&expr, schema) {
            return Ok(Transformed::yes(exact));
        }
        let Expr::ScalarFunction(ScalarFunction { func, args }) = &expr else {
            return dated(expr);
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
            (IS, [value, holds]) => filters::is(value, holds, schema)?,
            (STRFTIME, [a, b]) => {
                let swapped = matches!(a, Expr::Literal(ScalarValue::Utf8(Some(text)), _) if text.contains('%'));
                let (value, format) = if swapped { (b, a) } else { (a, b) };
                return dated(to_char(value.clone(), format.clone())).map(|formatted| Transformed::yes(formatted.data));
            }
            (DATE_DIFF, [unit, start, end]) => {
                let unit = text(unit, DATE_DIFF)?;
                let start = instant(start, schema, zone, DATE_DIFF)?;
                let end = instant(end, schema, zone, DATE_DIFF)?;
                Zoned::call(Op::Difference, &clock, vec![lit(unit), start, end])
            }
            _ => return dated(expr),
        };
        Ok(Transformed::yes(rewritten))
    }
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

/// `value operator number`; NaN is above all numbers.
fn compare(value: &Expr, operator: &str, number: &Expr, schema: &DFSchema) -> Result<Expr> {
    let column = plain(value.get_type(schema)?);
    if !column.is_numeric() && !column.is_null() {
        return Err(filters::no_numbers(&column));
    }
    let number = like_column(number, &column)?;
    Ok(match operator {
        "<" => value.clone().lt(number),
        "<=" => value.clone().lt_eq(number),
        ">" => value.clone().gt(number),
        _ => value.clone().gt_eq(number),
    })
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

/// `value` as an instant, whatever its type.
pub(super) fn instant(value: &Expr, schema: &DFSchema, zone: &str, what: &str) -> Result<Expr> {
    match plain(value.get_type(schema)?) {
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 | DataType::Null => {}
        text if text.is_string() => {}
        other => return Err(no_date(&other, what)),
    }
    let call = Zoned::call(Op::Instant, &Clock::of(zone)?, vec![value.clone()]);
    Ok(cast(call, DataType::Timestamp(TimeUnit::Microsecond, Some(zone.into()))))
}

/// A part of the local date or time of `value`.
fn local_part(part: &str, value: &Expr, schema: &DFSchema, zone: &str) -> Result<Expr> {
    let local = match plain(value.get_type(schema)?) {
        DataType::Timestamp(_, None) | DataType::Date32 | DataType::Date64 | DataType::Null => {
            cast(value.clone(), DataType::Timestamp(TimeUnit::Microsecond, None))
        }
        _ => Zoned::call(Op::Wall, &Clock::of(zone)?, vec![instant(value, schema, zone, "a date filter")?]),
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
