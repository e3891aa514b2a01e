//! `[links]`: links in mails.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Links in mails.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Links {
    /// How long the dashboard opens without a login for a recipient who has none; 0 makes no such links.
    pub valid_days: u32,
}

impl Default for Links {
    fn default() -> Self {
        Self { valid_days: 30 }
    }
}
