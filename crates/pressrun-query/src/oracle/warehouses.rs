//! The oracle and warehouses keep the same rows, as far as their types go.

use jiff::tz::TimeZone;
use pressrun_domain::catalog::FilterKind;
use pressrun_sql::{CompiledQuery, Dialect};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::Cell;
use super::agree::{Case, config, runtime};
use super::generate::cells;
use crate::QueryLimits;
use crate::source::adbc::AdbcSource;
use crate::source::clickhouse::ClickHouseSource;
use crate::source::{Collected, Source};
use crate::testing::clickhouse::ClickHouse;
use crate::testing::engines;
use crate::testing::rows as shown;

/// A value as an engine's SQL writes it, and the type of its column.
fn written(dialect: Dialect, cell: &Cell) -> (Option<String>, &'static str) {
    let escaped = |text: &str| match dialect {
        Dialect::ClickHouse => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
        _ => format!("'{}'", text.replace('\'', "''")),
    };
    let kind = |clickhouse: &'static str, others: &'static str| if dialect == Dialect::ClickHouse { clickhouse } else { others };
    match cell {
        Cell::Text(value) => (value.as_deref().map(escaped), kind("String", "text")),
        Cell::Integer(value) => (value.map(|v| v.to_string()), kind("Int64", "bigint")),
        Cell::Float(value) if dialect == Dialect::Sqlite => (value.map(|v| v.to_string().replace("inf", "9e999")), "real"),
        Cell::Float(value) => (value.map(|v| escaped(&v.to_string())), kind("Float64", "double")),
        Cell::Single(value) => (value.map(|v| escaped(&v.to_string())), kind("Float32", "real")),
        Cell::Decimal(value) => {
            let text = value.map(|v| format!("'{}{}.{:04}'", if v < 0 { "-" } else { "" }, v.abs() / 10_000, v.abs() % 10_000));
            (text, kind("Decimal(20, 4)", "decimal(20, 4)"))
        }
        Cell::Boolean(value) => (value.map(|v| v.to_string()), kind("Bool", "boolean")),
        Cell::Instant(value) if dialect == Dialect::Sqlite => (value.map(|v| escaped(&v.to_string())), "text"),
        Cell::Wall(value) if dialect == Dialect::Sqlite => (value.map(|v| escaped(&v.to_string())), "text"),
        Cell::Day(value) if dialect == Dialect::Sqlite => (value.map(|v| escaped(&v.to_string())), "text"),
        Cell::Instant(value) if dialect == Dialect::ClickHouse => {
            let utc = value.map(|at| at.to_zoned_datetime(TimeZone::UTC).strftime("'%Y-%m-%d %H:%M:%S.%6f'").to_string());
            (utc, "DateTime64(6, \\'UTC\\')")
        }
        Cell::Instant(value) => (value.map(|v| escaped(&v.to_string())), "timestamptz"),
        Cell::Wall(value) => (value.map(|v| escaped(&v.to_string())), "timestamp"),
        Cell::Day(value) => (value.map(|v| escaped(&v.to_string())), kind("Date32", "date")),
    }
}

fn table(dialect: Dialect, case: &Case) -> String {
    let one = |(id, cell): (usize, &Cell)| {
        let (value, kind) = written(dialect, cell);
        let value = value.unwrap_or_else(|| "null".to_owned());
        match dialect {
            Dialect::ClickHouse => format!("select {id} as id, cast({value}, 'Nullable({kind})') as v"),
            _ => format!("select {id} as id, cast({value} as {kind}) as v"),
        }
    };
    format!("({}) as t", case.rows.0.iter().enumerate().map(one).collect::<Vec<_>>().join(" union all "))
}

/// Whether the question means the same there.
fn is_asked(dialect: Dialect, case: &Case) -> bool {
    match (dialect, &case.rows.0[0], case.kind) {
        // There is no time without a zone, and a decimal is written without the zeros at its end.
        // In SQLite truth values and decimals are other numbers, and NaN is null.
        (Dialect::ClickHouse, Cell::Wall(_), _)
        | (Dialect::ClickHouse, Cell::Decimal(_), FilterKind::String)
        | (Dialect::Sqlite, Cell::Boolean(_) | Cell::Decimal(_), FilterKind::String)
        | (Dialect::Sqlite, Cell::Single(_), _) => false,
        (Dialect::Sqlite, Cell::Float(_), _) => !case.rows.0.iter().any(|cell| matches!(cell, Cell::Float(Some(value)) if value.is_nan())),
        // Its lower case is that of ASCII.
        (Dialect::Sqlite, Cell::Text(_), _) => {
            let texts = format!("{:?} {}", case.rows, case.expression);
            texts.is_ascii() || !texts.contains("\"case_insensitive\":true")
        }
        // An instant's parts are those of UTC.
        (Dialect::Sqlite, Cell::Instant(_), _) => !case.expression.to_string().contains("IS_") || case.clock.zone == "UTC",
        _ => true,
    }
}

/// Asks as many random questions as `cases` says.
fn agrees(dialect: Dialect, cases: u32, ask: impl Fn(&CompiledQuery) -> Result<Vec<String>, crate::QueryError>) {
    let strategy = (cells(), any::<usize>(), 1i8..13);
    let outcome = TestRunner::new(config(cases)).run(&strategy, |(cells, zone, fiscal)| {
        let case = Case::new(cells, zone, fiscal);
        prop_assume!(is_asked(dialect, &case));
        let sql = format!("select id from {} where {{{{ filter('f', 'v') }}}} order by id", table(dialect, &case));
        let query = case.query(&sql, dialect);
        case.judge(ask(&query), &query)
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn f4_clickhouse_keeps_the_rows_that_the_oracle_keeps() {
    let Some(server) = ClickHouse::start() else { return };
    let (runtime, source) = (runtime(), ClickHouseSource::new(server.spec()));
    agrees(Dialect::ClickHouse, 192, |query| {
        let mut sink = Collected::default();
        runtime.block_on(source.run(query, &QueryLimits::default(), &mut sink))?;
        Ok(shown(&sink))
    });
}

fn agrees_by_driver(name: &str, dialect: Dialect, options: &[(&str, &str)], cases: u32) {
    let Some(spec) = engines::driver(name, dialect, options) else { return };
    let (runtime, source) = (runtime(), AdbcSource::new(spec));
    agrees(dialect, cases, |query| {
        let mut sink = Collected::default();
        runtime.block_on(source.run(query, &QueryLimits::default(), &mut sink))?;
        Ok(shown(&sink))
    });
}

#[test]
fn f4_duckdb_keeps_the_rows_that_the_oracle_keeps() {
    agrees_by_driver("duckdb", Dialect::DuckDb, &[("path", ":memory:")], 128);
}

#[test]
fn f4_sqlite_keeps_the_rows_that_the_oracle_keeps() {
    agrees_by_driver("sqlite", Dialect::Sqlite, &[("uri", ":memory:")], 192);
}
