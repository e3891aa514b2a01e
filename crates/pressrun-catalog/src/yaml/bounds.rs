//! How much one file, and the aliases of all files, may hold.

use std::sync::atomic::{AtomicU64, Ordering};

/// Aliases may repeat this many times what the file holds.
const ALIASES_PER_BYTE: usize = 4;
/// A small file may repeat this many bytes.
const ALIASES_LEAST: usize = 1024 * 1024;
/// Bytes of a file for each of its values, at least: nobody writes so many shorter ones.
const BYTES_PER_NODE: u64 = 10;

/// Bytes that the aliases of a file of this length may repeat.
pub(super) fn aliases_of(file_bytes: usize) -> usize {
    file_bytes.saturating_mul(ALIASES_PER_BYTE).max(ALIASES_LEAST)
}

/// Bounds of reading, shared by all files of one catalog, which are read on several threads: of files whose aliases are too much only together,
/// any may be the one that is refused.
#[derive(Debug)]
pub(crate) struct Bounds {
    nodes: usize,
    /// Bytes that aliases of all files together may still repeat.
    aliases_left: AtomicU64,
}

impl Bounds {
    /// Files of up to `file_bytes` each, whose aliases together repeat up to `total_bytes`.
    pub(crate) fn new(file_bytes: u64, total_bytes: u64) -> Self {
        let nodes = usize::try_from(file_bytes / BYTES_PER_NODE).unwrap_or(usize::MAX);
        Self { nodes, aliases_left: AtomicU64::new(total_bytes) }
    }

    /// Most values of one file, aliases counted at their full size.
    pub(super) fn nodes(&self) -> usize {
        self.nodes
    }

    /// Takes what an alias repeats; whether it was still there.
    pub(super) fn take_alias(&self, bytes: usize) -> bool {
        let taken = |left: u64| left.checked_sub(bytes as u64);
        self.aliases_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }
}
