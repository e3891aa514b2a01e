//! The frame that charts with a standing value axis share: heading, grid, labels, baseline.

use pressrun_domain::chart::{Chart, Legend as Place, Mark};

use super::Size;
use super::axis::ValueAxis;
use super::color::Color;
use super::data::{Table, count, listed};
use super::guides::title;
use super::legend::{Key, Legend, Swatch};
use super::measure::{self, Weight};
use super::places::XAxis;
use super::svg::{Anchor, Dash, Svg, TextStyle};
use super::theme::Theme;

/// A drawing under way.
pub(crate) struct Canvas<'a> {
    pub(crate) svg: Svg,
    pub(crate) theme: &'a Theme,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

impl<'a> Canvas<'a> {
    /// A blank drawing; sizes that are no sizes become the nearest that are.
    pub(crate) fn new(size: Size, theme: &'a Theme) -> Self {
        let sound = |length: f64| if length.is_finite() { length.clamp(16.0, 10_000.0) } else { 200.0 };
        let (width, height) = (sound(size.width), sound(size.height));
        Self { svg: Svg::new(width, height), theme, width, height }
    }

    /// Small text in the colour of labels.
    pub(crate) fn small(&self, anchor: Anchor) -> TextStyle {
        TextStyle { size: self.theme.small, weight: Weight::Regular, color: self.theme.muted, anchor }
    }

    /// Text of values.
    pub(crate) fn label(&self, anchor: Anchor, color: Color) -> TextStyle {
        TextStyle { size: self.theme.label, weight: Weight::Regular, color, anchor }
    }

    /// The box that says there is nothing to draw (V13).
    pub(crate) fn no_results(&mut self) {
        let (w, h) = (self.width, self.height);
        let inset = 4.0f64.min(h / 8.0);
        self.svg.dashed_box(inset, inset, w - 2.0 * inset, h - 2.0 * inset, self.theme.grid.mix(self.theme.axis, 0.6));
        let size = 10.0f64.min(h * 0.4).min(w / 7.0);
        let style = TextStyle { size, weight: Weight::Regular, color: self.theme.muted, anchor: Anchor::Middle };
        self.svg.text(w / 2.0, h / 2.0 + size * 0.36, "No results", style);
    }
}

/// What stands around a plot: the names of its series and of its axes.
#[derive(Default)]
pub(crate) struct Heading {
    legend: Option<Legend>,
    /// The name of the value axis.
    caption: Option<String>,
    /// That of the axis on the right.
    right: Option<String>,
    /// That of the places.
    places: Option<String>,
}

impl Heading {
    /// A legend of the series' names where there are several, and the axis' name where it says more than they do.
    ///
    /// Series whose names find no room lose their colour, and a note says which they are: nothing is coloured that has no name, unless
    /// the author wants no names.
    pub(crate) fn of(table: &mut Table, swatch: Swatch, chart: &Chart, canvas: &Canvas<'_>) -> Self {
        let named = table.series.iter().filter(|series| series.ink.is_some()).count();
        if table.series.len() < 2 || chart.legend == Some(Place::None) {
            return Self::caption(title(chart.axes.y.title.as_ref(), &table.format.label), canvas).titled(chart, canvas);
        }
        let size = (canvas.width, canvas.height);
        let dashed = swatch == Swatch::Line && named > 3;
        let mut keys = keys(table, (swatch, dashed), canvas);
        let (mut legend, mut fitting) = Legend::fit(&keys, size, chart.legend, canvas.theme);
        if fitting < keys.len() {
            // One place is for what all that is grey is called.
            let mut lost = Vec::new();
            while fitting < keys.len() && table.series.iter().any(|series| series.ink.is_some()) {
                let coloured = table.series.iter().filter(|series| series.ink.is_some()).count();
                lost.extend(table.grey_all_but(coloured.min(fitting).saturating_sub(1).min(coloured - 1)));
                keys = self::keys(table, (swatch, dashed), canvas);
                (legend, fitting) = Legend::fit(&keys, size, chart.legend, canvas.theme);
            }
            let lost: Vec<&str> = lost.iter().map(String::as_str).collect();
            if !lost.is_empty() {
                table.notes.push(format!("Grey, as their names have no room: {}", listed(&lost)));
            }
        }
        let measured = table.parted && table.right.is_none() && table.base().count() == table.series.len();
        let chosen = if measured { table.format.label.as_str() } else { "" };
        let caption = Self::caption(title(chart.axes.y.title.as_ref(), chosen), canvas).caption;
        Self { legend: (fitting > 0).then_some(legend), caption, ..Self::default() }.titled(chart, canvas)
    }

