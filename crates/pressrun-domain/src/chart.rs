//! How a tile draws its rows, in Vega-Lite's words.

use serde::{Deserialize, Serialize};

/// A tile's drawing: which columns go to which channel of which mark.
///
/// Column names are those of the tile's result, exactly as the SQL returns them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chart {
    /// What is drawn.
    pub mark: Mark,
    /// Column on the horizontal axis (category or time); slices of a pie; columns of a heatmap.
    pub x: Option<String>,
    /// Columns on the vertical axis; more than one draws one series a column. For a heatmap: its rows.
    pub y: Vec<String>,
    /// Column whose values make the series (or the heat of a heatmap, or the slice of a pie when `x` is absent).
    pub color: Option<String>,
    /// Column that sizes points.
    pub size: Option<String>,
    /// How series of bars and areas share a place.
    pub stack: Stack,
    /// Which way bars grow; `None` decides by the columns' types.
    pub orient: Option<Orient>,
    /// Scale of the value axis.
    pub scale: Scale,
    /// Column of the number a KPI shows.
    pub value: Option<String>,
    /// What a KPI compares its number with.
    pub compare: Option<Compare>,
    /// Column drawn as a sparkline under a KPI's number.
    pub sparkline: Option<String>,
    /// KPI: a fall is good news (refunds, latency), so colours of the comparison swap.
    pub lower_is_better: bool,
    /// Table columns drawn with a bar behind the number.
    pub bars: Vec<String>,
    /// Table columns with a heat background.
    pub heat: Vec<String>,
    /// Table: a last row with totals of the number columns.
    pub totals: bool,
    /// Pie: the hole's share of the radius in per cent (0 is a pie, 60 a donut).
    pub inner_radius: u8,
    /// Most series drawn with a colour of their own; the rest become "All other". Default 8.
    pub max_series: u8,
    /// Points are marked on lines.
    pub point: bool,
}

impl Chart {
    /// A chart of `mark` with every channel empty and the defaults of the catalog.
    #[must_use]
    pub fn new(mark: Mark) -> Self {
        Self {
            mark,
            x: None,
            y: Vec::new(),
            color: None,
            size: None,
            stack: Stack::None,
            orient: None,
            scale: Scale::Linear,
            value: None,
            compare: None,
            sparkline: None,
            lower_is_better: false,
            bars: Vec::new(),
            heat: Vec::new(),
            totals: false,
            inner_radius: 0,
            max_series: 8,
            point: false,
        }
    }
}

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// One number with a comparison and a sparkline.
    Kpi,
    /// The rows as a table.
    Table,
    /// Bars; vertical over time and categories unless `orient` says otherwise.
    Bar,
    /// One line a series.
    Line,
    /// Filled areas.
    Area,
    /// A scatter plot.
    Point,
    /// A pie, or a donut with `inner_radius`.
    Pie,
    /// Cells coloured by value.
    Heatmap,
}

/// How series share a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stack {
    /// Side by side (bars) or over one another (areas, lines).
    #[default]
    None,
    /// One on another, from zero.
    Zero,
    /// One on another, filling 100 %.
    Normalize,
}

/// Which way bars grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Orient {
    /// Bars stand (columns).
    Vertical,
    /// Bars lie.
    Horizontal,
}

/// Scale of the value axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// Equal steps.
    #[default]
    Linear,
    /// Powers of ten; values of zero and below are not drawn, and the chart says how many.
    Log,
}

/// What a KPI compares its number with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compare {
    /// The row before: the number is the last row's, the comparison the last but one's.
    Previous,
    /// Another column of the same row.
    Column(String),
}
