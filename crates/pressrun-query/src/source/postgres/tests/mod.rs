//! Against a real server, started for the test in a temporary folder.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

mod login;
mod pooler;
mod running;
mod tls;
mod values;
use pressrun_domain::catalog::FilterKind;
use pressrun_sql::{CompiledQuery, Dialect, EffectiveFilters, compile};
use serde_json::{Value, json};

use super::*;
use crate::source::Collected;
use crate::testing::server::Server;
use crate::testing::{filters, identity, new_york, rows, tile};

impl Server {
    async fn ask(&self, sql: &str, filter: (FilterKind, Value)) -> Result<(Collected, QueryStats), QueryError> {
        self.ask_limited(sql, filter, 1000, &QueryLimits::default()).await
    }

    async fn ask_limited(
        &self,
        sql: &str,
        (kind, expression): (FilterKind, Value),
        limit: u64,
        limits: &QueryLimits,
    ) -> Result<(Collected, QueryStats), QueryError> {
        let mut query = compile(&tile(sql), &filters([("f", kind, expression)]), &identity(&[]), &new_york(), Dialect::Postgres).unwrap();
        query.limit = limit;
        let mut sink = Collected::default();
        let stats = source(self.url()).run(&query, limits, &mut sink).await?;
        Ok((sink, stats))
    }

    /// An address of another role and with other parameters.
    fn address(&self, login: &str, parameters: &str) -> String {
        format!("postgres://{login}@127.0.0.1:{}/postgres{parameters}", self.port())
    }
}

fn source(url: String) -> PostgresSource {
    PostgresSource::new(url, None)
}

/// A query without filters.
fn asked(sql: &str) -> CompiledQuery {
    compile(&tile(sql), &EffectiveFilters::default(), &identity(&[]), &new_york(), Dialect::Postgres).unwrap()
}

/// Runs `sql` at `source`.
async fn run(source: &PostgresSource, sql: &str) -> Result<Vec<String>, QueryError> {
    let mut sink = Collected::default();
    source.run(&asked(sql), &QueryLimits::default(), &mut sink).await?;
    Ok(rows(&sink))
}

/// Runs `sql` over a connection of its own.
async fn once(url: &str, sql: &str) -> Result<Vec<String>, QueryError> {
    run(&source(url.to_owned()), sql).await
}

fn any() -> (FilterKind, Value) {
    (FilterKind::String, json!([]))
}

/// One server for all claims: starting one takes seconds.
#[tokio::test]
async fn the_wire_of_postgres() {
    let Some(server) = Server::start() else { return };
    server
        .admin(
            "create type mood as enum ('sad', 'ok');
             create table orders (id int primary key, region text, mood mood, price numeric(10, 2), rate float8, aware timestamptz, wall timestamp, day date, key uuid);
             insert into orders values
               (1, 'US', 'ok', 10.50, 0.5, '2026-11-01T03:59:59Z', '2026-10-31 23:59:59', '2026-10-31', '00000000-0000-0000-0000-000000000001'),
               (2, 'CA', 'sad', 20.00, 'NaN', '2026-11-01T04:00:00Z', '2026-11-01 00:00:00', '2026-11-01', null),
               (3, null, null, null, null, null, null, null, null),
               (4, '50%_\\', 'ok', 0.10, 1e300, '2026-11-02T00:00:00Z', '2026-11-01 19:00:00', '2026-11-01', null);",
        )
        .await;
    f4_filters_mean_the_same_as_on_files(&server).await;
    a1_jsonb_operators_beside_an_attribute(&server).await;
    b10_ten_thousand_values_of_each_kind(&server).await;
    b12_every_word_of_the_clock(&server).await;
    b18_a_comment_behind_the_semicolon_and_the_place_of_a_fault(&server).await;
    q5_q6_clock_and_zone(&server).await;
    only_reads(&server).await;
    r11_limits_and_batches(&server).await;
    failures(&server).await;
    a6_dropped_queries_are_cancelled(&server).await;
}

