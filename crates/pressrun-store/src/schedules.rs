//! Schedules and their list.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use pressrun_domain::audit::Change;
use pressrun_domain::destination::{Destination, DestinationKind, SlackRecipientType};
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::{DocumentIdentifier, MembershipId, ScheduleId};
use pressrun_domain::schedule::{Definition, Grounds, LastRun, Schedule, SystemDisabled};

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

    /// One page of the list (contract §5.2), in a constant number of statements. A row that does not parse is on it with the reason; its total is
    /// exact.
    async fn list_schedules(&self, query: &ListQuery) -> Result<Page<ListRow>, StoreError>;

    /// Up to `limit` of the grounds that schedules stand on, in the order of their keys after `after`: each once, however many schedules
    /// share it, to be looked at when the catalog is published (X1, F12).
    async fn grounds(&self, after: GroundsKey, limit: u32) -> Result<Vec<SharedGrounds>, StoreError>;

    /// Up to `limit` schedules that stand on these grounds, after `after` in the order of their ids, without secrets and recipients: those that
    /// Pressrun switched off, or the others. Rows that do not parse are logged and left out.
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

    /// Up to `limit` members whom lists of mail name, in the order of their ids after `after`: each once, however many lists they are on.
    async fn listed_members(&self, after: Option<MembershipId>, limit: u32) -> Result<Vec<ListedMember>, StoreError>;

    /// Moves members to the address that they have now on every list of a schedule that names them, places and all; how many schedules that were.
    /// Each counts its version up. Runs that were there before keep their list.
    async fn move_members(&self, moved: &[(MembershipId, EmailAddress)]) -> Result<u64, StoreError>;
}

/// A member whom lists of mail name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedMember {
    /// Who it is.
    pub member: MembershipId,
    /// Of the addresses at which lists have them the first in the order of bytes.
    pub first: String,
    /// The last: the same when all lists agree.
    pub last: String,
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

impl ListQuery {
    /// The first page of all schedules, by their names upwards.
    #[must_use]
    pub fn all(page_size: u32) -> Self {
        Self {
            search: None,
            status: None,
            destination: None,
            kind: None,
            content: None,
            owner: None,
            identifier: None,
            visible: None,
            sort: SortField::ScheduleName,
            direction: SortDirection::Ascending,
            page: 1,
            page_size,
        }
    }
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
    /// The schedule.
    pub id: ScheduleId,
    /// Whose it is.
    pub owner: MembershipId,
    /// Its document.
    pub identifier: DocumentIdentifier,
    /// The wire value of where it delivers to; one that this version does not know when a newer one wrote it.
    pub destination: String,
    /// Whether it has a condition.
    pub alert: bool,
    /// Whether it delivers one tile only.
    pub single_tile: bool,
    /// Set by pause, cleared by resume.
    pub disabled_at: Option<Timestamp>,
    /// Set when Pressrun itself switched it off.
    pub system_disabled: Option<SystemDisabled>,
    /// The next occurrence; `None` when it never fires again, is paused or system disabled.
    pub next_at: Option<Timestamp>,
    /// The last run that ended.
    pub last_run: Option<LastRun>,
    /// Names from the catalog.
    pub names: Names,
    /// Single recipients of mail, copies included; -1 for other destinations (contract Q6).
    pub recipient_count: i64,
    /// What it does, without recipients and secrets, which are not read for the list; or what can be told of a row that does not parse.
    pub definition: Result<Arc<Definition>, UnreadableSchedule>,
}

/// A schedule whose row does not parse: damaged, or of a newer version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnreadableSchedule {
    /// Its name; in lower case when nothing else is left of it.
    pub name: String,
    /// Its expression; may be empty.
    pub cron: String,
    /// Its zone; may be empty.
    pub timezone: String,
    /// What is wrong, by table, column and row.
    pub reason: String,
}

impl ListRow {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.definition.as_ref().map_or_else(|unreadable| &unreadable.name, |definition| &definition.name)
    }

    /// The cron expression as typed.
    #[must_use]
    pub fn cron(&self) -> &str {
        self.definition.as_ref().map_or_else(|unreadable| &unreadable.cron, |definition| &definition.cron)
    }

    /// The zone in which it fires.
    #[must_use]
    pub fn timezone(&self) -> &str {
        self.definition.as_ref().map_or_else(|unreadable| &unreadable.timezone, |definition| &definition.timezone)
    }

    /// Leaves out what is wrong with a row that does not parse, for those who may not read all that it says: a parser quotes what it stumbles
    /// over.
    pub fn withhold_fault(&mut self) {
        if let Err(unreadable) = &mut self.definition {
            "what is stored cannot be read; its owner and admins are told why".clone_into(&mut unreadable.reason);
        }
    }

    /// Channel or users, for Slack.
    #[must_use]
    pub fn slack_recipient_type(&self) -> Option<SlackRecipientType> {
        match self.definition.as_ref().map(|definition| &definition.destination) {
            Ok(Destination::Slack(slack)) => Some(slack.recipient_type),
            Ok(Destination::Email(_) | Destination::Sftp(_) | Destination::Webhook(_) | Destination::S3(_)) | Err(_) => None,
        }
    }
}
