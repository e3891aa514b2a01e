//! Reports for tests: small, with every kind of tile.

pub(crate) mod types;

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Field, Schema};
use indexmap::IndexMap;
use pressrun_domain::catalog::{FieldSpec, GridPosition};
use pressrun_domain::chart::{Chart, Mark};
use pressrun_domain::output::{Format, OutputOptions};

use crate::artifact::Rendered;
use crate::error::RenderError;
use crate::report::{FilterLine, Page, RenderJob, RenderLimits, Report, Rows, ThemeName, TileContent, TileData, TileView};

/// A batch of named columns.
pub(crate) fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields: Vec<_> = columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, array)| array).collect()).unwrap()
}

/// A table tile over `batches`.
pub(crate) fn table(key: &str, title: &str, batches: Vec<RecordBatch>) -> TileView {
    tile(key, title, TileContent::Data(data(batches, Chart::new(Mark::Table))))
}

pub(crate) fn data(batches: Vec<RecordBatch>, chart: Chart) -> TileData {
    TileData { rows: Rows::Batches(batches), fields: IndexMap::new(), chart, truncated: None }
}

pub(crate) fn tile(key: &str, title: &str, content: TileContent) -> TileView {
    TileView { key: key.to_owned(), title: title.to_owned(), subtitle: None, at: GridPosition { x: 0, y: 0, w: 24, h: 8 }, content }
}

/// The tile at another place of the grid.
pub(crate) fn at(mut tile: TileView, x: u16, y: u16, w: u16, h: u16) -> TileView {
    tile.at = GridPosition { x, y, w, h };
    tile
}

/// Presentation of one column.
pub(crate) fn field(label: Option<&str>, format: Option<&str>) -> FieldSpec {
    FieldSpec { label: label.map(str::to_owned), format: format.map(str::to_owned), ..FieldSpec::default() }
}

/// A job over one page of tiles, 2 March 2026, 09:00 in New York.
pub(crate) fn job(format: Format, tiles: Vec<TileView>) -> RenderJob {
    RenderJob {
        report: Report {
            title: "Orders".to_owned(),
            description: None,
            language: "en".to_owned(),
            zone: "America/New_York".to_owned(),
            as_of: "2026-03-02T14:00:00Z".parse().unwrap(),
            filters: vec![FilterLine { label: "Region".to_owned(), value: "is US, CA".to_owned(), key: "region".to_owned() }],
            link: Some("https://bi.example.com/dashboards/12db1a0a?f--region=US".to_owned()),
            pages: vec![Page { name: None, tiles }],
            notes: Vec::new(),
            theme: ThemeName::Light,
        },
        format,
        options: OutputOptions::default(),
        single_tile: false,
        limits: RenderLimits::default(),
        fonts: Vec::new(),
        file_stem: "orders".to_owned(),
        imprint: Some("Blob Inc. · Weekly orders".to_owned()),
    }
}

/// The artifact's bytes and what was said about it.
pub(crate) fn rendered(job: &RenderJob) -> Result<(Vec<u8>, Rendered), RenderError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("artifact");
    let rendered = crate::render(job, &path);
    if rendered.is_err() {
        assert!(!path.exists(), "a failed render leaves nothing behind");
    }
    rendered.map(|rendered| (std::fs::read(&path).unwrap(), rendered))
}

/// The artifact's text.
pub(crate) fn text(job: &RenderJob) -> String {
    String::from_utf8(rendered(job).unwrap().0).unwrap()
}

/// The text of a pdf; `None` where poppler is not installed.
pub(crate) fn pdf_text(bytes: &[u8]) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.pdf");
    std::fs::write(&path, bytes).unwrap();
    let out = std::process::Command::new("pdftotext").arg("-layout").arg(&path).arg("-").output().ok()?;
    Some(String::from_utf8_lossy(&out.stdout).into_owned())
}
