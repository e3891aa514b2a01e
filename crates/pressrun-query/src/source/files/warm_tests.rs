//! A source that is asked again answers from what it kept, and says what a new one says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::from_iter_instead_of_collect, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, ListArray, StringArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow_schema::Field;
use pressrun_domain::catalog::FilterKind;
use pressrun_sql::{EffectiveFilters, QueryClock, compile};
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::source::Collected;
use crate::testing::{batch, clock, filters, identity, new_york, plain, rows, tile, write_parquet};

/// A folder and a source that keeps what it learns at once.
struct Warm {
    folder: TempDir,
    source: FilesSource,
}

impl Warm {
    fn of(tables: IndexMap<String, FileTable>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = FilesSource::new(folder.path().to_owned(), tables, std::env::temp_dir());
        Self { folder, source: FilesSource { settles: Duration::ZERO, ..source } }
    }

    fn new() -> Self {
        Self::of(IndexMap::new())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn numbers(&self, name: &str, numbers: impl IntoIterator<Item = i64>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        write_parquet(&path, &batch(vec![("n", Arc::new(Int64Array::from_iter_values(numbers)) as _)]));
    }

    async fn ask(&self, query: &CompiledQuery, limits: &QueryLimits) -> Result<Vec<String>, QueryError> {
        let mut sink = Collected::default();
        self.source.run(query, limits, &mut sink).await?;
        let columns = sink.schema.iter().flat_map(|schema| schema.fields()).map(|field| format!("{} {}", field.name(), field.data_type()));
        let columns = columns.collect::<Vec<_>>().join(", ");
        Ok([columns].into_iter().chain(rows(&sink)).chain(sink.warnings.clone()).collect())
    }

    async fn answer(&self, query: &CompiledQuery) -> Vec<String> {
        self.ask(query, &QueryLimits::default()).await.unwrap_or_else(|error| panic!("{}: {error:?}", query.sql))
    }

    /// What a source says that meets copies of the files for the first time.
    async fn cold(&self, query: &CompiledQuery) -> Vec<String> {
        self.copied(query, session::share).await
    }

    /// What a source says that reads files as those of large tables are read.
    async fn ordinary(&self, query: &CompiledQuery) -> Vec<String> {
        self.copied(query, |_| 0).await
    }

    async fn copied(&self, query: &CompiledQuery, share: fn(&QueryLimits) -> usize) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy");
        assert!(std::process::Command::new("cp").arg("-a").arg(self.folder.path()).arg(&copy).status().unwrap().success());
        let source = FilesSource { share, ..FilesSource::new(copy, self.source.tables.clone(), std::env::temp_dir()) };
        Self { folder, source }.answer(query).await
    }

    /// Asks more often than there is something left to learn.
    async fn again(&self, query: &CompiledQuery) -> Vec<String> {
        let first = self.answer(query).await;
        for _ in 0..3 {
            assert_eq!(self.answer(query).await, first, "{}", query.sql);
        }
        first
    }

    /// The same of a query whose plan may be kept.
    async fn warm(&self, query: &CompiledQuery) -> Vec<String> {
        let answer = self.again(query).await;
        assert!(self.keeps_plan(query), "the plan is kept: {}", query.sql);
        answer
    }

    fn keeps_plan(&self, query: &CompiledQuery) -> bool {
        let (_, schema) = self.source.look(query, &QueryLimits::default()).unwrap();
        self.source.plans.recall(query, &QueryLimits::default(), &schema).is_some()
    }

    /// Whether the plan of the query waits to be run again.
    fn is_ready(&self, query: &CompiledQuery) -> bool {
        let (_, schema) = self.source.look(query, &QueryLimits::default()).unwrap();
        let planned = self.source.plans.recall(query, &QueryLimits::default(), &schema);
        planned.is_some_and(|planned| prepared::recall(planned.number).is_some())
    }

    fn keeps_columns(&self, table: &str, zone: &str) -> bool {
        let files = Folder::open(self.folder.path(), &self.source.tables).unwrap().table(table).unwrap().unwrap();
        held::knows(&files.files, learnt::fingerprint(&(&*files.reading, files.base)), zone)
    }
}

/// Writes until the file system tells the state of the file from the one before: its clock ticks.
fn written(path: &std::path::Path, write: impl Fn()) {
    let state = || fs::metadata(path).ok().as_ref().map(listing::Identity::of);
    let before = state();
    while state() == before {
        write();
    }
}

