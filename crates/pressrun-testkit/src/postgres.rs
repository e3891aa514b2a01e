//! A real PostgreSQL server, started for a test in a temporary folder.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;
use tokio_postgres::{NoTls, SimpleQueryMessage};

/// A server, which lets `tester` in without a password.
pub struct PostgresServer {
    binaries: PathBuf,
    folder: PathBuf,
    port: u16,
    kept: Kept,
}

/// Whose a server is.
enum Kept {
    /// One test's: it is stopped when dropped.
    Own(#[expect(dead_code, reason = "removed when dropped")] TempDir),
    /// Of all who hold this lock: somebody else stops it when nobody does.
    Shared(#[expect(dead_code, reason = "held until the process ends")] File),
}

/// Stops a shared server when nobody has used it for a while, and removes its data, which may take a while: nobody waits for that.
const GUARDIAN: &str = r#"while sleep 5; do
    flock --nonblock --exclusive "$1/users" sh -c '"$2/pg_ctl" -D "$1/data" -m immediate stop; mv "$1/data" "$3"' sh "$1" "$2" "$1/gone.$$" && break
done
rm -rf "$1/gone.$$""#;

impl PostgresServer {
    /// `None`, with the reason on stderr, where PostgreSQL is not installed.
    #[must_use]
    #[allow(clippy::print_stderr, reason = "a test says why it is skipped")]
    pub fn start() -> Option<Self> {
        let Some(binaries) = binaries() else {
            eprintln!("skipped: PostgreSQL's initdb is not under /usr/lib/postgresql");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let server = Self { binaries, folder: folder.path().to_owned(), port: free_port(), kept: Kept::Own(folder) };
        server.make();
        Some(server)
    }

    /// A server that all tests share which say this name, also those of other processes; it is stopped some seconds after the last of them.
    /// Making a server takes a second, and a crate may have hundreds of tests.
    ///
    /// # Panics
    /// PostgreSQL is not installed.
    #[must_use]
    pub fn shared(name: &str) -> Self {
        let binaries = binaries().expect("PostgreSQL is installed under /usr/lib/postgresql");
        let folder = std::env::temp_dir().join(format!("{name}-postgres"));
        std::fs::create_dir_all(&folder).unwrap();
        let open = |file: &str| File::options().create(true).append(true).open(folder.join(file)).unwrap();
        let starting = open("starting");
        starting.lock().unwrap();
        let users = open("users");
        users.lock_shared().unwrap();
        let told = std::fs::read_to_string(folder.join("port")).ok().and_then(|port| port.parse().ok());
        let mut server = Self { binaries, folder, port: told.unwrap_or_default(), kept: Kept::Shared(users) };
        let runs = server.command("pg_ctl").arg("-D").arg(server.data()).arg("status").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if told.is_none() || !runs.unwrap().success() {
            if server.data().exists() {
                std::fs::remove_dir_all(server.data()).unwrap();
            }
            server.port = free_port();
            server.make();
            std::fs::write(server.file("port"), server.port.to_string()).unwrap();
            // Left to itself, so that nobody has to wait for it.
            let mut guardian = Self::as_its_user(Path::new("sh"));
            guardian.args(["-c", r#"setsid sh -c "$0" sh "$1" "$2" < /dev/null > /dev/null 2>&1 &"#, GUARDIAN]);
            run(guardian.arg(&server.folder).arg(&server.binaries));
        }
        server
    }

    fn make(&self) {
        self.give(&self.folder);
        run(self
            .command("initdb")
            .args(["-U", "tester", "--auth=trust", "-E", "UTF8", "--locale-provider=icu", "--icu-locale=und", "--no-sync", "-D"])
            .arg(self.data()));
        self.begin();
    }

    /// Starts it on its port, after [`Self::halt`] with its data as they were.
    pub fn begin(&self) {
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories={} -c fsync=off -c max_connections=300",
            self.port,
            self.folder.display()
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
        self.folder.join(name)
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

    /// The address of a new schema.
    pub async fn schema(&self) -> String {
        let name = format!("t{:032x}", rand::random::<u128>());
        self.ask(&format!("CREATE SCHEMA {name}")).await;
        format!("{}&options[search_path]={name}&application_name={name}", self.url())
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

/// The address of a schema of its own on a server that these tests share, when `PRESSRUN_TEST_STORE` says `postgres`: so tests of the program run on
/// either database.
pub async fn postgres_of_tests() -> Option<String> {
    static SERVER: OnceLock<PostgresServer> = OnceLock::new();
    if std::env::var_os("PRESSRUN_TEST_STORE")? != "postgres" {
        return None;
    }
    Some(SERVER.get_or_init(|| PostgresServer::shared("pressrun-tests")).schema().await)
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        let Kept::Own(_) = &self.kept else { return };
        let _ = self.command("pg_ctl").arg("-D").arg(self.data()).args(["-m", "immediate", "stop"]).stdout(Stdio::null()).status();
    }
}

fn binaries() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    versions.flatten().map(|version| version.path().join("bin")).max().filter(|bin| bin.join("initdb").exists())
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

fn run(command: &mut Command) {
    let output = command.current_dir(Path::new("/")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let output = output.unwrap().wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
