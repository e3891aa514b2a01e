//! The page about figures, the dashboard and the alert rules say no more and no less than what is told.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::Value;

use super::families::{self, Family, Kind, Label, Values};

fn file(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What the page says of a family.
fn described(Family { name, kind, help, labels }: &Family) -> String {
    let words = |values: &[&str]| values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ");
    let mut text = format!("### `{name}`\n\n{}. {help}\n", kind.as_str());
    for Label { name, values } in *labels {
        let values = match values {
            Values::These(values) => words(values),
            Values::One(what) | Values::OfTheProgram(what) => (*what).to_owned(),
        };
        let _ = writeln!(text, "\n- `{name}`: {values}");
    }
    if let Kind::Histogram(bounds) = kind {
        let bounds: Vec<String> = bounds.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "\nBounds: {}", bounds.join(", "));
    }
    text
}

#[test]
fn o1_the_page_of_metrics_is_the_list_of_what_is_told() {
    let described: Vec<String> = families::all().map(described).collect();
    let expected = format!("\n{}", described.join("\n"));
    let page = file("docs/metrics.md");
    let (_, found) = page.split_once("<!-- one by one -->\n").expect("the mark at which the list begins");
    if found != expected {
        println!("{expected}");
    }
    assert!(found == expected, "docs/metrics.md does not say what is told; what belongs behind its mark is printed above");
}

#[test]
fn o1_names_have_their_units_and_are_there_once() {
    let names: Vec<&str> = families::all().map(|family| family.name).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    for Family { name, kind, help, .. } in families::all() {
        assert_eq!(matches!(kind, Kind::Counter), name.ends_with("_total"), "{name}");
        assert!(!matches!(kind, Kind::Histogram(_)) || name.ends_with("_seconds"), "{name}");
        assert!(help.ends_with('.') && !name.contains("__"), "{name}");
    }
}

#[test]
fn o1_a_process_tells_a_bounded_number_of_series() {
    let series = |family: &Family| families::combinations(family.labels).map_or(1, |all| all.len());
    let lines = |family: &Family| match family.kind {
        Kind::Histogram(bounds) => series(family) * (bounds.len() + 3),
        Kind::Counter | Kind::Gauge => series(family),
    };
    // Requests come on top: as many as there are routes, methods and statuses.
    let most: usize = families::all().map(lines).sum();
    assert!(most < 1000, "{most}");
}

/// What of an expression of PromQL names something.
#[derive(Debug, Default)]
struct Mentioned {
    metrics: BTreeSet<String>,
    /// Label and word that it is compared with; the word is none after `by`.
    labels: Vec<(String, Option<String>)>,
}

/// Reads names of metrics and labels; ranges and texts are passed over.
fn mentioned(expression: &str) -> Mentioned {
    const WORDS: [&str; 14] =
        ["by", "without", "on", "ignoring", "and", "or", "unless", "bool", "offset", "sum", "max", "min", "count", "avg"];
    let mut found = Mentioned::default();
    let mut rest = expression;
    let mut labels_follow = false;
    while let Some(first) = rest.chars().next() {
        let starts_name = first.is_ascii_alphabetic() || first == '_';
        if starts_name {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':').unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            rest = after;
            if WORDS.contains(&name) {
                labels_follow = matches!(name, "by" | "without" | "on" | "ignoring");
            } else if !rest.trim_start().starts_with('(') {
                found.metrics.insert(name.to_owned());
            }
        } else if first == '(' && labels_follow {
            let (list, after) = rest[1..].split_once(')').expect("a list of labels");
            found.labels.extend(list.split(',').map(|label| (label.trim().to_owned(), None)));
            (rest, labels_follow) = (after, false);
        } else if first == '{' {
            let (list, after) = rest[1..].split_once('}').expect("a selector");
            for matcher in list.split(',') {
                let (label, word) = matcher.split_once('=').expect("a comparison");
                let word = word.trim_start_matches('~').trim().trim_matches('"');
                found.labels.push((label.trim().trim_end_matches('!').to_owned(), Some(word.to_owned())));
            }
            rest = after;
        } else if first == '[' {
            rest = rest.split_once(']').expect("a range").1;
        } else if first.is_ascii_digit() {
            rest = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '.');
        } else {
            rest = &rest[first.len_utf8()..];
        }
    }
    found
}

/// What Prometheus itself adds.
const ADDED: [&str; 3] = ["instance", "job", "le"];

