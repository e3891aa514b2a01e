//! Whether the relay lets us in at all.
//!
//! A refused login, a relay without TLS, a certificate that is not trusted: none of these has to do with a mail or its recipient, and trying
//! the next thousand mails would only get us locked out. So the first mail that meets such a thing shuts the gate, the others wait behind it,
//! and from time to time one of them looks whether it is open again. The operator reads of it once.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use pressrun_domain::delivery::Outcome;
use pressrun_domain::secret::Secret;
use sha2::{Digest, Sha256};
use tracing::{error, info, warn};

/// Time before the first look; each further one takes twice as long.
const FIRST_LOOK: SignedDuration = SignedDuration::from_secs(60);
/// Longest time between two looks.
const LOOK_MAX: SignedDuration = SignedDuration::from_mins(15);

/// The gate; open at first.
#[derive(Default)]
pub(super) struct Gate {
    shut: Mutex<Option<Shut>>,
}

struct Shut {
    reason: String,
    since: Timestamp,
    until: Timestamp,
    looks: u32,
    by_hand: bool,
    /// Digest of the secret that was refused; another one is worth a look at once.
    secret: Option<[u8; 32]>,
}

/// What shut the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// Something that somebody has to put right.
    Fault,
    /// The relay has enough of us; that passes.
    Crowd,
}

impl Gate {
    /// Whether the gate is shut, so that it is worth knowing the present secret.
    pub(super) fn is_shut(&self) -> bool {
        self.lock().is_some()
    }

    /// What a mail has to be told at `now` that would log in with `secret`: nothing when it may try.
    pub(super) fn held(&self, now: Timestamp, secret: Option<&Secret>) -> Option<Outcome> {
        let mut gate = self.lock();
        let shut = gate.as_mut()?;
        let is_new = shut.secret.is_some() && secret.is_some() && shut.secret != secret.map(digest);
        // A clock that was set back must not keep the gate shut.
        if is_new || now >= shut.until || now < shut.since {
            // This mail looks; those behind it wait for what it finds.
            shut.until = now.saturating_add(FIRST_LOOK).unwrap_or(Timestamp::MAX);
            shut.secret = secret.map(digest).or(shut.secret);
            return None;
        }
        Some(shut.outcome())
    }

    /// Shuts the gate, or keeps it shut for longer.
    pub(super) fn shut(&self, cause: Cause, reason: String, now: Timestamp, secret: Option<&Secret>) -> Outcome {
        let mut gate = self.lock();
        let (since, looks) = gate.as_ref().map_or((now, 0), |shut| (shut.since, shut.looks + 1));
        if gate.is_none() {
            match cause {
                Cause::Fault => error!(reason, "mail is held until this is put right"),
                Cause::Crowd => warn!(reason, "mail is held for a while"),
            }
        }
        let wait = match cause {
            Cause::Fault => FIRST_LOOK.saturating_mul(2_i32.saturating_pow(looks.min(10))).min(LOOK_MAX),
            Cause::Crowd => FIRST_LOOK,
        };
        let until = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
        let shut = Shut { reason, since, until, looks, by_hand: cause == Cause::Fault, secret: secret.map(digest) };
        gate.insert(shut).outcome()
    }

    /// The relay let somebody in.
    pub(super) fn open(&self) {
        if let Some(shut) = self.lock().take() {
            info!(reason = shut.reason, since = %shut.since, "mail goes again");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Shut>> {
        self.shut.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shut {
    fn outcome(&self) -> Outcome {
        Outcome::Held { reason: self.reason.clone(), since: self.since, not_before: self.until, by_hand: self.by_hand }
    }
}

fn digest(secret: &Secret) -> [u8; 32] {
    Sha256::digest(secret.expose()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + seconds).expect("in range")
    }

    fn until(outcome: &Outcome) -> i64 {
        match outcome {
            Outcome::Held { not_before, .. } => not_before.as_second() - 1_000_000,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn newcomer_16_one_mail_looks_and_the_others_wait_ever_longer() {
        let (gate, secret) = (Gate::default(), Secret::new("wrong"));
        assert!(gate.held(at(0), Some(&secret)).is_none());
        assert_eq!(until(&gate.shut(Cause::Fault, "535".to_owned(), at(0), Some(&secret))), 60);
        assert_eq!(gate.held(at(59), Some(&secret)).as_ref().map(until), Some(60));
        for (looks_at, expected) in [(60, 180), (180, 420), (420, 900), (900, 1800), (1800, 2700)] {
            assert!(gate.held(at(looks_at), Some(&secret)).is_none(), "one looks at {looks_at}");
            assert!(gate.held(at(looks_at + 1), Some(&secret)).is_some(), "and nobody else");
            assert_eq!(until(&gate.shut(Cause::Fault, "535".to_owned(), at(looks_at), Some(&secret))), expected);
        }
        gate.open();
        assert!(gate.held(at(1801), Some(&secret)).is_none());
    }

    #[test]
    fn newcomer_16_another_secret_is_tried_at_once_and_once() {
        let gate = Gate::default();
        gate.shut(Cause::Fault, "535".to_owned(), at(0), Some(&Secret::new("wrong")));
        assert!(gate.held(at(1), Some(&Secret::new("right"))).is_none());
        assert!(gate.held(at(1), Some(&Secret::new("right"))).is_some(), "the second waits for what the first finds");
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_keep_the_gate_shut() {
        let gate = Gate::default();
        gate.shut(Cause::Fault, "535".to_owned(), at(0), None);
        assert!(gate.held(at(-3600), None).is_none());
    }
}
