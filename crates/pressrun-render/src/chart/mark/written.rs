//! Values written at what shows them, where the author wants all that have room.

use super::super::color::Color;
use super::super::data::{Table, count};
use super::super::measure;
use super::super::plot::Canvas;
use super::super::svg::Anchor;
use crate::format::{FieldFormat, typographic};

/// Most values that are written: more are a table.
const MOST: usize = 400;

/// Values as short as they can be told apart: labels that say the same of values that differ are too short (B3).
pub(super) fn texts(values: &[f64], format: &FieldFormat) -> Vec<String> {
    let short: Vec<String> = values.iter().map(|value| format.short(*value)).collect();
    let same = |a: usize, b: usize| short.get(a) == short.get(b) && values.get(a) != values.get(b);
    let alike = values.len() <= 60 && (0..values.len()).any(|a| (a + 1..values.len()).any(|b| same(a, b)));
    let text = |(value, short): (&f64, String)| typographic(if alike { format.display_f64(*value) } else { short });
    values.iter().zip(short).map(text).collect()
}

/// A value that wants to be written: its text and where it may stand, the first free spot best.
pub(super) struct Written {
    pub(super) text: String,
    pub(super) anchor: Anchor,
    pub(super) spots: Vec<(f64, f64)>,
    pub(super) color: Color,
    /// The width that it has there.
    pub(super) room: f64,
}

/// Writes what has room, and says how many have none.
pub(super) fn write(all: Vec<Written>, table: &mut Table, canvas: &mut Canvas<'_>) {
    let (total, mut missing) = (all.len(), 0usize);
    for (nth, value) in all.into_iter().enumerate() {
        let style = canvas.label(value.anchor, value.color);
        let fits = nth < MOST && measure::width(&value.text, style.size, style.weight) <= value.room;
        let inside = |y: f64| y - style.size * 0.8 >= 0.0 && y <= canvas.height;
        match value.spots.iter().find(|(x, y)| fits && inside(*y) && canvas.svg.is_free(*x, *y, &value.text, style)) {
            Some((x, y)) => canvas.svg.text(*x, *y, &value.text, style),
            None => missing += 1,
        }
    }
    if missing > 0 {
        table.notes.push(format!("{missing} of {} not written: they have no room", count(total, "value")));
    }
}
