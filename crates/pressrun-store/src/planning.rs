//! What planning reads and writes: when schedules are due, and what was planned ahead.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use pressrun_domain::id::{RunId, ScheduleId};
use pressrun_domain::notice::Notice;

use crate::StoreError;

/// Due schedules and planned occurrences.
///
/// Small rows with numbers for keys: no definition, no secret, no JSON is read here. Whatever changes a schedule (an edit, a pause, a transfer,
/// its being switched off) takes back what was planned of it and is not ready, in its own transaction; what is ready by then becomes a run first, and
/// instants that have come and that nobody has planned are told as missed, unless the schedule stays due (T12, T15).
#[async_trait]
pub trait Planning: Send + Sync {
    /// Active schedules whose next instant is at or before `until`, earliest first, found by index.
    /// What was planned of them before `late` and never released (nobody was there at the instant) is theirs to be planned anew.
    async fn due_schedules(&self, until: Timestamp, late: Timestamp, limit: u32) -> Result<Vec<DueSchedule>, StoreError>;

    /// The earliest instant that is not planned yet.
    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError>;

    /// The expression and zone of each of these, as stored; in no order.
    async fn timings(&self, ids: &[TimingId]) -> Result<Vec<Timing>, StoreError>;

    /// Writes what was decided for each schedule and moves it to its next instant, in one transaction. A schedule that is no longer as it was
    /// read (another node was faster, or it was edited) is left alone, and so is an occurrence that exists (I1). Missed occurrences are history at once;
    /// others wait in the plan until they are [released](Self::release_planned).
    async fn plan(&self, schedules: &[PlannedSchedule], now: Timestamp) -> Result<(), StoreError>;

    /// Up to `limit` planned occurrences whose instant has come are ready to be claimed; beside a run that is under way they are skipped as
    /// overlap (I2), and as missed when they are older than `oldest` (T14). One that is ready is a queued run to everybody who looks, and has a
    /// copy of the definition from its claim on, or from just before the schedule is changed.
    async fn release_planned(&self, now: Timestamp, oldest: Timestamp, limit: u32) -> Result<Released, StoreError>;

    /// The earliest instant in the plan.
    async fn next_ready(&self) -> Result<Option<Timestamp>, StoreError>;

    /// Active schedules in the order of their keys, after `after`; of all or of those that were planned beyond an instant.
    async fn planned_beyond(&self, beyond: Option<Timestamp>, after: ScheduleKey, limit: u32) -> Result<Vec<PlannedThrough>, StoreError>;

    /// Takes back what was planned of these schedules after `now`, and has them planned, and fire, from other instants. Left alone are those that are no
    /// longer as they were read.
    async fn replan(&self, schedules: &[Replanned], now: Timestamp) -> Result<(), StoreError>;

    /// Of each of these stretches of a schedule, from one instant to another, the instants that have a row of history or are ready to be claimed; in no
    /// order. Asked where instants were missed: after a clock was set back and put right they may have been dealt with before.
    async fn dealt_with(&self, stretches: &[(ScheduleKey, Timestamp, Timestamp)]) -> Result<Vec<(ScheduleKey, Timestamp)>, StoreError>;

    /// Undoes what a clock that was ahead did to instants to come: that they were missed or skipped, and runs that nobody has begun; and that an instant was
    /// missed which had not come when that was told.
    ///
    /// A row that tells of missed instants of which some have come is undone as a whole, and its schedule planned again from the first of them: the latest may run
    /// yet (T14). When the schedule fires otherwise since, or no longer, the row tells of those that have come.
    async fn forget_future(&self, clock: &PutRight) -> Result<(), StoreError>;

    /// The schedule of a key; `None` when it is deleted.
    async fn schedule_of(&self, key: ScheduleKey) -> Result<Option<ScheduleId>, StoreError>;

    /// Leaves a schedule that cannot be planned without a next instant until it is edited or planned anew, and keeps what is to be said about that.
    /// False when it is no longer as it was read.
    async fn set_aside(&self, schedule: &DueSchedule, notices: &[Notice]) -> Result<bool, StoreError>;

