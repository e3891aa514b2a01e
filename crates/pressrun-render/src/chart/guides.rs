//! Lines, bands and words over a chart: what they stand at, and how they are drawn.

use std::fmt::Write as _;

use pressrun_domain::chart::{Across, Annotation, Chart, RuleAt, Side};

use super::data::{Column, Places, Table};
use super::fold::Fold;
use super::measure::{self, Weight};
use super::plot::{Canvas, Plot};
use super::position;
use super::svg::{Anchor, Dash, TextStyle, number};
use super::{ChartError, ChartInput};
use crate::format::{FieldFormat, typographic};

/// What a chart's author wants to see over the data, values settled.
pub(crate) struct Guides {
    lines: Vec<Line>,
    bands: Vec<Stretch>,
    annotations: Vec<Annotation>,
    notes: Vec<String>,
}

struct Line {
    at: Spot,
    /// Its name with its value.
    label: String,
}

/// A value of an axis, or a place.
enum Spot {
    Value { value: f64, right: bool },
    Place(String),
}

struct Stretch {
    across: (Spot, Spot),
    label: Option<String>,
}

impl Guides {
    /// Settles what the rows decide. `formats` are those of the axes on the left and on the right.
    ///
    /// # Errors
    /// A line at a column that the result does not have, or that holds no numbers.
    pub(crate) fn read(input: &ChartInput<'_>, formats: (&FieldFormat, Option<&FieldFormat>)) -> Result<Self, ChartError> {
        let chart = input.chart;
        let mut guides = Self { lines: Vec::new(), bands: Vec::new(), annotations: chart.annotations.clone(), notes: Vec::new() };
        let (left, second) = formats;
        let side = |told: Option<Side>| told == Some(Side::Right) && second.is_some();
        let shown = |value: f64, right: bool| typographic(second.filter(|_| right).unwrap_or(left).short(value));
        for rule in &chart.rules {
            if rule.side == Some(Side::Right) && second.is_none() {
                guides.notes.push("Nothing is measured on the right axis; its lines stand on the left one".to_owned());
            }
            let (value, right, name) = match &rule.at {
                RuleAt::Place(place) => {
                    let label = rule.label.clone().unwrap_or_default();
                    guides.lines.push(Line { at: Spot::Place(place.clone()), label });
                    continue;
                }
                RuleAt::Value(value) => (Some(value.get()), side(rule.side), None),
                RuleAt::Column { name, aggregate } => {
                    let column = Column::find(input, name)?;
                    let mut fold = Fold::default();
                    for value in column.numbers("rules")?.into_iter().flatten() {
                        fold.add(value);
                    }
                    let unit = column.format.unit();
                    let right = match rule.side {
                        Some(told) => side(Some(told)),
                        None => second.is_some_and(|second| left.unit() != unit && second.unit() == unit),
                    };
                    (fold.value(*aggregate), right, Some(column.format.label))
                }
            };
            let name = rule.label.clone().or(name).unwrap_or_default();
            match value {
                Some(value) => {
                    let label = format!("{name} {}", shown(value, right)).trim().to_owned();
                    guides.lines.push(Line { at: Spot::Value { value, right }, label });
                }
                None => guides.notes.push(format!("{name} has no value, so its line is not drawn")),
            }
        }
        for band in &chart.bands {
            let across = match &band.across {
                Across::Values(low, high) => {
                    let right = side(band.side);
                    (Spot::Value { value: low.get(), right }, Spot::Value { value: high.get(), right })
                }
                Across::Places(from, to) => (Spot::Place(from.clone()), Spot::Place(to.clone())),
            };
            guides.bands.push(Stretch { across, label: band.label.clone() });
        }
        let told = |axis: &pressrun_domain::chart::Axis| axis.title.is_some() || axis.min.is_some() || axis.max.is_some();
        if second.is_none() && told(&chart.axes.right) {
            guides.notes.push("Nothing is measured on the right axis".to_owned());
        }
        Ok(guides)
    }

