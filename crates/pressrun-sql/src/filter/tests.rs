#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use pressrun_domain::catalog::{ControlOption, FilterKind};
use serde_json::{Value, json};

use super::date::{Length, period};
use super::*;
use crate::dialect::Dialect;
use crate::param::Params;
use crate::testing::{clock, definition, identity, new_york};

#[test]
fn f4_all_shapes_of_one_filter_are_the_same_filter() {
    let expected = parse(FilterKind::String, &json!({"kind": "EQ", "left_side": "US", "type": "string"})).unwrap();
    for shape in [
        json!(["US"]),
        json!("US"),
        json!({"type": "string", "kind": "EQUALS", "values": ["US"], "is_negative": false}),
        json!({"kind": "EQUALS", "values": "US", "label": "Country", "ui_type": "x", "required": true, "hidden": false}),
    ] {
        assert_eq!(parse(FilterKind::String, &shape).unwrap(), expected, "{shape}");
    }
    let number = parse(FilterKind::Number, &json!({"type": "number", "kind": "EQUALS", "values": [10, "20.50"]})).unwrap();
    assert_eq!(parse(FilterKind::Number, &json!(["10", 20.5])).unwrap(), number);
    let date = parse(FilterKind::Date, &json!({"type": "date", "kind": "TIME_FOR_UNIT_DURATION", "left_side": "2025-03"})).unwrap();
    assert_eq!(parse(FilterKind::Date, &json!(["2025-03"])).unwrap(), date);
}

#[test]
fn f5_an_empty_list_restricts_nothing() {
    for expression in [
        json!([]),
        json!({"type": "string", "kind": "EQUALS", "values": []}),
        json!({"type": "string", "kind": "EQUALS", "values": [], "is_negative": true}),
        json!({"type": "string", "kind": "CONTAINS", "values": []}),
        json!({"type": "number", "kind": "BETWEEN", "values": []}),
        json!({"type": "date", "kind": "BETWEEN", "values": []}),
        json!({"type": "date", "ui_type": "ANY_TIME"}),
        json!({"type": "boolean", "is_negative": null}),
    ] {
        assert_eq!(parse(FilterKind::String, &expression), Ok(Filter::Any), "{expression}");
    }
}

#[test]
fn f6_what_is_malformed_says_where_and_what_would_be_right() {
    for (expression, message) in [
        (json!(null), "the filter is null; write [] to restrict nothing, or leave the key out"),
        (json!({"type": "string"}), "values: no values are given; give \"values\": [ … ]; an empty list restricts nothing"),
        (
            json!({"type": "strnig", "values": []}),
            "type: \"strnig\" is no type of filter; use string, number, date, boolean, null, composite or user_attribute",
        ),
        (
            json!({"type": "string", "kind": "IS", "values": ["x"]}),
            "kind: \"IS\" is no kind of this type of filter; use EQUALS, CONTAINS, STARTS_WITH, ENDS_WITH, SQL_LIKE or IS_EMPTY",
        ),
        (json!([{"a": 1}]), "[0]: this is an object; write text"),
        (json!({"type": "number", "kind": "LESS_THAN", "values": [1, 2]}), "values: LESS_THAN takes one number, not 2; give one number"),
        (
            json!({"type": "number", "values": ["ten"]}),
            "values[0]: \"ten\" is no number; write a number such as 10 or 12.50, a comparison such as \"> 5\", or a range such as \"5 to 10\"",
        ),
        (
            json!({"type": "date", "kind": "BEFORE", "left_side": "soon"}),
            "left_side: \"soon\" is no date; write for example 2025, 2025-03-31, 2025-03-31 09:30, 2025 Q3, October 2025, 6 months ago, today, last week or last 90 days",
        ),
        (
            json!({"type": "date", "kind": "TIME_FOR_INTERVAL_DURATION", "left_side": "today", "right_side": "a while"}),
            "right_side: \"a while\" is no length of time; write a length such as \"6 months\"",
        ),
        (
            json!({"type": "date", "kind": "IS_ON_DAY_OF_WEEK", "values": [8]}),
            "values[0]: 8 is no day of week; write a name, or 1 (Monday) to 7 (Sunday)",
        ),
        (
            json!({"type": "date", "kind": "QUERY_OFFSET", "offset_interval_string": "1 year"}),
            "left_side: the date is missing; give \"left_side\"",
        ),
        (
            json!({"type": "date", "kind": "BEFORE", "left_side": "today", "offset_interval_string": "a bit"}),
            "offset_interval_string: \"a bit\" is no length of time; write for example \"7 days\", or \"-1 year\" to go back",
        ),
        (
            json!({"type": "date", "kind": "IS_ON_DAY_OF_WEEK", "values": [1], "offset_interval_string": "1 day"}),
            "offset_interval_string: a day of week cannot be shifted; write \"0 days\" or leave it out",
        ),
        (
            json!({"type": "query", "query_id": "1"}),
            "type: filters by the result of another query are not supported; write the condition into the tile's SQL",
        ),
        (
            json!({"type": "composite", "conjunction": "OR", "filters": [{"type": "string", "values": ["a"]}, {"type": "number", "values": [true]}]}),
            "filters[1].values[0]: this is true or false; write a number",
        ),
        (json!({"type": "composite", "conjunction": "XOR", "filters": [["a"]]}), "conjunction: \"XOR\" joins nothing; write AND or OR"),
        (
            json!({"type": "string", "kind": "SQL_LIKE", "values": ["a\\"]}),
            "values: a pattern ends with a lone backslash; write two to mean one",
        ),
        (json!({"type": "string", "values": ["a"], "is_negative": "yes"}), "is_negative: this is text; write true or false"),
        (json!({"type": "user_attribute"}), "user_attribute_name: the name of the attribute is missing; name a user attribute"),
    ] {
        assert_eq!(parse(FilterKind::String, &expression).unwrap_err().to_string(), message, "{expression}");
    }
    let mut deep = json!({"type": "null"});
    for _ in 0..40 {
        deep = json!({"type": "composite", "filters": [deep]});
    }
    assert!(parse(FilterKind::String, &deep).unwrap_err().problem.contains("nested too deeply"));
}

