//! One set of columns for the files of a table: by name, each in the type that holds the values of all files.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use indexmap::IndexMap;

use super::listing::{DataFile, TableFiles};
use super::parquet::read_as;
use super::text::{Shape, Survey, declared};
use super::widen::{Common, common, nullable, word};
use crate::error::{QueryError, QueryErrorKind};

/// Most warnings about one table.
const SHOWN_WARNINGS: usize = 5;

/// Digits that a double always keeps.
const DOUBLE_DIGITS: u8 = 15;

/// The columns of a table, and what whoever queries it should know of them.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) schema: SchemaRef,
    pub(super) warnings: Vec<String>,
}

/// A column as the files before had it, and the first of them that had it.
struct Known<'a, T> {
    of: T,
    first: &'a DataFile,
}

/// The columns of text files.
///
/// # Errors
/// Files that do not fit together.
pub(super) fn of_surveys(table: &TableFiles, surveys: &[Arc<Survey>], folders: &[FieldRef], zone: &str) -> Result<Columns, QueryError> {
    let mut warnings: Vec<String> = Vec::new();
    let mut columns: IndexMap<&str, Known<'_, Shape>> = IndexMap::new();
    let mut names = Names::default();
    for (file, survey) in table.files.iter().zip(surveys) {
        warnings.extend(survey.warnings.iter().cloned());
        names.add(file, survey.columns.iter().map(|(name, _)| name.as_str()))?;
        for (name, shape) in &survey.columns {
            let Some(known) = columns.get_mut(name.as_str()) else {
                columns.insert(name, Known { of: shape.clone(), first: file });
                continue;
            };
            let joined = known.of.clone().join(shape.clone());
            let joined = joined.map_err(|unlike| misfit(name, (known.first, unlike.0), (file, unlike.1), None))?;
            let typed = |shape: &Shape| !matches!(shape, Shape::Text | Shape::Nothing);
            if joined == Shape::Text && (typed(&known.of) || typed(shape) && known.of != Shape::Text) {
                warnings.push(as_text(&table.name, name, (known.first, known.of.word()), (file, shape.word())));
            }
            if known.of == Shape::Nothing && *shape != Shape::Nothing {
                known.first = file;
            }
            known.of = joined;
        }
    }
    let columns = columns.iter().map(|(name, known)| Field::new(*name, known.of.data_type(zone), true));
    let schema = declare(table, columns.collect(), folders, zone)?;
    Ok(Columns { schema, warnings: some_of(warnings, &table.name) })
}

/// The first warnings of a table and the number of the rest: many files are often wrong alike.
fn some_of(mut warnings: Vec<String>, table: &str) -> Vec<String> {
    let more = warnings.len().saturating_sub(SHOWN_WARNINGS);
    if more > 0 {
        warnings.truncate(SHOWN_WARNINGS);
        warnings.push(format!("table \"{table}\": there are {more} more warnings like these"));
    }
    warnings
}

/// A column whose values in some files may not fit into the type that holds those of others: its name and type, and these files.
pub(super) struct Doubtful {
    pub(super) column: String,
    pub(super) data_type: DataType,
    pub(super) files: Vec<usize>,
}

/// The columns of Parquet files, and those whose values must be looked at.
///
/// # Errors
/// Files that do not fit together.
pub(super) fn of_schemas(
    table: &TableFiles,
    schemas: &[SchemaRef],
    folders: &[FieldRef],
    zone: &str,
) -> Result<(Columns, Vec<Doubtful>), QueryError> {
    let mut warnings: Vec<String> = Vec::new();
    let mut columns: IndexMap<&str, Known<'_, Field>> = IndexMap::new();
    let mut names = Names::default();
    let mut before: Option<&SchemaRef> = None;
    for (file, schema) in table.files.iter().zip(schemas) {
        // Most files of a table have the columns of the one before.
        if before.is_some_and(|before| Arc::ptr_eq(before, schema)) {
            continue;
        }
        before = Some(schema);
        names.add(file, schema.fields().iter().map(|field| field.name().as_str()))?;
        for field in schema.fields() {
            let Some(known) = columns.get_mut(field.name().as_str()) else {
                let of = nullable(field, read_as(field.data_type()));
                columns.insert(field.name(), Known { of, first: file });
                continue;
            };
            if table.reading.columns.contains_key(field.name()) {
                continue;
            }
            let (one, two) = (known.of.data_type().clone(), read_as(field.data_type()));
            let wider = match common(&one, &two) {
                Common::Holds(wider) => wider,
                Common::AsText => {
                    warnings.push(as_text(&table.name, field.name(), (known.first, &word(&one)), (file, &word(&two))));
                    DataType::Utf8View
                }
                Common::No => {
                    let both = schemas.first().map(|first| (first, schema));
                    return Err(misfit(field.name(), (known.first, &word(&one)), (file, &word(&two)), both));
                }
            };
            known.of = nullable(field, wider);
        }
    }
    let mut doubtful = Vec::new();
    let inferred = |name: &str| !table.reading.columns.contains_key(name);
    for (name, _) in columns.iter().filter(|(name, known)| *known.of.data_type() == DataType::Float64 && inferred(name)) {
        let mut integers = Vec::new();
        for (at, (file, schema)) in table.files.iter().zip(schemas).enumerate() {
            match schema.field_with_name(name).map(Field::data_type) {
                Ok(DataType::Int64 | DataType::UInt64) => integers.push(at),
                Ok(DataType::Decimal64(precision, _) | DataType::Decimal128(precision, _) | DataType::Decimal256(precision, _))
                    if *precision > DOUBLE_DIGITS =>
                {
                    warnings.push(format!(
                        "table \"{}\": column \"{name}\" has decimals of {precision} digits in the file {} and doubles in others, which keep \
                         {DOUBLE_DIGITS}; declare its type in the table's `columns`",
                        table.name,
                        file.name()
                    ));
                }
                _ => {}
            }
        }
        if !integers.is_empty() {
            doubtful.push(Doubtful { column: (*name).to_owned(), data_type: DataType::Float64, files: integers });
        }
    }
    for (name, known) in columns.iter().filter(|(name, _)| inferred(name)) {
        let DataType::Timestamp(TimeUnit::Nanosecond, _) = known.of.data_type() else { continue };
        let coarser = |schema: &SchemaRef| {
            let field = schema.field_with_name(name).map(Field::data_type);
            field.is_ok_and(|data_type| *data_type != DataType::Null && !matches!(data_type, DataType::Timestamp(TimeUnit::Nanosecond, _)))
        };
        let files: Vec<usize> = schemas.iter().enumerate().filter(|(_, schema)| coarser(schema)).map(|(at, _)| at).collect();
        if !files.is_empty() {
            doubtful.push(Doubtful { column: (*name).to_owned(), data_type: known.of.data_type().clone(), files });
        }
    }
    let schema = declare(table, columns.into_values().map(|known| known.of).collect(), folders, zone)?;
    Ok((Columns { schema, warnings: some_of(warnings, &table.name) }, doubtful))
}

