//! The testkit's PostgreSQL, with certificates and roles that have a way of their own to log in.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::ops::Deref;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use pressrun_testkit::PostgresServer;

/// Who has to log in how; everybody else is trusted.
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
pub(crate) struct Server(PostgresServer);

impl Server {
    /// `None`, with the reason on stderr, where PostgreSQL is not installed.
    pub(crate) fn start() -> Option<Self> {
        PostgresServer::start().map(Self)
    }

    /// The same with TLS, with the roles above, and with an authority of clients' certificates (PEM).
    pub(crate) fn start_with_logins(clients: Option<&str>) -> Option<Self> {
        let server = Self::start()?;
        server.halt();
        let access = server.data().join("pg_hba.conf");
        std::fs::write(&access, format!("{ACCESS}{}", std::fs::read_to_string(&access).unwrap())).unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        server.write_certificate(&made.cert.pem(), &made.signing_key.serialize_pem());
        std::fs::write(server.file("clients.crt"), clients.map_or_else(|| made.cert.pem(), str::to_owned)).unwrap();
        let settings = ["server.crt", "server.key", "clients.crt"].map(|name| server.file(name).display().to_string());
        let [certificate, key, clients] = settings;
        let settings = format!("ssl = on\nssl_cert_file = '{certificate}'\nssl_key_file = '{key}'\nssl_ca_file = '{clients}'\n");
        std::fs::write(server.data().join("postgresql.auto.conf"), settings).unwrap();
        server.begin();
        Some(server)
    }

    /// Runs statements.
    pub(crate) async fn admin(&self, sql: &str) {
        self.0.ask(sql).await;
    }

    /// The first column of the answer.
    pub(crate) async fn ask_admin(&self, sql: &str) -> Vec<String> {
        self.0.ask(sql).await
    }

    /// The PEM file of its certificate, which nobody else signed.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.file("server.crt")
    }

    /// Shows another certificate from the next reload on.
    pub(crate) fn write_certificate(&self, certificate: &str, key: &str) {
        std::fs::write(self.certificate(), certificate).unwrap();
        let path = self.file("server.key");
        std::fs::write(&path, key).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        self.give(&path);
    }
}

impl Deref for Server {
    type Target = PostgresServer;

    fn deref(&self) -> &PostgresServer {
        &self.0
    }
}
