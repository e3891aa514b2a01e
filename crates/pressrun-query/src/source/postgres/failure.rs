//! The server's failures in our words.

use tokio_postgres::error::{ErrorPosition, SqlState};

use crate::error::{QueryError, QueryErrorKind};

/// A connection that could not be opened; the address is not repeated, since it holds a password.
pub(super) fn connection(error: &tokio_postgres::Error) -> QueryError {
    let reason = match error.as_db_error() {
        Some(server) => server.message().to_owned(),
        None => std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string),
    };
    QueryError::new(QueryErrorKind::Connection, format!("the database cannot be reached: {reason}"))
}

/// A failure after the connection was opened.
pub(super) fn explain(error: &tokio_postgres::Error) -> QueryError {
    let Some(server) = error.as_db_error() else {
        if error.is_closed() || std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<std::io::Error>) {
            return connection(error);
        }
        return QueryError::new(QueryErrorKind::Internal, error.to_string());
    };
    let character = match server.position() {
        Some(ErrorPosition::Original(at)) => usize::try_from(*at).ok(),
        _ => None,
    };
    let error = QueryError::new(kind(server.code()), server.message()).at(character);
    match server.hint() {
        Some(hint) => error.hint(hint.trim_end_matches('.')),
        None => error,
    }
}

fn kind(code: &SqlState) -> QueryErrorKind {
    match code.code() {
        "42P01" | "3F000" => QueryErrorKind::UnknownTable,
        "42703" => QueryErrorKind::UnknownColumn,
        "42883" => QueryErrorKind::UnknownFunction,
        "25006" | "42501" => QueryErrorKind::Denied,
        "57014" => QueryErrorKind::Timeout,
        "0A000" => QueryErrorKind::Unsupported,
        "54000" | "54001" | "54011" => QueryErrorKind::TooLarge,
        other => match other.get(..2) {
            Some("08" | "28" | "57" | "55" | "40") => QueryErrorKind::Connection,
            Some("53") => match other {
                "53300" => QueryErrorKind::Connection,
                _ => QueryErrorKind::Memory,
            },
            Some("22") => QueryErrorKind::Value,
            Some("42") => QueryErrorKind::Syntax,
            _ => QueryErrorKind::Internal,
        },
    }
}
