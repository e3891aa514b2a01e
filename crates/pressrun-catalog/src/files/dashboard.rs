//! `dashboards/*.yaml`: one document each.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{ChartFile, Entries, Expression, Field, NumberOrColumn, OneOrMany};

/// One document, usually a dashboard.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["identifier", "name"], "patternProperties" = { "^x-": {} }))]
pub struct DashboardFile {
    /// What the API calls `identifier`; unique. Letters, digits, `-` and `_`, 1 to 64 of them.
    pub identifier: Field<String>,
    /// Display name.
    pub name: Field<String>,
    /// What it shows, in a sentence.
    pub description: Field<String>,
    /// False for an analysis draft, which cannot be scheduled. Default true.
    pub saved: Field<bool>,
    /// False for a document without a dashboard, which has no tiles. Default true.
    pub dashboard: Field<bool>,
    /// Name of a connection, where the SQL runs. May be left out when there is only one.
    pub connection: Field<String>,
    /// IANA time zone of queries; never the zone in which schedules fire. Default: the connection's.
    pub timezone: Field<String>,
    /// Month, 1 to 12, in which fiscal years begin. Default: the organization's.
    #[schemars(range(min = 1, max = 12))]
    pub fiscal_year_start: Field<u16>,
    /// Who may view it. Default: every member.
    pub access: Field<AccessFile>,
    /// Filters by key, in the order shown.
    pub filters: Field<Entries<FilterFile>>,
    /// Controls by key, in the order shown after the filters: field switchers, time frames, top-N. Schedules set them like filters.
    pub controls: Field<Entries<ControlFile>>,
    /// Names of pages. Default: one unnamed page.
    pub pages: Field<Vec<Field<String>>>,
    /// Tiles by key.
    pub tiles: Field<Entries<TileFile>>,
}

/// Who may view a document.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccessFile {
    /// Names of groups whose members may view it, beside admins.
    pub groups: Field<Vec<Field<String>>>,
    /// False: no schedule may be made for it or changed, only paused, resumed, narrowed and deleted. Default true.
    pub schedules: Field<bool>,
}

/// A dashboard filter.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["type"]))]
pub struct FilterFile {
    /// Shown to people. Default: the key in words.
    pub label: Field<String>,
    /// Type of value it filters.
    #[serde(rename = "type")]
    pub kind: Field<FilterKindWord>,
    /// Filter expression in force unless a schedule overrides it (docs/filters.md): a word such as `last 90 days`, a list of values, or an
    /// object such as `{ kind: EQUALS, values: [US] }`. Default: no restriction.
    pub default: Field<Expression>,
    /// Applied but never shown. Default false.
    pub hidden: Field<bool>,
}

/// A choice among pieces of SQL, which tiles use as `{{ control('key') }}`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["options"]))]
pub struct ControlFile {
    /// Shown to people. Default: the key in words.
    pub label: Field<String>,
    /// What it can be set to, by value, in the order shown.
    pub options: Field<Entries<OptionFile>>,
    /// Value in force unless a schedule overrides it. Default: the first option.
    pub default: Field<String>,
    /// In force but never shown. Default false.
    pub hidden: Field<bool>,
}

/// One thing that a control can be set to.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["sql"]))]
pub struct OptionFile {
    /// What stands in the SQL of tiles: a column, an expression, a number.
    pub sql: Field<String>,
    /// Shown to people. Default: the value in words.
    pub label: Field<String>,
}

/// Types of filter values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FilterKindWord {
    /// Text.
    String,
    /// Numbers.
    Number,
    /// Dates and instants.
    Date,
    /// True or false.
    Boolean,
}

/// One tile: a query or a text.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TileFile {
    /// Title, literal text. Default: the key in words; none for a text tile.
    pub title: Field<String>,
    /// Smaller text under the title.
    pub subtitle: Field<String>,
    /// SQL with `{{ filter('key', 'expression') }}`, `{{ user_attribute('name', 'expression') }}` and `{{ control('key') }}`.
    pub sql: Field<String>,
    /// Filters that this tile applies differently: `false` leaves one out, a text is the SQL expression to use instead.
    pub filters: Field<Entries<serde_json::Value>>,
    /// Text in Markdown; instead of `sql`.
    pub markdown: Field<String>,
    /// Most rows, 1 to 1,000,000. Default 1,000.
    pub limit: Field<u32>,
    /// How result columns are shown, by column name.
    pub fields: Field<Entries<FieldFile>>,
    /// How the rows are drawn. Default: as a table.
    pub chart: Field<ChartFile>,
    /// Where the tile stands. May be left out when it is hidden.
    pub at: Field<GridFile>,
    /// Name of the page it stands on. Default: the first.
    pub page: Field<String>,
    /// Not drawn and in no file, but may be watched by an alert. Default false.
    pub hidden: Field<bool>,
}

/// How a result column is shown.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FieldFile {
    /// Header text. Default: the column name in words.
    pub label: Field<String>,
    /// Number format, a spreadsheet's (`$#,##0.00`, `0.0%`) or d3's (`$,.2f`, `.1%`), or date pattern (`MMM yyyy`).
    pub format: Field<String>,
    /// Left out of pages, and of files that hide hidden fields. Default false.
    pub hidden: Field<bool>,
    /// What several values come to, in totals, in "All other" and where rows of one place are drawn as one: `sum`, `avg`, `min`,
    /// `max`, `count`, `last` or `none`. Default `none` for shares (`0%`), years and identifiers, `sum` for other numbers.
    pub aggregate: Field<AggregateWord>,
    /// Colours of values of this column, as `US: "#1a73e8"`. Others have colours of the palette that follow from their names.
    pub colors: Field<Entries<String>>,
    /// What a value is to its reader, in tables and KPIs: the first of these that it meets decides its colour and its mark.
    pub when: Field<Vec<Field<ConditionFile>>>,
}

/// A test of a value, and what it is when it meets it. All that is said must hold.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["show"]))]
pub struct ConditionFile {
    /// Greater than a number, or than the number of another column of the row.
    pub above: Field<NumberOrColumn>,
    /// As great as it, or greater.
    pub from: Field<NumberOrColumn>,
    /// Less than it.
    pub below: Field<NumberOrColumn>,
    /// As great as it, or less.
    pub to: Field<NumberOrColumn>,
    /// One of these texts.
    pub is: Field<OneOrMany>,
    /// `true`: without a value; `false`: with one.
    pub empty: Field<bool>,
    /// What it is then.
    pub show: Field<ToneWord>,
}

/// What a value is to its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ToneWord {
    /// As it should be.
    Good,
    /// Worth a look.
    Warning,
    /// Not as it should be.
    Bad,
}

/// What several values come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AggregateWord {
    /// Added up.
    Sum,
    /// Their mean.
    Avg,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// How many there are.
    Count,
    /// That of the last row.
    Last,
    /// Nothing: no one number stands for several.
    None,
}

/// Cells of a grid of 24 columns.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["x", "y", "w", "h"]))]
pub struct GridFile {
    /// Left edge, 0 to 23.
    #[schemars(range(max = 23))]
    pub x: Field<u16>,
    /// Top edge, from 0.
    pub y: Field<u16>,
    /// Width in columns, 1 to 24.
    #[schemars(range(min = 1, max = 24))]
    pub w: Field<u16>,
    /// Height in rows, at least 1.
    #[schemars(range(min = 1))]
    pub h: Field<u16>,
}
