//! Whether two results are the same, whatever the order of their rows and columns (A5, A6).
//!
//! Each row is written in one canonical form and hashed; the hashes are added up. A sum does not depend on the order, and it
//! changes when a row comes, goes, changes or comes once more. Results of up to [`KEPT_ROWS`] rows also keep the hashes
//! themselves, so that a message can say how many rows were added and removed (A21).

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Decimal256Type, DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType,
    DurationSecondType, Float32Type, Float64Type, Int64Type, Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_buffer::i256;
use arrow_cast::display::array_value_to_string;
use arrow_schema::{DataType, SchemaRef, TimeUnit};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{QueryError, QueryErrorKind};

/// Rows whose hashes are kept.
pub const KEPT_ROWS: usize = 10_000;

/// What a result amounts to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// SHA-256 (hex) over the set of column names and types.
    pub columns: String,
    /// Sum (hex, 256 bits) of the rows' hashes: the multiset of rows.
    pub multiset: String,
    /// Rows.
    pub rows: u64,
    /// Sorted hashes of the rows, 16 hex digits each, one after the other; `None` for more than [`KEPT_ROWS`].
    pub row_hashes: Option<String>,
}

/// How two results differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The columns differ, so that rows cannot be compared.
    pub columns: bool,
    /// Rows that are new, each as often as it is; `None` when too many to tell.
    pub added: Option<u64>,
    /// Rows that are gone.
    pub removed: Option<u64>,
}

impl Fingerprint {
    /// How `self` differs from the earlier `baseline`; `None` when it does not (A5).
    #[must_use]
    pub fn difference(&self, baseline: &Self) -> Option<Difference> {
        if self.columns != baseline.columns {
            return Some(Difference { columns: true, added: None, removed: None });
        }
        if self.rows == baseline.rows && self.multiset == baseline.multiset {
            return None;
        }
        let counts = self.row_hashes.as_deref().zip(baseline.row_hashes.as_deref()).map(|(now, then)| unmatched(now, then));
        Some(Difference { columns: false, added: counts.map(|c| c.0), removed: counts.map(|c| c.1) })
    }
}

impl Fingerprint {
    /// Twelve digits that tell results apart in a history.
    #[must_use]
    pub fn short(&self) -> String {
        let digest =
            Sha256::new().chain_update(&self.columns).chain_update(&self.multiset).chain_update(self.rows.to_be_bytes()).finalize();
        hex::encode(&digest[..6])
    }
}

/// Elements of two sorted multisets that the other lacks.
fn unmatched(left: &str, right: &str) -> (u64, u64) {
    let mut left = left.as_bytes().chunks(16).peekable();
    let mut right = right.as_bytes().chunks(16).peekable();
    let (mut only_left, mut only_right) = (0, 0);
    loop {
        let order = match (left.peek(), right.peek()) {
            (None, None) => return (only_left, only_right),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(l), Some(r)) => l.cmp(r),
        };
        if order.is_le() {
            left.next();
        }
        if order.is_ge() {
            right.next();
        }
        only_left += u64::from(order.is_lt());
        only_right += u64::from(order.is_gt());
    }
}

/// Takes batches and makes a [`Fingerprint`].
#[derive(Debug, Default)]
pub struct Fingerprinter {
    /// Positions of the columns in order of their names.
    order: Vec<usize>,
    columns: [u8; 32],
    sum: [u64; 4],
    rows: u64,
    hashes: Option<Vec<u64>>,
}

impl Fingerprinter {
    /// Takes the columns; call it once, before any row.
    pub fn begin(&mut self, schema: &SchemaRef) {
        let name = |at: &usize| (schema.field(*at).name().as_str(), class(schema.field(*at).data_type()));
        let mut order: Vec<usize> = (0..schema.fields().len()).collect();
        order.sort_by(|a, b| name(a).cmp(&name(b)));
        let mut hasher = Sha256::new();
        for at in &order {
            let (name, class) = name(at);
            hasher.update((name.len() as u64).to_be_bytes());
            hasher.update(name);
            hasher.update([class]);
        }
        self.columns = hasher.finalize().into();
        self.order = order;
        self.hashes = Some(Vec::new());
    }

