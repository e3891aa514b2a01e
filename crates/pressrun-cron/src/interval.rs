//! The shortest real time between two firings (rule T7).
//!
//! Pairs of consecutive occurrences are of two kinds. *Odd* pairs have a change of the clock between them or begin with
//! a firing at the end of a gap; there are a few for each change, and all of them are looked at. Every *even* pair is as
//! far apart as on the wall clock, where the shortest distance is known from the calendar alone: the search through them
//! ends with the first pair that is as short, mostly within days.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::clock::Clock;
use crate::occurrences::{Occurrence, Occurrences, Pattern, latest_between, next_after};

pub(crate) fn shortest_after(pattern: &Pattern, after: Timestamp, zone: &TimeZone) -> Option<SignedDuration> {
    let even_floor = SignedDuration::from_mins(pattern.calendar.least_spacing()?);
    let first = next_after(pattern, after, zone)?;
    let mut shortest = shortest_odd(pattern, first, zone);
    let mut earlier = first;
    for later in Occurrences::new(*pattern, first.at, zone.clone()) {
        if shortest.is_some_and(|shortest| shortest <= even_floor) {
            break;
        }
        shortest = Some(shorter(shortest, distance(earlier, later)));
        earlier = later;
    }
    shortest
}

/// The shortest distance in the pairs beside each change of the clock.
fn shortest_odd(pattern: &Pattern, first: Occurrence, zone: &TimeZone) -> Option<SignedDuration> {
    let last = latest_between(pattern, first.at, Timestamp::MAX, zone)?;
    let end = last.at.as_second();
    let mut shortest = None;
    // From one second earlier: the first occurrence may itself be the end of a gap.
    let mut cursor = first.at.as_second() - 1;
    while let Some(change) = Clock(zone).change_after(cursor).filter(|change| *change <= end) {
        cursor = change;
        let before_change = Timestamp::from_second(change - 1).ok()?;
        let before = latest_between(pattern, first.at, before_change, zone).unwrap_or(first);
        let mut pair = Occurrences::new(*pattern, before.at, zone.clone());
        let (Some(at_change), beyond) = (pair.next(), pair.next()) else {
            continue;
        };
        shortest = Some(shorter(shortest, distance(before, at_change)));
        if let Some(beyond) = beyond {
            shortest = Some(shorter(shortest, distance(at_change, beyond)));
        }
    }
    shortest
}

fn distance(earlier: Occurrence, later: Occurrence) -> SignedDuration {
    later.at.duration_since(earlier.at)
}

fn shorter(shortest: Option<SignedDuration>, other: SignedDuration) -> SignedDuration {
    shortest.map_or(other, |shortest| shortest.min(other))
}
