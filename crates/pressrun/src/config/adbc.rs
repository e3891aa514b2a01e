//! `[adbc]`: drivers of databases.

use std::path::PathBuf;

use anyhow::bail;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Drivers of databases.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Adbc {
    /// Folder of driver manifests (`NAME.toml`), an absolute path. Connections of kind `adbc` name drivers in it; a driver is native code that runs in a process
    /// of its own with the server's rights. Without this none is loaded.
    #[schemars(example = "/etc/pressrun/drivers")]
    pub drivers: Option<PathBuf>,
    /// Queries by drivers at once, each in a process of its own; the last quarter of them is never one connection's.
    pub processes: usize,
}

impl Default for Adbc {
    fn default() -> Self {
        Self { drivers: None, processes: 8 }
    }
}

impl Adbc {
    /// The folder.
    ///
    /// # Errors
    /// It is no absolute path, or no folder.
    pub(crate) fn folder(&self) -> anyhow::Result<Option<PathBuf>> {
        let Some(folder) = &self.drivers else { return Ok(None) };
        if !folder.is_absolute() {
            bail!("adbc.drivers: {} is no absolute path", folder.display());
        }
        if !folder.is_dir() {
            bail!("adbc.drivers: there is no folder {}", folder.display());
        }
        Ok(Some(folder.clone()))
    }
}
