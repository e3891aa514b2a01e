//! Tables on pages: read, fitted to a width, cut into rows, drawn.

mod paint;
mod widths;

use arrow_array::RecordBatch;

use pressrun_domain::text::grouped;
use pressrun_domain::tone::Tone;

use self::widths::{Fitted, Natural};
use super::text::{Faces, Weight, has_shape};
use crate::chart::{ChartInput, Color, Colors, Ranges, Shades, Theme, table_shades};
use crate::columns::Columns;
use crate::error::RenderError;
use crate::format::{Alignment, FieldFormat, Kind, Value, typographic};
use crate::report::{Report, TileData, TileView, Truncated};
use crate::rows::{Batches, Taken};
use crate::tones::{self, Judge};
use crate::totals::{self, Totals};

/// Most lines of one cell.
const MOST_LINES: usize = 6;

/// Most lines of a column's header.
const HEADER_LINES: usize = 2;

/// Most characters of one cell that are looked at.
const MOST_CHARACTERS: usize = 600;

/// Space left and right of a cell's text, in points.
const PAD: f64 = 5.0;

/// Height of a line, in sizes of its text, and what a row has besides its lines, in points.
const LINE: f64 = 1.32;
const ROW_SPACE: f64 = 5.4;

/// Rows of a tile, laid out for one width.
pub(super) struct Table {
    width: f64,
    /// Size of the text, in points; smaller where many columns must stand.
    size: f64,
    columns: Vec<Shown>,
    header_lines: usize,
    rows: Vec<Row>,
    totals: Option<Vec<String>>,
    /// Where the row of totals says that it is one.
    total_word: Option<usize>,
    /// The query stopped before its end (R11).
    cut: Option<Truncated>,
    /// Rows of the result, shown or not.
    pub(super) total: u64,
    /// What a reader must know besides rows left out.
    pub(super) notes: Vec<String>,
}

struct Shown {
    /// Left edge and width, padding included.
    x: f64,
    width: f64,
    alignment: Alignment,
    header: Vec<String>,
    shades: Option<Shades>,
    /// What its cells are, one a row; empty where nobody says.
    tones: Vec<Option<Tone>>,
}

struct Row {
    cells: Vec<CellText>,
    lines: usize,
}

enum CellText {
    /// One line that fits.
    Line(String),
    /// Several lines.
    Lines(Vec<String>),
    /// Text that only the typesetter sets right.
    Complex(String),
}

/// A cell that the typesetter sets over the drawing.
pub(super) struct Overlay {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) size: f64,
    pub(super) text: String,
    pub(super) alignment: Alignment,
    pub(super) weight: Weight,
    pub(super) color: Color,
}

