//! A backup of a server that runs, and what goes on from it elsewhere.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use pressrun_domain::delivery::DeliveryState;
use pressrun_domain::output::Format;
use pressrun_domain::run::{RunState, RunStatus};
use pressrun_store::{Audit as _, Runs as _, Sealer, SealingKey, SqliteCopy, SqliteStore, Store};
use pressrun_testkit::{HttpAnswer, HttpBehaviour, ReceivedRequest};

use crate::process::{Server, Site, eventually};
use crate::world::{World, ended};

/// Runs a command of the program to its end.
fn pressrun(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pressrun")).args(arguments).output().unwrap()
}

fn backup(site: &Site, to: &Path) -> Output {
    pressrun(&["backup", to.to_str().unwrap(), "--config", site.dir.path().join("pressrun.toml").to_str().unwrap()])
}

fn succeeded(output: &Output) {
    assert!(output.status.success(), "{}", said(output));
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The configuration of a site, with its database and spool elsewhere.
fn elsewhere(site: &Site, folder: &Path) -> PathBuf {
    let text = std::fs::read_to_string(site.dir.path().join("pressrun.toml")).unwrap();
    let moved = |name: &str| (site.dir.path().join(name).display().to_string(), folder.join(name).display().to_string());
    let (database, spool) = (moved("pressrun.db"), moved("spool"));
    let config = folder.join("pressrun.toml");
    std::fs::write(&config, text.replace(&database.0, &database.1).replace(&spool.0, &spool.1)).unwrap();
    config
}

fn restore(from: &Path, config: &Path) -> Output {
    pressrun(&["restore", from.to_str().unwrap(), "--config", config.to_str().unwrap()])
}

fn marks<'a>(requests: impl IntoIterator<Item = &'a ReceivedRequest>) -> BTreeSet<String> {
    requests.into_iter().map(|request| request.header("idempotency-key").unwrap().to_owned()).collect()
}

#[tokio::test]
async fn h6_what_a_backup_knew_is_neither_lost_nor_repeated_and_what_came_after_it_keeps_its_marks() {
    let site = Site::new("").await;
    let server = site.start(None);
    let known = site.due_once(site.webhook()).await;
    site.ended(known).await;
    // From now on nothing is answered: one run is under way when the backup is taken, and then another comes due.
    site.http.always(HttpAnswer::default().behaving(HttpBehaviour::Hang));
    let under_way = site.due_once(site.webhook()).await;
    site.http.wait_for(2).await;
    let folder = site.dir.path().join("backup");
    succeeded(&backup(&site, &folder));
    let manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["artifacts"].as_array().unwrap().len(), 1, "only what is still owed: {manifest}");
    assert_eq!(manifest["catalog"].as_str(), site.store.catalog_in_force().await.unwrap().as_deref());
    assert!(manifest["catalog"].is_string());
    drop(server);

    // The first life goes on and delivers it; then everything is lost.
    site.http.always(HttpAnswer::new(200, ""));
    let server = site.start(None);
    site.ended(under_way).await;
    drop(server);
    let before = site.http.requests();

    let home = tempfile::tempdir().unwrap();
    let config = elsewhere(&site, home.path());
    succeeded(&restore(&folder, &config));
    let sealer = || Sealer::new(vec![SealingKey::new(&[7; 32])]).unwrap();
    let store = SqliteStore::open(&home.path().join("pressrun.db"), sealer()).await.unwrap();
    let _server = Server::start(Command::new(env!("CARGO_BIN_EXE_pressrun")), home.path(), None);
    let (run, pieces) = eventually("the run that was under way ends", async || {
        let run = store
            .list_runs(Some(under_way), 1, 9)
            .await
            .unwrap()
            .rows
            .into_iter()
            .find(|run| matches!(run.state, RunState::Ended { .. }))?;
        let pieces = store.deliveries(run.id).await.unwrap();
        Some((run, pieces))
    })
    .await;
    assert_eq!(ended(&run).0, RunStatus::Complete);
    assert!(matches!(pieces[0].state, DeliveryState::Accepted { .. }));
    let requests = site.http.requests();
    let again = &requests[before.len()..];
    assert_eq!(marks(again), marks(&before[1..]), "what is sent again has the mark that it had");
    assert!(marks(again).is_disjoint(&marks(&before[..1])), "what was known to be delivered is not sent again");
    assert_eq!(store.list_runs(Some(known), 1, 9).await.unwrap().total, 1);
}

