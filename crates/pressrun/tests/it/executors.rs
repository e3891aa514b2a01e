//! Child processes: what cannot be stopped from inside is stopped from outside.

use std::path::Path;
use std::time::Duration;

use indexmap::IndexMap;
use pressrun_domain::audience::Identity;
use pressrun_domain::catalog::{FileTable, QueryTile};
use pressrun_domain::chart::{Chart, Mark};
use pressrun_query::{ConnectionSpec, QueryErrorKind, QueryJob, QueryLimits};
use pressrun_sql::{Dialect, EffectiveFilters, QueryClock, compile};

use crate::world::{START, executors};

fn job(dir: &Path, sql: &str) -> QueryJob {
    let tile =
        QueryTile { sql: sql.to_owned(), limit: 1000, filters: IndexMap::new(), fields: IndexMap::new(), chart: Chart::new(Mark::Table) };
    let connection = ConnectionSpec::Files { folder: dir.to_owned(), tables: IndexMap::new() };
    let clock = QueryClock::new(START.parse().unwrap(), "UTC");
    let compiled = compile(&tile, &EffectiveFilters::default(), &Identity::default(), &clock, Dialect::Embedded).unwrap();
    QueryJob { connection, compiled, limits: QueryLimits::default(), out: dir.join("out.arrow"), fingerprint: false }
}

#[tokio::test]
async fn a_query_that_never_yields_is_killed_at_its_deadline_and_the_next_works() {
    let dir = tempfile::tempdir().unwrap();
    let pool = executors(dir.path().join("tmp"));
    let endless = "select count(*) as n from range(3000000) a join range(3000000) b on a.value * b.value % 7 = a.value + b.value";
    let error = pool.query(job(dir.path(), endless), Duration::from_millis(700)).await.unwrap_err();
    assert_eq!(error.kind, QueryErrorKind::Timeout);
    assert!(error.to_string().starts_with("killed: deadline"), "{error}");
    assert!(!dir.path().join("out.arrow").exists(), "half a result is no result");
    let outcome = pool.query(job(dir.path(), "select 1 as one"), Duration::from_secs(30)).await.unwrap();
    assert_eq!(outcome.rows, 1);
}

#[tokio::test]
async fn a_query_that_escapes_the_memory_pool_is_killed_by_its_process_limit() {
    let dir = tempfile::tempdir().unwrap();
    let pool = executors(dir.path().join("tmp"));
    let error = pool.query(job(dir.path(), "select repeat('x', 1900000000) as x"), Duration::from_secs(30)).await.unwrap_err();
    assert!(error.kind == QueryErrorKind::Memory, "{error:?}");
    assert_eq!(pool.query(job(dir.path(), "select 1 as one"), Duration::from_secs(30)).await.unwrap().rows, 1);
}

#[tokio::test]
async fn a_stack_breaking_expression_is_a_named_failure() {
    let dir = tempfile::tempdir().unwrap();
    let pool = executors(dir.path().join("tmp"));
    let deep = format!("select {}1{} as x", "(".repeat(20_000), ")".repeat(20_000));
    let long = format!("select {} as x", vec!["1"; 20_000].join("+"));
    for sql in [deep, long] {
        let error = pool.query(job(dir.path(), &sql), Duration::from_secs(30)).await.unwrap_err();
        assert!(!error.to_string().is_empty());
    }
    assert_eq!(pool.query(job(dir.path(), "select 1 as one"), Duration::from_secs(30)).await.unwrap().rows, 1);
}

#[tokio::test]
async fn l2_a_result_beyond_its_size_is_a_named_failure_and_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let pool = executors(dir.path().join("tmp"));
    let mut huge = job(dir.path(), "select repeat('x', 1000000) as x from range(500)");
    huge.limits.result_bytes = 20 << 20;
    let error = pool.query(huge, Duration::from_secs(30)).await.unwrap_err();
    assert_eq!(error.kind, QueryErrorKind::TooLarge, "{error}");
    assert!(!dir.path().join("out.arrow").exists(), "half a result is no result");
    assert_eq!(pool.query(job(dir.path(), "select 1 as one"), Duration::from_secs(30)).await.unwrap().rows, 1);
}

#[tokio::test]
async fn an_executor_does_not_grow_with_the_queries_it_answers() {
    let dir = tempfile::tempdir().unwrap();
    let pool = executors(dir.path().join("tmp"));
    let mut after_twenty = 0;
    for number in 0..300 {
        let sql =
            format!("select value % {} as bucket, count(*) as n, sum(value) as total from range(20000) group by 1 order by 1", number + 7);
        pool.query(job(dir.path(), &sql), Duration::from_secs(30)).await.unwrap();
        if number == 19 {
            after_twenty = pool.idle_bytes();
        }
    }
    let end = pool.idle_bytes();
    assert!(after_twenty > 0 && end * 2 <= after_twenty * 3, "{} MiB after 20, {} MiB after 300", after_twenty >> 20, end >> 20);
}

