//! What stays when a file is wrong or away (A14, B14).

use std::sync::Arc;
use std::time::Duration;

use pressrun_testkit::{FakeClock, instant};

use super::*;
use crate::{CatalogHandle, CatalogRules, Reload};

fn clock() -> Arc<FakeClock> {
    Arc::new(FakeClock::at(instant("2026-03-01T09:00:00Z")))
}

fn open(dir: &TempDir) -> Arc<CatalogHandle> {
    CatalogHandle::open_with(dir.path(), clock(), CatalogRules::open()).unwrap_or_else(|error| panic!("{error}"))
}

/// The good catalog with a second dashboard.
fn two() -> TempDir {
    let dir = good();
    write(dir.path(), "dashboards/second.yaml", DASHBOARD.replace("12db1a0a", "second"));
    dir
}

fn identifiers(catalog: &Catalog) -> Vec<&str> {
    catalog.documents.keys().map(pressrun_domain::id::DocumentIdentifier::as_str).collect()
}

#[test]
fn b14_a_start_leaves_out_what_is_faulty_and_knows_what_waits() {
    for (case, text, waits, other_waits) in [
        ("a fault", DASHBOARD.replace("type: string", "type: strin"), true, false),
        ("no YAML, with a line that says which", "identifier: '12db1a0a' # orders\nname: [\n".to_owned(), true, false),
        ("nothing that says which", "\tname: [".to_owned(), true, true),
    ] {
        let dir = two();
        write(dir.path(), "dashboards/orders.yaml", text);
        let handle = open(&dir);
        let catalog = handle.current();
        assert_eq!(identifiers(&catalog), ["second"], "{case}");
        assert_eq!((catalog.waits(&"12db1a0a".into()), catalog.waits(&"other".into())), (waits, other_waits), "{case}");
        assert!(!catalog.waits(&"second".into()), "{case}");
        let status = handle.status();
        assert_eq!((status.faulty.len(), status.faulty[0].kept), (1, false), "{case}");
        assert!(status.problems.iter().all(|problem| problem.file == "dashboards/orders.yaml"), "{case}: {:#?}", status.problems);

        write(dir.path(), "dashboards/orders.yaml", DASHBOARD);
        assert_eq!(handle.reload().unwrap(), Reload::Changed);
        assert_eq!((identifiers(&handle.current()), handle.status().problems.len()), (vec!["12db1a0a", "second"], 0), "{case}");
        assert!(!handle.current().waits(&"12db1a0a".into()), "{case}");
    }
}

#[test]
fn b14_an_edit_with_a_fault_takes_no_other_down_and_what_was_said_before_stays() {
    let dir = two();
    let handle = open(&dir);
    write(dir.path(), "dashboards/orders.yaml", "identifier: [");
    write(dir.path(), "dashboards/second.yaml", DASHBOARD.replace("12db1a0a", "second").replace("name: Orders", "name: New"));
    assert_eq!(handle.reload().unwrap(), Reload::Changed);
    let catalog = handle.current();
    assert_eq!((catalog.documents["12db1a0a"].name.as_str(), catalog.documents["second"].name.as_str()), ("Orders", "New"));
    assert!(handle.status().faulty[0].kept && !catalog.waits(&"12db1a0a".into()));
    // As long as it takes, also over good edits of others.
    write(dir.path(), "dashboards/second.yaml", DASHBOARD.replace("12db1a0a", "second").replace("name: Orders", "name: Newer"));
    handle.reload().unwrap();
    assert_eq!(handle.current().documents["12db1a0a"].name, "Orders");
    // A file that is deleted is not faulty.
    std::fs::remove_file(dir.path().join("dashboards/orders.yaml")).unwrap();
    handle.reload().unwrap();
    assert_eq!((identifiers(&handle.current()), handle.current().waits(&"12db1a0a".into())), (vec!["second"], false));
}

#[test]
fn b14_another_file_may_take_over_what_a_faulty_one_said() {
    let dir = two();
    let handle = open(&dir);
    write(dir.path(), "dashboards/orders.yaml", "name: [");
    write(dir.path(), "dashboards/moved.yaml", DASHBOARD.replace("name: Orders", "name: Moved"));
    handle.reload().unwrap();
    assert_eq!(handle.current().documents["12db1a0a"].name, "Moved");
}

