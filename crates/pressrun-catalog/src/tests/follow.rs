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
