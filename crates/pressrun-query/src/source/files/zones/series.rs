//! `generate_series` and `range` as tables. Over instants the engine's end where a clock skips a time, and say nothing; so those are
//! counted here, on the calendar of the zone.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, TimestampMicrosecondArray};
use arrow_buffer::IntervalMonthDayNano;
use arrow_schema::{DataType, Field, IntervalUnit, Schema, TimeUnit};
use datafusion::catalog::{MemTable, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{Expr, lit};

use super::arithmetic::add;
use super::clock::{Clock, Reader};

/// Most values of a series of instants: a century of hours.
const MOST: i64 = 1_000_000;

/// Wraps both.
pub(super) fn register(state: &mut SessionState) {
    for (name, closed) in [("generate_series", true), ("range", false)] {
        let found = state.table_functions().get(name).map(|function| Arc::clone(function.function()));
        if let Some(inner) = found {
            state.register_udtf(name, Arc::new(Series { inner, closed }));
        }
    }
}

#[derive(Debug)]
struct Series {
    inner: Arc<dyn TableFunctionImpl>,
    /// Whether the last value may be the end.
    closed: bool,
}

impl TableFunctionImpl for Series {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let zone = args.session().config_options().execution.time_zone.clone();
        let clock = Clock::of(zone.as_deref().unwrap_or("UTC"))?;
        let mut values = Vec::with_capacity(args.exprs().len());
        for expr in args.exprs() {
            let Expr::Literal(value, _) = expr else {
                return Err(super::wrong("the bounds of a series are no constants".to_owned(), "use now(), dates and numbers, no columns"));
            };
            values.push(value.clone());
        }
        let is_instant = |value: &ScalarValue| matches!(value.data_type(), DataType::Timestamp(_, Some(_)));
        if let [start, end, step] = values.as_slice()
            && (is_instant(start) || is_instant(end))
        {
            return self.instants(start, end, step, &clock);
        }
        // The engine's own takes nanoseconds only.
        let fine = |value: ScalarValue| match value.data_type() {
            DataType::Timestamp(_, None) => value.cast_to(&DataType::Timestamp(TimeUnit::Nanosecond, None)).map(lit),
            _ => Ok(lit(value)),
        };
        let values = values.into_iter().map(fine).collect::<Result<Vec<_>>>()?;
        self.inner.call_with_args(TableFunctionArgs::new(&values, args.session()))
    }
}

impl Series {
    fn instants(&self, start: &ScalarValue, end: &ScalarValue, step: &ScalarValue, clock: &Clock) -> Result<Arc<dyn TableProvider>> {
        let reader = &Reader::new(clock);
        let micros = |value: &ScalarValue| -> Result<Option<i64>> {
            let wall = value.cast_to(&DataType::Timestamp(TimeUnit::Microsecond, None))?;
            let ScalarValue::TimestampMicrosecond(Some(number), _) = wall else { return Ok(None) };
            Ok(Some(match value.data_type() {
                DataType::Timestamp(_, Some(_)) => number,
                _ => super::text::Written::Wall(number).instant(reader),
            }))
        };
        let (start, end) = (micros(start)?, micros(end)?);
        let ScalarValue::IntervalMonthDayNano(step) = step.cast_to(&DataType::Interval(IntervalUnit::MonthDayNano))? else {
            return Err(DataFusionError::Internal("an interval that is none".to_owned()));
        };
        let found = match (start, end, step) {
            (Some(start), Some(end), Some(step)) => self.count(start, end, step, reader)?,
            _ => Vec::new(),
        };
        let column = TimestampMicrosecondArray::from(found).with_timezone(clock.name());
        let field = Field::new("value", DataType::Timestamp(TimeUnit::Microsecond, Some(clock.name().into())), false);
        let schema = Arc::new(Schema::new(vec![field]));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(column) as ArrayRef])?;
        Ok(Arc::new(MemTable::try_new(schema, vec![vec![batch]])?))
    }

    /// Each value is so many steps from the start, not from the one before: a skipped hour moves one value, not all that follow.
    fn count(&self, start: i64, end: i64, step: IntervalMonthDayNano, reader: &Reader<'_>) -> Result<Vec<i64>> {
        let too_many =
            || super::wrong(format!("a series of instants has more than {MOST} values"), "take a longer step or a shorter period");
        let next = add(start, 1_000_000, step, 1, reader)?;
        if next == start {
            return Err(super::wrong("the step of a series is zero".to_owned(), "write interval '1 day'"));
        }
        let forward = next > start;
        let mut found = Vec::new();
        for count in 0..=MOST {
            let at = add(start, 1_000_000, step, count, reader)?;
            let over = if forward { at > end } else { at < end };
            if over || (at == end && !self.closed) {
                return Ok(found);
            }
            found.push(at);
        }
        Err(too_many())
    }
}

/// Why a list of instants is no series.
pub(super) fn refused() -> DataFusionError {
    super::wrong(
        "a list of instants cannot be made by generate_series or range".to_owned(),
        "use it as a table: select value from generate_series(now() - interval '7 days', now(), interval '1 day')",
    )
}
