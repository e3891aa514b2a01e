//! What a large catalog does not do again: read, judge and copy what did not change (B13).

use std::sync::Arc;

use pressrun_testkit::{FakeClock, instant};

use super::*;
use crate::{CatalogHandle, CatalogRules};

/// Long after every file was written, so that none counts as just changed.
const LATER: &str = "2200-01-01T00:00:00Z";
/// More files than one thread takes at a time.
const MANY: usize = 100;

fn document(at: usize) -> String {
    DASHBOARD.replace("12db1a0a", &format!("d{at}"))
}

fn many() -> TempDir {
    let dir = folder(&[("connections.yaml", CONNECTIONS), ("people.yaml", PEOPLE)]);
    for at in 0..MANY {
        write(dir.path(), &format!("dashboards/d{at:03}.yaml"), document(at));
    }
    dir
}

fn opened(dir: &TempDir, now: &str) -> Arc<CatalogHandle> {
    CatalogHandle::open_with(dir.path(), Arc::new(FakeClock::at(instant(now))), CatalogRules::open()).unwrap()
}

#[test]
fn b13_after_an_edit_one_file_is_read_and_everything_else_is_shared() {
    let dir = many();
    let handle = opened(&dir, LATER);
    assert_eq!(handle.status().files_read, MANY);
    let read = |what: &str| {
        handle.reload().unwrap_or_else(|error| panic!("{what}: {error}"));
        handle.status().files_read
    };
    let before = handle.current();
    assert_eq!(read("nothing"), 0);
    write(dir.path(), "dashboards/d007.yaml", document(7).replace("name: Orders", "name: New"));
    assert_eq!(read("an edit"), 1);
    let after = handle.current();
    for (identifier, document) in &after.documents {
        assert_eq!(Arc::ptr_eq(document, &before.documents[identifier]), identifier.as_str() != "d7", "{identifier}");
    }
    assert_eq!(after.documents["d7"].name, "New");
    assert!(std::ptr::eq(after.members.as_ptr(), before.members.as_ptr()), "people are not read again either");
    assert_eq!(handle.status().version, loaded(&dir).unwrap().version, "a reload and a first load come to the same");

    write(dir.path(), "people.yaml", PEOPLE.replace("name: Blobby Hill", "name: Hill"));
    assert_eq!((read("people"), handle.current().members[1].name.as_str()), (0, "Hill"), "no dashboard depends on a name");
    write(dir.path(), "connections.yaml", CONNECTIONS.replace("kind: files", "kind: files, timeout_seconds: 7"));
    assert_eq!((read("connections"), handle.current().connections["warehouse"].timeout_seconds), (0, 7));
    write(dir.path(), "people.yaml", PEOPLE.replace("name: sales", "name: selling"));
    assert_eq!(read("groups"), MANY, "dashboards name groups");

    std::fs::remove_file(dir.path().join("dashboards/d001.yaml")).unwrap();
    assert_eq!((read("a file less"), handle.current().documents.len()), (0, MANY - 1));
    handle.publish().unwrap();
    assert_eq!(handle.status().files_read, MANY - 1, "whoever publishes has all files read");
}

#[test]
fn b13_a_file_that_may_just_have_changed_is_read_again_and_shared_when_it_says_the_same() {
    let dir = many();
    // As far as this clock knows, all files are yet to be written.
    let handle = opened(&dir, "2020-01-01T00:00:00Z");
    let before = handle.current();
    handle.reload().unwrap();
    assert_eq!(handle.status().files_read, MANY);
    assert!(handle.current().documents.iter().all(|(identifier, document)| Arc::ptr_eq(document, &before.documents[identifier])));
}

#[test]
fn b13_faults_are_told_in_the_order_of_the_files_whichever_thread_found_them() {
    let dir = many();
    for at in (0..MANY).step_by(3) {
        write(dir.path(), &format!("dashboards/d{at:03}.yaml"), document(at).replace("name:", "nam:"));
    }
    let problems = loaded(&dir).unwrap_err();
    let files: Vec<&str> = problems.iter().map(|problem| problem.file.as_str()).collect();
    assert!(files.is_sorted());
    let handle = opened(&dir, LATER);
    assert_eq!(handle.current().documents.len(), MANY - MANY.div_ceil(3));
    assert!(handle.status().faulty.iter().all(|file| !file.kept && file.identifier.is_some()));
    handle.reload().unwrap();
    assert_eq!(handle.status().files_read, MANY.div_ceil(3), "what has a fault is looked at each time");
}

#[test]
fn b13_an_identifier_that_a_new_file_takes_is_told_of_the_file_that_did_not_change() {
    let dir = many();
    let handle = opened(&dir, LATER);
    write(dir.path(), "dashboards/a.yaml", format!("\n{}", document(50)).replace("name: Orders", "name: First"));
    handle.reload().unwrap();
    let status = handle.status();
    let told: Vec<String> = status.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "dashboards/d050.yaml:1:13: identifier `d50` is taken by dashboards/a.yaml:2\nhint: give one of the two documents another identifier"
        ]
    );
    assert_eq!((handle.current().documents.len(), handle.current().documents["d50"].name.as_str()), (MANY, "First"));
    std::fs::remove_file(dir.path().join("dashboards/a.yaml")).unwrap();
    handle.reload().unwrap();
    assert!(handle.status().problems.is_empty());
    assert_eq!(handle.current().documents["d50"].name, "Orders");
}

#[test]
fn b14_many_faulty_files_below_one_folder_keep_what_they_said() {
    let dir = many();
    std::fs::create_dir(dir.path().join("dashboards/more")).unwrap();
    write(dir.path(), "dashboards/more/x.yaml", DASHBOARD.replace("12db1a0a", "x"));
    write(dir.path(), "dashboards/more.yaml", DASHBOARD.replace("12db1a0a", "more"));
    let handle = opened(&dir, LATER);
    for file in ["dashboards/more/x.yaml", "dashboards/more.yaml"] {
        write(dir.path(), file, "name: [");
    }
    handle.reload().unwrap();
    assert_eq!(handle.current().documents.len(), MANY + 2);
    assert!(handle.status().faulty.iter().all(|file| file.kept));
}
