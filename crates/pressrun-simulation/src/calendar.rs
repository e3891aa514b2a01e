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
        if to <= from {
            return BTreeSet::new();
        }
        let mut instants = match self {
            Self::EveryMinutes(step) => minutes(zone, from, to, |local| local.minute() % small(step).max(1) == 0),
            Self::Hourly(minute) => minutes(zone, from, to, |local| local.minute() == small(minute)),
            Self::Daily(hour, minute) => days(zone, from, to, hour, minute, |_| true),
            Self::Workdays(hour, minute) => {
                days(zone, from, to, hour, minute, |date| !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday))
            }
        };
        instants.retain(|at| *at > from && *at <= to);
        instants
    }

    /// Whether it fires at this instant in `zone`.
    #[must_use]
    pub fn fires_at(self, zone: &TimeZone, at: Timestamp) -> bool {
        self.instants(zone, at - SignedDuration::from_secs(1), at).contains(&at)
    }

    /// The first instant after `after` at which it fires in `zone`.
    #[must_use]
    pub fn first_after(self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        // Workdays leave out two days, and a clock change an hour.
        let reach = |hours| self.instants(zone, after, after + SignedDuration::from_hours(hours)).first().copied();
        reach(2).or_else(|| reach(24 * 4))
    }
}

fn small(number: u8) -> i8 {
    i8::try_from(number).unwrap_or(i8::MAX)
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
            found.extend(instant(zone, date.at(small(hour), small(minute), 0, 0)));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t9_the_calendar_of_the_simulation_knows_the_days_on_which_clocks_change() {
        let berlin = TimeZone::get("Europe/Berlin").expect("a zone");
        let at = |text: &str| text.parse::<Timestamp>().expect("an instant");
        let instants = |cadence: Cadence, from, to| -> Vec<String> {
            cadence.instants(&berlin, at(from), at(to)).iter().map(ToString::to_string).collect()
        };
        let spring = ("2026-03-28T22:00:00Z", "2026-03-29T03:00:00Z");
        let autumn = ("2026-10-24T22:00:00Z", "2026-10-25T03:00:00Z");
        assert_eq!(instants(Cadence::Daily(2, 30), spring.0, spring.1), ["2026-03-29T01:00:00Z"]);
        assert_eq!(instants(Cadence::Daily(2, 30), autumn.0, autumn.1), ["2026-10-25T00:30:00Z"]);
        assert_eq!(instants(Cadence::Hourly(0), autumn.0, autumn.1).len(), 5, "every real hour");
        assert_eq!(Cadence::Workdays(9, 0).first_after(&berlin, at("2026-11-27T09:00:00Z")), Some(at("2026-11-30T08:00:00Z")));
    }
}
