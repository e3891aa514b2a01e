#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::sync::Arc;

use arrow_array::{Date32Array, Int64Array, StringArray, TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray};
use pressrun_domain::catalog::FilterKind;
use pressrun_sql::{Dialect, EffectiveFilters, compile};
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::testing::{answer, batch, filters, identity, new_york, plain, run, tile, write_parquet};

impl FilesSource {
    /// The session of a query, and the tables that it sees, read as large ones are.
    pub(super) fn session(&self, query: &CompiledQuery, limits: &QueryLimits) -> Result<(SessionState, Arc<FolderSchema>), QueryError> {
        let (zone, _) = self.look(query, limits)?;
        let keeping = Keeping { share: 0, settled_by: learnt::settled_by(self.settles) };
        let schema = Arc::new(FolderSchema::new(Folder::open(&self.folder, &self.tables)?, query.zone.clone(), keeping));
        Ok((with_tables(&zone, query, &schema)?, schema))
    }
}

/// Three instants around midnight of 1 November 2026 in New York (04:00 UTC), in every form in which files hold dates.
fn events() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let utc: Vec<i64> = ["2026-11-01T03:59:59Z", "2026-11-01T04:00:00Z", "2026-11-02T00:00:00Z"]
        .iter()
        .map(|at| at.parse::<jiff::Timestamp>().unwrap().as_microsecond())
        .collect();
    let wall: Vec<i64> = ["2026-10-31T23:59:59Z", "2026-11-01T00:00:00Z", "2026-11-01T19:00:00Z"]
        .iter()
        .map(|at| at.parse::<jiff::Timestamp>().unwrap().as_microsecond())
        .collect();
    let days = |texts: [&str; 3]| {
        texts.map(|text| text.parse::<jiff::civil::Date>().unwrap().since(jiff::civil::date(1970, 1, 1)).unwrap().get_days())
    };
    let rows = batch(vec![
        ("id", Arc::new(Int64Array::from(vec![1, 2, 3])) as _),
        ("aware_us", Arc::new(TimestampMicrosecondArray::from(utc.clone()).with_timezone("UTC"))),
        ("aware_ns", Arc::new(TimestampNanosecondArray::from_iter_values(utc.iter().map(|at| at * 1000)).with_timezone("+00:00"))),
        ("aware_ms", Arc::new(TimestampMillisecondArray::from_iter_values(utc.iter().map(|at| at / 1000)).with_timezone("Asia/Tokyo"))),
        ("naive_us", Arc::new(TimestampMicrosecondArray::from(wall.clone()))),
        ("naive_ns", Arc::new(TimestampNanosecondArray::from_iter_values(wall.iter().map(|at| at * 1000)))),
        ("day", Arc::new(Date32Array::from(days(["2026-10-31", "2026-11-01", "2026-11-01"]).to_vec()))),
        ("text_z", Arc::new(StringArray::from(vec!["2026-11-01T03:59:59Z", "2026-11-01T04:00:00Z", "2026-11-01T19:00:00-05:00"]))),
        ("text", Arc::new(StringArray::from(vec!["2026-10-31 23:59:59", "2026-11-01", "2026-11-01T19:00:00.5"]))),
    ]);
    write_parquet(&folder.path().join("events.parquet"), &rows);
    folder
}

