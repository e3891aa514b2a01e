//! The catalog of a running server: files that are moved about, that are wrong, and what a server starts beside.

use std::path::{Path, PathBuf};
use std::process::Command;

use pressrun_domain::id::ScheduleId;
use pressrun_domain::run::{RunState, RunStatus};
use pressrun_domain::schedule::SystemDisabledReason;

use crate::process::{Server, Site, eventually};
use crate::world::ended;

/// What the log says of a fault that may be for moments.
const AGAIN: &str = "looked at again before it is switched off";

const SALES: &str = "catalog/dashboards/sales.yaml";

/// A server with these variables.
fn start(site: &Site, variables: &[(&str, &str)]) -> Server {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pressrun"));
    command.env("NO_COLOR", "1").envs(variables.iter().copied());
    Server::start(command, site.dir.path(), None)
}

async fn off(site: &Site, schedule: ScheduleId) -> Option<SystemDisabledReason> {
    site.store.schedule(schedule).await.unwrap().unwrap().system_disabled.map(|disabled| disabled.reason)
}

/// How often the log says it.
fn said(server: &Server, words: &str) -> usize {
    server.log().matches(words).count()
}

async fn says(server: &Server, words: &str, times: usize) {
    eventually(words, async || (said(server, words) >= times).then_some(())).await;
}

/// Every file below a folder.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(below(&path)) } else { found.push(path) }
    }
    found
}

