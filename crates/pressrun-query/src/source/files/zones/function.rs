//! Functions of instants and wall clock times, as the engine runs them.
//!
//! Each carries its clock, so that a plan means the same whatever the session is set to when it runs.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::preimage::PreimageResult;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use super::arithmetic::{begin, difference, shift, truncate};
use super::calendar::Unit;
use super::clock::{Clock, Reader};
use super::columns::{change, undress};
use super::format::{format, told};
use super::preimage::period;

/// What a function does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in super::super) enum Op {
    /// `(value)`: an instant or text as wall clock time.
    Wall,
    /// `(value)`: text, wall clock time, day or seconds as an instant.
    Instant,
    /// `(value, format…)`: [`Op::Instant`] under a name that people call; numbers count the unit, and so does the result. Without a
    /// unit numbers are seconds and the result has microseconds.
    ToTimestamp(Option<TimeUnit>),
    /// `(value, format…)`: text or an instant as a day.
    Day,
    /// `(unit, instant)`: the beginning of the unit in which it lies.
    Truncate,
    /// `(wall, instant, stride)`: the instant at which a bin begins that was found on the wall clock.
    Begin,
    /// `(instant, interval)`: months and days on the calendar, then the rest in real time.
    Add,
    /// `(instant, interval)`: the same, backwards.
    Subtract,
    /// `(value, zone)`: SQL's `at time zone`.
    AtTimeZone,
    /// `(unit, start, end)`: beginnings of a unit between two instants.
    Difference,
    /// `(instant, format)`: as text in a form.
    Format,
    /// `(instant)`: as text with its offset.
    Text,
}

impl Op {
    /// Whether the argument at `position` is one for all rows.
    fn reads_once(self, position: usize) -> bool {
        matches!((self, position), (Self::Truncate | Self::Difference, 0) | (Self::Begin, 2))
    }
}

/// A function of one zone.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(in super::super) struct Zoned {
    op: Op,
    /// Whether a text that cannot be read is null.
    pub(super) lenient: bool,
    pub(super) clock: Arc<Clock>,
    signature: Signature,
}

impl Zoned {
    pub(super) fn new(op: Op, clock: Arc<Clock>) -> Self {
        let signature = match op {
            Op::ToTimestamp(_) | Op::Day => Signature::variadic_any(Volatility::Immutable),
            Op::Wall | Op::Instant | Op::Text => Signature::any(1, Volatility::Immutable),
            Op::Begin | Op::Difference => Signature::any(3, Volatility::Immutable),
            Op::Truncate | Op::Add | Op::Subtract | Op::AtTimeZone | Op::Format => Signature::any(2, Volatility::Immutable),
        };
        Self { op, lenient: false, clock, signature }
    }

    /// The same for another zone, where it is one of another.
    pub(super) fn of_another(&self, clock: &Arc<Clock>) -> Option<Self> {
        (self.clock != *clock).then(|| Self { lenient: self.lenient, ..Self::new(self.op, Arc::clone(clock)) })
    }

    pub(super) fn op(&self) -> Op {
        self.op
    }

    /// A call with `arguments`.
    pub(in super::super) fn call(op: Op, clock: &Arc<Clock>, arguments: Vec<Expr>) -> Expr {
        Self::new(op, Arc::clone(clock)).into_call(arguments)
    }

    /// A call that yields null for text that cannot be read.
    pub(super) fn call_leniently(op: Op, clock: &Arc<Clock>, arguments: Vec<Expr>) -> Expr {
        Self { lenient: true, ..Self::new(op, Arc::clone(clock)) }.into_call(arguments)
    }

    pub(super) fn into_call(self, arguments: Vec<Expr>) -> Expr {
        Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(ScalarUDF::from(self)), arguments))
    }

    fn aware(&self, unit: TimeUnit) -> DataType {
        DataType::Timestamp(unit, Some(self.clock.name().into()))
    }
}

