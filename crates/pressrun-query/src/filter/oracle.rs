//! What a filter means, evaluated in memory one value at a time; the engine has to agree on random rows and filters.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::cmp::Ordering;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use pressrun_domain::catalog::FilterKind;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::date::{length_end, period};
use super::{DatePart, DateTest, Filter, NumberTest, TextTest, parse};
use crate::compile::ResolvedClock;
use crate::param::Decimal;
use crate::testing::{answer, batch, filters, identity, new_york, tile, write_parquet};
use crate::{Dialect, compile};

/// A value of a column; the variants are types that compare differently.
#[derive(Debug, Clone, PartialEq)]
enum Cell {
    Text(Option<String>),
    Integer(Option<i64>),
    Float(Option<f64>),
    /// Four digits behind the point.
    Decimal(Option<i128>),
    Boolean(Option<bool>),
    Instant(Option<Timestamp>),
    Wall(Option<DateTime>),
    Day(Option<Date>),
}

impl Cell {
    fn is_null(&self) -> bool {
        matches!(
            self,
            Self::Text(None)
                | Self::Integer(None)
                | Self::Float(None)
                | Self::Decimal(None)
                | Self::Boolean(None)
                | Self::Instant(None)
                | Self::Wall(None)
                | Self::Day(None)
        )
    }
}

/// Whether `filter` keeps a row with this value.
fn keeps(filter: &Filter, cell: &Cell, clock: &ResolvedClock) -> bool {
    match filter {
        Filter::Any => true,
        Filter::Text { test, negated, ignore_case } => text(test, cell, *ignore_case) != *negated,
        Filter::Number { test, negated } => number(test, cell) != *negated,
        Filter::Date { test, negated } => date(test, cell, clock) != *negated,
        Filter::Boolean { is, nulls_as_false } => match cell {
            Cell::Boolean(Some(value)) => value == is,
            _ => !is && *nulls_as_false,
        },
        Filter::Null { negated } => cell.is_null() != *negated,
        Filter::UserAttribute { .. } => unreachable!("not generated"),
        Filter::All(parts) => parts.iter().all(|part| keeps(part, cell, clock)),
        Filter::Either(parts) => parts.iter().any(|part| keeps(part, cell, clock)),
    }
}

fn text(test: &TextTest, cell: &Cell, ignore_case: bool) -> bool {
    let fold = |text: &str| if ignore_case { text.to_lowercase() } else { text.to_owned() };
    let Cell::Text(Some(value)) = cell else {
        return match test {
            TextTest::OneOf { or_null, .. } => *or_null,
            TextTest::Empty => true,
            _ => false,
        };
    };
    let value = fold(value);
    let any = |values: &[String], holds: &dyn Fn(&str) -> bool| values.iter().any(|wanted| holds(&fold(wanted)));
    match test {
        TextTest::OneOf { values, .. } => any(values, &|wanted| value == wanted),
        TextTest::Contains(values) => any(values, &|wanted| value.contains(wanted)),
        TextTest::StartsWith(values) => any(values, &|wanted| value.starts_with(wanted)),
        TextTest::EndsWith(values) => any(values, &|wanted| value.ends_with(wanted)),
        TextTest::Like(values) => any(values, &|wanted| like(&wanted.chars().collect::<Vec<_>>(), &value.chars().collect::<Vec<_>>())),
        TextTest::Empty => value.is_empty(),
    }
}

fn like(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|at| like(rest, &text[at..])),
        ['_', rest @ ..] => !text.is_empty() && like(rest, &text[1..]),
        ['\\', c, rest @ ..] | [c, rest @ ..] => text.first() == Some(c) && like(rest, &text[1..]),
    }
}

fn compare(cell: &Cell, wanted: Decimal) -> Option<Ordering> {
    let scaled = |unscaled: i128, scale: u8| unscaled * 10i128.pow(u32::from(12 - scale));
    let wanted_scaled = scaled(wanted.unscaled, wanted.scale);
    match cell {
        Cell::Integer(Some(value)) => Some(scaled(i128::from(*value), 0).cmp(&wanted_scaled)),
        Cell::Decimal(Some(value)) => Some(scaled(*value, 4).cmp(&wanted_scaled)),
        Cell::Float(Some(value)) => value.partial_cmp(&wanted.to_string().parse::<f64>().unwrap()),
        _ => None,
    }
}

