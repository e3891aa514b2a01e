//! Rows as strokes.

use std::ops::Range;

use super::super::drawing::{Drawing, Style};
use super::super::text::{Faces, Weight};
use super::widths::header_size;
use super::{CellText, Overlay, PAD, ROW_SPACE, Row, Shown, Table};
use crate::chart::{Color, Shades, Theme};
use crate::format::Alignment;

/// Most cells of a table that is told cell by cell to readers who do not see; beyond it, that would outweigh the text itself.
const STRUCTURED: usize = 10_000;

/// Height of hairlines, in points.
const HAIRLINE: f64 = 0.5;

impl Table {
    /// The head and the rows of `range`, with the totals below the last of them when `totals`; the height, and the cells left to
    /// the typesetter.
    ///
    /// Each row is `spread` points higher than its text needs.
    pub(in super::super) fn paint(
        &self,
        range: Range<usize>,
        totals: bool,
        spread: f64,
        faces: &Faces,
        theme: &Theme,
    ) -> (Drawing, f64, Vec<Overlay>) {
        let mut drawing = Drawing::new(self.rows.len() * self.columns.len() <= STRUCTURED);
        let mut overlays = Vec::new();
        let end = range.end;
        let has_totals = totals && self.totals.is_some();
        drawing.start_table(self.columns.len(), 1 + range.len() + usize::from(has_totals));
        let mut y = self.paint_head(&mut drawing, &mut overlays, faces, theme);
        let mut told = 1;
        for index in range {
            let Some(row) = self.rows.get(index) else { break };
            let height = self.row_height(row) + spread;
            self.paint_row(&mut drawing, &mut overlays, (index, told, row), (y, height, spread / 2.0), faces, theme);
            y += height;
            told += 1;
            if index + 1 < end {
                drawing.rectangle(0.0, y - HAIRLINE / 2.0, self.width, HAIRLINE, theme.grid);
            }
        }
        if let Some(texts) = self.totals.as_ref().filter(|_| totals) {
            drawing.rectangle(0.0, y - 0.4, self.width, 0.8, theme.axis);
            let style = Style { size: self.size, weight: Weight::Bold, color: theme.text };
            for (index, (column, text)) in self.columns.iter().zip(texts).enumerate() {
                // A sum wider than its column would run into its neighbour.
                let text = total_text(text, faces, style, column.width - PAD);
                let baseline = y + 3.4 + self.size * 1.02;
                drawing.start_cell(index, told);
                if self.total_word == Some(index) {
                    drawing.text(faces, column.x + PAD, baseline, &text, style);
                } else {
                    put(&mut drawing, faces, column, &text, baseline, style);
                }
                drawing.end_cell();
            }
            y += self.totals_height();
        }
        drawing.end_table();
        (drawing, y, overlays)
    }

    fn paint_head(&self, drawing: &mut Drawing, overlays: &mut Vec<Overlay>, faces: &Faces, theme: &Theme) -> f64 {
        let height = self.head_height();
        let size = header_size(self.size);
        let style = Style { size, weight: Weight::Bold, color: theme.muted };
        for (index, column) in self.columns.iter().enumerate() {
            drawing.start_cell(index, 0);
            // Headers stand on the line below them.
            let top = height - 4.0 - column.header.len() as f64 * size * 1.3;
            if column.header.iter().all(|line| faces.is_simple(line)) {
                for (line, text) in column.header.iter().enumerate() {
                    put(drawing, faces, column, text, top + (line as f64 + 0.82) * size * 1.3, style);
                }
            } else {
                let lines = column.header.len() as f64 * size * 1.3;
                overlays.push(overlay(column, column.header.join(" "), (top - 1.0, lines + 2.0), style));
            }
            drawing.end_cell();
        }
        drawing.rectangle(0.0, height - 0.8, self.width, 0.8, theme.axis);
        height
    }

    fn paint_row(
        &self,
        drawing: &mut Drawing,
        overlays: &mut Vec<Overlay>,
        (index, told, row): (usize, usize, &Row),
        (y, height, lead): (f64, f64, f64),
        faces: &Faces,
        theme: &Theme,
    ) {
        for (place, (column, cell)) in self.columns.iter().zip(&row.cells).enumerate() {
            drawing.start_cell(place, told);
            let color = shade(drawing, column, index, (y, height, self.line() + ROW_SPACE + 2.0 * lead), theme);
            let style = Style { size: self.size, weight: Weight::Regular, color };
            let baseline = |line: usize| y + lead + 2.7 + self.size * 1.02 + line as f64 * self.line();
            match cell {
                CellText::Line(text) => put(drawing, faces, column, text, baseline(0), style),
                CellText::Lines(lines) => {
                    for (line, text) in lines.iter().enumerate() {
                        put(drawing, faces, column, text, baseline(line), style);
                    }
                }
                CellText::Complex(text) => overlays.push(overlay(column, text.clone(), (y + lead + 2.7, height - ROW_SPACE - lead), style)),
            }
            drawing.end_cell();
        }
    }
}

/// A total in its column: the word that says what it is of gives way to "Total", the note says the rest.
fn total_text(text: &str, faces: &Faces, style: Style, room: f64) -> String {
    let fits = |text: &str| faces.width(text, style.size, style.weight) <= room;
    match text.strip_prefix("Total ") {
        Some(_) if !fits(text) => "Total".to_owned(),
        _ => faces.ellipsize(text, style.size, style.weight, room),
    }
}

fn overlay(column: &Shown, text: String, (y, height): (f64, f64), style: Style) -> Overlay {
    Overlay {
        x: column.x + PAD,
        y,
        width: column.width - 2.0 * PAD,
        height,
        size: style.size,
        text,
        alignment: column.alignment,
        weight: style.weight,
        color: style.color,
    }
}

/// Paints what stands behind a cell; the colour of the text in front. What it is comes before how large it is.
fn shade(drawing: &mut Drawing, column: &Shown, index: usize, (y, height, line): (f64, f64, f64), theme: &Theme) -> Color {
    if let Some(tone) = column.tones.get(index).copied().flatten() {
        let (ground, text) = theme.toned(tone);
        drawing.rectangle(column.x, y, column.width, height, ground);
        return text;
    }
    match &column.shades {
        Some(Shades::Bars(bars)) => {
            if let Some((from, to, color)) = bars.get(index).copied().flatten() {
                let room = column.width - PAD;
                drawing.rectangle(
                    column.x + PAD / 2.0 + from * room,
                    y + 2.0,
                    ((to - from) * room).max(0.5),
                    height.min(line) - 4.0,
                    color,
                );
            }
            theme.text
        }
        Some(Shades::Heat(heat)) => match heat.get(index).copied().flatten() {
            Some((background, text)) => {
                drawing.rectangle(column.x, y, column.width, height, background);
                text
            }
            None => theme.text,
        },
        None => theme.text,
    }
}

fn put(drawing: &mut Drawing, faces: &Faces, column: &Shown, text: &str, baseline: f64, style: Style) {
    if text.is_empty() {
        return;
    }
    let free = column.width - 2.0 * PAD - faces.width(text, style.size, style.weight);
    let x = match column.alignment {
        Alignment::Left => column.x + PAD,
        Alignment::Center => column.x + PAD + free / 2.0,
        Alignment::Right => column.x + PAD + free,
    };
    drawing.text(faces, x, baseline, text, style);
}
