//! Lines, one a series, named at their ends where that fits.

use pressrun_domain::chart::{Chart, Mark, Scale};

use super::super::axis::{Span, ValueAxis};
use super::super::data::{Rest, Series, Table};
use super::super::guides::{self, Guides};
use super::super::legend::Swatch;
use super::super::places;
use super::super::plot::{Axes, Canvas, Heading, Plot};
use super::super::svg::{Anchor, Dash, polyline};
use super::super::{ChartError, ChartInput, Told, alt, measure};
use super::written::{self, Written};
use super::{layer, level, needed, values};

/// Most points of all lines together; more are thinned, extremes kept.
const MOST_POINTS: usize = 6000;

/// Draws lines.
pub(crate) fn draw(input: &ChartInput<'_>, canvas: &mut Canvas<'_>) -> Result<Told, ChartError> {
    let x = needed(input.chart.x.as_ref(), "line", "x")?;
    let mut table = Table::read(input, x, &values(input, "line")?, true, Rest::Grey(60))?;
    let log = input.chart.scale == Scale::Log;
    if log {
        table.drop_not_positive();
    }
    if table.is_empty() {
        return Ok(Told::nothing(table.notes));
    }
    let mut guides = Guides::read(input, (&table.format, table.right.as_ref()))?;
    let chosen = &input.chart.axes;
    let range = |table: &Table, right: bool| {
        let range = guides.widened(table.range(right), right);
        let own = if right { chosen.right.zero } else { chosen.y.zero };
        let layered = table.series.iter().any(|series| series.right == right && series.layer == Some(Mark::Area));
        if log || (own == Some(false) && !layered) { range } else { with_zero(range, own == Some(true) || layered) }
    };
    let (left, right) = (range(&table, false), range(&table, true));
    let (low, high) = if log { left } else { level(left, right) };
    let (heading, margin) = heading(&mut table, input.chart, canvas);
    let theme = canvas.theme;
    let second = table.right.clone().map(|format| {
        let span = Span::new(right, log, &chosen.right);
        move |left: &ValueAxis, pixels: f64| ValueAxis::beside(left, &span, pixels, &format)
    });
    let span = Span::new((low, high), log, &chosen.y);
    let axes = Axes {
        left: &|pixels| ValueAxis::new(&span, pixels, &table.format),
        right: second.as_ref().map(|make| make as &dyn Fn(&ValueAxis, f64) -> ValueAxis),
    };
    let plot = Plot::new(canvas, &heading, (margin, 0.0), &axes, |left, right, most| {
        places::continuous(&table.places, left + 2.0, right - 2.0, most, theme)
    });
    guides.behind(&plot, &table.places, canvas);
    plot.draw_base(canvas);
    let coloured = table.base().filter(|series| series.ink.is_some()).count();
    // Names at the ends say which line is whose; a legend needs more than hues once there are many.
    let dashed = margin <= 0.0 && table.series.iter().filter(|series| series.ink.is_some()).count() > 3;
    let thin_lines = coloured > 12;
    // Grey context first, so that the named lines lie above it; the first series on top.
    let base: Vec<&Series> = table.base().collect();
    let (grey, colour): (Vec<&Series>, Vec<&Series>) = base.iter().rev().partition(|series| series.ink.is_none());
    for series in grey.into_iter().chain(colour) {
        let width = if series.ink.is_none() {
            theme.line * 0.5
        } else if thin_lines {
            theme.line * 0.75
        } else {
            theme.line
        };
        let dash = series.ink.filter(|_| dashed).map_or(Dash::Solid, |ink| Dash::of_slot(ink.slot()));
        draw_series(series, &plot, canvas, (width, base.len(), dash));
    }
    layer::draw(&table, &plot, canvas);
    if margin > 0.0 {
        draw_end_names(&table, &plot, canvas);
    }
    if input.chart.labels == Some(true) {
        written::write(point_values(&table, &plot, canvas), &mut table, canvas);
    }
    plot.note_beyond(&mut table);
    let alt = alt::table("Line chart", &table) + &guides.told();
    guides::over(guides, &plot, &mut table, canvas);
    Ok(Told { alt, notes: table.notes, empty: false })
}

