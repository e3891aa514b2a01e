//! Columns that folders' names give: `year=2026/region=EU/a.parquet` (Hive), or levels that the catalog names.

use std::path::Path;
use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef};
use datafusion::common::ScalarValue;
use percent_encoding::percent_decode_str;

use super::listing::{DataFile, TableFiles};
use super::text::{Marks, Shape, declared};
use crate::error::QueryError;

/// What Hive writes where there is no value.
const NO_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

/// A file with the values that its folders give, one for each column of folders.
pub(super) type Placed = (DataFile, Vec<ScalarValue>);

/// Columns from folders, and the values of each file.
#[derive(Debug, Default)]
pub(super) struct Partitions {
    pub(super) fields: Vec<FieldRef>,
    /// One row a file, in the order of the files.
    pub(super) values: Vec<Vec<ScalarValue>>,
}

/// Names and texts of a file's folders.
type Levels = Vec<(String, Option<String>)>;

/// The columns that the folders of a table give.
///
/// # Errors
/// Files whose folders have different names, and values that are none of a declared type.
pub(super) fn partitions(table: &TableFiles, zone: &str) -> Result<Partitions, QueryError> {
    let mut all: Vec<Levels> = Vec::with_capacity(table.files.len());
    for file in &table.files {
        let found = levels(table, file)?;
        if let Some(first) = all.first()
            && !first.iter().map(|(name, _)| name).eq(found.iter().map(|(name, _)| name))
        {
            let show = |levels: &Levels| match levels.as_slice() {
                [] => "none".to_owned(),
                levels => levels.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", "),
            };
            let other = table.files.first().map_or_else(String::new, DataFile::name);
            let what = format!("has the partitions {}, and the file {other} has {}", show(&found), show(first));
            return Err(file.refused(&what).hint("the files of one table lie in folders of the same names; `partitions: []` ignores them"));
        }
        all.push(found);
    }
    let names: Vec<String> = all.first().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    let mut partitions = Partitions { fields: Vec::with_capacity(names.len()), values: vec![Vec::with_capacity(names.len()); all.len()] };
    for (at, name) in names.into_iter().enumerate() {
        let texts = || all.iter().filter_map(|levels| levels.get(at)?.1.as_deref());
        let data_type = match table.reading.columns.get(&name) {
            Some(of) => declared(of, zone),
            None => inferred(texts(), zone),
        };
        for ((row, levels), file) in partitions.values.iter_mut().zip(&all).zip(&table.files) {
            let text = levels.get(at).and_then(|(_, text)| text.clone());
            let value = match &text {
                None => ScalarValue::try_from(&data_type),
                Some(_) => ScalarValue::Utf8(text.clone()).cast_to(&data_type),
            };
            row.push(value.map_err(|_| {
                let text = text.as_deref().unwrap_or_default();
                file.refused(&format!("lies in a folder of the partition {name} with the value \"{text}\", which is no {data_type}"))
            })?);
        }
        partitions.fields.push(Arc::new(Field::new(name, data_type, true)));
    }
    Ok(partitions)
}

/// Whole numbers and days are known by their looks; everything else is text.
fn inferred<'a>(texts: impl Iterator<Item = &'a str>, zone: &str) -> DataType {
    let shape = texts.fold(Shape::Nothing, |shape, text| shape.join(Shape::of(text, Marks::PLAIN)).unwrap_or(Shape::Text));
    match shape.data_type(zone) {
        known @ (DataType::Int64 | DataType::Date32) => known,
        _ => DataType::Utf8,
    }
}

fn levels(table: &TableFiles, file: &DataFile) -> Result<Levels, QueryError> {
    let named = table.reading.partitions.as_deref();
    if named.is_some_and(<[String]>::is_empty) {
        return Ok(Levels::new());
    }
    let mut free = named.unwrap_or_default().iter();
    let mut found = Levels::new();
    let folders = file.relative.parent().unwrap_or(Path::new(""));
    for (depth, folder) in folders.components().enumerate() {
        let folder = folder.as_os_str().to_string_lossy();
        let (name, value) = match folder.split_once('=') {
            Some((name, value)) if !name.is_empty() => (decoded(name), decoded(value)),
            _ if depth < table.base => continue,
            _ => match free.next() {
                Some(name) => (name.clone(), folder.into_owned()),
                None => continue,
            },
        };
        if found.iter().any(|(other, _)| *other == name) {
            return Err(file.refused(&format!("has the partition {name} twice in its folders")));
        }
        let value = Some(value).filter(|value| value != NO_VALUE);
        found.push((name, value));
    }
    match free.next() {
        Some(missing) => Err(file.refused(&format!("lies in too few folders: there is none for the partition {missing}"))),
        None => Ok(found),
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
