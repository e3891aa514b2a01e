//! Drivers of databases in processes of their own: whatever one does, the run says so and the next query works.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use indexmap::IndexMap;
use pressrun_domain::audience::Identity;
use pressrun_domain::catalog::QueryTile;
use pressrun_domain::chart::{Chart, Mark};
use pressrun_engine::executor::{Crew, ExecutorPool};
use pressrun_query::source::adbc::AdbcSpec;
use pressrun_query::spool::read_ipc;
use pressrun_query::{ConnectionSpec, QueryErrorKind, QueryJob, QueryLimits};
use pressrun_sql::{Dialect, EffectiveFilters, QueryClock, compile};

use crate::process::eventually;
use crate::world::{START, executors};

/// Builds the driver that does what no driver should, and its manifest.
fn build(dir: &Path) {
    let library = dir.join("hostile.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../pressrun-query/src/testing/hostile_driver.c");
    assert!(Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).status().unwrap().success());
    let manifest = format!("manifest_version = 1\n[Driver]\nentrypoint = \"AdbcDriverInit\"\nshared = \"{}\"\n", library.display());
    std::fs::write(dir.join("hostile.toml"), manifest).unwrap();
}

fn job(dir: &Path, sql: &str) -> QueryJob {
    let tile =
        QueryTile { sql: sql.to_owned(), limit: 10, filters: IndexMap::new(), fields: IndexMap::new(), chart: Chart::new(Mark::Table) };
    let clock = QueryClock::new(START.parse().unwrap(), "UTC");
    let compiled = compile(&tile, &EffectiveFilters::default(), &Identity::default(), &clock, Dialect::Ansi).unwrap();
    let connection = ConnectionSpec::Adbc(Box::new(AdbcSpec {
        driver: "hostile".to_owned(),
        folder: Some(dir.to_owned()),
        dialect: Dialect::Ansi,
        options: [("uri".to_owned(), "hostile://app:s3cret@db/x".to_owned())].into(),
        secrets: Vec::new(),
        session: Vec::new(),
    }));
    QueryJob { connection, compiled, limits: QueryLimits::default(), out: dir.join("out.arrow"), fingerprint: false }
}

fn text(dir: &Path) -> String {
    let batch = read_ipc(&dir.join("out.arrow")).unwrap().next().unwrap().unwrap();
    let column = batch.column(0).to_data();
    String::from_utf8(column.buffers()[1].as_slice().to_vec()).unwrap()
}

fn free(pool: &ExecutorPool) -> usize {
    pool.occupancy().into_iter().find(|crew| crew.crew == Crew::Driver).unwrap().free
}

#[tokio::test]
async fn e7_whatever_a_driver_does_the_run_says_so_and_the_next_query_works() {
    let dir = tempfile::tempdir().unwrap();
    build(dir.path());
    let pool = executors(dir.path().join("tmp"));
    let ask = |sql: &str| pool.query(job(dir.path(), sql), Duration::from_secs(60));
    let all = free(&pool);
    for (case, kind, said) in [
        ("aborts", QueryErrorKind::Internal, "the driver `hostile` ended it"),
        ("exits", QueryErrorKind::Internal, "the driver `hostile` ended it"),
        ("quotes", QueryErrorKind::Internal, "hostile://app:[redacted]@db/x"),
        ("bad utf8", QueryErrorKind::Value, "not UTF-8"),
    ] {
        let error = ask(&format!("select '{case}'")).await.expect_err(case);
        assert!(error.kind == kind && error.message.contains(said) && !error.message.contains("s3cret"), "{case}: {error:?}");
        assert!(!dir.path().join("out.arrow").exists(), "{case}: half a result is no result");
        assert_eq!(ask("select 'plain'").await.unwrap().rows, 1, "after: {case}");
    }
    // What it prints is no answer.
    assert_eq!(ask("select 'prints'").await.unwrap().rows, 1);
    assert_eq!(pool.idle_children(), 0, "each process is for one query");
    eventually("all places are free", async || (free(&pool) == all).then_some(())).await;
}

#[tokio::test]
async fn b17_a_driver_sees_nothing_of_the_environment() {
    let dir = tempfile::tempdir().unwrap();
    build(dir.path());
    let pool = executors(dir.path().join("tmp"));
    pool.query(job(dir.path(), "select 'environment'"), Duration::from_secs(60)).await.unwrap();
    let mut seen: Vec<_> = text(dir.path()).split_whitespace().map(str::to_owned).collect();
    seen.retain(|name| !["SSL_CERT_FILE", "SSL_CERT_DIR"].contains(&name.as_str()));
    seen.sort();
    assert_eq!(seen, ["HOME", "LANG", "PATH", "RUST_BACKTRACE", "TZ"]);
}

#[tokio::test]
async fn e7_a_driver_that_hears_nothing_is_ended_and_its_place_is_free() {
    let dir = tempfile::tempdir().unwrap();
    build(dir.path());
    let pool = executors(dir.path().join("tmp"));
    let all = free(&pool);
    let mut sleeping = job(dir.path(), "select 'sleeps'");
    sleeping.limits.timeout_ms = 100;
    let error = pool.query(sleeping, Duration::from_secs(60)).await.unwrap_err();
    assert!(error.kind == QueryErrorKind::Timeout && error.message.contains("took longer"), "{error:?}");
    // One that nobody waits for any more.
    let dropped = tokio::spawn({
        let (pool, asked) = (ExecutorPool::clone(&pool), job(dir.path(), "select 'sleeps'"));
        async move { pool.query(asked, Duration::from_secs(3600)).await }
    });
    eventually("it has a place", async || (free(&pool) < all).then_some(())).await;
    dropped.abort();
    eventually("its place is free", async || (free(&pool) == all).then_some(())).await;
    assert_eq!(pool.query(job(dir.path(), "select 'plain'"), Duration::from_secs(60)).await.unwrap().rows, 1);
}
