//! One tile: what it needs, and what the template is told about it once its place is known.

use std::ops::Range;

use pressrun_domain::chart::Mark;
use pressrun_domain::text::grouped;
use typst::foundations::{Bytes, Dict, Value};

use super::dict::{color, dict, list, points, text, texts};
use super::flow::{Block, GAP, Piece, ROW, Split};
use super::table::{Overlay, Table};
use super::text::{Faces, Weight, has_shape};
use super::{Context, PIXELS, markdown};
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

/// The least height of a figure and of any other drawing: a tile with less of it grows, as one of text does.
const LEAST_FIGURE: f64 = 22.0;
const LEAST_CHART: f64 = 56.0;

/// The least width of a drawing.
const NARROWEST: f64 = 24.0;

/// The most rows of a table on a sheet.
const SHEET_ROWS: u64 = 100;

/// What recipients are told of a chart that does not fit its rows.
const NOT_DRAWN: &str = "Its rows are not what the chart needs. The owner finds the reason with the run.";

/// Drawings of one chart until its notes have room.
const MOST_TRIES: usize = 3;

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
        this.make_room(faces);
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

    /// The line above a continued part, cut to the width: it has one line (A10).
    fn continued_title(&self, context: &Context<'_>) -> String {
        const SAYS: &str = " – continued";
        let title: String = self.tile.title.trim().chars().filter(|c| has_shape(*c)).map(|c| if c == '\n' { ' ' } else { c }).collect();
        let room = self.inner_width() - context.faces.width(SAYS, SUBTITLE, Weight::Regular) - 1.0;
        format!("{}{SAYS}", context.faces.ellipsize(&title, SUBTITLE, Weight::Regular, room))
    }

    /// Makes room for a drawing that would have none: the subtitle goes first, then the second line of the title (A2).
    fn make_room(&mut self, faces: &Faces) {
        let Some(least) = self.least_drawing() else { return };
        let height = f64::from(self.tile.at.h.max(1)) * ROW - GAP;
        if height - self.around() < least {
            self.subtitle.clear();
        }
        if height - self.around() < least && self.title.len() > 1 {
            self.title = lines(faces, &self.tile.title, TITLE, Weight::Bold, self.inner_width(), 1);
        }
    }

    /// The least height in which a chart says anything; `None` of other tiles.
    fn least_drawing(&self) -> Option<f64> {
        let chart = &self.tile.data()?.chart;
        match chart.mark {
            Mark::Table => None,
            Mark::Kpi => Some(LEAST_FIGURE),
            _ => Some(LEAST_CHART),
        }
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
                let notes = self.note_lines(&table_notes(table, table.len()), context).len();
                Some(Split {
                    first: self.body_top() + table.head_height(),
                    again: self.continued() + table.head_height(),
                    last: table.totals_height() + notes_height(notes) + self.below(),
                    rows: table.row_heights(),
                })
            }
            _ => parts.map(|rows| Split { first: self.body_top() + self.lead(), again: self.continued(), last: self.below(), rows }),
        };
        let needs = match (&self.body, self.least_drawing()) {
            (Body::Prose(_), _) => needs + self.around(),
            (Body::Chart(_), Some(least)) => needs.max(least + self.around()),
            _ => needs,
        };
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
            ("continued", if continued && self.framed { text(self.continued_title(context)) } else { Value::None }),
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
        let input = ChartInput {
            chart: &data.chart,
            batches: &taken.batches,
            fields: &data.fields,
            zone: &context.job.report.zone,
            colors: &context.colors,
        };
        let width = whole_pixels(self.inner_width());
        // Alone on a sheet, letters and lines grow with the drawing.
        let zoom = if context.job.single_tile { (width / 430.0).clamp(1.0, 1.5) } else { 1.0 };
        let drawn = |height: f64| draw(&input, Size { width: width / zoom, height: height / zoom }, &context.theme);
        if width < NARROWEST {
            context.warnings.push(format!("\"{}\" is too narrow to be drawn; give it more columns of the grid", self.tile.title));
            return (body("none", top, width, height, Value::None), Vec::new());
        }
        let mut before = cut_note(data);
        if taken.total > taken.kept() {
            before.push(format!("Drawn from the first {} of {} rows", grouped(taken.kept()), grouped(taken.total)));
        }
        let least = self.least_drawing().unwrap_or(LEAST_CHART);
        let room = |notes: &[String]| whole_pixels((height - notes_height(self.note_lines(notes, context).len())).max(least.min(height)));
        let mut given = room(&before);
        let mut result = drawn(given);
        // With less room a drawing may leave out more, and say so in more lines.
        for _ in 0..MOST_TRIES {
            let Ok(first) = &result else { break };
            let wanted = room(&[before.clone(), first.notes.clone()].concat());
            if wanted >= given {
                break;
            }
            given = wanted;
            result = drawn(given);
        }
        match result {
            Ok(drawn) => {
                let notes = self.fitting(&[before, drawn.notes].concat(), height - given, context);
                let mut parts = body("chart", top, width, given, Value::Bytes(Bytes::from_string(drawn.svg.clone())));
                parts.insert("alt".into(), text(format!("{}. {}", self.tile.title, drawn.alt)));
                context.drawings.push(drawn.svg);
                (parts, notes)
            }
            Err(error) => {
                // The names of columns are for those who made the tile (C9).
                context.warnings.push(format!("\"{}\" could not be drawn: {error}", self.tile.title));
                let lines = context.faces.wrap(NOT_DRAWN, 8.0, Weight::Regular, width - 2.0 * PAD, 6);
                (body("failed", top, width, height, texts(lines)), Vec::new())
            }
        }
    }

    /// The notes that have room below a drawing; those that have none are told in the run, and a last one says so.
    fn fitting(&self, notes: &[String], room: f64, context: &mut Context<'_>) -> Vec<String> {
        let fits = |notes: &[String]| notes_height(self.note_lines(notes, context).len()) <= room + 0.01;
        if fits(notes) {
            return notes.to_vec();
        }
        let more = |kept: usize| {
            let mut shown = notes.get(..kept).unwrap_or_default().to_vec();
            shown.push(format!("{} more in the run's warnings", notes.len() - kept));
            shown
        };
        let kept = (0..notes.len()).rev().find(|kept| fits(&more(*kept)));
        for note in notes.iter().skip(kept.unwrap_or(0)) {
            context.warnings.push(format!("\"{}\": {note}", self.tile.title));
        }
        kept.map(more).unwrap_or_default()
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
            let notes = if rows.end == table.len() { table_notes(table, table.len()) } else { Vec::new() };
            (rows, notes)
        } else {
            // The note itself takes room, so the rows are counted again with it.
            let notes_for = |shown: usize| table_notes(table, shown);
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
    if expanded && (table.len() as u64) < table.total {
        context.warnings.push(format!("\"{}\": first {} of {} rows", tile.title, grouped(table.len() as u64), grouped(table.total)));
    }
    Ok(Body::Table { table: Box::new(table), expanded })
}

fn body(kind: &str, y: f64, width: f64, height: f64, value: Value) -> Dict {
    dict([("body", text(kind)), ("body_y", points(y)), ("body_w", points(width)), ("body_h", points(height)), ("value", value)])
}

/// The most of this length that is whole pixels of a picture: of a drawing that ends within one, a row or a column in its middle would be lost, and
/// letters with it.
fn whole_pixels(points: f64) -> f64 {
    (points * PIXELS).floor() / PIXELS
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

/// What a reader must know of a table of which `shown` rows are shown.
fn table_notes(table: &Table, shown: usize) -> Vec<String> {
    table.row_notes(shown).into_iter().chain(table.notes.iter().cloned()).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_ends_where_a_pixel_does() {
        for (points, drawn) in [(178.74, 178.5), (178.5, 178.5), (0.9, 0.5), (300.0, 300.0), (17.49, 17.0)] {
            assert!((whole_pixels(points) - drawn).abs() < f64::EPSILON, "{points}");
            assert!((whole_pixels(points) * PIXELS).fract().abs() < f64::EPSILON, "{points}");
        }
    }
}
