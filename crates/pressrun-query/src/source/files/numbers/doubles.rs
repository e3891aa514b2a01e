//! Conversions between doubles and numbers that keep their digits.
//!
//! The engine makes a double of a whole number or a decimal that meets one, and a decimal of 15 places of a double that meets a decimal. Where the
//! value is compared or passed on, a digit that is lost that way is a wrong row; so what the SQL does not say itself is done only when
//! the number comes back. Quotients and functions such as `sqrt` are rounded anyway, and so is a calculation of decimals with doubles: these convert as they
//! are told.

use std::fmt::Display;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int32Type, Int64Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, Float64Array};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::FunctionRegistry;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::expr::{AggregateFunction, ScalarFunction, WindowFunction};
use datafusion::logical_expr::{
    BinaryExpr, Cast, ColumnarValue, Expr, ExprSchemable, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TryCast,
    Volatility, WindowFunctionDefinition,
};

use super::floats::is_arithmetic;
use crate::error::{QueryError, QueryErrorKind};

/// What marks the operand of a conversion that the SQL itself asks for.
pub(super) const ASKED_FOR: &str = "pressrun_asked_for";
const EXACT: &str = "pressrun_exact";

/// Most digits of a decimal that a double, and a number of 32 bits, always give back.
const DOUBLE_DIGITS: u8 = 15;
const SINGLE_DIGITS: u8 = 6;

/// Functions and aggregates whose result is rounded whatever their arguments are.
const ROUNDED: [&str; 42] = [
    "sqrt",
    "cbrt",
    "exp",
    "ln",
    "log",
    "log2",
    "log10",
    "power",
    "pow",
    "sin",
    "cos",
    "tan",
    "cot",
    "asin",
    "acos",
    "atan",
    "atan2",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
    "atanh",
    "degrees",
    "radians",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "var",
    "var_pop",
    "var_samp",
    "var_population",
    "var_sample",
    "corr",
    "covar",
    "covar_pop",
    "covar_samp",
    "regr_slope",
    "regr_intercept",
    "regr_r2",
    "approx_percentile_cont",
    "approx_median",
];

pub(super) fn register(state: &mut SessionState) -> Result<()> {
    state.register_udf(Arc::new(ScalarUDF::from(AskedFor { signature: Signature::any(1, Volatility::Immutable) }))).map(|_| ())
}

/// What replaces a conversion that the engine has added, or makes one that was added to a calculation as it was.
pub(super) fn converted(expr: &Expr, schema: &DFSchema) -> Result<Option<Expr>> {
    match expr {
        Expr::Cast(Cast { expr: value, field }) | Expr::TryCast(TryCast { expr: value, field }) => {
            if let Some(asked) = asked_for(value) {
                let data_type = field.data_type().clone();
                return Ok(Some(match expr {
                    Expr::TryCast(_) => Expr::TryCast(TryCast::new(Box::new(asked.clone()), data_type)),
                    _ => Expr::Cast(Cast::new(Box::new(asked.clone()), data_type)),
                }));
            }
            let Ok(from) = value.get_type(schema) else { return Ok(None) };
            let to = field.data_type();
            // Beside a column of doubles a long number that is written is a double.
            let constant = matches!(value.as_ref(), Expr::Literal(..)) && to.is_floating() && from.is_decimal();
            Ok((may_lose(&from, to) && !constant).then(|| exact(value.as_ref().clone(), to)))
        }
        Expr::BinaryExpr(BinaryExpr { op: Operator::Divide, .. }) => as_told(expr, schema, |_| true),
        Expr::BinaryExpr(BinaryExpr { op, .. }) if is_arithmetic(*op) => as_told(expr, schema, DataType::is_decimal),
        Expr::ScalarFunction(ScalarFunction { func, .. }) if ROUNDED.contains(&func.name()) => as_told(expr, schema, |_| true),
        Expr::AggregateFunction(AggregateFunction { func, .. }) if ROUNDED.contains(&func.name()) => as_told(expr, schema, |_| true),
        Expr::WindowFunction(window) if matches!(window.as_ref(), WindowFunction { fun: WindowFunctionDefinition::AggregateUDF(func), .. } if ROUNDED.contains(&func.name())) => {
            as_told(expr, schema, |_| true)
        }
        _ => Ok(None),
    }
}

/// `expr` with its own operands of these types converted as the engine does.
fn as_told(expr: &Expr, schema: &DFSchema, of: impl Fn(&DataType) -> bool) -> Result<Option<Expr>> {
    let changed = expr.clone().map_children(|operand| {
        let Expr::ScalarFunction(ScalarFunction { func, args }) = &operand else { return Ok(Transformed::no(operand)) };
        let (Some(exact), [value]) = (func.inner().downcast_ref::<Exact>(), args.as_slice()) else { return Ok(Transformed::no(operand)) };
        if !value.get_type(schema).is_ok_and(|data_type| of(&data_type)) {
            return Ok(Transformed::no(operand));
        }
        Ok(Transformed::yes(Expr::Cast(Cast::new(Box::new(value.clone()), exact.to.clone()))))
    })?;
    Ok(changed.transformed.then_some(changed.data))
}

