//! Why an artifact could not be made.

use serde::{Deserialize, Serialize};

/// Why an artifact could not be made; crosses the border of a process.
///
/// Causes are kept as text, since they come from a child process. Nothing partial is left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum RenderError {
    /// A data format was asked for and no tile has rows (R3, reason `noData`).
    #[error("nothing to export: the dashboard has no tile with data; choose pdf, png or link_only")]
    NoData,
    /// The format has no file.
    #[error("{format} has no file to render")]
    NoFile {
        /// Wire value of the format.
        format: String,
    },
    /// The disk is full; the partial file was removed.
    #[error("no space left on the disk that holds {folder}; free some or point the spool elsewhere")]
    DiskFull {
        /// Folder of the artifact.
        folder: String,
    },
    /// The artifact could not be written.
    #[error("could not write the artifact {path}: {cause}")]
    Write {
        /// Where.
        path: String,
        /// What the system said.
        cause: String,
    },
    /// The rows of a tile could not be read.
    #[error("could not read the rows of tile \"{tile}\": {cause}")]
    Rows {
        /// Key of the tile.
        tile: String,
        /// What the reader said.
        cause: String,
    },
    /// A value could not be written in the format asked for.
    #[error("could not write column \"{column}\" of tile \"{tile}\": {cause}")]
    Value {
        /// Key of the tile.
        tile: String,
        /// Name of the column.
        column: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The report is inconsistent: unknown zone, no pages.
    #[error("the report cannot be rendered: {cause}")]
    Report {
        /// What is wrong.
        cause: String,
    },
    /// Typesetting failed; always a defect of the template or a resource, never of the data.
    #[error("could not lay out the pages: {cause}")]
    Layout {
        /// The engine's message with its place in the template.
        cause: String,
    },
    /// The picture would be larger than can be drawn.
    #[error("the picture would be {width} by {height} pixels, which is too large; choose pdf or fewer rows")]
    TooLarge {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
    },
}

impl RenderError {
    /// The short reason kept in a run's history.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoData => "noData",
            Self::NoFile { .. } => "noFile",
            Self::DiskFull { .. } => "diskFull",
            Self::Write { .. } => "writeFailed",
            Self::Rows { .. } => "rowsUnreadable",
            Self::Value { .. } => "valueUnwritable",
            Self::Report { .. } => "reportInvalid",
            Self::Layout { .. } => "layoutFailed",
            Self::TooLarge { .. } => "tooLarge",
        }
    }

    /// An error of writing `path`.
    pub(crate) fn write(path: &std::path::Path, error: &std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::StorageFull {
            let folder = path.parent().unwrap_or(path);
            return Self::DiskFull { folder: folder.display().to_string() };
        }
        Self::Write { path: path.display().to_string(), cause: error.to_string() }
    }

    /// An error of reading the rows of `tile`.
    pub(crate) fn rows(tile: &str, cause: impl ToString) -> Self {
        Self::Rows { tile: tile.to_owned(), cause: cause.to_string() }
    }
}