async fn readiness(server: &Server) -> serde_json::Value {
    let address = eventually("the server listens", async || {
        let log = server.log();
        let line = log.lines().find(|line| line.contains("listening"))?;
        line.split("address=").nth(1).map(|rest| rest.split_whitespace().next().unwrap().to_owned())
    })
    .await;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.get(format!("http://{address}/readyz")).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn a14_a_copy_that_deletes_before_it_writes_switches_nothing_off() {
    let site = Site::new("workers = 1").await;
    let server = start(&site, &[]);
    let schedule = site.due_once(site.webhook()).await;
    site.ended(schedule).await;
    // As `rsync --delete-before` and a checkout that moves files do: everything goes, and comes back under temporary names first.
    for _ in 0..2 {
        let before = (said(&server, AGAIN), said(&server, "catalog reloaded"));
        let files: Vec<_> =
            below(&site.dir.path().join("catalog/dashboards")).into_iter().map(|file| (std::fs::read(&file).unwrap(), file)).collect();
        for (_, file) in &files {
            std::fs::remove_file(file).unwrap();
        }
        says(&server, AGAIN, before.0 + 1).await;
        for (bytes, file) in &files {
            let temporary = file.with_file_name(format!(".{}.x1", file.file_name().unwrap().to_string_lossy()));
            std::fs::write(&temporary, bytes).unwrap();
            std::fs::rename(&temporary, file).unwrap();
        }
        says(&server, "catalog reloaded", before.1 + 2).await;
    }
    assert_eq!(off(&site, schedule).await, None);
    let again = site.due_once(site.webhook()).await;
    assert_eq!(ended(&site.ended(again).await.0).0, RunStatus::Complete);
    server.stop().await;
    assert!(site.smtp.mails().is_empty(), "nobody is told of what was nothing");
}

#[tokio::test]
async fn a14_a_file_that_is_gone_switches_off_and_on_again_and_publishing_it_needs_no_wait() {
    for publish in [true, false] {
        let site = Site::new("workers = 1").await;
        // What is published is taken at once, however long it would have to hold.
        let server = start(&site, &[("PRESSRUN_CATALOG__SETTLE_SECONDS", if publish { "86400" } else { "1" })]);
        let schedule = site.due_once(site.webhook()).await;
        site.ended(schedule).await;
        let (file, away) = (site.dir.path().join(SALES), site.dir.path().join("away.yaml"));
        std::fs::rename(&file, &away).unwrap();
        says(&server, AGAIN, 1).await;
        if publish {
            server.hang_up();
        }
        eventually("it is switched off", async || off(&site, schedule).await).await;
        std::fs::rename(&away, &file).unwrap();
        eventually("it is switched on", async || off(&site, schedule).await.is_none().then_some(())).await;
        eventually("the owner is told twice", async || (site.smtp.mails().len() == 2).then_some(())).await;
        let subjects: Vec<_> = site.smtp.mails().iter().map(|mail| mail.header("subject").unwrap_or_default()).collect();
        assert_eq!(subjects, ["Switched off: Daily sales", "Switched on again: Daily sales"]);
        server.stop().await;
    }
}

#[tokio::test]
async fn b14_a_server_starts_beside_files_with_a_fault_and_delivers_what_has_none() {
    let site = Site::new("workers = 2").await;
    let file = site.dir.path().join(SALES);
    let good = std::fs::read_to_string(&file).unwrap();
    std::fs::write(site.dir.path().join("catalog/dashboards/other.yaml"), good.replace("identifier: sales", "identifier: other")).unwrap();
    std::fs::write(&file, good.replace("mark: kpi", "mark: kpl")).unwrap();
    let server = start(&site, &[]);
    let waits = site.due_once(site.webhook()).await;
    let mut other = site.webhook();
    other.identifier = "other".into();
    let other = site.due_once(other).await;
    assert_eq!(ended(&site.ended(other).await.0).0, RunStatus::Complete, "one fault takes no other dashboard down");
    let run = eventually("the run is there", async || site.store.list_runs(Some(waits), 1, 1).await.unwrap().rows.pop()).await;
    assert!(!matches!(run.state, RunState::Ended { .. }), "{:?}", run.state);
    assert!(server.log().contains("`kpl` is not known here"), "{}", server.log());
    let ready = readiness(&server).await;
    assert_eq!((&ready["status"], &ready["checks"]["catalog"]["status"]), (&"ok".into(), &"faulty".into()), "{ready}");
    assert!(ready["checks"]["catalog"]["error"].as_str().unwrap().contains("1 whose schedules wait"), "{ready}");
    assert!(!ready.to_string().contains("kpl"), "what exactly is wrong is for admins");
    assert_eq!(off(&site, waits).await, None);
    server.stop().await;

    // People with a fault are what they were.
    let people = site.dir.path().join("catalog/people.yaml");
    std::fs::write(&people, "organization: [").unwrap();
    std::fs::write(&file, good).unwrap();
    let server = start(&site, &[]);
    eventually("it waited for the file, and runs", async || {
        let run = site.store.list_runs(Some(waits), 1, 1).await.unwrap().rows.pop()?;
        matches!(run.state, RunState::Ended { status: RunStatus::Complete, .. }).then_some(())
    })
    .await;
    assert!(server.log().contains("people.yaml:1:"), "{}", server.log());
    server.stop().await;
}

#[tokio::test]
async fn b17_a_variable_of_the_server_is_not_read_by_who_edits_the_catalog() {
    let site = Site::new("workers = 1").await;
    let connections = site.dir.path().join("catalog/connections.yaml");
    let text = std::fs::read_to_string(&connections).unwrap();
    let evil = "\n  evil: { kind: postgres, url: 'postgres://x:${HOUSE_SECRET}@127.0.0.1:1/x' }\n";
    std::fs::write(&connections, format!("{}{evil}", text.trim_end())).unwrap();
    for (opened, refused) in [("[\"WAREHOUSE_*\"]", true), ("[\"HOUSE_SECRET\"]", false)] {
        let server = start(&site, &[("HOUSE_SECRET", "hunter2"), ("PRESSRUN_CATALOG__ENVIRONMENT", opened)]);
        readiness(&server).await;
        let schedule = site.due_once(site.webhook()).await;
        assert_eq!(ended(&site.ended(schedule).await.0).0, RunStatus::Complete, "another connection is none of its business");
        let log = server.log();
        assert_eq!(log.contains("let the operator add `HOUSE_SECRET` to [catalog] environment"), refused, "{log}");
        assert!(!log.contains("hunter2"), "{log}");
        server.stop().await;
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a15_a_file_of_aliases_is_refused_within_little_memory() {
    let dir = tempfile::tempdir().unwrap();
    crate::world::write_catalog(dir.path());
    let bomb = format!("identifier: a\nname: &t {}\npages:\n{}", "x".repeat(100_000), "    - *t\n".repeat(40_000));
    std::fs::write(dir.path().join("dashboards/bomb.yaml"), bomb).unwrap();
    let check = format!("ulimit -v 1500000; exec '{}' check '{}'", env!("CARGO_BIN_EXE_pressrun"), dir.path().display());
    let output = Command::new("sh").args(["-c", &check]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("dashboards/bomb.yaml:") && said.contains("aliases make the file many times longer than it is"), "{said}");
}

#[tokio::test]
async fn b17_connections_obey_the_egress_policy_of_the_operator() {
    let site = Site::new("workers = 1").await;
    let connections = site.dir.path().join("catalog/connections.yaml");
    let text = std::fs::read_to_string(&connections).unwrap();
    let database = "\n  inside: { kind: postgres, url: 'postgres://x@10.1.2.3:5432/x' }\n";
    std::fs::write(&connections, format!("{}{database}", text.trim_end())).unwrap();
    let sales = std::fs::read_to_string(site.dir.path().join(SALES)).unwrap();
    let inside = sales.replace("identifier: sales", "identifier: inside").replace("connection: files", "connection: inside");
    std::fs::write(site.dir.path().join("catalog/dashboards/inside.yaml"), inside).unwrap();
    for variable in [("PRESSRUN_EGRESS__CONNECTIONS", "policy"), ("PRESSRUN_EGRESS__DENY", "[\"10.0.0.0/8\"]")] {
        let server = start(&site, &[variable]);
        let mut definition = site.webhook();
        definition.identifier = "inside".into();
        let (run, _) = site.ended(site.due_once(definition).await).await;
        let errors = format!("{:?}", run.record.tiles.iter().filter_map(|tile| tile.error.as_ref()).collect::<Vec<_>>());
        assert!(errors.contains("connections may not lead to 10.1.2.3 on port 5432"), "{variable:?}: {errors} {:?}", run.record);
        let (run, _) = site.ended(site.due_once(site.webhook()).await).await;
        assert_eq!(ended(&run).0, RunStatus::Complete, "files are no place to connect to");
        server.stop().await;
    }
}
