//! What differs between engines, one file each.
//!
//! To add a warehouse: one row in `warehouses`, one variant of [`Dialect`], and one line in [`Dialect::rules`] and [`Dialect::name`]. An engine whose
//! predicates are of another form has a file of its own that implements [`Rules`], as the embedded engine and PostgreSQL do.

mod bound;
mod clock;
mod embedded;
mod postgres;
mod table;
mod warehouses;

use jiff::Timestamp;
use pressrun_domain::catalog::SourceSettings;
use serde::{Deserialize, Serialize};

use crate::filter::{DatePart, Order};
use crate::param::{Decimal, Param, Params};

pub use bound::Bound;
pub(crate) use clock::spot;
pub use embedded::{COMPARE, IN_PERIOD, IN_PERIODS, IS, LIKE_ANY, LOCAL_PART, NUMBER_IN, TEXT, TEXT_IN};

/// Which SQL is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// The embedded engine.
    Embedded,
    /// PostgreSQL and what speaks its wire.
    Postgres,
    /// ClickHouse.
    #[serde(rename = "clickhouse")]
    ClickHouse,
    /// DuckDB.
    #[serde(rename = "duckdb")]
    DuckDb,
    /// SQLite.
    Sqlite,
    /// MySQL, MariaDB and SingleStore.
    #[serde(rename = "mysql")]
    MySql,
    /// Snowflake.
    Snowflake,
    /// BigQuery.
    #[serde(rename = "bigquery")]
    BigQuery,
    /// Apache Spark.
    Spark,
    /// Databricks.
    Databricks,
    /// Trino.
    Trino,
    /// SQL Server.
    #[serde(rename = "mssql")]
    MsSql,
    /// Oracle.
    Oracle,
    /// Redshift by a driver of its own.
    Redshift,
    /// A Flight SQL server whose SQL is that of DataFusion.
    #[serde(rename = "flightsql")]
    FlightSql,
    /// What the standard says, for engines that nothing is known of.
    Ansi,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 15] = [
        Self::Embedded,
        Self::Postgres,
        Self::ClickHouse,
        Self::DuckDb,
        Self::Sqlite,
        Self::MySql,
        Self::Snowflake,
        Self::BigQuery,
        Self::Spark,
        Self::Databricks,
        Self::Trino,
        Self::MsSql,
        Self::Oracle,
        Self::Redshift,
        Self::FlightSql,
    ];

    /// Those whose predicates have a form of their own: a list of values is one value there.
    pub const OF_THEIR_OWN: [Self; 2] = [Self::Embedded, Self::Postgres];

    /// The SQL that a kind of source reads.
    #[must_use]
    pub fn of(source: &SourceSettings) -> Self {
        match source {
            SourceSettings::Files { .. } => Self::Embedded,
            SourceSettings::Postgres { .. } => Self::Postgres,
            SourceSettings::ClickHouse(_) => Self::ClickHouse,
            // The catalog takes no other names.
            SourceSettings::Adbc(settings) => Self::named(&settings.dialect).unwrap_or(Self::Ansi),
        }
    }

    /// The dialect that goes by `name`; further names of the same SQL count.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let name = match name {
            "mariadb" | "singlestore" => "mysql",
            "sqlserver" => "mssql",
            "postgresql" => "postgres",
            other => other,
        };
        Self::ALL.into_iter().chain([Self::Ansi]).find(|dialect| dialect.name() == name && *dialect != Self::Embedded)
    }

    /// Its stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Postgres => "postgres",
            Self::ClickHouse => "clickhouse",
            Self::DuckDb => "duckdb",
            Self::Sqlite => "sqlite",
            Self::MySql => "mysql",
            Self::Snowflake => "snowflake",
            Self::BigQuery => "bigquery",
            Self::Spark => "spark",
            Self::Databricks => "databricks",
            Self::Trino => "trino",
            Self::MsSql => "mssql",
            Self::Oracle => "oracle",
            Self::Redshift => "redshift",
            Self::FlightSql => "flightsql",
            Self::Ansi => "ansi",
        }
    }

    /// What is said to a session before its query: the query zone, and after how many milliseconds it is stopped.
    #[must_use]
    pub fn session(self, zone: &str, timeout_ms: u64) -> Vec<SessionStatement> {
        self.rules().session(zone, timeout_ms)
    }

    /// What a driver's session is told before the statements of its connection.
    #[must_use]
    pub fn opening(self, zone: &str, timeout_ms: u64) -> Vec<String> {
        let [opening, _] = self.rules().around_session();
        let seconds = timeout_ms.div_ceil(1000).max(1).to_string();
        // Names of zones are checked before; a quote ends no text all the same.
        let filled = |text: &&str| {
            text.replace("{zone}", &zone.replace('\'', "")).replace("{seconds}", &seconds).replace("{ms}", &timeout_ms.max(1).to_string())
        };
        opening.iter().map(filled).collect()
    }

    /// What it is told behind them.
    #[must_use]
    pub fn closing(self) -> Vec<String> {
        let [_, closing] = self.rules().around_session();
        closing.iter().map(|&text| text.to_owned()).collect()
    }

    /// Whether a driver has to prepare a statement before it takes values.
    #[must_use]
    pub fn prepares(self) -> bool {
        self.rules().prepares()
    }

    /// A query for what is known of a server: `version`, and where it can be asked `zone` and `read_only`, in one row.
    #[must_use]
    pub fn asks_server(self) -> &'static str {
        self.rules().asks_server()
    }

    /// The placeholder of the first value.
    #[must_use]
    pub fn first_placeholder(self) -> String {
        self.rules().placeholder(1, &Param::Text(String::new()))
    }

    pub(crate) fn rules(self) -> &'static dyn Rules {
        match self {
            Self::Embedded => &embedded::Embedded,
            Self::Postgres => &postgres::Postgres,
            Self::ClickHouse => &warehouses::CLICKHOUSE,
            Self::DuckDb => &warehouses::DUCKDB,
            Self::Sqlite => &warehouses::SQLITE,
            Self::MySql => &warehouses::MYSQL,
            Self::Snowflake => &warehouses::SNOWFLAKE,
            Self::BigQuery => &warehouses::BIGQUERY,
            Self::Spark => &warehouses::SPARK,
            Self::Databricks => &warehouses::DATABRICKS,
            Self::Trino => &warehouses::TRINO,
            Self::MsSql => &warehouses::MSSQL,
            Self::Oracle => &warehouses::ORACLE,
            Self::Redshift => &warehouses::REDSHIFT,
            Self::FlightSql => &warehouses::FLIGHT_SQL,
            Self::Ansi => &warehouses::ANSI,
        }
    }
}

