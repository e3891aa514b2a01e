//! Whose turn it is: claims go round by owner, so that nobody's queue holds up another's.
//!
//! Whoever joins the queue gets the number of a round: the one after the owner's last in the queue, and after the one that is being served. Claims
//! go by rounds. So an owner who queues one run comes in the next round, however many others have queued before (start-time fair queueing). The round
//! that is being served is a clock: it only goes forward, with the runs that are claimed, and not with those that still wait for something.

use std::collections::HashMap;
use std::hash::Hash;

/// The number of a round.
pub type Turn = i64;

/// Gives turns to those who join.
#[derive(Debug, Clone)]
pub struct Turns<Owner> {
    served: Turn,
    last: HashMap<Owner, Turn>,
}

impl<Owner: Eq + Hash> Turns<Owner> {
    /// `served` is the round that is being served, `last` of owners who have something in the queue the last turn that they have there.
    #[must_use]
    pub fn new(served: Turn, last: HashMap<Owner, Turn>) -> Self {
        Self { served, last }
    }

    /// For something new of `owner`: behind what the owner has in the queue.
    pub fn join(&mut self, owner: Owner) -> Turn {
        let next = self.served.saturating_add(1);
        let turn = self.last.get(&owner).map_or(next, |last| last.saturating_add(1).max(next));
        self.last.insert(owner, turn);
        turn
    }

    /// For what has been served before and waited for a retry: it goes on in the round that is being served.
    #[must_use]
    pub fn resume(&self) -> Turn {
        self.served
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// What may happen to the queue.
    #[derive(Debug, Clone)]
    enum Step {
        Joins { owner: u8, count: u8 },
        Claims { count: u8 },
        Withdraws { nth: u8 },
        Resumes { owner: u8 },
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (0_u8..6, 1_u8..40).prop_map(|(owner, count)| Step::Joins { owner, count }),
            (1_u8..20).prop_map(|count| Step::Claims { count }),
            any::<u8>().prop_map(|nth| Step::Withdraws { nth }),
            (0_u8..6).prop_map(|owner| Step::Resumes { owner }),
        ];
        prop::collection::vec(step, 1..60)
    }

    /// The queue as a store keeps it.
    #[derive(Default)]
    struct Queue {
        served: Turn,
        /// Turn, order of arrival, owner.
        waiting: BTreeSet<(Turn, u64, u8)>,
        arrivals: u64,
    }

    impl Queue {
        fn put(&mut self, owner: u8, resumes: bool) -> u64 {
            let mut last: HashMap<u8, Turn> = HashMap::new();
            for (turn, _, owner) in &self.waiting {
                last.insert(*owner, *turn);
            }
            let mut turns = Turns::new(self.served, last);
            let turn = if resumes { turns.resume() } else { turns.join(owner) };
            self.arrivals += 1;
            self.waiting.insert((turn, self.arrivals, owner));
            self.arrivals
        }

        fn claim(&mut self) -> Option<(u64, u8)> {
            let (turn, arrival, owner) = self.waiting.pop_first()?;
            self.served = self.served.max(turn);
            Some((arrival, owner))
        }

        fn play(&mut self, steps: &[Step]) {
            for step in steps {
                match step {
                    Step::Joins { owner, count } => {
                        for _ in 0..*count {
                            self.put(*owner, false);
                        }
                    }
                    Step::Claims { count } => {
                        for _ in 0..*count {
                            self.claim();
                        }
                    }
                    Step::Withdraws { nth } => {
                        let gone = self.waiting.iter().nth(usize::from(*nth) % self.waiting.len().max(1)).copied();
                        if let Some(gone) = gone {
                            self.waiting.remove(&gone);
                        }
                    }
                    Step::Resumes { owner } => {
                        self.put(*owner, true);
                    }
                }
            }
        }
    }

    fn resumes(steps: &[Step]) -> bool {
        steps.iter().any(|step| matches!(step, Step::Resumes { .. }))
    }

    proptest! {
        /// However long the queue is and however many come after: of each other owner two are served before a newcomer at most, and none of
        /// those who came later. Retries are bounded by their own number.
        #[test]
        fn m2_a_newcomer_is_served_after_two_of_each_other_owner_at_most(before in steps(), after in steps()) {
            let mut queue = Queue::default();
            queue.play(&before);
            let mine = queue.put(u8::MAX, false);
            let joins = after.iter().filter_map(|step| if let Step::Joins { owner, count } = step { Some((*owner, *count)) } else { None });
            let mut later = joins.cycle();
            let mut served: HashMap<u8, u32> = HashMap::new();
            loop {
                if let Some((owner, count)) = later.next() {
                    for _ in 0..count.min(3) {
                        queue.put(owner, false);
                        }
                }
                let (arrival, owner) = queue.claim().expect("mine is in it");
                if arrival == mine {
                    break;
                }
                prop_assert!(arrival < mine, "of {owner}, who came later");
                let count = served.entry(owner).or_default();
                *count += 1;
                prop_assert!(*count <= 2 || resumes(&before), "{count} of {owner}");
            }
        }

        /// Everything that joined is claimed in the end, each owner's in the order in which it joined.
        #[test]
        fn l1_nobody_starves_and_each_owners_own_come_in_order(steps in steps()) {
            let mut queue = Queue::default();
            queue.play(&steps);
            let mut last: HashMap<u8, u64> = HashMap::new();
            for _ in 0..queue.waiting.len() {
                let (arrival, owner) = queue.claim().expect("counted");
                let before = last.insert(owner, arrival);
                prop_assert!(resumes(&steps) || before.is_none_or(|before| before < arrival));
            }
            prop_assert!(queue.claim().is_none());
        }
    }

    #[test]
    fn m2_what_was_withdrawn_costs_its_owner_nothing() {
        let mut turns = Turns::new(7, HashMap::from([("busy", 40)]));
        assert_eq!([turns.join("busy"), turns.join("new"), turns.join("new"), turns.resume()], [41, 8, 9, 7]);
        // All of it was taken back: the owner is as new as anybody.
        assert_eq!(Turns::new(7, HashMap::new()).join("busy"), 8);
    }
}
