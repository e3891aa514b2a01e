//! Queued runs find a worker: as many at once as there are permits.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pressrun_domain::clock::Clock;
use pressrun_domain::id::{DocumentIdentifier, RunId, WorkerId};
use pressrun_domain::run::RunKind;
use pressrun_store::{ClaimRequest, ClaimedRun, Store, StoreError};
use tokio::sync::Notify;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::DispatchConfig;
use crate::fail::{FailPoint, reach};
use crate::jump::JumpWatch;
use crate::runner::{Permit, Room, Runner};
use crate::supervise::Pulse;

/// How soon to try again what the store refused.
pub(crate) const TRY_AGAIN: SignedDuration = SignedDuration::from_secs(1);

/// Claims runs that are available, and has them worked on. Any number of claimers may share a store.
pub struct Claimer {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    runner: Arc<dyn Runner>,
    config: DispatchConfig,
    worker: WorkerId,
    ready: Arc<Notify>,
}

impl Claimer {
    /// A claimer; `ready` is signalled by whoever queues a run or makes one available.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, runner: Arc<dyn Runner>, config: DispatchConfig, ready: Arc<Notify>) -> Self {
        Self { store, clock, runner, config, worker: WorkerId::generate(), ready }
    }

    /// Works on everything that is available now, and returns how many claims that took; for tests and for one-off use.
    ///
    /// # Errors
    /// The store failed while claiming.
    pub async fn drain(&self) -> Result<u32, StoreError> {
        let (mut under_way, mut worked) = (UnderWay::default(), 0);
        loop {
            worked += self.claim(&mut under_way, true, &CancellationToken::new()).await?;
            if under_way.is_empty() {
                return Ok(worked);
            }
            under_way.one_done().await;
        }
    }

    /// Claims until `stop`; then waits for what is under way, of which `hand_back` gives up what has not ended by then.
    pub async fn run(self, stop: CancellationToken, hand_back: CancellationToken, pulse: Pulse) {
        let mut under_way = UnderWay::default();
        let mut jumps = JumpWatch::new(self.clock.as_ref(), self.clock.now(), self.config.lease);
        if let Err(error) = self.store.announce(self.worker).await {
            warn!(%error, "could not show other processes that this one lives");
        }
        while !stop.is_cancelled() {
            pulse.beat();
            let ready = self.ready.notified();
            let now = self.clock.now();
            let rescue = jumps.leases_can_be_told(self.clock.as_ref(), now);
            let claimed = self.claim(&mut under_way, rescue, &hand_back).await;
            under_way.show(self.config.permits);
            pulse.passed(claimed.is_ok());
            let next = match claimed {
                Ok(_) => self.next_available(now, under_way.permits()).await,
                Err(error) => {
                    warn!(%error, "could not claim; trying again");
                    Some(now + TRY_AGAIN)
                }
            };
            tokio::select! {
                // In this order each time, so that a simulation repeats itself.
                biased;
                () = stop.cancelled() => {}
                () = ready => {}
                () = under_way.one_done(), if !under_way.is_empty() => {}
                () = sleep_until(self.clock.as_ref(), next) => {}
                // The clock may be set back meanwhile, and `next` be hours away.
                () = self.clock.sleep(self.config.poll) => {}
            }
        }
        info!(under_way = under_way.len(), "no more runs are claimed");
        while !under_way.is_empty() {
            tokio::select! {
                biased;
                () = under_way.one_done() => {}
                // Runs end in their own time; that is no stall of this task.
                () = tokio::time::sleep(Duration::from_secs(5)) => {}
            }
            pulse.beat();
        }
    }

    /// Claims in batches while there are permits and something is available, and sees before each which connections have enough to do.
    async fn claim(&self, under_way: &mut UnderWay, rescue: bool, hand_back: &CancellationToken) -> Result<u32, StoreError> {
        let mut count = 0;
        loop {
            let permits = self.config.permits.saturating_sub(under_way.permits());
            if permits == 0 {
                return Ok(count);
            }
            let Room { limit, busy, receivers } = self.runner.room(&under_way.documents());
            let limit = limit.min(permits);
            let now = self.clock.now();
            let mut request = ClaimRequest::new(self.worker, now, now + self.config.lease, limit);
            request.rescue = rescue;
            request.under_way = under_way.runs();
            request.busy = busy;
            request.receivers = receivers;
            request.longest_wait = self.config.longest_wait;
            let claimed = self.store.claim_some(&request).await?;
            let got = u32::try_from(claimed.len()).unwrap_or(u32::MAX);
            if got > 0 {
                reach(FailPoint::AfterClaim);
            }
            for run in claimed {
                note_delay(&run, now);
                under_way.start(Arc::clone(&self.runner), run, hand_back.clone());
            }
            count += got;
            if got < limit {
                return Ok(count);
            }
        }
    }

    /// When something becomes available that was not at `tried`; `None` when all `permits` are held, for then one that is given back is what
    /// counts. What was available and not claimed waits for a connection, and thus for the same.
    async fn next_available(&self, tried: Timestamp, permits: u32) -> Option<Timestamp> {
        if permits >= self.config.permits {
            return None;
        }
        match self.store.next_available(tried).await {
            Ok(next) => next,
            Err(error) => {
                warn!(%error, "could not see when the next run is available");
                Some(tried + TRY_AGAIN)
            }
        }
    }
}

