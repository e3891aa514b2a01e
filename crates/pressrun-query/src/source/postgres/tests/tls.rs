//! `sslmode`, and certificates as databases have them.

use std::path::Path;
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// An authority.
fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate of `authority` and its key, both PEM.
fn issued(
    authority: &CertifiedIssuer<'static, KeyPair>,
    common: &str,
    names: &[&str],
    change: fn(&mut CertificateParams),
) -> (String, String) {
    let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    params.distinguished_name.push(DnType::CommonName, common);
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    (params.signed_by(&key, authority).unwrap().pem(), key.serialize_pem())
}

const SQL: &str = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";

#[tokio::test]
async fn tls_as_libpq_speaks_it() {
    let clients = authority("Clients");
    let Some(server) = Server::start_with_logins(Some(&clients.pem())) else { return };
    server.admin("create role encrypted login; create role open login; create role certified login").await;
    a10_each_mode_does_what_libpq_does(&server).await;
    a10_client_certificates(&server, &clients).await;
    a10_case_postgres_tls_the_manuals_certificate(&server).await;
    a10_authorities_names_and_dates(&server).await;
    b8_encrypted_sessions_end_politely(&server).await;
}

/// Shows another certificate; new connections meet it at once, or soon.
async fn show(server: &Server, certificate: &str, key: &str) {
    server.write_certificate(certificate, key);
    let own = server.file("shown.crt");
    std::fs::write(&own, certificate.split_inclusive("-----END CERTIFICATE-----\n").next().unwrap()).unwrap();
    server.admin("select pg_reload_conf()").await;
    let url = server.address("tester", &format!("?sslmode=verify-ca&sslrootcert={}", own.display()));
    loop {
        match once(&url, SQL).await {
            Ok(_) => return,
            // Whatever else may be wrong with it is what the test is about.
            Err(error) if !error.to_string().contains("is of no authority") => return,
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

async fn a10_each_mode_does_what_libpq_does(server: &Server) {
    let root = server.certificate().display().to_string();
    for (mode, user, expected) in [
        ("disable", "tester", Ok("false")),
        ("allow", "tester", Ok("false")),
        // The server takes this role with TLS only, and that one without.
        ("allow", "encrypted", Ok("true")),
        ("prefer", "tester", Ok("true")),
        ("prefer", "open", Ok("false")),
        ("require", "tester", Ok("true")),
        ("require", "open", Err("pg_hba.conf rejects")),
        ("disable", "encrypted", Err("pg_hba.conf rejects")),
    ] {
        let found = once(&server.address(user, &format!("?sslmode={mode}")), SQL).await;
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, [expected], "{mode} {user}"),
            (Err(error), Err(words)) => assert!(error.to_string().contains(words) && !error.is_transient(), "{mode} {user}: {error:?}"),
            (found, _) => panic!("{mode} {user}: {found:?}"),
        }
    }
    // Nothing said of TLS, to this machine: as much as there is.
    assert_eq!(once(&server.address("tester", ""), SQL).await.unwrap(), ["true"]);
    for mode in ["require", "verify-ca", "verify-full"] {
        assert_eq!(once(&server.address("tester", &format!("?sslmode={mode}&sslrootcert={root}")), SQL).await.unwrap(), ["true"], "{mode}");
    }
    for parameters in ["?sslmode=verify-ca", "?sslmode=verify-full", "?sslrootcert=system", "?sslmode=verify-full&sslrootcert=system"] {
        let error = once(&server.address("tester", parameters), SQL).await.unwrap_err();
        assert!(error.kind == QueryErrorKind::Login && error.to_string().contains("is of no authority that is trusted"), "{error}");
        assert!(error.to_string().contains("`sslrootcert`"), "{error}");
    }
    let error = once(&server.address("tester", "?sslrootcert=/nowhere/root.crt"), SQL).await.unwrap_err();
    assert!(error.kind == QueryErrorKind::Login && error.to_string().contains("file of `sslrootcert` cannot be read"), "{error}");
}

async fn a10_client_certificates(server: &Server, clients: &CertifiedIssuer<'static, KeyPair>) {
    let of_clients = |params: &mut CertificateParams| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let (certificate, key) = issued(clients, "certified", &[], of_clients);
    let (foreign, foreign_key) = issued(&authority("Others"), "certified", &[], of_clients);
    for (name, content) in [("c.crt", &certificate), ("c.key", &key), ("f.crt", &foreign), ("f.key", &foreign_key)] {
        std::fs::write(server.file(name), content).unwrap();
    }
    let url = |certificate: &str, key: &str| {
        let [certificate, key] = [certificate, key].map(|name| server.file(name).display().to_string());
        server.address("certified", &format!("?sslmode=require&sslcert={certificate}&sslkey={key}"))
    };
    assert_eq!(once(&url("c.crt", "c.key"), "select current_user::text as u").await.unwrap(), ["certified"]);
    for (url, words) in [
        (server.address("certified", "?sslmode=require"), "client certificate"),
        (url("f.crt", "f.key"), "does not take the certificate of this client"),
        (url("c.crt", "f.key"), "does not belong"),
        (url("c.crt", "c.crt"), "file of `sslkey` cannot be read"),
    ] {
        let error = once(&url, SQL).await.unwrap_err();
        assert!(error.kind == QueryErrorKind::Login && error.to_string().contains(words), "{words}: {error:?}");
    }
}

/// What `openssl` makes of the recipes of PostgreSQL's manual ("Creating Certificates").
fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

async fn a10_case_postgres_tls_the_manuals_certificate(server: &Server) {
    let folder = tempfile::tempdir().unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let root = |name: &str| folder.path().join(name).display().to_string();
    let at = |host: &str, parameters: &str| {
        let address = format!("postgres://tester@{host}:{}/postgres?hostaddr=127.0.0.1", server.port());
        format!("{address}{parameters}")
    };
    // Signed by itself, an authority's, its name only in the subject.
    openssl(folder.path(), "req -new -x509 -days 30 -nodes -newkey rsa:2048 -out server.crt -keyout server.key -subj /CN=localhost");
    show(server, &read("server.crt"), &read("server.key")).await;
    for parameters in ["", "&sslmode=require"] {
        assert_eq!(once(&at("localhost", parameters), SQL).await.unwrap(), ["true"], "{parameters}");
    }
    let own = format!("&sslmode=verify-full&sslrootcert={}", root("server.crt"));
    assert_eq!(once(&at("localhost", &own), SQL).await.unwrap(), ["true"]);
    let error = once(&at("db.example.com", &own), SQL).await.unwrap_err();
    assert!(error.to_string().contains("is for `localhost` and not for `db.example.com`"), "{error}");
    let error = once(&at("localhost", "&sslmode=verify-full"), SQL).await.unwrap_err();
    assert!(error.to_string().contains("(of `localhost`, signed by itself) is of no authority"), "{error}");
    // The manual's second recipe: an authority, and a certificate of version 1.
    openssl(folder.path(), "req -new -x509 -days 30 -nodes -newkey rsa:2048 -out root.crt -keyout root.key -subj /CN=root.example.com");
    openssl(folder.path(), "req -new -nodes -newkey rsa:2048 -out leaf.csr -keyout leaf.key -subj /CN=localhost");
    openssl(folder.path(), "x509 -req -in leaf.csr -days 30 -CA root.crt -CAkey root.key -CAcreateserial -out leaf.crt");
    show(server, &read("leaf.crt"), &read("leaf.key")).await;
    let trusted = format!("&sslmode=verify-full&sslrootcert={}", root("root.crt"));
    assert_eq!(once(&at("localhost", &trusted), SQL).await.unwrap(), ["true"]);
    assert_eq!(once(&at("localhost", "&sslmode=require"), SQL).await.unwrap(), ["true"]);
    // The same name of another hand.
    openssl(folder.path(), "req -new -x509 -days 30 -nodes -newkey rsa:2048 -out false.crt -keyout false.key -subj /CN=root.example.com");
    let error = once(&at("localhost", &format!("&sslmode=verify-ca&sslrootcert={}", root("false.crt"))), SQL).await.unwrap_err();
    assert!(error.to_string().contains("(of `localhost`, issued by `root.example.com`) is of no authority"), "{error}");
}

async fn a10_authorities_names_and_dates(server: &Server) {
    let root = authority("Example Root");
    let file = server.file("root.crt");
    std::fs::write(&file, root.pem()).unwrap();
    let verified = |mode: &str| server.address("tester", &format!("?sslmode={mode}&sslrootcert={}", file.display()));
    let (certificate, key) = issued(&root, "db", &["127.0.0.1", "db.example.com"], |_| {});
    show(server, &certificate, &key).await;
    assert_eq!(once(&verified("verify-full"), SQL).await.unwrap(), ["true"]);
    let (certificate, key) = issued(&root, "127.0.0.1", &["db.example.com"], |_| {});
    show(server, &certificate, &key).await;
    assert_eq!(once(&verified("verify-ca"), SQL).await.unwrap(), ["true"]);
    // Where there are alternative names, the common name is none.
    let error = once(&verified("verify-full"), SQL).await.unwrap_err();
    assert!(error.to_string().contains("is for `db.example.com` and not for `127.0.0.1`"), "{error}");
    let (certificate, key) = issued(&root, "old", &["127.0.0.1"], |params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    });
    show(server, &certificate, &key).await;
    let error = once(&verified("verify-ca"), SQL).await.unwrap_err();
    assert!(error.to_string().contains("expired on 2021-01-01") && !error.is_transient(), "{error}");
    // A certificate for clients is no server's, whoever issued it.
    let (certificate, key) = issued(&root, "client", &["127.0.0.1"], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    show(server, &certificate, &key).await;
    let error = once(&verified("verify-full"), SQL).await.unwrap_err();
    assert!(error.to_string().contains("is of no authority that is trusted"), "{error}");
}

#[tokio::test]
async fn a10_a_server_without_tls_says_so() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 8];
            stream.read_exact(&mut request).await.unwrap();
            stream.write_all(b"N").await.unwrap();
            // What is said in plain text is read and not answered.
            let _ = stream.read(&mut [0; 512]).await;
        }
    });
    let error = once(&format!("postgres://u@127.0.0.1:{port}/x?sslmode=require"), SQL).await.unwrap_err();
    assert!(error.kind == QueryErrorKind::Login && error.to_string().contains("the server speaks no TLS"), "{error}");
    // Who only prefers TLS went on, and was left in plain text.
    let error = once(&format!("postgres://u@127.0.0.1:{port}/x?sslmode=prefer"), SQL).await.unwrap_err();
    assert!(error.kind == QueryErrorKind::Connection, "{error:?}");
}

/// Without the closing words of TLS the server logs a reset.
async fn b8_encrypted_sessions_end_politely(server: &Server) {
    let before = server.log().len();
    let url = server.address("tester", "?sslmode=require");
    for _ in 0..3 {
        once(&url, SQL).await.unwrap();
    }
    let count = "select count(*) from pg_stat_ssl join pg_stat_activity using (pid) where ssl and pid <> pg_backend_pid()";
    while once(&server.url(), count).await.unwrap() != ["0"] {
        tokio::task::yield_now().await;
    }
    let log = server.log().split_off(before);
    assert!(!log.contains("could not receive data"), "{log}");
}