#[tokio::test]
async fn a_change_of_a_file_between_two_queries_is_seen_whatever_was_kept() {
    type Change = fn(&Warm);
    let changes: [(&str, Change); 7] = [
        ("written again", |warm| written(&warm.path("t.parquet"), || warm.numbers("t.parquet", 5..15))),
        ("replaced by one of the same size and time", |warm| {
            let before = fs::metadata(warm.path("t.parquet")).unwrap();
            warm.numbers("new.parquet", 1..11);
            let new = fs::File::options().append(true).open(warm.path("new.parquet")).unwrap();
            new.set_modified(before.modified().unwrap()).unwrap();
            fs::rename(warm.path("new.parquet"), warm.path("t.parquet")).unwrap();
            assert_eq!(fs::metadata(warm.path("t.parquet")).unwrap().len(), before.len());
        }),
        ("written in place, of the same size, and its time set back", |warm| {
            let before = fs::metadata(warm.path("t.parquet")).unwrap();
            written(&warm.path("t.parquet"), || {
                warm.numbers("t.parquet", 5..15);
                fs::File::options().append(true).open(warm.path("t.parquet")).unwrap().set_modified(before.modified().unwrap()).unwrap();
            });
            let after = fs::metadata(warm.path("t.parquet")).unwrap();
            assert_eq!((after.len(), after.modified().unwrap()), (before.len(), before.modified().unwrap()));
        }),
        ("other columns", |warm| {
            let rows = batch(vec![("n", Arc::new(StringArray::from(vec!["5", "x"])) as _), ("m", Arc::new(Int64Array::from(vec![1, 2])))]);
            written(&warm.path("t.parquet"), || write_parquet(&warm.path("t.parquet"), &rows));
        }),
        ("text in its place", |warm| {
            fs::remove_file(warm.path("t.parquet")).unwrap();
            fs::write(warm.path("t.csv"), "n\n7\n8\n").unwrap();
        }),
        ("empty", |warm| written(&warm.path("t.parquet"), || warm.numbers("t.parquet", []))),
        ("a link to another", |warm| {
            warm.numbers("elsewhere/u.parquet", 100..103);
            fs::remove_file(warm.path("t.parquet")).unwrap();
            std::os::unix::fs::symlink("elsewhere/u.parquet", warm.path("t.parquet")).unwrap();
        }),
    ];
    for (name, change) in changes {
        let warm = Warm::new();
        warm.numbers("t.parquet", 0..10);
        let query = plain("select n, count(*) over () as all_rows from t where n is not null order by n");
        let before = warm.warm(&query).await;
        assert_eq!(before.len(), 11, "{name}");
        assert!(warm.keeps_columns("t", "America/New_York"), "{name}");
        change(&warm);
        let after = warm.answer(&query).await;
        assert_ne!(after, before, "{name}");
        assert_eq!(after, warm.cold(&query).await, "{name}");
        assert_eq!(warm.warm(&query).await, after, "{name}");
    }
}

/// An executor that has just begun sees files for the first time, and most are old.
#[tokio::test]
async fn what_has_settled_is_kept_from_the_first_query_on_and_what_changed_just_now_is_not() {
    for (settles, kept) in [(Duration::from_secs(3600), false), (Duration::ZERO, true)] {
        let warm = Warm::new();
        let warm = Warm { source: FilesSource { settles, ..warm.source }, ..warm };
        warm.numbers("t.parquet", 0..10);
        fs::write(warm.path("u.csv"), "m\n3\n").unwrap();
        let both = plain("select sum(n) as n, max(m) as m from t, u");
        let one = plain("select sum(n) as n from t");
        for _ in 0..3 {
            assert_eq!(warm.answer(&both).await[1..], ["45|3"]);
            assert_eq!(warm.answer(&one).await[1..], ["45"]);
            assert_eq!((warm.keeps_plan(&both), warm.keeps_plan(&one), warm.is_ready(&one)), (kept, kept, kept));
            for table in ["t", "u"] {
                assert_eq!(warm.keeps_columns(table, "America/New_York"), kept, "{table}");
            }
        }
    }
}

