//! Who takes deliveries, and how many at once: a receiver that hangs holds up what goes to it, and nothing else.
//!
//! Two bounds. Pieces pass a gate, a few at once for each receiver. And so many runs wait at it in memory as will soon have their turn;
//! a further one is put back into the queue, so that a hundred thousand runs to a dead host are rows. There it waits in the receiver's lane, from which as many
//! are called up as there is room for; and until about when its turn would be, should nobody call it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::SignedDuration;

use crate::gate::{Gates, Pass};

/// Runs at one receiver.
const MOST_AT_ONE: usize = 256;

/// Runs at all receivers together, beyond which each has no more than it can serve at once.
const MOST_IN_ALL: usize = 1024;

/// The time from one delivery to the next before any has ended.
const USUAL: SignedDuration = SignedDuration::from_millis(100);

/// A run is put back for no longer than this: who would call it up may be gone.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(15);

/// A run is put back for no shorter time than this: it costs two writes.
const SHORTEST_WAIT: SignedDuration = SignedDuration::from_secs(1);

/// Who was called up and has not come after so long does not.
const COMES_WITHIN: SignedDuration = SignedDuration::from_mins(1);

/// A run that has its turn sooner than this may keep its permit until then.
const SOON: SignedDuration = SignedDuration::from_millis(500);

/// All receivers. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Receivers {
    gates: Gates,
    queues: Arc<Mutex<Queues>>,
}

/// Who is at which receiver.
#[derive(Debug, Default)]
struct Queues {
    runs: usize,
    /// Runs that were put back and not called up.
    put_back: usize,
    by_receiver: HashMap<String, Queue>,
}

/// What goes to one receiver.
#[derive(Debug, Default)]
struct Queue {
    /// Runs that are there.
    runs: usize,
    /// Pieces that it takes at once.
    at_once: usize,
    /// Runs that were put back and not called up, as far as this process knows: others may have claimed them, or their time came.
    put_back: usize,
    /// Runs that were called up and have not come, and when, by the steady clock, the last of them were.
    coming: usize,
    called_at: SignedDuration,
    /// When, by the steady clock, a delivery ended last.
    ended_at: Option<SignedDuration>,
    /// The time from the end of one to the end of the next while more wait than are served at once, the latest counting most.
    pace: Option<SignedDuration>,
    /// When, by the steady clock, those that were put back will have had their turns.
    taken_until: SignedDuration,
}

/// A run whose pieces go to a receiver; over when dropped.
#[derive(Debug)]
pub(crate) struct Visit {
    receivers: Receivers,
    receiver: String,
    at_once: usize,
}

impl Receivers {
    /// Lets the pieces of a run go to `receiver`, `at_once` of all runs. When too many runs are there, how long to wait instead; `now` is by
    /// the steady clock.
    pub(crate) fn visit(&self, receiver: String, at_once: usize, now: SignedDuration) -> Result<Visit, SignedDuration> {
        self.queues().admit(&receiver, at_once, now)?;
        Ok(Visit { receivers: self.clone(), receiver, at_once })
    }

    /// Pieces of a run will go to `receiver` soon.
    pub(crate) fn expect(&self, receiver: &str, at_once: usize) {
        self.gates.expect(receiver, at_once);
    }

    pub(crate) fn gates(&self) -> &Gates {
        &self.gates
    }

    /// Notes that a run which may not visit `receiver` is put back into the queue.
    pub(crate) fn put_back(&self, receiver: &str) {
        self.queues().put_back(receiver);
    }

