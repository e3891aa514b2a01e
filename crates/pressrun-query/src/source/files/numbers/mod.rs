//! Numbers of the embedded engine: each keeps its digits, is rounded where that was asked for, or is an error.
//!
//! The engine compares floating point numbers by their bits, so that two NaN may differ, zero is not equal to minus zero, and a NaN
//! with a sign is below all others; statistics of Parquet files leave NaN out. It turns a whole number or a decimal that meets a double into
//! one, whatever becomes of its digits, and its sums wrap round. So:
//!
//! - [`floats`] has one NaN, above all other numbers and equal to itself as in PostgreSQL, and one zero: everything that can make another passes
//!   through it, and so does what comes from files ([`scan`]),
//! - [`literals`] compares a fraction that is written in the SQL with whole numbers and decimals as what is written,
//! - [`doubles`] lets a whole number or a decimal become a double unasked only when no digit is lost,
//! - [`nearest`] rounds what becomes a whole number,
//! - [`quotients`] divides decimals and rounds where the engine cuts, as `avg` of [`aggregates`] does,
//! - [`checked`] has `+`, `-` and `*` of whole numbers that do not wrap round and decimals that keep within their digits, [`sums`] and [`frames`] the
//!   aggregates,
//! - [`called`] keeps aggregates of several conversions of one column apart,
//! - [`percentiles`] has `percentile_cont`, whose place among the values is not rounded.

mod aggregates;
mod called;
mod checked;
mod doubles;
mod floats;
mod frames;
mod literals;
mod nearest;
mod percentiles;
mod quotients;
mod scan;
mod sums;

use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::Expr;

pub(super) use self::called::tell_apart;
pub(super) use self::floats::canonical;
pub(super) use self::literals::write_out;
pub(super) use self::scan::canonical_scan;

/// Registers what is called by name.
pub(super) fn register(state: &mut SessionState) -> Result<()> {
    doubles::register(state)?;
    called::register(state)?;
    aggregates::register(state)?;
    percentiles::register(state)
}

/// What replaces `expr` once the types of its parts are known.
pub(super) fn rewrite(expr: &Expr, schema: &DFSchema) -> Option<Expr> {
    quotients::rounded(expr, schema).or_else(|| literals::rewrite(expr, schema))
}

/// What replaces `expr` once the engine has given every operator operands of one type, where something has to.
pub(super) fn coerced(expr: &Expr, schema: &DFSchema) -> Result<Option<Expr>> {
    if let Some(checked) = checked::checked(expr, schema) {
        return Ok(Some(checked));
    }
    let converted = doubles::converted(expr, schema)?;
    if let Some(rounded) = nearest::rounded(converted.as_ref().unwrap_or(expr), schema) {
        return Ok(Some(rounded));
    }
    let computed = floats::computed(converted.as_ref().unwrap_or(expr), schema);
    let computed = computed.or(converted);
    Ok(checked::within_digits(computed.as_ref().unwrap_or(expr), schema).or(computed))
}

#[cfg(test)]
mod tests;
