//! Runs and the ledger of deliveries.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use pressrun_domain::access::told::HistoryReader;
use pressrun_domain::audit::Change;
use pressrun_domain::delivery::{Attempt, Delivery, DeliveryState, Tally};
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::{DeliveryId, DocumentIdentifier, MembershipId, RunId, ScheduleId, WorkerId};
use pressrun_domain::notice::Notice;
use pressrun_domain::preparation::AudienceOutcome;
use pressrun_domain::run::{JudgedResult, Lease, Progress, Run, RunRecord, RunStatus, TimelineEntry, Worked};
use pressrun_domain::schedule::SystemDisabledReason;

use crate::{Page, StoreError};

/// Runs and the ledger.
///
/// Methods that take a [`Lease`] write only while it is the run's current claim: a worker that lost it gets
/// [`StoreError::LeaseLost`] and must stop.
#[async_trait]
pub trait Runs: Send + Sync {
    /// Queues a manual run (I4) or a test (S8).
    ///
    /// # Errors
    /// [`StoreError::RunInProgress`] when a run of that schedule is queued or running (I3); tests never conflict.
    /// [`StoreError::NotFound`] when a manual run's schedule is deleted.
    async fn enqueue(&self, run: &Enqueue, change: &Change) -> Result<(), StoreError>;

    /// Queues a resend with the one piece that it promises. It conflicts with no other run but a resend of the same piece, and needs no schedule.
    ///
    /// # Errors
    /// [`StoreError::RunInProgress`] when the piece is being sent again already: who asks a second time has seen nothing happen yet.
    /// [`StoreError::NotFound`] when a file that the piece carries is no longer kept.
    async fn enqueue_resend(&self, run: &Run, piece: &Delivery, change: &Change) -> Result<(), StoreError>;

    /// Resends of a run's pieces, oldest first, without secrets and recipients.
    async fn resends(&self, of: RunId) -> Result<Vec<Run>, StoreError>;

    /// Claims occurrences that are ready, queued runs that are available, and running ones whose lease has lapsed, oldest first; each claim counts
    /// the run's fence up. Runs of one owner do not crowd out others: claims go round by owner ([`pressrun_domain::turn`]). What waits for a
    /// retry or for a busy document costs a claim nothing, however much of it there is.
    /// A run that cannot be read ends with `ERROR` and the reason, and is not returned.
    async fn claim_some(&self, request: &ClaimRequest) -> Result<Vec<ClaimedRun>, StoreError>;

    /// Claims up to `limit` runs, whatever their document.
    async fn claim(&self, worker: WorkerId, now: Timestamp, lease_until: Timestamp, limit: u32) -> Result<Vec<ClaimedRun>, StoreError> {
        self.claim_some(&ClaimRequest::new(worker, now, lease_until, limit)).await
    }

    /// Lets other processes see that `worker` lives, for as long as this process does. A store that cannot tell does nothing, and the runs
    /// of a dead worker wait for their leases to lapse.
    async fn announce(&self, _worker: WorkerId) -> Result<(), StoreError> {
        Ok(())
    }

    /// Makes the leases of workers that are known to be dead lapse at `now`; returns how many did.
    async fn release_dead(&self, _now: Timestamp) -> Result<u32, StoreError> {
        Ok(0)
    }

    /// Whether a queued run is available: somebody waits for a worker.
    async fn others_wait(&self, now: Timestamp) -> Result<bool, StoreError>;

