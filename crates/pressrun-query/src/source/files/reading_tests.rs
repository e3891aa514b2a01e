//! Files as other people's tools write them: right rows, or a refusal that names file and line.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, StringArray, TimestampMicrosecondArray,
    TimestampNanosecondArray,
};
use pressrun_domain::catalog::{ColumnType, Compression, FileReading, Quote};
use tempfile::TempDir;

use super::*;
use crate::source::Collected;
use crate::testing::{batch, plain, rows, write_parquet};

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        write(folder.path(), name, text.as_bytes());
    }
    folder
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn table(folder: &Path, name: &str, columns: Vec<(&str, ArrayRef)>) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    write_parquet(&path, &batch(columns));
}

fn ints(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

/// What a query says in a zone: rows as text, and warnings.
async fn told(folder: &Path, tables: &[(&str, FileTable)], sql: &str) -> Result<(Vec<String>, Vec<String>), QueryError> {
    let temp = tempfile::tempdir().unwrap();
    let tables = tables.iter().map(|(name, table)| ((*name).to_owned(), table.clone())).collect();
    let source = FilesSource::new(folder.to_owned(), tables, temp.path().to_owned());
    let mut sink = Collected::default();
    source.run(&plain(sql), &QueryLimits::default(), &mut sink).await?;
    Ok((rows(&sink), sink.warnings))
}

/// Rows of files of which nothing is declared, none of which gives reason to warn.
async fn quiet(folder: &TempDir, sql: &str) -> Vec<String> {
    let s = [("s", FileTable::at("s"))];
    let tables = if folder.path().join("s").is_dir() { &s[..] } else { &[] };
    let (rows, warnings) = told(folder.path(), tables, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    assert_eq!(warnings, Vec::<String>::new(), "{sql}");
    rows
}

/// The words of a refusal, which names the file.
async fn refusal(folder: &TempDir, tables: &[(&str, FileTable)], sql: &str, file: &str) -> String {
    let error = told(folder.path(), tables, sql).await.expect_err(sql);
    // A file of now is one that is perhaps still being written; a glob or a folder is none.
    let named = match &error.kind {
        QueryErrorKind::Unreadable { file } | QueryErrorKind::BeingWritten { file } => file.as_str(),
        other => panic!("{other:?}: {error}"),
    };
    assert_eq!(named, file, "{error}");
    assert!(!error.to_string().contains(folder.path().to_str().unwrap()), "no path of the machine: {error}");
    error.to_string()
}

fn reading(change: impl FnOnce(&mut FileReading)) -> FileTable {
    let mut table = FileTable::default();
    change(&mut table.reading);
    table
}

fn columns(of: &[(&str, &str)]) -> IndexMap<String, pressrun_domain::catalog::ColumnType> {
    of.iter().map(|(name, of)| ((*name).to_owned(), of.parse().unwrap())).collect()
}

#[tokio::test]
async fn a3_files_of_one_table_are_matched_by_the_names_of_their_columns() {
    let by_position = folder(&[("s/a.csv", "id,amount\n1,100\n"), ("s/b.csv", "amount,id\n250,2\n")]);
    assert_eq!(quiet(&by_position, "select id, amount from s order by id").await, ["1|100", "2|250"]);
    let one_more = folder(&[("s/a.csv", "id,x\n1,a\n"), ("s/b.csv", "extra,x,id\nnew,b,2\n"), ("s/c.csv", "id,x\n3,c\n")]);
    assert_eq!(quiet(&one_more, "select * from s order by id").await, ["1|a|∅", "2|b|new", "3|c|∅"]);
    assert_eq!(quiet(&one_more, "select extra, count(*) from s group by 1 order by 2").await, ["new|1", "∅|2"]);
    let json = folder(&[("s/a.json", "{\"id\":1,\"x\":\"a\"}"), ("s/b.json", "[{\"y\":{\"k\":2},\"id\":2}]")]);
    assert_eq!(quiet(&json, "select id, x, y['k'] from s order by id").await, ["1|a|∅", "2|∅|2"]);
    let parquet = tempfile::tempdir().unwrap();
    table(parquet.path(), "s/a.parquet", vec![("id", ints(&[1])), ("amount", ints(&[100]))]);
    table(parquet.path(), "s/b.parquet", vec![("amount", ints(&[250])), ("note", texts(&["n"])), ("id", ints(&[2]))]);
    assert_eq!(quiet(&parquet, "select id, amount, note from s order by id").await, ["1|100|∅", "2|250|n"]);
    assert_eq!(quiet(&parquet, "select id from s where note = 'n' and amount > 200").await, ["2"]);
}

#[tokio::test]
async fn a3_files_that_share_nothing_or_only_all_but_case_are_refused_by_name() {
    let s = [("s", FileTable::at("s"))];
    let headless = folder(&[("s/a.csv", "id,region\n1,EU\n"), ("s/b.csv", "2,US\n3,EU\n")]);
    let said = refusal(&headless, &s, "select * from s", "s/b.csv").await;
    assert!(said.contains("no column of the file s/a.csv: id, region there, 2, US here"), "{said}");
    let cased = folder(&[("s/a.csv", "id,Amount\n1,5\n"), ("s/b.csv", "id,amount\n2,5\n")]);
    let said = refusal(&cased, &s, "select * from s", "s/b.csv").await;
    assert!(said.contains("calls a column \"amount\" that the file s/a.csv calls \"Amount\""), "{said}");
}

#[tokio::test]
async fn b6_types_of_several_files_widen_or_are_refused_with_both() {
    let csv = folder(&[("s/feb.csv", "id,amount\n2,10.50\n"), ("s/jan.csv", "id,amount\n1,10\n")]);
    assert_eq!(quiet(&csv, "select id, amount from s order by id").await, ["1|10.0", "2|10.5"]);
    let parquet = tempfile::tempdir().unwrap();
    let at = 1_767_225_600_000_000;
    table(parquet.path(), "s/0.parquet", vec![("k", ints(&[0])), ("v", Arc::new(Int32Array::from(vec![1])))]);
    table(parquet.path(), "s/1.parquet", vec![("k", ints(&[1])), ("v", ints(&[2]))]);
    table(parquet.path(), "s/2.parquet", vec![("k", ints(&[2])), ("v", Arc::new(Float64Array::from(vec![3.5])))]);
    assert_eq!(quiet(&parquet, "select k, v from s order by k").await, ["0|1.0", "1|2.0", "2|3.5"]);
    assert_eq!(quiet(&parquet, "select k from s where v >= 2 order by k").await, ["1", "2"]);
    let decimals = tempfile::tempdir().unwrap();
    let decimal =
        |value, precision, scale| Arc::new(Decimal128Array::from(vec![value]).with_precision_and_scale(precision, scale).unwrap());
    let stamp = Arc::new(TimestampMicrosecondArray::from(vec![at])) as ArrayRef;
    let nano = Arc::new(TimestampNanosecondArray::from(vec![at * 1000 + 5])) as ArrayRef;
    table(decimals.path(), "s/a.parquet", vec![("d", decimal(1050, 10, 2) as _), ("t", stamp)]);
    table(decimals.path(), "s/b.parquet", vec![("d", decimal(99_999, 12, 4) as _), ("t", nano)]);
    table(decimals.path(), "s/c.parquet", vec![("d", ints(&[7])), ("t", Arc::new(Date32Array::from(vec![20_000])))]);
    assert_eq!(
        quiet(&decimals, "select d, t from s order by d").await,
        ["7.0000|2024-10-04T00:00:00", "9.9999|2026-01-01T00:00:00.000000005", "10.5000|2026-01-01T00:00:00"]
    );
    let apart = tempfile::tempdir().unwrap();
    table(apart.path(), "s/a.parquet", vec![("id", ints(&[1])), ("v", Arc::new(Date32Array::from(vec![1])))]);
    table(apart.path(), "s/b.parquet", vec![("id", ints(&[1])), ("v", texts(&["x"]))]);
    let said = refusal(&apart, &[("s", FileTable::at("s"))], "select * from s", "s/b.parquet").await;
    assert!(said.contains("has text in the column \"v\", and the file s/a.parquet has date"), "{said}");
    assert!(said.contains("(id integer, v date; id integer, v text)"), "{said}");
}

#[tokio::test]
async fn b6_integers_that_a_double_cannot_hold_are_never_widened_to_one() {
    let folder = tempfile::tempdir().unwrap();
    table(folder.path(), "s/a.parquet", vec![("v", ints(&[9_007_199_254_740_993]))]);
    table(folder.path(), "s/b.parquet", vec![("v", Arc::new(Float64Array::from(vec![0.5])) as _)]);
    let said = refusal(&folder, &[("s", FileTable::at("s"))], "select v from s", "s/a.parquet").await;
    assert!(said.contains("lose digits"), "{said}");
    let mut declared = FileTable::at("s");
    declared.reading.columns = columns(&[("v", "text")]);
    let (rows, _) = told(folder.path(), &[("s", declared)], "select v from s order by v desc").await.unwrap();
    assert_eq!(rows, ["9007199254740993", "0.5"]);
    let wide = Arc::new(Decimal128Array::from(vec![1]).with_precision_and_scale(38, 2).unwrap());
    table(folder.path(), "d/a.parquet", vec![("v", wide as _)]);
    table(folder.path(), "d/b.parquet", vec![("v", Arc::new(Float64Array::from(vec![0.5])) as _)]);
    let (rows, warnings) = told(folder.path(), &[("d", FileTable::at("d"))], "select v from d order by v").await.unwrap();
    assert_eq!(rows, ["0.01", "0.5"]);
    assert!(warnings.len() == 1 && warnings[0].contains("decimals of 38 digits in the file d/a.parquet"), "{warnings:?}");
    let csv = self::folder(&[("s/a.csv", "v\n9007199254740993\n"), ("s/b.csv", "v\n0.5\n")]);
    assert_eq!(quiet(&csv, "select v from s order by v").await, ["0.5", "9007199254740993.0"]);
}

#[tokio::test]
async fn b6_numbers_here_and_text_there_are_text_with_a_warning() {
    let s = [("s", FileTable::at("s"))];
    let csv = folder(&[("s/a.csv", "id,v\n1,7\n"), ("s/b.csv", "id,v\n2,x\n"), ("s/c.csv", "id,v\n3,08\n")]);
    let (rows, warnings) = told(csv.path(), &s, "select v from s order by id").await.unwrap();
    assert_eq!(rows, ["7", "x", "08"]);
    assert_eq!(warnings, ["table \"s\": column \"v\" is a number in the file s/a.csv and text in s/b.csv; it is read as text"]);
    let parquet = tempfile::tempdir().unwrap();
    table(parquet.path(), "s/a.parquet", vec![("v", ints(&[7]))]);
    table(parquet.path(), "s/b.parquet", vec![("v", texts(&["x"]))]);
    let (rows, warnings) = told(parquet.path(), &s, "select v from s order by v").await.unwrap();
    assert_eq!(rows, ["7", "x"]);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}

#[tokio::test]
async fn b3_types_of_text_files_come_from_every_row() {
    let late = |head: &str, early: &dyn Fn(u32) -> String, late: &dyn Fn(u32) -> String| {
        let rows = (0..26_000).map(|n| if n < 25_000 { early(n) } else { late(n) });
        std::iter::once(head.to_owned()).chain(rows).collect::<Vec<_>>().join("\n")
    };
    let files = [
        ("empty.csv", late("id,v", &|n| format!("{n},"), &|n| format!("{n},{n}"))),
        ("fraction.csv", late("id,v", &|n| format!("{n},{n}"), &|n| format!("{n},{n}.5"))),
        ("letters.csv", late("id,v", &|n| format!("{n},{n}"), &|n| format!("{n},A{n}"))),
    ];
    let folder = folder(&files.each_ref().map(|(name, text)| (*name, text.as_str())));
    let keys = late("", &|n| format!("{{\"id\":{n}}}"), &|n| format!("{{\"id\":{n},\"late\":{n}}}"));
    write(folder.path(), "keys.json", keys.as_bytes());
    for (sql, expected) in [
        ("select count(v), max(v) from empty", "1000|25999"),
        ("select sum(v) from fraction", "337987500.0"),
        ("select max(v), count(v) from letters", "A25999|26000"),
        ("select count(late), max(late) from keys", "1000|25999"),
    ] {
        assert_eq!(quiet(&folder, sql).await, [expected], "{sql}");
    }
}

#[tokio::test]
async fn b3_no_character_of_a_value_is_lost() {
    let folder = folder(&[
        ("zip.csv", "city,zip,quoted\nA,01234,\"01234\"\nB,10001,\"10001\"\nC,00501,\"00501\"\n"),
        ("digits.csv", "k,v,id\n1,1234567890123456.78,12345678901234567890\n2,0.10,1\n"),
        ("big.json", "{\"k\":1,\"n\":12345678901234567890,\"d\":1234567890123456.78}\n{\"k\":2,\"n\":7,\"d\":0.5}"),
        ("phone.csv", "k,phone\n1,+49301234\n2,+1202555\n"),
        ("code.csv", "k,code\n1,12e4567\n2,1e5\n"),
    ]);
    for (sql, expected) in [
        ("select city, zip, quoted from zip order by city", &["A|01234|01234", "B|10001|10001", "C|00501|00501"][..]),
        ("select v, id from digits order by k", &["1234567890123456.78|12345678901234567890", "0.10|1"]),
        ("select n, d from big order by k", &["12345678901234567890|1234567890123456.78", "7|0.50"]),
        ("select phone from phone order by k", &["+49301234", "+1202555"]),
        ("select code from code order by k", &["12e4567", "1e5"]),
    ] {
        assert_eq!(quiet(&folder, sql).await, expected, "{sql}");
    }
}

#[tokio::test]
async fn b3_values_of_many_kinds_are_what_people_mean_by_them() {
    let folder = folder(&[
        ("bom.csv", "\u{feff}id,name\r\n1,\"Müller, \"\"A\"\"\"\r\n2,\"two\r\nlines\"\r\n\r\n3,\r\n4,\"\"\r\n"),
        ("one.csv", "only\n1\n\n2\n"),
        ("header.csv", "a,b\n"),
        ("old_mac.csv", "a,b\r1,2\r3,4\r"),
        ("blanks.csv", " id , name \n 1 , x y \n2,z\n"),
        (
            "dates.csv",
            "d,t,z,m\n2026-11-30,2026-11-30 09:30,2026-11-30T09:30:00Z,2026-11-30\n2026-12-01,2026-12-01T00:00:00.25,2026-11-30 09:30:00+02:00,2026-12-01 10:00\n",
        ),
        ("flags.csv", "a,b,c\ntrue,t,yes\nFALSE,f,no\n"),
        ("marks.csv", "n\n\"1,234.5\"\n\"12\"\n"),
        ("unnamed.csv", ",x,\n0,1,\n1,2,\n"),
        ("inch.csv", "id,size\n1,5\" pipe\n2,6\" pipe\n"),
        ("far.csv", "id,until\n1,9999-12-31 00:00:00\n2,2026-01-01 00:00:00\n"),
    ]);
    for (sql, expected) in [
        ("select id, name from bom order by id", &["1|Müller, \"A\"", "2|two\r\nlines", "3|∅", "4|"][..]),
        ("select sum(only), count(*) from one", &["3|2"]),
        ("select count(*), max(a) from header", &["0|∅"]),
        ("select sum(a), sum(b) from old_mac", &["4|6"]),
        ("select id, name from blanks order by id", &["1| x y ", "2|z"]),
        (
            "select d, t, z, m from dates order by d",
            &[
                "2026-11-30|2026-11-30T09:30:00|2026-11-30T04:30:00-05:00|2026-11-30T00:00:00",
                "2026-12-01|2026-12-01T00:00:00.250|2026-11-30T02:30:00-05:00|2026-12-01T10:00:00",
            ],
        ),
        ("select a, b, c from flags order by b", &["false|f|no", "true|t|yes"]),
        ("select n from marks order by n", &["1,234.5", "12"]),
        ("select column_1, x, column_3 from unnamed order by x", &["0|1|∅", "1|2|∅"]),
        ("select size from inch order by id", &["5\" pipe", "6\" pipe"]),
        ("select until from far order by id", &["9999-12-31T00:00:00", "2026-01-01T00:00:00"]),
    ] {
        assert_eq!(quiet(&folder, sql).await, expected, "{sql}");
    }
}

#[tokio::test]
async fn b3_an_empty_column_calculates_as_nothing() {
    let folder = folder(&[("t.csv", "id,v\n1,\n2,\n"), ("t2.json", "{\"id\":1,\"v\":null}")]);
    for (sql, expected) in
        [("select count(v), max(v) from t", "0|∅"), ("select count(*) from t where v is null", "2"), ("select count(v) from t2", "0")]
    {
        assert_eq!(quiet(&folder, sql).await.join(" "), expected, "{sql}");
    }
}

#[tokio::test]
async fn b4_malformed_files_are_refused_with_file_and_line() {
    let folder = folder(&[
        ("open.csv", "id,name\n1,\"abc\n2,def\n3,ghi\n"),
        ("later.csv", "id,name\n1,\"abc\n2,\"def\"\n3,ghi\n"),
        ("twice.csv", "id,value,value\n1,10,20\n"),
        ("empty.csv", ""),
        ("blank.csv", "\n\n"),
        ("short.csv", "a,b\n1,2\n3\n"),
        ("long.csv", "a,b\n1,2\n\"x\ny\",4,5\n"),
        ("semicolons.csv", "datum;betrag\n2024-01-02;1.234,50\n2024-01-03;7,25\n"),
        ("tabs.csv", "a\tb\n1\t2\n"),
        ("cut.json", "[{\"a\": 1}, {\"a\": 2}"),
        ("within.json", "{\"a\": 1}\n{\"a\": "),
        ("scalar.json", "{\"a\": 1}\n7\n"),
        ("bad.json", "{\"a\": 1}\n{\"a\": 01}\n"),
        ("unlike.json", "{\"a\": 1}\n{\"a\": {\"b\": 1}}\n"),
        ("twice.json", "{\"a\": 1, \"a\": 2}"),
        ("none.json", "[]"),
    ]);
    write(folder.path(), "latin.csv", b"id,name\n1,x\n2,M\xfcller\n");
    write(folder.path(), "wide.csv", b"i\0d\0\n\x001\0\n\0");
    write(folder.path(), "binary.csv", b"\0\0\0\0\x01\x02");
    for (file, words) in [
        ("open.csv", "line 2 of the file open.csv opens a quote that is not closed"),
        ("later.csv", "line 3 of the file later.csv goes on after a closing quote; a quote that opens in line 2 is probably not closed"),
        ("twice.csv", "has two columns called \"value\""),
        ("empty.csv", "the file empty.csv is empty"),
        ("blank.csv", "the file blank.csv has no line that is not blank"),
        ("short.csv", "line 3 of the file short.csv has 1 value, where the header has 2"),
        ("long.csv", "line 3 of the file long.csv has 3 values, where the header has 2"),
        ("semicolons.csv", "looks separated by semicolons; write the table's `separator: \";\"`"),
        ("tabs.csv", "looks separated by tabs; write the table's `separator: \"\\t\"`"),
        ("cut.json", "ends within its array"),
        ("within.json", "ends within the object that begins in line 2"),
        ("scalar.json", "line 2 of the file scalar.json has something else than an object"),
        ("bad.json", "line 2 of the file bad.json begins an object that is no JSON"),
        ("unlike.json", "line 2 of the file unlike.json has an object in \"a\", which has a number before"),
        ("twice.json", "line 1 of the file twice.json has \"a\" twice in one object"),
        ("none.json", "the file none.json has no object with members"),
        ("latin.csv", "line 3 of the file latin.csv is not UTF-8; write the table's `encoding`"),
        ("wide.csv", "has bytes of value zero; it looks like UTF-16; write `encoding: utf-16le`"),
        ("binary.csv", "it is no text file"),
    ] {
        let tables = [("x", FileTable::at(file))];
        let said = refusal(&folder, &tables, "select * from x", file).await;
        assert!(said.contains(words), "{file}: {said}");
    }
    // Also where the fault lies behind the rows that are wanted, and in one file of many.
    write(folder.path(), "s/a.csv", b"id\n1\n");
    write(folder.path(), "s/b.csv", b"id\n2\n\"3\n");
    let said = refusal(&folder, &[("s", FileTable::at("s"))], "select * from s limit 1", "s/b.csv").await;
    assert!(said.contains("line 3 of the file s/b.csv opens a quote"), "{said}");
}

#[tokio::test]
async fn b4_parquet_with_a_doubled_column_or_cut_off_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let schema = Arc::new(arrow_schema::Schema::new(
        ["id", "value", "value"].map(|name| arrow_schema::Field::new(name, DataType::Int64, true)).to_vec(),
    ));
    let doubled = arrow_array::RecordBatch::try_new(schema, vec![ints(&[1]), ints(&[10]), ints(&[20])]).unwrap();
    write_parquet(&folder.path().join("t.parquet"), &doubled);
    let said = refusal(&folder, &[], "select * from t", "t.parquet").await;
    assert!(said.contains("has two columns called \"value\""), "{said}");
    table(folder.path(), "cut.parquet", vec![("v", ints(&[1, 2, 3]))]);
    let whole = std::fs::read(folder.path().join("cut.parquet")).unwrap();
    write(folder.path(), "cut.parquet", &whole[..whole.len() - 20]);
    write(folder.path(), "nothing.parquet", b"");
    for (name, words) in [("cut", "cannot be read"), ("nothing", "is empty")] {
        let file = format!("{name}.parquet");
        let said = refusal(&folder, &[], &format!("select * from {name}"), &file).await;
        assert!(said.contains(words) && said.contains(&file), "{said}");
    }
}

#[tokio::test]
async fn c4_a_parquet_file_with_damaged_pages_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    let values: Vec<String> = (0..5000).map(|n| format!("value {}", n * 7919 % 10_007)).collect();
    table(folder.path(), "t.parquet", vec![("v", texts(&values.iter().map(String::as_str).collect::<Vec<_>>()))]);
    let mut bytes = std::fs::read(&path).unwrap();
    let end = bytes.len() / 2;
    bytes[4..end].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let said = refusal(&folder, &[], "select max(v) from t", "t.parquet").await;
    assert!(said.contains("the file t.parquet cannot be read"), "{said}");
}

