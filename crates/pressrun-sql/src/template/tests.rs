#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use pressrun_domain::catalog::{ControlOption, FilterKind, FilterMapping, Scalar};
use serde_json::json;

use super::*;
use crate::compile::{CompiledQuery, compile, place_in_tile};
use crate::testing::{clock, filters, identity, new_york, tile};

fn sql(template: &str, effective: &EffectiveFilters, dialect: Dialect) -> Result<CompiledQuery, CompileError> {
    compile(&tile(template), effective, &identity(&[("region", &["US", "EU"])]), &new_york(), dialect)
}

fn region(expression: serde_json::Value) -> EffectiveFilters {
    filters([("region", FilterKind::String, expression)])
}

#[test]
fn f4_values_become_parameters_and_nothing_else() {
    let hostile = ["'; drop table orders; --", "$1", "{{ filter('region', 'x') }}", "\\", "a' or '1'='1"];
    let query = sql("select 1 where {{ filter('region', 'region') }}", &region(json!(hostile)), Dialect::Embedded).unwrap();
    assert_eq!(query.sql, "select 1 where (pressrun_text_in((region), $1))");
    assert_eq!(query.params, [Param::Texts(hostile.map(ToOwned::to_owned).into())]);
}

#[test]
fn f5_a_filter_without_values_is_true() {
    let none = EffectiveFilters::new(
        &[(FilterKey::from("region"), crate::testing::definition(FilterKind::String))].into_iter().collect(),
        &indexmap::IndexMap::new(),
    )
    .unwrap();
    for effective in [region(json!([])), none] {
        let query = sql("select 1 where {{ filter('region', 'region') }}", &effective, Dialect::Embedded).unwrap();
        assert_eq!((query.sql.as_str(), query.params.len()), ("select 1 where (true)", 0));
    }
}

#[test]
fn f2_overrides_lie_over_todays_defaults() {
    let mut with_default = crate::testing::definition(FilterKind::String);
    with_default.default = Some(json!(["US"]));
    let definitions = [(FilterKey::from("a"), with_default.clone()), (FilterKey::from("b"), with_default)].into_iter().collect();
    let overrides = [(FilterKey::from("b"), json!(["CA"]))].into_iter().collect();
    let effective = EffectiveFilters::new(&definitions, &overrides).unwrap();
    let query = sql("{{ filter('a', 'x') }} and {{ filter('b', 'y') }}", &effective, Dialect::Embedded).unwrap();
    assert_eq!(query.sql, "(pressrun_text_in((x), $1)) and (pressrun_text_in((y), $2))");
    assert_eq!(query.params, ["US", "CA"].map(|text| Param::Texts(vec![text.to_owned()])));
    assert!(effective.get("b").unwrap().overridden && !effective.get("a").unwrap().overridden);
    let orphaned = [(FilterKey::from("B"), json!(["CA"]))].into_iter().collect();
    assert_eq!(EffectiveFilters::new(&definitions, &orphaned).unwrap_err().unknown, [FilterKey::from("B")]);
}

#[test]
fn f8_filters_on_one_expression_are_joined_by_or() {
    let both = |a, b| filters([("a", FilterKind::String, a), ("b", FilterKind::String, b)]);
    for (a, b, expected) in [
        (json!(["x"]), json!(["y"]), "(pressrun_text_in((c), $1))"),
        (json!([]), json!(["y"]), "(pressrun_text_in((c), $1))"),
        (json!([]), json!([]), "(true)"),
    ] {
        let query = sql("{{ filter(['a', 'b'], 'c') }}", &both(a, b), Dialect::Embedded).unwrap();
        assert_eq!(query.sql, expected);
    }
}

