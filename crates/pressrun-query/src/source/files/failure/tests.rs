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

/// Types that do not go together are told in the words of SQL, with what to write instead.
#[tokio::test]
async fn n12_text_beside_numbers_and_other_odd_pairs_say_what_to_write() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.csv"), "label,n,d,m\nabc,1,2026-01-31,2026-01-31 10:00:00\n").unwrap();
    for (sql, expected) in [
        ("label + 1", "+ has no meaning between text and integer; convert the text by cast(… as double)"),
        ("n - 'x'", "- has no meaning between integer and text; convert the text"),
        ("label * cast(n as decimal(10, 2))", "* has no meaning between text and decimal(10,2); convert the text"),
        ("m - 1", "- has no meaning between timestamp (wall clock) and integer; dates move by intervals"),
        ("true + 1", "+ has no meaning between boolean and integer; make a number of a condition"),
        ("-label", "- is used on what is no number; convert it first: -cast(… as double)"),
        ("- 'abc'", "- is used on what is no number"),
        ("+label", "+ is used on what is no number"),
        ("not n", "not is used on what is no condition; compare it"),
        ("n and true", "and has no meaning between integer and boolean; conditions are joined by it"),
        ("label & 1", "& has no meaning between text and integer"),
        ("n like '1%'", "like compares texts, and is used on integer and text; convert it to text"),
        ("label > 5", "the text \"abc\" is no whole number, as which it was read; write try_cast(… as bigint)"),
        ("label > 5.5", "the text \"abc\" is no number, as which it was read; write try_cast(… as double)"),
        ("coalesce(n, 'x')", "the text \"x\" is no whole number"),
        ("cast(label as integer)", "the text \"abc\" is no whole number, as which it was read; write try_cast(… as bigint)"),
        ("cast(label as decimal(10, 2))", "abc"),
        ("sum(label)", "sum takes no value of type text; convert it, for example by cast(… as double)"),
        ("sum(n > 5)", "sum takes no value of type boolean; make a number of a condition"),
        ("median(label)", "median takes no value of type text; convert it"),
        ("abs(label)", "abs takes no value of type text; convert it"),
        ("sqrt(label)", "sqrt takes no value of type text; convert it"),
        ("power(label, 2)", "power takes no values of the types text, integer; convert it"),
        ("round(label)", "round takes no value of type text; convert it"),
        ("upper(n)", "upper takes no value of type integer; convert it to text by cast(… as varchar)"),
        ("n from t where label", "where is given text, which is no condition; compare it"),
        ("n from t where n", "where is given integer, which is no condition"),
        ("d > 5", "a date is compared with a number; compare it with a date such as date '2026-01-31'"),
        ("m = 1.5", "= has no meaning between timestamp (wall clock) and number"),
        ("d between 1 and 9", "a date is compared with a number"),
        ("d in (20484, 2)", "a date is compared with a number"),
        ("variance(n)", "there is no function \"variance\"; write var_samp(…)"),
        ("sign(n)", "write signum(…)"),
        ("2 ^ n", "^ has no one meaning; write power(a, b)"),
        ("label similar to '(a|b)%'", "similar to is not supported; write a regular expression"),
        ("label like 'a!%' escape '!'", "like is written without escape; write a backslash"),
        ("label collate \"C\"", "collate is not supported; leave it out"),
        ("to_char(d, 'YYYY-MM')", "a format of dates has no % in it, and would be shown as it stands; write it as strftime does"),
        ("date_part('decade', d)", "extract knows no part \"decade\"; calculate it"),
        ("cast(label as varchar), sum(n), sum(n)", "name them: … as a_name"),
        ("cast(n as double), cast(n as decimal(5, 1))", "the columns 1 and 2 would have the same name"),
    ] {
        let sql = if sql.contains(" from ") { format!("select {sql}") } else { format!("select {sql} from t") };
        let error = crate::testing::answer(folder.path(), &plain(&sql)).await.map(|rows| panic!("{sql}: {rows:?}")).unwrap_err();
        let said = error.to_string();
        assert!(said.contains(expected), "{sql}: {said}");
        for internal in ["Utf8", "Int64", "pressrun_", "coerce", "Candidate"] {
            assert!(!said.contains(internal), "{sql}: {said}");
        }
    }
}

#[test]
fn n12_marks_of_ours_are_in_no_message() {
    for (text, expected) in [
        ("sum(CAST(pressrun_asked_for(t.m) AS Int64))", "sum(CAST(t.m AS Int64))"),
        ("a pressrun_asked_for(f(x) + pressrun_asked_for(g(y))) b", "a f(x) + g(y) b"),
        ("cut off: pressrun_asked_for(f(x", "cut off: f(x"),
        ("none", "none"),
    ] {
        assert_eq!(on_one_line(text), expected);
    }
}
