//! Where rendered bytes are kept by their SHA-256: the spool folder of one machine, or a bucket that many machines share.
//!
//! Equal bytes are one artifact. Which artifacts are needed is for the rows of the store to say.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use sha2::{Digest, Sha256};

use crate::spool::{Spool, WorkDir, off_thread};

mod bucket;

pub use bucket::{Bucket, BucketConfig, BucketFault};

/// Folders that artifacts are spread over, by the first byte of their hash.
pub(crate) const FOLDERS: u16 = 256;

/// Why an artifact cannot be kept or had now.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The folder of this machine.
    #[error("the spool folder cannot be read or written: {0}")]
    Folder(#[from] io::Error),
    /// The bucket does not answer, or not as it should. It may do so later.
    #[error("the artifact store {0}; the server's log says more")]
    Bucket(&'static str),
}

/// Keeps artifacts. Hashes are 64 lower-case hex digits; any other text names nothing.
#[async_trait]
pub trait ArtifactStore: Send + Sync + fmt::Debug {
    /// Takes a finished file in under its hash, and away from where it is; afterwards it survives a power cut.
    ///
    /// # Errors
    /// It cannot be kept; the file is where it was or gone, and nothing half-made is ever found.
    async fn put(&self, file: &Path, sha256: &str) -> Result<(), ArtifactError>;

    /// A local file with these bytes; `None` when nobody has kept them.
    ///
    /// # Errors
    /// It cannot be told or had now.
    async fn open(&self, sha256: &str) -> Result<Option<PathBuf>, ArtifactError>;

    /// Removes these, but for those that were kept within the last day: they were made again meanwhile, for a run that has not promised them yet.
    /// Returns how many are gone.
    ///
    /// # Errors
    /// One cannot be removed; those before it are gone.
    async fn remove(&self, hashes: &[String]) -> Result<u64, ArtifactError>;

    /// Hashes of what is kept in one of the 256 folders, whether a row knows of it or not.
    ///
    /// # Errors
    /// It cannot be told now.
    async fn hashes_in(&self, folder: u8) -> Result<Vec<String>, ArtifactError>;

    /// Frees what this machine holds of artifacts that are kept elsewhere and that it has not needed lately.
    ///
    /// # Errors
    /// It cannot be freed now.
    async fn trim(&self) -> Result<(), ArtifactError> {
        Ok(())
    }
}

/// Takes these bytes in by way of a file in `dir`; returns their hash.
///
/// # Errors
/// They cannot be written or kept.
pub async fn keep(artifacts: &dyn ArtifactStore, dir: &WorkDir, bytes: Vec<u8>) -> Result<String, ArtifactError> {
    let dir = dir.clone();
    let write = move || {
        let sha256 = hex::encode(Sha256::digest(&bytes));
        let file = dir.file(&sha256);
        std::fs::write(&file, bytes)?;
        Ok((file, sha256))
    };
    let (file, sha256) = off_thread(write).await?;
    artifacts.put(&file, &sha256).await?;
    Ok(sha256)
}

#[async_trait]
impl ArtifactStore for Spool {
    async fn put(&self, file: &Path, sha256: &str) -> Result<(), ArtifactError> {
        let (spool, file, sha256) = (self.clone(), file.to_owned(), sha256.to_owned());
        Ok(off_thread(move || spool.adopt(&file, &sha256).map(drop)).await?)
    }

    async fn open(&self, sha256: &str) -> Result<Option<PathBuf>, ArtifactError> {
        let (spool, sha256) = (self.clone(), sha256.to_owned());
        Ok(off_thread(move || Ok(spool.find(&sha256))).await?)
    }

    async fn remove(&self, hashes: &[String]) -> Result<u64, ArtifactError> {
        let (spool, hashes) = (self.clone(), hashes.to_vec());
        Ok(off_thread(move || Spool::remove(&spool, &hashes)).await?)
    }

    async fn hashes_in(&self, folder: u8) -> Result<Vec<String>, ArtifactError> {
        let spool = self.clone();
        Ok(off_thread(move || Spool::hashes_in(&spool, folder)).await?)
    }
}
