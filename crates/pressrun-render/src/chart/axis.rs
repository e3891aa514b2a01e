//! Axis labels that are measured before they are drawn: thinned, broken, turned or cut until none touches another.

use pressrun_domain::chart::{Axis, Finite};

use super::measure::{self, Weight};
use super::scale::ValueScale;
use super::svg::{Anchor, Svg, TextStyle};
use super::theme::Theme;
use crate::format::{FieldFormat, typographic};

/// Least room between neighbouring labels.
const AIR: f64 = 5.0;
/// From the axis to the first line of labels.
const PAD: f64 = 5.0;

/// What an axis of values must span.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Span {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) log: bool,
    /// Ends that its author settled, instead of round ones around the values.
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
}

impl Span {
    /// `low..=high`, with the ends that the author settled.
    pub(crate) fn new((low, high): (f64, f64), log: bool, axis: &Axis) -> Self {
        let end = |end: Option<Finite>| end.map(Finite::get).filter(|end| !log || *end > 0.0);
        Self { low, high, log, min: end(axis.min), max: end(axis.max) }
    }

    fn is_settled(&self) -> bool {
        self.min.is_some() || self.max.is_some()
    }

    /// Points from tick to tick, about.
    fn every(&self) -> f64 {
        if self.log { 22.0 } else { 32.0 }
    }
}

/// A value axis: its scale and the text of its ticks.
pub(crate) struct ValueAxis {
    pub(crate) scale: ValueScale,
    labels: Vec<String>,
    /// The author settled an end of it.
    settled: bool,
}

impl ValueAxis {
    /// An axis over `span` for `pixels` of height.
    pub(crate) fn new(span: &Span, pixels: f64, format: &FieldFormat) -> Self {
        Self::spaced(span, pixels, span.every(), format)
    }

    /// An axis over `span` for `pixels` of length with a tick about every `every` points.
    pub(crate) fn spaced(span: &Span, pixels: f64, every: f64, format: &FieldFormat) -> Self {
        let count = ((pixels / every).round() as usize).clamp(1, 7);
        let (mut low, mut high) = (span.min.unwrap_or(span.low), span.max.unwrap_or(span.high));
        if span.is_settled() && low >= high {
            // All values lie beyond the end that is settled: it stays, and the other end makes room for an axis.
            let room = low.abs().max(high.abs()).max(1e-9);
            (low, high) = if span.max.is_some() && span.min.is_none() { (high - room, high) } else { (low, low + room) };
        }
        let mut scale = if span.log { ValueScale::log(low, high, count) } else { ValueScale::linear(low, high, count) };
        if format.is_whole() && !span.log && scale.step < 1.0 {
            // Counts have no halves.
            scale = ValueScale::linear(low.floor(), high.ceil().max(low.floor() + 1.0), 1);
        }
        scale.settle(span.min.map(|_| low), span.max.map(|_| high));
        Self::labelled(scale, span.is_settled(), format)
    }

    /// An axis over `span` whose ticks stand level with those of `other`, zero beside zero where that has one; one with ends of its own
    /// where its author or that of the other settled them.
    pub(crate) fn beside(other: &Self, span: &Span, pixels: f64, format: &FieldFormat) -> Self {
        if span.is_settled() || other.settled {
            return Self::new(span, pixels, format);
        }
        let (low, high) = (span.low, span.high);
        let steps = other.scale.ticks.len().saturating_sub(1).max(1);
        let first =
            if other.scale.low <= 0.0 && other.scale.high >= 0.0 { Some((other.scale.low / other.scale.step).round()) } else { None };
        let scale = match first {
            _ if other.scale.is_log() => ValueScale::log(low, high, steps),
            Some(first) if first.is_finite() => ValueScale::in_steps_from(low.min(0.0), high.max(0.0), first, steps),
            _ => ValueScale::in_steps(low, high, steps),
        };
        Self::labelled(scale, false, format)
    }