#[tokio::test]
async fn b4_what_other_tools_keep_in_a_folder_is_no_data() {
    let folder = tempfile::tempdir().unwrap();
    let s = [("s", FileTable::at("s")), ("g", FileTable::at("s/**/*.parquet"))];
    table(folder.path(), "s/part-0.parquet", vec![("v", ints(&[1]))]);
    table(folder.path(), "s/_temporary/0/part-1.parquet", vec![("v", ints(&[2]))]);
    table(folder.path(), "s/.hidden/part-2.parquet", vec![("v", ints(&[3]))]);
    table(folder.path(), "_metadata.parquet", vec![("v", ints(&[4]))]);
    write(folder.path(), "s/_SUCCESS", b"");
    write(folder.path(), "s/.part-0.parquet.crc", b"crc");
    for sql in ["select count(*) from s", "select count(*) from g"] {
        assert_eq!(told(folder.path(), &s, sql).await.unwrap().0, ["1"], "{sql}");
    }
    let error = told(folder.path(), &[], "select * from _metadata").await.unwrap_err();
    assert_eq!(error.kind, QueryErrorKind::UnknownTable);
    for (at, mark, system) in [
        ("delta", "delta/_delta_log/00000000000000000000.json", "Delta Lake"),
        ("ice", "ice/metadata/v1.metadata.json", "Apache Iceberg"),
        ("hudi", "hudi/.hoodie/hoodie.properties", "Apache Hudi"),
    ] {
        write(folder.path(), mark, b"{}");
        table(folder.path(), &format!("{at}/data/part-0.parquet"), vec![("v", ints(&[1]))]);
        for pattern in [at.to_owned(), format!("{at}/**/*.parquet"), format!("{at}/data"), format!("{at}/data/*.parquet")] {
            let error = told(folder.path(), &[("t", FileTable::at(&pattern))], "select * from t").await.expect_err(&pattern);
            assert!(error.message.contains(&format!("a table of {system}")), "{pattern}: {error}");
        }
    }
}

