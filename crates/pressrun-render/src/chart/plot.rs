//! The frame that charts with a standing value axis share: heading, grid, labels, baseline.

use super::Size;
use super::axis::ValueAxis;
use super::color::Color;
use super::data::{Table, listed};
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

/// What stands above a plot, and beside it.
#[derive(Default)]
pub(crate) struct Heading {
    legend: Option<Legend>,
    /// The name of the value axis.
    caption: Option<String>,
}

impl Heading {
    /// A legend of the series' names where there are several, and the axis' name where it says more than they do.
    ///
    /// Series whose names find no room lose their colour, and a note says which they are: nothing is coloured that has no name.
    pub(crate) fn of(table: &mut Table, swatch: Swatch, canvas: &Canvas<'_>) -> Self {
        let named = table.series.iter().filter(|series| series.ink.is_some()).count();
        if table.series.len() < 2 {
            return Self::caption(&table.format.label, canvas);
        }
        let size = (canvas.width, canvas.height);
        let dashed = swatch == Swatch::Line && named > 3;
        let mut keys = keys(table, dashed, canvas);
        let (mut legend, mut fitting) = Legend::fit(&keys, swatch, size, canvas.theme);
        if fitting < keys.len() {
            // One place is for what all that is grey is called.
            let mut lost = Vec::new();
            while fitting < keys.len() && table.series.iter().any(|series| series.ink.is_some()) {
                let coloured = table.series.iter().filter(|series| series.ink.is_some()).count();
                lost.extend(table.grey_all_but(coloured.min(fitting).saturating_sub(1).min(coloured - 1)));
                keys = self::keys(table, dashed, canvas);
                (legend, fitting) = Legend::fit(&keys, swatch, size, canvas.theme);
            }
            let lost: Vec<&str> = lost.iter().map(String::as_str).collect();
            if !lost.is_empty() {
                table.notes.push(format!("Grey, as their names have no room: {}", listed(&lost)));
            }
        }
        let caption = if table.parted && table.right.is_none() { Self::caption(&table.format.label, canvas).caption } else { None };
        Self { legend: (fitting > 0).then_some(legend), caption }
    }

    /// A legend of names that are no series of a table; how many of them found room.
    pub(crate) fn legend(names: &[(String, Color)], swatch: Swatch, canvas: &Canvas<'_>) -> (Self, usize) {
        let keys: Vec<Key> = names.iter().map(|(name, color)| Key { name: name.clone(), color: *color, dash: Dash::Solid }).collect();
        let (legend, named) = Legend::fit(&keys, swatch, (canvas.width, canvas.height), canvas.theme);
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
        let Self { caption, legend } = Self::caption(text, canvas);
        let cut = |text: String| measure::ellipsize(&text, canvas.theme.small, Weight::Regular, canvas.width - room);
        Self { legend, caption: caption.map(cut) }
    }

    /// The same with the name of the value axis below.
    pub(crate) fn with_caption(self, text: &str, canvas: &Canvas<'_>) -> Self {
        Self { caption: Self::caption(text, canvas).caption, ..self }
    }

    pub(crate) fn height(&self, theme: &Theme) -> f64 {
        let legend = self.legend.as_ref().map_or(0.0, |legend| legend.height);
        match (&self.caption, legend > 0.0) {
            (None, _) => legend,
            (Some(_), true) => legend + theme.small + 5.0,
            (Some(_), false) => theme.small + 7.0,
        }
    }

    /// Points that a legend takes on the right.
    pub(crate) fn width(&self) -> f64 {
        self.legend.as_ref().map_or(0.0, |legend| legend.width)
    }

    pub(crate) fn draw(&self, canvas: &mut Canvas<'_>) {
        let style = canvas.small(Anchor::Start);
        let mut below = 0.0;
        if let Some(legend) = &self.legend {
            let left = if legend.width > 0.0 { canvas.width - legend.width + 10.0 } else { 0.5 };
            legend.draw(&mut canvas.svg, left, 1.0, canvas.theme);
            below = legend.height;
        }
        if let Some(text) = &self.caption {
            let y = if below > 0.0 { below + canvas.theme.small - 1.0 } else { canvas.theme.small };
            let room = canvas.width - self.width();
            canvas.svg.text(0.5, y, &measure::ellipsize(text, canvas.theme.small, Weight::Regular, room), style);
        }
    }
}

/// The names of the coloured series, and one name for all that is grey.
fn keys(table: &Table, dashed: bool, canvas: &Canvas<'_>) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    for series in table.series.iter().filter(|series| series.ink.is_some()) {
        let side = if table.right.is_some() && series.right { " (right axis)" } else { "" };
        let dash = series.ink.filter(|_| dashed).map_or(Dash::Solid, |ink| Dash::of_slot(ink.slot()));
        keys.push(Key { name: format!("{}{side}", series.name), color: canvas.theme.ink(series.ink), dash });
    }
    let mut grey = table.series.iter().filter(|series| series.ink.is_none());
    if let Some(first) = grey.next() {
        let one_name = grey.all(|series| series.name == first.name);
        let name = if one_name { first.name.clone() } else { "All other".to_owned() };
        keys.push(Key { name, color: canvas.theme.other, dash: Dash::Solid });
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

/// The two value axes of a plot, made once its height is known.
pub(crate) struct Axes<'a> {
    pub(crate) left: &'a dyn Fn(f64) -> ValueAxis,
    /// Made beside the one on the left.
    pub(crate) right: Option<&'a dyn Fn(&ValueAxis) -> ValueAxis>,
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
        let top = heading.height(theme) + above.max(theme.small * 0.5);
        let axis = (axes.left)((canvas.height - top - theme.small * 2.0 - 8.0).max(10.0));
        let second = axes.right.map(|make| make(&axis));
        let mut left = axis.width(theme).min(canvas.width * 0.4);
        let beside = second.as_ref().map_or(0.0, |second| second.width(theme).min(canvas.width * 0.3));
        let right = (canvas.width - heading.width() - margin - beside - 2.0).max(left + 4.0);
        let mut x = places(left, right, canvas.height * 0.34);
        if x.labels.overhang > 1.0 && right - left > 80.0 {
            left += x.labels.overhang.min((right - left) * 0.12);
            x = places(left, right, canvas.height * 0.34);
        }
        let bottom = (canvas.height - x.labels.height).max(top + 4.0);
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

    /// The y of the baseline.
    pub(crate) fn base(&self) -> f64 {
        self.y(self.axis.scale.base())
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