    /// When the next queued run becomes available or the next lease lapses, later than `after`.
    async fn next_available(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError>;

    /// Prolongs a lease.
    async fn renew(&self, lease: &Lease, until: Timestamp) -> Result<Lease, StoreError>;

    /// Puts a run back that waits for a retry, to be claimed not before `available_at`; at once when somebody asked for it to be stopped.
    async fn release(&self, lease: &Lease, available_at: Timestamp, news: &RunNews) -> Result<(), StoreError>;

    /// Hands a run back because its worker stops, to be claimed at `now`. What is recorded of it stays as it is, but for `lines` that its
    /// timeline gains and the time that was worked: whoever claims it next goes on where it was.
    async fn hand_back(&self, lease: &Lease, now: Timestamp, lines: &[TimelineEntry], worked: Worked) -> Result<(), StoreError>;

    /// Hands a run back in the middle of its work, behind whatever else waits: one from each owner goes first.
    async fn yield_run(&self, lease: &Lease, now: Timestamp, news: &RunNews) -> Result<(), StoreError>;

    /// Adds to a run what happened since it was last written.
    async fn add_news(&self, lease: &Lease, news: &RunNews) -> Result<(), StoreError>;

    /// Writes the pieces a run promises, before any is sent; pieces that exist (same run and target) are left as they are.
    async fn promise(&self, lease: &Lease, deliveries: &[Delivery]) -> Result<(), StoreError>;

    /// Promises the rest of the pieces of one audience, adds what happened, and notes that it is `done`: in one transaction, from which on its
    /// pieces are owed and no later claim throws them away. With news that say that all is promised these are the last of the run's, and all
    /// are owed.
    async fn finish_audience(
        &self,
        lease: &Lease,
        pieces: &[Delivery],
        news: &RunNews,
        done: Option<&AudienceDone>,
    ) -> Result<(), StoreError>;

    /// Promises all pieces of a run at once, as [`Self::finish_audience`] does with news that say so, and begins the first attempts at some of them
    /// at `now`: for a run that has promised nothing before.
    ///
    /// False when they have not begun, because somebody asked for the run to be stopped or deleted its schedule (X9); everything is promised
    /// then all the same.
    async fn promise_and_begin(
        &self,
        lease: &Lease,
        pieces: &[Delivery],
        news: &RunNews,
        begun: &[DeliveryId],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.finish_audience(lease, pieces, news, None).await?;
        if self.is_cancelled(lease.run).await? {
            return Ok(false);
        }
        for piece in begun {
            self.begin_attempt(lease, *piece, now).await?;
        }
        Ok(true)
    }

    /// The audiences of a run under way that are done, in no order.
    async fn audiences_done(&self, run: RunId) -> Result<Vec<AudienceDone>, StoreError>;

    /// Throws away what was promised and never tried of audiences that are not done: the promises of a claim that died before all were made.
    async fn forget_promises(&self, lease: &Lease) -> Result<(), StoreError>;

    /// Every piece of a run with its attempts, in the order promised.
    async fn deliveries(&self, run: RunId) -> Result<Vec<Delivery>, StoreError>;

    /// One page of a run's pieces with their attempts: those that failed first, then in the order promised; `page` counts from 1.
    async fn piece_page(&self, run: RunId, page: u64, page_size: u32) -> Result<Page<Delivery>, StoreError>;

    /// The pieces of a run that go to this address, compared without case, with their attempts.
    async fn pieces_to(&self, run: RunId, address: &EmailAddress) -> Result<Vec<Delivery>, StoreError>;

    /// Who gets the same bytes in a run: of each audience its first target in the order promised, and how many there are.
    async fn audiences(&self, run: RunId) -> Result<Vec<AudienceTargets>, StoreError>;

    /// Up to `limit` pieces that may be tried at `now`, with their attempts, in the order promised; while audiences are prepared, of those that
    /// are done.
    async fn owed(&self, run: RunId, now: Timestamp, limit: u32) -> Result<Vec<Delivery>, StoreError>;

    /// One piece of a run with its attempts.
    async fn delivery(&self, run: RunId, id: DeliveryId) -> Result<Option<Delivery>, StoreError>;

    /// How the pieces of a run stand.
    async fn tally(&self, run: RunId) -> Result<Tally, StoreError>;

    /// Records that an attempt begins; returns its number (from 1).
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the piece is accepted (I7), failed or skipped; [`StoreError::NotFound`] when it is not of this run.
    async fn begin_attempt(&self, lease: &Lease, delivery: DeliveryId, now: Timestamp) -> Result<u32, StoreError>;

    /// Records what an attempt came to, where the delivery stands now, and what the run learnt by it.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the piece is accepted and would no longer be; [`StoreError::NotFound`] when no such attempt began.
    async fn end_attempt(
        &self,
        lease: &Lease,
        delivery: DeliveryId,
        attempt: &Attempt,
        state: &DeliveryState,
        learnt: &Learnt,
    ) -> Result<(), StoreError>;

    /// Records an answer that took a piece, as [`Self::end_attempt`] does, and ends the run `COMPLETE` with it when that leaves nothing to be done or
    /// said: every piece was taken or was never to be tried, nothing came with less than was promised, and nobody waits to hear that the schedule works
    /// again. Whether it ended the run; a store may leave that to [`Self::finish`].
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when no such attempt began.
    async fn settle(&self, lease: &Lease, last: &LastAnswer) -> Result<bool, StoreError> {
        let state = DeliveryState::Accepted { at: last.at };
        self.end_attempt(lease, last.delivery, &last.attempt, &state, &last.learnt).await?;
        Ok(false)
    }

    /// Ends a run. In the same transaction: its notices, the schedule's `last_run` (not for tests, S8; not when the schedule is gone), the baselines
    /// that waited for it, system disabling, and a pinned SFTP host key when one was learnt; each only as far as the schedule still is what ran
    /// (an edit that reset a baseline is not undone). Pieces still owed become failed, or skipped when never tried, with the run's reason.
    ///
    /// Baselines move by what their judgement asks for ([`BaselineMoves`](pressrun_domain::condition::BaselineMoves)), and none do when the run was
    /// killed before anybody was told (A10).
    async fn finish(&self, lease: &Lease, end: &RunEnd, now: Timestamp) -> Result<(), StoreError>;

    /// Asks for a run to be stopped: a queued one ends `KILLED` at once, a running one when its worker next looks. False when it had ended.
    /// A queued run ends with the reason `cancelled`.
    async fn cancel(&self, run: RunId, change: &Change) -> Result<bool, StoreError>;

    /// Whether somebody asked for the run to be stopped, or its schedule was deleted before anything was accepted (X9). Tests have no
    /// schedule to lose.
    async fn is_cancelled(&self, run: RunId) -> Result<bool, StoreError>;

    /// One run with all that happened, without the secrets of its definition.
    async fn run(&self, id: RunId) -> Result<Option<Run>, StoreError>;

    /// Runs of a schedule (all schedules when `None`), newest occurrence first, without secrets and recipients; `page` counts from 1. Of what happened
    /// they have what a line of a list says: the note of the plan, warnings, errors and whose queries ran.
    async fn list_runs(&self, schedule: Option<ScheduleId>, page: u64, page_size: u32) -> Result<Page<Run>, StoreError>;

    /// The same of one schedule for somebody who may not know how every run went: only the resends that are listed for them, and only those
    /// are counted. A resend of an alert's run without an outline, which is of an older version, is for admins, and for whom it went to.
    async fn list_runs_for(&self, reader: &HistoryReader, schedule: ScheduleId, page: u64, page_size: u32)
    -> Result<Page<Run>, StoreError>;

    /// Of each of these schedules the run that is queued or running (at most one, I3), without secrets and recipients; in no order.
    async fn runs_under_way(&self, schedules: &[ScheduleId]) -> Result<Vec<Run>, StoreError>;

    /// How the last `limit` runs of a schedule that count ended, newest occurrence first; what was skipped, tested or sent again is not among them.
    async fn last_endings(&self, schedule: ScheduleId, limit: u32) -> Result<Vec<RunStatus>, StoreError>;

    /// Of each of these schedules the newest run that counts and ended as a failure, without secrets and recipients; in no
    /// order.
    async fn latest_failures(&self, schedules: &[ScheduleId]) -> Result<Vec<Run>, StoreError>;

    /// Runs of all schedules in a stretch of time, newest first, without secrets and recipients. It is read by the index of all history: whoever
    /// asks keeps the stretch short.
    async fn history(&self, query: &HistoryQuery) -> Result<Vec<Run>, StoreError>;

    /// How many test deliveries (S8) were made for this owner since an instant.
    async fn count_tests(&self, owner: MembershipId, since: Timestamp) -> Result<u64, StoreError>;

    /// The stored baselines of these audiences of a schedule (A5, A18), equal ones together; in no order.
    async fn baselines(&self, schedule: ScheduleId, audiences: &[&str]) -> Result<Vec<StoredBaseline>, StoreError>;

    /// The stored baseline of an audience of a schedule.
    async fn baseline(&self, schedule: ScheduleId, audience: &str) -> Result<Option<String>, StoreError> {
        Ok(self.baselines(schedule, &[audience]).await?.pop().map(|found| found.fingerprint))
    }

    /// Forgets every baseline of a schedule (A12, A13).
    async fn reset_baselines(&self, schedule: ScheduleId) -> Result<(), StoreError>;
}

/// The targets of one audience of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudienceTargets {
    /// The audience, as pieces name it.
    pub audience: String,
    /// The target that was promised first.
    pub first: String,
    /// How many there are.
    pub count: u64,
}