fn asked_for(expr: &Expr) -> Option<&Expr> {
    match expr {
        Expr::ScalarFunction(ScalarFunction { func, args }) if func.name() == ASKED_FOR => args.first(),
        _ => None,
    }
}

fn exact(value: Expr, to: &DataType) -> Expr {
    let function = Exact { to: to.clone(), signature: Signature::any(1, Volatility::Immutable) };
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(ScalarUDF::from(function)), vec![value]))
}

/// Whether a value of `from` may lose digits as one of `to`.
fn may_lose(from: &DataType, to: &DataType) -> bool {
    let digits = |most: u8| match from {
        DataType::Int64 | DataType::UInt64 => true,
        DataType::Int32 | DataType::UInt32 => most < DOUBLE_DIGITS,
        DataType::Decimal32(precision, _)
        | DataType::Decimal64(precision, _)
        | DataType::Decimal128(precision, _)
        | DataType::Decimal256(precision, _) => *precision > most,
        _ => false,
    };
    match to {
        DataType::Float64 => digits(DOUBLE_DIGITS),
        DataType::Float32 => digits(SINGLE_DIGITS),
        DataType::Float16 => from.is_integer() || from.is_decimal(),
        to => to.is_decimal() && from.is_floating(),
    }
}

/// The operand of a conversion that the SQL asks for.
#[derive(Debug, PartialEq, Eq, Hash)]
struct AskedFor {
    signature: Signature,
}

impl ScalarUDFImpl for AskedFor {
    fn name(&self) -> &'static str {
        ASKED_FOR
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        Ok(args.first().map(|arg| arg.schema_name().to_string()).unwrap_or_default())
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        arguments.first().cloned().ok_or_else(missing)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        args.args.into_iter().next().ok_or_else(missing)
    }
}

fn missing() -> DataFusionError {
    DataFusionError::Internal("a number is missing".to_owned())
}

/// A conversion that loses no digit, or fails.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Exact {
    to: DataType,
    signature: Signature,
}

impl ScalarUDFImpl for Exact {
    fn name(&self) -> &'static str {
        EXACT
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.to.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match args.args.first() {
            Some(ColumnarValue::Array(array)) => convert(array, &self.to).map(ColumnarValue::Array),
            Some(ColumnarValue::Scalar(value)) => {
                let one = convert(&value.to_array()?, &self.to)?;
                ScalarValue::try_from_array(&one, 0).map(ColumnarValue::Scalar)
            }
            None => Err(missing()),
        }
    }
}

fn convert(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Int32 => whole::<Int32Type>(array, to),
        DataType::Int64 => whole::<Int64Type>(array, to),
        DataType::UInt32 => whole::<UInt32Type>(array, to),
        DataType::UInt64 => whole::<UInt64Type>(array, to),
        DataType::Decimal32(_, scale) => decimal::<Decimal32Type>(array, *scale, to),
        DataType::Decimal64(_, scale) => decimal::<Decimal64Type>(array, *scale, to),
        DataType::Decimal128(_, scale) => decimal::<Decimal128Type>(array, *scale, to),
        DataType::Decimal256(_, scale) => decimal::<Decimal256Type>(array, *scale, to),
        from if from.is_floating() => to_decimal(array, to),
        from if from.is_integer() => Ok(cast(array, to)?),
        DataType::Dictionary(_, values) => convert(&cast(array, values)?, to),
        other => Err(DataFusionError::Internal(format!("a conversion of {other} to {to}"))),
    }
}

fn cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    Ok(cast_with_options(array, to, &CastOptions { safe: false, ..CastOptions::default() })?)
}

fn whole<T: ArrowPrimitiveType>(array: &ArrayRef, to: &DataType) -> Result<ArrayRef>
where
    T::Native: Into<i128>,
{
    let numbers = array.as_primitive::<T>();
    let back = |number: i128| match to {
        DataType::Float64 => number as f64 as i128 == number,
        _ => number as f32 as i128 == number,
    };
    match numbers.iter().flatten().map(Into::into).find(|number: &i128| !back(*number)) {
        Some(lost) => Err(lost_as_float(&lost.to_string(), to)),
        None => cast(array, to),
    }
}

