//! What the servers have in common: a folder, a port, a certificate, a process.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use pressrun_testkit::{SmtpScript, SmtpSink, TestCertificate, temp_dir};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// A folder that every user may enter, a free port, a certificate and the sink behind the relay.
pub(crate) struct Place {
    folder: TempDir,
    pub(crate) port: u16,
    pub(crate) sink: SmtpSink,
    certificate: TestCertificate,
}

impl Place {
    pub(crate) async fn new() -> Self {
        let (folder, certificate) = (temp_dir(), TestCertificate::generate());
        std::fs::write(folder.path().join("cert.pem"), &certificate.server_pem).expect("writes");
        std::fs::write(folder.path().join("key.pem"), &certificate.key_pem).expect("writes");
        for (what, mode) in [("", "0755"), ("cert.pem", "0644"), ("key.pem", "0600")] {
            run("chmod", &[mode, &folder.path().join(what).display().to_string()]);
        }
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
        Self { folder, port, sink: SmtpSink::start(SmtpScript::default()).await, certificate }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The authority that signed the relay's certificate.
    pub(crate) fn authority(&self) -> &str {
        &self.certificate.authority_pem
    }

    /// Writes a file in which `DIR`, `PORT` and `SINK` stand for what they are.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let text = text
            .replace("DIR", &self.path().display().to_string())
            .replace("PORT", &self.port.to_string())
            .replace("SINK", &self.sink.port().to_string());
        let path = self.path().join(name);
        std::fs::write(&path, text).expect("writes");
        path
    }

    /// Makes a folder that belongs to `user`.
    pub(crate) fn folder_of(&self, name: &str, user: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(&path).expect("a folder");
        run("chown", &[user, &path.display().to_string()]);
    }

    /// Ends when the relay greets.
    pub(crate) async fn greets(&self) {
        for _ in 0..200 {
            if let Ok(answers) = self.say(&[]).await
                && answers.starts_with("220")
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the relay did not come up; see {}", self.path().display());
    }

    /// Says lines in the clear, and gives back the last answer.
    pub(crate) async fn say(&self, lines: &[&str]) -> std::io::Result<String> {
        let stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], self.port))).await?;
        let mut wire = BufReader::new(stream);
        let mut answer = reply(&mut wire).await?;
        for line in lines {
            wire.write_all(format!("{line}\r\n").as_bytes()).await?;
            answer = reply(&mut wire).await?;
        }
        Ok(answer)
    }
}

async fn reply(wire: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    loop {
        let mut line = String::new();
        wire.read_line(&mut line).await?;
        if line.as_bytes().get(3) != Some(&b'-') {
            return Ok(line);
        }
    }
}

/// A server in the foreground; ends when dropped.
pub(crate) struct Server(Child);

impl Server {
    pub(crate) fn start(program: impl AsRef<Path>, arguments: &[&str], log: &Path) -> Self {
        let program = program.as_ref();
        let out = std::fs::File::create(log).expect("a log");
        let error = out.try_clone().expect("a log");
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(error)
            .spawn()
            .unwrap_or_else(|error| panic!("{} could not be started: {error}", program.display()));
        Self(child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // TERM, so that it takes its children along.
        run("kill", &[&self.0.id().to_string()]);
        let _ = self.0.wait();
    }
}

/// Where `cargo xtask relays` unpacked the servers that cannot be installed beside each other.
pub(crate) fn unpacked(program: &str) -> PathBuf {
    let root = std::env::var_os("PRESSRUN_RELAYS").expect("PRESSRUN_RELAYS names a folder; run `cargo xtask relays`");
    Path::new(&root).join(program.trim_start_matches('/'))
}

/// Runs a program to its end, and gives back what it printed.
pub(crate) fn run(program: &str, arguments: &[&str]) -> String {
    let done = Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(done.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}