    /// Takes some rows, in the types of [`crate::spool`].
    ///
    /// # Errors
    /// [`QueryErrorKind::Internal`] for a type outside of that set.
    pub fn push(&mut self, batch: &RecordBatch) -> Result<(), QueryError> {
        let mut bytes = Vec::with_capacity(128);
        for row in 0..batch.num_rows() {
            bytes.clear();
            for at in &self.order {
                write(batch.column(*at).as_ref(), row, &mut bytes)?;
            }
            let hash: [u8; 32] = Sha256::digest(&bytes).into();
            self.add(hash);
        }
        Ok(())
    }

    fn add(&mut self, hash: [u8; 32]) {
        let mut carry = false;
        let mut first = 0;
        for (at, (sum, chunk)) in self.sum.iter_mut().zip(hash.chunks_exact(8)).enumerate() {
            let word = chunk.iter().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
            if at == 0 {
                first = word;
            }
            let (added, over) = sum.overflowing_add(word);
            let (added, again) = added.overflowing_add(u64::from(carry));
            (*sum, carry) = (added, over || again);
        }
        self.rows += 1;
        match &mut self.hashes {
            Some(hashes) if hashes.len() < KEPT_ROWS => hashes.push(first),
            hashes => *hashes = None,
        }
    }

    /// The fingerprint of everything taken.
    #[must_use]
    pub fn finish(self) -> Fingerprint {
        let multiset = digits(self.sum.iter().rev());
        let row_hashes = self.hashes.map(|mut hashes| {
            hashes.sort_unstable();
            digits(hashes.iter())
        });
        Fingerprint { columns: hex::encode(self.columns), multiset, rows: self.rows, row_hashes }
    }
}

/// Sixteen hex digits a word.
fn digits<'a>(words: impl Iterator<Item = &'a u64>) -> String {
    let bytes: Vec<u8> = words.flat_map(|word| word.to_be_bytes()).collect();
    hex::encode(bytes)
}

/// What counts as one type: the precision of a number and the zone of an instant say nothing about its value.
fn class(data_type: &DataType) -> u8 {
    match data_type {
        DataType::Null => b'0',
        DataType::Boolean => b'b',
        DataType::Int64 | DataType::UInt64 => b'i',
        DataType::Decimal128(..) | DataType::Decimal256(..) => b'd',
        DataType::Float32 | DataType::Float64 => b'f',
        DataType::Date32 => b'D',
        DataType::Time64(_) => b'T',
        DataType::Timestamp(_, None) => b'n',
        DataType::Timestamp(_, Some(_)) => b't',
        DataType::Binary => b'B',
        DataType::Duration(_) => b'e',
        DataType::Interval(_) => b'p',
        DataType::List(_) => b'l',
        DataType::Struct(_) => b'r',
        DataType::Map(..) => b'm',
        _ => b's',
    }
}

