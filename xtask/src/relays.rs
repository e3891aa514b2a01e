//! Mail through the servers that people run. Debian's packages of them exclude each other, so one is installed and the others are only unpacked.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::machine::{has, is_root};

/// Installed: it cannot be moved. Cyrus checks its logins.
const INSTALLED: [&str; 2] = ["postfix", "libsasl2-modules"];
/// Unpacked, besides OpenSMTPD; the last one writes the database of logins.
const UNPACKED: [&str; 2] = ["exim4-daemon-light", "sasl2-bin"];
/// Users that the unpacked servers change to.
const USERS: [&str; 3] = ["Debian-exim", "opensmtpd", "opensmtpq"];
/// Where OpenSMTPD locks itself in; compiled into it.
const EMPTY: &str = "/var/lib/opensmtpd/empty";

pub(crate) fn run() -> anyhow::Result<()> {
    if !has("apt-get") || !has("dpkg") {
        bail!("this needs Debian or its like: the servers come from its packages");
    }
    if !is_root() {
        bail!("this needs root: mail servers change their user");
    }
    // Not below the target folder: the servers' users may not be allowed there.
    let folder = std::env::temp_dir().join("pressrun-relays");
    let root = folder.join("root");
    if !root.join("complete").exists() {
        fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
        install(&folder, &root)?;
        fs::write(root.join("complete"), "").with_context(|| format!("could not write below {}", root.display()))?;
    }
    let mut tests = crate::cargo_command();
    tests.args(["test", "-p", "pressrun-deliver", "--test", "relays", "--", "--ignored"]);
    crate::run(tests.env("PRESSRUN_RELAYS", &root))
}

fn install(folder: &Path, root: &Path) -> anyhow::Result<()> {
    let usual = Apt::default();
    usual.run(&["update"])?;
    let newer = newer_opensmtpd(&usual, folder)?;
    let mut wanted: Vec<String> = INSTALLED.map(str::to_owned).into();
    // Programs that change their user look for libraries where the system has them, so these are installed.
    for package in UNPACKED {
        wanted.extend(usual.libraries(package)?);
    }
    wanted.extend(newer.as_ref().unwrap_or(&usual).libraries("opensmtpd")?);
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    usual.run(&[&["install", "--yes", "--no-install-recommends", "--no-upgrade"], &wanted[..]].concat())?;
    usual.download(&UNPACKED, folder)?;
    newer.as_ref().unwrap_or(&usual).download(&["opensmtpd"], folder)?;
    for entry in fs::read_dir(folder)? {
        let package = entry?.path();
        if package.extension().is_some_and(|extension| extension == "deb") {
            crate::run(Command::new("dpkg").arg("-x").arg(&package).arg(root))?;
        }
    }
    for user in USERS {
        if !Command::new("id").arg(user).output()?.status.success() {
            crate::run(Command::new("useradd").args(["--system", "--no-create-home", "--shell", "/usr/sbin/nologin", user]))?;
        }
    }
    fs::create_dir_all(EMPTY).with_context(|| format!("could not create {EMPTY}"))?;
    // It refuses to work for anybody otherwise.
    let control = root.join("usr/sbin/smtpctl");
    crate::run(Command::new("chgrp").arg("opensmtpq").arg(&control))?;
    crate::run(Command::new("chmod").arg("2755").arg(&control))
}

/// Where OpenSMTPD 7 is when the release has an older one: that finds no private key with OpenSSL 3, so that every handshake fails
/// (its issue 1171). Debian 12 has the newer one in its backports.
fn newer_opensmtpd(usual: &Apt, folder: &Path) -> anyhow::Result<Option<Apt>> {
    let policy = usual.ask("apt-cache", &["policy", "opensmtpd"])?;
    let candidate = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate: ")).unwrap_or_default();
    let major: u32 = candidate.split('.').next().and_then(|digits| digits.parse().ok()).unwrap_or_default();
    if major >= 7 {
        return Ok(None);
    }
    let release = fs::read_to_string("/etc/os-release").context("could not read /etc/os-release")?;
    let codename = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")).context("/etc/os-release has no codename")?;
    let targets = usual.ask("apt-get", &["indextargets", "--format", "$(CODENAME) $(COMPONENT) $(REPO_URI)", "Created-By: Packages"])?;
    let mirror = targets.lines().find_map(|line| line.strip_prefix(&format!("{codename} main ")));
    let mirror = mirror.with_context(|| format!("apt has no source for {codename} main"))?;
    let sources = folder.join("backports.list");
    let key = "/usr/share/keyrings/debian-archive-keyring.gpg";
    fs::write(&sources, format!("deb [signed-by={key}] {mirror} {codename}-backports main\n"))?;
    let newer = Apt::with_sources(&sources, folder)?;
    newer.run(&["update"])?;
    Ok(Some(newer))
}

/// apt with the machine's sources, or with others that leave the machine's alone.
#[derive(Default)]
struct Apt {
    options: Vec<String>,
}

impl Apt {
    fn with_sources(sources: &Path, folder: &Path) -> anyhow::Result<Self> {
        let (lists, cache) = (folder.join("lists"), folder.join("cache"));
        for place in [lists.join("partial"), cache.join("archives/partial")] {
            fs::create_dir_all(&place).with_context(|| format!("could not create {}", place.display()))?;
        }
        let option = |key: &str, path: &PathBuf| ["-o".to_owned(), format!("{key}={}", path.display())];
        let mut options: Vec<String> = ["-o", "Dir::Etc::sourceparts=-"].map(str::to_owned).into();
        for (key, path) in [("Dir::Etc::sourcelist", &sources.to_owned()), ("Dir::State::lists", &lists), ("Dir::Cache", &cache)] {
            options.extend(option(key, path));
        }
        Ok(Self { options })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C").args(&self.options);
        command
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<()> {
        crate::run(self.command("apt-get").args(["--quiet", "--quiet"]).args(arguments))
    }

    fn download(&self, packages: &[&str], folder: &Path) -> anyhow::Result<()> {
        crate::run(self.command("apt-get").arg("download").args(packages).current_dir(folder))
    }

    /// Libraries that a package needs.
    fn libraries(&self, package: &str) -> anyhow::Result<Vec<String>> {
        let text = self.ask("apt-cache", &["depends", "--important", package])?;
        let needed = text.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
        Ok(needed.filter(|name| name.starts_with("lib")).map(str::to_owned).collect())
    }

    fn ask(&self, program: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let done = self.command(program).args(arguments).output().with_context(|| format!("could not start {program}"))?;
        if !done.status.success() {
            bail!("{program} {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        }
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    }
}
