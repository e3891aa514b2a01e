//! Measures drawn over bars, lines or areas, each by a mark of its own.

use pressrun_domain::chart::Mark;

use super::super::data::{Series, Table};
use super::super::plot::{Canvas, Plot};
use super::super::svg::{Dash, number, polyline};
use super::line;

/// Draws the layers of a table over what is drawn already: areas first, then lines, then points.
pub(super) fn draw(table: &Table, plot: &Plot, canvas: &mut Canvas<'_>) {
    for mark in [Mark::Area, Mark::Line, Mark::Point] {
        for series in table.series.iter().filter(|series| series.layer == Some(mark)) {
            match mark {
                Mark::Area => area(series, plot, canvas),
                Mark::Point => points(series, plot, canvas),
                _ => over(series, plot, canvas),
            }
        }
    }
}

fn placed(series: &Series, plot: &Plot) -> Vec<Option<(f64, f64)>> {
    series.values.iter().zip(&plot.x.x).map(|(value, x)| value.map(|value| (*x, plot.y_on(series.right, value)))).collect()
}

/// A line with a rim in the colour of the page, which parts it from bars of any colour.
fn over(series: &Series, plot: &Plot, canvas: &mut Canvas<'_>) {
    let rim = canvas.theme.background;
    let width = canvas.theme.line;
    canvas.svg.stroke(&polyline(line::thinned(&placed(series, plot), 2000)), rim, width + 1.6, 0.75);
    line::draw_series(series, plot, canvas, (width, 1, Dash::Solid));
}

fn area(series: &Series, plot: &Plot, canvas: &mut Canvas<'_>) {
    let color = canvas.theme.ink(series.ink);
    let base = number(plot.base_on(series.right));
    let shown = line::thinned(&placed(series, plot), 2000);
    for stretch in shown.split(Option::is_none) {
        if let (Some(Some(first)), Some(Some(last))) = (stretch.first(), stretch.last())
            && stretch.len() > 1
        {
            let outline = polyline(stretch.iter().copied());
            canvas.svg.fill(&format!("{outline}L{} {base}L{} {base}Z", number(last.0), number(first.0)), color, 0.2);
        }
    }
    line::draw_series(series, plot, canvas, (canvas.theme.line * 0.75, 1, Dash::Solid));
}

fn points(series: &Series, plot: &Plot, canvas: &mut Canvas<'_>) {
    let color = canvas.theme.ink(series.ink);
    let rim = Some((canvas.theme.background, 1.0));
    for (x, y) in placed(series, plot).into_iter().flatten() {
        canvas.svg.disc(x, y, 3.0, color, 1.0, rim);
    }
}
