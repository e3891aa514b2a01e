//! One run, from claim to verdict.
//!
//! Theory of operation. A claimed run has promised everything it owes, or it has not. If not, it is *prepared*: audiences are resolved, and
//! for each the condition is judged, queries run, the artifact is rendered into the spool and its pieces are promised, a batch in a
//! transaction, so that ten thousand of them are never in memory together. The last transaction saves the record and with it that all is
//! promised; what a claim that died before it left is thrown away, for nothing of it was sent. Then the run is *sent*: page by page each
//! piece that is due is tried once. When others wait for a worker it lets them go first between two pages, and when only retries are left
//! it is handed back until the earliest is due. When nothing is pending the verdict is known and the run ends. So a crash at any point
//! repeats preparation (nothing was sent) or continues sending (what was accepted is in the ledger).

pub mod audience;
mod judge;
mod link;
mod message;
mod outline;
mod prepare;
mod send;
pub(crate) mod suppressed;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pressrun_catalog::CatalogHandle;
use pressrun_domain::audience::OWNERS;
use pressrun_domain::catalog::Catalog;
use pressrun_domain::clock::Clock;
use pressrun_domain::condition::Judgement;
use pressrun_domain::retry::Next;
use pressrun_domain::run::{JudgedResult, Lease, Run, RunRecord, RunStatus};
use pressrun_domain::schedule::{SystemDisabledReason, fault};
use pressrun_query::QueryError;
use pressrun_store::{BaselineChange, RunEnd, Store, StoreError};

use crate::carrier::Carrier;
use crate::config::EngineConfig;
use crate::content::Producer;
use crate::fail::{FailPoint, reach};
use crate::faults::{Faults, Verdict};
use crate::links::Links;
use crate::notice::{self, Ending};
use crate::publish;
use crate::spool::Spool;
use send::Sent;

/// What every run needs.
#[derive(Clone)]
pub struct Context {
    /// Rows.
    pub store: Arc<dyn Store>,
    /// Dashboards and people.
    pub catalog: Arc<CatalogHandle>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The way out.
    pub carrier: Arc<dyn Carrier>,
    /// Queries and artifacts.
    pub producer: Producer,
    /// Finished artifacts.
    pub spool: Spool,
    /// Addresses.
    pub links: Links,
    /// Bounds.
    pub config: Arc<EngineConfig>,
    /// Faults of schedules that are not yet known to hold.
    pub faults: Arc<Faults>,
}

/// How work on a claim ends.
#[derive(Debug)]
pub enum Step {
    /// The run is over.
    End(Box<RunEnd>),
    /// Something is owed, not before this instant.
    Wait(Timestamp),
    /// Something is owed, and somebody else waits: they go first.
    Yield,
}

/// A run that cannot go on.
#[derive(Debug)]
pub(crate) struct Stop {
    status: RunStatus,
    reason: String,
    error: Option<String>,
    disable: Option<SystemDisabledReason>,
}

impl Stop {
    fn new(status: RunStatus, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into(), error: None, disable: None }
    }

    fn because(mut self, error: impl Into<String>) -> Self {
        self.error = Some(error.into());
        self
    }
}

