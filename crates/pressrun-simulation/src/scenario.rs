//! What happens in one simulation: drawn from a seed, and data, so that it can be made smaller.

use jiff::{SignedDuration, Timestamp};
use pressrun_testkit::Dice;

use crate::calendar::Cadence;
use crate::servers::Manner;

/// One simulation.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Where its chance comes from.
    pub seed: u64,
    /// When it begins.
    pub start: Timestamp,
    /// How long things happen; after that everything is as it should be, and runs have time to end.
    pub span: SignedDuration,
    /// Processes at once.
    pub nodes: u32,
    /// Schedules that there are from the beginning.
    pub schedules: Vec<Plan>,
    /// What happens, and when.
    pub events: Vec<Event>,
}

/// A schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// How often.
    pub cadence: Cadence,
    /// Where: a zone of [`ZONES`].
    pub zone: usize,
    /// Whose: one of the members.
    pub owner: usize,
    /// To which destination.
    pub destination: u8,
}

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// When, after the start.
    pub at: SignedDuration,
    /// What.
    pub what: What,
}

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    #[expect(missing_docs, reason = "said here")]
    /// A process dies at its so-many-th request from now, before it is granted, and is started again later.
    Crash { node: u32, requests: u32, back_after: SignedDuration },
    #[expect(missing_docs, reason = "said here")]
    /// A destination behaves otherwise for a while.
    Destination { number: u8, manner: Manner, lasts: SignedDuration },
}

/// Zones that schedules are in.
pub const ZONES: [&str; 5] = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Sydney"];

/// The scenario of a seed.
#[must_use]
pub fn draw(seed: u64) -> Scenario {
    let mut dice = Dice::new(seed);
    let start = "2026-11-25T08:57:30Z".parse().unwrap_or(Timestamp::UNIX_EPOCH);
    let minutes = |dice: &mut Dice, bound: usize| SignedDuration::from_secs(i64::try_from(dice.below(bound * 60)).unwrap_or(0));
    let span = SignedDuration::from_mins(20);
    let schedules = (0..=dice.below(4)).map(|_| Plan {
        cadence: match dice.below(3) {
            0 => Cadence::EveryMinutes(*dice.pick(&[2, 5, 10]).unwrap_or(&5)),
            1 => Cadence::Hourly(u8::try_from(dice.below(60)).unwrap_or(0)),
            _ => Cadence::Daily(9, u8::try_from(dice.below(20)).unwrap_or(0)),
        },
        zone: dice.below(ZONES.len()),
        owner: dice.below(3),
        destination: u8::try_from(dice.below(3)).unwrap_or(0),
    });
    let schedules: Vec<_> = schedules.collect();
    let mut events = Vec::new();
    for _ in 0..dice.below(4) {
        let at = minutes(&mut dice, 20);
        let what = match dice.below(2) {
            0 => What::Crash { node: 0, requests: u32::try_from(dice.below(60)).unwrap_or(0), back_after: minutes(&mut dice, 3) },
            _ => What::Destination {
                number: u8::try_from(dice.below(3)).unwrap_or(0),
                manner: *dice.pick(&[Manner::Slow, Manner::Failing, Manner::Refusing, Manner::Hanging]).unwrap_or(&Manner::Slow),
                lasts: minutes(&mut dice, 10),
            },
        };
        events.push(Event { at, what });
    }
    events.sort_by_key(|event| event.at);
    Scenario { seed, start, span, nodes: 1, schedules, events }
}
