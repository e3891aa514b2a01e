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
mod notice;
mod prepare;
mod send;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use pressrun_catalog::CatalogHandle;
use pressrun_domain::clock::Clock;
use pressrun_domain::run::{Lease, Run, RunKind, RunRecord, RunStatus};
use pressrun_domain::schedule::{SystemDisabledReason, fault};
use pressrun_store::{BaselineChange, RunEnd, Store, StoreError};

use crate::carrier::Carrier;
use crate::config::EngineConfig;
use crate::content::Producer;
use crate::fail::{FailPoint, reach};
use crate::links::Links;
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

/// Why a step did not go through: the run stops, or the store failed and the claim is given up.
#[derive(Debug)]
pub(crate) enum Halt {
    Stop(Box<Stop>),
    Store(StoreError),
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
    work.note(event, Some(format!("by worker {}", lease.worker)));
    match work.go().await {
        Ok(step) => Ok((step, work.record)),
        Err(Halt::Store(error)) => Err(error),
        Err(Halt::Stop(stop)) => {
            let end = work.stopped(*stop).await?;
            Ok((Step::End(Box::new(end)), work.record))
        }
    }
}

impl Work<'_> {
    async fn go(&mut self) -> Result<Step, Halt> {
        let store = &self.context.store;
        if !self.record.promised {
            self.check_alive().await?;
            let catalog = self.context.catalog.current();
            self.check_fault(&catalog)?;
            if self.run.fence > 1 {
                store.forget_promises(&self.lease).await?;
            }
            let pieces = prepare::prepare(self, &catalog).await?;
            self.check_alive().await?;
            reach(FailPoint::AmidPromises);
            self.record.promised = true;
            self.note("promised", Some(format!("{pieces} pieces")));
            store.save_record(&self.lease, &self.record).await?;
            reach(FailPoint::AfterPromise);
        }
        match send::send_pending(self).await? {
            Sent::All => {}
            Sent::Some { retry_at } => {
                self.note("waiting", Some(format!("next attempt at {retry_at}")));
                return Ok(Step::Wait(retry_at));
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
        if status.is_failure() {
            notice::notify_owner(self, status, reason.as_deref()).await?;
        }
        Ok(Step::End(Box::new(self.end(status, reason, accepted))))
    }

    /// The end of a run that could not go on; its owner is told, once.
    async fn stopped(&mut self, stop: Stop) -> Result<RunEnd, StoreError> {
        self.record.error = stop.error.or(self.record.error.take());
        let by_a_person = stop.reason == "cancelled";
        if stop.status.is_failure() && !by_a_person {
            match notice::notify_owner(self, stop.status, Some(&stop.reason)).await {
                Ok(()) => {}
                Err(Halt::Store(error)) => return Err(error),
                Err(Halt::Stop(_)) => self.record.warn("ownerNotNotified"),
            }
        }
        let mut end = self.end(stop.status, Some(stop.reason), false);
        end.disable = stop.disable.filter(|_| self.run.kind != RunKind::Test);
        Ok(end)
    }

    fn end(&mut self, status: RunStatus, reason: Option<String>, delivered: bool) -> RunEnd {
        let judged = std::mem::take(&mut self.record.judged);
        let moves = |judgement| {
            let evaluated =
                matches!(status, RunStatus::Complete | RunStatus::ErrorDelivered | RunStatus::ConditionUnmet | RunStatus::Error);
            evaluated && pressrun_domain::condition::advances_baseline(judgement, delivered)
        };
        let baselines = judged.into_iter().filter(|result| self.run.kind != RunKind::Test && moves(result.judgement));
        let baselines = baselines.map(|result| BaselineChange { audience: result.audience, fingerprint: result.fingerprint }).collect();
        self.note(
            "ended",
            Some(reason.as_ref().map_or_else(|| status.as_str().to_owned(), |reason| format!("{} ({reason})", status.as_str()))),
        );
        RunEnd { status, reason, record: self.record.clone(), baselines, disable: None, learnt_host_key: self.learnt_host_key.take() }
    }

    /// Stops a run that somebody cancelled or whose time is up (S5, X9); asked while nothing has been sent yet.
    async fn check_alive(&self) -> Result<(), Halt> {
        self.check_cancelled().await?;
        self.time_left().map(|_| ())
    }

    /// Stops a run that somebody cancelled, also when some pieces have gone; a deleted schedule's only when none has (X9).
    async fn check_cancelled(&self) -> Result<(), Halt> {
        if self.context.store.is_cancelled(self.run.id).await? {
            return Err(Stop::new(RunStatus::Killed, "cancelled").into());
        }
        Ok(())
    }

    /// What is left of the run's maximum time.
    fn time_left(&self) -> Result<Duration, Halt> {
        let began = self.run.started_at.unwrap_or(self.run.created_at);
        let left = self.context.config.max_run.saturating_sub(self.context.clock.now().duration_since(began));
        match Duration::try_from(left) {
            Ok(left) if !left.is_zero() => Ok(left),
            _ => {
                let minutes = self.context.config.max_run.as_mins();
                let error = format!("the run took longer than {minutes} minutes and was stopped");
                Err(Stop::new(RunStatus::Killed, "killed: deadline").because(error).into())
            }
        }
    }

    /// Stops a run whose schedule can no longer run, and switches the schedule off (X1, Q2, F12).
    fn check_fault(&self, catalog: &pressrun_domain::catalog::Catalog) -> Result<(), Halt> {
        let Some(reason) = fault(&self.run.definition, catalog) else { return Ok(()) };
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