fn number(test: &NumberTest, cell: &Cell) -> bool {
    let is = |wanted: Decimal, orders: &[Ordering]| compare(cell, wanted).is_some_and(|order| orders.contains(&order));
    let equal = |inclusive: bool, order| if inclusive { vec![order, Ordering::Equal] } else { vec![order] };
    match test {
        NumberTest::OneOf { values, or_null } => {
            (cell.is_null() && *or_null) || values.iter().any(|wanted| is(*wanted, &[Ordering::Equal]))
        }
        NumberTest::LessThan { value, inclusive } => is(*value, &equal(*inclusive, Ordering::Less)),
        NumberTest::GreaterThan { value, inclusive } => is(*value, &equal(*inclusive, Ordering::Greater)),
        NumberTest::Between { low, high, inclusive } => {
            is(*low, &equal(*inclusive, Ordering::Greater)) && is(*high, &equal(*inclusive, Ordering::Less))
        }
    }
}

fn date(test: &DateTest, cell: &Cell, clock: &ResolvedClock) -> bool {
    let local = |at: Timestamp| at.to_zoned_datetime(clock.zone.clone()).datetime();
    let wall = match cell {
        Cell::Instant(Some(at)) => local(*at),
        Cell::Wall(Some(wall)) => *wall,
        Cell::Day(Some(day)) => day.to_datetime(jiff::civil::Time::midnight()),
        _ => return false,
    };
    let from = |start: Timestamp| match cell {
        Cell::Instant(Some(at)) => *at >= start,
        _ => wall >= local(start),
    };
    let of = |literal| period(literal, clock).unwrap();
    let within = |start: Timestamp, end: Timestamp| from(start) && !from(end);
    match test {
        DateTest::In(literals) => literals.iter().any(|literal| within(of(*literal).start, of(*literal).end)),
        DateTest::OnOrAfter(literal) => from(of(*literal).start),
        DateTest::Before(literal) => !from(of(*literal).start),
        DateTest::Between(left, right) => within(of(*left).start, of(*right).start),
        DateTest::Within(left, right) => within(of(*left).start, of(*right).end),
        DateTest::Interval { start, length } => {
            let start = of(*start).start;
            within(start, length_end(start, *length, &clock.zone).unwrap())
        }
        DateTest::Part { part, values } => {
            let quarter_start = (wall.month() - 1) / 3 * 3 + 1;
            let number = match part {
                DatePart::DayOfWeek => i64::from(wall.weekday().to_monday_one_offset()),
                DatePart::DayOfMonth => i64::from(wall.day()),
                DatePart::DayOfQuarter => {
                    i64::from(wall.date().since(Date::constant(wall.year(), quarter_start, 1)).unwrap().get_days()) + 1
                }
                DatePart::DayOfYear => i64::from(wall.day_of_year()),
                DatePart::MonthOfYear => i64::from(wall.month()),
                DatePart::QuarterOfYear | DatePart::FiscalQuarterOfYear { .. } => i64::from((wall.month() - 1) / 3 + 1),
                DatePart::WeekOfYear => i64::from(wall.date().iso_week_date().week()),
                DatePart::HourOfDay => i64::from(wall.hour()),
            };
            values.contains(&number)
        }
    }
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec!["US", "us", "CA", "", "50%", "a_b", "a\\b", "%", "ÄÖ", "äö", "ß", "東京", "' or 1=1 --", "\"x\"", "$1"])
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
        "IS_ON_DAY_OF_WEEK",
        "IS_ON_DAY_OF_MONTH",
        "IS_ON_DAY_OF_QUARTER",
        "IS_ON_DAY_OF_YEAR",
        "IS_IN_MONTH_OF_YEAR",
        "IS_IN_QUARTER_OF_YEAR",
        "IS_IN_WEEK_OF_YEAR",
        "IS_AT_HOUR_OF_DAY",
    ]);
    (kinds, day_text(), day_text(), 1i64..5, any::<bool>()).prop_map(|(kind, left, right, count, negative)| {
        if kind.starts_with("IS_") {
            return json!({"type": "date", "kind": kind, "values": [count, count % 3 + 1], "is_negative": negative});
        }
        let right = if kind == "TIME_FOR_INTERVAL_DURATION" { format!("{count} months") } else { right };
        json!({"type": "date", "kind": kind, "left_side": left, "right_side": right, "is_negative": negative})
    })
}

fn composed(leaf: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        8 => leaf,
        1 => any::<bool>().prop_map(|negative| json!({"type": "null", "is_negative": negative})),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        (prop::collection::vec(inner, 1..4), any::<bool>())
            .prop_map(|(filters, and)| json!({"type": "composite", "conjunction": if and { "AND" } else { "OR" }, "filters": filters}))
    })
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

#[derive(Debug, Clone)]
struct Rows(Vec<Cell>);

