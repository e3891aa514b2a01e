//! `/` of decimals, rounded half away from zero as in PostgreSQL; the engine cuts.
//!
//! A quotient has four places more than the one of the two that has more, and no fewer than six. The engine looks at the first alone: a whole number by an amount would have four, and
//! a small share none that is not zero.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Decimal256Type, DecimalType};
use arrow_array::{Array, ArrayRef, PrimitiveArray};
use arrow_buffer::i256;
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{ArrowError, DataType};
use datafusion::arrow::compute::try_binary;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::sums::{DIGITS_128, DIGITS_256, too_many_digits};

const STRICT: CastOptions<'static> = CastOptions { safe: false, format_options: arrow_cast::display::FormatOptions::new() };

/// Fewest places of a quotient, and how many more it has than what is divided.
const FEWEST: u8 = 6;
const MORE: u8 = 4;

/// `left / right` rounded, where it divides decimals, or one and a whole number.
pub(super) fn rounded(expr: &Expr, schema: &DFSchema) -> Option<Expr> {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Divide, right }) = expr else { return None };
    let [of, by] = [left, right].map(|side| side.get_type(schema));
    let (of, by) = (of.ok()?, by.ok()?);
    if !(of.is_decimal() || by.is_decimal()) {
        return None;
    }
    let function = Quotient { to: quotient(&of, &by)?, signature: Signature::any(2, Volatility::Immutable) };
    let call = ScalarFunction::new_udf(Arc::new(ScalarUDF::from(function)), vec![left.as_ref().clone(), right.as_ref().clone()]);
    Some(Expr::ScalarFunction(call))
}

/// The type of a quotient.
fn quotient(of: &DataType, by: &DataType) -> Option<DataType> {
    let ((precision, scale), (_, other_scale)) = (digits(of)?, digits(by)?);
    let long = [of, by].into_iter().any(|side| matches!(side, DataType::Decimal256(..)));
    let most = if long { DIGITS_256 } else { DIGITS_128 };
    let places = scale.max(other_scale).saturating_add(MORE).max(FEWEST).min(most);
    // No quotient is larger than by the least number that is not zero.
    let whole = precision.saturating_sub(scale).saturating_add(other_scale);
    let (precision, places) = (whole.saturating_add(places).min(most), i8::try_from(places).ok()?);
    Some(if long { DataType::Decimal256(precision, places) } else { DataType::Decimal128(precision, places) })
}

/// The digits of a number and how many of them stand behind the point.
fn digits(of: &DataType) -> Option<(u8, u8)> {
    Some(match of {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => (*precision, u8::try_from(*scale).ok()?),
        DataType::Int8 | DataType::UInt8 => (3, 0),
        DataType::Int16 | DataType::UInt16 => (5, 0),
        DataType::Int32 | DataType::UInt32 => (10, 0),
        DataType::Int64 | DataType::UInt64 => (20, 0),
        _ => return None,
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Quotient {
    to: DataType,
    signature: Signature,
}

impl ScalarUDFImpl for Quotient {
    fn name(&self) -> &'static str {
        "pressrun_quotient"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.to.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_one = args.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let arguments = ColumnarValue::values_to_arrays(&args.args)?;
        let [left, right] = arguments.as_slice() else {
            return Err(DataFusionError::Internal("a quotient of other than two".to_owned()));
        };
        let found = quotients(left, right, &self.to)?;
        Ok(if is_one { ColumnarValue::Scalar(ScalarValue::try_from_array(&found, 0)?) } else { ColumnarValue::Array(found) })
    }
}

fn quotients(left: &ArrayRef, right: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    // How many places the left number must have more, for the whole quotient to have those of the result.
    let shift = |to: i8| i32::from(to) - i32::from(scale(left)) + i32::from(scale(right));
    match *to {
        DataType::Decimal256(precision, places) => {
            let divide = Division { shift: shift(places), precision, places, to };
            let (left, right) = (widened(left, DataType::Decimal256, DIGITS_256)?, widened(right, DataType::Decimal256, DIGITS_256)?);
            let found: PrimitiveArray<Decimal256Type> =
                try_binary(left.as_primitive::<Decimal256Type>(), right.as_primitive::<Decimal256Type>(), |left, right| {
                    divide.long(left, right)
                })?;
            Ok(Arc::new(found.with_data_type(to.clone())))
        }
        DataType::Decimal128(precision, places) => {
            let divide = Division { shift: shift(places), precision, places, to };
            let (left, right) = (widened(left, DataType::Decimal128, DIGITS_128)?, widened(right, DataType::Decimal128, DIGITS_128)?);
            let found: PrimitiveArray<Decimal128Type> =
                try_binary(left.as_primitive::<Decimal128Type>(), right.as_primitive::<Decimal128Type>(), |left, right| {
                    divide.short(left, right)
                })?;
            Ok(Arc::new(found.with_data_type(to.clone())))
        }
        _ => Err(DataFusionError::Internal(format!("a quotient of decimals is no {to}"))),
    }
}

fn scale(array: &ArrayRef) -> i8 {
    match array.data_type() {
        DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) | DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => {
            *scale
        }
        _ => 0,
    }
}

fn widened(array: &ArrayRef, of: fn(u8, i8) -> DataType, digits: u8) -> Result<ArrayRef> {
    Ok(cast_with_options(array, &of(digits, scale(array)), &STRICT)?)
}

/// Into which places is divided.
struct Division<'a> {
    shift: i32,
    precision: u8,
    places: i8,
    to: &'a DataType,
}