#[tokio::test]
async fn b4_a_folder_that_cannot_be_read_harms_its_own_table_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder(&[("t.csv", "a\n1\n"), ("closed/x.csv", "a\n1\n"), ("open/x.csv", "a\n2\n")]);
    let closed = folder.path().join("closed");
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o000)).unwrap();
    let tables = [("closed", FileTable::at("closed")), ("open", FileTable::at("open"))];
    for (sql, expected) in [("select a from t", "1"), ("select a from open", "2")] {
        assert_eq!(told(folder.path(), &tables, sql).await.unwrap().0, [expected], "{sql}");
    }
    // An administrator may read everything.
    if std::fs::read_dir(&closed).is_err() {
        let error = told(folder.path(), &tables, "select * from closed").await.unwrap_err();
        assert!(error.message.contains("\"closed\" cannot be listed"), "{error}");
    }
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).unwrap();
}

#[tokio::test]
async fn b5_timestamps_of_spark_and_hive_are_instants() {
    use ::parquet::data_type::{Int96, Int96Type};
    use ::parquet::file::properties::WriterProperties;
    use ::parquet::file::writer::SerializedFileWriter;
    use ::parquet::schema::parser::parse_message_type;
    let folder = tempfile::tempdir().unwrap();
    let schema = Arc::new(parse_message_type("message spark_schema { optional int96 at; }").unwrap());
    let file = std::fs::File::create(folder.path().join("t.parquet")).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(WriterProperties::builder().build())).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let mut at = Int96::new();
    // Three o'clock UTC of 1 November 2026: Julian day 2461346, nanoseconds of the day in the lower words.
    let nanos = 3_u64 * 3600 * 1_000_000_000;
    at.set_data(nanos as u32, (nanos >> 32) as u32, 2_461_346);
    column.typed::<Int96Type>().write_batch(&[at], Some(&[1]), None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    assert_eq!(quiet(&folder, "select at from t").await, ["2026-10-31T23:00:00-04:00"]);
    assert_eq!(quiet(&folder, "select count(*) from t where at < timestamp '2026-11-01 00:00:00'").await, ["1"]);
}

