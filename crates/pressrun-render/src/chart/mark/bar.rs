//! Bars: standing or lying; side by side, stacked or filling 100 %.

use pressrun_domain::catalog::Aggregate;
use pressrun_domain::chart::{Chart, Orient, Scale, Stack};

use super::super::axis::{Span, ValueAxis};
use super::super::data::{Column, PlaceKind, Rest, Series, Table};
use super::super::guides::{self, Guides};
use super::super::legend::Swatch;
use super::super::places;
use super::super::plot::{Axes, Canvas, Heading, Plot};
use super::super::scale::period;
use super::super::svg::{Anchor, number};
use super::super::theme::Theme;
use super::super::{ChartError, ChartInput, Told, alt, measure};
use super::stack::{self, Piece};
use super::written::{self, Written};
use super::{layer, level, needed, one_axis, values};
use crate::format::{FieldFormat, Kind, typographic};

/// Most points that one bar takes, however few there are.
const WIDEST: f64 = 46.0;

/// One bar or piece of one.
struct Bar {
    series: usize,
    place: usize,
    from: f64,
    to: f64,
    /// Nothing stands further out at this place, so its end is round.
    outermost: bool,
}

/// The bars with what their axis must span.
struct Bars {
    pieces: Vec<Bar>,
    low: f64,
    high: f64,
    /// What the axis on the right must span, where there is one.
    second: (f64, f64),
    /// Bars of one place stand beside one another, this many.
    lanes: usize,
    log: bool,
    /// Of the value axis.
    format: FieldFormat,
}

/// Draws bars.
pub(crate) fn draw(input: &ChartInput<'_>, canvas: &mut Canvas<'_>) -> Result<Told, ChartError> {
    let first_y = input.chart.y.first();
    let x = needed(input.chart.x.as_ref(), "bar", "x")?;
    let x_column = Column::find(input, x)?;
    let crossed = match first_y {
        Some(y) => x_column.is_numeric() && !Column::find(input, y)?.is_numeric(),
        None => false,
    };
    let (place, value_names) = if crossed { (first_y.map_or(x, String::as_str), vec![x]) } else { (x, values(input, "bar")?) };
    let lying = match input.chart.orient {
        Some(orient) => orient == Orient::Horizontal,
        None => crossed,
    };
    let stacked = input.chart.stack != Stack::None;
    let numbers = !crossed && has_steps(&x_column);
    let mut table = Table::read(input, place, &value_names, numbers, if stacked { Rest::Merge } else { Rest::Drop })?;
    if lying {
        one_axis(&table, "lying bars")?;
        if !input.chart.layers.is_empty() || !input.chart.annotations.is_empty() {
            return Err(ChartError::Lying);
        }
    }
    if stacked {
        one_axis(&table, "a stack")?;
    }
    if input.chart.scale == Scale::Log && !stacked {
        table.drop_not_positive();
    }
    if table.is_empty() {
        return Ok(Told::nothing(table.notes));
    }
    places::fill_gaps(&mut table);
    let room = if lying { canvas.height } else { canvas.width };
    places::thin(&mut table, (room * MOST_BARS) as usize);
    let kind = if lying { "Horizontal bar chart" } else { "Bar chart" };
    let guides = Guides::read(input, (&table.format, table.right.as_ref()))?;
    let alt = alt::table(kind, &table) + &guides.told();
    let heading = heading(&mut table, input.chart, lying, canvas);
    let bars = arrange(input, &table, &guides);
    if lying {
        lie((input, guides), &mut table, &heading, &bars, canvas);
    } else {
        stand((input, guides), &mut table, &heading, &bars, canvas);
    }
    Ok(Told { alt, notes: table.notes, empty: false })
}

/// Most bars a point: print shows lines of half a point apart.
const MOST_BARS: f64 = 2.0;

