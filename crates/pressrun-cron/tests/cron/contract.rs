//! The tables of contract §3 and of the survey of cron crates.

use crate::{between, cron, instant, next, shown, zone};

const SEED: &str = "2025-07-23T21:43:39Z";

/// Every valid example of the contract and of the survey.
const VALID: [&str; 34] = [
    "0 9 ? * * *",
    "0 0 ? * MON *",
    "0 */6 * * ? *",
    "0 0 1 1 ? 2099",
    "00 09 ? * 2,3,4,5,6 *",
    "30 6 L * ? *",
    "45 8 ? * MON-FRI *",
    "00 18 ? * MON-FRI *",
    "30 08 1 * ? *",
    "00 09 * * ? *",
    "15 10 ? * 6L 2022-2023",
    "0/30 20-2 ? * MON-FRI *",
    "0 10 ? * 3#2 *",
    "0 10 ? * 6L *",
    "0 12 1/10 * ? *",
    "0 8 15W * ? *",
    "0 9 ? * MON-WED,FRI *",
    "0 9 ? * FRI-MON *",
    "0 9 ? NOV-FEB * *",
    "0 8-18/2 ? * * *",
    "0 9 L * ? *",
    "0 9 ? * FRIL *",
    "0 9 ? * fril *",
    "0 9 3W * ? *",
    "0 9 1W * ? *",
    "0 9 31W * ? *",
    "0 9 LW * ? *",
    "0 9 ? * 6#3 *",
    "0 9 ? * 2#5 *",
    "0 9 ? * 2/2 *",
    "0 9 1 1 ? 2027/2",
    "0 9 1 1 ? 2026-2030",
    "0 9 ? jan-Mar mOn *",
    "0 9 ? * L *",
];

#[test]
fn t3_valid_expressions_are_returned_byte_for_byte() {
    for text in VALID.into_iter().chain(["  0\t9   ? * *  * ", "000 0009 01 01 ? 02099", "0,0 9 ? * * *"]) {
        let expression = cron(text);
        assert_eq!(expression.as_str(), text);
        assert_eq!(expression.to_string(), text);
        assert!(!expression.describe().is_empty());
    }
}

#[test]
fn next_fire_times_are_those_of_the_contract() {
    for (expression, zone, expected) in [
        ("0 9 ? * * *", "UTC", ["2025-07-24T09:00Z", "2025-07-25T09:00Z", "2025-07-26T09:00Z"]),
        ("0 0 ? * MON *", "UTC", ["2025-07-28T00:00Z", "2025-08-04T00:00Z", "2025-08-11T00:00Z"]),
        ("0 */6 * * ? *", "UTC", ["2025-07-24T00:00Z", "2025-07-24T06:00Z", "2025-07-24T12:00Z"]),
        ("00 09 ? * 2,3,4,5,6 *", "America/New_York", ["2025-07-24T13:00Z", "2025-07-25T13:00Z", "2025-07-28T13:00Z"]),
        ("30 6 L * ? *", "UTC", ["2025-07-31T06:30Z", "2025-08-31T06:30Z", "2025-09-30T06:30Z"]),
        ("0 10 ? * 3#2 *", "UTC", ["2025-08-12T10:00Z", "2025-09-09T10:00Z", "2025-10-14T10:00Z"]),
        ("0 10 ? * 6L *", "UTC", ["2025-07-25T10:00Z", "2025-08-29T10:00Z", "2025-09-26T10:00Z"]),
        ("0 12 1/10 * ? *", "UTC", ["2025-07-31T12:00Z", "2025-08-01T12:00Z", "2025-08-11T12:00Z"]),
        ("0 8 15W * ? *", "UTC", ["2025-08-15T08:00Z", "2025-09-15T08:00Z", "2025-10-15T08:00Z"]),
    ] {
        assert_eq!(next(expression, zone, SEED, 3), expected, "{expression}");
    }
}