#[tokio::test]
async fn q5_a_period_means_the_same_for_every_type_of_column() {
    let folder = events();
    for column in ["aware_us", "aware_ns", "aware_ms", "naive_us", "naive_ns", "day", "text_z", "text"] {
        let sql = format!("select id from events where {{{{ filter('f', '{column}') }}}} order by id");
        for (expression, expected) in [
            (json!({"type": "date", "kind": "TIME_FOR_UNIT_DURATION", "left_side": "2026-11-01"}), vec!["2", "3"]),
            (json!({"type": "date", "kind": "TIME_FOR_UNIT_DURATION", "left_side": "this month"}), vec!["2", "3"]),
            (json!({"type": "date", "kind": "TIME_FOR_UNIT_DURATION", "left_side": "this month", "is_negative": true}), vec!["1"]),
            (json!({"type": "date", "kind": "BEFORE", "left_side": "2026-11-01"}), vec!["1"]),
            (json!({"type": "date", "kind": "ON_OR_AFTER", "left_side": "2026-11-01"}), vec!["2", "3"]),
            (json!({"type": "date", "kind": "BETWEEN", "left_side": "2026-10-31", "right_side": "2026-11-01"}), vec!["1"]),
            (json!({"type": "date", "kind": "WITHIN_RANGE", "left_side": "2026-10-31", "right_side": "2026-11-01"}), vec!["1", "2", "3"]),
            (json!({"type": "date", "kind": "IS_ON_DAY_OF_WEEK", "values": ["Sunday"]}), vec!["2", "3"]),
            (json!({"type": "date", "kind": "IS_IN_MONTH_OF_YEAR", "values": [10]}), vec!["1"]),
            (json!({"type": "date", "kind": "IS_ON_DAY_OF_QUARTER", "values": [31]}), vec!["1"]),
            (json!({"type": "date", "kind": "IS_IN_QUARTER_OF_YEAR", "isFiscal": true, "values": ["Q4"]}), vec!["1", "2", "3"]),
        ] {
            let query = compile(
                &tile(&sql),
                &filters([("f", FilterKind::Date, expression.clone())]),
                &identity(&[]),
                &new_york(),
                Dialect::Embedded,
            )
            .unwrap();
            let found = answer(folder.path(), &query).await.unwrap_or_else(|error| panic!("{column} {expression}: {error:?}"));
            assert_eq!(found, expected, "{column} {expression}");
        }
    }
}

#[tokio::test]
async fn q5_now_is_the_occurrence_and_days_are_those_of_the_query_zone() {
    let folder = events();
    // 2026-11-25T03:00Z is still the 24th in New York.
    let mut query =
        plain("select now() as n, current_date as d, current_timestamp as t, date_trunc('day', aware_us) as day from events where id = 1");
    query.at = "2026-11-25T03:00:00Z".parse().unwrap();
    assert_eq!(
        answer(folder.path(), &query).await.unwrap(),
        ["2026-11-24T22:00:00-05:00|2026-11-24|2026-11-24T22:00:00-05:00|2026-10-31T00:00:00-04:00"]
    );
}

#[tokio::test]
async fn q6_a_wall_clock_compared_with_an_instant_is_read_in_the_query_zone() {
    let folder = events();
    for (condition, expected) in [
        ("naive_us = aware_us", "1 2 3"),
        ("naive_ns <= aware_ms and naive_ns >= aware_ms", "1 2 3"),
        ("naive_us - aware_us = interval '0 days'", "1 2 3"),
        ("aware_ns between naive_us and naive_ns", "1 2 3"),
        ("aware_us >= date '2026-11-01'", "2 3"),
        ("naive_us < to_timestamp('2026-11-01T04:00:00Z')", "1"),
        ("naive_us < now() and naive_us > now() - interval '30 days'", "1 2 3"),
        ("naive_us > now() - interval '23 days 16 hours 1 second'", "2 3"),
        ("case when naive_us < aware_us + interval '1 second' then id > 2 else false end", "3"),
    ] {
        let mut query = plain(&format!("select id from events where {condition} order by id"));
        query.at = "2026-11-24T20:00:00Z".parse().unwrap();
        let found = answer(folder.path(), &query).await.unwrap_or_else(|error| panic!("{condition}: {error:?}"));
        assert_eq!(found.join(" "), expected, "{condition}");
    }
}

#[tokio::test]
async fn percentiles_keep_their_digits() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.csv"), "x\n0.12345678901\n0.22345678901\n0.32345678905\n").unwrap();
    for (sql, expected) in [
        ("select median(x) from t", "0.22345678901"),
        ("select percentile_cont(0.5) within group (order by x) from t", "0.22345678901"),
        ("select percentile_cont(0.75) within group (order by x) from t", "0.27345678903000004"),
    ] {
        let found = answer(folder.path(), &plain(sql)).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        assert_eq!(found, [expected], "{sql}");
    }
}

#[tokio::test]
async fn r9_r11_one_row_more_than_the_limit_is_truncation() {
    let folder = events();
    for (limit, rows, truncated) in [(2, 2, true), (3, 3, false), (10, 3, false)] {
        let mut query = plain("select id from events order by id");
        query.limit = limit;
        let (_, stats) = run(folder.path(), &query).await.unwrap();
        assert_eq!(stats, QueryStats { rows, truncated }, "limit {limit}");
    }
}

