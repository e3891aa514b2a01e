//! Made-up orders: numbers, dates, instants and texts, 12 columns.
#![expect(clippy::unwrap_used, reason = "a program for people who look at its output")]

use std::sync::Arc;

use arrow_array::{ArrayRef, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::{Field, Schema};
use indexmap::IndexMap;
use pressrun_domain::catalog::GridPosition;
use pressrun_domain::chart::{Chart, Mark};
use pressrun_domain::output::{Format, OutputOptions};
use pressrun_render::{Page, RenderJob, RenderLimits, Report, Rows, ThemeName, TileContent, TileData, TileView};

const BATCH: usize = 8_192;

/// Writes `count` rows × 12 as an Arrow IPC file.
pub(crate) fn write(path: &std::path::Path, count: usize) {
    let mut writer = None;
    for start in (0..count).step_by(BATCH) {
        let batch = batch(start, BATCH.min(count - start));
        let file = writer
            .get_or_insert_with(|| arrow_ipc::writer::FileWriter::try_new(std::fs::File::create(path).unwrap(), &batch.schema()).unwrap());
        file.write(&batch).unwrap();
    }
    writer.unwrap().finish().unwrap();
}

fn batch(start: usize, count: usize) -> RecordBatch {
    let rows = start..start + count;
    let text = |words: &'static [&'static str]| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.clone().map(|row| words[row * 7 % words.len()])))
    };
    let number = |scale: f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(rows.clone().map(|row| (row as f64 * 37.7 % 9_999.0 * scale).round() / 100.0)))
    };
    let whole = |modulus: i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values(rows.clone().map(|row| row as i64 * 31 % modulus))) };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("order_id", Arc::new(Int64Array::from_iter_values(rows.clone().map(|row| row as i64)))),
        ("ordered", Arc::new(Date32Array::from_iter_values(rows.clone().map(|row| 19_000 + (row % 1_500) as i32)))),
        (
            "at",
            Arc::new(
                TimestampMicrosecondArray::from_iter_values(rows.clone().map(|row| 1_700_000_000_000_000 + row as i64 * 61_000_000))
                    .with_timezone("UTC"),
            ),
        ),
        ("customer", text(&["Blob Ross", "Blobby Hill", "Ana Fernández", "Zoë Müller"])),
        ("status", text(&["shipped", "open", "returned"])),
        ("region", text(&["Americas", "Europe", "Asia"])),
        ("quantity", whole(20)),
        ("stock", whole(100_000)),
        ("price", number(100.0)),
        ("discount", number(3.3)),
        ("margin", number(0.7)),
        ("weight", number(12.0)),
    ];
    let fields: Vec<_> = columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, array)| array).collect()).unwrap()
}

/// A report of one table over `rows`.
pub(crate) fn job(format: Format, rows: Rows) -> RenderJob {
    let data = TileData { rows, fields: IndexMap::new(), chart: Chart::new(Mark::Table), truncated: None };
    let tile = TileView {
        key: "1".to_owned(),
        title: "Orders".to_owned(),
        subtitle: None,
        at: GridPosition { x: 0, y: 0, w: 24, h: 12 },
        content: TileContent::Data(data),
    };
    RenderJob {
        report: Report {
            title: "Orders".to_owned(),
            description: None,
            language: "en".to_owned(),
            zone: "America/New_York".to_owned(),
            as_of: "2026-03-02T14:00:00Z".parse().unwrap(),
            filters: Vec::new(),
            link: None,
            pages: vec![Page { name: None, tiles: vec![tile] }],
            notes: Vec::new(),
            theme: ThemeName::Light,
        },
        format,
        options: OutputOptions { expand_tables_to_show_all_rows: true, ..OutputOptions::default() },
        single_tile: true,
        limits: RenderLimits { expanded_rows: 5_000, ..RenderLimits::default() },
        fonts: Vec::new(),
        file_stem: "orders".to_owned(),
        imprint: None,
    }
}