    /// A word that planning keeps for its next start, such as the version of the time zone database.
    async fn planning_note(&self, name: PlanningNote) -> Result<Option<String>, StoreError>;

    /// Keeps it.
    async fn keep_planning_note(&self, name: PlanningNote, text: &str) -> Result<(), StoreError>;
}

/// A schedule in planning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ScheduleKey(pub i64);

impl fmt::Display for ScheduleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An expression in a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimingId(pub i64);

/// An expression in a zone, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// What schedules name.
    pub id: TimingId,
    /// Six-field cron expression.
    pub cron: String,
    /// IANA zone.
    pub zone: String,
}

/// A schedule whose next instant has come, or is about to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueSchedule {
    /// The schedule.
    pub key: ScheduleKey,
    /// When it fires.
    pub timing: TimingId,
    /// Counts its changes.
    pub revision: i64,
    /// Its next instant, as stored; `None` only of schedules that are [planned anew](Planning::planned_beyond).
    pub next_at: Option<Timestamp>,
    /// The first instant to plan: `next_at`, or an earlier one that was planned and never released.
    pub from: Timestamp,
}

/// A clock that was ahead and was put right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PutRight {
    /// It may have been ahead from this instant on.
    pub ahead_from: Timestamp,
    /// What a right clock showed when somebody last looked: schedules are planned anew from there.
    pub since: Timestamp,
    /// The present.
    pub now: Timestamp,
}

/// How far a schedule has been planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedThrough {
    /// The schedule.
    pub schedule: DueSchedule,
    /// Every instant up to this one is dealt with.
    pub through: Timestamp,
    /// Since when it has fired as it does, by the clock of whoever made, retimed, resumed or switched it on; nothing before is its own.
    pub fires_from: Timestamp,
}

/// What was decided for one schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedSchedule {
    /// As it was read.
    pub schedule: DueSchedule,
    /// What becomes a run at its instant.
    pub starts: Vec<PlannedOccurrence>,
    /// What was missed: one row of history for all that follow each other.
    pub missed: Vec<MissedOccurrences>,
    /// Every instant up to this one is dealt with.
    pub through: Timestamp,
    /// When it is due next.
    pub next_at: Option<Timestamp>,
}

/// An occurrence that is to become a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedOccurrence {
    /// The instant; unique with the schedule (I1).
    pub at: Timestamp,
    /// `dst_gap` or `dst_fold`.
    pub dst: Option<&'static str>,
}

/// Occurrences that never become runs.
#[derive(Debug, Clone, PartialEq)]
pub struct MissedOccurrences {
    /// Id of the row that tells of them.
    pub run: RunId,
    /// The last of them.
    pub last: PlannedOccurrence,
    /// How many there were and why, in words.
    pub detail: String,
}

/// What became of planned occurrences.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Released {
    /// Occurrences that are ready now.
    pub queued: u32,
    /// Occurrences that were taken out of the plan.
    pub taken: u32,
}

/// A schedule that is to be planned from another instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replanned {
    /// As it was read.
    pub schedule: DueSchedule,
    /// Every instant up to this one is dealt with.
    pub through: Timestamp,
    /// When it is due next.
    pub next_at: Option<Timestamp>,
}

/// What the tasks that go by the clock keep for their next start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanningNote {
    /// Version of the rules that every schedule is planned by: the time zone database, and how expressions are read.
    Rules,
    /// When a pass was made last, give or take a minute.
    LastTick,
    /// Before the clock jumped, or after nobody had been there: the last instant that was beyond doubt. Empty while none is in doubt.
    LastSure,
    /// By which instant the last sweep judged what is old.
    LastSweep,
}

impl PlanningNote {
    /// Its name in storage.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rules => "planning_rules",
            Self::LastTick => "planning_last_tick",
            Self::LastSure => "planning_last_sure",
            Self::LastSweep => "last_sweep",
        }
    }
}
