//! Following changes of the folder.
//!
//! The system's notifications make it quick, a slow poll makes it sure: network folders send no notifications, and a
//! folder that is replaced takes its notifications with it. Both only wake; whether something changed is decided by
//! looking at the files.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use notify::{EventKind, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use crate::folder::fingerprint;
use crate::handle::{CatalogError, CatalogHandle, Reload};

/// Quiet time after the last change before files are read: editors and git write several files.
const QUIET: Duration = Duration::from_millis(300);
/// Longest wait for quiet.
const PATIENCE: Duration = Duration::from_secs(3);
/// Time between two looks without a notification.
const POLL: Duration = Duration::from_secs(20);

impl CatalogHandle {
    /// Reloads whenever the files change, until `cancel` ends. A bad edit keeps the last good state and is logged.
    pub async fn watch(self: Arc<Self>, cancel: impl Future<Output = ()> + Send) {
        let Some(dir) = self.dir().map(Path::to_owned) else {
            return cancel.await;
        };
        let (wake, mut woken) = mpsc::channel::<()>(1);
        let _watcher = watcher(&dir, wake.clone());
        let mut seen = look(&dir).await;
        // What changed between loading and the first look is not missed.
        let _ = wake.try_send(());
        let mut first = true;
        tokio::pin!(cancel);
        loop {
            tokio::select! {
                () = &mut cancel => return,
                _ = woken.recv() => {}
                () = tokio::time::sleep(POLL) => {}
            }
            tokio::select! {
                () = &mut cancel => return,
                () = until_quiet(&mut woken) => {}
            }
            let now = look(&dir).await;
            if now == seen && !first {
                continue;
            }
            first = false;
            seen = now;
            self.reload_and_log().await;
        }
    }

    async fn reload_and_log(self: &Arc<Self>) {
        let handle = Arc::clone(self);
        match tokio::task::spawn_blocking(move || handle.reload()).await {
            Ok(Ok(Reload::Changed)) => {
                tracing::info!(version = %self.current().version, "catalog reloaded");
            }
            Ok(Ok(Reload::Unchanged)) => tracing::debug!("catalog unchanged"),
            Ok(Err(CatalogError { problems, .. })) => {
                for problem in &problems {
                    tracing::error!(%problem, "catalog edit refused, the last good state stays");
                }
            }
            Err(error) => tracing::error!(%error, "catalog reload ended early"),
        }
    }
}

type Look = Vec<(std::path::PathBuf, u64, Option<std::time::SystemTime>)>;

async fn look(dir: &Path) -> Look {
    let dir = dir.to_owned();
    tokio::task::spawn_blocking(move || fingerprint(&dir)).await.unwrap_or_default()
}

/// Ends once no notification came for [`QUIET`], at the latest after [`PATIENCE`].
async fn until_quiet(woken: &mut mpsc::Receiver<()>) {
    let settle = async { while let Ok(Some(())) = tokio::time::timeout(QUIET, woken.recv()).await {} };
    let _ = tokio::time::timeout(PATIENCE, settle).await;
}

fn watcher(dir: &Path, wake: mpsc::Sender<()>) -> Option<notify::RecommendedWatcher> {
    let notice = move |event: notify::Result<notify::Event>| {
        // Reading is no change; noticing our own reads would never end.
        if !matches!(event, Ok(notify::Event { kind: EventKind::Access(_), .. })) {
            let _ = wake.try_send(());
        }
    };
    let started =
        notify::recommended_watcher(notice).and_then(|mut watcher| watcher.watch(dir, RecursiveMode::Recursive).map(|()| watcher));
    started.inspect_err(|error| tracing::warn!(%error, "no notifications of file changes; the catalog is polled")).ok()
}