fn decimal<T: ArrowPrimitiveType>(array: &ArrayRef, scale: i8, to: &DataType) -> Result<ArrayRef>
where
    T::Native: Display,
{
    let numbers = array.as_primitive::<T>();
    let one = |number: Option<T::Native>| {
        let Some(number) = number else { return Ok(None) };
        let digits = number.to_string();
        let written = format!("{digits}e{}", -i32::from(scale));
        // By its digits: dividing by a power of ten would round twice.
        let value: f64 = written.parse().map_err(|_| missing())?;
        let back = match to {
            DataType::Float64 => same_digits(&digits, scale, &format!("{value:e}")),
            _ => same_digits(&digits, scale, &format!("{:e}", value as f32)),
        };
        if back { Ok(Some(value)) } else { Err(lost_as_float(&plain(&digits, scale), to)) }
    };
    let doubles: ArrayRef = Arc::new(numbers.iter().map(one).collect::<Result<Float64Array>>()?);
    if *to == DataType::Float64 { Ok(doubles) } else { cast(&doubles, to) }
}

/// Doubles as decimals of exactly the digits that they print.
fn to_decimal(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let decimals = cast(array, to)?;
    let scale = match to {
        DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) | DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => {
            *scale
        }
        _ => return Err(missing()),
    };
    let texts = cast(&cast(&decimals, &DataType::Decimal256(arrow_schema::DECIMAL256_MAX_PRECISION, scale))?, &DataType::Utf8)?;
    let texts = texts.as_string::<i32>();
    let printed: Vec<Option<String>> = match array.data_type() {
        DataType::Float64 => array.as_primitive::<Float64Type>().iter().map(|number| number.map(|number| format!("{number:e}"))).collect(),
        _ => {
            let singles = cast(array, &DataType::Float32)?;
            singles.as_primitive::<Float32Type>().iter().map(|number| number.map(|number| format!("{number:e}"))).collect()
        }
    };
    for (printed, text) in printed.iter().zip(texts) {
        let (Some(printed), Some(text)) = (printed, text) else { continue };
        let fraction = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let digits: String = text.chars().filter(|c| *c != '.').collect();
        if !same_digits(&digits, i8::try_from(fraction).unwrap_or(i8::MAX), printed) {
            let message = format!("the double {printed} loses digits as a decimal of {scale} places, which it became beside a decimal");
            let error = QueryError::new(QueryErrorKind::Value, message);
            return Err(DataFusionError::External(Box::new(
                error.hint("write cast(… as double) around the decimal, or round the double by cast(… as decimal(18, 4))"),
            )));
        }
    }
    Ok(decimals)
}

/// Whether `digits` with a point before the last `scale` of them is the number that a float prints as `printed`, in the form `1.5e-3`.
fn same_digits(digits: &str, scale: i8, printed: &str) -> bool {
    let (negative, digits) = digits.strip_prefix('-').map_or((false, digits), |digits| (true, digits));
    let digits = digits.trim_start_matches('0');
    let (printed_negative, printed) = printed.strip_prefix('-').map_or((false, printed), |printed| (true, printed));
    let Some((mantissa, exponent)) = printed.split_once('e') else { return false };
    let mantissa: String = mantissa.chars().filter(|c| *c != '.').collect();
    if digits.is_empty() {
        return mantissa.bytes().all(|digit| digit == b'0');
    }
    let places = i32::try_from(digits.len()).unwrap_or(i32::MAX) - 1 - i32::from(scale);
    negative == printed_negative && exponent.parse() == Ok(places) && digits.trim_end_matches('0') == mantissa.trim_end_matches('0')
}

/// As people write it.
fn plain(digits: &str, scale: i8) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let places = usize::try_from(scale).unwrap_or(0);
    let padded = format!("{digits:0>width$}", width = places + 1);
    let (whole, fraction) = padded.split_at(padded.len() - places);
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

fn lost_as_float(number: &str, to: &DataType) -> DataFusionError {
    let name = if *to == DataType::Float64 { "a double" } else { "a float of 32 bits" };
    let error = QueryError::new(QueryErrorKind::Value, format!("the number {number} loses digits as {name}, which it became beside one"));
    DataFusionError::External(Box::new(error.hint(
        "write cast(… as decimal(38, 4)) around what stands beside it, or cast(… as double) around the number where 15 digits are enough",
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_float_gives_digits_back_or_not() {
        for (digits, scale, printed, expected) in [
            ("9007199254740993", 0, "9.007199254740992e15", false),
            ("9007199254740992", 0, "9.007199254740992e15", true),
            ("-1500", 3, "-1.5e0", true),
            ("1500", 3, "-1.5e0", false),
            ("000", 2, "0e0", true),
            ("1", 20, "1e-20", true),
            ("0", 15, "1e-20", false),
            ("120", 0, "1.2e2", true),
            ("120", 0, "1.2e3", false),
        ] {
            assert_eq!(same_digits(digits, scale, printed), expected, "{digits} {scale} {printed}");
        }
    }

    #[test]
    fn decimals_are_shown_as_people_write_them() {
        for (digits, scale, expected) in [("12345", 2, "123.45"), ("-5", 2, "-0.05"), ("7", 0, "7")] {
            assert_eq!(plain(digits, scale), expected);
        }
    }
}
