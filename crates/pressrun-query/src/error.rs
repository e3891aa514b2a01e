//! Why a query gave no rows.

use pressrun_sql::{ScreenError, ScreenFault};
use serde::{Deserialize, Serialize};

/// The kind of a failure; it decides whether to try again and whom to tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "class", rename_all = "snake_case")]
pub enum QueryErrorKind {
    /// The SQL does not parse or does not type-check.
    Syntax,
    /// A table does not exist.
    UnknownTable,
    /// A column does not exist.
    UnknownColumn,
    /// A function does not exist.
    UnknownFunction,
    /// The SQL asks for something that no tile may do.
    Denied,
    /// The SQL asks for something that this source cannot do.
    Unsupported,
    /// A value does not fit: division by zero, a text that is no number.
    Value,
    /// It took too long.
    Timeout,
    /// It needed too much memory or temporary space.
    Memory,
    /// A data file cannot be read.
    Unreadable {
        /// Relative to the connection's folder.
        file: String,
    },
    /// A data file cannot be read, and was written shortly before the run's instant or meanwhile: later it may be whole.
    BeingWritten {
        /// Relative to the connection's folder.
        file: String,
    },
    /// The SQL or the result is too large.
    TooLarge,
    /// It was stopped.
    Cancelled,
    /// The source cannot be reached, was lost, or cannot take the query now; later it may.
    Connection,
    /// The source refused the login, or is not what the connection says.
    Login,
    /// The result could not be written.
    Spool,
    /// Everything else; a defect here or in an engine.
    Internal,
}

/// A query failed. The message is one sentence, names what and where, and holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{message}{}", hint.as_ref().map_or_else(String::new, |hint| format!("; {hint}")))]
pub struct QueryError {
    /// What kind of failure.
    pub kind: QueryErrorKind,
    /// What went wrong.
    pub message: String,
    /// What to change.
    pub hint: Option<String>,
    /// The character of the SQL that was run, from 1, at which the fault is, where the source knows it.
    #[serde(default)]
    pub character: Option<usize>,
}

impl QueryError {
    /// A failure of `kind`.
    pub fn new(kind: QueryErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, character: None }
    }

    /// The same with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with its place in the SQL.
    #[must_use]
    pub fn at(self, character: Option<usize>) -> Self {
        Self { character: character.or(self.character), ..self }
    }

    /// SQL that is refused before it runs.
    #[must_use]
    pub fn of_screen(error: ScreenError, sql: &str) -> Self {
        let kind = match error.fault {
            ScreenFault::Syntax => QueryErrorKind::Syntax,
            ScreenFault::Denied => QueryErrorKind::Denied,
            ScreenFault::Unsupported => QueryErrorKind::Unsupported,
            ScreenFault::TooLarge => QueryErrorKind::TooLarge,
        };
        let character = error.at.and_then(|(line, column)| pressrun_sql::screen::character(sql, line, column));
        Self { kind, message: error.message, hint: error.hint, character }
    }

    /// Whether the message may quote what stands in the data. Those may be rows that the reader does not see: an engine is free to look at a value
    /// before it looks at whose row that is.
    #[must_use]
    pub fn may_quote_data(&self) -> bool {
        use QueryErrorKind as K;
        matches!(self.kind, K::Value | K::Unreadable { .. } | K::BeingWritten { .. } | K::Internal)
    }

    /// What whoever reads the result is told: everything but what may quote data.
    #[must_use]
    pub fn for_readers(&self) -> String {
        if !self.may_quote_data() {
            return self.to_string();
        }
        let message = match self.kind {
            QueryErrorKind::Value => "a value in the data does not fit, and an admin can see which",
            QueryErrorKind::Unreadable { .. } | QueryErrorKind::BeingWritten { .. } => {
                "a data file cannot be read, and an admin can see why"
            }
            _ => "the query failed, and an admin can see why",
        };
        Self { message: message.to_owned(), ..self.clone() }.to_string()
    }

    /// Whether trying again, unchanged, may succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        use QueryErrorKind as K;
        match self.kind {
            // A disk that is full has room again later.
            K::Connection | K::Cancelled | K::BeingWritten { .. } | K::Spool => true,
            K::Login
            | K::Syntax
            | K::UnknownTable
            | K::UnknownColumn
            | K::UnknownFunction
            | K::Denied
            | K::Unsupported
            | K::Value
            | K::Timeout
            | K::Memory
            | K::Unreadable { .. }
            | K::TooLarge
            | K::Internal => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m1_readers_are_told_what_to_change_and_no_value() {
        let said = |kind| QueryError::new(kind, "cannot cast 'SECRET'").hint("use try_cast").for_readers();
        let file = || QueryErrorKind::Unreadable { file: "a.csv".to_owned() };
        for (kind, expected) in [
            (QueryErrorKind::Value, "a value in the data does not fit, and an admin can see which; use try_cast"),
            (file(), "a data file cannot be read, and an admin can see why; use try_cast"),
            (QueryErrorKind::Internal, "the query failed, and an admin can see why; use try_cast"),
            (QueryErrorKind::UnknownColumn, "cannot cast 'SECRET'; use try_cast"),
        ] {
            assert_eq!(said(kind), expected);
        }
    }
}
