//! What a filter means, evaluated in memory one value at a time. Both dialects have to agree with it on random rows and
//! filters: the embedded engine over a Parquet file, PostgreSQL over the same rows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod agree;
mod generate;
mod warehouses;

use std::cmp::Ordering;

use jiff::civil::{Date, DateTime};
use jiff::{Timestamp, ToSpan};
use pressrun_domain::audience::Identity;
use pressrun_domain::catalog::Scalar;
use pressrun_sql::filter::date::{Edge, edges};
use pressrun_sql::filter::{DatePart, DateTest, Filter, NumberTest, TextTest};
use pressrun_sql::{Decimal, ResolvedClock};

/// A value of a column; the variants are types that compare differently.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Text(Option<String>),
    Integer(Option<i64>),
    Float(Option<f64>),
    /// Four bytes.
    Single(Option<f32>),
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
                | Self::Single(None)
                | Self::Decimal(None)
                | Self::Boolean(None)
                | Self::Instant(None)
                | Self::Wall(None)
                | Self::Day(None)
        )
    }
}

/// Whether `filter` keeps a row with this value.
pub(super) fn keeps(filter: &Filter, cell: &Cell, clock: &ResolvedClock, identity: &Identity) -> bool {
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
        Filter::Not(inner) => leaves_out(inner, cell, clock, identity),
        // Closed when there is none: the complement is then just as empty (P1).
        Filter::UserAttribute { name, negated } => match identity.values(name) {
            [] => false,
            values => values.iter().any(|value| matches!((value, cell), (Scalar::Text(a), Cell::Text(Some(b))) if a == b)) != *negated,
        },
        Filter::All(parts) => parts.iter().all(|part| keeps(part, cell, clock, identity)),
        Filter::Either(parts) => parts.iter().any(|part| keeps(part, cell, clock, identity)),
    }
}

/// Whether the complement of `filter` keeps a row with this value; an attribute without values is closed in both (P1).
fn leaves_out(filter: &Filter, cell: &Cell, clock: &ResolvedClock, identity: &Identity) -> bool {
    match filter {
        Filter::UserAttribute { name, .. } if identity.values(name).is_empty() => false,
        Filter::Not(inner) => keeps(inner, cell, clock, identity),
        Filter::All(parts) => parts.iter().any(|part| leaves_out(part, cell, clock, identity)),
        Filter::Either(parts) => parts.iter().all(|part| leaves_out(part, cell, clock, identity)),
        other => !keeps(other, cell, clock, identity),
    }
}

/// The value as PostgreSQL writes it.
fn shown(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Text(value) => value.clone(),
        Cell::Integer(value) => value.map(|value| value.to_string()),
        Cell::Decimal(value) => value.map(|value| {
            let digits = format!("{:05}", value.abs());
            let (whole, fraction) = digits.split_at(digits.len() - 4);
            format!("{}{whole}.{fraction}", if value < 0 { "-" } else { "" })
        }),
        Cell::Boolean(value) => value.map(|value| value.to_string()),
        Cell::Day(value) => value.map(|value| value.to_string()),
        Cell::Float(_) | Cell::Single(_) | Cell::Instant(_) | Cell::Wall(_) => panic!("no test asks for the text of {cell:?}"),
    }
}

fn text(test: &TextTest, cell: &Cell, ignore_case: bool) -> bool {
    let fold = |text: &str| if ignore_case { text.to_lowercase() } else { text.to_owned() };
    // A list of texts is read in the type of the column.
    if let (TextTest::OneOf { values, .. }, Cell::Integer(Some(_)) | Cell::Decimal(Some(_)), false) = (test, cell, ignore_case) {
        return values.iter().any(|wanted| compare(cell, wanted.parse().unwrap()) == Some(Ordering::Equal));
    }
    let Some(value) = shown(cell) else {
        return match test {
            TextTest::OneOf { or_null, .. } => *or_null,
            TextTest::Empty => true,
            _ => false,
        };
    };
    let value = fold(&value);
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
        // NaN is above all numbers.
        Cell::Single(Some(value)) if value.is_nan() => Some(Ordering::Greater),
        Cell::Float(Some(value)) if value.is_nan() => Some(Ordering::Greater),
        Cell::Single(Some(value)) => f64::from(*value).partial_cmp(&wanted.to_string().parse::<f64>().unwrap()),
        Cell::Float(Some(value)) => value.partial_cmp(&wanted.to_string().parse::<f64>().unwrap()),
        _ => None,
    }
}

