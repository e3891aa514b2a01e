//! What is said to the server, and the beginning of its answer.

use std::time::Duration;

use pressrun_sql::{Bound, CompiledQuery};
use reqwest::multipart::Form;
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde::Deserialize;
use uuid::Uuid;

use super::ClickHouseSpec;
use super::failure::{self, refused, unreachable};
use super::tls;
use crate::error::{QueryError, QueryErrorKind};
use crate::limits::QueryLimits;

/// How long a try to connect may take.
const CONNECT: Duration = Duration::from_secs(10);

/// Most bytes of an answer that is not rows.
const LONGEST_ANSWER: usize = 4 << 20;

/// One query's requests.
pub(super) struct Request<'a> {
    client: Client,
    spec: &'a ClickHouseSpec,
    password: String,
    query: &'a CompiledQuery,
    timeout_ms: u64,
}

/// A column as the server describes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Described {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
}

impl<'a> Request<'a> {
    pub(super) fn new(
        spec: &'a ClickHouseSpec,
        password: String,
        query: &'a CompiledQuery,
        limits: &QueryLimits,
    ) -> Result<Self, QueryError> {
        let mut client = Client::builder().no_proxy().redirect(Policy::none()).connect_timeout(CONNECT).user_agent("pressrun");
        // What answers is what the operator's rules were asked about.
        if let (Some(host), false) = (spec.url.host_str(), spec.addresses.is_empty()) {
            client = client.resolve_to_addrs(host, &spec.addresses);
        }
        client = client.tls_backend_preconfigured(tls::config(spec.url.scheme() == "https", spec.authorities.as_deref())?);
        let client =
            client.build().map_err(|error| QueryError::new(QueryErrorKind::Internal, format!("no client could be made: {error}")))?;
        Ok(Self { client, spec, password, query, timeout_ms: limits.timeout_ms })
    }

    /// The columns of the query.
    pub(super) async fn describe(&self) -> Result<Vec<Described>, QueryError> {
        #[derive(Deserialize)]
        struct Answer {
            data: Vec<Described>,
        }
        let answer = self.send(&format!("{DESCRIBE}{}\n) format JSON", self.query.sql), DESCRIBE.chars().count()).await?;
        let text = failure::text(answer, LONGEST_ANSWER).await?;
        let read: Answer = serde_json::from_str(&text).map_err(|_| failure::no_clickhouse(&text))?;
        Ok(read.data)
    }

    /// The rows of `sql`.
    pub(super) async fn run(&self, sql: &str) -> Result<Response, QueryError> {
        self.send(&format!("{sql}\nformat ArrowStream"), 0).await
    }

    /// The answer to `sql`, whose first `before` characters are ours, when it is none of failure.
    async fn send(&self, sql: &str, before: usize) -> Result<Response, QueryError> {
        let spec = self.spec;
        let mut url = spec.url.clone();
        {
            let mut words = url.query_pairs_mut();
            words.extend_pairs(&spec.settings);
            words.extend_pairs(spec.database.as_ref().map(|name| ("database", name)));
            words.extend_pairs(SETTINGS);
            words.append_pair("session_timezone", &self.query.zone);
            words.append_pair("max_execution_time", &self.timeout_ms.div_ceil(1000).max(1).to_string());
            // One row more than wanted tells whether there were more.
            words.append_pair("limit", &self.query.limit.saturating_add(1).to_string());
            words.append_pair("query_id", &format!("pressrun-{}", Uuid::new_v4()));
        }
        let mut form = Form::new().text("query", sql.to_owned());
        for (number, param) in (1..).zip(&self.query.params) {
            form = form.text(format!("param_p{number}"), written(&self.query.dialect.bound(param, &self.query.zone)));
        }
        let request = self.client.post(url).header("X-ClickHouse-User", spec.user.as_str()).multipart(form);
        let request = if self.password.is_empty() { request } else { request.header("X-ClickHouse-Key", self.password.as_str()) };
        let answer = request.send().await.map_err(|error| unreachable(&error))?;
        if answer.status().is_success() && !answer.headers().contains_key(failure::CODE) {
            return Ok(answer);
        }
        Err(refused(answer, before).await)
    }
}

/// What stands before a query that is only asked for its columns.
const DESCRIBE: &str = "describe (\n";

/// What holds for every query. `2` lets a request have settings of its own, where `1` would not. A query that goes beyond a limit fails, whatever the role's profile
/// says: what was found until then would pass for the whole.
const SETTINGS: [(&str, &str); 17] = [
    ("readonly", "2"),
    ("cancel_http_readonly_queries_on_client_close", "1"),
    ("cast_keep_nullable", "1"),
    ("output_format_arrow_string_as_string", "1"),
    ("output_format_arrow_low_cardinality_as_dictionary", "0"),
    ("log_comment", "pressrun"),
    ("timeout_overflow_mode", "throw"),
    ("timeout_overflow_mode_leaf", "throw"),
    ("read_overflow_mode", "throw"),
    ("read_overflow_mode_leaf", "throw"),
    ("result_overflow_mode", "throw"),
    ("group_by_overflow_mode", "throw"),
    ("sort_overflow_mode", "throw"),
    ("distinct_overflow_mode", "throw"),
    ("set_overflow_mode", "throw"),
    ("join_overflow_mode", "throw"),
    ("transfer_overflow_mode", "throw"),
];

/// A value as the server reads it: its escapes are those of a tab-separated line.
fn written(bound: &Bound) -> String {
    match bound {
        Bound::Text(text) => escaped(text, false),
        Bound::Integer(number) => number.to_string(),
        Bound::Boolean(flag) => flag.to_string(),
        // A list has escapes of its own and no others.
        Bound::Texts(texts) => {
            let list: Vec<_> = texts.iter().map(|text| format!("'{}'", escaped(text, true))).collect();
            format!("[{}]", list.join(","))
        }
    }
}

fn escaped(text: &str, quoted: bool) -> String {
    let mut written = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => written.push_str("\\\\"),
            '\'' if quoted => written.push_str("\\'"),
            '\t' => written.push_str("\\t"),
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\0' => written.push_str("\\0"),
            c => written.push(c),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f3_a_value_is_escaped_as_often_as_it_is_read() {
        let text = |text: &str| Bound::Text(text.to_owned());
        for (bound, expected) in [
            (text("it's\t\\n"), r"it's\t\\n"),
            (text("\\N"), r"\\N"),
            (Bound::Integer(-5), "-5"),
            (Bound::Texts(vec!["a".to_owned(), "it's".to_owned(), "\\".to_owned()]), r"['a','it\'s','\\']"),
        ] {
            assert_eq!(written(&bound), expected);
        }
    }
}
