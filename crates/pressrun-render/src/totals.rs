//! The last row of a table: what the numbers of each column come to, over all rows, exact where the column is.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use arrow_buffer::i256;
use pressrun_domain::catalog::Aggregate;
use pressrun_domain::text::grouped;

use crate::format::{Decimal, FieldFormat, Kind, Value};
use crate::report::Truncated;

/// What the columns come to, by column index.
pub(crate) struct Totals {
    columns: BTreeMap<usize, Total>,
}

/// What is remembered of one column.
struct Total {
    aggregate: Aggregate,
    /// Cells with a value.
    count: u64,
    sum: Option<Sum>,
    /// The least, greatest or last cell, whichever is asked for.
    chosen: Option<Value<'static>>,
}

/// A sum that cannot be told (too large, or mixed) is none, never a wrong one.
#[derive(Clone, Copy)]
enum Sum {
    Whole(i128),
    Exact(Decimal),
    Float(f64),
}

impl Totals {
    /// Totals of those `columns` (index, format) that come to something: numbers as their aggregate says, and what else the author
    /// gave one that needs no arithmetic.
    pub(crate) fn new<'a>(columns: impl Iterator<Item = (usize, &'a FieldFormat)>) -> Self {
        let total = |(index, format): (usize, &FieldFormat)| {
            let aggregate = match format.kind {
                Kind::Number => format.aggregate(),
                _ => format.stated_aggregate().filter(|stated| !matches!(stated, Aggregate::Sum | Aggregate::Avg))?,
            };
            let total = Total { aggregate, count: 0, sum: Some(Sum::Whole(0)), chosen: None };
            (aggregate != Aggregate::None).then_some((index, total))
        };
        Self { columns: columns.filter_map(total).collect() }
    }

    /// Adds the rows of `batch`.
    pub(crate) fn add(&mut self, batch: &RecordBatch) {
        for (index, total) in &mut self.columns {
            let Some(array) = batch.columns().get(*index) else { continue };
            for row in 0..array.len() {
                total.add(&Value::at(array.as_ref(), row));
            }
        }
    }

    /// What a column comes to, as shown: what is no sum says what it is.
    pub(crate) fn text(&self, index: usize, format: &FieldFormat) -> Option<String> {
        let total = self.columns.get(&index)?;
        let word = match total.aggregate {
            Aggregate::Sum => "",
            Aggregate::Avg => "avg ",
            Aggregate::Min => "min ",
            Aggregate::Max => "max ",
            Aggregate::Last => "last ",
            Aggregate::Count => return Some(format!("{} values", grouped(total.count))),
            Aggregate::None => return None,
        };
        Some(format!("{word}{}", format.display(&total.value()?)))
    }

    /// What a column comes to, and by which arithmetic.
    pub(crate) fn number(&self, index: usize) -> Option<(Aggregate, f64)> {
        let total = self.columns.get(&index)?;
        let number = if total.aggregate == Aggregate::Count { Some(total.count as f64) } else { total.value()?.as_f64() };
        Some((total.aggregate, number?))
    }

    /// The texts of the row: its word in the first column that comes to nothing, if there is one, and where that is.
    pub(crate) fn texts<'a>(
        &self,
        columns: impl Iterator<Item = (usize, &'a FieldFormat)>,
        cut: Option<Truncated>,
    ) -> (Vec<String>, Option<usize>) {
        let mut texts: Vec<Option<String>> = columns.map(|(index, format)| self.text(index, format)).collect();
        let place = texts.iter().position(Option::is_none);
        if let Some(text) = place.and_then(|place| texts.get_mut(place)) {
            *text = Some(if cut.is_some() { "Total of rows read" } else { "Total" }.to_owned());
        }
        (texts.into_iter().map(Option::unwrap_or_default).collect(), place)
    }
}

/// What a reader must know of the rows of a table: how many of them are shown, whether the query stopped before its end (R11), and
/// then of what the totals are; `said` is whether a cell says which row the totals are.
pub(crate) fn notes(shown: u64, total: u64, cut: Option<Truncated>, totals: Option<bool>) -> Vec<String> {
    let mut notes = Vec::new();
    if shown < total {
        let of = match (cut, totals) {
            (None, Some(_)) => " rows; totals are over all of them",
            (None, None) => " rows",
            (Some(_), _) => " rows read",
        };
        notes.push(format!("First {} of {}{of}", grouped(shown), grouped(total)));
    }
    if let Some(cut) = cut {
        let of = if totals.is_some() { "; totals are over the rows read, not over all there are" } else { "" };
        notes.push(format!("The query stopped at its limit of {} rows{of}", grouped(cut.limit)));
    }
    if totals == Some(false) {
        notes.push("The last row holds the totals".to_owned());
    }
    notes
}

impl Total {
    fn add(&mut self, value: &Value<'_>) {
        if value.is_null() {
            return;
        }
        self.count += 1;
        match self.aggregate {
            Aggregate::Sum | Aggregate::Avg => self.sum = self.sum.and_then(|sum| sum.plus(value)),
            Aggregate::Min | Aggregate::Max => {
                let wanted = if self.aggregate == Aggregate::Min { Ordering::Less } else { Ordering::Greater };
                if self.chosen.as_ref().is_none_or(|chosen| order(value, chosen) == wanted) {
                    self.chosen = owned(value);
                }
            }
            Aggregate::Last => self.chosen = owned(value),
            Aggregate::Count | Aggregate::None => {}
        }
    }

