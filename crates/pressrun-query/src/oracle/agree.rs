//! The oracle, the embedded engine and PostgreSQL keep the same rows.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use jiff::Timestamp;
use jiff::civil::Date;
use pressrun_domain::catalog::FilterKind;
use pressrun_sql::filter::parse;
use pressrun_sql::{CompiledQuery, Dialect, QueryClock, compile};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use serde_json::{Value, json};

use super::generate::{Rows, ZONES, cells};
use super::{Cell, keeps};
use crate::QueryLimits;
use crate::source::postgres::PostgresSource;
use crate::source::{Collected, Source};
use crate::testing::server::Server;
use crate::testing::{answer, batch, clock, filters, identity, new_york, rows as shown, tile, write_parquet};

/// One question to all three.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) kind: FilterKind,
    pub(super) rows: Rows,
    pub(super) expression: Value,
    pub(super) clock: QueryClock,
}

impl Case {
    pub(super) fn new((kind, rows, expression): (FilterKind, Rows, Value), zone: usize, fiscal: i8) -> Self {
        Self { kind, rows, expression, clock: clock("2026-11-24T14:00:00Z", ZONES[zone % ZONES.len()]).fiscal(fiscal) }
    }

    fn expected(&self) -> Vec<String> {
        let (filter, clock) = (parse(self.kind, &self.expression).unwrap(), self.clock.resolve().unwrap());
        let viewer = identity(&[("region", &["US", "50%"])]);
        let kept = self.rows.0.iter().enumerate().filter(|(_, cell)| keeps(&filter, cell, &clock, &viewer));
        kept.map(|(at, _)| at.to_string()).collect()
    }

    pub(super) fn query(&self, sql: &str, dialect: Dialect) -> CompiledQuery {
        let filters = filters([("f", self.kind, self.expression.clone())]);
        compile(&tile(sql), &filters, &identity(&[("region", &["US", "50%"])]), &self.clock, dialect).unwrap()
    }

    pub(super) fn judge(&self, found: Result<Vec<String>, crate::QueryError>, query: &CompiledQuery) -> Result<(), TestCaseError> {
        let found = found.map_err(|error| TestCaseError::fail(format!("{error:?}\n{}", query.sql)))?;
        prop_assert_eq!(found, self.expected(), "{:?}\n{}\n{:?}", self, query.sql, query.params);
        Ok(())
    }
}

fn column(rows: &Rows) -> ArrayRef {
    let epoch = Date::constant(1970, 1, 1);
    macro_rules! collect {
        ($variant:ident) => {
            rows.0.iter().map(|cell| match cell {
                Cell::$variant(value) => value.clone(),
                other => panic!("{other:?}"),
            })
        };
    }
    match &rows.0[0] {
        Cell::Text(_) => Arc::new(collect!(Text).collect::<StringArray>()),
        Cell::Integer(_) => Arc::new(collect!(Integer).collect::<Int64Array>()),
        Cell::Float(_) => Arc::new(collect!(Float).collect::<Float64Array>()),
        Cell::Single(_) => Arc::new(collect!(Single).collect::<Float32Array>()),
        Cell::Decimal(_) => Arc::new(collect!(Decimal).collect::<Decimal128Array>().with_precision_and_scale(20, 4).unwrap()),
        Cell::Boolean(_) => Arc::new(collect!(Boolean).collect::<BooleanArray>()),
        Cell::Instant(_) => Arc::new(
            collect!(Instant).map(|at| at.map(Timestamp::as_microsecond)).collect::<TimestampMicrosecondArray>().with_timezone("UTC"),
        ),
        Cell::Wall(_) => Arc::new(
            collect!(Wall)
                .map(|at| at.map(|at| at.to_zoned_datetime(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_microsecond()))
                .collect::<TimestampMicrosecondArray>(),
        ),
        Cell::Day(_) => Arc::new(collect!(Day).map(|day| day.map(|day| day.since(epoch).unwrap().get_days())).collect::<Date32Array>()),
    }
}

/// The rows as a list of values of PostgreSQL.
fn values(rows: &Rows) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let mut list = String::new();
    for (at, cell) in rows.0.iter().enumerate() {
        let (value, kind) = match cell {
            Cell::Text(value) => (value.as_deref().map(quoted), "text"),
            Cell::Integer(value) => (value.map(|v| v.to_string()), "bigint"),
            Cell::Float(value) => (value.map(|v| quoted(&v.to_string().replace("inf", "Infinity"))), "float8"),
            Cell::Single(value) => (value.map(|v| quoted(&v.to_string().replace("inf", "Infinity"))), "float4"),
            Cell::Decimal(value) => (value.map(|v| format!("{v}::numeric / 10000")), "numeric(20, 4)"),
            Cell::Boolean(value) => (value.map(|v| v.to_string()), "boolean"),
            Cell::Instant(value) => (value.map(|v| quoted(&v.to_string())), "timestamptz"),
            Cell::Wall(value) => (value.map(|v| quoted(&v.to_string())), "timestamp"),
            Cell::Day(value) => (value.map(|v| quoted(&v.to_string())), "date"),
        };
        let comma = if at == 0 { "" } else { ", " };
        write!(list, "{comma}({at}, cast({} as {kind}))", value.as_deref().unwrap_or("null")).unwrap();
    }
    list
}

