//! What `check` finds beyond loading.

use pressrun_domain::id::DocumentIdentifier;
use serde_json::{Value, json};

use super::{CONNECTIONS, DASHBOARD, good, write};
use crate::{LoadOptions, Severity, check_with};

/// What is said of the good catalog with this dashboard, each with its place, and whether it fails.
fn said(connections: &str, dashboard: &str) -> (bool, Vec<String>) {
    let dir = good();
    write(dir.path(), "connections.yaml", connections);
    write(dir.path(), "dashboards/orders.yaml", dashboard);
    let environment = |_: &str| None;
    let checked =
        check_with(dir.path(), LoadOptions { environment: &environment, require_secrets: false, judge: true, ..LoadOptions::default() });
    let words = checked.problems.iter().map(|problem| {
        let word = if problem.severity == Severity::Error { "error" } else { "warning" };
        format!("{word} {}", problem.to_string().replace("\nhint: ", " | ").replace("dashboards/orders.yaml:", ""))
    });
    (checked.fails(), words.collect())
}

fn of_sql(sql: &str) -> (bool, Vec<String>) {
    let block = "|\n      select region, 1 as n\n      from orders where {{ filter('region', 'region') }}";
    said(CONNECTIONS, &DASHBOARD.replace(block, sql).replace("    chart: { mark: bar, x: region, y: n }\n", ""))
}

const POSTGRES: &str = "connections: { warehouse: { kind: postgres, url: \"${URL}\" } }\n";

#[test]
fn a_good_catalog_passes() {
    assert_eq!(said(CONNECTIONS, DASHBOARD), (false, vec![]));
    assert_eq!(said(POSTGRES, DASHBOARD), (false, vec![]));
}

/// The list of C1, each at the author's line and column (B18).
#[test]
fn c1_b18_what_a_run_would_stumble_over_is_found_in_its_place() {
    for (sql, expected) in [
        ("selec 1", "error 7:10: the SQL does not parse: a query begins with SELECT or WITH, not with selec"),
        ("select $1", "error 7:17: the SQL contains the placeholder $1"),
        ("select 'abc", "error 7:17: the SQL cannot be read: Unterminated string literal"),
        ("select 1; drop table x", "error 7:10: a tile runs one SELECT and nothing else"),
        ("drop table x", "error 7:10: a tile runs one SELECT and nothing else"),
        ("|\n      select 1 as n\n      from orders\n      where n = = 2", "error 10:17: the SQL does not parse"),
        (
            "|\n      select 1 as n from orders\n      where {{ filter('region', 'region') }} and and n = 1",
            "error 9:54: the SQL does not parse",
        ),
        ("|\n      select 1 as n from orders\n      where {{ filter('region', 'region =') }}", "error 9:13: the SQL does not parse"),
    ] {
        let (fails, found) = of_sql(sql);
        assert!(fails && found.len() == 1 && found[0].starts_with(expected), "{sql}: {found:#?}");
    }
    for sql in
        ["select 1 as n; -- note", "|\n      select 1 as n;\n      -- note\n", "values (1), (2)", "(select 1 as n) union all select 2"]
    {
        assert_eq!(of_sql(sql), (false, vec![]), "{sql}");
    }
}

#[test]
fn c1_defaults_that_cannot_be_read_are_found() {
    for (filter, expected) in [
        ("{ type: string, default: { kind: BETWEEN, values: [1] } }", "\"BETWEEN\" is no kind of this type of filter"),
        ("{ type: date, default: { kind: BEFORE, left_side: six months ago } }", "left_side: \"six months ago\" is no date"),
        ("{ type: boolean, default: [maybe] }", "[0]: this is text"),
        ("{ type: date, default: 10/11/2026 }", "[0]: \"10/11/2026\" is no date | days and months are written in either order"),
        ("{ type: number, default: [ten] }", "[0]: \"ten\" is no number"),
    ] {
        let (fails, found) = said(CONNECTIONS, &DASHBOARD.replace("{ type: string, default: [US] }", filter));
        assert!(fails && found.len() == 1 && found[0].starts_with("error 4:") && found[0].contains(expected), "{filter}: {found:#?}");
    }
    for filter in [
        "{ type: date, default: last 90 days }",
        "{ type: number, default: \"> 5\" }",
        "{ type: boolean, default: [no] }",
        "{ type: string, default: US }",
    ] {
        assert_eq!(said(CONNECTIONS, &DASHBOARD.replace("{ type: string, default: [US] }", filter)), (false, vec![]), "{filter}");
    }
}

#[test]
fn c1_a_chart_of_a_column_that_does_not_come_is_found() {
    let (fails, found) = said(CONNECTIONS, &DASHBOARD.replace("y: n }", "y: m }"));
    assert!(
        fails
            && found[0].contains("the chart draws `m` as `y`, but the query has no such column")
            && found[0].contains("did you mean `n`?"),
        "{found:?}"
    );
    // What the text of the query does not say is left to `--connect`.
    let open = DASHBOARD.replace("select region, 1 as n", "select region, *").replace("y: n }", "y: m }");
    assert_eq!(said(CONNECTIONS, &open), (false, vec![]));
    let named = DASHBOARD.replace("    chart:", "    fields: { nn: { label: N } }\n    chart:");
    let (fails, found) = said(CONNECTIONS, &named);
    assert!(!fails && found[0].starts_with("warning ") && found[0].contains("`fields` names `nn`"), "{found:?}");
}