/// Predicates as SQL: filter, the embedded engine's, PostgreSQL's.
#[test]
fn f4_predicates_in_both_dialects() {
    let both = |sql: &'static str| (sql, sql);
    for (expression, (embedded, postgres)) in [
        (json!(["US"]), ("pressrun_text_in((c), $pressrun_1)", "(c) = $pressrun_1")),
        (json!(["US", "CA"]), ("pressrun_text_in((c), $pressrun_1)", "(c) = any($pressrun_1)")),
        (json!(["US", null]), ("(pressrun_text_in((c), $pressrun_1) or (c) is null)", "((c) = $pressrun_1 or (c) is null)")),
        (
            json!({"values": ["US"], "is_negative": true}),
            ("(pressrun_text_in((c), $pressrun_1)) is not true", "((c) = $pressrun_1) is not true"),
        ),
        (
            json!({"values": ["US"], "case_insensitive": true}),
            ("pressrun_text_in(lower(pressrun_text(c)), $pressrun_1)", "lower(cast((c) as text)) = lower($pressrun_1)"),
        ),
        (
            json!({"kind": "CONTAINS", "values": ["5%"]}),
            ("pressrun_like_any(pressrun_text(c), $pressrun_1)", "cast((c) as text) like $pressrun_1"),
        ),
        (
            json!({"kind": "CONTAINS", "values": ["a", "b"], "case_insensitive": true}),
            (
                "pressrun_like_any(lower(pressrun_text(c)), $pressrun_1)",
                "lower(cast((c) as text)) like any(array(select lower(pressrun_value) from unnest($pressrun_1::text[]) as pressrun_value))",
            ),
        ),
        (json!({"kind": "IS_EMPTY"}), ("coalesce(pressrun_text(c), '') = ''", "coalesce(cast((c) as text), '') = ''")),
        (json!({"type": "number", "values": [1]}), ("pressrun_number_in((c), $pressrun_1)", "(c) = $pressrun_1::bigint")),
        (
            json!({"type": "number", "values": [1, "0.1"]}),
            ("pressrun_number_in((c), $pressrun_1)", "cast(cast((c) as text) as numeric) = any($pressrun_1::numeric[])"),
        ),
        (
            json!({"type": "number", "kind": "GREATER_THAN", "values": ["1.5"], "is_inclusive": true}),
            ("pressrun_compare((c), '>=', $pressrun_1)", "(c) >= $pressrun_1::numeric"),
        ),
        (
            json!({"type": "number", "kind": "BETWEEN", "values": [1, 2]}),
            (
                "(pressrun_compare((c), '>=', $pressrun_1) and pressrun_compare((c), '<=', $pressrun_2))",
                "((c) >= $pressrun_1::bigint and (c) <= $pressrun_2::bigint)",
            ),
        ),
        (json!({"type": "boolean", "is_negative": true}), ("pressrun_is((c), false)", "(c) is false")),
        (
            json!({"type": "boolean", "is_negative": true, "treat_nulls_as_false": true}),
            ("(pressrun_is((c), true)) is not true", "((c) is true) is not true"),
        ),
        (json!({"type": "null", "is_negative": true}), both("(c) is not null")),
        (
            json!({"type": "date", "kind": "BEFORE", "left_side": "2026"}),
            ("pressrun_in_period((c), null, $pressrun_1)", "((c) < $pressrun_1::timestamptz)"),
        ),
        (json!({"type": "date", "kind": "BETWEEN", "left_side": "2026", "right_side": "2025"}), both("false")),
        (
            json!({"type": "date", "kind": "IS_ON_DAY_OF_WEEK", "values": ["mon"]}),
            ("pressrun_local_part('day_of_week', (c)) = $pressrun_1", "extract(isodow from cast((c) as timestamp)) = $pressrun_1::bigint"),
        ),
        (
            json!({"type": "user_attribute", "user_attribute_name": "region"}),
            ("pressrun_text_in((c), $pressrun_1)", "(c) = any($pressrun_1)"),
        ),
        (json!({"type": "user_attribute", "user_attribute_name": "unset"}), both("cast(null as boolean)")),
        (json!({"type": "user_attribute", "user_attribute_name": "unset", "is_negative": true}), both("cast(null as boolean)")),
        (
            json!({"type": "composite", "conjunction": "OR", "filters": [["a"], {"type": "null"}]}),
            ("(pressrun_text_in((c), $pressrun_1) or (c) is null)", "((c) = $pressrun_1 or (c) is null)"),
        ),
        (
            json!({"type": "composite", "conjunction": "OR", "filters": [["a"], ["b"]]}),
            ("pressrun_text_in((c), $pressrun_1)", "(c) = any($pressrun_1)"),
        ),
        (json!({"type": "composite", "conjunction": "OR", "filters": [["a"], []]}), both("true")),
        (
            json!({"type": "composite", "conjunction": "AND", "filters": [["a"], []]}),
            ("pressrun_text_in((c), $pressrun_1)", "(c) = $pressrun_1"),
        ),
    ] {
        let filter = parse(FilterKind::String, &expression).unwrap();
        let identity = identity(&[("region", &["US", "EU"])]);
        let predicate = resolve(&filter, &new_york().resolve().unwrap(), &identity).unwrap();
        for (dialect, expected) in [(Dialect::Embedded, embedded), (Dialect::Postgres, postgres)] {
            assert_eq!(predicate.sql("c", dialect.rules(), &mut Params::default()), expected, "{expression}");
        }
    }
}

