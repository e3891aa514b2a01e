//! `[render]`: how artifacts are made.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How artifacts are made.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Render {
    /// Folders of more fonts; the word `system` stands for the Noto fonts that the machine has.
    #[schemars(example = ["system"])]
    pub fonts: Vec<PathBuf>,
    /// Time one render has.
    pub seconds: u32,
    /// Memory one executor process may use, in MiB.
    pub memory_mb: u64,
    /// Executor processes that compute: the embedded engine and typesetting. One more than there are cores, but at most 5, when absent; the last
    /// quarter of them is never one connection's.
    #[schemars(example = 3)]
    pub processes: Option<usize>,
    /// Most rows of one table on pages, whatever else is said.
    pub table_rows: u64,
    /// Most rows of a table that is expanded to show all its rows.
    pub expanded_rows: u64,
}

impl Default for Render {
    fn default() -> Self {
        Self { fonts: Vec::new(), seconds: 120, memory_mb: 1536, processes: None, table_rows: 5_000, expanded_rows: 1_000 }
    }
}
