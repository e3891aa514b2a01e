//! `tables:` of a connection of files.

use pressrun_domain::catalog::{Compression, FileFormat, FileReading, FileTable, Quote, SourceSettings};

use super::{good, loaded, refused, write};

fn connection(tables: &str) -> String {
    let tables = tables.replace('\n', "\n      ");
    format!("connections:\n  warehouse:\n    kind: files\n    tables:\n      {tables}\n")
}

fn table(text: &str) -> FileTable {
    let dir = good();
    write(dir.path(), "connections.yaml", connection(text));
    let catalog = loaded(&dir).unwrap();
    let SourceSettings::Files { tables, .. } = &catalog.connections["warehouse"].source else { unreachable!() };
    tables["t"].clone()
}

#[test]
fn b3_a_table_says_where_its_files_are_and_how_they_are_read() {
    assert_eq!(table("t: 2026/*.csv"), FileTable::at("2026/*.csv"));
    assert_eq!(table("t: { path: s }"), FileTable::at("s"));
    assert_eq!(table("t: {}"), FileTable::default());
    let text = "\
t:
  path: export.txt
  format: csv
  columns:
    plz: text
    betrag: decimal(18,2)
    tag: date(%d.%m.%Y)
  header: true
  separator: ;
  decimal: ','
  thousands: .
  quote: \"'\"
  encoding: windows-1252
  nulls: [NA, 0958, -1]
  compression: gzip
  partitions: [year]";
    let reading = FileReading {
        format: Some(FileFormat::Csv),
        columns: [("plz", "text"), ("betrag", "decimal(18,2)"), ("tag", "date(%d.%m.%Y)")]
            .map(|(name, of)| (name.to_owned(), of.parse().unwrap()))
            .into(),
        header: Some(true),
        separator: Some(b';'),
        decimal: Some(b','),
        thousands: Some('.'),
        quote: Quote::Other(b'\''),
        encoding: Some("windows-1252".to_owned()),
        nulls: ["NA", "0958", "-1"].map(ToOwned::to_owned).to_vec(),
        compression: Some(Compression::Gzip),
        partitions: Some(vec!["year".to_owned()]),
    };
    assert_eq!(table(text), FileTable { path: Some("export.txt".to_owned()), reading });
    for (written, separator) in [("\"\\t\"", b'\t'), ("'\\t'", b'\t'), ("'|'", b'|')] {
        assert_eq!(table(&format!("t: {{ separator: {written} }}")).reading.separator, Some(separator), "{written}");
    }
    assert_eq!(table("t: { nulls: NA, quote: none }").reading.quote, Quote::None);
}

#[test]
fn b3_what_is_wrong_in_a_table_is_said_with_its_place() {
    for (tables, expected) in [
        ("t: { pth: a.csv }", "5:12: unknown key `pth` | did you mean `path`?"),
        ("t: ../a.csv", "5:10: `../a.csv` is not below the connection's folder | write a relative path without `..`"),
        ("t: { path: /etc/passwd }", "5:18: `/etc/passwd` is not below the connection's folder | write a relative path without `..`"),
        ("t: { columns: { zip: strng } }", "5:28: `strng` is no type of a column | types are text, integer"),
        ("t: { separator: '::' }", "5:23: `separator` is `::` | write one ASCII character in quotes"),
        ("t: { decimal: ';' }", "5:21: `decimal` is `;` | write `.` or `,`"),
        ("t: { thousands: '.' }", "5:23: thousands are marked like fractions | write `decimal: \",\"` too"),
        ("t: { decimal: ',', thousands: ',' }", "5:37: `thousands` is `,` | write one character that is no letter"),
        ("t: { quote: ab }", "5:19: `quote` is `ab` | write one ASCII character in quotes, or `none`"),
        ("t: { encoding: latin-99 }", "5:22: `encoding` is `latin-99` | write a name such as `utf-8`"),
        ("t: { format: excel }", "5:20: `excel` is not known here"),
        ("t: { compression: zip }", "5:25: `zip` is not known here"),
        ("t: { path: a.parquet, header: false }", "5:37: `header` does not belong to Parquet files"),
        ("t: { format: json, separator: ';' }", "5:37: `separator` does not belong to JSON files"),
        ("t: [a.csv]", "5:10: a list where a mapping is expected"),
    ] {
        let said = refused("connections.yaml", &connection(tables));
        assert!(said.len() == 1 && said[0].starts_with(&format!("connections.yaml:{expected}")), "{tables}: {said:#?}");
    }
}