    /// A legend of names that are no series of a table; how many of them found room.
    pub(crate) fn legend(names: &[(String, Color)], swatch: Swatch, place: Option<Place>, canvas: &Canvas<'_>) -> (Self, usize) {
        let key = |(name, color): &(String, Color)| Key { name: name.clone(), color: *color, dash: Dash::Solid, swatch };
        let keys: Vec<Key> = names.iter().map(key).collect();
        let (legend, named) = Legend::fit(&keys, (canvas.width, canvas.height), place, canvas.theme);
        (Self { legend: (named > 0).then_some(legend), ..Self::default() }, named)
    }

    pub(crate) fn caption(text: &str, canvas: &Canvas<'_>) -> Self {
        if canvas.height < 110.0 || text.is_empty() {
            return Self::default();
        }
        Self { caption: Some(measure::ellipsize(text, canvas.theme.small, Weight::Regular, canvas.width)), ..Self::default() }
    }

    /// As [`Heading::caption`], leaving `room` on its right.
    pub(crate) fn caption_beside(text: &str, room: f64, canvas: &Canvas<'_>) -> Self {
        let heading = Self::caption(text, canvas);
        let cut = |text: String| measure::ellipsize(&text, canvas.theme.small, Weight::Regular, canvas.width - room);
        Self { caption: heading.caption.map(cut), ..heading }
    }

    /// The same with the name of the value axis below.
    pub(crate) fn with_caption(self, text: &str, canvas: &Canvas<'_>) -> Self {
        Self { caption: Self::caption(text, canvas).caption, ..self }
    }

    /// The same with the names that the author gave to the axis on the right and to that of the places.
    pub(crate) fn titled(self, chart: &Chart, canvas: &Canvas<'_>) -> Self {
        let named = |title: &Option<String>| title.clone().filter(|title| !title.is_empty() && canvas.height >= 90.0);
        Self { right: named(&chart.axes.right.title), places: named(&chart.axes.x.title), ..self }
    }

    /// The same with this name of the axis of places, unless the author gave another one or none.
    pub(crate) fn with_places(self, chosen: Option<&str>, chart: &Chart) -> Self {
        if chart.axes.x.title.is_some() { self } else { Self { places: chosen.map(str::to_owned), ..self } }
    }

    /// Points above a plot.
    pub(crate) fn height(&self, theme: &Theme) -> f64 {
        let legend = self.legend.as_ref().filter(|legend| !legend.below).map_or(0.0, |legend| legend.height);
        match (self.caption.is_some() || self.right.is_some(), legend > 0.0) {
            (false, _) => legend,
            (true, true) => legend + theme.small + 5.0,
            (true, false) => theme.small + 7.0,
        }
    }

    /// Points below a plot and the labels of its places.
    pub(crate) fn below(&self, theme: &Theme) -> f64 {
        let legend = self.legend.as_ref().filter(|legend| legend.below).map_or(0.0, |legend| legend.height);
        legend + if self.places.is_some() { theme.small + 4.0 } else { 0.0 }
    }

    /// Points that a legend takes on the right.
    pub(crate) fn width(&self) -> f64 {
        self.legend.as_ref().map_or(0.0, |legend| legend.width)
    }

