//! Scatter plots: two measures, with colour and size for two more.

use std::collections::HashSet;
use std::fmt::Write as _;

use pressrun_domain::chart::{Legend, Scale};

use super::super::axis::{Span, ValueAxis};
use super::super::color::Color;
use super::super::data::{Column, PlaceKind, Places, count, listed, range};
use super::super::guides::{self, Guides};
use super::super::legend::{self, Swatch};
use super::super::places;
use super::super::plot::{Axes, Canvas, Heading, Plot};
use super::super::theme::Theme;
use super::super::{ChartError, ChartInput, Told};
use super::{needed, values};
use crate::format::FieldFormat;

/// Beyond this many, points are dots of one path a colour.
const SINGLE: usize = 600;
/// Beyond this many, points that fall on one another are drawn once.
const MOST: usize = 4000;

struct Dot {
    place: usize,
    value: f64,
    group: usize,
    size: f64,
}

struct Cloud {
    places: Places,
    format: FieldFormat,
    dots: Vec<Dot>,
    colors: Colors,
    sized: bool,
    /// What sizes stand for, and the largest.
    sized_by: Option<(String, String)>,
    notes: Vec<String>,
}

/// How groups are coloured.
enum Colors {
    /// One colour a name.
    Named(Vec<(String, Color)>),
    /// A ramp over numbers.
    Ramp { low: f64, high: f64, values: Vec<Option<f64>>, format: Box<FieldFormat> },
}

/// Draws points.
pub(crate) fn draw(input: &ChartInput<'_>, canvas: &mut Canvas<'_>) -> Result<Told, ChartError> {
    let log = input.chart.scale == Scale::Log;
    let mut cloud = read(input, canvas)?;
    if log {
        let before = cloud.dots.len();
        cloud.dots.retain(|dot| dot.value > 0.0);
        if cloud.dots.len() < before {
            cloud.notes.push(format!("{} ≤ 0 not drawn on a log axis", count(before - cloud.dots.len(), "value")));
        }
    }
    if cloud.dots.is_empty() {
        return Ok(Told::nothing(cloud.notes));
    }
    let chart = input.chart;
    let mut guides = Guides::read(input, (&cloud.format, None))?;
    let around = guides.widened(range(cloud.dots.iter().map(|dot| dot.value)), false);
    let zero = chart.axes.y.zero;
    let around = if log || zero == Some(false) { around } else { super::line::with_zero(around, zero == Some(true)) };
    let span = Span::new(around, log, &chart.axes.y);
    let caption = guides::title(chart.axes.y.title.as_ref(), &cloud.caption()).to_owned();
    let theme = canvas.theme;
    let heading = match &cloud.colors {
        Colors::Named(names) if names.len() > 1 => {
            let (heading, named) = Heading::legend(names, Swatch::Dot, chart.legend, canvas);
            if chart.legend != Some(Legend::None) {
                grey_unnamed(&mut cloud, named, theme);
            }
            if chart.y.len() == 1 { heading.with_caption(&caption, canvas) } else { heading }
        }
        Colors::Ramp { low, high, format, .. } if canvas.height >= 110.0 && canvas.width >= 190.0 => {
            let (low, high) = (*low, *high);
            let ends = (format.short(low), format.short(high));
            let shades = |share: f64| theme.heat(low + (high - low) * share, low, high);
            legend::ramp(&mut canvas.svg, canvas.width, 0.0, (&ends.0, &ends.1), shades, theme);
            Heading::caption_beside(&caption, legend::ramp_width((&ends.0, &ends.1), theme), canvas)
        }
        _ => Heading::caption(&caption, canvas),
    };
    // The name of the horizontal axis stands below its labels.
    let named_axis = cloud.places.kind == PlaceKind::Number && canvas.height >= 110.0;
    let heading = heading.titled(chart, canvas).with_places(named_axis.then_some(cloud.places.format.label.as_str()), chart);
    // The largest disc may stand at any edge of the plot.
    let reach = if cloud.sized { widest(canvas) + 1.0 } else { 8.0 };
    let axes = Axes { left: &|pixels| ValueAxis::new(&span, pixels, &cloud.format), right: None };
    let plot = Plot::new(canvas, &heading, (0.0, if cloud.sized { reach } else { 0.0 }), &axes, |left, right, most| {
        places::continuous(&cloud.places, left + reach, right - reach, most, theme)
    });
    guides.behind(&plot, &cloud.places, canvas);
    plot.draw_base(canvas);
    draw_dots(&cloud, &plot, canvas);
    let alt = alt(&cloud) + &guides.told();
    let beyond = plot.axis.beyond(cloud.dots.iter().map(|dot| dot.value));
    if beyond > 0 {
        cloud.notes.push(format!("{} beyond the ends of the axis, drawn at its ends", count(beyond, "value")));
    }
    let notes = guides.over(&plot, &cloud.places, None, canvas);
    cloud.notes.extend(notes);
    Ok(Told { alt, notes: cloud.notes, empty: false })
}

