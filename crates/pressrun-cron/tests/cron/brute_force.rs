//! The crate against the naive walk, over all zones of the database.

use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};
use pressrun_cron::Occurrence;
use proptest::prelude::*;

use crate::{cron, naive, zone};

/// Expressions that meet changes of the clock in each of their ways.
const TRICKY: [&str; 14] = [
    "30 2 ? * * *",
    "0 0 ? * * *",
    "*/10 0-3 ? * * *",
    "0 * ? * * *",
    "30 */2 ? * * *",
    "7,37 * * * ? *",
    "0 0-23 ? * * *",
    "15 22-3 ? * * *",
    "59 1,2 1-31 * ? *",
    "0/20 0/3 ? * * *",
    "30 1 ? MAR-APR,SEP-NOV SUN *",
    "45 2 LW * ? *",
    "0 2 ? * 1L *",
    "0 1-3 ? * 1#2 *",
];

fn zone_names() -> Vec<String> {
    TimeZoneDatabase::bundled().available().map(|name| name.as_str().to_owned()).collect()
}

fn start_of(year: i16) -> Timestamp {
    TimeZone::UTC.to_timestamp(jiff::civil::date(year, 1, 1).at(0, 0, 0, 0)).unwrap()
}

fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * count)
}

/// Compares the iterator with the walk, then both single questions with the list, asked at many instants.
fn compare(text: &str, zone_name: &str, after: Timestamp, until: Timestamp) {
    let (expression, zone) = (cron(text), zone(zone_name));
    let expected = naive::occurrences(text, &zone, after, until);
    let found: Vec<Occurrence> = expression.occurrences(after, &zone).take_while(|occurrence| occurrence.at < until).collect();
    if found != expected {
        let odd = found.iter().zip(&expected).find(|(found, expected)| found != expected);
        panic!("`{text}` {zone_name} from {after}: {} found, {} expected, {odd:?}", found.len(), expected.len());
    }
    // Long lists are sampled; 181 instants over some days or a year also fall between two occurrences, and into both
    // passes of a repeated hour.
    let stride = (expected.len() / 50).max(1);
    let borders = expected.iter().step_by(stride).flat_map(|occurrence| [occurrence.at - SignedDuration::from_nanos(1), occurrence.at]);
    let grid = (1..=180).map(|part| after + until.duration_since(after) / 181 * part);
    for at in borders.chain(grid) {
        let (past, future) = expected.split_at(expected.partition_point(|occurrence| occurrence.at <= at));
        let next = expression.next_after(at, &zone).filter(|occurrence| occurrence.at < until);
        assert_eq!(next.as_ref(), future.first(), "`{text}` {zone_name} {at}");
        let latest = expression.latest_between(after, at, &zone);
        assert_eq!(latest.as_ref(), past.last(), "`{text}` {zone_name} {at}");
        if let Some(latest) = latest {
            let later = expression.latest_between(latest.at, at, &zone);
            assert_eq!(later, None, "`{text}` {zone_name} {at}");
        }
    }
}

#[test]
fn t9_t10_t11_the_walk_agrees_around_changes_of_the_clock_in_all_zones() {
    const PER_ZONE: usize = 6;
    let (start, end) = (start_of(1972), start_of(2199));
    let mut which = 0;
    for name in zone_names() {
        let zone = zone(&name);
        let changes: Vec<Timestamp> = zone.following(start).map(|change| change.timestamp()).take_while(|change| *change < end).collect();
        // A stride that is odd meets both spring and autumn.
        let stride = (changes.len() / PER_ZONE) | 1;
        for change in changes.into_iter().step_by(stride) {
            let midnight = Timestamp::from_second(change.as_second().div_euclid(86_400) * 86_400).unwrap();
            for _ in 0..2 {
                which += 1;
                compare(TRICKY[which % TRICKY.len()], &name, midnight - days(2), midnight + days(3));
            }
        }
    }
    assert!(which > 1_000, "{which}");
}

