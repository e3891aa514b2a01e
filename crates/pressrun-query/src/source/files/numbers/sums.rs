//! In what sums and averages are counted, so that they are right or an error; the engine's wrap round.
//!
//! Whole numbers are counted in 38 digits and decimals of 38 in 76; decimals of more are added one by one, with a look at each sum. A frame that
//! moves over floating point numbers is added up anew of what is in it: taking away what left it would keep a NaN for ever, and lose small
//! numbers beside large ones.

use std::collections::HashSet;
use std::mem::size_of;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal256Type, DecimalType as _, Float64Type};
use arrow_array::{Array, ArrayRef, ListArray};
use arrow_buffer::i256;
use arrow_schema::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::Accumulator;

use super::floats::canonical;
use crate::error::{QueryError, QueryErrorKind};

/// Digits that a decimal of 128 bits holds, and one of 256 bits.
pub(super) const DIGITS_128: u8 = 38;
pub(super) const DIGITS_256: u8 = 76;

/// The type in which a sum of this type is counted, where counting in its own could wrap round. More rows than fit on a disk do not pass it.
///
/// The engine gives a sum ten digits more than its values have, if there is room: below 38 digits ten thousand million rows fit.
pub(super) fn counted_in(sum: &DataType) -> Option<DataType> {
    match sum {
        DataType::Int64 | DataType::UInt64 => Some(DataType::Decimal128(DIGITS_128, 0)),
        DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) => Some(DataType::Decimal128(DIGITS_128, *scale)),
        DataType::Decimal128(DIGITS_128, scale) => Some(DataType::Decimal256(DIGITS_256, *scale)),
        _ => None,
    }
}

fn failed(message: String, hint: String) -> DataFusionError {
    DataFusionError::External(Box::new(QueryError::new(QueryErrorKind::Value, message).hint(hint)))
}

/// `what` of whole numbers of this type does not fit.
pub(super) fn too_large(what: &str, data_type: &DataType) -> DataFusionError {
    let bits = data_type.primitive_width().map_or(64, |bytes| bytes * 8);
    failed(
        format!("{what} of whole numbers is too large for {bits} bits"),
        match bits {
            64 => "count in a wider type: sum(cast(… as decimal(38, 0)))".to_owned(),
            _ => "count in a wider type: cast(… as bigint)".to_owned(),
        },
    )
}

/// A calculation with decimals does not fit into this type.
pub(super) fn too_many_digits(data_type: &DataType) -> DataFusionError {
    let digits = if matches!(data_type, DataType::Decimal256(..)) { DIGITS_256 } else { DIGITS_128 };
    failed(
        format!("the result of a calculation with decimals has more than {digits} digits"),
        "calculate with fewer places behind the point: cast(… as decimal(18, 4))".to_owned(),
    )
}

/// A sum does not fit into this type.
pub(super) fn sum_too_large(to: &DataType) -> DataFusionError {
    match to {
        DataType::Decimal32(digits, scale) | DataType::Decimal64(digits, scale) | DataType::Decimal128(digits, scale) => {
            let wider = if *digits < DIGITS_128 { DIGITS_128 } else { DIGITS_256 };
            failed(
                format!("a sum of decimals has more than {digits} digits"),
                format!("count in a wider type: sum(cast(… as decimal({wider}, {scale})))"),
            )
        }
        DataType::Decimal256(digits, _) => failed(
            format!("a sum of decimals has more than {digits} digits"),
            "no type holds more; sum fewer digits, or as double: sum(cast(… as double))".to_owned(),
        ),
        other => too_large("a sum", other),
    }
}

/// A sum of decimals of 256 bits that is looked at with every value.
#[derive(Debug)]
pub(super) struct LongSum {
    to: DataType,
    sum: Option<i256>,
    values: u64,
    /// What was added, where equal values count once.
    distinct: Option<HashSet<i256>>,
}

impl LongSum {
    /// Of values of the type of the sum.
    pub(super) fn new(to: &DataType, distinct: bool) -> Self {
        Self { to: to.clone(), sum: None, values: 0, distinct: distinct.then(HashSet::new) }
    }

