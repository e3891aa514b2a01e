//! Files that are copied with their hash, and are on the disk afterwards.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How large a file is, and what its bytes hash to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileRecord {
    /// Hex.
    pub(super) sha256: String,
    pub(super) bytes: u64,
}

impl FileRecord {
    /// What a file is.
    pub(super) fn of(path: &Path) -> anyhow::Result<Self> {
        let read = || format!("could not read {}", path.display());
        let mut file = File::open(path).with_context(read)?;
        pour(&mut file, &mut std::io::sink()).with_context(read)
    }

    /// Fails unless the file is what it is said to be.
    pub(super) fn check(&self, path: &Path) -> anyhow::Result<()> {
        if Self::of(path)? != *self {
            bail!("{} is not what was backed up: its size or hash is another", path.display());
        }
        Ok(())
    }
}

/// Copies a file to a new one.
pub(super) fn copy(from: &Path, to: &Path) -> anyhow::Result<FileRecord> {
    let mut source = File::open(from).with_context(|| format!("could not read {}", from.display()))?;
    let written = || format!("could not write {}", to.display());
    let mut target = create(to).with_context(written)?;
    let record = pour(&mut source, &mut target).with_context(|| format!("could not copy {} to {}", from.display(), to.display()))?;
    target.sync_all().with_context(written)?;
    Ok(record)
}

/// Writes a new file, for its owner alone.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let written = create(path).and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.with_context(|| format!("could not write {}", path.display()))
}

/// What is in a folder is on the disk afterwards, by name.
pub(super) fn sync_folder(folder: &Path) -> anyhow::Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all()).with_context(|| format!("could not write {}", folder.display()))
}

/// The folder that a file or folder is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn create(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn pour(from: &mut impl Read, to: &mut impl Write) -> std::io::Result<FileRecord> {
    let (mut digest, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 18]);
    loop {
        let count = from.read(&mut buffer)?;
        let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else { break };
        digest.update(read);
        to.write_all(read)?;
        bytes += count as u64;
    }
    Ok(FileRecord { sha256: hex::encode(digest.finalize()), bytes })
}
