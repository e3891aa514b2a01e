//! What an author meant → what holds for this run: the clock and the identity are fixed here, once (Q5).

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use pressrun_domain::audience::Identity;
use pressrun_domain::catalog::Scalar;

use super::date::{Edge, edges};
use super::predicate::{Order, escape_like};
use super::{DateLiteral, DatePart, DateTest, Filter, FilterError, NumberTest, Predicate, TextTest};
use crate::compile::ResolvedClock;

/// Fixes relative dates to `clock` and user attributes to `identity`.
///
/// # Errors
/// [`FilterError`] when a date leaves the calendar (years −9999 to 9999).
pub fn resolve(filter: &Filter, clock: &ResolvedClock, identity: &Identity) -> Result<Predicate, FilterError> {
    let many = |filters: &[Filter]| filters.iter().map(|filter| resolve(filter, clock, identity)).collect::<Result<Vec<_>, _>>();
    let complement = |predicate: Predicate, negated: bool| {
        if negated { predicate.negate() } else { predicate }
    };
    Ok(match filter {
        Filter::Any => Predicate::True,
        Filter::Text { test, negated, ignore_case } => complement(text(test, *ignore_case), *negated),
        Filter::Number { test, negated } => complement(number(test), *negated),
        Filter::Date { test, negated } => complement(date(test, clock)?, *negated),
        Filter::Boolean { is, nulls_as_false } => match (is, nulls_as_false) {
            (false, true) => Predicate::Boolean(true).negate(),
            (is, _) => Predicate::Boolean(*is),
        },
        Filter::Null { negated } => complement(Predicate::Null, *negated),
        Filter::Not(inner) => resolve(inner, clock, identity)?.negate(),
        Filter::UserAttribute { name, negated } => complement(attribute(identity.values(name)), *negated),
        Filter::All(filters) => Predicate::all(many(filters)?),
        Filter::Either(filters) => Predicate::either(many(filters)?),
    })
}

/// Is one of the values of an attribute; closed when there are none (P1). Numbers compare as numbers, text as text.
pub(crate) fn attribute(values: &[Scalar]) -> Predicate {
    let (mut texts, mut numbers) = (Vec::new(), Vec::new());
    for value in values {
        match value {
            Scalar::Text(text) => texts.push(text.clone()),
            // More than 38 digits compare as nothing that a column holds.
            Scalar::Number(number) => numbers.extend(number.to_string().parse::<crate::param::Decimal>().ok()),
        }
    }
    match (texts.is_empty(), numbers.is_empty()) {
        (true, true) => Predicate::Closed,
        (false, true) => Predicate::TextIn { values: texts, ignore_case: false },
        (true, false) => Predicate::NumberIn(numbers),
        (false, false) => Predicate::Either(vec![Predicate::TextIn { values: texts, ignore_case: false }, Predicate::NumberIn(numbers)]),
    }
}

fn text(test: &TextTest, ignore_case: bool) -> Predicate {
    let like = |patterns: Vec<String>| Predicate::Like { patterns, ignore_case };
    let escaped = |values: &[String], before: &str, after: &str| {
        like(values.iter().map(|value| format!("{before}{}{after}", escape_like(value))).collect())
    };
    match test {
        TextTest::OneOf { values, or_null } => {
            let listed = (!values.is_empty()).then(|| Predicate::TextIn { values: values.clone(), ignore_case });
            Predicate::either(listed.into_iter().chain(or_null.then_some(Predicate::Null)).collect())
        }
        TextTest::Contains(values) => escaped(values, "%", "%"),
        TextTest::StartsWith(values) => escaped(values, "", "%"),
        TextTest::EndsWith(values) => escaped(values, "%", ""),
        TextTest::Like(patterns) => like(patterns.clone()),
        TextTest::Empty => Predicate::Empty,
    }
}

