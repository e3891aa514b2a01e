//! Sums of whole numbers and decimals that say when they do not fit; the engine's wrap round.
//!
//! `sum` counts whole numbers in 38 digits and its result is a number of 64 bits, as before, or an error. Decimals of 38 digits are counted
//! in 76. `+`, `-` and `*` of whole numbers are checked likewise.

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

/// Digits that a decimal of 128 bits holds, and one of 256 bits.
const DIGITS_128: u8 = 38;
const DIGITS_256: u8 = 76;
const STRICT: CastOptions<'static> = CastOptions { safe: false, format_options: arrow_cast::display::FormatOptions::new() };

/// Registers `sum`.
pub(super) fn register(state: &mut SessionState) -> Result<()> {
    state.register_udaf(Arc::new(AggregateUDF::from(CheckedSum { inner: Sum::new() }))).map(|_| ())
}

/// The type in which a sum of this type is counted, where counting in its own could wrap round. More rows than fit on a disk do not pass it.
///
/// The engine gives a sum ten digits more than its values have, if there is room: below 38 digits ten thousand million rows fit.
fn counted_in(sum: &DataType) -> Option<DataType> {
    match sum {
        DataType::Int64 | DataType::UInt64 => Some(DataType::Decimal128(DIGITS_128, 0)),
        DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) => Some(DataType::Decimal128(DIGITS_128, *scale)),
        DataType::Decimal128(DIGITS_128, scale) => Some(DataType::Decimal256(DIGITS_256, *scale)),
        _ => None,
    }
}

fn too_large(what: &str) -> DataFusionError {
    let error = QueryError::new(QueryErrorKind::Value, format!("{what} of whole numbers is too large for 64 bits"));
    DataFusionError::External(Box::new(error.hint("count in a wider type: sum(cast(… as decimal(38, 0)))")))
}

fn sum_too_large(to: &DataType) -> DataFusionError {
    let (DataType::Decimal32(digits, scale) | DataType::Decimal64(digits, scale) | DataType::Decimal128(digits, scale)) = to else {
        return too_large("a sum");
    };
    let error = QueryError::new(QueryErrorKind::Value, format!("a sum of decimals has more than {digits} digits"));
    let wider = if *digits < DIGITS_128 { DIGITS_128 } else { DIGITS_256 };
    DataFusionError::External(Box::new(error.hint(format!("count in a wider type: sum(cast(… as decimal({wider}, {scale})))"))))
}

/// `sum`, as the engine's but for whole numbers and long decimals.
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
        match Counting::of(&args.return_field) {
            Some(counting) => Ok(Box::new(Narrow { inner: self.inner.accumulator(counting.widened(args))?, counting })),
            None => self.inner.accumulator(args),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let counting = Counting::of(&args.return_field);
        let return_field = counting.map_or_else(|| Arc::clone(&args.return_field), |counting| counting.field(&args.return_field));
        self.inner.state_fields(StateFieldsArgs { return_field, ..args })
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        self.inner.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        match Counting::of(&args.return_field) {
            Some(counting) => Ok(Box::new(NarrowGroups { inner: self.inner.create_groups_accumulator(counting.widened(args))?, counting })),
            None => self.inner.create_groups_accumulator(args),
        }
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        match Counting::of(&args.return_field) {
            Some(_) if args.is_distinct => {
                let error = QueryError::new(QueryErrorKind::Unsupported, "sum(distinct …) over a frame that moves is not supported");
                Err(DataFusionError::External(Box::new(
                    error.hint("make the values distinct in an inner query, or sum over the whole partition"),
                )))
            }
            Some(counting) => Ok(Box::new(Narrow { inner: self.inner.create_sliding_accumulator(counting.widened(args))?, counting })),
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

/// In what a sum is counted, and what it has to fit into in the end.
#[derive(Debug)]
struct Counting {
    wide: DataType,
    to: DataType,
}

impl Counting {
    /// None where the engine's own sum cannot wrap round.
    fn of(field: &Field) -> Option<Self> {
        counted_in(field.data_type()).map(|wide| Self { wide, to: field.data_type().clone() })
    }

    fn field(&self, field: &Field) -> FieldRef {
        Arc::new(field.clone().with_data_type(self.wide.clone()))
    }

    fn widened<'a>(&self, args: AccumulatorArgs<'a>) -> AccumulatorArgs<'a> {
        AccumulatorArgs { return_field: self.field(&args.return_field), ..args }
    }

    fn widen(&self, values: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
        values.iter().map(|values| Ok(cast_with_options(values, &self.wide, &STRICT)?)).collect()
    }

    fn narrow(&self, sums: &ArrayRef) -> Result<ArrayRef> {
        cast_with_options(sums, &self.to, &STRICT).map_err(|_| sum_too_large(&self.to))
    }
}

