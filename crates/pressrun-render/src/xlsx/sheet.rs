//! One data tile as a sheet.

use std::path::Path;

use arrow_array::RecordBatch;
use pressrun_domain::catalog::FieldSpec;
use pressrun_domain::text::grouped;
use rust_xlsxwriter::{Color, Format, FormatAlign, FormatBorder, Worksheet};

use super::cell::{CellWriter, TEXT_LENGTH, clean};
use super::{drawing, looks, total};
use crate::chart::Ranges;
use crate::columns::Columns;
use crate::error::RenderError;
use crate::format::{Alignment, FieldFormat, Value};
use crate::report::{RenderJob, TileData, TileView};
use crate::rows::Batches;
use crate::totals::Totals;

/// Rows of a sheet without its header.
pub(crate) const ROWS: u64 = 1_048_575;

/// Columns of a sheet.
const COLUMNS: usize = 16_384;

/// Rows looked at for the widths of columns.
const SAMPLE: usize = 200;

/// Characters that a page holds upright before they become small.
const PORTRAIT: f64 = 110.0;

/// Widths in characters.
const WIDTHS: std::ops::RangeInclusive<f64> = 8.0..=60.0;

pub(super) fn write(
    job: &RenderJob,
    (tile, name): (&TileView, &str),
    data: &TileData,
    sheet: &mut Worksheet,
    path: &Path,
    warnings: &mut Vec<String>,
) -> Result<(), RenderError> {
    let batches = Batches::open(tile, &data.rows)?;
    let schema = batches.schema();
    let columns = Columns::of(&schema, data, &job.report.zone, job.options.hide_hidden_fields);
    if columns.len() > COLUMNS {
        return Err(RenderError::Value {
            tile: tile.key.clone(),
            column: columns.iter().nth(COLUMNS).map(|column| column.name.clone()).unwrap_or_default(),
            cause: format!("a sheet holds {} columns; choose csv", grouped(COLUMNS as u64)),
        });
    }
    let failed = |error| super::failed(path, error);
    let header = Format::new().set_bold().set_border_bottom(FormatBorder::Thin).set_border_bottom_color(Color::RGB(0x9A_A5_B4));
    let right = header.clone().set_align(FormatAlign::Right);
    let labels = columns.labels();
    for (at, (label, column)) in labels.iter().zip(columns.iter()).enumerate() {
        let format = if column.format.alignment() == Alignment::Right { &right } else { &header };
        sheet.write_string_with_format(0, at as u16, clean(label), format).map_err(failed)?;
    }
    sheet.set_freeze_panes(1, 0).map_err(failed)?;
    // On paper: as wide as a page, with the header on each.
    sheet.set_repeat_rows(0, 0).map_err(failed)?.set_print_fit_to_pages(1, 0);

    // R5: without formatting, dates still need a date format, or they would read as serial numbers.
    let unformatted: Vec<FieldFormat> = columns
        .iter()
        .map(|column| FieldFormat::parse(&FieldSpec::default(), schema.field(column.index).data_type(), &column.name, &job.report.zone))
        .collect();
    let mut writers: Vec<CellWriter> = columns
        .iter()
        .zip(&unformatted)
        .map(|(column, plain)| CellWriter::new(if job.options.enable_formatting { &column.format } else { plain }))
        .collect();

    let mut totals = Totals::new(columns.iter().map(|column| (column.index, &column.format)));
    let mut ranges = Ranges::of(&data.chart);
    // A sheet that machines read has no row that is none.
    let with_totals = data.chart.totals && job.options.enable_formatting;
    let most = job.limits.sheet_rows.min(ROWS);
    let (mut row, mut total, mut sampled) = (0_u64, 0_u64, false);
    for batch in batches {
        let batch = batch?;
        total += batch.num_rows() as u64;
        ranges.add(&batch);
        if with_totals {
            totals.add(&batch);
        }
        if !sampled && batch.num_rows() > 0 {
            sampled = true;
            let widths = widths(&batch, &columns, &labels, &unformatted, job.options.enable_formatting);
            if widths.iter().sum::<f64>() > PORTRAIT {
                sheet.set_landscape();
            }
            for (at, width) in widths.into_iter().enumerate() {
                sheet.set_column_width(at as u16, width).map_err(failed)?;
            }
        }
        let rows = (batch.num_rows() as u64).min(most - row) as usize;
        for in_batch in 0..rows {
            row += 1;
            for (at, (writer, column)) in writers.iter_mut().zip(columns.iter()).enumerate() {
                let value = Value::at(batch.column(column.index).as_ref(), in_batch);
                writer.write(sheet, row as u32, at as u16, &value).map_err(failed)?;
            }
        }
    }
    if !sampled {
        for (at, label) in labels.iter().enumerate() {
            sheet
                .set_column_width(at as u16, (label.chars().count() as f64 + 2.0).clamp(*WIDTHS.start(), *WIDTHS.end()))
                .map_err(failed)?;
        }
    }
    if let (Some(last), true) = (labels.len().checked_sub(1), row > 0) {
        sheet.autofilter(0, 0, row as u32, last as u16).map_err(failed)?;
    }
    let shown: Vec<&FieldFormat> = columns
        .iter()
        .zip(&unformatted)
        .map(|(column, plain)| if job.options.enable_formatting { &column.format } else { plain })
        .collect();
    if row > 0 {
        let lost = looks::write(data, &columns, (&shown, &ranges), row as u32, sheet).map_err(failed)?;
        if !lost.is_empty() {
            warnings.push(format!("\"{}\": conditions of {} compare with columns that are not in the sheet", tile.title, lost.join(", ")));
        }
        drawing::insert(&data.chart, &tile.title, name, &columns, row as u32, sheet).map_err(failed)?;
    }
    if with_totals && row > 0 && row < ROWS {
        total::write(data, &columns, &totals, (row as u32, &writers), sheet).map_err(failed)?;
    }
    for (at, _) in columns.iter().enumerate().filter(|(_, column)| column.format.hidden) {
        sheet.set_column_hidden(at as u16).map_err(failed)?;
    }
    if total > row {
        warnings.push(format!("\"{}\" has {} rows; a sheet holds {}, the rest was left out", tile.title, grouped(total), grouped(most)));
    }
    for (writer, label) in writers.iter().zip(&labels) {
        if writer.shortened > 0 {
            warnings.push(format!(
                "\"{}\": {} cells of \"{label}\" were cut at {} characters, the most a cell holds",
                tile.title,
                grouped(writer.shortened),
                grouped(TEXT_LENGTH as u64)
            ));
        }
    }
    Ok(())
}

fn widths(batch: &RecordBatch, columns: &Columns, labels: &[String], unformatted: &[FieldFormat], formatted: bool) -> Vec<f64> {
    let rows = batch.num_rows().min(SAMPLE);
    columns
        .iter()
        .zip(labels)
        .zip(unformatted)
        .map(|((column, label), plain)| {
            let array = batch.column(column.index).as_ref();
            let cell = |row| {
                let value = Value::at(array, row);
                let text = if formatted { column.format.display(&value) } else { plain.plain(&value) };
                // An instant is written without the offset that its plain text has.
                let cut = if !formatted && matches!(value, Value::Instant(_)) { 6 } else { 0 };
                text.lines().map(unicode_width::UnicodeWidthStr::width).max().unwrap_or(0).saturating_sub(cut)
            };
            let widest = (0..rows).map(cell).max().unwrap_or(0);
            // With room for the arrow of the filter beside the header.
            let widest = widest.max(unicode_width::UnicodeWidthStr::width(label.as_str()) + 2);
            (widest as f64 * 1.05 + 2.0).clamp(*WIDTHS.start(), *WIDTHS.end())
        })
        .collect()
}
