//! One claim: heartbeat beside the work, and what becomes of the run when the work ends.

use pressrun_domain::run::Lease;
use pressrun_store::{ClaimedRun, StoreError};
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
