use pressrun_domain::catalog::{ControlOption, FilterKind};
use serde_json::{Value, json};

use super::*;

fn dashboard() -> Dashboard {
    let filter = |kind, default: Option<Value>, hidden| FilterDefinition {
        label: "L".into(),
        kind,
        default,
        hidden,
        options: std::iter::empty().collect(),
    };
    let option = |value: &str| (value.to_owned(), ControlOption { label: value.to_uppercase(), sql: "1".to_owned() });
    let mut metric = filter(FilterKind::Control, Some(json!(["revenue"])), false);
    metric.options = [option("revenue"), option("orders")].into_iter().collect();
    let filters = [
        ("region", filter(FilterKind::String, None, false)),
        ("day", filter(FilterKind::Date, Some(json!({ "kind": "TIME_FOR_UNIT_DURATION", "left_side": "this month" })), false)),
        ("secret", filter(FilterKind::String, None, true)),
        ("amount", filter(FilterKind::Number, None, false)),
        ("open", filter(FilterKind::Boolean, None, false)),
        ("metric", metric),
    ];
    Dashboard {
        description: None,
        connection: "c".into(),
        timezone: None,
        fiscal_start: None,
        filters: filters.into_iter().map(|(key, filter)| (key.into(), filter)).collect(),
        pages: Vec::new(),
        tiles: std::iter::empty::<(pressrun_domain::id::TileKey, pressrun_domain::catalog::Tile)>().collect(),
    }
}

fn after(json: &str, sent: &[(&str, &str)]) -> Result<Value, String> {
    let dashboard = dashboard();
    let mut filters = read(Some(json), &dashboard).unwrap();
    let sent: Vec<(String, String)> = sent.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    apply(&mut filters, &dashboard, &sent, false)?;
    Ok(serde_json::to_value(&filters).unwrap())
}

fn shown(key: &str, expression: &Value) -> Field {
    let filters = FilterConfig::from_iter([(key.into(), expression.clone())]);
    fields(&dashboard(), &filters, false).into_iter().find(|field| field.key == key).unwrap()
}

fn state(field: &Field) -> (String, Vec<String>) {
    let chosen = field.choices.iter().find(|choice| choice.chosen).map(|choice| choice.value.clone()).unwrap_or_default();
    (chosen, field.inputs.iter().map(|input| input.value.clone()).collect())
}

#[test]
fn f11_only_visible_filters_are_in_the_form_and_can_be_set_by_it() {
    let keys: Vec<String> = fields(&dashboard(), &FilterConfig::default(), false).into_iter().map(|field| field.key).collect();
    assert_eq!(keys, ["region", "day", "amount", "open", "metric"]);
    assert_eq!(after("{}", &[("how.secret", "is"), ("a.secret", "x"), ("how.nope", "is"), ("a.nope", "x")]), Ok(json!({})));
}