impl Division<'_> {
    fn too_large(&self) -> ArrowError {
        ArrowError::from_external_error(Box::new(too_many_digits(self.to)))
    }

    fn short(&self, left: i128, right: i128) -> Result<i128, ArrowError> {
        let shifted = u32::try_from(self.shift).ok().and_then(|shift| left.checked_mul(10_i128.checked_pow(shift)?));
        let found = match shifted {
            _ if right == 0 => return Err(ArrowError::DivideByZero),
            Some(left) => {
                let rest = (left % right).unsigned_abs();
                let up = rest >= right.unsigned_abs() - rest;
                left.checked_div(right).and_then(|whole| whole.checked_add(if up { left.signum() * right.signum() } else { 0 }))
            }
            None => self.long(i256::from_i128(left), i256::from_i128(right))?.to_i128(),
        };
        let fits = |found: &i128| Decimal128Type::validate_decimal_precision(*found, self.precision, self.places).is_ok();
        found.filter(fits).ok_or_else(|| self.too_large())
    }

    fn long(&self, left: i256, right: i256) -> Result<i256, ArrowError> {
        if right == i256::ZERO {
            return Err(ArrowError::DivideByZero);
        }
        let by = |shift: u32| i256::from_i128(10).checked_pow(shift);
        let shifted = u32::try_from(self.shift).ok().and_then(|shift| left.checked_mul(by(shift)?));
        let found = shifted.and_then(|left| {
            let (whole, rest) = (left.checked_div(right)?, left.checked_rem(right)?);
            let up = rest.wrapping_abs() >= right.wrapping_abs().wrapping_sub(rest.wrapping_abs());
            // What is left over has the sign of the whole quotient, or there is none.
            let away = if left.is_negative() == right.is_negative() { i256::ONE } else { i256::MINUS_ONE };
            if up { whole.checked_add(away) } else { Some(whole) }
        });
        let fits = |found: &i256| match self.to {
            DataType::Decimal256(..) => Decimal256Type::validate_decimal_precision(*found, self.precision, self.places).is_ok(),
            _ => true,
        };
        found.filter(fits).ok_or_else(|| self.too_large())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::super::tests::says;

    #[tokio::test]
    async fn n12_quotients_of_decimals_are_rounded_to_their_places() {
        let folder = tempfile::tempdir().unwrap();
        let (long, longer) = ("cast('12345678901234567890.5' as decimal(38, 10))", "cast('9876543210987654321' as decimal(76, 2))");
        std::fs::write(folder.path().join("t.csv"), "a,b\n2.00,3\n-2.00,3\n1.00,-8\n,3\n0.01,-7\n").unwrap();
        let columns = "select cast(a as decimal(10, 2)) / cast(b as decimal(5, 0)) from t";
        for (sql, expected) in [
            (columns, Ok("0.666667 -0.666667 -0.125000 ∅ -0.001429")),
            (
                "select cast(1 as decimal(10, 0)) / 128, cast(-1 as decimal(10, 0)) / 128, 1 / cast(-128 as decimal(10, 0))",
                Ok("0.007813|-0.007813|-0.007813"),
            ),
            (
                "select cast(1 as decimal(10, 0)) / 4000000, cast(1 as decimal(10, 0)) / 2000000, cast(-1 as decimal(10, 0)) / 2000001",
                Ok("0.000000|0.000001|0.000000"),
            ),
            ("select sum(cast(a as decimal(10, 2))) / count(*) from t", Ok("0.202000")),
            ("select sum(cast(a as decimal(10, 2))) / nullif(count(a) - 4, 0) from t", Ok("∅")),
            (&format!("select {long} / 3, {long} / -7"), Ok("4115226300411522630.16666666666667|-1763668414462081127.21428571428571")),
            (&format!("select {long} / cast(3 as decimal(38, 10))"), Ok("4115226300411522630.16666666666667")),
            (&format!("select {longer} / 7"), Ok("1410934744426807760.142857")),
            (&format!("select {long} / cast('0.0000000001' as decimal(38, 10))"), Err("more than 38 digits")),
            ("select cast(1 as decimal(10, 2)) / cast(a - a as decimal(10, 2)) from t", Err("division by zero")),
            ("select cast(1 as decimal(76, 2)) / cast(a - a as decimal(76, 2)) from t", Err("division by zero")),
            ("select a from t where cast(a as decimal(10, 2)) / 3 = 0.666667", Ok("2.0")),
            // A whole number by an amount has the places of the amount, and more.
            ("select count(*) / cast('123456.789' as decimal(12, 3)) from t", Ok("0.0000405")),
            ("select count(*) from t where b / cast('50000000.0000' as decimal(20, 4)) > 0", Ok("3")),
            (
                "select b / cast(7 as decimal(3, 0)) as x, count(*) from t group by b / cast(7 as decimal(3, 0)) order by x limit 1",
                Ok("-1.142857|1"),
            ),
        ] {
            says(folder.path(), sql, expected).await;
        }
    }

    /// Against long division by hand, in whole numbers.
    #[tokio::test]
    async fn n12_every_quotient_is_the_nearest_of_its_places() {
        let folder = tempfile::tempdir().unwrap();
        let sql = "select a.value, b.value, cast(a.value as decimal(9, 2)) / cast(b.value as decimal(9, 0)) \
                   from generate_series(-27, 27) as a, generate_series(-9, 9) as b where b.value <> 0 order by 1, 2";
        let mut expected = Vec::new();
        for left in -27_i64..=27 {
            for right in (-9_i64..=9).filter(|right| *right != 0) {
                let (parts, by) = (left.abs() * 1_000_000, right.abs());
                let nearest = (2 * parts + by) / (2 * by);
                let sign = if nearest != 0 && (left < 0) != (right < 0) { "-" } else { "" };
                expected.push(format!("{left}|{right}|{sign}{}.{:06}", nearest / 1_000_000, nearest % 1_000_000));
            }
        }
        says(folder.path(), sql, Ok(&expected.join(" "))).await;
    }

    #[tokio::test]
    async fn n12_averages_of_decimals_are_rounded_to_their_places_in_every_form() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("t.csv"), "k,g,a\n1,x,2\n2,x,2\n3,x,1\n4,y,-2\n5,y,-2\n6,y,-1\n7,y,\n").unwrap();
        let of = |digits: u8, places: u8| format!("cast(a as decimal({digits}, {places}))");
        for (digits, places, zeros) in [(10, 0, 4), (10, 2, 6), (30, 2, 6), (38, 2, 6), (62, 2, 6)] {
            let a = of(digits, places);
            let (third, half) = (format!("1.{}7", "6".repeat(zeros - 1)), format!("1.5{}", "0".repeat(zeros - 1)));
            for (sql, expected) in [
                (format!("select g, avg({a}) from t group by g order by g"), format!("x|{third} y|-{third}")),
                (format!("select avg({a}) from t where g = 'x'"), third.clone()),
                (format!("select avg(distinct {a}) from t where g = 'y'"), format!("-{half}")),
                (format!("select avg({a}) over (partition by g) from t where k in (1, 2, 3)"), [third.as_str(); 3].join(" ")),
                (
                    format!("select avg({a}) over (order by k rows 2 preceding) from t where g = 'y' order by k"),
                    format!("-2.{0} -2.{0} -{third} -{half}", "0".repeat(zeros)),
                ),
                (format!("select avg({a}) filter (where k > 6) from t"), "∅".to_owned()),
            ] {
                says(folder.path(), &sql, Ok(&expected)).await;
            }
        }
        says(folder.path(), &format!("select avg({}) from t", of(63, 2)), Err("62 are the most")).await;
        let long = "select avg(cast('99999999999999999999999999999999999.99' as decimal(38, 2))) from t";
        says(folder.path(), long, Err("more than 38 digits")).await;
        let as_long = "select avg(cast('99999999999999999999999999999999.99' as decimal(38, 2))) from t";
        says(folder.path(), as_long, Ok("99999999999999999999999999999999.990000")).await;
    }
}
