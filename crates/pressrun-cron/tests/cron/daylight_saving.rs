//! Design §6: nothing scheduled is lost, nothing repeats, real hours count as they pass.

use jiff::Timestamp;
use jiff::civil::date;
use pressrun_cron::Occurrence;

use crate::{between, cron, instant, next, shown, zone};

const NEW_YORK: &str = "America/New_York";
/// New York, 2026-03-08: 02:00 becomes 03:00 at 07:00Z.
const SPRING: (&str, &str) = ("2026-03-08T04:59:59Z", "2026-03-09T04:00:00Z");
/// New York, 2026-11-01: 02:00 becomes 01:00 at 06:00Z.
const AUTUMN: (&str, &str) = ("2026-11-01T03:59:59Z", "2026-11-02T05:00:00Z");

fn on(text: &str, zone: &str, (after, until): (&str, &str)) -> Vec<String> {
    between(text, zone, after, until)
}

#[test]
fn t9_a_local_time_in_the_gap_fires_once_when_the_gap_ends() {
    for (case, text, expected) in [
        ("the contract's", "30 2 ? * * *", vec!["2026-03-08T07:00Z dst_gap"]),
        ("at the gap's start", "0 2 ? * * *", vec!["2026-03-08T07:00Z dst_gap"]),
        ("before the gap", "59 1 ? * * *", vec!["2026-03-08T06:59Z"]),
        ("at the gap's end", "0 3 ? * * *", vec!["2026-03-08T07:00Z"]),
        ("several of one gap", "*/15 2 ? * * *", vec!["2026-03-08T07:00Z dst_gap"]),
        ("one in the gap and one at its end", "0 2,3 ? * * *", vec!["2026-03-08T07:00Z dst_gap"]),
        ("one in the gap and one after its end", "30 2-3 ? * * *", vec!["2026-03-08T07:00Z dst_gap", "2026-03-08T07:30Z"]),
        ("only on that date", "30 2 8 3 ? 2026", vec!["2026-03-08T07:00Z dst_gap"]),
    ] {
        assert_eq!(on(text, NEW_YORK, SPRING), expected, "{case}");
    }
}

#[test]
fn t9_the_missing_local_time_is_kept_as_its_name() {
    let occurrence = cron("*/15 2,3 ? * * *").next_after(instant(SPRING.0), &zone(NEW_YORK)).unwrap();
    assert_eq!(occurrence.local, date(2026, 3, 8).at(2, 0, 0, 0));
    let next = cron("*/15 2,3 ? * * *").next_after(occurrence.at, &zone(NEW_YORK)).unwrap();
    assert_eq!(next.local, date(2026, 3, 8).at(3, 15, 0, 0));
}

#[test]
fn t10_a_repeated_local_time_fires_once_at_its_first() {
    for (case, text, expected) in [
        ("the contract's", "30 1 ? * * *", vec!["2026-11-01T05:30Z dst_fold"]),
        ("at the fold's start", "0 1 ? * * *", vec!["2026-11-01T05:00Z dst_fold"]),
        ("at the fold's end", "0 2 ? * * *", vec!["2026-11-01T07:00Z"]),
        ("several", "0/30 1 ? * * *", vec!["2026-11-01T05:00Z dst_fold", "2026-11-01T05:30Z dst_fold"]),
        ("over the fold", "0 0-2 ? * * *", vec!["2026-11-01T04:00Z", "2026-11-01T05:00Z dst_fold", "2026-11-01T07:00Z"]),
        ("only on that date", "30 1 1 11 ? 2026", vec!["2026-11-01T05:30Z dst_fold"]),
    ] {
        assert_eq!(on(text, NEW_YORK, AUTUMN), expected, "{case}");
    }
}

#[test]
fn t10_asking_within_the_second_pass_does_not_fire_again() {
    for after in ["2026-11-01T06:00:00Z", "2026-11-01T06:29:59Z", "2026-11-01T06:30:00Z"] {
        assert_eq!(next("30 1 ? * * *", NEW_YORK, after, 1), ["2026-11-02T06:30Z"], "{after}");
    }
}

