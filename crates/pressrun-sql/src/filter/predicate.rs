//! A resolved condition on one SQL expression, and its SQL.

use jiff::Timestamp;

use super::DatePart;
use crate::param::{Decimal, Dialect, Param, Params};

/// Name of the embedded engine's `in_period(expression, start, end)`; a bound may be null.
pub const IN_PERIOD: &str = "pressrun_in_period";
/// Name of the embedded engine's `local_part(part, expression)`.
pub const LOCAL_PART: &str = "pressrun_local_part";
/// Name of the embedded engine's `number(expression, value)`: the value in the expression's kind of number.
pub const NUMBER: &str = "pressrun_number";
/// Name of the embedded engine's `compare(expression, operator, value)`; NaN compares with nothing.
pub const COMPARE: &str = "pressrun_compare";

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
    /// Matches a pattern with `%`, `_` and `\`.
    Like {
        /// The pattern.
        pattern: String,
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
    fn operator(self) -> &'static str {
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

    /// One of `parts`; holds anyway when one of them does.
    #[must_use]
    pub fn either(mut parts: Vec<Self>) -> Self {
        if parts.contains(&Self::True) {
            return Self::True;
        }
        match parts.len() {
            0 => Self::Never,
            1 => parts.remove(0),
            _ => Self::Either(parts),
        }
    }

    /// The complement.
    #[must_use]
    pub fn negate(self) -> Self {
        match self {
            Self::True => Self::Never,
            Self::Never => Self::True,
            Self::Closed => Self::Closed,
            Self::Null => Self::Present,
            Self::Present => Self::Null,
            other => Self::Not(Box::new(other)),
        }
    }

    /// The condition on `expression` in SQL, its values bound to `params`.
    pub(crate) fn sql(&self, expression: &str, dialect: Dialect, params: &mut Params) -> String {
        Writer { expression, dialect, params }.write(self)
    }
}

struct Writer<'a> {
    expression: &'a str,
    dialect: Dialect,
    params: &'a mut Params,
}

