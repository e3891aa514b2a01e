//! `percentile_cont`, also called `quantile_cont`, at the fraction that is written; the engine cuts the weight of the two values at six places.
//!
//! The place of the percentile among the values is counted in whole numbers, from the digits of the fraction: as doubles, nine tenths of nine values
//! end beside the place that was meant.

use std::collections::HashSet;
use std::mem::size_of;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, Float64Array, RecordBatch};
use arrow_schema::{DataType, Field, FieldRef};
use datafusion::common::ScalarValue;
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::FunctionRegistry;
use datafusion::execution::session_state::SessionState;
use datafusion::functions_aggregate::percentile_cont::percentile_cont_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, Signature};

use super::floats::canonical;
use super::literals::digits_of;
use crate::source::files::zones::wrong;

/// Most places of a fraction that is counted by its digits: a double holds ten to this power.
const PLACES: usize = 22;

/// Values that are put in their places one by one; more are sorted.
const FEW: usize = 16;

pub(super) fn register(state: &mut SessionState) -> Result<()> {
    state.register_udaf(Arc::new(AggregateUDF::from(Percentile { inner: percentile_cont_udaf() }))).map(|_| ())
}

/// The aggregate.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Percentile {
    /// Whose names and types it has.
    inner: Arc<AggregateUDF>,
}

impl AggregateUDFImpl for Percentile {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arguments)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let values = DataType::List(Arc::new(Field::new_list_field(DataType::Float64, true)));
        Ok(vec![Arc::new(Field::new(format_state_name(args.name, self.name()), values, true))])
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let known = args.is_distinct.then(HashSet::new);
        Ok(Box::new(Whole { place: Place::of(&args)?, to: args.return_field.data_type().clone(), values: Vec::new(), known }))
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let (place, to) = (Place::of(&args)?, args.return_field.data_type().clone());
        Ok(Box::new(Frame { place, to, sorted: Vec::new(), distinct: args.is_distinct }))
    }

    fn supports_within_group_clause(&self) -> bool {
        true
    }
}

/// Where the percentile is among sorted values.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Place {
    fraction: f64,
    /// The fraction as it is written: so many parts of how many, a power of ten.
    written: Option<(i128, i128)>,
    /// Whether it is counted from the greatest value.
    descending: bool,
}

impl Place {
    fn of(args: &AccumulatorArgs<'_>) -> Result<Self> {
        let refused = |given: &str| {
            let message = format!("percentile_cont takes a fraction between 0 and 1 that is written in the SQL, and was given {given}");
            wrong(message, "write percentile_cont(0.9) within group (order by …)")
        };
        let Some(fraction) = args.exprs.get(1) else { return Err(refused("none")) };
        let rows = RecordBatch::new_empty(Arc::new(args.schema.clone()));
        let Ok(ColumnarValue::Scalar(fraction)) = fraction.evaluate(&rows) else { return Err(refused("an expression")) };
        match fraction.cast_to(&DataType::Float64) {
            Ok(ScalarValue::Float64(Some(number))) if (0.0..=1.0).contains(&number) => {
                Ok(Self::at(number, args.order_bys.first().is_some_and(|order| order.options.descending)))
            }
            _ => Err(refused(&fraction.to_string())),
        }
    }

    fn at(fraction: f64, descending: bool) -> Self {
        let written = digits_of(&format!("{fraction:e}")).filter(|(_, places)| *places <= PLACES);
        let written = written.and_then(|(digits, places)| Some((digits.parse().ok()?, 10_i128.checked_pow(u32::try_from(places).ok()?)?)));
        Self { fraction, written, descending }
    }

    /// How many of `last` steps between values lie before the place, and which part of the next.
    fn steps(&self, last: usize) -> (usize, f64) {
        let counted = self.written.and_then(|(parts, all)| {
            let steps = parts.checked_mul(i128::try_from(last).ok()?)?;
            Some((usize::try_from(steps / all).ok()?, (steps % all) as f64 / all as f64))
        });
        counted.unwrap_or_else(|| {
            let steps = self.fraction * last as f64;
            (steps.floor() as usize, steps.fract())
        })
    }

