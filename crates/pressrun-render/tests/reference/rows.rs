//! Files of rows as text: every cell of them, in the words of readers that we did not write.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;

use calamine::{Data, Reader as _, Xlsx};

/// The cells of an artifact, a line each for workbooks and as they stand for csv and json.
pub(crate) fn cells(path: &Path, extension: &str) -> String {
    let bytes = std::fs::read(path).unwrap();
    match extension {
        "xlsx" => workbook(bytes),
        "zip" => entries(bytes),
        // An object a line, so that a difference is one of a row.
        "json" => String::from_utf8(bytes).unwrap().replace("},{", "},\n{"),
        _ => lines(bytes),
    }
}

fn lines(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap().replace("\r\n", "\n")
}

fn entries(bytes: Vec<u8>) -> String {
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut told = String::new();
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        let _ = writeln!(told, "== {}\n{}", entry.name(), lines(bytes));
    }
    told
}

fn workbook(bytes: Vec<u8>) -> String {
    let mut workbook: Xlsx<_> = Xlsx::new(std::io::Cursor::new(bytes)).unwrap();
    let mut told = String::new();
    for name in workbook.sheet_names() {
        let _ = writeln!(told, "== {name}");
        let range = workbook.worksheet_range(&name).unwrap();
        let (top, left) = range.start().unwrap_or_default();
        for (row, column, value) in range.used_cells() {
            let at = format!("{}{}", letters(left as usize + column), top as usize + row + 1);
            let value = match value {
                Data::String(text) => format!("text {text:?}"),
                Data::Float(number) => format!("number {number}"),
                Data::DateTime(at) => format!("moment {}", at.as_f64()),
                other => format!("{other:?}"),
            };
            let _ = writeln!(told, "{at} {value}");
        }
    }
    told
}

fn letters(column: usize) -> String {
    let letter = |n: usize| char::from(b'A' + n as u8);
    if column < 26 { letter(column).to_string() } else { format!("{}{}", letter(column / 26 - 1), letter(column % 26)) }
}

/// The first lines in which two texts differ.
pub(crate) fn difference(wanted: &str, found: &str) -> Option<String> {
    let (wanted, found): (Vec<&str>, Vec<&str>) = (wanted.lines().collect(), found.lines().collect());
    let line = (0..wanted.len().max(found.len())).find(|line| wanted.get(*line) != found.get(*line))?;
    let at = |lines: &[&str]| lines.get(line).map_or_else(|| "nothing".to_owned(), |line| (*line).to_owned());
    Some(format!("line {}: it was {} and is {}", line + 1, at(&wanted), at(&found)))
}