#[test]
fn b12_a_word_that_may_read_the_databases_clock_is_a_warning() {
    let sql = DASHBOARD.replace("from orders where", "from orders where day >= 'today' and");
    let (fails, found) = said(POSTGRES, &sql);
    assert!(!fails && found.len() == 1 && found[0].starts_with("warning 9:32: 'today' may read the database's clock"), "{found:#?}");
    assert_eq!(said(CONNECTIONS, &sql), (false, vec![]), "the embedded engine has no such word");
}

#[test]
fn c3_signs_of_the_template_in_sql_have_a_hint() {
    let (fails, found) = of_sql("\"select '{%' as n\"");
    assert!(fails && found.iter().any(|found| found.contains("`{{ '{%' }}`")), "{found:#?}");
    assert_eq!(of_sql("\"select '{{ '{%' }}' as n\""), (false, vec![]));
}

/// Whoever gets personal copies to colleagues is told whose failed.
#[test]
fn p4_a_query_over_the_viewers_rows_that_fails_by_what_they_hold_is_a_warning_in_its_place() {
    let sql = |condition: &str| format!("|\n      select cast(code as integer) as n\n      from orders where {condition}");
    for connections in [CONNECTIONS, POSTGRES] {
        let (fails, found) = of_sql(&sql("{{ user_attribute('region', 'region') }}"));
        let expected = "warning 8:19: `CAST(code AS INTEGER)` fails where `code` is a text that is no integer";
        assert!(!fails && found.len() == 1 && found[0].starts_with(expected), "{connections}: {found:#?}");
        assert_eq!(of_sql(&sql("true")), (false, vec![]), "everybody gets the same rows");
    }
}

#[test]
fn doubts_of_our_parser_are_warnings_where_the_database_has_the_last_word() {
    let sql = DASHBOARD.replace("select region, 1 as n", "select region, 1 as n, nonsense nonsense nonsense");
    let (fails, found) = said(POSTGRES, &sql);
    assert!(!fails && found[0].starts_with("warning ") && found[0].contains("check --connect"), "{found:#?}");
    let (fails, _) = said(CONNECTIONS, &sql);
    assert!(fails);
}

/// What a filter's default is, is for the filter's type to say.
#[test]
fn b9_defaults_are_kept_as_written() {
    let default = |filter: &str| -> Value {
        let dir = good();
        write(dir.path(), "dashboards/orders.yaml", DASHBOARD.replace("{ type: string, default: [US] }", filter));
        let checked = crate::check(dir.path());
        let documents = checked.catalog.unwrap().documents;
        documents[&DocumentIdentifier::from("12db1a0a")].dashboard.as_ref().unwrap().filters["region"].default.clone().unwrap()
    };
    for (filter, expected) in [
        (
            "{ type: string, default: [1.10, 12345678901234567890, 007, yes, True, \"a\"] }",
            json!(["1.10", "12345678901234567890", "007", "yes", "True", "a"]),
        ),
        (
            "{ type: string, default: { kind: EQUALS, values: [1.10], is_negative: true, case_insensitive: false } }",
            json!({"kind": "EQUALS", "values": ["1.10"], "is_negative": true, "case_insensitive": false}),
        ),
        ("{ type: string, default: [null, x] }", json!([null, "x"])),
        ("{ type: string, default: { type: number, values: [1.10, 5] } }", json!({"type": "number", "values": ["1.10", 5]})),
        (
            "{ type: string, default: { type: composite, filters: [[1.10], { type: null }] } }",
            json!({"type": "composite", "filters": [["1.10"], {"type": "null"}]}),
        ),
        ("{ type: number, default: [10, 1.10, 12345678901234567890.5, -3] }", json!([10, "1.10", "12345678901234567890.5", -3])),
        ("{ type: date, default: [2026, 2026-10] }", json!(["2026", "2026-10"])),
        ("{ type: boolean, default: [false, no] }", json!([false, "no"])),
        ("{ type: number, default: 5 }", json!([5])),
        ("{ type: date, default: last 90 days }", json!(["last 90 days"])),
    ] {
        assert_eq!(default(filter), expected, "{filter}");
    }
}

/// Every example of `docs/connections` that begins with `connections:` is one that a catalog can have.
#[test]
fn examples_of_the_documentation_pass_a_check() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/connections");
    let mut found = 0;
    for page in std::fs::read_dir(folder).unwrap() {
        let page = page.unwrap().path();
        let text = std::fs::read_to_string(&page).unwrap();
        for example in text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            if !example.starts_with("connections:") {
                continue;
            }
            let dir = good();
            write(dir.path(), "connections.yaml", example);
            let checked = crate::check(dir.path());
            let errors: Vec<_> = checked.problems.iter().filter(|problem| problem.is_error()).collect();
            assert!(errors.is_empty(), "{}: {example}\n{errors:#?}", page.display());
            found += 1;
        }
    }
    assert!(found >= 14, "{found} examples");
}
