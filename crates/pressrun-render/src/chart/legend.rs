//! Names of colours above a chart: wrapped, cut to fit, never more than a quarter of the height.

use super::color::Color;
use super::measure::{self, Weight};
use super::svg::{Anchor, Svg, TextStyle};
use super::theme::Theme;

/// Side of a swatch.
const SWATCH: f64 = 7.0;
/// Between swatch and name.
const GAP: f64 = 4.0;
/// Between entries.
const SPACE: f64 = 12.0;

/// How a colour is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Swatch {
    Square,
    Line,
    Dot,
}

/// A legend laid out in rows.
pub(crate) struct Legend {
    entries: Vec<Entry>,
    swatch: Swatch,
    /// Total height, the gap below included; 0 without entries.
    pub(crate) height: f64,
}

struct Entry {
    x: f64,
    y: f64,
    name: String,
    /// `None` for the words "+3 more".
    color: Option<Color>,
}

impl Legend {
    /// Lays `names` out within `width`, at most `height` high.
    pub(crate) fn new(names: &[(String, Color)], swatch: Swatch, width: f64, height: f64, theme: &Theme) -> Self {
        let line = theme.small + 5.0;
        let rows = ((height / line).floor() as usize).clamp(1, 4);
        let size = |name: &str| SWATCH + GAP + measure::width(name, theme.small, Weight::Regular);
        let most = (width * if names.len() > 2 { 0.45 } else { 0.8 }).max(30.0) - SWATCH - GAP;
        let mut legend = Self { entries: Vec::new(), swatch, height: 0.0 };
        let (mut x, mut row) = (0.0, 0);
        for (nth, (name, color)) in names.iter().enumerate() {
            let name = measure::ellipsize(name, theme.small, Weight::Regular, most);
            let left = names.len() - nth;
            // On the last row there must stay room to say how many are left out.
            let reserve = if row + 1 == rows && left > 1 { size("+99 more") + SPACE } else { 0.0 };
            if x > 0.0 && x + size(&name) + reserve > width {
                if row + 1 == rows {
                    let fits_after_all = left == 1 && x + size(&name) <= width;
                    if !fits_after_all {
                        legend.entries.push(Entry { x, y: row as f64 * line, name: format!("+{left} more"), color: None });
                        break;
                    }
                } else {
                    x = 0.0;
                    row += 1;
                }
            }
            let advance = size(&name) + SPACE;
            legend.entries.push(Entry { x, y: row as f64 * line, name, color: Some(*color) });
            x += advance;
        }
        if !legend.entries.is_empty() {
            legend.height = (row + 1) as f64 * line + 6.0;
        }
        legend
    }

    /// Draws with the first row's top at `top`.
    pub(crate) fn draw(&self, svg: &mut Svg, left: f64, top: f64, theme: &Theme) {
        let style = TextStyle { size: theme.small, weight: Weight::Regular, color: theme.muted, anchor: Anchor::Start };
        for entry in &self.entries {
            let middle = top + entry.y + theme.small * 0.62;
            let x = left + entry.x;
            let text_x = match entry.color {
                None => x,
                Some(color) => {
                    match self.swatch {
                        Swatch::Square => svg.rect(x, middle - SWATCH / 2.0, SWATCH, SWATCH, 1.8, color),
                        Swatch::Line => svg.rect(x, middle - 1.2, SWATCH + 1.0, 2.4, 1.2, color),
                        Swatch::Dot => svg.disc(x + SWATCH / 2.0, middle, SWATCH / 2.0, color, 1.0, None),
                    }
                    x + SWATCH + GAP
                }
            };
            svg.text(text_x, middle + theme.small * 0.36, &entry.name, style);
        }
    }
}

/// A colour ramp with its ends named, right-aligned at `right`; returns nothing when there is no room.
pub(crate) fn ramp(svg: &mut Svg, right: f64, top: f64, ends: (&str, &str), colors: impl Fn(f64) -> Color, theme: &Theme) {
    const LENGTH: f64 = 72.0;
    const STEPS: usize = 24;
    let width = |text: &str| measure::width(text, theme.small, Weight::Regular);
    let style = TextStyle { size: theme.small, weight: Weight::Regular, color: theme.muted, anchor: Anchor::End };
    if width(ends.0) + width(ends.1) + LENGTH + 10.0 > right {
        return;
    }
    let baseline = top + theme.small * 0.98;
    svg.text(right, baseline, ends.1, style);
    let end = right - width(ends.1) - 5.0;
    let cell = LENGTH / STEPS as f64;
    for step in 0..STEPS {
        let share = (step as f64 + 0.5) / STEPS as f64;
        // Cells overlap a little, or hairlines show between them.
        let overlap = if step + 1 < STEPS { 0.4 } else { 0.0 };
        svg.rect(end - LENGTH + cell * step as f64, top + 1.5, cell + overlap, 6.0, 0.0, colors(share));
    }
    svg.text(end - LENGTH - 5.0, baseline, ends.0, style);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_never_touch_nor_leave_the_width_and_the_rest_is_counted() {
        let theme = Theme::light();
        for (case, count, name, width, height) in [
            ("two", 2, "EMEA", 272.0, 46.0),
            ("many", 40, "A rather long series name", 272.0, 46.0),
            ("narrow", 9, "東京 very long name indeed", 90.0, 30.0),
            ("exactly one row", 5, "Region", 272.0, 12.0),
        ] {
            let names: Vec<(String, Color)> = (0..count).map(|i| (format!("{name} {i}"), theme.series[0])).collect();
            let legend = Legend::new(&names, Swatch::Square, width, height, &theme);
            let mut end = (f64::NEG_INFINITY, -1.0);
            for entry in &legend.entries {
                let swatch = if entry.color.is_some() { SWATCH + GAP } else { 0.0 };
                let right = entry.x + swatch + measure::width(&entry.name, theme.small, Weight::Regular);
                assert!(entry.y > end.1 || entry.x >= end.0, "{case}: {} overlaps", entry.name);
                assert!(right <= width + 0.01 || entry.x <= 0.0, "{case}: {} ends at {right}", entry.name);
                end = (right, entry.y);
            }
            let shown = legend.entries.iter().filter(|entry| entry.color.is_some()).count();
            let said = legend.entries.last().is_some_and(|entry| entry.name == format!("+{} more", count - shown));
            assert!(shown == count || said, "{case}");
        }
    }
}