    pub(crate) fn draw(&self, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme;
        let mut above = 0.0;
        if let Some(legend) = &self.legend {
            let left = if legend.width > 0.0 { canvas.width - legend.width + 10.0 } else { 0.5 };
            let top = if legend.below { canvas.height - legend.height + 5.0 } else { 1.0 };
            legend.draw(&mut canvas.svg, left, top, theme);
            above = if legend.below { 0.0 } else { legend.height };
        }
        let y = if above > 0.0 { above + theme.small - 1.0 } else { theme.small };
        let room = canvas.width - self.width();
        let mut beside = 0.0;
        if let Some(text) = &self.right {
            let text = measure::ellipsize(text, theme.small, Weight::Regular, room * 0.5);
            beside = measure::width(&text, theme.small, Weight::Regular) + 8.0;
            canvas.svg.text(room - 1.0, y, &text, canvas.small(Anchor::End));
        }
        if let Some(text) = &self.caption {
            let text = measure::ellipsize(text, theme.small, Weight::Regular, room - beside);
            canvas.svg.text(0.5, y, &text, canvas.small(Anchor::Start));
        }
        if let Some(text) = &self.places {
            let legend = self.legend.as_ref().filter(|legend| legend.below).map_or(0.0, |legend| legend.height);
            let text = measure::ellipsize(text, theme.small, Weight::Regular, room - 4.0);
            canvas.svg.text(room - 2.0, canvas.height - legend - 2.0, &text, canvas.small(Anchor::End));
        }
    }
}

/// The names of the coloured series, and one name for all that is grey.
fn keys(table: &Table, (swatch, dashed): (Swatch, bool), canvas: &Canvas<'_>) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    for series in table.series.iter().filter(|series| series.ink.is_some()) {
        let side = if table.right.is_some() && series.right { " (right axis)" } else { "" };
        let own = match series.layer {
            None => swatch,
            Some(Mark::Point) => Swatch::Dot,
            Some(_) => Swatch::Line,
        };
        let dash = series.ink.filter(|_| dashed && own == Swatch::Line).map_or(Dash::Solid, |ink| Dash::of_slot(ink.slot()));
        keys.push(Key { name: format!("{}{side}", series.name), color: canvas.theme.ink(series.ink), dash, swatch: own });
    }
    let mut grey = table.series.iter().filter(|series| series.ink.is_none());
    if let Some(first) = grey.next() {
        let one_name = grey.all(|series| series.name == first.name);
        let name = if one_name { first.name.clone() } else { "All other".to_owned() };
        keys.push(Key { name, color: canvas.theme.other, dash: Dash::Solid, swatch });
    }
    keys
}

/// A settled plot.
pub(crate) struct Plot {
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) top: f64,
    pub(crate) bottom: f64,
    pub(crate) axis: ValueAxis,
    /// Of series that are measured on the right.
    pub(crate) second: Option<ValueAxis>,
    pub(crate) x: XAxis,
}

/// Makes an axis beside another one, for a height in points.
type Beside<'a> = &'a dyn Fn(&ValueAxis, f64) -> ValueAxis;

/// The two value axes of a plot, made once its height is known.
pub(crate) struct Axes<'a> {
    pub(crate) left: &'a dyn Fn(f64) -> ValueAxis,
    /// Made beside the one on the left.
    pub(crate) right: Option<Beside<'a>>,
}

impl Plot {
    /// Settles margins and draws all that stands behind the data.
    ///
    /// `axes` are made for a height, `places` is the horizontal one between two ends with a greatest label height; `margin` is
    /// kept free on the right, `above` below the heading.
    pub(crate) fn new(
        canvas: &mut Canvas<'_>,
        heading: &Heading,
        (margin, above): (f64, f64),
        axes: &Axes<'_>,
        places: impl Fn(f64, f64, f64) -> XAxis,
    ) -> Self {
        let theme = canvas.theme;
        heading.draw(canvas);
        let foot = canvas.height - heading.below(theme);
        let top = heading.height(theme) + above.max(theme.small * 0.5);
        let pixels = (foot - top - theme.small * 2.0 - 8.0).max(10.0);
        let axis = (axes.left)(pixels);
        let second = axes.right.map(|make| make(&axis, pixels));
        let mut left = axis.width(theme).min(canvas.width * 0.4);
        let beside = second.as_ref().map_or(0.0, |second| second.width(theme).min(canvas.width * 0.3));
        let right = (canvas.width - heading.width() - margin - beside - 2.0).max(left + 4.0);
        let mut x = places(left, right, foot * 0.34);
        if x.labels.overhang > 1.0 && right - left > 80.0 {
            left += x.labels.overhang.min((right - left) * 0.12);
            x = places(left, right, foot * 0.34);
        }
        let bottom = (foot - x.labels.height).max(top + 4.0);
        let plot = Self { left, right, top, bottom, axis, second, x };
        plot.draw_grid(canvas);
        plot
    }

