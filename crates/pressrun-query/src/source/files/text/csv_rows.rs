//! Rows of a separated text file in the columns of its table.

use std::collections::HashSet;

use arrow_array::ArrayRef;
use pressrun_domain::catalog::FileReading;

use super::super::listing::DataFile;
use super::columns::Column;
use super::csv::{Record, Records};
use crate::error::QueryError;

/// Bytes of text after which a batch ends, whatever the number of its rows.
const BATCH_BYTES: usize = 8 << 20;

/// The names of the columns, by the first record.
///
/// # Errors
/// A name that is there twice, or more declared columns than there are.
pub(super) fn names(file: &DataFile, reading: &FileReading, first: &Record) -> Result<Vec<String>, QueryError> {
    let numbered = |at: usize| format!("column_{}", at + 1);
    let names: Vec<String> = if reading.header == Some(false) {
        if reading.columns.len() > first.len() {
            let what = format!("has {} columns, and {} are declared", first.len(), reading.columns.len());
            return Err(file.refused(&what));
        }
        (0..first.len()).map(|at| reading.columns.get_index(at).map_or_else(|| numbered(at), |(name, _)| name.clone())).collect()
    } else {
        let name = |(at, (text, quoted)): (usize, (&str, bool))| {
            let name = if quoted { text } else { text.trim() };
            if name.is_empty() { numbered(at) } else { name.to_owned() }
        };
        first.fields().enumerate().map(name).collect()
    };
    let mut known = HashSet::with_capacity(names.len());
    match names.iter().find(|name| !known.insert(name.as_str())) {
        Some(twice) => Err(file.refused(&format!("has two columns called \"{twice}\"")).hint("rename one of them")),
        None => Ok(names),
    }
}

/// Whether a field stands for no value: nothing at all, or a declared word.
pub(super) fn is_null(text: &str, quoted: bool, reading: &FileReading) -> bool {
    text.is_empty() && !quoted || reading.nulls.iter().any(|word| word == text)
}

/// Reads a file's rows.
pub(super) struct CsvRows {
    file: DataFile,
    records: Records,
    record: Record,
    /// Columns of the file.
    width: usize,
    /// Which of them each wanted column is; `None` when the file lacks it.
    picks: Vec<Option<usize>>,
    names: Vec<String>,
    /// The record in hand is a row that has not been taken.
    pending: bool,
}

impl CsvRows {
    pub(super) fn open(file: &DataFile, reading: &FileReading, wanted: &[&str]) -> Result<Self, QueryError> {
        let mut records = Records::open(file, reading)?;
        let mut record = Record::default();
        let found = records.read(&mut record)?;
        let names = if found { names(file, reading, &record)? } else { Vec::new() };
        let picks = wanted.iter().map(|name| names.iter().position(|other| other == name)).collect();
        let pending = found && reading.header == Some(false);
        Ok(Self { file: file.clone(), records, record, width: names.len(), picks, names, pending })
    }

    /// Appends up to `rows` rows to `columns`; returns how many there were.
    pub(super) fn read(&mut self, reading: &FileReading, columns: &mut [Column], rows: usize) -> Result<usize, QueryError> {
        let (mut count, mut bytes) = (0, 0);
        while count < rows && bytes < BATCH_BYTES {
            if !std::mem::take(&mut self.pending) && !self.records.read(&mut self.record)? {
                break;
            }
            if self.record.len() != self.width {
                return Err(self.file.refused_at(self.record.line, "has another number of values than the first"));
            }
            for (column, pick) in columns.iter_mut().zip(&self.picks) {
                let Some((at, (text, quoted))) = pick.and_then(|at| Some((at, self.record.field(at)?))) else {
                    column.append_null();
                    continue;
                };
                let typed = if column.is_text() { text } else { text.trim_ascii() };
                bytes += text.len();
                if is_null(text, quoted, reading) || typed.is_empty() && !column.is_text() {
                    column.append_null();
                } else if !column.append(typed) {
                    let name = self.names.get(at).map_or("", String::as_str);
                    return Err(misfit(&self.file, self.record.line, name, text, column));
                }
            }
            count += 1;
        }
        Ok(count)
    }
}

/// A value that is none of its column's type.
pub(super) fn misfit(file: &DataFile, line: u64, name: &str, text: &str, column: &Column) -> QueryError {
    const SHOWN: usize = 40;
    let shown: String = text.chars().take(SHOWN).collect();
    let more = if text.chars().nth(SHOWN).is_some() { "…" } else { "" };
    let what = format!("has \"{shown}{more}\" in the column \"{name}\", which is no {}", column.data_type());
    file.refused_at(line, &what).hint("declare another type for the column, or the word in the table's `nulls`")
}

/// The arrays of finished columns.
pub(super) fn finish(columns: &mut [Column]) -> Vec<ArrayRef> {
    columns.iter_mut().map(Column::finish).collect()
}