#[test]
fn p1_an_attribute_without_values_lets_nothing_through() {
    let template = "select 1 where {{ user_attribute('region', 'r') }} and {{ user_attribute('tier', 't') }}";
    let query = sql(template, &EffectiveFilters::default(), Dialect::Embedded).unwrap();
    assert_eq!(query.sql, "select 1 where (pressrun_text_in((r), $1)) and (cast(null as boolean))");
    let mut numbers = identity(&[]);
    numbers.attributes.insert("tier".to_owned(), vec![Scalar::Number(1.into()), Scalar::Number(10.into())]);
    let query = compile(&tile(template), &EffectiveFilters::default(), &numbers, &new_york(), Dialect::Postgres).unwrap();
    assert_eq!(query.sql, "select 1 where (cast(null as boolean)) and ((t) = any($1::bigint[]))");
    assert_eq!(query.params, [Param::Integers(vec![1, 10])]);
}

#[test]
fn f7_calls_in_comments_and_texts_count_for_nothing() {
    let template = "select '{{ filter('a', 'x') }}' -- and {{ filter('b', 'x') }}\n/* {{ user_attribute('u', 'x') }} */ \
                    from t where {{ filter(['c', 'd'], 'x') }} and {{ user_attribute('v', 'x') }} {# {{ filter('e', 'x') }} #}";
    let all = filters(["a", "b", "c", "d", "e"].map(|key| (key, FilterKind::String, json!(["1"]))));
    let found = references(&tile(template), &all, Dialect::Embedded).unwrap();
    assert_eq!(found.filters, ["c", "d"].map(FilterKey::from).into());
    assert_eq!(found.attributes, ["v".to_owned()].into());
    assert_eq!(unapplied(&tile(template), &all, Dialect::Embedded).unwrap(), ["a", "b", "e"].map(FilterKey::from).into());
    let query = sql(template, &all, Dialect::Embedded).unwrap();
    assert_eq!(query.params, [Param::Texts(vec!["1".to_owned(), "1".to_owned()])], "{}", query.sql);
}

#[test]
fn f7_a_tile_maps_a_filter_to_its_own_column_or_leaves_it_out() {
    let mut tile = tile("select 1 where {{ filter(['a', 'b', 'c'], 'x') }} and {{ filter('a', 'y') }}");
    tile.filters = [("a".into(), FilterMapping::Off), ("b".into(), FilterMapping::To("o.shipped".to_owned()))].into_iter().collect();
    let all = filters(["a", "b", "c", "d"].map(|key| (key, FilterKind::String, json!([key]))));
    let query = compile(&tile, &all, &identity(&[]), &new_york(), Dialect::Embedded).unwrap();
    assert_eq!(query.sql, "select 1 where ((pressrun_text_in((o.shipped), $1)) or (pressrun_text_in((x), $2))) and (true)");
    assert_eq!(query.params, ["b", "c"].map(|text| Param::Texts(vec![text.to_owned()])));
    assert_eq!(
        unapplied(&tile, &all, Dialect::Embedded).unwrap(),
        ["d"].map(FilterKey::from).into(),
        "left out on purpose is not forgotten"
    );
}

#[test]
fn f11_the_options_of_a_hidden_control_are_told_to_nobody_who_sets_it_wrongly() {
    let mut metric = crate::testing::definition(FilterKind::Control);
    let option = ControlOption { label: "Payroll".to_owned(), sql: "sum(pay)".to_owned() };
    (metric.hidden, metric.options) = (true, [("payroll".to_owned(), option)].into_iter().collect());
    let definitions = [(FilterKey::from("metric"), metric)].into_iter().collect();
    let set = [(FilterKey::from("metric"), json!(["no such"]))].into_iter().collect();
    let filters = EffectiveFilters::new(&definitions, &set).unwrap();
    let error = sql("select {{ control('metric') }} as value from t", &filters, Dialect::Postgres).unwrap_err();
    assert_eq!(error.to_string(), "control \"metric\" is set to \"no such\", which it does not take");
}

