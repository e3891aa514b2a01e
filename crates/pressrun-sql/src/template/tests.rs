#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use pressrun_domain::catalog::{ControlOption, FilterKind, FilterMapping, Scalar};
use serde_json::json;

use super::*;
use crate::compile::{CompiledQuery, compile};
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
    assert_eq!(query.sql, "select 1 where ((region) in ($1, $2, $3, $4, $5))");
    assert_eq!(query.params, hostile.map(|text| Param::Text(text.to_owned())));
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
    assert_eq!(query.sql, "((x) = $1) and ((y) = $2)");
    assert_eq!(query.params, ["US", "CA"].map(|text| Param::Text(text.to_owned())));
    assert!(effective.get("b").unwrap().overridden && !effective.get("a").unwrap().overridden);
    let orphaned = [(FilterKey::from("B"), json!(["CA"]))].into_iter().collect();
    assert_eq!(EffectiveFilters::new(&definitions, &orphaned).unwrap_err().unknown, [FilterKey::from("B")]);
}

#[test]
fn f8_filters_on_one_expression_are_joined_by_or() {
    let both = |a, b| filters([("a", FilterKind::String, a), ("b", FilterKind::String, b)]);
    for (a, b, expected) in [
        (json!(["x"]), json!(["y"]), "(((c) = $1 or (c) = $2))"),
        (json!([]), json!(["y"]), "((c) = $1)"),
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
    assert_eq!(query.sql, "select 1 where ((r) in ($1, $2)) and (cast(null as boolean))");
    let mut numbers = identity(&[]);
    numbers.attributes.insert("tier".to_owned(), vec![Scalar::Number(1.into()), Scalar::Number(10.into())]);
    let query = compile(&tile(template), &EffectiveFilters::default(), &numbers, &new_york(), Dialect::Postgres).unwrap();
    assert_eq!(query.sql, "select 1 where (cast(null as boolean)) and ((t) in ($1::bigint, $2::bigint))");
    assert_eq!(query.params, [Param::Integer(1), Param::Integer(10)]);
}

#[test]
fn f7_calls_in_comments_and_texts_count_for_nothing() {
    let template = "select '{{ filter('a', 'x') }}' -- and {{ filter('b', 'x') }}\n/* {{ user_attribute('u', 'x') }} */ \
                    from t where {{ filter(['c', 'd'], 'x') }} and {{ user_attribute('v', 'x') }} {# {{ filter('e', 'x') }} #}";
    let found = references(template).unwrap();
    assert_eq!(found.filters, ["c", "d"].map(FilterKey::from).into());
    assert_eq!(found.attributes, ["v".to_owned()].into());
    let all = filters(["a", "b", "c", "d", "e"].map(|key| (key, FilterKind::String, json!(["1"]))));
    assert_eq!(unapplied(&tile(template), &all).unwrap(), ["a", "b", "e"].map(FilterKey::from).into());
    let query = sql(template, &all, Dialect::Embedded).unwrap();
    assert_eq!(query.params.len(), 2, "{}", query.sql);
}

#[test]
fn f7_a_tile_maps_a_filter_to_its_own_column_or_leaves_it_out() {
    let mut tile = tile("select 1 where {{ filter(['a', 'b', 'c'], 'x') }} and {{ filter('a', 'y') }}");
    tile.filters = [("a".into(), FilterMapping::Off), ("b".into(), FilterMapping::To("o.shipped".to_owned()))].into_iter().collect();
    let all = filters(["a", "b", "c", "d"].map(|key| (key, FilterKind::String, json!([key]))));
    let query = compile(&tile, &all, &identity(&[]), &new_york(), Dialect::Embedded).unwrap();
    assert_eq!(query.sql, "select 1 where (((o.shipped) = $1) or ((x) = $2)) and (true)");
    assert_eq!(query.params, ["b", "c"].map(|text| Param::Text(text.to_owned())));
    assert_eq!(unapplied(&tile, &all).unwrap(), ["d"].map(FilterKey::from).into(), "left out on purpose is not forgotten");
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
    let (effective, found) = (with(json!("orders")), references(template).unwrap());
    assert_eq!(found.filters, ["region"].map(FilterKey::from).into());
    assert!(unapplied(&tile("select 1"), &effective).unwrap().iter().all(|key| key.as_str() == "region"), "a control filters nothing");
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
    assert_eq!(
        sql(&deep, &effective, Dialect::Embedded).unwrap_err(),
        CompileError::Template { line: Some(1), reason: "it does too much work".to_owned() }
    );
}

#[test]
fn f6_a_malformed_filter_fails_the_tile() {
    let error = sql("{{ filter('region', 'x') }}", &region(json!({"kind": "IS"})), Dialect::Embedded).unwrap_err();
    assert!(matches!(&error, CompileError::Filter { key, .. } if key.as_str() == "region"), "{error:?}");
}

#[test]
fn q5_the_words_of_a_servers_clock_are_the_runs_instant() {
    for (template, expected) in [
        ("select now()", "select $1::timestamptz"),
        ("select NOW ( ) - now()", "select $1::timestamptz - $1::timestamptz"),
        ("select current_date, current_timestamp(3), localtimestamp", "select $1::date, $2::timestamptz, $2::timestamptz::timestamp"),
        ("select 'now()', t.now, \"current_date\", x as now -- now()", "select 'now()', t.now, \"current_date\", x as now -- now()"),
        ("where {{ filter('region', 'r') }} and d < current_date", "where ((r) = $1) and d < $2::date"),
        ("select 'é', $$now()$$, now()", "select 'é', $$now()$$, $1::timestamptz"),
    ] {
        let query = sql(template, &region(json!(["US"])), Dialect::Postgres).unwrap();
        assert_eq!(query.sql, expected);
        let embedded = sql(template, &region(json!(["US"])), Dialect::Embedded).unwrap();
        assert_eq!(embedded.params.len(), usize::from(template.contains("filter")), "the engine's clock is set, not replaced");
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
    let used = references("{{ filter('region', 'r') }}").unwrap().filters;
    assert_eq!(effective.attributes(&used), ["team".to_owned()].into());
}
