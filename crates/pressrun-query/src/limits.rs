//! What a query may cost.

use serde::{Deserialize, Serialize};

/// What one execution may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryLimits {
    /// Milliseconds after which it is stopped. The caller of a child process enforces this once more from outside.
    pub timeout_ms: u64,
    /// Bytes of memory of the embedded engine; sorts and groups beyond it spill to disk. The operator's `query.memory_mb`.
    pub memory_bytes: u64,
    /// Bytes of temporary files; the operator's `query.spill_mb`.
    pub spill_bytes: u64,
    /// Bytes of the result; a larger one fails. The operator's `query.result_mb`.
    pub result_bytes: u64,
    /// Threads that the embedded engine works with; the operator's `query.threads`.
    pub threads: usize,
}

impl Default for QueryLimits {
    fn default() -> Self {
        Self { timeout_ms: 300_000, memory_bytes: 512 << 20, spill_bytes: 8 << 30, result_bytes: 4 << 30, threads: 2 }
    }
}