fn cells() -> impl Strategy<Value = (FilterKind, Rows, Value)> {
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
    let as_utc = |at: i64| Timestamp::from_microsecond(at).unwrap().to_zoned_datetime(jiff::tz::TimeZone::UTC).datetime();
    let walls = instants().prop_map(move |v| Rows(v.into_iter().map(|at| Cell::Wall(at.map(as_utc))).collect()));
    let days = instants().prop_map(move |v| Rows(v.into_iter().map(|at| Cell::Day(at.map(|at| as_utc(at).date()))).collect()));
    let flags =
        prop::collection::vec(prop::option::weighted(0.7, any::<bool>()), 6).prop_map(|v| Rows(v.into_iter().map(Cell::Boolean).collect()));
    let flag_filter = (prop::option::of(any::<bool>()), any::<bool>())
        .prop_map(|(negative, nulls)| json!({"type": "boolean", "is_negative": negative, "treat_nulls_as_false": nulls}));
    let of = |kind: FilterKind| move |(rows, filter)| (kind, rows, filter);
    prop_oneof![
        3 => (texts, composed(text_filter())).prop_map(of(FilterKind::String)),
        3 => (prop_oneof![integers, floats, decimals], composed(number_filter())).prop_map(of(FilterKind::Number)),
        4 => (prop_oneof![aware, walls, days], composed(date_filter())).prop_map(of(FilterKind::Date)),
        1 => (flags, composed(flag_filter)).prop_map(of(FilterKind::Boolean)),
    ]
}

fn column(rows: &Rows) -> ArrayRef {
    let epoch = Date::constant(1970, 1, 1);
    macro_rules! collect {
        ($variant:ident) => {
            rows.0.iter().map(|cell| match cell {
                Cell::$variant(value) => value.clone(),
                other => panic!("{other:?}"),
            })
        };
    }
    match &rows.0[0] {
        Cell::Text(_) => Arc::new(collect!(Text).collect::<StringArray>()),
        Cell::Integer(_) => Arc::new(collect!(Integer).collect::<Int64Array>()),
        Cell::Float(_) => Arc::new(collect!(Float).collect::<Float64Array>()),
        Cell::Decimal(_) => Arc::new(collect!(Decimal).collect::<Decimal128Array>().with_precision_and_scale(20, 4).unwrap()),
        Cell::Boolean(_) => Arc::new(collect!(Boolean).collect::<BooleanArray>()),
        Cell::Instant(_) => Arc::new(
            collect!(Instant).map(|at| at.map(Timestamp::as_microsecond)).collect::<TimestampMicrosecondArray>().with_timezone("UTC"),
        ),
        Cell::Wall(_) => Arc::new(
            collect!(Wall)
                .map(|at| at.map(|at| at.to_zoned_datetime(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_microsecond()))
                .collect::<TimestampMicrosecondArray>(),
        ),
        Cell::Day(_) => Arc::new(collect!(Day).map(|day| day.map(|day| day.since(epoch).unwrap().get_days())).collect::<Date32Array>()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn f4_the_engine_keeps_the_rows_that_the_oracle_keeps((kind, rows, expression) in cells()) {
        let clock = new_york();
        let filter = parse(kind, &expression).unwrap();
        let resolved = clock.resolve().unwrap();
        let expected: Vec<String> = rows.0.iter().enumerate()
            .filter(|(_, cell)| keeps(&filter, cell, &resolved)).map(|(at, _)| at.to_string()).collect();
        let folder = tempfile::tempdir().unwrap();
        let ids: ArrayRef = Arc::new((0..rows.0.len() as i64).collect::<Int64Array>());
        write_parquet(&folder.path().join("t.parquet"), &batch(vec![("id", ids), ("v", column(&rows))]));
        let query = compile(
            &tile("select id from t where {{ filter('f', 'v') }} order by id"),
            &filters([("f", kind, expression.clone())]),
            &identity(&[]),
            &clock,
            Dialect::Embedded,
        ).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let found = runtime.block_on(answer(folder.path(), &query)).unwrap_or_else(|error| panic!("{error:?}\n{}", query.sql));
        prop_assert_eq!(found, expected, "{} over {:?}\n{}\n{:?}", expression, rows, query.sql, query.params);
    }

    #[test]
    fn f6_no_expression_panics(kind in prop::sample::select(vec![FilterKind::String, FilterKind::Number, FilterKind::Date, FilterKind::Boolean]),
                               literal in "[ -~]{0,24}", count in any::<i64>()) {
        let words = ["ago", "months", "complete", "last", "FY", "Q3", "2026-", ":", "this"];
        for text in [literal.clone(), format!("{count} days ago"), format!("{literal}{}", words[literal.len() % words.len()])] {
            for kind_word in ["BETWEEN", "TIME_FOR_INTERVAL_DURATION", "TIME_FOR_UNIT_DURATION", "EQUALS", "IS_ON_DAY_OF_WEEK"] {
                let expression = json!({"type": "date", "kind": kind_word, "left_side": text, "right_side": text});
                if let Ok(filter) = parse(kind, &expression) {
                    let _ = super::resolve(&filter, &new_york().resolve().unwrap(), &identity(&[]));
                }
            }
            let _ = parse(kind, &json!(text));
        }
    }
}
