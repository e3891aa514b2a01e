//! Which workers live.
//!
//! A worker holds a lock on a file of its own in `<database>-workers/`; the system frees it when the process dies, however it dies, and
//! whatever process gets its number later. So a restarted server need not wait out the leases of the one before, and one of several on this
//! machine takes over at once from one that died. A worker without a file (on a file system without locks) is never taken for dead: its
//! leases lapse as they would without this.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use pressrun_domain::id::WorkerId;
use sqlx::Row as _;

use super::{SqliteStore, micros};
use crate::StoreError;

/// The lock files beside a database; none for one in memory.
#[derive(Debug, Default)]
pub(super) struct Presence {
    folder: Option<PathBuf>,
    /// Locked for as long as they are open.
    held: Mutex<Vec<File>>,
}

impl Presence {
    pub(super) fn beside(database: &Path) -> Self {
        let mut name = database.file_name().unwrap_or_default().to_owned();
        name.push("-workers");
        Self { folder: Some(database.with_file_name(name)), held: Mutex::default() }
    }

    /// Holds the lock of `worker` until this value is dropped or the process ends.
    pub(super) fn announce(&self, worker: WorkerId) {
        let Some(folder) = &self.folder else { return };
        // Locked under another name first: nobody ever sees the worker's file unlocked while it lives.
        let (named, unnamed) = (folder.join(worker.to_string()), folder.join(format!("{worker}.new")));
        let locked = std::fs::create_dir_all(folder).and_then(|()| File::create(&unnamed)).and_then(|file| {
            file.try_lock()?;
            std::fs::rename(&unnamed, &named)?;
            Ok(file)
        });
        match locked {
            Ok(file) => self.held.lock().unwrap_or_else(PoisonError::into_inner).push(file),
            // Leases do without it.
            Err(error) => tracing::warn!(folder = %folder.display(), %error, "could not show other processes that this one lives"),
        }
    }

    /// Whether `worker` is known to have died.
    pub(super) fn is_dead(&self, worker: &str) -> bool {
        self.folder.as_ref().is_some_and(|folder| is_free(&folder.join(worker)).is_some())
    }

    /// Whether any worker lives.
    pub(super) fn somebody_lives(&self) -> bool {
        let files = self.folder.as_ref().and_then(|folder| std::fs::read_dir(folder).ok());
        files.into_iter().flatten().flatten().any(|file| file.path().extension().is_none() && is_free(&file.path()).is_none())
    }

    /// Removes the files of the dead.
    pub(super) fn forget_the_dead(&self) {
        let files = self.folder.as_ref().and_then(|folder| std::fs::read_dir(folder).ok());
        let locked = files.into_iter().flatten().flatten().filter(|file| file.path().extension().is_none());
        for file in locked {
            // Removed while its lock is held here: whoever opened it before finds it free a little longer, and nothing to release.
            if let Some(_lock) = is_free(&file.path()) {
                let _ = std::fs::remove_file(file.path());
            }
        }
    }
}

/// The file with its lock, when nobody held it.
fn is_free(path: &Path) -> Option<File> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) => {
            if error.kind() != ErrorKind::NotFound {
                tracing::warn!(file = %path.display(), %error, "could not see whether a worker lives");
            }
            return None;
        }
    };
    match file.try_lock() {
        Ok(()) => Some(file),
        Err(TryLockError::WouldBlock) => None,
        Err(TryLockError::Error(error)) => {
            tracing::warn!(file = %path.display(), %error, "could not see whether a worker lives");
            None
        }
    }
}

impl SqliteStore {
    /// Whether a server works on this file, of this process or another.
    #[must_use]
    pub fn is_served(&self) -> bool {
        self.presence.somebody_lives()
    }

    #[expect(clippy::unused_async, reason = "other databases wait")]
    pub(super) async fn announce_worker(&self, worker: WorkerId) -> Result<(), StoreError> {
        self.presence.announce(worker);
        Ok(())
    }

    pub(super) async fn release_leases_of_the_dead(&self, now: Timestamp) -> Result<u32, StoreError> {
        let rows = sqlx::query("SELECT DISTINCT worker FROM runs WHERE state = 'running'").fetch_all(&self.read).await?;
        let mut released = 0;
        for row in rows {
            let worker: String = row.try_get(0)?;
            if !self.presence.is_dead(&worker) {
                continue;
            }
            let mut tx = self.begin().await?;
            let lapsed = sqlx::query("UPDATE runs SET lease_until = min(lease_until, $2) WHERE state = 'running' AND worker = $1")
                .bind(&worker)
                .bind(micros(now))
                .execute(&mut *tx)
                .await?;
            tx.commit().await?;
            released += u32::try_from(lapsed.rows_affected()).unwrap_or(u32::MAX);
        }
        self.presence.forget_the_dead();
        Ok(released)
    }
}