/// How one engine says what our predicates and tiles need. `e` is always an SQL expression of the tile's author, which has to
/// be put in parentheses; values reach SQL through [`Params`] only.
pub(crate) trait Rules: Sync {
    /// How its text is split into words and signs, and parsed.
    fn lexer(&self) -> &'static dyn sqlparser::dialect::Dialect;

    /// Whether our parser is the engine's own: then SQL that it does not read is wrong. Otherwise the engine has the last word.
    fn parses_as_the_engine(&self) -> bool {
        false
    }

    /// Whether the engine plans in recursion that deep SQL would exhaust.
    fn plans_recursively(&self) -> bool {
        false
    }

    /// The placeholder of the value `number`, from 1.
    fn placeholder(&self, number: usize, param: &Param) -> String {
        let _ = param;
        format!("${number}")
    }

    /// Whether a placeholder may stand in several places; otherwise its value is sent once for each.
    fn placeholders_repeat(&self) -> bool {
        true
    }

    /// A placeholder for a value of this type, with the cast that makes the engine take it for one.
    fn typed(&self, placeholder: &str, param: &Param) -> String;

    /// Always or never.
    fn truth(&self, holds: bool) -> &'static str {
        if holds { "true" } else { "false" }
    }

    /// Null as a truth value: neither it nor its complement keeps a row.
    fn unknown(&self) -> &'static str {
        "cast(null as boolean)"
    }

    /// The complement: every row for which `condition` is false or null.
    fn is_not_true(&self, condition: &str) -> String {
        format!("({condition}) is not true")
    }

    /// Is true, or is false; null is neither.
    fn is(&self, e: &str, holds: bool) -> String {
        format!("({e}) is {holds}")
    }

    /// The expression as text, whatever its type.
    fn text(&self, e: &str) -> String;

    /// Text without regard to case.
    fn lower(&self, text: &str) -> String {
        format!("lower({text})")
    }

    /// Null or without characters.
    fn empty(&self, e: &str) -> String {
        format!("coalesce({}, '') = ''", self.text(e))
    }

    /// Is one of `values`, of which there is at least one.
    fn text_in(&self, e: &str, values: &[String], ignore_case: bool, params: &mut Params) -> String;

    /// Matches one of `patterns`, of which there is at least one: `%`, `_`, and `\` before either.
    fn like_any(&self, e: &str, patterns: &[String], ignore_case: bool, params: &mut Params) -> String;

    /// Is one of `values`, of which there is at least one. A column of floats of 32 bits is compared in 32 bits.
    fn number_in(&self, e: &str, values: &[Decimal], params: &mut Params) -> String;

    /// Stands in `order` to `value`; NaN is above all numbers.
    fn compare(&self, e: &str, order: Order, value: Decimal, params: &mut Params) -> String;

    /// Lies in a half-open period, UTC, open where a bound is missing.
    fn in_period(&self, e: &str, start: Option<Timestamp>, end: Option<Timestamp>, params: &mut Params) -> String;

    /// Lies in one of many half-open periods that are sorted and do not touch.
    fn in_periods(&self, e: &str, periods: &[(Timestamp, Timestamp)], params: &mut Params) -> String;

    /// A part of the local date or time is one of `values`, of which there is at least one.
    fn part_in(&self, e: &str, part: DatePart, values: &[i64], params: &mut Params) -> String;

    /// What is said to a session before its query; nothing where the engine is told in another way.
    fn session(&self, _zone: &str, _timeout_ms: u64) -> Vec<SessionStatement> {
        Vec::new()
    }

    /// How the text of an instant is written for a placeholder.
    fn instants(&self) -> bound::Instants {
        bound::Instants::Rfc3339
    }

    /// Statements for a driver's session, before those of the connection and behind them; `{zone}`, `{seconds}` and `{ms}` stand for the query zone and the
    /// time that the query has.
    fn around_session(&self) -> [&'static [&'static str]; 2] {
        [&[], &[]]
    }

    /// Whether a driver has to prepare a statement before it takes values.
    fn prepares(&self) -> bool {
        false
    }

    /// A query for what is known of a server: `version`, `zone` and `read_only`, in one row.
    fn asks_server(&self) -> &'static str {
        "select 1 as version"
    }

    /// How a query is asked for its columns only.
    fn described(&self) -> Described {
        Described::Limit
    }

    /// The words that read the server's clock; none where the engine's clock is set to the run's instant (Q5).
    fn clock_words(&self) -> &'static [ClockWord] {
        &[]
    }
}

