//! Who changed what.

use async_trait::async_trait;
use jiff::Timestamp;
use pressrun_domain::audit::{Change, Entry, Object, ObjectKind, Verb};
use pressrun_domain::id::{MembershipId, RunId};

use crate::StoreError;

/// The audit: entries are added and never changed. Methods that change something on somebody's behalf take a [`Change`] and write the
/// entry in their own transaction; these are for reading, and for what changes nothing.
#[async_trait]
pub trait Audit: Send + Sync {
    /// Adds an entry about something that is no change of a row, such as `count` refused tokens.
    async fn record(&self, change: &Change, object: &Object, count: u32) -> Result<(), StoreError>;

    /// Entries, newest first.
    async fn audit(&self, query: &AuditQuery) -> Result<Vec<Entry>, StoreError>;

    /// Entries about these runs, oldest first, in one statement.
    async fn audit_of_runs(&self, runs: &[RunId]) -> Result<Vec<Entry>, StoreError>;
}

/// What is asked of the audit; every part narrows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// The member who acted.
    pub member: Option<MembershipId>,
    /// The kind of agent, as [`pressrun_domain::audit::Agent::as_str`] says it.
    pub agent: Option<&'static str>,
    /// What was done.
    pub verb: Option<Verb>,
    /// What it was done to: kind, and id unless all of that kind.
    pub object: Option<(ObjectKind, Option<String>)>,
    /// From this instant on.
    pub from: Option<Timestamp>,
    /// Before this instant.
    pub to: Option<Timestamp>,
    /// Entries before (exclusive) this place.
    pub before: Option<u64>,
    /// Most entries.
    pub limit: u32,
}