impl ScalarUDFImpl for Zoned {
    fn name(&self) -> &'static str {
        match self.op {
            Op::Wall => "to_local_time",
            Op::Instant => "pressrun_instant",
            Op::ToTimestamp(None) => "to_timestamp",
            Op::ToTimestamp(Some(TimeUnit::Second)) => "to_timestamp_seconds",
            Op::ToTimestamp(Some(TimeUnit::Millisecond)) => "to_timestamp_millis",
            Op::ToTimestamp(Some(TimeUnit::Microsecond)) => "to_timestamp_micros",
            Op::ToTimestamp(Some(TimeUnit::Nanosecond)) => "to_timestamp_nanos",
            Op::Day => "to_date",
            Op::Truncate => "pressrun_truncate",
            Op::Begin => "pressrun_begin",
            Op::Add => "pressrun_add",
            Op::Subtract => "pressrun_subtract",
            Op::AtTimeZone => super::AT_TIME_ZONE,
            Op::Difference => "pressrun_date_diff",
            Op::Format => "pressrun_format",
            Op::Text => "pressrun_instant_text",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let names: Vec<String> = args.iter().map(|arg| arg.schema_name().to_string()).collect();
        Ok(match (self.op, args) {
            (Op::AtTimeZone, [_, Expr::Literal(ScalarValue::Utf8(Some(zone)), _)]) => {
                format!("{} at time zone {zone}", names.first().map_or("", String::as_str))
            }
            _ => format!("{}({})", self.name(), names.join(",")),
        })
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let of = |at: usize| arguments.get(at).map_or(DataType::Null, |data_type| super::plain(data_type.clone()));
        let unit = |data_type: DataType| match data_type {
            DataType::Timestamp(unit, _) => unit,
            _ => TimeUnit::Microsecond,
        };
        Ok(match self.op {
            Op::Wall => DataType::Timestamp(unit(of(0)), None),
            Op::ToTimestamp(unit) => self.aware(unit.unwrap_or(TimeUnit::Microsecond)),
            Op::Day => DataType::Date32,
            // What has no zone is truncated as it stands.
            Op::Truncate if matches!(of(1), DataType::Timestamp(_, None)) => of(1),
            Op::Truncate | Op::Begin => self.aware(unit(of(1))),
            Op::Instant | Op::Add | Op::Subtract => self.aware(unit(of(0))),
            Op::AtTimeZone => match of(0) {
                DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(unit, None),
                other => self.aware(unit(other)),
            },
            Op::Difference => DataType::Int64,
            Op::Format | Op::Text => DataType::Utf8,
        })
    }

    fn preimage(&self, args: &[Expr], value: &Expr, info: &SimplifyContext) -> Result<PreimageResult> {
        let (unit, argument) = match (self.op, args) {
            (Op::Truncate, [Expr::Literal(ScalarValue::Utf8(Some(unit)), _), argument]) => (Unit::of(unit), argument),
            (Op::Wall | Op::Day, [argument]) => (None, argument),
            _ => return Ok(PreimageResult::None),
        };
        let (Expr::Literal(value, _), data_type) = (value, info.get_data_type(argument)?) else { return Ok(PreimageResult::None) };
        let (Some((start, end)), DataType::Timestamp(unit, zone)) = (period(self.op, unit, value, &data_type, &self.clock), data_type)
        else {
            return Ok(PreimageResult::None);
        };
        let bound = |number: i64| ScalarValue::Int64(Some(number)).cast_to(&DataType::Timestamp(unit, zone.clone()));
        Ok(PreimageResult::Range { expr: argument.clone(), interval: Box::new(Interval::try_new(bound(start)?, bound(end)?)?) })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let column = |(at, arg): (usize, &ColumnarValue)| {
            let once = matches!(arg, ColumnarValue::Scalar(_)) && self.op.reads_once(at);
            arg.to_array(if once { 1 } else { rows }).and_then(|array| undress(&array))
        };
        let columns = args.args.iter().enumerate().map(column).collect::<Result<Vec<_>>>()?;
        let found = self.run(&columns)?;
        let found = change(&found, args.return_field.data_type())?;
        Ok(if constant { ColumnarValue::Scalar(ScalarValue::try_from_array(&found, 0)?) } else { ColumnarValue::Array(found) })
    }
}

impl Zoned {
    /// Runs on whole columns; the caller gives the result its zone.
    fn run(&self, columns: &[ArrayRef]) -> Result<ArrayRef> {
        let clock = &Reader::new(&self.clock);
        let value = column(columns, 0)?;
        match self.op {
            Op::Wall => self.walls(value, clock),
            Op::Instant => self.instants(value, &[], TimeUnit::Second, clock),
            Op::ToTimestamp(unit) => self.instants(value, columns.get(1..).unwrap_or_default(), unit.unwrap_or(TimeUnit::Second), clock),
            Op::Day => self.days(value, columns.get(1..).unwrap_or_default(), clock),
            Op::Truncate => truncate(value, column(columns, 1)?, clock),
            Op::Begin => begin(value, column(columns, 1)?, column(columns, 2)?, clock),
            Op::Add => shift(value, column(columns, 1)?, 1, clock),
            Op::Subtract => shift(value, column(columns, 1)?, -1, clock),
            Op::AtTimeZone => self.at_time_zone(value, column(columns, 1)?),
            Op::Difference => difference(value, column(columns, 1)?, column(columns, 2)?, clock),
            Op::Format => format(&self.clock, value, column(columns, 1)?),
            Op::Text => told(value, clock),
        }
    }
}

fn column(columns: &[ArrayRef], at: usize) -> Result<&ArrayRef> {
    columns.get(at).ok_or_else(|| super::wrong("a function of dates lacks an argument".to_owned(), "docs/sql.md shows what each takes"))
}