async fn ask_postgres(server: &Server, query: &CompiledQuery) -> Result<Vec<String>, crate::QueryError> {
    let mut sink = Collected::default();
    PostgresSource::new(server.url(), None).run(query, &QueryLimits::default(), &mut sink).await?;
    Ok(shown(&sink))
}

/// `PROPTEST_CASES` asks for more.
pub(super) fn config(cases: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { cases };
    ProptestConfig { cases, failure_persistence: None, ..default }
}

pub(super) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn f4_postgres_keeps_the_rows_that_the_oracle_keeps() {
    let Some(server) = Server::start() else { return };
    let runtime = runtime();
    let strategy = (cells(), any::<usize>(), 1i8..13);
    let outcome = TestRunner::new(config(192)).run(&strategy, |(cells, zone, fiscal)| {
        let case = Case::new(cells, zone, fiscal);
        let sql = format!("select id from (values {}) as t(id, v) where {{{{ filter('f', 'v') }}}} order by id", values(&case.rows));
        let query = case.query(&sql, Dialect::Postgres);
        case.judge(runtime.block_on(ask_postgres(&server, &query)), &query)
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn f4_the_engine_keeps_the_rows_that_the_oracle_keeps(cells in cells(), zone in any::<usize>(), fiscal in 1i8..13) {
        let case = Case::new(cells, zone, fiscal);
        let folder = tempfile::tempdir().unwrap();
        let ids: ArrayRef = Arc::new((0..case.rows.0.len() as i64).collect::<Int64Array>());
        write_parquet(&folder.path().join("t.parquet"), &batch(vec![("id", ids), ("v", column(&case.rows))]));
        let query = case.query("select id from t where {{ filter('f', 'v') }} order by id", Dialect::Embedded);
        case.judge(runtime().block_on(answer(folder.path(), &query)), &query)?;
    }

    #[test]
    fn f6_no_expression_panics(kind in prop::sample::select(vec![FilterKind::String, FilterKind::Number, FilterKind::Date, FilterKind::Boolean]),
                               literal in "[ -~]{0,24}", count in any::<i64>()) {
        let words = ["ago", "months", "complete", "last", "FY", "Q3", "2026-", ":", "this"];
        for text in [literal.clone(), format!("{count} days ago"), format!("{literal}{}", words[literal.len() % words.len()])] {
            for kind_word in ["BETWEEN", "TIME_FOR_INTERVAL_DURATION", "TIME_FOR_UNIT_DURATION", "EQUALS", "IS_ON_DAY_OF_WEEK"] {
                let expression = json!({"type": "date", "kind": kind_word, "left_side": text, "right_side": text});
                if let Ok(filter) = parse(kind, &expression) {
                    let _ = pressrun_sql::filter::resolve(&filter, &new_york().resolve().unwrap(), &identity(&[]));
                }
            }
            let _ = parse(kind, &json!(text));
        }
    }
}
