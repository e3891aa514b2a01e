//! What has to be looked at every few seconds: workers that died, and what stands idle.

use std::sync::Arc;

use jiff::SignedDuration;
use pressrun_domain::clock::Clock;
use pressrun_store::{Store, StoreError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::runner::Runner;
use crate::supervise::Pulse;

/// Time between two looks.
const LOOK: SignedDuration = SignedDuration::from_secs(5);

/// Runs that could not be read, of which one look tells.
const UNREAD: u32 = 100;

/// Looks after other workers and idle children.
pub struct Janitor {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    runner: Arc<dyn Runner>,
    ready: Arc<Notify>,
}

impl Janitor {
    /// A janitor; it signals `ready` when runs of a dead worker can be claimed.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, runner: Arc<dyn Runner>, ready: Arc<Notify>) -> Self {
        Self { store, clock, runner, ready }
    }

    /// Looks again and again until `stop`.
    pub async fn run(self, stop: CancellationToken, pulse: Pulse) {
        while !stop.is_cancelled() {
            pulse.beat();
            pulse.passed(self.pass().await);
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = self.clock.sleep(LOOK) => {}
            }
        }
    }

    /// One look; whether it went through. Runs of workers that are known to be dead are taken over without waiting for their leases.
    async fn pass(&self) -> bool {
        let looked = self.store.release_dead(self.clock.now()).await;
        match &looked {
            Ok(0) => {}
            Ok(released) => {
                info!(released, "a worker died; its runs go on here");
                self.ready.notify_one();
            }
            Err(error) => warn!(%error, "could not look after other workers"),
        }
        if let Err(error) = self.tell_unread().await {
            warn!(%error, "could not say which runs cannot be read");
        }
        self.runner.tidy();
        looked.is_ok()
    }

    /// Says of each run that ended because it cannot be read that it did: nobody else looks at it.
    async fn tell_unread(&self) -> Result<(), StoreError> {
        for run in self.store.unread_runs(UNREAD).await? {
            let said = self.runner.about_unread(&run).await;
            self.store.tell_unread(run.run, &said).await?;
        }
        Ok(())
    }
}