#[tokio::test]
async fn b6_folders_with_values_in_their_names_are_columns() {
    let folder = tempfile::tempdir().unwrap();
    table(folder.path(), "s/region=EU/a.parquet", vec![("id", ints(&[1]))]);
    table(folder.path(), "s/region=San%20Jose/b.parquet", vec![("id", ints(&[2]))]);
    table(folder.path(), "s/region=__HIVE_DEFAULT_PARTITION__/c.parquet", vec![("id", ints(&[3]))]);
    assert_eq!(quiet(&folder, "select id, region from s order by id").await, ["1|EU", "2|San Jose", "3|∅"]);
    assert_eq!(quiet(&folder, "select id from s where region = 'San Jose'").await, ["2"]);
    assert_eq!(
        quiet(&folder, "select region, count(*) from s where region is null or region <> 'EU' group by 1 order by 1").await,
        ["San Jose|1", "∅|1"]
    );

    let days = self::folder(&[
        ("s/year=2025/day=2025-12-31/a.csv", "id\n1\n"),
        ("s/year=2026/day=2026-01-01/a.csv", "id\n2\n"),
        ("s/year=2026/day=2026-01-02/b.csv", "id\n3\n"),
    ]);
    assert_eq!(
        quiet(&days, "select year, day, id from s order by id").await,
        ["2025|2025-12-31|1", "2026|2026-01-01|2", "2026|2026-01-02|3"]
    );
    assert_eq!(
        quiet(&days, "select id, day + interval '1 day' from s where year > 2025 and day < date '2026-01-02'").await,
        ["2|2026-01-02"]
    );
    assert_eq!(quiet(&days, "select count(*), max(day) from s").await, ["3|2026-01-02"]);

    let plain = self::folder(&[("s/2026/01/a.csv", "id\n1\n"), ("s/2026/02/a.csv", "id\n2\n")]);
    let mut named = FileTable::at("s");
    named.reading.partitions = Some(vec!["year".to_owned(), "month".to_owned()]);
    let (rows, _) = told(plain.path(), &[("s", named)], "select year, month, id from s order by id").await.unwrap();
    assert_eq!(rows, ["2026|01|1", "2026|02|2"]);

    let uneven = self::folder(&[("s/year=2025/a.csv", "id\n1\n"), ("s/b.csv", "id\n2\n")]);
    let said = refusal(&uneven, &[("s", FileTable::at("s"))], "select * from s", "s/year=2025/a.csv").await;
    assert!(said.contains("has the partitions year, and the file s/b.csv has none"), "{said}");
}

