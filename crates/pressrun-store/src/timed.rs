//! How long calls of the database take, for operators.

use std::time::Instant;

/// A call under way; how long it took is noted when this is dropped.
pub(crate) struct Timed {
    operation: &'static str,
    began: Instant,
}

impl Timed {
    /// One that begins now.
    pub(crate) fn new(operation: &'static str) -> Self {
        Self { operation, began: Instant::now() }
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        metrics::histogram!("pressrun_store_duration_seconds", "operation" => self.operation).record(self.began.elapsed());
    }
}