#[test]
fn f9_a_control_chooses_among_declared_sql_and_adds_nothing() {
    let with = |set: serde_json::Value| {
        let mut metric = crate::testing::definition(FilterKind::Control);
        let option = |value: &str, sql: &str| (value.to_owned(), ControlOption { label: value.to_owned(), sql: sql.to_owned() });
        metric.options = [option("revenue", "sum(price)"), option("orders", "count(*)")].into_iter().collect();
        metric.default = Some(json!(["revenue"]));
        let definitions =
            [(FilterKey::from("metric"), metric), (FilterKey::from("region"), crate::testing::definition(FilterKind::String))];
        EffectiveFilters::new(&definitions.into_iter().collect(), &[(FilterKey::from("metric"), set)].into_iter().collect()).unwrap()
    };
    let template = "select {{ control('metric') }} as value from t where {{ filter('region', 'r') }}";
    let chosen = |set| sql(template, &with(set), Dialect::Postgres).map(|query| query.sql).map_err(|error| error.to_string());
    assert_eq!(chosen(json!(["orders"])).unwrap(), "select count(*) as value from t where (true)");
    assert_eq!(chosen(json!([])).unwrap(), "select sum(price) as value from t where (true)");
    assert_eq!(
        chosen(json!("1; drop table t")).unwrap_err(),
        "control \"metric\" is set to \"1; drop table t\"; it takes one of: revenue, orders"
    );
    for (template, message) in [
        ("select {{ control('region') }}", "the SQL uses control \"region\", which the dashboard does not have; its controls are: metric"),
        (
            "select {{ filter('metric', 'x') }}",
            "the SQL uses filter \"metric\", which the dashboard does not have; its filters are: region",
        ),
    ] {
        assert_eq!(sql(template, &with(json!([])), Dialect::Embedded).unwrap_err().to_string(), message);
    }
    let effective = with(json!("orders"));
    let found = references(&tile(template), &effective, Dialect::Embedded).unwrap();
    assert_eq!(found.filters, ["region"].map(FilterKey::from).into());
    assert!(
        unapplied(&tile("select 1"), &effective, Dialect::Embedded).unwrap().iter().all(|key| key.as_str() == "region"),
        "a control filters nothing"
    );
}

#[test]
fn templates_do_nothing_but_filter() {
    let effective = region(json!(["US"]));
    for (template, reason) in [
        ("{{ filter('regoin', 'x') }}", "the SQL uses filter \"regoin\", which the dashboard does not have; its filters are: region"),
        ("{{ filter('region') }}", "the SQL template is wrong in line 1"),
        ("{{ filter('region', '') }}", "the expression of filter() is empty"),
        ("{{ filter(1, 'x') }}", "the key of filter() has to be text"),
        ("\n{{ region }}", "the SQL template is wrong in line 2: templates have no variables"),
        ("{{ now() }}", "only filter(), user_attribute() and control() can be called"),
        ("{% include 'x' %}", "the SQL template is wrong"),
        ("{% for a in range(10) %}{% endfor %}", "only filter(), user_attribute() and control() can be called"),
        ("{{ 'x' * 1000000000000 }}", "the SQL template is wrong"),
        ("{{ filter('region', 'x'", "the SQL template is wrong in line 1"),
        ("select $1", "the SQL contains the placeholder $1"),
        ("select $pressrun_1", "the SQL contains the placeholder $pressrun_1"),
        ("select $pressrun_2 where {{ filter('region', 'x') }}", "the SQL contains the placeholder $pressrun_2"),
        ("select 'x", "the SQL cannot be read"),
    ] {
        let error = sql(template, &effective, Dialect::Embedded).unwrap_err().to_string();
        assert!(error.contains(reason), "{template}: {error}");
    }
    let deep = "{% for a in 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' %}".repeat(8) + &"{% endfor %}".repeat(8);
    let error = sql(&deep, &effective, Dialect::Embedded).unwrap_err();
    assert!(matches!(&error, CompileError::Template { line: Some(1), reason, .. } if reason == "it does too much work"), "{error:?}");
}

#[test]
fn f6_a_malformed_filter_fails_the_tile() {
    let error = sql("{{ filter('region', 'x') }}", &region(json!({"kind": "IS"})), Dialect::Embedded).unwrap_err();
    assert!(matches!(&error, CompileError::Filter { key, .. } if key.as_str() == "region"), "{error:?}");
}

