//! JSON rows, streamed (R7, V8).
//!
//! A single tile is an array of row objects. A dashboard is an object by tile key, `{name, rows}` each; with `showFilters`
//! that object is the member `tiles` of an envelope that also says the title, the instant and the filters.

mod value;

use std::collections::HashSet;

use serde_json::json;

use crate::artifact::{Artifact, Kind, Written};
use crate::cells::{Cell, Cells};
use crate::columns::Columns;
use crate::csv::warnings;
use crate::error::RenderError;
use crate::format::Value;
use crate::report::{RenderJob, TileContent, TileData, TileView};
use crate::rows::Batches;

/// Bytes gathered before they are written.
const BLOCK: usize = 1 << 17;

pub(crate) fn write(job: &RenderJob, artifact: &mut Artifact) -> Result<Written, RenderError> {
    let mut out = Vec::with_capacity(BLOCK + (1 << 12));
    if job.single_tile {
        let Some((tile, data)) = job.report.data_tiles().next() else {
            return Err(RenderError::NoData);
        };
        write_rows(job, tile, data, &mut out, artifact)?;
    } else {
        if job.report.data_tiles().next().is_none() && job.report.failed_tiles().next().is_none() {
            return Err(RenderError::NoData);
        }
        let envelope = job.options.show_filters;
        if envelope {
            let filters: Vec<_> = job.report.filters.iter().map(|line| json!({ "label": line.label, "value": line.value })).collect();
            let head = format!(
                "{{\"title\":{},\"asOf\":\"{}\",\"timezone\":{},\"filters\":{},\"tiles\":",
                json!(job.report.title),
                job.report.as_of,
                json!(job.report.zone),
                json!(filters)
            );
            out.extend_from_slice(head.as_bytes());
        }
        write_tiles(job, &mut out, artifact)?;
        if envelope {
            out.push(b'}');
        }
    }
    out.push(b'\n');
    artifact.write(&out)?;
    Ok(Written { kind: Kind::Json, pages: 0, warnings: warnings(job) })
}

fn write_tiles(job: &RenderJob, out: &mut Vec<u8>, artifact: &mut Artifact) -> Result<(), RenderError> {
    out.push(b'{');
    let mut keys = HashSet::new();
    for tile in job.report.pages.iter().flat_map(|page| &page.tiles) {
        if matches!(tile.content, TileContent::Markdown(_)) || !keys.insert(tile.key.as_str()) {
            continue;
        }
        if keys.len() > 1 {
            out.push(b',');
        }
        value::push_string(&tile.key, out);
        out.extend_from_slice(b":{\"name\":");
        value::push_string(&tile.title, out);
        out.extend_from_slice(b",\"rows\":");
        match &tile.content {
            TileContent::Data(data) => write_rows(job, tile, data, out, artifact)?,
            TileContent::Failed { message } => {
                out.extend_from_slice(b"[],\"error\":");
                value::push_string(message, out);
            }
            TileContent::Markdown(_) => {}
        }
        out.push(b'}');
    }
    out.push(b'}');
    Ok(())
}

fn write_rows(job: &RenderJob, tile: &TileView, data: &TileData, out: &mut Vec<u8>, artifact: &mut Artifact) -> Result<(), RenderError> {
    let batches = Batches::open(tile, &data.rows)?;
    // R8 names csv and xlsx only: hidden columns are always in a json.
    let columns = Columns::of(&batches.schema(), data, &job.report.zone, false);
    // Each member's name with what stands before it, escaped once.
    let names: Vec<Vec<u8>> = columns
        .keys()
        .iter()
        .enumerate()
        .map(|(index, key)| {
            let mut name = vec![if index == 0 { b'{' } else { b',' }];
            value::push_string(key, &mut name);
            name.push(b':');
            name
        })
        .collect();
    // R7: formatting is for a single tile.
    let formatted = job.options.enable_formatting && job.single_tile;
    let mut first = true;
    out.push(b'[');
    for batch in batches {
        let batch = batch?;
        let mut cells: Vec<_> = columns.iter().map(|column| Cells::of(batch.column(column.index), &column.format.zone)).collect();
        for row in 0..batch.num_rows() {
            if !first {
                out.push(b',');
            }
            first = false;
            if columns.len() == 0 {
                out.push(b'{');
            }
            for ((column, cells), name) in columns.iter().zip(&mut cells).zip(&names) {
                out.extend_from_slice(name);
                let array = batch.column(column.index).as_ref();
                if formatted {
                    match Value::at(array, row) {
                        Value::Null => out.extend_from_slice(b"null"),
                        value => value::push_string(&column.format.display(&value), out),
                    }
                } else if let Cells::Other(_) = cells {
                    value::push(&Value::at(array, row), &column.format, out);
                } else {
                    push_cell(cells, row, &column.format, out);
                }
            }
            out.push(b'}');
            if out.len() >= BLOCK {
                artifact.write(out)?;
                out.clear();
            }
        }
    }
    out.push(b']');
    Ok(())
}

/// A cell of a type with a fast path.
fn push_cell(cells: &mut Cells, row: usize, format: &crate::format::FieldFormat, out: &mut Vec<u8>) {
    let start = out.len();
    // What must be a string in JSON although it is a number (R7).
    let wide = match cells {
        Cells::Int(array) => array.value(row).unsigned_abs() > value::SAFE_INTEGER,
        Cells::Decimal(..) => true,
        _ => false,
    };
    let infinite = matches!(cells, Cells::Float(array) if !array.value(row).is_finite());
    match cells.push(row, format, out) {
        Cell::Null => out.extend_from_slice(b"null"),
        Cell::Text(text) => value::push_string(text, out),
        Cell::Number if infinite => {
            out.truncate(start);
            out.extend_from_slice(b"null");
        }
        Cell::Number if !wide => {}
        // Digits, dates and offsets: nothing in them needs an escape.
        Cell::Number | Cell::Symbol | Cell::OwnedText => {
            out.insert(start, b'"');
            out.push(b'"');
        }
    }
}

#[cfg(test)]
mod tests;