/// Ends at the instant; never when there is none.
pub(crate) async fn sleep_until(clock: &dyn Clock, at: Option<Timestamp>) {
    match at {
        Some(at) => clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// How late an occurrence began: retries, resends and runs that were handed back say nothing of that.
fn note_delay(claimed: &ClaimedRun, now: Timestamp) {
    if claimed.lease.fence == 1 && claimed.run.kind == RunKind::Scheduled {
        let late = now.duration_since(claimed.run.scheduled_for).as_secs_f64().max(0.0);
        metrics::histogram!("pressrun_start_delay_seconds").record(late);
    }
}

/// The runs that are being worked on.
#[derive(Default)]
struct UnderWay {
    tasks: JoinSet<()>,
    runs: HashMap<Id, Started>,
    /// A permit was given back.
    freed: Arc<Notify>,
}

/// One of them.
struct Started {
    run: RunId,
    document: DocumentIdentifier,
    permit: Permit,
}

impl UnderWay {
    fn len(&self) -> u32 {
        u32::try_from(self.tasks.len()).unwrap_or(u32::MAX)
    }

    fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    fn runs(&self) -> Vec<RunId> {
        self.runs.values().map(|started| started.run).collect()
    }

    /// Those that hold a permit.
    fn holders(&self) -> impl Iterator<Item = &Started> {
        self.runs.values().filter(|started| !started.permit.is_given_back())
    }

    /// How many permits are held.
    fn permits(&self) -> u32 {
        u32::try_from(self.holders().count()).unwrap_or(u32::MAX)
    }

    /// The documents of those that hold one, each as often as it is under way.
    fn documents(&self) -> Vec<&DocumentIdentifier> {
        self.holders().map(|started| &started.document).collect()
    }

    /// Tells operators how many permits of all are held.
    fn show(&self, of: u32) {
        let used = self.permits();
        metrics::gauge!("pressrun_permits", "kind" => "runs", "state" => "used").set(used);
        metrics::gauge!("pressrun_permits", "kind" => "runs", "state" => "free").set(of.saturating_sub(used));
        metrics::gauge!("pressrun_runs_in_progress").set(self.len());
    }

    fn start(&mut self, runner: Arc<dyn Runner>, claimed: ClaimedRun, hand_back: CancellationToken) {
        let permit = Permit::new(Arc::clone(&self.freed));
        let started = Started { run: claimed.run.id, document: claimed.run.definition.identifier.clone(), permit: permit.clone() };
        let task = self.tasks.spawn(async move { runner.work(claimed, &hand_back, &permit).await });
        self.runs.insert(task.id(), started);
    }

    /// Waits until one is done or gives its permit back, and takes note of all that are done; at once when none is under way.
    async fn one_done(&mut self) {
        let mut joined = tokio::select! {
            biased;
            joined = self.tasks.join_next_with_id() => joined,
            () = self.freed.notified() => None,
        };
        while let Some(done) = joined {
            self.forget(done);
            joined = self.tasks.try_join_next_with_id();
        }
    }

    fn forget(&mut self, done: Result<(Id, ()), JoinError>) {
        let id = match done {
            Ok((id, ())) => id,
            Err(error) => {
                warn!(%error, "a worker died; its run will be claimed again");
                error.id()
            }
        };
        self.runs.remove(&id);
    }
}
