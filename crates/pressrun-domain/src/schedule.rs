//! The saved order: content, cron, zone, format and one destination.

use indexmap::IndexMap;
use jiff::Timestamp;
use jiff::civil::Time;
use serde::{Deserialize, Serialize};

use crate::catalog::Catalog;
use crate::condition::Condition;
use crate::destination::Destination;
use crate::id::{DocumentIdentifier, FilterKey, MembershipId, ScheduleId, TileKey};
use crate::outline::Untold;
use crate::output::{Format, OutputOptions};
use crate::run::RunStatus;

/// Filter overrides: filter key → expression, in the order and form in which they were sent (contract §4).
pub type FilterConfig = IndexMap<FilterKey, serde_json::Value>;

/// A schedule: definition and state.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// UUID.
    pub id: ScheduleId,
    /// What it does; a run works on a copy of this.
    pub definition: Definition,
    /// Set by pause, cleared by resume.
    pub disabled_at: Option<Timestamp>,
    /// Set when Pressrun itself switched it off.
    pub system_disabled: Option<SystemDisabled>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its definition last changed.
    pub updated_at: Timestamp,
    /// Counts every saved change; the `ETag` (X10).
    pub version: u64,
    /// The next occurrence; `None` when it never fires again, is paused or system disabled.
    pub next_at: Option<Timestamp>,
    /// The last run that ended; unchanged while one is under way (S6).
    pub last_run: Option<LastRun>,
}

impl Schedule {
    /// Whether occurrences become runs.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.disabled_at.is_none() && self.system_disabled.is_none()
    }
}

/// What a schedule does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// Any Unicode text, not empty.
    pub name: String,
    /// The document whose dashboard is run.
    pub identifier: DocumentIdentifier,
    /// The member whose rights and attributes are used.
    pub owner: MembershipId,
    /// Six-field cron expression exactly as typed (T3).
    pub cron: String,
    /// IANA zone in which the cron fires; never used for data (Q6).
    pub timezone: String,
    /// IANA zone of the queries, over all others (Q6).
    pub timezone_override: Option<String>,
    /// What is delivered.
    pub format: Format,
    /// Output options.
    #[serde(default)]
    pub options: OutputOptions,
    /// Only this tile; `None` delivers the whole dashboard.
    pub tile: Option<TileKey>,
    /// Filter overrides as sent (F2).
    #[serde(default)]
    pub filters: FilterConfig,
    /// What makes it an alert.
    pub condition: Option<Condition>,
    /// Stop the run when one query fails (S3).
    #[serde(default)]
    pub kill_jobs_on_failure: bool,
    /// Where to.
    pub destination: Destination,
    /// What an occurrence has not delivered by this time of day in the schedule's zone, the first after its instant, is worth nothing any more;
    /// `None` is as the operator says. Whole minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worthless_after: Option<Time>,
    /// Counts how often all links without a login were withdrawn; a link is good only in the epoch that it was made in.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub link_epoch: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde wants")]
fn is_zero(epoch: &u32) -> bool {
    *epoch == 0
}

/// Pressrun switched the schedule off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SystemDisabled {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: SystemDisabledReason,
}

/// Why Pressrun switched a schedule off (X1, Q2, F12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SystemDisabledReason {
    /// The delivered tile, the watched query or the dashboard is gone.
    MissingQuery,
    /// The owner may no longer see the dashboard.
    NoAccess,
    /// A stored override names a filter that the dashboard no longer has.
    OrphanedFilterConfigKeys,
}

impl SystemDisabledReason {
    /// Every value.
    pub const ALL: [Self; 3] = [Self::MissingQuery, Self::NoAccess, Self::OrphanedFilterConfigKeys];

    /// The wire value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingQuery => "missingQuery",
            Self::NoAccess => "noAccess",
            Self::OrphanedFilterConfigKeys => "orphanedFilterConfigKeys",
        }
    }

    /// Whether the schedule is switched on again by itself once the cause is gone: what the catalog took it can give back. Rights and filters
    /// were taken on purpose, and somebody has to look (X5).
    #[must_use]
    pub fn ends_by_itself(self) -> bool {
        matches!(self, Self::MissingQuery)
    }
}

/// The last run that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastRun {
    /// How it ended.
    pub status: RunStatus,
    /// When it ended.
    pub completed_at: Timestamp,
    /// What others are told; `None` when whoever may read the schedule may know.
    pub untold: Option<Untold>,
}

impl LastRun {
    /// What those are told who may not know more; `untold` stays, as the mark of that.
    #[must_use]
    pub fn told(self) -> Self {
        match self.untold {
            Some(untold) => Self { status: untold.status, completed_at: untold.at, ..self },
            None => self,
        }
    }
}

/// Why a schedule cannot run against the present catalog, or `None` when it can (X1, Q2, F12, X6).
#[must_use]
pub fn fault(definition: &Definition, catalog: &Catalog) -> Option<SystemDisabledReason> {
    Grounds::of(definition).fault(catalog)
}

/// What decides whether a schedule can run by the catalog; many schedules stand on the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grounds {
    /// The document that is run.
    pub identifier: DocumentIdentifier,
    /// Whose rights count.
    pub owner: MembershipId,
    /// The tile that is delivered; `None` for the whole dashboard.
    pub tile: Option<TileKey>,
    /// The tile that an alert watches.
    pub watched: Option<TileKey>,
    /// Filters that are set.
    pub filters: Vec<FilterKey>,
}

impl Grounds {
    /// What a definition stands on.
    #[must_use]
    pub fn of(definition: &Definition) -> Self {
        Self {
            identifier: definition.identifier.clone(),
            owner: definition.owner,
            tile: definition.tile.clone(),
            watched: definition.condition.as_ref().map(|condition| condition.tile.clone()),
            filters: definition.filters.keys().cloned().collect(),
        }
    }

    /// Why nothing that stands on them can run, or `None` when it can.
    ///
    /// The order is fixed: a missing query says more than a lost right, which says more than a stale filter.
    #[must_use]
    pub fn fault(&self, catalog: &Catalog) -> Option<SystemDisabledReason> {
        let Some(document) = catalog.documents.get(&self.identifier) else {
            return Some(SystemDisabledReason::MissingQuery);
        };
        let Some(dashboard) = &document.dashboard else {
            return Some(SystemDisabledReason::MissingQuery);
        };
        if self.tile.iter().chain(&self.watched).any(|key| dashboard.query(key).is_none()) {
            return Some(SystemDisabledReason::MissingQuery);
        }
        let owner = catalog.member(self.owner.0);
        if !owner.is_some_and(|owner| catalog.may_view(owner, document)) {
            return Some(SystemDisabledReason::NoAccess);
        }
        let orphaned = self.filters.iter().any(|key| !dashboard.filters.contains_key(key));
        orphaned.then_some(SystemDisabledReason::OrphanedFilterConfigKeys)
    }
}
