//! Refused tokens in the audit: at most two rows a minute for an address, and not more addresses than [`ADDRESSES`], so that a flood
//! cannot fill the disk. The first of a minute is written at once, the others with their number when the minute is over.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use pressrun_domain::audit::{Agent, Change, Object, ObjectKind, Origin, Verb};
use pressrun_store::Store;

/// Addresses that are told one by one in a minute; all others are one.
const ADDRESSES: usize = 100;

/// How long refusals are counted together.
const TOGETHER: SignedDuration = SignedDuration::from_mins(1);

/// Refusals of the minute under way.
#[derive(Default)]
pub(super) struct Refusals(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    began: Option<Timestamp>,
    /// How many came after the first.
    further: HashMap<(Option<IpAddr>, Verb), u32>,
}

impl Refusals {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one refusal, and writes it when it is the first of its address in this minute.
    pub(super) async fn count(&self, store: &dyn Store, now: Timestamp, origin: Origin, verb: Verb) {
        let first = {
            let mut counts = self.counts();
            counts.began.get_or_insert(now);
            let many = counts.further.len() >= ADDRESSES;
            let known = counts.further.contains_key(&(origin.source, verb));
            let source = if many && !known { None } else { origin.source };
            let origin = if source == origin.source { origin } else { Origin::default() };
            match counts.further.entry((source, verb)) {
                std::collections::hash_map::Entry::Occupied(mut further) => {
                    *further.get_mut() = further.get().saturating_add(1);
                    None
                }
                std::collections::hash_map::Entry::Vacant(place) => {
                    place.insert(0);
                    Some(origin)
                }
            }
        };
        if let Some(origin) = first {
            write(store, now, origin, verb, 1).await;
        }
    }

    /// Writes the numbers of a minute that is over. A clock that was set back ends it too.
    pub(super) async fn write_what_is_over(&self, store: &dyn Store, now: Timestamp) {
        let is_over = |began: Timestamp| !(SignedDuration::ZERO..TOGETHER).contains(&now.duration_since(began));
        if self.counts().began.is_some_and(is_over) {
            self.write_all(store, now).await;
        }
    }

    /// Writes the numbers of the minute under way, and begins another.
    pub(super) async fn write_all(&self, store: &dyn Store, now: Timestamp) {
        let over = std::mem::take(&mut *self.counts()).further;
        for ((source, verb), further) in over {
            if further > 0 {
                write(store, now, Origin { source, request: None }, verb, further).await;
            }
        }
    }
}

async fn write(store: &dyn Store, at: Timestamp, origin: Origin, verb: Verb, count: u32) {
    let kind = if verb == Verb::SignInRefused { ObjectKind::Session } else { ObjectKind::Key };
    let change = Change { at, agent: Agent::Unknown, origin, verb };
    if let Err(error) = store.record(&change, &Object::new(kind, "", ""), count).await {
        tracing::error!(%error, count, "refused tokens could not be written to the audit");
    }
}
