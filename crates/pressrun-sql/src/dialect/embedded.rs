//! The embedded engine. What depends on the type of a column is a function of ours, which the engine's planner replaces once
//! it knows the type: so that a filter costs what a comparison costs and reaches the reader of the files.

use jiff::Timestamp;

use super::Rules;
use crate::filter::{DatePart, Order};
use crate::param::{Decimal, Param, Params};

/// Name of `in_period(expression, start, end)`; a bound may be null.
pub const IN_PERIOD: &str = "pressrun_in_period";
/// Name of `in_periods(expression, bounds)`: a list of starts and ends in turn, sorted.
pub const IN_PERIODS: &str = "pressrun_in_periods";
/// Name of `local_part(part, expression)`.
pub const LOCAL_PART: &str = "pressrun_local_part";
/// Name of `number_in(expression, numbers)`: numbers as a list of texts, compared in the expression's type.
pub const NUMBER_IN: &str = "pressrun_number_in";
/// Name of `compare(expression, operator, value)`; NaN is above all numbers.
pub const COMPARE: &str = "pressrun_compare";
/// Name of `is(expression, truth value)`.
pub const IS: &str = "pressrun_is";
/// Name of `text(expression)`: the value as PostgreSQL would write it.
pub const TEXT: &str = "pressrun_text";
/// Name of `text_in(expression, texts)`: a list of texts, each read as a value of the expression's type.
pub const TEXT_IN: &str = "pressrun_text_in";
/// Name of `like_any(text, patterns)`.
pub const LIKE_ANY: &str = "pressrun_like_any";

pub(super) struct Embedded;

impl Rules for Embedded {
    fn lexer(&self) -> &'static dyn sqlparser::dialect::Dialect {
        &sqlparser::dialect::GenericDialect {}
    }

    fn parses_as_the_engine(&self) -> bool {
        true
    }

    fn plans_recursively(&self) -> bool {
        true
    }

    fn asks_server(&self) -> &'static str {
        "select 'the embedded engine' as version"
    }

    fn typed(&self, placeholder: &str, _: &Param) -> String {
        placeholder.to_owned()
    }

    fn is(&self, e: &str, holds: bool) -> String {
        format!("{IS}(({e}), {holds})")
    }

    fn text(&self, e: &str) -> String {
        format!("{TEXT}({e})")
    }

    fn text_in(&self, e: &str, values: &[String], ignore_case: bool, params: &mut Params) -> String {
        if !ignore_case {
            return format!("{TEXT_IN}(({e}), {})", params.bind(Param::Texts(values.to_vec())));
        }
        // The engine's `lower` is that of Unicode, as is ours.
        let values = values.iter().map(|value| value.to_lowercase()).collect();
        format!("{TEXT_IN}({}, {})", self.lower(&self.text(e)), params.bind(Param::Texts(values)))
    }

    fn like_any(&self, e: &str, patterns: &[String], ignore_case: bool, params: &mut Params) -> String {
        let text = self.text(e);
        let (text, patterns) = if ignore_case {
            (self.lower(&text), patterns.iter().map(|pattern| pattern.to_lowercase()).collect())
        } else {
            (text, patterns.to_vec())
        };
        format!("{LIKE_ANY}({text}, {})", params.bind(Param::Texts(patterns)))
    }

    fn number_in(&self, e: &str, values: &[Decimal], params: &mut Params) -> String {
        // As texts: a list of decimals would need one scale for all of them.
        format!("{NUMBER_IN}(({e}), {})", params.bind(Param::Texts(values.iter().map(ToString::to_string).collect())))
    }

    fn compare(&self, e: &str, order: Order, value: Decimal, params: &mut Params) -> String {
        format!("{COMPARE}(({e}), '{}', {})", order.operator(), params.bind(value.into_param()))
    }

    fn in_period(&self, e: &str, start: Option<Timestamp>, end: Option<Timestamp>, params: &mut Params) -> String {
        let mut bound = |at: Option<Timestamp>| at.map_or_else(|| "null".to_owned(), |at| params.bind(Param::Instant(at)));
        let (start, end) = (bound(start), bound(end));
        format!("{IN_PERIOD}(({e}), {start}, {end})")
    }

    fn in_periods(&self, e: &str, periods: &[(Timestamp, Timestamp)], params: &mut Params) -> String {
        let bounds = periods.iter().flat_map(|(start, end)| [*start, *end]).collect();
        format!("{IN_PERIODS}(({e}), {})", params.bind(Param::Instants(bounds)))
    }

    fn part_in(&self, e: &str, part: DatePart, values: &[i64], params: &mut Params) -> String {
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
        let number = start.map_or(number.clone(), |start| super::fiscal_quarter(&number, start));
        // At most 366 of them.
        let values: Vec<_> = values.iter().map(|value| params.bind(Param::Integer(*value))).collect();
        match values.as_slice() {
            [value] => format!("{number} = {value}"),
            _ => format!("{number} in ({})", values.join(", ")),
        }
    }
}
