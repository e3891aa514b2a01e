//! When a failed attempt is repeated (S9).

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::id::DeliveryId;

/// How often and how long a delivery is tried inside its occurrence (S9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Most attempts; 1 switches retries off.
    pub max_attempts: u32,
    /// Wait before the second attempt; each further wait is four times as long.
    pub first_wait: SignedDuration,
    /// No attempt begins later than this after the first.
    pub deadline: SignedDuration,
    /// How long a run waits for a way out that is shut ([`Outcome::Held`](crate::delivery::Outcome::Held)), from when it first found it so.
    pub hold: SignedDuration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            first_wait: SignedDuration::from_secs(30),
            deadline: SignedDuration::from_mins(15),
            hold: SignedDuration::from_hours(4),
        }
    }
}

/// What to do after a transient failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Try again at this instant.
    At(Timestamp),
    /// Every attempt is used.
    Exhausted,
    /// The next attempt would begin after the deadline.
    TooLate,
}

impl RetryPolicy {
    /// Decides after attempt number `made` (from 1) failed at `now`; `first` is when the first attempt began.
    ///
    /// Back-off is exponential with up to 20 % jitter drawn from the delivery's id, so that it is the same after a restart.
    /// A remote's own wish (`Retry-After`) is honoured when it is later.
    #[must_use]
    pub fn next(&self, delivery: DeliveryId, made: u32, first: Timestamp, now: Timestamp, wish: Option<Timestamp>) -> Next {
        if made >= self.max_attempts {
            return Next::Exhausted;
        }
        let wait = self.first_wait.saturating_mul(4_i32.saturating_pow(made.saturating_sub(1).min(10)));
        let jitter = wait.saturating_mul(i32::from(jitter_per_mille(delivery, made))) / 1000;
        let backed_off = now.saturating_add(wait.saturating_add(jitter)).unwrap_or(Timestamp::MAX);
        let at = wish.map_or(backed_off, |wish| wish.max(backed_off));
        let deadline = first.saturating_add(self.deadline).unwrap_or(Timestamp::MAX);
        if at > deadline { Next::TooLate } else { Next::At(at) }
    }

    /// Decides after a way out was found shut until `not_before`, for pieces of a run that has found it shut since `since`.
    ///
    /// Attempts are not counted, because none was made; only time ends the waiting.
    #[must_use]
    pub fn held(&self, since: Timestamp, now: Timestamp, not_before: Timestamp) -> Next {
        let at = not_before.max(now);
        let last = since.saturating_add(self.hold).unwrap_or(Timestamp::MAX);
        if at > last { Next::TooLate } else { Next::At(at) }
    }
}

/// 0 to 199, spread evenly over ids.
fn jitter_per_mille(delivery: DeliveryId, made: u32) -> u8 {
    let digest = Sha256::new().chain_update(delivery.0.as_bytes()).chain_update(made.to_be_bytes()).finalize();
    digest[0] % 200
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: DeliveryId = DeliveryId(uuid::Uuid::from_u128(7));

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("in range")
    }

    fn wait(next: Next, now: i64) -> i64 {
        match next {
            Next::At(instant) => instant.as_second() - now,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn s9_waits_grow_four_times_with_jitter_below_a_fifth() {
        let policy = RetryPolicy::default();
        assert!((30..=36).contains(&wait(policy.next(ID, 1, at(0), at(1), None), 1)));
        assert!((120..=144).contains(&wait(policy.next(ID, 2, at(0), at(40), None), 40)));
        assert_eq!(policy.next(ID, 3, at(0), at(200), None), Next::Exhausted);
    }

    #[test]
    fn s9_max_attempts_of_one_never_retries() {
        let policy = RetryPolicy { max_attempts: 1, ..RetryPolicy::default() };
        assert_eq!(policy.next(ID, 1, at(0), at(1), None), Next::Exhausted);
    }

    #[test]
    fn newcomer_16_a_shut_way_out_is_waited_for_until_the_time_is_over_however_often_it_is_looked_at() {
        let policy = RetryPolicy { max_attempts: 1, hold: SignedDuration::from_secs(1000), ..RetryPolicy::default() };
        assert_eq!(policy.held(at(0), at(10), at(70)), Next::At(at(70)));
        assert_eq!(policy.held(at(0), at(100), at(70)), Next::At(at(100)), "never in the past");
        assert_eq!(policy.held(at(0), at(990), at(1000)), Next::At(at(1000)));
        assert_eq!(policy.held(at(0), at(990), at(1001)), Next::TooLate);
    }

    #[test]
    fn s9_a_remote_may_ask_for_more_patience_but_not_past_the_deadline() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.next(ID, 1, at(0), at(1), Some(at(300))), Next::At(at(300)));
        assert_eq!(policy.next(ID, 1, at(0), at(1), Some(at(901))), Next::TooLate);
        assert!(wait(policy.next(ID, 1, at(0), at(1), Some(at(2))), 1) >= 30, "an early wish does not shorten the back-off");
    }
}
