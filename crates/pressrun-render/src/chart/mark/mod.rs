//! One file a mark.

pub(crate) mod area;
pub(crate) mod bar;
pub(crate) mod heatmap;
pub(crate) mod kpi;
pub(crate) mod line;
pub(crate) mod pie;
pub(crate) mod point;
mod stack;

use super::ChartInput;
use super::error::ChartError;

/// The channel's column, or the error that the mark needs it.
fn needed<'a>(column: Option<&'a String>, mark: &'static str, channel: &'static str) -> Result<&'a str, ChartError> {
    column.map(String::as_str).ok_or(ChartError::MissingChannel { mark, channel })
}

/// The value columns of a mark that spreads them over `x`.
fn values<'a>(input: &ChartInput<'a>, mark: &'static str) -> Result<Vec<&'a str>, ChartError> {
    if input.chart.y.is_empty() {
        return Err(ChartError::MissingChannel { mark, channel: "y" });
    }
    Ok(input.chart.y.iter().map(String::as_str).collect())
}