impl Table {
    /// The first `limit` rows for `width` points; `None` when the result has none (V13).
    pub(super) fn read(
        report: &Report,
        tile: &TileView,
        data: &TileData,
        (width, limit): (f64, u64),
        faces: &Faces,
        theme: &Theme,
    ) -> Result<Option<Self>, RenderError> {
        let batches = Batches::open(tile, &data.rows)?;
        let schema = batches.schema();
        let columns = Columns::of(&schema, data, &report.zone, true);
        let mut totals = Totals::new(columns.iter().map(|column| (column.index, &column.format)));
        let mut ranges = Ranges::of(&data.chart);
        let Taken { batches: kept, total, .. } = batches.take_rows_and(limit, |batch| {
            ranges.add(batch);
            if data.chart.totals {
                totals.add(batch);
            }
        })?;
        if total == 0 || columns.len() == 0 {
            return Ok(None);
        }
        let tones = tones(&columns, data, &kept);
        let texts = texts(&columns, &kept, &tones);
        let (total_texts, total_word) = totals.texts(columns.iter().map(|column| (column.index, &column.format)), data.truncated);
        let totals = data.chart.totals.then_some(total_texts);
        let labels = columns.labels();
        let naturals: Vec<Natural> = columns
            .iter()
            .enumerate()
            .map(|(index, column)| {
                let total = totals.as_ref().and_then(|totals| totals.get(index));
                Natural::of(faces, &labels[index], &texts[index], total, column.format.page_alignment())
            })
            .collect();
        let Fitted { size, widths, kept: shown_columns } = widths::fit(&naturals, width);
        let mut notes: Vec<String> = tones::missing(&data.fields, &schema).into_iter().collect();
        let hidden = columns.len() - widths.len();
        if hidden > 0 {
            let noun = if hidden == 1 { "column does" } else { "columns do" };
            let names: Vec<&str> =
                (0..columns.len()).filter(|at| !shown_columns.contains(at)).filter_map(|at| labels.get(at)).map(String::as_str).collect();
            let more = if names.len() > 5 { format!("{} …", names[..5].join(", ")) } else { names.join(", ") };
            notes.push(format!("{hidden} more {noun} not fit on this page: {more}"));
        }
        let mut shades = shades(report, data, &kept, &ranges, theme, &mut notes);
        let mut x = 0.0;
        let has_place = |at: usize| shown_columns.contains(&at);
        let texts: Vec<Vec<String>> = texts.into_iter().enumerate().filter(|(at, _)| has_place(*at)).map(|(_, texts)| texts).collect();
        let totals: Option<Vec<String>> =
            totals.map(|totals| totals.into_iter().enumerate().filter(|(at, _)| has_place(*at)).map(|(_, text)| text).collect());
        let total_word = total_word.and_then(|word| shown_columns.iter().position(|at| *at == word));
        let shown: Vec<Shown> = columns
            .iter()
            .zip(&labels)
            .enumerate()
            .filter(|(at, _)| has_place(*at))
            .zip(&widths)
            .map(|((at, (column, label)), width)| {
                let header = faces.wrap(label, widths::header_size(size), Weight::Bold, width - 2.0 * PAD, HEADER_LINES);
                let shown = Shown {
                    x,
                    width: *width,
                    alignment: column.format.page_alignment(),
                    header,
                    tones: tones.get(at).cloned().unwrap_or_default(),
                    shades: shades.as_mut().and_then(|shades| shades.swap_remove(&column.name)),
                };
                x += width;
                shown
            })
            .collect();
        let header_lines = shown.iter().map(|column| column.header.len()).max().unwrap_or(1);
        let (rows, cut_cells) = rows(texts, &shown, size, faces);
        if cut_cells > 0 {
            let cells = if cut_cells == 1 { "1 cell is".to_owned() } else { format!("{} cells are", grouped(cut_cells as u64)) };
            notes.push(format!("{cells} longer than shown"));
        }
        Ok(Some(Self { width, size, columns: shown, header_lines, rows, totals, total_word, cut: data.truncated, total, notes }))
    }

    /// Rows that were read.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The wanted size of text, in points.
    pub(super) const SIZE: f64 = widths::SIZES[0];

    pub(super) fn size(&self) -> f64 {
        self.size
    }

    /// The most rows of one line that stand in `height` points under a head of one line.
    pub(super) fn most_rows(height: f64, size: f64) -> u64 {
        let head = widths::header_size(size) * 1.3 + 7.0;
        ((height - head) / (size * LINE + ROW_SPACE)).max(1.0) as u64
    }

    /// Height of a row's line.
    fn line(&self) -> f64 {
        self.size * LINE
    }

    pub(super) fn head_height(&self) -> f64 {
        self.header_lines as f64 * widths::header_size(self.size) * 1.3 + 7.0
    }

    pub(super) fn totals_height(&self) -> f64 {
        if self.totals.is_some() { self.line() + 7.0 } else { 0.0 }
    }

    fn row_height(&self, row: &Row) -> f64 {
        row.lines as f64 * self.line() + ROW_SPACE
    }

    pub(super) fn row_heights(&self) -> Vec<f64> {
        self.rows.iter().map(|row| self.row_height(row)).collect()
    }

    /// How many rows stand in `height` points with head and totals, at least one.
    pub(super) fn fit(&self, height: f64) -> usize {
        let mut room = height - self.head_height() - self.totals_height();
        let fitting = self.rows.iter().take_while(|row| {
            room -= self.row_height(row);
            room >= -0.01
        });
        fitting.count().max(1).min(self.rows.len())
    }

    /// Points that each row of `range` may be higher, so that a full tile is filled; never so much that it looks loose.
    pub(super) fn spread(&self, range: std::ops::Range<usize>, height: f64) -> f64 {
        let rows: f64 = self.rows.get(range.clone()).unwrap_or_default().iter().map(|row| self.row_height(row)).sum();
        let left = height - self.head_height() - self.totals_height() - rows;
        (left / range.len().max(1) as f64).clamp(0.0, 3.0)
    }

    /// The notes about rows that are not shown or were not read, and of what the totals are (V6, R11).
    pub(super) fn row_notes(&self, shown: usize) -> Vec<String> {
        totals::notes(shown as u64, self.total, self.cut, self.totals.is_some().then_some(self.total_word.is_some()))
    }
}

