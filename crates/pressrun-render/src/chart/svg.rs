//! Writing SVG text: the subset that usvg and browsers draw alike, and nothing that came from data is ever markup.

use std::fmt::Write as _;

use pressrun_domain::text::escaped_without;

use super::color::Color;
use super::measure::{self, Weight};
use crate::escape::turns;

/// Where text is held at its x.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// How text looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextStyle {
    pub(crate) size: f64,
    pub(crate) weight: Weight,
    pub(crate) color: Color,
    pub(crate) anchor: Anchor,
}

/// How a line is broken: a second code beside its colour, for print in grey and for eyes that tell few hues apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Dash {
    #[default]
    Solid,
    Long,
    Dotted,
    Mixed,
}

impl Dash {
    /// The dash of a place in the palette.
    pub(crate) fn of_slot(slot: usize) -> Self {
        [Self::Solid, Self::Long, Self::Dotted, Self::Mixed].get(slot % 4).copied().unwrap_or_default()
    }

    /// Lengths of strokes and gaps, in points.
    fn pattern(self) -> Option<&'static str> {
        match self {
            Self::Solid => None,
            Self::Long => Some("6 3.2"),
            Self::Dotted => Some("0.1 3.4"),
            Self::Mixed => Some("7 3.2 0.1 3.2"),
        }
    }
}

/// A growing drawing.
pub(crate) struct Svg {
    out: String,
    /// Where level text stands: left, top, right, bottom.
    texts: Vec<(f64, f64, f64, f64)>,
}