#[tokio::test]
async fn h6_a_restore_checks_everything_and_overwrites_nothing() {
    let site = Site::new("").await;
    let schedule = site.due_once(site.webhook()).await;
    let server = site.start(None);
    site.ended(schedule).await;
    drop(server);
    let folder = site.dir.path().join("backup");
    succeeded(&backup(&site, &folder));
    let again = backup(&site, &folder);
    assert!(!again.status.success() && said(&again).contains("exists"), "{}", said(&again));
    assert_eq!(std::fs::metadata(folder.join("pressrun.db")).unwrap().permissions().mode() & 0o077, 0, "for its owner alone");
    assert!(!folder.join("pressrun.key").exists(), "the keys stand in the configuration");

    let own = site.dir.path().join("pressrun.toml");
    let refused = restore(&folder, &own);
    assert!(!refused.status.success() && said(&refused).contains("does not overwrite"), "{}", said(&refused));

    let home = tempfile::tempdir().unwrap();
    let config = elsewhere(&site, home.path());
    let nothing_there = || !home.path().join("pressrun.db").exists() && !home.path().join("spool").exists();
    // The wrong key, a bit that fell over, a newer version, and a backup that was interrupted.
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace(&"07".repeat(32), &"08".repeat(32))).unwrap();
    let refused = restore(&folder, &config);
    assert!(!refused.status.success() && said(&refused).contains("open with none of the configured keys"), "{}", said(&refused));
    assert!(nothing_there());
    std::fs::write(&config, text).unwrap();
    let database = folder.join("pressrun.db");
    let bytes = std::fs::read(&database).unwrap();
    let mut damaged = bytes.clone();
    *damaged.last_mut().unwrap() ^= 1;
    std::fs::write(&database, damaged).unwrap();
    let refused = restore(&folder, &config);
    assert!(!refused.status.success() && said(&refused).contains("is not what was backed up"), "{}", said(&refused));
    assert!(nothing_there());
    std::fs::write(&database, bytes).unwrap();
    let manifest = folder.join("manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let mut newer: serde_json::Value = serde_json::from_str(&text).unwrap();
    newer["schema"] = 9999.into();
    std::fs::write(&manifest, newer.to_string()).unwrap();
    let refused = restore(&folder, &config);
    assert!(!refused.status.success() && said(&refused).contains("restore it with that version"), "{}", said(&refused));
    std::fs::remove_file(&manifest).unwrap();
    let refused = restore(&folder, &config);
    assert!(!refused.status.success() && said(&refused).contains("no complete backup"), "{}", said(&refused));
    assert!(nothing_there());
    std::fs::write(&manifest, text).unwrap();
    succeeded(&restore(&folder, &config));
    let sealer = Sealer::new(vec![SealingKey::new(&[7; 32])]).unwrap();
    let store = SqliteStore::open(&home.path().join("pressrun.db"), sealer).await.unwrap();
    let verbs: Vec<_> = store
        .audit(&pressrun_store::AuditQuery { limit: 2, ..Default::default() })
        .await
        .unwrap()
        .iter()
        .map(|entry| entry.change.verb.as_str())
        .collect();
    assert_eq!(verbs, ["backup.restored", "backup.taken"]);
}

#[tokio::test]
async fn h6_a_backup_takes_the_key_along_and_is_not_whole_before_its_end() {
    let site = Site::new("").await;
    // The keys in a file, as most have them.
    let config = site.dir.path().join("pressrun.toml");
    let (key_file, line) = (site.dir.path().join("sealing.keys"), format!("keys = ['{}']", "07".repeat(32)));
    let text = std::fs::read_to_string(&config).unwrap();
    assert!(text.contains(&line));
    std::fs::write(&config, text.replace(&line, &format!("keys_file = '{}'", key_file.display()))).unwrap();
    std::fs::write(&key_file, format!("{}\n", "07".repeat(32))).unwrap();
    std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let folder = site.dir.path().join("backup");
    // An interrupted one, or one under way.
    let half = site.dir.path().join("backup.incomplete");
    std::fs::create_dir(&half).unwrap();
    let refused = backup(&site, &folder);
    assert!(!refused.status.success() && said(&refused).contains("interrupted") && !folder.exists(), "{}", said(&refused));
    std::fs::remove_dir(&half).unwrap();
    let taken = backup(&site, &folder);
    succeeded(&taken);
    assert!(said(&taken).contains("opens every stored secret"), "{}", said(&taken));
    assert!(!half.exists());
    let key = folder.join("pressrun.key");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);

    let home = tempfile::tempdir().unwrap();
    let elsewhere = elsewhere(&site, home.path());
    let moved = home.path().join("sealing.keys");
    let text = std::fs::read_to_string(&elsewhere).unwrap();
    std::fs::write(&elsewhere, text.replace(&key_file.display().to_string(), &moved.display().to_string())).unwrap();
    succeeded(&restore(&folder, &elsewhere));
    assert_eq!(std::fs::read_to_string(&moved).unwrap().trim(), "07".repeat(32));
    assert_eq!(std::fs::metadata(&moved).unwrap().permissions().mode() & 0o777, 0o600);
    // Without it a backup is restored to where the key is.
    let apart = site.dir.path().join("apart");
    let taken = pressrun(&["backup", apart.to_str().unwrap(), "--without-key", "--config", config.to_str().unwrap()]);
    succeeded(&taken);
    assert!(!apart.join("pressrun.key").exists());
    std::fs::remove_file(&moved).unwrap();
    for file in ["pressrun.db", "pressrun.db-wal", "pressrun.db-shm"] {
        let _ = std::fs::remove_file(home.path().join(file));
    }
    let refused = restore(&apart, &elsewhere);
    assert!(!refused.status.success() && said(&refused).contains("holds no key"), "{}", said(&refused));
}

#[tokio::test]
async fn t14_i6_an_occurrence_that_came_due_after_the_backup_is_delivered_again_under_its_mark() {
    let world = World::new().await;
    let schedule = world.save(world.webhook(Format::Json)).await;
    let (database, copy) = (world.dir.path().join("pressrun.db"), world.dir.path().join("copy.db"));
    SqliteCopy::make(&database, &copy).await.unwrap().close().await.unwrap();
    world.go_to("2025-07-24T09:00:00Z").await;
    assert_eq!(world.http.requests().len(), 1);
    // Everything is lost; what was backed up goes on an hour later, and knows nothing of it.
    world.clock.set("2025-07-24T10:00:00Z".parse().unwrap());
    let sealer = Sealer::new(vec![SealingKey::new(&[7; 32])]).unwrap();
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&copy, sealer).await.unwrap());
    let engine = world.engine_on(&store);
    engine.tick().await.unwrap();
    engine.drain().await.unwrap();
    let requests = world.http.requests();
    assert_eq!((requests.len(), marks(&requests).len()), (2, 1));
    let runs = store.list_runs(Some(schedule), 1, 9).await.unwrap().rows;
    assert_eq!(runs.iter().map(|run| run.id).collect::<Vec<_>>(), [world.runs(schedule).await[0].id]);
}