#[test]
fn t6_an_expression_ends_with_its_last_year() {
    assert_eq!(next("0 0 1 1 ? 2099", "UTC", SEED, 3), ["2099-01-01T00:00Z"]);
    assert_eq!(next("0 0 1 1 ? 2099", "UTC", "2099-01-01T00:00:00Z", 3), [""; 0]);
    assert_eq!(next("59 23 31 12 ? *", "UTC", "2198-12-31T23:59:00Z", 3), ["2199-12-31T23:59Z"]);
    assert_eq!(next("15 10 ? * 6L 2022-2023", "UTC", SEED, 3), [""; 0], "years all past: valid, never fires");
    assert_eq!(next("0 0 31 2 ? *", "UTC", SEED, 3), [""; 0], "a date that never comes: valid, never fires");
}

#[test]
fn t2_weekdays_count_from_sunday() {
    // 2025-05-18 is a Sunday; the contract's list shows a run on Monday the 19th under `2,3,4,5,6`.
    for (field, expected) in [
        ("1", vec!["18"]),
        ("2,3,4,5,6", vec!["19", "20", "21", "22", "23"]),
        ("7", vec!["24"]),
        ("L", vec!["24"]),
        ("SUN", vec!["18"]),
        ("FRI-MON", vec!["18", "19", "23", "24"]),
        ("6-2", vec!["18", "19", "23", "24"]),
        ("FRI-MON/2", vec!["18", "23"]),
        ("2/2", vec!["19", "21", "23"]),
        ("*/3", vec!["18", "21", "24"]),
        ("*", vec!["18", "19", "20", "21", "22", "23", "24"]),
    ] {
        let text = format!("0 9 ? * {field} *");
        let days: Vec<String> =
            between(&text, "UTC", "2025-05-18T00:00:00Z", "2025-05-25T00:00:00Z").iter().map(|at| at[8..10].to_owned()).collect();
        assert_eq!(days, expected, "{field}");
    }
}

#[test]
fn t3_zero_padding_does_not_change_the_instants() {
    let plain = next("0 9 ? * 2,3,4,5,6 *", "America/New_York", SEED, 50);
    assert_eq!(next("00 09 ? * 2,3,4,5,6 *", "America/New_York", SEED, 50), plain);
    assert_eq!(next("0 9 ? * MON-FRI *", "America/New_York", SEED, 50), plain);
}

#[test]
fn t5_days_by_rule_stay_in_their_month() {
    for (text, after, expected) in [
        ("30 6 L * ? *", "2026-01-01T00:00:00Z", vec!["01-31", "02-28", "03-31", "04-30"]),
        ("30 6 L 2 ? *", "2028-01-01T00:00:00Z", vec!["02-29", "02-28"]),
        ("0 9 15W * ? *", "2025-11-01T00:00:00Z", vec!["11-14", "12-15", "01-15", "02-16"]),
        ("0 9 1W * ? *", "2025-11-01T00:00:00Z", vec!["11-03", "12-01", "01-01", "02-02"]),
        ("0 9 31W * ? *", "2026-01-01T00:00:00Z", vec!["01-30", "03-31", "05-29", "07-31"]),
        ("0 9 30W 5 ? *", "2026-01-01T00:00:00Z", vec!["05-29", "05-31"]),
        ("0 9 LW * ? *", "2026-01-01T00:00:00Z", vec!["01-30", "02-27", "03-31", "04-30"]),
        ("0 9 ? * 6L *", "2026-01-01T00:00:00Z", vec!["01-30", "02-27", "03-27", "04-24"]),
        ("0 9 ? * 2#1 *", "2026-01-01T00:00:00Z", vec!["01-05", "02-02", "03-02", "04-06"]),
        ("0 9 ? * 2#5 *", "2026-01-01T00:00:00Z", vec!["03-30", "06-29", "08-31", "11-30"]),
        ("0 9 31 * ? *", "2026-02-01T00:00:00Z", vec!["03-31", "05-31", "07-31", "08-31"]),
        ("0 9 28-2 2,3 ? *", "2026-02-03T00:00:00Z", vec!["02-28", "03-01", "03-02", "03-28"]),
        ("0 9 1 NOV-FEB ? *", "2026-01-02T00:00:00Z", vec!["02-01", "11-01", "12-01", "01-01"]),
        ("0 9 29 2 ? *", "2096-01-01T00:00:00Z", vec!["02-29", "02-29"]),
    ] {
        let days: Vec<String> = next(text, "UTC", after, expected.len()).iter().map(|at| at[5..10].to_owned()).collect();
        assert_eq!(days, expected, "{text}");
    }
    let leap = next("0 9 29 2 ? *", "UTC", "2096-01-01T00:00:00Z", 2);
    assert_eq!(leap, ["2096-02-29T09:00Z", "2104-02-29T09:00Z"], "2100 is not a leap year");
    let fifth = next("0 9 ? 2 1#5 *", "UTC", "2026-01-01T00:00:00Z", 2);
    assert_eq!(fifth, ["2032-02-29T09:00Z", "2060-02-29T09:00Z"], "a February with five Sundays");
}