#[test]
fn q5_b12_the_words_of_a_servers_clock_are_the_runs_instant() {
    for (template, expected) in [
        ("select now()", "select $1::timestamptz"),
        ("select NOW ( ) - now()", "select $1::timestamptz - $1::timestamptz"),
        ("select \"now\"(), pg_catalog.now(), \"pg_catalog\".\"now\"()", "select $1::timestamptz, $1::timestamptz, $1::timestamptz"),
        (
            "select clock_timestamp(), transaction_timestamp(), statement_timestamp()",
            "select $1::timestamptz, $1::timestamptz, $1::timestamptz",
        ),
        ("select current_date, current_timestamp(3), localtimestamp", "select $1::date, $2::timestamptz, $2::timestamptz::timestamp"),
        ("select current_time, localtime(0)", "select $1::timestamptz::timetz, $1::timestamptz::time"),
        ("select timeofday()", "select to_char($1::timestamptz, 'Dy Mon DD HH24:MI:SS.US YYYY TZ')"),
        ("select age(born), age(a, b), age(f(x, y))", "select age($1::date, born), age(a, b), age($1::date, f(x, y))"),
        (
            "select 'today'::date, date 'Yesterday', timestamptz 'now'",
            "select $1::date::date, ($1::date - 1)::date, $2::timestamptz::timestamptz",
        ),
        (
            "select cast('tomorrow' as timestamp), ' now '::timestamp",
            "select cast(($1::date + 1) as timestamp), $2::timestamptz::timestamp",
        ),
        ("select 'now()', t.now, \"current_date\", x as now -- now()", "select 'now()', t.now, \"current_date\", x as now -- now()"),
        (
            "select 'today' as word, now from t where kind in ('today', 'now')",
            "select 'today' as word, now from t where kind in ('today', 'now')",
        ),
        ("where {{ filter('region', 'r') }} and d < current_date", "where ((r) = $1) and d < $2::date"),
        ("where {{ filter('region', 'age(now(), r)::text') }}", "where ((age($1::timestamptz, r)::text) = $2)"),
        ("select 'é', $$now()$$, now()", "select 'é', $$now()$$, $1::timestamptz"),
    ] {
        let query = sql(template, &region(json!(["US"])), Dialect::Postgres).unwrap();
        assert_eq!(query.sql, expected);
        let embedded = sql(template, &region(json!(["US"])), Dialect::Embedded);
        assert!(
            embedded.is_ok_and(|query| query.params.len() == usize::from(template.contains("filter"))),
            "the engine's clock is set, not replaced"
        );
    }
}

#[test]
fn a1_jsonb_operators_are_operators_of_postgres_and_an_error_asks_for_everything() {
    let template = "select 1 from t where tags ? 'x' and tags ?| array['a'] and tags ?& array['b'] and {{ user_attribute('region', 'r') }}";
    let none = EffectiveFilters::default();
    assert_eq!(references(&tile(template), &none, Dialect::Postgres).unwrap().attributes, ["region".to_owned()].into());
    let query = sql(template, &none, Dialect::Postgres).unwrap();
    assert!(query.sql.contains("tags ? 'x'") && query.sql.ends_with("((r) = any($1))"), "{}", query.sql);
    // Where the sign is a placeholder the tile fails, and so does the question what it asks for.
    assert!(references(&tile(template), &none, Dialect::Embedded).is_err() && sql(template, &none, Dialect::Embedded).is_err());
}