#[tokio::test]
async fn a_file_more_or_less_between_two_queries_is_seen_whatever_was_kept() {
    let table: FileTable = serde_json::from_value(json!({ "path": "t/*.parquet" })).unwrap();
    let warm = Warm::of(IndexMap::from([("t".to_owned(), table)]));
    let query = plain("select sum(n) as n from t");
    warm.numbers("t/a.parquet", [1]);
    assert_eq!(warm.warm(&query).await[1..], ["1"]);
    warm.numbers("t/b.parquet", [10]);
    assert_eq!(warm.warm(&query).await[1..], ["11"]);
    fs::rename(warm.path("t/a.parquet"), warm.path("t/c.parquet")).unwrap();
    assert_eq!(warm.warm(&query).await[1..], ["11"]);
    fs::remove_file(warm.path("t/b.parquet")).unwrap();
    assert_eq!(warm.warm(&query).await[1..], ["1"]);
    fs::remove_file(warm.path("t/c.parquet")).unwrap();
    let error = warm.ask(&query, &QueryLimits::default()).await.unwrap_err();
    assert!(error.message.contains("matches no data file"), "{error:?}");
}

#[tokio::test]
async fn a_name_that_comes_to_mean_a_table_is_seen() {
    let warm = Warm::new();
    warm.numbers("T.parquet", [1]);
    let query = plain("select n from t");
    assert_eq!(warm.warm(&query).await[1..], ["1"]);
    // Until now the only table whose name differs in case alone.
    warm.numbers("t.parquet", [2]);
    assert_eq!(warm.warm(&query).await[1..], ["2"]);
}

#[tokio::test]
async fn zone_instant_parameter_identity_and_limit_each_have_their_own_answer() {
    let table: FileTable = serde_json::from_value(json!({ "path": "u.csv", "columns": { "seen": "timestamptz" } })).unwrap();
    let warm = Warm::of(IndexMap::from([("u".to_owned(), table)]));
    let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_microsecond();
    let instants = TimestampMicrosecondArray::from(vec![at("2026-11-24T03:00:00Z"), at("2026-11-24T20:00:00Z")]).with_timezone("UTC");
    let regions = StringArray::from(vec!["EU", "US"]);
    write_parquet(&warm.path("t.parquet"), &batch(vec![("seen", Arc::new(instants) as ArrayRef), ("region", Arc::new(regions))]));
    fs::write(warm.path("u.csv"), "seen\n2026-11-24 03:00:00\n2026-11-24 20:00:00\n").unwrap();
    let compiled = |sql: &str, filters: &EffectiveFilters, region: &str, clock: &QueryClock| {
        compile(&tile(sql), filters, &identity(&[("region", &[region])]), clock, Dialect::Embedded).unwrap()
    };
    let none = EffectiveFilters::default();
    let of_region = |region: &str| filters([("r", FilterKind::String, json!({"type": "string", "kind": "EQUALS", "values": [region]}))]);
    let days = "select date_trunc('day', seen) as day, count(*) as n from t group by 1 order by 1";
    let berlin = clock("2026-11-24T14:00:00Z", "Europe/Berlin");
    let later = clock("2026-11-25T14:00:00Z", "America/New_York");
    let walls = "select epoch_of from (select date_part('epoch', seen) as epoch_of from u) order by 1";
    let allowed = "select region from t where {{ user_attribute('region', 'region') }}";
    let chosen = "select region from t where {{ filter('r', 'region') }}";
    let moment = "select count(*) as n from t where seen > now() - interval '24 hours'";
    let pairs = [
        ("zone", compiled(days, &none, "EU", &new_york()), compiled(days, &none, "EU", &berlin)),
        ("zone of text", compiled(walls, &none, "EU", &new_york()), compiled(walls, &none, "EU", &berlin)),
        ("now()", compiled(moment, &none, "EU", &new_york()), compiled(moment, &none, "EU", &later)),
        (
            "a day",
            compiled("select current_date as d", &none, "EU", &new_york()),
            compiled("select current_date as d", &none, "EU", &later),
        ),
        ("identity", compiled(allowed, &none, "EU", &new_york()), compiled(allowed, &none, "US", &new_york())),
        ("filter", compiled(chosen, &of_region("EU"), "EU", &new_york()), compiled(chosen, &of_region("US"), "EU", &new_york())),
    ];
    for (what, one, other) in pairs {
        let (expected, others) = (warm.again(&one).await, warm.again(&other).await);
        assert_ne!(expected, others, "{what}");
        assert_eq!((warm.answer(&one).await, warm.answer(&other).await), (expected, others), "{what}");
        assert_eq!((warm.cold(&one).await, warm.cold(&other).await), (warm.answer(&one).await, warm.answer(&other).await), "{what}");
    }
    let all = plain("select region from t order by 1");
    let first = CompiledQuery { limit: 1, ..all.clone() };
    assert_eq!(warm.warm(&all).await[1..], ["EU", "US"]);
    assert_eq!(warm.warm(&first).await[1..], ["EU"]);
    assert_eq!(warm.answer(&all).await[1..], ["EU", "US"]);
}

