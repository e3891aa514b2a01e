//! The crate as others see it: the contract's tables, daylight saving, and a naive second opinion.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod brute_force;
mod contract;
mod daylight_saving;
mod interval;
mod invalid;
mod naive;
mod properties;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use pressrun_cron::{CronExpression, Occurrence};

fn cron(text: &str) -> CronExpression {
    match text.parse() {
        Ok(expression) => expression,
        Err(error) => panic!("`{text}`: {error}"),
    }
}

fn zone(name: &str) -> TimeZone {
    pressrun_cron::zone(name).unwrap()
}

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// `2026-03-08T07:00Z`, or with a note `2026-03-08T07:00Z dst_gap`.
fn shown(occurrence: Occurrence) -> String {
    let at = occurrence.at.strftime("%Y-%m-%dT%H:%MZ");
    match occurrence.dst {
        Some(note) => format!("{at} {note}"),
        None => at.to_string(),
    }
}

/// The next occurrences, at most `count`.
fn next(text: &str, zone_name: &str, after: &str, count: usize) -> Vec<String> {
    cron(text).occurrences(instant(after), &zone(zone_name)).take(count).map(shown).collect()
}

/// All occurrences strictly after `after` and before `until`.
fn between(text: &str, zone_name: &str, after: &str, until: &str) -> Vec<String> {
    let until = instant(until);
    cron(text).occurrences(instant(after), &zone(zone_name)).take_while(|occurrence| occurrence.at < until).map(shown).collect()
}
