//! Where queries spill what they do not hold in memory.
//!
//! Each child has a folder of its own, which its parent removes when it is done with the child, however that ended: queries that spill most are
//! those that are killed (M17). All of them are in one folder of the parent, which holds a lock beside it for as long as it lives, so that what
//! a killed parent left is found and removed by others.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use uuid::Uuid;

/// What has no lock beside it was left by an older version, once it is so old.
const LEFT: Duration = Duration::from_secs(24 * 60 * 60);

/// The folders of one process's children.
#[derive(Debug)]
pub(super) struct Scratch {
    folder: PathBuf,
    next: AtomicU64,
    /// Locked for as long as it is open; none on a file system without locks.
    _lock: Option<File>,
}

impl Scratch {
    /// A folder of this process's own in `root`.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(root)?;
        let folder = root.join(Uuid::now_v7().to_string());
        let lock = File::create(lock_of(&folder))?;
        // Locked before there is a folder: nobody ever takes it for one of the dead.
        let lock = match lock.try_lock() {
            Ok(()) => Some(lock),
            Err(error) => {
                tracing::warn!(%error, folder = %folder.display(), "what queries spill is not locked");
                None
            }
        };
        std::fs::create_dir(&folder)?;
        Ok(Self { folder, next: AtomicU64::new(1), _lock: lock })
    }

    /// A folder for another child.
    pub(super) fn for_child(&self) -> io::Result<ChildScratch> {
        let path = self.folder.join(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        std::fs::create_dir(&path)?;
        Ok(ChildScratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now, others remove later.
        let _ = std::fs::remove_dir_all(&self.folder).and_then(|()| std::fs::remove_file(lock_of(&self.folder)));
    }
}

/// The folder of a child, removed with this value.
#[derive(Debug)]
pub(super) struct ChildScratch(PathBuf);

impl ChildScratch {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for ChildScratch {
    fn drop(&mut self) {
        let path = std::mem::take(&mut self.0);
        let remove = move || {
            let _ = std::fs::remove_dir_all(path);
        };
        // Many gigabytes take a while.
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }
}

/// Removes what dead processes left in `root`.
pub(super) fn clear_the_dead(root: &Path) -> io::Result<()> {
    let entries = match std::fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let (path, found) = match entry.and_then(|entry| Ok((entry.path(), entry.metadata()?))) {
            Ok(found) => found,
            // Its own process was faster.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if path.extension().is_some_and(|extension| extension == "lock") {
            continue;
        }
        let lock = lock_of(&path);
        match File::open(&lock) {
            Ok(file) if file.try_lock().is_ok() => {
                std::fs::remove_dir_all(&path)?;
                std::fs::remove_file(&lock)?;
            }
            // It lives, or nobody can tell.
            Ok(_) => {}
            Err(_) => {
                let is_left = found.modified().is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age >= LEFT));
                if is_left {
                    if found.is_dir() { std::fs::remove_dir_all(&path)? } else { std::fs::remove_file(&path)? }
                }
            }
        }
    }
    Ok(())
}

/// The lock beside a folder.
fn lock_of(folder: &Path) -> PathBuf {
    folder.with_extension("lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(root: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            std::fs::read_dir(root).expect("there").map(|entry| entry.expect("read").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn m17_what_a_child_spilled_goes_with_it() {
        let root = tempfile::tempdir().expect("a folder");
        let scratch = Scratch::open(root.path()).expect("opens");
        let (one, other) = (scratch.for_child().expect("made"), scratch.for_child().expect("made"));
        std::fs::write(one.path().join("spill"), b"rows").expect("writes");
        let (one_path, other_path) = (one.path().to_owned(), other.path().to_owned());
        drop(one);
        assert!(!one_path.exists() && other_path.exists());
        drop(other);
        drop(scratch);
        assert_eq!(names(root.path()), [""; 0]);
    }

    #[test]
    fn m17_what_a_killed_process_spilled_is_removed_by_another() {
        let root = tempfile::tempdir().expect("a folder");
        let living = Scratch::open(root.path()).expect("opens");
        let dead = root.path().join("dead");
        std::fs::create_dir_all(dead.join("1")).expect("made");
        std::fs::write(lock_of(&dead), b"").expect("nobody holds it");
        let old = root.path().join("datafusion-abc");
        std::fs::create_dir(&old).expect("made");
        clear_the_dead(root.path()).expect("clears");
        assert!(living.folder.exists() && !dead.exists());
        assert!(old.exists(), "a process of an older version may be at work in it");
        let folder = File::open(&old).expect("opens");
        folder.set_modified(folder.metadata().and_then(|found| found.modified()).expect("known") - 2 * LEFT).expect("set");
        clear_the_dead(root.path()).expect("clears");
        assert!(!old.exists());
        assert_eq!(names(root.path()).len(), 2, "its own and its lock");
        clear_the_dead(&root.path().join("nowhere")).expect("there is nothing");
    }
}