#[test]
fn p1_what_is_closed_stays_closed_inside_negated_composites() {
    let unset = json!({"type": "user_attribute", "user_attribute_name": "unset"});
    let not = |filters: Value, conjunction: &str| json!({"type": "composite", "conjunction": conjunction, "filters": filters, "is_negative": true});
    for expression in [not(json!([unset]), "AND"), not(json!([unset, unset]), "OR"), not(json!([not(json!([unset]), "AND")]), "AND")] {
        let filter = parse(FilterKind::String, &expression).unwrap();
        let predicate = resolve(&filter, &new_york().resolve().unwrap(), &identity(&[])).unwrap();
        let sql = predicate.sql("c", Dialect::Postgres.rules(), &mut Params::default());
        assert!(!sql.contains("is not true"), "{expression}: {sql}");
    }
}

#[test]
fn a2_boolean_filters_read_their_values_in_every_shape() {
    let is = |is, nulls_as_false| Filter::Boolean { is, nulls_as_false };
    for (expression, expected) in [
        (json!([false]), is(false, false)),
        (json!(false), is(false, false)),
        (json!(["No"]), is(false, false)),
        (json!({"kind": "EQ", "left_side": "false", "type": "boolean"}), is(false, false)),
        (json!({"kind": "EQ", "left_side": false, "type": "boolean"}), is(false, false)),
        (json!({"kind": "EQUALS", "values": [false]}), is(false, false)),
        (json!({"kind": "EQUALS", "values": [true], "is_negative": false}), is(true, false)),
        (json!({"kind": "EQUALS", "values": [true], "is_negative": true}), Filter::Not(Box::new(is(true, false)))),
        (json!({"values": [false], "treat_nulls_as_false": true}), is(false, true)),
        (json!({"values": [true, false]}), Filter::Either(vec![is(true, false), is(false, false)])),
        (json!({"values": [null, true]}), Filter::Either(vec![is(true, false), Filter::Null { negated: false }])),
        (json!({"kind": "EQUALS", "values": []}), Filter::Any),
        (json!({"kind": "EQUALS", "values": [], "is_negative": true}), Filter::Any),
        (json!({"kind": "EQUALS", "values": [], "left_side": "no"}), is(false, false)),
        (json!({"is_negative": true}), is(false, false)),
        (json!({"is_negative": false}), is(true, false)),
        (json!({"is_negative": null}), Filter::Any),
    ] {
        assert_eq!(parse(FilterKind::Boolean, &expression).unwrap(), expected, "{expression}");
    }
    assert!(parse(FilterKind::Boolean, &json!(["maybe"])).is_err());
    assert!(parse(FilterKind::Boolean, &json!({"values": ["maybe"]})).is_err());
}

#[test]
fn low_an_empty_list_beside_a_left_side_says_nothing_for_every_type() {
    for (kind, side) in
        [(FilterKind::String, "US"), (FilterKind::Number, "5"), (FilterKind::Date, "2026-01-01"), (FilterKind::Boolean, "true")]
    {
        let plain = parse(kind, &json!([side])).unwrap();
        assert_eq!(parse(kind, &json!({"kind": "EQUALS", "values": [], "left_side": side})).unwrap(), plain, "{kind:?}");
        assert_eq!(parse(kind, &json!({"kind": "EQUALS", "values": []})).unwrap(), Filter::Any, "{kind:?}");
    }
}

