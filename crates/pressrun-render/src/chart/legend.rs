//! Names of colours beside a chart: above it, on its right where it is wide, in smaller letters where there are many; whoever draws
//! is told how many found room, so that nothing is coloured that has no name.

use pressrun_domain::chart::Legend as Place;

use super::color::Color;
use super::measure::{self, Weight};
use super::svg::{Anchor, Dash, Svg, TextStyle};
use super::theme::Theme;

/// Side of a swatch.
const SWATCH: f64 = 7.0;
/// Length of a swatch that shows how a line is dashed.
const SAMPLE: f64 = 14.0;
/// Between swatch and name.
const GAP: f64 = 4.0;
/// Between entries.
const SPACE: f64 = 12.0;
/// Between a plot and the names on its right.
const BESIDE: f64 = 12.0;
/// The smallest letters of names.
const SMALLEST: f64 = 6.4;

/// How a colour is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Swatch {
    Square,
    Line,
    Dot,
}

/// A name and what shows its colour.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) color: Color,
    pub(crate) dash: Dash,
    pub(crate) swatch: Swatch,
}

/// A legend laid out.
pub(crate) struct Legend {
    entries: Vec<Entry>,
    size: f64,
    /// Height above the plot, the gap below included; 0 beside it.
    pub(crate) height: f64,
    /// Width beside the plot, the gap included; 0 above it.
    pub(crate) width: f64,
    /// Its height is taken below the plot, not above it.
    pub(crate) below: bool,
}

struct Entry {
    x: f64,
    y: f64,
    key: Key,
}

impl Legend {
    /// Lays as many of `keys` out as find room beside or above a plot within `width` and `height`, the first ones first; at `place` where
    /// the author wants them there, and nowhere where they want none.
    ///
    /// Returns how many that are; all are tried in every way before the last ones are left out.
    pub(crate) fn fit(keys: &[Key], (width, height): (f64, f64), place: Option<Place>, theme: &Theme) -> (Self, usize) {
        let small = theme.small;
        let quarter = height * 0.25;
        let half = height * 0.4;
        // Names are cut short only where whole ones have no room in any place.
        let wide = if keys.len() > 2 { 0.45 } else { 0.8 };
        let (across, aside) = (place != Some(Place::Right), !matches!(place, Some(Place::Top | Place::Bottom)));
        let above = |height: f64, share: f64, size: f64| if across { Self::above(keys, (width, height, share), size) } else { None };
        let beside = |share: f64, size: f64| if aside { Self::beside(keys, (width, height, share), size) } else { None };
        let ways = [
            above(quarter, wide, small),
            beside(0.3, small),
            above(half, wide, SMALLEST.min(small)),
            beside(0.38, SMALLEST.min(small)),
            above(half, 0.3, SMALLEST.min(small)),
        ];
        let mut best: Option<(Self, usize)> = None;
        for (mut legend, named) in ways.into_iter().flatten().filter(|_| place != Some(Place::None)) {
            legend.below = place == Some(Place::Bottom);
            if named == keys.len() {
                return (legend, named);
            }
            if best.as_ref().is_none_or(|(_, most)| named > *most) {
                best = Some((legend, named));
            }
        }
        best.unwrap_or((Self::empty(small), 0))
    }

    fn empty(size: f64) -> Self {
        Self { entries: Vec::new(), size, height: 0.0, width: 0.0, below: false }
    }

    /// Rows above the plot, at most `height` high; a name takes at most `share` of the width.
    fn above(keys: &[Key], (width, height, share): (f64, f64, f64), size: f64) -> Option<(Self, usize)> {
        let line = size + 5.0;
        let rows = (height / line).floor() as usize;
        if rows == 0 {
            return None;
        }
        let sample = keys.iter().map(|key| sample(key.swatch)).fold(SWATCH, f64::max);
        let most = (width * share).max(30.0) - sample - GAP;
        let mut legend = Self::empty(size);
        let (mut x, mut row) = (0.0, 0);
        for key in keys {
            let name = measure::ellipsize(&key.name, size, Weight::Regular, most);
            let advance = sample + GAP + measure::width(&name, size, Weight::Regular);
            if x > 0.0 && x + advance > width {
                x = 0.0;
                row += 1;
            }
            if row == rows || advance > width || name.is_empty() || legend.has(&name) {
                break;
            }
            legend.entries.push(Entry { x, y: row as f64 * line, key: Key { name, ..*key } });
            x += advance + SPACE;
        }
        let last = legend.entries.last().map_or(0.0, |entry| entry.y);
        legend.height = if legend.entries.is_empty() { 0.0 } else { last + line + 6.0 };
        let named = legend.entries.len();
        Some((legend, named))
    }

    /// A column on the right, of a plot that stays wider than high.
    fn beside(keys: &[Key], (width, height, share): (f64, f64, f64), size: f64) -> Option<(Self, usize)> {
        let line = size + 4.5;
        let rows = ((height - 4.0) / line).floor() as usize;
        if rows == 0 || width < 170.0 || width * (1.0 - share) < height * 0.8 {
            return None;
        }
        let sample = keys.iter().map(|key| sample(key.swatch)).fold(SWATCH, f64::max);
        let room = width * share - sample - GAP - BESIDE;
        let mut legend = Self::empty(size);
        let mut widest = 0.0f64;
        for (nth, key) in keys.iter().take(rows).enumerate() {
            let name = measure::ellipsize(&key.name, size, Weight::Regular, room);
            if name.is_empty() || legend.has(&name) {
                break;
            }
            widest = widest.max(measure::width(&name, size, Weight::Regular));
            legend.entries.push(Entry { x: 0.0, y: nth as f64 * line, key: Key { name, ..*key } });
        }
        legend.width = if legend.entries.is_empty() { 0.0 } else { sample + GAP + widest + BESIDE };
        let named = legend.entries.len();
        Some((legend, named))
    }

