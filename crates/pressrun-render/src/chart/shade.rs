//! Bars and heat behind the numbers of a table, for whoever lays the table out.

use arrow_array::{Array as _, RecordBatch};
use indexmap::IndexMap;
use pressrun_domain::chart::Chart;

use super::ChartInput;
use super::color::Color;
use super::data::Column;
use super::error::ChartError;
use super::theme::Theme;
use crate::format::Value;

/// What stands behind the cells of one column, one entry a row; `None` behind cells without a number.
#[derive(Debug, Clone, PartialEq)]
pub enum Shades {
    /// A bar: from and to as shares (0 to 1) of the cell's width; negative values grow left from a common zero.
    Bars(Vec<Option<(f64, f64, Color)>>),
    /// A background and the colour in which text is legible on it.
    Heat(Vec<Option<(Color, Color)>>),
}

/// Least and greatest of the columns with bars or heat, over all rows that there are: a row looks the same wherever it is shown,
/// whatever else is shown with it (C5).
#[derive(Debug, Clone, Default)]
pub struct Ranges(IndexMap<String, Option<(f64, f64)>>);

impl Ranges {
    /// Nothing seen yet of the columns that `chart` shades.
    #[must_use]
    pub fn of(chart: &Chart) -> Self {
        Self(chart.bars.iter().chain(&chart.heat).map(|name| (name.clone(), None)).collect())
    }

    /// Looks at the rows of `batch`.
    pub fn add(&mut self, batch: &RecordBatch) {
        for (name, range) in &mut self.0 {
            let Some(column) = batch.column_by_name(name) else { continue };
            let numbers = (0..column.len()).filter_map(|row| Value::at(column.as_ref(), row).as_f64());
            for number in numbers {
                *range = Some(range.map_or((number, number), |(low, high)| (low.min(number), high.max(number))));
            }
        }
    }

    /// Least and greatest of a column; 0 and 0 of none.
    pub(crate) fn get(&self, name: &str) -> (f64, f64) {
        self.0.get(name).copied().flatten().unwrap_or((0.0, 0.0))
    }
}

/// The shades of the table's `bars` and `heat` columns by column name, rows in the order of the batches.
///
/// # Errors
/// A named column that the result does not have, or that holds no numbers.
pub fn table_shades(input: &ChartInput<'_>, ranges: &Ranges, theme: &Theme) -> Result<IndexMap<String, Shades>, ChartError> {
    let mut shades = IndexMap::new();
    if input.batches.is_empty() {
        return Ok(shades);
    }
    for name in &input.chart.bars {
        let numbers = Column::find(input, name)?.numbers("bars")?;
        let (low, high) = ranges.get(name);
        let (low, high) = (low.min(0.0), high.max(0.0));
        let span = high - low;
        let zero = if span > 0.0 { -low / span } else { 0.0 };
        let bars = numbers.iter().map(|number| {
            let end = if span > 0.0 { ((*number)? - low) / span } else { zero };
            let color = if end < zero { theme.negative } else { theme.series[0] };
            Some((end.min(zero), end.max(zero), theme.background.mix(color, 0.28)))
        });
        shades.insert(name.clone(), Shades::Bars(bars.collect()));
    }
    for name in &input.chart.heat {
        let numbers = Column::find(input, name)?.numbers("heat")?;
        let (low, high) = ranges.get(name);
        let heat = numbers.iter().map(|number| {
            // Lighter than a heatmap's cells: the number in front is what counts.
            let color = theme.background.mix(theme.heat((*number)?, low, high), 0.62);
            Some((color, color.legible(theme.text, theme.background)))
        });
        shades.insert(name.clone(), Shades::Heat(heat.collect()));
    }
    Ok(shades)
}
