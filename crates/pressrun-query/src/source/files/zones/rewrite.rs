//! Functions, comparisons and sums of dates, replaced once the types of their arguments are known.

use std::sync::Arc;

use arrow_schema::{DataType, IntervalUnit, TimeUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::functions::datetime::expr_fn::{date_part, to_char};
use datafusion::functions::datetime::{date_bin, now};
use datafusion::logical_expr::expr::{InList, ScalarFunction};
use datafusion::logical_expr::{Between, BinaryExpr, Case, Cast, Expr, ExprSchemable, Operator, ScalarUDF, TryCast, cast, lit};

use super::calendar::Unit;
use super::clock::Clock;
use super::function::{Op, Zoned};
use super::{plain, series, wrong};

/// Parts of a date that PostgreSQL knows and the engine does not.
const FAR_PARTS: [&str; 4] = ["decade", "century", "centurie", "millennium"];

/// What a value is on the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Instant,
    /// A wall clock time or a day.
    Wall,
    Text,
    Number,
    Other,
}

struct Rewrite<'a> {
    schema: &'a DFSchema,
    clock: &'a Arc<Clock>,
    config: &'a ConfigOptions,
}

/// What replaces `expr`, where something has to.
pub(in super::super) fn rewrite(expr: &Expr, schema: &DFSchema, clock: &Arc<Clock>, config: &ConfigOptions) -> Result<Option<Expr>> {
    let rewrite = Rewrite { schema, clock, config };
    match expr {
        Expr::ScalarFunction(ScalarFunction { func, args }) => {
            if let Some(own) = func.inner().downcast_ref::<Zoned>() {
                // Called by name: the session that resolved the name may have had another zone.
                return Ok(own.of_another(clock).map(|own| own.into_call(args.clone())));
            }
            rewrite.function(func, args)
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => rewrite.binary(left, *op, right),
        Expr::Between(Between { expr, negated, low, high }) => {
            let parts = [expr, low, high];
            rewrite.compares(parts.iter().map(AsRef::as_ref))?;
            if rewrite.mixed(parts.iter().map(AsRef::as_ref)) {
                let [expr, low, high] = parts.map(|part| Box::new(rewrite.as_instant(part)));
                return Ok(Some(Expr::Between(Between { expr, negated: *negated, low, high })));
            }
            Ok(None)
        }
        Expr::InList(InList { expr, list, negated }) => {
            let parts = || list.iter().chain([expr.as_ref()]);
            rewrite.compares(parts())?;
            if !rewrite.mixed(parts()) {
                return Ok(None);
            }
            let list = list.iter().map(|expr| rewrite.as_instant(expr)).collect();
            Ok(Some(Expr::InList(InList { expr: Box::new(rewrite.as_instant(expr)), list, negated: *negated })))
        }
        Expr::Case(case) => Ok(rewrite.case(case)),
        // A number is seconds since 1970, which is an instant.
        Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field })
            if matches!(field.data_type(), DataType::Timestamp(..)) && rewrite.side(expr) == Side::Number =>
        {
            let instant = Zoned::call(Op::ToTimestamp(None), clock, vec![expr.as_ref().clone()]);
            Ok(Some(cast(instant, field.data_type().clone())))
        }
        _ => Ok(None),
    }
}

