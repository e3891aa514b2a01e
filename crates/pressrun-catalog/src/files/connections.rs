//! `connections.yaml`: where data lives.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Entries, Field};

/// Where data lives.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["connections"]))]
pub struct ConnectionsFile {
    /// Connections by the name that dashboards use.
    pub connections: Field<Entries<ConnectionFile>>,
}

/// One place where data lives.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["kind"]))]
pub struct ConnectionFile {
    /// `files` (Parquet, CSV and JSON files, queried by the embedded engine) or `postgres`.
    pub kind: Field<SourceKind>,
    /// IANA time zone of queries when nothing more specific is said. Default `UTC`.
    pub timezone: Field<String>,
    /// Most queries running at once, 1 to 1,000. Default 4. A change holds at once. The server has bounds of its own (`query.database_queries`,
    /// `render.processes`), of which one connection gets three quarters.
    pub max_concurrency: Field<u32>,
    /// Seconds after which a query is stopped, 1 to 86,400. Default 300.
    pub timeout_seconds: Field<u64>,
    /// kind `files`: folder of the data files, relative to the catalog or absolute. Default `data`.
    pub folder: Field<String>,
    /// kind `files`: table name → file, glob or folder below `folder`. Files not named are tables by their stem.
    pub tables: Field<Entries<String>>,
    /// kind `postgres`: `postgres://…`, with secrets as `${ENVIRONMENT_VARIABLE}`.
    pub url: Field<String>,
    /// kind `postgres`: a file that holds the address, relative to the catalog or absolute.
    pub url_file: Field<String>,
}

/// Kinds of sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// Files, queried by the embedded engine.
    Files,
    /// A server that speaks Postgres' wire.
    Postgres,
}