#[test]
fn b10_ten_thousand_alternatives_are_a_few_parameters() {
    let many = |of: &dyn Fn(usize) -> Value| (0..10_000).map(of).collect::<Vec<_>>();
    let day = |n: usize| json!(jiff::civil::date(1990, 1, 1).checked_add(jiff::ToSpan::days(2 * n as i64)).unwrap().to_string());
    let either = json!({"type": "composite", "conjunction": "OR", "filters": many(&|n| json!([format!("v{n}")]))});
    for (kind, expression, most) in [
        (FilterKind::String, json!(many(&|n| json!(format!("v{n}")))), 1),
        (FilterKind::String, json!({"values": many(&|n| json!(format!("v{n}"))), "case_insensitive": true}), 1),
        (FilterKind::String, json!({"kind": "CONTAINS", "values": many(&|n| json!(format!("v{n}")))}), 1),
        (FilterKind::String, either, 1),
        (FilterKind::Number, json!(many(&|n| json!(n))), 1),
        (FilterKind::Number, json!(many(&|n| json!(format!("{n}.5")))), 1),
        (FilterKind::Date, json!(many(&day)), 2),
        (FilterKind::Boolean, json!(many(&|n| json!(n % 2 == 0))), 0),
        (FilterKind::Date, json!({"kind": "IS_ON_DAY_OF_YEAR", "values": many(&|n| json!(n % 366 + 1))}), 366),
    ] {
        let filter = parse(kind, &expression).unwrap();
        let predicate = resolve(&filter, &new_york().resolve().unwrap(), &identity(&[])).unwrap();
        for dialect in Dialect::OF_THEIR_OWN {
            let mut params = Params::default();
            let sql = predicate.sql("c", dialect.rules(), &mut params);
            assert!(
                params.values.len() <= most && sql.len() < 10_000,
                "{kind:?} {dialect:?}: {} values in {} bytes",
                params.values.len(),
                sql.len()
            );
        }
    }
    // Days that touch are one stretch of time.
    let whole = json!((0..400).map(|n| day(n / 2)).collect::<Vec<_>>());
    let touching = json!(
        (0..400).map(|n| json!(jiff::civil::date(2026, 1, 1).checked_add(jiff::ToSpan::days(n)).unwrap().to_string())).collect::<Vec<_>>()
    );
    let resolved =
        |expression| resolve(&parse(FilterKind::Date, &expression).unwrap(), &new_york().resolve().unwrap(), &identity(&[])).unwrap();
    assert!(matches!(resolved(touching), Predicate::Period { start: Some(_), end: Some(_) }));
    assert!(matches!(resolved(whole), Predicate::Periods(periods) if periods.len() == 200));
}

/// The case `filter-missing-midnight` and its like: days on which clocks are put forward at midnight, and others that are odd.
#[test]
fn q5_days_end_at_the_next_local_midnight_also_where_there_is_none() {
    for (zone, at, expression, start, end) in [
        ("Africa/Cairo", "2025-04-26T10:00:00Z", json!("yesterday"), "2025-04-24T22:00Z", "2025-04-25T21:00Z"),
        ("Africa/Cairo", "2025-04-26T10:00:00Z", json!("1 day ago"), "2025-04-24T22:00Z", "2025-04-25T21:00Z"),
        (
            "Africa/Cairo",
            "2025-04-26T10:00:00Z",
            json!({"kind": "TIME_FOR_INTERVAL_DURATION", "left_side": "1 day ago", "right_side": "1 day"}),
            "2025-04-24T22:00Z",
            "2025-04-25T21:00Z",
        ),
        (
            "Africa/Cairo",
            "2025-04-27T10:00:00Z",
            json!({"kind": "QUERY_OFFSET", "left_side": "2 days ago", "offset_interval_string": "1 day"}),
            "2025-04-25T21:00Z",
            "2025-04-26T21:00Z",
        ),
        ("America/Santiago", "2025-09-08T12:00:00Z", json!("yesterday"), "2025-09-07T04:00Z", "2025-09-08T03:00Z"),
        (
            "America/Sao_Paulo",
            "2018-11-05T12:00:00Z",
            json!({"kind": "TIME_FOR_INTERVAL_DURATION", "left_side": "1 day ago", "right_side": "1 day"}),
            "2018-11-04T03:00Z",
            "2018-11-05T02:00Z",
        ),
        ("Asia/Beirut", "2025-03-31T12:00:00Z", json!("last 1 days"), "2025-03-29T22:00Z", "2025-03-30T21:00Z"),
        ("America/Asuncion", "2023-10-02T12:00:00Z", json!("yesterday"), "2023-10-01T04:00Z", "2023-10-02T03:00Z"),
        ("America/Havana", "2025-11-03T12:00:00Z", json!("yesterday"), "2025-11-02T04:00Z", "2025-11-03T05:00Z"),
        ("Australia/Lord_Howe", "2025-10-06T12:00:00Z", json!("yesterday"), "2025-10-04T13:30Z", "2025-10-05T13:00Z"),
        ("Asia/Kolkata", "2025-10-06T12:00:00Z", json!("today"), "2025-10-05T18:30Z", "2025-10-06T18:30Z"),
        ("Pacific/Apia", "2011-12-31T12:00:00Z", json!("2011-12-29"), "2011-12-29T10:00Z", "2011-12-30T10:00Z"),
    ] {
        let filter = parse(FilterKind::Date, &expression).unwrap();
        let found = resolve(&filter, &clock(at, zone).resolve().unwrap(), &identity(&[])).unwrap();
        let [start, end] = [start, end].map(|at| Some(at.parse::<jiff::Timestamp>().unwrap()));
        assert_eq!(found, Predicate::Period { start, end }, "{zone} {expression}");
    }
    // A day that was left out holds nothing.
    let skipped = parse(FilterKind::Date, &json!("2011-12-30")).unwrap();
    let apia = clock("2012-01-01T00:00:00Z", "Pacific/Apia").resolve().unwrap();
    assert_eq!(resolve(&skipped, &apia, &identity(&[])).unwrap(), Predicate::Never);
}

