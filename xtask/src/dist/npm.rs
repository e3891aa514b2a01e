//! An npm package that carries the program, so that `npx pressrun` brings it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Stage, works};
use crate::machine;

/// Builds it: a tar ball whose files are below `package/`.
pub(super) fn build(stage: &Stage) -> anyhow::Result<PathBuf> {
    let root = stage.out.join("npm");
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    let inside = root.join("package");
    fs::create_dir_all(inside.join("bin"))?;
    fs::copy(stage.program(), inside.join("bin/pressrun"))?;
    fs::copy("README.md", inside.join("README.md"))?;
    fs::copy("LICENSE", inside.join("LICENSE"))?;
    let cpu = match stage.machine.as_str() {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    let package = serde_json::json!({
        "name": "pressrun", "version": stage.version, "description": "Runs dashboards on a schedule and delivers them", "license": "Apache-2.0",
        "repository": "github:pressrun/pressrun", "bin": { "pressrun": "bin/pressrun" }, "files": ["bin"], "os": ["linux"], "cpu": [cpu], "libc": ["glibc"],
    });
    fs::write(inside.join("package.json"), serde_json::to_string_pretty(&package)?)?;
    let file = stage.out.join(format!("pressrun-{}-{cpu}.tgz", stage.version));
    let plain = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0"];
    crate::run(Command::new("tar").args(plain).arg("-czf").arg(&file).arg("-C").arg(&root).arg("package"))?;
    Ok(file)
}

/// Installs it into an empty folder, without a registry.
pub(super) fn test(package: &Path, empty: &Path) -> anyhow::Result<()> {
    if !machine::has("npm") {
        eprintln!("not tested: npm is not on this machine (the Debian package is called npm)");
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.args(["install", "--offline", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"]).arg(empty).arg(package);
    crate::run(npm.env("npm_config_cache", empty.join("cache")))?;
    works(&empty.join("node_modules/.bin/pressrun"), empty)
}
