//! The loop: plan what is due, claim what is queued, sweep what is old; woken by signal and by timer.

use std::num::NonZeroU32;
use std::sync::Arc;

use jiff::Timestamp;
use pressrun_domain::id::WorkerId;
use pressrun_store::StoreError;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::pipeline::Context;
use crate::plan::plan_schedule;
use crate::publish;
use crate::worker::Claims;

/// Schedules planned in one transaction.
const PLAN_BATCH: u32 = 500;

/// Plans occurrences and works on runs. Any number of engines may share a store.
pub struct Engine {
    context: Arc<Context>,
    worker: WorkerId,
    wake: Arc<Notify>,
}

impl Engine {
    /// An engine; `wake` is signalled by whoever queues a run or changes a schedule.
    #[must_use]
    pub fn new(context: Context, wake: Arc<Notify>) -> Self {
        Self { context: Arc::new(context), worker: WorkerId::generate(), wake }
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
            if !full {
                return Ok(queued);
            }
        }
    }

    /// Claims and works on everything that is available now, and returns when nothing is; for tests and for one-off use.
    ///
    /// # Errors
    /// The store failed while claiming.
    pub async fn drain(&self) -> Result<u32, StoreError> {
        let (mut claims, mut worked) = (Claims::default(), 0);
        loop {
            let claimed = self.claim(&mut claims, &CancellationToken::new()).await?;
            worked += claimed;
            if claims.is_empty() {
                return Ok(worked);
            }
            claims.one_done().await;
        }
    }

    /// Runs until `stop`; then claims nothing more and waits for what is under way until `hand_back`, when the rest is handed back.
    pub async fn run(&self, stop: CancellationToken, hand_back: CancellationToken) {
        let mut claims = Claims::default();
        let mut swept_at: Option<Timestamp> = None;
        while !stop.is_cancelled() {
            let woken = self.wake.notified();
            if let Err(error) = self.tick().await {
                warn!(error = %error, "could not plan; trying again");
            }
            if let Err(error) = self.claim(&mut claims, &hand_back).await {
                warn!(error = %error, "could not claim; trying again");
            }
            self.context.producer.executors().reap();
            let now = self.context.clock.now();
            if swept_at.is_none_or(|at| now.duration_since(at) >= jiff::SignedDuration::from_hours(1)) {
                swept_at = Some(now);
                self.sweep(now).await;
            }
            let next = self.next_instant(now, claims.len()).await;
            tokio::select! {
                () = stop.cancelled() => {}
                () = woken => {}
                () = claims.one_done(), if !claims.is_empty() => {}
                () = self.context.clock.sleep_until(next) => {}
            }
        }
        info!(under_way = claims.len(), "no more runs are claimed");
        while !claims.is_empty() {
            claims.one_done().await;
        }
    }

    /// Follows the catalog: after each publication, schedules that can no longer run are switched off.
    pub async fn follow_catalog(&self, stop: CancellationToken) {
        let mut published = self.context.catalog.subscribe();
        loop {
            let catalog = self.context.catalog.current();
            match publish::published(self.context.store.as_ref(), &catalog, self.context.clock.now()).await {
                Ok(0) => {}
                Ok(disabled) => warn!(disabled, "the published catalog switched schedules off"),
                Err(error) => warn!(error = %error, "could not re-validate schedules; they are checked again before each run"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                changed = published.changed() => if changed.is_err() { return },
            }
        }
    }

    async fn claim(&self, claims: &mut Claims, hand_back: &CancellationToken) -> Result<u32, StoreError> {
        let free = self.context.config.workers.saturating_sub(u32::try_from(claims.len()).unwrap_or(u32::MAX));
        let Some(free) = NonZeroU32::new(free) else { return Ok(0) };
        let now = self.context.clock.now();
        let claimed = self.context.store.claim(self.worker, now, now + self.context.config.lease, free.get()).await?;
        let count = u32::try_from(claimed.len()).unwrap_or(u32::MAX);
        for run in claimed {
            metrics::histogram!("pressrun_start_delay_seconds").record(now.duration_since(run.run.scheduled_for).as_secs_f64().max(0.0));
            claims.start(Arc::clone(&self.context), run, hand_back.clone());
        }
        Ok(count)
    }

    /// When to look again: the earliest instant that something is due or available, but no later than the poll interval.
    async fn next_instant(&self, now: Timestamp, under_way: usize) -> Timestamp {
        let latest = now + self.context.config.poll;
        let store = &self.context.store;
        let due = store.next_due().await.ok().flatten();
        let free = under_way < self.context.config.workers as usize;
        let available = if free { store.next_available().await.ok().flatten() } else { None };
        // An instant that has passed and is still there was lost to another node or to a fault: no busy loop.
        let soonest = now + jiff::SignedDuration::from_millis(200);
        due.into_iter().chain(available).min().map_or(latest, |at| at.clamp(soonest, latest))
    }

    async fn sweep(&self, now: Timestamp) {
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

fn unplannable(due: &pressrun_store::DueSchedule) -> pressrun_store::PlannedSchedule {
    pressrun_store::PlannedSchedule {
        id: due.schedule.id,
        version: due.schedule.version,
        due_at: due.schedule.next_at.unwrap_or(Timestamp::MIN),
        occurrences: Vec::new(),
        next_at: None,
    }
}
