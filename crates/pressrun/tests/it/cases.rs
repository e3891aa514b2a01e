//! Inputs made after failures that people who do this job reported, through the whole program: right rows, or a clear refusal.

use std::path::Path;

use crate::program::{pressrun, stdout};

/// A catalog of one tile over `files` (path → text) and the Parquet files of the case, with the `tables` of its connection.
struct Case {
    name: &'static str,
    files: Vec<(&'static str, String)>,
    tables: &'static str,
    sql: &'static str,
}

/// Rows of the tile as csv, without its header; or what the program says instead.
fn rendered(case: &Case) -> Result<(Vec<String>, String), String> {
    let dir = tempfile::tempdir().unwrap();
    let write = |path: &str, bytes: &[u8]| {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/cases").join(case.name), &dir.path().join("data"));
    std::fs::create_dir_all(dir.path().join("data")).unwrap();
    for (path, text) in &case.files {
        write(&format!("data/{path}"), text.as_bytes());
    }
    let tables = if case.tables.is_empty() { String::new() } else { format!("    tables:\n{}", case.tables) };
    write("connections.yaml", format!("connections:\n  w:\n    kind: files\n    timezone: UTC\n{tables}").as_bytes());
    write(
        "people.yaml",
        b"organization: { id: 5b10b5a1-0000-4000-8000-000000000001, name: Acme }\nmembers:\n  - { name: Ada, email: ada@acme.example, admin: true }\n",
    );
    let tile =
        format!("identifier: d\nname: D\nconnection: w\ntiles:\n  t: {{ sql: \"{}\", at: {{ x: 0, y: 0, w: 24, h: 4 }} }}\n", case.sql);
    write("dashboards/d.yaml", tile.as_bytes());
    let folder = dir.path().display().to_string();
    let output = pressrun(&["render", "d", "--catalog", &folder, "--format", "csv", "--tile", "t", "-o", "/dev/stdout"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(said);
    }
    let rows =
        stdout(&output).trim_start_matches('\u{feff}').lines().skip(1).filter(|line| *line != "/dev/stdout").map(str::to_owned).collect();
    Ok((rows, said))
}

fn copy(from: &Path, to: &Path) {
    let Ok(entries) = std::fs::read_dir(from) else { return };
    std::fs::create_dir_all(to).unwrap();
    for entry in entries {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn case(name: &'static str, files: &[(&'static str, &str)], tables: &'static str, sql: &'static str) -> Case {
    Case { name, files: files.iter().map(|(path, text)| (*path, (*text).to_owned())).collect(), tables, sql }
}

/// 26,000 lines, the last thousand of another kind.
fn late(head: &str, early: fn(u32) -> String, late: fn(u32) -> String) -> String {
    let line = |n| if n < 25_000 { early(n) } else { late(n) };
    std::iter::once(head.to_owned()).chain((0..26_000).map(line)).collect::<Vec<_>>().join("\n")
}

#[test]
fn a3_b3_b4_b6_cases_of_files_give_the_right_rows() {
    const S: &str = "      s: s\n";
    let empty = late("id,v", |n| format!("{n},"), |n| format!("{n},{n}"));
    let fraction = late("id,v", |n| format!("{n},{n}"), |n| format!("{n},{n}.5"));
    let keys = late("", |n| format!("{{\"id\":{n}}}"), |n| format!("{{\"id\":{n},\"late\":{n}}}"));
    for (case, expected) in [
        (case("csv-column-empty-beyond-sample", &[("t.csv", &empty)], "", "select count(v) as n, max(v) as m from t"), &["1000,25999"][..]),
        (case("csv-types-from-sample", &[("t.csv", &fraction)], "", "select sum(v) as n from t"), &["337987500"]),
        (case("json-key-beyond-sample", &[("t.json", &keys)], "", "select count(late) as n from t"), &["1000"]),
        (
            case("csv-digits-lost", &[("t.csv", "k,v\n1,1234567890123456.78\n2,0.10\n")], "", "select v from t order by k"),
            &["1234567890123456.78", "0.10"],
        ),
        (
            case(
                "csv-leading-zeros",
                &[("t.csv", "city,zip,quoted\nA,01234,\"01234\"\nB,10001,\"10001\"\nC,00501,\"00501\"\n")],
                "",
                "select city, zip, quoted from t order by city",
            ),
            &["A,01234,01234", "B,10001,10001", "C,00501,00501"],
        ),
        (
            case(
                "csv-many-files-by-position",
                &[("s/a.csv", "id,amount\n1,100\n"), ("s/b.csv", "amount,id\n250,2\n")],
                S,
                "select id, amount from s order by id",
            ),
            &["1,100", "2,250"],
        ),
        (
            case(
                "csv-many-files-types",
                &[("s/feb.csv", "id,amount\n2,10.50\n"), ("s/jan.csv", "id,amount\n1,10\n")],
                S,
                "select id, amount from s order by id",
            ),
            &["1,10", "2,10.5"],
        ),
        (
            case(
                "csv-no-header",
                &[("t.csv", "1,100\n2,200\n")],
                "      t: { header: false, columns: { a: integer } }\n",
                "select * from t order by a",
            ),
            &["1,100", "2,200"],
        ),
        (
            case(
                "csv-semicolons",
                &[("t.csv", "datum;betrag\n2024-01-02;1.234,50\n2024-01-03;7,25\n")],
                "      t: { separator: ';', decimal: ',', thousands: . }\n",
                "select datum, betrag from t order by 1",
            ),
            &["2024-01-02,1234.5", "2024-01-03,7.25"],
        ),
        (case("parquet-many-files-types", &[], S, "select k, v from s order by k"), &["0,1", "1,2", "2,3.5"]),
        (
            case(
                "folder-underscore-files",
                &[("s/_SUCCESS", ""), ("s/_temporary/0/task_1/part.csv", "x\n1\n")],
                S,
                "select count(*) as n from s",
            ),
            &["1"],
        ),
        (case("folder-hive-partitions", &[], S, "select id, region from s order by id"), &["1,EU", "2,San Jose"]),
    ] {
        let (rows, said) = rendered(&case).unwrap_or_else(|said| panic!("{}: {said}", case.name));
        assert_eq!(rows, expected, "{}", case.name);
        assert!(!said.contains("warning"), "{}: {said}", case.name);
    }
}

#[test]
fn b3_b4_cases_of_files_that_cannot_be_right_are_refused_by_name_or_warned_of() {
    const S: &str = "      s: s\n";
    for (case, expected) in [
        (
            case("csv-duplicate-header", &[("t.csv", "id,value,value\n1,10,20\n")], "", "select * from t"),
            "t.csv has two columns called \"value\"",
        ),
        (case("csv-empty-file", &[("t.csv", "")], "", "select * from t"), "the file t.csv is empty"),
        (
            case("csv-open-quote", &[("t.csv", "id,name\n1,\"abc\n2,def\n3,ghi\n")], "", "select id, name from t order by id"),
            "line 2 of the file t.csv opens a quote that is not closed",
        ),
        (
            case("csv-semicolons", &[("t.csv", "datum;betrag\n2024-01-02;1.234,50\n2024-01-03;7,25\n")], "", "select datum, betrag from t"),
            "it looks separated by semicolons; write the table's `separator: \";\"`",
        ),
        (case("parquet-duplicate-column", &[], "", "select * from t"), "t.parquet has two columns called \"value\""),
        (
            case(
                "folder-delta-log",
                &[("s/_delta_log/00000000000000000000.json", "{\"commitInfo\":{}}")],
                S,
                "select count(*) as n from s",
            ),
            "is a table of Delta Lake",
        ),
    ] {
        let said = rendered(&case).expect_err(case.name);
        assert!(said.contains(expected), "{}: {said}", case.name);
    }
    for (case, rows, expected) in [
        (
            case("csv-no-header", &[("t.csv", "1,100\n2,200\n")], "", "select * from t"),
            &["2,200"][..],
            "warning: the first line of the file t.csv looks like data",
        ),
        (
            case("json-mixed-types", &[("t.json", "{\"k\":1,\"v\":7}\n{\"k\":2,\"v\":\"x\"}\n")], "", "select k, v from t order by k"),
            &["1,7", "2,x"],
            "warning: column \"v\" is text",
        ),
    ] {
        let (found, said) = rendered(&case).unwrap_or_else(|said| panic!("{}: {said}", case.name));
        assert_eq!(found, rows, "{}", case.name);
        assert!(said.contains(expected), "{}: {said}", case.name);
    }
}
