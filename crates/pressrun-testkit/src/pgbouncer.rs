//! PgBouncer before a server, which hands a session of it to another client after each transaction.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use crate::PostgresServer;

/// A running pooler with one connection to the server; stopped when dropped.
pub struct PgBouncer {
    child: Child,
    port: u16,
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl PgBouncer {
    /// One before the server on `port`; its settings are written to `file`. `None`, with the reason on stderr, where it is not installed.
    ///
    /// # Panics
    /// It does not start.
    #[allow(clippy::print_stderr, reason = "a test says why it is skipped")]
    pub async fn start(server: u16, file: &Path) -> Option<Self> {
        let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].map(PathBuf::from).into_iter().find(|path| path.exists());
        let Some(program) = program else {
            eprintln!("skipped: there is no pgbouncer");
            return None;
        };
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = format!(
            "[databases]\npostgres = host=127.0.0.1 port={server} dbname=postgres user=tester\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = transaction\ndefault_pool_size = 1\nserver_tls_sslmode = disable\nignore_startup_parameters = extra_float_digits, options\n",
        );
        std::fs::write(file, settings).unwrap();
        let child = PostgresServer::as_its_user(&program)
            .arg(file)
            .current_dir(Path::new("/"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let bouncer = Self { child, port };
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::task::yield_now().await;
        }
        Some(bouncer)
    }

    /// Its address for `tester`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://tester@127.0.0.1:{}/postgres", self.port)
    }
}
