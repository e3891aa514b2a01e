//! Occurrences that have come due become rows.

use std::sync::Arc;

use jiff::Timestamp;
use pressrun_domain::clock::Clock;
use pressrun_store::{DueSchedule, PlannedSchedule, Store, StoreError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::claimer::{TRY_AGAIN, sleep_until};
use crate::config::DispatchConfig;
use crate::fail::{FailPoint, reach};
use crate::plan::plan_schedule;
use crate::supervise::Pulse;

/// Schedules planned in one transaction.
const BATCH: u32 = 500;

/// Plans what is due. Any number of planners may share a store.
pub struct Planner {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    config: DispatchConfig,
    wake: Arc<Notify>,
    ready: Arc<Notify>,
}

impl Planner {
    /// A planner; `wake` is signalled by whoever queues a run or changes a schedule, and `ready` by the planner after each pass.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, config: DispatchConfig, wake: Arc<Notify>, ready: Arc<Notify>) -> Self {
        Self { store, clock, config, wake, ready }
    }

    /// Makes rows of every occurrence that is due; returns how many runs were queued.
    ///
    /// # Errors
    /// The store failed; what was planned so far stays.
    pub async fn pass(&self) -> Result<u32, StoreError> {
        let now = self.clock.now();
        let mut queued = 0;
        while let Some(planned) = self.batch(now).await? {
            queued += planned.queued;
            if planned.last {
                break;
            }
        }
        Ok(queued)
    }

    /// Plans until `stop`.
    pub async fn run(self, stop: CancellationToken, pulse: Pulse) {
        let mut stuck = None;
        while !stop.is_cancelled() {
            pulse.beat();
            let woken = self.wake.notified();
            let now = self.clock.now();
            let mut next = match self.plan_all(now, &stop, &pulse).await {
                Ok(next) => next,
                Err(error) => {
                    warn!(%error, "could not plan; trying again");
                    Some(now + TRY_AGAIN)
                }
            };
            // An instant that comes up again was lost to another node, or to a fault: no busy loop.
            let due = next.filter(|at| *at <= now);
            if due.is_some() && due == stuck {
                next = Some(now + TRY_AGAIN);
            }
            stuck = due;
            // Whoever woke the planner may have queued a run.
            self.ready.notify_one();
            tokio::select! {
                () = stop.cancelled() => {}
                () = woken => {}
                () = sleep_until(self.clock.as_ref(), next) => {}
                // The clock may be set back meanwhile, and `next` be hours away.
                () = self.clock.sleep(self.config.poll) => {}
            }
        }
    }

    /// Plans batch after batch, each of which can be claimed at once; returns when the next schedule is due.
    async fn plan_all(&self, now: Timestamp, stop: &CancellationToken, pulse: &Pulse) -> Result<Option<Timestamp>, StoreError> {
        while let Some(planned) = self.batch(now).await? {
            self.ready.notify_one();
            pulse.beat();
            if planned.last || stop.is_cancelled() {
                break;
            }
        }
        self.store.next_due().await
    }

    /// Plans up to [`BATCH`] schedules; `None` when none was due.
    async fn batch(&self, now: Timestamp) -> Result<Option<Batch>, StoreError> {
        let due = self.store.due_schedules(now, BATCH).await?;
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
            return Ok(None);
        }
        let queued = self.store.plan(&planned, now).await?;
        reach(FailPoint::AfterPlan);
        Ok(Some(Batch { queued, last: due.len() < BATCH as usize }))
    }
}

/// What one transaction planned.
struct Batch {
    queued: u32,
    /// Nothing else was due.
    last: bool,
}

fn unplannable(due: &DueSchedule) -> PlannedSchedule {
    PlannedSchedule {
        id: due.schedule.id,
        version: due.schedule.version,
        due_at: due.schedule.next_at.unwrap_or(Timestamp::MIN),
        occurrences: Vec::new(),
        next_at: None,
    }
}
