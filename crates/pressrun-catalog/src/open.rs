//! Opening files that somebody else may be moving about: what is judged is what was opened.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

/// A file that was not opened.
#[derive(Debug)]
pub(crate) enum NotOpened {
    /// The system says why.
    Io(io::Error),
    /// A folder.
    Folder,
    /// A pipe, a socket or a device.
    NotPlain,
    /// It leads out of every folder that it may be in.
    Outside,
}

impl From<io::Error> for NotOpened {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Opens the plain file at `path`, links followed, which has to be inside of one of the canonical folders `inside` when they are given.
///
/// A link can be changed between a check and the opening. So the check comes after: the file that is open has to be the one that stands, at a
/// path without links, inside.
pub(crate) fn plain_file(path: &Path, inside: Option<&[PathBuf]>) -> Result<File, NotOpened> {
    // Opening alone does something to some devices.
    judge_kind(&fs::metadata(path)?)?;
    let file = open(path)?;
    let opened = file.metadata()?;
    judge_kind(&opened)?;
    let Some(inside) = inside else { return Ok(file) };
    let canonical = path.canonicalize()?;
    if !inside.iter().any(|folder| canonical.starts_with(folder)) {
        return Err(NotOpened::Outside);
    }
    if identity(&opened) != identity(&fs::symlink_metadata(&canonical)?) {
        return Err(io::Error::other("the file was replaced while it was opened").into());
    }
    Ok(file)
}

fn judge_kind(data: &Metadata) -> Result<(), NotOpened> {
    if data.is_dir() {
        return Err(NotOpened::Folder);
    }
    if data.is_file() { Ok(()) } else { Err(NotOpened::NotPlain) }
}

/// Opening a pipe would wait for its other end.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;

    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    fs::OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Which file it is, whatever it is called. Ends of a file's life apart, no two have the same.
#[cfg(unix)]
pub(crate) fn identity(data: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;

    (data.dev(), data.ino())
}

#[cfg(not(unix))]
pub(crate) fn identity(_: &Metadata) -> (u64, u64) {
    (0, 0)
}
