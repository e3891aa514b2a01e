//! One claim: heartbeat beside the work, and what becomes of the run when the work ends.

use jiff::{SignedDuration, Timestamp};
use pressrun_dispatch::Permit;
use pressrun_domain::run::{Lease, Run, RunStatus};
use pressrun_store::{ClaimedRun, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, debug, info, warn};

use crate::fail::{FailPoint, reach};
use crate::figures;
use crate::pipeline::{Context, Step, Work};
use crate::trace;

/// Works on a claimed run until it is over, has to wait, its lease is lost, or `stop` asks to hand it back. Whether there may be something to say
/// about it in the outbox.
///
/// Dropping the work at a stop is safe: promises and attempts are rows, so whoever claims the run next goes on where it was.
pub async fn work_claim(context: &Context, claimed: ClaimedRun, stop: &CancellationToken, permit: &Permit) -> bool {
    let ClaimedRun { run, lease } = claimed;
    let span = trace::claim(&run, &lease);
    let claimed_at = context.clock.steady();
    if lease.fence <= 1 {
        let now = context.clock.now();
        figures::step(figures::Step::Wait, now.duration_since(run.scheduled_for));
        trace::waited(&run, now);
    }
    async {
        let mut work = Work::new(context, &run, lease, permit);
        let outcome = tokio::select! {
            biased;
            outcome = work.go_on() => Some(outcome),
            lost = keep_lease(context, lease) => Some(Err(lost)),
            () = stop.cancelled() => None,
        };
        let now = context.clock.now();
        figures::step(figures::Step::Claim, context.clock.steady().saturating_sub(claimed_at));
        match outcome {
            None => {
                info!("handing the run back");
                Span::current().record("outcome", "handedBack");
                let (lines, worked) = work.leave();
                report(context.store.hand_back(&lease, now, &lines, worked).await);
            }
            Some(Ok(Step::Ended(status))) => {
                tell_of_end(&run, now, status, None);
                reach(FailPoint::AfterFinish);
                return false;
            }
            Some(Ok(Step::End(end))) => {
                tell_of_end(&run, now, end.status, end.reason.as_deref());
                reach(FailPoint::BeforeFinish);
                report(context.store.finish(&lease, &end, now).await);
                reach(FailPoint::AfterFinish);
            }
            Some(Ok(Step::Wait(until))) => {
                Span::current().record("outcome", "waits");
                let news = work.news();
                info!(%until, reason = news.progress.waits_for.as_deref(), "the run waits");
                report(context.store.release(&lease, until, &news).await);
            }
            Some(Ok(Step::Yield)) => {
                Span::current().record("outcome", "yields");
                debug!("the run lets others go first");
                report(context.store.yield_run(&lease, now, &work.news()).await);
            }
            Some(Err(StoreError::LeaseLost)) => {
                warn!("the lease was lost; another worker goes on");
                figures::lease_lost();
            }
            // The lease lapses, and the run is claimed again.
            Some(Err(error)) => warn!(error = %error, "the run could not go on; it will be claimed again"),
        }
        true
    }
    .instrument(span)
    .await
}

fn tell_of_end(run: &Run, now: Timestamp, status: RunStatus, reason: Option<&str>) {
    info!(status = status.as_str(), reason, "the run ended");
    Span::current().record("outcome", "ended");
    trace::ended(run, now, status, reason);
    figures::run_ended(status, reason);
}

/// Renews the lease every third of its length, whatever the wall clock does meanwhile; ends only when it is lost. All runs of a process do so at the
/// same beats of the steady clock, and so in one write.
async fn keep_lease(context: &Context, mut lease: Lease) -> StoreError {
    let beat = (context.config.lease / 3).max(SignedDuration::from_millis(1));
    loop {
        let past = context.clock.steady().as_nanos().rem_euclid(beat.as_nanos());
        context.clock.sleep(beat - SignedDuration::from_nanos_i128(past)).await;
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
        Err(StoreError::LeaseLost) => {
            warn!("the lease was lost before the outcome could be written; another worker goes on");
            figures::lease_lost();
        }
        Err(error) => warn!(error = %error, "the outcome could not be written; the run will be claimed again"),
    }
}
