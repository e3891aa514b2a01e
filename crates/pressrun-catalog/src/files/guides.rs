//! What stands around and over the data of a chart.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use super::{AggregateWord, Field};

/// A measure drawn by a mark of its own, over the places of its chart.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["mark", "y"]))]
pub struct LayerFile {
    /// What is drawn.
    pub mark: Field<LayerMarkWord>,
    /// Column of the measure.
    pub y: Field<String>,
    /// Its axis. Default: the right one where the unit of its format is not that of the chart's first measure.
    pub axis: Field<SideWord>,
    /// Lines: points are marked. Default false.
    pub point: Field<bool>,
}

/// What draws a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LayerMarkWord {
    /// A line.
    Line,
    /// A tinted area under a line.
    Area,
    /// Points.
    Point,
}

/// A value axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SideWord {
    /// The first one.
    Left,
    /// The second one.
    Right,
}

/// A straight line through the plot, at a value or at a place.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RuleFile {
    /// A value, or a column: its rows come to one as `aggregate` says. The axis of values, also where bars lie.
    pub y: Field<NumberOrColumn>,
    /// A place instead: a date such as `2026-03-15`, a number or a name.
    pub x: Field<String>,
    /// What the rows of a column come to. Default `avg`.
    pub aggregate: Field<AggregateWord>,
    /// The axis of the value. Default: that of the column, else `left`.
    pub axis: Field<SideWord>,
    /// What it is. Default: the label of the column.
    pub label: Field<String>,
}

/// A shaded stretch between two values or two places.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BandFile {
    /// Two values.
    pub y: Field<Vec<Field<f64>>>,
    /// Two places instead, both included.
    pub x: Field<Vec<Field<String>>>,
    /// The axis of the values. Default `left`.
    pub axis: Field<SideWord>,
    /// What it is.
    pub label: Field<String>,
}

/// Words at a point of the data.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["x", "text"]))]
pub struct AnnotationFile {
    /// The place: a date, a number or a name.
    pub x: Field<String>,
    /// The value. Default: that of the first series at the place.
    pub y: Field<f64>,
    /// What is said.
    pub text: Field<String>,
}

/// The axes of a chart.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AxesFile {
    /// That of the places.
    pub x: Field<PlaceAxisFile>,
    /// That of the values, also where bars lie.
    pub y: Field<AxisFile>,
    /// The second one of values.
    pub right: Field<AxisFile>,
}

/// The axis of places.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PlaceAxisFile {
    /// Its name. Default: none, and the label of the column in scatter plots; `""` is none.
    pub title: Field<String>,
}

/// An axis of values.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AxisFile {
    /// Its name. Default: the label of the measure where the series do not say it; `""` is none.
    pub title: Field<String>,
    /// Where it begins. Bars and areas stand on zero, so theirs begins at it or below. Default: a round number below the values.
    pub min: Field<f64>,
    /// Where it ends. Values beyond are counted in a note. Default: a round number above the values.
    pub max: Field<f64>,
    /// Lines and points: whether zero belongs to it. Default: unless all values are far from it.
    pub zero: Field<bool>,
}

/// Where the names of series stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LegendWord {
    /// Above the plot.
    Top,
    /// On its right.
    Right,
    /// Below it.
    Bottom,
    /// Nowhere.
    None,
}

/// `y: 100` or `y: target`.
#[derive(Debug, Clone, PartialEq)]
pub enum NumberOrColumn {
    /// A number.
    Number(f64),
    /// The name of a column.
    Column(String),
}

impl<'de> Deserialize<'de> for NumberOrColumn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either)
    }
}

struct Either;

impl Visitor<'_> for Either {
    type Value = NumberOrColumn;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or the name of a column")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<NumberOrColumn, E> {
        Ok(NumberOrColumn::Column(text.to_owned()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<NumberOrColumn, E> {
        Ok(NumberOrColumn::Number(number as f64))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<NumberOrColumn, E> {
        Ok(NumberOrColumn::Number(number))
    }
}

impl JsonSchema for NumberOrColumn {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "NumberOrColumn".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "oneOf": [{ "type": "number" }, { "type": "string" }] })
    }
}
