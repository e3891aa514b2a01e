//! One catalog for all nodes: what is published is what they serve and run, and a folder of before decides nothing (P7).

use std::path::{Path, PathBuf};
use std::process::Command;

use pressrun_domain::run::RunStatus;
use pressrun_domain::schedule::Definition;

use crate::process::{Server, Site, eventually};
use crate::program::{pressrun, stdout};
use crate::world::ended;

/// A dashboard that was not there before.
const FRESH: &str = "identifier: fresh\nname: Fresh\nconnection: files\ntiles:\n  '1':\n    title: Sales\n    sql: select * from sales\n    at: { x: 0, y: 0, w: 12, h: 8 }\n";

/// A site whose data has an absolute path, as it has to be for a catalog that travels.
async fn site() -> Site {
    let site = Site::new("").await;
    let catalog = site.dir.path().join("catalog");
    let file = catalog.join("connections.yaml");
    let data = site.dir.path().join("data");
    std::fs::rename(catalog.join("data"), &data).unwrap();
    let connections = std::fs::read_to_string(&file).unwrap();
    assert!(connections.contains("kind: files"), "{connections}");
    for entry in std::fs::read_dir(catalog.join("dashboards")).unwrap() {
        let path = entry.unwrap().path();
        // The others hold what `check` refuses.
        if !["sales.yaml", "secret.yaml"].contains(&path.file_name().unwrap().to_str().unwrap()) {
            std::fs::remove_file(path).unwrap();
        }
    }
    std::fs::write(&file, format!("connections:\n  files:\n    kind: files\n    folder: {}\n", data.display())).unwrap();
    site
}

/// The home of another node on the same rows, with a spool of its own and this below `[catalog]`.
fn node(site: &Site, name: &str, catalog: &str) -> PathBuf {
    let home = site.dir.path().join(name);
    std::fs::create_dir(&home).unwrap();
    let text = std::fs::read_to_string(site.dir.path().join("pressrun.toml")).unwrap();
    let text = text.replace(&site.dir.path().join("spool").display().to_string(), &home.join("spool").display().to_string());
    std::fs::write(home.join("pressrun.toml"), text.replace("[spool]", &format!("settle_seconds = 1\n{catalog}\n[spool]"))).unwrap();
    home
}

fn start(home: &Path, role: &str) -> Server {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pressrun"));
    command.env("NO_COLOR", "1");
    Server::start_with(command, home, None, &["--role", role])
}

async fn says(server: &Server, words: &str) {
    eventually(words, async || server.log().contains(words).then_some(())).await;
}

fn of(site: &Site, document: &str) -> Definition {
    Definition { identifier: document.into(), ..site.webhook() }
}

fn publish(site: &Site, folder: &Path, more: &[&str]) -> std::process::Output {
    let config = site.dir.path().join("pressrun.toml");
    let mut arguments = vec!["publish", folder.to_str().unwrap(), "--config", config.to_str().unwrap()];
    arguments.extend(more);
    pressrun(&arguments)
}

#[tokio::test]
async fn p7_a_node_without_a_folder_runs_what_was_published_and_then_what_is_published_next() {
    let site = site().await;
    let catalog = site.dir.path().join("catalog");
    let home = node(&site, "follower", "source = 'published'");
    let early = Command::new(env!("CARGO_BIN_EXE_pressrun")).args(["serve", "--config"]).arg(home.join("pressrun.toml")).output().unwrap();
    let error = String::from_utf8_lossy(&early.stderr).into_owned();
    assert!(!early.status.success() && error.contains("no catalog was published") && error.contains("pressrun publish"), "{error}");

    let first: serde_json::Value = serde_json::from_str(&stdout(&publish(&site, &catalog, &["--json"]))).unwrap();
    let again: serde_json::Value = serde_json::from_str(&stdout(&publish(&site, &catalog, &["--json"]))).unwrap();
    assert_eq!((&first["version"], &first["publication"]), (&again["version"], &again["publication"]), "the same is published once");
    let worker = start(&home, "worker");
    let schedule = site.due_once(of(&site, "sales")).await;
    let (run, _) = site.ended(schedule).await;
    assert_eq!(ended(&run).0, RunStatus::Complete, "{:?}", run.record);
    assert_eq!(run.catalog_version.as_deref(), first["version"].as_str());

    std::fs::write(catalog.join("dashboards/fresh.yaml"), FRESH).unwrap();
    let second: serde_json::Value = serde_json::from_str(&stdout(&publish(&site, &catalog, &["--json", "--by", "commit 7"]))).unwrap();
    says(&worker, "commit 7").await;
    let schedule = site.due_once(of(&site, "fresh")).await;
    let (run, _) = site.ended(schedule).await;
    assert_eq!(ended(&run).0, RunStatus::Complete, "{:?}", run.record);
    assert_eq!(run.catalog_version.as_deref(), second["version"].as_str());
    assert!(!worker.log().contains("reads the published catalog differently"));
}

