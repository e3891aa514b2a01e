//! What a catalog says about a table of files. What it leaves open is read from the files.

use std::fmt;
use std::str::FromStr;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// A table of files: which they are, and how they are read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FileTable {
    /// File, glob or sub-folder relative to the connection's folder; `None` is the file or sub-folder called like the table.
    #[serde(default)]
    pub path: Option<String>,
    /// How its files are read.
    #[serde(default)]
    pub reading: FileReading,
}

impl FileTable {
    /// The table of this file, glob or sub-folder, about which nothing else is said.
    pub fn at(path: impl Into<String>) -> Self {
        Self { path: Some(path.into()), reading: FileReading::default() }
    }
}

/// How the files of a table are read, where their owner says so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileReading {
    /// `None`: by the ending of the name.
    pub format: Option<FileFormat>,
    /// Types by column. Without a header, the names of the first columns in order.
    pub columns: IndexMap<String, ColumnType>,
    /// Whether the first line of a text file names the columns; `None` is yes.
    pub header: Option<bool>,
    /// The ASCII character between two values of a text file; `None` is a comma, or a tab in `.tsv`.
    pub separator: Option<u8>,
    /// The mark before the fraction of a number; `None` is a full stop.
    pub decimal: Option<u8>,
    /// The mark between thousands; `None`: there is none.
    pub thousands: Option<char>,
    /// The ASCII character around values that hold separators.
    pub quote: Quote,
    /// A label of the WHATWG's encoding standard; `None` is UTF-8, or what a byte order mark says.
    pub encoding: Option<String>,
    /// Words that mean that there is no value. A text file's empty field without quotes always means that.
    pub nulls: Vec<String>,
    /// `None`: by the ending of the name.
    pub compression: Option<Compression>,
    /// Names for the levels of folders below the table's; `key=value` folders need none.
    pub partitions: Option<Vec<String>>,
}

impl std::hash::Hash for FileReading {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        for column in &self.columns {
            column.hash(state);
        }
        let Self { format, columns: _, header, separator, decimal, thousands, quote, encoding, nulls, compression, partitions } = self;
        (format, header, separator, decimal, thousands, quote, encoding, nulls, compression, partitions).hash(state);
    }
}

/// A form of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// Apache Parquet.
    Parquet,
    /// Text separated by commas, unless something else is said.
    Csv,
    /// Text separated by tabs.
    Tsv,
    /// One JSON object after another, or one array of them.
    Json,
}

/// How a text file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// It is not.
    None,
    /// gzip, RFC 1952.
    Gzip,
    /// Zstandard, RFC 8878.
    Zstd,
}

/// The character around values that hold separators; twice within them it stands for itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quote {
    /// `"`, RFC 4180.
    #[default]
    Double,
    /// Another ASCII character.
    Other(u8),
    /// Nothing is quoted.
    None,
}

impl Quote {
    /// The character, when there is one.
    #[must_use]
    pub fn byte(self) -> Option<u8> {
        match self {
            Self::Double => Some(b'"'),
            Self::Other(byte) => Some(byte),
            Self::None => None,
        }
    }
}

/// A declared type of a column.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum ColumnType {
    /// As it is written.
    Text,
    /// 64 bits.
    Integer,
    /// A double.
    Number,
    /// So many digits, so many of them after the mark.
    Decimal(u8, i8),
    /// True or false.
    Boolean,
    /// A day; with a pattern of `strftime`, when it is not written as in ISO 8601.
    Date(Option<String>),
    /// A time of day.
    Time,
    /// Wall clock without a zone; with a pattern, when it is not written as in ISO 8601.
    Timestamp(Option<String>),
    /// An instant. What has no offset is read in the query zone.
    Instant(Option<String>),
}

/// A word that names no type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no type of a column")]
pub struct UnknownType(pub String);

impl ColumnType {
    /// The words that name types, for messages.
    pub const WORDS: &'static str = "text, integer, number, decimal(18,2), boolean, date, time, timestamp, timestamptz; \
                                     for dates in text files with a pattern, as in date(%d.%m.%Y)";
}

