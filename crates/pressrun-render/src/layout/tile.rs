//! One tile: what it needs, and what the template is told about it once its place is known.

use std::ops::Range;

use pressrun_domain::chart::Mark;
use pressrun_domain::text::grouped;
use typst::foundations::{Bytes, Dict, Value};

use super::dict::{color, dict, list, points, text, texts};
use super::flow::{Block, GAP, Piece, ROW, Split};
use super::table::{Overlay, Table};
use super::text::{Faces, Weight, has_shape};
use super::{Context, markdown};
use crate::chart::{ChartInput, Size, draw};
use crate::error::RenderError;
use crate::format::Alignment;
use crate::report::{TileContent, TileData, TileView};
use crate::rows::{Batches, Taken};

/// Inside a card: left and right, above the title, below everything.
const PAD: f64 = 11.0;
const PAD_TOP: f64 = 9.0;
const PAD_BOTTOM: f64 = 10.0;

const TITLE: f64 = 9.5;
const TITLE_LINE: f64 = 12.6;
const SUBTITLE: f64 = 7.5;
const SUBTITLE_LINE: f64 = 10.2;
const BELOW_TITLE: f64 = 6.0;
const NOTE: f64 = 6.8;
const NOTE_LINE: f64 = 9.2;
const ABOVE_NOTES: f64 = 5.0;
/// The line that says what goes on, above the continued part of a table.
const CONTINUED: f64 = 14.0;

/// The most rows of a table on a sheet.
const SHEET_ROWS: u64 = 100;

/// How far tables reach into the padding of a card, so that their text stands under the title.
const REACH: f64 = 5.0;

/// What a tile shows, read and measured.
pub(super) enum Body {
    Chart(Box<Taken>),
    Table {
        table: Box<Table>,
        expanded: bool,
    },
    NoResults,
    /// The blocks of a text tile.
    Prose(Vec<Value>),
    Failed(String),
}

/// A tile with its column of the sheet.
pub(super) struct Prepared<'a> {
    pub(super) tile: &'a TileView,
    pub(super) x: f64,
    pub(super) width: f64,
    /// Whether it is a card; a tile that is delivered alone is none (V11), nor is a text without a title.
    pub(super) framed: bool,
    pub(super) body: Body,
    title: Vec<String>,
    subtitle: Vec<String>,
    /// Points that the body stands lower than its own title asks for.
    lowered: f64,
}