/// Dots whose names found no room are grey, and a note says which those are.
fn grey_unnamed(cloud: &mut Cloud, named: usize, theme: &Theme) {
    let Colors::Named(names) = &mut cloud.colors else { return };
    let lost: Vec<String> = names.iter().skip(named).filter(|(_, color)| *color != theme.other).map(|(name, _)| name.clone()).collect();
    for (_, color) in names.iter_mut().skip(named) {
        *color = theme.other;
    }
    if !lost.is_empty() {
        let lost: Vec<&str> = lost.iter().map(String::as_str).collect();
        cloud.notes.push(format!("Grey, as their names have no room: {}", listed(&lost)));
    }
}

impl Cloud {
    /// The name of the value axis, with what colour and size stand for (B9).
    fn caption(&self) -> String {
        let mut caption = self.format.label.clone();
        if let Colors::Ramp { format, .. } = &self.colors {
            let _ = write!(caption, " · colour: {}", format.label);
        }
        if let Some((label, largest)) = &self.sized_by {
            let _ = write!(caption, " · size: {label}, up to {largest}");
        }
        caption
    }
}

fn read(input: &ChartInput<'_>, canvas: &Canvas<'_>) -> Result<Cloud, ChartError> {
    let names = values(input, "point")?;
    let units: Vec<(String, String)> = names
        .iter()
        .map(|name| Column::find(input, name).map(|column| (column.format.unit(), column.format.label)))
        .collect::<Result<_, _>>()?;
    if units.iter().any(|(unit, _)| Some(unit) != units.first().map(|(unit, _)| unit)) {
        let measures = units.into_iter().map(|(_, label)| label).collect();
        return Err(ChartError::OneAxis { measures, drawing: "points" });
    }
    let places = Places::read(&Column::find(input, needed(input.chart.x.as_ref(), "point", "x")?)?, true);
    let size = input.chart.size.as_ref().map(|name| Column::find(input, name)).transpose()?;
    let sizes = size.as_ref().map(|column| column.numbers("size")).transpose()?;
    let sized_by = size.as_ref().zip(sizes.as_ref()).map(|(column, sizes)| {
        let largest = range(sizes.iter().flatten().copied()).1;
        (column.format.label.clone(), column.format.short(largest))
    });
    let color = match &input.chart.color {
        Some(name) => Some(Column::find(input, name)?),
        None => None,
    };
    let mut cloud = Cloud {
        places,
        format: Column::find(input, names[0])?.format,
        dots: Vec::new(),
        colors: Colors::Named(Vec::new()),
        sized: sizes.is_some(),
        sized_by,
        notes: Vec::new(),
    };
    let (groups, colors) = match &color {
        Some(column) => groups(column, input, canvas, &mut cloud.notes)?,
        None => (Vec::new(), Colors::Named(Vec::new())),
    };
    let mut colors = colors;
    let mut missing = 0;
    for (nth, name) in names.iter().enumerate() {
        let column = Column::find(input, name)?;
        for (row, value) in column.numbers("y")?.into_iter().enumerate() {
            let size = sizes.as_ref().map_or(Some(1.0), |sizes| sizes[row]);
            match (cloud.places.of_row.get(row).copied().flatten(), value, size) {
                (Some(place), Some(value), Some(size)) => {
                    let group = groups.get(row).copied().unwrap_or(nth);
                    cloud.dots.push(Dot { place, value, group, size: size.max(0.0) });
                }
                _ => missing += 1,
            }
        }
        if color.is_none()
            && let Colors::Named(named) = &mut colors
        {
            named.push((column.format.label, canvas.theme.series_color(Some(nth))));
        }
    }
    if missing > 0 && !cloud.dots.is_empty() {
        cloud.notes.push(format!("{} without a value not drawn", count(missing, "row")));
    }
    cloud.colors = colors;
    Ok(cloud)
}

/// The group of each row, and the groups' colours: a ramp for many numbers, else names with the rarest as "Other".
fn groups(
    column: &Column<'_>,
    input: &ChartInput<'_>,
    canvas: &Canvas<'_>,
    notes: &mut Vec<String>,
) -> Result<(Vec<usize>, Colors), ChartError> {
    let most = usize::from(input.chart.max_series.max(1));
    let names = column.names();
    let mut frequency: indexmap::IndexMap<&str, usize> = indexmap::IndexMap::new();
    for name in &names {
        *frequency.entry(name).or_default() += 1;
    }
    if column.is_numeric() && frequency.len() > most {
        let numbers = column.numbers("color")?;
        let (low, high) = range(numbers.iter().flatten().copied());
        let missing = numbers.iter().filter(|number| number.is_none()).count();
        if missing > 0 {
            notes.push(format!("{} without {} grey", count(missing, "point"), column.format.label));
        }
        let colors = Colors::Ramp { low, high, values: numbers, format: Box::new(column.format.clone()) };
        return Ok(((0..names.len()).collect(), colors));
    }
    let mut ranked: Vec<(usize, usize)> = frequency.values().copied().enumerate().collect();
    ranked.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut kept: Vec<usize> = ranked.iter().take(most).map(|(index, _)| *index).collect();
    kept.sort_unstable();
    let mut named: Vec<(String, Color)> =
        kept.iter().filter_map(|index| Some(((*frequency.get_index(*index)?.0).to_owned(), canvas.theme.other))).collect();
    let inks = input.colors.inks(input.chart.color.as_deref(), named.iter().map(|(name, _)| name.as_str()));
    for ((_, color), ink) in named.iter_mut().zip(inks) {
        *color = canvas.theme.ink(Some(ink));
    }
    if frequency.len() > most {
        let name = format!("All other ({})", frequency.len() - most);
        notes.push(format!("{} shown as {name}", count(frequency.len() - most, "series")));
        named.push((name, canvas.theme.other));
    }
    let of_row = names
        .iter()
        .map(|name| frequency.get_index_of(name.as_str()).and_then(|index| kept.iter().position(|k| *k == index)).unwrap_or(kept.len()))
        .collect();
    Ok((of_row, Colors::Named(named)))
}