#[tokio::test]
async fn only_one_select_runs() {
    let folder = events();
    std::fs::write(folder.path().join("secret.txt"), "s").unwrap();
    for sql in [
        "select 1; select 2",
        "create table x as select 1",
        "create external table x stored as csv location '/etc/passwd'",
        "copy (select 1) to 'out.csv'",
        "copy events to 'out.parquet'",
        "insert into events values (1)",
        "with x as (select 1) insert into events select * from x",
        "delete from events",
        "update events set id = 1",
        "drop table events",
        "set datafusion.execution.batch_size = 1",
        "show tables",
        "show all",
        "explain select 1",
        "explain analyze select 1",
        "describe events",
        "prepare p as select 1",
        "begin",
        "select * from 'secret.txt'",
        "select * from '/etc/passwd'",
        "select * from 'file:///etc/passwd'",
        "select * from '../events.parquet'",
        "select * from \"/etc/passwd\"",
        "select * from information_schema.tables",
        "select * from pg_catalog.pg_tables",
        "select * from read_csv('/etc/passwd')",
        "select * from parquet_metadata('events.parquet')",
        "select * from read_parquet('events.parquet')",
        "select * from \"../secret\"",
        "select * from \"events/../../secret\"",
        "select * from \"pressrun\".\"public\".\"../secret\"",
        "select * from other.public.events",
        "select * from events; drop table events",
        "load 'x'",
        "attach 'x'",
        "unload (select 1) to 'x'",
        "create function f() returns int return 1",
        "execute p",
        "commit",
        "vacuum",
        "analyze events",
        "truncate table events",
        "alter table events rename to e",
        "grant select on events to public",
        "kill 1",
        "call f()",
        "merge into events using events on true when matched then delete",
        "reset datafusion.execution.batch_size",
        "",
        "-- nothing",
    ] {
        let error = answer(folder.path(), &plain(sql)).await.expect_err(sql);
        assert!(!error.to_string().contains("pressrun.public"), "{sql}: {error}");
        assert!(!matches!(error.kind, QueryErrorKind::Internal | QueryErrorKind::Memory), "{sql}: {error:?}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing was written");
}

#[tokio::test]
async fn failures_say_what_and_where() {
    let folder = events();
    std::fs::write(folder.path().join("broken.parquet"), "no parquet").unwrap();
    std::fs::write(folder.path().join("damaged.parquet"), "PAR1 whose footer says that it is longer than it isPAR1").unwrap();
    std::fs::write(folder.path().join("bad.csv"), "a,b\n1,2\n3\n").unwrap();
    let deep = format!("select {}1", "1 + ".repeat(5000));
    for (sql, kind, text) in [
        ("selec 1", QueryErrorKind::Syntax, "SQL"),
        ("select * from event", QueryErrorKind::UnknownTable, "did you mean events?"),
        ("select nope from events", QueryErrorKind::UnknownColumn, "there is no column \"nope\"; there are"),
        ("select idd from events", QueryErrorKind::UnknownColumn, "did you mean id?"),
        ("select frobnicate(id) from events", QueryErrorKind::UnknownFunction, "frobnicate"),
        ("select 1 / (id - 1) from events", QueryErrorKind::Value, "division by zero; use nullif"),
        ("select cast(text as int) from events", QueryErrorKind::Value, "2026-10-31"),
        ("select * from broken", QueryErrorKind::BeingWritten { file: "broken.parquet".into() }, "broken.parquet"),
        ("select * from damaged", QueryErrorKind::BeingWritten { file: "damaged.parquet".into() }, "damaged.parquet"),
        ("select * from events a asof join events b on a.id = b.id", QueryErrorKind::Unsupported, "row_number"),
        (&deep, QueryErrorKind::TooLarge, "levels deep"),
    ] {
        let error = answer(folder.path(), &plain(sql)).await.expect_err(sql);
        assert_eq!(error.kind, kind, "{sql}: {error:?}");
        assert!(error.to_string().contains(text), "{sql}: {error}");
        assert!(!error.to_string().contains(folder.path().to_str().unwrap()), "no path of the machine: {error}");
    }
}

#[tokio::test]
async fn r12_a_pivot_is_refused_whatever_its_limit_and_never_cut() {
    let folder = events();
    for limit in [2, u64::MAX] {
        let query = CompiledQuery { limit, ..plain("select * from events pivot (sum(id) for day in (1))") };
        let error = answer(folder.path(), &query).await.expect_err("refused");
        assert_eq!(error.kind, QueryErrorKind::Unsupported);
        assert!(error.to_string().contains("filter (where"), "{error}");
    }
}

#[tokio::test]
async fn tables_come_from_files_and_only_from_those_inside() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(outside.path().join("secret.csv"), "a\n1\n").unwrap();
    std::fs::create_dir(path("parts")).unwrap();
    std::fs::write(path("parts/1.csv"), "a\n1\n").unwrap();
    std::fs::write(path("parts/2.csv"), "a\n2\n").unwrap();
    std::fs::write(path("Größe in m.csv"), "a\n7\n").unwrap();
    std::fs::write(path("lines.json"), "{\"a\": 1, \"b\": {\"c\": \"x\"}}\n{\"a\": 2}\n").unwrap();
    std::fs::write(path("list.json"), "[{\"a\": 1}, {\"a\": 2}, {\"a\": 3}]").unwrap();
    std::fs::write(path("tabs.tsv"), "a\tb\n1\tx\n").unwrap();
    std::fs::write(path("twice.csv"), "a\n1\n").unwrap();
    std::fs::write(path("twice.tsv"), "a\n1\n").unwrap();
    std::os::unix::fs::symlink(outside.path().join("secret.csv"), path("link.csv")).unwrap();
    std::os::unix::fs::symlink(outside.path(), path("linked")).unwrap();
    let tables: IndexMap<String, FileTable> = [
        ("folder", "parts"),
        ("glob", "parts/*.csv"),
        ("one", "parts/2.csv"),
        ("out", "../secret.csv"),
        ("absolute", outside.path().join("secret.csv").to_str().unwrap()),
        ("through", "linked/secret.csv"),
        ("nothing", "no/such.csv"),
    ]
    .into_iter()
    .map(|(name, pattern)| (name.to_owned(), FileTable::at(pattern)))
    .collect();
    let source = FilesSource::new(folder.path().to_owned(), tables, outside.path().to_owned());
    for (sql, expected) in [
        ("select sum(a) from folder", Ok("3")),
        ("select sum(a) from glob", Ok("3")),
        ("select sum(a) from one", Ok("2")),
        ("select a from \"Größe in m\"", Ok("7")),
        ("select sum(a) from lines", Ok("3")),
        ("select b['c'] from lines where a = 1", Ok("x")),
        ("select count(*) from list", Ok("3")),
        ("select b from TABS", Ok("x")),
        ("select * from twice", Err("more than one file is called")),
        ("select * from link", Err("there is no table \"link\"")),
        ("select * from out", Err("leads out of the connection's folder")),
        ("select * from absolute", Err("leads out of the connection's folder")),
        ("select * from through", Err("matches no data file")),
        ("select * from nothing", Err("matches no data file")),
    ] {
        let mut sink = crate::source::Collected::default();
        let result = source.run(&plain(sql), &QueryLimits::default(), &mut sink).await;
        match (result, expected) {
            (Ok(_), Ok(expected)) => assert_eq!(crate::testing::rows(&sink), [expected], "{sql}"),
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{sql}: {error}"),
            (result, expected) => panic!("{sql}: {result:?}, expected {expected:?}"),
        }
    }
}