/// Why a step did not go through: the run stops, the store failed and the claim is given up, or the queries are asked again later.
#[derive(Debug)]
pub(crate) enum Halt {
    Stop(Box<Stop>),
    Store(StoreError),
    AskAgain(Timestamp),
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Self {
        Self::Stop(Box::new(stop))
    }
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What a run stands on.
enum Footing {
    /// The catalog that it runs by.
    Firm(Arc<Catalog>),
    /// Its schedule cannot run by the files as they are, which may be for moments.
    Waits { until: Timestamp, why: &'static str },
}

/// One claimed run being worked on.
pub(crate) struct Work<'a> {
    context: &'a Context,
    run: &'a Run,
    lease: Lease,
    record: RunRecord,
    producer: Producer,
    learnt_host_key: Option<String>,
}

/// Works on a claimed run until it is over or has to wait. `record` is left as far as it came, also on failure.
///
/// # Errors
/// The store failed or the lease is lost: nothing more may be written.
pub async fn work(context: &Context, run: &Run, lease: Lease) -> Result<(Step, RunRecord), StoreError> {
    let producer = context.producer.for_run(run.kind);
    let mut work = Work { context, run, lease, record: run.record.clone(), producer, learnt_host_key: None };
    let event = if run.fence <= 1 { "claimed" } else { "resumed" };
    let late = context.clock.now().duration_since(run.scheduled_for);
    let late = SignedDuration::new(late.as_secs(), late.subsec_millis() * 1_000_000);
    work.note(event, Some(format!("by worker {}, {late:#} after its instant", lease.worker)));
    match work.go().await {
        Ok(step) => Ok((step, work.record)),
        Err(Halt::Store(error)) => Err(error),
        Err(Halt::AskAgain(at)) => Ok((Step::Wait(at), work.record)),
        Err(Halt::Stop(stop)) => {
            let end = work.stopped(*stop).await?;
            Ok((Step::End(Box::new(end)), work.record))
        }
    }
}

/// When work on a run began, what it waited for the catalog not counted.
fn began(run: &Run) -> Timestamp {
    let started = run.started_at.unwrap_or(run.created_at);
    run.record.waited_until.map_or(started, |until| until.max(started))
}

/// Time between two looks whether the file that a run waits for is right.
const CATALOG_LOOK: SignedDuration = SignedDuration::from_mins(1);

/// An occurrence that waited for so long for its dashboard's file is worth nothing any more.
const CATALOG_PATIENCE: SignedDuration = SignedDuration::from_hours(24);

/// How often a run that queries or renders looks whether it is still wanted.
const LOOK_FOR_STOP: SignedDuration = SignedDuration::from_secs(2);

/// Ends when somebody asked for the run to be stopped, or deleted its schedule: what is slow is dropped then (S5, X9).
async fn until_stopped(context: &Context, run: &Run) -> Stop {
    loop {
        context.clock.sleep(LOOK_FOR_STOP).await;
        // A store that fails now is heard of by the work itself.
        if let Ok(Some(stop)) = asked_to_stop(context, run).await {
            return stop;
        }
    }
}

/// Whether the run is to be stopped, and the named reason.
async fn asked_to_stop(context: &Context, run: &Run) -> Result<Option<Stop>, StoreError> {
    if !context.store.is_cancelled(run.id).await? {
        return Ok(None);
    }
    let gone = run.kind.counts() && context.store.schedule(run.schedule_id).await?.is_none();
    Ok(Some(Stop::new(RunStatus::Killed, if gone { "deleted" } else { "cancelled" })))
}

impl Work<'_> {
    async fn go(&mut self) -> Result<Step, Halt> {
        let store = &self.context.store;
        if !self.record.promised {
            self.check_cancelled().await?;
            let catalog = match self.catalog().await? {
                Footing::Firm(catalog) => catalog,
                Footing::Waits { until, why } => {
                    self.note("waiting", Some(why.to_owned()));
                    self.record.waited_until = Some(until);
                    return Ok(Step::Wait(until));
                }
            };
            self.check_alive().await?;
            if let Some(why) = self.context.carrier.unready(&self.run.definition.destination) {
                return Err(Stop::new(RunStatus::Error, "notConfigured").because(why).into());
            }
            if self.run.fence > 1 {
                store.forget_promises(&self.lease).await?;
            }
            let before = self.record.clone();
            let prepared = tokio::select! {
                biased;
                stop = until_stopped(self.context, self.run) => return Err(stop.into()),
                prepared = prepare::prepare(self, &catalog) => prepared,
            };
            if let Err(Halt::AskAgain(_)) = prepared {
                // Nothing of it counts but that it was tried.
                let RunRecord { timeline, outline, query_failures, .. } = std::mem::take(&mut self.record);
                self.record = RunRecord { timeline, outline, query_failures, ..before };
                store.forget_promises(&self.lease).await?;
            }
            let pieces = prepared?;
            self.check_alive().await?;
            reach(FailPoint::AmidPromises);
            self.record.promised = true;
            self.note("promised", Some(format!("{pieces} {}", if pieces == 1 { "piece" } else { "pieces" })));
            store.save_record(&self.lease, &self.record).await?;
            reach(FailPoint::AfterPromise);
        }
        match send::send_pending(self).await? {
            Sent::All => {}
            Sent::Some { retry_at } => {
                self.note("waiting", Some(format!("next attempt at {}", retry_at.strftime("%Y-%m-%d %H:%M:%S UTC"))));
                return Ok(Step::Wait(retry_at));
            }
            Sent::Held { until, reason, since, by_hand } => {
                self.note("held", Some(format!("{reason}; looked at again at {until}")));
                if by_hand {
                    let notice = notice::about_holding(self.context, self.run, &self.record, &reason, since);
                    store.add_notices(notice.as_slice()).await?;
                }
                return Ok(Step::Wait(until));
            }
            Sent::GaveWay => {
                self.note("gaveWay", Some("others waited for a worker".to_owned()));
                return Ok(Step::Yield);
            }
        }
        let failed_before = self.record.degraded || self.record.tiles.iter().any(|tile| tile.error.is_some());
        let tally = store.tally(self.run.id).await?;
        let status = tally.verdict(failed_before).unwrap_or(RunStatus::Error);
        let accepted = matches!(status, RunStatus::Complete | RunStatus::ErrorDelivered);
        let reason = (!accepted).then(|| tally.first_failure.unwrap_or_else(|| "noRecipients".to_owned()));
        self.tell_of_own_copy().await?;
        self.outline_ends(status, reason.as_deref());
        let ending = Ending { status, reason: reason.as_deref(), disable: None, promised: true };
        let notices = notice::about_run(self.context, self.run, &self.record, ending).await?;
        Ok(Step::End(Box::new(RunEnd { notices, ..self.end(status, reason, accepted) })))
    }

