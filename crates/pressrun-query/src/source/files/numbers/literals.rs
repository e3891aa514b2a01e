//! Numbers that are written in the SQL, beside what they are compared with.
//!
//! `2.5` is a double. Beside a whole number or a decimal it is compared as the decimal that is written, and so is a number of more digits than a double has.
//! Where decimals meet columns of doubles both are doubles, as in PostgreSQL.

use std::sync::Arc;

use arrow_buffer::i256;
use arrow_schema::DataType;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::expr::{InList, ScalarFunction};
use datafusion::logical_expr::{Between, BinaryExpr, Case, Expr, ExprSchemable, Operator, cast, lit};
use datafusion::sql::sqlparser::ast::{
    self, BinaryOperator, CastKind, DataType as SqlType, ExactNumberInfo, UnaryOperator, Value, ValueWithSpan,
};

use super::doubles::ASKED_FOR;
use super::floats::{PASSING, is_arithmetic};
use crate::source::files::zones::{call, plain};

/// Digits that a decimal of 128 bits holds, and one of 256 bits.
const DIGITS_128: usize = 38;
const DIGITS_256: usize = 76;

/// What replaces a comparison of `expr`, or a choice between values, once the types of its parts are known.
pub(in super::super) fn rewrite(expr: &Expr, schema: &DFSchema) -> Option<Expr> {
    let meeting = |parts: &[&Expr], compared: bool| Meeting::of(parts, schema, compared);
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(*op) => {
            let meeting = meeting(&[left, right], true)?;
            Some(Expr::BinaryExpr(BinaryExpr::new(meeting.boxed(left), *op, meeting.boxed(right))))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_arithmetic(*op) => {
            match (widened(left, right, schema), widened(right, left, schema)) {
                (Some(left), _) => Some(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), *op, right.clone()))),
                (None, Some(right)) => Some(Expr::BinaryExpr(BinaryExpr::new(left.clone(), *op, Box::new(right)))),
                (None, None) => None,
            }
        }
        Expr::Between(Between { expr, negated, low, high }) => {
            let meeting = meeting(&[expr, low, high], true)?;
            let [expr, low, high] = [expr, low, high].map(|part| meeting.boxed(part));
            Some(Expr::Between(Between { expr, negated: *negated, low, high }))
        }
        Expr::InList(InList { expr, list, negated }) => {
            let meeting = meeting(&list.iter().chain([expr.as_ref()]).collect::<Vec<_>>(), true)?;
            let list = list.iter().map(|part| meeting.changed(part)).collect();
            Some(Expr::InList(InList { expr: meeting.boxed(expr), list, negated: *negated }))
        }
        Expr::Case(Case { expr, when_then_expr, else_expr }) => {
            let results: Vec<&Expr> = when_then_expr.iter().map(|(_, then)| then.as_ref()).chain(else_expr.as_deref()).collect();
            let results = meeting(&results, false);
            let compared = expr.as_deref().and_then(|expr| {
                let parts: Vec<&Expr> = when_then_expr.iter().map(|(when, _)| when.as_ref()).chain([expr]).collect();
                meeting(&parts, true)
            });
            if results.is_none() && compared.is_none() {
                return None;
            }
            let of = |meeting: &Option<Meeting<'_>>, part: &Expr| {
                Box::new(meeting.as_ref().map_or_else(|| part.clone(), |meeting| meeting.changed(part)))
            };
            let branches = when_then_expr.iter().map(|(when, then)| (of(&compared, when), of(&results, then))).collect();
            let otherwise = else_expr.as_ref().map(|part| of(&results, part));
            Some(Expr::Case(Case::new(expr.as_ref().map(|part| of(&compared, part)), branches, otherwise)))
        }
        Expr::ScalarFunction(ScalarFunction { func, args }) if PASSING.contains(&func.name()) => {
            let meeting = meeting(&args.iter().collect::<Vec<_>>(), false)?;
            Some(Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(func), args.iter().map(|part| meeting.changed(part)).collect())))
        }
        _ => None,
    }
}

fn is_comparison(op: Operator) -> bool {
    use Operator as O;
    matches!(op, O::Eq | O::NotEq | O::Lt | O::LtEq | O::Gt | O::GtEq | O::IsDistinctFrom | O::IsNotDistinctFrom)
}

/// A float of 32 bits beside a column of whole numbers or decimals, as a double. A constant leaves it what it is.
fn widened(float: &Expr, beside: &Expr, schema: &DFSchema) -> Option<Expr> {
    let [of, other] = [float.get_type(schema).ok()?, beside.get_type(schema).ok()?].map(plain);
    let short = matches!(of, DataType::Float16 | DataType::Float32) && !matches!(beside, Expr::Literal(..));
    let long = other.is_decimal() || matches!(other, DataType::Int32 | DataType::Int64 | DataType::UInt32 | DataType::UInt64);
    (short && long).then(|| cast(float.clone(), DataType::Float64))
}

