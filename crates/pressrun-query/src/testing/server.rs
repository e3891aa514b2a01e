//! A real PostgreSQL server, started for a test in a temporary folder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use tokio_postgres::NoTls;

/// A server of its own; stopped when dropped.
pub(crate) struct Server {
    binaries: PathBuf,
    folder: TempDir,
    port: u16,
}

impl Server {
    /// `None`, with the reason on stderr, where PostgreSQL is not installed.
    pub(crate) fn start() -> Option<Self> {
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
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        std::fs::write(server.certificate(), made.cert.pem()).unwrap();
        let key = folder_key(server.folder.path());
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(&key).arg(server.certificate()));
        }
        let tls = format!("-c ssl=on -c ssl_cert_file={} -c ssl_key_file={}", server.certificate().display(), key.display());
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
        self.folder.path().join("server.crt")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, name: &str) -> Command {
        let program = self.binaries.join(name);
        if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        }
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

fn folder_key(folder: &Path) -> PathBuf {
    folder.join("server.key")
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

fn run(command: &mut Command) {
    let output = command.current_dir(Path::new("/")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let output = output.unwrap().wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
