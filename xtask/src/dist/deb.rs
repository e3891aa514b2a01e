//! A package for Debian and its like, made with dpkg's own tool.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use super::{Stage, output, script, works};
use crate::machine;

/// Makes the account that the unit runs as; the service is started by whoever has written a configuration.
const AFTER_INSTALL: &str = "#!/bin/sh\nset -e\nif [ \"$1\" = configure ]; then\n    if command -v adduser >/dev/null && ! getent passwd pressrun >/dev/null; then\n        \
     adduser --system --group --home /var/lib/pressrun --no-create-home pressrun\n    fi\n    if [ -d /run/systemd/system ]; then systemctl daemon-reload || true; fi\nfi\n";

/// Stops what is about to be gone.
const BEFORE_REMOVAL: &str =
    "#!/bin/sh\nset -e\nif [ \"$1\" = remove ] && [ -d /run/systemd/system ]; then systemctl stop pressrun.service || true; fi\n";

/// Builds it.
pub(super) fn build(stage: &Stage) -> anyhow::Result<PathBuf> {
    if !machine::has("dpkg-deb") {
        bail!("dpkg-deb is needed: the Debian package is called dpkg");
    }
    let architecture = match stage.machine.as_str() {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let root = stage.out.join("deb");
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    fs::create_dir_all(root.join("DEBIAN"))?;
    crate::run(Command::new("cp").arg("-R").arg(&stage.root).arg(root.join("usr")))?;
    crate::run(Command::new("gzip").args(["-9n", "-r"]).arg(root.join("usr/share/man")))?;
    let unit = root.join("usr/lib/systemd/system");
    fs::create_dir_all(&unit)?;
    fs::rename(root.join("usr/share/doc/pressrun/pressrun.service"), unit.join("pressrun.service"))?;
    fs::create_dir_all(root.join("etc/pressrun"))?;
    let config = fs::read_to_string(root.join("usr/share/doc/pressrun/pressrun.toml"))?;
    fs::write(root.join("etc/pressrun/pressrun.toml"), config)?;
    let kib = output(Command::new("du").args(["-sk"]).arg(&root))?;
    let kib = kib.split_whitespace().next().context("du says nothing")?;
    let control = format!(
        "Package: pressrun\nVersion: {}\nArchitecture: {architecture}\nMaintainer: Pressrun <pressrun@users.noreply.github.com>\nInstalled-Size: {kib}\n\
         Depends: libc6 (>= 2.36), libgcc-s1\nRecommends: fonts-noto-core\nSuggests: fonts-noto-cjk\nSection: utils\nPriority: optional\n\
         Homepage: https://github.com/pressrun/pressrun\nDescription: Runs dashboards on a schedule and delivers them\n A PDF in the board's inbox at \
         08:00, a spreadsheet on a partner's SFTP server,\n a webhook when refunds appear. One program, dashboards as files.\n",
        stage.version
    );
    fs::write(root.join("DEBIAN/control"), control)?;
    fs::write(root.join("DEBIAN/conffiles"), "/etc/pressrun/pressrun.toml\n")?;
    script(&root.join("DEBIAN/postinst"), AFTER_INSTALL)?;
    script(&root.join("DEBIAN/prerm"), BEFORE_REMOVAL)?;
    let file = stage.out.join(format!("pressrun_{}_{architecture}.deb", stage.version));
    crate::run(Command::new("dpkg-deb").args(["--root-owner-group", "--build"]).arg(&root).arg(&file))?;
    Ok(file)
}

/// Installs it into a root of its own: really, by dpkg, where this account may; else unpacked.
pub(super) fn test(package: &Path, empty: &Path) -> anyhow::Result<()> {
    let root = empty.join("root");
    if machine::is_root() {
        for folder in ["var/lib/dpkg/updates", "var/lib/dpkg/info"] {
            fs::create_dir_all(root.join(folder))?;
        }
        fs::write(root.join("var/lib/dpkg/status"), "")?;
        let root_words = format!("--root={}", root.display());
        // Nothing that it depends on is in an empty root, and its scripts look at the one that they would be for.
        crate::run(
            Command::new("dpkg")
                .args([&root_words, "--force-depends", "--force-script-chrootless", "--log=/dev/null", "--install"])
                .arg(package),
        )?;
        let listed = output(Command::new("dpkg").args([&root_words, "--list", "pressrun"]))?;
        if !listed.contains("ii  pressrun") {
            bail!("dpkg does not list it as installed: {listed}");
        }
    } else {
        crate::run(Command::new("dpkg-deb").arg("-x").arg(package).arg(&root))?;
    }
    for file in ["usr/share/man/man1/pressrun.1.gz", "usr/lib/systemd/system/pressrun.service", "etc/pressrun/pressrun.toml"] {
        if !root.join(file).is_file() {
            bail!("{file} is missing");
        }
    }
    works(&root.join("usr/bin/pressrun"), empty)
}
