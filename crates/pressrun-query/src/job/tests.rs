#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::sync::Arc;

use arrow_array::Int64Array;

use super::*;
use crate::spool::read_ipc;
use crate::testing::{batch, plain, write_parquet};

fn job(folder: &Path, sql: &str) -> QueryJob {
    QueryJob {
        connection: ConnectionSpec::Files { folder: folder.to_owned(), tables: IndexMap::new() },
        compiled: plain(sql),
        limits: QueryLimits::default(),
        out: folder.join("out.arrow"),
        fingerprint: true,
    }
}

#[tokio::test]
async fn a_job_crosses_the_border_and_leaves_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let rows = batch(vec![("n", Arc::new(Int64Array::from_iter_values(0..20_000)) as _)]);
    write_parquet(&folder.path().join("t.parquet"), &rows);
    let sent = job(folder.path(), "select n, n % 2 = 0 as even from t where n < 15000");
    let mut received: QueryJob = serde_json::from_str(&serde_json::to_string(&sent).unwrap()).unwrap();
    assert_eq!(received, sent);
    received.compiled.limit = 10_000;
    let outcome = run_job(&received, folder.path()).await.unwrap();
    assert_eq!((outcome.rows, outcome.truncated), (10_000, true));
    let names: Vec<_> = outcome.columns.iter().map(|column| format!("{} {}", column.name, column.data_type)).collect();
    assert_eq!(names, ["n Int64", "even Boolean"]);
    assert_eq!(outcome.fingerprint.as_ref().unwrap().rows, 10_000);
    let read: usize = read_ipc(&received.out).unwrap().map(|batch| batch.unwrap().num_rows()).sum();
    assert_eq!(read, 10_000);
    assert_eq!(outcome.bytes, std::fs::metadata(&received.out).unwrap().len());
    let wire = serde_json::to_string(&outcome).unwrap();
    assert_eq!(serde_json::from_str::<QueryOutcome>(&wire).unwrap(), outcome);
}

#[tokio::test]
async fn no_rows_still_have_columns() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.csv"), "a,b\n1,x\n").unwrap();
    let outcome = run_job(&job(folder.path(), "select * from t where a > 1"), folder.path()).await.unwrap();
    assert_eq!((outcome.rows, outcome.columns.len()), (0, 2));
    let file = read_ipc(&folder.path().join("out.arrow")).unwrap();
    assert_eq!(file.schema().fields().len(), 2);
    assert_eq!(file.count(), 0);
}

#[tokio::test]
async fn a_failure_crosses_the_border_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.csv"), "a\n1\n").unwrap();
    let error = run_job(&job(folder.path(), "select 1 / 0 from t"), folder.path()).await.unwrap_err();
    assert_eq!(error.kind, QueryErrorKind::Value);
    assert_eq!(serde_json::from_str::<QueryError>(&serde_json::to_string(&error).unwrap()).unwrap(), error);
    assert!(!folder.path().join("out.arrow").exists());
}

#[test]
fn d13_a_connection_does_not_print_its_password() {
    let connection = ConnectionSpec::Postgres { url: "postgres://u:hunter2@db/x".to_owned(), secret_file: None };
    assert!(!format!("{connection:?}").contains("hunter2"));
}