#[test]
fn f11_whoever_sees_hidden_filters_by_the_api_finds_and_sets_them_in_the_form() {
    let labels: Vec<String> = fields(&dashboard(), &FilterConfig::default(), true).into_iter().map(|field| field.label).collect();
    assert_eq!(labels.iter().filter(|label| label.ends_with(" (hidden)")).count(), 1, "{labels:?}");
    let (mut filters, dashboard) = (FilterConfig::default(), dashboard());
    let sent = [("how.secret", "is"), ("a.secret", "x")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(apply(&mut filters, &dashboard, &sent, true), Ok(true));
    assert_eq!(filters.keys().map(FilterKey::as_str).collect::<Vec<_>>(), ["secret"]);
}

#[test]
fn every_choice_of_every_kind_makes_an_expression_that_is_shown_as_that_choice_again() {
    for (key, kind, a, b) in [
        ("region", FilterKind::String, "US, EU", ""),
        ("amount", FilterKind::Number, "1.50", "20"),
        ("day", FilterKind::Date, "2025-01-01", "2025-01-31"),
        ("open", FilterKind::Boolean, "", ""),
    ] {
        for (how, _) in choices(kind) {
            let (sent_how, sent_a, sent_b) = (format!("how.{key}"), format!("a.{key}"), format!("b.{key}"));
            let sent = [(sent_how.as_str(), how), (sent_a.as_str(), a), (sent_b.as_str(), b)];
            let made = after("{}", &sent).unwrap();
            let Some(expression) = made.get(key) else {
                assert!(how == Said::ANY || (key, how) == ("day", "this-month"), "{key} {how}: {made}");
                continue;
            };
            let (chosen, _) = state(&shown(key, expression));
            assert_eq!(chosen, how, "{key}: {expression}");
            assert_ne!(words(expression), "", "{key} {how}");
            // Sent back as it is shown, nothing changes.
            let again: Vec<(String, String)> = {
                let field = shown(key, expression);
                let inputs = field.inputs.iter().map(|input| (format!("{}.{key}", input.name), input.value.clone()));
                std::iter::once((format!("how.{key}"), chosen)).chain(inputs).collect()
            };
            let again: Vec<(&str, &str)> = again.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            assert_eq!(after(&made.to_string(), &again), Ok(made), "{key} {how}");
        }
    }
}

#[test]
fn f9_a_control_is_chosen_from_its_options() {
    let said = |expression: &Value| {
        let choices = shown("metric", expression).choices.into_iter();
        choices.map(|choice| if choice.chosen { format!("[{}]", choice.label) } else { choice.label }).collect::<Vec<_>>()
    };
    for expression in [json!([]), json!("revenue"), json!({ "kind": "EQ", "left_side": "revenue" })] {
        assert_eq!(said(&expression), ["[REVENUE]", "ORDERS"], "{expression}");
    }
    assert_eq!(said(&json!({ "kind": "EQUALS", "values": ["orders"] })), ["REVENUE", "[ORDERS]"]);
    for (json, how, expected) in [
        ("{}", "orders", json!({ "metric": ["orders"] })),
        ("{}", "revenue", json!({})),
        (r#"{"metric": "orders"}"#, "orders", json!({ "metric": "orders" })),
        (r#"{"metric": ["orders"]}"#, "revenue", json!({})),
    ] {
        assert_eq!(after(json, &[("how.metric", how)]), Ok(expected), "{json} {how}");
    }
    assert_eq!(after("{}", &[("how.metric", "1; drop")]), Err("L: “1; drop” is none of the choices.".to_owned()));
}

#[test]
fn what_the_form_says_replaces_that_filter_only() {
    for (case, json, sent, expected) in [
        (
            "texts",
            r#"{"secret": "x"}"#,
            vec![("how.region", "is"), ("a.region", " US , EU,")],
            json!({ "secret": "x", "region": { "type": "string", "kind": "EQUALS", "values": ["US", "EU"] } }),
        ),
        ("as it was", r#"{"region": ["US"]}"#, vec![("how.region", "is"), ("a.region", "US")], json!({ "region": ["US"] })),
        ("anything", r#"{"region": ["US"]}"#, vec![("how.region", "any"), ("a.region", "US")], json!({})),
        ("anything over a default", "{}", vec![("how.day", "any")], json!({ "day": [] })),
        ("back to the default", r#"{"day": []}"#, vec![("how.day", "default")], json!({})),
        (
            "left as it is",
            r#"{"region": {"type": "composite", "filters": []}}"#,
            vec![("how.region", "keep"), ("a.region", "ignored")],
            json!({ "region": { "type": "composite", "filters": [] } }),
        ),
        (
            "digits stay as typed",
            "{}",
            vec![("how.amount", "at-least"), ("a.amount", "0.10")],
            json!({ "amount": { "type": "number", "kind": "GREATER_THAN", "values": ["0.10"], "is_inclusive": true } }),
        ),
    ] {
        assert_eq!(after(json, &sent), Ok(expected), "{case}");
    }
}

#[test]
fn a_value_that_is_missing_or_wrong_is_told_with_the_name_of_its_filter() {
    for (sent, expected) in [
        (vec![("how.amount", "less"), ("a.amount", "ten")], "L: “ten” is no number; write digits such as 12.5."),
        (vec![("how.amount", "between"), ("a.amount", "1")], "L: “” is no number; write digits such as 12.5."),
        (vec![("how.amount", "less"), ("a.amount", "1e999")], "L: “1e999” is no number; write digits such as 12.5."),
        (vec![("how.day", "since"), ("a.day", "2025-99-99")], "L: choose a day, written as 2025-01-31."),
        (vec![("how.day", "between"), ("a.day", "2025-01-01")], "L: choose a day, written as 2025-01-31."),
        (vec![("how.region", "<script>")], "L: “<script>” is none of the choices."),
        (vec![("how.open", "is")], "L: “is” is none of the choices."),
    ] {
        assert_eq!(after("{}", &sent), Err(expected.to_owned()));
    }
}

#[test]
fn f4_every_published_shape_is_shown_in_the_form_or_kept_in_words() {
    for (key, expression, how, in_words) in [
        ("region", json!(["US", "EU"]), "is", "is US, EU"),
        ("region", json!("US"), "is", "is US"),
        ("region", json!({ "kind": "EQ", "left_side": "US", "type": "string" }), "is", "is US"),
        ("region", json!({ "kind": "EQUALS", "values": ["US"], "is_negative": true }), "is-not", "is not US"),
        ("region", json!({ "kind": "CONTAINS", "values": ["a"], "is_negative": true }), "has-not", "not contains a"),
        ("region", json!({ "kind": "SQL_LIKE", "values": ["a%"] }), "keep", "matches a%"),
        ("region", json!({ "kind": "EQUALS", "values": ["us"], "case_insensitive": true }), "keep", "is us"),
        ("region", json!(["a, b"]), "keep", "is a, b"),
        ("region", json!([null]), "keep", "is (none)"),
        ("region", json!({ "type": "null", "is_negative": true }), "keep", "is not empty"),
        ("region", json!({ "type": "user_attribute", "user_attribute_name": "region" }), "keep", "is the reader’s “region”"),
        (
            "region",
            json!({ "type": "composite", "conjunction": "AND", "filters": [
                { "type": "composite", "conjunction": "OR", "filters": [["US"], { "kind": "STARTS_WITH", "values": ["E"] }] },
                { "kind": "IS_EMPTY", "is_negative": true },
            ]}),
            "keep",
            "(is US or starts with E) and is not empty",
        ),
        ("amount", json!([1, "2.5"]), "is", "is 1, 2.5"),
        ("amount", json!({ "kind": "BETWEEN", "values": [1, 5], "is_inclusive": false }), "keep", "is between 1 and 5, without them"),
        ("amount", json!({ "kind": "LESS_THAN", "values": [5], "is_inclusive": true }), "at-most", "is at most 5"),
        ("day", json!(["last month"]), "last-month", "is last month"),
        (
            "day",
            json!({ "kind": "TIME_FOR_INTERVAL_DURATION", "left_side": "6 months ago", "right_side": "6 months", "ui_type": "PAST" }),
            "6m",
            "is in the last 6 months",
        ),
        (
            "day",
            json!({ "kind": "TIME_FOR_INTERVAL_DURATION", "left_side": "12 complete months ago", "right_side": "12 months" }),
            "12m",
            "is in the last 12 months",
        ),
        ("day", json!({ "kind": "TIME_FOR_UNIT_DURATION", "left_side": "2012 Q3" }), "keep", "is 2012 Q3"),
        ("day", json!({ "kind": "IS_ON_DAY_OF_WEEK", "values": [1] }), "keep", "is on day of week 1"),
        ("day", json!({ "kind": "BEFORE", "left_side": "2025-02-01" }), "before", "is before 2025-02-01"),
        ("day", json!({ "kind": "ON_OR_AFTER", "left_side": "6 months ago" }), "keep", "is on or after 6 months ago"),
        ("open", json!({ "type": "boolean" }), "yes", "is yes"),
        ("open", json!({ "type": "boolean", "is_negative": null }), "any", "is anything"),
        ("open", json!([true, null]), "keep", "is yes, (none)"),
        ("open", json!(null), "keep", "is not understood"),
    ] {
        assert_eq!(state(&shown(key, &expression)).0, how, "{expression}");
        assert_eq!(words(&expression), in_words, "{expression}");
    }
}

#[test]
fn endless_nesting_is_cut_not_followed() {
    let mut expression = json!(["US"]);
    for _ in 0..100 {
        expression = json!({ "type": "composite", "filters": [expression, ["EU"]] });
    }
    assert!(words(&expression).contains('…'));
}
