//! Sums of whole numbers that say when they do not fit; the engine's wrap round.
//!
//! `sum` counts in 38 digits and its result is a number of 64 bits, as before, or an error. `+`, `-` and `*` of whole numbers are checked
//! likewise.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{ArrowError, DataType, Field, FieldRef};
use datafusion::arrow::compute::kernels::numeric;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::FunctionRegistry;
use datafusion::execution::session_state::SessionState;
use datafusion::functions_aggregate::sum::Sum;
use datafusion::logical_expr::expr::{AggregateFunction, ScalarFunction};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, BinaryExpr, ColumnarValue, EmitTo, Expr, ExprSchemable, GroupsAccumulator, Operator,
    ReversedUDAF, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, SetMonotonicity, Signature, Volatility,
};
use datafusion::physical_expr_common::datum::apply;

use crate::error::{QueryError, QueryErrorKind};

/// Digits of the sums of 64-bit numbers: more rows than fit on a disk do not pass it.
const WIDE: DataType = DataType::Decimal128(38, 0);
const STRICT: CastOptions<'static> = CastOptions { safe: false, format_options: arrow_cast::display::FormatOptions::new() };

/// Registers `sum`.
pub(super) fn register(state: &mut SessionState) -> Result<()> {
    state.register_udaf(Arc::new(AggregateUDF::from(CheckedSum { inner: Sum::new() }))).map(|_| ())
}

fn is_long(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Int64 | DataType::UInt64)
}

fn too_large(what: &str) -> DataFusionError {
    let error = QueryError::new(QueryErrorKind::Value, format!("{what} of whole numbers is too large for 64 bits"));
    DataFusionError::External(Box::new(error.hint("count in a wider type: sum(cast(… as decimal(38, 0)))")))
}

/// `sum`, as the engine's but for whole numbers.
#[derive(Debug, PartialEq, Eq, Hash)]
struct CheckedSum {
    inner: Sum,
}

impl AggregateUDFImpl for CheckedSum {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arguments)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        match narrow(&args.return_field) {
            Some(to) => Ok(Box::new(Narrow { inner: self.inner.accumulator(widened(args))?, to })),
            None => self.inner.accumulator(args),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let return_field = narrow(&args.return_field).map_or(Arc::clone(&args.return_field), |_| wide(&args.return_field));
        self.inner.state_fields(StateFieldsArgs { return_field, ..args })
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        self.inner.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        match narrow(&args.return_field) {
            Some(to) => Ok(Box::new(NarrowGroups { inner: self.inner.create_groups_accumulator(widened(args))?, to })),
            None => self.inner.create_groups_accumulator(args),
        }
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        match narrow(&args.return_field) {
            Some(_) if args.is_distinct => {
                let error = QueryError::new(QueryErrorKind::Unsupported, "sum(distinct …) over a frame that moves is not supported");
                Err(DataFusionError::External(Box::new(
                    error.hint("make the values distinct in an inner query, or sum over the whole partition"),
                )))
            }
            Some(to) => Ok(Box::new(Narrow { inner: self.inner.create_sliding_accumulator(widened(args))?, to })),
            None => self.inner.create_sliding_accumulator(args),
        }
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        self.inner.reverse_expr()
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.inner.order_sensitivity()
    }

    fn set_monotonicity(&self, data_type: &DataType) -> SetMonotonicity {
        self.inner.set_monotonicity(data_type)
    }

    fn simplify_expr_op_literal(
        &self,
        function: &AggregateFunction,
        argument: &Expr,
        op: Operator,
        literal: &Expr,
        left: bool,
    ) -> Result<Option<Expr>> {
        // For whole numbers it would multiply, which wraps round as well.
        match literal {
            Expr::Literal(value, _) if value.data_type().is_integer() => Ok(None),
            _ => self.inner.simplify_expr_op_literal(function, argument, op, literal, left),
        }
    }
}

/// The type of whole numbers that the result has, if it has one.
fn narrow(field: &Field) -> Option<DataType> {
    Some(field.data_type().clone()).filter(is_long)
}

fn wide(field: &Field) -> FieldRef {
    Arc::new(field.clone().with_data_type(WIDE))
}

