//! Columns to domain values; what does not parse names table, column and row.

use std::fmt::Display;
use std::str::FromStr;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use sqlx::{Decode, Row as _, Type};

use super::dialect::{Db, DbRow, clean_json};
use crate::StoreError;

/// One row of a table, read column by column.
pub(super) struct Reader<'r> {
    row: &'r DbRow,
    table: &'static str,
    id: String,
}

impl<'r> Reader<'r> {
    /// Reads `row`; its column `id` names it in errors.
    pub(super) fn new(table: &'static str, row: &'r DbRow) -> Self {
        let id = row.try_get("id").unwrap_or_else(|_| "?".to_owned());
        Self { row, table, id }
    }

    /// What names the row.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn corrupt(&self, column: &'static str, fault: impl Display) -> StoreError {
        StoreError::Corrupt { table: self.table, column, row: self.id.clone(), fault: fault.to_string() }
    }

    pub(super) fn get<T>(&self, column: &'static str) -> Result<T, StoreError>
    where
        T: Decode<'r, Db> + Type<Db>,
    {
        self.row.try_get(column).map_err(|fault| self.corrupt(column, fault))
    }

    /// A count: an integer that is not negative.
    pub(super) fn count(&self, column: &'static str) -> Result<u64, StoreError> {
        u64::try_from(self.get::<i64>(column)?).map_err(|fault| self.corrupt(column, fault))
    }

    pub(super) fn instant(&self, column: &'static str) -> Result<Timestamp, StoreError> {
        Timestamp::from_microsecond(self.get(column)?).map_err(|fault| self.corrupt(column, fault))
    }

    pub(super) fn instant_opt(&self, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
        match self.get::<Option<i64>>(column)? {
            None => Ok(None),
            Some(at) => Timestamp::from_microsecond(at).map(Some).map_err(|fault| self.corrupt(column, fault)),
        }
    }

    /// Text with a parser: ids, addresses.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&self, column: &'static str) -> Result<T, StoreError> {
        self.get::<&str>(column)?.parse().map_err(|fault: T::Err| self.corrupt(column, fault))
    }

    /// Text with a parser, or NULL.
    pub(super) fn parsed_opt<T: FromStr<Err: Display>>(&self, column: &'static str) -> Result<Option<T>, StoreError> {
        let text = self.get::<Option<&str>>(column)?;
        text.map(str::parse).transpose().map_err(|fault: T::Err| self.corrupt(column, fault))
    }

    pub(super) fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        serde_json::from_str(self.get(column)?).map_err(|fault| self.corrupt(column, fault))
    }

    pub(super) fn json_opt<T: DeserializeOwned>(&self, column: &'static str) -> Result<Option<T>, StoreError> {
        let text = self.get::<Option<&str>>(column)?;
        text.map(serde_json::from_str).transpose().map_err(|fault| self.corrupt(column, fault))
    }

    /// One word of a closed set.
    pub(super) fn word<T: Copy>(&self, column: &'static str, all: &[T], as_str: fn(T) -> &'static str) -> Result<T, StoreError> {
        let text = self.get::<&str>(column)?;
        all.iter().copied().find(|word| as_str(*word) == text).ok_or_else(|| self.corrupt(column, format_args!("unknown word `{text}`")))
    }
}

/// Writes a value as JSON.
pub(super) fn to_json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map(clean_json)
        .map_err(|fault| StoreError::Unavailable(format!("a value cannot be written as JSON: {fault}")))
}

/// An integer column of an unsigned count.
pub(super) fn int(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
