//! Databases that tests use as real counterparts and that come from the indexes of Python and Node.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::{machine, python};

/// Tests look here for the folder of the environment.
pub(crate) const VARIABLE: &str = "PRESSRUN_TEST_ENGINES";

/// ClickHouse itself, as a library of some 600 MB, and SQLite's driver.
const PACKAGES: [&str; 2] = ["chdb-core==26.9.0", "adbc-driver-sqlite==1.13.0"];

/// DuckDB's library, which is a driver.
const DUCKDB: &str = "@duckdb/node-bindings-linux-x64@1.5.6-r.1";

/// Installs them and says where; `None` on a developer's machine whose Python cannot make environments: the tests say what they skip.
pub(crate) fn setup() -> anyhow::Result<Option<PathBuf>> {
    if std::env::var_os("CI").is_none() && !python::can_make_environments() {
        eprintln!("Python 3 with venv is not installed (Debian: python3-venv): tests on ClickHouse, SQLite and DuckDB are skipped");
        return Ok(None);
    }
    let folder = crate::target()?.join("engines");
    let programs = python::environment(&folder, &PACKAGES)?;
    let drivers = folder.join("drivers");
    fs::create_dir_all(&drivers)?;
    let found = Command::new(programs.join("python")).args(["-c", "import adbc_driver_sqlite as s; print(s._driver_path())"]).output()?;
    let sqlite = String::from_utf8(found.stdout)?;
    manifest(&drivers.join("sqlite.toml"), Path::new(sqlite.trim()), "AdbcDriverSqliteInit")?;
    let duckdb = drivers.join("package/libduckdb.so");
    if !duckdb.is_file() && (machine::has("npm") || std::env::var_os("CI").is_some()) {
        let packed = Command::new("npm").args(["pack", "--silent", DUCKDB]).current_dir(&drivers).output().context("npm is needed")?;
        let name = String::from_utf8(packed.stdout)?;
        crate::run(Command::new("tar").arg("-xzf").arg(name.trim()).current_dir(&drivers))?;
    }
    if duckdb.is_file() {
        manifest(&drivers.join("duckdb.toml"), &duckdb, "duckdb_adbc_init")?;
    } else {
        eprintln!("npm is not installed: tests on DuckDB are skipped");
    }
    Ok(Some(folder))
}

fn manifest(path: &Path, library: &Path, entry: &str) -> anyhow::Result<()> {
    let text = format!("manifest_version = 1\n[Driver]\nentrypoint = \"{entry}\"\nshared = \"{}\"\n", library.display());
    fs::write(path, text).with_context(|| format!("could not write {}", path.display()))
}
