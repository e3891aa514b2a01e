//! The engine tells some failures as prose alone. These tests hold the words that are looked for against the engine itself: when
//! they fail after an update, look at each of [`super`]'s patterns before the version here is changed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::sync::Arc;

use arrow_array::{Int64Array, StringArray};
use datafusion::DATAFUSION_VERSION;
use datafusion::sql::parser::Statement;
use indexmap::IndexMap;
use pressrun_sql::{Dialect, screen};

use super::super::FilesSource;
use super::*;
use crate::QueryLimits;
use crate::source::{Collected, Source};
use crate::testing::{batch, plain, write_parquet};

const WRITTEN_FOR: &str = "55.";

/// The engine's own failure of `sql`, before it is put into our words.
async fn raw(sql: &str, limits: QueryLimits) -> DataFusionError {
    assert!(DATAFUSION_VERSION.starts_with(WRITTEN_FOR), "the engine is {DATAFUSION_VERSION}");
    let folder = tempfile::tempdir().unwrap();
    let columns = vec![("n", Arc::new(Int64Array::from(vec![1, 2])) as _), ("t", Arc::new(StringArray::from(vec!["1", "x"])) as _)];
    write_parquet(&folder.path().join("t.parquet"), &batch(columns));
    let source = FilesSource::new(folder.path().to_owned(), IndexMap::new(), folder.path().to_owned());
    let (state, _) = source.session(&plain(sql), &limits).unwrap();
    let statement = Statement::Statement(Box::new(screen(sql, Dialect::Embedded).unwrap()));
    let plan = match state.statement_to_plan(statement).await {
        Ok(plan) => plan,
        Err(error) => return error,
    };
    let plan = match state.create_physical_plan(&plan).await {
        Ok(plan) => plan,
        Err(error) => return error,
    };
    datafusion::physical_plan::collect(plan, state.task_ctx()).await.expect_err(sql)
}

#[tokio::test]
async fn e3_datafusion_55_says_what_is_recognised() {
    let plenty = QueryLimits::default;
    let table = raw("select * from nope", plenty()).await;
    assert!(planning(&table).starts_with("table 'pressrun.public.nope' not found"), "{table}");
    let function = raw("select nope(n) from t", plenty()).await;
    assert!(planning(&function).starts_with("Invalid function"), "{function}");
    let of_tables = raw("select * from nope(1)", plenty()).await;
    assert!(planning(&of_tables).starts_with("table function") && planning(&of_tables).contains("not found"), "{of_tables}");
    let column = raw("select nope from t", plenty()).await;
    assert!(matches!(column.find_root(), DataFusionError::SchemaError(schema, _) if matches!(**schema, SchemaError::FieldNotFound { .. })));
    let zero = raw("select 1 / (n - 1) from t", plenty()).await;
    assert!(matches!(zero.find_root(), DataFusionError::ArrowError(arrow, _) if matches!(**arrow, ArrowError::DivideByZero)), "{zero}");
    let inside_the_reader = raw("select n from t where cast(t as int) > 1", plenty()).await;
    let words = inside_the_reader.to_string();
    assert!(words.contains("CastError") || words.contains("Error evaluating filter predicate") || words.contains("Cast error"), "{words}");
    assert_eq!(explain(&inside_the_reader, &[]).kind, QueryErrorKind::Value);
}

#[tokio::test]
async fn e3_datafusion_55_names_its_quota_of_temporary_files() {
    let folder = tempfile::tempdir().unwrap();
    let limits = QueryLimits { memory_bytes: 8 << 20, spill_bytes: 64 << 10, ..QueryLimits::default() };
    let sql = "select value, repeat('x', 200) from generate_series(1, 200000) order by 2, 1 desc";
    let source = FilesSource::new(folder.path().to_owned(), IndexMap::new(), folder.path().to_owned());
    let query = pressrun_sql::CompiledQuery { limit: u64::MAX, ..plain(sql) };
    let error = source.run(&query, &limits, &mut Collected::default()).await.unwrap_err();
    assert_eq!(error.kind, QueryErrorKind::Memory, "{error}");
    let engine = raw(sql, limits).await;
    assert!(
        engine.to_string().contains("max_temp_directory_size") || matches!(engine.find_root(), DataFusionError::ResourcesExhausted(_)),
        "{engine}"
    );
}

/// The words of a failure of planning.
fn planning(error: &DataFusionError) -> &str {
    match error.find_root() {
        DataFusionError::Plan(message) => message,
        other => panic!("no failure of planning: {other:?}"),
    }
}