#[test]
fn a1_what_is_asked_for_is_what_is_written() {
    let all = filters([
        ("a", FilterKind::String, json!(["1"])),
        ("b", FilterKind::Number, json!([2])),
        ("c", FilterKind::Date, json!(["today"])),
    ]);
    for template in [
        "select 1 where {{ filter('a', 'x') }} -- {{ filter('b', 'x') }}",
        "select 1 where {{ filter('a', \"case when \" ~ filter('b', 'y') ~ \" then z end\") }}",
        "{% if filter('a', 'x') == '(true)' %}{{ filter('b', 'x') }}{% else %}{{ filter('c', 'x') }}{% endif %}",
        "select {% for k in ['a', 'c'] %}{{ filter(k, 'x') }}, {% endfor %} 1",
        "select '{{ filter('a', 'x') }}', \"{{ filter('b', 'x') }}\", {{ filter('c', 'x') }}",
    ] {
        for dialect in Dialect::OF_THEIR_OWN {
            let asked = references(&tile(template), &all, dialect).unwrap();
            let query = sql(template, &all, dialect).unwrap();
            let bound = |wanted: &dyn Fn(&Param) -> bool| query.params.iter().any(wanted);
            assert_eq!(
                asked.filters.contains("a"),
                bound(&|p| matches!(p, Param::Text(_)) || *p == Param::Texts(vec!["1".to_owned()])),
                "{template}"
            );
            assert_eq!(
                asked.filters.contains("b"),
                bound(&|p| *p == Param::Integer(2) || *p == Param::Texts(vec!["2".to_owned()])),
                "{template}"
            );
            assert_eq!(asked.filters.contains("c"), bound(&|p| matches!(p, Param::Instant(_))), "{template} {:?}", query.params);
        }
    }
}

#[test]
fn b18_a_semicolon_at_the_end_goes_and_places_find_their_way_back() {
    for (template, expected) in [
        ("select 1; -- note", "select 1 -- note"),
        ("select 1 ;; /* a */ -- b\n", "select 1  /* a */ -- b"),
        ("select ';' -- ;", "select ';' -- ;"),
    ] {
        assert_eq!(sql(template, &region(json!([])), Dialect::Postgres).unwrap().sql, expected);
    }
    let template = "select now(),\n  x\nfrom t\nwhere {{ filter('region', 'r') }}\n  and wrong;";
    let (tile, filters) = (tile(template), region(json!(["US", "CA"])));
    for dialect in Dialect::OF_THEIR_OWN {
        let query = sql(template, &filters, dialect).unwrap();
        for (word, place) in [("x\n", (2, 3)), ("wrong", (5, 7)), ("(r)", (4, 7))] {
            let at = query.sql.find(word).unwrap() + 1;
            assert_eq!(place_in_tile(&tile, &filters, &identity(&[]), &new_york(), dialect, at), Some(place), "{word}");
        }
    }
}

#[test]
fn q8_equal_queries_have_equal_keys() {
    let base = sql("select 1 where {{ filter('region', 'r') }}", &region(json!(["US"])), Dialect::Embedded).unwrap();
    let same = sql("select 1 where {{ filter('region', 'r') }}", &region(json!({"kind": "EQ", "left_side": "US"})), Dialect::Embedded);
    assert_eq!(base.key(), same.unwrap().key());
    let mut others = vec![base.clone(); 5];
    others[0].limit += 1;
    others[1].params = vec![Param::Text("CA".to_owned())];
    others[2].zone = "UTC".to_owned();
    others[3].at = clock("2026-11-24T14:00:01Z", "UTC").at;
    others[4].dialect = Dialect::Postgres;
    for other in others {
        assert_ne!(base.key(), other.key(), "{other:?}");
    }
    let wire = serde_json::to_string(&base).unwrap();
    assert_eq!(serde_json::from_str::<CompiledQuery>(&wire).unwrap(), base);
}

#[test]
fn p3_filters_may_ask_for_attributes_too() {
    let effective = region(json!({"type": "composite", "filters": [{"type": "user_attribute", "user_attribute_name": "team"}]}));
    let asked = |sql: &str| references(&tile(sql), &effective, Dialect::Postgres).unwrap().attributes;
    assert_eq!(asked("{{ filter('region', 'r') }}"), ["team".to_owned()].into());
    assert_eq!(asked("-- {{ filter('region', 'r') }}"), std::collections::BTreeSet::new(), "a filter in a comment asks for nothing");
}