async fn f4_filters_mean_the_same_as_on_files(server: &Server) {
    let date = |kind: &str, left: &str| json!({"type": "date", "kind": kind, "left_side": left});
    for (column, kind, expression, expected) in [
        ("region", FilterKind::String, json!(["US", "CA"]), "1 2"),
        ("region", FilterKind::String, json!({"values": ["US"], "is_negative": true}), "2 3 4"),
        ("region", FilterKind::String, json!({"values": ["us"], "case_insensitive": true}), "1"),
        ("region", FilterKind::String, json!({"kind": "CONTAINS", "values": ["%_\\"]}), "4"),
        ("region", FilterKind::String, json!({"kind": "IS_EMPTY"}), "3"),
        ("region", FilterKind::String, json!(["US", null]), "1 3"),
        ("region", FilterKind::String, json!(["'; drop table orders; --"]), ""),
        ("mood", FilterKind::String, json!(["ok"]), "1 4"),
        ("key", FilterKind::String, json!(["00000000-0000-0000-0000-000000000001"]), "1"),
        ("id", FilterKind::Number, json!(["1", 2]), "1 2"),
        ("id", FilterKind::Number, json!({"kind": "GREATER_THAN", "values": ["1.5"]}), "2 3 4"),
        ("price", FilterKind::Number, json!(["10.5"]), "1"),
        ("price", FilterKind::Number, json!({"kind": "BETWEEN", "values": ["0.1", 15]}), "1 4"),
        ("rate", FilterKind::Number, json!({"kind": "GREATER_THAN", "values": [1]}), "2 4"),
        ("rate", FilterKind::Number, json!({"values": [0.5], "is_negative": true}), "2 3 4"),
        ("id = 1", FilterKind::Boolean, json!({"type": "boolean", "is_negative": true}), "2 3 4"),
        ("aware", FilterKind::Date, date("TIME_FOR_UNIT_DURATION", "2026-11-01"), "2 4"),
        ("wall", FilterKind::Date, date("TIME_FOR_UNIT_DURATION", "2026-11-01"), "2 4"),
        ("day", FilterKind::Date, date("TIME_FOR_UNIT_DURATION", "2026-11-01"), "2 4"),
        ("aware", FilterKind::Date, date("BEFORE", "this month"), "1"),
        ("aware", FilterKind::Date, json!({"type": "date", "kind": "IS_IN_MONTH_OF_YEAR", "values": ["oct"]}), "1"),
        ("wall", FilterKind::Date, json!({"type": "date", "kind": "IS_ON_DAY_OF_QUARTER", "values": [31]}), "1"),
        ("day", FilterKind::Date, json!({"type": "date", "kind": "IS_ON_DAY_OF_WEEK", "values": [7]}), "2 4"),
        ("aware", FilterKind::Date, json!({"type": "date", "kind": "IS_IN_QUARTER_OF_YEAR", "isFiscal": true, "values": [4]}), "1 2 4"),
        ("aware", FilterKind::Date, json!({"type": "date", "kind": "IS_AT_HOUR_OF_DAY", "values": [23]}), "1"),
    ] {
        let sql = format!("select id from orders where {{{{ filter('f', '{column}') }}}} order by id");
        let (found, _) = server.ask(&sql, (kind, expression.clone())).await.unwrap_or_else(|e| panic!("{column} {expression}: {e:?}"));
        assert_eq!(rows(&found).join(" "), expected, "{column} {expression}");
    }
}

async fn a1_jsonb_operators_beside_an_attribute(server: &Server) {
    let sql = "select id from (values (1, '{\"x\": 1}'::jsonb), (2, '{}'::jsonb)) as t(id, tags) \
               where tags ? 'x' and not tags ?| array['y'] and {{ user_attribute('region', 'id') }}";
    let somebody = identity(&[("region", &["1", "2"])]);
    let query = compile(&tile(sql), &EffectiveFilters::default(), &somebody, &new_york(), Dialect::Postgres).unwrap();
    let mut sink = Collected::default();
    source(server.url()).run(&query, &QueryLimits::default(), &mut sink).await.unwrap();
    assert_eq!(rows(&sink), ["1"]);
}

