//! Which version of the catalog is in force, and which process has read which.

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
    /// before does not bring them back.
    async fn read_catalog(&self, reading: &CatalogReading<'_>, now: Timestamp) -> Result<CatalogStanding, StoreError>;

    /// A process has ended.
    async fn leave_catalog(&self, process: WorkerId) -> Result<(), StoreError>;

    /// The version in force; `None` when no process has read any.
    async fn catalog_in_force(&self) -> Result<Option<String>, StoreError>;
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
