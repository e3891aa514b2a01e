//! Opening: the schema, the keys, TLS, and what is said when it does not work.

use futures::future::try_join_all;
use pressrun_domain::audit::Verb;
use pressrun_testkit::PostgresServer;

use super::server::Schema;
use crate::{PostgresSettings, PostgresStore, Schedules as _, Sealer, SealingKey, Seals as _, StoreError, sample};

async fn refusal(settings: &PostgresSettings, sealer: Sealer) -> String {
    PostgresStore::open(settings, sealer).await.expect_err("refused").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_together_make_the_schema_once() {
    let schema = Schema::make().await;
    let settings = schema.settings();
    let nodes = try_join_all((0..6).map(|_| PostgresStore::open(&settings, sample::sealer()))).await.unwrap();
    assert_eq!(schema.ask("SELECT count(*) FROM pressrun_schema").await, ["1"]);
    let schedule = sample::schedule("of the first node");
    nodes[0].insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
    assert_eq!(nodes[5].schedule(schedule.id).await.unwrap().unwrap().definition, schedule.definition);
    // A secret of the servers is one, whoever asks first.
    let firsts: Vec<_> = (0..6).map(|number| pressrun_domain::secret::Secret::new(format!("secret {number}"))).collect();
    let kept = try_join_all(nodes.iter().zip(&firsts).map(|(node, first)| node.own_secret("links", first))).await.unwrap();
    assert!(kept.iter().all(|secret| secret.expose() == kept[0].expose()));
}

#[tokio::test]
async fn other_keys_open_nothing() {
    let schema = Schema::make().await;
    schema.open().await;
    let others = Sealer::new(vec![SealingKey::new(&[8; 32])]).unwrap();
    assert!(matches!(PostgresStore::open(&schema.settings(), others).await, Err(StoreError::Sealing(_))));
}

#[tokio::test]
async fn a_newer_schema_opens_only_for_those_whom_it_does_without() {
    let schema = Schema::make().await;
    schema.open().await;
    schema.ask("INSERT INTO pressrun_schema (version, needs) VALUES (2, 1)").await;
    schema.open().await.close().await;
    schema.ask("INSERT INTO pressrun_schema (version, needs) VALUES (3, 3)").await;
    let words = refusal(&schema.settings(), sample::sealer()).await;
    assert!(words.contains("written by a newer Pressrun (schema 3, this one knows up to 1)"), "{words}");
}

#[tokio::test]
async fn what_cannot_be_opened_says_what_to_do_and_no_password() {
    let schema = Schema::make().await;
    schema.ask("CREATE TABLE runs (id INT)").await;
    let url = schema.server().url();
    for (url, words) in [
        (schema.settings().url, "the schema holds tables of another program"),
        (url.replace("/postgres?", "/nowhere?"), "there is no such database; make it with CREATE DATABASE"),
        ("postgres://tester:blob5ecret@127.0.0.1:1/postgres?sslmode=disable".to_owned(), "refused"),
        (
            "postgres://tester:blob5ecret@[127.0.0.1/x".to_owned(),
            "store.url is no address of the form postgres://user:password@host:port/database",
        ),
        (url.replace("sslmode=disable", "sslmode=require"), "cannot be spoken to by TLS"),
    ] {
        let said = refusal(&PostgresSettings::new(url), sample::sealer()).await;
        assert!(said.contains(words), "{said}");
        assert!(!said.contains("blob5ecret"), "{said}");
    }
}

#[tokio::test]
async fn the_server_is_known_by_its_certificate() {
    let server = PostgresServer::start().expect("PostgreSQL is installed");
    server.halt();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (server.file("server.crt"), server.file("server.key"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    server.give(&certificate);
    server.give(&key);
    let settings = format!("ssl = on\nssl_cert_file = '{}'\nssl_key_file = '{}'\n", certificate.display(), key.display());
    std::fs::write(server.data().join("postgresql.auto.conf"), settings).unwrap();
    server.begin();
    let of = |host: &str, mode: &str| {
        let url = server.url().replace("127.0.0.1", host).replace("sslmode=disable", &format!("sslmode={mode}"));
        PostgresSettings::new(url)
    };
    let known = |host: &str| PostgresSettings::new(format!("{}&sslrootcert={}", of(host, "verify-full").url, certificate.display()));
    let store = PostgresStore::open(&known("localhost"), sample::sealer()).await.unwrap();
    let encrypted = "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'pressrun' LIMIT 1";
    assert_eq!(server.ask(encrypted).await, ["t"]);
    store.close().await;
    for settings in [of("localhost", "verify-full"), known("127.0.0.1")] {
        let said = refusal(&settings, sample::sealer()).await;
        assert!(said.contains("cannot be spoken to by TLS"), "{said}");
    }
}