    /// Runs that were put back and that there is room for at `now`, by the steady clock, by the receiver at which they wait: for a while they count as being on the
    /// way.
    pub(crate) fn call_up(&self, now: SignedDuration) -> Vec<(String, u32)> {
        self.queues().call_up(now)
    }

    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Visit {
    /// Waits until one more piece may go to the receiver, first come first served whatever run it is of.
    pub(crate) async fn turn(&self) -> Pass {
        self.receivers.gates.pass(&self.receiver, self.at_once).await
    }

    /// A turn, if one more piece may go to the receiver now and nobody has waited for that.
    pub(crate) fn turn_at_once(&self) -> Option<Pass> {
        self.receivers.gates.pass_at_once(&self.receiver, self.at_once)
    }

    /// Whether whoever comes now has its turn soon, as quick as the receiver has been lately. Where that is so, no more runs need be claimed meanwhile:
    /// they would only stand in line, and be put back when it is long.
    pub(crate) fn is_soon(&self) -> bool {
        let queues = self.receivers.queues();
        let queue = queues.by_receiver.get(&self.receiver);
        queue.is_some_and(|queue| queue.pace.is_some_and(|pace| pace.saturating_mul(i32::try_from(queue.runs).unwrap_or(i32::MAX)) < SOON))
    }

    /// A delivery has ended at `now`, by the steady clock.
    pub(crate) fn ended(&self, now: SignedDuration) {
        if let Some(queue) = self.receivers.queues().by_receiver.get_mut(&self.receiver) {
            queue.ended(now, self.at_once);
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.receivers.queues().leave(&self.receiver);
    }
}

impl Queue {
    /// Runs that may be there while there are so many at all receivers.
    fn most(&self, in_all: usize) -> usize {
        if in_all < MOST_IN_ALL { MOST_AT_ONE.max(self.at_once) } else { self.at_once }
    }

    /// Runs that there is room for: many at a time, for each time costs a write.
    fn room(&self, in_all: usize) -> usize {
        let most = self.most(in_all);
        let room = most.saturating_sub(self.runs + self.coming);
        if room * 4 >= most || self.runs + self.coming < self.at_once { room } else { 0 }
    }

    fn ended(&mut self, now: SignedDuration, at_once: usize) {
        if let Some(before) = self.ended_at.replace(now)
            && self.runs > at_once
        {
            let gap = now.saturating_sub(before).max(SignedDuration::ZERO);
            let usual = self.pace.unwrap_or(gap);
            self.pace = Some(usual + (gap - usual) / 16);
        }
    }
}

impl Queues {
    fn admit(&mut self, receiver: &str, at_once: usize, now: SignedDuration) -> Result<(), SignedDuration> {
        let at_once = at_once.max(1);
        let queue = self.by_receiver.entry(receiver.to_owned()).or_default();
        queue.at_once = at_once;
        if queue.runs < queue.most(self.runs) {
            queue.runs += 1;
            self.runs += 1;
            if queue.coming > 0 {
                queue.coming -= 1;
            } else if queue.put_back > 0 {
                // Its time came before anybody called it.
                queue.put_back -= 1;
                self.put_back -= 1;
            }
            return Ok(());
        }
        let pace = queue.pace.unwrap_or(USUAL);
        // Half of those that are there are through by then, so that the receiver is never without work.
        let ahead = pace.saturating_mul(i32::try_from(queue.runs / 2).unwrap_or(i32::MAX));
        queue.taken_until = queue.taken_until.max(now.saturating_add(ahead)).saturating_add(pace);
        Err(queue.taken_until.saturating_sub(now).clamp(SHORTEST_WAIT, LONGEST_WAIT))
    }

    fn leave(&mut self, receiver: &str) {
        self.runs = self.runs.saturating_sub(1);
        if let Some(queue) = self.by_receiver.get_mut(receiver) {
            queue.runs = queue.runs.saturating_sub(1);
            if queue.runs == 0 && queue.put_back == 0 {
                self.by_receiver.remove(receiver);
            }
        }
    }

    fn put_back(&mut self, receiver: &str) {
        if let Some(queue) = self.by_receiver.get_mut(receiver) {
            queue.put_back += 1;
            self.put_back += 1;
        }
    }

    fn call_up(&mut self, now: SignedDuration) -> Vec<(String, u32)> {
        if self.put_back == 0 {
            return Vec::new();
        }
        let (in_all, mut called) = (self.runs, Vec::new());
        for (receiver, queue) in &mut self.by_receiver {
            if now.saturating_sub(queue.called_at) > COMES_WITHIN {
                // Others have claimed them.
                queue.coming = 0;
            }
            let room = queue.room(in_all).min(queue.put_back);
            if room > 0 {
                queue.put_back -= room;
                queue.coming += room;
                queue.called_at = now;
                self.put_back -= room;
                called.push((receiver.clone(), u32::try_from(room).unwrap_or(u32::MAX)));
            }
        }
        self.by_receiver.retain(|_, queue| queue.runs > 0 || queue.put_back > 0);
        // So that a simulation repeats itself.
        called.sort_unstable();
        called
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SignedDuration = SignedDuration::from_secs(1_000);

    fn visits(receivers: &Receivers, name: &str, count: usize) -> (Vec<Visit>, Vec<SignedDuration>) {
        let (mut there, mut put_back) = (Vec::new(), Vec::new());
        for _ in 0..count {
            match receivers.visit(name.to_owned(), 8, NOW) {
                Ok(visit) => there.push(visit),
                Err(wait) => {
                    receivers.put_back(name);
                    put_back.push(wait);
                }
            }
        }
        (there, put_back)
    }

    #[test]
    fn h4_what_one_receiver_cannot_take_soon_is_put_back_and_others_are_not_concerned() {
        let receivers = Receivers::default();
        let (there, put_back) = visits(&receivers, "hangs", 100_000);
        assert_eq!((there.len(), put_back.len()), (MOST_AT_ONE, 100_000 - MOST_AT_ONE));
        assert!(put_back.iter().all(|wait| (SHORTEST_WAIT..=LONGEST_WAIT).contains(wait)));
        assert!(put_back.is_sorted(), "whoever came first comes back first");
        assert_eq!(visits(&receivers, "other", 1).0.len(), 1);
        drop(there);
        assert_eq!(visits(&receivers, "hangs", 1).0.len(), 1, "who leaves makes room");
        assert_eq!(receivers.queues().by_receiver.len(), 1, "but for who was put back");
    }

    #[test]
    fn h4_as_many_as_there_is_room_for_are_called_up_of_those_that_were_put_back() {
        let receivers = Receivers::default();
        let (mut there, _) = visits(&receivers, "slow", MOST_AT_ONE + 1_000);
        let called = |receivers: &Receivers| receivers.call_up(NOW).into_iter().map(|(_, room)| room).sum::<u32>();
        assert_eq!(called(&receivers), 0, "it is full");
        there.truncate(MOST_AT_ONE - 63);
        assert_eq!(called(&receivers), 0, "not one by one");
        there.truncate(MOST_AT_ONE - 64);
        assert_eq!(receivers.call_up(NOW), [("slow".to_owned(), 64)]);
        assert_eq!(called(&receivers), 0, "they are on the way");
        let later = NOW + SignedDuration::from_mins(2);
        assert_eq!(receivers.call_up(later), [("slow".to_owned(), 64)], "and somebody else has them");
        there.extend(visits(&receivers, "slow", 64).0);
        assert_eq!((there.len(), called(&receivers)), (MOST_AT_ONE, 0));
        for expected in [256, 256, 256, 104, 0] {
            there.clear();
            assert_eq!(called(&receivers), expected);
            there.extend(visits(&receivers, "slow", expected as usize).0);
        }
        there.clear();
        assert!(receivers.queues().by_receiver.is_empty(), "and nothing is kept of it");
        assert_eq!(receivers.queues().put_back, 0);
    }

    #[test]
    fn h4_a_run_that_is_put_back_comes_about_when_its_turn_would_be() {
        let millis = SignedDuration::from_millis;
        for (pace, first, hundredth) in [
            // Half of 256 are ahead.
            (millis(1_000), millis(129_000), millis(228_000)),
            (millis(10), millis(1_290), millis(2_280)),
            (millis(7_500), LONGEST_WAIT, LONGEST_WAIT),
            (millis(0), SHORTEST_WAIT, SHORTEST_WAIT),
        ] {
            let receivers = Receivers::default();
            let (there, _) = visits(&receivers, "slow", MOST_AT_ONE);
            for number in 0..3 {
                there[0].ended(NOW + pace * number);
            }
            let (_, put_back) = visits(&receivers, "slow", 100);
            assert_eq!((put_back[0], put_back[99]), (first, hundredth), "{pace}");
        }
    }

    #[test]
    fn h4_however_many_receivers_hang_another_one_has_its_turns() {
        let receivers = Receivers::default();
        let hang: Vec<_> = (0..100).map(|name| visits(&receivers, &format!("hangs {name}"), 1_000).0).collect();
        let all: usize = hang.iter().map(Vec::len).sum();
        assert!(all <= MOST_IN_ALL + 100 * 8, "{all}");
        assert!(hang.iter().all(|there| there.len() >= 8));
        assert_eq!(visits(&receivers, "healthy", 100).0.len(), 8);
    }

    #[test]
    fn h4_only_at_a_receiver_that_is_known_to_be_quick_is_it_ones_turn_soon() {
        for (pace, runs, expected) in [(1, 100, true), (1, 256, true), (10, 100, false), (1_000, 9, false)] {
            let receivers = Receivers::default();
            let (there, _) = visits(&receivers, "busy", runs);
            assert!(!there[0].is_soon(), "nobody knows");
            for number in 0..100 {
                there[0].ended(NOW + SignedDuration::from_millis(pace) * number);
            }
            assert_eq!(there[0].is_soon(), expected, "{pace} ms, {runs} runs");
        }
    }

    #[test]
    fn h4_how_quick_a_receiver_is_is_learnt_while_it_is_busy() {
        let receivers = Receivers::default();
        let pace = |receivers: &Receivers| receivers.queues().by_receiver["recovers"].pace;
        let (mut there, _) = visits(&receivers, "recovers", 9);
        let mut now = NOW;
        let mut end = |there: &[Visit], gap: SignedDuration| {
            now += gap;
            there[0].ended(now);
        };
        end(&there, SignedDuration::from_secs(60));
        end(&there, SignedDuration::from_secs(60));
        assert_eq!(pace(&receivers), Some(SignedDuration::from_secs(60)));
        for _ in 0..150 {
            end(&there, SignedDuration::from_millis(10));
        }
        let quick = pace(&receivers);
        assert!(quick < Some(SignedDuration::from_millis(50)), "{quick:?}");
        // Nobody has to wait any more: that nothing ends for an hour says nothing.
        there.truncate(8);
        end(&there, SignedDuration::from_hours(1));
        assert_eq!(pace(&receivers), quick);
    }
}
