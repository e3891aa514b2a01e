//! A real PostgreSQL server, started for a test in a temporary folder.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use tokio_postgres::{NoTls, SimpleQueryMessage};

/// A server of its own, which lets `tester` in without a password; stopped when dropped.
pub struct PostgresServer {
    binaries: PathBuf,
    folder: TempDir,
    port: u16,
}

impl PostgresServer {
    /// `None`, with the reason on stderr, where PostgreSQL is not installed.
    #[must_use]
    #[allow(clippy::print_stderr, reason = "a test says why it is skipped")]
    pub fn start() -> Option<Self> {
        let Some(binaries) = std::fs::read_dir("/usr/lib/postgresql")
            .ok()
            .and_then(|versions| versions.flatten().map(|version| version.path().join("bin")).max())
            .filter(|bin| bin.join("initdb").exists())
        else {
            eprintln!("skipped: PostgreSQL's initdb is not under /usr/lib/postgresql");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Self { binaries, folder, port };
        server.give(server.folder.path());
        run(server
            .command("initdb")
            .args(["-U", "tester", "--auth=trust", "-E", "UTF8", "--locale-provider=icu", "--icu-locale=und", "--no-sync", "-D"])
            .arg(server.data()));
        server.begin();
        Some(server)
    }

    /// Starts it on its port, after [`Self::halt`] with its data as they were.
    pub fn begin(&self) {
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories={} -c fsync=off",
            self.port,
            self.folder.path().display()
        );
        let log = self.file("log");
        run(self.command("pg_ctl").arg("-D").arg(self.data()).arg("-l").arg(log).args(["-w", "-o", &options, "start"]));
    }

    /// Stops it and leaves its data, as when it fails over: whoever is connected is cut off, whoever comes is refused.
    pub fn halt(&self) {
        run(self.command("pg_ctl").arg("-D").arg(self.data()).args(["-w", "-m", "fast", "stop"]));
    }

    /// Where its data are, and its settings.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.file("data")
    }

    /// A file beside its data; the folder also holds its Unix socket.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What it wrote into its log.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.file("log")).unwrap()
    }

    /// Where it listens on the loopback address.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Hands a file over to the server's own user.
    pub fn give(&self, file: &Path) {
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(file));
        }
    }

    /// A program as the server's own user: servers refuse to run as root.
    #[must_use]
    pub fn as_its_user(program: &Path) -> Command {
        if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        }
    }

    fn command(&self, name: &str) -> Command {
        Self::as_its_user(&self.binaries.join(name))
    }

    /// Its address for `tester`, without TLS.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://tester@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }

    /// Runs statements as `tester` and returns the first column of every row as text; null is empty.
    pub async fn ask(&self, sql: &str) -> Vec<String> {
        let (client, wire) = tokio_postgres::connect(&self.url(), NoTls).await.unwrap();
        let wire = tokio::spawn(wire);
        let messages = client.simple_query(sql).await.unwrap();
        drop(client);
        wire.await.unwrap().unwrap();
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
            _ => None,
        });
        rows.collect()
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        let _ = self.command("pg_ctl").arg("-D").arg(self.data()).args(["-m", "immediate", "stop"]).stdout(Stdio::null()).status();
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

fn run(command: &mut Command) {
    let output = command.current_dir(Path::new("/")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let output = output.unwrap().wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
