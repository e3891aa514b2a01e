//! Values of every type.

use super::*;

/// The cases `postgres-odd-values` and `postgres-numeric-nan` among them.
#[tokio::test]
async fn values_arrive_right_or_say_so() {
    let Some(server) = Server::start() else { return };
    server
        .admin(
            "create type mood as enum ('sad', 'ok');
             create type pair as (n int, name text);
             create domain price as numeric(10, 2);
             create table orders (id int, price numeric(10, 2));",
        )
        .await;
    low_every_type_arrives(&server).await;
    low_a_column_with_an_odd_value_is_text_from_its_first_row(&server).await;
    b7_nan_beside_numbers(&server).await;
    r5_b7_numerics_are_exact(&server).await;
    low_text_that_is_no_utf8_says_so(&server).await;
}

async fn low_every_type_arrives(server: &Server) {
    for (sql, data_type, expected) in [
        ("true", "Boolean", "true"),
        ("1::smallint", "Int64", "1"),
        ("-2::int", "Int64", "-2"),
        ("9223372036854775807", "Int64", "9223372036854775807"),
        ("1.5::float4", "Float32", "1.5"),
        ("0.1::float8", "Float64", "0.1"),
        ("12345678901234567890.123456789", "Decimal128(38, 9)", "12345678901234567890.123456789"),
        ("-0.00012::numeric", "Decimal128(38, 5)", "-0.00012"),
        ("10000::numeric", "Decimal128(38, 0)", "10000"),
        ("1000.00::numeric(10,2)", "Decimal128(38, 2)", "1000.00"),
        ("0::numeric", "Decimal128(38, 0)", "0"),
        ("'é'::text", "Utf8", "é"),
        ("'x'", "Utf8", "x"),
        ("'a'::char(3)", "Utf8", "a  "),
        ("'ok'::mood", "Utf8", "ok"),
        ("'2026-11-24'::date", "Date32", "2026-11-24"),
        ("'infinity'::date", "Utf8", "infinity"),
        ("'-infinity'::timestamptz", "Utf8", "-infinity"),
        ("date '5874897-12-31'", "Utf8", "5874897-12-31"),
        ("date '9999-12-31'", "Date32", "9999-12-31"),
        ("date '0044-03-15 BC'", "Date32", "-0043-03-15"),
        ("timestamp '294276-12-31 23:59:59'", "Utf8", "294276-12-31T23:59:59"),
        ("timestamptz '20201-01-01 00:00Z'", "Utf8", "20201-01-01T00:00:00Z"),
        ("timestamp '9999-12-31 23:59:59.999999'", "Timestamp(µs)", "9999-12-31T23:59:59.999999"),
        ("time '24:00'", "Utf8", "24:00:00"),
        ("timetz '12:00+02'", "Utf8", "12:00:00+02"),
        ("4294967295::oid", "Int64", "4294967295"),
        ("money '-5'", "Decimal128(38, 2)", "-5.00"),
        ("money '92233720368547758.07'", "Decimal128(38, 2)", "92233720368547758.07"),
        ("'NaN'::numeric", "Float64", "NaN"),
        ("'-Infinity'::numeric", "Float64", "-inf"),
        ("'Infinity'::float8", "Float64", "inf"),
        ("'::1'::inet", "Utf8", "::1"),
        ("'10.1.0.0/16'::cidr", "Utf8", "10.1.0.0/16"),
        ("int4range(1, 5)", "Utf8", "[1,5)"),
        ("int4multirange(int4range(1, 3), int4range(5, 8))", "Utf8", "{[1,3),[5,8)}"),
        ("row(1, 'a b', null)", "Utf8", "(1,\"a b\",)"),
        ("row(1, 'Ann')::pair", "Utf8", "(1,Ann)"),
        ("array['ok', 'sad']::mood[]", "Utf8", "{ok,sad}"),
        ("array[array[1, 2], array[3, null]]", "Utf8", "{{1,2},{3,NULL}}"),
        ("1.5::price", "Decimal128(38, 2)", "1.50"),
        ("'<a/>'::xml", "Utf8", "<a/>"),
        ("b'101'", "Utf8", "101"),
        ("'x'::\"char\"", "Utf8", "x"),
        ("point '(1,2)'", "Utf8", "(1,2)"),
        ("'fat & rat'::tsquery", "Utf8", "'fat' & 'rat'"),
        ("'1 2'::int2vector", "Utf8", "1 2"),
        ("'12:30:01.5'::time", "Time64(µs)", "12:30:01.500"),
        ("'2026-11-24 12:00'::timestamp", "Timestamp(µs)", "2026-11-24T12:00:00"),
        ("'2026-11-24T12:00Z'::timestamptz", "Timestamp(µs, \"America/New_York\")", "2026-11-24T07:00:00-05:00"),
        ("'00000000-0000-0000-0000-0000000000ff'::uuid", "Utf8", "00000000-0000-0000-0000-0000000000ff"),
        ("'{\"a\":1}'::json", "Utf8", "{\"a\":1}"),
        ("'{\"a\":1}'::jsonb", "Utf8", "{\"a\": 1}"),
        ("'\\xdead'::bytea", "Utf8", "\\xdead"),
        ("array[1,2]", "Utf8", "{1,2}"),
        ("interval '1 month 2 days'", "Interval(MonthDayNano)", "1 mons 2 days"),
        ("interval '-1.5 seconds'", "Interval(MonthDayNano)", "-1.500000000 secs"),
        ("'10.0.0.1'::inet", "Utf8", "10.0.0.1"),
        ("null::int[]", "Utf8", "∅"),
    ] {
        let (found, _) = server.ask(&format!("select {sql} as v;"), any()).await.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
        let schema = found.schema.clone().unwrap();
        assert_eq!((schema.field(0).name().as_str(), schema.field(0).data_type().to_string().as_str()), ("v", data_type), "{sql}");
        assert_eq!(rows(&found), [expected], "{sql}");
    }
    let (found, _) = server.ask("select array[n] as a, n as a from generate_series(3, 1, -1) n order by n -- end", any()).await.unwrap();
    assert_eq!(rows(&found), ["{1}|1", "{2}|2", "{3}|3"], "order and double names survive");
    let (found, _) = server.ask("select 1.5 as v union all select null union all select 10.25", any()).await.unwrap();
    assert_eq!(rows(&found), ["1.50", "∅", "10.25"], "one scale a column");
    let (found, _) = server.ask("select id, price from orders where false", any()).await.unwrap();
    assert_eq!(found.schema.unwrap().fields().len(), 2, "no rows still have columns");
}

