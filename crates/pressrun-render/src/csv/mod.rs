//! Comma-separated values, streamed: UTF-8 without a mark, CRLF, RFC 4180 quoting (R3 to R5, R8).

mod cell;

use std::io::{Seek, Write};

use pressrun_domain::output::OutputOptions;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::artifact::{Artifact, Kind, Written};
use crate::cells::{Cell, Cells};
use crate::columns::Columns;
use crate::error::RenderError;
use crate::format::Value;
use crate::names::{self, Unique};
use crate::render::cut_warning;
use crate::report::{RenderJob, TileData, TileView};
use crate::rows::Batches;

/// Bytes gathered before they are written.
const BLOCK: usize = 1 << 17;

/// One data tile: a csv; several: a zip with one entry each (R3).
pub(crate) fn write(job: &RenderJob, artifact: &mut Artifact) -> Result<Written, RenderError> {
    let tiles: Vec<_> = job.report.data_tiles().collect();
    let path = artifact.path().to_owned();
    let kind = match tiles.as_slice() {
        [] if job.report.failed_tiles().next().is_none() => return Err(RenderError::NoData),
        [(tile, data)] if job.report.failed_tiles().next().is_none() => {
            write_tile(job, tile, data, |bytes| artifact.write(bytes))?;
            Kind::Csv
        }
        _ => {
            let failed = |error: std::io::Error| RenderError::write(&path, &error);
            let mut zip = ZipWriter::new(artifact.writer());
            let mut unique = Unique::default();
            for (tile, data) in &tiles {
                start_entry(&mut zip, &mut unique, &tile.title, &tile.key, job, "csv").map_err(failed)?;
                write_tile(job, tile, data, |bytes| zip.write_all(bytes).map_err(failed))?;
            }
            for (tile, message) in job.report.failed_tiles() {
                start_entry(&mut zip, &mut unique, &format!("{} (failed)", tile.title), &tile.key, job, "txt").map_err(failed)?;
                zip.write_all(format!("{message}\r\n").as_bytes()).map_err(failed)?;
            }
            zip.finish().map_err(std::io::Error::from).map_err(failed)?;
            Kind::Zip
        }
    };
    Ok(Written { kind, pages: 0, warnings: warnings(job) })
}

/// R11 and V13: what was cut by the query, what failed.
pub(crate) fn warnings(job: &RenderJob) -> Vec<String> {
    let cut = job.report.data_tiles().filter_map(|(tile, data)| Some(cut_warning(&tile.title, data.truncated?.limit)));
    let failed = job.report.failed_tiles().map(|(tile, message)| format!("\"{}\" failed: {message}", tile.title));
    cut.chain(failed).collect()
}

fn start_entry<W: Write + Seek>(
    zip: &mut ZipWriter<W>,
    unique: &mut Unique,
    title: &str,
    key: &str,
    job: &RenderJob,
    extension: &str,
) -> std::io::Result<()> {
    let fallback = if key.is_empty() { job.file_stem.as_str() } else { key };
    let name = unique.take(&names::file_name(title, fallback), 80);
    // The occurrence, not the clock: equal jobs give equal bytes.
    let at = job.report.as_of.to_zoned_datetime(jiff::tz::TimeZone::UTC);
    let stamp = u16::try_from(at.year())
        .ok()
        .and_then(|year| {
            let part = |part: i8| part.unsigned_abs();
            DateTime::from_date_and_time(year, part(at.month()), part(at.day()), part(at.hour()), part(at.minute()), part(at.second())).ok()
        })
        .unwrap_or_default();
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).last_modified_time(stamp).large_file(true);
    zip.start_file(format!("{name}.{extension}"), options).map_err(Into::into)
}

fn write_tile(
    job: &RenderJob,
    tile: &TileView,
    data: &TileData,
    mut write: impl FnMut(&[u8]) -> Result<(), RenderError>,
) -> Result<(), RenderError> {
    let OutputOptions { hide_hidden_fields, enable_formatting, .. } = job.options;
    let batches = Batches::open(tile, &data.rows)?;
    let columns = Columns::of(&batches.schema(), data, &job.report.zone, hide_hidden_fields);
    let mut out = Vec::with_capacity(BLOCK + (1 << 12));
    for (index, label) in columns.labels().iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        cell::push_text(label, &mut out);
    }
    out.extend_from_slice(b"\r\n");
    // A line that holds one empty cell looks like no line at all to many readers.
    let alone = columns.len() == 1;
    for batch in batches {
        let batch = batch?;
        if enable_formatting {
            for row in 0..batch.num_rows() {
                let start = out.len();
                for (index, column) in columns.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    let value = Value::at(batch.column(column.index).as_ref(), row);
                    let shown = column.format.display(&value);
                    match value {
                        Value::Text(_) => cell::push_text(&shown, &mut out),
                        _ => cell::push_quoted(&shown, &mut out),
                    }
                }
                end_line(&mut out, start, alone);
                flush(&mut out, &mut write)?;
            }
        } else {
            let mut cells: Vec<_> =
                columns.iter().map(|column| (Cells::of(batch.column(column.index), &column.format.zone), &column.format)).collect();
            for row in 0..batch.num_rows() {
                let line = out.len();
                for (index, (cells, format)) in cells.iter_mut().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    let start = out.len();
                    match cells.push(row, format, &mut out) {
                        Cell::Null | Cell::Number => {}
                        Cell::Text(text) => cell::push_text(text, &mut out),
                        Cell::Symbol => cell::quote_tail(&mut out, start),
                        Cell::OwnedText => {
                            cell::guard_tail(&mut out, start);
                            cell::quote_tail(&mut out, start);
                        }
                    }
                }
                end_line(&mut out, line, alone);
                flush(&mut out, &mut write)?;
            }
        }
    }
    write(&out)
}

fn end_line(out: &mut Vec<u8>, start: usize, alone: bool) {
    if alone && out.len() == start {
        out.extend_from_slice(b"\"\"");
    }
    out.extend_from_slice(b"\r\n");
}

fn flush(out: &mut Vec<u8>, write: &mut impl FnMut(&[u8]) -> Result<(), RenderError>) -> Result<(), RenderError> {
    if out.len() >= BLOCK {
        write(out)?;
        out.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests;
