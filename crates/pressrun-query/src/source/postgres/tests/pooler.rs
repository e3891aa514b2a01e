//! Through PgBouncer, which hands a server's session to another client after each transaction.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use pressrun_testkit::PostgresServer;

use super::*;

struct Bouncer {
    child: Child,
    port: u16,
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Bouncer {
    /// `None`, with the reason on stderr, where it is not installed.
    async fn start(server: &Server) -> Option<Self> {
        let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].map(PathBuf::from).into_iter().find(|path| path.exists());
        let Some(program) = program else {
            eprintln!("skipped: there is no pgbouncer");
            return None;
        };
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = format!(
            "[databases]\npostgres = host=127.0.0.1 port={} dbname=postgres user=tester\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = transaction\ndefault_pool_size = 1\nserver_tls_sslmode = disable\n",
            server.port()
        );
        let file = server.file("pgbouncer.ini");
        std::fs::write(&file, settings).unwrap();
        let child = PostgresServer::as_its_user(&program)
            .arg(&file)
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

    fn url(&self) -> String {
        format!("postgres://tester@127.0.0.1:{}/postgres", self.port)
    }
}

/// The case `postgres-pgbouncer`: an enum, whose type a client with named statements would look up in one.
#[tokio::test]
async fn b8_forty_renders_in_a_row_through_a_pool_of_one() {
    let Some(server) = Server::start() else { return };
    server.admin("create type mood as enum ('sad', 'happy')").await;
    let Some(bouncer) = Bouncer::start(&server).await else { return };
    for _ in 0..40 {
        let found = once(&bouncer.url(), "select 1::int as k, (select 'happy'::mood) as mo, array['sad']::mood[] as more").await;
        assert_eq!(found.unwrap(), ["1|happy|{sad}"]);
    }
    // Sessions that are kept hold no place at the server between their queries.
    let sources: Vec<_> = (0..3).map(|_| source(bouncer.url())).collect();
    for _ in 0..3 {
        for source in &sources {
            assert_eq!(run(source, "select current_setting('TimeZone') as z").await.unwrap(), ["America/New_York"]);
        }
    }
    // What is broken off breaks nobody else's query.
    for source in &sources {
        let mut query = asked("select n from generate_series(1, 5000000) n");
        query.limit = 10;
        let stats = source.run(&query, &QueryLimits::default(), &mut Collected::default()).await.unwrap();
        assert!(stats.truncated);
        assert_eq!(once(&bouncer.url(), "select 1 as one, count(*) as p from pg_prepared_statements").await.unwrap(), ["1|0"]);
    }
}
