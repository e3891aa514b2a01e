//! What a filter means, evaluated in memory one value at a time. Both dialects have to agree with it on random rows and
//! filters: the embedded engine over a Parquet file, PostgreSQL over the same rows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod agree;
mod generate;

use std::cmp::Ordering;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use pressrun_domain::audience::Identity;
use pressrun_domain::catalog::Scalar;
use pressrun_sql::filter::date::{length_end, period};
use pressrun_sql::filter::{DatePart, DateTest, Filter, NumberTest, TextTest};
use pressrun_sql::{Decimal, ResolvedClock};

/// A value of a column; the variants are types that compare differently.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
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
        // Closed when there is none: the complement is then just as empty (P1).
        Filter::UserAttribute { name, negated } => match identity.values(name) {
            [] => false,
            values => values.iter().any(|value| matches!((value, cell), (Scalar::Text(a), Cell::Text(Some(b))) if a == b)) != *negated,
        },
        Filter::All(parts) => parts.iter().all(|part| keeps(part, cell, clock, identity)),
        Filter::Either(parts) => parts.iter().any(|part| keeps(part, cell, clock, identity)),
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
    let within = |(start, end): Stretch| start.is_none_or(from) && !end.is_some_and(from);
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

/// From an instant to another, which is excluded; either may be missing.
type Stretch = (Option<Timestamp>, Option<Timestamp>);

fn stretches(test: &DateTest, clock: &ResolvedClock) -> Vec<Stretch> {
    let of = |literal| period(literal, clock).unwrap();
    match test {
        DateTest::In(literals) => literals.iter().map(|literal| (Some(of(*literal).start), Some(of(*literal).end))).collect(),
        DateTest::OnOrAfter(literal) => vec![(Some(of(*literal).start), None)],
        DateTest::Before(literal) => vec![(None, Some(of(*literal).start))],
        DateTest::Between(left, right) => vec![(Some(of(*left).start), Some(of(*right).start))],
        DateTest::Within(left, right) => vec![(Some(of(*left).start), Some(of(*right).end))],
        DateTest::Interval { start, length } => {
            let start = of(*start).start;
            vec![(Some(start), Some(length_end(start, *length, &clock.zone).unwrap()))]
        }
        DateTest::Shifted(test, length) => {
            let moved = |at: Option<Timestamp>| at.map(|at| length_end(at, *length, &clock.zone).unwrap());
            stretches(test, clock).into_iter().map(|(start, end)| (moved(start), moved(end))).collect()
        }
        DateTest::Part { .. } => Vec::new(),
    }
}