#[tokio::test]
async fn b6_files_whose_folders_cannot_match_are_not_opened() {
    let folder = folder(&[("s/year=2025/a.csv", "id\n1\n"), ("s/year=2026/b.csv", "id\n2\n")]);
    let tables: IndexMap<String, FileTable> = [("s".to_owned(), FileTable::at("s"))].into();
    let source = FilesSource::new(folder.path().to_owned(), tables, folder.path().to_owned());
    let query = plain("select id from s where year = 2026");
    let (state, _) = source.session(&query, &QueryLimits::default()).unwrap();
    let statement = Statement::Statement(Box::new(screen(&query.sql, Dialect::Embedded).unwrap()));
    let plan = state.statement_to_plan(statement).await.unwrap();
    let plan = state.create_physical_plan(&state.optimize(&plan).unwrap()).await.unwrap();
    std::fs::remove_file(folder.path().join("s/year=2025/a.csv")).unwrap();
    let batches = datafusion::physical_plan::collect(plan, state.task_ctx()).await.unwrap();
    assert_eq!(batches.iter().map(arrow_array::RecordBatch::num_rows).sum::<usize>(), 1);
}

#[tokio::test]
async fn b6_packed_text_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let text = b"id,name\n1,x\n2,y\n";
    let gzip = |bytes: &[u8]| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    };
    write(folder.path(), "g.csv.gz", &[gzip(b"id,name\n1,x\n"), gzip(b"2,y\n")].concat());
    write(folder.path(), "z.csv.zst", &zstd::encode_all(&text[..], 3).unwrap());
    write(folder.path(), "j.jsonl.gz", &gzip(b"{\"id\":1}\n{\"id\":2}\n"));
    let many: Vec<String> = (0..50_000).map(|n| format!("{n},{}", n * 7919 % 10_007)).collect();
    let many = many.join("\n");
    let whole = gzip(format!("id,v\n{many}").as_bytes());
    write(folder.path(), "cut.csv.gz", &whole[..whole.len() / 2]);
    write(folder.path(), "lie.csv.gz", text);
    let packed = zstd::encode_all(format!("id,v\n{many}").as_bytes(), 3).unwrap();
    write(folder.path(), "half.csv.zst", &packed[..packed.len() / 2]);
    for (sql, expected) in
        [("select count(*), max(name) from g", "2|y"), ("select count(*), max(name) from z", "2|y"), ("select sum(id) from j", "3")]
    {
        assert_eq!(quiet(&folder, sql).await, [expected], "{sql}");
    }
    for (name, file, words) in
        [("cut", "cut.csv.gz", "ends too early"), ("half", "half.csv.zst", "ends too early"), ("lie", "lie.csv.gz", "cannot be unpacked")]
    {
        let said = refusal(&folder, &[], &format!("select * from {name}"), file).await;
        assert!(said.contains(words), "{said}");
    }
    let lie = reading(|reading| reading.compression = Some(Compression::None));
    assert_eq!(told(folder.path(), &[("lie", lie)], "select count(*) from lie").await.unwrap().0, ["2"]);
    write(folder.path(), "s/a.csv", text);
    write(folder.path(), "s/a.csv.gz", &gzip(text));
    let error = told(folder.path(), &[("s", FileTable::at("s"))], "select * from s").await.unwrap_err();
    assert!(error.message.contains("has the same file twice: s/a.csv and s/a.csv.gz"), "{error}");
}

