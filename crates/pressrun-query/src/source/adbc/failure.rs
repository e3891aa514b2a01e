//! What a driver says went wrong, without what it must not say.

use std::borrow::Cow;

use adbc_core::error::{Error, Status};
use driver_arrow_schema::ArrowError;
use percent_encoding::percent_decode_str;
use pressrun_domain::text::{one_line, shortened};

use super::AdbcSpec;
use crate::error::{QueryError, QueryErrorKind};
use crate::source::postgres::kind_of_sqlstate;

/// Characters of a message that are told.
const LONGEST: usize = 2000;

/// A word of an option that is this short stands in too many texts to be replaced in them.
const SHORTEST: usize = 3;

/// What stands for a secret.
const HIDDEN: &str = "[redacted]";

/// Where the manager says which manifests and libraries it tried.
const TRACE: &str = "adbc.drivermanager.driver_load_trace";

/// Tells failures without the secrets of a connection, which drivers like to quote.
#[derive(Clone)]
pub(super) struct Redacted {
    driver: String,
    /// The longest first, so that no part of one is left beside another.
    secrets: Vec<String>,
}

impl Redacted {
    pub(super) fn of(spec: &AdbcSpec) -> Self {
        let mut secrets = Vec::new();
        for (name, value) in &spec.options {
            if spec.secrets.contains(name) || is_of_a_secret(name) {
                secrets.push(value.clone());
            }
            secrets.extend(passwords(value));
        }
        secrets.extend(secrets.clone().iter().map(|secret| percent_decode_str(secret).decode_utf8_lossy().into_owned()));
        secrets.retain(|secret| secret.chars().count() >= SHORTEST);
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        Self { driver: spec.driver.clone(), secrets }
    }

    fn hide<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for secret in &self.secrets {
            if text.contains(secret.as_str()) {
                text = Cow::Owned(text.replace(secret.as_str(), HIDDEN));
            }
        }
        text
    }

    /// One line of `text`, as much of it as is told.
    fn said(&self, text: &str) -> String {
        // A text of megabytes is not searched.
        let text = shortened(text, 16 * LONGEST);
        shortened(&one_line(&self.hide(&text)), LONGEST)
    }

    pub(super) fn error(&self, kind: QueryErrorKind, text: &str) -> QueryError {
        QueryError::new(kind, self.said(text))
    }

    /// A failure of ours that may quote what the driver gave.
    pub(super) fn text(&self, error: QueryError) -> QueryError {
        QueryError { message: self.said(&error.message), ..error }
    }

    /// A call failed.
    pub(super) fn driver(&self, error: Error) -> QueryError {
        let state: String = error.sqlstate.iter().map(|c| char::from(*c as u8)).collect();
        let known = state.len() == 5 && state.bytes().all(|byte| byte.is_ascii_alphanumeric()) && state != "00000";
        let kind = Some(kind_of_sqlstate(&state)).filter(|kind| known && *kind != QueryErrorKind::Internal);
        let kind = kind.or_else(|| by_words(&error.message)).unwrap_or_else(|| by_status(error.status));
        let message = if error.message.trim().is_empty() { format!("{:?}", error.status) } else { error.message };
        self.error(kind, &message)
    }

    /// The driver could not be loaded; why is in a detail.
    pub(super) fn loading(&self, error: Error) -> QueryError {
        let trace = error.details.iter().flatten().find(|(key, _)| key == TRACE);
        let trace = trace.map_or_else(String::new, |(_, value)| format!(" ({})", String::from_utf8_lossy(value)));
        self.error(QueryErrorKind::Unsupported, &format!("the driver `{}` cannot be loaded: {}{trace}", self.driver, error.message))
            .hint("the operator looks at its manifest, and whether the library is there for this machine")
    }

    /// The stream of rows failed; it has a text and nothing else.
    pub(super) fn streaming(&self, error: &ArrowError) -> QueryError {
        let text = match error {
            ArrowError::CDataInterface(text) => text.clone(),
            other => other.to_string(),
        };
        let text = text.trim_start_matches("C Data interface error: ").trim_start_matches("External error: ");
        let text = if text.trim().is_empty() { "the driver broke off amid the rows" } else { text };
        self.error(by_words(text).unwrap_or(QueryErrorKind::Internal), text)
    }

    /// Rows could not be handed on.
    pub(super) fn arrow(&self, error: &ArrowError) -> QueryError {
        self.error(QueryErrorKind::Unsupported, &format!("a column of the result cannot be handed on: {error}"))
            .hint("cast it to text in the SQL")
    }
}

