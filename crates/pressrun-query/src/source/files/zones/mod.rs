//! Instants and wall clock times of the embedded engine, right in every zone.
//!
//! A timestamp with a zone is an instant; one without is what a wall clock of the query zone showed. The engine confuses the two in many
//! places: it casts an instant to the wall clock of UTC, takes `at time zone` for a change of type, bins on the clock of UTC, begins a day
//! of two midnights at the second, and fails where a clock skipped a time. So nothing of that is left to it:
//!
//! - [`syntax`] gives a tile's SQL functions of ours for what the engine's grammar has no place for,
//! - [`rewrite`] replaces functions, comparisons and sums of dates by ours once the types of their arguments are known,
//! - [`casts`] does the same for conversions, written or implied, once the engine has added the implied ones,
//! - [`function`] is what then runs, on the [`clock`] of the zone.
//!
//! What people see of it is `docs/sql.md`, whose examples are run by the tests.

mod arithmetic;
mod calendar;
mod calendar_end;
mod casts;
mod clock;
mod columns;
mod convert;
mod format;
mod function;
mod preimage;
mod rewrite;
mod series;
mod syntax;
mod text;

use std::sync::Arc;

use arrow_schema::{DataType, TimeUnit};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::FunctionRegistry;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::ScalarUDF;

pub(super) use self::calendar_end::within_calendar;
pub(super) use self::casts::convert;
pub(super) use self::clock::Clock;
pub(super) use self::function::{Op, Zoned};
pub(super) use self::rewrite::rewrite;
pub(super) use self::syntax::{call, prepare};
pub(super) use self::text::instant_of_text;
use crate::error::{QueryError, QueryErrorKind};

/// What `x at time zone z` becomes.
const AT_TIME_ZONE: &str = "pressrun_at_time_zone";

/// Registers the functions that people call by name. The zone is that of `state`.
pub(super) fn register(state: &mut SessionState) -> Result<()> {
    let zone = state.config().options().execution.time_zone.clone();
    let clock = Clock::of(zone.as_deref().unwrap_or("UTC"))?;
    let named = [
        Op::Wall,
        Op::AtTimeZone,
        Op::Day,
        Op::ToTimestamp(None),
        Op::ToTimestamp(Some(TimeUnit::Second)),
        Op::ToTimestamp(Some(TimeUnit::Millisecond)),
        Op::ToTimestamp(Some(TimeUnit::Microsecond)),
        Op::ToTimestamp(Some(TimeUnit::Nanosecond)),
    ];
    for op in named {
        state.register_udf(Arc::new(ScalarUDF::from(Zoned::new(op, Arc::clone(&clock)))))?;
    }
    series::register(state);
    Ok(())
}

pub(super) fn wrong(message: String, hint: &str) -> DataFusionError {
    DataFusionError::External(Box::new(QueryError::new(QueryErrorKind::Syntax, message).hint(hint)))
}

pub(super) fn no_date(data_type: &DataType, what: &str) -> DataFusionError {
    wrong(format!("{what} is used on a value of type {data_type}"), "use a date or timestamp, or convert it with to_timestamp(…)")
}

/// The type behind a dictionary.
pub(super) fn plain(data_type: DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, values) => plain(*values),
        other => other,
    }
}

#[cfg(test)]
mod tests;
