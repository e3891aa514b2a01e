//! `chart:` of a tile, in Vega-Lite's words.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;

use super::guides::{AnnotationFile, AxesFile, BandFile, LayerFile, LegendWord, NumberOrColumn, RuleFile};
use super::{Field, OneOrMany};

/// How the rows of a tile are drawn. Channels name result columns.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["mark"]))]
pub struct ChartFile {
    /// What is drawn.
    pub mark: Field<MarkWord>,
    /// Column on the horizontal axis (category or time); slices of a pie; columns of a heatmap; when the rows of a KPI were.
    pub x: Field<String>,
    /// Column on the vertical axis, or a list: one series each, on a second axis where the unit of its format is another one. Size of a
    /// pie's slices; rows of a heatmap.
    pub y: Field<OneOrMany>,
    /// Column whose values make the series; the heat of a heatmap.
    pub color: Field<String>,
    /// Column that sizes points.
    pub size: Field<String>,
    /// `true` or `zero` (one on another), `normalize` (to 100 %), `none`. Default `zero` for areas of one measure, else `none`.
    pub stack: Field<StackWord>,
    /// Which way bars grow. Default: by the columns' types.
    pub orient: Field<OrientWord>,
    /// Scale of the value axis. Default `linear`.
    pub scale: Field<ScaleWord>,
    /// Column that a KPI shows: a number, a text, a date or a time.
    pub value: Field<String>,
    /// What a KPI compares with: `previous` (the row before) or a column.
    pub compare: Field<String>,
    /// KPI: how many rows back `previous` is, 1 to 1,000: with a row a month, 12 is the year before. Default 1.
    #[schemars(range(min = 1, max = 1000))]
    pub back: Field<u16>,
    /// KPI: what its number should be, a number or a column: a bar shows how far it is.
    pub goal: Field<NumberOrColumn>,
    /// Column drawn as a sparkline under a KPI.
    pub sparkline: Field<String>,
    /// KPI: a fall is good news. Default false.
    pub lower_is_better: Field<bool>,
    /// Table columns with a bar behind the number.
    pub bars: Field<OneOrMany>,
    /// Table columns with a heat background.
    pub heat: Field<OneOrMany>,
    /// Table: a last row with totals. Default false.
    pub totals: Field<bool>,
    /// Pie: the hole's share of the radius in per cent, 0 to 90. Default 0; 60 for a donut.
    #[schemars(range(max = 90))]
    pub inner_radius: Field<u8>,
    /// Most series with a colour of their own, 1 to 20; the rest become "All other". Default 8.
    #[schemars(range(min = 1, max = 20))]
    pub max_series: Field<u8>,
    /// Lines: points are marked. Default false.
    pub point: Field<bool>,
    /// More measures over the same places, each drawn by a mark of its own over bars, lines or areas.
    pub layers: Field<Vec<Field<LayerFile>>>,
    /// Straight lines: targets, averages, events.
    pub rules: Field<Vec<Field<RuleFile>>>,
    /// Shaded stretches: goals, seasons.
    pub bands: Field<Vec<Field<BandFile>>>,
    /// Words at points of the data.
    pub annotations: Field<Vec<Field<AnnotationFile>>>,
    /// Names and ends of the axes.
    pub axes: Field<AxesFile>,
    /// Order of places that are names: `x` or `-x` (by name), `y` or `-y` (by what stands there, `-y` the largest first), or a list of
    /// names. Default: that of the rows.
    pub sort: Field<OneOrMany>,
    /// Most places that are names, 1 to 1,000: the largest. The rest become "All other" where the field's `aggregate` has a number for
    /// several, and are named in a note where not. Default: all.
    #[schemars(range(min = 1, max = 1000))]
    pub top: Field<u16>,
    /// Where the names of series stand. Default: where they fit best.
    pub legend: Field<LegendWord>,
    /// Numbers at bars and points of lines: `true` wherever one has room, `false` nowhere. Default: at bars that all have room.
    pub labels: Field<bool>,
}

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MarkWord {
    /// One number.
    Kpi,
    /// Rows.
    Table,
    /// Bars, lying or standing by the columns' types.
    Bar,
    /// Standing bars.
    Column,
    /// One line a series.
    Line,
    /// Filled areas.
    Area,
    /// A scatter plot.
    Point,
    /// A pie.
    Pie,
    /// A pie with a hole.
    Donut,
    /// Cells coloured by value.
    Heatmap,
}

/// How series share a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum StackWord {
    /// One on another, from zero.
    #[serde(rename = "true")]
    True,
    /// Side by side.
    #[serde(rename = "false")]
    False,
    /// One on another, from zero.
    #[serde(rename = "zero")]
    Zero,
    /// Filling 100 %.
    #[serde(rename = "normalize")]
    Normalize,
    /// Side by side.
    #[serde(rename = "none")]
    None,
}

impl JsonSchema for StackWord {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Stack".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "enum": [true, false, "zero", "normalize", "none"] })
    }
}

/// Which way bars grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OrientWord {
    /// Standing.
    Vertical,
    /// Lying.
    Horizontal,
}

/// Scale of the value axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ScaleWord {
    /// Equal steps.
    Linear,
    /// Powers of ten.
    Log,
}
