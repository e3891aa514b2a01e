//! The plain text of cells (R5), straight from typed arrays into bytes: files of a million rows are made of this.
//!
//! Types that files hold by the million have a path without allocation; all others go through [`Value`] and
//! [`FieldFormat::plain`]. A test holds both paths to the same text.

use std::io::Write as _;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use arrow_array::{Array, ArrayRef, BooleanArray, PrimitiveArray, StringArray, StringViewArray};
use arrow_schema::{DataType, TimeUnit};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::format::{FieldFormat, Value, moment};

/// The cells of one column in one batch.
pub(crate) enum Cells {
    Null,
    Bool(BooleanArray),
    Int(PrimitiveArray<Int64Type>),
    Float(PrimitiveArray<Float64Type>),
    Decimal(PrimitiveArray<Decimal128Type>, u8),
    Date(PrimitiveArray<Date32Type>),
    /// Counts since 1970 in units of 1/`per_second` s; `Some` zone for instants.
    Moment {
        counts: PrimitiveArray<Int64Type>,
        per_second: i64,
        zone: Option<Offsets>,
    },
    Text(StringArray),
    TextView(StringViewArray),
    Other(ArrayRef),
}

/// What a cell is, for those who quote.
pub(crate) enum Cell<'a> {
    Null,
    /// Text; nothing was written.
    Text(&'a str),
    /// A number or flag was written.
    Number,
    /// Something else (a date, a list) was written.
    Symbol,
    /// Text that is not in the array was written.
    OwnedText,
}

impl Cells {
    /// The cells of `array`; instants are told in `zone`.
    pub(crate) fn of(array: &ArrayRef, zone: &TimeZone) -> Self {
        match array.data_type() {
            DataType::Null => Self::Null,
            DataType::Boolean => Self::Bool(array.as_boolean().clone()),
            DataType::Int64 => Self::Int(array.as_primitive().clone()),
            DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16 | DataType::UInt32 => {
                Self::cast(array, &DataType::Int64, zone)
            }
            DataType::Float64 => Self::Float(array.as_primitive().clone()),
            DataType::Decimal128(_, scale) if (0..=18).contains(scale) => Self::Decimal(array.as_primitive().clone(), scale.unsigned_abs()),
            DataType::Date32 => Self::Date(array.as_primitive().clone()),
            DataType::Timestamp(unit, aware) => {
                let zone = aware.is_some().then(|| Offsets::new(zone.clone()));
                let (counts, per_second) = match unit {
                    TimeUnit::Second => (array.as_primitive::<TimestampSecondType>().reinterpret_cast(), 1),
                    TimeUnit::Millisecond => (array.as_primitive::<TimestampMillisecondType>().reinterpret_cast(), 1_000),
                    TimeUnit::Microsecond => (array.as_primitive::<TimestampMicrosecondType>().reinterpret_cast(), 1_000_000),
                    TimeUnit::Nanosecond => (array.as_primitive::<TimestampNanosecondType>().reinterpret_cast(), 1_000_000_000),
                };
                Self::Moment { counts, per_second, zone }
            }
            DataType::Utf8 => Self::Text(array.as_string::<i32>().clone()),
            DataType::Utf8View => Self::TextView(array.as_string_view().clone()),
            DataType::Dictionary(_, values) => Self::cast(array, values, zone),
            _ => Self::Other(array.clone()),
        }
    }

    fn cast(array: &ArrayRef, to: &DataType, zone: &TimeZone) -> Self {
        arrow_cast::cast(array, to).map_or_else(|_| Self::Other(array.clone()), |cast| Self::of(&cast, zone))
    }

    /// Appends the plain text of the cell at `row`, unless it is null or text that can be borrowed.
    pub(crate) fn push(&mut self, row: usize, format: &FieldFormat, out: &mut Vec<u8>) -> Cell<'_> {
        match self {
            Self::Bool(array) if array.is_valid(row) => {
                out.extend_from_slice(if array.value(row) { b"true" } else { b"false" });
                Cell::Number
            }
            Self::Int(array) if array.is_valid(row) => {
                push_int(array.value(row), out);
                Cell::Number
            }
            Self::Float(array) if array.is_valid(row) => {
                push_float(array.value(row), out);
                Cell::Number
            }
            Self::Decimal(array, scale) if array.is_valid(row) => {
                push_decimal(array.value(row), *scale, out);
                Cell::Number
            }
            Self::Date(array) if array.is_valid(row) => {
                let days = array.value(row);
                if push_date(i64::from(days), out).is_none() {
                    return slow(array, row, format, out);
                }
                Cell::Symbol
            }
            Self::Moment { counts, per_second, zone } if counts.is_valid(row) => {
                if push_moment(counts.value(row), *per_second, zone.as_mut(), out).is_none() {
                    let far = moment(counts.value(row), *per_second, zone.is_some());
                    out.extend_from_slice(format.plain(&far).as_bytes());
                }
                Cell::Symbol
            }
            Self::Text(array) if array.is_valid(row) => Cell::Text(array.value(row)),
            Self::TextView(array) if array.is_valid(row) => Cell::Text(array.value(row)),
            Self::Other(array) => slow(array.as_ref(), row, format, out),
            _ => Cell::Null,
        }
    }
}

