//! `[store]` and `[spool]`: where rows and artifacts are kept.

use std::path::PathBuf;

use anyhow::bail;
use serde::{Deserialize, Serialize};

/// Where rows are kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Store {
    /// `sqlite://path`.
    pub url: String,
}

impl Default for Store {
    fn default() -> Self {
        Self { url: "sqlite://pressrun.db".to_owned() }
    }
}

impl Store {
    /// Path of the SQLite file.
    ///
    /// # Errors
    /// The address is of another kind.
    pub(crate) fn sqlite_path(&self) -> anyhow::Result<PathBuf> {
        let url = &self.url;
        match url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")) {
            Some(path) if !path.is_empty() => Ok(PathBuf::from(path)),
            _ if url.starts_with("postgres") => {
                bail!("store.url: this version keeps its rows in SQLite only; write sqlite://path/to/pressrun.db")
            }
            _ => bail!("store.url: {url:?} is not understood; write sqlite://path/to/pressrun.db"),
        }
    }
}

/// Where artifacts are kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Spool {
    /// The folder.
    pub path: PathBuf,
}

impl Default for Spool {
    fn default() -> Self {
        Self { path: PathBuf::from("spool") }
    }
}
