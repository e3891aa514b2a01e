//! ClickHouse by its HTTP interface: the whole query is pushed down, its dialect untouched, and rows come as Arrow.
//!
//! A query is two requests. The first asks for the columns: ClickHouse writes some types into Arrow as something else (`DateTime` as a bare number, an
//! enum's value as its position, 128 bits as bytes), so that those columns are wrapped in the second, which runs the query. Both say everything that
//! holds for them: the query zone, `readonly = 2`, a time limit, and that a query whose client is gone is stopped, which is how a run that is given up stops
//! it. Parameters travel beside the SQL.
//!
//! What `readonly` still allows (reading what the role may read, by table functions too) is for the connection's role to forbid.

mod columns;
mod failure;
mod request;
mod rows;
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use indexmap::IndexMap;
use pressrun_domain::catalog::ClickHouseSettings;
use pressrun_sql::{CompiledQuery, guard};
use serde::{Deserialize, Serialize};
use url::Url;

use self::request::Request;
use super::{BatchSink, QueryStats, Source};
use crate::error::{QueryError, QueryErrorKind};
use crate::limits::QueryLimits;

/// What this side waits longer than the server, which says more when it stops a query.
const GRACE: Duration = Duration::from_secs(1);

/// Where the server is and who asks. It holds the password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClickHouseSpec {
    /// `http` or `https` with host and port, without a login.
    pub url: Url,
    /// The database of tables without one.
    pub database: Option<String>,
    /// Who asks.
    pub user: String,
    /// Their password; empty for none.
    pub password: String,
    /// The file that has the password of the moment.
    pub password_file: Option<PathBuf>,
    /// PEM file of the authorities that are trusted.
    pub authorities: Option<PathBuf>,
    /// Settings of each query.
    pub settings: IndexMap<String, String>,
    /// Where the host may be reached; looked up when empty.
    pub addresses: Vec<SocketAddr>,
}

impl std::fmt::Debug for ClickHouseSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClickHouseSpec").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

impl From<&ClickHouseSettings> for ClickHouseSpec {
    fn from(settings: &ClickHouseSettings) -> Self {
        Self {
            url: settings.url.clone(),
            database: settings.database.clone(),
            user: settings.user.clone(),
            password: settings.password.expose().to_owned(),
            password_file: settings.password_file.clone(),
            authorities: settings.authorities.clone(),
            settings: settings.settings.clone(),
            addresses: Vec::new(),
        }
    }
}

/// One server.
#[derive(Debug)]
pub struct ClickHouseSource {
    spec: ClickHouseSpec,
}

impl ClickHouseSource {
    /// The server of `spec`.
    #[must_use]
    pub fn new(spec: ClickHouseSpec) -> Self {
        Self { spec }
    }

    /// The password of this moment.
    async fn password(&self) -> String {
        let Some(file) = &self.spec.password_file else { return self.spec.password.clone() };
        match tokio::fs::read_to_string(file).await {
            Ok(content) => content.trim_end_matches(['\r', '\n']).to_owned(),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the file of a connection's password cannot be read");
                self.spec.password.clone()
            }
        }
    }

    async fn answer(&self, query: &CompiledQuery, limits: &QueryLimits, sink: &mut dyn BatchSink) -> Result<QueryStats, QueryError> {
        let request = Request::new(&self.spec, self.password().await, query, limits)?;
        let described = request.describe().await?;
        let sql = columns::wrapped(&query.sql, &described)?;
        rows::fetch(request.run(&sql).await?, &described, query, limits, sink).await
    }
}

#[async_trait]
impl Source for ClickHouseSource {
    async fn run(&self, query: &CompiledQuery, limits: &QueryLimits, sink: &mut dyn BatchSink) -> Result<QueryStats, QueryError> {
        guard(&query.sql, query.dialect).map_err(|error| QueryError::of_screen(error, &query.sql))?;
        // The server's own limit comes first and says more; this one is for a server that has stopped answering.
        let deadline = Duration::from_millis(limits.timeout_ms) + GRACE;
        let silence = || QueryError::new(QueryErrorKind::Timeout, "the database stopped answering");
        tokio::time::timeout(deadline, self.answer(query, limits, sink)).await.unwrap_or_else(|_| Err(silence()))
    }
}

#[cfg(test)]
mod tests;