#[test]
fn ranges_wrap_and_steps_count_from_their_start() {
    for (text, expected) in [
        ("0/30 20-2 ? * * *", "00:00 00:30 01:00 01:30 02:00 02:30 20:00 20:30 21:00 21:30 22:00 22:30 23:00 23:30"),
        ("0 20-2/2 ? * * *", "00:00 02:00 20:00 22:00"),
        ("0 20-2/3 ? * * *", "02:00 20:00 23:00"),
        ("50-10/10 5 ? * * *", "05:00 05:10 05:50"),
        ("0 */6 ? * * *", "00:00 06:00 12:00 18:00"),
        ("0 8-18/2 ? * * *", "08:00 10:00 12:00 14:00 16:00 18:00"),
        ("0 20/2 ? * * *", "20:00 22:00"),
        ("0/15 7 ? * * *", "07:00 07:15 07:30 07:45"),
        ("5/20 7 ? * * *", "07:05 07:25 07:45"),
        ("40/99 7 ? * * *", "07:40"),
        ("*/99999999999999999999999 7 ? * * *", "07:00"),
        ("0 7-7 ? * * *", "07:00"),
        ("0 5,9-11,23/3 ? * * *", "05:00 09:00 10:00 11:00 23:00"),
    ] {
        let times: Vec<String> =
            between(text, "UTC", "2026-06-30T23:59:59Z", "2026-07-02T00:00:00Z").iter().map(|at| at[11..16].to_owned()).collect();
        assert_eq!(times.join(" "), expected, "{text}");
    }
    let years = next("0 9 1 1 ? 2027/2", "UTC", "2026-01-01T00:00:00Z", 3);
    assert_eq!(years, ["2027-01-01T09:00Z", "2029-01-01T09:00Z", "2031-01-01T09:00Z"]);
    let all_odd = cron("0 9 1 1 ? */2").occurrences(instant("1960-01-01T00:00:00Z"), &zone("UTC")).count();
    assert_eq!(all_odd, 115, "`*` starts at 1970");
}

#[test]
fn the_zone_decides_the_instant() {
    // The contract's list sample: 13:00 UTC in May and 14:00 UTC in December, 17:00 UTC in Los Angeles in February.
    for (zone, after, expected) in [
        ("America/New_York", "2025-05-19T00:00:00Z", "2025-05-19T13:00Z"),
        ("America/New_York", "2025-12-01T00:00:00Z", "2025-12-01T14:00Z"),
        ("America/Los_Angeles", "2025-02-03T00:00:00Z", "2025-02-03T17:00Z"),
        ("Asia/Kathmandu", "2025-02-03T00:00:00Z", "2025-02-03T03:15Z"),
    ] {
        assert_eq!(next("00 09 ? * 2,3,4,5,6 *", zone, after, 1), [expected], "{zone}");
    }
}

