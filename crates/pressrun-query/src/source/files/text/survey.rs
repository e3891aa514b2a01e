//! What the columns of one text file are, by all of its rows.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_schema::DataType;
use pressrun_domain::catalog::{ColumnType, FileFormat, FileReading};

use super::super::listing::DataFile;
use super::csv::{Record, Records, separator};
use super::number::{Marks, is_code, loses_digits};
use super::shape::Shape;
use super::{csv_rows, json};
use crate::error::{QueryError, QueryErrorKind};

/// Rows after which is asked whether anybody still waits.
pub(super) const ROWS_BETWEEN_LOOKS: u64 = 1024;
/// Words for "no value" that other tools write.
const USUAL_NULLS: [&str; 9] = ["NA", "N/A", "#N/A", "NULL", "null", "None", "\\N", "-", "nil"];

/// What is known of a file once all of it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Survey {
    /// Columns in the file's order.
    pub(crate) columns: Vec<(String, Shape)>,
    /// What whoever queries it should know.
    pub(crate) warnings: Vec<String>,
}

/// Reads the whole of `file`, unless `stopped` is set meanwhile.
///
/// # Errors
/// What is wrong with the file, with its name and line.
pub(crate) fn survey(file: &DataFile, reading: &FileReading, stopped: &AtomicBool) -> Result<Survey, QueryError> {
    if file.size() == 0 {
        return Err(file.refused("is empty"));
    }
    match file.format(reading) {
        Some(FileFormat::Json) => json::survey(file, reading, stopped),
        _ => separated(file, reading, stopped),
    }
}

/// # Errors
/// [`QueryErrorKind::Cancelled`].
pub(super) fn still_wanted(stopped: &AtomicBool) -> Result<(), QueryError> {
    if stopped.load(Ordering::Relaxed) {
        return Err(QueryError::new(QueryErrorKind::Cancelled, "the query was stopped"));
    }
    Ok(())
}

