//! Many seeds, on every core.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::book::Breach;
use crate::plants::Plant;
use crate::scenario::draw;
use crate::world::simulate;

/// What came of many seeds.
#[derive(Debug, Default)]
pub struct Summary {
    /// How many were simulated.
    pub seeds: u64,
    /// Requests that were granted in all of them.
    pub granted: u64,
    /// Parcels that left in all of them.
    pub sent: u64,
    /// The lowest seed that broke a promise, and how.
    pub broken: Option<(u64, Vec<Breach>)>,
}

/// Simulates the seeds `from`, `from + 1` … until one breaks a promise.
#[must_use]
pub fn simulate_many(from: u64, seeds: u64, plant: Option<Plant>) -> Summary {
    let next = AtomicU64::new(from);
    let stop = AtomicBool::new(false);
    let summary = Mutex::new(Summary::default());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= from.saturating_add(seeds) {
                        return;
                    }
                    let outcome = simulate(&draw(seed), plant, false);
                    let mut summary = summary.lock().unwrap_or_else(PoisonError::into_inner);
                    summary.seeds += 1;
                    summary.granted += outcome.granted;
                    summary.sent += outcome.sent as u64;
                    if !outcome.breaches.is_empty() {
                        stop.store(true, Ordering::SeqCst);
                        if summary.broken.as_ref().is_none_or(|(lowest, _)| seed < *lowest) {
                            summary.broken = Some((seed, outcome.breaches));
                        }
                    }
                }
            });
        }
    });
    summary.into_inner().unwrap_or_else(PoisonError::into_inner)
}