fn widened(args: AccumulatorArgs<'_>) -> AccumulatorArgs<'_> {
    AccumulatorArgs { return_field: wide(&args.return_field), ..args }
}

fn widen(values: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
    values.iter().map(|values| Ok(cast_with_options(values, &WIDE, &STRICT)?)).collect()
}

/// A sum in 38 digits whose result has to fit into 64 bits.
#[derive(Debug)]
struct Narrow {
    inner: Box<dyn Accumulator>,
    to: DataType,
}

impl Accumulator for Narrow {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.inner.update_batch(&widen(values)?)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let sum = self.inner.evaluate()?.to_array()?;
        let sum = cast_with_options(&sum, &self.to, &STRICT).map_err(|_| too_large("a sum"))?;
        ScalarValue::try_from_array(&sum, 0)
    }

    fn size(&self) -> usize {
        self.inner.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.inner.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.inner.merge_batch(states)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.inner.retract_batch(&widen(values)?)
    }

    fn supports_retract_batch(&self) -> bool {
        self.inner.supports_retract_batch()
    }
}

/// The same for many groups.
struct NarrowGroups {
    inner: Box<dyn GroupsAccumulator>,
    to: DataType,
}

impl GroupsAccumulator for NarrowGroups {
    fn update_batch(&mut self, values: &[ArrayRef], groups: &[usize], filter: Option<&BooleanArray>, total: usize) -> Result<()> {
        self.inner.update_batch(&widen(values)?, groups, filter, total)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        cast_with_options(&self.inner.evaluate(emit_to)?, &self.to, &STRICT).map_err(|_| too_large("a sum"))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.inner.state(emit_to)
    }

    fn merge_batch(&mut self, values: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.inner.merge_batch(values, groups, total)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        self.inner.convert_to_state(&widen(values)?, filter)
    }

    fn size(&self) -> usize {
        self.inner.size()
    }
}

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
            DataFusionError::ArrowError(arrow, _) if matches!(*arrow, ArrowError::ArithmeticOverflow(_)) => too_large(what),
            other => other,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

    use crate::testing::{answer, plain};

    /// The case `sql-sum-overflow`, and the other ways in which whole numbers grow.
    #[tokio::test]
    async fn sums_of_whole_numbers_are_right_or_an_error() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("t.csv"), "g,v\na,9223372036854775807\na,9223372036854775807\nb,2\nb,3\nb,2\n").unwrap();
        let max = i64::MAX;
        for (sql, expected) in [
            ("select sum(v) as s from t".to_owned(), Err("a sum of whole numbers is too large for 64 bits")),
            ("select g, sum(v) as s from t group by g".to_owned(), Err("decimal(38, 0)")),
            ("select sum(v) over (order by v desc rows 1 preceding) as s from t".to_owned(), Err("a sum of whole numbers")),
            ("select sum(v + 1) from t".to_owned(), Err("a sum of whole numbers")),
            ("select v + v from t".to_owned(), Err("a sum of whole numbers")),
            ("select v * 3 from t".to_owned(), Err("a product of whole numbers")),
            ("select -v - v from t".to_owned(), Err("a difference of whole numbers")),
            (format!("select {max} + 1"), Err("a sum of whole numbers")),
            ("select sum(cast(v as decimal(38, 0))) from t".to_owned(), Ok("18446744073709551621")),
            ("select sum(v) from t where v < 0".to_owned(), Ok("∅")),
            // It passes the limit on its way and comes back.
            (format!("select sum(x) from (values ({max}), ({max}), (-{max})) as y(x)"), Ok("9223372036854775807")),
            ("select sum(distinct v) from t".to_owned(), Err("a sum of whole numbers")),
            ("select sum(v), sum(v) * 2 - 1, sum(v + 1), count(*) from t where g = 'b'".to_owned(), Ok("7|13|10|3")),
            ("select sum(distinct v), sum(v) filter (where v > 2) from t where g = 'b'".to_owned(), Ok("5|3")),
            ("select sum(v) over (order by v rows 1 preceding) as s from t where g = 'b'".to_owned(), Ok("2 4 5")),
            ("select sum(v * 0.5), sum(cast(v as smallint)) from t where g = 'b'".to_owned(), Ok("3.5|7")),
        ] {
            let found = answer(folder.path(), &plain(&sql)).await;
            match (found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found.join(" "), expected, "{sql}"),
                (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{sql}: {error}"),
                (found, expected) => panic!("{sql}: {found:?}, not {expected:?}"),
            }
        }
    }

    #[tokio::test]
    async fn a_large_table_sums_by_group_as_before() {
        let folder = tempfile::tempdir().unwrap();
        let sql = "select g, sum(v) as s from (select value % 7 as g, value as v from generate_series(1, 100000)) group by g order by g";
        let expected: Vec<String> =
            (0..7).map(|group: i64| format!("{group}|{}", (1..=100_000_i64).filter(|value| value % 7 == group).sum::<i64>())).collect();
        assert_eq!(answer(folder.path(), &plain(sql)).await.unwrap(), expected);
    }
}
