//! The frame that charts with a standing value axis share: heading, grid, labels, baseline.

use super::Size;
use super::axis::ValueAxis;
use super::color::Color;
use super::data::Table;
use super::legend::{Legend, Swatch};
use super::measure::{self, Weight};
use super::places::XAxis;
use super::svg::{Anchor, Svg, TextStyle};
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

/// What stands above a plot.
pub(crate) enum Heading {
    Legend(Legend),
    /// The name of the value axis.
    Caption(String),
    /// A legend with the name of the value axis below.
    Both(Legend, String),
    Nothing,
}

impl Heading {
    /// A legend of the series' names where there are several; else the axis' name where there is room.
    pub(crate) fn of(table: &Table, swatch: Swatch, canvas: &Canvas<'_>) -> Self {
        let mut names: Vec<(String, Color)> = Vec::new();
        for series in &table.series {
            if series.color.is_some() || names.last().is_none_or(|(_, color)| *color != canvas.theme.other) {
                names.push((series.name.clone(), canvas.theme.series_color(series.color)));
            }
        }
        if names.len() > 1 {
            return Self::legend(&names, swatch, canvas);
        }
        Self::caption(&names.first().map_or(String::new(), |(name, _)| name.clone()), canvas)
    }

    pub(crate) fn legend(names: &[(String, Color)], swatch: Swatch, canvas: &Canvas<'_>) -> Self {
        if canvas.height < 70.0 {
            return Self::Nothing;
        }
        Self::Legend(Legend::new(names, swatch, canvas.width, canvas.height * 0.25, canvas.theme))
    }

    pub(crate) fn caption(text: &str, canvas: &Canvas<'_>) -> Self {
        if canvas.height < 110.0 || text.is_empty() {
            return Self::Nothing;
        }
        Self::Caption(measure::ellipsize(text, canvas.theme.small, Weight::Regular, canvas.width))
    }

    /// A legend, and below it the name of the axis: for charts whose two axes both need one.
    pub(crate) fn both(names: &[(String, Color)], swatch: Swatch, text: &str, canvas: &Canvas<'_>) -> Self {
        match (Self::legend(names, swatch, canvas), Self::caption(text, canvas)) {
            (Self::Legend(legend), Self::Caption(text)) => Self::Both(legend, text),
            (legend, _) => legend,
        }
    }

    pub(crate) fn height(&self, theme: &Theme) -> f64 {
        match self {
            Self::Legend(legend) => legend.height,
            Self::Both(legend, _) => legend.height + theme.small + 5.0,
            Self::Caption(_) => theme.small + 7.0,
            Self::Nothing => 0.0,
        }
    }

    pub(crate) fn draw(&self, canvas: &mut Canvas<'_>) {
        let style = canvas.small(Anchor::Start);
        match self {
            Self::Legend(legend) => legend.draw(&mut canvas.svg, 0.5, 1.0, canvas.theme),
            Self::Caption(text) => canvas.svg.text(0.5, canvas.theme.small, text, style),
            Self::Both(legend, text) => {
                legend.draw(&mut canvas.svg, 0.5, 1.0, canvas.theme);
                canvas.svg.text(0.5, legend.height + canvas.theme.small - 1.0, text, style);
            }
            Self::Nothing => {}
        }
    }
}

/// A settled plot.
pub(crate) struct Plot {
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) top: f64,
    pub(crate) bottom: f64,
    pub(crate) axis: ValueAxis,
    pub(crate) x: XAxis,
}

impl Plot {
    /// Settles margins and draws all that stands behind the data.
    ///
    /// `axis` makes the value axis for a height, `places` the horizontal one between two ends with a greatest label
    /// height; `margin` is kept free on the right, `above` below the heading.
    pub(crate) fn new(
        canvas: &mut Canvas<'_>,
        heading: &Heading,
        (margin, above): (f64, f64),
        axis: impl Fn(f64) -> ValueAxis,
        places: impl Fn(f64, f64, f64) -> XAxis,
    ) -> Self {
        let theme = canvas.theme;
        heading.draw(canvas);
        let top = heading.height(theme) + above.max(theme.small * 0.5);
        let axis = axis((canvas.height - top - theme.small * 2.0 - 8.0).max(10.0));
        let mut left = axis.width(theme).min(canvas.width * 0.4);
        let right = (canvas.width - margin - 2.0).max(left + 4.0);
        let mut x = places(left, right, canvas.height * 0.34);
        if x.labels.overhang > 1.0 && right - left > 80.0 {
            left += x.labels.overhang.min((right - left) * 0.12);
            x = places(left, right, canvas.height * 0.34);
        }
        let bottom = (canvas.height - x.labels.height).max(top + 4.0);
        let plot = Self { left, right, top, bottom, axis, x };
        plot.draw_grid(canvas);
        plot
    }

    /// The y of a value, kept within the plot.
    pub(crate) fn y(&self, value: f64) -> f64 {
        self.bottom - self.axis.scale.share(value) * (self.bottom - self.top)
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
        self.x.labels.draw(&mut canvas.svg, self.bottom, canvas.theme);
    }

    /// Draws the baseline over the data's feet.
    pub(crate) fn draw_base(&self, canvas: &mut Canvas<'_>) {
        let y = if self.axis.scale.low <= 0.0 && self.axis.scale.high >= 0.0 { self.base() } else { self.bottom };
        canvas.svg.line((self.left, y), (self.right, y), canvas.theme.axis, 0.8);
    }
}