    /// The end of a run that could not go on.
    async fn stopped(&mut self, stop: Stop) -> Result<RunEnd, StoreError> {
        self.record.error = stop.error.or(self.record.error.take());
        let disable = stop.disable.filter(|_| self.run.kind.counts());
        self.outline_ends(stop.status, Some(&stop.reason));
        let ending = Ending { status: stop.status, reason: Some(&stop.reason), disable, promised: false };
        let notices = notice::about_run(self.context, self.run, &self.record, ending).await?;
        Ok(RunEnd { notices, disable, ..self.end(stop.status, Some(stop.reason), false) })
    }

    fn end(&mut self, status: RunStatus, reason: Option<String>, delivered: bool) -> RunEnd {
        let judged = std::mem::take(&mut self.record.judged);
        let moves = |result: &JudgedResult| {
            let evaluated =
                matches!(status, RunStatus::Complete | RunStatus::ErrorDelivered | RunStatus::ConditionUnmet | RunStatus::Error);
            evaluated && pressrun_domain::condition::advances_baseline(result.judgement, delivered)
        };
        let baselines = judged.into_iter().filter(|result| self.run.kind.counts() && moves(result));
        // What all share was told when anybody has it (A10); a personal copy, when that person has it (A18).
        let personal = |result: &JudgedResult| result.judgement == Judgement::Met && !result.audience.is_empty();
        let baselines = baselines.map(|result| BaselineChange {
            after: personal(&result).then(|| prepare::delivery_id(self.run.id, &result.audience)),
            audience: result.audience,
            fingerprint: result.fingerprint,
        });
        let baselines = baselines.collect();
        self.note(
            "ended",
            Some(reason.as_ref().map_or_else(|| status.as_str().to_owned(), |reason| format!("{} ({reason})", status.as_str()))),
        );
        RunEnd {
            status,
            reason,
            record: self.record.clone(),
            baselines,
            disable: None,
            learnt_host_key: self.learnt_host_key.take(),
            notices: Vec::new(),
        }
    }

    /// Stops a run that somebody cancelled or whose time is up (S5, X9); asked while nothing has been sent yet.
    async fn check_alive(&self) -> Result<(), Halt> {
        self.check_cancelled().await?;
        self.time_left().map(|_| ())
    }

    /// The same for a run that has promised and sent nothing yet: it may wait for retries, or for a way out that is shut.
    async fn check_sending(&self) -> Result<(), Halt> {
        self.check_cancelled().await?;
        self.time_left_of(self.context.config.longest_sending()).map(|_| ())
    }

    /// Stops a run that somebody cancelled, also when some pieces have gone; a deleted schedule's only when none has (X9).
    async fn check_cancelled(&self) -> Result<(), Halt> {
        match asked_to_stop(self.context, self.run).await? {
            Some(stop) => Err(stop.into()),
            None => Ok(()),
        }
    }

    /// What is left of the run's maximum time.
    fn time_left(&self) -> Result<Duration, Halt> {
        self.time_left_of(self.context.config.max_run)
    }