/// Gives declared columns their types, and presents instants in the query zone, so that truncation and output follow it.
fn declare(table: &TableFiles, fields: Vec<Field>, folders: &[FieldRef], zone: &str) -> Result<SchemaRef, QueryError> {
    let known = |name: &&String| fields.iter().any(|field| field.name() == *name) || folders.iter().any(|field| field.name() == *name);
    if let Some(name) = table.reading.columns.keys().find(|name| !known(name)) {
        let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).take(12).collect();
        let file = table.files.first().map_or_else(String::new, DataFile::name);
        let kind = QueryErrorKind::Unreadable { file };
        let error = QueryError::new(kind, format!("table \"{}\": the declared column \"{name}\" is in none of its files", table.name));
        return Err(error.hint(format!("they have {}", names.join(", "))));
    }
    let field = |field: Field| {
        let data_type = match (table.reading.columns.get(field.name()), field.data_type()) {
            (Some(of), _) => declared(of, zone),
            (None, DataType::Timestamp(unit, Some(_))) => DataType::Timestamp(*unit, Some(zone.into())),
            (None, other) => other.clone(),
        };
        field.with_data_type(data_type)
    };
    Ok(Arc::new(Schema::new(fields.into_iter().map(field).collect::<Vec<_>>())))
}

/// Looks whether the files of a table share their columns' names.
#[derive(Default)]
struct Names<'a> {
    first: Option<(&'a DataFile, Vec<&'a str>)>,
    /// A name in lower case → the name as it was first written, and where.
    written: HashMap<String, (&'a str, &'a DataFile)>,
}

impl<'a> Names<'a> {
    fn add(&mut self, file: &'a DataFile, names: impl Iterator<Item = &'a str> + Clone) -> Result<(), QueryError> {
        let Some((first, known)) = &self.first else {
            for name in names.clone() {
                self.written.entry(name.to_lowercase()).or_insert((name, file));
            }
            self.first = Some((file, names.collect()));
            return Ok(());
        };
        if !names.clone().any(|name| known.contains(&name)) {
            let list = |names: &mut dyn Iterator<Item = &str>| names.take(6).collect::<Vec<_>>().join(", ");
            let what = format!(
                "has no column of the file {}: {} there, {} here",
                first.name(),
                list(&mut known.iter().copied()),
                list(&mut names.clone())
            );
            return Err(file
                .refused(&what)
                .hint("files of one table share their columns; without a header, write the table's `header: false`"));
        }
        for name in names {
            match self.written.get(&name.to_lowercase()) {
                Some((other, at)) if *other != name && *at != file && !known.contains(&name) => {
                    let what = format!("calls a column \"{name}\" that the file {} calls \"{other}\"", at.name());
                    return Err(file.refused(&what).hint("write it alike in all files of the table"));
                }
                Some(_) => {}
                None => {
                    self.written.insert(name.to_lowercase(), (name, file));
                }
            }
        }
        Ok(())
    }
}

fn as_text(table: &str, column: &str, one: (&DataFile, &str), two: (&DataFile, &str)) -> String {
    format!(
        "table \"{table}\": column \"{column}\" is {} in the file {} and {} in {}; it is read as text",
        one.1,
        one.0.name(),
        two.1,
        two.0.name()
    )
}

fn misfit(column: &str, one: (&DataFile, &str), two: (&DataFile, &str), schemas: Option<(&SchemaRef, &SchemaRef)>) -> QueryError {
    let list = |schema: &SchemaRef| {
        let shown = schema.fields().iter().take(12).map(|field| format!("{} {}", field.name(), word(field.data_type())));
        shown.collect::<Vec<_>>().join(", ")
    };
    let both = schemas.map_or_else(String::new, |(one, two)| format!(" ({}; {})", list(one), list(two)));
    let what = format!("has {} in the column \"{column}\", and the file {} has {}{both}", two.1, one.0.name(), one.1);
    two.0.refused(&what).hint("write the files alike, or declare the column's type in the table's `columns`")
}
