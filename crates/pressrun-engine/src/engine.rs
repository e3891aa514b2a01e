//! The loop: plan what is due, claim what is queued, sweep what is old; woken by signal and by timer.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use pressrun_domain::id::{ConnectionName, DocumentIdentifier, WorkerId};
use pressrun_store::{ClaimRequest, StoreError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::fail::{FailPoint, reach};
use crate::jump::JumpWatch;
use crate::notice::outbox;
use crate::pipeline::Context;
use crate::plan::plan_schedule;
use crate::publish;
use crate::worker::Claims;

/// Schedules planned in one transaction.
const PLAN_BATCH: u32 = 500;

/// Entries of the audit that one transaction deletes.
const PRUNE_BATCH: u32 = 500;

/// Such transactions in one sweep.
const PRUNE_STEPS: u32 = 100;

/// Plans occurrences and works on runs. Any number of engines may share a store.
pub struct Engine {
    context: Arc<Context>,
    worker: WorkerId,
    wake: Arc<Notify>,
    /// Something may have been written to the outbox of notices.
    said: Notify,
}

impl Engine {
    /// An engine; `wake` is signalled by whoever queues a run or changes a schedule.
    #[must_use]
    pub fn new(context: Context, wake: Arc<Notify>) -> Self {
        Self { context: Arc::new(context), worker: WorkerId::generate(), wake, said: Notify::new() }
    }

    /// What its runs need.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Makes rows of every occurrence that is due; returns how many runs were queued.
    ///
    /// # Errors
    /// The store failed; what was planned so far stays.
    pub async fn tick(&self) -> Result<u32, StoreError> {
        let now = self.context.clock.now();
        let mut queued = 0;
        loop {
            let due = self.context.store.due_schedules(now, PLAN_BATCH).await?;
            let full = due.len() >= PLAN_BATCH as usize;
            let mut planned = Vec::with_capacity(due.len());
            for schedule in &due {
                match plan_schedule(schedule, now) {
                    Ok(plan) => planned.extend(plan),
                    Err(fault) => {
                        // Without this it would be found due for ever.
                        error!(schedule = %schedule.schedule.id, fault, "the schedule cannot be planned and will not fire until it is edited");
                        planned.push(unplannable(schedule));
                    }
                }
            }
            if planned.is_empty() {
                return Ok(queued);
            }
            queued += self.context.store.plan(&planned, now).await?;
            reach(FailPoint::AfterPlan);
            if !full {
                return Ok(queued);
            }
        }
    }

    /// Claims and works on everything that is available now, sends what there is to say about it, and returns; for tests and for one-off use.
    ///
    /// # Errors
    /// The store failed while claiming.
    pub async fn drain(&self) -> Result<u32, StoreError> {
        let (mut claims, mut worked) = (Claims::default(), 0);
        loop {
            let claimed = self.claim(&mut claims, true, &CancellationToken::new()).await?;
            worked += claimed;
            if claims.is_empty() {
                outbox::send_due(&self.context).await?;
                return Ok(worked);
            }
            claims.one_done().await;
        }
    }

    /// Runs until `stop`; then claims nothing more and waits for what is under way until `hand_back`, when the rest is handed back.
    pub async fn run(&self, stop: CancellationToken, hand_back: CancellationToken) {
        tokio::join!(self.work(stop.clone(), hand_back), self.tell(stop));
    }

    /// Sends notices until `stop`. One that is under way then is sent again later, under the same mark.
    async fn tell(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let said = self.said.notified();
            let sent = tokio::select! {
                () = stop.cancelled() => return,
                sent = outbox::send_due(&self.context) => sent,
            };
            if let Err(error) = sent {
                warn!(error = %error, "could not send notices; trying again");
            }
            let now = self.context.clock.now();
            let due = self.context.store.next_notice().await.ok().flatten();
            tokio::select! {
                () = stop.cancelled() => {}
                () = said => {}
                () = self.context.clock.sleep_until(self.look_again(now, due)) => {}
            }
        }
    }

    /// Plans and works until `stop`; then waits for what is under way until `hand_back`.
    async fn work(&self, stop: CancellationToken, hand_back: CancellationToken) {
        let mut claims = Claims::default();
        let mut swept_at: Option<Timestamp> = None;
        let mut jumps = JumpWatch::new(self.context.clock.now(), self.context.config.lease);
        if let Err(error) = self.context.store.announce(self.worker).await {
            warn!(error = %error, "could not show other processes that this one lives");
        }
        while !stop.is_cancelled() {
            let woken = self.wake.notified();
            if let Err(error) = self.release_dead().await {
                warn!(error = %error, "could not look after other workers");
            }
            if let Err(error) = self.tick().await {
                warn!(error = %error, "could not plan; trying again");
            }
            let rescue = jumps.leases_can_be_told(self.context.clock.now());
            if let Err(error) = self.claim(&mut claims, rescue, &hand_back).await {
                warn!(error = %error, "could not claim; trying again");
            }
            self.context.producer.executors().reap();
            self.context.producer.forget_old_results();
            let now = self.context.clock.now();
            if swept_at.is_none_or(|at| now.duration_since(at) >= jiff::SignedDuration::from_hours(1)) {
                swept_at = Some(now);
                self.sweep(now).await;
            }
            let next = self.next_instant(now, claims.len()).await;
            tokio::select! {
                () = stop.cancelled() => {}
                () = woken => {}
                () = claims.one_done(), if !claims.is_empty() => self.said.notify_one(),
                () = self.context.clock.sleep_until(next) => {}
                // The clock may be set back meanwhile, and `next` be hours away.
                () = self.context.clock.sleep(self.context.config.poll) => {}
            }
        }
        info!(under_way = claims.len(), "no more runs are claimed");
        while !claims.is_empty() {
            claims.one_done().await;
        }
    }

    /// Follows the catalog: after each publication, schedules that can no longer run are switched off once that is known to hold, and what is
    /// back is switched on again.
    pub async fn follow_catalog(&self, stop: CancellationToken) {
        let mut published = self.context.catalog.subscribe();
        loop {
            let look_again = match publish::published(&self.context).await {
                Ok(done) => {
                    if done.disabled > 0 {
                        warn!(disabled = done.disabled, "the published catalog switched schedules off");
                    }
                    if done.enabled > 0 {
                        info!(enabled = done.enabled, "what schedules were switched off for is back; they are on again");
                        // They may be due before the next look at the store.
                        self.wake.notify_one();
                    }
                    done.look_again
                }
                Err(error) => {
                    warn!(error = %error, "could not re-validate schedules; they are checked again before each run");
                    Some(self.context.clock.now())
                }
            };
            self.said.notify_one();
            let (clock, now) = (&self.context.clock, self.context.clock.now());
            let looked_again = async {
                match look_again {
                    Some(at) if at > now => clock.sleep_until(at).await,
                    // A catalog that cannot be read leaves the instant in the past: no busy loop.
                    Some(_) => clock.sleep_until(now + self.context.config.poll).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                changed = published.changed() => if changed.is_err() { return },
                () = looked_again => {}
            }
        }
    }

    /// Runs of workers that are known to be dead are taken over without waiting for their leases.
    async fn release_dead(&self) -> Result<(), StoreError> {
        let released = self.context.store.release_dead(self.context.clock.now()).await?;
        if released > 0 {
            info!(released, "a worker died; its runs go on here");
        }
        Ok(())
    }

    /// Claims one run after the other while workers are free, so that each claim sees which connections have enough to do.
    async fn claim(&self, claims: &mut Claims, rescue: bool, hand_back: &CancellationToken) -> Result<u32, StoreError> {
        let mut count = 0;
        while claims.len() < self.context.config.workers as usize {
            let now = self.context.clock.now();
            let mut request = ClaimRequest::new(self.worker, now, now + self.context.config.lease, 1);
            request.rescue = rescue;
            request.under_way = claims.runs().collect();
            request.busy = self.busy(claims);
            request.longest_wait = self.context.config.longest_wait();
            let Some(run) = self.context.store.claim_some(&request).await?.pop() else { break };
            reach(FailPoint::AfterClaim);
            count += 1;
            metrics::histogram!("pressrun_start_delay_seconds").record(now.duration_since(run.run.scheduled_for).as_secs_f64().max(0.0));
            claims.start(Arc::clone(&self.context), run, hand_back.clone());
        }
        Ok(count)
    }

    /// Documents on connections that have as many runs under way as one connection may (L1): a slow one must not take every worker.
    fn busy(&self, claims: &Claims) -> Vec<DocumentIdentifier> {
        let catalog = self.context.catalog.current();
        if catalog.connections.len() < 2 {
            return Vec::new();
        }
        let connection = |document: &DocumentIdentifier| Some(&catalog.documents.get(document)?.dashboard.as_ref()?.connection);
        let mut under_way: HashMap<&ConnectionName, u32> = HashMap::new();
        for name in claims.documents().filter_map(connection) {
            *under_way.entry(name).or_default() += 1;
        }
        let most = self.context.config.runs_of_one_connection();
        let full =
            |document: &&DocumentIdentifier| connection(document).and_then(|name| under_way.get(name)).is_some_and(|count| *count >= most);
        catalog.documents.keys().filter(full).cloned().collect()
    }

    /// When to look again: the earliest instant that something is due or available, but no later than the poll interval.
    async fn next_instant(&self, now: Timestamp, under_way: usize) -> Timestamp {
        let store = &self.context.store;
        let due = store.next_due().await.ok().flatten();
        let free = under_way < self.context.config.workers as usize;
        let available = if free { store.next_available().await.ok().flatten() } else { None };
        self.look_again(now, due.into_iter().chain(available).min())
    }

    /// The instant `next`, or the end of the poll interval when that comes first.
    fn look_again(&self, now: Timestamp, next: Option<Timestamp>) -> Timestamp {
        let latest = now + self.context.config.poll;
        // An instant that has passed and is still there was lost to another node or to a fault: no busy loop.
        let soonest = now + jiff::SignedDuration::from_millis(200);
        next.map_or(latest, |at| at.clamp(soonest, latest))
    }

    async fn sweep(&self, now: Timestamp) {
        self.prune_audit(now).await;
        let kept_since = now - self.context.config.keep_artifacts;
        let live = match self.context.store.live_artifacts(kept_since).await {
            Ok(live) => live.into_iter().collect(),
            Err(error) => {
                warn!(error = %error, "could not tell which artifacts are still needed");
                return;
            }
        };
        match self.context.spool.sweep(&live) {
            Ok(0) => {}
            Ok(removed) => info!(removed, "old artifacts removed"),
            Err(error) => warn!(error = %error, "could not remove old artifacts"),
        }
    }
}

impl Engine {
    /// Deletes old entries of the audit, a few at a time so that others write in between. What is left over goes with the next sweep.
    async fn prune_audit(&self, now: Timestamp) {
        let Ok(kept_since) = now.checked_sub(self.context.config.keep_audit) else { return };
        let mut pruned = 0;
        for _ in 0..PRUNE_STEPS {
            match self.context.store.prune_audit(kept_since, PRUNE_BATCH).await {
                Ok(count) => {
                    pruned += count;
                    if count < u64::from(PRUNE_BATCH) {
                        break;
                    }
                }
                Err(error) => {
                    warn!(error = %error, "could not prune the audit");
                    break;
                }
            }
        }
        if pruned > 0 {
            info!(pruned, "old entries of the audit removed");
        }
    }
}

fn unplannable(due: &pressrun_store::DueSchedule) -> pressrun_store::PlannedSchedule {
    pressrun_store::PlannedSchedule {
        id: due.schedule.id,
        version: due.schedule.version,
        due_at: due.schedule.next_at.unwrap_or(Timestamp::MIN),
        occurrences: Vec::new(),
        next_at: None,
    }
}