#[test]
fn q5_every_literal_means_a_period_at_the_runs_instant() {
    // Tuesday, 24 November 2026, 09:30:15 in New York; fiscal years begin in April.
    let mut clock = clock("2026-11-24T14:30:15.5Z", "America/New_York");
    clock.fiscal_start = 4;
    let clock = clock.resolve().unwrap();
    for (literal, start, end) in [
        ("2025", "2025-01-01T00:00-05", "2026-01-01T00:00-05"),
        ("2025-03", "2025-03-01T00:00-05", "2025-04-01T00:00-04"),
        ("2025-03-04", "2025-03-04T00:00-05", "2025-03-05T00:00-05"),
        ("2025-03-04 09", "2025-03-04T09:00-05", "2025-03-04T10:00-05"),
        ("2025-03-04 09:30", "2025-03-04T09:30-05", "2025-03-04T09:31-05"),
        ("2025-03-04T09:30:15", "2025-03-04T09:30:15-05", "2025-03-04T09:30:16-05"),
        ("2025-03-04T09:30:15Z", "2025-03-04T09:30:15Z", "2025-03-04T09:30:16Z"),
        ("2012 Q3", "2012-07-01T00:00-04", "2012-10-01T00:00-04"),
        ("2012-q1", "2012-01-01T00:00-05", "2012-04-01T00:00-04"),
        ("FY2012", "2011-04-01T00:00-04", "2012-04-01T00:00-04"),
        ("FY2012 Q4", "2012-01-01T00:00-05", "2012-04-01T00:00-04"),
        ("today", "2026-11-24T00:00-05", "2026-11-25T00:00-05"),
        ("yesterday", "2026-11-23T00:00-05", "2026-11-24T00:00-05"),
        ("Tomorrow", "2026-11-25T00:00-05", "2026-11-26T00:00-05"),
        ("this week", "2026-11-23T00:00-05", "2026-11-30T00:00-05"),
        ("last week", "2026-11-16T00:00-05", "2026-11-23T00:00-05"),
        ("this month", "2026-11-01T00:00-04", "2026-12-01T00:00-05"),
        ("next month", "2026-12-01T00:00-05", "2027-01-01T00:00-05"),
        ("last complete quarter", "2026-07-01T00:00-04", "2026-10-01T00:00-04"),
        ("last quarter", "2026-07-01T00:00-04", "2026-10-01T00:00-04"),
        ("this year", "2026-01-01T00:00-05", "2027-01-01T00:00-05"),
        ("this fiscal year", "2026-04-01T00:00-04", "2027-04-01T00:00-04"),
        ("last fiscal quarter", "2026-07-01T00:00-04", "2026-10-01T00:00-04"),
        ("6 months ago", "2026-05-01T00:00-04", "2026-06-01T00:00-04"),
        ("1 month ago", "2026-10-01T00:00-04", "2026-11-01T00:00-04"),
        ("28 complete days ago", "2026-10-27T00:00-04", "2026-10-28T00:00-04"),
        ("0 days ago", "2026-11-24T00:00-05", "2026-11-25T00:00-05"),
        ("2 hours ago", "2026-11-24T12:00Z", "2026-11-24T13:00Z"),
        ("90 minutes ago", "2026-11-24T13:00Z", "2026-11-24T13:01Z"),
        ("3 years ago", "2023-01-01T00:00-05", "2024-01-01T00:00-05"),
        ("2 weeks from now", "2026-12-07T00:00-05", "2026-12-14T00:00-05"),
        // The hour that occurs twice is two hours long, the one that does not exist is none.
        ("2026-11-01 01", "2026-11-01T05:00Z", "2026-11-01T07:00Z"),
        ("2026-03-08 02", "2026-03-08T07:00Z", "2026-03-08T07:00Z"),
    ] {
        let found = period(literal.parse().unwrap_or_else(|_| panic!("{literal}")), &clock).unwrap();
        let expected = [start, end].map(|at| at.parse::<jiff::Timestamp>().unwrap());
        assert_eq!([found.start, found.end], expected, "{literal}");
    }
    for literal in [
        "",
        "soon",
        "20",
        "2025-",
        "2025-13",
        "2025-02-30",
        "2025 Q5",
        "2025-03-04 25",
        "25-03-04",
        "days ago",
        "x days ago",
        "-3 days ago",
        "3 fortnights ago",
        "10/11/2025",
        "1.2.25",
        "1 october",
        "this",
        "last",
        "this months",
        "2025-03-04 09:",
        "2025-03-04 09:30:15:20",
        "２０２５",
        "9999999999999 days ago",
    ] {
        assert!(literal.parse::<DateLiteral>().is_err(), "{literal}");
    }
    assert!(period("999999999 years ago".parse().unwrap(), &clock).is_err());
    assert_eq!("28 complete days".parse(), Ok(Length { count: 28, unit: Unit::Day }));
}

