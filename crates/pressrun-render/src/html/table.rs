//! Tables: real ones, with numbers on the right, bars and heat behind them, totals below, and a bounded number of rows.

use std::fmt::Write as _;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use pressrun_domain::catalog::FieldSpec;

use super::{escape, no_results, notes};
use crate::chart::{ChartInput, Colors, Ranges, Shades, Theme, table_shades};
use crate::error::RenderError;
use crate::format::{Alignment, FieldFormat, Value};
use crate::report::{Report, TileData, TileView};
use crate::rows::{Batches, Taken};
use crate::tones::{self, Judge};
use crate::totals::{self, Totals};

/// Most rows shown; the rest is stated.
const MOST_ROWS: u64 = 1_000;
/// Most cells shown: wide tables show fewer rows.
const MOST_CELLS: u64 = 60_000;
/// Most characters of one cell.
const MOST_CHARACTERS: usize = 1_000;

struct Column {
    index: usize,
    name: String,
    format: FieldFormat,
}

/// The table of a tile.
pub(super) fn html(report: &Report, tile: &TileView, data: &TileData, theme: &Theme, colors: &Colors) -> Result<String, RenderError> {
    let rows = Batches::open(tile, &data.rows)?;
    let schema = rows.schema();
    let columns = columns(report, data, &schema);
    let most = MOST_ROWS.min(MOST_CELLS / (columns.len() as u64).max(1)).max(1);
    let mut totals = Totals::new(columns.iter().map(|column| (column.index, &column.format)));
    let mut ranges = Ranges::of(&data.chart);
    let Taken { batches: kept, total, .. } = rows.take_rows_and(most, |batch| {
        ranges.add(batch);
        if data.chart.totals {
            totals.add(batch);
        }
    })?;
    if total == 0 {
        return Ok(no_results());
    }
    let input = ChartInput { chart: &data.chart, batches: &kept, fields: &data.fields, zone: &report.zone, colors };
    let (shades, mut told) = match table_shades(&input, &ranges, theme) {
        Ok(shades) => (shades, Vec::new()),
        Err(error) => (indexmap::IndexMap::new(), vec![format!("Bars and heat are not drawn: {error}")]),
    };
    told.extend(tones::missing(&data.fields, &schema));
    let mut out = String::from("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"");
    out.push_str(&escape(if tile.title.is_empty() { "Table" } else { &tile.title }));
    out.push_str("\"><table><thead><tr>");
    for column in &columns {
        let _ = write!(out, "<th scope=\"col\"{}>{}</th>", class(column, ""), escape(&column.format.label));
    }
    out.push_str("</tr></thead><tbody>");
    let judges: Vec<Option<Judge<'_>>> =
        columns.iter().map(|column| Judge::of(&data.fields, &schema, &column.name, column.index)).collect();
    let mut at = 0;
    for batch in &kept {
        write_rows(&mut out, batch, (&columns, &judges, theme), &shades, at);
        at += batch.num_rows();
    }
    out.push_str("</tbody>");
    let mut said = None;
    if data.chart.totals {
        let (texts, place) = totals.texts(columns.iter().map(|column| (column.index, &column.format)), data.truncated);
        write_totals(&mut out, &columns, &texts);
        said = Some(place.is_some());
    }
    out.push_str("</table></div>");
    told.extend(totals::notes(at as u64, total, data.truncated, said));
    out.push_str(&notes(&told));
    Ok(out)
}

/// The columns that the author did not hide (R8), in the result's order.
fn columns(report: &Report, data: &TileData, schema: &SchemaRef) -> Vec<Column> {
    let default = FieldSpec::default();
    let all = schema.fields().iter().enumerate().map(|(index, field)| {
        let spec = data.fields.get(field.name()).unwrap_or(&default);
        Column { index, name: field.name().clone(), format: FieldFormat::parse(spec, field.data_type(), field.name(), &report.zone) }
    });
    all.filter(|column| !column.format.hidden).collect()
}

fn write_rows(
    out: &mut String,
    batch: &RecordBatch,
    (columns, judges, theme): (&[Column], &[Option<Judge<'_>>], &Theme),
    shades: &indexmap::IndexMap<String, Shades>,
    first: usize,
) {
    for row in 0..batch.num_rows() {
        out.push_str("<tr>");
        for (column, judge) in columns.iter().zip(judges) {
            let value = batch.columns().get(column.index).map_or(Value::Null, |array| Value::at(array.as_ref(), row));
            let text = shorten(column.format.display(&value));
            if let Some(tone) = judge.as_ref().and_then(|judge| judge.tone(batch, row)) {
                let (ground, front) = theme.toned(tone);
                let text = escape(&tones::marked(Some(tone), text)).replacen(
                    tone.mark(),
                    &format!("<span role=\"img\" aria-label=\"{}\">{}</span>", tone.word(), tone.mark()),
                    1,
                );
                let _ = write!(out, "<td{} style=\"background:{ground};color:{front}\">{text}</td>", class(column, "heat"));
                continue;
            }
            let _ = match shade(shades, &column.name, first + row) {
                Some(Shade::Bar { from, to }) => {
                    let negative = value.as_f64().is_some_and(|number| number < 0.0);
                    let class = class(column, if negative { "bar neg" } else { "bar" });
                    write!(out, "<td{class} style=\"--a:{:.1}%;--b:{:.1}%\">{}</td>", from * 100.0, to * 100.0, escape(&text))
                }
                Some(Shade::Heat { back, text: front }) => {
                    write!(out, "<td{} style=\"background:{back};color:{front}\">{}</td>", class(column, "heat"), escape(&text))
                }
                None => write!(out, "<td{}>{}</td>", class(column, ""), escape(&text)),
            };
        }
        out.push_str("</tr>");
    }
}

fn write_totals(out: &mut String, columns: &[Column], texts: &[String]) {
    out.push_str("<tfoot><tr class=\"total\">");
    for (column, text) in columns.iter().zip(texts) {
        let _ = write!(out, "<td{}>{}</td>", class(column, ""), escape(text));
    }
    out.push_str("</tr></tfoot>");
}

enum Shade {
    Bar { from: f64, to: f64 },
    Heat { back: crate::chart::Color, text: crate::chart::Color },
}

fn shade(shades: &indexmap::IndexMap<String, Shades>, column: &str, row: usize) -> Option<Shade> {
    match shades.get(column)? {
        Shades::Bars(bars) => bars.get(row).copied().flatten().map(|(from, to, _)| Shade::Bar { from, to }),
        Shades::Heat(cells) => cells.get(row).copied().flatten().map(|(back, text)| Shade::Heat { back, text }),
    }
}

/// The class attribute: alignment and what stands behind the cell.
fn class(column: &Column, more: &str) -> String {
    let alignment = match column.format.alignment() {
        Alignment::Left => "",
        Alignment::Center => "mid",
        Alignment::Right => "num",
    };
    match (alignment, more) {
        ("", "") => String::new(),
        (one, "") | ("", one) => format!(" class=\"{one}\""),
        (one, other) => format!(" class=\"{one} {other}\""),
    }
}

/// At most [`MOST_CHARACTERS`], the cut shown.
fn shorten(text: String) -> String {
    match text.char_indices().nth(MOST_CHARACTERS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}
