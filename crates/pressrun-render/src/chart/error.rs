//! Why a chart cannot be drawn.

/// A chart asks for something its rows do not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChartError {
    /// A channel names a column that the result does not have.
    #[error("the result has no column \"{name}\"; it has: {}", .available.join(", "))]
    UnknownColumn {
        /// The name in the chart.
        name: String,
        /// The result's columns.
        available: Vec<String>,
    },
    /// A channel that needs numbers names a column of something else.
    #[error("column \"{column}\" does not hold numbers, which {channel} needs")]
    NotANumber {
        /// The column.
        column: String,
        /// The channel.
        channel: &'static str,
    },
    /// The mark cannot do without this channel.
    #[error("a {mark} chart needs `{channel}`")]
    MissingChannel {
        /// The mark.
        mark: &'static str,
        /// The channel.
        channel: &'static str,
    },
    /// More units than a chart has axes.
    #[error("{} are measured in more than two units, and a chart has two axes; draw them in tiles of their own", .measures.join(", "))]
    Units {
        /// What is measured.
        measures: Vec<String>,
    },
    /// Two units where the drawing has one axis.
    #[error("{} are measured in different units, which {drawing} cannot show; draw them in tiles of their own", .measures.join(", "))]
    OneAxis {
        /// What is measured.
        measures: Vec<String>,
        /// What has only one axis.
        drawing: &'static str,
    },
    /// An order or a number of names where there are dates.
    #[error("{column} holds dates, which run from left to right; `sort` and `top` are for names")]
    NoNames {
        /// The column.
        column: String,
    },
    /// Layers stand over standing bars.
    #[error("these bars lie, and layers stand over standing ones; write `mark: column`")]
    Lying,
    /// Tables are laid out as tables, not drawn.
    #[error("a table is not drawn as a chart")]
    Table,
}
