//! Schedules and their list.

use async_trait::async_trait;
use pressrun_domain::audit::Change;
use pressrun_domain::destination::{DestinationKind, SlackRecipientType};
use pressrun_domain::id::{DocumentIdentifier, MembershipId, ScheduleId};
use pressrun_domain::schedule::{Grounds, Schedule};

use crate::{Page, StoreError};

/// Saved schedules. Secrets of destinations are sealed before they are stored and opened when read (D13).
#[async_trait]
pub trait Schedules: Send + Sync {
    /// Saves a new schedule.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when its id exists or an address is on its list twice (P7).
    async fn insert_schedule(&self, schedule: &Schedule, names: &Names, change: &Change) -> Result<(), StoreError>;

    /// The schedule of this id, secrets included.
    async fn schedule(&self, id: ScheduleId) -> Result<Option<Schedule>, StoreError>;

    /// Saves a changed schedule over the version it was read at (`schedule.version`), and counts the version up.
    /// `last_run` is not written by this. Returns the new version.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the stored version is another, [`StoreError::NotFound`] when it is deleted.
    async fn replace_schedule(&self, schedule: &Schedule, names: &Names, change: &Change) -> Result<u64, StoreError>;

    /// Deletes a schedule with its recipients and baselines; runs and their ledger stay (X9). False when there was none.
    /// A queued run of it that has sent nothing ends `KILLED` with the reason `deleted`; a running one is told by `is_cancelled`.
    async fn delete_schedule(&self, id: ScheduleId, change: &Change) -> Result<bool, StoreError>;

    /// One page of the list (contract §5.2), in a constant number of statements.
    async fn list_schedules(&self, query: &ListQuery) -> Result<Page<ListRow>, StoreError>;

    /// Up to `limit` of the grounds that schedules stand on, in the order of their keys after `after`: each once, however many schedules
    /// share it, to be looked at when the catalog is published (X1, F12).
    async fn grounds(&self, after: GroundsKey, limit: u32) -> Result<Vec<SharedGrounds>, StoreError>;

    /// Up to `limit` schedules that stand on these grounds, after `after` in the order of their ids, without secrets: those that Pressrun
    /// switched off, or the others. Rows that do not parse are logged and left out.
    async fn standing_on(
        &self,
        grounds: GroundsKey,
        switched_off: bool,
        after: Option<ScheduleId>,
        limit: u32,
    ) -> Result<Vec<Schedule>, StoreError>;

    /// Current names of documents and owners, after the catalog changed: what the list shows, searches and sorts by.
    async fn refresh_names(&self, dashboards: &[(DocumentIdentifier, String)], owners: &[(MembershipId, String)])
    -> Result<(), StoreError>;
}

/// Grounds in storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GroundsKey(pub i64);

/// Grounds, and whether anything stands on them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedGrounds {
    /// What names them.
    pub key: GroundsKey,
    /// What they are.
    pub grounds: Grounds,
    /// Some schedule that is not switched off by Pressrun stands on them.
    pub any_on: bool,
    /// Some schedule that Pressrun switched off stands on them.
    pub any_off: bool,
}

/// Names that the list shows, searches and sorts by, but that live in the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Name of the document.
    pub dashboard: String,
    /// Display name of the owner.
    pub owner: String,
    /// Title of the watched query, for alerts.
    pub condition_query: Option<String>,
}

/// What the list is asked for; every part narrows (contract §5.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// Case-insensitive substring of schedule, dashboard or owner name.
    pub search: Option<String>,
    /// How the last run ended.
    pub status: Option<StatusFilter>,
    /// Kind of destination.
    pub destination: Option<DestinationKind>,
    /// Alert or plain schedule.
    pub kind: Option<ScheduleKind>,
    /// Dashboard or single tile.
    pub content: Option<ContentKind>,
    /// Owner.
    pub owner: Option<MembershipId>,
    /// Exact document.
    pub identifier: Option<DocumentIdentifier>,
    /// Only schedules of these documents or of this owner: what a personal token may see. `None` sees all.
    pub visible: Option<(MembershipId, Vec<DocumentIdentifier>)>,
    /// What to sort by; names by their collation key, nulls last in both directions, ties by id.
    pub sort: SortField,
    /// Which way.
    pub direction: SortDirection,
    /// Page number from 1.
    pub page: u64,
    /// Rows a page.
    pub page_size: u32,
}

/// Status filter of the list (S7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusFilter {
    /// `COMPLETE`, `CONDITION_UNMET`.
    Success,
    /// `ERROR`, `ERROR_DELIVERED`.
    Error,
    /// `KILLED`.
    Canceled,
    /// Never ran.
    None,
}

/// Alert or plain schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScheduleKind {
    /// Has a condition.
    Alert,
    /// Has none.
    Schedule,
}

/// Dashboard or single tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentKind {
    /// The whole dashboard.
    Dashboard,
    /// One tile.
    SingleTile,
}

/// What the list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortField {
    /// The schedule's name.
    ScheduleName,
    /// The document's name.
    DashboardName,
    /// The owner's name.
    OwnerName,
    /// When the last run ended.
    LastRun,
    /// How the last run ended.
    LastRunStatus,
}

/// Which way the list is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortDirection {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

/// One row of the list.
#[derive(Debug, Clone, PartialEq)]
pub struct ListRow {
    /// The schedule; secrets are not read for the list.
    pub schedule: Schedule,
    /// Names from the catalog.
    pub names: Names,
    /// Single recipients of mail, copies included; -1 for other destinations (contract Q6).
    pub recipient_count: i64,
    /// Channel or users, for Slack.
    pub slack_recipient_type: Option<SlackRecipientType>,
}