/// Radius of the largest disc.
fn widest(canvas: &Canvas<'_>) -> f64 {
    (canvas.width.min(canvas.height) / 14.0).clamp(4.0, 13.0)
}

fn draw_dots(cloud: &Cloud, plot: &Plot, canvas: &mut Canvas<'_>) {
    let theme = canvas.theme;
    let largest = range(cloud.dots.iter().map(|dot| dot.size)).1.max(f64::MIN_POSITIVE);
    let widest = widest(canvas);
    let radius = |dot: &Dot| {
        if cloud.sized {
            (widest * (dot.size / largest).sqrt()).max(1.6)
        } else if cloud.dots.len() > 150 {
            2.2
        } else {
            3.0
        }
    };
    let color = |dot: &Dot| match &cloud.colors {
        Colors::Named(named) => named.get(dot.group).map_or(theme.series[0], |(_, color)| *color),
        Colors::Ramp { low, high, values, .. } => {
            values.get(dot.group).copied().flatten().map_or(theme.other, |value| theme.heat(value, *low, *high))
        }
    };
    let x = |dot: &Dot| plot.x.x.get(dot.place).copied().unwrap_or(plot.left);
    // Large ones first, or they hide the small ones.
    let mut order: Vec<&Dot> = cloud.dots.iter().collect();
    order.sort_by(|a, b| b.size.total_cmp(&a.size));
    if order.len() <= SINGLE {
        for dot in order {
            let fill = color(dot);
            canvas.svg.disc(x(dot), plot.y(dot.value), radius(dot), fill, 0.72, Some((theme.background, 0.7)));
        }
        return;
    }
    let grain = if order.len() > MOST { 1.0 } else { 0.5 };
    let mut taken: HashSet<(i64, i64)> = HashSet::new();
    order.retain(|dot| taken.insert(((x(dot) / grain).round() as i64, (plot.y(dot.value) / grain).round() as i64)));
    let dots: Vec<(Color, &Dot)> = order.iter().map(|dot| (quantized(color(dot)), *dot)).collect();
    let mut paths: indexmap::IndexMap<(u8, u8, u8), Vec<(f64, String)>> = indexmap::IndexMap::new();
    for (Color(r, g, b), dot) in dots.into_iter().take(6500) {
        let radius = (radius(dot) * 2.0).round() / 2.0;
        let pieces = paths.entry((r, g, b)).or_default();
        // A few hundred dots a path: dots of one path do not darken where they meet.
        if pieces.last().is_none_or(|(size, path)| path.len() > 2400 || (size - radius).abs() > 0.1) {
            pieces.push((radius, String::new()));
        }
        if let Some((_, path)) = pieces.last_mut() {
            let _ = write!(path, "M{:.1} {:.1}h.01", x(dot), plot.y(dot.value));
        }
    }
    for ((r, g, b), pieces) in paths {
        for (radius, path) in pieces {
            canvas.svg.stroke(&path, Color(r, g, b), radius * 2.0, 0.55);
        }
    }
}

/// Colours of a ramp in steps, so that dots can share paths.
fn quantized(Color(r, g, b): Color) -> Color {
    let step = |c: u8| if matches!(c, 0..=3 | 252..=255) { c } else { c / 8 * 8 + 4 };
    Color(step(r), step(g), step(b))
}

fn alt(cloud: &Cloud) -> String {
    let (low, high) = range(cloud.dots.iter().map(|dot| dot.value));
    let mut sentence =
        format!("Scatter plot of {} against {}, {}", cloud.format.label, cloud.places.format.label, count(cloud.dots.len(), "point"));
    if let Colors::Named(named) = &cloud.colors
        && named.len() > 1
    {
        let _ = write!(sentence, " in {}", count(named.len(), "group"));
    }
    if let (Some(first), Some(last)) = (cloud.places.labels.first(), cloud.places.labels.last()) {
        let _ = write!(sentence, "; {} from {first} to {last}", cloud.places.format.label);
    }
    let _ = write!(sentence, "; {} from {} to {}.", cloud.format.label, cloud.format.display_f64(low), cloud.format.display_f64(high));
    sentence
}
