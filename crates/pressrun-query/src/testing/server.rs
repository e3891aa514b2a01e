//! A real PostgreSQL server, started for a test in a temporary folder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use tokio_postgres::NoTls;

/// Roles with a way of their own to log in; everybody else is trusted.
const ACCESS: &str = "\
local   all scrammed           scram-sha-256
host    all scrammed  samehost scram-sha-256
host    all digested  samehost md5
host    all spoken    samehost password
hostssl all certified samehost cert
hostssl all encrypted samehost trust
host    all encrypted samehost reject
hostnossl all open    samehost trust
host    all open      samehost reject
";

/// A server of its own; stopped when dropped.
pub(crate) struct Server {
    binaries: PathBuf,
    folder: TempDir,
    port: u16,
}

impl Server {
    /// `None`, with the reason on stderr, where PostgreSQL is not installed.
    pub(crate) fn start() -> Option<Self> {
        Self::start_trusting(None)
    }

    /// The same, taking clients' certificates of the authority with this one (PEM).
    pub(crate) fn start_trusting(clients: Option<&str>) -> Option<Self> {
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
        if is_root() {
            // The server refuses to run as root.
            run(Command::new("chown").arg("postgres").arg(server.folder.path()));
        }
        let data = server.data();
        run(server
            .command("initdb")
            .args(["-U", "tester", "--auth=trust", "-E", "UTF8", "--locale-provider=icu", "--icu-locale=und", "--no-sync", "-D"])
            .arg(&data));
        let access = std::fs::read_to_string(data.join("pg_hba.conf")).unwrap();
        std::fs::write(data.join("pg_hba.conf"), format!("{ACCESS}{access}")).unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        server.write_certificate(&made.cert.pem(), &made.signing_key.serialize_pem());
        std::fs::write(server.file("clients.crt"), clients.map_or_else(|| made.cert.pem(), str::to_owned)).unwrap();
        let tls = format!(
            "-c ssl=on -c ssl_cert_file={} -c ssl_key_file={} -c ssl_ca_file={}",
            server.certificate().display(),
            server.file("server.key").display(),
            server.file("clients.crt").display(),
        );
        let options = format!(
            "{tls} -c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={} -c fsync=off",
            server.folder.path().display()
        );
        run(server
            .command("pg_ctl")
            .arg("-D")
            .arg(&data)
            .arg("-l")
            .arg(server.folder.path().join("log"))
            .args(["-w", "-o", &options, "start"]));
        Some(server)
    }

    /// The PEM file of its certificate, which nobody else signed.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.file("server.crt")
    }

    /// A file beside its data.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Shows another certificate from the next reload on.
    pub(crate) fn write_certificate(&self, certificate: &str, key: &str) {
        std::fs::write(self.certificate(), certificate).unwrap();
        let path = self.file("server.key");
        std::fs::write(&path, key).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(&path).arg(self.certificate()));
        }
    }

    /// What it wrote into its log.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.file("log")).unwrap()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A program as the server's own user.
    pub(crate) fn as_its_user(program: &Path) -> Command {
        if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, name: &str) -> Command {
        Self::as_its_user(&self.binaries.join(name))
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://tester@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }

    pub(crate) async fn admin(&self, sql: &str) {
        let (client, wire) = tokio_postgres::connect(&self.url(), NoTls).await.unwrap();
        let wire = tokio::spawn(wire);
        client.batch_execute(sql).await.unwrap();
        drop(client);
        wire.await.unwrap().unwrap();
    }
}

impl Drop for Server {
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
