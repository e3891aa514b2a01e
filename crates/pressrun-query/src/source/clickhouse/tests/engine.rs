//! Against the real engine.

use pressrun_domain::catalog::FilterKind;
use serde_json::json;

use super::*;
use crate::QueryErrorKind;
use crate::testing::clickhouse::ClickHouse;
use crate::testing::filters;

/// One server for all claims: starting one takes seconds.
#[tokio::test]
async fn the_interface_of_clickhouse() {
    let Some(server) = ClickHouse::start() else { return };
    types_arrive_as_what_they_are(&server).await;
    q5_q6_clock_and_zone(&server).await;
    f3_values_travel_beside_the_sql(&server).await;
    only_reads(&server).await;
    r11_limits(&server).await;
    failures(&server).await;
}

async fn types_arrive_as_what_they_are(server: &ClickHouse) {
    for (expression, kind, shown) in [
        ("toInt8(-3)", "Int64", "-3"),
        ("toUInt64(18446744073709551615)", "UInt64", "18446744073709551615"),
        ("toFloat32(0.5)", "Float32", "0.5"),
        ("toDecimal64('10.50', 2)", "Decimal128(18, 2)", "10.50"),
        (
            "toDecimal256('123456789012345678901234567890123456789012.5', 1)",
            "Decimal256(76, 1)",
            "123456789012345678901234567890123456789012.5",
        ),
        ("toInt128('-170141183460469231731687303715884105728')", "Decimal256(76, 0)", "-170141183460469231731687303715884105728"),
        ("true", "Boolean", "true"),
        ("'text'", "Utf8", "text"),
        ("toLowCardinality('often')", "Utf8", "often"),
        ("toFixedString('ab', 2)", "Utf8", "ab"),
        ("toDate('2026-11-01')", "Date32", "2026-11-01"),
        ("toDate32('1925-01-01')", "Date32", "1925-01-01"),
        ("toDateTime('2026-11-01 03:59:59', 'UTC')", "Timestamp(s, \"America/New_York\")", "2026-10-31T23:59:59-04:00"),
        ("toDateTime('2026-11-01 03:59:59')", "Timestamp(s, \"America/New_York\")", "2026-11-01T03:59:59-05:00"),
        ("toDateTime64('2026-11-01 04:00:00.123', 3, 'UTC')", "Timestamp(ms, \"America/New_York\")", "2026-11-01T00:00:00.123-04:00"),
        ("toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0')", "Utf8", "61f0c404-5cb3-11e7-907b-a6006ad3dba0"),
        ("toIPv4('10.0.0.7')", "Utf8", "10.0.0.7"),
        ("toIPv6('::1')", "Utf8", "::1"),
        ("cast('ok', 'Enum8(\\'sad\\' = 1, \\'ok\\' = 2)')", "Utf8", "ok"),
        ("[1, 2]", "List(non-null Int64)", "[1, 2]"),
        ("[toDateTime('2026-11-01 00:00:00')]", "Utf8", "['2026-11-01 00:00:00']"),
        ("map('a', 1)", "Utf8", "{'a':1}"),
        ("cast(null, 'Nullable(DateTime)')", "Timestamp(s, \"America/New_York\")", "∅"),
        ("cast(null, 'Nullable(Int128)')", "Decimal256(76, 0)", "∅"),
        ("null", "Utf8", "∅"),
    ] {
        let found = run(server.spec(), &asked(&format!("select {expression} as v")), &QueryLimits::default()).await;
        let (found, _) = found.unwrap_or_else(|error| panic!("{expression}: {error:?}"));
        let schema = found.schema.clone().unwrap();
        assert_eq!((rows(&found), schema.field(0).data_type().to_string()), (vec![shown.to_owned()], kind.to_owned()), "{expression}");
    }
}

async fn q5_q6_clock_and_zone(server: &ClickHouse) {
    let found =
        once(server.spec(), "select toString(now()), toString(today()), timezone(), toString(yesterday()), toString(current_timestamp)")
            .await;
    assert_eq!(found.unwrap(), ["2026-11-24 09:00:00|2026-11-24|America/New_York|2026-11-23|2026-11-24 09:00:00"]);
}

async fn f3_values_travel_beside_the_sql(server: &ClickHouse) {
    let table = "(select arrayJoin(['US', 'it\\'s', '50%_\\\\', '\\t', 'ÄÖ', '\\' or 1=1 --']) as v)";
    for (expression, expected) in [
        (json!(["it's", "\t"]), vec!["\t", "it's"]),
        (json!({"kind": "CONTAINS", "values": ["%_\\"]}), vec!["50%_\\"]),
        (json!({"values": ["äö"], "case_insensitive": true}), vec!["ÄÖ"]),
        (json!(["' or 1=1 --"]), vec!["' or 1=1 --"]),
        (json!(["US", null]), vec!["US"]),
    ] {
        let filters = filters([("f", FilterKind::String, expression.clone())]);
        let sql = format!("select v from {table} where {{{{ filter('f', 'v') }}}} order by v");
        let query = compile(&tile(&sql), &filters, &identity(&[]), &new_york(), Dialect::ClickHouse).unwrap();
        assert!(!query.sql.contains("äö") && !query.sql.contains("or 1=1 --') and"), "{}", query.sql);
        let (found, _) =
            run(server.spec(), &query, &QueryLimits::default()).await.unwrap_or_else(|error| panic!("{expression}: {error:?}"));
        assert_eq!(rows(&found), expected, "{expression}");
    }
    // A list of ten thousand is one value.
    let many: Vec<_> = (0..10_000).map(|n| format!("v{n}")).collect();
    let filters = filters([("f", FilterKind::String, json!(many))]);
    let sql = "select count() from (select concat('v', toString(number)) as v from numbers(20000)) where {{ filter('f', 'v') }}";
    let query = compile(&tile(sql), &filters, &identity(&[]), &new_york(), Dialect::ClickHouse).unwrap();
    assert_eq!(rows(&run(server.spec(), &query, &QueryLimits::default()).await.unwrap().0), ["10000"]);
}