#[test]
fn b14_files_beyond_a_bound_are_not_taken_for_deleted() {
    let dir = two();
    let handle = CatalogHandle::open_with(dir.path(), clock(), CatalogRules { max_dashboards: 2, ..CatalogRules::open() }).unwrap();
    write(dir.path(), "dashboards/a.yaml", DASHBOARD.replace("12db1a0a", "first"));
    handle.reload().unwrap();
    assert_eq!(identifiers(&handle.current()), ["first", "12db1a0a", "second"]);
    assert!(handle.status().problems[0].message.contains("more than 2 files"));
}

#[test]
fn b14_a_connection_with_a_fault_takes_down_its_own_dashboards_alone() {
    let dir = two();
    let two = "connections:\n  warehouse: { kind: files }\n  other: { kind: files }\n";
    write(dir.path(), "connections.yaml", two);
    let text = |connection: &str, identifier: &str| {
        DASHBOARD.replace("12db1a0a", identifier).replace("filters:", &format!("connection: {connection}\nfilters:"))
    };
    write(dir.path(), "dashboards/orders.yaml", text("warehouse", "12db1a0a"));
    write(dir.path(), "dashboards/second.yaml", text("other", "second"));
    let running = open(&dir);
    write(dir.path(), "connections.yaml", two.replace("other: { kind: files }", "other: { kind: postgres, url: '${NOT_SET_ANYWHERE}' }"));
    running.reload().unwrap();
    assert_eq!(running.current().connections.len(), 2, "what it was stays");
    assert_eq!(running.status().problems[0].file, "connections.yaml");

    let started = open(&dir);
    assert_eq!((identifiers(&started.current()), started.current().waits(&"second".into())), (vec!["12db1a0a"], true));
}

