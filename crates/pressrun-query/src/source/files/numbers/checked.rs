//! `+`, `-` and `*` of whole numbers that say when the result does not fit; the engine's wrap round. And calculations with decimals of the most digits:
//! the engine's may have one more, which is then not shown.

use std::sync::Arc;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Decimal256Type};
use arrow_schema::{ArrowError, DataType};
use datafusion::arrow::compute::kernels::numeric;
use datafusion::common::DFSchema;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr_common::datum::apply;

use super::floats::is_arithmetic;
use super::sums::{DIGITS_128, DIGITS_256, too_large, too_many_digits};

/// `left op right` checked, where it adds, subtracts or multiplies whole numbers.
pub(super) fn checked(expr: &Expr, schema: &DFSchema) -> Option<Expr> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = expr else { return None };
    let op = match op {
        Operator::Plus => Op::Add,
        Operator::Minus => Op::Subtract,
        Operator::Multiply => Op::Multiply,
        _ => return None,
    };
    let whole = |expr: &Expr| expr.get_type(schema).is_ok_and(|data_type| data_type.is_integer());
    let alike = left.get_type(schema).ok() == right.get_type(schema).ok();
    if !(alike && whole(left)) {
        return None;
    }
    let function = Checked { op, signature: Signature::any(2, Volatility::Immutable) };
    let call = ScalarFunction::new_udf(Arc::new(ScalarUDF::from(function)), vec![left.as_ref().clone(), right.as_ref().clone()]);
    Some(Expr::ScalarFunction(call))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Op {
    Add,
    Subtract,
    Multiply,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Checked {
    op: Op,
    signature: Signature,
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &'static str {
        match self.op {
            Op::Add => "pressrun_plus",
            Op::Subtract => "pressrun_minus",
            Op::Multiply => "pressrun_times",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        arguments.first().cloned().ok_or_else(|| DataFusionError::Internal("a sum of nothing".to_owned()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [left, right] = args.args.as_slice() else {
            return Err(DataFusionError::Internal("a sum of other than two".to_owned()));
        };
        let (found, what) = match self.op {
            Op::Add => (apply(left, right, numeric::add), "a sum"),
            Op::Subtract => (apply(left, right, numeric::sub), "a difference"),
            Op::Multiply => (apply(left, right, numeric::mul), "a product"),
        };
        found.map_err(|error| match error {
            DataFusionError::ArrowError(arrow, _) if matches!(*arrow, ArrowError::ArithmeticOverflow(_)) => {
                too_large(what, args.return_field.data_type())
            }
            other => other,
        })
    }
}

/// `expr` checked, where it calculates decimals of as many digits as there can be: with fewer the engine gives the result more.
pub(super) fn within_digits(expr: &Expr, schema: &DFSchema) -> Option<Expr> {
    let Expr::BinaryExpr(BinaryExpr { op, .. }) = expr else { return None };
    let full = |data_type| matches!(data_type, DataType::Decimal128(DIGITS_128, _) | DataType::Decimal256(DIGITS_256, _));
    if !is_arithmetic(*op) || !expr.get_type(schema).is_ok_and(full) {
        return None;
    }
    let function = WithinDigits { signature: Signature::any(1, Volatility::Immutable) };
    Some(Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(ScalarUDF::from(function)), vec![expr.clone()])))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct WithinDigits {
    signature: Signature,
}

impl ScalarUDFImpl for WithinDigits {
    fn name(&self) -> &'static str {
        "pressrun_within_digits"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        arguments.first().cloned().ok_or_else(|| DataFusionError::Internal("a number is missing".to_owned()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(found) = args.args.into_iter().next() else {
            return Err(DataFusionError::Internal("a number is missing".to_owned()));
        };
        let values = found.to_array(1.max(args.number_rows))?;
        let fits = match values.data_type() {
            DataType::Decimal128(digits, _) => values.as_primitive::<Decimal128Type>().validate_decimal_precision(*digits),
            DataType::Decimal256(digits, _) => values.as_primitive::<Decimal256Type>().validate_decimal_precision(*digits),
            _ => Ok(()),
        };
        match fits {
            Ok(()) => Ok(found),
            Err(_) => Err(too_many_digits(values.data_type())),
        }
    }
}
