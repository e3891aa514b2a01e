//! What goes wrong on the wire, and how it is told.

use std::io;

use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::{ErrorResponseBody, NoticeResponseBody};

use super::tls;
use crate::error::{QueryError, QueryErrorKind};

/// Why a step on the wire failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// The connection broke, or could not be made.
    Io(io::Error),
    /// The server says so.
    Server(ServerFault),
    /// The certificate or the handshake; the words say whose certificate it is and what to write.
    Tls {
        message: String,
        hint: Option<String>,
        /// The handshake was broken off, which may go better the next time; nothing is wrong with a certificate.
        broken_off: bool,
    },
    /// What the connection's settings ask for and the server does not offer, or the other way round.
    Settings { message: String, hint: String },
    /// One row has more bytes than may be held.
    TooLong { bytes: u64 },
    /// What was sent is not PostgreSQL's protocol.
    Protocol(String),
    /// Nobody answered in time.
    Silence,
}

/// An error of the server (PostgreSQL manual, "Error and Notice Message Fields").
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ServerFault {
    /// SQLSTATE.
    pub(super) code: String,
    pub(super) message: String,
    pub(super) hint: Option<String>,
    /// The character of the statement, from 1.
    pub(super) position: Option<usize>,
}

impl ServerFault {
    pub(super) fn read(body: &ErrorResponseBody) -> Result<Self, Fault> {
        let mut found = Self::default();
        let mut fields = body.fields();
        while let Some(field) = fields.next().map_err(protocol)? {
            let value = || String::from_utf8_lossy(field.value_bytes()).into_owned();
            match field.type_() {
                b'C' => found.code = value(),
                b'M' => found.message = value(),
                b'H' => found.hint = Some(value()),
                b'P' => found.position = value().parse().ok(),
                _ => {}
            }
        }
        Ok(found)
    }

    /// Who logs in is not who may.
    pub(super) fn is_refused_login(&self) -> bool {
        self.code.starts_with("28")
    }
}

impl Fault {
    /// The server refused who logs in.
    pub(super) fn is_refused_login(&self) -> bool {
        matches!(self, Self::Server(server) if server.is_refused_login())
    }

    /// The connection ended before its statement did: on one that was kept from an earlier query, all that says is that it was kept too long.
    pub(super) fn is_lost(&self) -> bool {
        match self {
            Self::Io(_) | Self::Silence => true,
            Self::Server(server) => matches!(server.code.as_str(), "57P01" | "57P02" | "57P05" | "25P03") || server.code.starts_with("08"),
            Self::Tls { .. } | Self::Settings { .. } | Self::TooLong { .. } | Self::Protocol(_) => false,
        }
    }

    /// A failure to connect or to log in. The address is not repeated, since it holds a password.
    pub(super) fn while_connecting(self) -> QueryError {
        let cannot = |reason: &str| format!("the database cannot be reached: {reason}");
        match self {
            Self::Server(server) => {
                let kind = match kind(&server.code) {
                    QueryErrorKind::Connection => QueryErrorKind::Connection,
                    _ => QueryErrorKind::Login,
                };
                let error = QueryError::new(kind, format!("the database refused the connection: {}", server.message));
                match (server.hint, server.code.as_str()) {
                    (Some(hint), _) => error.hint(hint.trim_end_matches('.')),
                    (None, "28P01") => error.hint("correct the user or the password of the connection"),
                    (None, "3D000") => error.hint("correct the name of the database in the connection"),
                    (None, _) => error,
                }
            }
            Self::Silence => QueryError::new(QueryErrorKind::Connection, cannot("it does not answer")),
            Self::Io(error) => io_failure(&error),
            Self::Protocol(what) => QueryError::new(QueryErrorKind::Login, format!("what answered is no PostgreSQL server: {what}")),
            other => other.while_running(),
        }
    }

