//! Random rows and filters, dense around what is hard: escapes, case, bounds, clocks that change.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use pressrun_domain::catalog::FilterKind;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::Cell;

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "US",
            "us",
            "CA",
            "",
            " US",
            "50%",
            "a_b",
            "a\\b",
            "%",
            "ÄÖ",
            "äö",
            "A\u{308}",
            "ß",
            "Σ",
            "東京",
            "🙂",
            "' or 1=1 --",
            "\"x\"",
            "$1"
        ])
        .prop_map(ToOwned::to_owned),
        "[a-bA-B%_\\\\é]{0,4}",
    ]
}

fn number_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-3i64..4).prop_map(|n| json!(n)),
        (-30i64..40).prop_map(|n| json!(format!("{}.{}", n / 10, (n % 10).abs()))),
        prop::sample::select(vec![json!(0.5), json!("2.50"), json!("-1.2345"), json!("1e3"), json!(9_007_199_254_740_993i64)]),
    ]
}

fn day_text() -> impl Strategy<Value = String> {
    prop_oneof![
        (2025i16..2028, 1i8..13, 1i8..29).prop_map(|(y, m, d)| format!("{y}-{m:02}-{d:02}")),
        (2025i16..2028, 1i8..13).prop_map(|(y, m)| format!("{y}-{m:02}")),
        prop::sample::select(vec![
            "today",
            "yesterday",
            "tomorrow",
            "last complete quarter",
            "this fiscal year",
            "FY2026 Q3",
            "this month",
            "last quarter",
            "6 months ago",
            "3 complete weeks ago",
            "2026 Q3",
            "2026",
            "FY2026",
            "next year",
            "2026-11-01 01",
            "36 hours ago",
        ])
        .prop_map(ToOwned::to_owned),
    ]
}

fn text_filter() -> impl Strategy<Value = Value> {
    let kinds = prop::sample::select(vec!["EQUALS", "CONTAINS", "STARTS_WITH", "ENDS_WITH", "IS_EMPTY", "SQL_LIKE"]);
    (kinds, prop::collection::vec(word(), 0..4), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(kind, mut values, negative, fold, null)| {
            if kind == "SQL_LIKE" {
                for value in &mut values {
                    *value = value.replace('\\', "\\\\");
                }
            }
            let mut values: Vec<Value> = values.into_iter().map(Value::String).collect();
            if null && kind == "EQUALS" {
                values.push(Value::Null);
            }
            json!({"type": "string", "kind": kind, "values": values, "is_negative": negative, "case_insensitive": fold})
        },
    )
}

/// Tests of the text of numbers and truth values; a list of texts only where they can be read as the column's type.
fn digits_filter(numbers: bool) -> impl Strategy<Value = Value> {
    let kinds = prop::sample::select(vec!["EQUALS", "CONTAINS", "STARTS_WITH", "ENDS_WITH", "IS_EMPTY"]);
    let values = prop::sample::select(vec!["1", "-2", "3", "0", "10", "25"]);
    (kinds, prop::collection::vec(values, 1..4), any::<bool>(), any::<bool>()).prop_map(move |(kind, values, negative, fold)| {
        let values: Vec<&str> = if numbers { values } else { vec!["TRUE", "r"] };
        json!({"type": "string", "kind": kind, "values": values, "is_negative": negative, "case_insensitive": fold || !numbers})
    })
}

/// A filter by an attribute that somebody has or has not.
fn attribute_filter() -> impl Strategy<Value = Value> {
    (prop::sample::select(vec!["region", "unset"]), any::<bool>())
        .prop_map(|(name, negative)| json!({"type": "user_attribute", "user_attribute_name": name, "is_negative": negative}))
}

fn number_filter() -> impl Strategy<Value = Value> {
    let kinds = prop::sample::select(vec![("EQUALS", 3), ("LESS_THAN", 1), ("GREATER_THAN", 1), ("BETWEEN", 2)]);
    (kinds, prop::collection::vec(number_value(), 3), any::<bool>(), any::<bool>()).prop_map(
        |((kind, count), values, negative, inclusive)| {
            json!({"type": "number", "kind": kind, "values": values[..count], "is_negative": negative, "is_inclusive": inclusive})
        },
    )
}