    /// The percentile of `values` values, of which `at` finds the one with so many below it.
    fn find(&self, values: usize, mut at: impl FnMut(usize) -> Option<f64>) -> Option<f64> {
        let last = values.checked_sub(1)?;
        let (steps, weight) = self.steps(last);
        let mut from_its_end = |steps: usize| at(if self.descending { last.checked_sub(steps)? } else { steps });
        let one = from_its_end(steps)?;
        if weight == 0.0 {
            return Some(one);
        }
        Some(between(one, from_its_end(steps + 1)?, weight))
    }
}

fn between(one: f64, two: f64, weight: f64) -> f64 {
    let span = two - one;
    canonical(if one.total_cmp(&two).is_eq() {
        one
    } else if span.is_finite() {
        one + span * weight
    } else {
        // Far apart, or not finite.
        one * (1.0 - weight) + two * weight
    })
}

fn result(found: Option<f64>, to: &DataType) -> Result<ScalarValue> {
    ScalarValue::Float64(found).cast_to(to)
}

/// The numbers among `values`, in doubles, in which those of 32 and 16 bits have a place as well.
fn numbers(values: &[ArrayRef]) -> Result<Vec<f64>> {
    let Some(values) = values.first() else { return Ok(Vec::new()) };
    let doubles = arrow_cast::cast(values, &DataType::Float64)?;
    Ok(doubles.as_primitive::<Float64Type>().iter().flatten().map(canonical).collect())
}

/// Of all values that come.
#[derive(Debug)]
struct Whole {
    place: Place,
    to: DataType,
    values: Vec<f64>,
    /// The bits of what came, where equal values count once.
    known: Option<HashSet<u64>>,
}

impl Whole {
    fn add(&mut self, numbers: Vec<f64>) {
        match &mut self.known {
            None => self.values.extend(numbers),
            Some(known) => self.values.extend(numbers.into_iter().filter(|number| known.insert(number.to_bits()))),
        }
    }
}

impl Accumulator for Whole {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.add(numbers(values)?);
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let values = &mut self.values;
        let found = self.place.find(values.len(), |at| (at < values.len()).then(|| *values.select_nth_unstable_by(at, f64::total_cmp).1));
        result(found, &self.to)
    }

    fn size(&self) -> usize {
        let known = self.known.as_ref().map_or(0, HashSet::capacity);
        size_of::<Self>() + self.values.capacity() * size_of::<f64>() + known * (size_of::<u64>() + 1)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let values = Float64Array::from(std::mem::take(&mut self.values));
        Ok(vec![SingleRowListArrayBuilder::new(Arc::new(values)).build_list_scalar()])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let Some(lists) = states.first().and_then(|states| states.as_list_opt::<i32>()) else {
            return Err(DataFusionError::Internal("the state of a percentile is a list".to_owned()));
        };
        lists.iter().flatten().try_for_each(|values| self.update_batch(&[values]))
    }
}

/// Of the values in a frame that moves.
#[derive(Debug)]
struct Frame {
    place: Place,
    to: DataType,
    sorted: Vec<f64>,
    distinct: bool,
}

impl Accumulator for Frame {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let numbers = numbers(values)?;
        if numbers.len() > FEW {
            self.sorted.extend(numbers);
            self.sorted.sort_by(f64::total_cmp);
            return Ok(());
        }
        for number in numbers {
            let at = self.sorted.partition_point(|other| other.total_cmp(&number).is_lt());
            self.sorted.insert(at, number);
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let find = |sorted: &[f64]| self.place.find(sorted.len(), |at| sorted.get(at).copied());
        if !self.distinct {
            return result(find(&self.sorted), &self.to);
        }
        let mut once = self.sorted.clone();
        once.dedup_by_key(|number| number.to_bits());
        result(find(&once), &self.to)
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.sorted.capacity() * size_of::<f64>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Err(DataFusionError::Internal("a frame has no parts".to_owned()))
    }