    /// `low..=high` widened to what is drawn at values of one axis.
    pub(crate) fn widened(&self, (low, high): (f64, f64), right: bool) -> (f64, f64) {
        let ends = self.bands.iter().flat_map(|band| [&band.across.0, &band.across.1]);
        let spots = self.lines.iter().map(|line| &line.at).chain(ends);
        let values = spots.filter_map(|spot| match spot {
            Spot::Value { value, right: side } if *side == right => Some(*value),
            _ => None,
        });
        let noted =
            self.annotations.iter().filter(|_| !right).filter_map(|annotation| annotation.y).map(pressrun_domain::chart::Finite::get);
        values.chain(noted).fold((low, high), |(low, high), value| (low.min(value), high.max(value)))
    }

    /// What is told to those who do not see it: `; lines: Target $100K`.
    pub(crate) fn told(&self) -> String {
        let mut told = String::new();
        let mut list = |what: &str, names: Vec<&str>| {
            let names: Vec<&str> = names.into_iter().filter(|name| !name.is_empty()).collect();
            if !names.is_empty() {
                let _ = write!(told, " {what}: {}.", names.join(", "));
            }
        };
        list("Lines", self.lines.iter().map(|line| line.label.as_str()).collect());
        list("Bands", self.bands.iter().filter_map(|band| band.label.as_deref()).collect());
        list("Notes", self.annotations.iter().map(|annotation| annotation.text.as_str()).collect());
        told
    }

    /// Shades the bands, behind the data.
    pub(crate) fn behind(&mut self, plot: &Plot, places: &Places, canvas: &mut Canvas<'_>) {
        let color = canvas.theme.muted;
        for band in &self.bands {
            let Some((x, y)) = span(&band.across, plot, places) else {
                self.notes.push(beyond(band.label.as_deref().unwrap_or("A band")));
                continue;
            };
            let path = format!("M{} {}H{}V{}H{}Z", number(x.0), number(y.0), number(x.1), number(y.1), number(x.0));
            canvas.svg.fill(&path, color, 0.13);
        }
    }

    /// Draws lines and words over the data, and says what found no room or no place.
    pub(crate) fn over(mut self, plot: &Plot, places: &Places, first: Option<&[Option<f64>]>, canvas: &mut Canvas<'_>) -> Vec<String> {
        for band in &self.bands {
            if let (Some(label), Some((x, y))) = (&band.label, span(&band.across, plot, places)) {
                let (left, right) = (x.0.min(x.1), x.0.max(x.1));
                let top = y.0.min(y.1);
                // Beside its upper left corner, or as near to it as there is room.
                let wide = measure::width(label, canvas.theme.small, Weight::Regular);
                let rows = [top + canvas.theme.small + 1.0, y.0.max(y.1) - 3.0, top - 3.0];
                let starts = match &band.across.0 {
                    Spot::Value { .. } => [left + 3.0, right - wide - 3.0, f64::midpoint(left, right) - wide / 2.0],
                    // A narrow one is named beside it.
                    Spot::Place(_) => {
                        [if wide + 6.0 <= right - left { left + 3.0 } else { left - wide - 3.0 }, right + 3.0, left - wide - 3.0]
                    }
                };
                let spots = rows.into_iter().flat_map(|y| starts.map(|x| (x, y)));
                if !say(label, canvas.small(Anchor::Start), spots, plot, canvas) {
                    self.notes.push(format!("Shaded: {label}"));
                }
            }
        }
        for line in &self.lines {
            let found = match &line.at {
                Spot::Value { value, right } => draw_level(*value, *right, &line.label, plot, canvas),
                Spot::Place(place) => draw_upright(place, &line.label, plot, places, canvas),
            };
            match found {
                Some(true) => {}
                Some(false) => self.notes.push(format!("Line: {}", line.label)),
                None => self.notes.push(beyond(if line.label.is_empty() { "A line" } else { &line.label })),
            }
        }
        for annotation in &self.annotations {
            let place = position::of(places, &plot.x, &annotation.x);
            let value = annotation.y.map(pressrun_domain::chart::Finite::get).or_else(|| first?.get(place?.nearest).copied().flatten());
            let (Some(place), Some(value)) = (place, value) else {
                self.notes.push(beyond(&annotation.text));
                continue;
            };
            let (x, y) = (place.x, plot.y(value));
            canvas.svg.ring(x, y, 3.2, canvas.theme.text, 1.1);
            let wide = measure::width(&annotation.text, canvas.theme.small, Weight::Regular);
            let rows = [y - 7.0, y + canvas.theme.small + 5.0, y - 18.0, y + canvas.theme.small + 16.0, y - 29.0];
            let starts = [x - wide / 2.0, x + 6.0, x - wide - 6.0];
            let spots = rows.into_iter().flat_map(|y| starts.map(|x| (x, y)));
            if !say(&annotation.text, canvas.small(Anchor::Start), spots, plot, canvas) {
                self.notes.push(format!("At {}: {}", annotation.x, annotation.text));
            }
        }
        self.notes
    }