/// What the cells are, one list a column; an empty one where nobody says.
fn tones(columns: &Columns, data: &TileData, batches: &[RecordBatch]) -> Vec<Vec<Option<Tone>>> {
    let Some(schema) = batches.first().map(RecordBatch::schema) else { return Vec::new() };
    let of = |column: &crate::columns::Column| {
        let Some(judge) = Judge::of(&data.fields, &schema, &column.name, column.index) else { return Vec::new() };
        batches.iter().flat_map(|batch| (0..batch.num_rows()).map(|row| judge.tone(batch, row)).collect::<Vec<_>>()).collect()
    };
    columns.iter().map(of).collect()
}

/// Display texts behind their marks, one list a column.
fn texts(columns: &Columns, batches: &[RecordBatch], tones: &[Vec<Option<Tone>>]) -> Vec<Vec<String>> {
    columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let tones = tones.get(at).map_or(&[][..], Vec::as_slice);
            let cells = || {
                batches.iter().flat_map(|batch| {
                    let array = batch.column(column.index).as_ref();
                    (0..batch.num_rows()).map(move |row| Value::at(array, row))
                })
            };
            let decimals = common_decimals(&column.format, cells());
            cells()
                .map(|value| match decimals {
                    Some(decimals) if !value.is_null() => tidy(column.format.display_decimals(&value, decimals)),
                    _ => tidy(column.format.display(&value)),
                })
                .map(|text| if column.format.kind == Kind::Number { typographic(text) } else { text })
                .enumerate()
                .map(|(row, text)| tones::marked(tones.get(row).copied().flatten(), text))
                .collect()
        })
        .collect()
}

/// Most decimals that a column is given for the sake of one cell.
const MOST_DECIMALS: usize = 6;

/// The decimals that all cells of a column without a format of its own are shown with, so that their points stand in line (C1);
/// `None` where some would need more than is readable, and each has its own.
fn common_decimals<'a>(format: &FieldFormat, mut cells: impl Iterator<Item = Value<'a>>) -> Option<usize> {
    if format.kind != Kind::Number || format.is_explicit() {
        return None;
    }
    let most = cells.try_fold(0, |most, value| match format.default_decimals(&value) {
        Some(decimals) if decimals > MOST_DECIMALS => None,
        decimals => Some(decimals.map_or(most, |decimals| most.max(decimals))),
    })?;
    (most > 0).then_some(most)
}

/// One line of text of bounded length, without characters that have no shape.
fn tidy(text: String) -> String {
    if text.len() <= MOST_CHARACTERS && text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return text;
    }
    let spaced = text.chars().take(MOST_CHARACTERS).map(|c| if c == '\n' || c == '\t' { ' ' } else { c });
    let mut out: String = spaced.filter(|c| has_shape(*c)).collect();
    if text.chars().nth(MOST_CHARACTERS).is_some() {
        out.push('…');
    }
    out
}

fn shades(
    report: &Report,
    data: &TileData,
    batches: &[RecordBatch],
    ranges: &Ranges,
    theme: &Theme,
    notes: &mut Vec<String>,
) -> Option<indexmap::IndexMap<String, Shades>> {
    let input = ChartInput { chart: &data.chart, batches, fields: &data.fields, zone: &report.zone, colors: &Colors::default() };
    match table_shades(&input, ranges, theme) {
        Ok(shades) => Some(shades),
        Err(error) => {
            notes.push(format!("Bars and heat are not drawn: {error}"));
            None
        }
    }
}

/// The rows, and how many of their cells are cut (C4).
fn rows(texts: Vec<Vec<String>>, columns: &[Shown], size: f64, faces: &Faces) -> (Vec<Row>, usize) {
    let mut cut = 0;
    let count = texts.first().map_or(0, Vec::len);
    let mut rows: Vec<Row> = (0..count).map(|_| Row { cells: Vec::with_capacity(columns.len()), lines: 1 }).collect();
    for (column, texts) in columns.iter().zip(texts) {
        let room = column.width - 2.0 * PAD + 0.01;
        for (row, text) in rows.iter_mut().zip(texts) {
            let mut shortened = text.ends_with('…') && text.chars().count() > MOST_CHARACTERS;
            let width = faces.width(&text, size, Weight::Regular);
            let cell = if !faces.is_simple(&text) {
                // Shaping may take a little more or less than the sum of the letters.
                let lines = (width * 1.1 / room.max(1.0)).ceil().clamp(1.0, MOST_LINES as f64);
                row.lines = row.lines.max(lines as usize);
                CellText::Complex(text)
            } else if width <= room {
                CellText::Line(text)
            } else {
                let lines = faces.wrap(&text, size, Weight::Regular, room, MOST_LINES);
                row.lines = row.lines.max(lines.len());
                shortened |= lines.last().is_some_and(|last| last.ends_with('…'));
                CellText::Lines(lines)
            };
            cut += usize::from(shortened);
            row.cells.push(cell);
        }
    }
    (rows, cut)
}
