//! Open connections between two mails. A connection that nobody needs is closed with a word of goodbye before the relay loses patience.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use super::dialogue::Dialogue;
use crate::nodes::KeptOpen;

/// How long a connection is kept; most relays close after a few minutes.
const IDLE_FOR: Duration = Duration::from_secs(50);
/// Mails over one connection; some relays close after a hundred.
const MAILS_MAX: u32 = 100;
/// Time for a word of goodbye.
const GOODBYE: Duration = Duration::from_secs(5);

/// The connections of a relay.
#[derive(Default)]
pub(super) struct Pool {
    idle: Mutex<Idle>,
    open: Arc<AtomicUsize>,
}

#[derive(Default)]
struct Idle {
    lines: Vec<Line>,
    /// Somebody closes what is kept for too long.
    is_watched: bool,
}

/// An open connection, authenticated, between two mails.
pub(super) struct Line {
    pub(super) dialogue: Dialogue,
    mails: u32,
    idle_since: Instant,
    _counted: Counted,
}

impl Line {
    pub(super) fn new(dialogue: Dialogue, counted: Counted) -> Self {
        Self { dialogue, mails: 0, idle_since: Instant::now(), _counted: counted }
    }

    /// Whether it has carried a mail before, so that the relay may have closed it since.
    pub(super) fn is_used(&self) -> bool {
        self.mails > 0
    }
}

/// One of the connections that count, until this is dropped.
pub(super) struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pool {
    /// A connection that is about to be made.
    pub(super) fn opening(&self) -> Counted {
        self.open.fetch_add(1, Ordering::Relaxed);
        Counted(Arc::clone(&self.open))
    }

    /// How many there are: about to be made, in use or kept.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// One that nobody uses.
    pub(super) fn take(&self) -> Option<Line> {
        self.idle().lines.pop()
    }

    /// Keeps `line` for the next mail, unless it has carried enough.
    pub(super) async fn keep(self: &Arc<Self>, mut line: Line) {
        line.mails += 1;
        line.idle_since = Instant::now();
        if line.mails >= MAILS_MAX {
            goodbye(line).await;
            return;
        }
        let mut idle = self.idle();
        idle.lines.push(line);
        if !std::mem::replace(&mut idle.is_watched, true) {
            tokio::spawn(watch(Arc::downgrade(self)));
        }
    }

    /// When the first has been kept for too long; `None`, and nobody watches any more, when there is none.
    fn next_end(&self) -> Option<Instant> {
        let mut idle = self.idle();
        let next = idle.lines.iter().map(|line| line.idle_since + IDLE_FOR).min();
        idle.is_watched = next.is_some();
        next
    }

    fn take_old(&self, now: Instant) -> Vec<Line> {
        self.idle().lines.extract_if(.., |line| line.idle_since + IDLE_FOR <= now).collect()
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeptOpen for Pool {
    fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    fn close_beyond(&self, most: usize) {
        let beyond = KeptOpen::open(self).saturating_sub(most);
        let mut idle = self.idle();
        let beyond = beyond.min(idle.lines.len());
        for line in idle.lines.drain(..beyond) {
            tokio::spawn(goodbye(line));
        }
    }
}

/// Closes what is kept for too long, until nothing is kept or the pool is gone.
async fn watch(pool: Weak<Pool>) {
    loop {
        let Some(next) = pool.upgrade().and_then(|pool| pool.next_end()) else { return };
        sleep_until(next).await;
        let old = pool.upgrade().map(|pool| pool.take_old(Instant::now())).unwrap_or_default();
        for line in old {
            goodbye(line).await;
        }
    }
}

async fn goodbye(line: Line) {
    // The connection ends here, whether the relay hears why or not.
    let _ = timeout(GOODBYE, line.dialogue.quit()).await;
}
