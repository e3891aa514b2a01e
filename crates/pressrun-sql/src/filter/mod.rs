//! Filter expressions: from the contract's JSON to one SQL predicate.
//!
//! **The cast.** [`parse`] reads an expression in any of the three published shapes (F4) into a [`Filter`]; nothing is
//! dropped, what does not parse is a [`FilterError`] that says where and what would be right (F6). [`resolve`] fixes
//! everything that moves: relative dates against the run's clock (Q5), user attributes against the run's identity (P1). What
//! is left is a [`Predicate`] over one SQL expression, which writes itself in every [`crate::Dialect`] with bound values.
//!
//! **What a negated filter means.** Exactly the complement: every row that the filter itself would leave out, rows with
//! null included. "Is not US" keeps the rows without a country, as people expect; plain SQL would lose them. It is written
//! `(…) is not true`.
//!
//! **Nothing chosen.** An empty list of values restricts nothing (F5). A null inside a list stands for "no value".
//!
//! **Instants.** A period is half open, `[start, end)`, in UTC. How a column's value becomes an instant depends on its type:
//! a timestamp with a zone is one already; a timestamp without a zone and a date are readings of the wall clock and calendar
//! of the *query zone*, which is what PostgreSQL does too and what keeps a filter's edges on those of `date_trunc` over the
//! same column; text is read as ISO 8601, with the query zone unless it carries an offset. (A wall clock time that occurs twice,
//! on the day on which clocks go back, is compared as it reads on files, and as its second occurrence by PostgreSQL.) A day that
//! has no midnight begins when its clocks have moved on, and what a column calls its midnight belongs to it.
//!
//! **Shifts.** `offset_interval_string` moves the stretch that a date filter means, on the calendar of the query zone: `7 days`
//! later, `-1 year` or `1 year ago` earlier. `QUERY_OFFSET` is a period, or with a `right_side` an interval, that is moved so;
//! with it a comparison with the year before is one filter.
//!
//! **NaN** is above all numbers and equal to itself, as in PostgreSQL: "greater than" keeps it and "less than" does not.
//!
//! **Null** fails every test but `null`, `IS_EMPTY`, a list with a null in it, and "is false" that takes nulls as false.
//! "Is false" is a test of its own, not the complement of "is true"; a negated list of truth values is a complement.
//!
//! **Other types.** A list of texts over a column of another type compares in that type: each text is read as one of its values, and
//! what cannot be read fails the tile. Patterns, and whatever ignores case, look at the text that PostgreSQL shows of a value.
//!
//! **Case** is ignored by comparing `lower(…)` forms; which letters that knows beside ASCII is for the database's collation to
//! say. The embedded engine knows all of Unicode.
//!
//! **Weeks** begin on Monday. **Fiscal years** begin in [`crate::QueryClock::fiscal_start`] and are named after the calendar
//! year in which they end.

mod control;
pub mod date;
pub(crate) mod language;
mod parse;
mod predicate;
#[cfg(test)]
mod reference;
mod resolve;
mod summary;
#[cfg(test)]
mod tests;

pub use control::Setting;
pub use date::{DateLiteral, DatePart, Length, Period, Unit};
pub use parse::parse;
pub use predicate::{Order, Predicate};
pub(crate) use resolve::attribute;
pub use resolve::resolve;
pub use summary::summary;

use crate::param::Decimal;

/// A filter as its author meant it: still relative to a clock and an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// Restricts nothing.
    Any,
    /// A test of text.
    Text {
        /// What is tested.
        test: TextTest,
        /// Complement.
        negated: bool,
        /// Compares lower-case forms.
        ignore_case: bool,
    },
    /// A test of numbers.
    Number {
        /// What is tested.
        test: NumberTest,
        /// Complement.
        negated: bool,
    },
    /// A test of dates and instants.
    Date {
        /// What is tested.
        test: DateTest,
        /// Complement.
        negated: bool,
    },
    /// Is true, or is false.
    Boolean {
        /// The value wanted.
        is: bool,
        /// Null counts as false.
        nulls_as_false: bool,
    },
    /// Is null, or is not.
    Null {
        /// Is not null.
        negated: bool,
    },
    /// Is one of the values of a user attribute of whoever the run is for.
    UserAttribute {
        /// Reference name of the attribute.
        name: String,
        /// Is none of them; still no rows when the attribute is unset.
        negated: bool,
    },
    /// The complement of another.
    Not(Box<Filter>),
    /// Every one holds.
    All(Vec<Filter>),
    /// At least one holds.
    Either(Vec<Filter>),
}

