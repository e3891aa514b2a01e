//! Following changes of the folder, and of the files with secrets that it names.
//!
//! The system's notifications make it quick, a slow poll makes it sure: network folders send no notifications, and a
//! folder that is replaced takes its notifications with it. Both only wake; whether something changed is decided by
//! looking at the files. While git changes them nothing is read: files that a checkout moves are away for moments.

use std::collections::BTreeSet;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use crate::git::index_lock;
use crate::handle::{CatalogError, CatalogHandle, Reload};
use crate::trace::fingerprint;

/// Quiet time after the last change before files are read: editors and git write several files.
const QUIET: Duration = Duration::from_millis(300);
/// Longest wait for quiet.
const PATIENCE: Duration = Duration::from_secs(3);
/// Time between two looks without a notification.
const POLL: Duration = Duration::from_secs(20);
/// Time between two looks at git's lock.
const LOCK_POLL: Duration = Duration::from_millis(200);
/// Longest wait for git: a lock that is older was left behind by one that died.
const LOCK_PATIENCE: Duration = Duration::from_mins(10);

impl CatalogHandle {
    /// Reloads whenever the files change, until `cancel` ends. What is wrong stays as it was and is logged.
    pub async fn watch(self: Arc<Self>, cancel: impl Future<Output = ()> + Send) {
        let Some(dir) = self.dir() else {
            return cancel.await;
        };
        let (wake, mut woken) = mpsc::channel::<()>(1);
        let mut watcher = Watching::new(&dir, wake.clone());
        self.log_problems();
        let mut seen = self.look().await;
        // What changed between loading and the first look is not missed.
        let _ = wake.try_send(());
        let mut first = true;
        tokio::pin!(cancel);
        loop {
            watcher.follow(&self.reads());
            tokio::select! {
                () = &mut cancel => return,
                _ = woken.recv() => {}
                () = tokio::time::sleep(POLL) => {}
            }
            tokio::select! {
                () = &mut cancel => return,
                () = until_quiet(&mut woken) => {}
            }
            let dir = self.dir().unwrap_or_default();
            tokio::select! {
                () = &mut cancel => return,
                () = until_unlocked(&dir) => {}
            }
            // Without a look the last one stands: what has changed is seen by the next.
            let Some(now) = self.look().await else { continue };
            if seen == Some(now) && !first {
                continue;
            }
            first = false;
            seen = Some(now);
            self.reload_and_log().await;
        }
    }

    /// How the files look; `None` when nobody could look.
    async fn look(self: &Arc<Self>) -> Option<u64> {
        let handle = Arc::clone(self);
        aside("look at the catalog's files", move || Some(fingerprint(&handle.dir()?, handle.rules()?, &handle.reads()))).await?
    }

    async fn reload_and_log(self: &Arc<Self>) {
        let handle = Arc::clone(self);
        let before = self.status().problems;
        match aside("reading the catalog", move || handle.reload()).await {
            Some(Ok(reload)) => {
                match reload {
                    Reload::Changed => {
                        let (catalog, files_read) = (self.current(), self.status().files_read);
                        tracing::info!(version = %catalog.version, documents = catalog.documents.len(), files_read, "catalog reloaded");
                    }
                    Reload::Unchanged => tracing::debug!("catalog unchanged"),
                }
                if self.status().problems != before {
                    self.log_problems();
                }
            }
            Some(Err(CatalogError { problems, .. })) => {
                for problem in &problems {
                    tracing::error!(%problem, "catalog edit refused, the last good state stays");
                }
            }
            None => {}
        }
    }

    fn log_problems(&self) {
        let status = self.status();
        for problem in &status.problems {
            tracing::error!(%problem, "a file of the catalog is not taken as it is");
        }
        for file in status.faulty.iter().filter(|file| !file.kept) {
            let document = file.identifier.as_ref().map_or("unknown", |identifier| identifier.as_str());
            tracing::error!(file = file.file, document, "schedules on this document wait until its file is right");
        }
    }
}

/// Does `work` where blocking is allowed; `None`, with a line in the log, when it ended early.
async fn aside<T: Send + 'static>(what: &'static str, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let ended_early = |error: &tokio::task::JoinError| tracing::error!(%error, what, "ended early; the catalog in force stays");
    tokio::task::spawn_blocking(work).await.inspect_err(ended_early).ok()
}

/// Ends once git has let go of the files, or is dead.
pub(crate) async fn until_unlocked(dir: &Path) {
    let unlocked = async {
        while index_lock(dir).is_some_and(|lock| lock.exists()) {
            tokio::time::sleep(LOCK_POLL).await;
        }
    };
    if tokio::time::timeout(LOCK_PATIENCE, unlocked).await.is_err() {
        tracing::warn!(
            "git has had its index locked for ten minutes; the catalog is read all the same (remove .git/index.lock when no git runs)"
        );
    }
}

/// Ends once no notification came for [`QUIET`], at the latest after [`PATIENCE`].
async fn until_quiet(woken: &mut mpsc::Receiver<()>) {
    let settle = async { while let Ok(Some(())) = tokio::time::timeout(QUIET, woken.recv()).await {} };
    let _ = tokio::time::timeout(PATIENCE, settle).await;
}

/// The system's notifications: of the folder with everything below it, and of the folders that secrets are in.
struct Watching {
    watcher: Option<RecommendedWatcher>,
    dir: PathBuf,
    followed: BTreeSet<PathBuf>,
}

impl Watching {
    fn new(dir: &Path, wake: mpsc::Sender<()>) -> Self {
        let notice = move |event: notify::Result<notify::Event>| {
            // Reading is no change; noticing our own reads would never end.
            if !matches!(event, Ok(notify::Event { kind: EventKind::Access(_), .. })) {
                let _ = wake.try_send(());
            }
        };
        let started =
            notify::recommended_watcher(notice).and_then(|mut watcher| watcher.watch(dir, RecursiveMode::Recursive).map(|()| watcher));
        let watcher = started.inspect_err(|error| tracing::warn!(%error, "no notifications of file changes; the catalog is polled")).ok();
        Self { watcher, dir: dir.to_owned(), followed: BTreeSet::new() }
    }

    /// Watches the folders of `files` that are elsewhere. One that cannot be watched is looked at with every poll.
    fn follow(&mut self, files: &BTreeSet<PathBuf>) {
        let Some(watcher) = &mut self.watcher else { return };
        for folder in files.iter().filter_map(|file| file.parent()).filter(|folder| !folder.starts_with(&self.dir)) {
            if self.followed.insert(folder.to_owned())
                && let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive)
            {
                tracing::debug!(folder = %folder.display(), %error, "no notifications of this folder; it is polled");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::aside;

    #[tokio::test]
    async fn work_that_ends_early_is_told_from_work_that_found_nothing() {
        assert_eq!(aside("nothing", || None::<u64>).await, Some(None));
        assert_eq!(aside("a fault", || -> Option<u64> { panic!("a fault of ours") }).await, None);
    }
}
