//! Databases that tests use as real counterparts and that come from Python's index.

use std::path::PathBuf;

use crate::python;

/// Tests look here for the folder of the environment.
pub(crate) const VARIABLE: &str = "PRESSRUN_TEST_ENGINES";

/// ClickHouse itself, as a library: some 600 MB.
const PACKAGES: [&str; 1] = ["chdb-core==26.9.0"];

/// Installs them and says where; `None` on a developer's machine whose Python cannot make environments: the tests say what they skip.
pub(crate) fn setup() -> anyhow::Result<Option<PathBuf>> {
    if std::env::var_os("CI").is_none() && !python::can_make_environments() {
        eprintln!("Python 3 with venv is not installed (Debian: python3-venv): tests on ClickHouse are skipped");
        return Ok(None);
    }
    let folder = crate::target()?.join("engines");
    python::environment(&folder, &PACKAGES)?;
    Ok(Some(folder))
}
