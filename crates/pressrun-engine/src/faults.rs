//! Faults of schedules, until it is known that they are meant.
//!
//! A file that is away for moments (a checkout that moves it, a copy that deletes before it writes, a network folder that comes back) looks
//! like one that was deleted. So a schedule is switched off only for a fault that two readings of the catalog show, a minute apart, with none
//! between them that does not; or at once when somebody has said that the files are as they are meant to be. The minute has to pass: time is
//! that of [`Clock::steady`](pressrun_domain::clock::Clock::steady), which nobody sets.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::SignedDuration;
use pressrun_domain::id::{ScheduleId, WorkerId};

/// How long a fault has to hold, unless the operator says otherwise.
pub const HOLD: SignedDuration = SignedDuration::from_mins(1);

/// What is known of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is meant.
    Holds,
    /// It has to be looked at again, not before so much time has passed.
    NotYet(SignedDuration),
}

/// Faults that were seen, by schedule. Each process keeps its own: after a restart they have to hold anew.
#[derive(Debug)]
pub struct Faults {
    /// This process, as others know it.
    process: WorkerId,
    hold: SignedDuration,
    seen: Mutex<Seen>,
}

impl Default for Faults {
    /// Faults that have to hold for [`HOLD`].
    fn default() -> Self {
        Self::new(HOLD)
    }
}

#[derive(Debug, Default)]
struct Seen {
    first: HashMap<ScheduleId, SignedDuration>,
    /// Publications whose faults have been dealt with.
    publications: u64,
    /// The version of the catalog that others know this process to have, and how often it had been published then.
    said: Option<(String, u64)>,
}

impl Faults {
    /// Faults that have to hold for as long as `hold`.
    #[must_use]
    pub fn new(hold: SignedDuration) -> Self {
        Self { process: WorkerId::generate(), hold, seen: Mutex::default() }
    }

    /// Notes at `now` that a schedule has a fault by the catalog that was last read at `read_at`.
    pub fn judge(&self, schedule: ScheduleId, read_at: SignedDuration, now: SignedDuration) -> Verdict {
        let mut seen = self.seen();
        let due = self.due(*seen.first.entry(schedule).or_insert(now));
        if now >= due && read_at >= due { Verdict::Holds } else { Verdict::NotYet(left(due, now)) }
    }

    /// The schedule has no fault, or is off for it.
    pub fn forget(&self, schedule: ScheduleId) {
        self.seen().first.remove(&schedule);
    }

    /// Forgets all but these.
    pub fn keep(&self, faulty: &HashSet<ScheduleId>) {
        self.seen().first.retain(|schedule, _| faulty.contains(schedule));
    }

    /// Whether some fault can only be judged once the files are read again.
    #[must_use]
    pub fn wants_reading(&self, read_at: SignedDuration, now: SignedDuration) -> bool {
        self.seen().first.values().map(|first| self.due(*first)).any(|due| now >= due && read_at < due)
    }

    /// How long it is until the next fault will have held for long enough.
    #[must_use]
    pub fn next(&self, now: SignedDuration) -> Option<SignedDuration> {
        self.seen().first.values().copied().min().map(|first| left(self.due(first), now))
    }

    /// Whether the files were published since this was last asked, as counted by the catalog.
    pub fn published_since(&self, publications: u64) -> bool {
        std::mem::replace(&mut self.seen().publications, publications) != publications
    }

    /// This process, as others know it.
    #[must_use]
    pub fn process(&self) -> WorkerId {
        self.process
    }

    /// Whether the catalog is another than others know this process to have, or was published since.
    #[must_use]
    pub fn is_change(&self, version: &str, publications: u64) -> bool {
        self.seen().said.as_ref().is_some_and(|(said, published)| said != version || *published != publications)
    }

    /// Others know that this process has this version.
    pub fn said(&self, version: &str, publications: u64) {
        self.seen().said = Some((version.to_owned(), publications));
    }

    /// When a fault that was first seen then has held for long enough.
    fn due(&self, first: SignedDuration) -> SignedDuration {
        first.saturating_add(self.hold)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long it is until then; nothing when it is past.
fn left(due: SignedDuration, now: SignedDuration) -> SignedDuration {
    due.saturating_sub(now).max(SignedDuration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> SignedDuration {
        SignedDuration::from_secs(1_000_000 + seconds)
    }

    fn not_yet(seconds: i64) -> Verdict {
        Verdict::NotYet(SignedDuration::from_secs(seconds))
    }

    #[test]
    fn a14_a_fault_holds_when_two_readings_a_minute_apart_show_it() {
        let id = ScheduleId::generate();
        for (case, looks, expected) in [
            ("seen once", &[(0, 0)][..], not_yet(60)),
            ("not read again", &[(0, 0), (90, 0)], not_yet(0)),
            ("read again too early", &[(0, 0), (59, 59)], not_yet(1)),
            ("read early, looked at late", &[(0, 0), (90, 59)], not_yet(0)),
            ("read again", &[(0, 0), (60, 60)], Verdict::Holds),
            ("read long before it was seen", &[(0, -3600)], not_yet(60)),
        ] {
            let faults = Faults::default();
            let verdicts: Vec<_> = looks.iter().map(|(now, read_at)| faults.judge(id, at(*read_at), at(*now))).collect();
            assert_eq!(verdicts.last(), Some(&expected), "{case}");
        }
    }

    #[test]
    fn a14_a_fault_that_was_gone_in_between_has_to_hold_anew() {
        let (faults, id, other) = (Faults::default(), ScheduleId::generate(), ScheduleId::generate());
        faults.judge(id, at(0), at(0));
        faults.forget(id);
        assert_eq!(faults.judge(id, at(65), at(65)), not_yet(60));
        faults.judge(other, at(70), at(70));
        assert_eq!(faults.next(at(70)), Some(SignedDuration::from_secs(55)));
        faults.keep(&HashSet::from([other]));
        assert_eq!(faults.next(at(200)), Some(SignedDuration::ZERO));
    }

    #[test]
    fn a14_files_are_read_again_once_a_fault_is_old_enough() {
        let (faults, id) = (Faults::default(), ScheduleId::generate());
        assert!(!faults.wants_reading(at(0), at(1_000)));
        faults.judge(id, at(0), at(0));
        assert_eq!([(0, 59), (0, 60), (60, 61)].map(|(read, now)| faults.wants_reading(at(read), at(now))), [false, true, false]);
    }

    #[test]
    fn a14_each_publication_counts_once() {
        let faults = Faults::default();
        assert_eq!([0, 1, 1, 3].map(|count| faults.published_since(count)), [false, true, false, true]);
    }
}
