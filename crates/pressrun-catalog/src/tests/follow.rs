use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use pressrun_domain::clock::Clock;

use super::*;
use crate::{CatalogHandle, Reload};

struct Fixed(i64);

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0).unwrap()
    }

    fn sleep_until(&self, _: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }
}

fn opened(dir: &TempDir) -> Arc<CatalogHandle> {
    CatalogHandle::open(dir.path(), Arc::new(Fixed(1_000))).unwrap()
}

#[test]
fn a_bad_edit_keeps_the_last_good_state_and_a_good_one_replaces_it() {
    let dir = good();
    let handle = opened(&dir);
    let mut subscriber = handle.subscribe();
    let before = handle.status();
    assert_eq!((before.loaded_at.as_second(), before.problems.len()), (1_000, 0));

    write(dir.path(), "dashboards/orders.yaml", "name: [");
    assert_eq!(handle.reload().unwrap(), Reload::Unchanged);
    let status = handle.status();
    assert_eq!(status.version, before.version);
    assert!(status.problems[0].to_string().contains("dashboards/orders.yaml:"));
    assert!(!subscriber.has_changed().unwrap());

    write(dir.path(), "dashboards/orders.yaml", DASHBOARD);
    assert_eq!(handle.reload().unwrap(), Reload::Unchanged);
    assert!(handle.status().problems.is_empty());
    assert!(!subscriber.has_changed().unwrap());

    write(dir.path(), "dashboards/orders.yaml", DASHBOARD.replace("name: Orders", "name: New"));
    assert_eq!(handle.reload().unwrap(), Reload::Changed);
    assert!(subscriber.has_changed().unwrap());
    assert_eq!(subscriber.borrow_and_update().documents["12db1a0a"].name, "New");
    assert_eq!(handle.current().documents["12db1a0a"].name, "New");
}

#[test]
fn a_folder_that_does_not_load_cannot_be_opened() {
    let dir = folder(&[("people.yaml", PEOPLE)]);
    let error = CatalogHandle::open(dir.path(), Arc::new(Fixed(0))).unwrap_err();
    assert!(error.to_string().contains("1 problem\nconnections.yaml: the file is missing"), "{error}");
}

#[test]
fn a_fixed_catalog_stays() {
    let handle = CatalogHandle::fixed(loaded(&good()).unwrap());
    assert_eq!(handle.reload().unwrap(), Reload::Unchanged);
    assert_eq!(handle.current().documents.len(), 1);
    assert!(handle.dir().is_none());
}

#[tokio::test]
async fn a_change_of_a_file_is_noticed() {
    let dir = good();
    let handle = opened(&dir);
    let mut subscriber = handle.subscribe();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let watching = tokio::spawn(Arc::clone(&handle).watch(async { drop(stopped.await) }));
    write(dir.path(), "dashboards/second.yaml", DASHBOARD.replace("12db1a0a", "second"));
    tokio::time::timeout(Duration::from_mins(1), subscriber.changed()).await.unwrap().unwrap();
    assert!(handle.current().documents.contains_key("second"));
    drop(stop);
    watching.await.unwrap();
}

#[test]
fn p7_a_catalog_that_is_packed_is_the_same_version_where_it_is_unpacked() {
    let (dir, scratch) = (good(), TempDir::new().unwrap());
    std::fs::create_dir(dir.path().join("people")).unwrap();
    write(dir.path(), "people/more.yaml", "members:\n  - email: zoe@myorg.co\n    name: Zoe\n");
    let data = TempDir::new().unwrap();
    let folder = data.path().display();
    write(dir.path(), "connections.yaml", format!("connections:\n  warehouse:\n    kind: files\n    folder: {folder}\n"));
    let handle = opened(&dir);
    assert_eq!(handle.status().problems, []);
    let packed = handle.pack(scratch.path()).unwrap();
    assert_eq!(packed.version, handle.current().version);
    assert_eq!(packed.files.len(), 4);
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0, "the copy is gone");
    let other = scratch.path().join("elsewhere");
    crate::unpack(&packed.files, &other).unwrap();
    let follower = CatalogHandle::open(&other, Arc::new(Fixed(0))).unwrap();
    assert_eq!(follower.current().version, packed.version);
    // A later version takes its place as a whole.
    write(dir.path(), "dashboards/orders.yaml", DASHBOARD.replace("name: Orders", "name: New"));
    let later = scratch.path().join("later");
    crate::unpack(&handle.pack(scratch.path()).unwrap().files, &later).unwrap();
    assert_eq!(follower.move_to(later.clone()).unwrap(), Reload::Changed);
    assert_eq!((follower.current().documents["12db1a0a"].name.as_str(), follower.publications()), ("New", 1));
    assert_eq!(*follower.dir().unwrap(), later);
    // One that cannot be read changes nothing.
    follower.move_to(scratch.path().join("nowhere")).unwrap_err();
    assert_eq!((follower.current().documents["12db1a0a"].name.as_str(), &*follower.dir().unwrap()), ("New", &later));
}

#[test]
fn p7_what_other_nodes_would_not_find_is_not_packed() {
    let scratch = TempDir::new().unwrap();
    for (connections, says) in [
        ("connections:\n  warehouse:\n    kind: files\n    folder: data\n", "connections.yaml:2:3: its folder is relative to the catalog"),
        (
            "connections:\n  warehouse:\n    kind: postgres\n    url_file: secret\n",
            "connections.yaml: the file secret is named by a path relative",
        ),
        ("connections: { warehouse: nothing }\n", "connections.yaml:"),
    ] {
        let dir = good();
        write(dir.path(), "secret", "postgres://ann@localhost/sales");
        write(dir.path(), "connections.yaml", connections);
        let problems = crate::pack(dir.path(), &crate::CatalogRules::open(), true, scratch.path()).unwrap_err();
        assert!(problems.iter().any(|problem| problem.to_string().starts_with(says)), "{problems:?}");
    }
}
