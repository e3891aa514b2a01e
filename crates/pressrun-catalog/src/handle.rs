//! The catalog in force: the last good state of each file, replaced as a whole.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use pressrun_domain::catalog::Catalog;
use pressrun_domain::clock::Clock;
use tokio::sync::watch;

use crate::assemble::{Assembled, Before, FaultyFile, Taken, assemble};
use crate::load::{LoadOptions, sorted};
use crate::packed::Packed;
use crate::problem::Problem;
use crate::rules::CatalogRules;
use crate::{folder, last_good};

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
    /// The files say what they said before, as far as they are right.
    Unchanged,
}

/// What is in force, and what of the files is not.
#[derive(Debug, Clone)]
pub struct Status {
    /// Version of the catalog in force.
    pub version: String,
    /// When it came into force.
    pub loaded_at: Timestamp,
    /// What is wrong with the files as they are now; nothing when all of them are in force.
    pub problems: Vec<Problem>,
    /// The dashboard files that are not in force.
    pub faulty: Arc<[FaultyFile]>,
    /// How many dashboard files were read the last time; the others were as they had been.
    pub files_read: usize,
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
    dir: ArcSwap<PathBuf>,
    clock: Arc<dyn Clock>,
    rules: CatalogRules,
}

struct State {
    loaded_at: Timestamp,
    /// By the clock that nobody sets.
    read_at: SignedDuration,
    publications: u64,
    problems: Vec<Problem>,
    faulty: Arc<[FaultyFile]>,
    files_read: usize,
    taken: Arc<Taken>,
    reads: BTreeSet<PathBuf>,
}

impl fmt::Debug for CatalogHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatalogHandle").field("dir", &self.dir()).field("version", &self.current().version).finish_non_exhaustive()
    }
}

impl CatalogHandle {
    /// Opens the catalog at `dir` as [`CatalogHandle::open_with`] does, with default bounds and everything open to it.
    ///
    /// # Errors
    /// Those of [`CatalogHandle::open_with`].
    pub fn open(dir: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Result<Arc<Self>, CatalogError> {
        Self::open_with(dir, clock, CatalogRules::open())
    }

    /// Opens the catalog at `dir`. Blocks on the file system.
    ///
    /// A dashboard with a fault is left out, and its schedules wait ([`Catalog::waits`]). Connections and people with a fault are what they were
    /// when they last had none, as far as `rules` say where that is kept. [`CatalogHandle::status`] tells of both.
    ///
    /// # Errors
    /// [`CatalogError`] with every problem: there is no folder, or connections or people are not known.
    pub fn open_with(dir: impl Into<PathBuf>, clock: Arc<dyn Clock>, rules: CatalogRules) -> Result<Arc<Self>, CatalogError> {
        let folder = Folder { dir: ArcSwap::from_pointee(dir.into()), clock, rules };
        let taken = Taken::of(folder.rules.last_good.as_deref().map(last_good::read).unwrap_or_default());
        let (catalog, state) = folder.read(&folder.dir.load(), Before { catalog: None, taken: &taken, trusts_traces: false }, None)?;
        Ok(Arc::new(Self::new(catalog, state, Some(folder))))
    }

    /// A catalog that never changes; for tests. Its `loaded_at` is the epoch.
    #[must_use]
    pub fn fixed(catalog: Catalog) -> Arc<Self> {
        let state = State {
            loaded_at: Timestamp::UNIX_EPOCH,
            read_at: SignedDuration::ZERO,
            publications: 0,
            problems: Vec::new(),
            faulty: Arc::default(),
            files_read: 0,
            taken: Arc::default(),
            reads: BTreeSet::new(),
        };
        Arc::new(Self::new(catalog, state, None))
    }

    fn new(catalog: Catalog, state: State, folder: Option<Folder>) -> Self {
        let catalog = Arc::new(catalog);
        Self {
            folder,
            current: ArcSwap::new(Arc::clone(&catalog)),
            sender: watch::Sender::new(catalog),
            state: Mutex::new(state),
            reloading: Mutex::new(()),
        }
    }

    /// The folder it is read from; `None` when fixed.
    #[must_use]
    pub fn dir(&self) -> Option<Arc<PathBuf>> {
        self.folder.as_ref().map(|folder| folder.dir.load_full())
    }

    /// The catalog as its files say it now, to be published. Blocks on the file system, and uses a folder below `scratch` meanwhile.
    ///
    /// # Errors
    /// Those of [`pack`](crate::pack). A fixed catalog has no files, and no problem to name.
    pub fn pack(&self, scratch: &Path) -> Result<Packed, Vec<Problem>> {
        let folder = self.folder.as_ref().ok_or_else(Vec::new)?;
        crate::pack(&folder.dir.load(), &folder.rules, false, scratch)
    }

    /// What the operator lets it be.
    pub(crate) fn rules(&self) -> Option<&CatalogRules> {
        self.folder.as_ref().map(|folder| &folder.rules)
    }

    /// The catalog in force.
    #[must_use]
    pub fn current(&self) -> Arc<Catalog> {
        self.current.load_full()
    }

    /// What is in force, and what of the files is not.
    #[must_use]
    pub fn status(&self) -> Status {
        let state = self.state();
        Status {
            version: self.current.load().version.clone(),
            loaded_at: state.loaded_at,
            problems: state.problems.clone(),
            faulty: Arc::clone(&state.faulty),
            files_read: state.files_read,
        }
    }

    /// When the files were last read and found to say what is in force, as [`Clock::steady`] tells; the end of time for a fixed catalog.
    #[must_use]
    pub fn read_at(&self) -> SignedDuration {
        if self.folder.is_none() { SignedDuration::MAX } else { self.state().read_at }
    }

    /// How often somebody said that the files are as they are meant to be.
    #[must_use]
    pub fn publications(&self) -> u64 {
        self.state().publications
    }

    /// Files outside of the catalog's own that it depends on, such as those with secrets.
    pub(crate) fn reads(&self) -> BTreeSet<PathBuf> {
        self.state().reads.clone()
    }

    /// Tells of each new version, and of each that was published. A receiver starts with the one in force.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<Catalog>> {
        self.sender.subscribe()
    }

