//! Areas: over one another as tinted lines, or stacked.

use pressrun_domain::chart::{Scale, Stack};

use super::super::axis::{Span, ValueAxis};
use super::super::data::{Rest, Series, Table};
use super::super::guides::{self, Guides};
use super::super::legend::Swatch;
use super::super::places;
use super::super::plot::{Axes, Canvas, Heading, Plot};
use super::super::svg::{number, polyline};
use super::super::{ChartError, ChartInput, Told, alt};
use super::bar::percent;
use super::line::thinned;
use super::stack::{self, Piece};
use super::{layer, level, needed, one_axis, values};

/// Most places that all areas together take.
const MOST_POINTS: usize = 2400;

/// Draws areas.
pub(crate) fn draw(input: &ChartInput<'_>, canvas: &mut Canvas<'_>) -> Result<Told, ChartError> {
    let x = needed(input.chart.x.as_ref(), "area", "x")?;
    let share = input.chart.stack == Stack::Normalize;
    let rest = if input.chart.stack == Stack::None { Rest::Drop } else { Rest::Merge };
    let mut table = Table::read(input, x, &values(input, "area")?, true, rest)?;
    // A stack of one is an area, and looks like one.
    let stacked = share || (input.chart.stack != Stack::None && table.base().count() > 1);
    let log = input.chart.scale == Scale::Log && !stacked;
    if stacked {
        one_axis(&table, "a stack")?;
    }
    if log {
        table.drop_not_positive();
    }
    if table.is_empty() {
        return Ok(Told::nothing(table.notes));
    }
    let mut guides = Guides::read(input, (&table.format, table.right.as_ref()))?;
    let told = alt::table(if stacked { "Stacked area chart" } else { "Area chart" }, &table) + &guides.told();
    if stacked {
        // Days without any row are no days at zero: the outline runs on from the day before to the day after (A4).
        let most = (MOST_POINTS / table.series.len().max(1)).min((canvas.width * 1.5) as usize).max(40);
        let notes = std::mem::take(&mut table.notes);
        places::thin(&mut table, most);
        // A thinned outline looks the same; only left-out bars need a word.
        table.notes = notes;
    }
    let heading = Heading::of(&mut table, Swatch::Square, input.chart, canvas);
    let pieces: Vec<Vec<Piece>> = if stacked { stack::stacked(&table, share) } else { Vec::new() };
    let range = |right: bool| {
        let (low, high) = guides.widened(table.range(right), right);
        if log { (low, high) } else { (low.min(0.0), high.max(0.0)) }
    };
    let (low, high) = match (stacked, share) {
        (false, _) => level(range(false), range(true)),
        (true, true) => (stack::range(&pieces).0.floor(), 1.0),
        (true, false) => level(guides.widened(table.with_layers(stack::range(&pieces)), false), range(true)),
    };
    let format = if share { percent() } else { table.format.clone() };
    let theme = canvas.theme;
    let second = table.right.clone().map(|format| {
        let span = Span::new(range(true), log, &input.chart.axes.right);
        move |left: &ValueAxis, pixels: f64| ValueAxis::beside(left, &span, pixels, &format)
    });
    let span = Span::new((low, high), log, &input.chart.axes.y);
    let axes = Axes {
        left: &|pixels| ValueAxis::new(&span, pixels, &format),
        right: second.as_ref().map(|make| make as &dyn Fn(&ValueAxis, f64) -> ValueAxis),
    };
    let plot = Plot::new(canvas, &heading, (0.0, 0.0), &axes, |left, right, most| {
        places::continuous(&table.places, left, right - 2.0, most, theme)
    });
    guides.behind(&plot, &table.places, canvas);
    if stacked {
        draw_stack(&table, &pieces, &plot, canvas);
    } else {
        draw_overlaid(&table, &plot, canvas);
    }
    layer::draw(&table, &plot, canvas);
    plot.draw_base(canvas);
    if !stacked {
        plot.note_beyond(&mut table);
    }
    guides::over(guides, &plot, &mut table, canvas);
    Ok(Told { alt: told, notes: table.notes, empty: false })
}

/// One area a series on those before it. What is below zero is stacked downwards, each series in two parts where it has both signs.
fn draw_stack(table: &Table, pieces: &[Vec<Piece>], plot: &Plot, canvas: &mut Canvas<'_>) {
    for side in [1.0, -1.0] {
        let mut feet = vec![0.0; plot.x.x.len()];
        for (series, pieces) in table.series.iter().zip(pieces) {
            let part = |piece: &Piece| piece.map_or(0.0, |(from, to)| if (to - from) * side > 0.0 { to - from } else { 0.0 });
            if pieces.iter().all(|piece| part(piece).abs() <= 0.0) {
                continue;
            }
            let tops: Vec<f64> = pieces.iter().zip(&feet).map(|(piece, foot)| foot + part(piece)).collect();
            let (top, foot) = (edge(&tops, plot), edge(&feet, plot));
            let color = canvas.theme.ink(series.ink);
            let outline = top.iter().copied().chain(foot.into_iter().rev()).map(Some);
            canvas.svg.fill(&format!("{}Z", polyline(outline)), color, 0.88);
            if plot.x.x.len() > 1 {
                canvas.svg.stroke(&polyline(top.into_iter().map(Some)), canvas.theme.background, 0.7, 1.0);
            }
            feet = tops;
        }
    }
}

/// One edge of an area; one place is a block, or it would have no width.
fn edge(values: &[f64], plot: &Plot) -> Vec<(f64, f64)> {
    match (&plot.x.x[..], values) {
        ([x], [value]) => vec![(x - 20.0, plot.y(*value)), (x + 20.0, plot.y(*value))],
        (all, values) => all.iter().zip(values).map(|(x, value)| (*x, plot.y(*value))).collect(),
    }
}

fn draw_overlaid(table: &Table, plot: &Plot, canvas: &mut Canvas<'_>) {
    let base: Vec<&Series> = table.base().collect();
    let count = base.len();
    // The tints of many areas mix to a grey that is nobody's colour.
    let tint = match count {
        1 => 0.16,
        2 => 0.12,
        _ => 0.0,
    };
    for series in base.into_iter().rev() {
        let color = canvas.theme.ink(series.ink);
        let placed: Vec<Option<(f64, f64)>> =
            series.values.iter().zip(&plot.x.x).map(|(v, x)| v.map(|v| (*x, plot.y_on(series.right, v)))).collect();
        let shown = thinned(&placed, (MOST_POINTS / count.max(1)).max(40));
        let base = number(plot.base());
        for stretch in shown.split(Option::is_none).filter(|stretch| !stretch.is_empty()) {
            if let (Some(Some(first)), Some(Some(last))) = (stretch.first(), stretch.last()) {
                let line = polyline(stretch.iter().copied());
                if stretch.len() == 1 {
                    canvas.svg.disc(first.0, first.1, 2.2, color, 1.0, None);
                } else if tint > 0.0 {
                    canvas.svg.fill(&format!("{line}L{} {base}L{} {base}Z", number(last.0), number(first.0)), color, tint);
                }
            }
        }
        canvas.svg.stroke(&polyline(shown), color, canvas.theme.line, 1.0);
    }
}