impl Svg {
    pub(crate) fn new(width: f64, height: f64) -> Self {
        let (w, h) = (number(width), number(height));
        let out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" font-family=\"Noto Sans\">"
        );
        Self { out, texts: Vec::new() }
    }

    /// The document; `label` is what screen readers say of it.
    pub(crate) fn finish(mut self, label: &str) -> String {
        self.out.push_str("</svg>\n");
        let label = format!("<svg role=\"img\" aria-label=\"{}\" ", escape(label));
        self.out.replacen("<svg ", &label, 1)
    }

    pub(crate) fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, radius: f64, fill: Color) {
        let _ = write!(
            self.out,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
            number(x),
            number(y),
            number(width.max(0.0)),
            number(height.max(0.0))
        );
        if radius > 0.0 {
            let _ = write!(self.out, " rx=\"{}\"", number(radius));
        }
        let _ = write!(self.out, " fill=\"{fill}\"/>");
    }

    /// A straight line from (x1, y1) to (x2, y2).
    pub(crate) fn line(&mut self, from: (f64, f64), to: (f64, f64), color: Color, width: f64) {
        let _ = write!(
            self.out,
            "<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" stroke=\"{color}\" stroke-width=\"{}\"/>",
            number(from.0),
            number(from.1),
            number(to.0),
            number(to.1),
            number(width)
        );
    }

    /// A filled path; `opacity` 1 is solid.
    pub(crate) fn fill(&mut self, path: &str, color: Color, opacity: f64) {
        if path.is_empty() {
            return;
        }
        let _ = write!(self.out, "<path d=\"{path}\" fill=\"{color}\"");
        if opacity < 1.0 {
            let _ = write!(self.out, " fill-opacity=\"{}\"", number(opacity));
        }
        self.out.push_str("/>");
    }

    /// A filled path with an outline, which parts neighbours.
    pub(crate) fn fill_outlined(&mut self, path: &str, color: Color, outline: Color, width: f64) {
        let _ = write!(
            self.out,
            "<path d=\"{path}\" fill=\"{color}\" stroke=\"{outline}\" stroke-width=\"{}\" stroke-linejoin=\"round\"/>",
            number(width)
        );
    }

    /// A stroked path with round joins; `opacity` 1 is solid.
    pub(crate) fn stroke(&mut self, path: &str, color: Color, width: f64, opacity: f64) {
        self.stroke_dashed(path, color, width, opacity, Dash::Solid);
    }

    /// As [`Svg::stroke`], broken as `dash` says.
    pub(crate) fn stroke_dashed(&mut self, path: &str, color: Color, width: f64, opacity: f64, dash: Dash) {
        if path.is_empty() {
            return;
        }
        let _ = write!(
            self.out,
            "<path d=\"{path}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{}\" stroke-linejoin=\"round\" stroke-linecap=\"round\"",
            number(width)
        );
        if opacity < 1.0 {
            let _ = write!(self.out, " stroke-opacity=\"{}\"", number(opacity));
        }
        if let Some(pattern) = dash.pattern() {
            let _ = write!(self.out, " stroke-dasharray=\"{pattern}\"");
        }
        self.out.push_str("/>");
    }

    /// A dashed hairline box with round corners.
    pub(crate) fn dashed_box(&mut self, x: f64, y: f64, width: f64, height: f64, color: Color) {
        let _ = write!(
            self.out,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"6\" fill=\"none\" stroke=\"{color}\" stroke-width=\"1\" stroke-dasharray=\"3 3\"/>",
            number(x),
            number(y),
            number(width.max(0.0)),
            number(height.max(0.0))
        );
    }

    /// A disc with an outline.
    pub(crate) fn disc(&mut self, x: f64, y: f64, radius: f64, fill: Color, opacity: f64, outline: Option<(Color, f64)>) {
        let _ = write!(self.out, "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"{fill}\"", number(x), number(y), number(radius));
        if opacity < 1.0 {
            let _ = write!(self.out, " fill-opacity=\"{}\"", number(opacity));
        }
        if let Some((color, width)) = outline {
            let _ = write!(self.out, " stroke=\"{color}\" stroke-width=\"{}\"", number(width));
        }
        self.out.push_str("/>");
    }

    /// A circle's line.
    pub(crate) fn ring(&mut self, x: f64, y: f64, radius: f64, color: Color, width: f64) {
        let _ = write!(
            self.out,
            "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{}\"/>",
            number(x),
            number(y),
            number(radius),
            number(width)
        );
    }

    /// Whether text here would lie on no other.
    pub(crate) fn is_free(&self, x: f64, y: f64, text: &str, style: TextStyle) -> bool {
        let (left, top, right, bottom) = bounds(x, y, text, style);
        let apart = |other: &(f64, f64, f64, f64)| right + 1.5 <= other.0 || other.2 + 1.5 <= left || bottom <= other.1 || other.3 <= top;
        self.texts.iter().all(apart)
    }

    /// One line of text, its baseline at the first of `spots` that is free, on a ground that keeps it legible over lines; whether one was.
    pub(crate) fn text_in_first(
        &mut self,
        mut spots: impl Iterator<Item = (f64, f64)>,
        text: &str,
        style: TextStyle,
        ground: Color,
    ) -> bool {
        if text.trim().is_empty() {
            return true;
        }
        let Some((x, y)) = spots.find(|(x, y)| self.is_free(*x, *y, text, style)) else { return false };
        let (left, top, right, bottom) = bounds(x, y, text, style);
        let path = format!("M{} {}H{}V{}H{}Z", number(left - 1.0), number(top), number(right + 1.0), number(bottom), number(left - 1.0));
        self.fill(&path, ground, 0.78);
        self.text(x, y, text, style);
        true
    }

    /// One line of text with its baseline at `y`.
    pub(crate) fn text(&mut self, x: f64, y: f64, text: &str, style: TextStyle) {
        self.text_turned(x, y, text, style, 0.0);
    }

    /// As [`Svg::text`], turned by `degrees` around its anchor.
    ///
    /// Runs of other scripts start text chunks of their own at measured places: a renderer that misses one glyph
    /// changes the font of the whole chunk.
    pub(crate) fn text_turned(&mut self, x: f64, y: f64, text: &str, style: TextStyle, degrees: f64) {
        let clean: String = text.chars().filter(|c| printable(*c)).map(|c| if c == '\t' { ' ' } else { c }).collect();
        if clean.trim().is_empty() {
            return;
        }
        if degrees.abs() <= 0.0 {
            self.texts.push(bounds(x, y, &clean, style));
        }
        let mut runs = runs(&clean);
        let _ = write!(self.out, "<text font-size=\"{}\" fill=\"{}\"", number(style.size), style.color);
        if style.weight == Weight::Bold {
            self.out.push_str(" font-weight=\"700\"");
        }
        if degrees.abs() > 0.0 {
            let _ = write!(self.out, " transform=\"rotate({} {} {})\"", number(degrees), number(x), number(y));
        }
        if let [run] = runs[..] {
            match style.anchor {
                Anchor::Start => {}
                Anchor::Middle => self.out.push_str(" text-anchor=\"middle\""),
                Anchor::End => self.out.push_str(" text-anchor=\"end\""),
            }
            let _ = write!(self.out, " x=\"{}\" y=\"{}\">{}</text>", number(x), number(y), escape(run));
            return;
        }
        if clean.chars().find_map(strong_direction) == Some(Direction::Left) {
            runs.reverse();
        }
        let widths: Vec<f64> = runs.iter().map(|run| measure::width(run, style.size, style.weight)).collect();
        let total: f64 = widths.iter().sum();
        let mut at = match style.anchor {
            Anchor::Start => x,
            Anchor::Middle => x - total / 2.0,
            Anchor::End => x - total,
        };
        self.out.push('>');
        for (run, width) in runs.iter().zip(&widths) {
            let _ = write!(self.out, "<tspan x=\"{}\" y=\"{}\">{}</tspan>", number(at), number(y), escape(run));
            at += width;
        }
        self.out.push_str("</text>");
    }
}

