//! `[retry]`: how failed deliveries are repeated.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How failed deliveries are repeated (S9).
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Retry {
    /// Most attempts; 1 is no retry.
    pub max_attempts: u32,
    /// Wait before the second attempt.
    pub first_wait_seconds: u32,
    /// No attempt begins later after the first.
    pub deadline_minutes: u32,
    /// How long deliveries wait for a way out that is shut, such as a mail server that refuses the login; from the beginning of their run.
    pub hold_minutes: u32,
}

impl Default for Retry {
    fn default() -> Self {
        Self { max_attempts: 3, first_wait_seconds: 30, deadline_minutes: 15, hold_minutes: 240 }
    }
}
