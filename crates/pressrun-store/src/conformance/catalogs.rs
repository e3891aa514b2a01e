//! Which version of the catalog is in force when processes have different ones.

use pressrun_domain::audit::Verb;
use pressrun_domain::id::WorkerId;

use super::saved;
use crate::{CatalogReading, CatalogStanding, Store, sample};

/// The process has this version at that second; `changed` is said of it.
async fn reads<S: Store>(store: &S, process: WorkerId, hash: &str, changed: bool, second: i64) -> CatalogStanding {
    let reading = CatalogReading { process, hash, documents: 3, changed };
    store.read_catalog(&reading, sample::after(second)).await.unwrap()
}

fn standing(in_force: bool, others_differ: u32) -> CatalogStanding {
    CatalogStanding { in_force, others_differ }
}

pub async fn h12_a_process_with_files_of_before_brings_nothing_back<S: Store>(store: &S) {
    let (api, worker) = (WorkerId::generate(), WorkerId::generate());
    assert_eq!(store.catalog_in_force().await.unwrap(), None);
    assert_eq!(reads(store, worker, "old", false, 0).await, standing(true, 0));
    assert_eq!(reads(store, api, "old", false, 1).await, standing(true, 0));
    // The files of one change.
    assert_eq!(reads(store, api, "new", true, 2).await, standing(true, 1));
    assert!(!reads(store, api, "new", false, 3).await.may_judge(), "the other may know better");
    assert_eq!(reads(store, worker, "old", false, 4).await, standing(false, 1));
    // Another that starts with the files of before.
    let late = WorkerId::generate();
    assert_eq!(reads(store, late, "old", false, 5).await, standing(false, 1));
    assert_eq!(store.catalog_in_force().await.unwrap().as_deref(), Some("new"));
    store.leave_catalog(late).await.unwrap();
    assert_eq!(reads(store, worker, "new", true, 6).await, standing(true, 0));
    assert!(reads(store, api, "new", false, 7).await.may_judge());
    // Somebody goes back to what was before, and says so by changing the files.
    assert_eq!(reads(store, api, "old", true, 8).await, standing(true, 1));
}

pub async fn h12_a_process_that_is_gone_holds_nobody_up<S: Store>(store: &S) {
    let (first, second) = (WorkerId::generate(), WorkerId::generate());
    reads(store, first, "old", false, 0).await;
    reads(store, first, "new", true, 1).await;
    assert_eq!(reads(store, second, "old", false, 60).await, standing(false, 1), "the other was seen a minute ago");
    // Nobody else has the version in force any more.
    assert_eq!(reads(store, second, "old", false, 122).await, standing(true, 0));
    assert_eq!(store.catalog_in_force().await.unwrap().as_deref(), Some("old"));
    // A clock that is set back makes nobody live for ever.
    assert_eq!(reads(store, first, "new", false, -600).await, standing(true, 0));
    store.leave_catalog(first).await.unwrap();
    assert_eq!(reads(store, second, "old", false, -599).await, standing(true, 0));
}

pub async fn h12_a_run_names_the_version_that_was_in_force<S: Store>(store: &S) {
    let process = WorkerId::generate();
    let schedule = saved(store, "daily").await;
    let version = async |run| store.run(run).await.unwrap().unwrap().catalog_version;
    let before = sample::test_delivery(sample::definition("test"), sample::after(0));
    store.enqueue(&before, &sample::change_at(Verb::RunTested, sample::after(0))).await.unwrap();
    assert_eq!(version(before.run.id).await, None);
    reads(store, process, "one", false, 0).await;
    sample::occur(store, &[&schedule], sample::after(0)).await;
    reads(store, process, "two", true, 1).await;
    let manual = sample::test_delivery(sample::definition("test"), sample::after(2));
    store.enqueue(&manual, &sample::change_at(Verb::RunTested, sample::after(2))).await.unwrap();
    let scheduled = store.list_runs(Some(schedule.id), 1, 1).await.unwrap().rows.remove(0);
    assert_eq!(version(scheduled.id).await.as_deref(), Some("one"));
    assert_eq!(version(manual.run.id).await.as_deref(), Some("two"));
}