    fn labelled(scale: ValueScale, settled: bool, format: &FieldFormat) -> Self {
        let largest = scale.low.abs().max(scale.high.abs());
        let text = |tick: &f64| if scale.is_log() { format.short(*tick) } else { format.short_step(*tick, scale.step, largest) };
        let labels = scale.ticks.iter().map(text).map(typographic).collect();
        Self { scale, labels, settled }
    }

    /// How many of the values lie beyond an end that its author settled.
    pub(crate) fn beyond(&self, values: impl Iterator<Item = f64>) -> usize {
        let slack = (self.scale.high - self.scale.low).abs() * 1e-9;
        let outside = |value: &f64| *value < self.scale.low - slack || *value > self.scale.high + slack;
        if self.settled { values.filter(outside).count() } else { 0 }
    }

    /// The widest label, with its gap.
    pub(crate) fn width(&self, theme: &Theme) -> f64 {
        self.labels.iter().map(|label| measure::width(label, theme.small, Weight::Regular)).fold(0.0, f64::max) + 7.0
    }

    /// Ticks with their shares of the length and labels.
    pub(crate) fn ticks(&self) -> impl Iterator<Item = (f64, f64, &str)> {
        self.scale.ticks.iter().zip(&self.labels).map(|(tick, label)| (*tick, self.scale.share(*tick), label.as_str()))
    }
}

/// A period as written after another: the year is not said twice.
fn shortened<'a>(before: Option<&str>, period: &'a str) -> &'a str {
    let year = |text: &str| text.rsplit_once(' ').map(|(_, year)| year.to_owned()).filter(|year| year.len() >= 4);
    match (before.and_then(year), period.rsplit_once(' ')) {
        (Some(before), Some((short, year))) if before == year => short,
        _ => period,
    }
}

/// A label that wants to stand under `x`.
#[derive(Debug, Clone)]
pub(crate) struct Tick {
    pub(crate) x: f64,
    pub(crate) text: String,
    /// The larger period, written below where it begins.
    pub(crate) context: Option<String>,
}

/// Labels under a horizontal axis, settled.
pub(crate) struct Labels {
    lines: Vec<Line>,
    turned: bool,
    /// Size of the text; a little smaller when that spares turning it.
    size: f64,
    /// Height taken below the axis.
    pub(crate) height: f64,
    /// Room missing on the left, for which turned labels were cut.
    pub(crate) overhang: f64,
}

struct Line {
    x: f64,
    /// Lines below the first.
    row: usize,
    text: String,
    anchor: Anchor,
}

impl Labels {
    /// Labels of numbers on an axis or of ordered bands: thinned by `every` n-th until they fit.
    ///
    /// `steps` are the thinnings that make sense, beginning with 1; `aligned(i, n)` says whether tick `i` stays at `n`.
    pub(crate) fn thinned(
        ticks: &[Tick],
        limits: (f64, f64),
        steps: &[usize],
        aligned: impl Fn(usize, usize) -> bool,
        theme: &Theme,
    ) -> Self {
        let width = |text: &str| measure::width(text, theme.small, Weight::Regular);
        let fits = |kept: &[&Tick]| {
            kept.windows(2).all(|pair| match pair {
                [a, b] => f64::midpoint(width(&a.text), width(&b.text)) + AIR <= (b.x - a.x).abs(),
                _ => true,
            })
        };
        let further = (1..).map(|n| steps.last().copied().unwrap_or(1) << n.min(20)).take(20);
        let mut kept: Vec<&Tick> = Vec::new();
        for n in steps.iter().copied().chain(further) {
            kept = ticks.iter().enumerate().filter(|(i, _)| aligned(*i, n)).map(|(_, tick)| tick).collect();
            if fits(&kept) {
                break;
            }
        }
        if kept.is_empty() {
            kept.extend(ticks.first());
        }
        let mut labels = Self { lines: Vec::new(), turned: false, size: theme.small, height: theme.small + PAD + 1.0, overhang: 0.0 };
        for tick in kept {
            let text = measure::ellipsize(&tick.text, theme.small, Weight::Regular, limits.1 - limits.0);
            let half = width(&text) / 2.0;
            let x = tick.x.clamp(limits.0 + half, (limits.1 - half).max(limits.0 + half));
            labels.lines.push(Line { x, row: 0, text, anchor: Anchor::Middle });
        }
        labels
    }