#[tokio::test]
async fn csv_times_with_offsets_are_instants() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("z.csv"), "at,n\n2026-11-01T03:59:59Z,1\n2026-11-01T04:00:00Z,2\n").unwrap();
    std::fs::write(folder.path().join("wall.csv"), "at,n\n2026-10-31T23:59:59,1\n2026-11-01T01:30:00,2\n").unwrap();
    for table in ["z", "wall"] {
        let query = compile(
            &tile(&format!("select n from {table} where {{{{ filter('f', 'at') }}}}")),
            &filters([("f", FilterKind::Date, json!("2026-11-01"))]),
            &identity(&[]),
            &new_york(),
            Dialect::Embedded,
        )
        .unwrap();
        assert_eq!(answer(folder.path(), &query).await.unwrap(), ["2"], "{table}");
    }
}

#[tokio::test]
async fn helper_functions_are_there() {
    let folder = events();
    std::fs::write(folder.path().join("j.csv"), "doc\n\"{\"\"a\"\": {\"\"b\"\": 3}}\"\n").unwrap();
    for (sql, expected) in [
        ("select date_diff('day', aware_us, aware_ns) from events where id = 1", "0"),
        ("select date_diff('day', date '2026-01-31', date '2026-03-01')", "29"),
        ("select date_diff('months', '2025-12-31', '2026-03-01')", "3"),
        ("select date_diff('hour', naive_us, aware_us) from events where id = 3", "0"),
        ("select strftime(aware_us, '%Y-%m-%d %H:%M') from events where id = 2", "2026-11-01 00:00"),
        ("select strftime('%m/%Y', day) from events where id = 2", "11/2026"),
        ("select doc->'a'->>'b' from j", "3"),
        ("select json_get_int(doc, 'a', 'b') from j", "3"),
        ("select count(*) from generate_series(1, 10)", "10"),
    ] {
        assert_eq!(answer(folder.path(), &plain(sql)).await.unwrap_or_else(|e| panic!("{sql}: {e:?}")), [expected], "{sql}");
    }
}

