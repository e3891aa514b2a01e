//! Rule T7: the cadence floor needs the shortest distance anywhere.

use jiff::SignedDuration;

use crate::{cron, instant, zone};

#[test]
fn t7_the_shortest_interval_is_found_wherever_it_is() {
    const HOUR: i64 = 60;
    const DAY: i64 = 24 * HOUR;
    for (text, zone_name, expected) in [
        ("* * * * ? *", "UTC", Some(1)),
        ("0/15 * * * ? *", "UTC", Some(15)),
        ("0,50 * * * ? *", "UTC", Some(10)),
        ("0 9 ? * * *", "UTC", Some(DAY)),
        ("0 9 ? * MON-FRI *", "UTC", Some(DAY)),
        ("0 9 ? * MON *", "UTC", Some(7 * DAY)),
        ("0 0,23 ? * * *", "UTC", Some(HOUR)),
        ("0 0,23 ? * MON *", "UTC", Some(23 * HOUR)),
        ("0 9 L * ? *", "UTC", Some(28 * DAY)),
        ("0 9 29,1 * ? *", "UTC", Some(DAY)),
        ("0 9 31W * ? *", "UTC", Some(29 * DAY)),
        ("0 0 29 2 ? *", "UTC", Some(1461 * DAY)),
        ("0 0 1 1 ? 2026,2028", "UTC", Some(730 * DAY)),
        ("0 0 1 1 ? 2099", "UTC", None),
        ("0 0 31 2 ? *", "UTC", None),
        // The short day.
        ("0 9 ? * * *", "Europe/Berlin", Some(23 * HOUR)),
        // 02:30 becomes 03:00, then comes 03:10.
        ("30 2,4 ? * * *", "Europe/Berlin", Some(90)),
        ("10,30 2-3 ? * * *", "Europe/Berlin", Some(10)),
        // Real hours stay an hour apart.
        ("0 * * * ? *", "Europe/Berlin", Some(HOUR)),
        // The only two firings join into one.
        ("0 2,3 8 3 ? 2026", "America/New_York", None),
        // Only on the short day do these two come near each other.
        ("0 2,4 8 3 ? 2026", "America/New_York", Some(HOUR)),
    ] {
        let expected = expected.map(SignedDuration::from_mins);
        let found = cron(text).shortest_interval_after(instant("1979-12-31T12:00:00Z"), &zone(zone_name));
        assert_eq!(found, expected, "{text} {zone_name}");
    }
}

#[test]
fn t7_an_old_law_counts_only_when_all_of_time_is_asked() {
    // Pyongyang went from 23:30 to 00:00 on 2018-05-04: the hours 23:00 and 00:00 were half an hour apart.
    let (hourly, pyongyang) = (cron("0 * * * ? *"), zone("Asia/Pyongyang"));
    assert_eq!(hourly.shortest_interval(&pyongyang), Some(SignedDuration::from_mins(30)));
    let now = instant("2026-01-01T00:00:00Z");
    assert_eq!(hourly.shortest_interval_after(now, &pyongyang), Some(SignedDuration::from_hours(1)));
}

#[test]
fn t7_the_shortest_interval_is_that_of_a_full_walk() {
    for text in ["30 2,3 ? * * *", "0/20 1-3 ? 3,11 SUN *", "0 */5 1-15 * ? *", "0 23,1 L * ? *", "59 23 ? * 1L *"] {
        for zone_name in ["America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "UTC"] {
            let (expression, zone) = (cron(text), zone(zone_name));
            let after = instant("2180-01-01T00:00:00Z");
            let all: Vec<_> = expression.occurrences(after, &zone).map(|occurrence| occurrence.at).collect();
            let walked = all.windows(2).map(|pair| pair[1].duration_since(pair[0])).min();
            assert_eq!(expression.shortest_interval_after(after, &zone), walked, "{text} {zone_name}");
        }
    }
}