    /// Reads the folder again, secrets included. Blocks on the file system: call it where blocking is allowed.
    ///
    /// What is right comes into force; what is not stays as it was. A secret that changed in the environment or in its own file is taken over
    /// too, and wakes nobody by itself.
    ///
    /// # Errors
    /// [`CatalogError`]: the folder cannot be read, and everything stays in force.
    pub fn reload(&self) -> Result<Reload, CatalogError> {
        self.read_again(false)
    }

    /// As [`CatalogHandle::reload`], and says that the files are as they are meant to be: whatever the new version makes impossible need not
    /// hold for a while first.
    ///
    /// # Errors
    /// Those of [`CatalogHandle::reload`].
    pub fn publish(&self) -> Result<Reload, CatalogError> {
        self.read_again(true)
    }

    /// Reads from another folder from now on, whose files are as they are meant to be. Blocks on the file system.
    ///
    /// # Errors
    /// Those of [`CatalogHandle::reload`]; the folder stays the one before.
    pub fn move_to(&self, dir: PathBuf) -> Result<Reload, CatalogError> {
        self.read_from(Some(dir), true)
    }

    fn read_again(&self, meant: bool) -> Result<Reload, CatalogError> {
        self.read_from(None, meant)
    }

    fn read_from(&self, dir: Option<PathBuf>, meant: bool) -> Result<Reload, CatalogError> {
        let Some(folder) = &self.folder else {
            return Ok(Reload::Unchanged);
        };
        let _one_at_a_time = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = dir.map_or_else(|| folder.dir.load_full(), Arc::new);
        let before = self.current.load_full();
        let taken = Arc::clone(&self.state().taken);
        // Whoever says how the files are meant to be has them read.
        let read = folder.read(&dir, Before { catalog: Some(&before), taken: &taken, trusts_traces: !meant }, Some(&taken));
        let mut state = self.state();
        let (catalog, found) = match read {
            Ok(read) => read,
            Err(error) => {
                state.problems.clone_from(&error.problems);
                return Err(error);
            }
        };
        let changed = catalog.version != before.version;
        let catalog = Arc::new(catalog);
        folder.dir.store(dir);
        // Secrets from the environment or from files do not count for the version, but are taken over.
        self.current.store(Arc::clone(&catalog));
        *state = State {
            loaded_at: if changed { found.loaded_at } else { state.loaded_at },
            publications: state.publications + u64::from(meant),
            ..found
        };
        drop(state);
        if changed || meant {
            self.sender.send_replace(catalog);
        }
        Ok(if changed { Reload::Changed } else { Reload::Unchanged })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Folder {
    /// The files as they are, with what was `before` where they are wrong.
    fn read(&self, dir: &Path, before: Before<'_>, kept: Option<&Taken>) -> Result<(Catalog, State), CatalogError> {
        // From before reading, so that what is read is never taken for newer than it is.
        let (now, read_at) = (self.clock.now(), self.clock.steady());
        let refused = |problems| CatalogError { dir: dir.to_owned(), problems: sorted(problems) };
        let options = LoadOptions { rules: &self.rules, ..LoadOptions::default() };
        let mut problems = Vec::new();
        let Some(files) = folder::list(dir, &self.rules, &mut problems) else { return Err(refused(problems)) };
        let Assembled { catalog, problems: found, faulty, taken, read, reads, .. } = assemble(&files, options, now, Some(before));
        problems.extend(found);
        problems.retain(Problem::is_error);
        let Some(catalog) = catalog else { return Err(refused(problems)) };
        if let Some(place) = &self.rules.last_good
            && kept.is_none_or(|kept| kept.shared != taken.shared)
        {
            last_good::write(place, &taken.shared);
        }
        let (problems, taken) = (sorted(problems), Arc::new(taken));
        let state = State { loaded_at: now, read_at, publications: 0, problems, faulty: faulty.into(), files_read: read, taken, reads };
        Ok((catalog, state))
    }
}