/// An audience of a run that is not prepared again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudienceDone {
    /// Tells it from the others of the run, and is the same in every claim.
    pub digest: String,
    /// The audience, as pieces name it.
    pub key: String,
    /// How it is done.
    pub outcome: AudienceOutcome,
}

/// A manual run or a test to queue.
#[derive(Debug, Clone, PartialEq)]
pub struct Enqueue {
    /// The run: state queued, with its definition.
    pub run: Run,
}

/// What a worker asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRequest {
    /// Who asks.
    pub worker: WorkerId,
    /// The present.
    pub now: Timestamp,
    /// Until when the claim holds.
    pub lease_until: Timestamp,
    /// Most runs.
    pub limit: u32,
    /// Whether to take over running ones whose lease has lapsed. A worker that saw the clock jump waits with that, so that those who
    /// live can renew.
    pub rescue: bool,
    /// Runs that the worker has under way: their leases may have lapsed, but nobody is gone.
    pub under_way: Vec<RunId>,
    /// Queued runs of these documents wait: their connection has enough to do.
    pub busy: Vec<DocumentIdentifier>,
    /// Receivers that have room for so many of the runs that [wait at them](RunNews::waits_at).
    pub receivers: Vec<(String, u32)>,
    /// The longest that a run waits for a retry. One that seems to wait for longer was handed back before the clock was set back, and
    /// waits no more.
    pub longest_wait: SignedDuration,
}

