//! The work for one occurrence, manual trigger or test, and what the history says of it.

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::audience::OWNERS;
use crate::condition::{BaselineMoves, ConditionKind, Judgement};
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
    /// The version of the catalog that was in force when it was queued, as far as that was known.
    pub catalog_version: Option<String>,
    /// When it was promised.
    pub created_at: Timestamp,
    /// When work on it first began.
    pub started_at: Option<Timestamp>,
    /// How often a worker has claimed it; the fencing number of its lease.
    pub fence: u64,
    /// Where the work on it stands.
    pub progress: Progress,
    /// What happened so far. Lists of runs have of it what a line says of each; a claim has nothing of it but its outline and what
    /// it resends.
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
            catalog_version: None,
            created_at: now,
            started_at: None,
            fence: 0,
            progress: Progress::default(),
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

/// Where the work on a run stands: what its next claim goes on from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// When every piece was in the ledger. Until then nothing is sent, and what a claim that died left is thrown away and promised anew.
    pub promised_at: Option<Timestamp>,
    /// The last claim that came further; see [`Run::is_poison`].
    pub fence: u64,
    /// Time that claims have worked on it.
    pub worked: Worked,
    /// How often a query failed in passing, so that the run was put back and its queries are asked again (S9).
    pub query_failures: u32,
    /// Since when they fail.
    pub queries_fail_since: Option<Timestamp>,
    /// Since when the way out has been shut for whatever the run has to send.
    pub held_since: Option<Timestamp>,
    /// Something that was delivered was less than promised (D12): the run cannot end `COMPLETE`.
    pub degraded: bool,
    /// What it waits for while it is queued after it began, in words for its owner.
    pub waits_for: Option<String>,
}

/// Time that claims have worked on a run. What it waits in the queue, for a retry or for the server to come back is no work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Worked {
    /// Until every piece was promised.
    pub preparing: SignedDuration,
    /// Since then.
    pub sending: SignedDuration,
}

/// A run that so many claims in a row have not brought any further kills its workers, and is not tried again.
pub const CLAIMS_WITHOUT_PROGRESS: u64 = 5;

impl Run {
    /// When what it delivers is worth nothing any more: `age` after its occurrence, or after somebody asked for it, and for an occurrence no
    /// later than its schedule says. Until then an outage, a deploy or a long queue ends nothing.
    #[must_use]
    pub fn worthless_at(&self, age: SignedDuration) -> Timestamp {
        let aged = |wanted_at: Timestamp| wanted_at.saturating_add(age).unwrap_or(Timestamp::MAX);
        match self.kind {
            RunKind::Scheduled => {
                let by_day = self.definition.worthless_after.and_then(|time| self.next_time_of_day(time));
                by_day.unwrap_or(Timestamp::MAX).min(aged(self.scheduled_for))
            }
            RunKind::Manual | RunKind::Test | RunKind::Resend => aged(self.created_at),
        }
    }

    /// The first instant after the occurrence at which clocks in the schedule's zone show `time`; where a day leaves it out, as much later
    /// as its gap is long. `None` when the zone is not known.
    fn next_time_of_day(&self, time: Time) -> Option<Timestamp> {
        let zone = TimeZone::get(&self.definition.timezone).ok()?;
        let mut day = self.scheduled_for.to_zoned_datetime(zone.clone()).date();
        loop {
            let at = zone.to_timestamp(day.to_datetime(time)).ok()?;
            if at > self.scheduled_for {
                return Some(at);
            }
            day = day.tomorrow().ok()?;
        }
    }

    /// Whether every one of the last [`CLAIMS_WITHOUT_PROGRESS`] workers before this claim died over it.
    #[must_use]
    pub fn is_poison(&self) -> bool {
        self.fence.saturating_sub(self.progress.fence) > CLAIMS_WITHOUT_PROGRESS
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
    /// The service was down at the instant (T14), or the schedule was changed before anybody came to it (T12, T15).
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

/// What the history says of a run (S12). It is only ever added to.
#[derive(Debug, Clone, Default, PartialEq)]
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
    /// What a resend sends again.
    pub resend_of: Option<ResendOf>,
    /// What is told of an alert's run to those to whom the judged rows are not open; the last word counts.
    pub outline: Option<Outline>,
}

/// The piece that a resend sends again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResendOf {
    /// The run that promised it.
    pub run: RunId,
    /// The piece.
    pub delivery: DeliveryId,
}

/// A watched result that becomes the baseline of those it was judged for when the run ends (A9, A18).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JudgedResult {
    /// Fingerprint of the result, as JSON; the same for everybody it was judged for.
    pub fingerprint: String,
    /// Whose baselines wait for it.
    pub baselines: Vec<WaitingBaseline>,
}