/// Whether what is called so is a secret.
fn is_of_a_secret(name: &str) -> bool {
    let words = ["password", "passwd", "pwd", "secret", "token", "private_key", "credential", "api_key", "auth"];
    let name = name.to_lowercase();
    words.iter().any(|word| name.contains(word))
}

/// What may be the password in an address or a connection string, as it is written there. Whoever forgot to encode one leaves it open where it ends, so that both
/// ends are taken; and a driver may tell a part of a value that is a secret as a whole.
fn passwords(value: &str) -> Vec<String> {
    let rest = value.split_once("://").map_or(value, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let of_login = |text: &str| text.rsplit_once('@')?.0.split_once(':').map(|(_, password)| password.to_owned());
    let named = value.split(['?', '&', ';', ' ']).filter_map(|part| part.split_once('=')).filter(|(name, _)| is_of_a_secret(name));
    [of_login(authority), of_login(rest)].into_iter().flatten().chain(named.map(|(_, secret)| secret.to_owned())).collect()
}

/// Many drivers have words only. The first that fits counts.
fn by_words(text: &str) -> Option<QueryErrorKind> {
    use QueryErrorKind as K;
    let words: [(&[&str], K); 13] = [
        (&["out of memory", "cannot allocate memory", "bad allocation", "run out of memory", "out of memory exception"], K::Memory),
        (&["interrupt", "canceled", "cancelled", "operation was aborted"], K::Cancelled),
        (
            &[
                "no such table",
                "table or view not found",
                "table_or_view_not_found",
                "catalog error: table",
                "invalid object name",
                "ora-00942",
            ],
            K::UnknownTable,
        ),
        (
            &[
                "no such column",
                "unresolved_column",
                "referenced column",
                "unknown column",
                "invalid column name",
                "ora-00904",
                "unknown_identifier",
                "column not found",
                "invalid identifier",
            ],
            K::UnknownColumn,
        ),
        (&["no such function", "function with name", "unresolved_routine", "unknown function", "unknown_function"], K::UnknownFunction),
        (
            &[
                "readonly database",
                "read-only mode",
                "read only",
                "permission denied",
                "permission error",
                "access denied",
                "not authorized",
                "insufficient privileges",
                "disabled by configuration",
                "disabled through configuration",
            ],
            K::Denied,
        ),
        (
            &[
                "conversion error",
                "could not convert",
                "out of range",
                "division by zero",
                "divide by zero",
                "invalid input",
                "value error",
                "cast_invalid_input",
                "expected int64 but got",
            ],
            K::Value,
        ),
        (&["syntax error", "parser error", "parse_syntax_error", "binder error", "incomplete input"], K::Syntax),
        (&["authentication", "password", "login failed", "unauthorized", "unauthenticated", "invalid credentials"], K::Login),
        (
            &[
                "connection refused",
                "could not connect",
                "no such host",
                "unreachable",
                "connection reset",
                "broken pipe",
                "failed to connect",
                "unavailable",
            ],
            K::Connection,
        ),
        (&["timed out", "timeout", "deadline exceeded"], K::Timeout),
        (&["not implemented", "not supported", "unsupported", "not yet implemented"], K::Unsupported),
        (&["quota", "bytes billed", "too large"], K::TooLarge),
    ];
    let text = text.to_lowercase();
    words.into_iter().find(|(words, _)| words.iter().any(|word| text.contains(word))).map(|(_, kind)| kind)
}

fn by_status(status: Status) -> QueryErrorKind {
    use QueryErrorKind as K;
    match status {
        Status::NotImplemented => K::Unsupported,
        Status::NotFound => K::UnknownTable,
        Status::InvalidArguments | Status::AlreadyExists => K::Syntax,
        Status::InvalidData | Status::Integrity => K::Value,
        Status::IO => K::Connection,
        Status::Cancelled => K::Cancelled,
        Status::Timeout => K::Timeout,
        Status::Unauthenticated => K::Login,
        Status::Unauthorized => K::Denied,
        Status::Ok | Status::Unknown | Status::InvalidState | Status::Internal => K::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pressrun_sql::Dialect;

    fn redacted() -> Redacted {
        let options = [("uri", "postgres://app:p%40ss@db/x?a=b"), ("password", "s3cret"), ("warehouse.key", "k3y"), ("path", "/data/x.db")];
        let options = options.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Redacted::of(&AdbcSpec {
            driver: "d".to_owned(),
            folder: None,
            dialect: Dialect::Ansi,
            options,
            secrets: vec!["warehouse.key".to_owned()],
            session: Vec::new(),
        })
    }

    #[test]
    fn d13_no_secret_of_a_connection_is_in_what_a_driver_says() {
        let said = "cannot open postgres://app:p%40ss@db/x (p@ss) with s3cret and k3y in /data/x.db";
        let error = redacted().driver(Error::with_message_and_status(said, Status::IO));
        assert_eq!(error.message, "cannot open postgres://app:[redacted]@db/x ([redacted]) with [redacted] and [redacted] in /data/x.db");
        for (value, secret) in [
            ("postgres://app:pa/ss@db/x", "pa/ss"),
            ("snowflake://acct/db?user=app&password=hush9&role=r", "hush9"),
            ("Driver=MariaDB;UID=app;PWD=hush9;Server=db", "hush9"),
            ("host=db user=app password=hush9", "hush9"),
            ("mysql://app:hush9@db/x?mail=a@b", "hush9"),
        ] {
            let spec = AdbcSpec {
                driver: "d".to_owned(),
                folder: None,
                dialect: Dialect::Ansi,
                options: indexmap::IndexMap::from([("uri".to_owned(), value.to_owned())]),
                secrets: Vec::new(),
                session: Vec::new(),
            };
            let told = Redacted::of(&spec).driver(Error::with_message_and_status(format!("cannot open {value}"), Status::IO));
            assert!(!told.message.contains(secret), "{}", told.message);
        }
        let long = redacted().driver(Error::with_message_and_status("x".repeat(50 << 20), Status::Internal));
        assert_eq!(long.message.chars().count(), LONGEST);
    }

    #[test]
    fn a_failure_is_told_by_its_state_then_by_its_words_then_by_its_status() {
        let mut error = Error::with_message_and_status("anything", Status::Internal);
        error.sqlstate = [b'4', b'2', b'7', b'0', b'3'].map(|byte| byte as std::os::raw::c_char);
        assert_eq!(redacted().driver(error).kind, QueryErrorKind::UnknownColumn);
        for (text, status, kind) in [
            ("no such table: x", Status::InvalidArguments, QueryErrorKind::UnknownTable),
            ("Binder Error: Referenced column \"x\" not found", Status::Internal, QueryErrorKind::UnknownColumn),
            ("INTERRUPT Error: Interrupted!", Status::Internal, QueryErrorKind::Cancelled),
            ("something", Status::Unauthenticated, QueryErrorKind::Login),
            ("something", Status::Internal, QueryErrorKind::Internal),
        ] {
            assert_eq!(redacted().driver(Error::with_message_and_status(text, status)).kind, kind, "{text}");
        }
    }
}
