//! The list of schedules in memory: which rows a query means, how many there are, and in which order they stand.
//!
//! A page of the list is asked for with any of ten filters and orders and with a part of a name, of a million schedules, and its total has to be
//! exact. Small columns side by side answer all of that alike: a filter looks once at each schedule, an order is kept or found by counting, and no
//! combination is slower than walking over everything once. What a filter found is kept and corrected with each change instead of being counted
//! anew. What the rows say is read from the database, for the few of a page only.
//!
//! Nothing here does I/O. A store feeds it [`Change`]s in the order in which they were committed, and says up to which one it has.

mod changes;
mod dictionary;
mod facets;
mod filter;
mod pages;
mod texts;

use std::sync::{Arc, Mutex, PoisonError};

use dictionary::Dictionary;
pub(crate) use dictionary::Named;
pub(crate) use facets::Facets;
use filter::Matched;
use texts::Texts;

use crate::ListQuery;

/// Filters whose findings are kept: as many as a few people page through at once.
const KEPT: usize = 16;

/// Stands for "never" among instants.
const NEVER: i64 = i64::MIN;

/// What the list has of one schedule.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Names the row in the store. A later row has a larger one; that of a deleted row may be given again.
    pub(crate) key: i64,
    /// The schedule, as a number: ties go by it.
    pub(crate) id: u128,
    /// The name as it is searched.
    pub(crate) name: String,
    /// The name as it is sorted.
    pub(crate) name_key: Vec<u8>,
    /// The document and what it is called.
    pub(crate) document: Named,
    /// The owner and what they are called.
    pub(crate) owner: Named,
    /// What is filtered by one of few words.
    pub(crate) facets: Facets,
    /// When the last run ended, in microseconds since 1970.
    pub(crate) completed_at: Option<i64>,
    /// The same as it is told to those who may not know all of it.
    pub(crate) told_at: Option<i64>,
}

/// What became of one row.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// It is there, and says this.
    Put(Box<Entry>),
    /// The row of this key is not there.
    Gone(i64),
}

/// Rows of a page by their keys, in order, and how many match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) keys: Vec<i64>,
    pub(crate) total: u64,
}

/// See the module. Schedules have *slots*, in the order of their keys; a deleted one leaves its slot empty.
#[derive(Debug, Default)]
pub(crate) struct ListIndex {
    keys: Vec<i64>,
    ids: Vec<u128>,
    names: Texts,
    name_keys: Texts,
    documents: Vec<u32>,
    owners: Vec<u32>,
    facets: Vec<Facets>,
    completed: Vec<i64>,
    told: Vec<i64>,
    document_names: Dictionary,
    owner_names: Dictionary,
    /// Slots that are not empty, by name and then id.
    by_name: Vec<u32>,
    /// The same by id.
    by_id: Vec<u32>,
    /// The newest last. Whoever answers a query may add to it.
    kept: Mutex<Vec<(ListQuery, Arc<Matched>)>>,
}

impl ListIndex {
    /// The page of `query`.
    pub(crate) fn find(&self, query: &ListQuery) -> Found {
        let matched = self.matched(query);
        let skipped = query.page.saturating_sub(1).saturating_mul(u64::from(query.page_size));
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
        let total = matched.total();
        let slots = if skipped < total {
            pages::page(self, &matched, query, skipped..total.min(skipped + query.page_size as usize))
        } else {
            vec![]
        };
        Found { keys: slots.into_iter().map(|slot| self.keys[slot as usize]).collect(), total: total as u64 }
    }

    /// How many slots there are, which is what a query may cost.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether so many slots are empty that it should be made anew.
    pub(crate) fn is_hollow(&self) -> bool {
        self.keys.len() > 2 * self.by_id.len() + 1_000
    }

    fn matched(&self, query: &ListQuery) -> Arc<Matched> {
        let asked = filter::part_of(query);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = kept.iter().position(|(other, _)| *other == asked) {
            let found = kept.remove(at);
            let matched = Arc::clone(&found.1);
            kept.push(found);
            return matched;
        }
        drop(kept);
        let matched = Arc::new(Matched::new(self, &asked));
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push((asked, Arc::clone(&matched)));
        matched
    }
}

#[cfg(test)]
mod tests;