#[test]
fn t11_hours_by_star_or_step_count_real_hours() {
    for (text, spring, autumn) in [
        ("0 * * * ? *", 23, 25),
        ("30 * * * ? *", 23, 25),
        ("0 */1 * * ? *", 23, 25),
        ("0 0/1 * * ? *", 23, 25),
        ("0 0-23/1 * * ? *", 23, 25),
        ("0/15 * * * ? *", 92, 100),
        ("* * * * ? *", 23 * 60, 25 * 60),
        ("0 */2 * * ? *", 11, 12),
        ("0 0/2 * * ? *", 11, 12),
        ("0 1/2 * * ? *", 12, 13),
        ("0 8-18/2 * * ? *", 6, 6),
        // Named hours: one firing for each hour of the clock; 02:00 joins 03:00 on the short day.
        ("0 0-23 * * ? *", 23, 24),
        ("0 1 ? * * *", 1, 1),
    ] {
        assert_eq!(on(text, NEW_YORK, SPRING).len(), spring, "{text} in spring");
        assert_eq!(on(text, NEW_YORK, AUTUMN).len(), autumn, "{text} in autumn");
    }
}

#[test]
fn t11_each_real_hour_is_an_hour_from_the_last() {
    for (after, until) in [SPRING, AUTUMN] {
        let mut expected = instant(after) + jiff::SignedDuration::from_secs(1);
        for occurrence in cron("0 * * * ? *").occurrences(instant(after), &zone(NEW_YORK)) {
            if occurrence.at >= instant(until) {
                break;
            }
            assert_eq!(occurrence.at, expected);
            expected += jiff::SignedDuration::from_hours(1);
        }
        assert_eq!(expected, instant(until));
    }
    let both = on("30 1/24 * * ? *", NEW_YORK, AUTUMN);
    assert_eq!(both, ["2026-11-01T05:30Z dst_fold", "2026-11-01T06:30Z dst_fold"]);
}

#[test]
fn t9_a_gap_at_midnight_moves_the_daily_report_to_one_o_clock() {
    // Cairo, 2026-04-24: 00:00 becomes 01:00 at 22:00Z the day before.
    let cairo = between("0 0 ? * * *", "Africa/Cairo", "2026-04-22T22:00:00Z", "2026-04-26T00:00:00Z");
    assert_eq!(cairo, ["2026-04-23T22:00Z dst_gap", "2026-04-24T21:00Z", "2026-04-25T21:00Z"]);
    // Santiago, 2026-09-06: 00:00 becomes 01:00 at 04:00Z.
    let santiago = next("0 0 6 9 ? 2026", "America/Santiago", "2026-09-01T00:00:00Z", 2);
    assert_eq!(santiago, ["2026-09-06T04:00Z dst_gap"]);
}

#[test]
fn t11_a_half_hour_shift_is_counted_as_it_is() {
    // Lord Howe, 2026-10-04: 02:00 becomes 02:30 at 15:30Z the day before.
    let spring = ("2026-10-03T14:00:00Z", "2026-10-03T17:31:00Z");
    assert_eq!(on("15 2 ? * * *", "Australia/Lord_Howe", spring), ["2026-10-03T15:30Z dst_gap"]);
    assert_eq!(on("0/15 2 ? * * *", "Australia/Lord_Howe", spring), ["2026-10-03T15:30Z dst_gap", "2026-10-03T15:45Z"]);
    assert_eq!(on("0 * ? * * *", "Australia/Lord_Howe", spring), ["2026-10-03T14:30Z", "2026-10-03T16:00Z", "2026-10-03T17:00Z"]);
    // Lord Howe, 2026-04-05: 02:00 becomes 01:30 at 15:00Z the day before.
    let autumn = ("2026-04-04T13:59:00Z", "2026-04-04T16:31:00Z");
    assert_eq!(on("45 1 ? * * *", "Australia/Lord_Howe", autumn), ["2026-04-04T14:45Z dst_fold"]);
    assert_eq!(on("15 1 ? * * *", "Australia/Lord_Howe", autumn), ["2026-04-04T14:15Z"]);
    assert_eq!(
        on("30 * ? * * *", "Australia/Lord_Howe", autumn),
        ["2026-04-04T14:30Z dst_fold", "2026-04-04T15:00Z dst_fold", "2026-04-04T16:00Z"]
    );
}

