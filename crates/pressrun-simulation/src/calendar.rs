//! When schedules fire, worked out minute by minute: slow, and written apart from the code under test.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// How often a schedule fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cadence {
    /// Every so many minutes of each hour.
    EveryMinutes(u8),
    /// At this minute of each hour.
    Hourly(u8),
    /// Each day at this hour and minute.
    Daily(u8, u8),
    /// From Monday to Friday at this hour and minute.
    Workdays(u8, u8),
}

impl Cadence {
    /// The expression.
    #[must_use]
    pub fn cron(self) -> String {
        match self {
            Self::EveryMinutes(step) => format!("*/{step} * ? * * *"),
            Self::Hourly(minute) => format!("{minute} * ? * * *"),
            Self::Daily(hour, minute) => format!("{minute} {hour} ? * * *"),
            Self::Workdays(hour, minute) => format!("{minute} {hour} ? * MON-FRI *"),
        }
    }

    /// Every instant after `from` and up to `to` at which it fires in `zone`.
    #[must_use]
    pub fn instants(self, zone: &TimeZone, from: Timestamp, to: Timestamp) -> BTreeSet<Timestamp> {
        let mut instants = match self {
            Self::EveryMinutes(step) => minutes(zone, from, to, |local| local.minute() % i8::try_from(step).unwrap_or(1) == 0),
            Self::Hourly(minute) => minutes(zone, from, to, |local| local.minute() == i8::try_from(minute).unwrap_or(0)),
            Self::Daily(hour, minute) => days(zone, from, to, hour, minute, |_| true),
            Self::Workdays(hour, minute) => {
                days(zone, from, to, hour, minute, |date| !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday))
            }
        };
        instants.retain(|at| *at > from && *at <= to);
        instants
    }
}

/// A pattern that has every hour counts real time: each real minute is looked at.
fn minutes(zone: &TimeZone, from: Timestamp, to: Timestamp, fires: impl Fn(DateTime) -> bool) -> BTreeSet<Timestamp> {
    let mut found = BTreeSet::new();
    let mut second = from.as_second() - from.as_second().rem_euclid(60);
    while second <= to.as_second() {
        if let Ok(at) = Timestamp::from_second(second)
            && fires(zone.to_datetime(at))
        {
            found.insert(at);
        }
        second += 60;
    }
    found
}

/// A local time of each day: at the first of two, and after the gap when there is none.
fn days(zone: &TimeZone, from: Timestamp, to: Timestamp, hour: u8, minute: u8, fires: impl Fn(Date) -> bool) -> BTreeSet<Timestamp> {
    let mut found = BTreeSet::new();
    let day = SignedDuration::from_hours(24);
    let (mut date, last) = (zone.to_datetime(from - day).date(), zone.to_datetime(to + day).date());
    while date <= last {
        if fires(date) {
            let local = date.at(i8::try_from(hour).unwrap_or(0), i8::try_from(minute).unwrap_or(0), 0, 0);
            found.extend(instant(zone, local));
        }
        let Ok(next) = date.tomorrow() else { break };
        date = next;
    }
    found
}

fn instant(zone: &TimeZone, local: DateTime) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => offset.to_timestamp(local).ok(),
        AmbiguousOffset::Gap { after, .. } => {
            // By the later offset the time that is not there comes before the gap; the first instant after it is where the offset changes.
            let within = after.to_timestamp(local).ok()?;
            zone.following(within).next().map(|transition| transition.timestamp())
        }
    }
}