#[tokio::test]
async fn p7_a_node_that_publishes_its_folder_is_followed_by_those_without_one() {
    let site = site().await;
    let publisher = start(&node(&site, "publisher", "publish = true"), "api");
    says(&publisher, "published the catalog for all nodes").await;
    let worker = start(&node(&site, "follower", "source = 'published'"), "worker");
    says(&worker, "working").await;
    std::fs::write(site.dir.path().join("catalog/dashboards/fresh.yaml"), FRESH).unwrap();
    says(&worker, "took the published catalog").await;
    let schedule = site.due_once(of(&site, "fresh")).await;
    let (run, _) = site.ended(schedule).await;
    assert_eq!(ended(&run).0, RunStatus::Complete, "{:?}", run.record);
    // What is gone for good is gone on all nodes at once, and its schedule is switched off by one that has the same catalog.
    std::fs::remove_file(site.dir.path().join("catalog/dashboards/fresh.yaml")).unwrap();
    eventually("the schedule is off", async || site.store.schedule(schedule).await.unwrap()?.system_disabled).await;
}

#[tokio::test]
async fn p7_a_node_that_starts_with_a_folder_of_before_publishes_and_switches_off_nothing() {
    let site = site().await;
    let catalog = site.dir.path().join("catalog");
    stdout(&publish(&site, &catalog, &[]));
    std::fs::write(catalog.join("dashboards/fresh.yaml"), FRESH).unwrap();
    stdout(&publish(&site, &catalog, &[]));
    std::fs::remove_file(catalog.join("dashboards/fresh.yaml")).unwrap();
    let worker = start(&node(&site, "follower", "source = 'published'"), "worker");
    says(&worker, "working").await;
    let late = start(&node(&site, "late", "publish = true"), "all");
    says(&late, "says what was published before").await;
    says(&late, "different catalogs").await;
    let published = site.store.published_catalog().await.unwrap().unwrap();
    assert_eq!(site.store.published_files(published.publication).await.unwrap()["dashboards/fresh.yaml"], FRESH);
    let schedule = site.due_once(of(&site, "fresh")).await;
    let (run, _) = site.ended(schedule).await;
    assert_eq!(ended(&run).0, RunStatus::Complete, "{:?}", run.record);
    assert_eq!(site.store.schedule(schedule).await.unwrap().unwrap().system_disabled, None);
}

#[tokio::test]
async fn p7_a_catalog_with_errors_is_not_published() {
    let site = Site::new("").await;
    let catalog = site.dir.path().join("catalog");
    std::fs::write(catalog.join("dashboards/fresh.yaml"), "identifier: fresh\nnam: Fresh\n").unwrap();
    let output = publish(&site, &catalog, &[]);
    let (said, error) = (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert!(!output.status.success() && error.contains("nothing was published"), "{error}");
    assert!(said.contains("dashboards/fresh.yaml:") && said.contains("its folder is relative to the catalog"), "{said}");
    assert_eq!(site.store.published_catalog().await.unwrap(), None);
}

async fn catalog_check(server: &Server) -> (String, String) {
    let address = server.log().lines().find_map(|line| Some(line.split_once("listening address=")?.1.trim().to_owned())).unwrap();
    let ready: serde_json::Value = reqwest::get(format!("http://{address}/readyz")).await.unwrap().json().await.unwrap();
    let check = &ready["checks"]["catalog"];
    (check["status"].as_str().unwrap().to_owned(), check["error"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn p7_a_node_that_cannot_take_what_was_published_is_told_by_readyz_and_what_was_left_half_written_goes() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let site = site().await;
    let (catalog, fresh) = (site.dir.path().join("catalog"), site.dir.path().join("catalog/dashboards/fresh.yaml"));
    let published = || serde_json::from_str::<serde_json::Value>(&stdout(&publish(&site, &catalog, &["--json"]))).unwrap();
    std::fs::write(&fresh, FRESH).unwrap();
    let version = published()["version"].as_str().unwrap().to_owned();
    std::fs::remove_file(&fresh).unwrap();
    let taken = published()["publication"].as_i64().unwrap();
    let home = node(&site, "follower", "source = 'published'");
    let folder = home.join("spool/published");
    for name in ["new-left", "new-now"] {
        std::fs::create_dir_all(folder.join(name)).unwrap();
    }
    let an_hour = std::time::Duration::from_secs(3_600);
    let before = folder.join("new-now").metadata().unwrap().modified().unwrap() - an_hour;
    std::fs::File::open(folder.join("new-left")).unwrap().set_modified(before).unwrap();
    let server = start(&home, "api");
    says(&server, "listening address=").await;
    assert!(!folder.join("new-left").exists(), "nobody has written to it for an hour");
    assert!(folder.join("new-now").exists(), "somebody may be at it");
    assert_eq!(catalog_check(&server).await, ("ok".to_owned(), String::new()));

    // A file is where its folder has to be.
    let obstacle = folder.join(format!("{:010}-{}", taken + 1, &version[..16]));
    std::fs::write(&obstacle, "no folder").unwrap();
    std::fs::write(&fresh, FRESH).unwrap();
    published();
    let (status, error) = eventually("it is told", async || {
        let check = catalog_check(&server).await;
        (check.0 != "ok").then_some(check)
    })
    .await;
    assert_eq!((status.as_str(), error.contains("not in force here")), ("stale", true), "{error}");
    assert!(server.log().contains("the published catalog cannot be taken"), "{}", server.log());
    std::fs::remove_file(&obstacle).unwrap();
    says(&server, "took the published catalog").await;
    eventually("it is well again", async || (catalog_check(&server).await.0 == "ok").then_some(())).await;
}