/// Why an expression names something that is not told.
fn untold(expression: &str) -> Vec<String> {
    let Mentioned { metrics, labels } = mentioned(expression);
    let mut faults = Vec::new();
    let mut families: Vec<&Family> = Vec::new();
    for metric in metrics.iter().filter(|metric| *metric != "up") {
        let of = families::all().find(|family| match family.kind {
            Kind::Histogram(_) => ["_bucket", "_sum", "_count"].iter().any(|end| metric.strip_suffix(end) == Some(family.name)),
            Kind::Counter | Kind::Gauge => metric == family.name,
        });
        match of {
            Some(family) => families.push(family),
            None => faults.push(format!("no such metric: {metric}")),
        }
    }
    for (label, word) in labels.iter().filter(|(label, _)| !ADDED.contains(&label.as_str())) {
        let values = families.iter().flat_map(|family| family.labels).filter(|of| of.name == label).map(|of| of.values);
        let words: Vec<Values> = values.collect();
        if words.is_empty() {
            faults.push(format!("no such label: {label}"));
        }
        for word in word.iter().flat_map(|word| word.split('|')) {
            if words.iter().any(|values| matches!(values, Values::These(values) if !values.contains(&word))) {
                faults.push(format!("no such word: {label}=\"{word}\""));
            }
        }
    }
    faults
}

/// Every text under this key, however deep.
fn texts(value: &Value, key: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == key => found.push(text.clone()),
                    other => texts(other, key, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| texts(item, key, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn o5_what_is_not_told_is_found() {
    for (expression, faults) in [
        ("max(pressrun_pieces_owed)", 0),
        ("max(pressrun_pieces_owned)", 1),
        ("rate(pressrun_start_delay_seconds[5m])", 1),
        ("histogram_quantile(0.9, sum by (le, step) (rate(pressrun_step_duration_seconds_bucket[5m])))", 0),
        ("sum by (schedule) (pressrun_runs_total{status=~\"ERROR|KILLD\"})", 2),
        ("up{job=\"pressrun\"} == 0", 0),
    ] {
        assert_eq!(untold(expression).len(), faults, "{expression}: {:?}", untold(expression));
    }
}

#[test]
fn o5_every_panel_of_the_dashboard_shows_what_is_told() {
    let dashboard: Value = serde_json::from_str(&file("deploy/observability/grafana-dashboard.json")).expect("JSON");
    let mut expressions = Vec::new();
    texts(&dashboard, "expr", &mut expressions);
    assert!(expressions.len() > 30, "{expressions:?}");
    for expression in &expressions {
        assert_eq!(untold(expression), Vec::<String>::new(), "{expression}");
    }
    let shown: String = expressions.concat();
    let missing: Vec<&str> = families::all().map(|family| family.name).filter(|name| !shown.contains(name)).collect();
    let on_purpose = [
        "pressrun_connections_refused_total",
        "pressrun_pages_made_total",
        "pressrun_store_up",
        "pressrun_store_figures_age_seconds",
        "pressrun_catalog_loaded_timestamp_seconds",
        "pressrun_catalog_documents",
        "process_open_fds",
        "process_start_time_seconds",
    ];
    assert_eq!(missing, on_purpose, "what no panel shows");
    let mut ids = Vec::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        ids.push(panel["id"].as_u64().expect("a number"));
        assert!(panel["type"] == "row" || panel["targets"].as_array().is_some_and(|targets| !targets.is_empty()), "{panel}");
    }
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
}

#[test]
fn o5_every_alert_rule_asks_for_what_is_told_and_says_what_to_do() {
    let rules: Value = serde_saphyr::from_str(&file("deploy/observability/alerts.yaml")).expect("YAML");
    let rules = rules["groups"][0]["rules"].as_array().expect("rules");
    assert!(rules.len() > 10);
    for rule in rules {
        let expression = rule["expr"].as_str().expect("an expression");
        assert_eq!(untold(expression), Vec::<String>::new(), "{rule}");
        let severity = rule["labels"]["severity"].as_str();
        assert!(matches!(severity, Some("critical" | "warning")), "{rule}");
        assert!(rule["annotations"]["summary"].is_string() && rule["annotations"]["description"].is_string(), "{rule}");
    }
}

/// Prometheus' own checks, where its package is installed.
#[test]
fn o5_prometheus_takes_the_rules_and_their_tests_pass() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deploy/observability");
    for arguments in [["check", "rules", "alerts.yaml"], ["test", "rules", "alerts.test.yaml"]] {
        match std::process::Command::new("promtool").args(arguments).current_dir(&folder).output() {
            Ok(said) => {
                let words = [said.stdout, said.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
                assert!(said.status.success(), "{arguments:?}: {words}");
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                println!("promtool is not installed: the rules were read by our own tests only");
                return;
            }
            Err(error) => panic!("promtool: {error}"),
        }
    }
}
