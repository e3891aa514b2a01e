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

/// Takes away what group and others may do with a file or folder of ours, and says so once; does nothing when there is none. What belongs
/// to another account, such as the root of a mounted volume, stays as it is, with a warning: what we make inside is private all the same.
///
/// # Errors
/// The permissions can be neither read nor changed.
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
    let (path_shown, mode, wanted_shown) = (path.display(), format!("{mode:04o}"), format!("{wanted:04o}"));
    match std::fs::set_permissions(path, std::fs::Permissions::from_mode(wanted)) {
        Ok(()) => tracing::info!(path = %path_shown, before = mode, now = wanted_shown, "others could read this; now they cannot"),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            tracing::warn!(path = %path_shown, mode, wanted = wanted_shown, "others may read this, and it belongs to another account: let its owner change that");
        }
        Err(error) => return Err(error),
    }
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn m3_a_volume_of_another_account_is_used_as_it_is() {
        // Nobody, root included, changes the mode of what the kernel shows there.
        let foreign = Path::new("/proc/self");
        assert!(is_open_to_others(foreign).expect("it can be looked at"));
        tighten(foreign).expect("a warning is enough");
        assert!(is_open_to_others(foreign).expect("it can be looked at"));
    }
}
