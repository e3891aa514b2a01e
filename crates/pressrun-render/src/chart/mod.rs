//! Charts as SVG text: a small grammar of marks and channels over record batches.
//!
//! Pure and deterministic: equal input gives equal bytes. Text from data is escaped and never markup.

mod alt;
mod axis;
mod color;
mod colors;
mod data;
mod error;
mod fold;
mod guides;
mod legend;
mod mark;
mod measure;
mod order;
mod places;
mod plot;
mod position;
mod scale;
mod shade;
mod svg;
mod theme;

use arrow_array::RecordBatch;
use indexmap::IndexMap;
use pressrun_domain::catalog::FieldSpec;
use pressrun_domain::chart::{Chart, Mark};

pub use self::color::Color;
pub use self::colors::{Colors, Ink};
pub use self::error::ChartError;
pub use self::mark::kpi::{KpiText, kpi_text};
pub use self::shade::{Ranges, Shades, table_shades};
pub use self::theme::Theme;

use self::plot::Canvas;

/// What is drawn, and from what.
#[derive(Debug, Clone, Copy)]
pub struct ChartInput<'a> {
    /// Mark and channels.
    pub chart: &'a Chart,
    /// The result's rows.
    pub batches: &'a [RecordBatch],
    /// Presentation of columns by name.
    pub fields: &'a IndexMap<String, FieldSpec>,
    /// Query zone (IANA), in which instants are shown; an unknown one is UTC.
    pub zone: &'a str,
    /// The colours of names in the whole report; [`Colors::default`] gives them in order of appearance.
    pub colors: &'a Colors,
}

/// Size of a drawing in points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Size {
    /// Left to right.
    pub width: f64,
    /// Top to bottom.
    pub height: f64,
}

/// A finished drawing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// The SVG document, without background.
    pub svg: String,
    /// One sentence that says what it shows, with key numbers.
    pub alt: String,
    /// What a reader must know: what was left out, added up or put together.
    pub notes: Vec<String>,
}

/// What a mark tells besides its drawing.
#[derive(Debug, Default)]
pub(crate) struct Told {
    alt: String,
    notes: Vec<String>,
    /// There was nothing to draw.
    empty: bool,
}

impl Told {
    fn nothing(notes: Vec<String>) -> Self {
        Self { alt: "No results".to_owned(), notes, empty: true }
    }
}

/// Draws a chart. A result without rows, or with nulls only, draws "No results" (V13).
///
/// # Errors
/// The chart names a column that the result does not have or that is not of the kind a channel needs; a table is not drawn.
pub fn draw(input: &ChartInput<'_>, size: Size, theme: &Theme) -> Result<Drawn, ChartError> {
    let mut canvas = Canvas::new(size, theme);
    let rows: usize = input.batches.iter().map(RecordBatch::num_rows).sum();
    let told = match input.chart.mark {
        Mark::Table => return Err(ChartError::Table),
        _ if rows == 0 => Told::nothing(Vec::new()),
        Mark::Kpi => mark::kpi::draw(input, &mut canvas)?,
        Mark::Bar => mark::bar::draw(input, &mut canvas)?,
        Mark::Line => mark::line::draw(input, &mut canvas)?,
        Mark::Area => mark::area::draw(input, &mut canvas)?,
        Mark::Point => mark::point::draw(input, &mut canvas)?,
        Mark::Pie => mark::pie::draw(input, &mut canvas)?,
        Mark::Heatmap => mark::heatmap::draw(input, &mut canvas)?,
    };
    if told.empty {
        canvas.no_results();
    }
    Ok(Drawn { svg: canvas.svg.finish(&told.alt), alt: told.alt, notes: told.notes })
}

#[cfg(test)]
mod guides_tests;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
