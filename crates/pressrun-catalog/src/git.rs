//! Whether git is at work in the folder.

use std::fs;
use std::path::{Path, PathBuf};

/// The lock that git holds while it changes the files of the work tree that `dir` is in, when it is in one. Files come and go until it is gone.
pub(crate) fn index_lock(dir: &Path) -> Option<PathBuf> {
    let dir = dir.canonicalize().ok()?;
    let marker = dir.ancestors().map(|folder| folder.join(".git")).find(|marker| marker.symlink_metadata().is_ok())?;
    if marker.is_dir() {
        return Some(marker.join("index.lock"));
    }
    // A further work tree, or a submodule: a file that says where the folder is (gitrepository-layout(5)).
    let text = fs::read_to_string(&marker).ok()?;
    let folder = text.lines().next()?.strip_prefix("gitdir:")?.trim();
    Some(marker.parent()?.join(folder).join("index.lock"))
}
