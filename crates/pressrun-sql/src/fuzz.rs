//! No filter object and no template breaks the compiler, and nothing of either gets into SQL but through a parameter.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;

use pressrun_domain::catalog::{ControlOption, FilterKind, QueryTile};
use pressrun_domain::id::FilterKey;
use pressrun_testkit::{fuzz, outline};
use serde_json::{Value, json};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};

use crate::filter::{parse, resolve, summary};
use crate::template::references;
use crate::testing::{clock, definition, filters, identity, tile};
use crate::{CompiledQuery, Dialect, EffectiveFilters, QueryClock, check_tile, compile, place_in_tile, unapplied};

const KINDS: [FilterKind; 4] = [FilterKind::String, FilterKind::Number, FilterKind::Date, FilterKind::Boolean];

/// Texts that our own predicates put in quotes; no other may appear in SQL.
const QUOTED: [&str; 15] = [
    "",
    "<",
    "<=",
    ">",
    ">=",
    "NaN",
    "quarter",
    "day_of_week",
    "day_of_month",
    "day_of_quarter",
    "day_of_year",
    "month",
    "week",
    "hour",
    "year",
];

fn clocks() -> [QueryClock; 3] {
    [
        clock("2026-11-01T05:30:00Z", "America/New_York").fiscal(4),
        clock("2026-03-28T22:00:00.5Z", "Asia/Beirut").fiscal(12),
        clock("9999-12-30T00:00:00Z", "Pacific/Apia"),
    ]
}

/// Placeholders are numbered from 1 without a gap, and there is a value for each.
fn holds_its_values(query: &CompiledQuery) -> Vec<Token> {
    let tokens = Tokenizer::new(query.dialect.rules().lexer(), &query.sql).tokenize().expect("SQL that was read before");
    let mut numbers = BTreeSet::new();
    for token in &tokens {
        if let Token::Placeholder(name) = token {
            numbers.insert(name.strip_prefix('$').and_then(|number| number.parse::<usize>().ok()).expect("a numbered placeholder"));
        }
    }
    assert!(numbers.into_iter().eq(1..=query.params.len()), "{} {:?}", query.sql, query.params);
    tokens
}

#[test]
fn fuzz_filters() {
    let judge = |text: &str| {
        let Ok(expression) = serde_json::from_str::<Value>(text) else { return "no JSON".to_owned() };
        let mut outcome = String::new();
        for kind in KINDS {
            for clock in clocks() {
                let said = summary(&definition(kind), Some(&expression), &clock, &identity(&[("region", &["US"])]));
                assert!(!said.is_empty());
                let parsed = match parse(kind, &expression) {
                    Ok(parsed) => parsed,
                    Err(error) => {
                        assert!(!error.problem.is_empty() && !error.hint.is_empty() && error.to_string().len() < 1_000, "{error:?}");
                        outcome.push_str(&outline(&error.problem));
                        break;
                    }
                };
                assert_eq!(said.contains("not understood"), resolve(&parsed, &clock.resolve().unwrap(), &identity(&[])).is_err(), "{said}");
                for dialect in Dialect::OF_THEIR_OWN {
                    let effective = filters([("f", kind, expression.clone())]);
                    let template = "select 1 where {{ filter('f', 'c') }}";
                    let Ok(query) = compile(&tile(template), &effective, &identity(&[]), &clock, dialect) else {
                        outcome.push_str("unresolved ");
                        continue;
                    };
                    for token in holds_its_values(&query) {
                        if let Token::SingleQuotedString(quoted) = token {
                            assert!(QUOTED.contains(&quoted.as_str()), "{quoted:?} in {}", query.sql);
                        }
                    }
                    let statements =
                        Parser::parse_sql(dialect.rules().lexer(), &query.sql).unwrap_or_else(|error| panic!("{error}: {}", query.sql));
                    assert_eq!(statements.len(), 1);
                    outcome.push_str(&outline(&query.sql));
                }
            }
        }
        outcome
    };
    let seeds: Vec<String> = [
        json!({"kind": "EQ", "left_side": "US", "type": "string"}),
        json!(["active", "pending", null]),
        json!({"type": "string", "kind": "SQL_LIKE", "values": ["50\\%_a%"], "is_negative": true, "case_insensitive": true}),
        json!({"type": "number", "kind": "BETWEEN", "values": [10, "20.50"], "is_inclusive": true}),
        json!({"type": "date", "kind": "TIME_FOR_INTERVAL_DURATION", "left_side": "6 months ago", "right_side": "6 months", "isFiscal": true}),
        json!({"type": "date", "kind": "QUERY_OFFSET", "left_side": "last complete quarter", "offset_interval_string": "-1 year"}),
        json!({"type": "date", "kind": "IS_IN_QUARTER_OF_YEAR", "values": ["Q3", 1], "isFiscal": true}),
        json!({"type": "date", "kind": "WITHIN_RANGE", "left_side": "2012 Q3", "right_side": "FY2012"}),
        json!({"type": "boolean", "is_negative": true, "treat_nulls_as_false": true}),
        json!({"type": "composite", "conjunction": "OR", "filters": [["a"], {"type": "null"}, {"type": "user_attribute", "user_attribute_name": "region"}]}),
    ]
    .iter()
    .map(ToString::to_string)
    .collect();
    let seeds: Vec<&str> = seeds.iter().map(String::as_str).collect();
    let words = [
        "\"type\":",
        "\"kind\":",
        "\"values\":[",
        "]",
        "null,",
        "true",
        "\"left_side\":\"",
        "\"right_side\":\"",
        " ago",
        "complete ",
        "this ",
        "last ",
        "next ",
        "fiscal ",
        "FY",
        " Q4",
        "9999-12-31",
        "-09-30",
        " 23:59:60",
        "T00:00:00Z",
        "+14:00",
        " weeks",
        " quarters",
        "seconds",
        "\"BETWEEN\"",
        "\"ON_OR_AFTER\"",
        "\"IS_AT_HOUR_OF_DAY\"",
        "\"IS_EMPTY\"",
        "{\"type\":\"composite\",\"filters\":[",
        "}",
        "' or 1=1 --",
        "$1",
        "%",
        "\\\\",
    ];
    assert!(fuzz("filters", &seeds, &words, judge) > 0);
}

