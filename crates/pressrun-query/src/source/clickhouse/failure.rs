//! What goes wrong, and how it is told.

use std::error::Error;

use pressrun_domain::text::{one_line, shortened};
use reqwest::{Response, StatusCode};

use crate::error::{QueryError, QueryErrorKind};

/// The header of an answer that is a failure, with the number of the error.
pub(super) const CODE: &str = "x-clickhouse-exception-code";

/// Characters of a message that are told.
const LONGEST: usize = 2000;
/// Bytes of an answer's end that may be a message.
const TAIL: usize = 16 << 10;

/// What is read of an answer that says why there is none.
const READ: usize = 64 << 10;

/// The end of what was read: a server that fails amid the rows writes its message there.
#[derive(Default)]
pub(super) struct Tail(Vec<u8>);

impl Tail {
    pub(super) fn see(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(&bytes[bytes.len().saturating_sub(TAIL)..]);
        if self.0.len() > 2 * TAIL {
            self.0.drain(..self.0.len() - TAIL);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The message, when there is one.
    pub(super) fn failure(&self) -> Option<QueryError> {
        let text = String::from_utf8_lossy(&self.0);
        let message = text.rfind("Code: ").map(|at| &text[at..])?;
        message.contains("DB::").then(|| of_server(message, 0))
    }

    /// The same, when what is left of `answer` is read as well: the message may have begun where rows were expected.
    pub(super) async fn rest(mut self, mut answer: Response) -> Option<QueryError> {
        let mut left = READ;
        while let Ok(Some(chunk)) = answer.chunk().await {
            self.see(&chunk);
            left = left.saturating_sub(chunk.len());
            if left == 0 {
                break;
            }
        }
        self.failure()
    }
}

/// The text of an answer.
pub(super) async fn text(mut answer: Response, most: usize) -> Result<String, QueryError> {
    let mut text = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| lost(&error))? {
        text.extend_from_slice(&chunk);
        if text.len() > most {
            return Err(no_clickhouse(&String::from_utf8_lossy(&text[..200])));
        }
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// What answered is something else.
pub(super) fn no_clickhouse(text: &str) -> QueryError {
    let said = shortened(&one_line(text.trim()), 100);
    QueryError::new(QueryErrorKind::Login, format!("what answered is no ClickHouse server; it said: {said}"))
        .hint("name the port of its HTTP interface, 8123 or 8443")
}

/// The server says why there are no rows; the first `before` characters of what it was sent are ours.
pub(super) async fn refused(mut answer: Response, before: usize) -> QueryError {
    let status = answer.status();
    let has_code = answer.headers().contains_key(CODE);
    let mut text = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        text.extend_from_slice(&chunk);
        if text.len() > READ {
            text.truncate(READ);
            break;
        }
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    match status {
        _ if has_code || text.contains("DB::Exception") => of_server(&text, before),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => QueryError::new(QueryErrorKind::Login, "the database refused the login")
            .hint("correct the user or the password of the connection"),
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            QueryError::new(QueryErrorKind::Connection, format!("the database cannot be reached: something before it answered {status}"))
        }
        _ => no_clickhouse(&format!("{status} {text}")),
    }
}

/// `Code: 47. DB::Exception: Unknown identifier … (UNKNOWN_IDENTIFIER) (version …)`.
fn of_server(text: &str, before: usize) -> QueryError {
    let code = text.split("Code: ").nth(1).and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok());
    let message = text.split_once("DB::Exception: ").map_or(text, |(_, rest)| rest);
    let message = message.split(" (version ").next().unwrap_or(message);
    let place = message
        .split("failed at position ")
        .nth(1)
        .and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<usize>().ok());
    let error = QueryError::new(kind(code.unwrap_or(0)), shortened(&one_line(message.trim()), LONGEST));
    let error = error.at(place.and_then(|place| place.checked_sub(before)).filter(|place| *place > 0));
    match code {
        Some(164) => error.hint("the role's own profile is `readonly = 1`, which lets no query have a zone: make it `readonly = 2`"),
        Some(516 | 192 | 193 | 194) => error.hint("correct the user or the password of the connection"),
        _ => error,
    }
}

/// What an error's number means to whoever wrote the query (`ErrorCodes.cpp` of ClickHouse).
fn kind(code: u32) -> QueryErrorKind {
    use QueryErrorKind as K;
    match code {
        60 | 81 => K::UnknownTable,
        47 | 16 | 10 => K::UnknownColumn,
        46 => K::UnknownFunction,
        62 | 36 | 42 | 43 | 44 | 53 | 386 | 215 | 179 | 184 | 352 => K::Syntax,
        164 | 497 | 482 | 291 => K::Denied,
        48 | 1 | 344 => K::Unsupported,
        // Texts that are no number or date, numbers that do not fit, division by zero, a wrong value of a parameter.
        6 | 26 | 27 | 38 | 41 | 376 | 69 | 70 | 72 | 117 | 153 | 321 | 349 | 395 | 407 | 457 | 691 => K::Value,
        159 | 160 => K::Timeout,
        241 | 243 => K::Memory,
        // Limits of rows, bytes, columns and results, as the operator or the connection has them.
        158 | 307 | 396 | 161 | 168 | 167 => K::TooLarge,
        394 => K::Cancelled,
        192 | 193 | 194 | 516 | 195 => K::Login,
        // Networks, other servers, too many queries at once, files that are away, Keeper.
        202 | 209 | 210 | 198 | 279 | 319 | 32 | 33 | 74 | 75 | 225 | 242 | 439 | 499 | 999 | 373 => K::Connection,
        _ => K::Internal,
    }
}

/// No answer came. The address holds no login, and is not repeated all the same.
pub(super) fn unreachable(error: &reqwest::Error) -> QueryError {
    let cause = root(error);
    let kind = if cause.contains("certificate") { QueryErrorKind::Login } else { QueryErrorKind::Connection };
    QueryError::new(kind, format!("the database cannot be reached: {cause}"))
}

/// The rows stopped coming.
pub(super) fn lost(error: &reqwest::Error) -> QueryError {
    QueryError::new(QueryErrorKind::Connection, format!("the database broke off amid its answer: {}", root(error)))
}

/// The innermost cause, which has no address in it.
fn root(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if error.is_connect() && error.is_timeout() || cause.to_string().contains("deadline") {
        return "it does not answer".to_owned();
    }
    shortened(&one_line(&cause.to_string()), 300)
}

/// What came is no Arrow, or not what it says.
pub(super) fn unreadable(error: &arrow_schema::ArrowError) -> QueryError {
    let text = error.to_string();
    if text.contains("UTF8") || text.contains("utf-8") {
        return QueryError::new(QueryErrorKind::Value, "a column has text that is not UTF-8").hint("write toValidUTF8(…) around it");
    }
    QueryError::new(QueryErrorKind::Internal, format!("the database's answer cannot be read: {}", shortened(&one_line(&text), 300)))
}
