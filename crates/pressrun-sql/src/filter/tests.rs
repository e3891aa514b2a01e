#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use pressrun_domain::catalog::{ControlOption, FilterKind};
use serde_json::{Value, json};

use super::date::{Length, period};
use super::*;
use crate::param::{Dialect, Params};
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
            "values[0]: \"ten\" is no number; write a number such as 10 or \"12.50\", of at most 38 digits",
        ),
        (
            json!({"type": "date", "kind": "BEFORE", "left_side": "soon"}),
            "left_side: \"soon\" is no date; write for example 2025, 2025-03-31, 2025-03-31 09:30, 2025 Q3, 6 months ago, today or last week",
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
        (json!({"type": "composite", "conjunction": "XOR", "filters": []}), "conjunction: \"XOR\" joins nothing; write AND or OR"),
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
        (json!(["US"]), both("(c) = $pressrun_1")),
        (json!(["US", "CA"]), both("(c) in ($pressrun_1, $pressrun_2)")),
        (json!(["US", null]), both("((c) = $pressrun_1 or (c) is null)")),
        (json!({"values": ["US"], "is_negative": true}), both("((c) = $pressrun_1) is not true")),
        (
            json!({"values": ["US"], "case_insensitive": true}),
            ("lower((c)) = lower($pressrun_1)", "lower(cast((c) as text)) = lower($pressrun_1)"),
        ),
        (json!({"kind": "CONTAINS", "values": ["5%"]}), ("(c) like $pressrun_1", "cast((c) as text) like $pressrun_1")),
        (json!({"kind": "IS_EMPTY"}), both("coalesce(cast((c) as varchar), '') = ''")),
        (json!({"type": "number", "values": [1]}), ("(c) = pressrun_number((c), $pressrun_1)", "(c) = $pressrun_1::bigint")),
        (
            json!({"type": "number", "kind": "GREATER_THAN", "values": ["1.5"], "is_inclusive": true}),
            ("pressrun_compare((c), '>=', $pressrun_1)", "((c) >= $pressrun_1::numeric and cast((c) as text) <> 'NaN')"),
        ),
        (
            json!({"type": "number", "kind": "BETWEEN", "values": [1, 2]}),
            (
                "(pressrun_compare((c), '>=', $pressrun_1) and pressrun_compare((c), '<=', $pressrun_2))",
                "(((c) >= $pressrun_1::bigint and cast((c) as text) <> 'NaN') and (c) <= $pressrun_2::bigint)",
            ),
        ),
        (json!({"type": "boolean", "is_negative": true}), both("(c) is false")),
        (json!({"type": "boolean", "is_negative": true, "treat_nulls_as_false": true}), both("((c) is true) is not true")),
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
        (json!({"type": "user_attribute", "user_attribute_name": "region"}), both("(c) in ($pressrun_1, $pressrun_2)")),
        (json!({"type": "user_attribute", "user_attribute_name": "unset"}), both("cast(null as boolean)")),
        (json!({"type": "user_attribute", "user_attribute_name": "unset", "is_negative": true}), both("cast(null as boolean)")),
        (
            json!({"type": "composite", "conjunction": "OR", "filters": [["a"], {"type": "null"}]}),
            both("((c) = $pressrun_1 or (c) is null)"),
        ),
        (json!({"type": "composite", "conjunction": "OR", "filters": [["a"], []]}), both("true")),
        (json!({"type": "composite", "conjunction": "AND", "filters": [["a"], []]}), both("(c) = $pressrun_1")),
    ] {
        let filter = parse(FilterKind::String, &expression).unwrap();
        let identity = identity(&[("region", &["US", "EU"])]);
        let predicate = resolve(&filter, &new_york().resolve().unwrap(), &identity).unwrap();
        for (dialect, expected) in [(Dialect::Embedded, embedded), (Dialect::Postgres, postgres)] {
            assert_eq!(predicate.sql("c", dialect, &mut Params::default()), expected, "{expression}");
        }
    }
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
        "2025-3",
        "2025-13",
        "2025-02-30",
        "2025 Q5",
        "2025-03-04 25",
        "25-03-04",
        "days ago",
        "x days ago",
        "-3 days ago",
        "3 fortnights ago",
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