impl Rewrite<'_> {
    fn side(&self, expr: &Expr) -> Side {
        match expr.get_type(self.schema).map(plain) {
            Ok(DataType::Timestamp(_, Some(_))) => Side::Instant,
            Ok(DataType::Timestamp(_, None) | DataType::Date32 | DataType::Date64) => Side::Wall,
            Ok(text) if text.is_string() => Side::Text,
            Ok(number) if number.is_numeric() => Side::Number,
            // What has no type here is judged by the engine.
            _ => Side::Other,
        }
    }

    /// Whether instants meet wall clock times.
    fn mixed<'e>(&self, parts: impl Iterator<Item = &'e Expr>) -> bool {
        let sides: Vec<Side> = parts.map(|part| self.side(part)).collect();
        sides.contains(&Side::Instant) && sides.contains(&Side::Wall)
    }

    fn as_instant(&self, expr: &Expr) -> Expr {
        match self.side(expr) {
            Side::Wall => self.call(Op::Instant, vec![expr.clone()]),
            _ => expr.clone(),
        }
    }

    fn call(&self, op: Op, arguments: Vec<Expr>) -> Expr {
        Zoned::call(op, self.clock, arguments)
    }

    /// A wall clock time, day or text as a wall clock time that has a place for every year.
    fn microseconds(&self, expr: &Expr) -> Expr {
        match expr.get_type(self.schema).map(plain) {
            Ok(DataType::Timestamp(..)) => expr.clone(),
            Ok(DataType::Date32 | DataType::Date64) => cast(expr.clone(), DataType::Timestamp(TimeUnit::Microsecond, None)),
            _ => self.wall(expr),
        }
    }

    fn wall(&self, expr: &Expr) -> Expr {
        self.call(Op::Wall, vec![expr.clone()])
    }

    /// Refuses a comparison of dates with numbers, which the engine takes for days since 1970.
    fn compares<'e>(&self, parts: impl Iterator<Item = &'e Expr>) -> Result<()> {
        let sides: Vec<Side> = parts.map(|part| self.side(part)).collect();
        if sides.contains(&Side::Number) && (sides.contains(&Side::Wall) || sides.contains(&Side::Instant)) {
            let hint = "compare it with a date such as date '2026-01-31', or with to_timestamp(…) of seconds since 1970";
            return Err(wrong("a date is compared with a number".to_owned(), hint));
        }
        Ok(())
    }

    fn binary(&self, left: &Expr, op: Operator, right: &Expr) -> Result<Option<Expr>> {
        use Operator as O;
        let is_comparison = matches!(op, O::Eq | O::NotEq | O::Lt | O::LtEq | O::Gt | O::GtEq | O::IsDistinctFrom | O::IsNotDistinctFrom);
        if is_comparison {
            self.compares([left, right].into_iter())?;
        }
        if (is_comparison || op == O::Minus) && self.mixed([left, right].into_iter()) {
            let (left, right) = (Box::new(self.as_instant(left)), Box::new(self.as_instant(right)));
            return Ok(Some(Expr::BinaryExpr(BinaryExpr::new(left, op, right))));
        }
        let is_interval = |expr: &Expr| matches!(expr.get_type(self.schema), Ok(DataType::Interval(_)));
        let interval = |expr: &Expr| cast(expr.clone(), DataType::Interval(IntervalUnit::MonthDayNano));
        let is_day = |expr: &Expr| matches!(expr.get_type(self.schema).map(plain), Ok(DataType::Date32 | DataType::Date64));
        let timed = |day: &Expr| Box::new(cast(day.clone(), DataType::Timestamp(TimeUnit::Microsecond, None)));
        Ok(match op {
            // A day that moves by hours is no day any more; the engine leaves them out.
            O::Plus | O::Minus if is_day(left) && is_interval(right) && !is_of_days(right) => {
                Some(Expr::BinaryExpr(BinaryExpr::new(timed(left), op, Box::new(right.clone()))))
            }
            O::Plus if is_interval(left) && is_day(right) && !is_of_days(left) => {
                Some(Expr::BinaryExpr(BinaryExpr::new(Box::new(left.clone()), op, timed(right))))
            }
            O::Plus if self.side(left) == Side::Instant && is_interval(right) => {
                Some(self.call(Op::Add, vec![left.clone(), interval(right)]))
            }
            O::Plus if is_interval(left) && self.side(right) == Side::Instant => {
                Some(self.call(Op::Add, vec![right.clone(), interval(left)]))
            }
            O::Minus if self.side(left) == Side::Instant && is_interval(right) => {
                Some(self.call(Op::Subtract, vec![left.clone(), interval(right)]))
            }
            _ => None,
        })
    }

    /// Branches that are days or wall clock times beside branches that are instants.
    fn case(&self, case: &Case) -> Option<Expr> {
        let results = || case.when_then_expr.iter().map(|(_, then)| then.as_ref()).chain(case.else_expr.as_deref());
        self.mixed(results()).then(|| {
            let branches = case.when_then_expr.iter().map(|(when, then)| (when.clone(), Box::new(self.as_instant(then)))).collect();
            let otherwise = case.else_expr.as_ref().map(|otherwise| Box::new(self.as_instant(otherwise)));
            Expr::Case(Case::new(case.expr.clone(), branches, otherwise))
        })
    }

    fn function(&self, function: &Arc<ScalarUDF>, args: &[Expr]) -> Result<Option<Expr>> {
        let name = function.name();
        Ok(match (name, args) {
            ("coalesce" | "nullif" | "greatest" | "least" | "nvl" | "nvl2", _) if self.mixed(args.iter()) => {
                let arguments = args.iter().map(|argument| self.as_instant(argument)).collect();
                Some(Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(function), arguments)))
            }
            ("date_trunc", [unit, value]) if matches!(self.side(value), Side::Instant | Side::Wall | Side::Text) => {
                let word = literal(unit, "date_trunc")?;
                if Unit::of(&word).is_none() {
                    return Err(wrong(format!("date_trunc knows no unit \"{word}\""), Unit::ALL));
                }
                Some(match self.side(value) {
                    Side::Instant => self.call(Op::Truncate, vec![lit(word), value.clone()]),
                    // The calendar of a wall clock is that of UTC.
                    _ => Zoned::call(Op::Truncate, &Clock::of("UTC")?, vec![lit(word), self.microseconds(value)]),
                })
            }
            ("date_part", [part, value]) => {
                let word = literal(part, "extract or date_part")?;
                if FAR_PARTS.contains(&word.trim_end_matches('s')) {
                    let hint = "calculate it of the year: floor(extract(year from …) / 10.0)";
                    return Err(wrong(format!("extract knows no part \"{word}\""), hint));
                }
                let epoch = word == "epoch";
                match self.side(value) {
                    // The engine cuts what is below a second of how long something took.
                    Side::Other if epoch && matches!(value.get_type(self.schema), Ok(DataType::Duration(_))) => {
                        Some(date_part(part.clone(), cast(value.clone(), DataType::Interval(IntervalUnit::MonthDayNano))))
                    }
                    Side::Instant if !epoch => Some(date_part(part.clone(), self.wall(value))),
                    Side::Wall | Side::Text if epoch => Some(date_part(part.clone(), self.call(Op::Instant, vec![value.clone()]))),
                    _ => None,
                }
            }
            ("date_bin", [stride, value, origin @ ..]) if self.side(value) == Side::Instant => {
                let mut arguments = vec![stride.clone(), self.wall(value)];
                for origin in origin {
                    arguments.push(cast(self.wall(origin), DataType::Timestamp(TimeUnit::Nanosecond, None)));
                }
                Some(self.call(Op::Begin, vec![date_bin().call(arguments), value.clone(), stride.clone()]))
            }
            ("to_char", [_, format]) if literal(format, name).is_ok_and(|text| !text.contains('%') && !text.is_empty()) => {
                let message = "a format of dates has no % in it, and would be shown as it stands".to_owned();
                return Err(wrong(message, "write it as strftime does: '%Y-%m-%d %H:%M' for YYYY-MM-DD HH24:MI"));
            }
            // The wall clock is all that most formats show; for offsets and names of zones the instant is needed.
            ("to_char", [value, format]) if self.side(value) == Side::Instant => Some(match literal(format, name) {
                Ok(text) if !tells_the_zone(&text) => to_char(self.wall(value), format.clone()),
                _ => self.call(Op::Format, vec![value.clone(), format.clone()]),
            }),
            ("to_unixtime", [value, formats @ ..]) => {
                let mut arguments = vec![value.clone()];
                arguments.extend(formats.iter().cloned());
                Some(cast(self.call(Op::ToTimestamp(Some(TimeUnit::Second)), arguments), DataType::Int64))
            }
            ("from_unixtime", [value]) => Some(self.call(Op::ToTimestamp(Some(TimeUnit::Second)), vec![value.clone()])),
            ("from_unixtime", [_, _]) => {
                return Err(wrong(
                    "from_unixtime takes no zone".to_owned(),
                    "for the wall clock of a zone write to_timestamp(seconds) at time zone 'Asia/Tokyo'",
                ));
            }
            ("current_date", []) => Some(cast(self.wall(&self.now()), DataType::Date32)),
            ("current_time", []) => Some(cast(self.wall(&self.now()), DataType::Time64(TimeUnit::Nanosecond))),
            ("arrow_cast", [value, to]) => self.arrow_cast(value, to).map(|to| Expr::Cast(Cast::new(Box::new(value.clone()), to))),
            ("arrow_try_cast", [value, to]) => {
                self.arrow_cast(value, to).map(|to| Expr::TryCast(TryCast::new(Box::new(value.clone()), to)))
            }
            ("generate_series" | "range", [first, ..]) if self.side(first) == Side::Instant => return Err(series::refused()),
            _ => None,
        })
    }

    fn now(&self) -> Expr {
        now(self.config).call(Vec::new())
    }

    /// The type that `arrow_cast` names, where dates are concerned.
    fn arrow_cast(&self, value: &Expr, to: &Expr) -> Option<DataType> {
        let Expr::Literal(ScalarValue::Utf8(Some(to)), _) = to else { return None };
        let to: DataType = to.parse().ok()?;
        let dated = matches!(self.side(value), Side::Instant | Side::Wall)
            || matches!(to, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64);
        (dated && !matches!(plain(to.clone()), DataType::Int64)).then_some(to)
    }
}