/// A sum in more digits than its result may have.
#[derive(Debug)]
struct Narrow {
    inner: Box<dyn Accumulator>,
    counting: Counting,
}

impl Accumulator for Narrow {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.inner.update_batch(&self.counting.widen(values)?)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let sum = self.inner.evaluate()?.to_array()?;
        ScalarValue::try_from_array(&self.counting.narrow(&sum)?, 0)
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
        self.inner.retract_batch(&self.counting.widen(values)?)
    }

    fn supports_retract_batch(&self) -> bool {
        self.inner.supports_retract_batch()
    }
}

/// The same for many groups.
struct NarrowGroups {
    inner: Box<dyn GroupsAccumulator>,
    counting: Counting,
}

impl GroupsAccumulator for NarrowGroups {
    fn update_batch(&mut self, values: &[ArrayRef], groups: &[usize], filter: Option<&BooleanArray>, total: usize) -> Result<()> {
        self.inner.update_batch(&self.counting.widen(values)?, groups, filter, total)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        self.counting.narrow(&self.inner.evaluate(emit_to)?)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.inner.state(emit_to)
    }

    fn merge_batch(&mut self, values: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.inner.merge_batch(values, groups, total)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        self.inner.convert_to_state(&self.counting.widen(values)?, filter)
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

    use std::sync::Arc;

    use arrow_array::{Decimal32Array, Decimal64Array};

    use crate::testing::{answer, batch, plain, write_parquet};

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

    /// Three rows of 38 digits came to a negative sum; so did three rows of nine digits in a decimal of 32 bits.
    #[tokio::test]
    async fn sums_of_decimals_are_right_or_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let small = Decimal32Array::from(vec![999_999_999; 3]).with_precision_and_scale(9, 2).unwrap();
        let middle = Decimal64Array::from(vec![999_999_999_999_999_999; 20]).with_precision_and_scale(18, 2).unwrap();
        write_parquet(&folder.path().join("small.parquet"), &batch(vec![("v", Arc::new(small))]));
        write_parquet(&folder.path().join("middle.parquet"), &batch(vec![("v", Arc::new(middle))]));
        let nines = "9".repeat(38);
        let long = format!("(values (1, cast('{nines}' as decimal(38, 0))), (1, cast('{nines}' as decimal(38, 0)))) as y(g, x)");
        for (sql, expected) in [
            ("select sum(v) from small".to_owned(), Ok("29999999.97")),
            ("select sum(v) from middle".to_owned(), Ok("199999999999999999.80")),
            ("select sum(v) over (order by v) as s from small".to_owned(), Ok("29999999.97 29999999.97 29999999.97")),
            (format!("select sum(x) from {long}"), Err("a sum of decimals has more than 38 digits")),
            (format!("select g, sum(x) from {long} group by g"), Err("sum(cast(… as decimal(76, 0)))")),
            (format!("select sum(x) over (order by x) as s from {long}"), Err("more than 38 digits")),
            (format!("select sum(cast(x as decimal(76, 0))) from {long}"), Ok("199999999999999999999999999999999999998")),
            (format!("select sum(distinct x) from {long}"), Ok(nines.as_str())),
            ("select sum(x) from (values (cast('1.25' as decimal(38, 18))), (null)) as y(x)".to_owned(), Ok("1.250000000000000000")),
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