#[tokio::test]
async fn children_are_kept_warm() {
    let dir = tempfile::tempdir().unwrap();
    let pool = executors(dir.path().join("tmp"));
    for _ in 0..5 {
        pool.query(job(dir.path(), "select 1 as one"), Duration::from_secs(30)).await.unwrap();
    }
    assert_eq!(pool.idle_children(), 1, "one job at a time needs one child");
}

#[tokio::test]
async fn a4_a_table_of_thousands_of_files_fits_into_a_child() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("days");
    std::fs::create_dir(&folder).unwrap();
    for day in 0..3_000 {
        std::fs::write(folder.join(format!("{day}.csv")), format!("day,amount\n{day},2\n")).unwrap();
    }
    let pool = executors(dir.path().join("tmp"));
    let mut many = job(dir.path(), "select sum(amount) as amount, max(day) as last from days");
    let ConnectionSpec::Files { tables, .. } = &mut many.connection else { panic!("files") };
    tables.insert("days".to_owned(), FileTable::at("days"));
    let outcome = pool.query(many, Duration::from_secs(300)).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(outcome.rows, 1);
    assert!(pool.idle_bytes() < 300 << 20, "{} MiB", pool.idle_bytes() >> 20);
}

#[tokio::test]
async fn a_connection_is_given_to_the_child_that_knows_it() {
    let dir = tempfile::tempdir().unwrap();
    let pool = executors(dir.path().join("tmp"));
    let of = |name: &str| {
        let folder = dir.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("t.csv"), "a\n1\n").unwrap();
        job(&folder, "select * from t")
    };
    // Two at once start two children, each of which comes to know one.
    let (first, second) = tokio::join!(pool.query(of("a"), Duration::from_secs(60)), pool.query(of("b"), Duration::from_secs(60)));
    assert_eq!((first.unwrap().rows, second.unwrap().rows, pool.idle_children()), (1, 1, 2));
    for _ in 0..3 {
        for name in ["a", "b"] {
            pool.query(of(name), Duration::from_secs(60)).await.unwrap();
        }
    }
    for (name, children) in [("a", 1), ("b", 1), ("c", 0)] {
        assert_eq!(pool.warm_children(&of(name).connection), children, "{name}: no other child had to learn it");
    }
}

#[tokio::test]
async fn e7_what_was_too_much_names_the_key_that_allows_more() {
    let dir = tempfile::tempdir().unwrap();
    let pool = executors(dir.path().join("tmp"));
    let sort = "select a.value * 7 % 1000003 as x, repeat('x', 50) as y from range(1000000) a order by 1";
    for (change, sql, expected) in [
        ((|limits| (limits.memory_bytes, limits.spill_bytes) = (8 << 20, 1 << 20)) as fn(&mut QueryLimits), sort, "query.spill_mb"),
        (|limits| limits.result_bytes = 1 << 20, "select repeat('x', 1000) as x from range(5000)", "query.result_mb"),
        (|_| {}, "select repeat('x', 1900000000) as x", "render.memory_mb"),
    ] {
        let mut job = job(dir.path(), sql);
        job.compiled.limit = 1_000_000;
        change(&mut job.limits);
        let error = pool.query(job, Duration::from_secs(120)).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

/// Twenty thousand files are hourly partitions of two years.
#[tokio::test]
async fn a4_a_table_of_many_files_stays_within_the_memory_of_a_child() {
    const FILES: usize = 20_000;
    let dir = tempfile::tempdir().unwrap();
    let pool = executors(dir.path().join("tmp"));
    std::fs::write(dir.path().join("one.csv"), "id,v\n1,0.5\n").unwrap();
    let parquet = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/cases/folder-delta-log/s/part-00000.snappy.parquet");
    std::fs::copy(parquet, dir.path().join("one.parquet")).unwrap();
    for ending in ["csv", "parquet"] {
        std::fs::create_dir(dir.path().join(ending)).unwrap();
        for n in 0..FILES {
            // One file under many names: what matters is their number.
            std::fs::hard_link(dir.path().join(format!("one.{ending}")), dir.path().join(format!("{ending}/{n}.{ending}"))).unwrap();
        }
        let mut many = job(dir.path(), &format!("select n from (select count(id) as n from s) where n = {FILES}"));
        many.connection = ConnectionSpec::Files { folder: dir.path().to_owned(), tables: [("s".to_owned(), FileTable::at(ending))].into() };
        let outcome = pool.query(many, Duration::from_secs(300)).await.unwrap_or_else(|error| panic!("{ending}: {error}"));
        assert_eq!(outcome.rows, 1, "{ending}");
    }
}