/// What a column of a separated file has been so far.
#[derive(Default)]
struct Seen {
    shape: Shape,
    /// The first word that other tools write for "no value", and its line.
    null_word: Option<(&'static str, u64)>,
    /// The line of the first value that is a number or a code.
    code: Option<u64>,
    /// The line at which values of two kinds met that only text holds, and the kinds.
    clash: Option<(u64, &'static str, &'static str)>,
    /// The line of the first declared number that loses digits.
    rounded: Option<u64>,
}

impl Seen {
    /// Decides what could be two things, and says so.
    fn doubts(&mut self, name: &str, file: &DataFile) -> Option<String> {
        let of = |line: u64| format!("line {line} of the file {}", file.name());
        let column = format!("column \"{name}\"");
        if let Some(line) = self.rounded {
            return Some(format!(
                "{column} is declared as number, and {} has more digits than a number keeps; declare it as decimal, with as many digits",
                of(line)
            ));
        }
        if let Some(line) = self.code {
            let among_numbers = matches!(self.shape, Shape::Number(_));
            self.shape = Shape::Text;
            return among_numbers.then(|| {
                let at = of(line);
                format!("{column} is text, because {at} has a number or a code such as 12e5 among numbers; declare its type in the table's `columns`")
            });
        }
        if let Some((line, one, two)) = self.clash {
            let hint = match (one, two) {
                (Shape::WALL, Shape::INSTANT) | (Shape::INSTANT, Shape::WALL) => {
                    "declare it as timestamptz in the table's `columns`, and what has no offset is read in the query zone"
                }
                _ => "write them alike, or declare its type in the table's `columns`",
            };
            return Some(format!("{column} is text, because {} has {one} where others have {two}; {hint}", of(line)));
        }
        let Shape::Number(digits) = self.shape else { return None };
        let text = self.shape.data_type("UTC") == DataType::Utf8;
        (text && digits.fraction).then(|| {
            format!(
                "{column} of the file {} is text, because some of its numbers have more digits than a double or a decimal of 38 holds; \
                 declare its type in the table's `columns`",
                file.name()
            )
        })
    }
}

fn separated(file: &DataFile, reading: &FileReading, stopped: &AtomicBool) -> Result<Survey, QueryError> {
    let mut records = Records::open(file, reading)?;
    let mut record = Record::default();
    if !records.read(&mut record)? {
        return Err(file.refused("has no line that is not blank"));
    }
    let names = csv_rows::names(file, reading, &record)?;
    let separators = other_separators(file, reading, &record);
    let header: Vec<String> = record.fields().map(|(text, _)| text.to_owned()).collect();
    let marks = Marks::of(reading);
    // A declared column is read as it is declared, whatever it looks like.
    let declared: Vec<Option<&ColumnType>> = names.iter().map(|name| reading.columns.get(name)).collect();
    let mut seen: Vec<Seen> = names.iter().map(|_| Seen::default()).collect();
    let mut rows = 0;
    let mut more = reading.header == Some(false) || records.read(&mut record)?;
    while more {
        if record.len() != names.len() {
            return Err(ragged(file, reading, &record, names.len(), &separators));
        }
        if rows == 0
            && names.len() == 1
            && let Some((separator, count)) = separators.first()
            && record.field(0).is_some_and(|(text, _)| text.matches(*separator).count() >= *count)
        {
            return Err(file.refused(&format!("looks separated by {}", name_of(*separator))).hint(write_separator(*separator)));
        }
        for ((seen, (text, quoted)), declared) in seen.iter_mut().zip(record.fields()).zip(&declared) {
            if let Some(declared) = declared {
                let number = **declared == ColumnType::Number && seen.rounded.is_none();
                if number && marks.plain(text.trim_ascii()).is_some_and(|plain| loses_digits(&plain)) {
                    seen.rounded = Some(record.line);
                }
                continue;
            }
            if seen.shape == Shape::Text || csv_rows::is_null(text, quoted, reading) {
                continue;
            }
            // An empty text in quotes is a value of a text column and none of any other; alone it decides nothing.
            if text.is_empty() {
                continue;
            }
            if let Some(word) = USUAL_NULLS.iter().find(|word| **word == text) {
                seen.null_word.get_or_insert((word, record.line));
                continue;
            }
            if is_code(text.trim_ascii()) {
                seen.code.get_or_insert(record.line);
                continue;
            }
            let (before, shape) = (std::mem::take(&mut seen.shape), Shape::of(text, marks));
            let kinds = (before.word(), shape.word());
            let typed = before != Shape::Nothing && shape != Shape::Text;
            seen.shape = before.join(shape).unwrap_or(Shape::Text);
            if typed && seen.shape == Shape::Text {
                seen.clash = Some((record.line, kinds.1, kinds.0));
            }
        }
        rows += 1;
        if rows % ROWS_BETWEEN_LOOKS == 0 {
            still_wanted(stopped)?;
        }
        more = records.read(&mut record)?;
    }
    if rows == 0
        && names.len() == 1
        && let Some((separator, _)) = separators.first()
    {
        return Err(file.refused(&format!("looks separated by {}", name_of(*separator))).hint(write_separator(*separator)));
    }
    let mut warnings = Vec::new();
    if reading.header.is_none() && looks_like_data(&header, &seen, marks) {
        let first = header.iter().take(3).map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
        warnings.push(format!(
            "the first line of the file {} looks like data, but names its columns ({first}); write the table's `header: false`, or `header: true`",
            file.name()
        ));
    }
    let column = |(name, mut seen): (String, Seen)| {
        warnings.extend(seen.doubts(&name, file));
        let shape = match (seen.shape, seen.null_word) {
            (shape, None) | (shape @ Shape::Text, Some(_)) => shape,
            (Shape::Nothing, Some(_)) => Shape::Text,
            (shape, Some((word, line))) => {
                warnings.push(format!(
                    "column \"{name}\" is text, because line {line} of the file {} says {word} where others have {shape}; \
                     write the table's `nulls: ['{word}']` when that means no value",
                    file.name()
                ));
                Shape::Text
            }
        };
        (name, shape)
    };
    let columns = names.into_iter().zip(seen).map(column).collect();
    Ok(Survey { columns, warnings })
}

/// Separators that are not the file's but stand in its first line, most frequent first.
fn other_separators(file: &DataFile, reading: &FileReading, record: &Record) -> Vec<(char, usize)> {
    if reading.separator.is_some() {
        return Vec::new();
    }
    let own = char::from(separator(file, reading));
    let count = |other: char| (other, record.fields().filter(|(_, quoted)| !quoted).map(|(text, _)| text.matches(other).count()).sum());
    let mut found: Vec<(char, usize)> =
        [';', '\t', '|', ','].into_iter().filter(|other| *other != own).map(count).filter(|(_, count)| *count > 0).collect();
    found.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    found
}

fn name_of(separator: char) -> &'static str {
    match separator {
        ';' => "semicolons",
        '\t' => "tabs",
        '|' => "bars",
        _ => "commas",
    }
}

