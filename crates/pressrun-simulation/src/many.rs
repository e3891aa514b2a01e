//! Many seeds, on every core.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::book::Breach;
use crate::plants::Plant;
use crate::scenario::draw;
use crate::world::{Ended, simulate};

/// What came of many seeds.
#[derive(Debug, Default)]
pub struct Summary {
    /// How many were simulated.
    pub seeds: u64,
    /// Requests that were granted in all of them.
    pub granted: u64,
    /// Rows of history in all of them.
    pub runs: u64,
    /// Parcels that left in all of them.
    pub sent: u64,
    /// Each promise that was broken: how often, by which seed first, and how.
    pub broken: BTreeMap<&'static str, Broken>,
}

/// A promise that was broken.
#[derive(Debug)]
pub struct Broken {
    /// By so many seeds.
    pub seeds: u64,
    /// The lowest of them.
    pub seed: u64,
    /// How that one did.
    pub how: String,
}

impl Summary {
    /// The lowest seed that broke a promise.
    #[must_use]
    pub fn first(&self) -> Option<(&'static str, &Broken)> {
        self.broken.iter().min_by_key(|(_, broken)| broken.seed).map(|(promise, broken)| (*promise, broken))
    }

    fn add(&mut self, seed: u64, ended: Ended) {
        self.seeds += 1;
        self.granted += ended.granted;
        self.runs += ended.runs as u64;
        self.sent += ended.sent as u64;
        let mut heard = BTreeSet::new();
        for Breach { promise, how } in ended.breaches {
            if !heard.insert(promise) {
                continue;
            }
            let broken = self.broken.entry(promise).or_insert_with(|| Broken { seeds: 0, seed, how: how.clone() });
            broken.seeds += 1;
            if seed < broken.seed {
                (broken.seed, broken.how) = (seed, how);
            }
        }
    }
}

/// Simulates the seeds `from`, `from + 1` …; when `stops`, only until one breaks a promise.
#[must_use]
pub fn simulate_many(from: u64, seeds: u64, plant: Option<Plant>, stops: bool) -> Summary {
    let next = AtomicU64::new(from);
    let stop = AtomicBool::new(false);
    let summary = Mutex::new(Summary::default());
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (next, stop, summary_of) = (&next, &stop, &summary);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let core = cores.get(thread).copied();
            scope.spawn(move || {
                // A simulation hands one word after the other to the threads of its databases and waits for the answer. On the core that it is on
                // itself, where they stay as well, that costs a third less. Where it cannot be had it is only slower.
                let _ = core.is_some_and(core_affinity::set_for_current);
                while !stop.load(Ordering::SeqCst) {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= from.saturating_add(seeds) {
                        return;
                    }
                    let ended = simulate(&draw(seed), plant, false);
                    if stops && !ended.breaches.is_empty() {
                        stop.store(true, Ordering::SeqCst);
                    }
                    summary_of.lock().unwrap_or_else(PoisonError::into_inner).add(seed, ended);
                }
            });
        }
    });
    summary.into_inner().unwrap_or_else(PoisonError::into_inner)
}