    /// The y of a value, kept within the plot.
    pub(crate) fn y(&self, value: f64) -> f64 {
        self.bottom - self.axis.scale.share(value) * (self.bottom - self.top)
    }

    /// The y of a value on the axis that a series is measured on.
    pub(crate) fn y_on(&self, right: bool, value: f64) -> f64 {
        match &self.second {
            Some(second) if right => self.bottom - second.scale.share(value) * (self.bottom - self.top),
            _ => self.y(value),
        }
    }

    /// Whether the axis of one side has this value.
    pub(crate) fn reaches(&self, value: f64, right: bool) -> bool {
        let axis = self.second.as_ref().filter(|_| right).unwrap_or(&self.axis);
        let slack = (axis.scale.high - axis.scale.low).abs() * 1e-9;
        (axis.scale.low - slack..=axis.scale.high + slack).contains(&value)
    }

    /// Says how many values lie beyond ends that the author settled; they are drawn at the ends.
    pub(crate) fn note_beyond(&self, table: &mut Table) {
        let beyond = |side: bool, axis: &ValueAxis| {
            let series = table.series.iter().filter(|series| series.right == side);
            axis.beyond(series.flat_map(|series| series.values.iter().flatten().copied()))
        };
        let beyond = beyond(false, &self.axis) + self.second.as_ref().map_or(0, |second| beyond(true, second));
        if beyond > 0 {
            table.notes.push(format!("{} beyond the ends of the axis, drawn at its ends", count(beyond, "value")));
        }
    }

    /// The y of the baseline.
    pub(crate) fn base(&self) -> f64 {
        self.y(self.axis.scale.base())
    }

    /// The y of the baseline of one side.
    pub(crate) fn base_on(&self, right: bool) -> f64 {
        match &self.second {
            Some(second) if right => self.y_on(true, second.scale.base()),
            _ => self.base(),
        }
    }

    fn draw_grid(&self, canvas: &mut Canvas<'_>) {
        let style = canvas.small(Anchor::End);
        let height = self.bottom - self.top;
        let mut last = f64::INFINITY;
        for (tick, share, label) in self.axis.ticks() {
            let y = self.bottom - share * height;
            // Labels closer than their height would touch.
            if last - y < canvas.theme.small * 1.15 {
                continue;
            }
            last = y;
            if (tick - self.axis.scale.base()).abs() > f64::EPSILON * tick.abs() || self.axis.scale.base().abs() > 0.0 {
                canvas.svg.line((self.left, y), (self.right, y), canvas.theme.grid, 0.6);
            }
            let label = measure::ellipsize(label, canvas.theme.small, Weight::Regular, self.left - 6.0);
            canvas.svg.text(self.left - 6.0, y + canvas.theme.small * 0.35, &label, style);
        }
        if let Some(second) = &self.second {
            let style = canvas.small(Anchor::Start);
            let mut last = f64::INFINITY;
            for (_, share, label) in second.ticks() {
                let y = self.bottom - share * height;
                if last - y >= canvas.theme.small * 1.15 {
                    last = y;
                    canvas.svg.text(self.right + 5.0, y + canvas.theme.small * 0.35, label, style);
                }
            }
        }
        self.x.labels.draw(&mut canvas.svg, self.bottom, canvas.theme);
    }

    /// Draws the baseline over the data's feet.
    pub(crate) fn draw_base(&self, canvas: &mut Canvas<'_>) {
        let y = if self.axis.scale.low <= 0.0 && self.axis.scale.high >= 0.0 { self.base() } else { self.bottom };
        canvas.svg.line((self.left, y), (self.right, y), canvas.theme.axis, 0.8);
    }
}
