//! A lane: so many pages are made at once, others wait in a queue, and whoever would be one too many is turned away at once.
//!
//! The queue is fair twice. Groups (the readers of one schedule, one person who signed in) take turns, and within a group so do its readers, so
//! that two hundred readers of one report at nine o'clock wait for each other and the reader of another report waits for one of them. Nobody
//! waits longer than the lane's bound: who asks again later is better served than who holds a connection that a proxy is about to close.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pressrun_web::DashboardError;
use tokio::sync::oneshot;

/// Time a page has, queries and drawing together.
pub(super) const PAGE_TIME: Duration = Duration::from_secs(60);

/// One that asks for a page.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Asker {
    /// Whose report it is.
    pub(super) group: String,
    /// Who of several reads it.
    pub(super) reader: Option<String>,
}

/// How wide and how long a lane is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Pages made at once; at least one.
    pub(super) made: usize,
    /// How many more may wait. One group takes half of all places at most, one of several readers a quarter.
    pub(super) waiting: usize,
    /// How long one waits.
    pub(super) patience: Duration,
}

/// Places of a lane.
pub(super) struct Lane {
    bounds: Bounds,
    queue: Arc<Mutex<Queue>>,
}

#[derive(Default)]
struct Queue {
    /// Pages being made.
    made: usize,
    /// All places that are taken.
    places: usize,
    waiting: Vec<Waiting>,
    /// Places taken by each group and by each reader, those of pages being made included.
    taken: HashMap<Key, Taken>,
    /// Counts turns, and tells who came first.
    clock: u64,
}

struct Waiting {
    asker: Asker,
    came: u64,
    turn: oneshot::Sender<Turn>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Group(String),
    Reader(String, String),
}

impl Asker {
    fn group(&self) -> Key {
        Key::Group(self.group.clone())
    }

    fn reader(&self) -> Option<Key> {
        Some(Key::Reader(self.group.clone(), self.reader.clone()?))
    }

    fn keys(&self) -> impl Iterator<Item = Key> {
        std::iter::once(self.group()).chain(self.reader())
    }
}

#[derive(Default)]
struct Taken {
    places: usize,
    /// When it last had a turn.
    served: u64,
}

impl Lane {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds: Bounds { made: bounds.made.max(1), ..bounds }, queue: Arc::default() }
    }

    /// Does `work` when it is the asker's turn.
    ///
    /// # Errors
    /// [`DashboardError::Busy`] when there is no place, or the turn did not come in time; what the work says; and that it took too long.
    pub(super) async fn pass<T>(&self, asker: Asker, work: impl Future<Output = Result<T, DashboardError>>) -> Result<T, DashboardError> {
        let place = self.place(asker).ok_or(DashboardError::Busy)?;
        let _turn = tokio::time::timeout(self.bounds.patience, self.turn(&place)).await.map_err(|_| DashboardError::Busy)?;
        // Dropping the work kills the processes it runs in.
        tokio::time::timeout(PAGE_TIME, work).await.unwrap_or_else(|_| {
            let seconds = PAGE_TIME.as_secs();
            Err(DashboardError::Failed(format!("The dashboard took longer than {seconds} seconds and was stopped.")))
        })
    }

    /// A place, given back when dropped.
    fn place(&self, asker: Asker) -> Option<Place> {
        let all = self.bounds.made + self.bounds.waiting;
        let mut queue = lock(&self.queue);
        let of = |key: Key| queue.taken.get(&key).map_or(0, |taken| taken.places);
        if queue.places >= all || of(asker.group()) >= all.div_ceil(2) || asker.reader().is_some_and(|reader| of(reader) >= all.div_ceil(4))
        {
            return None;
        }
        queue.places += 1;
        for key in asker.keys() {
            queue.taken.entry(key).or_default().places += 1;
        }
        Some(Place { queue: Arc::clone(&self.queue), asker })
    }

    /// Waits for the turn of whoever has this place.
    async fn turn(&self, place: &Place) -> Turn {
        let (turn, comes) = oneshot::channel();
        {
            let mut queue = lock(&self.queue);
            queue.clock += 1;
            let came = queue.clock;
            queue.waiting.push(Waiting { asker: place.asker.clone(), came, turn });
        }
        give(&self.queue, self.bounds.made);
        match comes.await {
            Ok(turn) => turn,
            // The sender is dropped only with the lane's queue, which `self` holds.
            Err(_) => std::future::pending().await,
        }
    }
}

/// Gives turns to those who wait, as long as there are any to give.
fn give(queue: &Arc<Mutex<Queue>>, at_once: usize) {
    loop {
        let (next, turn) = {
            let mut locked = lock(queue);
            // Who went away while waiting is not asked.
            locked.waiting.retain(|waiting| !waiting.turn.is_closed());
            if locked.made >= at_once {
                return;
            }
            let Some(next) = locked.take_next() else { return };
            locked.made += 1;
            (next, Turn { queue: Arc::clone(queue), at_once })
        };
        // A turn that nobody takes any more comes back by being dropped, and gives the next.
        drop(next.turn.send(turn));
    }
}