    fn time_left_of(&self, most: SignedDuration) -> Result<Duration, Halt> {
        let left = most.saturating_sub(self.context.clock.now().duration_since(began(self.run)));
        match Duration::try_from(left) {
            Ok(left) if !left.is_zero() => Ok(left),
            _ => {
                let minutes = most.as_mins();
                let error = format!("the run took longer than {minutes} minutes and was stopped");
                Err(Stop::new(RunStatus::Killed, "killed: deadline").because(error).into())
            }
        }
    }

    /// When the queries are asked again if one fails in passing now (S9); `None` when they have been asked often or long enough.
    fn asks_again_at(&self) -> Option<Timestamp> {
        let (config, began) = (&self.context.config, began(self.run));
        let (mark, made) = (prepare::delivery_id(self.run.id, "queries"), self.record.query_failures + 1);
        match config.retry.next(mark, made, began, self.context.clock.now(), None) {
            Next::At(at) if at.duration_since(began) < config.max_run => Some(at),
            Next::At(_) | Next::Exhausted | Next::TooLate => None,
        }
    }

    /// Puts the run back until `again` when the query of a tile failed in passing, such as at a database that fails over; the failure says so
    /// when that has been done often enough.
    fn ask_again(&mut self, again: Option<Timestamp>, title: &str, audience: &str, error: &mut QueryError) -> Result<(), Halt> {
        if !error.is_transient() {
            return Ok(());
        }
        let made = self.record.query_failures + 1;
        let Some(at) = again else {
            if made > 1 {
                error.message = format!("{}; given up after {made} attempts", error.message);
            }
            return Ok(());
        };
        self.record.query_failures = made;
        // What a database says of other people's rows is not the owner's to know.
        let why = if audience == OWNERS { format!(": {error}") } else { format!(" for {audience}") };
        self.note("queryRetry", Some(format!("\u{201c}{title}\u{201d}{why}; attempt {made} failed, the next one is at {at}")));
        Err(Halt::AskAgain(at))
    }

    /// The catalog to run by. A run whose schedule can no longer run is stopped, and the schedule switched off (X1, Q2, F12), once it is known
    /// that it is meant so; one whose dashboard's file has a fault waits until it is right.
    async fn catalog(&self) -> Result<Footing, Halt> {
        let (context, definition, now) = (self.context, &self.run.definition, self.context.clock.now());
        publish::read_again_if_due(context).await;
        // In this order: what is judged is never older than it is said to be.
        let (read_at, catalog) = (context.catalog.read_at(), context.catalog.current());
        // Who tries a schedule out wants to know now.
        let may_wait = self.run.kind.counts();
        if catalog.waits(&definition.identifier) {
            let error = "the dashboard's file has a fault; administrators see which, and `pressrun check` says what would be right";
            if may_wait && now.duration_since(self.run.scheduled_for) < CATALOG_PATIENCE {
                return Ok(Footing::Waits { until: now + CATALOG_LOOK, why: "the dashboard's file has a fault" });
            }
            return Err(Stop::new(RunStatus::Error, "faultyDashboard").because(error).into());
        }
        let Some(reason) = fault(definition, &catalog) else {
            context.faults.forget(self.run.schedule_id);
            return Ok(Footing::Firm(catalog));
        };
        if may_wait && let Verdict::NotYet(left) = context.faults.judge(self.run.schedule_id, read_at, context.clock.steady()) {
            let schedule = context.store.schedule(self.run.schedule_id).await?;
            if schedule.is_some_and(|schedule| schedule.system_disabled.is_none()) {
                return Ok(Footing::Waits {
                    until: now.saturating_add(left.max(LOOK_FOR_STOP)).unwrap_or(Timestamp::MAX),
                    why: "what it delivers is missing, which may be for moments",
                });
            }
        }
        context.faults.forget(self.run.schedule_id);
        let error = match reason {
            SystemDisabledReason::MissingQuery => "the dashboard, the delivered tile or the watched query no longer exists",
            SystemDisabledReason::NoAccess => "the owner may no longer see the dashboard",
            SystemDisabledReason::OrphanedFilterConfigKeys => "a filter override names a filter that the dashboard no longer has",
        };
        let mut stop = Stop::new(RunStatus::Error, reason.as_str()).because(error);
        stop.disable = Some(reason);
        Err(stop.into())
    }

    fn note(&mut self, event: &str, detail: Option<String>) {
        self.record.note(self.context.clock.now(), event, detail);
    }
}
