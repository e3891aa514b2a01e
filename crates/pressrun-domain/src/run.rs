//! The work for one occurrence, manual trigger or test, and what the history says of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::audience::OWNERS;
use crate::condition::{ConditionKind, Judgement};
use crate::delivery::Delivery;
use crate::email::EmailAddress;
use crate::id::{DeliveryId, RunId, ScheduleId, TileKey, WorkerId};
use crate::outline::Outline;
use crate::schedule::Definition;

/// One run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// UUID.
    pub id: RunId,
    /// The schedule; for a test delivery an id that no schedule has (S8).
    pub schedule_id: ScheduleId,
    /// Why it exists.
    pub kind: RunKind,
    /// The occurrence: for manual runs and tests the instant of the call.
    pub scheduled_for: Timestamp,
    /// A daylight-saving note of the occurrence (T9): `dst_gap` or `dst_fold`.
    pub dst: Option<String>,
    /// The definition as it was when the run was promised.
    pub definition: Definition,
    /// Where it stands.
    pub state: RunState,
    /// When it was promised.
    pub created_at: Timestamp,
    /// When work on it first began.
    pub started_at: Option<Timestamp>,
    /// How often a worker has claimed it; the fencing number of its lease.
    pub fence: u64,
    /// What happened so far.
    pub record: RunRecord,
}

impl Run {
    /// A new run for the instant `now`, which may begin at once.
    #[must_use]
    pub fn queued(schedule_id: ScheduleId, definition: Definition, kind: RunKind, now: Timestamp) -> Self {
        Self {
            id: RunId::generate(),
            schedule_id,
            kind,
            scheduled_for: now,
            dst: None,
            definition,
            state: RunState::Queued { available_at: now },
            created_at: now,
            started_at: None,
            fence: 0,
            record: RunRecord::default(),
        }
    }

    /// When the run goes on, if it has begun and waits at `now` to try again.
    #[must_use]
    pub fn waits_until(&self, now: Timestamp) -> Option<Timestamp> {
        match self.state {
            RunState::Queued { available_at } if self.started_at.is_some() && available_at > now => Some(available_at),
            RunState::Queued { .. } | RunState::Running { .. } | RunState::Skipped { .. } | RunState::Ended { .. } => None,
        }
    }

    /// The files that `reader` may open among those that the run and its `pieces` name; one may come twice.
    ///
    /// A file holds what its audience may see (P1). So whoever manages a run may open what was made of the owner's rows, and of
    /// personal copies only what was sent to their own address. `None` opens everything: admins and organization keys.
    pub fn files<'a>(&'a self, pieces: &'a [Delivery], reader: Option<&EmailAddress>) -> impl Iterator<Item = &'a ArtifactRecord> {
        let of_run = self.record.artifacts.iter().map(|artifact| (artifact, None));
        let of_pieces = pieces.iter().filter_map(|piece| Some((piece.artifact.as_ref()?, Some(piece.target.as_str()))));
        let reader = reader.map(EmailAddress::folded);
        let is_open = move |artifact: &ArtifactRecord, target: Option<&str>| {
            let is_own = |reader: &String| target.is_some_and(|target| target.to_lowercase() == *reader);
            reader.as_ref().is_none_or(|reader| artifact.audience == OWNERS || is_own(reader))
        };
        of_run.chain(of_pieces).filter(move |(artifact, target)| is_open(artifact, *target)).map(|(artifact, _)| artifact)
    }
}

/// Why a run exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunKind {
    /// The cron said so.
    Scheduled,
    /// Somebody triggered it (I4).
    Manual,
    /// A test delivery (S8).
    Test,
    /// One piece of an earlier run, sent again to one place.
    Resend,
}

impl RunKind {
    /// Every value.
    pub const ALL: [Self; 4] = [Self::Scheduled, Self::Manual, Self::Test, Self::Resend];

    /// The wire value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Manual => "manual",
            Self::Test => "test",
            Self::Resend => "resend",
        }
    }

    /// Whether the schedule is another after it: last status, baselines, system disabling and notices. Tests (S8) and resends leave all that
    /// alone, and neither waits for the schedule's other runs.
    #[must_use]
    pub fn counts(self) -> bool {
        match self {
            Self::Scheduled | Self::Manual => true,
            Self::Test | Self::Resend => false,
        }
    }
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunState {
    /// Waits for a worker, not before `available_at` (a retry waits its back-off here).
    Queued {
        /// Earliest instant of the next claim.
        available_at: Timestamp,
    },
    /// A worker has it.
    Running {
        /// Whose it is, and until when.
        lease: Lease,
    },
    /// It never ran.
    Skipped {
        /// Why.
        reason: SkipReason,
    },
    /// It is over.
    Ended {
        /// When.
        at: Timestamp,
        /// How.
        status: RunStatus,
        /// The named reason when the status needs one.
        reason: Option<String>,
    },
}

/// A worker's hold on a run. A worker whose fence is no longer the run's can write nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The run.
    pub run: RunId,
    /// The holder.
    pub worker: WorkerId,
    /// Number of the claim.
    pub fence: u64,
    /// When it lapses unless renewed.
    pub until: Timestamp,
}

/// Why an occurrence never ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SkipReason {
    /// The service was down at the instant (T14).
    Missed,
    /// The run before was still under way (I2).
    Overlap,
}

impl SkipReason {
    /// Every value.
    pub const ALL: [Self; 2] = [Self::Missed, Self::Overlap];

    /// The word in history, logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missed => "missed",
            Self::Overlap => "overlap",
        }
    }
}