/// One cell in its canonical form (A6): a tag, the length, the value.
fn write(array: &dyn Array, row: usize, out: &mut Vec<u8>) -> Result<(), QueryError> {
    if array.is_null(row) {
        out.push(0);
        return Ok(());
    }
    let text = match array.data_type() {
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(row).to_string(),
        DataType::Decimal128(_, scale) => decimal(array.as_primitive::<Decimal128Type>().value(row), *scale),
        DataType::Decimal256(_, scale) => wide_decimal(array.as_primitive::<Decimal256Type>().value(row), *scale),
        DataType::Float32 => float(f64::from(array.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Date32 => array.as_primitive::<Date32Type>().value(row).to_string(),
        DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        DataType::Binary => hex::encode(array.as_binary::<i32>().value(row)),
        DataType::Time64(_) | DataType::Timestamp(..) | DataType::Duration(_) => {
            instant(array, row).ok_or_else(|| internal("a time without a unit"))?
        }
        DataType::List(_) | DataType::Struct(_) | DataType::Map(..) => return nested(array, row, out),
        DataType::Interval(_) => array_value_to_string(array, row).map_err(|error| internal(&error.to_string()))?,
        other => return Err(internal(&format!("no fingerprint of {other}"))),
    };
    out.push(1);
    out.extend((text.len() as u64).to_be_bytes());
    out.extend(text.as_bytes());
    Ok(())
}

/// A count in microseconds; in nanoseconds when it needs them. An hour is an hour in every unit.
fn instant(array: &dyn Array, row: usize) -> Option<String> {
    use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    let count = match array.data_type() {
        DataType::Time64(Microsecond) => array.as_primitive::<Time64MicrosecondType>().value(row),
        DataType::Time64(_) => array.as_primitive::<Time64NanosecondType>().value(row),
        DataType::Timestamp(Second, _) => array.as_primitive::<TimestampSecondType>().value(row),
        DataType::Timestamp(Millisecond, _) => array.as_primitive::<TimestampMillisecondType>().value(row),
        DataType::Timestamp(Microsecond, _) => array.as_primitive::<TimestampMicrosecondType>().value(row),
        DataType::Timestamp(Nanosecond, _) => array.as_primitive::<TimestampNanosecondType>().value(row),
        DataType::Duration(Second) => array.as_primitive::<DurationSecondType>().value(row),
        DataType::Duration(Millisecond) => array.as_primitive::<DurationMillisecondType>().value(row),
        DataType::Duration(Microsecond) => array.as_primitive::<DurationMicrosecondType>().value(row),
        DataType::Duration(Nanosecond) => array.as_primitive::<DurationNanosecondType>().value(row),
        _ => return None,
    };
    let (DataType::Time64(unit) | DataType::Timestamp(unit, _) | DataType::Duration(unit)) = array.data_type() else { return None };
    let nanoseconds = i128::from(count)
        * match unit {
            Second => 1_000_000_000,
            Millisecond => 1_000_000,
            Microsecond => 1_000,
            Nanosecond => 1,
        };
    Some(if nanoseconds % 1_000 == 0 { (nanoseconds / 1_000).to_string() } else { format!("{nanoseconds}n") })
}

/// The parts in order, each in its canonical form.
fn nested(array: &dyn Array, row: usize, out: &mut Vec<u8>) -> Result<(), QueryError> {
    let parts = |values: &dyn Array, out: &mut Vec<u8>| -> Result<(), QueryError> {
        out.push(1);
        out.extend((values.len() as u64).to_be_bytes());
        (0..values.len()).try_for_each(|at| write(values, at, out))
    };
    match array.data_type() {
        DataType::List(_) => parts(array.as_list::<i32>().value(row).as_ref(), out),
        DataType::Map(..) => parts(&array.as_map().value(row), out),
        _ => {
            out.push(1);
            array.as_struct().columns().iter().try_for_each(|column| write(column.as_ref(), row, out))
        }
    }
}

fn internal(message: &str) -> QueryError {
    QueryError::new(QueryErrorKind::Internal, message)
}

/// By value: 1.0 is 1.00.
fn decimal(mut unscaled: i128, scale: i8) -> String {
    let mut scale = i32::from(scale);
    if unscaled == 0 {
        return "0".to_owned();
    }
    while unscaled % 10 == 0 {
        unscaled /= 10;
        scale -= 1;
    }
    format!("{unscaled}e{}", -scale)
}

/// The same of a wide one, so that equal numbers of both widths are equal.
fn wide_decimal(unscaled: i256, scale: i8) -> String {
    if let Some(narrow) = unscaled.to_i128() {
        return decimal(narrow, scale);
    }
    let digits = unscaled.to_string();
    let kept = digits.trim_end_matches('0');
    format!("{kept}e{}", digits.len() as i32 - kept.len() as i32 - i32::from(scale))
}

/// Rounded to 12 significant digits; there is one NaN and one zero.
fn float(value: f64) -> String {
    if value.is_nan() {
        "nan".to_owned()
    } else if value == 0.0 {
        "0".to_owned()
    } else {
        format!("{value:.11e}")
    }
}

#[cfg(test)]
mod tests;