    /// What lying bars show of them: lines and bands at values, which stand upright there. `place` gives the x of a value.
    pub(crate) fn over_lying(
        mut self,
        place: impl Fn(f64) -> f64,
        (top, bottom): (f64, f64),
        (left, right): (f64, f64),
        canvas: &mut Canvas<'_>,
    ) -> Vec<String> {
        let inside = |x: f64, wide: f64| x >= left && x + wide <= right;
        let spots = |x: f64, wide: f64| {
            let rows = (0..12).map(move |row| top + 7.0 + f64::from(row) * 11.0).filter(move |y| *y < bottom);
            rows.flat_map(move |y| [(x + 3.0, y), (x - wide - 3.0, y)])
        };
        for band in &self.bands {
            let (Spot::Value { value: low, .. }, Spot::Value { value: high, .. }) = &band.across else {
                self.notes.push("Bands of places are drawn where bars stand".to_owned());
                continue;
            };
            let (from, to) = (place(*low), place(*high));
            let path = format!("M{} {}H{}V{}H{}Z", number(from), number(top), number(to), number(bottom), number(from));
            canvas.svg.fill(&path, canvas.theme.muted, 0.13);
            if let Some(label) = &band.label {
                let wide = measure::width(label, canvas.theme.small, Weight::Regular);
                let free = spots(from, wide).filter(|(x, _)| inside(*x, wide));
                if !canvas.svg.text_in_first(free, label, canvas.small(Anchor::Start), canvas.theme.background) {
                    self.notes.push(format!("Shaded: {label}"));
                }
            }
        }
        for line in &self.lines {
            let Spot::Value { value, .. } = &line.at else {
                self.notes.push("Lines at places are drawn where bars stand".to_owned());
                continue;
            };
            let x = place(*value);
            stroke(&format!("M{} {}V{}", number(x), number(top), number(bottom)), canvas);
            let wide = measure::width(&line.label, canvas.theme.small, Weight::Bold);
            let free = spots(x, wide).filter(|(x, _)| inside(*x, wide));
            if !canvas.svg.text_in_first(free, &line.label, bold(canvas), canvas.theme.background) {
                self.notes.push(format!("Line: {}", line.label));
            }
        }
        self.notes
    }
}

/// Draws lines and words over the series of a table; notes go to it.
pub(crate) fn over(guides: Guides, plot: &Plot, table: &mut Table, canvas: &mut Canvas<'_>) {
    let first = table.series.first().map(|series| series.values.as_slice());
    let notes = guides.over(plot, &table.places, first, canvas);
    table.notes.extend(notes);
}

/// A box from x to x and from y to y.
type Bounds = ((f64, f64), (f64, f64));