    fn value(&self) -> Option<Value<'static>> {
        match self.aggregate {
            Aggregate::Sum => Some(self.sum?.value()),
            Aggregate::Avg if self.count > 0 => Some(Value::Float(self.sum?.value().as_f64()? / self.count as f64)),
            Aggregate::Min | Aggregate::Max | Aggregate::Last => self.chosen.clone(),
            Aggregate::Avg | Aggregate::Count | Aggregate::None => None,
        }
    }
}

impl Sum {
    fn plus(self, value: &Value<'_>) -> Option<Self> {
        match (self, value) {
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

    fn value(self) -> Value<'static> {
        match self {
            Self::Whole(sum) => i64::try_from(sum).map_or(Value::Float(sum as f64), Value::Int),
            Self::Exact(sum) => Value::Decimal(sum),
            Self::Float(sum) => Value::Float(sum),
        }
    }
}

/// How two cells of one column stand to each other; cells that cannot be compared are equal, so the first of them stays.
fn order(a: &Value<'_>, b: &Value<'_>) -> Ordering {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::UInt(a), Value::UInt(b)) => a.cmp(b),
        (Value::Decimal(a), Value::Decimal(b)) if a.scale == b.scale => a.unscaled.cmp(&b.unscaled),
        (Value::Date(a), Value::Date(b)) => a.cmp(b),
        (Value::DateTime(a), Value::DateTime(b)) => a.cmp(b),
        (Value::Instant(a), Value::Instant(b)) => a.cmp(b),
        (Value::Time(a), Value::Time(b)) => a.cmp(b),
        (Value::Duration(a), Value::Duration(b)) => a.cmp(b),
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (a, b) => a.as_f64().zip(b.as_f64()).and_then(|(a, b)| a.partial_cmp(&b)).unwrap_or(Ordering::Equal),
    }
}

/// A cell that outlives its batch; `None` of nested ones, which no row of totals shows.
fn owned(value: &Value<'_>) -> Option<Value<'static>> {
    Some(match value {
        Value::Bool(flag) => Value::Bool(*flag),
        Value::Int(number) => Value::Int(*number),
        Value::UInt(number) => Value::UInt(*number),
        Value::Float(number) => Value::Float(*number),
        Value::Decimal(number) => Value::Decimal(*number),
        Value::Text(text) => Value::Text(Cow::Owned(text.clone().into_owned())),
        Value::Date(date) => Value::Date(*date),
        Value::Time(time) => Value::Time(*time),
        Value::DateTime(at) => Value::DateTime(*at),
        Value::Instant(at) => Value::Instant(*at),
        Value::Duration(length) => Value::Duration(*length),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Date32Array, Decimal128Array, Float64Array, Int64Array};
    use pressrun_domain::catalog::FieldSpec;

    use super::*;

    fn total(array: &ArrayRef, aggregate: Option<Aggregate>, format: &str) -> Option<String> {
        let spec = FieldSpec { format: Some(format.to_owned()), aggregate, ..FieldSpec::default() };
        let format = FieldFormat::parse(&spec, array.data_type(), "amount", "UTC");
        let mut totals = Totals::new([(0, &format)].into_iter());
        let batch = RecordBatch::try_from_iter([("amount", array.clone())]).unwrap();
        totals.add(&batch.slice(0, 1));
        totals.add(&batch.slice(1, batch.num_rows() - 1));
        totals.text(0, &format)
    }

    #[test]
    fn a6_a_total_is_what_the_aggregate_says() {
        let ints: ArrayRef = Arc::new(Int64Array::from(vec![Some(3), None, Some(-1), Some(4)]));
        let exact: ArrayRef = Arc::new(Decimal128Array::from(vec![1010, 2020, 3]).with_precision_and_scale(10, 2).unwrap());
        let floats: ArrayRef = Arc::new(Float64Array::from(vec![0.25, 0.75]));
        let dates: ArrayRef = Arc::new(Date32Array::from(vec![20_000, 20_031, 19_990]));
        for (array, aggregate, format, expected) in [
            (&ints, None, "", Some("6")),
            (&ints, Some(Aggregate::Avg), "", Some("avg 2")),
            (&ints, Some(Aggregate::Min), "", Some("min -1")),
            (&ints, Some(Aggregate::Max), "", Some("max 4")),
            (&ints, Some(Aggregate::Last), "$#,##0", Some("last $4")),
            (&ints, Some(Aggregate::Count), "$#,##0", Some("3 values")),
            (&ints, Some(Aggregate::None), "", None),
            (&exact, None, "", Some("30.33")),
            (&exact, Some(Aggregate::Max), "0.00", Some("max 20.20")),
            (&floats, None, "0%", None),
            (&floats, Some(Aggregate::Avg), "0%", Some("avg 50%")),
            (&dates, None, "yyyy-MM-dd", None),
            (&dates, Some(Aggregate::Max), "yyyy-MM-dd", Some("max 2024-11-04")),
        ] {
            assert_eq!(total(array, aggregate, format).as_deref(), expected, "{aggregate:?} of {}", array.data_type());
        }
    }

    #[test]
    fn a7_totals_of_a_cut_query_say_so() {
        let cut = Some(Truncated { limit: 100 });
        for (case, notes, expected) in [
            ("whole", notes(7, 100, None, Some(true)), vec!["First 7 of 100 rows; totals are over all of them"]),
            (
                "cut",
                notes(7, 100, cut, Some(true)),
                vec![
                    "First 7 of 100 rows read",
                    "The query stopped at its limit of 100 rows; totals are over the rows read, not over all there are",
                ],
            ),
            ("cut, no totals", notes(100, 100, cut, None), vec!["The query stopped at its limit of 100 rows"]),
            ("no place for the word", notes(5, 5, None, Some(false)), vec!["The last row holds the totals"]),
        ] {
            assert_eq!(notes, expected, "{case}");
        }
    }
}
