//! What the machine needs besides Rust.

use std::path::Path;
use std::process::Command;

use anyhow::bail;

use crate::python;

/// Programs that tests use as real counterparts, and the Debian package of each.
const PROGRAMS: [(&str, &str, &str); 12] = [
    ("git", "/usr/bin/git", "git"),
    ("sshd", "/usr/sbin/sshd", "openssh-server"),
    ("sftp-server", "/usr/lib/openssh/sftp-server", "openssh-sftp-server"),
    ("proftpd", "/usr/sbin/proftpd", "proftpd-core"),
    ("mod_sftp.so", "/usr/lib/proftpd/mod_sftp.so", "proftpd-mod-crypto"),
    ("openssl", "/usr/bin/openssl", "openssl"),
    ("pdftotext", "/usr/bin/pdftotext", "poppler-utils"),
    ("initdb", "/usr/lib/postgresql", "postgresql"),
    ("pgbouncer", "/usr/sbin/pgbouncer", "pgbouncer"),
    ("faketime", "/usr/bin/faketime", "faketime"),
    ("cc", "/usr/bin/cc", "gcc"),
    ("npm", "/usr/bin/npm", "npm"),
];

/// Whether a program is on the path.
pub(crate) fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Installs what is missing, on Debian and its like; elsewhere says what to install.
pub(crate) fn setup() -> anyhow::Result<()> {
    let mut missing: Vec<_> =
        PROGRAMS.iter().filter(|(name, path, _)| !has(name) && !Path::new(path).exists()).map(|(_, _, package)| *package).collect();
    if std::env::var_os("CI").is_some() && !python::can_make_environments() {
        missing.push("python3-venv");
    }
    if missing.is_empty() {
        return Ok(());
    }
    if !has("apt-get") {
        bail!("the tests need programs of these Debian packages, or their like on this system: {}", missing.join(", "));
    }
    let mut words = if has("sudo") && !is_root() { vec!["sudo"] } else { Vec::new() };
    words.extend(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    let apt = |arguments: &[&str]| {
        let mut command = Command::new(words[0]);
        crate::run(command.args(&words[1..]).args(arguments))
    };
    apt(&["update", "--quiet", "--quiet"])?;
    let mut install = vec!["install", "--yes", "--quiet", "--quiet", "--no-install-recommends"];
    install.extend(missing);
    apt(&install)
}

/// On CI cargo-deny is installed; a developer without it is told that licences were not looked at.
pub(crate) fn ensure_cargo_deny() -> anyhow::Result<()> {
    if has("cargo-deny") {
        return Ok(());
    }
    if std::env::var_os("CI").is_some() {
        return crate::cargo(&["install", "--quiet", "--locked", "cargo-deny"]);
    }
    eprintln!("cargo-deny is not installed: licences and banned crates were not checked (cargo install --locked cargo-deny)");
    Ok(())
}

pub(crate) fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.starts_with(b"0\n"))
}
