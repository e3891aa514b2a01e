//! `connections.yaml`: where data lives.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Entries, Field, OptionsEntry, TableEntry};

/// Where data lives.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["connections"], "patternProperties" = { "^x-": {} }))]
pub struct ConnectionsFile {
    /// Connections by the name that dashboards use.
    pub connections: Field<Entries<ConnectionFile>>,
}

/// One place where data lives.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["kind"]))]
pub struct ConnectionFile {
    /// `files` (Parquet, CSV and JSON files, queried by the embedded engine), `postgres`, `clickhouse` or `adbc` (any database with a driver).
    pub kind: Field<SourceKind>,
    /// IANA time zone of queries when nothing more specific is said. Default `UTC`.
    pub timezone: Field<String>,
    /// Most queries running at once, 1 to 1,000; of a database by all nodes together. Default 4. A change holds at once. A server has bounds of its own (`query.database_queries`,
    /// `render.processes`), of which one connection gets three quarters.
    pub max_concurrency: Field<u32>,
    /// Seconds after which a query is stopped, 1 to 86,400. Default 300.
    pub timeout_seconds: Field<u64>,
    /// kind `files`: folder of the data files, relative to the catalog or absolute. Default `data`.
    pub folder: Field<String>,
    /// kind `files`: table name → file, glob or folder below `folder`, or how they are read. Files not named are tables by their
    /// stem.
    pub tables: Field<Entries<TableEntry>>,
    /// kind `postgres`: `postgres://user:password@host:5432/database`, with secrets as `${ENVIRONMENT_VARIABLE}`. What is not said in it may
    /// stand in the keys that follow; see [PostgreSQL](connections/postgres.md). kind `clickhouse`: `https://host:8443`, without a login; see
    /// [ClickHouse](connections/clickhouse.md).
    pub url: Field<String>,
    /// kind `postgres`: a file that holds the address, relative to the catalog or absolute. User and password are read from it at each login.
    pub url_file: Field<String>,
    /// kind `postgres`: name or address of the server, or the folder of its Unix socket; several with commas between.
    pub host: Field<String>,
    /// kind `postgres`: port of the server. Default 5432.
    pub port: Field<u16>,
    /// kinds `postgres` and `clickhouse`: name of the database. Default that of the user, or `default`.
    pub database: Field<String>,
    /// kinds `postgres` and `clickhouse`: the role that logs in.
    pub user: Field<String>,
    /// kinds `postgres` and `clickhouse`: its password, of any characters, as `${ENVIRONMENT_VARIABLE}`.
    pub password: Field<String>,
    /// kinds `postgres` and `clickhouse`: a file that holds the password, relative to the catalog or absolute. It is read at each login, so that a new password
    /// is used as soon as it is there.
    pub password_file: Field<String>,
    /// kind `postgres`: `disable`, `allow`, `prefer`, `require`, `verify-ca` or `verify-full`, as libpq means them. Default `require`, and
    /// `prefer` to the same machine.
    pub sslmode: Field<String>,
    /// kinds `postgres` and `clickhouse`: PEM file of the authorities that are trusted, or of the server's own certificate, relative to the catalog or absolute;
    /// `system` for the authorities of the operating system.
    pub sslrootcert: Field<String>,
    /// kind `postgres`: PEM file of a certificate to log in with, relative to the catalog or absolute.
    pub sslcert: Field<String>,
    /// kind `postgres`: PEM file of its key, without a password.
    pub sslkey: Field<String>,
    /// kind `postgres`: options of the session, such as `-c search_path=sales`. kind `adbc`: the driver's options by its names, each a text with secrets as
    /// `${ENVIRONMENT_VARIABLE}`, or `{ file: path }` for the content of a file.
    pub options: Field<OptionsEntry>,
    /// kind `postgres`: further parameters by libpq's names, such as `channel_binding`, `connect_timeout` or `target_session_attrs`.
    pub parameters: Field<Entries<String>>,
    /// kind `clickhouse`: settings of each query by the server's names, such as `max_bytes_to_read`.
    pub settings: Field<Entries<String>>,
    /// kind `adbc`: name of a driver in the folder that the operator names as `drivers` under `[adbc]`; see [databases by driver](connections/adbc.md).
    pub driver: Field<String>,
    /// kind `adbc`: the SQL that it speaks: `snowflake`, `bigquery`, `databricks`, `redshift`, `trino`, `mysql`, `mariadb`, `mssql`, `duckdb`, `sqlite`,
    /// `oracle`, `spark`, `clickhouse`, `flightsql`, `singlestore` or `ansi`. Default: the driver's name, where it is one of these, and `ansi`.
    pub dialect: Field<String>,
    /// kind `adbc`: statements before each query.
    pub session: Field<Vec<Field<String>>>,
}

/// Kinds of sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// Files, queried by the embedded engine.
    Files,
    /// A server that speaks Postgres' wire.
    Postgres,
    /// A ClickHouse server.
    ClickHouse,
    /// A database with an ADBC driver.
    Adbc,
}
