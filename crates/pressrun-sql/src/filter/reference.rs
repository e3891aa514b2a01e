//! The reference page of the filter language (`docs/filters.md`), made by reading each example and saying what it means.

use std::fmt::Write as _;

use pressrun_domain::audience::Identity;
use pressrun_domain::catalog::{FilterDefinition, FilterKind};
use serde_json::{Value, json};

use super::{parse, summary};
use crate::compile::QueryClock;

const HEAD: &str = "# Filters

A filter of a dashboard has a type and, if it likes, a default; a schedule sets it by its key (`filterConfig`), `pressrun render` by `--filter key=value`, a
page by its form. What it is set to is called a *filter expression*: a word, a list of words (any of them), or an object of the API's form. The same
expressions are read everywhere, and every text that a report prints of a filter can be typed back.

An expression that cannot be read is refused where it is written: by `pressrun check` in a catalog, with 400 by the API. Case and spaces are of no account.
Dates are computed in the query zone (the dashboard's `timezone`, unless something more specific is said) as of the instant a schedule was due.
";

const TAIL: &str = "
## Objects

| object | means |
|---|---|
| `{ type: string, kind: EQUALS, values: [a, b], is_negative: true, case_insensitive: true }` | kinds `EQUALS` (`EQ` with `left_side`), `CONTAINS`, `STARTS_WITH`, `ENDS_WITH`, `SQL_LIKE`, `IS_EMPTY` |
| `{ type: number, kind: BETWEEN, values: [10, 20], is_inclusive: true }` | kinds `EQUALS`, `LESS_THAN`, `GREATER_THAN`, `BETWEEN` |
| `{ type: date, kind: TIME_FOR_INTERVAL_DURATION, left_side: 6 months ago, right_side: 6 months }` | a length of time from the start of a period; further kinds `BETWEEN` (end excluded), `WITHIN_RANGE` (end included), `ON_OR_AFTER`, `BEFORE`, `TIME_FOR_UNIT_DURATION`, `QUERY_OFFSET`, `EQUALS`, `IS_ON_DAY_OF_WEEK` … `IS_AT_HOUR_OF_DAY`; `isFiscal`, `offset_interval_string` |
| `{ type: boolean, is_negative: true }` | is false; with `values` or `left_side`, is one of them |
| `{ type: \"null\", is_negative: true }` | has a value |
| `{ type: composite, conjunction: OR, filters: [ … ], is_negative: true }` | one of them holds; negated, none of them |
| `{ type: user_attribute, user_attribute_name: region }` | is one of the values that whoever the run is for has; no value, no rows |

An empty list restricts nothing. `is_negative` is the exact complement, rows without a value included. `cancel_query_filter`, `ui_type` and the other keys that
clients copy back from a dashboard's definition are kept and change nothing: a condition that stands in a tile's own SQL is never loosened by a filter.

*Made from the code by a test of `pressrun-sql`; do not edit.*
";

/// The examples of each kind.
const EXAMPLES: [(&str, FilterKind, &[&str]); 4] = [
    (
        "Dates and instants",
        FilterKind::Date,
        &[
            "today",
            "yesterday",
            "this week",
            "last month",
            "next quarter",
            "current year",
            "last 90 days",
            "last 3 months",
            "past 2 complete weeks",
            "next 6 months",
            "6 months ago",
            "36 hours ago",
            "2 weeks from now",
            "month to date",
            "YTD",
            "this fiscal quarter",
            "last 2 fiscal years",
            "FY2026",
            "FY2026 Q3",
            "2026",
            "2026-10",
            "2026-10-01",
            "2026-10-01 09:30",
            "2026-10-01T09:30:00Z",
            "October 2026",
            "1 Oct 2026",
            "October 1st, 2026",
            "01.10.2026",
            "10/31/2026",
            "2026/10/01",
            "10.2026",
            "2026 Q3",
            "Q3 2026",
            "2026-W42",
            "2026-01-01 to 2026-03-31",
            "1 – 30 Nov 2026",
            "Q1 to Q3 2026",
            "between March 2026 and May 2026",
            "24 Nov 2026 09:00 – 10:00",
            "since 2026-10-01",
            "from October 2026",
            "after 2026-10-01",
            "before last month",
            "until yesterday",
            "older than 30 days",
            "not last month",
            "this month or last month",
            "Monday, Friday",
            "weekends",
            "January",
            "empty",
            "any",
        ],
    ),
    (
        "Numbers",
        FilterKind::Number,
        &[
            "5",
            "1, 2, 3",
            "> 5",
            "≥ 5",
            "at least 5",
            "< 2.50",
            "at most 10",
            "5 to 10",
            "5 – 10",
            "between -5 and 5",
            "> 10 and < 20",
            "not 5",
            "empty",
            "any",
        ],
    ),
    ("Truth values", FilterKind::Boolean, &["true", "no"]),
    ("Text", FilterKind::String, &["US", "last 90 days"]),
];

/// Dates that are refused, for what they could mean.
const REFUSED: [&str; 6] = ["10/11/2026", "1.10.26", "1 October", "1,000", "last 90 dayz", "soon"];

/// The page.
fn page() -> String {
    let mut page = HEAD.to_owned();
    let clock = QueryClock { at: jiff::Timestamp::constant(1_795_528_800, 0), zone: "America/New_York".to_owned(), fiscal_start: 4 };
    let means = |kind, text: &str| {
        let definition = FilterDefinition { label: String::new(), kind, default: None, hidden: false, options: indexmap::IndexMap::new() };
        summary(&definition, Some(&json!(text)), &clock, &Identity::default())
    };
    for (title, kind, examples) in EXAMPLES {
        let note = match kind {
            FilterKind::Date => "On Tuesday, 24 November 2026, in New York, with fiscal years that begin in April:\n\n",
            FilterKind::String => "Any text stands for itself; no words are read:\n\n",
            _ => "",
        };
        let _ = write!(page, "\n## {title}\n\n{note}| expression | means |\n|---|---|\n");
        for text in examples {
            let _ = writeln!(page, "| `{text}` | {} |", means(kind, text));
        }
    }
    page.push_str("\n## What is refused, and why\n\n| expression | answer |\n|---|---|\n");
    for text in REFUSED {
        let kind = if text == "1,000" { FilterKind::Number } else { FilterKind::Date };
        let answer = parse(kind, &Value::from(text)).map_or_else(|error| error.to_string(), |_| String::new());
        let _ = writeln!(page, "| `{text}` | {answer} |");
    }
    page.push_str(TAIL);
    page
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::path::Path;

    use super::*;

    /// `UPDATE_DOCS=1` writes the page anew.
    #[test]
    fn the_filter_page_is_up_to_date() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/filters.md");
        let page = page();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&file, &page).unwrap();
        }
        let kept = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(kept, page, "docs/filters.md is stale; run the tests of pressrun-sql once with UPDATE_DOCS=1");
    }

    #[test]
    fn newcomer_10_every_example_is_read_and_every_refusal_says_why() {
        for (_, kind, examples) in EXAMPLES {
            for text in examples {
                for text in [(*text).to_owned(), text.to_uppercase(), format!("  {}  ", text.replace(' ', "   "))] {
                    assert!(parse(kind, &json!(text)).is_ok(), "{text}: {:?}", parse(kind, &json!(text)));
                    assert_eq!(
                        parse(kind, &json!([text])).unwrap(),
                        parse(kind, &json!({"kind": "EQUALS", "values": [text]})).unwrap(),
                        "{text}"
                    );
                }
            }
        }
        for text in REFUSED {
            let kind = if text == "1,000" { FilterKind::Number } else { FilterKind::Date };
            assert!(parse(kind, &json!(text)).is_err(), "{text}");
        }
    }
}