#[tokio::test]
async fn a_plan_without_the_moment_serves_every_instant_and_one_with_it_none() {
    let warm = Warm::new();
    warm.numbers("t.parquet", 0..3);
    let later = |query: &CompiledQuery| CompiledQuery { at: "2027-01-01T00:00:00Z".parse().unwrap(), ..query.clone() };
    let timeless = plain("select sum(n) as n from t");
    warm.warm(&timeless).await;
    assert!(warm.keeps_plan(&later(&timeless)));
    for sql in [
        "select n from t where to_timestamp(n) < NOW()",
        "select n, current_date as d from t",
        "select n from t where cast('2020-01-01' as date) < today()",
        "select n, random() < 2 as r from t",
        "select value from generate_series(now(), now() + interval '1 day', interval '12 hours')",
    ] {
        let query = plain(sql);
        warm.again(&query).await;
        assert!(!warm.keeps_plan(&query) && !warm.keeps_plan(&later(&query)), "{sql}");
    }
}

#[tokio::test]
async fn settings_between_two_queries_are_heeded() {
    let warm = Warm::new();
    warm.numbers("t.parquet", (0..400_000).rev());
    let query = CompiledQuery { limit: 1_000_000, ..plain("select n from t order by n") };
    let rows = warm.warm(&query).await.len();
    assert_eq!(rows, 400_001);
    let little = QueryLimits { memory_bytes: 1 << 20, spill_bytes: 1, ..QueryLimits::default() };
    let error = warm.ask(&query, &little).await.unwrap_err();
    assert_eq!(error.kind, QueryErrorKind::Memory, "{error:?}");
    assert_eq!(warm.answer(&query).await.len(), rows);
    let small = QueryLimits { result_bytes: 1000, ..QueryLimits::default() };
    assert_eq!(warm.ask(&query, &small).await.unwrap_err().kind, QueryErrorKind::TooLarge);
}

/// Columns of every kind that files hold, with texts longer and shorter than what lies in a view, and nulls.
fn kinds(rows: i64) -> arrow_array::RecordBatch {
    let numbers = || 0..rows;
    let text = |n: i64| if n % 3 == 0 { format!("a text of more than twelve letters, number {}", n % 1000) } else { format!("t{}", n % 7) };
    let lists = numbers().map(|n| (n % 5 != 0).then(|| vec![Some(n as i32), None]));
    let members: Vec<(arrow_schema::FieldRef, ArrayRef)> = vec![(
        Arc::new(Field::new("inner", DataType::Int64, true)),
        Arc::new(Int64Array::from_iter(numbers().map(|n| (n % 2 == 0).then_some(n)))),
    )];
    batch(vec![
        ("id", Arc::new(Int64Array::from_iter_values(numbers())) as ArrayRef),
        ("small", Arc::new(Int32Array::from_iter(numbers().map(|n| (n % 4 != 0).then_some(n as i32))))),
        ("real", Arc::new(Float64Array::from_iter(numbers().map(|n| (n % 9 != 0).then(|| n as f64 / 3.0))))),
        (
            "money",
            Arc::new(Decimal128Array::from_iter(numbers().map(|n| Some(i128::from(n) * 7))).with_precision_and_scale(12, 2).unwrap()),
        ),
        ("label", Arc::new(StringArray::from_iter(numbers().map(|n| (n % 11 != 0).then(|| text(n)))))),
        ("flag", Arc::new(BooleanArray::from_iter(numbers().map(|n| (n % 6 != 0).then_some(n % 2 == 0))))),
        ("day", Arc::new(Date32Array::from_iter_values(numbers().map(|n| 20_000 + (n % 700) as i32)))),
        ("at", Arc::new(TimestampMicrosecondArray::from_iter_values(numbers().map(|n| n * 3_600_000_000)).with_timezone("UTC"))),
        ("wall", Arc::new(TimestampMicrosecondArray::from_iter_values(numbers().map(|n| n * 3_600_000_000)))),
        ("list", Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists))),
        ("parts", Arc::new(StructArray::from(members))),
    ])
}