#[test]
fn t12_an_occurrence_is_strictly_after_the_instant_given() {
    for (after, expected) in [
        ("2026-06-01T08:59:59.999999999Z", "2026-06-01T09:00Z"),
        ("2026-06-01T09:00:00Z", "2026-06-02T09:00Z"),
        ("2026-06-01T09:00:00.000000001Z", "2026-06-02T09:00Z"),
        ("1969-12-31T23:59:59.5Z", "1970-01-01T09:00Z"),
        ("-000001-01-01T00:00:00Z", "1970-01-01T09:00Z"),
    ] {
        assert_eq!(next("0 9 ? * * *", "UTC", after, 1), [expected], "{after}");
    }
    let epoch = next("0 0 ? * * *", "UTC", "1969-12-31T23:59:59.999999999Z", 1);
    assert_eq!(epoch, ["1970-01-01T00:00Z"]);
}

#[test]
fn t14_the_latest_missed_occurrence_is_found() {
    for (text, zone_name, after, until, expected) in [
        ("0 9 ? * * *", "UTC", "2026-06-01T09:00:00Z", "2026-06-05T08:59:59Z", Some("2026-06-04T09:00Z")),
        ("0 9 ? * * *", "UTC", "2026-06-01T09:00:00Z", "2026-06-05T09:00:00Z", Some("2026-06-05T09:00Z")),
        ("0 9 ? * * *", "UTC", "2026-06-01T09:00:00Z", "2026-06-02T08:59:59.9Z", None),
        ("0 9 ? * * *", "UTC", "2026-06-05T09:00:00Z", "2026-06-01T09:00:00Z", None),
        ("0 0 29 2 ? *", "UTC", "2000-01-01T00:00:00Z", "2027-01-01T00:00:00Z", Some("2024-02-29T00:00Z")),
        ("0 0 1 1 ? 2020", "UTC", "2000-01-01T00:00:00Z", "2199-01-01T00:00:00Z", Some("2020-01-01T00:00Z")),
        ("0/15 2 ? * * *", "America/New_York", "2026-03-08T00:00:00Z", "2026-03-08T12:00:00Z", Some("2026-03-08T07:00Z dst_gap")),
        ("30 1 ? * * *", "America/New_York", "2026-11-01T05:30:00Z", "2026-11-01T12:00:00Z", None),
        ("30 * ? * * *", "America/New_York", "2026-11-01T05:30:00Z", "2026-11-01T06:45:00Z", Some("2026-11-01T06:30Z dst_fold")),
    ] {
        let found = cron(text).latest_between(instant(after), instant(until), &zone(zone_name)).map(shown);
        assert_eq!(found.as_deref(), expected, "{text} {until}");
    }
}

#[test]
fn t16_the_rules_of_the_zone_given_decide_each_time() {
    let old = jiff::tz::TimeZone::posix("AAA5BBB,M3.2.0,M11.1.0").unwrap();
    let new = jiff::tz::TimeZone::posix("AAA4").unwrap();
    let expression = cron("0 9 ? * * *");
    let after = instant("2026-12-01T00:00:00Z");
    assert_eq!(expression.next_after(after, &old).map(shown).as_deref(), Some("2026-12-01T14:00Z"));
    assert_eq!(expression.next_after(after, &new).map(shown).as_deref(), Some("2026-12-01T13:00Z"));
}

#[test]
fn the_ends_of_time_do_not_panic() {
    use jiff::Timestamp;
    for text in VALID {
        for zone_name in ["UTC", "America/New_York", "Pacific/Apia", "Etc/GMT-14", "Etc/GMT+12"] {
            let (expression, zone) = (cron(text), zone(zone_name));
            assert_eq!(expression.next_after(Timestamp::MAX, &zone), None);
            let first = expression.next_after(Timestamp::MIN, &zone);
            let last = expression.latest_between(Timestamp::MIN, Timestamp::MAX, &zone);
            assert!(first.is_some() && last.map(|last| last.at) >= first.map(|first| first.at), "{text}");
            assert_eq!(expression.latest_between(Timestamp::MIN, Timestamp::MIN, &zone), None);
            for bound in [Timestamp::MIN, Timestamp::MAX] {
                let fixed = jiff::tz::TimeZone::fixed(jiff::tz::Offset::MAX);
                let _ = expression.next_after(bound, &fixed);
                let fixed = jiff::tz::TimeZone::fixed(jiff::tz::Offset::MIN);
                let _ = expression.next_after(bound, &fixed);
            }
        }
    }
}
