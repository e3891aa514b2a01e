//! No text in a catalog file breaks the reader, and whatever it refuses, it says where and what would be right.

use pressrun_testkit::{fuzz, outline};

use super::*;
use crate::assemble::assemble;
use crate::folder::{Files, Listed, Shared};

const CONTROLS: &str = "\
identifier: a
name: A
timezone: Europe/Berlin
fiscal_year_start: 4
access: { groups: [sales] }
pages: [One, Two]
filters:
  period: { type: date, label: Period, hidden: true, default: { kind: TIME_FOR_INTERVAL_DURATION, left_side: 6 months ago, right_side: 6 months } }
controls:
  metric: { label: Metric, default: n, options: { n: { sql: count(*) }, sum: { sql: sum(x), label: Sum } } }
tiles:
  one:
    title: One
    sql: select {{ control('metric') }} from t where {{ filter(['period'], 'd') }} and {{ user_attribute('region', 'r') }}
    filters: { period: false }
    limit: 10
    page: Two
    fields: { n: { label: N, format: '#,##0', hidden: false } }
    chart: { mark: kpi, value: n, compare: previous }
    at: { x: 0, y: 0, w: 6, h: 4 }
  note: { markdown: '# hi', at: { x: 6, y: 0, w: 6, h: 4 } }
";

const WORDS: [&str; 30] = [
    "&a ",
    "*a",
    "<<: *a\n",
    "!!str ",
    "|\n  ",
    ">-\n",
    "--- \n",
    "? ",
    ": ",
    "- ",
    "[",
    "]",
    "{ ",
    " }",
    "~",
    "null",
    "true",
    "'",
    "\"",
    "\\u0000",
    "{{ filter('region', 'r') }}",
    "{% for a in 'b' %}",
    "{{ control('",
    "tiles:\n",
    "filters: ",
    "options: ",
    "at: { x: 0, y: 0, w: 24, h: 1 }",
    "mark: bar",
    "members:\n",
    "  ",
];

#[test]
fn fuzz_catalog() {
    let dir = good();
    let root = dir.path().canonicalize().unwrap();
    let judge = |text: &str| {
        let mut outcome = String::new();
        for place in 0..3 {
            let shared = Shared { connections: Some(CONNECTIONS.to_owned()), people: Some(PEOPLE.to_owned()), ..Shared::default() };
            let mut files = Files { root: root.clone(), shared, ..Files::default() };
            match place {
                0 => {
                    write(&root, "dashboards/a.yaml", text);
                    files.dashboards.push(Listed { path: "dashboards/a.yaml".to_owned(), trace: None });
                }
                1 => files.shared.people = Some(text.to_owned()),
                _ => files.shared.connections = Some(text.to_owned()),
            }
            // A file of one kind tried as another has nothing more to say.
            let theirs = [text.contains("identifier"), text.contains("organization"), text.contains("connections")];
            if place > 0 && !theirs[place] {
                continue;
            }
            let read = || {
                let environment = |_: &str| None;
                let options = LoadOptions { environment: &environment, require_secrets: false, judge: true, ..LoadOptions::default() };
                let made = assemble(&files, options, jiff::Timestamp::UNIX_EPOCH, None);
                (made.catalog.map(|catalog| catalog.version), made.problems)
            };
            let (version, problems) = read();
            assert_eq!((&version, &problems), (&read().0, &read().1), "the same text, the same answer");
            for problem in &problems {
                let lines = text.split('\n').count() as u32 + 1;
                assert!(problem.line <= lines, "line {} of {lines}: {problem:?}", problem.line);
                assert!(!problem.message.is_empty() && !problem.hint.is_empty(), "{problem:?}");
                let shown = problem.to_string();
                assert!(shown.len() < 4_000 && !shown.chars().any(|c| c.is_control() && c != '\n'), "{problem:?}");
            }
            assert!(version.is_some() || !problems.is_empty(), "a refusal says why");
            outcome.push_str(&problems.first().map_or_else(|| "loaded".to_owned(), |problem| outline(&problem.message)));
        }
        outcome
    };
    let attempts = fuzz("catalog", &[DASHBOARD, CONTROLS, PEOPLE, CONNECTIONS], &WORDS, judge);
    assert!(attempts > 0);
}