impl ClaimRequest {
    /// Asks for up to `limit` runs, whatever they are.
    #[must_use]
    pub fn new(worker: WorkerId, now: Timestamp, lease_until: Timestamp, limit: u32) -> Self {
        let longest_wait = SignedDuration::MAX;
        Self { worker, now, lease_until, limit, rescue: true, under_way: Vec::new(), busy: Vec::new(), receivers: Vec::new(), longest_wait }
    }
}

/// A run with the lease that the claim gave.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedRun {
    /// The run; its definition has its secrets.
    pub run: Run,
    /// The hold on it.
    pub lease: Lease,
}

/// What a run gains: nothing that was written before is written again.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunNews {
    /// What happened since it was last written.
    pub record: RunRecord,
    /// Where the work stands now. What attempts add to it ([`Learnt`]) is kept whatever is said here.
    pub progress: Progress,
    /// Results that become baselines when the run ends.
    pub judged: Vec<JudgedResult>,
    /// The receiver at which a run waits that is put back because many wait there: it is [called up](ClaimRequest::receivers) when there is room.
    pub waits_at: Option<String>,
}

/// What a run learns by one attempt, beyond the piece that it was made for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Learnt {
    /// What the history warns of.
    pub warnings: Vec<String>,
    /// What was delivered is less than was promised (D12).
    pub degraded: bool,
    /// The host key (OpenSSH form) seen at the first successful SFTP use (D7).
    pub host_key: Option<String>,
}

/// An answer with which a run may be over.
#[derive(Debug, Clone, PartialEq)]
pub struct LastAnswer {
    /// The piece that was taken.
    pub delivery: DeliveryId,
    /// The attempt, with what was answered.
    pub attempt: Attempt,
    /// When that was.
    pub at: Timestamp,
    /// What the run learnt by it.
    pub learnt: Learnt,
    /// What happened since the run was last written, its end included; written only with the end.
    pub record: RunRecord,
}

/// How a run ends.
#[derive(Debug, Clone, PartialEq)]
pub struct RunEnd {
    /// How.
    pub status: RunStatus,
    /// Named reason, such as `noRecipients`, `noData`, `killed: memory`.
    pub reason: Option<String>,
    /// What happened since it was last written.
    pub record: RunRecord,
    /// Results that become baselines with the end, beside those that wait for it already.
    pub judged: Vec<JudgedResult>,
    /// Switch the schedule off.
    pub disable: Option<SystemDisabledReason>,
    /// What is to be said about it (S10). One that says the schedule was switched off is kept only if this very end did that.
    pub notices: Vec<Notice>,
}

/// A baseline, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBaseline {
    /// The fingerprint, as the engine wrote it.
    pub fingerprint: String,
    /// Empty for what all share, a recipient's address under fan-out (A18).
    pub audiences: Vec<String>,
}

/// Which runs of all are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryQuery {
    /// First instant of an occurrence.
    pub from: Timestamp,
    /// The instant after the last.
    pub until: Timestamp,
    /// How they stand.
    pub part: HistoryPart,
    /// Only those of these schedules.
    pub schedules: Option<Vec<ScheduleId>>,
    /// How many are passed over.
    pub offset: u64,
    /// How many at most.
    pub limit: u32,
}

/// How runs stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HistoryPart {
    /// In whatever way.
    #[default]
    All,
    /// Failed, failed in part, or stopped (S10).
    Failed,
    /// Sent, all of it.
    Sent,
    /// Alerts that had nothing to say.
    Unmet,
    /// Queued or running.
    Open,
    /// Skipped.
    Skipped,
}

impl HistoryPart {
    /// Every value.
    pub const ALL: [Self; 6] = [Self::All, Self::Failed, Self::Sent, Self::Unmet, Self::Open, Self::Skipped];

    /// The word in queries and addresses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "",
            Self::Failed => "failed",
            Self::Sent => "sent",
            Self::Unmet => "unmet",
            Self::Open => "open",
            Self::Skipped => "skipped",
        }
    }
}