/// Figures of a row stand level, whether their subtitles take one line or two.
pub(super) fn level_figures(tiles: &mut [Prepared<'_>]) {
    let is_figure = |tile: &Prepared<'_>| tile.tile.data().is_some_and(|data| data.chart.mark == Mark::Kpi);
    let tops: Vec<(u16, f64)> = tiles.iter().filter(|tile| is_figure(tile)).map(|tile| (tile.tile.at.y, tile.body_top())).collect();
    for tile in tiles.iter_mut().filter(|tile| is_figure(tile)) {
        let lowest = tops.iter().filter(|(y, _)| *y == tile.tile.at.y).map(|(_, top)| *top).fold(0.0, f64::max);
        tile.lowered = (lowest - tile.body_top()).max(0.0);
    }
}

impl<'a> Prepared<'a> {
    pub(super) fn new(tile: &'a TileView, (x, width): (f64, f64), context: &mut Context<'_>) -> Result<Self, RenderError> {
        let untitled_text = matches!(tile.content, TileContent::Markdown(_)) && tile.title.trim().is_empty();
        let framed = !context.job.single_tile && !untitled_text;
        let mut this = Self { tile, x, width, framed, body: Body::NoResults, title: Vec::new(), subtitle: Vec::new(), lowered: 0.0 };
        let room = this.inner_width();
        let faces = &context.faces;
        if framed {
            this.title = lines(faces, &tile.title, TITLE, Weight::Bold, room, 2);
        }
        if !untitled_text {
            this.subtitle =
                tile.subtitle.as_deref().map(|subtitle| lines(faces, subtitle, SUBTITLE, Weight::Regular, room, 2)).unwrap_or_default();
        }
        this.body = match &tile.content {
            TileContent::Markdown(source) => Body::Prose(markdown::blocks(source, &context.job.report)),
            TileContent::Failed { message } => Body::Failed(message.clone()),
            TileContent::Data(data) if data.chart.mark == Mark::Table => {
                let height = f64::from(tile.at.h) * ROW - GAP - this.body_top() - this.below();
                table(tile, data, (room + 2.0 * this.reach(), height), context)?
            }
            TileContent::Data(data) => Body::Chart(Box::new(Batches::open(tile, &data.rows)?.take_rows(context.job.limits.chart_rows)?)),
        };
        Ok(this)
    }

    /// Points across that the body has.
    pub(super) fn inner_width(&self) -> f64 {
        // A tile one column wide still has a body, if one that nobody can read.
        if self.framed { (self.width - 2.0 * PAD).max(1.0) } else { self.width.max(1.0) }
    }

    /// The blocks of a text tile.
    pub(super) fn prose(&self) -> Option<&[Value]> {
        if let Body::Prose(blocks) = &self.body { Some(blocks) } else { None }
    }

    /// Points above the first line of a text tile: without a card it stands level with the titles beside it.
    pub(super) fn lead(&self) -> f64 {
        if self.framed { 0.0 } else { PAD_TOP - 2.0 }
    }

    /// Points of the tile that its body does not have.
    pub(super) fn around(&self) -> f64 {
        self.body_top() + self.below()
    }

    fn reach(&self) -> f64 {
        if self.framed { REACH } else { 0.0 }
    }

    /// Points above the rows of the continued part of a table.
    fn continued(&self) -> f64 {
        if self.framed { PAD_TOP + CONTINUED } else { 0.0 }
    }

    /// Points from the top of the tile to its body.
    fn body_top(&self) -> f64 {
        let titles = self.title.len() as f64 * TITLE_LINE + self.subtitle.len() as f64 * SUBTITLE_LINE;
        let below = if titles > 0.0 { BELOW_TITLE } else { 0.0 };
        titles + below + self.lowered + if self.framed { PAD_TOP } else { 0.0 }
    }

    fn below(&self) -> f64 {
        if self.framed { PAD_BOTTOM } else { 0.0 }
    }

    /// What the placing has to know; `needs` is the measured height of a text tile, `parts` those of its blocks when it is taller
    /// than a sheet.
    pub(super) fn block(&self, needs: f64, parts: Option<Vec<f64>>, context: &Context<'_>) -> Block {
        let at = self.tile.at;
        let split = match &self.body {
            Body::Table { table, expanded: true } => {
                let notes = self.note_lines(&self.table_notes(table, table.len()), context).len();
                Some(Split {
                    first: self.body_top() + table.head_height(),
                    again: self.continued() + table.head_height(),
                    last: table.totals_height() + notes_height(notes) + self.below(),
                    rows: table.row_heights(),
                })
            }
            _ => parts.map(|rows| Split { first: self.body_top() + self.lead(), again: self.continued(), last: self.below(), rows }),
        };
        let needs = if matches!(self.body, Body::Prose(_)) { needs + self.around() } else { needs };
        Block { y: at.y.into(), h: at.h.max(1).into(), needs, split }
    }

    /// What the template draws of this tile on `piece`; `body` is the point where the sheet's body starts.
    pub(super) fn place(&self, piece: &Piece, body: (f64, f64), context: &mut Context<'_>) -> Dict {
        let continued = piece.rows.as_ref().is_some_and(|rows| rows.start > 0);
        let mut item = dict([
            ("kind", text("tile")),
            ("x", points(body.0 + self.x)),
            ("y", points(body.1 + piece.top)),
            ("w", points(self.width)),
            ("h", points(piece.height)),
            ("framed", Value::Bool(self.framed)),
            ("inset", points(if self.framed { PAD } else { 0.0 })),
            ("top", points(if self.framed { PAD_TOP } else { 0.0 })),
            ("title", if continued { list([]) } else { texts(self.title.iter().cloned()) }),
            ("subtitle", if continued { list([]) } else { texts(self.subtitle.iter().cloned()) }),
            ("continued", if continued && self.framed { text(format!("{} – continued", self.tile.title)) } else { Value::None }),
        ]);
        let (parts, notes) = self.parts(piece, continued, context);
        for (key, value) in parts {
            item.insert(key, value);
        }
        let lines = self.note_lines(&notes, context);
        let below_table = item.get("table_end").ok().cloned();
        let notes_y = points(piece.height - self.below() - lines.len() as f64 * NOTE_LINE);
        item.insert("notes_y".into(), below_table.unwrap_or(notes_y));
        item.insert("notes".into(), texts(lines));
        item
    }

    fn parts(&self, piece: &Piece, continued: bool, context: &mut Context<'_>) -> (Dict, Vec<String>) {
        let top = if continued { self.continued() } else { self.body_top() };
        let height = (piece.height - top - self.below()).max(1.0);
        match (&self.body, &self.tile.content) {
            (Body::Table { table, expanded }, _) => self.table_parts(table, *expanded, piece.rows.clone(), (top, height), context),
            (Body::Chart(taken), TileContent::Data(data)) => self.chart_parts(taken, data, (top, height), context),
            (Body::Prose(blocks), _) => {
                let rows = piece.rows.clone().unwrap_or(0..blocks.len());
                let shown = blocks.get(rows).unwrap_or_default();
                let mut parts = body("prose", top, self.inner_width(), height, list(shown.iter().cloned()));
                parts.insert("lead".into(), points(if continued { 0.0 } else { self.lead() }));
                (parts, Vec::new())
            }
            (Body::Failed(message), _) => {
                let room = self.inner_width() - 2.0 * PAD;
                let most = ((height - 34.0) / 10.5).floor().max(1.0) as usize;
                let message = context.faces.wrap(message, 8.0, Weight::Regular, room, most);
                (body("failed", top, self.inner_width(), height, texts(message)), Vec::new())
            }
            (Body::NoResults | Body::Chart(_), _) => {
                let notes = self.tile.data().map(cut_note).unwrap_or_default();
                (body("empty", top, self.inner_width(), height, Value::None), notes)
            }
        }
    }

    fn chart_parts(&self, taken: &Taken, data: &TileData, (top, height): (f64, f64), context: &mut Context<'_>) -> (Dict, Vec<String>) {
        let input = ChartInput { chart: &data.chart, batches: &taken.batches, fields: &data.fields, zone: &context.job.report.zone };
        let width = self.inner_width();
        // Alone on a sheet, letters and lines grow with the drawing.
        let zoom = if context.job.single_tile { (width / 430.0).clamp(1.0, 1.5) } else { 1.0 };
        let drawn = |height: f64| draw(&input, Size { width: width / zoom, height: height / zoom }, &context.theme);
        let mut notes = cut_note(data);
        if taken.total > taken.kept() {
            notes.push(format!("Drawn from the first {} of {} rows", grouped(taken.kept()), grouped(taken.total)));
        }
        let room = |notes: &[String]| height - notes_height(self.note_lines(notes, context).len());
        let result = drawn(room(&notes)).and_then(|first| {
            if first.notes.is_empty() {
                return Ok((first, room(&notes)));
            }
            let mut all = notes.clone();
            all.extend(first.notes.iter().cloned());
            let height = room(&all);
            drawn(height).map(|again| (again, height))
        });
        match result {
            Ok((drawn, height)) => {
                notes.extend(drawn.notes);
                let mut parts = body("chart", top, width, height, Value::Bytes(Bytes::from_string(drawn.svg.clone())));
                parts.insert("alt".into(), text(format!("{}. {}", self.tile.title, drawn.alt)));
                context.drawings.push(drawn.svg);
                (parts, notes)
            }
            Err(error) => {
                let message = error.to_string();
                context.warnings.push(format!("\"{}\" could not be drawn: {message}", self.tile.title));
                let lines = context.faces.wrap(&message, 8.0, Weight::Regular, width - 2.0 * PAD, 6);
                (body("failed", top, width, height, texts(lines)), Vec::new())
            }
        }
    }

    fn table_parts(
        &self,
        table: &Table,
        expanded: bool,
        rows: Option<Range<usize>>,
        (top, height): (f64, f64),
        context: &Context<'_>,
    ) -> (Dict, Vec<String>) {
        let (rows, notes) = if expanded {
            let rows = rows.unwrap_or(0..table.len());
            let notes = if rows.end == table.len() { self.table_notes(table, table.len()) } else { Vec::new() };
            (rows, notes)
        } else {
            // The note itself takes room, so the rows are counted again with it.
            let notes_for = |shown: usize| self.table_notes(table, shown);
            let all = table.fit(height - notes_height(self.note_lines(&notes_for(table.len()), context).len()));
            let shown = if (all as u64) < table.total {
                table.fit(height - notes_height(self.note_lines(&notes_for(all), context).len()))
            } else {
                all
            };
            (0..shown, notes_for(shown))
        };
        let ends = rows.end == table.len() || !expanded;
        let spread = if expanded || rows.len() as u64 >= table.total {
            0.0
        } else {
            // What is left of a full tile goes to its rows.
            table.spread(rows.clone(), height - notes_height(self.note_lines(&notes, context).len()))
        };
        let (drawing, drawn, overlays) = table.paint(rows, ends, spread, &context.faces, &context.theme);
        let width = self.inner_width() + 2.0 * self.reach();
        let mut parts = body("table", top, width, drawn, Value::Content(drawing.content(width, drawn)));
        parts.insert("table_end".into(), points(top + drawn + ABOVE_NOTES));
        parts.insert("reach".into(), points(self.reach()));
        parts.insert("overlays".into(), list(overlays.into_iter().map(overlay)));
        (parts, notes)
    }

    fn table_notes(&self, table: &Table, shown: usize) -> Vec<String> {
        let cut = self.tile.data().map(cut_note).unwrap_or_default();
        table.shown_note(shown).into_iter().chain(table.notes.iter().cloned()).chain(cut).collect()
    }

    fn note_lines(&self, notes: &[String], context: &Context<'_>) -> Vec<String> {
        notes.iter().flat_map(|note| context.faces.wrap(note, NOTE, Weight::Regular, self.inner_width(), 3)).collect()
    }
}

fn table(tile: &TileView, data: &TileData, (width, height): (f64, f64), context: &mut Context<'_>) -> Result<Body, RenderError> {
    let expanded = context.job.options.expand_tables_to_show_all_rows;
    let limits = context.job.limits;
    // Rows that the tile does not show would only widen its columns, so no more are read than fit.
    let holds = if context.job.single_tile { SHEET_ROWS } else { Table::most_rows(height, Table::SIZE) };
    let limit = limits.table_rows.min(if expanded { limits.expanded_rows } else { holds });
    let read = |limit: u64| Table::read(&context.job.report, tile, data, (width, limit), &context.faces, &context.theme);
    let Some(mut table) = read(limit)? else {
        return Ok(Body::NoResults);
    };
    if !expanded && !context.job.single_tile {
        // Narrow tiles have smaller letters, so that more rows fit.
        let more = Table::most_rows(height, table.size());
        if more > holds
            && let Some(longer) = read(more)?
        {
            table = longer;
        }
    }
    if expanded && let Some(note) = table.shown_note(table.len()) {
        context.warnings.push(format!("\"{}\": {}", tile.title, note.to_lowercase()));
    }
    Ok(Body::Table { table: Box::new(table), expanded })
}

fn body(kind: &str, y: f64, width: f64, height: f64, value: Value) -> Dict {
    dict([("body", text(kind)), ("body_y", points(y)), ("body_w", points(width)), ("body_h", points(height)), ("value", value)])
}

fn overlay(cell: Overlay) -> Value {
    let alignment = match cell.alignment {
        Alignment::Left => "left",
        Alignment::Center => "center",
        Alignment::Right => "right",
    };
    Value::Dict(dict([
        ("x", points(cell.x)),
        ("y", points(cell.y)),
        ("w", points(cell.width)),
        ("h", points(cell.height)),
        ("size", points(cell.size)),
        ("text", text(cell.text)),
        ("bold", Value::Bool(cell.weight == Weight::Bold)),
        ("color", color(cell.color)),
        ("align", text(alignment)),
    ]))
}

/// R11: the query stopped at its limit.
fn cut_note(data: &TileData) -> Vec<String> {
    data.truncated.iter().map(|cut| format!("The query stopped at its limit of {} rows", grouped(cut.limit))).collect()
}

fn notes_height(lines: usize) -> f64 {
    if lines == 0 { 0.0 } else { ABOVE_NOTES + lines as f64 * NOTE_LINE }
}

fn lines(faces: &Faces, words: &str, size: f64, weight: Weight, room: f64, most: usize) -> Vec<String> {
    let words: String = words.trim().chars().filter(|c| has_shape(*c)).collect();
    if words.is_empty() { Vec::new() } else { faces.wrap(&words, size, weight, room, most) }
}