impl Queue {
    /// The first of the reader who waits longest for a turn, of the group that waits longest for one.
    fn take_next(&mut self) -> Option<Waiting> {
        let served = |key: Key| self.taken.get(&key).map_or(0, |taken| taken.served);
        let rank = |waiting: &Waiting| (served(waiting.asker.group()), waiting.asker.reader().map_or(0, served), waiting.came);
        let (at, _) = self.waiting.iter().enumerate().min_by_key(|(_, waiting)| rank(waiting))?;
        let next = self.waiting.swap_remove(at);
        self.clock += 1;
        for key in next.asker.keys() {
            if let Some(taken) = self.taken.get_mut(&key) {
                taken.served = self.clock;
            }
        }
        Some(next)
    }
}

/// A place in a lane.
struct Place {
    queue: Arc<Mutex<Queue>>,
    asker: Asker,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut queue = lock(&self.queue);
        queue.places -= 1;
        for key in self.asker.keys() {
            if let Some(taken) = queue.taken.get_mut(&key) {
                taken.places -= 1;
                if taken.places == 0 {
                    queue.taken.remove(&key);
                }
            }
        }
    }
}

/// The right to make a page now, handed on when dropped.
struct Turn {
    queue: Arc<Mutex<Queue>>,
    at_once: usize,
}

impl Drop for Turn {
    fn drop(&mut self) {
        lock(&self.queue).made -= 1;
        give(&self.queue, self.at_once);
    }
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asker(group: &str, reader: usize) -> Asker {
        Asker { group: group.to_owned(), reader: Some(reader.to_string()) }
    }

    fn lane(made: usize, waiting: usize) -> Arc<Lane> {
        Arc::new(Lane::new(Bounds { made, waiting, patience: Duration::from_secs(3600) }))
    }

    /// Who was served, in order, when all of them waited while one page was made.
    async fn served(lane: &Arc<Lane>, askers: &[(&'static str, usize)]) -> Vec<(&'static str, usize)> {
        let order = Arc::new(Mutex::new(Vec::new()));
        let hold = lane.place(asker("first", 0)).expect("a place");
        let turn = lane.turn(&hold).await;
        let mut readers = tokio::task::JoinSet::new();
        for (number, (group, reader)) in askers.iter().copied().enumerate() {
            let (own, order) = (Arc::clone(lane), Arc::clone(&order));
            readers.spawn(async move {
                let work = async {
                    order.lock().expect("not poisoned").push((group, reader));
                    Ok(())
                };
                own.pass(asker(group, reader), work).await
            });
            // Each waits before the next one comes.
            while lock(&lane.queue).waiting.len() <= number {
                tokio::task::yield_now().await;
            }
        }
        drop((turn, hold));
        assert!(readers.join_all().await.iter().all(Result::is_ok));
        assert!(lock(&lane.queue).taken.is_empty() && lock(&lane.queue).places == 0, "nothing is kept of who is gone");
        Arc::into_inner(order).expect("all are done").into_inner().expect("not poisoned")
    }

    #[tokio::test]
    async fn h9_two_hundred_readers_of_one_report_wait_and_another_report_waits_for_one_of_them() {
        let lane = lane(1, 400);
        let mut askers: Vec<_> = (0..200).map(|reader| ("nine o'clock", reader)).collect();
        askers.push(("another", 0));
        let order = served(&lane, &askers).await;
        assert_eq!(order.len(), 201, "all are answered");
        assert_eq!(order[1], ("another", 0), "who came last, of another report");
        let others: Vec<_> = order.into_iter().filter(|(group, _)| *group != "another").collect();
        assert_eq!(others, askers[..200], "in the order in which they came");
    }

    #[tokio::test]
    async fn h9_a_reader_who_asks_for_many_pages_takes_turns_with_the_readers_of_the_same_report() {
        let order = served(&lane(1, 100), &[("a", 1), ("a", 1), ("a", 1), ("a", 2), ("a", 3)]).await;
        assert_eq!(order, [("a", 1), ("a", 2), ("a", 3), ("a", 1), ("a", 1)]);
    }

    #[tokio::test]
    async fn h9_places_are_bounded_for_all_for_a_report_and_for_a_reader() {
        let lane = lane(1, 15);
        let mut held = Vec::new();
        let mut take = |group: &str, reader: usize| lane.place(asker(group, reader)).map(|place| held.push(place)).is_some();
        assert!((0..4).all(|_| take("a", 1)) && !take("a", 1), "a quarter for one reader");
        assert!((2..6).all(|reader| take("a", reader)) && !take("a", 6), "half for one report");
        assert!((0..8).all(|reader| take("b", reader)) && !take("c", 0), "all are taken");
        held.pop();
        assert!(lane.place(asker("c", 0)).is_some());
    }

    #[tokio::test]
    async fn h9_nobody_waits_longer_than_the_bound_and_who_gives_up_is_passed_over() {
        let lane = Arc::new(Lane::new(Bounds { made: 1, waiting: 10, patience: Duration::ZERO }));
        let (end, ended) = oneshot::channel::<()>();
        let first = tokio::spawn({
            let lane = Arc::clone(&lane);
            async move { lane.pass(asker("a", 1), async { ended.await.map_err(|_| DashboardError::NotFound) }).await }
        });
        while lock(&lane.queue).made == 0 {
            tokio::task::yield_now().await;
        }
        let late = lane.pass(asker("a", 2), std::future::ready(Ok(()))).await;
        assert_eq!(late, Err(DashboardError::Busy), "its turn did not come within the bound");
        end.send(()).expect("the first is being made");
        assert_eq!(first.await.expect("no panic"), Ok(()));
        assert_eq!(lane.pass(asker("a", 3), std::future::ready(Ok(7))).await, Ok(7), "the lane goes on");
    }
}
