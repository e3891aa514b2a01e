//! Which version of the catalog is in force, and which process has read which.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use pressrun_domain::id::WorkerId;

use crate::StoreError;

/// A process that was not seen for so long is gone.
pub(crate) const READER_GONE: SignedDuration = SignedDuration::from_mins(2);

/// Versions of the catalog, by processes that read it from folders of their own.
#[async_trait]
pub trait Catalogs: Send + Sync {
    /// Notes at `now` that a process has a version of the catalog, and tells how that stands to what others have.
    ///
    /// The version comes into force when nobody has seen it before, when its process saw it change or somebody said that it is meant
    /// ([`CatalogReading::changed`]), and when no other process that lives has the version in force. So a process that starts beside others with files of
    /// before does not bring them back. Once somebody has [published](Self::publish_catalog) a version, that one is in force whatever is in folders.
    async fn read_catalog(&self, reading: &CatalogReading<'_>, now: Timestamp) -> Result<CatalogStanding, StoreError>;

    /// A process has ended.
    async fn leave_catalog(&self, process: WorkerId) -> Result<(), StoreError>;

    /// The version in force; `None` when no process has read any.
    async fn catalog_in_force(&self) -> Result<Option<String>, StoreError>;

    /// Puts a version in force for all nodes, with what its files say. One that is published already stays the same publication.
    async fn publish_catalog(&self, published: &CatalogPublication<'_>, now: Timestamp) -> Result<PublishedCatalog, StoreError>;

    /// From now on no version is published, and the folders of processes decide again. `by` says who did that.
    async fn withdraw_catalog(&self, by: &str, now: Timestamp) -> Result<(), StoreError>;

    /// What was published last, unless it was withdrawn.
    async fn published_catalog(&self) -> Result<Option<PublishedCatalog>, StoreError>;

    /// Whether a version is among the last [`KEPT_PUBLICATIONS`].
    async fn was_published(&self, hash: &str) -> Result<bool, StoreError>;

    /// The texts of the files of a publication, by path below the catalog; those of the last [`KEPT_PUBLICATIONS`] are kept.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]: there is no such publication, or it was withdrawn or forgotten.
    async fn published_files(&self, publication: i64) -> Result<BTreeMap<String, String>, StoreError>;
}

/// What a process has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CatalogReading<'a> {
    /// Who.
    pub process: WorkerId,
    /// The hash of what was read.
    pub hash: &'a str,
    /// How many documents are in it.
    pub documents: u32,
    /// Whether this process had another version before, or somebody said that the files are as they are meant to be.
    pub changed: bool,
}

/// Publications whose files are kept.
pub const KEPT_PUBLICATIONS: i64 = 50;

/// A version of the catalog that somebody publishes.
#[derive(Debug, Clone, Copy)]
pub struct CatalogPublication<'a> {
    /// The hash of the version.
    pub hash: &'a str,
    /// How many documents are in it.
    pub documents: u32,
    /// Texts of its files, by path below the catalog.
    pub files: &'a BTreeMap<String, String>,
    /// Who publishes it, in words.
    pub by: &'a str,
}

/// The version of the catalog that is in force for all nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedCatalog {
    /// A number that grows with each publication.
    pub publication: i64,
    /// The hash of the version.
    pub hash: String,
    /// When.
    pub at: Timestamp,
    /// Who published it, in words.
    pub by: String,
}

/// How a process's catalog stands to those of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CatalogStanding {
    /// Whether it is the version in force.
    pub in_force: bool,
    /// Other processes that live and have another version.
    pub others_differ: u32,
}

impl CatalogStanding {
    /// Whether the process may switch schedules off or on because of its catalog: not while another may know better.
    #[must_use]
    pub fn may_judge(self) -> bool {
        self.in_force && self.others_differ == 0
    }
}