/// A baseline that waits for the end of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingBaseline {
    /// Empty for what all share, a recipient's address under fan-out (A18).
    pub audience: String,
    /// When it moves.
    pub moves: BaselineMoves,
    /// The piece by which whoever it belongs to is told; `None` when anybody's does.
    pub told_by: Option<DeliveryId>,
}

impl RunRecord {
    /// Adds a line to the timeline.
    pub fn note(&mut self, at: Timestamp, event: impl Into<String>, detail: Option<String>) {
        self.timeline.push(TimelineEntry { at, event: event.into(), detail });
    }

    /// Adds what happened later.
    pub fn add(&mut self, mut later: Self) {
        self.timeline.append(&mut later.timeline);
        self.tiles.append(&mut later.tiles);
        self.conditions.append(&mut later.conditions);
        self.artifacts.append(&mut later.artifacts);
        for warning in later.warnings {
            self.warn(warning);
        }
        self.error = later.error.or(self.error.take());
        self.resend_of = self.resend_of.or(later.resend_of);
        self.outline = later.outline.or(self.outline.take());
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
#[derive(Debug, Clone, PartialEq)]
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

#[cfg(test)]
mod tests {
    use jiff::civil::time;

    use super::*;
    use crate::destination::{Destination, EmailSettings};
    use crate::id::MembershipId;
    use crate::output::{Format, OutputOptions};
    use crate::schedule::FilterConfig;

    fn run(timezone: &str, worthless_after: Option<Time>, at: &str) -> Run {
        let definition = Definition {
            name: String::new(),
            identifier: "d".into(),
            owner: MembershipId(uuid::Uuid::nil()),
            cron: "0 9 ? * * *".into(),
            timezone: timezone.into(),
            timezone_override: None,
            format: Format::Csv,
            options: OutputOptions::default(),
            tile: None,
            filters: FilterConfig::new(),
            condition: None,
            kill_jobs_on_failure: false,
            destination: Destination::Email(EmailSettings::default()),
            worthless_after,
            link_epoch: 0,
        };
        let at = at.parse().expect("an instant");
        Run { created_at: at, ..Run::queued(ScheduleId(uuid::Uuid::nil()), definition, RunKind::Scheduled, at) }
    }

    #[test]
    fn h2_an_occurrence_is_worthless_by_age_or_by_the_time_of_day_that_its_schedule_says() {
        let nine = Some(time(9, 0, 0, 0));
        for (case, zone, says, at, expected) in [
            ("by age", "UTC", None, "2026-11-30T08:00:00Z", "2026-12-01T08:00:00Z"),
            ("later that day", "UTC", nine, "2026-11-30T08:00:00Z", "2026-11-30T09:00:00Z"),
            ("the next day", "UTC", nine, "2026-11-30T09:00:00Z", "2026-12-01T09:00:00Z"),
            ("in the schedule's zone", "America/New_York", nine, "2026-11-30T13:00:00Z", "2026-11-30T14:00:00Z"),
            ("in a gap, as much later", "America/New_York", Some(time(2, 30, 0, 0)), "2026-03-08T06:00:00Z", "2026-03-08T07:30:00Z"),
            ("on a long day age is first", "America/New_York", nine, "2026-10-31T13:00:00Z", "2026-11-01T13:00:00Z"),
            ("an unknown zone", "Mars/Olympus", nine, "2026-11-30T08:00:00Z", "2026-12-01T08:00:00Z"),
        ] {
            let worthless_at = run(zone, says, at).worthless_at(SignedDuration::from_hours(24));
            assert_eq!(worthless_at, expected.parse::<Timestamp>().expect("an instant"), "{case}");
        }
        let asked_for = Run { kind: RunKind::Manual, ..run("UTC", nine, "2026-11-30T08:00:00Z") };
        assert_eq!(asked_for.worthless_at(SignedDuration::from_hours(24)).to_string(), "2026-12-01T08:00:00Z");
    }

    #[test]
    fn m8_a_run_is_poison_after_five_claims_without_progress() {
        for (fence, came_further, expected) in [(1, 0, false), (5, 0, false), (6, 0, true), (9, 4, false), (10, 4, true)] {
            let progress = Progress { fence: came_further, ..Progress::default() };
            let run = Run { fence, progress, ..run("UTC", None, "2026-11-30T08:00:00Z") };
            assert_eq!(run.is_poison(), expected, "claim {fence}, further at {came_further}");
        }
    }
}
