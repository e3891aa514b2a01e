//! What is rendered: a report of tiles with their rows, and the job around it.

use std::path::PathBuf;

use arrow_array::RecordBatch;
use indexmap::IndexMap;
use jiff::Timestamp;
use pressrun_domain::catalog::{FieldSpec, GridPosition};
use pressrun_domain::chart::Chart;
use pressrun_domain::output::{Format, OutputOptions};
use serde::{Deserialize, Serialize};

/// A dashboard with the data of one run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Name of the dashboard; for a single tile the tile's title is shown instead (V11).
    pub title: String,
    /// What the dashboard shows, in a sentence.
    pub description: Option<String>,
    /// BCP 47 language of the text (`en`).
    pub language: String,
    /// IANA name of the query zone; instants are shown in it.
    pub zone: String,
    /// The occurrence: the instant as of which everything is shown.
    pub as_of: Timestamp,
    /// Values of the visible filters, in dashboard order; printed when `showFilters` is set (V8).
    pub filters: Vec<FilterLine>,
    /// Address of the dashboard; printed when `showContentLink` is set.
    pub link: Option<String>,
    /// Pages in order.
    pub pages: Vec<Page>,
    /// What a reader must know about the whole report: cuts, alert line (R11, A21).
    pub notes: Vec<String>,
    /// Colours.
    #[serde(default)]
    pub theme: ThemeName,
}

/// One visible filter with the values in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterLine {
    /// Name shown to people.
    pub label: String,
    /// Summary of its values (`is US, CA`); empty when it filters nothing.
    pub value: String,
    /// Filter key, by which text tiles name it (`{{filters.region.summary}}`, V12); empty when unknown.
    #[serde(default)]
    pub key: String,
}

/// One page of a dashboard.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Page {
    /// Its name when the dashboard has several.
    pub name: Option<String>,
    /// Tiles in dashboard order.
    pub tiles: Vec<TileView>,
}

/// One tile with what it shows.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TileView {
    /// Query map key.
    pub key: String,
    /// Title, literal.
    pub title: String,
    /// Smaller text under the title.
    pub subtitle: Option<String>,
    /// Where it stands on the 24-column grid.
    pub at: GridPosition,
    /// What it shows.
    pub content: TileContent,
}

impl TileView {
    /// The rows, unless it is a text tile or its query failed.
    #[must_use]
    pub fn data(&self) -> Option<&TileData> {
        match &self.content {
            TileContent::Data(data) => Some(data),
            TileContent::Markdown(_) | TileContent::Failed { .. } => None,
        }
    }
}

/// What a tile shows.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind", content = "value")]
#[expect(clippy::large_enum_variant, reason = "a report has tens of tiles, and nearly all of them have data")]
pub enum TileContent {
    /// Rows and their drawing.
    Data(TileData),
    /// Markdown text with Mustache tokens (V12).
    Markdown(String),
    /// The query failed; drawn as a labelled box (V13).
    Failed {
        /// What went wrong, in words for the reader.
        message: String,
    },
}

/// The rows of a query and how they are shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TileData {
    /// Where the rows are.
    pub rows: Rows,
    /// Presentation of result columns by name.
    pub fields: IndexMap<String, FieldSpec>,
    /// The drawing.
    pub chart: Chart,
    /// Set when the query stopped at its row limit (R11).
    pub truncated: Option<Truncated>,
}

/// Where the rows of a tile are.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Rows {
    /// An Arrow IPC file, read batch by batch.
    Ipc(PathBuf),
    /// Batches in memory; does not cross a process border. At least one batch, possibly empty, so that the columns are known.
    #[serde(skip)]
    Batches(Vec<RecordBatch>),
}

/// The query stopped at its row limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truncated {
    /// The limit, in rows.
    pub limit: u64,
}

/// Colours of pages and mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ThemeName {
    /// Dark text on white.
    #[default]
    Light,
    /// Light text on a dark sheet.
    Dark,
}

/// One artifact to make.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RenderJob {
    /// What is shown.
    pub report: Report,
    /// What is written.
    pub format: Format,
    /// Options; those that do not fit the format are ignored here, they were refused or warned about before (V1).
    pub options: OutputOptions,
    /// The schedule delivers one tile: `report` holds only that tile (V11, R7).
    pub single_tile: bool,
    /// Bounds.
    #[serde(default)]
    pub limits: RenderLimits,
    /// Folders of more fonts (Inter, CJK, Arabic, emoji), searched in order after the built-in ones.
    #[serde(default)]
    pub fonts: Vec<PathBuf>,
    /// File name without extension; names the entries of a zip when a tile has no title.
    pub file_stem: String,
    /// Small text on the left of every page's foot: organization, schedule.
    #[serde(default)]
    pub imprint: Option<String>,
}

/// Bounds of a render.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RenderLimits {
    /// Most rows of one table on pages, whatever else is said.
    pub table_rows: u64,
    /// Most rows of one expanded table (V6).
    pub expanded_rows: u64,
    /// Most rows drawn in one chart; a chart over more says so.
    pub chart_rows: u64,
    /// Most sheets of a pdf; a longer one ends with a note.
    pub sheets: u32,
    /// Most rows of one sheet of a workbook; never more than a sheet holds (R6).
    pub sheet_rows: u64,
}

impl Default for RenderLimits {
    fn default() -> Self {
        Self { table_rows: 5_000, expanded_rows: 1_000, chart_rows: 50_000, sheets: 1_000, sheet_rows: crate::xlsx::ROWS }
    }
}

impl Report {
    /// The tiles with rows, over all pages in order (R13).
    pub fn data_tiles(&self) -> impl Iterator<Item = (&TileView, &TileData)> {
        self.pages.iter().flat_map(|page| &page.tiles).filter_map(|tile| tile.data().map(|data| (tile, data)))
    }

    /// The tiles whose query failed, over all pages in order.
    pub fn failed_tiles(&self) -> impl Iterator<Item = (&TileView, &str)> {
        self.pages.iter().flat_map(|page| &page.tiles).filter_map(|tile| match &tile.content {
            TileContent::Failed { message } => Some((tile, message.as_str())),
            TileContent::Data(_) | TileContent::Markdown(_) => None,
        })
    }
}