    /// All these labels in one line, with their larger periods where they begin in a second; `None` when two would touch, or when a
    /// period would stand under the labels of another.
    pub(crate) fn whole(ticks: &[Tick], limits: (f64, f64), theme: &Theme) -> Option<Self> {
        let width = |text: &str| measure::width(text, theme.small, Weight::Regular);
        let mut labels = Self { lines: Vec::new(), turned: false, size: theme.small, height: theme.small + PAD + 1.0, overhang: 0.0 };
        let (mut free, mut free_below) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
        let mut context: Option<&str> = None;
        let mut before = f64::NEG_INFINITY;
        for tick in ticks {
            let half = width(&tick.text) / 2.0;
            let x = tick.x.clamp(limits.0 + half, (limits.1 - half).max(limits.0 + half));
            if x - half < free || x + half > limits.1 + 0.01 {
                return None;
            }
            free = x + half + AIR;
            labels.lines.push(Line { x, row: 0, text: tick.text.clone(), anchor: Anchor::Middle });
            if let Some(period) = tick.context.as_deref()
                && context != Some(period)
            {
                let shown = shortened(context, period);
                let start = (x - half).min(limits.1 - width(shown)).max(limits.0);
                if start < free_below || start <= before {
                    return None;
                }
                free_below = start + width(shown) + AIR;
                labels.lines.push(Line { x: start, row: 1, text: shown.to_owned(), anchor: Anchor::Start });
                labels.height = theme.small * 2.0 + PAD + 4.0;
                context = Some(period);
            }
            before = x;
        }
        Some(labels)
    }

    /// Labels of categories `step` apart: whole, else in two lines, else turned and cut; thinned only when turned ones touch.
    pub(crate) fn categories(ticks: &[Tick], step: f64, limits: (f64, f64), most: f64, theme: &Theme) -> Self {
        for size in [theme.small, theme.small * 0.84] {
            if let Some(labels) = Self::flat(ticks, step - 3.0, limits, most, size) {
                return labels;
            }
        }
        // Few categories with long names read better cut than turned.
        let (size, room) = (theme.small, step - AIR);
        if room >= size * 5.0 && most >= size * 2.0 + PAD + 4.0 {
            let lines = ticks.iter().flat_map(|tick| {
                let (first, second) = measure::two_lines_cut(&tick.text, size, Weight::Regular, room);
                [
                    Line { x: tick.x, row: 0, text: first, anchor: Anchor::Middle },
                    Line { x: tick.x, row: 1, text: second, anchor: Anchor::Middle },
                ]
            });
            let lines: Vec<Line> = lines.collect();
            let both = lines.iter().any(|line| line.row == 1 && !line.text.is_empty());
            let height = if both { size * 2.0 + PAD + 4.0 } else { size + PAD + 1.0 };
            return Self { lines, turned: false, size, height, overhang: 0.0 };
        }
        if room >= size * 6.5 {
            let lines = ticks.iter().map(|tick| Line {
                x: tick.x,
                row: 0,
                text: measure::ellipsize(&tick.text, size, Weight::Regular, room),
                anchor: Anchor::Middle,
            });
            return Self { lines: lines.collect(), turned: false, size, height: size + PAD + 1.0, overhang: 0.0 };
        }
        Self::turned(ticks, step, limits, most, theme)
    }

