//! Conversions between text, days, wall clock times and instants, written in SQL or implied by it.

use std::sync::Arc;

use arrow_schema::DataType;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::{Cast, Expr, ExprSchemable, TryCast, cast};

use super::clock::Clock;
use super::function::{Op, Zoned};
use super::plain;

/// What replaces `expr`, where it is such a conversion.
pub(in super::super) fn convert(expr: &Expr, schema: &DFSchema, clock: &Arc<Clock>) -> Result<Option<Expr>> {
    let (value, to, lenient) = match expr {
        Expr::Cast(Cast { expr, field }) => (expr, field.data_type(), false),
        Expr::TryCast(TryCast { expr, field }) => (expr, field.data_type(), true),
        _ => return Ok(None),
    };
    let Ok(from) = value.get_type(schema) else { return Ok(None) };
    let from = plain(from);
    let op = match (&from, to) {
        (text, DataType::Timestamp(_, Some(_))) if text.is_string() => Op::Instant,
        (text, DataType::Timestamp(_, None)) if text.is_string() => Op::Wall,
        (text, DataType::Date32 | DataType::Date64) if text.is_string() => Op::Day,
        (DataType::Timestamp(_, None) | DataType::Date32 | DataType::Date64, DataType::Timestamp(_, Some(_))) => Op::Instant,
        (DataType::Timestamp(_, Some(_)), DataType::Date32) => Op::Day,
        (DataType::Timestamp(_, Some(_)), DataType::Timestamp(_, None) | DataType::Date64 | DataType::Time32(_) | DataType::Time64(_)) => {
            Op::Wall
        }
        (DataType::Timestamp(_, Some(_)), text) if text.is_string() => Op::Text,
        _ => return Ok(None),
    };
    let arguments = vec![value.as_ref().clone()];
    let call = if lenient { Zoned::call_leniently(op, clock, arguments) } else { Zoned::call(op, clock, arguments) };
    Ok(Some(if call.get_type(schema)? == *to { call } else { cast(call, to.clone()) }))
}