/// How a query is asked for its columns only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Described {
    /// Around it, `limit 0`.
    Limit,
    /// Around it, a condition that no row meets.
    WhereFalse,
    /// Not at all: it runs, and no row is read. Where a query inside of another may not be ordered.
    AsItIs,
}

/// A statement that prepares a session, and the texts bound to its placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionStatement {
    /// With placeholders of its dialect.
    pub sql: &'static str,
    /// Their values.
    pub values: Vec<String>,
}

/// A word of SQL that reads the server's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClockWord {
    /// In lower case.
    pub(crate) word: &'static str,
    /// How it is written.
    pub(crate) form: ClockForm,
    /// What stands for it; `{at}` is the run's instant, `{day}` its day in the query zone.
    pub(crate) means: &'static str,
}

/// How a word of the clock is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClockForm {
    /// `now()`, also as a quoted name or with its schema.
    Call,
    /// `current_date`.
    Word,
    /// `current_timestamp` or `current_timestamp(3)`.
    WordWithPrecision,
    /// `current_date` or `current_date()`.
    WordOrCall,
    /// `age(x)`, whose second argument is the present day; with two it reads no clock.
    OneArgument,
    /// `'today'::date`, `date 'today'`, `cast('today' as date)`.
    Literal,
    /// `date('now')`.
    Argument,
}

/// `parts` joined by `word` as a tree of little depth: a chain of thousands nests too deeply for a recursive planner.
pub(crate) fn balanced(parts: &[String], word: &str) -> String {
    // A short chain reads better and costs nothing.
    const CHAIN: usize = 16;
    if parts.len() <= CHAIN {
        return parts.join(word);
    }
    let middle = parts.len() / 2;
    format!("({}){word}({})", balanced(&parts[..middle], word), balanced(&parts[middle..], word))
}

/// The quarter, 1 to 4, of a fiscal year that begins in month `start`.
fn fiscal_quarter(month: &str, start: i8) -> String {
    format!("((({month} + 12 - {start}) % 12) / 3 + 1)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b10_a_long_chain_becomes_a_flat_tree() {
        let parts: Vec<String> = (0..10_000).map(|n| n.to_string()).collect();
        let text = balanced(&parts, " or ");
        let deepest = text
            .chars()
            .scan(0_i32, |depth, c| {
                *depth += i32::from(c == '(') - i32::from(c == ')');
                Some(*depth)
            })
            .max();
        assert!(deepest.is_some_and(|deepest| deepest <= 12), "{deepest:?}");
        assert_eq!(text.matches(" or ").count(), 9_999);
        assert_eq!(balanced(&parts[..3], " or "), "0 or 1 or 2");
    }

    #[test]
    fn names_of_dialects_are_those_of_the_wire() {
        for dialect in Dialect::ALL.into_iter().chain([Dialect::Ansi]) {
            assert_eq!(serde_json::to_value(dialect).ok(), Some(serde_json::json!(dialect.name())));
            assert_eq!(Dialect::named(dialect.name()), Some(dialect).filter(|dialect| *dialect != Dialect::Embedded));
        }
        assert_eq!(["mariadb", "sqlserver", "db2"].map(Dialect::named), [Some(Dialect::MySql), Some(Dialect::MsSql), None]);
    }
}
