//! Small things that every test needs.

use std::path::PathBuf;

use jiff::Timestamp;
use tempfile::TempDir;

/// A folder that is removed when dropped.
#[must_use]
pub fn temp_dir() -> TempDir {
    tempfile::Builder::new().prefix("pressrun-test-").tempdir().expect("a temporary folder")
}

/// The instant of an RFC 3339 text.
#[must_use]
pub fn instant(text: &str) -> Timestamp {
    text.parse().expect("an RFC 3339 instant")
}

/// Writes a file into `folder` and answers with its path.
#[must_use]
pub fn spool_file(folder: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).expect("a writable temporary folder");
    path
}
