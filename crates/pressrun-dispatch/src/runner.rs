//! What the dispatcher asks of whoever does the runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;
use pressrun_domain::id::{DocumentIdentifier, ScheduleId};
use pressrun_domain::notice::Notice;
use pressrun_store::{ClaimedRun, UnreadRun};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Does claimed runs, and knows what they need.
#[async_trait]
pub trait Runner: Send + Sync {
    /// Works on a claimed run until it is over, has to wait, its lease is lost, or `hand_back` asks to give it up; writes what became of it.
    /// `permit` is given back as soon as all that is left is to wait for others; the end of the work gives it back too.
    async fn work(&self, claimed: ClaimedRun, hand_back: &CancellationToken, permit: &Permit);

    /// What may begin beside runs that deliver these documents, each named as often as a run of it holds a permit.
    fn room(&self, under_way: &[&DocumentIdentifier]) -> Room;

    /// What there is to say, and to whom, about a schedule that cannot be planned (M10).
    async fn about_unplannable(&self, schedule: ScheduleId, fault: &str) -> Vec<Notice>;

    /// What there is to say, and to whom, about a run that ended because it cannot be read (M10).
    async fn about_unread(&self, run: &UnreadRun) -> Vec<Notice>;

    /// Gives back what is idle; called every few seconds.
    fn tidy(&self);

    /// Deletes artifacts that no row needs any more at `now`; may take long.
    async fn sweep(&self, now: Timestamp);
}

/// The right of a run to be worked on beside so many others. Clones are the same.
#[derive(Debug, Clone)]
pub struct Permit {
    given_back: Arc<AtomicBool>,
    freed: Arc<Notify>,
}

impl Permit {
    /// One that tells `freed` when it is given back.
    #[must_use]
    pub fn new(freed: Arc<Notify>) -> Self {
        Self { given_back: Arc::default(), freed }
    }

    /// Lets another run begin, once.
    pub fn give_back(&self) {
        if !self.given_back.swap(true, Ordering::Relaxed) {
            self.freed.notify_one();
        }
    }

    pub(crate) fn is_given_back(&self) -> bool {
        self.given_back.load(Ordering::Relaxed)
    }
}

/// What may begin now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// So many runs, whichever of the documents that are not busy they deliver.
    pub limit: u32,
    /// Runs of these documents wait: their connection has enough to do (L1).
    pub busy: Vec<DocumentIdentifier>,
    /// So many of the runs that wait at these receivers are called up (H4). Whoever hears of them counts them as being on the way.
    pub receivers: Vec<(String, u32)>,
}

impl Room {
    /// Anything may begin.
    #[must_use]
    pub fn unbounded() -> Self {
        Self { limit: u32::MAX, busy: Vec::new(), receivers: Vec::new() }
    }
}
