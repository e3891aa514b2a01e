//! `[history]`: how long what happened is remembered.

use serde::{Deserialize, Serialize};

/// How long what happened is remembered.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct History {
    /// Days for which entries of the audit are kept.
    pub audit_days: u32,
}

impl Default for History {
    fn default() -> Self {
        Self { audit_days: 400 }
    }
}
