//! Database errors in words that say what to do.

use std::borrow::Cow;
use std::io::ErrorKind as ErrorKindOfIo;

use sqlx::error::ErrorKind;

use crate::StoreError;

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if violates_uniqueness(&error) {
            Self::Conflict
        } else if is_undone(&error) {
            Self::Undone(in_words(&error))
        } else {
            Self::Unavailable(in_words(&error))
        }
    }
}

/// Whether a row with that key exists.
pub(crate) fn violates_uniqueness(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|fault| fault.kind() == ErrorKind::UniqueViolation)
}

/// Whether the transaction was undone for the sake of others, or with its connection, and may be made again.
fn is_undone(error: &sqlx::Error) -> bool {
    // A cut connection, one that a pooler or the server ended, or a row that somebody else deleted a moment before.
    matches!(error, sqlx::Error::Io(fault) if fault.kind() != ErrorKindOfIo::InvalidData)
        || lost_to_others(error)
        || matches!(state(error).as_deref(), Some("57P01" | "57P02" | "57P03" | "08000" | "08003" | "08006" | "23503"))
}

/// Whether the database undid the transaction because of what others do: it surely was not committed.
pub(crate) fn lost_to_others(error: &sqlx::Error) -> bool {
    matches!(state(error).as_deref(), Some("40001" | "40P01"))
}

/// What the operator reads. The database's own texts are kept behind the advice.
pub(crate) fn in_words(error: &sqlx::Error) -> String {
    let advice = match primary_code(error) {
        Some(5 | 6) => "another process holds the database; if it does not end, stop that process",
        Some(8) => "the database is read-only; let the user of this process write the file and its folder",
        Some(10) => "the disk reports an error; check it and the database's folder",
        Some(11) => "the database file is damaged; restore it from a backup",
        Some(13) => "the disk is full; free some space",
        Some(14) => "the database cannot be opened; check that its folder exists and is writable",
        Some(26) => "the file is not an SQLite database; name another one in store.url",
        _ => match state(error).as_deref() {
            Some("25006") => "the server is a standby or read-only; name the primary in store.url",
            Some("28000" | "28P01") => "the server refuses the login; check user and password in store.url and the server's pg_hba.conf",
            Some("3D000") => "there is no such database; make it with CREATE DATABASE, or name another one in store.url",
            Some("3F000") => "there is no such schema; make it with CREATE SCHEMA, or name another one in store.url",
            Some("42501") => "the user of store.url lacks a right; let it create tables in its schema",
            Some("53100") => "the disk of the database is full; free some space",
            Some("53300") => "the database takes no more connections; raise max_connections, or lower store.connections",
            Some("57014") => "a statement took longer than store.statement_seconds",
            Some("57P03") => "the database is starting up",
            _ if matches!(error, sqlx::Error::PoolTimedOut) => "too many calls wait for the database, or it does not answer",
            // What a certificate is refused for comes as data that mean nothing.
            _ if matches!(error, sqlx::Error::Tls(_))
                || matches!(error, sqlx::Error::Io(fault) if fault.kind() == ErrorKindOfIo::InvalidData) =>
            {
                "the database cannot be spoken to by TLS; check sslmode and sslrootcert in store.url"
            }
            _ => return error.to_string(),
        },
    };
    format!("{advice} ({error})")
}

/// SQLite's primary result code; the extended ones hold it in their low byte.
fn primary_code(error: &sqlx::Error) -> Option<i64> {
    let code = error.as_database_error()?.code()?;
    // PostgreSQL's have five characters.
    let code: i64 = Some(code).filter(|code| code.len() < 5)?.parse().ok()?;
    Some(code & 0xff)
}

/// PostgreSQL's SQLSTATE.
fn state(error: &sqlx::Error) -> Option<String> {
    let code = error.as_database_error()?.code()?;
    Some(code).filter(|code| code.len() == 5).map(Cow::into_owned)
}
