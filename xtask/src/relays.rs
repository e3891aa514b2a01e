//! Mail through the servers that people run. Debian's packages of them exclude each other, so one is installed and two are only unpacked.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use crate::machine::has;

/// Unpacked, with the library that the usual machine lacks.
const UNPACKED: [&str; 3] = ["exim4-daemon-light", "opensmtpd", "libidn12"];
/// Users that the unpacked servers change to.
const USERS: [&str; 3] = ["Debian-exim", "opensmtpd", "opensmtpq"];
/// Where OpenSMTPD locks itself in; compiled into it.
const EMPTY: &str = "/var/lib/opensmtpd/empty";

pub(crate) fn run() -> anyhow::Result<()> {
    if !has("apt-get") || !has("dpkg") {
        bail!("this needs Debian or its like: the servers come from its packages");
    }
    let apt = |arguments: &[&str]| crate::run(Command::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args(arguments));
    if !has("postfix") {
        apt(&["update", "--quiet", "--quiet"])?;
        apt(&["install", "--yes", "--quiet", "--quiet", "--no-install-recommends", "postfix"])?;
    }
    // Not below the target folder: the servers' users may not be allowed there.
    let folder = std::env::temp_dir().join("pressrun-relays");
    let root = folder.join("root");
    if !root.join("usr/sbin/smtpd").exists() {
        std::fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
        crate::run(Command::new("apt-get").arg("download").args(UNPACKED).current_dir(&folder))?;
        for entry in std::fs::read_dir(&folder)? {
            let package = entry?.path();
            if package.extension().is_some_and(|extension| extension == "deb") {
                crate::run(Command::new("dpkg").arg("-x").arg(&package).arg(&root))?;
            }
        }
    }
    for user in USERS {
        if !Command::new("id").arg(user).output()?.status.success() {
            crate::run(Command::new("useradd").args(["--system", "--no-create-home", "--shell", "/usr/sbin/nologin", user]))?;
        }
    }
    if !Path::new(EMPTY).exists() {
        std::fs::create_dir_all(EMPTY).with_context(|| format!("could not create {EMPTY}; run this as root"))?;
    }
    let mut tests = Command::new("cargo");
    tests.args(["test", "-p", "pressrun-deliver", "--test", "relays", "--", "--ignored"]);
    crate::run(tests.env("PRESSRUN_RELAYS", &root))
}
