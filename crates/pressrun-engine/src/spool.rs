//! Artifacts by the hash of their bytes, and half-made files.
//!
//! `artifacts/ab/abcdef…` holds finished bytes under their SHA-256; equal bytes are one file. `cache/` holds the same of what a bucket keeps.
//! `work/<run>-<fence>-<number>/` holds what one claim makes of an audience on the way; it goes when that is promised, and what a crash left goes at
//! a start a day later. Which artifacts are needed is for the rows of the store to say.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, utimensat};
use tokio::runtime::{Handle, RuntimeFlavor};

/// A file younger than this is never removed: it may have been made for a run that has not promised it yet.
const SWEEP_AFTER: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// A folder of artifacts.
#[derive(Debug, Clone)]
pub struct Spool {
    root: PathBuf,
    /// The folder in it that holds them.
    kept: &'static str,
}

/// A folder for half-made files, removed when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct WorkDir(Arc<Folder>);

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    /// It is there, and has to go.
    is_made: bool,
}

impl WorkDir {
    /// A file in it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.path.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.is_made {
            return;
        }
        let folder = std::mem::take(&mut self.path);
        // What cannot be removed now is removed at a later start.
        let remove = move || drop(std::fs::remove_dir_all(folder));
        match Handle::try_current() {
            Ok(runtime) if runtime.runtime_flavor() != RuntimeFlavor::CurrentThread => drop(runtime.spawn_blocking(remove)),
            _ => remove(),
        }
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
        Ok(Self { root, kept: "artifacts" })
    }

    /// The same folder, with what is kept elsewhere in mind.
    #[must_use]
    pub fn cache(&self) -> Self {
        Self { root: self.root.clone(), kept: "cache" }
    }

    /// A fresh folder for half-made files.
    ///
    /// # Errors
    /// It cannot be created, such as on a full disk.
    pub fn work_dir(&self, name: &str) -> io::Result<WorkDir> {
        let path = self.root.join("work").join(name);
        std::fs::create_dir_all(&path)?;
        Ok(WorkDir(Arc::new(Folder { path, is_made: true })))
    }

    /// The name of a folder that is not there, for whoever makes no files.
    pub(crate) fn no_work_dir(&self, name: &str) -> WorkDir {
        WorkDir(Arc::new(Folder { path: self.root.join("work").join(name), is_made: false }))
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
        // Nobody who found the file of old in its place removes this one.
        let guard = self.guard(File::lock_shared)?;
        std::fs::rename(file, &target)?;
        drop(guard);
        if let Some(folder) = target.parent() {
            std::fs::File::open(folder)?.sync_all()?;
        }
        Ok(target)
    }

    /// [`Spool::work_dir`], off the threads that work on many things at once.
    ///
    /// # Errors
    /// It cannot be created.
    pub async fn new_work_dir(&self, name: String) -> io::Result<WorkDir> {
        let spool = self.clone();
        off_thread(move || spool.work_dir(&name)).await
    }

    /// Takes a file in that is kept elsewhere as well. After a power cut it may be gone; if it is there, it is whole.
    ///
    /// # Errors
    /// It cannot be moved.
    pub(crate) fn adopt_copy(&self, file: &Path, sha256: &str) -> io::Result<PathBuf> {
        let target = self.path(sha256);
        if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder)?;
        }
        File::open(file)?.sync_all()?;
        std::fs::rename(file, &target)?;
        Ok(target)
    }

    /// [`Spool::find`], and takes note that it is needed now.
    ///
    /// # Errors
    /// That cannot be noted.
    pub(crate) fn find_and_mark(&self, sha256: &str) -> io::Result<Option<PathBuf>> {
        let Some(path) = self.find(sha256) else { return Ok(None) };
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        match utimensat(CWD, &path, &Timestamps { last_access: now, last_modification: now }, AtFlags::empty()) {
            Ok(()) => Ok(Some(path)),
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes what was not needed for so long.
    ///
    /// # Errors
    /// A folder cannot be read, or a file not removed.
    pub(crate) fn forget_unused(&self, age: std::time::Duration) -> io::Result<()> {
        for folder in 0..=u8::MAX {
            self.remove_older(&self.hashes_in(folder)?, age)?;
        }
        Ok(())
    }

    /// Where the artifact of this hash is, if it is there. Any other text than a hash names nothing.
    #[must_use]
    pub fn find(&self, sha256: &str) -> Option<PathBuf> {
        Self::is_hash(sha256).then(|| self.path(sha256)).filter(|path| path.is_file())
    }

    /// Whether the text is the hash of an artifact: 64 lower-case hex digits.
    #[must_use]
    pub(crate) fn is_hash(text: &str) -> bool {
        text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    }

    /// Removes these artifacts, but for those that were made within the last day; returns how many.
    ///
    /// # Errors
    /// One cannot be removed; those before it are gone.
    pub fn remove(&self, hashes: &[String]) -> io::Result<u64> {
        self.remove_older(hashes, SWEEP_AFTER)
    }

    fn remove_older(&self, hashes: &[String], age: std::time::Duration) -> io::Result<u64> {
        let mut removed = 0;
        for path in hashes.iter().filter_map(|sha256| self.find(sha256)) {
            let _guard = self.guard(File::lock)?;
            match std::fs::metadata(&path) {
                Ok(found) if is_as_old(&found, age) => std::fs::remove_file(&path)?,
                Ok(_) => continue,
                // Another process has removed it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            }
            removed += 1;
        }
        Ok(removed)
    }

    /// Hashes of the artifacts in one of the folders: those that begin with this byte.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub(crate) fn hashes_in(&self, folder: u8) -> io::Result<Vec<String>> {
        let files = match std::fs::read_dir(self.root.join(self.kept).join(format!("{folder:02x}"))) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        files.map(|file| Ok(file?.file_name().to_string_lossy().into_owned())).collect()
    }

    /// A lock that all processes share, held until it is dropped; none on a file system without locks.
    fn guard(&self, lock: fn(&File) -> io::Result<()>) -> io::Result<Option<File>> {
        let file = File::options().create(true).append(true).open(self.root.join("artifacts.lock"))?;
        match lock(&file) {
            Ok(()) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn path(&self, sha256: &str) -> PathBuf {
        self.root.join(self.kept).join(sha256.get(..2).unwrap_or("__")).join(sha256)
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
    entry.metadata().is_ok_and(|found| is_as_old(&found, age))
}

fn is_as_old(found: &std::fs::Metadata, age: std::time::Duration) -> bool {
    found.modified().is_ok_and(|modified| modified.elapsed().is_ok_and(|elapsed| elapsed >= age))
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
    }

    #[test]
    fn h10_a_file_that_was_made_again_meanwhile_is_not_removed() {
        let dir = tempfile::tempdir().expect("a folder");
        let spool = Spool::open(dir.path()).expect("opens");
        let hashes = ["ab", "cd"].map(|letters| letters.repeat(32));
        let work = spool.work_dir("run-1").expect("creates");
        for hash in &hashes {
            std::fs::write(work.file("out"), b"bytes").expect("writes");
            spool.adopt(&work.file("out"), hash).expect("moves");
        }
        assert_eq!(spool.hashes_in(0xab).expect("reads"), [hashes[0].clone()]);
        assert_eq!(spool.hashes_in(0).expect("there is no such folder"), [""; 0]);
        assert_eq!(spool.remove(&hashes).expect("looks"), 0, "both are of this day");
        let two_days = std::time::Duration::from_secs(48 * 60 * 60);
        let old = File::open(spool.find(&hashes[0]).expect("there")).expect("opens");
        old.set_modified(old.metadata().and_then(|found| found.modified()).expect("known") - two_days).expect("set");
        assert_eq!(spool.remove(&hashes).expect("removes"), 1);
        assert_eq!((spool.find(&hashes[0]), spool.find(&hashes[1]).is_some()), (None, true));
        assert_eq!(spool.remove(&hashes[..1]).expect("it is gone"), 0);
    }
}