async fn only_reads(server: &ClickHouse) {
    for sql in [
        "create table x (a Int8) engine = Memory",
        "insert into function file('x.csv') select 1",
        "select 1; drop table x",
        "set readonly = 0",
        "system shutdown",
    ] {
        assert_eq!(once(server.spec(), sql).await.unwrap_err().kind, QueryErrorKind::Denied, "{sql}");
    }
    // What gets past the first word meets the server's own guard.
    let set = once(server.spec(), "select 1 settings readonly = 0").await.unwrap_err();
    assert_eq!(set.kind, QueryErrorKind::Denied, "{set:?}");
}

async fn r11_limits(server: &ClickHouse) {
    let mut query = asked("select number from numbers(1000000) order by number desc");
    query.limit = 3;
    let (found, stats) = run(server.spec(), &query, &QueryLimits::default()).await.unwrap();
    assert_eq!((rows(&found), stats.rows, stats.truncated), (vec!["999999".to_owned(), "999998".to_owned(), "999997".to_owned()], 3, true));
    // The order is kept also where columns are wrapped.
    let mut query = asked("select toDateTime(number) as at, number from numbers(100000) order by number desc");
    query.limit = 2;
    let (found, _) = run(server.spec(), &query, &QueryLimits::default()).await.unwrap();
    assert_eq!(rows(&found), ["1970-01-01T22:46:39-05:00|99999", "1970-01-01T22:46:38-05:00|99998"]);
    let limits = QueryLimits { result_bytes: 1000, ..QueryLimits::default() };
    let mut large = asked("select number from numbers(100000)");
    large.limit = 100_000;
    assert_eq!(run(server.spec(), &large, &limits).await.unwrap_err().kind, QueryErrorKind::TooLarge);
    let none = run(server.spec(), &asked("select 1 as a where false"), &QueryLimits::default()).await.unwrap();
    assert_eq!((none.1.rows, none.0.schema.unwrap().field(0).name().as_str()), (0, "a"));
}

async fn failures(server: &ClickHouse) {
    for (sql, kind, said) in [
        ("select nope from numbers(1)", QueryErrorKind::UnknownColumn, "nope"),
        ("select * from nowhere", QueryErrorKind::UnknownTable, "nowhere"),
        ("select nofunction(1)", QueryErrorKind::UnknownFunction, "nofunction"),
        ("select 1 +", QueryErrorKind::Syntax, "Syntax error"),
        ("select toInt64('x')", QueryErrorKind::Value, "x"),
        ("select intDiv(1, 0)", QueryErrorKind::Value, "ivision by zero"),
        ("select char(255)", QueryErrorKind::Value, "not UTF-8"),
    ] {
        let error = once(server.spec(), sql).await.unwrap_err();
        assert!(error.kind == kind && error.message.contains(said), "{sql}: {error:?}");
    }
    let mut settings = server.spec();
    settings.settings.insert("max_rows_to_read".to_owned(), "10".to_owned());
    let guarded = once(settings, "select max(number) from numbers(100000)").await.unwrap_err();
    assert_eq!(guarded.kind, QueryErrorKind::TooLarge, "{guarded:?}");
    let wrong = ClickHouseSpec { password: "wr0ng".to_owned(), ..server.spec() };
    let error = once(wrong.clone(), "select 1").await.unwrap_err();
    assert_eq!(error.kind, QueryErrorKind::Login);
    assert!(!format!("{error:?} {wrong:?}").contains("wr0ng"));
    // The last: this engine answers the next question with what was left of one that it stopped.
    let limits = QueryLimits { timeout_ms: 1000, ..QueryLimits::default() };
    let slow = run(server.spec(), &asked("select sleepEachRow(1) from numbers(30)"), &limits).await.unwrap_err();
    assert_eq!(slow.kind, QueryErrorKind::Timeout, "{slow:?}");
}

/// Whatever a profile or the connection says. Servers of their own: this engine answers the next question with what was left of one that it stopped.
#[tokio::test]
async fn what_was_found_before_a_limit_is_no_result() {
    for (limit, mode, value, sql) in [
        ("max_rows_to_read", "read_overflow_mode", "break", "select max(number) from numbers(100000)"),
        (
            "max_rows_to_group_by",
            "group_by_overflow_mode",
            "any",
            "select count() from (select number from numbers(100000) group by number)",
        ),
    ] {
        let Some(server) = ClickHouse::start() else { return };
        let mut spec = server.spec();
        spec.settings.extend([(limit, "10"), (mode, value)].map(|(name, value)| (name.to_owned(), value.to_owned())));
        let error = once(spec, sql).await.unwrap_err();
        assert_eq!(error.kind, QueryErrorKind::TooLarge, "{mode}: {error:?}");
    }
}

/// The password of the moment is the file's.
#[tokio::test]
async fn a13_the_password_is_read_again_for_each_query() {
    let Some(server) = ClickHouse::start() else { return };
    let file = tempfile::NamedTempFile::new().unwrap();
    let spec = ClickHouseSpec { password: "old".to_owned(), password_file: Some(file.path().to_owned()), ..server.spec() };
    std::fs::write(file.path(), "older\n").unwrap();
    assert_eq!(once(spec.clone(), "select 1").await.unwrap_err().kind, QueryErrorKind::Login);
    std::fs::write(file.path(), format!("{}\n", crate::testing::clickhouse::PASSWORD)).unwrap();
    assert_eq!(once(spec, "select 1").await.unwrap(), ["1"]);
}
