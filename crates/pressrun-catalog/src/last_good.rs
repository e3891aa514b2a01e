//! What connections and people said when they last had no fault, kept beside the catalog for the next start.
//!
//! Without people nobody can be told apart and without connections nothing can be asked, so a typing error in one of these files would keep a
//! server from starting again. The texts may hold what the catalog holds, so the file is for its owner alone.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use crate::folder::Shared;

const FILE: &str = "shared.json";

/// What was kept in `folder`; nothing when there is none or it cannot be read.
pub(crate) fn read(folder: &Path) -> Shared {
    let path = folder.join(FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Shared::default(),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "what the catalog said last cannot be read");
            return Shared::default();
        }
    };
    serde_json::from_str(&text).unwrap_or_else(|error| {
        tracing::warn!(path = %path.display(), %error, "what the catalog said last cannot be read");
        Shared::default()
    })
}

/// Keeps `shared` in `folder`: whole, or not at all.
pub(crate) fn write(folder: &Path, shared: &Shared) {
    if let Err(error) = try_write(folder, shared) {
        tracing::warn!(path = %folder.display(), %error, "the catalog could not be kept for the next start");
    }
}

fn try_write(folder: &Path, shared: &Shared) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let temporary = folder.join(format!(".{FILE}.{}", std::process::id()));
    // One that a crash left behind may have other rights.
    let _ = fs::remove_file(&temporary);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&temporary)?;
    file.write_all(serde_json::to_string(shared)?.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, folder.join(FILE))
}
