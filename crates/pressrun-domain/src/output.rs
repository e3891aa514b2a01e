//! Formats and output options of a schedule (contract §5.1.3, rules R and V).

use std::fmt;

use serde::{Deserialize, Serialize};

/// What is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Comma-separated values; a zip of them for several tiles (R3).
    Csv,
    /// Row objects; keyed by tile for a dashboard (R7).
    Json,
    /// No file: the address of the dashboard.
    LinkOnly,
    /// Pages.
    Pdf,
    /// One picture.
    Png,
    /// One workbook, one sheet a tile (R6).
    Xlsx,
}

impl Format {
    /// Every format, in the contract's order.
    pub const ALL: [Self; 6] = [Self::Csv, Self::Json, Self::LinkOnly, Self::Pdf, Self::Png, Self::Xlsx];

    /// The wire value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::LinkOnly => "link_only",
            Self::Pdf => "pdf",
            Self::Png => "png",
            Self::Xlsx => "xlsx",
        }
    }

    /// The format of this wire value.
    #[must_use]
    pub fn from_wire(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == text)
    }

    /// Whether it is laid out on pages.
    #[must_use]
    pub fn is_visual(self) -> bool {
        matches!(self, Self::Pdf | Self::Png)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Output options as stored; which of them act depends on the format (V1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OutputOptions {
    /// pdf, png: no dashboard title.
    pub hide_title: bool,
    /// pdf: paper; `None` is letter (V3).
    pub paper_format: Option<PaperFormat>,
    /// pdf: orientation; `None` is portrait (V3).
    pub paper_orientation: Option<PaperOrientation>,
    /// pdf, png: tables show up to 1,000 rows instead of what fits (V6).
    pub expand_tables_to_show_all_rows: bool,
    /// pdf, png: tiles full width, one under the other (V7).
    pub single_column_layout: bool,
    /// Names of the dashboard's pages that are delivered, in this order; empty means all, and the first for png (V10, R13).
    pub pages: Vec<String>,
    /// All but csv and link_only: print label and values of visible filters (V8).
    pub show_filters: bool,
    /// All but link_only: a link back to the dashboard.
    pub show_content_link: bool,
    /// csv, xlsx: leave hidden columns out (R8).
    pub hide_hidden_fields: bool,
    /// csv, xlsx, json: values in the field's display format (R5).
    pub enable_formatting: bool,
    /// csv, xlsx, json: lift the query's own limit (R9).
    pub override_row_limit: bool,
    /// Rows when `override_row_limit` is set (R9).
    pub max_row_limit: Option<u64>,
    /// File name template without extension (D9); `None` is the default template.
    pub filename: Option<String>,
}

impl Default for OutputOptions {
    fn default() -> Self {
        Self {
            hide_title: false,
            paper_format: None,
            paper_orientation: None,
            expand_tables_to_show_all_rows: false,
            single_column_layout: false,
            pages: Vec::new(),
            show_filters: true,
            show_content_link: true,
            hide_hidden_fields: false,
            enable_formatting: false,
            override_row_limit: false,
            max_row_limit: None,
            filename: None,
        }
    }
}

/// Paper of a pdf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaperFormat {
    /// 842 × 1191 pt.
    A3,
    /// 595 × 842 pt.
    A4,
    /// 612 × 1008 pt.
    Legal,
    /// 612 × 792 pt.
    Letter,
    /// One sheet a dashboard page, sized to its content; orientation ignored.
    FitPage,
    /// 792 × 1224 pt.
    Tabloid,
}

impl PaperFormat {
    /// Every value, in the contract's order.
    pub const ALL: [Self; 6] = [Self::A3, Self::A4, Self::Legal, Self::Letter, Self::FitPage, Self::Tabloid];

    /// The wire value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::A3 => "a3",
            Self::A4 => "a4",
            Self::Legal => "legal",
            Self::Letter => "letter",
            Self::FitPage => "fit_page",
            Self::Tabloid => "tabloid",
        }
    }

    /// Width and height of the portrait sheet in points (V4); `None` for [`PaperFormat::FitPage`].
    #[must_use]
    pub fn portrait_points(self) -> Option<(u32, u32)> {
        match self {
            Self::A3 => Some((842, 1191)),
            Self::A4 => Some((595, 842)),
            Self::Legal => Some((612, 1008)),
            Self::Letter => Some((612, 792)),
            Self::FitPage => None,
            Self::Tabloid => Some((792, 1224)),
        }
    }
}

/// Orientation of a pdf's sheets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PaperOrientation {
    /// Taller than wide.
    Portrait,
    /// Wider than tall.
    Landscape,
}

impl PaperOrientation {
    /// Every value.
    pub const ALL: [Self; 2] = [Self::Portrait, Self::Landscape];

    /// The wire value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Portrait => "portrait",
            Self::Landscape => "landscape",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v3_filters_and_link_are_shown_unless_said_otherwise() {
        let options: OutputOptions = serde_json::from_str("{}").expect("an empty object is valid");
        assert!(options.show_filters && options.show_content_link && !options.hide_title);
    }
}