    /// A failure after the login.
    pub(super) fn while_running(self) -> QueryError {
        match self {
            Self::Server(server) => {
                let error = QueryError::new(kind(&server.code), server.message).at(server.position);
                match server.hint {
                    Some(hint) => error.hint(hint.trim_end_matches('.')),
                    None => error,
                }
            }
            Self::Io(error) => io_failure(&error),
            Self::Silence => QueryError::new(QueryErrorKind::Timeout, "the database stopped answering"),
            Self::Tls { message, hint, broken_off } => {
                let kind = if broken_off { QueryErrorKind::Connection } else { QueryErrorKind::Login };
                let error = QueryError::new(kind, message);
                match hint {
                    Some(hint) => error.hint(hint),
                    None => error,
                }
            }
            Self::Settings { message, hint } => QueryError::new(QueryErrorKind::Login, message).hint(hint),
            Self::TooLong { bytes } => {
                QueryError::new(QueryErrorKind::TooLarge, format!("one row of the result has {} MB", bytes.div_ceil(1_000_000)))
                    .hint("select fewer or shorter columns, such as left(column, 1000)")
            }
            Self::Protocol(what) => QueryError::new(QueryErrorKind::Internal, format!("the database's answer cannot be read: {what}")),
        }
    }
}

impl From<io::Error> for Fault {
    /// A refused certificate of ours is told only after the handshake, at the first read.
    fn from(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(fault) => tls::explained(fault),
            None => Self::Io(error),
        }
    }
}

pub(super) fn protocol(error: io::Error) -> Fault {
    Fault::Protocol(error.to_string())
}

/// What a server warns of goes into our log, where whoever operates the connection looks.
pub(super) fn note(body: &NoticeResponseBody) {
    let mut fields = body.fields();
    while let Ok(Some(field)) = fields.next() {
        if field.type_() == b'M' {
            tracing::debug!(notice = %String::from_utf8_lossy(field.value_bytes()), "the database says");
        }
    }
}

fn io_failure(error: &io::Error) -> QueryError {
    use io::ErrorKind as E;
    let kind = match error.kind() {
        // Asked again, the system would say the same.
        E::PermissionDenied | E::InvalidInput | E::Unsupported => QueryErrorKind::Login,
        _ => QueryErrorKind::Connection,
    };
    let reason = match error.kind() {
        E::UnexpectedEof => "the connection was closed".to_owned(),
        _ => error.to_string(),
    };
    QueryError::new(kind, format!("the database cannot be reached: {reason}"))
}

/// What an SQLSTATE means to whoever wrote the query, and with it whether the query is tried again: [`QueryErrorKind::Connection`] is what a
/// later try may be spared. The classes are those of the PostgreSQL manual, appendix A.
pub(in crate::source) fn kind(code: &str) -> QueryErrorKind {
    use QueryErrorKind as K;
    match code {
        "42P01" | "3F000" => K::UnknownTable,
        "42703" => K::UnknownColumn,
        "42883" => K::UnknownFunction,
        "25006" | "42501" => K::Denied,
        // The statement timeout, and whoever cancelled the query by hand: neither wants it to come again.
        "57014" | "25P04" => K::Timeout,
        "0A000" => K::Unsupported,
        // Not now, but perhaps later: a lock, an object in use, a snapshot too old, a session that idled, a server of a foreign table.
        "55P03" | "55006" | "72000" | "25P03" | "HV00N" => K::Connection,
        // The database is gone for good.
        "57P04" | "3D000" => K::Login,
        // The operator's limit of temporary files: the same query meets it again.
        "53400" => K::Memory,
        other => match other.get(..2) {
            // Connections, conflicts between transactions, want of resources, an operator's hand, failures of the system.
            Some("08" | "40" | "53" | "57" | "58") => K::Connection,
            Some("28") => K::Login,
            // Limits of the program: too complex, too many columns.
            Some("54") => K::TooLarge,
            // Values, cardinality, and what a function raised.
            Some("21" | "22" | "23" | "2F" | "38" | "39" | "P0") => K::Value,
            Some("42" | "26" | "34") => K::Syntax,
            Some("0L" | "0P") => K::Denied,
            Some("55") => K::Unsupported,
            _ => K::Internal,
        },
    }
}

#[cfg(test)]
mod tests;