/// A dashboard with filters and a control, all of them set.
fn dashboard() -> EffectiveFilters {
    let mut metric = definition(FilterKind::Control);
    metric.options = [("n".to_owned(), ControlOption { label: "N".to_owned(), sql: "count(*)".to_owned() })].into_iter().collect();
    metric.default = Some(json!(["n"]));
    let definitions = [("region", definition(FilterKind::String)), ("day", definition(FilterKind::Date)), ("metric", metric)];
    let overrides = [("region", json!(["US", "Ωx' or '1'='1"])), ("day", json!("this month"))];
    EffectiveFilters::new(
        &definitions.into_iter().map(|(key, definition)| (FilterKey::from(key), definition)).collect(),
        &overrides.into_iter().map(|(key, value)| (FilterKey::from(key), value)).collect(),
    )
    .unwrap()
}

#[test]
fn fuzz_templates() {
    let effective = dashboard();
    let judge = |text: &str| {
        let tile: QueryTile = tile(text);
        let mut outcome = String::new();
        for dialect in Dialect::OF_THEIR_OWN {
            match compile(&tile, &effective, &identity(&[("region", &["US"])]), &clocks()[0], dialect) {
                Ok(query) => {
                    holds_its_values(&query);
                    let asked = references(&tile, &effective, dialect).unwrap_or_else(|error| panic!("compiled, but {error}: {text}"));
                    outcome.push_str(&outline(&format!("{asked:?}")));
                    // Every place has one in the author's text or none, but never one outside of it.
                    for at in [1, query.sql.chars().count() / 2, query.sql.chars().count()] {
                        if let Some((line, _)) =
                            place_in_tile(&tile, &effective, &identity(&[("region", &["US"])]), &clocks()[0], dialect, at)
                        {
                            assert!(line <= text.split('\n').count(), "{text}");
                        }
                    }
                    assert!(!query.sql.contains('Ω'), "a value in the SQL: {}", query.sql);
                    if dialect == Dialect::Embedded {
                        outcome.push_str(
                            &crate::screen(&query.sql, dialect).map_or_else(|error| outline(&error.to_string()), |_| String::new()),
                        );
                    }
                    outcome.push_str(&outline(&query.sql));
                }
                Err(error) => {
                    assert!(error.to_string().len() < 2_000, "{error}");
                    outcome.push_str(&outline(&error.to_string()));
                }
            }
        }
        let _ = unapplied(&tile, &effective, Dialect::Embedded);
        let found = check_tile(&tile, &effective, &clocks()[0], Dialect::Postgres);
        assert!(found.findings.iter().all(|finding| !finding.message.is_empty() && !finding.hint.is_empty()), "{found:?}");
        outcome
    };
    let seeds = [
        "select region, {{ control('metric') }} from t where {{ filter('region', 'o.region') }} and {{ filter(['day', 'region'], 'd') }} group by 1",
        "select '{{ filter('region', 'x') }}' -- {{ filter('day', 'x') }}\nfrom t /* {{ user_attribute('u', 'x') }} */",
        "select now(), current_date, current_timestamp(3) from t where {{ user_attribute('region', 'r') }} limit 10",
        "with a as (select $$x$$ as y) select case when y = E'\\n' then 1 else 2 end from a union all select 3 {# note #}",
        "{% if true %}select 1{% else %}select 2{% endif %}",
    ];
    let words = [
        "{{ ",
        " }}",
        "{% ",
        " %}",
        "{#",
        "#}",
        "filter(",
        "'region', ",
        "'day'",
        "control('metric')",
        "user_attribute('region', 'r')",
        "for a in 'bb'",
        "endfor",
        "set x = 1",
        "range(9)",
        "|upper",
        "$1",
        "$pressrun_1",
        "$pressrun_99",
        "--",
        "/*",
        "*/",
        "'",
        "''",
        "\"",
        "$$",
        "$a$",
        "e'\\'",
        "now()",
        "current_date",
        ";",
        "drop table t",
        "copy t to 'x'",
        "((((",
        "))))",
        " + ",
        " not ",
        " pivot (",
        "select ",
        "from ",
        "where ",
        "\u{0}",
        "{{ '{{' }}",
        "macro m()",
    ];
    assert!(fuzz("templates", &seeds, &words, judge) > 0);
}
