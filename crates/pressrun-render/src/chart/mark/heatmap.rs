//! Cells of two categories coloured by a number.

use std::fmt::Write as _;

use pressrun_domain::catalog::Aggregate;

use super::super::data::{Column, Places, count, merged_note, range};
use super::super::fold::Fold;
use super::super::legend;
use super::super::measure::{self, Weight};
use super::super::places;
use super::super::plot::{Canvas, Heading};
use super::super::svg::{Anchor, number};
use super::super::{ChartError, ChartInput, Told};
use super::{needed, values};
use crate::format::{FieldFormat, typographic};

/// Most cells drawn: a sheet shows no more apart.
const MOST_CELLS: usize = 40_000;

/// From this many cells on, those of one colour share a path, in so many steps of the ramp.
const SINGLE: usize = 1600;
const SHADES: f64 = 48.0;

/// Draws a heatmap.
pub(crate) fn draw(input: &ChartInput<'_>, canvas: &mut Canvas<'_>) -> Result<Told, ChartError> {
    let columns = Places::read(&Column::find(input, needed(input.chart.x.as_ref(), "heatmap", "x")?)?, false);
    let rows = Places::read(&Column::find(input, values(input, "heatmap")?[0])?, false);
    let heat = Column::find(input, needed(input.chart.color.as_ref(), "heatmap", "color")?)?;
    let numbers = heat.numbers("color")?;
    let (wide, high) = (columns.len(), rows.len());
    let mut notes: Vec<String> = heat.not_finite().into_iter().collect();
    // The first rows and columns that fit: leaving out every other would tear patterns.
    let (most_wide, most_high) = (((canvas.width * 0.8) as usize).clamp(1, 2000), ((canvas.height * 0.6) as usize).clamp(1, 1000));
    let shown_wide = wide.min(most_wide);
    let shown_high = high.min(most_high).min((MOST_CELLS / shown_wide.max(1)).max(1));
    if shown_wide < wide || shown_high < high {
        notes.push(format!("The first {shown_wide} of {} and {shown_high} of {} drawn", count(wide, "column"), count(high, "row")));
    }
    let aggregate = heat.format.aggregate();
    let mut folds: Vec<Fold> = vec![Fold::default(); shown_wide * shown_high];
    let mut merged = false;
    for (row, number) in numbers.into_iter().enumerate() {
        let place = (columns.of_row.get(row).copied().flatten(), rows.of_row.get(row).copied().flatten());
        if let ((Some(x), Some(y)), Some(number)) = (place, number)
            && x < shown_wide
            && y < shown_high
            && let Some(fold) = folds.get_mut(y * shown_wide + x)
        {
            merged |= fold.value(Aggregate::Last).is_some();
            fold.add(number);
        }
    }
    if merged {
        notes.push(merged_note(&heat.format.label, &format!("{} and {}", columns.format.label, rows.format.label), aggregate));
    }
    let aggregate = if aggregate == Aggregate::Count && !merged { Aggregate::Sum } else { aggregate };
    let cells: Vec<Option<f64>> = folds.iter().map(|fold| fold.value(aggregate)).collect();
    if cells.iter().all(Option::is_none) {
        return Ok(Told::nothing(notes));
    }
    let (low, most) = range(cells.iter().flatten().copied());
    let theme = canvas.theme;
    let ends = (typographic(heat.format.short(low)), typographic(heat.format.short(most)));
    let ramp = canvas.width >= 150.0;
    let room = if ramp { legend::ramp_width((&ends.0, &ends.1), theme) } else { 0.0 };
    let heading = Heading::caption_beside(&heat.format.label, room, canvas);
    heading.draw(canvas);
    let top = heading.height(theme);
    if top > 0.0 && ramp {
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
    let frame = Frame { left, top, step: (step_x, step_y), gap, wide: shown_wide, range: (low, most) };
    if cells.len() > SINGLE {
        draw_shared(&cells, &frame, canvas);
    } else {
        draw_single(&cells, &frame, &heat.format, canvas);
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

/// Where the cells lie.
struct Frame {
    left: f64,
    top: f64,
    step: (f64, f64),
    gap: f64,
    /// Cells of a row.
    wide: usize,
    range: (f64, f64),
}

/// Each cell by itself, with its number where there is room for all of them.
fn draw_single(cells: &[Option<f64>], frame: &Frame, format: &FieldFormat, canvas: &mut Canvas<'_>) {
    let theme = canvas.theme;
    let (step_x, step_y) = frame.step;
    let texts: Vec<Option<String>> = cells.iter().map(|cell| cell.map(|cell| typographic(format.short(cell)))).collect();
    let widest = texts.iter().flatten().map(|text| measure::width(text, theme.label, Weight::Regular)).fold(0.0, f64::max);
    let labelled = widest + 4.0 <= step_x && theme.label + 3.0 <= step_y;
    for (index, (cell, text)) in cells.iter().zip(&texts).enumerate() {
        let (Some(value), Some(text)) = (*cell, text) else { continue };
        let (x, y) = (frame.left + step_x * (index % frame.wide) as f64, frame.top + step_y * (index / frame.wide) as f64);
        let color = theme.heat(value, frame.range.0, frame.range.1);
        let radius = if step_x.min(step_y) > 8.0 { 1.8 } else { 0.0 };
        canvas.svg.rect(x + frame.gap / 2.0, y + frame.gap / 2.0, step_x - frame.gap, step_y - frame.gap, radius, color);
        if labelled {
            let ink = color.legible(dark_ink(theme), light_ink(theme));
            canvas.svg.text(x + step_x / 2.0, y + step_y / 2.0 + theme.label * 0.36, text, canvas.label(Anchor::Middle, ink));
        }
    }
}

/// Cells of one shade in one path, neighbours of a row in one stroke of it: tens of thousands stay light.
fn draw_shared(cells: &[Option<f64>], frame: &Frame, canvas: &mut Canvas<'_>) {
    let theme = canvas.theme;
    let (low, high) = frame.range;
    let span = high - low;
    let shade = |value: f64| if span > 0.0 { ((value - low) / span * SHADES).round() as i64 } else { 0 };
    let mut paths: std::collections::BTreeMap<i64, String> = std::collections::BTreeMap::new();
    for (nth, row) in cells.chunks(frame.wide.max(1)).enumerate() {
        let y = frame.top + frame.step.1 * nth as f64;
        let mut start = 0;
        for run in row.chunk_by(|a, b| a.map(shade) == b.map(shade)) {
            if let Some(Some(value)) = run.first() {
                let x = frame.left + frame.step.0 * start as f64;
                // A little over the edge, or hairlines show between neighbours.
                let (width, height) = (frame.step.0 * run.len() as f64 + 0.15, frame.step.1 + 0.15);
                let path = paths.entry(shade(*value)).or_default();
                let _ = write!(path, "M{} {}h{}v{}h-{}z", number(x), number(y), number(width), number(height), number(width));
            }
            start += run.len();
        }
    }
    for (shade, path) in paths {
        let value = low + span * shade as f64 / SHADES;
        canvas.svg.fill(&path, theme.heat(value, low, high), 1.0);
    }
}

fn dark_ink(theme: &super::super::Theme) -> super::super::Color {
    if theme.text.luminance() < theme.background.luminance() { theme.text } else { theme.background }
}

fn light_ink(theme: &super::super::Theme) -> super::super::Color {
    if theme.text.luminance() < theme.background.luminance() { theme.background } else { theme.text }
}
