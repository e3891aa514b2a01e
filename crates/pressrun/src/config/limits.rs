//! `[limits]`: what one caller may ask for.

use serde::{Deserialize, Serialize};

/// Limits on callers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    /// Requests a minute for each key; 0 is no limit.
    pub requests_per_minute: u32,
    /// Largest request body in KiB.
    pub body_kib: usize,
    /// Time a request has until its answer begins, a slow body included.
    pub request_seconds: u32,
    /// Time a client has to send a request's head, and an idle connection to begin the next.
    pub header_seconds: u32,
    /// Time a client may leave an answer unread.
    pub write_seconds: u32,
    /// Connections at once; further ones wait.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { requests_per_minute: 60, body_kib: 1024, request_seconds: 30, header_seconds: 15, write_seconds: 30, connections: 1024 }
    }
}