#[tokio::test]
async fn results_have_types_of_the_closed_set() {
    let folder = events();
    let sql = "select cast(1 as smallint) as i, arrow_cast('x', 'Utf8View') as v, [1, 2] as l, interval '1 month' as p, \
               arrow_cast('d', 'Dictionary(Int32, Utf8)') as d, null as n, cast('12:30' as time) as t, aware_ns, naive_ns, 1.5 as f, \
               cast(1.5 as decimal(5, 2)) as e from events where id = 2";
    let (found, _) = run(folder.path(), &plain(sql)).await.unwrap();
    let schema = found.schema.unwrap();
    let types: Vec<_> = schema.fields().iter().map(|field| field.data_type().to_string()).collect();
    assert_eq!(
        types,
        [
            "Int64",
            "Utf8",
            "List(Int64)",
            "Interval(MonthDayNano)",
            "Utf8",
            "Utf8",
            "Time64(ns)",
            "Timestamp(ns, \"America/New_York\")",
            "Timestamp(ns)",
            "Float64",
            "Decimal128(5, 2)"
        ]
    );
}

#[tokio::test]
async fn q5_period_filters_reach_the_parquet_reader() {
    let folder = events();
    let query = compile(&tile("explain_me"), &EffectiveFilters::default(), &identity(&[]), &new_york(), Dialect::Embedded).unwrap();
    let source = FilesSource::new(folder.path().to_owned(), IndexMap::new(), folder.path().to_owned());
    let (state, _) = source.session(&query, &QueryLimits::default()).unwrap();
    let sql = format!("select id from events where {}((aware_us), $1, $2)", pressrun_sql::dialect::IN_PERIOD);
    let statement = Statement::Statement(Box::new(screen(&sql, Dialect::Embedded).unwrap()));
    let plan = state.statement_to_plan(statement).await.unwrap();
    let bounds = [Param::Instant("2026-11-01T04:00:00Z".parse().unwrap()), Param::Instant("2026-11-02T05:00:00Z".parse().unwrap())];
    let plan = plan.with_param_values(ParamValues::from(bounds.iter().map(scalar).collect::<Vec<_>>())).unwrap();
    let plan = state.create_physical_plan(&plan).await.unwrap();
    let shown = datafusion::physical_plan::displayable(plan.as_ref()).indent(false).to_string();
    assert!(shown.contains("pruning_predicate=") && !shown.contains("pressrun_in_period"), "{shown}");
}

#[tokio::test]
async fn dropping_the_sink_stops_the_query() {
    struct Full;
    impl BatchSink for Full {
        fn begin(&mut self, _: &arrow_schema::SchemaRef) -> Result<(), QueryError> {
            Ok(())
        }
        fn push(&mut self, _: &arrow_array::RecordBatch) -> Result<(), QueryError> {
            Err(QueryError::new(QueryErrorKind::Spool, "the disk is full"))
        }
        fn widen(&mut self, _: &arrow_schema::SchemaRef) -> Result<(), QueryError> {
            Ok(())
        }
    }
    let folder = events();
    let source = FilesSource::new(folder.path().to_owned(), IndexMap::new(), folder.path().to_owned());
    let error = source.run(&plain("select id from events"), &QueryLimits::default(), &mut Full).await.unwrap_err();
    assert_eq!(error.kind, QueryErrorKind::Spool);
}

