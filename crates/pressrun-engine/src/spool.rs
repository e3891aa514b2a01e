//! Artifacts by the hash of their bytes, and half-made files.
//!
//! `artifacts/ab/abcdef…` holds finished bytes under their SHA-256; equal bytes are one file. `work/<run>-<fence>/` holds what one claim
//! of a run makes on the way; it goes when the claim ends, and what a crash left goes at a start a day later.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::runtime::{Handle, RuntimeFlavor};

/// A file younger than this is never swept: it may have been made for a run that has not promised it yet.
const SWEEP_AFTER: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// A folder of artifacts.
#[derive(Debug, Clone)]
pub struct Spool {
    root: PathBuf,
}

/// A folder for half-made files, removed when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct WorkDir(Arc<Folder>);

#[derive(Debug)]
struct Folder(PathBuf);

impl WorkDir {
    /// A file in it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed now is removed at a later start.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Spool {
    /// Opens the folder, and removes what a crash left half-made. Other processes may be at work in it: theirs is younger than a day.
    ///
    /// # Errors
    /// It cannot be created or written.
    pub fn open(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        std::fs::create_dir_all(root.join("artifacts"))?;
        let work = root.join("work");
        std::fs::create_dir_all(&work)?;
        for folder in std::fs::read_dir(&work)? {
            let folder = folder?;
            if is_older(&folder, SWEEP_AFTER) {
                std::fs::remove_dir_all(folder.path())?;
            }
        }
        Ok(Self { root })
    }

    /// A fresh folder for half-made files.
    ///
    /// # Errors
    /// It cannot be created, such as on a full disk.
    pub fn work_dir(&self, name: &str) -> io::Result<WorkDir> {
        let path = self.root.join("work").join(name);
        std::fs::create_dir_all(&path)?;
        Ok(WorkDir(Arc::new(Folder(path))))
    }

    /// Takes a finished file in under its hash; afterwards it survives a power cut.
    ///
    /// # Errors
    /// It cannot be moved.
    pub fn adopt(&self, file: &Path, sha256: &str) -> io::Result<PathBuf> {
        let target = self.path(sha256);
        if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::File::open(file)?.sync_all()?;
        std::fs::rename(file, &target)?;
        if let Some(folder) = target.parent() {
            std::fs::File::open(folder)?.sync_all()?;
        }
        Ok(target)
    }

    /// Where the artifact of this hash is, if it is there. Any other text than a hash names nothing.
    #[must_use]
    pub fn find(&self, sha256: &str) -> Option<PathBuf> {
        let is_hash = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        is_hash.then(|| self.path(sha256)).filter(|path| path.is_file())
    }

    /// Removes every artifact that is older than a day and not in `live`; returns how many.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn sweep(&self, live: &HashSet<String>) -> io::Result<u64> {
        self.sweep_older(live, SWEEP_AFTER)
    }

    fn sweep_older(&self, live: &HashSet<String>, age: std::time::Duration) -> io::Result<u64> {
        let mut removed = 0;
        for folder in std::fs::read_dir(self.root.join("artifacts"))? {
            let folder = folder?.path();
            if !folder.is_dir() {
                continue;
            }
            for file in std::fs::read_dir(folder)? {
                let file = file?;
                let dead = !live.contains(file.file_name().to_string_lossy().as_ref()) && is_older(&file, age);
                if dead && std::fs::remove_file(file.path()).is_ok() {
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }

    fn path(&self, sha256: &str) -> PathBuf {
        self.root.join("artifacts").join(sha256.get(..2).unwrap_or("__")).join(sha256)
    }
}

/// Does what waits for the disk on a thread where nobody else waits, if the runtime has such: one that has a single thread does one thing after
/// the other anyway, and then in an order that can be repeated.
pub(crate) async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::CurrentThread => work(),
        _ => tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?,
    }
}

/// Whether a file or folder was last changed at least `age` ago.
fn is_older(entry: &std::fs::DirEntry, age: std::time::Duration) -> bool {
    let modified = entry.metadata().and_then(|metadata| metadata.modified());
    modified.is_ok_and(|modified| modified.elapsed().is_ok_and(|elapsed| elapsed >= age))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i1_a_second_process_leaves_the_work_of_the_first_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        let work = Spool::open(dir.path()).expect("opens").work_dir("run-1").expect("creates");
        std::fs::write(work.file("rows.arrow"), b"rows").expect("writes");
        Spool::open(dir.path()).expect("opens again");
        assert!(work.file("rows.arrow").exists());
    }

    #[test]
    fn l2_a_half_made_file_is_never_found_and_a_finished_one_always() {
        let dir = tempfile::tempdir().expect("a folder");
        let spool = Spool::open(dir.path()).expect("opens");
        let hash = "ab".repeat(32);
        let work = spool.work_dir("run-1").expect("creates");
        std::fs::write(work.file("out"), b"bytes").expect("writes");
        assert_eq!(spool.find(&hash), None);
        spool.adopt(&work.file("out"), &hash).expect("moves");
        drop(work);
        assert_eq!(std::fs::read(spool.find(&hash).expect("is there")).expect("reads"), b"bytes");
        assert_eq!(spool.find("../../etc/passwd"), None);
        assert_eq!(spool.sweep(&HashSet::new()).expect("reads"), 0, "a young file may not be promised yet");
        let at_once = std::time::Duration::ZERO;
        assert_eq!(spool.sweep_older(&HashSet::from([hash.clone()]), at_once).expect("reads"), 0);
        assert_eq!(spool.sweep_older(&HashSet::new(), at_once).expect("reads"), 1);
        assert_eq!(spool.find(&hash), None);
    }
}
