//! What is older than it is kept is deleted, in small steps and apart from everything that has to be on time (H6, H10).
//!
//! What is deleted does not come back, so a clock that runs years ahead for an hour must not cost years (H7): age is judged by an instant that goes
//! on by no more than a day a sweep. After an outage what is old goes within as many hours as it lasted days.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use pressrun_domain::clock::Clock;
use pressrun_store::{PlanningNote, Pruned, Store, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::runner::Runner;

/// Time between two sweeps.
const EVERY: SignedDuration = SignedDuration::from_hours(1);

/// The instant by which age is judged is no later than this after that of the sweep before.
const STRIDE: SignedDuration = SignedDuration::from_hours(24);

/// Rows that one transaction deletes.
const STEP: u32 = 500;

/// Of the time of a sweep that has much to delete, others have four fifths.
const REST: i32 = 4;

/// The shortest rest between two steps.
const SHORTEST_REST: SignedDuration = SignedDuration::from_millis(20);

/// How long what happened is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Runs, with their pieces and timelines, and notices.
    pub history: SignedDuration,
    /// Entries of the audit.
    pub audit: SignedDuration,
}

impl Default for Keep {
    fn default() -> Self {
        let days = SignedDuration::from_hours(24 * 400);
        Self { history: days, audit: days }
    }
}

/// Deletes old runs, notices, entries of the audit and artifacts.
pub struct Sweeper {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    runner: Arc<dyn Runner>,
    keep: Keep,
}

/// What goes by age.
#[derive(Debug, Clone, Copy)]
enum Old {
    Runs,
    Notices,
    Entries,
}

impl Sweeper {
    /// A sweeper that keeps what happened for as long as `keep` says.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, runner: Arc<dyn Runner>, keep: Keep) -> Self {
        Self { store, clock, runner, keep }
    }

    /// Sweeps at once and every hour until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let sweeping = async {
            loop {
                self.pass().await;
                self.clock.sleep(EVERY).await;
            }
        };
        stop.run_until_cancelled(sweeping).await;
    }

    /// One sweep.
    pub async fn pass(&self) {
        let now = match self.judged_by().await {
            Ok(now) => now,
            Err(error) => {
                warn!(%error, "could not see by when the last sweep judged what is old; nothing is removed");
                return;
            }
        };
        self.prune_months(now).await;
        self.prune(now, self.keep.history, Old::Runs, "old runs removed").await;
        self.prune(now, self.keep.history, Old::Notices, "old notices removed").await;
        self.prune(now, self.keep.audit, Old::Entries, "old entries of the audit removed").await;
        self.runner.sweep(now).await;
    }

    /// Makes room for the months to come, and drops what is old by whole months: what is left of it goes row by row.
    async fn prune_months(&self, now: Timestamp) {
        if let Err(error) = self.store.make_months().await {
            warn!(%error, "could not make room for the history of the months to come; it is kept, and goes row by row later");
        }
        let Ok(kept_since) = now.checked_sub(self.keep.history) else { return };
        match self.store.prune_months(kept_since).await {
            Ok(0) => {}
            Ok(count) => info!(count, "months of old history removed"),
            Err(error) => warn!(%error, "could not drop a month of old history; it is tried again with the next sweep"),
        }
    }

    /// The instant by which this sweep judges what is old: now, or as far as a sweep may go.
    async fn judged_by(&self) -> Result<Timestamp, StoreError> {
        let now = self.clock.now();
        let mut before = self.store.planning_note(PlanningNote::LastSweep).await?;
        if before.is_none() {
            before = self.store.planning_note(PlanningNote::LastTick).await?;
        }
        let before = before.and_then(|text| text.parse::<Timestamp>().ok());
        let furthest = before.map_or(now, |before| before.saturating_add(STRIDE).unwrap_or(Timestamp::MAX));
        let judged_by = now.min(furthest);
        self.store.keep_planning_note(PlanningNote::LastSweep, &judged_by.to_string()).await?;
        Ok(judged_by)
    }

    /// Deletes what is older than `keep`, step by step. What a failure or a stop leaves goes with the next sweep.
    async fn prune(&self, now: Timestamp, keep: SignedDuration, what: Old, done: &'static str) {
        let Ok(kept_since) = now.checked_sub(keep) else { return };
        let mut count = 0;
        loop {
            let began = self.clock.steady();
            match self.step(kept_since, what).await {
                Ok(step) => {
                    count += step.count;
                    if !step.more {
                        break;
                    }
                }
                Err(error) => {
                    warn!(%error, ?what, "could not remove what is older than it is kept");
                    break;
                }
            }
            let took = self.clock.steady().saturating_sub(began);
            self.clock.sleep(took.saturating_mul(REST).max(SHORTEST_REST)).await;
        }
        if count > 0 {
            info!(count, "{done}");
        }
    }

    async fn step(&self, kept_since: Timestamp, what: Old) -> Result<Pruned, StoreError> {
        match what {
            Old::Runs => self.store.prune_runs(kept_since, STEP).await,
            Old::Notices => self.store.prune_notices(kept_since, STEP).await,
            Old::Entries => self.store.prune_audit(kept_since, STEP).await,
        }
    }
}
