//! Cells of two categories coloured by a number.

use super::super::axis::typographic;
use super::super::data::{Column, Places, count, range};
use super::super::legend;
use super::super::measure::{self, Weight};
use super::super::places;
use super::super::plot::{Canvas, Heading};
use super::super::svg::Anchor;
use super::super::{ChartError, ChartInput, Told};
use super::{needed, values};

/// Most cells drawn.
const MOST_CELLS: usize = 1600;

/// Draws a heatmap.
pub(crate) fn draw(input: &ChartInput<'_>, canvas: &mut Canvas<'_>) -> Result<Told, ChartError> {
    let columns = Places::read(&Column::find(input, needed(input.chart.x.as_ref(), "heatmap", "x")?)?, false);
    let rows = Places::read(&Column::find(input, values(input, "heatmap")?[0])?, false);
    let heat = Column::find(input, needed(input.chart.color.as_ref(), "heatmap", "color")?)?;
    let numbers = heat.numbers("color")?;
    let (wide, high) = (columns.len(), rows.len());
    let mut notes = Vec::new();
    // The first rows and columns that fit: leaving out every other would tear patterns.
    let (most_wide, most_high) = (((canvas.width / 3.0) as usize).clamp(1, 400), ((canvas.height / 3.0) as usize).clamp(1, 200));
    let shown_wide = wide.min(most_wide);
    let shown_high = high.min(most_high).min((MOST_CELLS / shown_wide.max(1)).max(1));
    if shown_wide < wide || shown_high < high {
        notes.push(format!("The first {shown_wide} of {} and {shown_high} of {} drawn", count(wide, "column"), count(high, "row")));
    }
    let mut cells: Vec<Option<f64>> = vec![None; shown_wide * shown_high];
    for (row, number) in numbers.into_iter().enumerate() {
        let place = (columns.of_row.get(row).copied().flatten(), rows.of_row.get(row).copied().flatten());
        if let ((Some(x), Some(y)), Some(number)) = (place, number)
            && x < shown_wide
            && y < shown_high
        {
            let cell = &mut cells[y * shown_wide + x];
            *cell = Some((cell.unwrap_or(0.0) + number).clamp(-1e290, 1e290));
        }
    }
    if cells.iter().all(Option::is_none) {
        return Ok(Told::nothing());
    }
    let (low, most) = range(cells.iter().flatten().copied());
    let theme = canvas.theme;
    let heading = Heading::caption(&heat.format.label, canvas);
    heading.draw(canvas);
    let top = heading.height(theme);
    if top > 0.0 && canvas.width >= 150.0 {
        let ends = (typographic(heat.format.short(low)), typographic(heat.format.short(most)));
        legend::ramp(
            &mut canvas.svg,
            canvas.width,
            0.0,
            (&ends.0, &ends.1),
            |share| theme.heat(low + (most - low) * share, low, most),
            theme,
        );
    }
    let names = rows.labels.iter().take(shown_high);
    let left = names.map(|name| measure::width(name, theme.small, Weight::Regular)).fold(0.0, f64::max).min(canvas.width * 0.34) + 6.0;
    let mut shown_columns = columns;
    shown_columns.labels.truncate(shown_wide);
    shown_columns.at.truncate(shown_wide);
    let axis = places::bands(&shown_columns, left, canvas.width - 1.0, canvas.height * 0.34, theme);
    let bottom = (canvas.height - axis.labels.height).max(top + 4.0);
    let (step_x, step_y) = (axis.band.step(), (bottom - top) / shown_high as f64);
    let gap = (step_x.min(step_y) * 0.12).min(1.4);
    let texts: Vec<Option<String>> = cells.iter().map(|cell| cell.map(|cell| typographic(heat.format.short(cell)))).collect();
    let widest = texts.iter().flatten().map(|text| measure::width(text, theme.label, Weight::Regular)).fold(0.0, f64::max);
    let labelled = widest + 4.0 <= step_x && theme.label + 3.0 <= step_y;
    for (index, cell) in cells.iter().enumerate() {
        let Some(value) = *cell else { continue };
        let (x, y) = (left + step_x * (index % shown_wide) as f64, top + step_y * (index / shown_wide) as f64);
        let color = theme.heat(value, low, most);
        let radius = if step_x.min(step_y) > 8.0 { 1.8 } else { 0.0 };
        canvas.svg.rect(x + gap / 2.0, y + gap / 2.0, step_x - gap, step_y - gap, radius, color);
        if let (true, Some(text)) = (labelled, &texts[index]) {
            let ink = color.legible(dark_ink(theme), light_ink(theme));
            canvas.svg.text(x + step_x / 2.0, y + step_y / 2.0 + theme.label * 0.36, text, canvas.label(Anchor::Middle, ink));
        }
    }
    let every = ((theme.small + 1.0) / step_y).ceil().max(1.0) as usize;
    for (index, name) in rows.labels.iter().take(shown_high).enumerate().step_by(every) {
        let text = measure::ellipsize(name, theme.small, Weight::Regular, left - 6.0);
        canvas.svg.text(left - 5.0, top + step_y * (index as f64 + 0.5) + theme.small * 0.36, &text, canvas.small(Anchor::End));
    }
    axis.labels.draw(&mut canvas.svg, bottom - 2.0, theme);
    let extreme = |wanted: f64| {
        let index = cells.iter().position(|cell| cell.is_some_and(|cell| (cell - wanted).abs() <= 0.0)).unwrap_or(0);
        let at = |labels: &[String], index: usize| labels.get(index).cloned().unwrap_or_default();
        format!(
            "{} ({}, {})",
            heat.format.display_f64(wanted),
            at(&rows.labels, index / shown_wide),
            at(&shown_columns.labels, index % shown_wide)
        )
    };
    let alt = format!(
        "Heatmap of {} by {} and {}; highest {}, lowest {}.",
        heat.format.label,
        rows.format.label,
        shown_columns.format.label,
        extreme(most),
        extreme(low)
    );
    Ok(Told { alt, notes, empty: false })
}

fn dark_ink(theme: &super::super::Theme) -> super::super::Color {
    if theme.text.luminance() < theme.background.luminance() { theme.text } else { theme.background }
}

fn light_ink(theme: &super::super::Theme) -> super::super::Color {
    if theme.text.luminance() < theme.background.luminance() { theme.background } else { theme.text }
}