impl ColumnType {
    /// How its texts are written, when that is not ISO 8601.
    #[must_use]
    pub fn pattern(&self) -> Option<&str> {
        match self {
            Self::Date(pattern) | Self::Timestamp(pattern) | Self::Instant(pattern) => pattern.as_deref(),
            Self::Text | Self::Integer | Self::Number | Self::Decimal(..) | Self::Boolean | Self::Time => None,
        }
    }
}

impl FromStr for ColumnType {
    type Err = UnknownType;

    fn from_str(text: &str) -> Result<Self, UnknownType> {
        let unknown = || UnknownType(text.to_owned());
        let (word, argument) = match text.trim().split_once('(') {
            Some((word, rest)) => (word.trim_end(), Some(rest.strip_suffix(')').ok_or_else(unknown)?.trim())),
            None => (text.trim(), None),
        };
        let pattern = || argument.map(ToOwned::to_owned).filter(|pattern| pattern.contains('%'));
        let read = match (word.to_ascii_lowercase().as_str(), argument) {
            ("text" | "string" | "varchar", None) => Self::Text,
            ("integer" | "int" | "bigint", None) => Self::Integer,
            ("number" | "double" | "float", None) => Self::Number,
            ("boolean" | "bool", None) => Self::Boolean,
            ("time", None) => Self::Time,
            ("date", _) => Self::Date(pattern()),
            ("timestamp", _) => Self::Timestamp(pattern()),
            ("timestamptz" | "instant", _) => Self::Instant(pattern()),
            ("decimal" | "numeric", Some(digits)) => {
                let (precision, scale) = digits.split_once(',').unwrap_or((digits, "0"));
                let precision = precision.trim().parse::<u8>().map_err(|_| unknown())?;
                let scale = scale.trim().parse::<i8>().map_err(|_| unknown())?;
                if precision == 0 || precision > 38 || scale < 0 || scale.unsigned_abs() > precision {
                    return Err(unknown());
                }
                Self::Decimal(precision, scale)
            }
            _ => return Err(unknown()),
        };
        let wants_pattern = matches!(read, Self::Date(None) | Self::Timestamp(None) | Self::Instant(None)) && argument.is_some();
        if wants_pattern { Err(unknown()) } else { Ok(read) }
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, pattern) = match self {
            Self::Text => ("text", &None),
            Self::Integer => ("integer", &None),
            Self::Number => ("number", &None),
            Self::Decimal(precision, scale) => return write!(f, "decimal({precision},{scale})"),
            Self::Boolean => ("boolean", &None),
            Self::Date(pattern) => ("date", pattern),
            Self::Time => ("time", &None),
            Self::Timestamp(pattern) => ("timestamp", pattern),
            Self::Instant(pattern) => ("timestamptz", pattern),
        };
        match pattern {
            Some(pattern) => write!(f, "{word}({pattern})"),
            None => f.write_str(word),
        }
    }
}

impl From<ColumnType> for String {
    fn from(of: ColumnType) -> Self {
        of.to_string()
    }
}

impl TryFrom<String> for ColumnType {
    type Error = UnknownType;

    fn try_from(text: String) -> Result<Self, UnknownType> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b3_a_declared_type_reads_as_it_prints_and_what_is_none_is_refused() {
        for text in ["text", "integer", "number", "decimal(18,2)", "boolean", "date", "time", "timestamp", "date(%d.%m.%Y)"] {
            assert_eq!(text.parse::<ColumnType>().map(|read| read.to_string()), Ok(text.to_owned()));
        }
        for (other, means) in [("String", "text"), ("bigint", "integer"), ("double", "number"), ("numeric(5)", "decimal(5,0)")] {
            assert_eq!(other.parse::<ColumnType>().map(|read| read.to_string()), Ok(means.to_owned()));
        }
        for wrong in ["", "zip", "decimal", "decimal(40,2)", "decimal(2,3)", "decimal(4,-1)", "text(3)", "date(", "date(dd.mm)", "date()"] {
            assert!(wrong.parse::<ColumnType>().is_err(), "{wrong}");
        }
    }
}
