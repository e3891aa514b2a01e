//! `tables:` of a connection of files.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserialize, Deserializer, Visitor};

use super::{Entries, Field, OneOrMany};
use crate::problem::Place;
use crate::yaml::SHORTHAND;

/// `orders: 2026/*.csv`, or all of it.
#[derive(Debug, Default)]
pub struct TableEntry(pub TableFile);

/// A table of files: which they are, and how they are read. What is not written is learnt from the files.
#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TableFile {
    /// File, glob or folder below the connection's `folder`. Default: the file or folder called like the table.
    pub path: Field<String>,
    /// How the files are read, when their names do not say it.
    pub format: Field<FormatWord>,
    /// Types by column: `text`, `integer`, `number`, `decimal(18,2)`, `boolean`, `date`, `time`, `timestamp`, `timestamptz`; in
    /// text files dates with a pattern, as in `date(%d.%m.%Y)`. Without a header, the names of the first columns in order.
    pub columns: Field<Entries<String>>,
    /// CSV: whether the first line names the columns. Default true.
    pub header: Field<bool>,
    /// CSV: the character between values. Default `,`; a tab in `.tsv`.
    #[schemars(length(min = 1, max = 1))]
    pub separator: Field<String>,
    /// CSV: the mark before the fraction of a number, `.` or `,`. Default `.`.
    #[schemars(length(min = 1, max = 1))]
    pub decimal: Field<String>,
    /// CSV: the mark between thousands, such as `.`, `,`, `'` or a blank. Default: none.
    #[schemars(length(min = 1, max = 1))]
    pub thousands: Field<String>,
    /// CSV: the character around values that hold separators, or `none`. Default `"`.
    pub quote: Field<String>,
    /// CSV and JSON: the encoding, such as `utf-8`, `windows-1252`, `iso-8859-1`, `utf-16le`. Default: UTF-8, or what a byte
    /// order mark says.
    pub encoding: Field<String>,
    /// CSV and JSON: words that mean that there is no value, such as `NA`.
    pub nulls: Field<OneOrMany>,
    /// CSV and JSON: how the files are packed, when their names do not say it.
    pub compression: Field<CompressionWord>,
    /// Names for the levels of folders below the table's. `key=value` folders are columns without this; `[]` ignores them.
    pub partitions: Field<Vec<String>>,
}

/// Forms of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FormatWord {
    /// Apache Parquet.
    Parquet,
    /// Values separated by commas or another character.
    Csv,
    /// Values separated by tabs.
    Tsv,
    /// JSON objects, one after another or in one array.
    Json,
}

/// How files are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CompressionWord {
    /// Not at all.
    None,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

impl<'de> Deserialize<'de> for TableEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(SHORTHAND, PathOrSettings)
    }
}

struct PathOrSettings;

impl<'de> Visitor<'de> for PathOrSettings {
    type Value = TableEntry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a path, or a mapping with `path`, `columns` and others")
    }

    fn visit_str<E>(self, path: &str) -> Result<TableEntry, E> {
        let path = Field::Given(path.to_owned(), Place::default());
        Ok(TableEntry(TableFile { path, ..TableFile::default() }))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<TableEntry, D::Error> {
        TableFile::deserialize(deserializer).map(TableEntry)
    }
}

impl JsonSchema for TableEntry {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TableEntry".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let settings = generator.subschema_for::<TableFile>();
        schemars::json_schema!({ "oneOf": [{ "type": "string" }, settings] })
    }
}
