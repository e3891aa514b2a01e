//! How many are at something at once: queries at a connection, deliveries at whoever takes them.
//!
//! Of a process that is alone a gate has the whole bound. Where several nodes work on the same rows it has the node's share of it, as [`shares`](crate::shares) says,
//! and none before it was asked for.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use pressrun_deliver::KeptOpen;
use tokio::sync::Semaphore;

use crate::shares::Standing;

/// Gates by name. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gates(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    known: Mutex<HashMap<String, Arc<Gate>>>,
    /// Where bounds are divided among nodes: how this one stands with the others.
    divided: OnceLock<Arc<Standing>>,
}

/// Gates are looked through for idle ones when there are so many.
const MOST_KNOWN: usize = 1000;

/// So often more is asked for in between two looks. Who has it hears only at a look that others want some.
const MOST_IN_VAIN: u32 = 3;

/// Looks after which a share that nobody has used meanwhile is given back.
const IDLE_LOOKS: u32 = 2;

/// A bound that may change while some are inside.
pub(crate) struct Gate {
    free: Semaphore,
    bound: Mutex<Bound>,
    waiting: AtomicUsize,
    /// What stays open when those inside have left.
    kept: OnceLock<Weak<dyn KeptOpen>>,
}

#[derive(Debug, Default)]
struct Bound {
    most: usize,
    /// So many of those inside are not replaced when they leave: the bound was lowered meanwhile.
    surplus: usize,
    /// What it is over all nodes.
    whole: usize,
    /// The most that were inside or waited at one time since the last look.
    peak: usize,
    /// Looks since anybody was.
    idle: u32,
    /// What the node was last known to hold, as far as it was told to hold fewer.
    lowered_from: Option<usize>,
    /// Others may think that this node has, or wants, some of it.
    is_known: bool,
    /// How often in a row more was asked for in vain.
    in_vain: u32,
}

/// What a node says of one of its gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Need {
    /// The bound over all nodes.
    pub(crate) whole: usize,
    /// How many may be inside.
    pub(crate) holds: usize,
    /// How many would be.
    pub(crate) wants: usize,
}

/// Being inside; over when dropped.
#[derive(Debug)]
pub(crate) struct Pass(Arc<Gate>);

/// Waiting at a gate; over when dropped.
struct Wait<'a>(&'a Gate);

impl Gates {
    /// Waits, first come first served, until fewer than `most` are inside the gate of this name. The last word counts: another `most` than
    /// before holds at once for all that come, and those inside stay.
    pub(crate) async fn pass(&self, name: &str, most: usize) -> Pass {
        let gate = self.gate(name, most);
        let wait = Wait::at(&gate);
        loop {
            let age = self.age();
            self.ask_for(&gate);
            // Nobody closes a gate, so that there always is a permit in the end.
            if let Ok(permit) = gate.free.acquire().await {
                permit.forget();
            }
            let pass = Pass(Arc::clone(&gate));
            if self.holds_since(age) {
                drop(wait);
                return pass;
            }
        }
    }

    /// The same for somebody who does not wait, nor go before those who do.
    pub(crate) fn pass_at_once(&self, name: &str, most: usize) -> Option<Pass> {
        let (age, gate) = (self.age(), self.gate(name, most));
        gate.note_demand(1);
        let Ok(permit) = gate.free.try_acquire() else {
            self.ask_for(&gate);
            return None;
        };
        permit.forget();
        let pass = Pass(Arc::clone(&gate));
        self.holds_since(age).then_some(pass)
    }

    /// Somebody will come to this gate: where its bound is divided a share is asked for meanwhile.
    pub(crate) fn expect(&self, name: &str, most: usize) {
        if self.0.divided.get().is_some() {
            let gate = self.gate(name, most);
            gate.note_demand(1);
            self.ask_for(&gate);
        }
    }

    /// From now on the bounds of these gates are divided among nodes, of which this one stands so.
    pub(crate) fn divide(&self, standing: &Arc<Standing>) {
        if self.0.divided.set(Arc::clone(standing)).is_ok() {
            self.void();
        }
    }