#[tokio::test]
async fn columns_in_memory_give_the_rows_that_files_give() {
    let warm = Warm::of(IndexMap::from([("parts".to_owned(), serde_json::from_value::<FileTable>(json!({ "path": "parts" })).unwrap())]));
    write_parquet(&warm.path("kinds.parquet"), &kinds(20_000));
    fs::write(warm.path("text.csv"), "id,day,name,price\n1,2026-01-01,x,1.50\n2,,\"y,z\",\n3,2026-01-03,,2\n").unwrap();
    fs::write(warm.path("lines.json"), "{\"id\":1,\"tags\":[\"a\"]}\n{\"id\":2,\"name\":\"n\"}\n").unwrap();
    for (place, first) in [("year=2025/region=EU", 0), ("year=2026/region=US", 100), ("year=2026/region=EU", 200)] {
        warm.numbers(&format!("parts/{place}/a.parquet"), first..first + 20);
    }
    let queries = [
        "select * from kinds order by id",
        "select label, count(*) as n, sum(money) as m, avg(real) as r from kinds where flag group by 1 order by 1",
        "select date_trunc('month', at) as month, date_trunc('day', wall) as d, max(day) as day from kinds group by 1, 2 order by 1, 2",
        "select list, parts, small from kinds where list is not null and small between 10 and 4000 order by id limit 300",
        "select count(*) as n, count(small) as s from kinds",
        "select id from kinds where label like '%number 9%' order by id desc",
        "select k.id, t.name from kinds k join text t on k.id = t.id order by 1",
        "select * from text order by id",
        "select * from lines order by id",
        "select region, year, sum(n) as n from parts group by 1, 2 order by 1, 2",
        "select year, n, region from parts where year = 2026 and n % 7 = 0 order by n",
        "select n from parts where region = 'nowhere'",
    ];
    for sql in queries {
        let query = CompiledQuery { limit: 100_000, ..plain(sql) };
        let found = warm.warm(&query).await;
        assert_eq!(found, warm.cold(&query).await, "{sql}");
        assert_eq!(found, warm.ordinary(&query).await, "{sql}");
    }
    for table in ["kinds", "text", "lines", "parts"] {
        assert!(warm.keeps_columns(table, "America/New_York"), "{table}");
    }
}

#[tokio::test]
async fn the_first_rows_of_a_sort_are_the_same_from_memory_also_where_many_are_equal() {
    let warm = Warm::new();
    let rows = 30_000;
    let spread = |n: i64| (n * 7919) % rows;
    let ties = batch(vec![
        ("id", Arc::new(Int64Array::from_iter_values(0..rows)) as ArrayRef),
        ("bucket", Arc::new(Int32Array::from_iter((0..rows).map(|n| (n % 17 != 0).then_some((n % 50) as i32))))),
        (
            "price",
            Arc::new(
                Decimal128Array::from_iter_values((0..rows).map(|n| i128::from(spread(n) / 3) - 5000))
                    .with_precision_and_scale(12, 2)
                    .unwrap(),
            ),
        ),
        (
            "real",
            Arc::new(Float64Array::from_iter((0..rows).map(|n| match n % 101 {
                0 => None,
                1 => Some(f64::NAN),
                2 => Some(-0.0),
                3 => Some(0.0),
                _ => Some((spread(n) - 15_000) as f64 / 7.0),
            }))),
        ),
        ("at", Arc::new(TimestampMicrosecondArray::from_iter_values((0..rows).map(|n| spread(n) / 40 * 1_000_000)).with_timezone("UTC"))),
        ("day", Arc::new(Date32Array::from_iter_values((0..rows).map(|n| (spread(n) / 100) as i32)))),
        ("label", Arc::new(StringArray::from_iter_values((0..rows).map(|n| format!("t{}", spread(n) % 90))))),
    ]);
    write_parquet(&warm.path("t.parquet"), &ties);
    for column in ["id", "bucket", "price", "real", "at", "day", "label"] {
        for order in ["asc", "desc", "asc nulls first", "desc nulls last"] {
            for (condition, limit) in [("true", 7), ("id % 3 = 1", 100), ("bucket < 10 and id > 500", 1500), ("id < 40", 60), ("id < 0", 5)]
            {
                let sql = format!("select id, {column} as c from t where {condition} order by {column} {order} limit {limit}");
                let query = CompiledQuery { limit: 10_000, ..plain(&sql) };
                let found = warm.warm(&query).await;
                assert_eq!(found, warm.cold(&query).await, "{sql}");
                // Rows that the sort does not tell apart have no order among themselves.
                let keys = |rows: &[String]| rows.iter().map(|row| row.split_once('|').map(|(_, key)| key.to_owned())).collect::<Vec<_>>();
                assert_eq!(keys(&found), keys(&warm.ordinary(&query).await), "{sql}");
            }
        }
    }
}

