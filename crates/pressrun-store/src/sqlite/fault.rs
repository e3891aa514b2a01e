//! Database errors in words that say what to do.

use sqlx::error::ErrorKind;

use crate::StoreError;

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if violates_uniqueness(&error) {
            return Self::Conflict;
        }
        Self::Unavailable(in_words(&error))
    }
}

/// Whether a row with that key exists.
pub(super) fn violates_uniqueness(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|fault| fault.kind() == ErrorKind::UniqueViolation)
}

/// What the operator reads. SQLite's own texts are kept behind the advice.
pub(super) fn in_words(error: &sqlx::Error) -> String {
    let advice = match primary_code(error) {
        Some(5 | 6) => "another process holds the database; if it does not end, stop that process",
        Some(8) => "the database is read-only; let the user of this process write the file and its folder",
        Some(10) => "the disk reports an error; check it and the database's folder",
        Some(11) => "the database file is damaged; restore it from a backup",
        Some(13) => "the disk is full; free some space",
        Some(14) => "the database cannot be opened; check that its folder exists and is writable",
        Some(26) => "the file is not an SQLite database; name another one in store.url",
        _ if matches!(error, sqlx::Error::PoolTimedOut) => "too many calls wait for the database",
        _ => return error.to_string(),
    };
    format!("{advice} ({error})")
}

/// SQLite's primary result code; the extended ones hold it in their low byte.
fn primary_code(error: &sqlx::Error) -> Option<i64> {
    let code: i64 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}