/// How a run ended (contract §5.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RunStatus {
    /// Everything succeeded and everybody accepted (S1).
    Complete,
    /// Nothing was delivered (S4, S5).
    Error,
    /// Something was delivered although something failed (S2, P4).
    ErrorDelivered,
    /// Stopped by a person, by `killJobsOnFailure` or by the maximum run time (S3, S5).
    Killed,
    /// The alert had nothing to say (A22).
    ConditionUnmet,
}

impl RunStatus {
    /// Every value.
    pub const ALL: [Self; 5] = [Self::Complete, Self::Error, Self::ErrorDelivered, Self::Killed, Self::ConditionUnmet];

    /// The wire value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "COMPLETE",
            Self::Error => "ERROR",
            Self::ErrorDelivered => "ERROR_DELIVERED",
            Self::Killed => "KILLED",
            Self::ConditionUnmet => "CONDITION_UNMET",
        }
    }

    /// Whether it counts as a failure that somebody has to hear of (S10).
    #[must_use]
    pub fn is_failure(self) -> bool {
        match self {
            Self::Error | Self::ErrorDelivered | Self::Killed => true,
            Self::Complete | Self::ConditionUnmet => false,
        }
    }
}

/// What the history says of a run (S12). Stored as JSON; every field may be absent in old rows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RunRecord {
    /// What happened when, in order.
    pub timeline: Vec<TimelineEntry>,
    /// Tiles whose query ran, by audience.
    pub tiles: Vec<TileRecord>,
    /// How the condition was judged, by audience.
    pub conditions: Vec<ConditionRecord>,
    /// What was rendered, by audience.
    pub artifacts: Vec<ArtifactRecord>,
    /// Truncations, unfiltered tiles, skipped recipients, ignored options.
    pub warnings: Vec<String>,
    /// The error that ended it, in words for its owner.
    pub error: Option<String>,
    /// Something that was delivered was less than promised (D12): the run cannot end `COMPLETE`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub degraded: bool,
    /// Every piece is in the ledger. Until then nothing is sent, and what a claim that died left is thrown away and promised anew.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub promised: bool,
    /// How often a query failed in passing, so that the run was put back and its queries are asked again (S9).
    #[serde(skip_serializing_if = "is_zero")]
    pub query_failures: u32,
    /// When it last waited for its dashboard's file to be right: its time counts from then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waited_until: Option<Timestamp>,
    /// Results that become baselines when the run ends, and under which audience (A9, A18). Empty once it has ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub judged: Vec<JudgedResult>,
    /// What a resend sends again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resend_of: Option<ResendOf>,
    /// What is told of an alert's run to those to whom the judged rows are not open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outline: Option<Outline>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The piece that a resend sends again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResendOf {
    /// The run that promised it.
    pub run: RunId,
    /// The piece.
    pub delivery: DeliveryId,
}

/// A watched result that waits to become the baseline of an audience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JudgedResult {
    /// Empty for the owner, a recipient's address under fan-out (A18).
    pub audience: String,
    /// What the judgement said.
    pub judgement: Judgement,
    /// Fingerprint of the result, as JSON.
    pub fingerprint: String,
}

impl RunRecord {
    /// Adds a line to the timeline.
    pub fn note(&mut self, at: Timestamp, event: impl Into<String>, detail: Option<String>) {
        self.timeline.push(TimelineEntry { at, event: event.into(), detail });
    }

    /// Adds a warning once.
    pub fn warn(&mut self, warning: impl Into<String>) {
        let warning = warning.into();
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}

/// One line of a run's timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// When.
    pub at: Timestamp,
    /// A fixed word: `planned`, `claimed`, `resumed`, `judged`, `rendered`, `promised`, `retrying`, `ended`, …
    pub event: String,
    /// What exactly.
    pub detail: Option<String>,
}

/// A query that ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TileRecord {
    /// The tile.
    pub key: TileKey,
    /// Its title.
    pub title: String,
    /// Which audience it ran for.
    pub audience: String,
    /// Rows received.
    pub rows: u64,
    /// Wall time in milliseconds.
    pub ms: u64,
    /// Cut at its limit (R11).
    pub truncated: bool,
    /// Why it failed.
    pub error: Option<String>,
    /// Whether that may quote what stands in the data, rows that its reader does not see included: it is for admins then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub quotes_data: bool,
}

/// How a condition was judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConditionRecord {
    /// Which audience it was judged for.
    pub audience: String,
    /// The watched query.
    pub tile: TileKey,
    /// Rows of the watched result.
    pub rows: u64,
    /// What the judgement said.
    pub judgement: Judgement,
    /// Rows that were not in the previous result, when it compares.
    pub added: Option<u64>,
    /// Rows of the previous result that are gone, when it compares.
    pub removed: Option<u64>,
    /// What was asked; absent in old rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ConditionKind>,
    /// The first digits of the result's fingerprint, when the condition compares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// What it was compared with; absent when there was nothing yet (A7).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<BaselineRecord>,
}

/// The earlier result that a condition was compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BaselineRecord {
    /// When it was judged.
    pub at: Timestamp,
    /// Rows it had.
    pub rows: u64,
    /// The first digits of its fingerprint.
    pub fingerprint: String,
}

/// A rendered file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactRecord {
    /// Which audience it was rendered for.
    pub audience: String,
    /// File name as delivered.
    pub name: String,
    /// Media type.
    pub media_type: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 (hex) of the bytes; its name in the spool.
    pub sha256: String,
    /// Sheets of a pdf, 0 elsewhere.
    pub pages: u32,
    /// Wall time of the render in milliseconds.
    pub ms: u64,
}