#[tokio::test]
async fn b3_the_catalog_says_what_files_do_not() {
    let folder = folder(&[
        ("semi.csv", "datum;betrag;plz\n02.01.2024;1.234,50;1234\n03.01.2024;7,25;\n"),
        ("bare.csv", "1,100\n2,200\n"),
        ("words.csv", "id,v,w\n1,5,NA\n2,NA,\"NA\"\n3,-,x\n"),
        ("tick.csv", "id,name\n1,'a, b'\n2,'it''s'\n"),
        ("raw.csv", "id,name\n1,\"open\n2,b\n"),
        ("flags.csv", "id,ok\n1,yes\n2,F\n3,0\n"),
        ("export.txt", "a|b\n1|2\n"),
        ("typed.csv", "id,d,n,at\n1,2.5,7,2024-03-10 02:30:00\n"),
    ]);
    write(folder.path(), "latin.csv", b"name\nM\xfcller \x80\n");
    write(folder.path(), "wide.csv", &"\u{feff}name\nMüller 😀\n".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>());
    write(folder.path(), "wider.csv", &"name\nMüller\n".encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>());
    let at = |path: &str, change: fn(&mut FileReading)| FileTable { path: Some(path.to_owned()), ..reading(change) };
    let tables = [
        (
            "semi",
            reading(|reading| {
                reading.separator = Some(b';');
                reading.decimal = Some(b',');
                reading.thousands = Some('.');
                reading.columns = columns(&[("datum", "date(%d.%m.%Y)"), ("plz", "text")]);
            }),
        ),
        ("bare", reading(|reading| reading.header = Some(false))),
        (
            "ids",
            at("bare.csv", |reading| {
                reading.header = Some(false);
                reading.columns = columns(&[("id", "text")]);
            }),
        ),
        ("words", reading(|reading| reading.nulls = vec!["NA".to_owned(), "-".to_owned()])),
        ("tick", reading(|reading| reading.quote = Quote::Other(b'\''))),
        ("raw", reading(|reading| reading.quote = Quote::None)),
        ("flags", reading(|reading| reading.columns = columns(&[("ok", "boolean")]))),
        (
            "pipes",
            at("export.txt", |reading| {
                reading.format = Some(pressrun_domain::catalog::FileFormat::Csv);
                reading.separator = Some(b'|');
            }),
        ),
        (
            "typed",
            reading(|reading| reading.columns = columns(&[("d", "decimal(10,2)"), ("n", "number"), ("id", "text"), ("at", "timestamptz")])),
        ),
        ("latin", reading(|reading| reading.encoding = Some("windows-1252".to_owned()))),
        ("wider", reading(|reading| reading.encoding = Some("utf-16be".to_owned()))),
    ];
    for (sql, expected) in [
        ("select datum, betrag, plz from semi order by 1", &["2024-01-02|1234.5|1234", "2024-01-03|7.25|∅"][..]),
        ("select column_1, column_2 from bare order by 1", &["1|100", "2|200"]),
        ("select id, column_2 from ids order by 1", &["1|100", "2|200"]),
        ("select sum(v), count(w) from words", &["5|1"]),
        ("select name from tick order by id", &["a, b", "it's"]),
        ("select name from raw order by id", &["\"open", "b"]),
        ("select ok from flags order by id", &["true", "false", "false"]),
        ("select a + b from pipes", &["3"]),
        ("select id, d, n, at from typed", &["1|2.50|7.0|2024-03-10T03:30:00-04:00"]),
        ("select name from latin", &["Müller €"]),
        ("select name from wide", &["Müller 😀"]),
        ("select name from wider", &["Müller"]),
    ] {
        let (rows, warnings) = told(folder.path(), &tables, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert_eq!(rows, expected, "{sql}");
        assert_eq!(warnings, Vec::<String>::new(), "{sql}");
    }
    for (change, file, words) in [
        (
            reading(|reading| reading.columns = columns(&[("v", "integer")])),
            "words.csv",
            "line 3 of the file words.csv has \"NA\" in the column \"v\", which is no integer",
        ),
        (reading(|reading| reading.columns = columns(&[("nope", "integer")])), "words.csv", "the declared column \"nope\" is in none"),
    ] {
        let said = refusal(&folder, &[("words", change)], "select * from words", file).await;
        assert!(said.contains(words), "{said}");
    }
}

#[tokio::test]
async fn b3_what_may_be_meant_otherwise_is_warned_of() {
    let folder = folder(&[
        ("bare.csv", "1,100\n2,200\n"),
        ("years.csv", "region,2024,2025\nEU,1,2\n"),
        ("people.csv", "Ann,34\nBob,45\n"),
        ("na.csv", "id,v\n1,5\n2,NA\n"),
        ("all_na.csv", "id,v\n1,NA\n"),
        ("mixed.json", "{\"k\":1,\"v\":7}\n{\"k\":2,\"v\":\"x\"}\n"),
        ("names.csv", "name\nnull\nNone\nAnn\n"),
    ]);
    for (sql, expected, warning) in [
        ("select count(*) from bare", "1", Some("the first line of the file bare.csv looks like data")),
        ("select count(*) from years", "1", None),
        ("select count(*) from people", "1", Some("header: false")),
        (
            "select count(v) from na",
            "2",
            Some("column \"v\" is text, because line 3 of the file na.csv says NA where others have a number"),
        ),
        ("select v from all_na", "NA", None),
        ("select min(v) || max(v) from mixed", "7x", Some("column \"v\" is text, because some values in the file mixed.json are a number")),
        ("select count(name) from names", "3", None),
    ] {
        let (rows, warnings) = told(folder.path(), &[], sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert_eq!(rows, [expected], "{sql}");
        match warning {
            None => assert_eq!(warnings, Vec::<String>::new(), "{sql}"),
            Some(words) => assert!(warnings.len() == 1 && warnings[0].contains(words), "{sql}: {warnings:?}"),
        }
    }
}

#[tokio::test]
async fn a_file_that_changes_is_seen_at_once() {
    let folder = folder(&[("t.csv", "v\n1\n")]);
    assert_eq!(quiet(&folder, "select v from t").await, ["1"]);
    write(folder.path(), "new.csv", b"v\nx\n");
    std::fs::rename(folder.path().join("new.csv"), folder.path().join("t.csv")).unwrap();
    assert_eq!(quiet(&folder, "select v from t").await, ["x"]);
    table(folder.path(), "p.parquet", vec![("v", ints(&[1]))]);
    assert_eq!(quiet(&folder, "select v from p").await, ["1"]);
    table(folder.path(), "new.parquet", vec![("v", texts(&["x"]))]);
    std::fs::rename(folder.path().join("new.parquet"), folder.path().join("p.parquet")).unwrap();
    assert_eq!(quiet(&folder, "select v from p").await, ["x"]);
}

#[tokio::test]
async fn nested_json_keeps_its_form_over_files() {
    let folder = folder(&[
        ("s/a.json", "{\"id\":1,\"o\":{\"a\":1,\"n\":null},\"l\":[1,2],\"e\":{},\"n\":[]}"),
        ("s/b.json", "{\"id\":2,\"o\":{\"b\":\"x\",\"n\":2.5},\"l\":[3.5],\"e\":{},\"n\":[null]}"),
    ]);
    assert_eq!(quiet(&folder, "select o['a'], o['b'], o['n'], l[1] from s order by id").await, ["1|∅|∅|1.0", "∅|x|2.5|3.5"]);
    assert_eq!(quiet(&folder, "select count(*) from s").await, ["2"]);
    assert_eq!(quiet(&folder, "select count(e), count(n) from s").await, ["2|2"]);
}

#[tokio::test]
async fn names_with_any_character_are_found() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["s/a b#1.csv", "s/100%.csv", "s/ü?.csv"] {
        write(folder.path(), name, b"v\n1\n");
    }
    for name in ["p/a b#1.parquet", "p/100%.parquet", "p/x%20y.parquet", "p/ü.parquet"] {
        table(folder.path(), name, vec![("v", ints(&[1]))]);
    }
    let tables = [("s", FileTable::at("s")), ("p", FileTable::at("p"))];
    for (sql, expected) in [("select count(v) from s", "3"), ("select sum(v) from p", "4")] {
        assert_eq!(told(folder.path(), &tables, sql).await.unwrap().0, [expected], "{sql}");
    }
}

#[tokio::test]
async fn b1_a_result_is_counted_as_large_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    table(folder.path(), "t.parquet", vec![("k", ints(&(0..60_000).collect::<Vec<_>>()))]);
    let query = CompiledQuery { limit: 1_000_000, ..plain("select k, sum(k), avg(k), min(k), max(k) from t group by k") };
    let source = FilesSource::new(folder.path().to_owned(), IndexMap::new(), folder.path().to_owned());
    // Five numbers of eight bytes and a bit each.
    let limits = QueryLimits { result_bytes: 60_000 * 5 * 9, ..QueryLimits::default() };
    let stats = source.run(&query, &limits, &mut Collected::default()).await.unwrap();
    assert_eq!(stats.rows, 60_000);
    let limits = QueryLimits { result_bytes: 60_000 * 5 * 7, ..QueryLimits::default() };
    let error = source.run(&query, &limits, &mut Collected::default()).await.unwrap_err();
    assert_eq!(error.kind, QueryErrorKind::TooLarge);
}

