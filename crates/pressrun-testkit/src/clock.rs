//! A clock that stands still until a test moves it.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use pressrun_domain::clock::Clock;
use tokio::sync::watch;

/// Time as a test tells it. Clones show the same time.
#[derive(Debug, Clone)]
pub struct FakeClock {
    now: Arc<watch::Sender<Timestamp>>,
    /// By how much the clock was set without any time passing.
    jumped: Arc<Mutex<SignedDuration>>,
    sleepers: Arc<watch::Sender<usize>>,
    wakes: Arc<Mutex<BTreeMap<Timestamp, usize>>>,
}

impl FakeClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        let jumped = Arc::default();
        Self { now: Arc::new(watch::Sender::new(now)), jumped, sleepers: Arc::new(watch::Sender::new(0)), wakes: Arc::default() }
    }

    /// Moves time forward and wakes everyone whose instant has come.
    pub fn advance(&self, by: SignedDuration) {
        self.now.send_modify(|now| *now = now.checked_add(by).expect("within the range of instants"));
    }

    /// Lets time pass until `now`; when that is in the past, the clock is set back.
    pub fn set(&self, now: Timestamp) {
        let by = now.duration_since(self.now());
        if by.is_negative() { self.jump(by) } else { self.advance(by) }
    }

    /// Sets the clock, forwards or back, in no time.
    pub fn jump(&self, by: SignedDuration) {
        *self.jumped.lock().unwrap_or_else(PoisonError::into_inner) += by;
        self.advance(by);
    }

    /// The instant that the next sleeper waits for.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.wakes().keys().next().copied()
    }

    /// Moves time to the instant that the next sleeper waits for, and answers with it; `None` when nobody sleeps.
    pub fn advance_to_next_sleeper(&self) -> Option<Timestamp> {
        let next = self.next_wake()?;
        self.now.send_modify(|now| *now = (*now).max(next));
        Some(next)
    }

    /// How many are asleep.
    #[must_use]
    pub fn sleepers(&self) -> usize {
        *self.sleepers.borrow()
    }

    /// Ends when at least `count` are asleep.
    pub async fn wait_for_sleepers(&self, count: usize) {
        let mut sleepers = self.sleepers.subscribe();
        sleepers.wait_for(|found| *found >= count).await.expect("the clock lives");
    }

    fn wakes(&self) -> MutexGuard<'_, BTreeMap<Timestamp, usize>> {
        self.wakes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One sleeper; gone when it wakes or is dropped.
struct Sleeper<'a> {
    clock: &'a FakeClock,
    until: Timestamp,
}

impl<'a> Sleeper<'a> {
    fn new(clock: &'a FakeClock, until: Timestamp) -> Self {
        *clock.wakes().entry(until).or_default() += 1;
        clock.sleepers.send_modify(|count| *count += 1);
        Self { clock, until }
    }
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        let mut wakes = self.clock.wakes();
        if let Some(count) = wakes.get_mut(&self.until) {
            *count -= 1;
            if *count == 0 {
                wakes.remove(&self.until);
            }
        }
        drop(wakes);
        self.clock.sleepers.send_modify(|count| *count -= 1);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    fn steady(&self) -> SignedDuration {
        self.now().duration_since(Timestamp::UNIX_EPOCH) - *self.jumped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sleep_until(&self, instant: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            let mut now = self.now.subscribe();
            if *now.borrow_and_update() >= instant {
                return;
            }
            let _sleeper = Sleeper::new(self, instant);
            let _ = now.wait_for(|now| *now >= instant).await;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> Timestamp {
        "2026-11-24T12:00:00Z".parse().expect("instant")
    }

    #[tokio::test]
    async fn sleepers_wake_in_order_when_time_passes() {
        let clock = FakeClock::at(noon());
        let woken = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = [20_i64, 10]
            .into_iter()
            .map(|seconds| {
                let (clock, woken) = (clock.clone(), Arc::clone(&woken));
                tokio::spawn(async move {
                    clock.sleep_until(noon() + SignedDuration::from_secs(seconds)).await;
                    woken.lock().expect("lock").push(seconds);
                })
            })
            .collect();
        clock.wait_for_sleepers(2).await;
        assert_eq!(clock.advance_to_next_sleeper(), Some(noon() + SignedDuration::from_secs(10)));
        while clock.sleepers() > 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(*woken.lock().expect("lock"), [10]);
        clock.advance(SignedDuration::from_secs(60));
        for task in tasks {
            task.await.expect("task");
        }
        assert_eq!(*woken.lock().expect("lock"), [10, 20]);
        assert_eq!((clock.sleepers(), clock.next_wake()), (0, None));
        clock.sleep_until(noon()).await;
    }

    #[test]
    fn a_clock_that_is_set_lets_no_time_pass() {
        let clock = FakeClock::at(noon());
        let begun = clock.steady();
        let passed = || (clock.now().duration_since(noon()).as_secs(), (clock.steady() - begun).as_secs());
        clock.advance(SignedDuration::from_secs(5));
        assert_eq!(passed(), (5, 5));
        clock.jump(SignedDuration::from_secs(60));
        assert_eq!(passed(), (65, 5));
        clock.set(noon());
        assert_eq!(passed(), (0, 5), "back");
        clock.set(noon() + SignedDuration::from_secs(10));
        assert_eq!(passed(), (10, 15));
    }

    #[tokio::test]
    async fn a_dropped_sleeper_is_forgotten() {
        let clock = FakeClock::at(noon());
        let mut sleep = clock.sleep_until(noon() + SignedDuration::from_secs(5));
        tokio::select! {
            biased;
            () = &mut sleep => panic!("time stands still"),
            () = clock.wait_for_sleepers(1) => {}
        }
        drop(sleep);
        assert_eq!(clock.next_wake(), None);
    }
}
