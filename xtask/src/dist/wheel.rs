//! A Python wheel that carries the program as a script, so that `pip install` and `uvx` bring it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use super::{Stage, output, works};

/// Packs: a wheel is a zip with a list of its own hashes.
const PACK: &str = r#"
import base64, hashlib, sys, zipfile
out, program, version, tag, readme = sys.argv[1:]
info = f"pressrun-{version}.dist-info"
files = {
    f"pressrun-{version}.data/scripts/pressrun": open(program, "rb").read(),
    f"{info}/METADATA": (f"Metadata-Version: 2.1\nName: pressrun\nVersion: {version}\nSummary: Runs dashboards on a schedule and delivers them\n"
        "License: Apache-2.0\nDescription-Content-Type: text/markdown\n\n" + open(readme, encoding="utf-8").read()).encode(),
    f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: pressrun\nRoot-Is-Purelib: false\nTag: {tag}\n".encode(),
}
digest = lambda data: base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
record = "".join(f"{name},sha256={digest(data)},{len(data)}\n" for name, data in files.items()) + f"{info}/RECORD,,\n"
files[f"{info}/RECORD"] = record.encode()
with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as wheel:
    for name, data in files.items():
        entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
        entry.external_attr = (0o100755 if "/scripts/" in name else 0o100644) << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        wheel.writestr(entry, data)
"#;

/// Builds it, for the C library that the program was linked with.
pub(super) fn build(stage: &Stage) -> anyhow::Result<PathBuf> {
    let glibc = output(Command::new("getconf").arg("GNU_LIBC_VERSION"))?;
    let (major, minor) = glibc.trim().rsplit(' ').next().and_then(|version| version.split_once('.')).context("getconf names no glibc")?;
    let tag = format!("py3-none-manylinux_{major}_{minor}_{}", stage.machine);
    let file = stage.out.join(format!("pressrun-{}-{tag}.whl", stage.version));
    let mut python = Command::new("python3");
    python.args(["-c", PACK]).arg(&file).arg(stage.program()).args([&stage.version, &tag]).arg("README.md");
    crate::run_quietly(&mut python, "packing the wheel")?;
    Ok(file)
}

/// Installs it into a new environment, without an index.
pub(super) fn test(package: &Path, empty: &Path) -> anyhow::Result<()> {
    let environment = empty.join("venv");
    crate::run(Command::new("python3").args(["-m", "venv"]).arg(&environment)).context("the Debian package is called python3-venv")?;
    let pip = ["-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--disable-pip-version-check"];
    crate::run(Command::new(environment.join("bin/python")).args(pip).arg(package))?;
    let home = empty.join("home");
    fs::create_dir(&home)?;
    works(&environment.join("bin/pressrun"), &home)
}