async fn r5_b7_numerics_are_exact(server: &Server) {
    let wide = "12345678901234567890123456789012345678901234567890.5";
    let (found, _) = server.ask(&format!("select {wide} as v union all select -0.25"), any()).await.unwrap();
    assert_eq!(found.schema.clone().unwrap().field(0).data_type().to_string(), "Decimal256(76, 2)");
    assert_eq!(rows(&found), [format!("{wide}0"), "-0.25".to_owned()]);
    // Digits that come after the first batch are told too, and nothing is told twice.
    let sql =
        "select n, case n when 20000 then 0.125 when 19999 then 1e30 else n end as v, 'x' as t from generate_series(1, 20000) n order by n";
    let (found, stats) = server.ask_limited(sql, any(), 50_000, &QueryLimits::default()).await.unwrap();
    let all = rows(&found);
    assert_eq!((all.len(), stats.rows), (20_000, 20_000));
    assert_eq!((all[0].as_str(), all[19_999].as_str()), ("1|1.000|x", "20000|0.125|x"));
    assert_eq!(all[19_998], "19999|1000000000000000000000000000000.000|x");
    let (found, _) = server.ask_limited(sql, any(), 10_000, &QueryLimits::default()).await.unwrap();
    assert_eq!(rows(&found)[9_999], "10000|10000|x", "beyond the limit nothing is looked at");
    let error = server.ask("select 1e80 as v", any()).await.unwrap_err();
    assert!(error.kind == QueryErrorKind::Value && error.to_string().contains("76 digits"), "{error:?}");
}

/// What was told before the odd value came is told again as text; fingerprints see one result.
async fn low_a_column_with_an_odd_value_is_text_from_its_first_row(server: &Server) {
    let sql = "select case n when 20000 then 'infinity' else date '2026-11-24' + n % 2 end as d, \
               case n when 20000 then time '24:00' else time '12:30:01.5' end as t, \
               case n when 20000 then null else timestamptz '2026-11-24 12:00Z' end as at from generate_series(1, 20000) n order by n";
    let (found, stats) = server.ask_limited(sql, any(), 50_000, &QueryLimits::default()).await.unwrap();
    let all = rows(&found);
    assert_eq!((all.len(), stats.rows), (20_000, 20_000));
    assert_eq!(all[0], "2026-11-25|12:30:01.500|2026-11-24T07:00:00-05:00");
    assert_eq!(all[19_999], "infinity|24:00:00|∅");
}

async fn b7_nan_beside_numbers(server: &Server) {
    let (found, _) = server.ask("select v from (values (1.5::numeric), ('NaN'), (0.1), (null)) x(v)", any()).await.unwrap();
    assert_eq!(rows(&found), ["1.5", "NaN", "0.1", "∅"]);
    // Late, after decimals were told.
    let sql = "select case n when 20000 then 'NaN' else (n + 0.1)::numeric end as v from generate_series(1, 20000) n order by n";
    let (found, _) = server.ask_limited(sql, any(), 50_000, &QueryLimits::default()).await.unwrap();
    let all = rows(&found);
    assert_eq!((all[0].as_str(), all[19_998].as_str(), all[19_999].as_str()), ("1.1", "19999.1", "NaN"));
    let error = server.ask("select v from (values (12345678901234567.25::numeric), ('NaN')) x(v)", any()).await.unwrap_err();
    assert!(error.kind == QueryErrorKind::Value && error.to_string().contains("the column `v` has NaN"), "{error}");
}

async fn low_text_that_is_no_utf8_says_so(server: &Server) {
    server.admin("create database bytes encoding 'SQL_ASCII' locale 'C' locale_provider libc template template0").await;
    let url = server.url().replace("/postgres?", "/bytes?");
    let error = once(&url, "select 'ok' as a, convert_from('\\xe9'::bytea, 'SQL_ASCII') as b").await.unwrap_err();
    assert!(error.kind == QueryErrorKind::Value && error.to_string().contains("invalid byte sequence"), "{error:?}");
}
