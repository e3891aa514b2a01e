//! What is older than it is kept is deleted, in small steps and apart from everything that has to be on time (H10).

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use pressrun_domain::clock::Clock;
use pressrun_store::Store;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::runner::Runner;

/// Time between two sweeps.
const EVERY: SignedDuration = SignedDuration::from_hours(1);

/// Entries of the audit that one transaction deletes.
const PRUNE_BATCH: u32 = 500;

/// Such transactions in one sweep.
const PRUNE_STEPS: u32 = 100;

/// Deletes old entries of the audit and artifacts.
pub struct Sweeper {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    runner: Arc<dyn Runner>,
    keep_audit: SignedDuration,
}

impl Sweeper {
    /// A sweeper that keeps entries of the audit for as long as `keep_audit`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, runner: Arc<dyn Runner>, keep_audit: SignedDuration) -> Self {
        Self { store, clock, runner, keep_audit }
    }

    /// Sweeps at once and every hour until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let sweeping = async {
            loop {
                let now = self.clock.now();
                self.prune_audit(now).await;
                self.runner.sweep(now).await;
                self.clock.sleep(EVERY).await;
            }
        };
        stop.run_until_cancelled(sweeping).await;
    }

    /// Deletes old entries of the audit, a few at a time so that others write in between. What is left over goes with the next sweep.
    async fn prune_audit(&self, now: Timestamp) {
        let Ok(kept_since) = now.checked_sub(self.keep_audit) else { return };
        let mut pruned = 0;
        for _ in 0..PRUNE_STEPS {
            match self.store.prune_audit(kept_since, PRUNE_BATCH).await {
                Ok(count) => {
                    pruned += count;
                    if count < u64::from(PRUNE_BATCH) {
                        break;
                    }
                }
                Err(error) => {
                    warn!(%error, "could not prune the audit");
                    break;
                }
            }
        }
        if pruned > 0 {
            info!(pruned, "old entries of the audit removed");
        }
    }
}
