//! A resolved condition on one SQL expression, and its SQL.

use jiff::Timestamp;

use super::DatePart;
use crate::dialect::{Rules, balanced};
use crate::param::{Decimal, Params};

/// A condition that depends on nothing but the value it is asked of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Predicate {
    /// Every row.
    True,
    /// No row.
    Never,
    /// No row, and none of its complement either: an attribute without values fails closed (P1).
    Closed,
    /// Every row that the inner one leaves out.
    Not(Box<Predicate>),
    /// All hold.
    All(Vec<Predicate>),
    /// One holds.
    Either(Vec<Predicate>),
    /// Is null.
    Null,
    /// Is not null.
    Present,
    /// Null or no characters.
    Empty,
    /// Is true or is false.
    Boolean(bool),
    /// Is one of these texts.
    TextIn {
        /// The texts, at least one.
        values: Vec<String>,
        /// Compares lower-case forms.
        ignore_case: bool,
    },
    /// Matches one of these patterns with `%`, `_` and `\`.
    Like {
        /// The patterns, at least one.
        patterns: Vec<String>,
        /// Compares lower-case forms.
        ignore_case: bool,
    },
    /// Is one of these numbers.
    NumberIn(Vec<Decimal>),
    /// Compares with a number.
    Compare(Order, Decimal),
    /// Lies in a half-open period, UTC; an open side is `None`.
    Period {
        /// First instant inside.
        start: Option<Timestamp>,
        /// First instant after.
        end: Option<Timestamp>,
    },
    /// Lies in one of many half-open periods, UTC; sorted, and none touches the next.
    Periods(Vec<(Timestamp, Timestamp)>),
    /// A part of the local date or time is one of these.
    Part {
        /// Which part.
        part: DatePart,
        /// The numbers, at least one.
        values: Vec<i64>,
    },
}

/// An order between two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Order {
    pub(crate) fn operator(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

impl Predicate {
    /// All of `parts`; those that hold anyway are left out.
    #[must_use]
    pub fn all(parts: Vec<Self>) -> Self {
        let mut parts: Vec<_> = parts.into_iter().filter(|part| *part != Self::True).collect();
        match parts.len() {
            0 => Self::True,
            1 => parts.remove(0),
            _ => Self::All(parts),
        }
    }

    /// One of `parts`; holds anyway when one of them does. Tests of one kind become one test: thousands of alternatives have to cost
    /// what a list costs.
    #[must_use]
    pub fn either(parts: Vec<Self>) -> Self {
        if parts.contains(&Self::True) {
            return Self::True;
        }
        let mut merged: Vec<Self> = Vec::new();
        let mut periods = Vec::new();
        for part in parts {
            match part {
                Self::Never => {}
                Self::Period { start: Some(start), end: Some(end) } => periods.push((start, end)),
                Self::Periods(more) => periods.extend(more),
                Self::Either(parts) => parts.into_iter().for_each(|part| join_kind(&mut merged, part)),
                part => join_kind(&mut merged, part),
            }
        }
        merged.extend(one_of_periods(periods));
        match merged.len() {
            0 => Self::Never,
            1 => merged.remove(0),
            _ => Self::Either(merged),
        }
    }

    /// The complement. What is closed stays closed, also inside of others.
    #[must_use]
    pub fn negate(self) -> Self {
        match self {
            Self::True => Self::Never,
            Self::Never => Self::True,
            Self::Closed => Self::Closed,
            Self::Null => Self::Present,
            Self::Present => Self::Null,
            Self::Not(inner) => *inner,
            Self::All(parts) => Self::either(parts.into_iter().map(Self::negate).collect()),
            Self::Either(parts) => Self::all(parts.into_iter().map(Self::negate).collect()),
            other => Self::Not(Box::new(other)),
        }
    }

    /// The condition on `expression` in SQL, its values bound to `params`.
    pub(crate) fn sql(&self, expression: &str, rules: &dyn Rules, params: &mut Params) -> String {
        let mut each = |parts: &[Self]| -> Vec<String> { parts.iter().map(|part| part.sql(expression, rules, params)).collect() };
        match self {
            Self::True => rules.truth(true).to_owned(),
            Self::Never => rules.truth(false).to_owned(),
            // Null, not false: a `not` in front of it, by whoever wrote the tile, opens nothing.
            Self::Closed => rules.unknown().to_owned(),
            Self::Not(inner) => rules.is_not_true(&inner.sql(expression, rules, params)),
            Self::All(parts) => format!("({})", balanced(&each(parts), " and ")),
            Self::Either(parts) => format!("({})", balanced(&each(parts), " or ")),
            Self::Null => format!("({expression}) is null"),
            Self::Present => format!("({expression}) is not null"),
            Self::Empty => rules.empty(expression),
            Self::Boolean(is) => rules.is(expression, *is),
            Self::TextIn { values, ignore_case } => rules.text_in(expression, values, *ignore_case, params),
            Self::Like { patterns, ignore_case } => rules.like_any(expression, patterns, *ignore_case, params),
            Self::NumberIn(values) => rules.number_in(expression, values, params),
            Self::Compare(order, value) => rules.compare(expression, *order, *value, params),
            Self::Period { start, end } => rules.in_period(expression, *start, *end, params),
            Self::Periods(periods) => rules.in_periods(expression, periods, params),
            Self::Part { part, values } => rules.part_in(expression, *part, values, params),
        }
    }
}

/// Adds `part` to the test of its kind, or to the list.
fn join_kind(merged: &mut Vec<Predicate>, part: Predicate) {
    for known in merged.iter_mut() {
        match (known, &part) {
            (Predicate::TextIn { values, ignore_case }, Predicate::TextIn { values: more, ignore_case: folds })
                if *ignore_case == *folds =>
            {
                return values.extend_from_slice(more);
            }
            (Predicate::Like { patterns, ignore_case }, Predicate::Like { patterns: more, ignore_case: folds })
                if *ignore_case == *folds =>
            {
                return patterns.extend_from_slice(more);
            }
            (Predicate::NumberIn(values), Predicate::NumberIn(more)) => return values.extend_from_slice(more),
            _ => {}
        }
    }
    merged.push(part);
}

/// The periods, those that touch made one; a few stand side by side, many become one test.
fn one_of_periods(mut periods: Vec<(Timestamp, Timestamp)>) -> Vec<Predicate> {
    const SIDE_BY_SIDE: usize = 16;
    periods.sort_unstable();
    let mut joined: Vec<(Timestamp, Timestamp)> = Vec::new();
    for (start, end) in periods {
        match joined.last_mut() {
            Some((_, last)) if start <= *last => *last = end.max(*last),
            _ => joined.push((start, end)),
        }
    }
    if joined.len() > SIDE_BY_SIDE {
        return vec![Predicate::Periods(joined)];
    }
    joined.into_iter().map(|(start, end)| Predicate::Period { start: Some(start), end: Some(end) }).collect()
}

/// `text` as a pattern that matches itself only.
pub(crate) fn escape_like(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
