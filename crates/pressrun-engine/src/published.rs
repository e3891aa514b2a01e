//! One catalog for all nodes.
//!
//! A node that *publishes* puts each new version of its folder into force for all of them, with what its files say; `pressrun publish` does the same
//! from outside. A node that *follows* has no folder of its own: it takes what was published last into its spool and reads it from there. Which
//! version is in force is a row, so that a node with files of before brings nothing back and switches nothing off (P7, H12).

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use pressrun_catalog::{CatalogHandle, Packed, Problem};
use pressrun_domain::clock::Clock;
use pressrun_store::{CatalogPublication, PublishedCatalog, Store, StoreError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use uuid::Uuid;

/// Time between two looks for a new publication, or for one that could not be made.
const EVERY: SignedDuration = SignedDuration::from_secs(5);

/// A folder that nobody has written to for so long was left half written by a process that died.
const LEFT: SignedDuration = SignedDuration::from_mins(10);

/// How folders are called that are being written.
const NEW: &str = "new-";

/// Folders of publications that are kept: runs may still read their definitions from the one before.
const KEPT: usize = 3;

/// A publication cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The rows cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The files cannot be written.
    #[error("the published catalog cannot be written below {}: {why}", folder.display())]
    Folder {
        /// Where.
        folder: PathBuf,
        /// Why.
        why: std::io::Error,
    },
}

/// A publication, and the folder of this machine that has its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// What was published.
    pub published: PublishedCatalog,
    /// Where its files are.
    pub dir: PathBuf,
}

/// Takes what was published last into a folder below `folder`, unless it is there; `None` when nothing is published.
///
/// # Errors
/// The rows cannot be read, or the files not be written.
pub async fn fetch(store: &dyn Store, folder: &Path) -> Result<Option<Fetched>, FetchError> {
    let Some(published) = store.published_catalog().await? else { return Ok(None) };
    // Publications of several stores that were one after the other in this spool have the same numbers.
    let short = published.hash.get(..16).unwrap_or(&published.hash);
    let dir = folder.join(format!("{:010}-{short}", published.publication));
    if !dir.is_dir() {
        let files = store.published_files(published.publication).await?;
        let (folder, dir) = (folder.to_owned(), dir.clone());
        let written = tokio::task::spawn_blocking(move || {
            // Whole or not at all: another process of this machine may be at it too.
            let new = folder.join(format!("{NEW}{}", Uuid::new_v4()));
            let made = pressrun_catalog::unpack(&files, &new).and_then(|()| fs::rename(&new, &dir));
            if made.is_err() {
                let _ = fs::remove_dir_all(&new);
            }
            match made {
                Err(_) if dir.is_dir() => Ok(()),
                Err(why) => Err(FetchError::Folder { folder, why }),
                Ok(()) => Ok(()),
            }
        });
        written.await.unwrap_or_else(|ended| Err(FetchError::Folder { folder: PathBuf::new(), why: std::io::Error::other(ended) }))?;
    }
    Ok(Some(Fetched { published, dir }))
}

/// Why a node serves another catalog than the one that was published last, while it does. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Behind(Arc<Mutex<Option<String>>>);

impl Behind {
    /// The reason, which may quote a file.
    #[must_use]
    pub fn why(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, why: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }
}

/// Keeps the catalog of a node at what was published last.
pub struct Follower {
    /// Rows.
    pub store: Arc<dyn Store>,
    /// What is followed to.
    pub catalog: Arc<CatalogHandle>,
    /// Where files are written.
    pub folder: PathBuf,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The publication that the catalog was opened with.
    pub taken: i64,
    /// Is told why the last one cannot be taken.
    pub behind: Behind,
}

impl Follower {
    /// Follows until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let following = async {
            loop {
                self.clock.sleep(EVERY).await;
                let why = self.look().await.err();
                // Once each: it is tried again every few seconds.
                if let Some(why) = why.as_ref().filter(|why| self.behind.why().as_ref() != Some(why)) {
                    error!(why, "the published catalog cannot be taken; the one before stays in force here");
                }
                self.behind.set(why);
            }
        };
        stop.run_until_cancelled(following).await;
    }

    /// One look; takes what is new.
    ///
    /// # Errors
    /// It cannot be taken, in words.
    pub async fn look(&mut self) -> Result<(), String> {
        let Some(Fetched { published, dir }) = fetch(self.store.as_ref(), &self.folder).await.map_err(|error| error.to_string())? else {
            return Err("no catalog is published any more; publish one, or let nodes read folders of their own again".to_owned());
        };
        if published.publication == self.taken {
            return Ok(());
        }
        let (catalog, folder, now) = (Arc::clone(&self.catalog), self.folder.clone(), self.clock.now());
        let moved = tokio::task::spawn_blocking(move || {
            let moved = catalog.move_to(dir);
            if moved.is_ok() {
                forget_old(&folder);
                forget_half_written(&folder, now);
            }
            moved
        });
        match moved.await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(error.to_string()),
            Err(ended) => return Err(ended.to_string()),
        }
        self.taken = published.publication;
        let (version, documents) = (self.catalog.current().version.clone(), self.catalog.current().documents.len());
        info!(version, documents, publication = published.publication, by = published.by, "took the published catalog");
        warn_of_another_reading(&self.catalog, &published);
        Ok(())
    }
}