/// Whether an interval is written of whole days, months and years.
fn is_of_days(interval: &Expr) -> bool {
    match interval {
        Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(length)), _) => length.nanoseconds == 0,
        Expr::Literal(ScalarValue::IntervalYearMonth(_), _) => true,
        Expr::Literal(ScalarValue::IntervalDayTime(Some(length)), _) => length.milliseconds == 0,
        _ => false,
    }
}

fn literal(expr: &Expr, function: &str) -> Result<String> {
    match expr {
        Expr::Literal(ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)) | ScalarValue::LargeUtf8(Some(text)), _) => {
            Ok(if text.contains('%') { text.clone() } else { text.to_lowercase() })
        }
        _ => Err(wrong(format!("the first argument of {function} is no text"), "write it in single quotes")),
    }
}

/// Whether a format shows an offset, a zone or seconds since 1970.
fn tells_the_zone(format: &str) -> bool {
    let mut rest = format;
    while let Some((_, behind)) = rest.split_once('%') {
        let code = behind.trim_start_matches([':', '#', '-', '_', '0', '^']);
        if code.starts_with(['z', 'Z', 's', '+', 'Q', 'c']) {
            return true;
        }
        rest = code.strip_prefix('%').unwrap_or(code);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_that_tell_the_zone_are_known() {
        for (format, tells) in [
            ("%Y-%m-%d", false),
            ("%H:%M %z", true),
            ("%:z", true),
            ("%%z", false),
            ("%-d.%m.", false),
            ("%Z", true),
            ("z", false),
            ("%s", true),
            ("%", false),
        ] {
            assert_eq!(tells_the_zone(format), tells, "{format}");
        }
    }
}