    fn merge_batch(&mut self, _: &[ArrayRef]) -> Result<()> {
        Err(DataFusionError::Internal("a frame has no parts".to_owned()))
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for number in numbers(values)? {
            let at = self.sorted.binary_search_by(|other| other.total_cmp(&number));
            let at = at.map_err(|_| DataFusionError::Internal("a value leaves a frame in which it is not".to_owned()))?;
            self.sorted.remove(at);
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

    use arrow_array::{Decimal128Array, Float32Array, Int64Array, StringArray, UInt64Array};

    use super::super::tests::says;
    use super::*;
    use crate::testing::{batch, write_parquet};

    /// The weight was cut at six places, and 3.599999 came out for 3.6.
    #[tokio::test]
    async fn percentiles_are_at_the_fraction_that_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let numbers = [1.0, 1.0, 1.5, 2.0, 2.0, 2.5, 3.0, 3.0, 3.5, 4.5];
        let groups: StringArray = (0..10).map(|at| Some(if at % 2 == 0 { "a" } else { "b" })).collect();
        let rows = batch(vec![
            ("k", Arc::new(Int64Array::from_iter_values([7, 3, 9, 1, 5, 0, 8, 2, 6, 4]))),
            ("g", Arc::new(groups)),
            ("v", Arc::new(Float64Array::from(numbers.to_vec()))),
            ("s", Arc::new(Float32Array::from(numbers.map(|number| number as f32).to_vec()))),
        ]);
        write_parquet(&folder.path().join("t.parquet"), &rows);
        for (sql, expected) in [
            ("select percentile_cont(0.9) within group (order by v) from t", Ok("3.6")),
            ("select quantile_cont(v, 0.9) from t", Ok("3.6")),
            ("select percentile_cont(0.9) within group (order by s) from t", Ok("3.6")),
            ("select percentile_cont(0.1) within group (order by v desc) from t", Ok("3.6")),
            ("select percentile_cont(0.9) within group (order by v desc) from t", Ok("1.0")),
            (
                "select percentile_cont(0) within group (order by v), percentile_cont(1) within group (order by v), median(v), \
                 percentile_cont(0.5) within group (order by v) from t",
                Ok("1.0|4.5|2.25|2.25"),
            ),
            ("select percentile_cont(0.9) within group (order by v) filter (where v < 3) from t", Ok("2.25")),
            // 1, 1.5, 2, 2.5, 3, 3.5, 4.5
            ("select percentile_cont(distinct v, 0.9) from t", Ok("3.9")),
            ("select g, percentile_cont(0.9) within group (order by v) from t group by g order by g", Ok("a|3.3 b|3.9")),
            ("select g, percentile_cont(distinct v, 0.25) from t group by g order by g", Ok("a|1.5 b|2.0")),
            ("select percentile_cont(v, 0.3) over (order by v, k rows 2 preceding) from t limit 4", Ok("1.0 1.0 1.0 1.3")),
            ("select percentile_cont(distinct v, 0.5) over (order by v, k rows 2 preceding) from t limit 5", Ok("1.0 1.0 1.25 1.5 1.75")),
            ("select percentile_cont(v, 0.5) over (order by v desc, k) from t limit 3", Ok("4.5 4.0 3.5")),
            ("select percentile_cont(0.5) within group (order by v) from t where v > 9", Ok("∅")),
            ("select percentile_cont(null, 0.5) from t", Ok("∅")),
            ("select percentile_cont(1.5) within group (order by v) from t", Err("a fraction between 0 and 1")),
            ("select percentile_cont(v) within group (order by v) from t", Err("a fraction between 0 and 1")),
        ] {
            says(folder.path(), sql, expected).await;
        }
    }

    #[tokio::test]
    async fn percentiles_of_nan_infinities_and_long_numbers_are_right_or_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let negative_nan = f64::from_bits(f64::NAN.to_bits() | 1 << 63);
        let rows = batch(vec![
            ("k", Arc::new(Int64Array::from_iter_values(0..4))),
            ("v", Arc::new(Float64Array::from(vec![negative_nan, 1.0, -0.0, f64::INFINITY]))),
            ("n", Arc::new(Int64Array::from(vec![9_007_199_254_740_993, 1, 2, 3]))),
            ("w", Arc::new(Float64Array::from(vec![f64::MAX, f64::MIN, f64::MAX, f64::MIN]))),
        ]);
        write_parquet(&folder.path().join("t.parquet"), &rows);
        for (sql, expected) in [
            ("select percentile_cont(1) within group (order by v), percentile_cont(0) within group (order by v) from t", Ok("NaN|0.0")),
            ("select percentile_cont(0) within group (order by v desc) from t", Ok("NaN")),
            ("select percentile_cont(0.5) within group (order by v), percentile_cont(0.9) within group (order by v) from t", Ok("inf|NaN")),
            ("select percentile_cont(v, 1) over (order by k rows 1 preceding) from t", Ok("NaN NaN 1.0 inf")),
            ("select percentile_cont(0.5) within group (order by w) from t", Ok("0.0")),
            ("select percentile_cont(0.5) within group (order by n) from t", Err("loses digits as a double")),
            ("select percentile_cont(0.5) within group (order by n) from t where k > 0", Ok("2.0")),
            ("select percentile_cont(0.5) within group (order by cast(n as double)) from t", Ok("2.5")),
            ("select percentile_cont(0.5) within group (order by cast(n as decimal(38, 2))) from t where k > 1", Ok("2.5")),
            ("select percentile_cont(0.5) within group (order by cast(n as decimal(38, 2))) from t", Err("loses digits as a double")),
        ] {
            says(folder.path(), sql, expected).await;
        }
    }

