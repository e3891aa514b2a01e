//! One claim: heartbeat beside the work, and what becomes of the run when the work ends.

use std::collections::HashMap;
use std::sync::Arc;

use pressrun_domain::id::{DocumentIdentifier, RunId};
use pressrun_domain::run::Lease;
use pressrun_store::{ClaimedRun, StoreError};
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, info, info_span, warn};

use crate::fail::{FailPoint, reach};
use crate::pipeline::{self, Context, Step};

/// Works on a claimed run until it is over, has to wait, its lease is lost, or `stop` asks to hand it back.
///
/// Dropping the work at a stop is safe: promises and attempts are rows, so whoever claims the run next goes on where it was.
pub async fn work_claim(context: &Context, claimed: ClaimedRun, stop: &CancellationToken) {
    let ClaimedRun { run, lease } = claimed;
    let span = info_span!("run", run = %run.id, schedule = %run.schedule_id, fence = lease.fence);
    async {
        let outcome = tokio::select! {
            biased;
            outcome = pipeline::work(context, &run, lease) => outcome,
            lost = keep_lease(context, lease) => Err(lost),
            () = stop.cancelled() => {
                let now = context.clock.now();
                info!("handing the run back");
                report(context.store.hand_back(&lease, now).await);
                return;
            }
        };
        let now = context.clock.now();
        match outcome {
            Ok((Step::End(end), _)) => {
                info!(status = end.status.as_str(), reason = end.reason.as_deref(), "the run ended");
                metrics::counter!("pressrun_runs_total", "status" => end.status.as_str()).increment(1);
                reach(FailPoint::BeforeFinish);
                report(context.store.finish(&lease, &end, now).await);
                reach(FailPoint::AfterFinish);
            }
            Ok((Step::Wait(until), record)) => {
                info!(%until, "the run waits for a retry");
                report(context.store.release(&lease, until, &record).await);
            }
            Ok((Step::Yield, record)) => {
                debug!("the run lets others go first");
                report(context.store.yield_run(&lease, now, &record).await);
            }
            Err(StoreError::LeaseLost) => warn!("the lease was lost; another worker goes on"),
            // The lease lapses, and the run is claimed again.
            Err(error) => warn!(error = %error, "the run could not go on; it will be claimed again"),
        }
    }
    .instrument(span)
    .await;
}

/// Renews the lease every third of its length, whatever the wall clock does meanwhile; ends only when it is lost.
async fn keep_lease(context: &Context, mut lease: Lease) -> StoreError {
    loop {
        context.clock.sleep(context.config.lease / 3).await;
        let until = context.clock.now() + context.config.lease;
        match context.store.renew(&lease, until).await {
            Ok(renewed) => lease = renewed,
            Err(StoreError::LeaseLost) => return StoreError::LeaseLost,
            // The database may come back before the lease lapses.
            Err(error) => warn!(error = %error, "the lease could not be renewed"),
        }
    }
}

fn report(result: Result<(), StoreError>) {
    match result {
        Ok(()) => {}
        Err(StoreError::LeaseLost) => warn!("the lease was lost before the outcome could be written; another worker goes on"),
        Err(error) => warn!(error = %error, "the outcome could not be written; the run will be claimed again"),
    }
}

/// A bounded set of claims being worked on.
#[derive(Default)]
pub struct Claims {
    tasks: JoinSet<()>,
    runs: HashMap<Id, UnderWay>,
}

/// A run that is being worked on.
struct UnderWay {
    run: RunId,
    document: DocumentIdentifier,
}

impl Claims {
    /// How many are under way.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether none is under way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// The runs that are under way.
    pub fn runs(&self) -> impl Iterator<Item = RunId> + '_ {
        self.runs.values().map(|under_way| under_way.run)
    }

    /// The documents that they deliver, each as often as it is under way.
    pub fn documents(&self) -> impl Iterator<Item = &DocumentIdentifier> + '_ {
        self.runs.values().map(|under_way| &under_way.document)
    }

    /// Starts work on a claim.
    pub fn start(&mut self, context: Arc<Context>, claimed: ClaimedRun, stop: CancellationToken) {
        let under_way = UnderWay { run: claimed.run.id, document: claimed.run.definition.identifier.clone() };
        let task = self.tasks.spawn(async move { work_claim(&context, claimed, &stop).await });
        self.runs.insert(task.id(), under_way);
    }

    /// Waits until one is done; at once when none is under way.
    pub async fn one_done(&mut self) {
        let id = match self.tasks.join_next_with_id().await {
            None => return,
            Some(Ok((id, ()))) => id,
            Some(Err(error)) => {
                warn!(error = %error, "a worker died; its run will be claimed again");
                error.id()
            }
        };
        self.runs.remove(&id);
    }
}
