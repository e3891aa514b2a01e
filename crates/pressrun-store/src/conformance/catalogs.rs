//! Which version of the catalog is in force when processes have different ones.

use std::collections::BTreeMap;

use pressrun_domain::audit::Verb;
use pressrun_domain::id::WorkerId;

use super::saved;
use crate::{CatalogPublication, CatalogReading, CatalogStanding, KEPT_PUBLICATIONS, PublishedCatalog, Store, StoreError, sample};

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

/// Somebody publishes this version, whose one dashboard says `text`, at that second.
async fn publishes<S: Store>(store: &S, hash: &str, text: &str, second: i64) -> PublishedCatalog {
    let files = BTreeMap::from([("people.yaml".to_owned(), "people".to_owned()), ("dashboards/a.yaml".to_owned(), text.to_owned())]);
    let published = CatalogPublication { hash, documents: 1, files: &files, by: "ann" };
    store.publish_catalog(&published, sample::after(second)).await.unwrap()
}

pub async fn p7_a_published_version_is_in_force_whatever_is_in_folders<S: Store>(store: &S) {
    let (folder, late) = (WorkerId::generate(), WorkerId::generate());
    assert_eq!(store.published_catalog().await.unwrap(), None);
    reads(store, folder, "old", false, 0).await;
    let first = publishes(store, "one", "sales", 1).await;
    assert_eq!((first.hash.as_str(), first.by.as_str(), first.at), ("one", "ann", sample::after(1)));
    assert_eq!(store.published_catalog().await.unwrap().as_ref(), Some(&first));
    assert_eq!(store.catalog_in_force().await.unwrap().as_deref(), Some("one"));
    // Neither files that change nor files that nobody has seen before do anything about it.
    assert_eq!(reads(store, folder, "newer", true, 2).await, standing(false, 0));
    assert_eq!(reads(store, late, "newest", false, 3).await, standing(false, 1));
    assert_eq!(reads(store, late, "one", false, 4).await, standing(true, 1));
    store.leave_catalog(folder).await.unwrap();
    assert!(reads(store, late, "one", false, 5).await.may_judge());
    // Nobody who lives has it, and it stays in force.
    store.leave_catalog(late).await.unwrap();
    assert_eq!(reads(store, folder, "old", false, 6).await, standing(false, 0));
    assert_eq!(store.catalog_in_force().await.unwrap().as_deref(), Some("one"));
    store.withdraw_catalog("ann", sample::after(7)).await.unwrap();
    assert_eq!(store.published_catalog().await.unwrap(), None);
    assert_eq!(reads(store, folder, "old", true, 8).await, standing(true, 0), "folders decide again");
}

pub async fn p7_what_the_files_of_a_publication_say_is_kept<S: Store>(store: &S) {
    let first = publishes(store, "one", "sales", 0).await;
    assert_eq!(publishes(store, "one", "sales", 1).await, first, "nothing has changed");
    let second = publishes(store, "two", "sales by region", 2).await;
    assert!(second.publication > first.publication);
    assert!(store.was_published("one").await.unwrap() && !store.was_published("three").await.unwrap());
    let text = async |publication: &PublishedCatalog| {
        let files = store.published_files(publication.publication).await.unwrap();
        assert_eq!(files.keys().collect::<Vec<_>>(), ["dashboards/a.yaml", "people.yaml"]);
        files["dashboards/a.yaml"].clone()
    };
    assert_eq!((text(&first).await, text(&second).await), ("sales".to_owned(), "sales by region".to_owned()));
    // Back to what was before is a publication of its own.
    let back = publishes(store, "one", "sales", 3).await;
    assert!(back.publication > second.publication);
    assert_eq!(text(&back).await, "sales");
    let unknown = store.published_files(back.publication + 1).await;
    assert!(matches!(unknown, Err(StoreError::NotFound(_))), "{unknown:?}");
}

pub async fn p7_what_was_published_long_ago_is_forgotten<S: Store>(store: &S) {
    let first = publishes(store, "first", "sales", 0).await;
    for round in 1..=KEPT_PUBLICATIONS {
        publishes(store, &format!("version {round}"), &format!("sales {round}"), round).await;
    }
    let forgotten = store.published_files(first.publication).await;
    assert!(matches!(forgotten, Err(StoreError::NotFound(_))), "{forgotten:?}");
    let again = publishes(store, "first", "sales", 100).await;
    assert_eq!(store.published_files(again.publication).await.unwrap()["dashboards/a.yaml"], "sales");
}