    /// What stays open when those have left who were inside of this gate.
    pub(crate) fn keeps(&self, name: &str, most: usize, kept: Weak<dyn KeptOpen>) {
        // Said once, by who makes it.
        let _ = self.gate(name, most).kept.set(kept);
    }

    /// Nobody comes in before the node has asked for its shares anew.
    pub(crate) fn void(&self) {
        for gate in self.known().values() {
            gate.set(0);
        }
    }

    /// What is to be said of each gate: of all of them at a `look`, and in between of those that have something to say.
    pub(crate) fn needs(&self, look: bool) -> Vec<(String, Need)> {
        let known: Vec<(String, Arc<Gate>)> = self.known().iter().map(|(name, gate)| (name.clone(), Arc::clone(gate))).collect();
        known.into_iter().filter_map(|(name, gate)| Some((name, gate.need(look)?))).collect()
    }

    /// The share of the gate of this name, of which `said` was said.
    pub(crate) fn grant(&self, name: &str, said: Need, share: usize) {
        let gate = self.known().get(name).map(Arc::clone);
        if let Some(gate) = gate {
            gate.grant(said, share);
        }
    }

    /// How often the node's shares have lapsed.
    fn age(&self) -> u64 {
        self.0.divided.get().map_or(0, |standing| standing.lapses())
    }

    /// Whether what was granted then is still the node's own.
    fn holds_since(&self, age: u64) -> bool {
        let Some(standing) = self.0.divided.get() else { return true };
        if standing.has_lapsed() {
            self.void();
            standing.ask();
            return false;
        }
        standing.lapses() == age
    }

    fn ask_for(&self, gate: &Gate) {
        if let Some(standing) = self.0.divided.get()
            && gate.is_short()
        {
            standing.ask();
        }
    }

