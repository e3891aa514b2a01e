//! `+`, `-` and `*` of whole numbers that say when the result does not fit; the engine's wrap round.

use std::sync::Arc;

use arrow_schema::{ArrowError, DataType};
use datafusion::arrow::compute::kernels::numeric;
use datafusion::common::DFSchema;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr_common::datum::apply;

use super::sums::too_large;

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
