//! `[store]` and `[spool]`: where rows and artifacts are kept.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use pressrun_store::PostgresSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret;
use crate::hidden::Hidden;

/// Where rows are kept.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Store {
    /// `sqlite://path`, or `postgres://user@host:port/database` for any number of nodes. What may follow a question mark is in `docs/postgres.md`.
    pub url: String,
    /// The password of the user of `url`, so that it need not stand in there.
    pub password: Option<Hidden>,
    /// A file with that password.
    #[schemars(example = &"/run/secrets/store-password")]
    pub password_file: Option<PathBuf>,
    /// PostgreSQL: most connections of a process for API and pages, and as many again for the engine.
    pub connections: u32,
    /// PostgreSQL: the longest that a statement may take, in seconds.
    pub statement_seconds: u32,
}

impl Default for Store {
    fn default() -> Self {
        Self { url: "sqlite://pressrun.db".to_owned(), password: None, password_file: None, connections: 10, statement_seconds: 30 }
    }
}

/// A database.
#[derive(Debug)]
pub(crate) enum Database {
    Sqlite(PathBuf),
    Postgres(Box<PostgresSettings>),
}

impl Store {
    /// The database that the address names.
    ///
    /// # Errors
    /// The address is of another kind, or the password's file cannot be read.
    pub(crate) fn database(&self) -> anyhow::Result<Database> {
        let url = &self.url;
        let password = secret("store.password", self.password.as_ref(), self.password_file.as_deref())?;
        match url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")) {
            Some(path) if !path.is_empty() => Ok(Database::Sqlite(PathBuf::from(path))),
            _ if url.starts_with("postgres://") || url.starts_with("postgresql://") => Ok(Database::Postgres(Box::new(PostgresSettings {
                url: url.clone(),
                password,
                connections: self.connections.max(2),
                statement_timeout: Duration::from_secs(self.statement_seconds.max(1).into()),
            }))),
            // The address may hold a password.
            _ => bail!("store.url is not understood; write sqlite://path/to/pressrun.db or postgres://user@host:port/database"),
        }
    }

    /// Path of the SQLite file.
    ///
    /// # Errors
    /// The address is of another kind.
    pub(crate) fn sqlite_path(&self) -> anyhow::Result<PathBuf> {
        match self.database()? {
            Database::Sqlite(path) => Ok(path),
            Database::Postgres(_) => {
                bail!("store.url names a PostgreSQL database, and this is for SQLite files only; use the database's own tools")
            }
        }
    }
}

/// Where artifacts are kept.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Spool {
    /// The folder. Nodes on several machines need one that all of them reach.
    pub path: PathBuf,
}

impl Default for Spool {
    fn default() -> Self {
        Self { path: PathBuf::from("spool") }
    }
}