/// Numbers of several types that are compared, or of which one is the result.
struct Meeting<'a> {
    schema: &'a DFSchema,
    floats: bool,
    /// Whether doubles that are no constants take part.
    doubles: bool,
    /// The longest decimal: digits before and behind the point.
    decimal: Option<(usize, usize)>,
    whole: bool,
    unsigned: bool,
    compared: bool,
}

impl<'a> Meeting<'a> {
    /// `None` where nothing has to change.
    fn of(parts: &[&Expr], schema: &'a DFSchema, compared: bool) -> Option<Self> {
        let mut meeting = Self { schema, floats: false, doubles: false, decimal: None, whole: false, unsigned: false, compared };
        let mut numbers = true;
        for part in parts {
            let data_type = plain(part.get_type(schema).ok()?);
            if let Some((whole, scale)) = decimal(&data_type) {
                let (most_whole, most_scale) = meeting.decimal.unwrap_or_default();
                meeting.decimal = Some((whole.max(most_whole), scale.max(most_scale)));
            }
            meeting.whole |= data_type.is_integer();
            meeting.unsigned |= data_type == DataType::UInt64;
            meeting.doubles |= data_type.is_floating() && !matches!(part, Expr::Literal(..));
            meeting.floats |= data_type.is_floating();
            numbers &= data_type.is_numeric() || data_type == DataType::Null;
        }
        let mixed = meeting.floats && (meeting.decimal.is_some() || meeting.whole);
        (mixed || numbers && meeting.long().is_some()).then_some(meeting)
    }

    /// The type that holds decimals which have no place in 38 digits together.
    fn long(&self) -> Option<DataType> {
        let (whole, scale) = self.decimal.filter(|_| self.compared && !self.floats)?;
        let whole = if self.whole { whole.max(20) } else { whole };
        let precision = u8::try_from(whole + scale).ok()?;
        (usize::from(precision) > DIGITS_128 && usize::from(precision) <= DIGITS_256)
            .then(|| DataType::Decimal256(precision, i8::try_from(scale).unwrap_or(0)))
    }

    fn boxed(&self, part: &Expr) -> Box<Expr> {
        Box::new(self.changed(part))
    }

    fn changed(&self, part: &Expr) -> Expr {
        let Ok(data_type) = part.get_type(self.schema).map(plain) else { return part.clone() };
        if let Some(long) = self.long() {
            return cast(part.clone(), long);
        }
        if self.doubles {
            let other = data_type.is_decimal() || matches!(data_type, DataType::Float16 | DataType::Float32);
            return if other { cast(part.clone(), DataType::Float64) } else { part.clone() };
        }
        match part {
            Expr::Literal(ScalarValue::Float64(Some(number)), _) => self.exactly(*number).map_or_else(|| part.clone(), lit),
            _ => part.clone(),
        }
    }

    /// The number as it is written, in a type that compares exactly with the others.
    fn exactly(&self, number: f64) -> Option<ScalarValue> {
        if self.decimal.is_none() {
            if !self.compared {
                return None;
            }
            // Within 64 bits; the bounds themselves are doubles.
            if number.fract() == 0.0 && (-9.2e18..9.2e18).contains(&number) {
                let signed = number as i64;
                return Some(match u64::try_from(signed) {
                    Ok(unsigned) if self.unsigned => ScalarValue::UInt64(Some(unsigned)),
                    _ => ScalarValue::Int64(Some(signed)),
                });
            }
        }
        let (digits, scale) = digits_of(&format!("{number:e}"))?;
        let (whole, places) = self.decimal.unwrap_or((20, 0));
        let own_whole = digits.trim_start_matches('-').len().saturating_sub(scale);
        // What the literal and the others have in common must have a place for the digits of both.
        let together = whole.max(own_whole) + places.max(scale);
        let precision = u8::try_from((own_whole + scale).max(1)).ok()?;
        let scale = i8::try_from(scale).ok()?;
        if together <= DIGITS_128 {
            Some(ScalarValue::Decimal128(Some(digits.parse().ok()?), precision, scale))
        } else if together <= DIGITS_256 {
            Some(ScalarValue::Decimal256(Some(i256::from_string(&digits)?), precision, scale))
        } else {
            None
        }
    }
}

/// The digits of a decimal before and behind the point.
pub(super) fn decimal(data_type: &DataType) -> Option<(usize, usize)> {
    match data_type {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => {
            let scale = usize::try_from(*scale).ok()?;
            Some((usize::from(*precision).saturating_sub(scale), scale))
        }
        _ => None,
    }
}

/// The digits of a number, and how many of them stand behind the point: of `1`, `-2.50`, `1.5e-3`.
pub(super) fn digits_of(text: &str) -> Option<(String, usize)> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let mut digits = format!("{whole}{fraction}");
    if !digits.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit()) || digits.trim_start_matches('-').is_empty() {
        return None;
    }
    let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    if scale < 0 {
        let zeros = usize::try_from(-scale).ok().filter(|zeros| *zeros <= DIGITS_256)?;
        digits.push_str(&"0".repeat(zeros));
    }
    let scale = usize::try_from(scale.max(0)).ok()?;
    Some((digits, scale))
}

