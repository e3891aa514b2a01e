//! Two processes with catalogs of their own: whose files are of before decides nothing (H12).

use std::path::Path;
use std::process::Command;

use pressrun_domain::id::ScheduleId;
use pressrun_domain::run::RunStatus;
use pressrun_domain::schedule::Definition;

use crate::process::{Server, Site, eventually};
use crate::world::{ended, write_catalog};

const FILE: &str = "dashboards/fresh.yaml";

/// A dashboard that only one of the folders has.
const FRESH: &str = "identifier: fresh\nname: Fresh\nconnection: files\ntiles:\n  '1':\n    title: Sales\n    sql: select * from sales\n    at: { x: 0, y: 0, w: 12, h: 8 }\n";

/// A site with the folder of before beside that of today, and a configuration for each.
async fn site() -> Site {
    let site = Site::new("").await;
    let (today, before) = (site.dir.path().join("catalog"), site.dir.path().join("before"));
    write_catalog(&before);
    std::fs::write(today.join(FILE), FRESH).unwrap();
    let config = site.dir.path().join("pressrun.toml");
    // A fault that holds for a second is one.
    let text = std::fs::read_to_string(&config).unwrap().replace("[spool]", "settle_seconds = 1\n[spool]");
    std::fs::write(&config, &text).unwrap();
    let home = site.dir.path().join("home of before");
    std::fs::create_dir(&home).unwrap();
    std::fs::write(home.join("pressrun.toml"), text.replace(&today.display().to_string(), &before.display().to_string())).unwrap();
    site
}

fn start(home: &Path, role: &str) -> Server {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pressrun"));
    command.env("NO_COLOR", "1");
    Server::start_with(command, home, None, &["--role", role])
}

/// The run waits at the worker, which switches nothing off.
async fn waits(site: &Site, schedule: ScheduleId) {
    eventually("the worker waits for the catalog", async || {
        let run = site.store.list_runs(Some(schedule), 1, 1).await.unwrap().rows.pop()?;
        run.progress.waits_for.filter(|why| why.contains("not every process has the same catalog"))
    })
    .await;
    assert_eq!(site.store.schedule(schedule).await.unwrap().unwrap().system_disabled, None);
    assert!(site.smtp.mails().is_empty(), "nobody is told that it is off");
}

async fn says(server: &Server, words: &str) {
    eventually(words, async || server.log().contains(words).then_some(())).await;
}

fn of_today(site: &Site) -> Definition {
    Definition { identifier: "fresh".into(), ..site.webhook() }
}

#[tokio::test]
async fn h12_a_worker_with_files_of_before_that_starts_last_switches_nothing_off() {
    let site = site().await;
    let api = start(site.dir.path(), "api");
    says(&api, "listening").await;
    let worker = start(&site.dir.path().join("home of before"), "worker");
    says(&worker, "different catalogs").await;
    let schedule = site.due_once(of_today(&site)).await;
    waits(&site, schedule).await;
    // The worker's folder follows, and the run goes on.
    std::fs::write(site.dir.path().join("before").join(FILE), FRESH).unwrap();
    let (run, _) = site.ended(schedule).await;
    assert_eq!(ended(&run).0, RunStatus::Complete, "{:?}", run.record);
    assert!(run.catalog_version.is_some());
}

#[tokio::test]
async fn h12_a_worker_with_files_of_before_that_started_first_switches_nothing_off() {
    let site = site().await;
    let worker = start(&site.dir.path().join("home of before"), "worker");
    says(&worker, "working").await;
    let api = start(site.dir.path(), "api");
    says(&api, "different catalogs").await;
    let schedule = site.due_once(of_today(&site)).await;
    waits(&site, schedule).await;
}
