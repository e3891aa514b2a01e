//! The catalog in force: the last good state, replaced as a whole.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use pressrun_domain::catalog::Catalog;
use pressrun_domain::clock::Clock;
use tokio::sync::watch;

use crate::load::load;
use crate::problem::Problem;

/// The catalog cannot be used; every problem is listed.
#[derive(Debug, thiserror::Error)]
pub struct CatalogError {
    /// The folder.
    pub dir: PathBuf,
    /// What is wrong, in the order of files and lines.
    pub problems: Vec<Problem>,
}

impl fmt::Display for CatalogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        write!(f, "the catalog {} has {count} problem{}", self.dir.display(), if count == 1 { "" } else { "s" })?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n{problem}"))
    }
}

/// What a reload did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// A new version is in force.
    Changed,
    /// The files say what they said before.
    Unchanged,
}

/// What is in force, and whether the files have moved on to something wrong.
#[derive(Debug, Clone)]
pub struct Status {
    /// Version of the catalog in force.
    pub version: String,
    /// When it came into force.
    pub loaded_at: Timestamp,
    /// Why the files as they are now were refused; `None` when they are in force.
    pub last_error: Option<Vec<Problem>>,
}

/// The catalog in force. Cheap to read, shared by everybody.
pub struct CatalogHandle {
    folder: Option<Folder>,
    current: ArcSwap<Catalog>,
    sender: watch::Sender<Arc<Catalog>>,
    state: Mutex<State>,
    /// One reload at a time, so that an older state never replaces a newer one.
    reloading: Mutex<()>,
}

struct Folder {
    dir: PathBuf,
    clock: Arc<dyn Clock>,
}

struct State {
    loaded_at: Timestamp,
    last_error: Option<Vec<Problem>>,
}

impl fmt::Debug for CatalogHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatalogHandle").field("dir", &self.dir()).field("version", &self.current().version).finish_non_exhaustive()
    }
}

impl CatalogHandle {
    /// Loads the catalog at `dir`. Blocks on the file system.
    ///
    /// # Errors
    /// [`CatalogError`] with every problem; there is no good state to fall back to.
    pub fn open(dir: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Result<Arc<Self>, CatalogError> {
        let dir = dir.into();
        let loaded_at = clock.now();
        match load(&dir) {
            Ok(catalog) => Ok(Arc::new(Self::new(catalog, loaded_at, Some(Folder { dir, clock })))),
            Err(problems) => Err(CatalogError { dir, problems }),
        }
    }

    /// A catalog that never changes; for tests. Its `loaded_at` is the epoch.
    #[must_use]
    pub fn fixed(catalog: Catalog) -> Arc<Self> {
        Arc::new(Self::new(catalog, Timestamp::UNIX_EPOCH, None))
    }

    fn new(catalog: Catalog, loaded_at: Timestamp, folder: Option<Folder>) -> Self {
        let catalog = Arc::new(catalog);
        Self {
            folder,
            current: ArcSwap::new(Arc::clone(&catalog)),
            sender: watch::Sender::new(catalog),
            state: Mutex::new(State { loaded_at, last_error: None }),
            reloading: Mutex::new(()),
        }
    }

    /// The folder it was read from; `None` when fixed.
    #[must_use]
    pub fn dir(&self) -> Option<&Path> {
        self.folder.as_ref().map(|folder| folder.dir.as_path())
    }

    /// The catalog in force.
    #[must_use]
    pub fn current(&self) -> Arc<Catalog> {
        self.current.load_full()
    }

    /// What is in force, and why the files as they are now were refused.
    #[must_use]
    pub fn status(&self) -> Status {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Status { version: self.current.load().version.clone(), loaded_at: state.loaded_at, last_error: state.last_error.clone() }
    }

    /// Tells of each new version. A receiver starts with the one in force.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<Catalog>> {
        self.sender.subscribe()
    }

    /// Reads the folder again, secrets included. Blocks on the file system: call it where blocking is allowed.
    ///
    /// A secret that changed in the environment or in its own file is taken over here, but wakes nobody by itself.
    ///
    /// # Errors
    /// [`CatalogError`]: the files have problems, and the last good state stays in force.
    pub fn reload(&self) -> Result<Reload, CatalogError> {
        let Some(folder) = &self.folder else {
            return Ok(Reload::Unchanged);
        };
        let _one_at_a_time = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = load(&folder.dir);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let catalog = match loaded {
            Ok(catalog) => catalog,
            Err(problems) => {
                state.last_error = Some(problems.clone());
                return Err(CatalogError { dir: folder.dir.clone(), problems });
            }
        };
        state.last_error = None;
        let changed = catalog.version != self.current.load().version;
        let catalog = Arc::new(catalog);
        // Secrets from the environment or from files do not count for the version, but are taken over.
        self.current.store(Arc::clone(&catalog));
        if changed {
            state.loaded_at = folder.clock.now();
            drop(state);
            self.sender.send_replace(catalog);
            return Ok(Reload::Changed);
        }
        Ok(Reload::Unchanged)
    }
}
