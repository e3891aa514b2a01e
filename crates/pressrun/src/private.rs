//! Files that only the server's own account may read: rows and their log, artifacts, mails, keys.
//!
//! A umask makes new files so, whatever the account's own is. What an older version left readable is tightened when it is opened.

use std::io;
use std::path::Path;

/// Leaves group and others out of every file and folder that this process and its children make from now on.
#[cfg(unix)]
pub(crate) fn keep_files_private() {
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
}

#[cfg(not(unix))]
pub(crate) fn keep_files_private() {}

/// Takes away what group and others may do with a file or folder of ours, and says so once; does nothing when there is none.
///
/// # Errors
/// The permissions cannot be changed.
#[cfg(unix)]
pub(crate) fn tighten(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let found = match std::fs::metadata(path) {
        Ok(found) => found.permissions(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let (mode, wanted) = (found.mode() & 0o7777, found.mode() & 0o7700);
    if mode == wanted {
        return Ok(());
    }
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(wanted))?;
    tracing::info!(path = %path.display(), before = format!("{mode:04o}"), now = format!("{wanted:04o}"), "others could read this; now they cannot");
    Ok(())
}

#[cfg(not(unix))]
pub(crate) fn tighten(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Whether accounts beyond the owner and the group may read a file.
///
/// # Errors
/// It cannot be looked at.
#[cfg(unix)]
pub(crate) fn is_open_to_others(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(std::fs::metadata(path)?.permissions().mode() & 0o007 != 0)
}

#[cfg(not(unix))]
pub(crate) fn is_open_to_others(_: &Path) -> io::Result<bool> {
    Ok(false)
}
