//! `tables:` of a connection of files to tables.

use std::path::{Component, Path};

use encoding_rs::Encoding;
use indexmap::IndexMap;
use pressrun_domain::catalog::{ColumnType, Compression, FileFormat, FileReading, FileTable, Quote};

use super::text;
use crate::files::{CompressionWord, ConnectionFile, Field, FormatWord, TableEntry, TableFile};
use crate::problem::{Place, Report, printable};

/// The tables that are right, by name.
pub(super) fn tables(file: &ConnectionFile, report: &Report<'_>) -> IndexMap<String, FileTable> {
    let mut tables = IndexMap::new();
    for entry in file.tables.get().into_iter().flatten() {
        let Some((TableEntry(settings), place)) = entry.value.placed() else {
            continue;
        };
        if text::key(&entry.key, "a table's name", entry.place, report)
            && let Some(table) = table(settings, place, report)
        {
            tables.insert(entry.key.clone(), table);
        }
    }
    tables
}

fn table(settings: &TableFile, place: Place, report: &Report<'_>) -> Option<FileTable> {
    if let Some((path, own)) = settings.path.placed() {
        let inside =
            !path.trim().is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !inside {
            // The short form has the place of its entry.
            let place = if own == Place::default() { place } else { own };
            report.add(place, format!("`{}` is not below the connection's folder", printable(path)), "write a relative path without `..`");
            return None;
        }
    }
    foreign_keys(settings, report);
    Some(FileTable { path: settings.path.get().cloned(), reading: reading(settings, report) })
}

fn reading(settings: &TableFile, report: &Report<'_>) -> FileReading {
    let decimal = one_of(&settings.decimal, "decimal", report, |text| match text {
        "." => Some(b'.'),
        "," => Some(b','),
        _ => None,
    });
    let thousands = one_of(&settings.thousands, "thousands", report, |text| {
        single(text).filter(|mark| !mark.is_alphanumeric() && !matches!(mark, '-' | '"') && Some(*mark) != decimal.map(char::from))
    });
    if let (Some('.'), None, Some(place)) = (thousands, decimal, settings.thousands.place()) {
        report.add(place, "thousands are marked like fractions", "write `decimal: \",\"` too");
    }
    FileReading {
        format: settings.format.get().map(|word| match word {
            FormatWord::Parquet => FileFormat::Parquet,
            FormatWord::Csv => FileFormat::Csv,
            FormatWord::Tsv => FileFormat::Tsv,
            FormatWord::Json => FileFormat::Json,
        }),
        columns: columns(settings, report),
        header: settings.header.get().copied(),
        separator: one_of(&settings.separator, "separator", report, separator),
        decimal,
        thousands,
        quote: one_of(&settings.quote, "quote", report, quote).unwrap_or_default(),
        encoding: one_of(&settings.encoding, "encoding", report, |label| {
            Encoding::for_label(label.as_bytes()).filter(|encoding| *encoding != encoding_rs::REPLACEMENT).map(|_| label.to_owned())
        }),
        nulls: settings.nulls.get().map(|words| words.0.clone()).unwrap_or_default(),
        compression: settings.compression.get().map(|word| match word {
            CompressionWord::None => Compression::None,
            CompressionWord::Gzip => Compression::Gzip,
            CompressionWord::Zstd => Compression::Zstd,
        }),
        partitions: settings.partitions.get().cloned(),
    }
}

fn columns(settings: &TableFile, report: &Report<'_>) -> IndexMap<String, ColumnType> {
    let mut columns = IndexMap::new();
    for entry in settings.columns.get().into_iter().flatten() {
        let Some((written, place)) = entry.value.placed() else { continue };
        match written.parse::<ColumnType>() {
            Ok(of) => {
                columns.insert(entry.key.clone(), of);
            }
            Err(error) => report.add(place, printable(&error.to_string()), format!("types are {}", ColumnType::WORDS)),
        }
    }
    columns
}

/// The value that `text` stands for, or a problem that says which are known.
fn one_of<T>(field: &Field<String>, key: &str, report: &Report<'_>, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    let (text, place) = field.placed()?;
    let found = read(text);
    if found.is_none() {
        let hint = match key {
            "decimal" => "write `.` or `,`",
            "separator" => "write one ASCII character in quotes, such as `\";\"`, or `\"\\t\"` for a tab",
            "quote" => "write one ASCII character in quotes, or `none`",
            "thousands" => "write one character that is no letter, no digit and not the decimal mark",
            _ => "write a name such as `utf-8`, `windows-1252`, `iso-8859-1`, `utf-16le`, `shift_jis`",
        };
        report.add(place, format!("`{key}` is `{}`", printable(text)), hint);
    }
    found
}

fn single(text: &str) -> Option<char> {
    let mut characters = text.chars();
    characters.next().filter(|_| characters.next().is_none())
}

fn separator(text: &str) -> Option<u8> {
    // `\t` without quotes is two characters to YAML.
    if text == "\\t" {
        return Some(b'\t');
    }
    single(text)
        .and_then(|mark| u8::try_from(mark).ok())
        .filter(|byte| byte.is_ascii() && !byte.is_ascii_alphanumeric() && !matches!(byte, b'"' | b'\n' | b'\r'))
}

fn quote(text: &str) -> Option<Quote> {
    match text {
        "none" => Some(Quote::None),
        "\"" => Some(Quote::Double),
        _ => separator(text).map(Quote::Other),
    }
}

/// Notes keys that say nothing about files of the table's format.
fn foreign_keys(settings: &TableFile, report: &Report<'_>) {
    let ending = settings.path.get().map(|path| path.rsplit('.').next().unwrap_or_default().to_ascii_lowercase());
    let (what, of_csv_alone) = match (settings.format.get(), ending.as_deref()) {
        (Some(FormatWord::Parquet), _) | (None, Some("parquet")) => ("Parquet", false),
        (Some(FormatWord::Json), _) | (None, Some("json" | "ndjson" | "jsonl")) => ("JSON", true),
        _ => return,
    };
    let csv = [
        ("header", settings.header.place()),
        ("separator", settings.separator.place()),
        ("decimal", settings.decimal.place()),
        ("thousands", settings.thousands.place()),
        ("quote", settings.quote.place()),
    ];
    let text = [("encoding", settings.encoding.place()), ("nulls", settings.nulls.place()), ("compression", settings.compression.place())];
    for (key, place) in csv.into_iter().chain(text.into_iter().filter(|_| !of_csv_alone)) {
        if let Some(place) = place {
            report.add(place, format!("`{key}` does not belong to {what} files"), "remove it, or write the `format` of the files");
        }
    }
}