#[test]
fn t9_a_two_hour_gap_is_one_gap() {
    // Troll, 2026-03-29: 01:00 becomes 03:00 at 01:00Z; 2026-10-25: 03:00 becomes 01:00 at 01:00Z.
    let spring = ("2026-03-29T00:00:00Z", "2026-03-29T02:00:00Z");
    assert_eq!(on("15 1,2 ? * * *", "Antarctica/Troll", spring), ["2026-03-29T01:00Z dst_gap"]);
    assert_eq!(on("0 * ? * * *", "Antarctica/Troll", spring), ["2026-03-29T01:00Z"]);
    let autumn = ("2026-10-24T22:00:00Z", "2026-10-25T04:00:00Z");
    assert_eq!(
        on("0 1,2,3 ? * * *", "Antarctica/Troll", autumn),
        ["2026-10-24T23:00Z dst_fold", "2026-10-25T00:00Z dst_fold", "2026-10-25T03:00Z"]
    );
    assert_eq!(on("0 * ? * * *", "Antarctica/Troll", autumn).len(), 5);
}

#[test]
fn t9_a_day_that_a_zone_skips_fires_when_the_next_begins() {
    // Apia went from the end of 2011-12-29 to the start of 2011-12-31 at 10:00Z on the 30th.
    let days = ("2011-12-29T12:00:00Z", "2012-01-01T12:00:00Z");
    assert_eq!(
        on("0 9 ? * * *", "Pacific/Apia", days),
        ["2011-12-29T19:00Z", "2011-12-30T10:00Z dst_gap", "2011-12-30T19:00Z", "2011-12-31T19:00Z"]
    );
    assert_eq!(on("0 0 ? * * *", "Pacific/Apia", days), ["2011-12-30T10:00Z dst_gap", "2011-12-31T10:00Z", "2012-01-01T10:00Z"][..3],);
    assert_eq!(on("0 9 30 12 ? 2011", "Pacific/Apia", days), ["2011-12-30T10:00Z dst_gap"]);
    // Real hours: nothing happened on that date.
    assert_eq!(on("0 9/24 30 12 ? 2011", "Pacific/Apia", days), [""; 0]);
    assert_eq!(on("0 * ? * * *", "Pacific/Apia", days).len(), 71);
}

#[test]
fn t10_a_day_that_runs_twice_fires_once() {
    // Kwajalein repeated most of 1969-09-30 before the first year that fires; its skipped day was 1993-08-21.
    let days = ("1993-08-20T00:00:00Z", "1993-08-23T00:00:00Z");
    assert_eq!(
        on("0 9 ? * * *", "Pacific/Kwajalein", days),
        ["1993-08-20T21:00Z", "1993-08-21T12:00Z dst_gap", "1993-08-21T21:00Z", "1993-08-22T21:00Z"]
    );
}

#[test]
fn real_hours_that_always_fall_in_the_gap_never_fire() {
    // The second Sunday of March at 02:00 has not existed in New York since 2007.
    let always = cron("0 2/23 ? 3 1#2 2007-2199");
    assert_eq!(always.next_after(instant("2007-01-01T00:00:00Z"), &zone(NEW_YORK)), None);
    assert_eq!(always.latest_between(instant("2007-01-01T00:00:00Z"), Timestamp::MAX, &zone(NEW_YORK)), None);
    let named = cron("0 2 ? 3 1#2 2007-2199").occurrences(instant("2007-01-01T00:00:00Z"), &zone(NEW_YORK));
    assert_eq!(named.count(), 193);
}

#[test]
fn t11_a_rare_real_hour_is_found_from_between_its_two_passes() {
    // Between them the clock shows times that lie before the one and after the other.
    let (once, zone) = (cron("10,50 1/24 1 11 ? 2026"), zone(NEW_YORK));
    let found = |occurrence: Option<Occurrence>| occurrence.map(shown);
    let (first, second) = (instant("2026-11-01T05:55:00Z"), instant("2026-11-01T06:05:00Z"));
    for at in [first, second] {
        let next = found(once.next_after(at, &zone));
        assert_eq!(next.as_deref(), Some("2026-11-01T06:10Z dst_fold"));
        let latest = found(once.latest_between(Timestamp::MIN, at, &zone));
        assert_eq!(latest.as_deref(), Some("2026-11-01T05:50Z dst_fold"));
    }
}