fn slow<'a>(array: &dyn Array, row: usize, format: &FieldFormat, out: &mut Vec<u8>) -> Cell<'a> {
    let value = Value::at(array, row);
    out.extend_from_slice(format.plain(&value).as_bytes());
    match value {
        Value::Null => Cell::Null,
        Value::Text(_) => Cell::OwnedText,
        Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_) | Value::Decimal(_) => Cell::Number,
        _ => Cell::Symbol,
    }
}

/// Offsets of a zone, remembering the last period between two transitions: neighbouring rows share it.
pub(crate) struct Offsets {
    zone: TimeZone,
    from: i64,
    until: i64,
    seconds: i64,
}

impl Offsets {
    pub(crate) fn new(zone: TimeZone) -> Self {
        Self { zone, from: 0, until: 0, seconds: 0 }
    }

    /// Seconds east of UTC at this second since 1970.
    fn at(&mut self, second: i64) -> Option<i64> {
        if !(self.from..self.until).contains(&second) {
            let instant = Timestamp::from_second(second).ok()?;
            self.seconds = i64::from(self.zone.to_offset(instant).seconds());
            let last = Timestamp::MAX.as_second() + 1;
            self.until = self.zone.following(instant).next().map_or(last, |transition| transition.timestamp().as_second());
            // A period is only remembered from the first instant seen in it, so that no transition lies between.
            self.from = second;
        }
        Some(self.seconds)
    }
}

const PAIRS: &[u8; 200] = b"0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849\
5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

/// Appends a decimal integer.
pub(crate) fn push_int(value: i64, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    push_digits(value.unsigned_abs(), out);
}

fn push_digits(mut value: u64, out: &mut Vec<u8>) {
    let mut buffer = [0_u8; 20];
    let mut at = buffer.len();
    while value >= 100 {
        let pair = (value % 100) as usize * 2;
        value /= 100;
        at -= 2;
        buffer[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    }
    if value >= 10 {
        let pair = value as usize * 2;
        at -= 2;
        buffer[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    } else {
        at -= 1;
        buffer[at] = b'0' + value as u8;
    }
    out.extend_from_slice(&buffer[at..]);
}

/// Appends `value` with leading zeros to `width` digits.
fn push_padded(value: u64, width: usize, out: &mut Vec<u8>) {
    let start = out.len();
    push_digits(value, out);
    let written = out.len() - start;
    if written < width {
        out.resize(start + width, b'0');
        out.copy_within(start..start + written, start + width - written);
        out[start..start + width - written].fill(b'0');
    }
}

/// Appends the shortest plain decimal that reads back as `value` (no exponent, no grouping).
pub(crate) fn push_float(value: f64, out: &mut Vec<u8>) {
    if value == 0.0 {
        return out.push(b'0');
    }
    if !value.is_finite() {
        let text: &[u8] = if value.is_nan() {
            b"NaN"
        } else if value > 0.0 {
            b"Infinity"
        } else {
            b"-Infinity"
        };
        return out.extend_from_slice(text);
    }
    // Money and measurements have few decimals: if value × 10^k is whole and divides back to the same float, those
    // digits read back exactly, and with at most 15 of them nothing shorter does.
    #[expect(clippy::float_cmp, reason = "whether the division gives back the very same float is the question")]
    for (decimals, power) in [(0_u8, 1.0), (1, 10.0), (2, 100.0), (3, 1e3), (4, 1e4)] {
        let scaled = (value * power).round();
        if scaled.abs() < 1e15 && scaled / power == value {
            return push_decimal(scaled as i128, decimals, out);
        }
    }
    let _ = write!(out, "{value}");
}

fn push_decimal(unscaled: i128, scale: u8, out: &mut Vec<u8>) {
    let Ok(magnitude) = u64::try_from(unscaled.unsigned_abs()) else {
        return push_wide_decimal(unscaled, scale, out);
    };
    if unscaled < 0 {
        out.push(b'-');
    }
    // `scale` is at most 18, so the power fits.
    let power = 10_u64.pow(u32::from(scale));
    push_digits(magnitude / power, out);
    if scale > 0 {
        out.push(b'.');
        push_padded(magnitude % power, usize::from(scale), out);
    }
}

fn push_wide_decimal(unscaled: i128, scale: u8, out: &mut Vec<u8>) {
    let digits = unscaled.unsigned_abs().to_string();
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale));
    let sign = if unscaled < 0 { "-" } else { "" };
    let _ = if scale == 0 { write!(out, "{sign}{whole}") } else { write!(out, "{sign}{whole}.{fraction}") };
}