impl Filter {
    /// Names of the user attributes it asks for.
    #[must_use]
    pub fn attribute_names(&self) -> std::collections::BTreeSet<String> {
        let mut names = std::collections::BTreeSet::new();
        self.attributes(&mut names);
        names
    }

    /// Adds the names of the user attributes it asks for.
    pub(crate) fn attributes(&self, names: &mut std::collections::BTreeSet<String>) {
        match self {
            Self::UserAttribute { name, .. } => {
                names.insert(name.clone());
            }
            Self::Not(filter) => filter.attributes(names),
            Self::All(filters) | Self::Either(filters) => filters.iter().for_each(|filter| filter.attributes(names)),
            Self::Any | Self::Text { .. } | Self::Number { .. } | Self::Date { .. } | Self::Boolean { .. } | Self::Null { .. } => {}
        }
    }
}

/// A test of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextTest {
    /// Is one of these; `null` among them when asked for.
    OneOf {
        /// The values.
        values: Vec<String>,
        /// No value is one of them.
        or_null: bool,
    },
    /// Contains one of these.
    Contains(Vec<String>),
    /// Starts with one of these.
    StartsWith(Vec<String>),
    /// Ends with one of these.
    EndsWith(Vec<String>),
    /// Matches one of these SQL patterns: `%` any text, `_` one character, `\` takes the next one literally.
    Like(Vec<String>),
    /// Is null or has no characters.
    Empty,
}

/// A test of numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NumberTest {
    /// Is one of these.
    OneOf {
        /// The values.
        values: Vec<Decimal>,
        /// No value is one of them.
        or_null: bool,
    },
    /// Below a value.
    LessThan {
        /// The bound.
        value: Decimal,
        /// The bound itself counts.
        inclusive: bool,
    },
    /// Above a value.
    GreaterThan {
        /// The bound.
        value: Decimal,
        /// The bound itself counts.
        inclusive: bool,
    },
    /// Between two values.
    Between {
        /// The lower bound.
        low: Decimal,
        /// The upper bound.
        high: Decimal,
        /// The bounds themselves count.
        inclusive: bool,
    },
}

/// A test of dates and instants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DateTest {
    /// In one of these periods, each taken whole.
    In(Vec<DateLiteral>),
    /// From the beginning of a period on.
    OnOrAfter(DateLiteral),
    /// From the end of a period on.
    After(DateLiteral),
    /// Before the beginning of a period.
    Before(DateLiteral),
    /// Before the end of a period.
    Until(DateLiteral),
    /// From the beginning of one period to the beginning of another, which is excluded.
    Between(DateLiteral, DateLiteral),
    /// From the beginning of one period to the end of another, which is included.
    Within(DateLiteral, DateLiteral),
    /// A length of time from the beginning of a period.
    Interval {
        /// The period that begins it.
        start: DateLiteral,
        /// How long.
        length: Length,
    },
    /// The stretches of another test, each moved by a length; later when it is positive.
    Shifted(Box<DateTest>, Length),
    /// A part of the local date or time is one of these numbers.
    Part {
        /// Which part.
        part: DatePart,
        /// The numbers.
        values: Vec<i64>,
    },
}

/// A filter expression that cannot be understood (F6).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
#[error("{}{problem}; {hint}", if path.is_empty() { String::new() } else { format!("{path}: ") })]
pub struct FilterError {
    /// Where in the expression, such as `filters[1].values[0]`; empty for the whole.
    pub path: String,
    /// What is wrong.
    pub problem: String,
    /// What would be right.
    pub hint: String,
    /// Whether it is a word of the published vocabulary, or of a later one, that is not known here: such expressions are stored and
    /// returned as sent.
    pub unknown_word: bool,
}

impl FilterError {
    pub(crate) fn new(path: impl Into<String>, problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into(), hint: hint.into(), unknown_word: false }
    }

    pub(crate) fn of_unknown_word(self) -> Self {
        Self { unknown_word: true, ..self }
    }
}