#[tokio::test]
async fn l2_a_query_beyond_its_memory_fails_cleanly() {
    let folder = events();
    let limits = QueryLimits { memory_bytes: 1 << 20, spill_bytes: 1 << 20, ..QueryLimits::default() };
    let source = FilesSource::new(folder.path().to_owned(), IndexMap::new(), folder.path().to_owned());
    let mut sink = crate::source::Collected::default();
    let sql = "select a.value, array_agg(b.value) from generate_series(1, 2000) a, generate_series(1, 2000) b group by 1 order by 2";
    let error = source.run(&plain(sql), &limits, &mut sink).await.unwrap_err();
    assert_eq!(error.kind, QueryErrorKind::Memory, "{error:?}");
}

/// The case `filter-missing-midnight`: the 25th of April 2025 began at one o'clock in Cairo.
#[tokio::test]
async fn q5_the_hour_after_a_midnight_counts_on_one_day_only() {
    let folder = tempfile::tempdir().unwrap();
    let hour = |n: i64| 1_745_445_600_000_000 + n * 3_600_000_000;
    let cairo = jiff::tz::TimeZone::get("Africa/Cairo").unwrap();
    let instants: Vec<i64> = (0..96).map(hour).collect();
    let wall =
        |micros: &i64| i64::from(cairo.to_offset(jiff::Timestamp::from_microsecond(*micros).unwrap()).seconds()) * 1_000_000 + micros;
    let walls: Vec<i64> = instants.iter().map(wall).collect();
    let columns: Vec<(&str, Arc<dyn arrow_array::Array>)> = vec![
        ("aware", Arc::new(TimestampMicrosecondArray::from(instants).with_timezone("UTC"))),
        ("wall", Arc::new(TimestampMicrosecondArray::from(walls))),
    ];
    write_parquet(&folder.path().join("t.parquet"), &batch(columns));
    std::fs::write(folder.path().join("days.csv"), "day\n2025-04-24 00:00:00\n2025-04-25 00:00:00\n2025-04-26 00:00:00\n").unwrap();
    let clock = crate::testing::clock("2025-04-26T10:00:00Z", "Africa/Cairo");
    for expression in [
        json!("yesterday"),
        json!({"kind": "TIME_FOR_INTERVAL_DURATION", "left_side": "1 complete days ago", "right_side": "1 days"}),
        json!({"kind": "QUERY_OFFSET", "left_side": "2 days ago", "offset_interval_string": "1 day"}),
    ] {
        for (sql, expected) in [
            (
                "select count(*), min(aware), max(aware) from t where {{ filter('f', 'aware') }}",
                "23|2025-04-25T01:00:00+03:00|2025-04-25T23:00:00+03:00",
            ),
            ("select count(*), min(wall), max(wall) from t where {{ filter('f', 'wall') }}", "23|2025-04-25T01:00:00|2025-04-25T23:00:00"),
            // A midnight that was none, as truncated days have it, belongs to its day.
            ("select count(*), min(day), max(day) from days where {{ filter('f', 'day') }}", "1|2025-04-25T00:00:00|2025-04-25T00:00:00"),
        ] {
            let filters = filters([("f", FilterKind::Date, expression.clone())]);
            let query = compile(&tile(sql), &filters, &identity(&[]), &clock, Dialect::Embedded).unwrap();
            assert_eq!(answer(folder.path(), &query).await.unwrap(), [expected], "{expression} {sql}");
        }
    }
}