async fn b10_ten_thousand_values_of_each_kind(server: &Server) {
    let many = |of: &dyn Fn(usize) -> Value| json!((0..10_000).map(of).collect::<Vec<_>>());
    let day = |n: usize| json!(jiff::civil::date(2026, 11, 1).checked_add(jiff::ToSpan::days(2 * n as i64 - 10_000)).unwrap().to_string());
    for (kind, expression, on, expected) in [
        (FilterKind::Number, many(&|n| json!(n + 2)), "id", "2 3 4"),
        (FilterKind::Number, many(&|n| json!(format!("{n}.5"))), "price", "1"),
        (FilterKind::String, many(&|n| json!(format!("C{}", if n == 0 { "A".to_owned() } else { n.to_string() }))), "region", "2"),
        (
            FilterKind::String,
            json!({"values": many(&|n| json!(format!("u{}", if n == 0 { "s".to_owned() } else { n.to_string() }))), "case_insensitive": true}),
            "region",
            "1",
        ),
        (FilterKind::String, json!({"kind": "CONTAINS", "values": many(&|n| json!(format!("{n}%_\\")))}), "region", "4"),
        (FilterKind::String, many(&|n| json!(format!("00000000-0000-0000-0000-{n:012}"))), "key", "1"),
        (FilterKind::Date, many(&day), "aware", "2 4"),
        (FilterKind::Date, many(&day), "wall", "2 4"),
        (FilterKind::Date, json!({"values": many(&day), "is_negative": true}), "day", "1 3"),
    ] {
        let sql = format!("select id from orders where {{{{ filter('f', '{on}') }}}} order by id");
        let (found, _) = server.ask(&sql, (kind, expression)).await.unwrap_or_else(|error| panic!("{on}: {error}"));
        assert_eq!(rows(&found).join(" "), expected, "{on}");
    }
}

/// Whatever reads the clock reads the run's: at an instant that is long past or far ahead, nothing shows the server's.
async fn b12_every_word_of_the_clock(server: &Server) {
    let mut clock = new_york();
    clock.at = "2026-03-01T04:30:00Z".parse().unwrap();
    for (sql, expected) in [
        ("now()::text", "2026-02-28 23:30:00-05"),
        ("\"now\"()::text", "2026-02-28 23:30:00-05"),
        ("pg_catalog.now()::date::text", "2026-02-28"),
        ("current_date::text", "2026-02-28"),
        ("'today'::date::text", "2026-02-28"),
        ("cast('tomorrow' as date)::text", "2026-03-01"),
        ("(timestamp 'now')::text", "2026-02-28 23:30:00"),
        ("localtimestamp(0)::text", "2026-02-28 23:30:00"),
        ("timeofday()", "Sat Feb 28 23:30:00.000000 2026 EST"),
        ("age(timestamp '2026-02-01')::text", "27 days"),
        ("age(timestamptz '2026-02-01')::text", "27 days"),
        ("extract(year from clock_timestamp())::text", "2026"),
    ] {
        let sql = format!("select {sql} as shown");
        let query = compile(&tile(&sql), &EffectiveFilters::default(), &identity(&[]), &clock, Dialect::Postgres).unwrap();
        let mut sink = Collected::default();
        let ran = source(server.url()).run(&query, &QueryLimits::default(), &mut sink).await;
        ran.unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert_eq!(rows(&sink), [expected], "{sql}");
    }
}

/// The case `postgres-comment-after-semicolon`, with a column that has to be wrapped.
async fn b18_a_comment_behind_the_semicolon_and_the_place_of_a_fault(server: &Server) {
    let (found, _) = server.ask("select '(1,2)'::point as p; -- note", any()).await.unwrap();
    assert_eq!(rows(&found), ["(1,2)"]);
    let error = server.ask("select id,\n  nope from orders; -- note", any()).await.unwrap_err();
    assert_eq!(error.character, Some("select id,\n  n".chars().count()), "{error:?}");
}

