//! One NaN and one zero.
//!
//! Comparing, grouping, joining and sorting by bits is then right: the NaN without a sign is above infinity and equal to itself.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray, make_array};
use arrow_schema::DataType;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    BinaryExpr, Cast, ColumnarValue, Expr, ExprSchemable, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TryCast,
    Volatility,
};

/// Functions whose value is one of their arguments.
pub(super) const PASSING: [&str; 6] = ["coalesce", "nullif", "greatest", "least", "nvl", "nvl2"];

/// A floating point number as this engine has it: every NaN is the same, zero has no sign.
pub(in super::super) fn canonical(number: f64) -> f64 {
    if number.is_nan() { f64::NAN } else { number + 0.0 }
}

/// Whether values of the type are, or hold, floating point numbers.
pub(super) fn holds_floats(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::Map(item, _) => holds_floats(item.data_type()),
        DataType::Struct(members) => members.iter().any(|member| holds_floats(member.data_type())),
        DataType::Union(members, _) => members.iter().any(|(_, member)| holds_floats(member.data_type())),
        DataType::Dictionary(_, values) => holds_floats(values),
        DataType::RunEndEncoded(_, values) => holds_floats(values.data_type()),
        other => other.is_floating(),
    }
}

/// A column with [`canonical`] values, at any depth.
pub(super) fn canonical_array(array: &ArrayRef) -> Result<ArrayRef> {
    let double = |bits: f64| if bits.is_nan() { bits.to_bits() != f64::NAN.to_bits() } else { bits.to_bits() == 1 << 63 };
    let single = |bits: f32| if bits.is_nan() { bits.to_bits() != f32::NAN.to_bits() } else { bits.to_bits() == 1 << 31 };
    Ok(match array.data_type() {
        DataType::Float64 => replaced::<Float64Type>(array, double, canonical),
        DataType::Float32 => replaced::<Float32Type>(array, single, |number| if number.is_nan() { f32::NAN } else { number + 0.0 }),
        DataType::Float16 => {
            type Half = <Float16Type as ArrowPrimitiveType>::Native;
            let odd = |number: Half| if number.is_nan() { number.to_bits() != Half::NAN.to_bits() } else { number.to_bits() == 1 << 15 };
            replaced::<Float16Type>(array, odd, |number| if number.is_nan() { Half::NAN } else { Half::from_bits(0) })
        }
        nested if holds_floats(nested) => {
            let data = array.to_data();
            let children = data.child_data().iter().map(|child| Ok(canonical_array(&make_array(child.clone()))?.to_data()));
            let children = children.collect::<Result<Vec<_>>>()?;
            make_array(data.into_builder().child_data(children).build()?)
        }
        _ => Arc::clone(array),
    })
}

/// `array` with the `odd` ones of its values replaced; most columns have none and stay what they are.
fn replaced<T: ArrowPrimitiveType>(array: &ArrayRef, odd: impl Fn(T::Native) -> bool, by: impl Fn(T::Native) -> T::Native) -> ArrayRef {
    let numbers: &PrimitiveArray<T> = array.as_primitive();
    if !numbers.values().iter().fold(false, |found, number| found | odd(*number)) {
        return Arc::clone(array);
    }
    let replaced: PrimitiveArray<T> = numbers.unary(|number| if odd(number) { by(number) } else { number });
    Arc::new(replaced)
}

/// `expr` with one NaN and one zero, where it may yield others: of text, of a calculation, of a function.
pub(super) fn computed(expr: &Expr, schema: &DFSchema) -> Option<Expr> {
    let may_be_odd = match expr {
        Expr::Literal(ScalarValue::Float64(Some(number)), meta) => {
            let better = canonical(*number);
            let same = better.to_bits() == number.to_bits();
            return (!same).then(|| Expr::Literal(ScalarValue::Float64(Some(better)), meta.clone()));
        }
        Expr::BinaryExpr(BinaryExpr { op, .. }) => is_arithmetic(*op),
        Expr::Negative(_) => true,
        Expr::ScalarFunction(ScalarFunction { func, .. }) => !PASSING.contains(&func.name()) && !func.name().starts_with("pressrun_"),
        Expr::Cast(Cast { expr, .. }) | Expr::TryCast(TryCast { expr, .. }) => {
            expr.get_type(schema).is_ok_and(|data_type| !data_type.is_numeric())
        }
        _ => false,
    };
    if !may_be_odd || !expr.get_type(schema).is_ok_and(|data_type| holds_floats(&data_type)) {
        return None;
    }
    let function = Canonical { signature: Signature::any(1, Volatility::Immutable) };
    Some(Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(ScalarUDF::from(function)), vec![expr.clone()])))
}

pub(super) fn is_arithmetic(op: Operator) -> bool {
    matches!(op, Operator::Plus | Operator::Minus | Operator::Multiply | Operator::Divide | Operator::Modulo)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Canonical {
    signature: Signature,
}

impl ScalarUDFImpl for Canonical {
    fn name(&self) -> &'static str {
        "pressrun_float"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        arguments.first().cloned().ok_or_else(|| DataFusionError::Internal("a number is missing".to_owned()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match args.args.first() {
            Some(ColumnarValue::Array(array)) => canonical_array(array).map(ColumnarValue::Array),
            Some(ColumnarValue::Scalar(value)) => {
                let one = canonical_array(&value.to_array()?)?;
                ScalarValue::try_from_array(&one, 0).map(ColumnarValue::Scalar)
            }
            None => Err(DataFusionError::Internal("a number is missing".to_owned())),
        }
    }
}