    /// All labels whole in one line or two, each within `room`; `None` when they do not fit.
    fn flat(ticks: &[Tick], room: f64, limits: (f64, f64), most: f64, size: f64) -> Option<Self> {
        let width = |text: &str| measure::width(text, size, Weight::Regular);
        let inside = |tick: &Tick, width: f64| tick.x - width / 2.0 >= limits.0 && tick.x + width / 2.0 <= limits.1;
        if ticks.iter().all(|tick| width(&tick.text) <= room && inside(tick, width(&tick.text))) {
            let lines = ticks.iter().map(|tick| Line { x: tick.x, row: 0, text: tick.text.clone(), anchor: Anchor::Middle }).collect();
            return Some(Self { lines, turned: false, size, height: size + PAD + 1.0, overhang: 0.0 });
        }
        if most < size * 2.0 + PAD + 4.0 {
            return None;
        }
        let broken: Option<Vec<(f64, String, String)>> = ticks
            .iter()
            .map(|tick| {
                if width(&tick.text) <= room {
                    return Some((tick.x, tick.text.clone(), String::new()));
                }
                measure::two_lines(&tick.text, size, Weight::Regular, room).map(|(a, b)| (tick.x, a, b))
            })
            .collect();
        let lines = broken?.into_iter().flat_map(|(x, first, second)| {
            [Line { x, row: 0, text: first, anchor: Anchor::Middle }, Line { x, row: 1, text: second, anchor: Anchor::Middle }]
        });
        Some(Self { lines: lines.collect(), turned: false, size, height: size * 2.0 + PAD + 4.0, overhang: 0.0 })
    }

    fn turned(ticks: &[Tick], step: f64, limits: (f64, f64), most: f64, theme: &Theme) -> Self {
        let size = theme.small;
        let (sin, cos) = TURN.to_radians().sin_cos();
        let every = ((size * 1.25 / sin) / step.max(0.01)).ceil().max(1.0) as usize;
        let deepest = ((most - PAD - size * cos) / sin).max(size * 2.0);
        let mut labels = Self { lines: Vec::new(), turned: true, size, height: 0.0, overhang: 0.0 };
        let mut longest = 0.0f64;
        for tick in ticks.iter().step_by(every) {
            let room = deepest.min((tick.x - limits.0) / cos);
            let wanted = measure::width(&tick.text, size, Weight::Regular).min(deepest);
            labels.overhang = labels.overhang.max((wanted - room) * cos);
            let text = measure::ellipsize(&tick.text, size, Weight::Regular, room);
            longest = longest.max(measure::width(&text, size, Weight::Regular));
            labels.lines.push(Line { x: tick.x, row: 0, text, anchor: Anchor::End });
        }
        labels.height = longest * sin + size * cos + PAD;
        labels
    }

    /// Where each text stands (its middle, or its start below the first row), its row, and what it says.
    #[cfg(test)]
    pub(crate) fn told(&self) -> Vec<(f64, usize, String)> {
        self.lines.iter().map(|line| (line.x, line.row, line.text.clone())).collect()
    }

    /// Draws below the axis at `y`.
    pub(crate) fn draw(&self, svg: &mut Svg, y: f64, theme: &Theme) {
        for line in &self.lines {
            let style = TextStyle { size: self.size, weight: Weight::Regular, color: theme.muted, anchor: line.anchor };
            if self.turned {
                svg.text_turned(line.x + self.size * 0.3, y + PAD + self.size * 0.6, &line.text, style, -TURN);
            } else {
                let below = PAD + self.size * 0.85 + line.row as f64 * (self.size + 3.0);
                svg.text(line.x, y + below, &line.text, style);
            }
        }
    }
}