/// Where a band lies.
fn span((from, to): &(Spot, Spot), plot: &Plot, places: &Places) -> Option<Bounds> {
    match (from, to) {
        (Spot::Value { value: low, right }, Spot::Value { value: high, .. }) => {
            Some(((plot.left, plot.right), (plot.y_on(*right, *high), plot.y_on(*right, *low))))
        }
        (Spot::Place(from), Spot::Place(to)) => {
            let (from, to) = position::between(places, &plot.x, from, to)?;
            Some(((from.max(plot.left), to.min(plot.right)), (plot.top, plot.bottom)))
        }
        _ => None,
    }
}

/// A line across at a value; whether its name found room, `None` when the axis does not reach it.
fn draw_level(value: f64, right: bool, label: &str, plot: &Plot, canvas: &mut Canvas<'_>) -> Option<bool> {
    if !plot.reaches(value, right) {
        return None;
    }
    let y = plot.y_on(right, value);
    stroke(&format!("M{} {}H{}", number(plot.left), number(y), number(plot.right)), canvas);
    let wide = measure::width(label, canvas.theme.small, Weight::Bold);
    let starts = [plot.right - wide - 2.0, plot.left + 3.0, f64::midpoint(plot.left, plot.right) - wide / 2.0];
    let below = y + canvas.theme.small + 1.5;
    let spots = starts.into_iter().flat_map(|x| [(x, y - 3.0), (x, below)]);
    Some(say(label, bold(canvas), spots, plot, canvas))
}

/// A line upright at a place.
fn draw_upright(place: &str, label: &str, plot: &Plot, places: &Places, canvas: &mut Canvas<'_>) -> Option<bool> {
    let x = position::of(places, &plot.x, place)?.x;
    stroke(&format!("M{} {}V{}", number(x), number(plot.top), number(plot.bottom)), canvas);
    let wide = measure::width(label, canvas.theme.small, Weight::Bold);
    let small = canvas.theme.small;
    let rows = (0..4).map(|row| plot.top + small + f64::from(row) * (small + 3.0));
    let spots = rows.flat_map(|y| [(x + 3.0, y), (x - wide - 3.0, y)]);
    Some(say(label, bold(canvas), spots, plot, canvas))
}

/// A dashed line in the colour of text: the colours of the palette are the series' own.
fn stroke(path: &str, canvas: &mut Canvas<'_>) {
    let color = canvas.theme.text.mix(canvas.theme.muted, 0.3);
    canvas.svg.stroke_dashed(path, color, 1.0, 1.0, Dash::Long);
}

/// Writes at the first of the spots that lies within the plot and on no other text; whether there was one.
fn say(text: &str, style: TextStyle, spots: impl Iterator<Item = (f64, f64)>, plot: &Plot, canvas: &mut Canvas<'_>) -> bool {
    let wide = measure::width(text, style.size, style.weight);
    let (left, right) = (plot.left + 1.0, plot.right + 1.0);
    let (top, bottom) = (plot.top - 1.0, plot.bottom - 2.0);
    let inside = |(x, y): &(f64, f64)| *x >= left && x + wide <= right && y - style.size * 0.8 >= top && *y <= bottom;
    canvas.svg.text_in_first(spots.filter(inside), text, style, canvas.theme.background)
}

/// Letters of what is measured: lines.
fn bold(canvas: &Canvas<'_>) -> TextStyle {
    TextStyle { weight: Weight::Bold, color: canvas.theme.text, ..canvas.small(Anchor::Start) }
}

fn beyond(what: &str) -> String {
    format!("{what} lies beyond what is drawn")
}

/// The name of an axis: the author's, or the one that is chosen.
pub(crate) fn title<'a>(own: Option<&'a String>, chosen: &'a str) -> &'a str {
    own.map_or(chosen, String::as_str)
}

/// The title of the axis of values and, where lying bars have no other place for it, that of the places.
pub(crate) fn lying_title(chart: &Chart, chosen: &str) -> String {
    let value = title(chart.axes.y.title.as_ref(), chosen);
    match chart.axes.x.title.as_deref().filter(|title| !title.is_empty()) {
        Some(place) if !value.is_empty() => format!("{value} by {place}"),
        Some(place) => place.to_owned(),
        None => value.to_owned(),
    }
}