#[tokio::test]
async fn b10_ten_thousand_values_of_each_kind_run() {
    let folder = events();
    let many = |of: &dyn Fn(usize) -> serde_json::Value| json!((0..10_000).map(of).collect::<Vec<_>>());
    let day = |n: usize| json!(jiff::civil::date(2026, 11, 1).checked_add(jiff::ToSpan::days(2 * n as i64 - 10_000)).unwrap().to_string());
    let names: Vec<String> = (0..10_000).map(|n| n.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for (kind, expression, on, expected) in [
        (FilterKind::Number, many(&|n| json!(n + 2)), "id", "2 3"),
        (FilterKind::Number, many(&|n| json!(format!("{n}.5"))), "id + 0.5", "1 2 3"),
        (FilterKind::String, many(&|n| json!(format!("v{}", n + 3))), "'v' || id", "3"),
        (FilterKind::String, json!({"values": many(&|n| json!(format!("V{}", n + 3))), "case_insensitive": true}), "'v' || id", "3"),
        (FilterKind::String, json!({"kind": "CONTAINS", "values": many(&|n| json!(format!("{}x", n + 2)))}), "id || 'x'", "2 3"),
        (
            FilterKind::String,
            json!({"kind": "ENDS_WITH", "values": many(&|n| json!(format!("{}X", n + 2))), "case_insensitive": true}),
            "id || 'x'",
            "2 3",
        ),
        (FilterKind::Date, many(&day), "aware_us", "2 3"),
        (FilterKind::Date, json!({"values": many(&day), "is_negative": true}), "naive_us", "1"),
        (FilterKind::Date, many(&day), "day", "2 3"),
        (FilterKind::Date, many(&day), "text", "2 3"),
        (FilterKind::String, json!({"type": "user_attribute", "user_attribute_name": "name"}), "cast(id as varchar)", "1 2 3"),
    ] {
        let sql = format!("select id from events where {{{{ filter('f', \"{on}\") }}}} order by id");
        let filters = filters([("f", kind, expression)]);
        let query = compile(&tile(&sql), &filters, &identity(&[("name", &names)]), &new_york(), Dialect::Embedded).unwrap();
        let found = answer(folder.path(), &query).await.unwrap_or_else(|error| panic!("{on}: {error}"));
        assert_eq!(found.join(" "), expected, "{on}");
    }
}

#[tokio::test]
async fn b11_filters_over_other_types_compare_in_the_columns_type_or_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let columns: Vec<(&str, Arc<dyn arrow_array::Array>)> = vec![
        ("n", Arc::new(Int64Array::from(vec![1, 20, 300]))),
        ("f", Arc::new(arrow_array::Float32Array::from(vec![0.1, 0.2, 1.0]))),
        ("t", Arc::new(StringArray::from(vec!["1", "x", "300"]))),
    ];
    write_parquet(&folder.path().join("t.parquet"), &batch(columns));
    for (kind, expression, on, expected) in [
        (FilterKind::String, json!({"kind": "CONTAINS", "values": ["0"]}), "n", Ok("20 300")),
        (FilterKind::String, json!(["20", " 300 "]), "n", Ok("20 300")),
        (FilterKind::String, json!(["US"]), "n", Err("\"US\" is no value of a column of type integer")),
        (FilterKind::String, json!({"kind": "EQUALS", "values": ["0.1"], "case_insensitive": true}), "f", Ok("1")),
        (FilterKind::Number, json!(["0.1"]), "f", Ok("1")),
        (FilterKind::Number, json!({"values": ["0.1"], "is_negative": true}), "f", Ok("20 300")),
        (FilterKind::Number, json!(["1.5"]), "n", Ok("")),
        (FilterKind::Number, json!({"values": ["1.5"], "is_negative": true}), "n", Ok("1 20 300")),
        (FilterKind::Number, json!([1]), "t", Err("a number filter is used on a column of type text")),
    ] {
        let sql = format!("select n from t where {{{{ filter('f', '{on}') }}}} order by n");
        let query =
            compile(&tile(&sql), &filters([("f", kind, expression.clone())]), &identity(&[]), &new_york(), Dialect::Embedded).unwrap();
        match (answer(folder.path(), &query).await, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found.join(" "), expected, "{expression} {on}"),
            (Err(error), Err(expected)) => assert!(error.message.contains(expected), "{expression} {on}: {error}"),
            (found, expected) => panic!("{expression} {on}: {found:?}, not {expected:?}"),
        }
    }
}

#[tokio::test]
async fn b18_failures_know_their_place_in_the_sql() {
    let folder = events();
    for (sql, at) in [("select id,\n  nope\nfrom events", "nope"), ("select id from events where ) = 1", ") = ")] {
        let query = plain(sql);
        let error = answer(folder.path(), &query).await.unwrap_err();
        let found = error.character.map(|at| query.sql.chars().skip(at - 1).take(4).collect::<String>());
        assert_eq!(found.as_deref(), Some(at), "{sql}: {error:?}");
    }
}

#[test]
fn a_query_has_the_threads_that_its_files_are_worth() {
    for (case, bytes, most, expected) in [
        ("a small table", 3 << 20, 8, 1),
        ("two threads' worth", 5 << 20, 8, 2),
        ("more than there are", 1 << 40, 8, 8),
        ("no file at all, such as range(…)", 0, 8, 8),
        ("an operator who allows none still has one", 0, 0, 1),
    ] {
        assert_eq!(threads(bytes, most), expected, "{case}");
    }
}