fn date_filter() -> impl Strategy<Value = Value> {
    let kinds = prop::sample::select(vec![
        "BETWEEN",
        "WITHIN_RANGE",
        "ON_OR_AFTER",
        "BEFORE",
        "TIME_FOR_UNIT_DURATION",
        "TIME_FOR_INTERVAL_DURATION",
        "QUERY_OFFSET",
        "IS_ON_DAY_OF_WEEK",
        "IS_ON_DAY_OF_MONTH",
        "IS_ON_DAY_OF_QUARTER",
        "IS_ON_DAY_OF_YEAR",
        "IS_IN_MONTH_OF_YEAR",
        "IS_IN_QUARTER_OF_YEAR",
        "IS_IN_WEEK_OF_YEAR",
        "IS_AT_HOUR_OF_DAY",
    ]);
    let shifts = prop::sample::select(vec!["", "0 days", "7 days", "-1 year", "1 month ago", "36 hours", "-1 quarter"]);
    (kinds, day_text(), day_text(), 1i64..5, any::<bool>(), any::<bool>(), shifts).prop_map(
        |(kind, left, right, count, negative, fiscal, shift)| {
            if kind.starts_with("IS_") {
                return json!({"type": "date", "kind": kind, "values": [count, count % 3 + 1], "is_negative": negative, "isFiscal": fiscal});
            }
            let interval = matches!(kind, "TIME_FOR_INTERVAL_DURATION" | "QUERY_OFFSET");
            let right = if interval { format!("{count} months") } else { right };
            json!({"type": "date", "kind": kind, "left_side": left, "right_side": right, "is_negative": negative, "isFiscal": fiscal,
                   "offset_interval_string": shift})
        },
    )
}

fn composed(leaf: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        8 => leaf,
        1 => any::<bool>().prop_map(|negative| json!({"type": "null", "is_negative": negative})),
        1 => Just(json!([])),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        (prop::collection::vec(inner, 1..4), any::<bool>(), prop::bool::weighted(0.3)).prop_map(|(filters, and, negative)| {
            json!({"type": "composite", "conjunction": if and { "AND" } else { "OR" }, "filters": filters, "is_negative": negative})
        })
    })
}