/// The box that level text takes: left, top, right, bottom.
fn bounds(x: f64, y: f64, text: &str, style: TextStyle) -> (f64, f64, f64, f64) {
    let width = measure::width(text, style.size, style.weight);
    let left = match style.anchor {
        Anchor::Start => x,
        Anchor::Middle => x - width / 2.0,
        Anchor::End => x - width,
    };
    (left, y - style.size * 0.8, left + width, y + style.size * 0.24)
}

/// At most two decimals, no trailing zeros, never `-0`, `NaN` or an exponent.
pub(crate) fn number(value: f64) -> String {
    if !value.is_finite() {
        return "0".to_owned();
    }
    let mut text = format!("{:.2}", value.clamp(-1e7, 1e7));
    while text.ends_with('0') {
        text.pop();
    }
    if text.ends_with('.') {
        text.pop();
    }
    if text == "-0" { "0".to_owned() } else { text }
}

/// Text as XML character data or attribute value; characters that XML forbids are dropped.
fn escape(text: &str) -> String {
    escaped_without(text, |c| !printable(c))
}

/// Neither a control character, nor one that turns the order of the text after it or only picks a look of the sign before it.
fn printable(c: char) -> bool {
    !c.is_control() && !turns(c) && !matches!(c, '\u{fe0e}' | '\u{fe0f}' | '\u{fffe}' | '\u{ffff}' | '\u{2028}' | '\u{2029}')
}

/// Splits where the bundled font begins or ceases to have glyphs. Spaces and joiners stay with what stands before them.
fn runs(text: &str) -> Vec<&str> {
    let mut runs = Vec::new();
    let mut start = 0;
    let mut current: Option<bool> = None;
    for (at, c) in text.char_indices() {
        let neutral = c == ' ' || matches!(c, '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}');
        if neutral && current.is_some() {
            continue;
        }
        let own = measure::covered(c);
        match current {
            Some(previous) if previous != own => {
                runs.push(&text[start..at]);
                start = at;
            }
            _ => {}
        }
        current = Some(own);
    }
    runs.push(&text[start..]);
    runs
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Left,
    Right,
}

/// The writing direction of letters; `None` for digits and signs.
fn strong_direction(c: char) -> Option<Direction> {
    match c {
        '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' => Some(Direction::Left),
        c if c.is_alphabetic() => Some(Direction::Right),
        _ => None,
    }
}

/// A path from points, `M x y L …`, with breaks where there is no point.
pub(crate) fn polyline(points: impl IntoIterator<Item = Option<(f64, f64)>>) -> String {
    let mut path = String::new();
    let mut drawing = false;
    for point in points {
        match point {
            Some((x, y)) => {
                let _ = write!(path, "{}{} {}", if drawing { "L" } else { "M" }, number(x), number(y));
                drawing = true;
            }
            None => drawing = false,
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(anchor: Anchor) -> TextStyle {
        TextStyle { size: 8.0, weight: Weight::Regular, color: Color(0, 0, 0), anchor }
    }

    #[test]
    fn hostile_text_is_inert() {
        let mut svg = Svg::new(10.0, 10.0);
        svg.text(0.0, 0.0, "</text><script>alert(1)</script>&#x0;\u{0}\u{7}\u{202e}\u{ffff}", style(Anchor::Start));
        let out = svg.finish("\"><script>");
        assert!(!out.contains("<script") && !out.contains('\u{0}') && !out.contains('\u{202e}'), "{out}");
        assert!(out.contains("&lt;/text&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;#x0;"), "{out}");
    }

    #[test]
    fn scripts_outside_the_font_get_chunks_of_their_own() {
        assert_eq!(runs("APAC 東京 2024"), ["APAC ", "東京 ", "2024"]);
        assert_eq!(runs("東京"), ["東京"]);
        assert_eq!(runs("plain"), ["plain"]);
        assert_eq!(runs("ok 👍🏽"), ["ok ", "👍🏽"]);
    }

    #[test]
    fn numbers_are_short_and_finite() {
        for (value, expected) in
            [(1.0, "1"), (1.005, "1"), (-0.001, "0"), (2.5, "2.5"), (f64::NAN, "0"), (f64::INFINITY, "0"), (1e300, "10000000")]
        {
            assert_eq!(number(value), expected);
        }
    }

    #[test]
    fn blank_text_draws_nothing() {
        let mut svg = Svg::new(1.0, 1.0);
        svg.text(0.0, 0.0, " \u{7} ", style(Anchor::End));
        assert!(!svg.finish("").contains("<text"));
    }
}
