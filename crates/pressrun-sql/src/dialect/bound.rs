//! Values of placeholders as a driver takes them: text, whole numbers and truth values; dates, instants and decimals are text, and the SQL has the cast.

use std::fmt::Write as _;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::Dialect;
use crate::param::Param;

/// A value as it is bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bound {
    /// Text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// True or false.
    Boolean(bool),
    /// Texts, as one value.
    Texts(Vec<String>),
}

/// How an engine reads the text of an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Instants {
    /// RFC 3339: `2026-03-08T05:00:00Z`.
    Rfc3339,
    /// `2026-03-08 05:00:00.000000 +00:00`.
    WithOffset,
    /// `2026-03-08 05:00:00.000000 UTC`.
    WithZone,
    /// The wall clock of the query zone, which is the session's.
    Local,
    /// Microseconds since 1970, as a number.
    Microseconds,
    /// UTC by ISO 8601 without a zone, and without what is zero at its end: texts are compared by their letters.
    Shortest,
}

impl Dialect {
    /// `param` as this dialect's placeholders take it; `zone` is the query zone, an IANA name (UTC where it is not known).
    #[must_use]
    pub fn bound(self, param: &Param, zone: &str) -> Bound {
        let local = |at: Timestamp| wall(at, TimeZone::get(zone).unwrap_or(TimeZone::UTC));
        let utc = |at: Timestamp| at.to_zoned_datetime(TimeZone::UTC).datetime();
        match param {
            Param::Text(text) => Bound::Text(text.clone()),
            Param::Integer(number) => Bound::Integer(*number),
            Param::Boolean(flag) => Bound::Boolean(*flag),
            Param::Decimal(number) => Bound::Text(number.to_string()),
            Param::Date(day) => Bound::Text(day.to_string()),
            Param::Local(at) => Bound::Text(shortest(local(*at))),
            Param::Instant(at) => match self.rules().instants() {
                Instants::Rfc3339 => Bound::Text(at.to_string()),
                Instants::WithOffset => Bound::Text(format!("{} +00:00", full(utc(*at)))),
                Instants::WithZone => Bound::Text(format!("{} UTC", full(utc(*at)))),
                Instants::Local => Bound::Text(full(local(*at))),
                Instants::Microseconds => Bound::Integer(at.as_microsecond()),
                Instants::Shortest => Bound::Text(shortest(utc(*at))),
            },
            Param::Texts(texts) => Bound::Texts(texts.clone()),
            Param::Integers(numbers) => Bound::Texts(numbers.iter().map(ToString::to_string).collect()),
            Param::Decimals(numbers) => Bound::Texts(numbers.iter().map(ToString::to_string).collect()),
            Param::Instants(instants) => Bound::Texts(instants.iter().map(ToString::to_string).collect()),
        }
    }
}

/// The wall clock at an instant. Where clocks are put forward it is what they showed until then: a day that has no midnight begins there all the same.
fn wall(at: Timestamp, zone: TimeZone) -> DateTime {
    let shown = at.to_zoned_datetime(zone.clone()).datetime();
    let before = at.checked_sub(1.microsecond()).map(|before| before.to_zoned_datetime(zone).datetime());
    before.and_then(|before| before.checked_add(1.microsecond())).map_or(shown, |before| before.min(shown))
}

fn full(at: DateTime) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S.%6f").to_string()
}

fn shortest(at: DateTime) -> String {
    let mut text = at.date().to_string();
    let micros = at.subsec_nanosecond() / 1000;
    if at.time() != jiff::civil::Time::midnight() {
        // Writing to a text cannot fail.
        let _ = write!(text, " {:02}:{:02}", at.hour(), at.minute());
        if at.second() != 0 || micros != 0 {
            let _ = write!(text, ":{:02}", at.second());
        }
        if micros != 0 {
            let _ = write!(text, ".{micros:06}");
            text.truncate(text.trim_end_matches('0').len());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q5_an_instant_is_written_as_each_engine_reads_it() {
        let at = Param::Instant("2026-03-08T05:00:00.5Z".parse().unwrap_or_default());
        let zone = "America/New_York";
        let text = |text: &str| Bound::Text(text.to_owned());
        for (dialect, expected) in [
            (Dialect::DuckDb, text("2026-03-08T05:00:00.5Z")),
            (Dialect::MsSql, text("2026-03-08 05:00:00.500000 +00:00")),
            (Dialect::Trino, text("2026-03-08 05:00:00.500000 UTC")),
            (Dialect::MySql, text("2026-03-08 00:00:00.500000")),
            (Dialect::ClickHouse, Bound::Integer(1_772_946_000_500_000)),
            (Dialect::Sqlite, text("2026-03-08 05:00:00.5")),
        ] {
            assert_eq!(dialect.bound(&at, zone), expected, "{dialect:?}");
        }
        let midnight: Timestamp = "2026-03-08T05:00:00Z".parse().unwrap_or_default();
        assert_eq!(Dialect::Sqlite.bound(&Param::Local(midnight), zone), text("2026-03-08"), "as short as a date");
        let beirut: Timestamp = "2026-03-28T22:00:00Z".parse().unwrap_or_default();
        assert_eq!(Dialect::Sqlite.bound(&Param::Local(beirut), "Asia/Beirut"), text("2026-03-29"), "a day without a midnight");
    }
}