#[test]
fn f4_a_shift_moves_the_stretch_on_the_calendar_of_the_query_zone() {
    let clock = new_york().resolve().unwrap();
    let november = |offset: &str| json!({"type": "date", "kind": "TIME_FOR_UNIT_DURATION", "left_side": "this month", "offset_interval_string": offset});
    for (expression, start, end) in [
        (november(""), "2026-11-01T00:00-04", "2026-12-01T00:00-05"),
        (november("0 days"), "2026-11-01T00:00-04", "2026-12-01T00:00-05"),
        (november("1 month"), "2026-12-01T00:00-05", "2027-01-01T00:00-05"),
        (november("-1 year"), "2025-11-01T00:00-04", "2025-12-01T00:00-05"),
        (november("1 year ago"), "2025-11-01T00:00-04", "2025-12-01T00:00-05"),
        (november("+7 days"), "2026-11-08T00:00-05", "2026-12-08T00:00-05"),
        (november("1 hour"), "2026-11-01T05:00Z", "2026-12-01T06:00Z"),
        (
            json!({"type": "date", "kind": "QUERY_OFFSET", "left_side": "last complete quarter", "offset_interval_string": "-1 year"}),
            "2025-07-01T00:00-04",
            "2025-10-01T00:00-04",
        ),
        (
            json!({"type": "date", "kind": "QUERY_OFFSET", "left_side": "6 months ago", "right_side": "6 months", "offset_interval_string": "-1 year"}),
            "2025-05-01T00:00-04",
            "2025-11-01T00:00-04",
        ),
        (json!({"type": "date", "left_side": "2026-11-24", "offset_interval_string": ""}), "2026-11-24T00:00-05", "2026-11-25T00:00-05"),
    ] {
        let filter = parse(FilterKind::Date, &expression).unwrap();
        let [start, end] = [start, end].map(|at| Some(at.parse::<jiff::Timestamp>().unwrap()));
        assert_eq!(resolve(&filter, &clock, &identity(&[])).unwrap(), Predicate::Period { start, end }, "{expression}");
    }
}

#[test]
fn f9_a_control_is_set_to_one_of_its_options() {
    let mut metric = definition(FilterKind::Control);
    let option = |value: &str| (value.to_owned(), ControlOption { label: value.to_uppercase(), sql: format!("sum({value})") });
    metric.options = [option("revenue"), option("orders")].into_iter().collect();
    metric.default = Some(json!(["revenue"]));
    let said = |expression: Option<Value>| match Setting::of(&metric, expression.as_ref()) {
        Setting::Chosen(value, option) => Ok(format!("{value}: {}", option.sql)),
        Setting::Undeclared(given) => Err(given),
    };
    for expression in [json!("orders"), json!(["orders"]), json!({"kind": "EQ", "left_side": "orders"}), json!({"values": ["orders"]})] {
        assert_eq!(said(Some(expression.clone())), Ok("orders: sum(orders)".to_owned()), "{expression}");
    }
    for expression in [None, Some(json!([])), Some(json!({"values": []}))] {
        assert_eq!(said(expression.clone()), Ok("revenue: sum(revenue)".to_owned()), "the default: {expression:?}");
    }
    for (expression, given) in [
        (json!("sum(secret)"), "\"sum(secret)\""),
        (json!(["revenue", "orders"]), "2 values at once"),
        (json!({"values": ["orders"], "is_negative": true}), "a condition"),
        (json!(null), "something that cannot be understood (the filter is null; write [] to restrict nothing, or leave the key out)"),
    ] {
        assert_eq!(said(Some(expression.clone())), Err(given.to_owned()), "{expression}");
    }
    assert_eq!(summary(&metric, Some(&json!("orders")), &new_york(), &identity(&[])), "ORDERS");
}