#[test]
fn t9_t10_t11_the_walk_agrees_where_zones_are_strangest() {
    for (zone_name, year) in [
        ("Pacific/Apia", 2011),
        ("Pacific/Kwajalein", 1993),
        ("Pacific/Kiritimati", 1994),
        ("Pacific/Enderbury", 1994),
        ("Australia/Lord_Howe", 1981),
        ("Australia/Lord_Howe", 2026),
        ("Antarctica/Troll", 2026),
        ("Antarctica/Casey", 2018),
        ("Antarctica/Macquarie", 2010),
        ("Africa/Casablanca", 2026),
        ("Africa/El_Aaiun", 2012),
        ("Africa/Cairo", 2014),
        ("America/Sao_Paulo", 2017),
        ("America/Caracas", 2007),
        ("America/St_Johns", 1988),
        ("Asia/Gaza", 2026),
        ("Asia/Pyongyang", 2018),
        ("Asia/Kathmandu", 1985),
        ("Asia/Tehran", 2022),
        ("Europe/Dublin", 2026),
        ("Europe/Istanbul", 2016),
        ("Africa/Monrovia", 1972),
    ] {
        for text in TRICKY {
            compare(text, zone_name, start_of(year), start_of(year + 1));
        }
    }
}

fn day_fields() -> impl Strategy<Value = (String, String)> {
    let of_month = prop_oneof![
        4 => Just("*".to_owned()),
        2 => items(1, 31),
        1 => Just("L".to_owned()),
        1 => Just("LW".to_owned()),
        1 => (1..=31).prop_map(|day| format!("{day}W")),
    ];
    let of_week = prop_oneof![
        3 => Just("*".to_owned()),
        3 => items(1, 7),
        1 => Just("MON-FRI".to_owned()),
        1 => Just("sat-Tue".to_owned()),
        1 => Just("L".to_owned()),
        1 => (1..=7).prop_map(|day| format!("{day}L")),
        1 => (1..=7, 1..=5).prop_map(|(day, nth)| format!("{day}#{nth}")),
    ];
    prop_oneof![of_month.prop_map(|days| (days, "?".to_owned())), of_week.prop_map(|days| ("?".to_owned(), days)),]
}

/// A list of values, ranges and steps.
fn items(min: u32, max: u32) -> impl Strategy<Value = String> {
    let item = prop_oneof![
        5 => (min..=max).prop_map(|value| value.to_string()),
        2 => (min..=max, min..=max).prop_map(|(start, end)| format!("{start}-{end}")),
        1 => (min..=max, 1..=max).prop_map(|(start, step)| format!("{start}/{step}")),
        1 => (min..=max, min..=max, 1..=max).prop_map(|(start, end, step)| format!("{start}-{end}/{step}")),
        1 => (1..=max).prop_map(|step| format!("*/{step}")),
        1 => (min..=max).prop_map(|value| format!("{value:03}")),
    ];
    prop::collection::vec(item, 1..4).prop_map(|items| items.join(","))
}

fn expression(dense: bool) -> impl Strategy<Value = String> {
    let minutes = if dense { items(0, 59).boxed() } else { (0..60_u32).prop_map(|minute| minute.to_string()).boxed() };
    let hours = prop_oneof![1 => Just("*".to_owned()), 2 => items(0, 23), 2 => items(0, 3)];
    let months = prop_oneof![3 => Just("*".to_owned()), 1 => items(1, 12), 1 => Just("oct-MAR".to_owned())];
    let years = prop_oneof![4 => Just("*".to_owned()), 1 => Just("*/2".to_owned()), 1 => Just("1999-2100/3".to_owned())];
    (minutes, hours, day_fields(), months, years)
        .prop_map(|(minutes, hours, (of_month, of_week), months, years)| format!("{minutes} {hours} {of_month} {months} {of_week} {years}"))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(96) })]

    #[test]
    fn the_walk_agrees_over_whole_years(
        text in expression(false),
        zone_name in prop::sample::select(zone_names()),
        year in prop_oneof![3 => 1973_i16..2040, 1 => 2040_i16..2198],
    ) {
        compare(&text, &zone_name, start_of(year), start_of(year + 1));
    }

    #[test]
    fn the_walk_agrees_over_some_days_of_dense_expressions(
        text in expression(true),
        zone_name in prop::sample::select(zone_names()),
        year in 1973_i16..2040,
        change in 0_usize..3,
    ) {
        let from = start_of(year);
        let zone = zone(&zone_name);
        let change = zone.following(from).nth(change).map_or(from, |change| change.timestamp());
        let midnight = Timestamp::from_second(change.as_second().div_euclid(86_400) * 86_400).unwrap();
        compare(&text, &zone_name, midnight - days(3), midnight + days(4));
    }
}