#[tokio::test]
async fn b2_a_large_limit_does_not_make_a_sort_keep_the_best_rows() {
    let folder = tempfile::tempdir().unwrap();
    table(folder.path(), "t.parquet", vec![("k", ints(&(0..1000).rev().collect::<Vec<_>>()))]);
    let source = FilesSource::new(folder.path().to_owned(), IndexMap::new(), folder.path().to_owned());
    for (limit, keeps_best) in [(10, true), (50_000, true), (50_001, false), (u64::MAX, false)] {
        let query = CompiledQuery { limit, ..plain("select k from t order by k") };
        let (state, _) = source.session(&query, &QueryLimits::default()).unwrap();
        let statement = Statement::Statement(Box::new(screen(&query.sql, Dialect::Embedded).unwrap()));
        let plan = limited(state.statement_to_plan(statement).await.unwrap(), limit).unwrap();
        let plan = state.create_physical_plan(&state.optimize(&plan).unwrap()).await.unwrap();
        let shown = datafusion::physical_plan::displayable(plan.as_ref()).indent(false).to_string();
        assert_eq!(shown.contains("TopK"), keeps_best, "{limit}: {shown}");
        let mut sink = Collected::default();
        let stats = source.run(&query, &QueryLimits::default(), &mut sink).await.unwrap();
        assert_eq!((stats.rows, stats.truncated), (limit.min(1000), limit < 1000));
        assert_eq!(rows(&sink)[..3], ["0", "1", "2"]);
    }
}

#[tokio::test]
async fn a9_a_file_that_is_being_written_is_tried_again_and_an_old_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "t.parquet", b"PAR1 and no end");
    let at = plain("select 1").at;
    for (seconds_before, again) in [(-3600, true), (0, true), (299, true), (301, false), (86_400, false)] {
        let modified = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs((at.as_second() - seconds_before) as u64);
        std::fs::File::options().append(true).open(folder.path().join("t.parquet")).unwrap().set_modified(modified).unwrap();
        let error = told(folder.path(), &[], "select * from t").await.expect_err("it is no file of Parquet");
        assert_eq!(error.is_transient(), again, "{seconds_before} {error:?}");
        assert!(error.to_string().contains("t.parquet"), "{error}");
    }
}

#[tokio::test]
async fn csv_clock_change_a_reading_that_no_clock_showed_stays_what_is_written() {
    let folder = self::folder(&[(
        "t.csv",
        "at,paid\n2024-03-10 02:30:00,2024-03-10T01:30:00-05:00\n2024-03-10 03:30:00,2024-03-10T03:30:00-04:00\n",
    )]);
    assert_eq!(
        quiet(&folder, "select at, paid from t order by at").await,
        ["2024-03-10T02:30:00|2024-03-10T01:30:00-05:00", "2024-03-10T03:30:00|2024-03-10T03:30:00-04:00"]
    );
    // Compared with an instant it is read as late as was skipped.
    assert_eq!(quiet(&folder, "select count(*) from t where at = timestamptz '2024-03-10T03:30:00-04:00'").await, ["2"]);
}