    #[tokio::test]
    async fn n12_the_median_of_whole_numbers_and_decimals_is_exact() {
        let folder = tempfile::tempdir().unwrap();
        let rows = batch(vec![
            ("k", Arc::new(Int64Array::from_iter_values(0..4))),
            ("g", Arc::new(StringArray::from(vec!["a", "a", "b", "b"]))),
            ("n", Arc::new(Int64Array::from(vec![Some(i64::MAX), Some(i64::MAX - 1), Some(-3), None]))),
            ("u", Arc::new(UInt64Array::from(vec![u64::MAX, u64::MAX - 1, u64::MAX - 3, u64::MAX - 2]))),
            ("m", Arc::new(Decimal128Array::from(vec![100, 101, -100, -101]).with_precision_and_scale(10, 2).unwrap())),
            ("v", Arc::new(Float64Array::from(vec![1.0, 2.0, f64::NAN, 4.0]))),
        ]);
        write_parquet(&folder.path().join("t.parquet"), &rows);
        for (sql, expected) in [
            (
                "select g, median(n), median(u), median(m) from t group by g order by g",
                Ok("a|9223372036854775806.5|18446744073709551614.5|1.005 b|-3.0|18446744073709551612.5|-1.005"),
            ),
            ("select median(n), median(u), median(m), median(v) from t", Ok("9223372036854775806.0|18446744073709551613.5|0.000|3.0")),
            ("select median(distinct n), median(distinct k / 2) from t", Ok("9223372036854775806.0|0.5")),
            ("select median(n) over (partition by g) from t order by k", Ok("9223372036854775806.5 9223372036854775806.5 -3.0 -3.0")),
            ("select median(cast(m as decimal(38, 2))) from t", Ok("0.000")),
            ("select median(cast(m as decimal(75, 2))) from t", Ok("0.000")),
            ("select median(n), median(m), median(v), median(null) from t where k > 9", Ok("∅|∅|∅|∅")),
            ("select median(cast(m as decimal(76, 2))) from t", Err("write median(cast(… as decimal(75, 2)))")),
            ("select median(g) from t", Err("median takes no value of type")),
            ("select median(n) over (order by k rows 1 preceding) from t", Err("write percentile_cont(…, 0.5) over (…)")),
        ] {
            says(folder.path(), sql, expected).await;
        }
    }

    /// Parts are put together from many files and batches.
    #[tokio::test]
    async fn percentiles_of_a_large_table_are_those_of_its_groups() {
        let folder = tempfile::tempdir().unwrap();
        let sql = "select g, percentile_cont(0.999) within group (order by v) as p from \
                   (select value % 7 as g, value / 7 as v from generate_series(0, 69999)) group by g order by g";
        let expected: Vec<String> = (0..7).map(|group| format!("{group}|9989.001")).collect();
        says(folder.path(), sql, Ok(&expected.join(" "))).await;
    }

    #[test]
    fn a_place_is_counted_in_whole_numbers_as_far_as_they_reach() {
        for (fraction, last, expected) in [
            (0.9, 9, (8, 0.1)),
            (0.1, 3, (0, 0.3)),
            (0.07, 100, (7, 0.0)),
            (1.0, 5, (5, 0.0)),
            (0.0, 5, (0, 0.0)),
            (0.5, 0, (0, 0.0)),
            (1e-300, 4, (0, 4e-300)),
        ] {
            assert_eq!(Place::at(fraction, false).steps(last), expected, "{fraction} of {last}");
        }
        assert!((0.07_f64 * 100.0 - 7.0).abs() > 0.0, "as doubles it is not");
    }
}
