//! How much there is to do, for operators.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::StoreError;

/// Figures that are read again and again while others work. None of them walks history: each reads an index, or a table that is as long as what
/// waits. Whoever asks minds how long an answer took before asking again.
#[async_trait]
pub trait Figures: Send + Sync {
    /// Who waits for a worker, and since when the occurrence has been due at `now` that waits the longest.
    async fn waiting(&self, now: Timestamp) -> Result<Waiting, StoreError>;

    /// What was promised and is not delivered; late is what belongs to an instant before `late`.
    async fn still_owed(&self, late: Timestamp) -> Result<Owed, StoreError>;

    /// Schedules, by whether they come due.
    async fn schedule_counts(&self) -> Result<ScheduleCounts, StoreError>;

    /// How the runs stand whose instants are in a stretch of time, by the index of all history: whoever asks keeps the stretch short.
    async fn runs_between(&self, from: Timestamp, until: Timestamp) -> Result<RunCounts, StoreError>;

    /// How many workers live, where more than one process may share the database.
    async fn workers_alive(&self) -> Result<Option<u64>, StoreError>;
}

/// Who waits for a worker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waiting {
    /// By what they are and whether they may be claimed; what nobody is counted in is left out.
    pub queued: Vec<(QueuedKind, bool, u64)>,
    /// Since when the oldest occurrence has been due that nobody has claimed: whether it is still to be planned, to be released or in the queue.
    pub oldest_due: Option<Timestamp>,
}

impl Waiting {
    /// Takes note of something that is due at an instant.
    pub(crate) fn see(&mut self, at: Option<Timestamp>, now: Timestamp) {
        self.oldest_due = self.oldest_due.into_iter().chain(at.filter(|at| *at <= now)).min();
    }
}

/// What waits for a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueuedKind {
    /// An occurrence that nobody has begun.
    Occurrence,
    /// A run that was claimed before: it waits for a retry, was handed back or gave way.
    Again,
    /// A run that a person asked for.
    Asked,
}

impl QueuedKind {
    /// Every value.
    pub const ALL: [Self; 3] = [Self::Occurrence, Self::Again, Self::Asked];

    /// The word in storage and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Occurrence => "occurrence",
            Self::Again => "again",
            Self::Asked => "asked",
        }
    }
}

/// What is not delivered yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Owed {
    /// Pieces that were promised and are neither accepted nor given up.
    pub pieces: u64,
    /// Those that are late.
    pub late_pieces: u64,
    /// Notices to people that are not sent.
    pub notices_to_people: u64,
    /// Notices to the operator that are not sent.
    pub notices_to_operator: u64,
}

/// Schedules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScheduleCounts {
    /// Those that come due.
    pub active: u64,
    /// Those that do not: paused, switched off, or with no instant left.
    pub inactive: u64,
}

/// Runs, by how they stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunCounts {
    /// Sent, all of it.
    pub sent: u64,
    /// Sent in part.
    pub partly: u64,
    /// Not sent.
    pub failed: u64,
    /// Stopped.
    pub stopped: u64,
    /// Alerts that had nothing to say.
    pub unmet: u64,
    /// Queued or running.
    pub open: u64,
    /// Skipped.
    pub skipped: u64,
}