fn number(test: &NumberTest, cell: &Cell) -> bool {
    let is = |wanted: Decimal, orders: &[Ordering]| compare(cell, wanted).is_some_and(|order| orders.contains(&order));
    // Four bytes equal what they would hold of a number; in order they stand by what they do hold.
    let equals = |wanted: Decimal| match cell {
        Cell::Single(Some(value)) => value.partial_cmp(&wanted.to_string().parse::<f32>().unwrap()) == Some(Ordering::Equal),
        _ => is(wanted, &[Ordering::Equal]),
    };
    let equal = |inclusive: bool, order| if inclusive { vec![order, Ordering::Equal] } else { vec![order] };
    match test {
        NumberTest::OneOf { values, or_null } => (cell.is_null() && *or_null) || values.iter().any(|wanted| equals(*wanted)),
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
    // Where clocks are put forward a wall clock is read as it was before.
    let left = |at: Timestamp| local(at).min(local(at.checked_sub(1.microsecond()).unwrap()).checked_add(1.microsecond()).unwrap());
    let from = |edge: Edge| {
        let start = edge.instant(&clock.zone).unwrap();
        match cell {
            Cell::Instant(Some(at)) => *at >= start,
            _ => wall >= left(start),
        }
    };
    let within = |(start, end): Stretch| {
        let empty =
            matches!((start, end), (Some(start), Some(end)) if start.instant(&clock.zone).unwrap() >= end.instant(&clock.zone).unwrap());
        !empty && start.is_none_or(from) && !end.is_some_and(from)
    };
    match test {
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
                DatePart::QuarterOfYear => i64::from((wall.month() - 1) / 3 + 1),
                DatePart::FiscalQuarterOfYear { .. } => i64::from((wall.month() - clock.fiscal_start).rem_euclid(12) / 3 + 1),
                DatePart::WeekOfYear => i64::from(wall.date().iso_week_date().week()),
                DatePart::HourOfDay => i64::from(wall.hour()),
            };
            values.contains(&number)
        }
        test => stretches(test, clock).into_iter().any(within),
    }
}

/// From an edge to another, which is excluded; either may be missing.
type Stretch = (Option<Edge>, Option<Edge>);

fn stretches(test: &DateTest, clock: &ResolvedClock) -> Vec<Stretch> {
    let of = |literal| edges(literal, clock).unwrap();
    match test {
        DateTest::In(literals) => literals.iter().map(|literal| (Some(of(*literal).0), Some(of(*literal).1))).collect(),
        DateTest::OnOrAfter(literal) => vec![(Some(of(*literal).0), None)],
        DateTest::After(literal) => vec![(Some(of(*literal).1), None)],
        DateTest::Before(literal) => vec![(None, Some(of(*literal).0))],
        DateTest::Until(literal) => vec![(None, Some(of(*literal).1))],
        DateTest::Between(left, right) => vec![(Some(of(*left).0), Some(of(*right).0))],
        DateTest::Within(left, right) => vec![(Some(of(*left).0), Some(of(*right).1))],
        DateTest::Interval { start, length } => {
            let start = of(*start).0;
            vec![(Some(start), Some(start.plus(*length, &clock.zone).unwrap()))]
        }
        DateTest::Shifted(test, length) => {
            let moved = |edge: Option<Edge>| edge.map(|edge| edge.plus(*length, &clock.zone).unwrap());
            stretches(test, clock).into_iter().map(|(start, end)| (moved(start), moved(end))).collect()
        }
        DateTest::Part { .. } => Vec::new(),
    }
}
