//! Charts: the drawing of the tile's shape, and a second one for narrow screens where a wide one would be too small to read.

use super::{escape, failed, no_results, notes};
use crate::chart::{ChartInput, Colors, Drawn, Size, Theme, draw};
use crate::error::RenderError;
use crate::report::{RenderLimits, Report, TileData, TileView};
use crate::rows::Batches;
use pressrun_domain::chart::Mark;
use pressrun_domain::text::grouped;

/// Points of one column of the grid: 24 of them are shown on about 1,200 pixels, so that text has the size it has on paper.
const COLUMN: f64 = 35.0;
/// Points of one row of the grid, as on paper.
const ROW: f64 = 28.0;
/// Points that padding takes on either axis.
const PADDING: f64 = 20.0;
/// Points of the title, and of the subtitle.
const TITLE: f64 = 18.0;
/// Points of a drawing for a phone.
const NARROW: Size = Size { width: 280.0, height: 190.0 };
/// A second drawing that is larger than this (in bytes) is left out: the wide one scrolls instead.
const NARROW_BYTES: usize = 400_000;

/// The chart of a tile.
pub(super) fn html(report: &Report, tile: &TileView, data: &TileData, theme: &Theme, colors: &Colors) -> Result<String, RenderError> {
    let most = RenderLimits::default().chart_rows;
    let taken = Batches::open(tile, &data.rows)?.take_rows(most)?;
    if taken.total == 0 {
        return Ok(no_results());
    }
    let input = ChartInput { chart: &data.chart, batches: &taken.batches, fields: &data.fields, zone: &report.zone, colors };
    let size = size(tile);
    let drawn = match draw(&input, size, theme) {
        Ok(drawn) => drawn,
        Err(error) => return Ok(failed(&error.to_string())),
    };
    let narrow = if size.width > NARROW.width * 1.2 && data.chart.mark != Mark::Kpi && drawn.svg.len() <= NARROW_BYTES {
        draw(&input, Size { height: NARROW.height.max(size.height.min(NARROW.height * 1.4)), ..NARROW }, theme).ok()
    } else {
        None
    };
    let mut told = drawn.notes.clone();
    if taken.total > taken.kept() {
        told.push(format!("Drawn from the first {} of {} rows", grouped(taken.kept()), grouped(taken.total)));
    }
    if let Some(truncated) = data.truncated {
        told.push(format!("The query stopped at its limit of {} rows", grouped(truncated.limit)));
    }
    Ok(format!("{}{}", figure(&drawn, narrow.as_ref(), data.chart.mark), notes(&told)))
}

/// The drawings in one box that says in words what they show.
fn figure(wide: &Drawn, narrow: Option<&Drawn>, mark: Mark) -> String {
    let kind = if mark == Mark::Kpi { "chart kpi" } else { "chart" };
    let alt = escape(&wide.alt);
    // A box of another shape leaves room on the right and below, not around: drawings stand flush with their titles.
    let flush = |svg: &str| svg.replacen("<svg ", "<svg preserveAspectRatio=\"xMinYMid meet\" ", 1);
    let wide = flush(&wide.svg);
    match narrow {
        None => format!("<div class=\"{kind}\" role=\"img\" aria-label=\"{alt}\">{wide}</div>"),
        Some(narrow) => {
            let narrow = flush(&narrow.svg);
            let drawings = format!("<div class=\"wide\">{wide}</div><div class=\"narrow\">{narrow}</div>");
            format!("<div class=\"{kind}\" role=\"img\" aria-label=\"{alt}\">{drawings}</div>")
        }
    }
}

/// The room that the tile leaves for its drawing.
fn size(tile: &TileView) -> Size {
    let titled = if tile.title.is_empty() { 0.0 } else { TITLE } + if tile.subtitle.is_some() { TITLE * 0.8 } else { 0.0 };
    let width = f64::from(tile.at.w.clamp(1, 24)) * COLUMN - PADDING;
    let height = f64::from(tile.at.h.clamp(1, 200)) * ROW - PADDING - titled;
    Size { width: width.max(60.0), height: height.max(36.0) }
}