/// Degrees by which labels without room are turned.
const TURN: f64 = 38.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(texts: &[&str], step: f64) -> Vec<Tick> {
        texts.iter().enumerate().map(|(i, text)| Tick { x: step * (i as f64 + 0.5), text: (*text).to_owned(), context: None }).collect()
    }

    #[test]
    fn counts_have_no_ticks_between_whole_numbers() {
        let counts = FieldFormat::parse(&pressrun_domain::catalog::FieldSpec::default(), &arrow_schema::DataType::Int64, "orders", "UTC");
        for (low, high, expected) in
            [(0.0, 0.0, vec!["0", "1"]), (0.0, 1.0, vec!["0", "1"]), (0.0, 40.0, vec!["0", "10", "20", "30", "40"])]
        {
            let axis = ValueAxis::new(&Span { low, high, ..Span::default() }, 120.0, &counts);
            assert_eq!(axis.labels, expected);
        }
    }

    #[test]
    fn categories_are_whole_then_broken_then_cut_then_turned() {
        let theme = Theme::light();
        for (case, texts, step, turned, rows) in [
            ("short", vec!["US", "DE"], 60.0, false, 1),
            ("two words", vec!["North America", "Western Europe"], 45.0, false, 2),
            ("long but wide", vec!["Supercalifragilistic", "Pneumonoultramicroscopic"], 70.0, false, 2),
            ("long and narrow", vec!["Supercalifragilistic", "Pneumonoultramicroscopic"], 20.0, true, 1),
        ] {
            let labels = Labels::categories(&ticks(&texts, step), step, (-20.0, 200.0), 80.0, &theme);
            let rows_found = labels.lines.iter().filter(|l| !l.text.is_empty()).map(|l| l.row).max().unwrap_or(0) + 1;
            assert_eq!((labels.turned, rows_found), (turned, rows), "{case}");
            assert!(labels.height <= 80.0, "{case}: {}", labels.height);
        }
    }

    #[test]
    fn a11_no_label_reads_as_one_of_another_month() {
        let theme = Theme::light();
        let tick = |x: f64, text: &str, context: &str| Tick { x, text: text.to_owned(), context: Some(context.to_owned()) };
        // March has no room between February and April, so these ticks are not for this axis.
        let close = [tick(10.0, "5", "Feb 2024"), tick(40.0, "11", "Mar 2024"), tick(48.0, "25", "Apr 2024")];
        assert!(Labels::whole(&close, (0.0, 200.0), &theme).is_none());
        let wide = [tick(10.0, "5", "Feb 2024"), tick(80.0, "11", "Mar 2024"), tick(150.0, "2", "Jan 2025")];
        let labels = Labels::whole(&wide, (0.0, 250.0), &theme).unwrap();
        let periods: Vec<&str> = labels.lines.iter().filter(|line| line.row == 1).map(|line| line.text.as_str()).collect();
        assert_eq!(periods, ["Feb 2024", "Mar", "Jan 2025"]);
    }

    #[test]
    fn b13_long_names_get_two_lines_before_they_are_cut() {
        let theme = Theme::light();
        let labels =
            Labels::categories(&ticks(&["Pneumonoultramicroscopic silicovolcanoconiosis"; 3], 60.0), 60.0, (-20.0, 200.0), 80.0, &theme);
        let second = labels.lines.iter().find(|line| line.row == 1).unwrap();
        assert!(second.text.ends_with('…') || !second.text.is_empty());
    }

    #[test]
    fn thinned_labels_never_touch_and_stay_inside() {
        let theme = Theme::light();
        let many: Vec<Tick> = (0..200).map(|i| Tick { x: f64::from(i) * 1.5, text: format!("label {i}"), context: None }).collect();
        let labels = Labels::thinned(&many, (0.0, 300.0), &[1, 2, 5], usize::is_multiple_of, &theme);
        let mut end = -10.0;
        for line in labels.lines.iter().filter(|line| line.row == 0) {
            let half = measure::width(&line.text, theme.small, Weight::Regular) / 2.0;
            assert!(line.x - half >= end && line.x + half <= 300.01, "{}", line.text);
            end = line.x + half;
        }
    }
}
