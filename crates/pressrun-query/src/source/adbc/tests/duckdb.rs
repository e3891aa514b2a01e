//! DuckDB by its own library, which is a driver.

use super::*;
use crate::testing::engines;

fn duckdb() -> Option<AdbcSpec> {
    engines::driver("duckdb", Dialect::DuckDb, &[("path", ":memory:")])
}

#[tokio::test]
async fn duckdb_answers_with_what_its_types_are() {
    let Some(spec) = duckdb() else { return };
    for (expression, kind, shown) in [
        ("1::tinyint", "Int64", "1"),
        ("18446744073709551615::ubigint", "UInt64", "18446744073709551615"),
        ("1.5::decimal(10, 2)", "Decimal128(10, 2)", "1.50"),
        ("0.5::real", "Float32", "0.5"),
        ("'text'", "Utf8", "text"),
        ("true", "Boolean", "true"),
        ("date '2026-11-01'", "Date32", "2026-11-01"),
        ("timestamp '2026-11-01 00:00:00'", "Timestamp(µs)", "2026-11-01T00:00:00"),
        ("timestamptz '2026-11-01 04:00:00Z'", "Timestamp(µs, \"America/New_York\")", "2026-11-01T00:00:00-04:00"),
        ("'ok'::enum('sad', 'ok')", "Utf8", "ok"),
        ("uuid '61f0c404-5cb3-11e7-907b-a6006ad3dba0'", "Utf8", "61f0c404-5cb3-11e7-907b-a6006ad3dba0"),
        ("[1, 2]", "List(Int64, field: 'l')", "[1, 2]"),
        ("null", "Int64", "∅"),
        ("now()", "Timestamp(µs, \"America/New_York\")", "2026-11-24T09:00:00-05:00"),
        ("today()", "Date32", "2026-11-24"),
    ] {
        let found = run(&spec, &asked(&spec, &format!("select {expression} as v")), &QueryLimits::default()).await;
        let (found, _) = found.unwrap_or_else(|error| panic!("{expression}: {error:?}"));
        let schema = found.schema.clone().unwrap();
        assert_eq!((rows(&found), schema.field(0).data_type().to_string()), (vec![shown.to_owned()], kind.to_owned()), "{expression}");
    }
}

#[tokio::test]
async fn duckdb_reads_no_file_and_keeps_its_settings() {
    let Some(spec) = duckdb() else { return };
    for sql in ["select * from read_csv('/etc/passwd')", "select * from '/etc/passwd'", "from read_text('/etc/hostname')"] {
        let error = once(&spec, sql).await.unwrap_err();
        assert!(matches!(error.kind, QueryErrorKind::Denied | QueryErrorKind::UnknownTable), "{sql}: {error:?}");
    }
    let loosened = AdbcSpec { session: vec!["set memory_limit = '100MB'".to_owned()], ..spec.clone() };
    let lacking = once(&loosened, "select count(distinct i::varchar || repeat('x', 100)) from range(50000000) t(i)").await.unwrap_err();
    assert_eq!(lacking.kind, QueryErrorKind::Memory, "{lacking:?}");
    let wrong = AdbcSpec { session: vec!["set nonsense = 1".to_owned()], ..spec };
    let error = once(&wrong, "select 1").await.unwrap_err();
    assert!(error.message.starts_with("a statement of the session failed"), "{error:?}");
}

#[tokio::test]
async fn duckdb_streams_stops_at_the_limit_and_is_cancelled() {
    let Some(spec) = duckdb() else { return };
    let mut query = asked(&spec, "select i from range(5000000000) t(i)");
    query.limit = 5000;
    let (_, stats) = run(&spec, &query, &QueryLimits::default()).await.unwrap();
    assert_eq!((stats.rows, stats.truncated), (5000, true));
    let none = run(&spec, &asked(&spec, "select 1 as a where false"), &QueryLimits::default()).await.unwrap();
    assert_eq!((none.1.rows, none.0.schema.unwrap().field(0).name().as_str()), (0, "a"));
    // What nobody waits for is cancelled before the process goes on.
    let limits = QueryLimits { timeout_ms: 100, ..QueryLimits::default() };
    let endless = asked(&spec, "select count(*) as n from range(1000000) a, range(1000000) b where (a.range * b.range) % 7 = 3");
    assert_eq!(run(&spec, &endless, &limits).await.unwrap_err().kind, QueryErrorKind::Timeout);
    goodbye::all_said().await;
}
