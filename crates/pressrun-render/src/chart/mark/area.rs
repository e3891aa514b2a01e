//! Areas: over one another as tinted lines, or stacked.

use pressrun_domain::chart::{Scale, Stack};

use super::super::axis::ValueAxis;
use super::super::data::{Rest, Table};
use super::super::legend::Swatch;
use super::super::places;
use super::super::plot::{Canvas, Heading, Plot};
use super::super::svg::{number, polyline};
use super::super::{ChartError, ChartInput, Told, alt};
use super::bar::percent;
use super::line::thinned;
use super::stack::{self, Piece};
use super::{needed, values};

/// Most places that all areas together take.
const MOST_POINTS: usize = 2400;

/// Draws areas.
pub(crate) fn draw(input: &ChartInput<'_>, canvas: &mut Canvas<'_>) -> Result<Told, ChartError> {
    let x = needed(input.chart.x.as_ref(), "area", "x")?;
    let mut table = Table::read(input, x, &values(input, "area")?, true, Rest::Sum)?;
    let share = input.chart.stack == Stack::Normalize;
    // A stack of one is an area, and looks like one.
    let stacked = share || (input.chart.stack != Stack::None && table.series.len() > 1);
    let log = input.chart.scale == Scale::Log && !stacked;
    if log {
        table.drop_not_positive();
    }
    if table.is_empty() {
        return Ok(Told::nothing());
    }
    let told = alt::table(if stacked { "Stacked area chart" } else { "Area chart" }, &table);
    if stacked {
        places::fill_periods(&mut table, 4000);
        let most = (MOST_POINTS / table.series.len().max(1)).min((canvas.width * 1.5) as usize).max(40);
        let notes = std::mem::take(&mut table.notes);
        places::thin(&mut table, most);
        // A thinned outline looks the same; only left-out bars need a word.
        table.notes = notes;
    }
    let pieces: Vec<Vec<Piece>> = if stacked {
        stack::stacked(&table, share)
    } else {
        table.series.iter().map(|series| series.values.iter().map(|v| v.map(|v| (0.0, v))).collect()).collect()
    };
    let (low, high) = match (log, share) {
        (true, _) => table.range(),
        (false, true) => (stack::range(&pieces).0.floor(), 1.0),
        (false, false) => stack::range(&pieces),
    };
    let format = if share { percent() } else { table.format.clone() };
    let heading = Heading::of(&table, Swatch::Square, canvas);
    let theme = canvas.theme;
    let plot = Plot::new(
        canvas,
        &heading,
        (0.0, 0.0),
        |pixels| ValueAxis::new(low, high, log, pixels, if log { 22.0 } else { 32.0 }, &format),
        |left, right, most| places::continuous(&table.places, left, right - 2.0, most, theme),
    );
    if stacked {
        draw_stack(&table, &pieces, &plot, canvas);
    } else {
        draw_overlaid(&table, &plot, canvas);
    }
    plot.draw_base(canvas);
    Ok(Told { alt: told, notes: table.notes, empty: false })
}

fn draw_stack(table: &Table, pieces: &[Vec<Piece>], plot: &Plot, canvas: &mut Canvas<'_>) {
    let single = plot.x.x.len() == 1;
    let mut up = vec![0.0; plot.x.x.len()];
    let mut down = vec![0.0; plot.x.x.len()];
    for (series, pieces) in table.series.iter().zip(pieces) {
        let color = canvas.theme.series_color(series.color);
        let negative = pieces.iter().flatten().all(|(from, to)| to <= from) && pieces.iter().flatten().any(|(from, to)| to < from);
        let feet = if negative { &mut down } else { &mut up };
        let tops: Vec<f64> = pieces.iter().zip(feet.iter()).map(|(piece, foot)| piece.map_or(*foot, |(_, to)| to)).collect();
        let edge = |values: &[f64]| -> Vec<(f64, f64)> {
            if let ([x], [value]) = (&plot.x.x[..], values) {
                // One place is a block, or it would have no width.
                return vec![(x - 20.0, plot.y(*value)), (x + 20.0, plot.y(*value))];
            }
            plot.x.x.iter().zip(values).map(|(x, value)| (*x, plot.y(*value))).collect()
        };
        let (top, foot) = (edge(&tops), edge(feet));
        let outline = top.iter().copied().chain(foot.into_iter().rev()).map(Some);
        canvas.svg.fill(&format!("{}Z", polyline(outline)), color, 0.88);
        if !single {
            canvas.svg.stroke(&polyline(top.into_iter().map(Some)), canvas.theme.background, 0.7, 1.0);
        }
        feet.copy_from_slice(&tops);
    }
}

fn draw_overlaid(table: &Table, plot: &Plot, canvas: &mut Canvas<'_>) {
    let count = table.series.len();
    let tint = if count == 1 { 0.16 } else { 0.12 };
    for series in table.series.iter().rev() {
        let color = canvas.theme.series_color(series.color);
        let placed: Vec<Option<(f64, f64)>> = series.values.iter().zip(&plot.x.x).map(|(v, x)| v.map(|v| (*x, plot.y(v)))).collect();
        let shown = thinned(&placed, (MOST_POINTS / count.max(1)).max(40));
        let base = number(plot.base());
        for stretch in shown.split(Option::is_none).filter(|stretch| !stretch.is_empty()) {
            if let (Some(Some(first)), Some(Some(last))) = (stretch.first(), stretch.last()) {
                let line = polyline(stretch.iter().copied());
                if stretch.len() == 1 {
                    canvas.svg.disc(first.0, first.1, 2.2, color, 1.0, None);
                } else {
                    canvas.svg.fill(&format!("{line}L{} {base}L{} {base}Z", number(last.0), number(first.0)), color, tint);
                }
            }
        }
        canvas.svg.stroke(&polyline(shown), color, canvas.theme.line, 1.0);
    }
}