#[test]
fn b14_what_connections_and_people_said_last_outlives_a_restart() {
    let (dir, kept) = (two(), TempDir::new().unwrap());
    let rules = || CatalogRules { last_good: Some(kept.path().join("catalog")), ..CatalogRules::open() };
    let open = || CatalogHandle::open_with(dir.path(), clock(), rules());
    write(dir.path(), "people.yaml", "organization: [");
    assert!(open().unwrap_err().to_string().contains("people.yaml:"), "there is nothing to hold on to yet");

    write(dir.path(), "people.yaml", PEOPLE);
    let running = open().unwrap();
    let everything =
        |handle: &CatalogHandle| (handle.current().members.len(), handle.current().connections.len(), handle.current().documents.len());
    assert_eq!(everything(&running), (2, 1, 2));
    for file in ["people.yaml", "connections.yaml"] {
        for broken in [Some("members: [x"), Some("members: [{ name: Only }]"), None] {
            let good = std::fs::read_to_string(dir.path().join(file)).unwrap();
            match broken {
                Some(text) => write(dir.path(), file, text),
                None => std::fs::remove_file(dir.path().join(file)).unwrap(),
            }
            running.reload().unwrap();
            let restarted = open().unwrap_or_else(|error| panic!("{file} {broken:?}: {error}"));
            for handle in [&running, &restarted] {
                assert_eq!(everything(handle), (2, 1, 2), "{file} {broken:?}");
                assert_eq!(handle.status().problems[0].file, file);
            }
            write(dir.path(), file, good);
        }
    }
    running.reload().unwrap();
    assert!(running.status().problems.is_empty());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(kept.path().join("catalog/shared.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "it may hold what people.yaml holds");
    }
}

#[test]
fn a14_a_folder_that_is_away_takes_nothing_along() {
    let dir = two();
    let handle = open(&dir);
    std::fs::rename(dir.path().join("dashboards"), dir.path().join("away")).unwrap();
    assert!(handle.reload().is_err());
    assert_eq!(handle.current().documents.len(), 2);
    assert_eq!(handle.status().problems[0].message, "there is no such folder");
    std::fs::rename(dir.path().join("away"), dir.path().join("dashboards")).unwrap();
    assert_eq!(handle.reload().unwrap(), Reload::Unchanged);
    assert!(handle.status().problems.is_empty());
}

#[test]
fn b13_a_reload_takes_what_did_not_change_as_it_was() {
    let dir = two();
    let handle = open(&dir);
    let before = handle.status().version;
    write(dir.path(), "dashboards/second.yaml", DASHBOARD.replace("12db1a0a", "second").replace("name: Orders", "name: New"));
    handle.reload().unwrap();
    assert_eq!(handle.current().documents.len(), 2);
    assert_eq!(handle.status().version, loaded(&dir).unwrap().version, "a reload and a first load come to the same");
    assert_ne!(handle.status().version, before);
    // People count for documents: a group that goes is missed in a file that did not change.
    write(
        dir.path(),
        "dashboards/second.yaml",
        DASHBOARD.replace("12db1a0a", "second").replace("filters:", "access: { groups: [sales] }\nfilters:"),
    );
    handle.reload().unwrap();
    write(dir.path(), "people.yaml", PEOPLE.replace("name: sales", "name: selling"));
    handle.reload().unwrap();
    assert!(handle.status().problems[0].message.contains("there is no group `sales`"), "{:#?}", handle.status().problems);
}

#[test]
fn a14_publishing_tells_everybody_also_when_nothing_changed() {
    let dir = two();
    let handle = open(&dir);
    let mut subscriber = handle.subscribe();
    handle.reload().unwrap();
    assert!(!subscriber.has_changed().unwrap());
    handle.publish().unwrap();
    assert!(subscriber.has_changed().unwrap());
    subscriber.mark_unchanged();
    assert_eq!(handle.publications(), 1);
}

/// Runs git in `dir`, as nobody in particular.
fn git(dir: &Path, arguments: &[&str]) {
    let mut command = std::process::Command::new("git");
    command.current_dir(dir).args(["-c", "user.name=x", "-c", "user.email=x@x.example", "-c", "init.defaultBranch=main"]).args(arguments);
    let output = command.env("GIT_CONFIG_NOSYSTEM", "1").env("HOME", dir).output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(start_paused = true)]
async fn a14_nothing_is_read_while_git_has_its_index_locked() {
    let dir = good();
    git(dir.path(), &["init", "--quiet"]);
    git(dir.path(), &["add", "."]);
    git(dir.path(), &["commit", "--quiet", "--message", "x"]);
    let tree = TempDir::new().unwrap();
    let further = tree.path().join("further");
    git(dir.path(), &["worktree", "add", "--quiet", further.to_str().unwrap()]);
    for (catalog, lock) in [
        (dir.path().to_owned(), dir.path().join(".git/index.lock")),
        (dir.path().join("dashboards"), dir.path().join(".git/index.lock")),
        (further.clone(), dir.path().join(".git/worktrees/further/index.lock")),
    ] {
        crate::watch::until_unlocked(&catalog).await;
        std::fs::write(&lock, "").unwrap();
        let waited = tokio::time::timeout(Duration::from_mins(5), crate::watch::until_unlocked(&catalog)).await;
        assert!(waited.is_err(), "{} is waited for", lock.display());
        let begun = tokio::time::Instant::now();
        crate::watch::until_unlocked(&catalog).await;
        assert_eq!(begun.elapsed().as_secs(), 600, "a lock that a crash left behind is not waited for without end");
        std::fs::remove_file(&lock).unwrap();
    }
}

#[tokio::test]
async fn a14_a_checkout_in_a_real_repository_is_followed() {
    let dir = two();
    git(dir.path(), &["init", "--quiet"]);
    git(dir.path(), &["add", "."]);
    git(dir.path(), &["commit", "--quiet", "--message", "old"]);
    git(dir.path(), &["checkout", "--quiet", "-b", "next"]);
    git(dir.path(), &["mv", "dashboards/second.yaml", "dashboards/renamed.yaml"]);
    write(dir.path(), "dashboards/orders.yaml", DASHBOARD.replace("name: Orders", "name: Next"));
    git(dir.path(), &["commit", "--quiet", "--all", "--message", "next"]);
    git(dir.path(), &["checkout", "--quiet", "main"]);
    let handle = open(&dir);
    let mut subscriber = handle.subscribe();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let watching = tokio::spawn(Arc::clone(&handle).watch(async { drop(stopped.await) }));
    git(dir.path(), &["checkout", "--quiet", "next"]);
    let arrived = subscriber.wait_for(|catalog| catalog.documents["12db1a0a"].name == "Next");
    let catalog = tokio::time::timeout(Duration::from_mins(1), arrived).await.unwrap().unwrap().clone();
    assert_eq!(identifiers(&catalog), ["12db1a0a", "second"], "a moved file is the same document");
    drop(stop);
    watching.await.unwrap();
}