    fn gate(&self, name: &str, most: usize) -> Arc<Gate> {
        let divided = self.0.divided.get().is_some();
        let gate = {
            let mut known = self.known();
            if known.len() >= MOST_KNOWN && !known.contains_key(name) {
                // Nobody stands at these, no share of them is held, and others do not think so: what a node no longer knows it never gives back.
                known.retain(|_, gate| Arc::strong_count(gate) > 1 || (divided && !gate.is_forgettable()));
            }
            Arc::clone(known.entry(name.to_owned()).or_insert_with(|| Arc::new(Gate::new())))
        };
        if divided {
            gate.bound().whole = most.max(1);
        } else {
            gate.set(most.max(1));
        }
        gate
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Arc<Gate>>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate {
    fn new() -> Self {
        Self { free: Semaphore::new(0), bound: Mutex::default(), waiting: AtomicUsize::new(0), kept: OnceLock::new() }
    }

    fn set(&self, most: usize) {
        self.set_bound(&mut self.bound(), most);
    }

    fn set_bound(&self, bound: &mut Bound, most: usize) {
        if most > bound.most {
            let more = most - bound.most;
            let kept = more.min(bound.surplus);
            bound.surplus -= kept;
            self.free.add_permits(more - kept);
        } else {
            let fewer = bound.most - most;
            bound.surplus += fewer - self.free.forget_permits(fewer);
        }
        bound.most = most;
    }

    /// Those inside and those who wait.
    fn demand(&self, bound: &Bound) -> usize {
        (bound.most + bound.surplus).saturating_sub(self.free.available_permits()) + self.waiting.load(Ordering::Relaxed)
    }

    fn note_demand(&self, coming: usize) {
        let mut bound = self.bound();
        bound.peak = bound.peak.max(self.demand(&bound) + coming);
    }

    /// Whether more would be inside than the share lets in.
    fn is_short(&self) -> bool {
        let bound = self.bound();
        bound.most < bound.whole && self.free.available_permits() == 0
    }

    /// Nothing of its share is held, and others know that.
    fn is_forgettable(&self) -> bool {
        let bound = self.bound();
        !bound.is_known && bound.most + bound.surplus + self.open() == 0
    }

    /// What is kept open.
    fn open(&self) -> usize {
        self.kept.get().and_then(Weak::upgrade).map_or(0, |kept| kept.open())
    }

    fn need(&self, look: bool) -> Option<Need> {
        let open = self.open();
        let mut bound = self.bound();
        let demand = self.demand(&bound);
        bound.peak = bound.peak.max(demand);
        let wants = bound.peak.min(bound.whole);
        if look {
            bound.peak = demand;
            bound.idle = if wants == 0 { bound.idle.saturating_add(1) } else { 0 };
            if bound.idle >= IDLE_LOOKS && open == 0 {
                self.set_bound(&mut bound, 0);
            }
        }
        let holds = (bound.most + bound.surplus).max(open);
        let is_hungry = bound.most < wants && bound.in_vain < MOST_IN_VAIN;
        let is_down = bound.lowered_from.is_some_and(|from| holds < from);
        let has_to_say = if look { bound.is_known || holds > 0 || wants > 0 } else { is_hungry || is_down };
        if !has_to_say {
            return None;
        }
        bound.is_known = true;
        Some(Need { whole: bound.whole, holds, wants })
    }

    fn grant(&self, said: Need, share: usize) {
        {
            let mut bound = self.bound();
            bound.lowered_from = (share < said.holds).then_some(said.holds);
            bound.is_known = share.max(said.holds) > 0 || said.wants > 0;
            bound.in_vain = if share <= bound.most && share < said.wants { bound.in_vain.saturating_add(1) } else { 0 };
            self.set_bound(&mut bound, share);
        }
        if share < said.holds
            && let Some(kept) = self.kept.get().and_then(Weak::upgrade)
        {
            kept.close_beyond(share);
        }
    }

    fn bound(&self) -> MutexGuard<'_, Bound> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("free", &self.free).field("bound", &self.bound).finish_non_exhaustive()
    }
}

impl<'a> Wait<'a> {
    fn at(gate: &'a Gate) -> Self {
        gate.waiting.fetch_add(1, Ordering::Relaxed);
        gate.note_demand(0);
        Self(gate)
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut bound = self.0.bound();
        if bound.surplus > 0 {
            bound.surplus -= 1;
        } else {
            self.0.free.add_permits(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many more get in at once, with the passes they hold.
    fn enter(gates: &Gates, most: usize, tries: usize) -> Vec<Pass> {
        let tries = (0..tries).filter_map(|_| futures::FutureExt::now_or_never(gates.pass("warehouse", most)));
        tries.collect()
    }

    #[test]
    fn a5_a_connection_has_its_own_bound() {
        let gates = Gates::default();
        let inside = enter(&gates, 2, 5);
        assert_eq!(inside.len(), 2);
        assert!(futures::FutureExt::now_or_never(gates.pass("files", 2)).is_some(), "others are not concerned");
        drop(inside);
        assert_eq!(enter(&gates, 2, 5).len(), 2, "who leaves makes room");
    }

    #[test]
    fn h4_gates_at_which_nobody_stands_are_forgotten_and_others_are_not() {
        let gates = Gates::default();
        let inside = enter(&gates, 1, 1);
        for name in 0..3 * MOST_KNOWN {
            assert!(futures::FutureExt::now_or_never(gates.pass(&name.to_string(), 1)).is_some());
        }
        assert!(gates.known().len() <= MOST_KNOWN);
        assert_eq!(enter(&gates, 1, 1).len(), 0, "one is inside");
        drop(inside);
        assert_eq!(enter(&gates, 1, 1).len(), 1);
    }

    #[test]
    fn a5_a_bound_that_the_catalog_changes_holds_without_a_restart() {
        let gates = Gates::default();
        let mut inside = enter(&gates, 4, 9);
        assert_eq!(inside.len(), 4);
        assert_eq!(enter(&gates, 1, 9).len(), 0, "lowered: nobody comes in");
        inside.truncate(1);
        assert_eq!(enter(&gates, 1, 9).len(), 0, "three that left are not replaced");
        inside.clear();
        let one = enter(&gates, 1, 9);
        assert_eq!(one.len(), 1);
        let more = enter(&gates, 3, 9);
        assert_eq!(more.len(), 2, "raised: so many more come in");
        let none = enter(&gates, 1, 9);
        assert_eq!(enter(&gates, 3, 9).len(), 0, "lowered and raised again while all are inside");
        drop((one, more, none));
        assert_eq!(enter(&gates, 3, 9).len(), 3);
    }
}
