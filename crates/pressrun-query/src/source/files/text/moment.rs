//! Days, wall clocks and instants as text files write them: ISO 8601, or a declared pattern.

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// Days since 1970.
pub(crate) fn days(day: Date) -> i32 {
    (since_epoch(day.to_datetime(Time::midnight())).as_secs() / 86_400) as i32
}

/// Time since midnight of 1 January 1970, as if the clock were UTC's.
pub(crate) fn since_epoch(wall: DateTime) -> SignedDuration {
    wall.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0))
}

/// A day: `2026-11-30`.
pub(crate) fn day(text: &str) -> Option<Date> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    Date::new(digits(&bytes[0..4])? as i16, digits(&bytes[5..7])? as i8, digits(&bytes[8..10])? as i8).ok()
}

/// A time of day: `09:30`, `09:30:00`, `09:30:00.123456789`; the rest of the text follows.
fn clock(text: &str) -> Option<(Time, &str)> {
    let bytes = text.as_bytes();
    let pair = |at: usize| digits(bytes.get(at..at + 2)?);
    let (hour, minute) = (pair(0)?, pair(3).filter(|_| bytes[2] == b':')?);
    let (mut second, mut nanos, mut end) = (0, 0, 5);
    if bytes.get(5) == Some(&b':') {
        second = pair(6)?;
        end = 8;
        if matches!(bytes.get(8), Some(b'.' | b',')) {
            let fraction = bytes[9..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if !(1..=9).contains(&fraction) {
                return None;
            }
            nanos = digits(&bytes[9..9 + fraction])? * 10_i32.pow(9 - fraction as u32);
            end = 9 + fraction;
        }
    }
    let time = Time::new(hour as i8, minute as i8, second as i8, nanos).ok()?;
    Some((time, text.get(end..)?))
}

/// A time of day and nothing else.
pub(crate) fn time(text: &str) -> Option<Time> {
    clock(text).filter(|(_, rest)| rest.is_empty()).map(|(time, _)| time)
}

/// A day and a time of day, and what follows: `2026-11-30 09:30`, `2026-11-30T09:30:00.5`.
fn wall_and_rest(text: &str) -> Option<(DateTime, &str)> {
    if !matches!(text.as_bytes().get(10), Some(b' ' | b'T' | b't')) {
        return None;
    }
    let (time, rest) = clock(text.get(11..)?)?;
    Some((day(text.get(..10)?)?.to_datetime(time), rest))
}

/// A wall clock without an offset.
pub(crate) fn wall(text: &str) -> Option<DateTime> {
    wall_and_rest(text).filter(|(_, rest)| rest.is_empty()).map(|(wall, _)| wall)
}

/// A wall clock with its offset: `…Z`, `… UTC`, `…+02:00`, `…+0200`, `…+02`.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    let (wall, rest) = wall_and_rest(text)?;
    offset(rest.strip_prefix(' ').unwrap_or(rest))?.to_timestamp(wall).ok()
}

fn offset(text: &str) -> Option<Offset> {
    let bytes = text.as_bytes();
    let sign = match bytes.first()? {
        b'Z' | b'z' if bytes.len() == 1 => return Some(Offset::UTC),
        b'U' if text == "UTC" => return Some(Offset::UTC),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = match bytes.len() {
        3 => (digits(&bytes[1..3])?, 0),
        5 => (digits(&bytes[1..3])?, digits(&bytes[3..5])?),
        6 if bytes[3] == b':' => (digits(&bytes[1..3])?, digits(&bytes[4..6])?),
        _ => return None,
    };
    if minutes > 59 { None } else { Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok() }
}

fn digits(bytes: &[u8]) -> Option<i32> {
    bytes.iter().try_fold(0_i32, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i32::from(byte - b'0')))
}

/// The instant at which the clock of `zone` shows `wall`: the earlier one of two, and after a gap as much later as the clock
/// was put forward.
pub(crate) fn in_zone(wall: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    zone.to_ambiguous_timestamp(wall).compatible().ok()
}

/// `text` as `pattern` of `strftime` reads it.
pub(crate) fn by_pattern(pattern: &str, text: &str) -> Option<strtime::BrokenDownTime> {
    strtime::parse(pattern, text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b3_moments_are_read_only_when_they_exist() {
        let kind = |text: &str| {
            if day(text).is_some() {
                "day"
            } else if wall(text).is_some() {
                "wall"
            } else if instant(text).is_some() {
                "instant"
            } else {
                "text"
            }
        };
        for (text, expected) in [
            ("2026-11-30", "day"),
            ("2024-02-29", "day"),
            ("2026-02-29", "text"),
            ("2026-1-3", "text"),
            ("30.11.2026", "text"),
            ("2026-11-30 09:30", "wall"),
            ("2026-11-30T09:30:15", "wall"),
            ("2026-11-30 09:30:15,25", "wall"),
            ("2026-11-30 09:30:15.123456789", "wall"),
            ("2026-11-30 09:30:15.1234567891", "text"),
            ("2026-11-30 24:00", "text"),
            ("2026-11-30 09:60", "text"),
            ("2026-11-30T09:30Z", "instant"),
            ("2026-11-30 09:30:00+00", "instant"),
            ("2026-11-30 09:30:00+05:30", "instant"),
            ("2026-11-30 09:30:00-0330", "instant"),
            ("2026-11-30 09:30:00 UTC", "instant"),
            ("2026-11-30 09:30:00 CET", "text"),
            ("2026-11-30 09:30:00+1", "text"),
            ("2026-11-30T", "text"),
            ("2026-11-3é", "text"),
            ("", "text"),
        ] {
            assert_eq!(kind(text), expected, "{text}");
        }
        assert_eq!(instant("2026-11-30 09:30:00-0330").map(|at| at.to_string()), Some("2026-11-30T13:00:00Z".to_owned()));
        assert_eq!(wall("2026-11-30 09:30:15,25").map(|at| at.to_string()), Some("2026-11-30T09:30:15.25".to_owned()));
    }
}
