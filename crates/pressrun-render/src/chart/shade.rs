//! Bars and heat behind the numbers of a table, for whoever lays the table out.

use indexmap::IndexMap;

use super::ChartInput;
use super::color::Color;
use super::data::{Column, range};
use super::error::ChartError;
use super::theme::Theme;

/// What stands behind the cells of one column, one entry a row; `None` behind cells without a number.
#[derive(Debug, Clone, PartialEq)]
pub enum Shades {
    /// A bar: from and to as shares (0 to 1) of the cell's width; negative values grow left from a common zero.
    Bars(Vec<Option<(f64, f64, Color)>>),
    /// A background and the colour in which text is legible on it.
    Heat(Vec<Option<(Color, Color)>>),
}

/// The shades of the table's `bars` and `heat` columns by column name, rows in the order of the batches.
///
/// # Errors
/// A named column that the result does not have, or that holds no numbers.
pub fn table_shades(input: &ChartInput<'_>, theme: &Theme) -> Result<IndexMap<String, Shades>, ChartError> {
    let mut shades = IndexMap::new();
    if input.batches.is_empty() {
        return Ok(shades);
    }
    for name in &input.chart.bars {
        let numbers = Column::find(input, name)?.numbers("bars")?;
        let (low, high) = range(numbers.iter().flatten().copied());
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
        let (low, high) = range(numbers.iter().flatten().copied());
        let heat = numbers.iter().map(|number| {
            // Lighter than a heatmap's cells: the number in front is what counts.
            let color = theme.background.mix(theme.heat((*number)?, low, high), 0.62);
            Some((color, color.legible(theme.text, theme.background)))
        });
        shades.insert(name.clone(), Shades::Heat(heat.collect()));
    }
    Ok(shades)
}
