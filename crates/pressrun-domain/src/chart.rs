//! How a tile draws its rows, in Vega-Lite's words.

mod finite;
mod guides;

use serde::{Deserialize, Serialize};

use crate::tone::Bound;

pub use self::finite::{Finite, NotFinite};
pub use self::guides::{Across, Annotation, Axes, Axis, Band, Legend, Order, Rule, RuleAt, Side, Sort};

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
    /// How many rows back [`Compare::Previous`] is.
    #[serde(default = "one")]
    pub back: u16,
    /// What the number of a KPI should be.
    #[serde(default)]
    pub goal: Option<Bound>,
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
    /// More measures over the same places, drawn over the others.
    #[serde(default)]
    pub layers: Vec<Layer>,
    /// Straight lines: targets, averages, events.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// Shaded stretches: goals, seasons.
    #[serde(default)]
    pub bands: Vec<Band>,
    /// Words at points of the data.
    #[serde(default)]
    pub annotations: Vec<Annotation>,
    /// What the author says of the axes.
    #[serde(default)]
    pub axes: Axes,
    /// The order of places that are names; `None` is that of the rows.
    #[serde(default)]
    pub sort: Option<Sort>,
    /// Most places that are names; the rest become "All other".
    #[serde(default)]
    pub top: Option<u16>,
    /// Where the names of series stand; `None` is where they fit best.
    #[serde(default)]
    pub legend: Option<Legend>,
    /// Whether values are written at what shows them; `None` is where they have room.
    #[serde(default)]
    pub labels: Option<bool>,
}

/// A measure drawn by a mark of its own, over the places of the chart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// [`Mark::Line`], [`Mark::Area`] or [`Mark::Point`].
    pub mark: Mark,
    /// The column of the measure.
    pub y: String,
    /// Its axis; `None` is the right one where its unit is not that of the first measure.
    pub side: Option<Side>,
    /// Points are marked on its line.
    pub point: bool,
}

fn one() -> u16 {
    1
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
            back: 1,
            goal: None,
            sparkline: None,
            lower_is_better: false,
            bars: Vec::new(),
            heat: Vec::new(),
            totals: false,
            inner_radius: 0,
            max_series: 8,
            point: false,
            layers: Vec::new(),
            rules: Vec::new(),
            bands: Vec::new(),
            annotations: Vec::new(),
            axes: Axes::default(),
            sort: None,
            top: None,
            legend: None,
            labels: None,
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
    /// The row before, or as many rows before as [`Chart::back`] says: the number is the last row's.
    Previous,
    /// Another column of the same row.
    Column(String),
}