async fn q5_q6_clock_and_zone(server: &Server) {
    let sql =
        "select now() as n, current_date as d, current_setting('TimeZone') as z, date_trunc('day', aware) as t from orders where id = 1";
    let (found, _) = server.ask(sql, any()).await.unwrap();
    assert_eq!(rows(&found), ["2026-11-24T09:00:00-05:00|2026-11-24|America/New_York|2026-10-31T00:00:00-04:00"]);
}

async fn only_reads(server: &Server) {
    for sql in [
        "delete from orders",
        "delete from orders returning id",
        "with x as (delete from orders returning id) select * from x",
        "insert into orders (id) values (9) returning id",
        "create table x as select 1",
        "select 1 into x",
        "select 1; select 2",
        "commit",
        "set transaction read write",
        "copy orders to stdout",
        "select nextval('s')",
    ] {
        let error = server.ask(sql, any()).await.expect_err(sql);
        assert!(error.kind != QueryErrorKind::Internal, "{sql}: {error:?}");
    }
    let (found, _) = server.ask("select count(*) from orders", any()).await.unwrap();
    assert_eq!(rows(&found), ["4"]);
}

async fn r11_limits_and_batches(server: &Server) {
    let sql = "select n, repeat('x', 10) as t from generate_series(1, 50000) n";
    for (limit, expected, truncated) in [(20_000, 20_000, true), (50_000, 50_000, false), (8192, 8192, true), (1, 1, true)] {
        let (_, stats) = server.ask_limited(sql, any(), limit, &QueryLimits::default()).await.unwrap();
        assert_eq!(stats, QueryStats { rows: expected, truncated }, "limit {limit}");
    }
}

async fn failures(server: &Server) {
    let limits = QueryLimits { timeout_ms: 50, ..QueryLimits::default() };
    let error = server.ask_limited("select pg_sleep(60)", any(), 10, &limits).await.unwrap_err();
    assert_eq!(error.kind, QueryErrorKind::Timeout, "{error:?}");
    for (sql, kind, text) in [
        ("selec 1", QueryErrorKind::Syntax, "syntax error"),
        ("select * from nope", QueryErrorKind::UnknownTable, "nope"),
        ("select nope from orders", QueryErrorKind::UnknownColumn, "nope"),
        ("select frob(1)", QueryErrorKind::UnknownFunction, "frob"),
        ("select 1 / 0", QueryErrorKind::Value, "division by zero"),
        ("select pg_read_file('/etc/passwd') from nope", QueryErrorKind::UnknownTable, "nope"),
    ] {
        let error = server.ask(sql, any()).await.expect_err(sql);
        assert_eq!(error.kind, kind, "{sql}: {error:?}");
        assert!(error.to_string().contains(text), "{sql}: {error}");
    }
    for (url, kind) in [
        ("postgres://u:hunter2@127.0.0.1:1/x", QueryErrorKind::Connection),
        ("postgres://u:hunter2@127.0.0.1/x?what=ever", QueryErrorKind::Login),
        ("nonsense hunter2", QueryErrorKind::Login),
    ] {
        let source = source(url.to_owned());
        let error = run(&source, "select 1").await.unwrap_err();
        assert_eq!((error.kind.clone(), error.is_transient()), (kind.clone(), kind == QueryErrorKind::Connection), "{error:?}");
        assert!(!format!("{error:?}{source:?}").contains("hunter2"), "{error:?}");
    }
}

/// The server is asked until it says that nothing of the dropped query is left.
async fn a6_dropped_queries_are_cancelled(server: &Server) {
    let running = "select pid from pg_stat_activity where query like '%pg_sleep(3600)%' and pid <> pg_backend_pid() and state = 'active'";
    let count = async || server.ask_admin(running).await.len();
    let source = source(server.url());
    let task = tokio::spawn(async move { run(&source, "select pg_sleep(3600)").await });
    while count().await == 0 {
        tokio::task::yield_now().await;
    }
    task.abort();
    while count().await > 0 {
        tokio::task::yield_now().await;
    }
}