    fn add(&mut self, value: i256) -> Result<()> {
        if self.distinct.as_mut().is_some_and(|known| !known.insert(value)) {
            return Ok(());
        }
        self.values += 1;
        let sum = self.sum.unwrap_or(i256::ZERO).checked_add(value);
        self.sum = Some(sum.ok_or_else(|| sum_too_large(&self.to))?);
        Ok(())
    }

    fn add_all(&mut self, values: &ArrayRef) -> Result<()> {
        let values = arrow_cast::cast(values, &self.to)?;
        values.as_primitive::<Decimal256Type>().iter().flatten().try_for_each(|value| self.add(value))
    }

    fn scalar(&self, value: Option<i256>) -> ScalarValue {
        match self.to {
            DataType::Decimal256(precision, scale) => ScalarValue::Decimal256(value, precision, scale),
            _ => ScalarValue::Null,
        }
    }
}

impl Accumulator for LongSum {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        values.first().map_or(Ok(()), |values| self.add_all(values))
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        if let (Some(sum), DataType::Decimal256(precision, scale)) = (self.sum, &self.to) {
            Decimal256Type::validate_decimal_precision(sum, *precision, *scale).map_err(|_| sum_too_large(&self.to))?;
        }
        Ok(self.scalar(self.sum))
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.distinct.as_ref().map_or(0, |known| known.capacity() * size_of::<i256>())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![match &self.distinct {
            None => self.scalar(self.sum),
            Some(known) => {
                let values: Vec<ScalarValue> = known.iter().map(|value| self.scalar(Some(*value))).collect();
                ScalarValue::List(ScalarValue::new_list_nullable(&values, &self.to))
            }
        }])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let Some(states) = states.first() else { return Ok(()) };
        match states.as_any().downcast_ref::<ListArray>() {
            Some(lists) => lists.iter().flatten().try_for_each(|values| self.add_all(&values)),
            None => self.add_all(states),
        }
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(values) = values.first() else { return Ok(()) };
        for value in values.as_primitive::<Decimal256Type>().iter().flatten() {
            self.values = self.values.saturating_sub(1);
            let left = self.sum.and_then(|sum| sum.checked_sub(value)).ok_or_else(|| sum_too_large(&self.to))?;
            self.sum = (self.values > 0).then_some(left);
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        self.distinct.is_none()
    }
}

/// The sum or average of the floating point numbers in a frame that moves: a queue of two stacks, each with its sums.
#[derive(Debug, Default)]
pub(super) struct FrameSum {
    average: bool,
    /// Sums of a number and those that leave after it, the next to leave on top.
    leaving: Vec<f64>,
    /// Numbers that came since, and their sum.
    came: Vec<f64>,
    sum: f64,
}

impl FrameSum {
    pub(super) fn new(average: bool) -> Self {
        Self { average, ..Self::default() }
    }

    fn leave(&mut self) {
        if self.leaving.is_empty() {
            let mut sum = 0.0;
            for number in self.came.drain(..).rev() {
                sum += number;
                self.leaving.push(sum);
            }
            self.sum = 0.0;
        }
        self.leaving.pop();
    }
}

impl Accumulator for FrameSum {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(values) = values.first() else { return Ok(()) };
        for number in values.as_primitive::<Float64Type>().iter().flatten() {
            self.sum += number;
            self.came.push(number);
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let count = self.leaving.len() + self.came.len();
        let sum = self.leaving.last().copied().unwrap_or_default() + self.sum;
        let result = if self.average { sum / count as f64 } else { sum };
        Ok(ScalarValue::Float64((count > 0).then(|| canonical(result))))
    }

    fn size(&self) -> usize {
        size_of::<Self>() + (self.leaving.capacity() + self.came.capacity()) * size_of::<f64>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Err(DataFusionError::Internal("a frame has no parts".to_owned()))
    }

    fn merge_batch(&mut self, _: &[ArrayRef]) -> Result<()> {
        Err(DataFusionError::Internal("a frame has no parts".to_owned()))
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(values) = values.first() else { return Ok(()) };
        (0..values.len() - values.null_count()).for_each(|_| self.leave());
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

    use std::sync::Arc;

    use arrow_array::{Decimal32Array, Decimal64Array};

    use super::super::tests::says;
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
            says(folder.path(), &sql, expected).await;
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
            says(folder.path(), &sql, expected).await;
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
