//! How many are at something at once: queries at a connection, deliveries at whoever takes them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

/// Gates by name. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gates {
    known: Arc<Mutex<HashMap<String, Arc<Gate>>>>,
}

/// Gates are looked through for idle ones when there are so many.
const MOST_KNOWN: usize = 1000;

/// A bound that may change while some are inside.
#[derive(Debug)]
struct Gate {
    free: Semaphore,
    bound: Mutex<Bound>,
}

#[derive(Debug, Default)]
struct Bound {
    most: usize,
    /// So many of those inside are not replaced when they leave: the bound was lowered meanwhile.
    surplus: usize,
}

/// Being inside; over when dropped.
#[derive(Debug)]
pub(crate) struct Pass(Arc<Gate>);

impl Gates {
    /// Waits, first come first served, until fewer than `most` are inside the gate of this name. The last word counts: another `most` than
    /// before holds at once for all that come, and those inside stay.
    pub(crate) async fn pass(&self, name: &str, most: usize) -> Pass {
        let gate = self.gate(name, most);
        // Nobody closes a gate, so that there always is a permit in the end.
        if let Ok(permit) = gate.free.acquire().await {
            permit.forget();
        }
        Pass(gate)
    }

    /// The same for somebody who does not wait, nor go before those who do.
    pub(crate) fn pass_at_once(&self, name: &str, most: usize) -> Option<Pass> {
        let gate = self.gate(name, most);
        gate.free.try_acquire().ok()?.forget();
        Some(Pass(gate))
    }

    fn gate(&self, name: &str, most: usize) -> Arc<Gate> {
        let gate = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= MOST_KNOWN && !known.contains_key(name) {
                // Nobody stands at these.
                known.retain(|_, gate| Arc::strong_count(gate) > 1);
            }
            Arc::clone(known.entry(name.to_owned()).or_insert_with(|| Arc::new(Gate::new())))
        };
        gate.set(most.max(1));
        gate
    }
}

impl Gate {
    fn new() -> Self {
        Self { free: Semaphore::new(0), bound: Mutex::default() }
    }

    fn set(&self, most: usize) {
        let mut bound = self.bound();
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

    fn bound(&self) -> MutexGuard<'_, Bound> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner)
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
        assert!(gates.known.lock().expect("not poisoned").len() <= MOST_KNOWN);
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