/// Whether the places of a column of numbers lie on a line: in rising or falling order, or with a common step. Numbers that name
/// things, and those that the query put in an order of its own, are names (B10).
fn has_steps(column: &Column<'_>) -> bool {
    if !matches!(column.format.kind, Kind::Number) || column.format.is_name() {
        return false;
    }
    let numbers: Vec<f64> = column.values().filter_map(|value| value.as_f64()).collect();
    let ordered = |wrong: std::cmp::Ordering| numbers.windows(2).all(|pair| pair.first().partial_cmp(&pair.get(1)) != Some(wrong));
    if ordered(std::cmp::Ordering::Greater) || ordered(std::cmp::Ordering::Less) {
        return true;
    }
    let mut sorted = numbers;
    sorted.sort_by(f64::total_cmp);
    sorted.dedup();
    period::of_numbers(&sorted).is_some()
}

fn arrange(input: &ChartInput<'_>, table: &Table, guides: &Guides) -> Bars {
    let stacked = input.chart.stack != Stack::None;
    let share = input.chart.stack == Stack::Normalize;
    let log = input.chart.scale == Scale::Log && !stacked;
    let pieces: Vec<Vec<Piece>> = if stacked {
        stack::stacked(table, share)
    } else {
        // Layers are no bars.
        let piece = |series: &Series, value: &Option<f64>| value.filter(|_| series.layer.is_none()).map(|v| (0.0, v));
        table.series.iter().map(|series| series.values.iter().map(|value| piece(series, value)).collect()).collect()
    };
    let second = guides.widened(table.range(true), true);
    let (low, high) = if log {
        let (low, high) = guides.widened(table.range(false), false);
        // A bar as low as the axis would have no height.
        (low * 0.6, high)
    } else if share {
        let (low, _) = stack::range(&pieces);
        (if low < 0.0 { -1.0 } else { 0.0 }, 1.0)
    } else {
        let own = if stacked { table.with_layers(stack::range(&pieces)) } else { table.range(false) };
        let (low, high) = guides.widened((own.0.min(0.0), own.1.max(0.0)), false);
        if table.right.is_some() { level((low, high), second) } else { (low, high) }
    };
    let mut bars = Vec::new();
    for (series, pieces) in pieces.iter().enumerate() {
        for (place, piece) in pieces.iter().enumerate() {
            if let Some((from, to)) = *piece {
                bars.push(Bar { series, place, from, to, outermost: true });
            }
        }
    }
    if stacked {
        let mut ends = vec![(0.0f64, 0.0f64); table.places.len()];
        for bar in &bars {
            ends[bar.place] = (ends[bar.place].0.min(bar.to), ends[bar.place].1.max(bar.to));
        }
        for bar in &mut bars {
            let (low, high) = ends[bar.place];
            bar.outermost = if bar.to < bar.from { bar.to <= low } else { bar.to >= high };
        }
    }
    // Where colour only repeats the place, bars need not make room for one another.
    let alone = (0..table.places.len()).all(|place| table.base().filter(|series| series.values[place].is_some()).count() <= 1);
    let lanes = if stacked || alone { 1 } else { table.base().count() };
    Bars { pieces: bars, low, high, second, lanes, log, format: if share { percent() } else { table.format.clone() } }
}

/// The format of shares.
pub(super) fn percent() -> FieldFormat {
    let spec = pressrun_domain::catalog::FieldSpec { format: Some("0%".to_owned()), ..Default::default() };
    FieldFormat::parse(&spec, &arrow_schema::DataType::Float64, "share", "UTC")
}

/// Where a bar lies across its place: start and width.
fn lane(bars: &Bars, bar: &Bar, center: f64, step: f64, total: usize) -> (f64, f64) {
    let share = if total > 40 { 0.84 } else { 0.7 };
    let group = (step * share).min(WIDEST * (bars.lanes as f64).sqrt().max(1.0));
    let width = group / bars.lanes as f64;
    let gap = if bars.lanes > 1 && width > 4.0 { 1.0 } else { 0.0 };
    let index = if bars.lanes > 1 { bar.series } else { 0 };
    (center - group / 2.0 + width * index as f64 + gap / 2.0, (width - gap).max(0.35))
}

