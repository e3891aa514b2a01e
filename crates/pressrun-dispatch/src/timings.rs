//! Expressions and zones, parsed once however many schedules have them.

use std::collections::HashMap;

use jiff::Timestamp;
use pressrun_domain::plan::Pattern;
use pressrun_store::{Store, StoreError, TimingId};

/// Kept at most; an installation has a few hundred.
const MOST: usize = 50_000;

/// Parsed timings by their id. One that does not parse keeps its fault, in words.
#[derive(Default)]
pub(crate) struct Timings(HashMap<TimingId, Result<Pattern, String>>);

impl Timings {
    /// Reads those of `wanted` that are not known yet.
    pub(crate) async fn learn(&mut self, store: &dyn Store, wanted: impl Iterator<Item = TimingId>) -> Result<(), StoreError> {
        let mut unknown: Vec<TimingId> = wanted.filter(|id| !self.0.contains_key(id)).collect();
        unknown.sort_unstable();
        unknown.dedup();
        if unknown.is_empty() {
            return Ok(());
        }
        if self.0.len() + unknown.len() > MOST {
            self.0.clear();
        }
        for timing in store.timings(&unknown).await? {
            self.0.insert(timing.id, Pattern::parse(&timing.cron, &timing.zone));
        }
        Ok(())
    }

    /// When schedules of this timing fire.
    pub(crate) fn pattern(&self, id: TimingId) -> Result<&Pattern, String> {
        let known = self.0.get(&id).ok_or_else(|| "its expression is not stored".to_owned())?;
        known.as_ref().map_err(Clone::clone)
    }
}

/// The first occurrence of an expression in a zone after `now`; `None` when there is none.
///
/// # Errors
/// One of them does not parse (a zone that a newer database dropped); the fault, in words.
pub fn next_occurrence(cron: &str, zone: &str, now: Timestamp) -> Result<Option<Timestamp>, String> {
    Pattern::parse(cron, zone).map(|pattern| pattern.next_after(now))
}