/// Values above or below the points of the named lines.
fn point_values(table: &Table, plot: &Plot, canvas: &Canvas<'_>) -> Vec<Written> {
    let mut all = Vec::new();
    for series in table.series.iter().filter(|series| series.ink.is_some()) {
        let points: Vec<(f64, f64)> = series.values.iter().zip(&plot.x.x).filter_map(|(value, x)| Some((*x, (*value)?))).collect();
        let values: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
        for ((x, value), text) in points.iter().zip(written::texts(&values, table.format_of(series))) {
            let y = plot.y_on(series.right, *value);
            let half = measure::width(&text, canvas.theme.label, measure::Weight::Regular) / 2.0;
            let x = x.min(canvas.width - half).max(half);
            let spots = [y - 5.0, y + canvas.theme.label + 4.0].into_iter().filter(|y| *y < plot.bottom && *y > plot.top).map(|y| (x, y));
            all.push(Written { text, anchor: Anchor::Middle, spots: spots.collect(), color: canvas.theme.text, room: canvas.width });
        }
    }
    all
}

/// The range of a line's axis: zero belongs to it unless the values lie far from it, and where it must.
pub(super) fn with_zero((low, high): (f64, f64), must: bool) -> (f64, f64) {
    if must {
        (low.min(0.0), high.max(0.0))
    } else if low >= 0.0 && (low < high * 0.7 || low >= high) {
        (0.0, high)
    } else if high <= 0.0 && (high > low * 0.7 || high <= low) {
        (low, 0.0)
    } else {
        (low, high)
    }
}

/// Most lines that have their names at their ends.
const MOST_NAMED: usize = 8;

/// Names at line ends where there is room for all of them, else a legend; and the room on the right.
fn heading(table: &mut Table, chart: &Chart, canvas: &Canvas<'_>) -> (Heading, f64) {
    let named = table.series.len();
    let ends = table.series.iter().all(|series| series.ink.is_some() && series.values.last().copied().flatten().is_some());
    let high = (named as f64 * END_LINE) <= (canvas.height - 40.0) * if named <= 4 { 0.9 } else { 0.7 };
    let plain = table.right.is_none() && chart.legend.is_none() && chart.layers.is_empty();
    if (2..=MOST_NAMED).contains(&named) && ends && high && plain && canvas.width >= 150.0 && canvas.height >= 90.0 {
        let widest =
            table.series.iter().map(|series| measure::width(&series.name, canvas.theme.small, measure::Weight::Bold)).fold(0.0, f64::max);
        if widest <= canvas.width * 0.28 {
            // The caption names the measure only when the lines are its parts, not measures of their own.
            let chosen = if table.parted { table.format.label.as_str() } else { "" };
            let heading = Heading::caption(guides::title(chart.axes.y.title.as_ref(), chosen), canvas).titled(chart, canvas);
            return (heading, widest + 8.0);
        }
    }
    (Heading::of(table, Swatch::Line, chart, canvas), 0.0)
}

/// From one name at the end of a line to the next, in points.
const END_LINE: f64 = 10.0;

/// One line over its places, of `count`.
pub(super) fn draw_series(series: &Series, plot: &Plot, canvas: &mut Canvas<'_>, (width, count, dash): (f64, usize, Dash)) {
    let color = canvas.theme.ink(series.ink);
    let placed: Vec<Option<(f64, f64)>> =
        series.values.iter().zip(&plot.x.x).map(|(value, x)| value.map(|v| (*x, plot.y_on(series.right, v)))).collect();
    let pixels = plot.right - plot.left;
    let shown = thinned(&placed, (MOST_POINTS / count.max(1)).min((pixels * 5.0) as usize).max(40));
    let drawn = shown.iter().flatten().count();
    // Lines that turn at every point blot at full width.
    let width = if drawn as f64 > pixels * 1.5 { width * 0.55 } else { width };
    let opacity = if series.ink.is_none() { 0.5 } else { 1.0 };
    canvas.svg.stroke_dashed(&polyline(shown.iter().copied()), color, width, opacity, dash);
    let spacing = pixels / drawn.max(1) as f64;
    for (index, point) in shown.iter().enumerate() {
        let Some((x, y)) = *point else { continue };
        let before = index.checked_sub(1).and_then(|i| shown[i]).is_some();
        let after = shown.get(index + 1).copied().flatten().is_some();
        let alone = !before && !after;
        if alone || (series.point && series.ink.is_some() && spacing >= 5.0) {
            let radius = if alone && drawn > 60 {
                width * 0.6
            } else if drawn == 1 {
                3.2
            } else {
                width * 1.25
            };
            canvas.svg.disc(x, y, radius, color, 1.0, (drawn <= 60).then_some((canvas.theme.background, 0.9)));
        }
    }
}