/// Labels at bar ends, where each bar or stack has room for one: (place, value, text).
fn end_labels(table: &Table, bars: &Bars, chart: &Chart) -> Vec<(usize, f64, String)> {
    let single = table.series.len() == 1;
    if chart.labels.is_some() || !chart.layers.is_empty() {
        return Vec::new();
    }
    if bars.lanes > 1 || bars.log && !single || bars.format.is_percent() && !single || table.right.is_some() {
        return Vec::new();
    }
    // The end of a stack is a sum, which not every measure has.
    let stacked = bars.pieces.iter().any(|bar| bar.from.abs() > 0.0);
    if stacked && table.format.aggregate() != Aggregate::Sum {
        return Vec::new();
    }
    let mut ends: Vec<Option<f64>> = vec![None; table.places.len()];
    let mut mixed = false;
    for bar in &bars.pieces {
        let end = &mut ends[bar.place];
        mixed |= end.is_some_and(|end| (end < 0.0) != (bar.to < 0.0)) && bar.to.abs() > 0.0;
        if bar.outermost {
            *end = Some(bar.to);
        }
    }
    if mixed {
        return Vec::new();
    }
    let ends: Vec<(usize, f64)> = ends.into_iter().enumerate().filter_map(|(place, end)| end.map(|end| (place, end))).collect();
    let values: Vec<f64> = ends.iter().map(|(_, end)| *end).collect();
    ends.iter().zip(written::texts(&values, &bars.format)).map(|((place, end), text)| (*place, *end, text)).collect()
}

/// The value of each bar: at its end, or within where it is part of a stack.
fn bar_values(table: &Table, bars: &Bars, boxes: &[(f64, f64, f64, f64)], lying: bool, canvas: &Canvas<'_>) -> Vec<Written> {
    let theme = canvas.theme;
    let stacked = bars.pieces.iter().any(|bar| bar.from.abs() > 0.0);
    let values: Vec<f64> = bars.pieces.iter().map(|bar| bar.to - bar.from).collect();
    let texts: Vec<String> = if table.right.is_none() || stacked {
        written::texts(&values, &bars.format)
    } else {
        let format = |bar: &Bar| table.series.get(bar.series).map_or(&bars.format, |series| table.format_of(series));
        bars.pieces.iter().zip(&values).map(|(bar, value)| typographic(format(bar).short(*value))).collect()
    };
    let mut all = Vec::new();
    for ((bar, (left, top, right, bottom)), text) in bars.pieces.iter().zip(boxes).zip(texts) {
        let ink = theme.ink(table.ink(bar.series, bar.place));
        let middle = (f64::midpoint(*left, *right), f64::midpoint(*top, *bottom) + theme.label * 0.36);
        let high = bottom - top >= theme.label + 2.0;
        let (anchor, spots, color, room) = if stacked {
            let spots = if high { vec![middle] } else { Vec::new() };
            (Anchor::Middle, spots, ink.legible(theme.text, theme.background), right - left - 2.0)
        } else if lying && bar.to < bar.from {
            (Anchor::End, vec![(left - 4.0, middle.1)], theme.text, left - 4.0)
        } else if lying {
            (Anchor::Start, vec![(right + 4.0, middle.1)], theme.text, canvas.width - right - 4.0)
        } else {
            let y = if bar.to < bar.from { bottom + theme.label + 1.0 } else { top - 3.0 };
            (Anchor::Middle, vec![(middle.0, y)], theme.text, (middle.0 * 2.0).min((canvas.width - middle.0) * 2.0))
        };
        all.push(Written { text, anchor, spots, color, room });
    }
    all
}