#[test]
fn v8_summaries_are_what_a_person_would_say() {
    let november = clock("2027-01-04T14:00:00Z", "America/New_York");
    let past = json!({"type": "date", "kind": "TIME_FOR_INTERVAL_DURATION", "ui_type": "PAST", "left_side": "6 months ago", "right_side": "6 months"});
    for (kind, expression, expected) in [
        (FilterKind::String, Some(json!(["US", "CA"])), "US, CA"),
        (FilterKind::String, Some(json!({"values": ["US"], "is_negative": true})), "not US"),
        (FilterKind::String, Some(json!([])), "any"),
        (FilterKind::String, None, "any"),
        (FilterKind::String, Some(json!(["a", "b", "c", "d", "e", "f", "g"])), "a, b, c, d, e and 2 more"),
        (FilterKind::String, Some(json!([null, ""])), "\"\", (none)"),
        (FilterKind::String, Some(json!({"kind": "CONTAINS", "values": ["x"]})), "contains \"x\""),
        (FilterKind::String, Some(json!({"kind": "IS_EMPTY", "is_negative": true})), "not empty"),
        (FilterKind::String, Some(json!({"bad": 1})), "not understood"),
        (FilterKind::Number, Some(json!({"kind": "BETWEEN", "values": [10, 20]})), "10 – 20"),
        (FilterKind::Number, Some(json!({"kind": "LESS_THAN", "values": ["1.50"], "is_inclusive": true})), "≤ 1.5"),
        (FilterKind::Boolean, Some(json!({"type": "boolean", "is_negative": false})), "yes"),
        (FilterKind::Date, Some(past), "last 6 months (1 Jul – 31 Dec 2026)"),
        (FilterKind::Date, Some(json!("this month")), "this month (1 – 31 Jan 2027)"),
        (FilterKind::Date, Some(json!("yesterday")), "yesterday (3 Jan 2027)"),
        (FilterKind::Date, Some(json!("2 hours ago")), "2 hours ago (4 Jan 2027 07:00 – 08:00)"),
        (
            FilterKind::Date,
            Some(json!({"kind": "WITHIN_RANGE", "left_side": "2025-01-01", "right_side": "2025-03-31"})),
            "1 Jan – 31 Mar 2025",
        ),
        (
            FilterKind::Date,
            Some(json!({"kind": "BETWEEN", "left_side": "2025-12-01", "right_side": "2026-03-01"})),
            "1 Dec 2025 – 28 Feb 2026",
        ),
        (FilterKind::Date, Some(json!({"kind": "ON_OR_AFTER", "left_side": "7 days ago"})), "since 7 days ago (from 28 Dec 2026)"),
        (FilterKind::Date, Some(json!({"kind": "IS_ON_DAY_OF_WEEK", "values": [1, "Fri"]})), "Monday, Friday"),
        (FilterKind::String, Some(json!({"type": "user_attribute", "user_attribute_name": "region"})), "US, EU"),
        (FilterKind::String, Some(json!({"type": "composite", "conjunction": "OR", "filters": [["a"], {"type": "null"}]})), "a or empty"),
    ] {
        let identity = identity(&[("region", &["US", "EU"])]);
        assert_eq!(summary(&definition(kind), expression.as_ref(), &november, &identity), expected, "{expression:?}");
    }
}

#[test]
fn every_unit_word_is_read_in_singular_and_plural() {
    for unit in [Unit::Second, Unit::Minute, Unit::Hour, Unit::Day, Unit::Week, Unit::Month, Unit::Quarter, Unit::Year] {
        assert_eq!(Unit::parse(&unit.word(1)), Some(unit));
        assert_eq!(Unit::parse(&unit.word(2).to_uppercase()), Some(unit));
    }
}

/// What a report prints of a filter, typed back, is the same filter.
#[test]
fn newcomer_10_the_words_that_are_printed_are_read() {
    let clock = clock("2026-11-24T14:30:00Z", "America/New_York").fiscal(4);
    let meant = |kind, expression: &Value| resolve(&parse(kind, expression).unwrap(), &clock.resolve().unwrap(), &identity(&[])).unwrap();
    for (kind, expression) in [
        (FilterKind::Date, json!({"kind": "TIME_FOR_INTERVAL_DURATION", "left_side": "90 days ago", "right_side": "90 days"})),
        (FilterKind::Date, json!({"kind": "TIME_FOR_INTERVAL_DURATION", "left_side": "1 month ago", "right_side": "1 month"})),
        (FilterKind::Date, json!({"kind": "TIME_FOR_INTERVAL_DURATION", "left_side": "2026-01-15", "right_side": "6 weeks"})),
        (FilterKind::Date, json!({"kind": "TIME_FOR_INTERVAL_DURATION", "left_side": "next month", "right_side": "3 months"})),
        (FilterKind::Date, json!({"kind": "WITHIN_RANGE", "left_side": "2025-01-01", "right_side": "2025-03-31"})),
        (FilterKind::Date, json!({"kind": "WITHIN_RANGE", "left_side": "2026-11-01", "right_side": "2026-11-30"})),
        (FilterKind::Date, json!({"kind": "BETWEEN", "left_side": "2025-12-01", "right_side": "2026-03-01"})),
        (FilterKind::Date, json!({"kind": "BETWEEN", "left_side": "2026-11-24 09:00", "right_side": "2026-11-24 10:30"})),
        (FilterKind::Date, json!({"kind": "BETWEEN", "left_side": "2026-11-23 22:00", "right_side": "2026-11-24 06:15"})),
        (FilterKind::Date, json!({"kind": "ON_OR_AFTER", "left_side": "7 days ago"})),
        (FilterKind::Date, json!({"kind": "ON_OR_AFTER", "left_side": "2026-10-01"})),
        (FilterKind::Date, json!({"kind": "BEFORE", "left_side": "this quarter"})),
        (FilterKind::Date, json!({"kind": "BEFORE", "left_side": "2026-10-01 08:00"})),
        (FilterKind::Date, json!({"kind": "IS_ON_DAY_OF_WEEK", "values": [1, "Fri"]})),
        (FilterKind::Date, json!({"kind": "IS_ON_DAY_OF_MONTH", "values": [31]})),
        (FilterKind::Date, json!({"kind": "IS_IN_MONTH_OF_YEAR", "values": [1, 2]})),
        (FilterKind::Date, json!({"kind": "IS_IN_QUARTER_OF_YEAR", "values": [3], "isFiscal": true})),
        (FilterKind::Date, json!({"kind": "IS_AT_HOUR_OF_DAY", "values": [9, 17]})),
        (FilterKind::Date, json!({"kind": "EQUALS", "values": ["this month"], "is_negative": true})),
        (FilterKind::Date, json!(["this fiscal year"])),
        (FilterKind::Date, json!(["2 fiscal quarters ago"])),
        (FilterKind::Date, json!(["2026-10-01", "2026-10-03"])),
        (FilterKind::Date, json!(["month to date"])),
        (FilterKind::Date, json!(["2026"])),
        (FilterKind::Date, json!({"type": "null"})),
        (FilterKind::Date, json!([])),
        (FilterKind::Number, json!({"kind": "BETWEEN", "values": [10, 20]})),
        (FilterKind::Number, json!({"kind": "BETWEEN", "values": [-10, "-2.5"], "is_inclusive": false})),
        (FilterKind::Number, json!({"kind": "LESS_THAN", "values": ["1.50"], "is_inclusive": true})),
        (FilterKind::Number, json!({"kind": "GREATER_THAN", "values": [5]})),
        (FilterKind::Number, json!([1, 2, 3])),
        (FilterKind::Number, json!({"kind": "EQUALS", "values": [5], "is_negative": true})),
        (FilterKind::Boolean, json!([true])),
        (FilterKind::Boolean, json!({"is_negative": true})),
    ] {
        let printed = summary(&definition(kind), Some(&expression), &clock, &identity(&[]));
        assert_eq!(meant(kind, &json!(printed)), meant(kind, &expression), "{expression} prints {printed}");
    }
}

