//! What Pressrun remembers: traits, the conformance suite that proves an implementation, and SQLite.
//!
//! Every method is one transaction: it happens wholly or not at all. What was promised is a row before it happens, what happened is
//! a row after. Uniqueness constraints, not timing, keep an occurrence and a delivery single (I1).
//!
//! What databases do alike stands in `common/`, and each takes it in by path: it is compiled against the row, the transaction and the words that the
//! `dialect` of the database gives. To add one, write a dialect, and how it opens and writes; then run `conformance_suite!` over it.

#![expect(clippy::duplicate_mod, reason = "what both databases do alike is compiled for each, with the words of its dialect")]

mod audit;
mod catalogs;
mod collation;
#[cfg(any(test, feature = "conformance"))]
#[doc(hidden)]
pub mod conformance;
mod consents;
mod error;
mod fault;
mod figures;
mod hints;
mod keys;
mod list_index;
mod notices;
mod overdue;
mod page;
mod people;
mod planning;
mod postgres;
mod quotas;
mod retention;
mod runs;
#[cfg(any(test, feature = "conformance"))]
pub mod sample;
mod schedules;
mod seal;
mod seals;
pub mod sessions;
mod sqlite;
mod suppressions;
mod timed;

pub use audit::{Audit, AuditQuery};
pub use catalogs::{CatalogPublication, CatalogReading, CatalogStanding, Catalogs, KEPT_PUBLICATIONS, PublishedCatalog};
pub use consents::{Agreed, Asked, Consents};
pub use error::StoreError;
pub use figures::{Figures, Owed, QueuedKind, RunCounts, ScheduleCounts, Waiting};
pub use hints::{Hints, Listening};
pub use keys::Keys;
pub use notices::{Notices, UnreadRun};
pub use overdue::{Overdue, OverdueRun};
pub use page::Page;
pub use people::{People, Upserted};
pub use planning::{
    DueSchedule, MissedOccurrences, PlannedOccurrence, PlannedSchedule, PlannedThrough, Planning, PlanningNote, PutRight, Released,
    Replanned, ScheduleKey, Timing, TimingId,
};
pub use postgres::{CopiedTable, PostgresSettings, PostgresStore};
pub use quotas::{Quotas, SHARES_LAPSE, ShareAsked, TakeAsked, Taken};
pub use retention::{Pruned, Retention};
pub use runs::{
    AudienceDone, AudienceTargets, ClaimRequest, ClaimedRun, Enqueue, HistoryPart, HistoryQuery, LastAnswer, Learnt, RunEnd, RunNews, Runs,
    StoredBaseline,
};
pub use schedules::{
    ContentKind, GroundsKey, ListQuery, ListRow, ListedMember, Names, ScheduleKind, Schedules, SharedGrounds, SortDirection, SortField,
    StatusFilter, UnreadableSchedule,
};
pub use seal::{Place, Sealer, SealingKey};
pub use seals::Seals;
pub use sessions::Sessions;
pub use sqlite::{CopiedArtifact, SqliteCopy, SqliteStore};
pub use suppressions::Suppressions;

/// Everything a database has to do for Pressrun.
pub trait Store:
    Schedules
    + Consents
    + Planning
    + Runs
    + Notices
    + People
    + Suppressions
    + Keys
    + Sessions
    + Seals
    + Audit
    + Retention
    + Catalogs
    + Figures
    + Hints
    + Overdue
    + Quotas
    + Send
    + Sync
{
}

impl<
    T: Schedules
        + Consents
        + Planning
        + Runs
        + Notices
        + People
        + Suppressions
        + Keys
        + Sessions
        + Seals
        + Audit
        + Retention
        + Catalogs
        + Figures
        + Hints
        + Overdue
        + Quotas
        + Send
        + Sync,
> Store for T
{
}