fn number(test: &NumberTest) -> Predicate {
    let less = |inclusive| {
        if inclusive { Order::LessOrEqual } else { Order::Less }
    };
    let greater = |inclusive| {
        if inclusive { Order::GreaterOrEqual } else { Order::Greater }
    };
    match test {
        NumberTest::OneOf { values, or_null } => {
            let listed = (!values.is_empty()).then(|| Predicate::NumberIn(values.clone()));
            Predicate::either(listed.into_iter().chain(or_null.then_some(Predicate::Null)).collect())
        }
        NumberTest::LessThan { value, inclusive } => Predicate::Compare(less(*inclusive), *value),
        NumberTest::GreaterThan { value, inclusive } => Predicate::Compare(greater(*inclusive), *value),
        NumberTest::Between { low, high, inclusive } => {
            Predicate::All(vec![Predicate::Compare(greater(*inclusive), *low), Predicate::Compare(less(*inclusive), *high)])
        }
    }
}

fn date(test: &DateTest, clock: &ResolvedClock) -> Result<Predicate, FilterError> {
    if let DateTest::Part { part, values } = test {
        let part = match part {
            DatePart::FiscalQuarterOfYear { .. } => DatePart::FiscalQuarterOfYear { start: clock.fiscal_start },
            other => *other,
        };
        let distinct: BTreeSet<i64> = values.iter().copied().collect();
        return Ok(Predicate::Part { part, values: distinct.into_iter().collect() });
    }
    let instant = |edge: Option<Edge>| edge.map(|edge| instant(edge, &clock.zone)).transpose();
    let mut periods = Vec::new();
    for (start, end) in stretches(test, clock)? {
        periods.push(match (instant(start)?, instant(end)?) {
            // A reversed range holds nothing; two relative dates may cross on some days.
            (Some(start), Some(end)) if start >= end => Predicate::Never,
            (start, end) => Predicate::Period { start, end },
        });
    }
    Ok(Predicate::either(periods))
}

fn instant(edge: Edge, zone: &TimeZone) -> Result<Timestamp, FilterError> {
    edge.instant(zone).map_err(|_| outside(""))
}

fn outside(path: &str) -> FilterError {
    FilterError::new(path, "the date lies outside the calendar", "use years −9999 to 9999")
}

/// A half-open stretch of time that may be open on one side.
pub(crate) type Stretch = (Option<Edge>, Option<Edge>);

/// The stretches of time that `test` accepts; none for parts of dates.
pub(crate) fn stretches(test: &DateTest, clock: &ResolvedClock) -> Result<Vec<Stretch>, FilterError> {
    let of = |literal: &DateLiteral| edges(*literal, clock).map_err(|_| outside(""));
    Ok(match test {
        DateTest::In(literals) => {
            literals.iter().map(|literal| of(literal).map(|(start, end)| (Some(start), Some(end)))).collect::<Result<_, _>>()?
        }
        DateTest::OnOrAfter(literal) => vec![(Some(of(literal)?.0), None)],
        DateTest::After(literal) => vec![(Some(of(literal)?.1), None)],
        DateTest::Before(literal) => vec![(None, Some(of(literal)?.0))],
        DateTest::Until(literal) => vec![(None, Some(of(literal)?.1))],
        DateTest::Between(left, right) => vec![(Some(of(left)?.0), Some(of(right)?.0))],
        DateTest::Within(left, right) => vec![(Some(of(left)?.0), Some(of(right)?.1))],
        DateTest::Interval { start, length } => {
            let start = of(start)?.0;
            let end = start
                .plus(*length, &clock.zone)
                .map_err(|_| FilterError::new("right_side", "the length leaves the calendar", "use a shorter one"))?;
            vec![(Some(start), Some(end))]
        }
        DateTest::Shifted(test, length) => {
            let out = |_| FilterError::new("offset_interval_string", "the shift leaves the calendar", "use a shorter one");
            let moved = |edge: Option<Edge>| edge.map(|edge| edge.plus(*length, &clock.zone)).transpose().map_err(out);
            stretches(test, clock)?.into_iter().map(|(start, end)| Ok((moved(start)?, moved(end)?))).collect::<Result<_, FilterError>>()?
        }
        DateTest::Part { .. } => Vec::new(),
    })
}
