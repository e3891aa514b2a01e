//! The driver of `hostile_driver.c`, built for a test.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::Path;
use std::process::Command;

use pressrun_sql::Dialect;

use crate::source::adbc::AdbcSpec;

/// Builds it into `folder`, with its manifest.
///
/// # Panics
/// There is no C compiler; Rust needs one as well.
pub(crate) fn build(folder: &Path) -> AdbcSpec {
    let library = folder.join("hostile.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/testing/hostile_driver.c");
    assert!(Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).status().unwrap().success());
    let manifest = format!("manifest_version = 1\n[Driver]\nentrypoint = \"AdbcDriverInit\"\nshared = \"{}\"\n", library.display());
    std::fs::write(folder.join("hostile.toml"), manifest).unwrap();
    AdbcSpec {
        driver: "hostile".to_owned(),
        folder: Some(folder.to_owned()),
        dialect: Dialect::Ansi,
        options: [("uri".to_owned(), "hostile://app:s3cret@db/x".to_owned())].into(),
        secrets: Vec::new(),
        session: Vec::new(),
    }
}
