//! The engine's tasks, and those of the dispatcher that it starts.

use std::sync::Arc;

use jiff::SignedDuration;
use pressrun_dispatch::{Claimer, DispatchConfig, Janitor, Planner, Pulse, Runner, Sweeper, Tasks};
use pressrun_store::StoreError;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::notice::outbox;
use crate::pipeline::Context;
use crate::publish;
use crate::runner::EngineRunner;

/// Time until another try to hear other processes.
const LISTEN_AGAIN: SignedDuration = SignedDuration::from_secs(5);

/// Plans occurrences and works on runs. Any number of engines may share a store.
pub struct Engine {
    context: Arc<Context>,
    /// Signalled by whoever queues a run or changes a schedule.
    wake: Arc<Notify>,
    /// A run may be available.
    ready: Arc<Notify>,
    /// Something may have been written to the outbox of notices.
    said: Arc<Notify>,
}

impl Engine {
    /// An engine; `wake` is signalled by whoever queues a run or changes a schedule.
    #[must_use]
    pub fn new(context: Context, wake: Arc<Notify>) -> Self {
        Self { context: Arc::new(context), wake, ready: Arc::default(), said: Arc::default() }
    }

    /// What its runs need.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The same, to be kept.
    #[must_use]
    pub fn shared_context(&self) -> Arc<Context> {
        Arc::clone(&self.context)
    }

    /// Makes rows of every occurrence that is due; returns how many runs were queued.
    ///
    /// # Errors
    /// The store failed; what was planned so far stays.
    pub async fn tick(&self) -> Result<u32, StoreError> {
        self.planner().pass().await
    }

    /// Claims and works on everything that is available now, sends what there is to say about it, and returns; for tests and for one-off use.
    ///
    /// # Errors
    /// The store failed while claiming.
    pub async fn drain(&self) -> Result<u32, StoreError> {
        let worked = self.claimer().drain().await?;
        outbox::send_due(&self.context).await?;
        Ok(worked)
    }

    /// Deletes what is older than it is kept, once; for tests and for one-off use.
    pub async fn sweep(&self) {
        self.sweeper().pass().await;
    }

    /// Starts its tasks. At `stop` nothing more is claimed; what is under way then has until `hand_back`, when the rest is handed back.
    pub fn start(self: &Arc<Self>, tasks: &mut Tasks, stop: &CancellationToken, hand_back: CancellationToken) {
        let stop = || stop.clone();
        let (store, clock) = (|| Arc::clone(&self.context.store), || Arc::clone(&self.context.clock));
        let planner = self.planner();
        tasks.spawn_pulsed("planner", |pulse| planner.run(stop(), pulse));
        let claimer = self.claimer();
        tasks.spawn_pulsed("claimer", |pulse| claimer.run(stop(), hand_back.clone(), pulse));
        let janitor = Janitor::new(store(), clock(), self.runner(), Arc::clone(&self.ready));
        tasks.spawn_pulsed("janitor", |pulse| janitor.run(stop(), pulse));
        tasks.spawn("sweeper", self.sweeper().run(stop()));
        tasks.spawn_pulsed("outbox", |pulse| Arc::clone(self).tell(stop(), hand_back, pulse));
        tasks.spawn("re-validation", Arc::clone(self).follow_catalog(stop()));
    }

    /// Looks at once for what other processes on the same rows queue, until `stop`. Where that cannot be heard, planner and claimer go by their timers.
    pub async fn follow_hints(self: Arc<Self>, stop: CancellationToken) {
        let listening = async {
            loop {
                match self.context.store.listen().await {
                    Ok(mut listening) => {
                        let error = loop {
                            match listening.heard().await {
                                Ok(()) => self.look_now(),
                                Err(error) => break error,
                            }
                        };
                        debug!(%error, "other processes are no longer heard; listening anew");
                    }
                    Err(error) => debug!(%error, "other processes are not heard; trying again"),
                }
                self.context.clock.sleep(LISTEN_AGAIN).await;
                self.look_now();
            }
        };
        stop.run_until_cancelled(listening).await;
    }

    fn look_now(&self) {
        self.wake.notify_one();
        self.ready.notify_one();
    }

    fn planner(&self) -> Planner {
        let (store, clock) = (Arc::clone(&self.context.store), Arc::clone(&self.context.clock));
        Planner::new(store, clock, self.runner(), self.dispatching(), Arc::clone(&self.wake), Arc::clone(&self.ready))
    }

    fn claimer(&self) -> Claimer {
        let (store, clock) = (Arc::clone(&self.context.store), Arc::clone(&self.context.clock));
        Claimer::new(store, clock, self.runner(), self.dispatching(), Arc::clone(&self.ready))
    }

    fn sweeper(&self) -> Sweeper {
        let (store, clock) = (Arc::clone(&self.context.store), Arc::clone(&self.context.clock));
        Sweeper::new(store, clock, self.runner(), self.context.config.keep)
    }

    fn runner(&self) -> Arc<dyn Runner> {
        Arc::new(EngineRunner { context: Arc::clone(&self.context), said: Arc::clone(&self.said) })
    }

    fn dispatching(&self) -> DispatchConfig {
        let config = &self.context.config;
        DispatchConfig { permits: config.workers, lease: config.lease, longest_wait: config.longest_wait(), poll: config.poll }
    }

    /// Sends notices.
    async fn tell(self: Arc<Self>, stop: CancellationToken, hand_back: CancellationToken, pulse: Pulse) {
        outbox::run(&self.context, &self.said, &stop, &hand_back, &pulse).await;
    }

    /// Follows the catalog: after each publication, schedules that can no longer run are switched off once that is known to hold, and what is
    /// back is switched on again.
    async fn follow_catalog(self: Arc<Self>, stop: CancellationToken) {
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
                    Some(SignedDuration::ZERO)
                }
            };
            self.said.notify_one();
            let looked_again = async {
                match look_again {
                    Some(left) if left.is_positive() => self.context.clock.sleep(left).await,
                    // A catalog that cannot be read is due at once: no busy loop.
                    Some(_) => self.context.clock.sleep(self.context.config.poll).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                changed = published.changed() => if changed.is_err() { return },
                () = looked_again => {}
            }
        }
    }
}
