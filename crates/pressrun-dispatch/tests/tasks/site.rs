//! A store, a clock that stands still, and a runner that does as it is told.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use pressrun_dispatch::{Claimer, DispatchConfig, Permit, Planner, Room, Runner};
use pressrun_domain::audit::Verb;
use pressrun_domain::clock::Clock as _;
use pressrun_domain::id::{DocumentIdentifier, ScheduleId};
use pressrun_domain::notice::Notice;
use pressrun_domain::run::RunStatus;
use pressrun_domain::schedule::Schedule;
use pressrun_store::{ClaimedRun, SqliteStore, Store, UnreadRun, sample};
use pressrun_testkit::FakeClock;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

/// Daily at nine.
pub(crate) const DAILY: &str = "0 9 ? * * *";

/// Ends every run as complete once it has leave to.
pub(crate) struct Stub {
    store: Arc<dyn Store>,
    clock: FakeClock,
    begun: mpsc::UnboundedSender<ClaimedRun>,
    /// Runs give their permit back at once: what is left is to wait for others.
    pub(crate) sends: AtomicBool,
    /// How many runs may end.
    pub(crate) leave: Semaphore,
    /// How often somebody asked what may begin: once before each claim.
    pub(crate) asked: AtomicU32,
    /// Schedules that cannot be planned, each with the fault.
    pub(crate) unplannable: Mutex<Vec<(ScheduleId, String)>>,
}

#[async_trait]
impl Runner for Stub {
    async fn work(&self, claimed: ClaimedRun, _: &CancellationToken, permit: &Permit) {
        if self.sends.load(Ordering::SeqCst) {
            permit.give_back();
        }
        let lease = claimed.lease;
        self.begun.send(claimed).unwrap();
        self.leave.acquire().await.unwrap().forget();
        self.store.finish(&lease, &sample::end(RunStatus::Complete), self.clock.now()).await.unwrap();
    }

    fn room(&self, _: &[&DocumentIdentifier]) -> Room {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Room::unbounded()
    }

    async fn about_unplannable(&self, schedule: ScheduleId, fault: &str) -> Vec<Notice> {
        self.unplannable.lock().unwrap().push((schedule, fault.to_owned()));
        vec![sample::notice(schedule, self.clock.now())]
    }

    async fn about_unread(&self, run: &UnreadRun) -> Vec<Notice> {
        vec![sample::notice(run.schedule, self.clock.now())]
    }

    fn tidy(&self) {}

    async fn sweep(&self, _: Timestamp) {
        // A folder of millions of files.
        std::future::pending::<()>().await;
    }
}

/// What a test works with.
pub(crate) struct Site {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: FakeClock,
    pub(crate) runner: Arc<Stub>,
    pub(crate) begun: mpsc::UnboundedReceiver<ClaimedRun>,
    pub(crate) wake: Arc<Notify>,
    pub(crate) ready: Arc<Notify>,
}

impl Site {
    /// At the instant `now`, with nothing stored.
    pub(crate) async fn at(now: Timestamp) -> Self {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open_in_memory(sample::sealer()).await.unwrap());
        let clock = FakeClock::at(now);
        let (sender, begun) = mpsc::unbounded_channel();
        let (leave, asked) = (Semaphore::new(0), AtomicU32::new(0));
        let runner = Arc::new(Stub {
            store: Arc::clone(&store),
            clock: clock.clone(),
            begun: sender,
            sends: AtomicBool::new(false),
            leave,
            asked,
            unplannable: Mutex::default(),
        });
        Self { store, clock, runner, begun, wake: Arc::default(), ready: Arc::default() }
    }

    pub(crate) fn config() -> DispatchConfig {
        DispatchConfig {
            permits: 8,
            lease: SignedDuration::from_secs(60),
            longest_wait: SignedDuration::from_mins(20),
            poll: SignedDuration::from_secs(15),
        }
    }

    pub(crate) fn planner(&self) -> Planner {
        let clock = Arc::new(self.clock.clone());
        Planner::new(
            Arc::clone(&self.store),
            clock,
            Arc::clone(&self.runner) as _,
            Self::config(),
            Arc::clone(&self.wake),
            Arc::clone(&self.ready),
        )
    }

    pub(crate) fn claimer(&self) -> Claimer {
        let clock = Arc::new(self.clock.clone());
        Claimer::new(Arc::clone(&self.store), clock, Arc::clone(&self.runner) as _, Self::config(), Arc::clone(&self.ready))
    }

    /// Saves a schedule of this cron expression in UTC whose next instant is `next_at`.
    pub(crate) async fn save(&self, cron: &str, next_at: Timestamp) -> Schedule {
        self.save_in("UTC", cron, next_at).await
    }

    /// The same in another zone.
    pub(crate) async fn save_in(&self, zone: &str, cron: &str, next_at: Timestamp) -> Schedule {
        let mut schedule = Schedule { next_at: Some(next_at), ..sample::schedule("planned") };
        cron.clone_into(&mut schedule.definition.cron);
        zone.clone_into(&mut schedule.definition.timezone);
        schedule.created_at = self.clock.now();
        schedule.updated_at = self.clock.now();
        self.store.insert_schedule(&schedule, &sample::names(), &sample::change_at(Verb::ScheduleCreated, self.clock.now())).await.unwrap();
        schedule
    }
}