/// Query zones: half-hour steps, whole days that were skipped, clocks that change at midnight.
pub(super) const ZONES: [&str; 6] = ["America/New_York", "UTC", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Chatham", "Asia/Beirut"];

/// The next wall clock time that occurs exactly once in every zone: what happens to the others is each database's own affair.
fn unambiguous(wall: DateTime) -> DateTime {
    let once = |name: &str| !TimeZone::get(name).unwrap().to_ambiguous_timestamp(wall).is_ambiguous();
    if ZONES.into_iter().all(once) { wall } else { unambiguous(wall.checked_add(3.hours()).unwrap()) }
}

fn instants() -> impl Strategy<Value = Vec<Option<i64>>> {
    let around = "2026-11-24T00:00:00Z".parse::<Timestamp>().unwrap().as_microsecond();
    let edges =
        ["2026-11-01T04:00:00Z", "2026-11-01T03:59:59.999999Z", "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z", "2026-03-08T07:00:00Z"]
            .map(|at| at.parse::<Timestamp>().unwrap().as_microsecond());
    let one = prop_oneof![
        1 => Just(None),
        3 => (-31_536_000i64..31_536_000).prop_map(move |s| Some(around + s * 1_000_000)),
        1 => prop::sample::select(edges.to_vec()).prop_map(Some),
    ];
    prop::collection::vec(one, 6)
}

/// The values of a column.
#[derive(Debug, Clone)]
pub(super) struct Rows(pub(super) Vec<Cell>);

/// A filter's kind, values to filter, an expression.
pub(super) fn cells() -> impl Strategy<Value = (FilterKind, Rows, Value)> {
    let texts = prop::collection::vec(prop::option::weighted(0.8, word()), 6).prop_map(|v| Rows(v.into_iter().map(Cell::Text).collect()));
    let integers =
        prop::collection::vec(prop::option::weighted(0.8, -3i64..4), 6).prop_map(|v| Rows(v.into_iter().map(Cell::Integer).collect()));
    let float = prop_oneof![
        (-6i32..7).prop_map(|n| f64::from(n) / 2.0 + 0.0),
        prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.1, 1e300]),
    ];
    let floats = prop::collection::vec(prop::option::weighted(0.8, float), 6).prop_map(|v| Rows(v.into_iter().map(Cell::Float).collect()));
    let decimals =
        prop::collection::vec(prop::option::weighted(0.8, prop_oneof![(-30i128..40).prop_map(|n| n * 1000), -30000i128..30000]), 6)
            .prop_map(|v| Rows(v.into_iter().map(Cell::Decimal).collect()));
    let aware = instants()
        .prop_map(|v| Rows(v.into_iter().map(|at| Cell::Instant(at.map(|at| Timestamp::from_microsecond(at).unwrap()))).collect()));
    let as_utc = |at: i64| unambiguous(Timestamp::from_microsecond(at).unwrap().to_zoned_datetime(TimeZone::UTC).datetime());
    let walls = instants().prop_map(move |v| Rows(v.into_iter().map(|at| Cell::Wall(at.map(as_utc))).collect()));
    let days = instants().prop_map(move |v| Rows(v.into_iter().map(|at| Cell::Day(at.map(|at| as_utc(at).date()))).collect()));
    let flags =
        prop::collection::vec(prop::option::weighted(0.7, any::<bool>()), 6).prop_map(|v| Rows(v.into_iter().map(Cell::Boolean).collect()));
    let flag = prop::sample::select(vec![json!(true), json!(false), json!("true"), json!("No"), json!(null)]);
    let flag_filter = (prop::option::of(any::<bool>()), any::<bool>(), prop::option::of(prop::collection::vec(flag, 0..3)), 0..4_usize)
        .prop_map(|(negative, nulls, values, shape)| match (values, shape) {
            (Some(values), 0) => json!(values),
            (Some(values), 1) => {
                json!({"type": "boolean", "kind": "EQUALS", "values": values, "is_negative": negative, "treat_nulls_as_false": nulls})
            }
            (Some(values), 2) if values.len() == 1 && !values[0].is_null() => {
                json!({"type": "boolean", "kind": "EQ", "left_side": values[0], "is_negative": negative, "treat_nulls_as_false": nulls})
            }
            _ => json!({"type": "boolean", "is_negative": negative, "treat_nulls_as_false": nulls}),
        });
    let singles =
        prop_oneof![(-6i32..7).prop_map(|n| n as f32 / 2.0 + 0.0), prop::sample::select(vec![f32::NAN, f32::INFINITY, 0.1, -1.2345, 1e30])];
    let singles =
        prop::collection::vec(prop::option::weighted(0.8, singles), 6).prop_map(|v| Rows(v.into_iter().map(Cell::Single).collect()));
    let whole =
        prop::collection::vec(prop::option::weighted(0.8, -30i64..40), 6).prop_map(|v| Rows(v.into_iter().map(Cell::Integer).collect()));
    let fixed = prop::collection::vec(prop::option::weighted(0.8, -30000i128..30000), 6)
        .prop_map(|v| Rows(v.into_iter().map(Cell::Decimal).collect()));
    let truths =
        prop::collection::vec(prop::option::weighted(0.7, any::<bool>()), 6).prop_map(|v| Rows(v.into_iter().map(Cell::Boolean).collect()));
    let of = |kind: FilterKind| move |(rows, filter)| (kind, rows, filter);
    prop_oneof![
        3 => (texts, composed(prop_oneof![6 => text_filter(), 1 => attribute_filter()])).prop_map(of(FilterKind::String)),
        3 => (prop_oneof![integers, floats, singles, decimals], composed(number_filter())).prop_map(of(FilterKind::Number)),
        4 => (prop_oneof![aware, walls, days], composed(date_filter())).prop_map(of(FilterKind::Date)),
        2 => (flags, composed(flag_filter)).prop_map(of(FilterKind::Boolean)),
        1 => (prop_oneof![whole, fixed], composed(digits_filter(true))).prop_map(of(FilterKind::String)),
        1 => (truths, composed(digits_filter(false))).prop_map(of(FilterKind::String)),
    ]
}
