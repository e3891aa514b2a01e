//! What stands around and over the data of a chart: axes, a legend, lines, bands and words.

use serde::{Deserialize, Serialize};

use super::Finite;
use crate::catalog::Aggregate;

/// Which value axis something is measured on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The one on the left, of the first measure.
    Left,
    /// The second one.
    Right,
}

/// The axes of a chart, as far as its author settles them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Axes {
    /// That of the channel `x`.
    pub x: Axis,
    /// That of the channel `y`.
    pub y: Axis,
    /// The second axis of values.
    pub right: Axis,
}

/// One axis; what is not said is chosen.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Axis {
    /// Its name: `None` the one that is chosen, `Some("")` none.
    pub title: Option<String>,
    /// Where it begins.
    pub min: Option<Finite>,
    /// Where it ends.
    pub max: Option<Finite>,
    /// Whether zero belongs to it; `None` decides by how near the values are.
    pub zero: Option<bool>,
}

/// A straight line through the whole plot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Where it stands.
    pub at: RuleAt,
    /// The axis that a value is one of; `None` is the axis of its column, or the one on the left.
    pub side: Option<Side>,
    /// What it is; `None` is the name of its column.
    pub label: Option<String>,
}

/// Where a line stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleAt {
    /// At a value.
    Value(Finite),
    /// At what a column's rows come to.
    Column {
        /// The column.
        name: String,
        /// What they come to.
        aggregate: Aggregate,
    },
    /// At a place of the other axis: a date, a number or a name.
    Place(String),
}

/// A shaded stretch of an axis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Band {
    /// From where to where.
    pub across: Across,
    /// The axis that its values are of; `None` is the one on the left.
    pub side: Option<Side>,
    /// What it is.
    pub label: Option<String>,
}

/// From where to where a band is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Across {
    /// Between two values.
    Values(Finite, Finite),
    /// Between two places, both included.
    Places(String, String),
}

/// Words at a point of the data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotation {
    /// The place.
    pub x: String,
    /// The value; `None` is that of the first series.
    pub y: Option<Finite>,
    /// What is said.
    pub text: String,
}

/// The order of places that are names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    /// By name.
    Name(Order),
    /// By what stands at the place, all series together.
    Size(Order),
    /// As listed; all others follow as they come.
    Listed(Vec<String>),
}

/// Which end comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// The least first.
    Ascending,
    /// The greatest first.
    Descending,
}

/// Where the names of series stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Legend {
    /// Above the plot.
    Top,
    /// On its right.
    Right,
    /// Below it.
    Bottom,
    /// Nowhere: the author names them otherwise.
    None,
}