#[test]
fn newcomer_10_dates_are_read_in_every_form_that_can_mean_one_day() {
    let clock = clock("2026-11-24T14:30:00Z", "America/New_York").fiscal(4).resolve().unwrap();
    let day = |text: &str| {
        resolve(&parse(FilterKind::Date, &json!(text)).unwrap_or_else(|error| panic!("{text}: {error}")), &clock, &identity(&[])).unwrap()
    };
    let expected = day("2026-10-01");
    for text in [
        "01.10.2026",
        "1.10.2026",
        "1. October 2026",
        "1 October 2026",
        "October 1 2026",
        "october 1, 2026",
        "Oct 1st, 2026",
        "1st of October 2026",
        "Thursday, 1 Oct 2026",
        "2026/10/01",
        "2026.10.01",
        "2026-10-1",
        "20261001",
        "on 1 Oct 2026",
        "2026-10-01 to 2026-10-01",
    ] {
        assert_eq!(day(text), expected, "{text}");
    }
    assert_eq!(day("31/10/2026"), day("10/31/2026"));
    assert_eq!(day("11/11/2026"), day("2026-11-11"));
    for (text, same) in [
        ("October 2026", "2026-10"),
        ("Oct. 2026", "2026-10"),
        ("10.2026", "2026-10"),
        ("10/2026", "2026-10"),
        ("2026Q3", "2026 Q3"),
        ("Q3/2026", "2026 Q3"),
        ("week 42 of 2026", "2026-10-12 to 2026-10-18"),
        ("2026-w42", "2026-10-12 to 2026-10-18"),
        ("fiscal year 2026", "FY2026"),
        ("Q3 FY2026", "FY2026-Q3"),
        ("in the last 90 days", "last 90 days"),
        ("previous 90 days", "last 90 days"),
        ("a week ago", "1 week ago"),
        ("day before yesterday", "2 days ago"),
        ("from 1 to 5 Oct 2026", "2026-10-01..2026-10-05"),
        ("Jan to Mar 2026", "2026-01 to 2026-03"),
        (">= 2026-10-01", "since 2026-10-01"),
        ("> 2026-10-01", "since 2026-10-02"),
        ("<= 2026-10-01", "before 2026-10-02"),
        ("up to 2026-10-01", "before 2026-10-02"),
        ("qtd", "quarter to date"),
    ] {
        assert_eq!(day(text), day(same), "{text}");
    }
    for (text, hint) in [
        ("10/11/2026", "write 2026-11-10 or 2026-10-11"),
        ("1.10.26", "four digits"),
        ("1 October", "add the year"),
        ("10-11-2026", "write 2026-11-10 or 2026-10-11"),
        ("since 10/11/2026", "write 2026-11-10 or 2026-10-11"),
    ] {
        let error = parse(FilterKind::Date, &json!(text)).unwrap_err();
        assert!(error.hint.contains(hint), "{text}: {error}");
    }
    for (text, hint) in [
        ("1,000", "write 1000 or 1.000"),
        ("1'000", "write 1000"),
        ("> 5%", "write a number such as 10"),
        ("5 to ten", "write a number such as 10"),
    ] {
        let error = parse(FilterKind::Number, &json!(text)).unwrap_err();
        assert!(error.hint.contains(hint), "{text}: {error}");
    }
}
