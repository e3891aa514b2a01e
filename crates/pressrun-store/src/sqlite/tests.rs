//! The conformance suite on a file and in memory, and what only SQLite has: files, schema, damaged rows.

mod addresses;
mod audit;
mod corrupt;
mod departures;
mod files;
mod lists;
mod plans;
mod writer;

use tempfile::TempDir;

use super::SqliteStore;
use crate::{conformance_suite, sample};

async fn in_file() -> (SqliteStore, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (SqliteStore::open(&folder.path().join("pressrun.db"), sample::sealer()).await.unwrap(), folder)
}

async fn in_memory() -> (SqliteStore, ()) {
    (SqliteStore::open_in_memory(sample::sealer()).await.unwrap(), ())
}

conformance_suite!(file, in_file);
conformance_suite!(memory, in_memory);