    /// Whether a name was cut to what another one is already: two entries of one name name nothing.
    fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.key.name == name)
    }

    /// Draws with the first row's top at `top`; what stands beside a plot starts at `left`.
    pub(crate) fn draw(&self, svg: &mut Svg, left: f64, top: f64, theme: &Theme) {
        let style = TextStyle { size: self.size, weight: Weight::Regular, color: theme.muted, anchor: Anchor::Start };
        for entry in &self.entries {
            let middle = top + entry.y + self.size * 0.62;
            let x = left + entry.x;
            let Key { color, dash, .. } = entry.key;
            match entry.key.swatch {
                Swatch::Square => svg.rect(x, middle - SWATCH / 2.0, SWATCH, SWATCH, 1.8, color),
                Swatch::Line => {
                    let path = format!("M{} {}h{}", super::svg::number(x), super::svg::number(middle), SAMPLE);
                    svg.stroke_dashed(&path, color, theme.line, 1.0, dash);
                }
                Swatch::Dot => svg.disc(x + SWATCH / 2.0, middle, SWATCH / 2.0, color, 1.0, None),
            }
            svg.text(x + sample(entry.key.swatch) + GAP, middle + self.size * 0.36, &entry.key.name, style);
        }
    }
}

/// Width of what stands before a name.
fn sample(swatch: Swatch) -> f64 {
    if swatch == Swatch::Line { SAMPLE } else { SWATCH }
}

/// Width of a ramp with its ends named, the room before it included.
pub(crate) fn ramp_width(ends: (&str, &str), theme: &Theme) -> f64 {
    let width = |text: &str| measure::width(text, theme.small, Weight::Regular);
    width(ends.0) + width(ends.1) + RAMP + 10.0 + SPACE
}

/// Length of a ramp.
const RAMP: f64 = 72.0;

/// A colour ramp with its ends named, right-aligned at `right`; returns nothing when there is no room.
pub(crate) fn ramp(svg: &mut Svg, right: f64, top: f64, ends: (&str, &str), colors: impl Fn(f64) -> Color, theme: &Theme) {
    const STEPS: usize = 24;
    let width = |text: &str| measure::width(text, theme.small, Weight::Regular);
    let style = TextStyle { size: theme.small, weight: Weight::Regular, color: theme.muted, anchor: Anchor::End };
    if width(ends.0) + width(ends.1) + RAMP + 10.0 > right {
        return;
    }
    let baseline = top + theme.small * 0.98;
    svg.text(right, baseline, ends.1, style);
    let end = right - width(ends.1) - 5.0;
    let cell = RAMP / STEPS as f64;
    for step in 0..STEPS {
        let share = (step as f64 + 0.5) / STEPS as f64;
        // Cells overlap a little, or hairlines show between them.
        let overlap = if step + 1 < STEPS { 0.4 } else { 0.0 };
        svg.rect(end - RAMP + cell * step as f64, top + 1.5, cell + overlap, 6.0, 0.0, colors(share));
    }
    svg.text(end - RAMP - 5.0, baseline, ends.0, style);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a8_entries_never_touch_nor_leave_their_room_and_those_left_out_are_counted() {
        let theme = Theme::light();
        for (case, count, name, width, height, least) in [
            ("two", 2, "EMEA", 272.0, 186.0, 2),
            ("eight in a tile of a third", 8, "Series", 150.0, 160.0, 8),
            ("eight beside a wide plot", 8, "A rather long series name", 400.0, 120.0, 8),
            ("many", 40, "A rather long series name", 272.0, 186.0, 5),
            ("narrow", 9, "東京 very long name indeed", 90.0, 80.0, 1),
            ("exactly one row", 5, "Region", 272.0, 48.0, 1),
            ("no room at all", 3, "Region", 20.0, 16.0, 0),
        ] {
            let keys: Vec<Key> = (0..count)
                .map(|i| Key { name: format!("{i} {name}"), color: theme.series[0], dash: Dash::Solid, swatch: Swatch::Square })
                .collect();
            let (legend, named) = Legend::fit(&keys, (width, height), None, &theme);
            let mut end = (f64::NEG_INFINITY, -1.0);
            for entry in &legend.entries {
                let right = entry.x + SWATCH + GAP + measure::width(&entry.key.name, legend.size, Weight::Regular);
                assert!(entry.y > end.1 || entry.x >= end.0, "{case}: {} overlaps", entry.key.name);
                assert!(right <= width + 0.01 || entry.x <= 0.0, "{case}: {} ends at {right}", entry.key.name);
                end = (right, entry.y);
            }
            assert_eq!(named, legend.entries.len(), "{case}");
            assert!(named >= least && legend.size >= 6.0, "{case}: {named} named in {} pt", legend.size);
        }
    }
}
