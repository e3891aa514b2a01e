//! Real drivers, and one that does what no driver should. What ends a process is tried where there is one to end (`pressrun/tests/it/drivers.rs`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod duckdb;
mod hostile;
mod sqlite;

use pressrun_sql::{CompiledQuery, Dialect, EffectiveFilters, compile};

use super::*;
use crate::source::Collected;
use crate::testing::{identity, new_york, rows, tile};

/// A query without filters.
fn asked(spec: &AdbcSpec, sql: &str) -> CompiledQuery {
    compile(&tile(sql), &EffectiveFilters::default(), &identity(&[]), &new_york(), spec.dialect).unwrap()
}

async fn run(spec: &AdbcSpec, query: &CompiledQuery, limits: &QueryLimits) -> Result<(Collected, QueryStats), QueryError> {
    let mut sink = Collected::default();
    let stats = AdbcSource::new(spec.clone()).run(query, limits, &mut sink).await?;
    Ok((sink, stats))
}

async fn once(spec: &AdbcSpec, sql: &str) -> Result<Vec<String>, QueryError> {
    run(spec, &asked(spec, sql), &QueryLimits::default()).await.map(|(found, _)| rows(&found))
}

#[tokio::test]
async fn a_driver_is_a_name_in_the_operators_folder_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let spec = |folder: Option<&std::path::Path>| AdbcSpec {
        driver: "z".to_owned(),
        folder: folder.map(Into::into),
        dialect: Dialect::Ansi,
        options: IndexMap::new(),
        secrets: Vec::new(),
        session: Vec::new(),
    };
    let off = once(&spec(None), "select 1").await.unwrap_err();
    assert!(off.kind == QueryErrorKind::Denied && off.message.contains("loads no database drivers"), "{off:?}");
    // There is a library of this name on every machine; the loader is not asked for it.
    let missing = once(&spec(Some(folder.path())), "select 1").await.unwrap_err();
    assert!(missing.message.contains("no driver `z`"), "{missing:?}");
    for (manifest, said) in [
        ("not toml [", "cannot be loaded"),
        ("manifest_version = 1\n[Driver]\nshared = \"/nowhere/lib.so\"\n", "/nowhere/lib.so"),
        ("manifest_version = 1\n[Driver]\n", "cannot be loaded"),
    ] {
        std::fs::write(folder.path().join("z.toml"), manifest).unwrap();
        let error = once(&spec(Some(folder.path())), "select 1").await.unwrap_err();
        assert!(error.kind == QueryErrorKind::Unsupported && error.message.contains(said), "{error:?}");
    }
    // What does not begin like a query is not shown to a driver.
    for sql in ["attach 'x.db' as x", "select 1; drop table t", "pragma query_only = 0"] {
        assert_eq!(once(&spec(Some(folder.path())), sql).await.unwrap_err().kind, QueryErrorKind::Denied, "{sql}");
    }
}
