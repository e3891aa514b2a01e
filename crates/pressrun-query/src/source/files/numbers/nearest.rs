//! Conversions to whole numbers, rounded as PostgreSQL rounds them; the engine cuts.
//!
//! Decimals are rounded half away from zero, doubles to the even of two that are as near. What rounds is a function of its own: a cast
//! the engine would take from around a column that is compared, and compare the column unrounded.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::DataType;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    Cast, ColumnarValue, Expr, ExprSchemable, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TryCast, Volatility,
};

use super::sums::{DIGITS_128, DIGITS_256};

const STRICT: CastOptions<'static> = CastOptions { safe: false, format_options: arrow_cast::display::FormatOptions::new() };
const NAME: &str = "pressrun_nearest";

/// A conversion of a number with a fraction to a whole one, rounded first.
pub(super) fn rounded(expr: &Expr, schema: &DFSchema) -> Option<Expr> {
    let (Expr::Cast(Cast { expr: value, field }) | Expr::TryCast(TryCast { expr: value, field })) = expr else { return None };
    let from = value.get_type(schema).ok()?;
    let is_rounded = matches!(value.as_ref(), Expr::ScalarFunction(ScalarFunction { func, .. }) if func.name() == NAME);
    let to = field.data_type();
    if !to.is_integer() || is_rounded || without_fraction(&from).is_none() {
        return None;
    }
    let function = Nearest { signature: Signature::any(1, Volatility::Immutable) };
    let nearest = ScalarFunction::new_udf(Arc::new(ScalarUDF::from(function)), vec![value.as_ref().clone()]);
    let nearest = Box::new(Expr::ScalarFunction(nearest));
    Some(match expr {
        Expr::TryCast(_) => Expr::TryCast(TryCast::new(nearest, to.clone())),
        _ => Expr::Cast(Cast::new(nearest, to.clone())),
    })
}

/// The type in which numbers of this one are rounded; nothing for those that have no fraction.
fn without_fraction(of: &DataType) -> Option<DataType> {
    // One digit more: 9.99 becomes 10.
    let digits = |precision: u8, scale: i8, most: u8| Some(precision.saturating_sub(u8::try_from(scale).ok()?).saturating_add(1).min(most));
    match of {
        DataType::Float64 | DataType::Float32 => Some(of.clone()),
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) | DataType::Decimal128(precision, scale)
            if *scale > 0 =>
        {
            Some(DataType::Decimal128(digits(*precision, *scale, DIGITS_128)?, 0))
        }
        DataType::Decimal256(precision, scale) if *scale > 0 => Some(DataType::Decimal256(digits(*precision, *scale, DIGITS_256)?, 0)),
        _ => None,
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Nearest {
    signature: Signature,
}

impl ScalarUDFImpl for Nearest {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        arguments.first().and_then(without_fraction).ok_or_else(|| DataFusionError::Internal("a number is missing".to_owned()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let to = args.return_field.data_type();
        match args.args.first() {
            Some(ColumnarValue::Array(array)) => nearest(array, to).map(ColumnarValue::Array),
            Some(ColumnarValue::Scalar(value)) => {
                let one = nearest(&value.to_array()?, to)?;
                ScalarValue::try_from_array(&one, 0).map(ColumnarValue::Scalar)
            }
            None => Err(DataFusionError::Internal("a number is missing".to_owned())),
        }
    }
}

fn nearest(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    Ok(match array.data_type() {
        DataType::Float64 => Arc::new(array.as_primitive::<Float64Type>().unary::<_, Float64Type>(f64::round_ties_even)),
        DataType::Float32 => Arc::new(array.as_primitive::<Float32Type>().unary::<_, Float32Type>(f32::round_ties_even)),
        _ => cast_with_options(array, to, &STRICT)?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::super::tests::says;

    #[tokio::test]
    async fn n12_numbers_with_a_fraction_become_the_nearest_whole_ones() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("t.csv"), "k,g,m\n1,0.5,0.50\n2,1.5,1.49\n3,-2.5,-2.50\n4,9.99,99.99\n5,,\n").unwrap();
        let m = "cast(m as decimal(4, 2))";
        for (sql, expected) in [
            ("select cast(g as integer) as a, g::bigint as b from t", Ok("0|0 2|2 -2|-2 10|10 ∅|∅")),
            (&format!("select cast({m} as integer) as a, try_cast({m} as bigint) as b from t"), Ok("1|1 1|1 -3|-3 100|100 ∅|∅")),
            ("select cast(2.5 as integer) as a, cast(cast(2.5 as decimal(2, 1)) as integer) as b, cast(-0.4 as bigint) as c", Ok("2|3|0")),
            // What is compared is what is shown.
            (&format!("select k from t where cast({m} as integer) = 100"), Ok("4")),
            (&format!("select k from t where cast({m} as integer) in (1, -3) order by k"), Ok("1 2 3")),
            ("select k from t where cast(g as integer) = 2", Ok("2")),
            ("select cast(cast(3e9 as double) as integer)", Err("")),
            ("select cast(cast('NaN' as double) as bigint)", Err("")),
            ("select cast(cast('9999999999.6' as decimal(12, 1)) as integer)", Err("")),
        ] {
            says(folder.path(), sql, expected).await;
        }
    }
}
