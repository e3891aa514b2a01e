//! Time in which all of a run waits for its turn at whoever takes it: that is nobody's work on it, and is not counted as such.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::SignedDuration;

/// What of a run is under way. Times are by the steady clock.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    under_way: usize,
    waits_since: Option<SignedDuration>,
    waited: SignedDuration,
}

impl Turns {
    /// Pieces wait for their turn from `now` on, and none has it.
    pub(super) fn wait(&self, now: SignedDuration) {
        self.state().waits_since = Some(now);
    }

    /// Nothing waits any more.
    pub(super) fn stop_waiting(&self, now: SignedDuration) {
        self.state().end_wait(now);
    }

    /// A piece has its turn.
    pub(super) fn begin(&self, now: SignedDuration) {
        let mut state = self.state();
        state.end_wait(now);
        state.under_way += 1;
    }

    /// It is done.
    pub(super) fn end(&self, now: SignedDuration) {
        let mut state = self.state();
        state.under_way = state.under_way.saturating_sub(1);
        if state.under_way == 0 {
            state.waits_since = Some(now);
        }
    }

    /// How long the run has done nothing but wait.
    pub(super) fn waited(&self, now: SignedDuration) -> SignedDuration {
        let state = self.state();
        state.waited + state.waits_since.map_or(SignedDuration::ZERO, |since| now.saturating_sub(since))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn end_wait(&mut self, now: SignedDuration) {
        if let Some(since) = self.waits_since.take() {
            self.waited += now.saturating_sub(since);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h4_only_time_in_which_nothing_of_a_run_has_its_turn_is_waited() {
        let at = SignedDuration::from_secs;
        let turns = Turns::default();
        turns.wait(at(0));
        assert_eq!(turns.waited(at(7)), at(7));
        turns.begin(at(10));
        turns.begin(at(20));
        turns.end(at(30));
        assert_eq!(turns.waited(at(40)), at(10), "one is still under way");
        turns.end(at(50));
        assert_eq!(turns.waited(at(60)), at(20));
        turns.begin(at(65));
        turns.end(at(70));
        turns.stop_waiting(at(75));
        assert_eq!(turns.waited(at(1_000)), at(30));
    }
}
