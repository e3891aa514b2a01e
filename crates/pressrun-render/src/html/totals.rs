//! Sums of number columns over all rows, exact where the column is.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use arrow_buffer::i256;

use crate::format::{Decimal, FieldFormat, Kind, Value};

/// Running sums by column index.
pub(crate) struct Totals {
    sums: BTreeMap<usize, Option<Sum>>,
}

/// A sum that cannot be told (too large, or mixed) is none, never a wrong one.
#[derive(Clone, Copy)]
enum Sum {
    Whole(i128),
    Exact(Decimal),
    Float(f64),
}

impl Totals {
    /// Sums of those `columns` (index, format, name) whose sum means something: not shares, years or identifiers.
    pub(crate) fn new<'a>(columns: impl Iterator<Item = (usize, &'a FieldFormat, &'a str)>) -> Self {
        let summed = columns.filter(|(_, format, name)| format.kind == Kind::Number && !format.is_percent() && !names_things(name));
        Self { sums: summed.map(|(index, ..)| (index, Some(Sum::Whole(0)))).collect() }
    }

    /// Adds the rows of `batch`.
    pub(crate) fn add(&mut self, batch: &RecordBatch) {
        for (index, sum) in &mut self.sums {
            let Some(array) = batch.columns().get(*index) else { continue };
            for row in 0..array.len() {
                *sum = sum.and_then(|sum| sum.plus(&Value::at(array.as_ref(), row)));
            }
        }
    }

    /// The sum of a column.
    pub(crate) fn of(&self, index: usize) -> Option<Value<'static>> {
        Some(match (*self.sums.get(&index)?)? {
            Sum::Whole(sum) => i64::try_from(sum).map_or(Value::Float(sum as f64), Value::Int),
            Sum::Exact(sum) => Value::Decimal(sum),
            Sum::Float(sum) => Value::Float(sum),
        })
    }
}

impl Sum {
    fn plus(self, value: &Value<'_>) -> Option<Self> {
        match (self, value) {
            (sum, Value::Null) => Some(sum),
            (Self::Whole(sum), Value::Int(number)) => sum.checked_add(i128::from(*number)).map(Self::Whole),
            (Self::Whole(sum), Value::UInt(number)) => sum.checked_add(i128::from(*number)).map(Self::Whole),
            (Self::Whole(0), Value::Decimal(number)) => Some(Self::Exact(*number)),
            (Self::Exact(sum), Value::Decimal(number)) if sum.scale == number.scale => {
                let unscaled: i256 = sum.unscaled.checked_add(number.unscaled)?;
                Some(Self::Exact(Decimal { unscaled, scale: sum.scale }))
            }
            (Self::Whole(0), Value::Float(number)) => Some(Self::Float(*number)),
            (Self::Float(sum), Value::Float(number)) => Some(Self::Float(sum + number)),
            _ => None,
        }
    }
}

/// Whether a number column names things (years, identifiers) rather than counts them.
fn names_things(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    ["year", "id", "zip", "sku", "code"].iter().any(|word| lower == *word || lower.ends_with(&format!("_{word}"))) || name.ends_with("Id")
}