/// Marks the conversions that the SQL asks for, and writes numbers out that a double would round where they are compared.
pub(in super::super) fn write_out(expr: &mut ast::Expr) {
    match expr {
        ast::Expr::Cast {
            kind: CastKind::Cast | CastKind::TryCast | CastKind::SafeCast | CastKind::DoubleColon,
            expr: value,
            data_type,
            ..
        } if is_number(data_type)
            && !matches!(
                value.as_ref(),
                ast::Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(_) | Value::Placeholder(_), .. })
            ) =>
        {
            let operand = std::mem::replace(value.as_mut(), ast::Expr::Value(ValueWithSpan::from(Value::Null)));
            **value = match as_text(&operand).filter(|_| is_decimal(data_type)) {
                Some(text) => text,
                None => call(ASKED_FOR, vec![operand]),
            };
        }
        ast::Expr::BinaryOp { left, op, right } if is_comparison_in_sql(op) => {
            long(left);
            long(right);
        }
        ast::Expr::IsDistinctFrom(left, right) | ast::Expr::IsNotDistinctFrom(left, right) => {
            long(left);
            long(right);
        }
        ast::Expr::InList { expr, list, .. } => {
            long(expr);
            list.iter_mut().for_each(long);
        }
        ast::Expr::Between { expr, low, high, .. } => [expr, low, high].into_iter().for_each(|part| long(part)),
        ast::Expr::Value(ValueWithSpan { value: Value::Number(text, _), .. }) => {
            let whole = text.bytes().all(|byte| byte.is_ascii_digit());
            if whole && text.parse::<u64>().is_err() && text.len() <= DIGITS_256 {
                let text = text.clone();
                *expr = decimal_literal(&text, text.len(), 0);
            }
        }
        _ => {}
    }
}

fn is_number(data_type: &SqlType) -> bool {
    matches!(
        data_type,
        SqlType::Float(_)
            | SqlType::Float4
            | SqlType::Float8
            | SqlType::Float32
            | SqlType::Float64
            | SqlType::Real
            | SqlType::Double(_)
            | SqlType::DoublePrecision
            | SqlType::Decimal(_)
            | SqlType::Numeric(_)
            | SqlType::Dec(_)
    )
}

fn is_decimal(data_type: &SqlType) -> bool {
    matches!(data_type, SqlType::Decimal(_) | SqlType::Numeric(_) | SqlType::Dec(_))
}

/// The text of a number with a point, which a double would round before it becomes a decimal.
fn as_text(expr: &ast::Expr) -> Option<ast::Expr> {
    let (sign, number) = match expr {
        ast::Expr::UnaryOp { op: UnaryOperator::Minus, expr } => ("-", expr.as_ref()),
        other => ("", other),
    };
    let ast::Expr::Value(ValueWithSpan { value: Value::Number(text, _), .. }) = number else { return None };
    let is_plain = text.contains('.') && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    is_plain.then(|| ast::Expr::Value(ValueWithSpan::from(Value::SingleQuotedString(format!("{sign}{text}")))))
}

fn is_comparison_in_sql(op: &BinaryOperator) -> bool {
    use BinaryOperator as B;
    matches!(op, B::Eq | B::NotEq | B::Lt | B::LtEq | B::Gt | B::GtEq)
}

/// A number with a point that a double does not give back, as a decimal.
fn long(expr: &mut ast::Expr) {
    match expr {
        ast::Expr::Nested(inner) | ast::Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr: inner } => long(inner),
        ast::Expr::Value(ValueWithSpan { value: Value::Number(text, _), .. }) => {
            let Some((digits, scale)) = digits_of(text) else { return };
            let comes_back = text.parse::<f64>().is_ok_and(|double| {
                digits_of(&format!("{double:e}"))
                    .is_some_and(|(printed, places)| places == scale && printed.trim_start_matches('0') == digits.trim_start_matches('0'))
            });
            let whole = text.bytes().all(|byte| byte.is_ascii_digit());
            let precision = digits.trim_start_matches('0').len().max(scale + 1);
            if !comes_back && !whole && precision <= DIGITS_256 {
                let text = text.clone();
                *expr = decimal_literal(&text, precision, scale);
            }
        }
        _ => {}
    }
}

fn decimal_literal(text: &str, precision: usize, scale: usize) -> ast::Expr {
    ast::Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(ast::Expr::Value(ValueWithSpan::from(Value::SingleQuotedString(text.to_owned())))),
        data_type: SqlType::Decimal(ExactNumberInfo::PrecisionAndScale(precision as u64, scale as i64)),
        array: false,
        format: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_that_are_written() {
        for (text, expected) in [
            ("1", Some(("1", 0))),
            ("-2.50", Some(("-25", 1))),
            ("1.5e-3", Some(("15", 4))),
            ("9e18", Some(("9000000000000000000", 0))),
            ("9000000000000000001.0", Some(("9000000000000000001", 0))),
            ("1e400", None),
            ("NaN", None),
            ("inf", None),
        ] {
            assert_eq!(digits_of(text), expected.map(|(digits, scale)| (digits.to_owned(), scale)), "{text}");
        }
    }
}