/// At most about `most` points: in each of equal runs the first, last, highest and lowest; gaps stay gaps.
pub(super) fn thinned(points: &[Option<(f64, f64)>], most: usize) -> Vec<Option<(f64, f64)>> {
    if points.len() <= most {
        return points.to_vec();
    }
    let run = points.len().div_ceil((most / 4).max(1));
    let mut out = Vec::with_capacity(most + most / 4);
    for chunk in points.chunks(run) {
        let mut keep: Vec<usize> = Vec::with_capacity(5);
        let solid = |i: &usize| chunk[*i].map(|p| p.1);
        keep.extend([0, chunk.len() - 1]);
        let indexes = || (0..chunk.len()).filter(|i| chunk[*i].is_some());
        let by_y = |a: &usize, b: &usize| solid(a).unwrap_or(0.0).total_cmp(&solid(b).unwrap_or(0.0));
        keep.extend(indexes().min_by(by_y));
        keep.extend(indexes().max_by(by_y));
        keep.extend((0..chunk.len()).find(|i| chunk[*i].is_none()));
        keep.sort_unstable();
        keep.dedup();
        out.extend(keep.into_iter().map(|i| chunk[i]));
    }
    out
}

/// Names beside the ends of the lines, pushed apart so that none lies on another.
fn draw_end_names(table: &Table, plot: &Plot, canvas: &mut Canvas<'_>) {
    let line = END_LINE;
    let mut ends: Vec<(f64, &Series)> =
        table.series.iter().filter_map(|series| series.values.last().copied().flatten().map(|v| (plot.y(v), series))).collect();
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    for i in 1..ends.len() {
        ends[i].0 = ends[i].0.max(ends[i - 1].0 + line);
    }
    let mut floor = plot.bottom - 1.0;
    for end in ends.iter_mut().rev() {
        end.0 = end.0.min(floor);
        floor = end.0 - line;
    }
    for (y, series) in ends {
        let color = canvas.theme.ink(series.ink);
        // Pale hues would not be legible as text on this surface.
        let mut ink = color;
        for _ in 0..8 {
            if ink.contrast(canvas.theme.background) < 3.6 {
                ink = ink.mix(canvas.theme.text, 0.18);
            }
        }
        let mut style = canvas.label(Anchor::Start, ink);
        style.weight = measure::Weight::Bold;
        style.size = canvas.theme.small;
        canvas.svg.text(plot.right + 5.0, y + canvas.theme.small * 0.36, &series.name, style);
    }
}

/// A small line without axes, from `left`, `top` in a box of `width` by `height`; the last point is marked.
pub(super) fn spark(values: &[Option<f64>], (left, top): (f64, f64), (width, height): (f64, f64), canvas: &mut Canvas<'_>) {
    let (low, high) = super::super::data::range(values.iter().flatten().copied());
    let color = canvas.theme.series[0];
    let last = values.len().saturating_sub(1).max(1) as f64;
    let inset = 2.5;
    let y = |value: f64| {
        let share = (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0);
        top + height - inset - if share.is_finite() { share } else { 0.5 } * (height - 2.0 * inset)
    };
    let placed: Vec<Option<(f64, f64)>> =
        values.iter().enumerate().map(|(i, v)| v.map(|v| (left + inset + (width - 2.0 * inset) * i as f64 / last, y(v)))).collect();
    let shown = thinned(&placed, 600);
    let line = polyline(shown.iter().copied());
    if shown.iter().all(Option::is_some)
        && let (Some(Some(first)), Some(Some(end))) = (shown.first(), shown.last())
    {
        let bottom = top + height;
        let number = super::super::svg::number;
        let area = format!("{line}L{} {}L{} {}Z", number(end.0), number(bottom), number(first.0), number(bottom));
        canvas.svg.fill(&area, color, 0.1);
    }
    canvas.svg.stroke(&line, color, 1.4, 1.0);
    if let Some((x, y)) = shown.iter().rev().flatten().next() {
        canvas.svg.disc(*x, *y, 2.2, color, 1.0, Some((canvas.theme.background, 1.0)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_the_extremes_and_the_gaps() {
        let mut points: Vec<Option<(f64, f64)>> = (0..5000).map(|i| Some((f64::from(i), f64::from(i % 7)))).collect();
        points[1234] = Some((1234.0, 99.0));
        points[4321] = Some((4321.0, -99.0));
        points[2500] = None;
        let shown = thinned(&points, 400);
        assert!(shown.len() <= 520, "{}", shown.len());
        for point in [points[0], points[1234], points[4321], points[4999], None] {
            assert!(shown.contains(&point), "{point:?}");
        }
    }

    #[test]
    fn zero_belongs_to_an_axis_that_is_near_it() {
        for (low, high, expected) in
            [(1.0, 10.0, (0.0, 10.0)), (980.0, 1000.0, (980.0, 1000.0)), (-5.0, 5.0, (-5.0, 5.0)), (-10.0, -1.0, (-10.0, 0.0))]
        {
            assert_eq!(with_zero((low, high), false), expected);
        }
    }
}