/// Appends `yyyy-mm-dd`; `None` outside the years 0 to 9999, with nothing written.
fn push_date(days: i64, out: &mut Vec<u8>) -> Option<()> {
    // Days from 0000-03-01 in 400-year eras (the usual civil-from-days arithmetic).
    let shifted = days.checked_add(719_468)?;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    if !(0..=9999).contains(&year) {
        return None;
    }
    push_padded(year.unsigned_abs(), 4, out);
    out.push(b'-');
    push_padded(month.unsigned_abs(), 2, out);
    out.push(b'-');
    push_padded(day.unsigned_abs(), 2, out);
    Some(())
}

fn push_moment(count: i64, per_second: i64, zone: Option<&mut Offsets>, out: &mut Vec<u8>) -> Option<()> {
    let second = count.div_euclid(per_second);
    let offset = match zone {
        Some(offsets) => Some(offsets.at(second)?),
        None => None,
    };
    let local = second.checked_add(offset.unwrap_or(0))?;
    push_date(local.div_euclid(86_400), out)?;
    let of_day = local.rem_euclid(86_400).unsigned_abs();
    for (mark, part) in [(b'T', of_day / 3600), (b':', of_day / 60 % 60), (b':', of_day % 60)] {
        out.push(mark);
        push_padded(part, 2, out);
    }
    let fraction = count.rem_euclid(per_second).unsigned_abs();
    if fraction != 0 {
        out.push(b'.');
        push_padded(fraction, per_second.ilog10() as usize, out);
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
    if let Some(offset) = offset {
        out.push(if offset < 0 { b'-' } else { b'+' });
        // Offsets of old local mean times have seconds; RFC 3339 has not, so they are rounded.
        let minutes = (offset.unsigned_abs() + 30) / 60;
        push_padded(minutes / 60, 2, out);
        out.push(b':');
        push_padded(minutes % 60, 2, out);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Date32Array, Decimal128Array, Float64Array, Int64Array, TimestampMicrosecondArray, TimestampNanosecondArray};
    use pressrun_domain::catalog::FieldSpec;
    use proptest::prelude::*;

    use super::*;

    fn both(array: &ArrayRef) -> (Vec<String>, Vec<String>) {
        let format = FieldFormat::parse(&FieldSpec::default(), array.data_type(), "c", "America/New_York");
        let mut cells = Cells::of(array, &format.zone);
        let fast = (0..array.len())
            .map(|row| {
                let mut out = Vec::new();
                cells.push(row, &format, &mut out);
                String::from_utf8(out).unwrap()
            })
            .collect();
        (fast, (0..array.len()).map(|row| format.plain(&Value::at(array.as_ref(), row))).collect())
    }

    proptest! {
        #[test]
        fn r5_the_fast_path_writes_what_the_slow_one_writes(
            ints in prop::collection::vec(any::<Option<i64>>(), 1..20),
            floats in prop::collection::vec(prop_oneof![any::<f64>(), (-1_000_000_000i64..1_000_000_000).prop_map(|n| n as f64 / 100.0)], 1..20),
            decimals in prop::collection::vec(-10i128.pow(30)..10i128.pow(30), 1..20),
            days in prop::collection::vec(prop_oneof![any::<i32>(), -5_000_000i32..3_000_000], 1..20),
            micros in prop::collection::vec(prop_oneof![any::<i64>(), -400_000_000_000_000_000i64..300_000_000_000_000_000], 1..20),
        ) {
            let arrays: Vec<ArrayRef> = vec![
                Arc::new(Int64Array::from(ints)),
                Arc::new(Float64Array::from(floats)),
                Arc::new(Decimal128Array::from(decimals.clone()).with_precision_and_scale(38, 4).unwrap()),
                Arc::new(Decimal128Array::from(decimals).with_precision_and_scale(38, 0).unwrap()),
                Arc::new(Date32Array::from(days)),
                Arc::new(TimestampMicrosecondArray::from(micros.clone())),
                Arc::new(TimestampMicrosecondArray::from(micros.clone()).with_timezone("UTC")),
                Arc::new(TimestampNanosecondArray::from(micros).with_timezone("+00:00")),
            ];
            for array in &arrays {
                let (fast, slow) = both(array);
                prop_assert_eq!(fast, slow, "{}", array.data_type());
            }
        }
    }

    #[test]
    fn r5_numbers_are_plain_decimals() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "0"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e21, "1000000000000000000000"),
            (1.5e-9, "0.0000000015"),
            (12.5, "12.5"),
            (-1999.99, "-1999.99"),
            (f64::NAN, "NaN"),
        ] {
            let mut out = Vec::new();
            push_float(value, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn r5_instants_carry_the_offset_of_their_day() {
        // Both sides of the clock change of 8 March 2026 in New York, and one before the first row's period.
        let array: ArrayRef =
            Arc::new(TimestampMicrosecondArray::from(vec![1_772_953_199_000_000, 1_772_953_200_500_000, 0]).with_timezone("UTC"));
        assert_eq!(both(&array).0, ["2026-03-08T01:59:59-05:00", "2026-03-08T03:00:00.5-04:00", "1969-12-31T19:00:00-05:00"]);
    }
}
