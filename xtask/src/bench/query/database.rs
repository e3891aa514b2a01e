//! A PostgreSQL server for the benchmark, in a temporary folder.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use tempfile::TempDir;

/// A server; stopped when dropped.
pub(super) struct Database {
    binaries: PathBuf,
    folder: TempDir,
    port: u16,
}

impl Database {
    /// `None` where it is not installed.
    pub(super) fn start() -> anyhow::Result<Option<Self>> {
        let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let Some(binaries) = versions.map(|version| version.path().join("bin")).filter(|bin| bin.join("initdb").exists()).max() else {
            return Ok(None);
        };
        let folder = tempfile::tempdir()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let database = Self { binaries, folder, port };
        if is_root()? {
            // The server refuses to run as root.
            quiet(Command::new("chown").arg("postgres").arg(database.folder.path()))?;
        }
        quiet(database.program("initdb").args(["-U", "bench", "--auth=trust", "--no-sync", "-D"]).arg(database.data()))?;
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={} -c fsync=off -c max_connections=200",
            database.folder.path().display()
        );
        let log = database.folder.path().join("log");
        quiet(database.program("pg_ctl").arg("-D").arg(database.data()).arg("-l").arg(log).args(["-w", "-o", &options, "start"]))?;
        Ok(Some(database))
    }

    pub(super) fn url(&self) -> String {
        format!("postgres://bench@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }

    /// Runs SQL and returns what it prints.
    pub(super) fn ask(&self, sql: &str) -> anyhow::Result<String> {
        let output = Command::new(self.binaries.join("psql"))
            .args(["-XqAt", "-v", "ON_ERROR_STOP=1"])
            .arg(self.url())
            .arg("-c")
            .arg(sql)
            .output()?;
        if !output.status.success() {
            bail!("{sql}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Asks until the answer is a number of at least this.
    pub(super) fn until(&self, sql: &str, least: u32) -> anyhow::Result<()> {
        loop {
            let answer = self.ask(sql)?;
            if answer.trim().parse::<u32>().with_context(|| format!("{sql}: {answer}"))? >= least {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn program(&self, name: &str) -> Command {
        let program = self.binaries.join(name);
        if is_root().unwrap_or(false) {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
            return command;
        }
        Command::new(program)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let _ = quiet(self.program("pg_ctl").arg("-D").arg(self.data()).args(["-m", "immediate", "stop"]));
    }
}

fn is_root() -> anyhow::Result<bool> {
    Ok(std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self")?) == 0)
}

fn quiet(command: &mut Command) -> anyhow::Result<()> {
    // A server that is started would keep a pipe open.
    let status = command.current_dir(Path::new("/")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    if !status.success() {
        bail!("{command:?} failed: {status}");
    }
    Ok(())
}
