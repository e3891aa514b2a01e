//! Databases that come from Python's index, in the environment that `cargo xtask setup` makes.
#![allow(clippy::panic, clippy::print_stderr, reason = "tests")]

use std::path::PathBuf;

use pressrun_sql::Dialect;

use crate::source::adbc::AdbcSpec;

/// The folder of that environment.
const VARIABLE: &str = "PRESSRUN_TEST_ENGINES";

/// Where the environment is; `None`, with the reason on stderr, on a machine without it.
///
/// # Panics
/// It is missing on CI: there nothing is skipped.
fn folder() -> Option<PathBuf> {
    let found = std::env::var_os(VARIABLE).map(PathBuf::from).filter(|folder| folder.is_dir());
    if found.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "{VARIABLE} names no folder: `cargo xtask setup` makes it, and `cargo xtask test` names it"
        );
        eprintln!("skipped: {VARIABLE} names no folder with engines; see `cargo xtask setup`");
    }
    found
}

/// A driver of the environment with these options.
pub(crate) fn driver(name: &str, dialect: Dialect, options: &[(&str, &str)]) -> Option<AdbcSpec> {
    let folder = folder()?.join("drivers");
    if !folder.join(format!("{name}.toml")).is_file() {
        assert!(std::env::var_os("CI").is_none(), "there is no driver {name} in {}", folder.display());
        eprintln!("skipped: there is no driver {name} in {}; see `cargo xtask setup`", folder.display());
        return None;
    }
    Some(AdbcSpec {
        driver: name.to_owned(),
        folder: Some(folder),
        dialect,
        options: options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        secrets: Vec::new(),
        session: Vec::new(),
    })
}

/// A program of the environment.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    folder().map(|folder| folder.join("bin").join(name))
}