fn write_separator(separator: char) -> String {
    let written = if separator == '\t' { "\\t".to_owned() } else { separator.to_string() };
    format!("write the table's `separator: \"{written}\"`, and `decimal: \",\"` when its numbers have a comma")
}

fn ragged(file: &DataFile, reading: &FileReading, record: &Record, width: usize, separators: &[(char, usize)]) -> QueryError {
    let first = if reading.header == Some(false) { "the first line has" } else { "the header has" };
    let values = if record.len() == 1 { "value" } else { "values" };
    let error = file.refused_at(record.line, &format!("has {} {values}, where {first} {width}", record.len()));
    match separators.first() {
        Some((separator, _)) if width == 1 => {
            error.hint(format!("it looks separated by {}; {}", name_of(*separator), write_separator(*separator)))
        }
        _ => error.hint("a value that holds the separator belongs in quotes"),
    }
}

/// Whether the first line could as well be a row: where a column is no text, neither is its name. Years make good names.
fn looks_like_data(header: &[String], seen: &[Seen], marks: Marks) -> bool {
    let year = |name: &str| name.len() == 4 && name.parse::<u16>().is_ok_and(|year| (1900..2100).contains(&year));
    let mut typed = 0;
    let alike = header.iter().zip(seen).all(|(name, seen)| match (Shape::of(name, marks), &seen.shape) {
        (_, Shape::Text | Shape::Boolean) => true,
        (Shape::Text, _) => false,
        (name_shape, Shape::Nothing) => {
            typed += usize::from(!year(name));
            matches!(name_shape, Shape::Number(_))
        }
        (name_shape, shape) => {
            typed += usize::from(!year(name));
            std::mem::discriminant(&name_shape) == std::mem::discriminant(shape)
        }
    });
    alike && typed > 0 && header.iter().collect::<HashSet<_>>().len() == header.len()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::super::listing::Folder;
    use super::*;

    #[test]
    fn a_survey_that_nobody_waits_for_ends_before_the_file_does() {
        let folder = tempfile::tempdir().unwrap();
        // What is wrong stands behind the row at which it looks around.
        let behind = 3 * ROWS_BETWEEN_LOOKS as usize;
        fs::write(folder.path().join("lines.csv"), format!("a,b\n{}1\n", "1,2\n".repeat(behind))).unwrap();
        fs::write(folder.path().join("objects.json"), format!("{}{{", "{\"a\":1}\n".repeat(behind))).unwrap();
        let listing = Folder::open(&folder.path().canonicalize().unwrap(), []).unwrap();
        for table in ["lines", "objects"] {
            let file = listing.table(table).unwrap().unwrap().files[0].clone();
            let kind = |stopped: bool| survey(&file, &FileReading::default(), &AtomicBool::new(stopped)).unwrap_err().kind;
            assert_eq!(kind(true), QueryErrorKind::Cancelled, "{table}");
            assert_ne!(kind(false), QueryErrorKind::Cancelled, "{table} is read to its end");
        }
    }
}