#[tokio::test]
async fn n3_what_loses_digits_or_becomes_text_is_told() {
    let number = || FileTable {
        reading: FileReading { columns: [("x".to_owned(), ColumnType::Number)].into_iter().collect(), ..FileReading::default() },
        ..FileTable::default()
    };
    for (name, text, declared, expected, warned) in [
        ("t.csv", "x\n1.5\n9007199254740993\n", true, "1.5 9007199254740992.0", "line 3"),
        ("t.csv", "x\n1.5\n0.1000000000000000055511151231257827\n", true, "1.5 0.1", ""),
        ("t.json", "{\"x\": 9007199254740993}", true, "9007199254740992.0", "more digits than a number keeps"),
        ("t.csv", "x\n1\n1e5\n", false, "1 1e5", "line 3 of the file t.csv has a number or a code"),
        ("t.csv", "x\n1e5\n1\n", false, "1e5 1", "line 2"),
        ("t.csv", "x\n1e5\n2e5\n", false, "1e5 2e5", ""),
        ("t.csv", "x\ntrue\n1\n", false, "true 1", "has a number where others have true or false"),
        ("t.json", "[{\"x\": true}, {\"x\": 1}]", false, "true 1", "true or false"),
        ("t.csv", "x\n2026-11-30T10:00:00Z\n2026-11-30T10:00:00\n", false, "2026-11-30T10:00:00Z 2026-11-30T10:00:00", "timestamptz"),
        ("t.csv", "x\n1.234567890123456789e-07\n", false, "1.234567890123456789e-07", "more digits than a double"),
        ("t.csv", "x\nabc\n1\n", false, "abc 1", ""),
    ] {
        let folder = self::folder(&[(name, text)]);
        let tables: Vec<(&str, FileTable)> = if declared { vec![("t", number())] } else { Vec::new() };
        let (rows, warnings) = told(folder.path(), &tables, "select x from t").await.unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(rows.join(" "), expected, "{text}");
        assert_eq!(warnings.is_empty(), warned.is_empty(), "{text}: {warnings:?}");
        assert!(warned.is_empty() || warnings[0].contains(warned), "{text}: {warnings:?}");
    }
}

#[tokio::test]
async fn b10_a_file_that_is_no_text_is_called_what_it_is() {
    for (bytes, said) in [
        (&b"\x1f\x8b\x08\x00\x00\x00\x00\x00"[..], "`compression: gzip`"),
        (b"\x28\xb5\x2f\xfd\x04\x58\x00\x00", "`compression: zstd`"),
        (b"PK\x03\x04\x14\x00\x06\x00", "Excel"),
        (b"PAR1\x15\x04\x15\x00", "a Parquet file"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "t.csv", bytes);
        let error = refusal(&folder, &[], "select * from t", "t.csv").await;
        assert!(error.contains(said), "{error}");
    }
}

#[tokio::test]
async fn b4_a_folder_does_not_hide_another_value_of_the_files_own_column() {
    let folder = tempfile::tempdir().unwrap();
    table(folder.path(), "s/a=5/x.parquet", vec![("a", ints(&[5, 5])), ("b", ints(&[1, 2]))]);
    let s = [("s", FileTable::at("s"))];
    assert_eq!(told(folder.path(), &s, "select a, b from s").await.unwrap().0, ["5|1", "5|2"]);
    table(folder.path(), "s/a=6/x.parquet", vec![("a", ints(&[6, 7])), ("b", ints(&[3, 4]))]);
    let error = refusal(&folder, &s, "select a, b from s", "s/a=6/x.parquet").await;
    assert!(error.contains("a column \"a\" of its own") && error.contains("`partitions: []`"), "{error}");
    let own = FileTable { reading: FileReading { partitions: Some(Vec::new()), ..FileReading::default() }, ..FileTable::at("s") };
    assert_eq!(told(folder.path(), &[("s", own)], "select a from s order by a").await.unwrap().0, ["5", "5", "6", "7"]);
    let folder = self::folder(&[("s/a=5/x.csv", "a,b\n5,1\n")]);
    assert!(refusal(&folder, &s, "select a from s", "s/a=5/x.csv").await.contains("`partitions: []`"));
}

#[tokio::test]
async fn b6_files_that_do_not_fit_are_told_in_the_words_of_the_catalog() {
    use arrow_array::Date64Array;
    let s = [("s", FileTable::at("s"))];
    let folder = tempfile::tempdir().unwrap();
    table(folder.path(), "s/a.parquet", vec![("at", Arc::new(TimestampMicrosecondArray::from(vec![0])) as ArrayRef)]);
    table(folder.path(), "s/b.parquet", vec![("at", Arc::new(TimestampMicrosecondArray::from(vec![0]).with_timezone("UTC")) as ArrayRef)]);
    let error = refusal(&folder, &s, "select * from s", "s/b.parquet").await;
    assert!(
        error.contains("timestamptz (instants)") && error.contains("timestamp (wall clock)") && !error.contains("Timestamp("),
        "{error}"
    );

    let folder = tempfile::tempdir().unwrap();
    table(folder.path(), "s/a.parquet", vec![("at", Arc::new(Date32Array::from(vec![20_000])) as ArrayRef)]);
    table(folder.path(), "s/b.parquet", vec![("at", Arc::new(Date64Array::from(vec![86_400_000])) as ArrayRef)]);
    assert_eq!(told(folder.path(), &s, "select at from s order by at").await.unwrap().0, ["1970-01-02T00:00:00", "2024-10-04T00:00:00"]);

    // 9999-12-31 beside nanoseconds, which end in 2262.
    let folder = tempfile::tempdir().unwrap();
    table(folder.path(), "s/a.parquet", vec![("at", Arc::new(TimestampMicrosecondArray::from(vec![253_402_214_400_000_000])) as ArrayRef)]);
    table(folder.path(), "s/b.parquet", vec![("at", Arc::new(TimestampNanosecondArray::from(vec![1])) as ArrayRef)]);
    let error = refusal(&folder, &s, "select at from s", "s/a.parquet").await;
    assert!(error.contains("1678 to 2261") && error.contains("as timestamp"), "{error}");
}