#[tokio::test]
async fn a_condition_of_one_query_selects_the_same_rows_in_another_over_other_columns() {
    let warm = Warm::new();
    write_parquet(&warm.path("kinds.parquet"), &kinds(20_000));
    let conditions = [
        "small > 100 and flag",
        "label = 't1'",
        "label = 't2'",
        "id = 1",
        "id = 1.0",
        "cast(id as varchar) = '1'",
        "day > at",
        "money < 70",
    ];
    for selected in ["count(*) as n", "sum(id) as n", "max(label) as n, min(real) as r", "count(distinct flag) as n, sum(small) as s"] {
        for condition in conditions {
            let query = plain(&format!("select {selected} from kinds where {condition}"));
            assert_eq!(warm.warm(&query).await, warm.ordinary(&query).await, "{}", query.sql);
        }
    }
    for _ in 0..3 {
        // Each row draws anew: no selection of one query is another's.
        let drawn = warm.answer(&plain("select count(*) as n from kinds where random() < 0.5")).await;
        let n: i64 = drawn[1].parse().unwrap();
        assert!((8_000..12_000).contains(&n), "{n}");
    }
    let error = warm.ask(&plain("select count(*) as n from kinds where 1 / (id - 5) > 0"), &QueryLimits::default()).await.unwrap_err();
    assert_eq!(error.kind, QueryErrorKind::Value, "{error:?}");
}

#[tokio::test]
async fn what_is_kept_is_bounded_and_a_table_that_is_too_large_is_read_anew() {
    let warm = Warm::new();
    for (name, rows) in [("small", 10_000), ("large", 900_000), ("long", 1_100_000)] {
        warm.numbers(&format!("{name}.parquet"), 0..rows);
    }
    // Two megabytes, of which a table may take one.
    let limits = QueryLimits { memory_bytes: 16 << 20, ..QueryLimits::default() };
    for (name, sum, kept) in [("small", "49995000", true), ("large", "404999550000", false)] {
        let query = plain(&format!("select sum(n) as n from {name}"));
        for _ in 0..4 {
            assert_eq!(warm.ask(&query, &limits).await.unwrap()[1..], [sum]);
        }
        assert_eq!(warm.keeps_columns(name, "America/New_York"), kept, "{name}");
    }
    let query = plain("select sum(n) as n from long");
    for _ in 0..4 {
        assert_eq!(warm.answer(&query).await[1..], ["604999450000"]);
    }
    assert!(!warm.keeps_columns("long", "America/New_York"), "a table of more rows is better read by what its files say of them");
}

#[tokio::test]
async fn a_damaged_file_is_refused_in_the_same_words_each_time() {
    let warm = Warm::new();
    warm.numbers("t.parquet", 0..100_000);
    let mut bytes = fs::read(warm.path("t.parquet")).unwrap();
    // Behind the mark that every such file begins with.
    bytes[4..64].fill(0xff);
    fs::write(warm.path("t.parquet"), bytes).unwrap();
    let query = plain("select sum(n) as n from t");
    let mut heard = BTreeMap::new();
    for _ in 0..4 {
        let error = warm.ask(&query, &QueryLimits::default()).await.map(|rows| panic!("{rows:?}")).unwrap_err();
        *heard.entry(error.message).or_insert(0) += 1;
    }
    assert_eq!(heard.len(), 1, "{heard:?}");
}

#[tokio::test]
async fn what_is_kept_of_a_file_for_one_table_is_not_taken_for_another_that_finds_other_values_in_its_path() {
    let table = |path: &str| serde_json::from_value::<FileTable>(json!({ "path": path, "reading": { "partitions": ["k"] } })).unwrap();
    let tables = [("outer_folders", table("x/**/*.parquet")), ("inner_folders", table("x/p/**/*.parquet"))];
    let warm = Warm::of(tables.into_iter().map(|(name, table)| (name.to_owned(), table)).collect());
    warm.numbers("x/p/q/a.parquet", [1, 2, 3]);
    warm.numbers("x/p/r/a.parquet", [4, 5, 6]);
    for (of, letter, count) in
        [("outer_folders", "q", "0"), ("inner_folders", "q", "3"), ("outer_folders", "p", "6"), ("inner_folders", "p", "0")]
    {
        let query = plain(&format!("select count(*) as n from {of} where k = '{letter}' or n > 100"));
        assert_eq!(warm.warm(&query).await[1..], [count], "{}", query.sql);
    }
}