/// Says so when this program makes another version of the published files than whoever published them.
pub fn warn_of_another_reading(catalog: &CatalogHandle, published: &PublishedCatalog) {
    let own = catalog.current().version.clone();
    if own != published.hash {
        warn!(
            own,
            published = published.hash,
            "this node reads the published catalog differently: some file is not right here, or the nodes run different versions of Pressrun; \
             no schedule is switched off or on for it until they agree"
        );
    }
}

/// Deletes the folders of all but the last publications.
fn forget_old(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut dirs: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    dirs.retain(|dir| dir.file_name().is_some_and(|name| name.to_string_lossy().starts_with(|c: char| c.is_ascii_digit())));
    dirs.sort();
    dirs.truncate(dirs.len().saturating_sub(KEPT));
    for dir in dirs {
        if let Err(error) = fs::remove_dir_all(&dir) {
            warn!(%error, folder = %dir.display(), "could not delete an old catalog");
        }
    }
}

/// Deletes what processes that died have left half written; others may be writing now.
pub fn forget_half_written(folder: &Path, now: Timestamp) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(NEW)) {
        let written = entry.metadata().and_then(|data| data.modified()).ok().and_then(|at| Timestamp::try_from(at).ok());
        if written.is_some_and(|at| now.duration_since(at) > LEFT)
            && let Err(error) = fs::remove_dir_all(entry.path())
        {
            warn!(%error, folder = %entry.path().display(), "could not delete a catalog that was left half written");
        }
    }
}

/// Puts each new version of a node's folder into force for all nodes.
pub struct Publisher {
    /// Rows.
    pub store: Arc<dyn Store>,
    /// What is published.
    pub catalog: Arc<CatalogHandle>,
    /// Where a copy is made meanwhile.
    pub scratch: PathBuf,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Who publishes, in words.
    pub by: String,
}

/// Why a folder is not published, for now.
enum Held {
    /// It was published before, and this process has not seen it change: it may be files of before.
    OfBefore(PublishedCatalog),
    /// It is being changed.
    Changing,
    /// It has errors.
    Faulty(Vec<Problem>),
    /// The store failed.
    Store(StoreError),
}

impl Held {
    /// Logs why nothing was published, unless it was told before, and returns whether it is tried again without a change of the files.
    fn tell(&self, told: &mut Option<String>) -> bool {
        let (words, again) = match self {
            Self::OfBefore(published) => (
                format!(
                    "this node's folder says what was published before; {} published another version since. Send SIGHUP or run `pressrun publish` if it \
                     is meant",
                    published.by
                ),
                false,
            ),
            Self::Changing => return true,
            Self::Faulty(problems) => {
                let first = problems.first().map(ToString::to_string).unwrap_or_default();
                (format!("the catalog is not published, for it has {} problems: {first}", problems.len()), false)
            }
            Self::Store(error) => (format!("the catalog could not be published: {error}"), true),
        };
        if told.as_ref() != Some(&words) {
            warn!("{words}");
            *told = Some(words);
        }
        again
    }
}

impl Publisher {
    /// Publishes until `stop`: at the start what nobody has published before, and from then on each version that the files change to or that
    /// somebody means by `SIGHUP`.
    pub async fn run(self, stop: CancellationToken) {
        let mut news = self.catalog.subscribe();
        news.mark_unchanged();
        let publishing = async {
            let mut meant = false;
            let mut told = None;
            loop {
                let again = match self.publish(meant).await {
                    Ok(()) => {
                        told = None;
                        false
                    }
                    Err(held) => held.tell(&mut told),
                };
                meant |= wait(&mut news, self.clock.as_ref(), again).await;
            }
        };
        stop.run_until_cancelled(publishing).await;
    }

    async fn publish(&self, meant: bool) -> Result<(), Held> {
        let version = self.catalog.current().version.clone();
        let published = self.store.published_catalog().await.map_err(Held::Store)?;
        match published {
            Some(published) if published.hash == version => return Ok(()),
            Some(published) if !meant && self.store.was_published(&version).await.map_err(Held::Store)? => {
                return Err(Held::OfBefore(published));
            }
            _ => {}
        }
        let (catalog, scratch) = (Arc::clone(&self.catalog), self.scratch.clone());
        let packed = tokio::task::spawn_blocking(move || catalog.pack(&scratch)).await;
        let Packed { version: packed, documents, files, .. } = match packed {
            Ok(packed) => packed.map_err(Held::Faulty)?,
            Err(_) => return Err(Held::Changing),
        };
        if packed != version {
            return Err(Held::Changing);
        }
        let documents = u32::try_from(documents).unwrap_or(u32::MAX);
        let publication = CatalogPublication { hash: &version, documents, files: &files, by: &self.by };
        let published = self.store.publish_catalog(&publication, self.clock.now()).await.map_err(Held::Store)?;
        info!(version, documents, publication = published.publication, "published the catalog for all nodes");
        Ok(())
    }
}

/// Waits for another version, or a while when it is to be tried again; whether there is another.
async fn wait(news: &mut watch::Receiver<Arc<pressrun_domain::catalog::Catalog>>, clock: &dyn Clock, again: bool) -> bool {
    tokio::select! {
        changed = news.changed() => match changed {
            Ok(()) => true,
            // The catalog lives as long as the process.
            Err(_) => std::future::pending().await,
        },
        () = clock.sleep(EVERY), if again => false,
    }
}