/// A legend, unless it would only repeat the names on the axis.
fn heading(table: &mut Table, chart: &Chart, lying: bool, canvas: &Canvas<'_>) -> Heading {
    let repeats = table.series.len() > 1 && table.series.iter().all(|series| table.places.labels.contains(&series.name));
    let heading = if repeats {
        Heading::caption(guides::title(chart.axes.y.title.as_ref(), &table.format.label), canvas).titled(chart, canvas)
    } else {
        Heading::of(table, Swatch::Square, chart, canvas)
    };
    if !lying || chart.axes.x.title.is_none() {
        return heading;
    }
    // Lying bars have their places on the left, where no name has room.
    let chosen = if table.parted || table.series.len() == 1 { table.format.label.as_str() } else { "" };
    let mut plain = chart.clone();
    plain.axes.x.title = Some(String::new());
    heading.titled(&plain, canvas).with_caption(&guides::lying_title(chart, chosen), canvas)
}

fn stand((input, mut guides): (&ChartInput<'_>, Guides), table: &mut Table, heading: &Heading, bars: &Bars, canvas: &mut Canvas<'_>) {
    let theme = canvas.theme;
    let chart = input.chart;
    let labels = end_labels(table, bars, chart);
    let widest = labels.iter().map(|(_, _, text)| measure::width(text, theme.label, measure::Weight::Regular)).fold(0.0, f64::max);
    let step = (canvas.width - heading.width() - 40.0) / table.places.len().max(1) as f64;
    let labelled = !labels.is_empty() && table.places.len() <= 14 && widest + 3.0 <= step && canvas.height >= 90.0;
    let all_labelled = chart.labels == Some(true);
    let above = if labelled || all_labelled { theme.label + 2.0 } else { 0.0 };
    let left_axis = |pixels: f64| {
        // Labels below negative bars need room under the longest of them.
        let below = if (labelled || all_labelled) && bars.low < 0.0 { (bars.high - bars.low) * (theme.label + 3.0) / pixels } else { 0.0 };
        ValueAxis::new(&Span::new((bars.low - below, bars.high), bars.log, &chart.axes.y), pixels, &bars.format)
    };
    let second = table.right.as_ref().map(|format| {
        let span = Span::new(bars.second, false, &chart.axes.right);
        move |left: &ValueAxis, pixels: f64| ValueAxis::beside(left, &span, pixels, format)
    });
    let axes = Axes { left: &left_axis, right: second.as_ref().map(|make| make as &dyn Fn(&ValueAxis, f64) -> ValueAxis) };
    let plot = Plot::new(canvas, heading, (0.0, above), &axes, |left, right, most| places::bands(&table.places, left, right, most, theme));
    guides.behind(&plot, &table.places, canvas);
    let step = plot.x.band.step();
    let mut boxes = Vec::with_capacity(bars.pieces.len());
    for bar in &bars.pieces {
        let (x, width) = lane(bars, bar, plot.x.x[bar.place], step, table.places.len());
        let right = table.series.get(bar.series).is_some_and(|series| series.right);
        let from = if bars.log { plot.base() } else { plot.y_on(right, bar.from) };
        let mut to = plot.y_on(right, bar.to);
        if bar.to > bar.from && bar.to > 0.0 || bar.to < bar.from {
            // What is not zero is seen.
            to = if bar.to > bar.from { to.min(from - 0.5) } else { to.max(from + 0.5) };
        }
        boxes.push((x, from.min(to), x + width, from.max(to)));
        let path = standing(x, width, shrink(from, to, bar), to, bar.outermost);
        canvas.svg.fill(&path, theme.ink(table.ink(bar.series, bar.place)), 1.0);
    }
    plot.draw_base(canvas);
    if labelled {
        for (place, end, text) in labels {
            let y = if end < 0.0 { (plot.y(end) + theme.label + 1.0).min(plot.bottom - 1.0) } else { plot.y(end) - 3.0 };
            canvas.svg.text(plot.x.x[place], y, &text, canvas.label(Anchor::Middle, theme.text));
        }
    }
    layer::draw(table, &plot, canvas);
    if all_labelled {
        written::write(bar_values(table, bars, &boxes, false, canvas), table, canvas);
    }
    if bars.pieces.iter().all(|bar| bar.from.abs() <= 0.0) {
        plot.note_beyond(table);
    } else if plot.axis.beyond(bars.pieces.iter().map(|bar| bar.to)) > 0 {
        table.notes.push("Stacks beyond the end of the axis are cut there".to_owned());
    }
    guides::over(guides, &plot, table, canvas);
}

/// Parts neighbours of a stack by a hairline of nothing, where they are high enough.
fn shrink(from: f64, to: f64, bar: &Bar) -> f64 {
    if bar.from.abs() > 0.0 && (from - to).abs() > 2.0 { from + (to - from).signum() * 0.7 } else { from }
}

/// A bar from `from` to `to` (y), its far end round.
fn standing(x: f64, width: f64, from: f64, to: f64, round: bool) -> String {
    let height = (from - to).abs();
    let r = if round { 2.4f64.min(width / 3.0).min(height) } else { 0.0 };
    let (x2, towards) = (x + width, if to < from { r } else { -r });
    if r < 0.3 {
        return format!("M{} {}H{}V{}H{}Z", number(x), number(from), number(x2), number(to), number(x));
    }
    format!(
        "M{x1} {y1}V{y2}Q{x1} {y3} {x3} {y3}H{x4}Q{x2} {y3} {x2} {y2}V{y1}Z",
        x1 = number(x),
        x2 = number(x2),
        x3 = number(x + r),
        x4 = number(x2 - r),
        y1 = number(from),
        y2 = number(to + towards),
        y3 = number(to)
    )
}

/// A bar from `from` to `to` (x), its far end round.
fn lying(y: f64, width: f64, from: f64, to: f64, round: bool) -> String {
    let length = (from - to).abs();
    let r = if round { 2.4f64.min(width / 3.0).min(length) } else { 0.0 };
    let (y2, towards) = (y + width, if to > from { -r } else { r });
    if r < 0.3 {
        return format!("M{} {}V{}H{}V{}Z", number(from), number(y), number(y2), number(to), number(y));
    }
    format!(
        "M{x1} {y1}H{x2}Q{x3} {y1} {x3} {y3}V{y4}Q{x3} {y2} {x2} {y2}H{x1}Z",
        x1 = number(from),
        x2 = number(to + towards),
        x3 = number(to),
        y1 = number(y),
        y2 = number(y2),
        y3 = number(y + r),
        y4 = number(y2 - r)
    )
}

fn lie((input, guides): (&ChartInput<'_>, Guides), table: &mut Table, heading: &Heading, bars: &Bars, canvas: &mut Canvas<'_>) {
    let theme = canvas.theme;
    let chart = input.chart;
    heading.draw(canvas);
    let foot = canvas.height - heading.below(theme);
    let top = heading.height(theme);
    // A legend on the right takes its part of the width.
    let whole = canvas.width;
    canvas.width = (canvas.width - heading.width()).max(16.0);
    let names = &table.places.labels;
    let width = |text: &str| measure::width(text, theme.small, measure::Weight::Regular);
    let left = names.iter().map(|name| width(name)).fold(0.0, f64::max).min(canvas.width * 0.38) + 7.0;
    let mut labels = end_labels(table, bars, chart);
    let count = names.len().max(1) as f64;
    if (foot - top) / count < theme.label + 1.5 {
        labels.clear();
    }
    let room_for = |labels: &[(usize, f64, String)]| {
        labels.iter().map(|(_, _, text)| measure::width(text, theme.label, measure::Weight::Regular) + 6.0).fold(2.0, f64::max)
    };
    // Numbers that leave the bars no room are worse than an axis.
    if room_for(&labels) > canvas.width * 0.3 {
        labels.clear();
    }
    let label_room = if chart.labels == Some(true) { 30.0f64.min(canvas.width * 0.2) } else { room_for(&labels) };
    // Numbers at the bars' ends say more than an axis; both would say it twice.
    let settled = chart.axes.y.min.is_some() || chart.axes.y.max.is_some();
    let with_axis = labels.is_empty() || settled;
    let bottom = foot - if with_axis { theme.small + 7.0 } else { 1.0 };
    let negative_room = if bars.low < 0.0 && (!with_axis || label_room > 2.0) { label_room } else { 0.0 };
    let (start, end) = (left + negative_room, (canvas.width - label_room).max(left + negative_room + 4.0));
    let span = Span::new((bars.low, bars.high), bars.log, &chart.axes.y);
    let axis = ValueAxis::spaced(&span, end - start, 64.0, &bars.format);
    let (low, high) = if with_axis { (axis.scale.low, axis.scale.high) } else { (bars.low, bars.high) };
    let place = |value: f64| {
        let share = if with_axis || bars.log { axis.scale.share(value) } else { ((value - low) / (high - low)).clamp(0.0, 1.0) };
        start + if share.is_finite() { share } else { 0.0 } * (end - start)
    };
    if with_axis {
        draw_lying_axis(&axis, (start, end), (top, bottom), canvas);
    }
    let base = place(axis.scale.base());
    let step = (bottom - top) / count;
    let mut boxes = Vec::with_capacity(bars.pieces.len());
    for bar in &bars.pieces {
        let (y, width) = lane(bars, bar, top + step * (bar.place as f64 + 0.5), step, names.len());
        let from = if bars.log { base } else { place(bar.from) };
        let mut to = place(bar.to);
        if bar.to.abs() > 0.0 {
            to = if bar.to > bar.from { to.max(from + 0.5) } else { to.min(from - 0.5) };
        }
        boxes.push((from.min(to), y, from.max(to), y + width));
        let path = lying(y, width, shrink(from, to, bar), to, bar.outermost);
        canvas.svg.fill(&path, theme.ink(table.ink(bar.series, bar.place)), 1.0);
    }
    canvas.svg.line((base, top), (base, bottom), theme.axis, 0.8);
    let every =
        if table.places.kind == PlaceKind::Category { ((theme.small + 1.0) / step).ceil() } else { ((theme.small + 3.0) / step).ceil() };
    for (index, name) in names.iter().enumerate().step_by(every.max(1.0) as usize) {
        let text = measure::ellipsize(name, theme.small, measure::Weight::Regular, left - 7.0);
        let y = top + step * (index as f64 + 0.5) + theme.small * 0.36;
        canvas.svg.text(left - 6.0, y, &text, canvas.label(Anchor::End, theme.text.mix(theme.muted, 0.5)));
    }
    for (index, value, text) in labels {
        let y = top + step * (index as f64 + 0.5) + theme.label * 0.36;
        let (x, anchor) = if value < 0.0 { (place(value) - 4.0, Anchor::End) } else { (place(value) + 4.0, Anchor::Start) };
        canvas.svg.text(x, y, &text, canvas.label(anchor, theme.text));
    }
    if chart.labels == Some(true) {
        written::write(bar_values(table, bars, &boxes, true, canvas), table, canvas);
    }
    let beyond = axis.beyond(bars.pieces.iter().map(|bar| bar.to));
    if beyond > 0 {
        table.notes.push(format!("{} beyond the ends of the axis, drawn at its ends", super::super::data::count(beyond, "bar")));
    }
    let notes = guides.over_lying(place, (top, bottom), (start, canvas.width), canvas);
    table.notes.extend(notes);
    canvas.width = whole;
}

fn draw_lying_axis(axis: &ValueAxis, (start, end): (f64, f64), (top, bottom): (f64, f64), canvas: &mut Canvas<'_>) {
    let theme: &Theme = canvas.theme;
    let mut free = f64::NEG_INFINITY;
    for (_, share, label) in axis.ticks() {
        let x = start + share * (end - start);
        canvas.svg.line((x, top), (x, bottom), theme.grid, 0.6);
        let half = measure::width(label, theme.small, measure::Weight::Regular) / 2.0;
        let at = x.min(canvas.width - half).max(half);
        if at - half >= free {
            canvas.svg.text(at, bottom + theme.small + 4.0, label, canvas.small(Anchor::Middle));
            free = at + half + 5.0;
        }
    }
}
