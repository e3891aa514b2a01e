//! One file a mark.

pub(crate) mod area;
pub(crate) mod bar;
pub(crate) mod heatmap;
pub(crate) mod kpi;
mod layer;
pub(crate) mod line;
pub(crate) mod pie;
pub(crate) mod point;
mod stack;
mod written;

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

/// Ranges of two axes that share the place of zero: where one reaches below it, the other does so too.
fn level((low, high): (f64, f64), second: (f64, f64)) -> (f64, f64) {
    if second.0 < 0.0 && second.1 > 0.0 && low >= 0.0 && high > 0.0 {
        return (-high * (-second.0 / second.1).clamp(0.1, 1.0), high);
    }
    if second.0 < 0.0 && second.1 <= 0.0 && low >= 0.0 { (-high, high) } else { (low, high) }
}

/// The error of a drawing with one axis for measures of two units.
fn one_axis(table: &super::data::Table, drawing: &'static str) -> Result<(), ChartError> {
    if table.base().all(|series| !series.right) {
        return Ok(());
    }
    Err(ChartError::OneAxis { measures: table.base().map(|series| series.name.clone()).collect(), drawing })
}