impl Writer<'_> {
    fn write(&mut self, predicate: &Predicate) -> String {
        let e = self.expression;
        match predicate {
            Predicate::True => "true".to_owned(),
            Predicate::Never => "false".to_owned(),
            // Null, not false: a `not` in front of it, by whoever wrote the tile, opens nothing.
            Predicate::Closed => "cast(null as boolean)".to_owned(),
            Predicate::Not(inner) => format!("({}) is not true", self.write(inner)),
            Predicate::All(parts) => self.join(parts, " and "),
            Predicate::Either(parts) => self.join(parts, " or "),
            Predicate::Null => format!("({e}) is null"),
            Predicate::Present => format!("({e}) is not null"),
            Predicate::Empty => format!("coalesce(cast(({e}) as varchar), '') = ''"),
            Predicate::Boolean(is) => format!("({e}) is {is}"),
            Predicate::TextIn { values, ignore_case } => {
                let values: Vec<_> = values.iter().map(|value| self.text(value, *ignore_case)).collect();
                // Without a change of case the column's own type decides: an index on a uuid or an enum stays of use.
                let left = if *ignore_case { self.as_text(true) } else { format!("({e})") };
                Self::one_of(&left, &values)
            }
            Predicate::Like { pattern, ignore_case } => {
                let pattern = self.text(pattern, *ignore_case);
                format!("{} like {pattern}", self.as_text(*ignore_case))
            }
            Predicate::NumberIn(values) => {
                let values: Vec<_> = values.iter().map(|value| self.number(*value)).collect();
                Self::one_of(&format!("({e})"), &values)
            }
            Predicate::Compare(order, value) => match self.dialect {
                Dialect::Embedded => {
                    let marker = self.params.bind(value.into_param());
                    format!("{COMPARE}(({e}), '{}', {marker})", order.operator())
                }
                // NaN is above all numbers there; the text of it is the only form that every type of number has.
                Dialect::Postgres if matches!(order, Order::Greater | Order::GreaterOrEqual) => {
                    format!("(({e}) {} {} and cast(({e}) as text) <> 'NaN')", order.operator(), self.number(*value))
                }
                Dialect::Postgres => format!("({e}) {} {}", order.operator(), self.number(*value)),
            },
            Predicate::Period { start, end } => self.period(*start, *end),
            Predicate::Part { part, values } => {
                let values: Vec<_> = values.iter().map(|value| self.integer(*value)).collect();
                Self::one_of(&self.part(*part), &values)
            }
        }
    }

    fn join(&mut self, parts: &[Predicate], word: &str) -> String {
        let parts: Vec<_> = parts.iter().map(|part| self.write(part)).collect();
        format!("({})", parts.join(word))
    }

    fn one_of(left: &str, values: &[String]) -> String {
        match values {
            [value] => format!("{left} = {value}"),
            _ => format!("{left} in ({})", values.join(", ")),
        }
    }

    /// The expression as text: PostgreSQL has no patterns and no case for enums, uuids and the like.
    fn as_text(&self, ignore_case: bool) -> String {
        let e = self.expression;
        let text = match self.dialect {
            Dialect::Embedded => format!("({e})"),
            Dialect::Postgres => format!("cast(({e}) as text)"),
        };
        if ignore_case { format!("lower({text})") } else { text }
    }

    fn text(&mut self, value: &str, ignore_case: bool) -> String {
        let value = self.params.bind(Param::Text(value.to_owned()));
        if ignore_case { format!("lower({value})") } else { value }
    }

    /// Both engines would take the value for something it is not: PostgreSQL infers a bare placeholder's type from the
    /// column and refuses 1.5 against an integer; the embedded engine turns a float column into decimals, where NaN and 1e300
    /// have no place.
    fn number(&mut self, value: Decimal) -> String {
        match self.dialect {
            Dialect::Embedded => {
                let marker = self.params.bind(value.into_param());
                format!("{NUMBER}(({}), {marker})", self.expression)
            }
            Dialect::Postgres => {
                let param = value.into_param();
                let cast = if matches!(param, Param::Integer(_)) { "bigint" } else { "numeric" };
                format!("{}::{cast}", self.params.bind(param))
            }
        }
    }

    fn integer(&mut self, value: i64) -> String {
        let marker = self.params.bind(Param::Integer(value));
        match self.dialect {
            Dialect::Embedded => marker,
            Dialect::Postgres => format!("{marker}::bigint"),
        }
    }

    fn period(&mut self, start: Option<Timestamp>, end: Option<Timestamp>) -> String {
        let e = self.expression;
        let mut bind = |at: Option<Timestamp>| at.map(|at| self.params.bind(Param::Instant(at)));
        let (start, end) = (bind(start), bind(end));
        match self.dialect {
            Dialect::Embedded => {
                let or_null = |bound: Option<String>| bound.unwrap_or_else(|| "null".to_owned());
                format!("{IN_PERIOD}(({e}), {}, {})", or_null(start), or_null(end))
            }
            Dialect::Postgres => {
                let bounds = [(">=", start), ("<", end)].into_iter();
                let parts: Vec<_> = bounds.filter_map(|(op, at)| Some(format!("({e}) {op} {}::timestamptz", at?))).collect();
                if parts.is_empty() { format!("({e}) is not null") } else { format!("({})", parts.join(" and ")) }
            }
        }
    }

    fn part(&self, part: DatePart) -> String {
        let e = self.expression;
        if self.dialect == Dialect::Embedded {
            let (name, start) = match part {
                DatePart::DayOfWeek => ("day_of_week", None),
                DatePart::DayOfMonth => ("day_of_month", None),
                DatePart::DayOfQuarter => ("day_of_quarter", None),
                DatePart::DayOfYear => ("day_of_year", None),
                DatePart::MonthOfYear => ("month", None),
                DatePart::QuarterOfYear => ("quarter", None),
                DatePart::FiscalQuarterOfYear { start } => ("month", Some(start)),
                DatePart::WeekOfYear => ("week", None),
                DatePart::HourOfDay => ("hour", None),
            };
            let number = format!("{LOCAL_PART}('{name}', ({e}))");
            return start.map_or(number.clone(), |start| fiscal_quarter(&number, start));
        }
        // What the wall clock of the session's zone shows, also for a date, which has no hours of its own.
        let local = format!("cast(({e}) as timestamp)");
        let number = |field: &str| format!("extract({field} from {local})");
        match part {
            DatePart::DayOfWeek => number("isodow"),
            DatePart::DayOfMonth => number("day"),
            DatePart::DayOfQuarter => format!("({} - extract(doy from date_trunc('quarter', {local})) + 1)", number("doy")),
            DatePart::DayOfYear => number("doy"),
            DatePart::MonthOfYear => number("month"),
            DatePart::QuarterOfYear => number("quarter"),
            DatePart::FiscalQuarterOfYear { start } => fiscal_quarter(&format!("{}::int", number("month")), start),
            DatePart::WeekOfYear => number("week"),
            DatePart::HourOfDay => number("hour"),
        }
    }
}

fn fiscal_quarter(month: &str, start: i8) -> String {
    format!("((({month} + 12 - {start}) % 12) / 3 + 1)")
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
