//! Numerics of the wire → exact decimal columns.
//!
//! A numeric that declares no scale has as many digits behind the point as each value likes, and a column of Arrow has one
//! scale. The first rows decide; a later value that does not fit is never rounded: the column becomes wider, and the rows that were told
//! before are written again in its new type, from the result's own file and not by a second run of the query.

use std::sync::Arc;

use arrow_array::{ArrayRef, Decimal128Array, Decimal256Array, Float64Array};
use arrow_buffer::i256;

use super::column::broken;
use crate::error::{QueryError, QueryErrorKind};

/// Digits of a narrow and of a wide column.
pub(super) const NARROW: u16 = 38;
const WIDE: u16 = 76;

/// Digits that a column has to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Form {
    /// Before the point.
    whole: u16,
    /// Behind it.
    scale: u16,
}

impl Form {
    /// That of `numeric(precision, scale)`; `None` when nothing was declared.
    pub(super) fn declared(type_modifier: i32) -> Option<Self> {
        let modifier = u32::try_from(type_modifier.checked_sub(4)?).ok()?;
        let precision = i32::try_from(modifier >> 16).ok()?;
        // Eleven bits with a sign: a negative scale rounds before the point.
        let scale = ((modifier & 0x7ff) as i32 ^ 0x400) - 0x400;
        Some(Self { whole: u16::try_from((precision - scale).max(0)).ok()?, scale: u16::try_from(scale.max(0)).ok()? })
    }

    /// What holds both.
    pub(super) fn with(self, other: Self) -> Self {
        Self { whole: self.whole.max(other.whole), scale: self.scale.max(other.scale) }
    }

    fn digits(self) -> u16 {
        self.whole + self.scale
    }
}

/// One numeric.
enum Number {
    /// Without its point, and the digits behind it.
    Finite(i256, u16),
    /// NaN or an infinity.
    Odd(f64),
}

/// Digits that a float of eight bytes keeps whatever they are.
const FLOAT_DIGITS: u16 = 15;

/// A numeric column being filled.
#[derive(Default)]
pub(super) struct Decimals {
    values: Vec<Option<Number>>,
    /// What was declared, or told so far.
    form: Form,
    /// There was a NaN or an infinity.
    is_float: bool,
    /// Most significant digits of a value so far.
    significant: u16,
}

impl Decimals {
    pub(super) fn new(declared: Option<Form>) -> Self {
        Self { form: declared.unwrap_or_default(), ..Self::default() }
    }

    pub(super) fn push(&mut self, raw: Option<&[u8]>) -> Result<(), QueryError> {
        let value = raw.map(numeric).transpose()?;
        match &value {
            Some(Number::Finite(unscaled, scale)) => {
                let digits = digits(*unscaled);
                self.form = self.form.with(Form { whole: digits.saturating_sub(*scale), scale: *scale });
                if digits > self.significant {
                    self.significant = self.significant.max(significant(*unscaled, digits));
                }
            }
            Some(Number::Odd(_)) => self.is_float = true,
            None => {}
        }
        self.values.push(value);
        Ok(())
    }

    /// The values so far, exact. No decimal is NaN: a column that has one arrives as floats, where that changes no digit.
    pub(super) fn finish(&mut self) -> Result<ArrayRef, QueryError> {
        let values = std::mem::take(&mut self.values);
        if self.is_float {
            if self.significant > FLOAT_DIGITS {
                return Err(QueryError::new(QueryErrorKind::Value, "has NaN or infinity beside numbers of more than 15 digits")
                    .hint("cast it to double precision or text, or leave those rows out"));
            }
            let float = |number: Number| match number {
                Number::Finite(unscaled, scale) => float(unscaled, scale),
                Number::Odd(float) => Ok(float),
            };
            let array = values.into_iter().map(|value| value.map(float).transpose()).collect::<Result<Float64Array, _>>()?;
            return Ok(Arc::new(array));
        }
        let form = self.form;
        if form.digits() > WIDE {
            return Err(too_long());
        }
        let scale = i8::try_from(form.scale).map_err(|_| too_long())?;
        let internal = |error: arrow_schema::ArrowError| QueryError::new(QueryErrorKind::Internal, error.to_string());
        let finite = |number: Number| match number {
            Number::Finite(unscaled, own) => unscaled.checked_mul(power(form.scale - own)?).ok_or_else(too_long),
            Number::Odd(_) => Err(broken()),
        };
        let wide = values.into_iter().map(|value| value.map(finite).transpose());
        if form.digits() <= NARROW {
            let narrow = wide.map(|value| value?.map(|value| value.to_i128().ok_or_else(too_long)).transpose());
            let array = narrow.collect::<Result<Decimal128Array, _>>()?;
            return Ok(Arc::new(array.with_precision_and_scale(NARROW as u8, scale).map_err(internal)?));
        }
        let array = wide.collect::<Result<Decimal256Array, _>>()?;
        Ok(Arc::new(array.with_precision_and_scale(WIDE as u8, scale).map_err(internal)?))
    }
}

fn too_long() -> QueryError {
    QueryError::new(QueryErrorKind::Value, "needs more than 76 digits").hint("round it, or cast it to double precision or text")
}

/// The nearest float; with at most 15 digits it prints as the decimal does.
fn float(unscaled: i256, scale: u16) -> Result<f64, QueryError> {
    format!("{unscaled}e-{scale}").parse().map_err(|_| broken())
}

fn power(exponent: u16) -> Result<i256, QueryError> {
    i256::from_i128(10).checked_pow(u32::from(exponent)).ok_or_else(too_long)
}

/// Digits of a number without its point; none of zero.
fn digits(unscaled: i256) -> u16 {
    match unscaled.to_i128() {
        Some(narrow) => narrow.unsigned_abs().checked_ilog10().map_or(0, |log| log as u16 + 1),
        None => unscaled.to_string().trim_start_matches('-').len() as u16,
    }
}

/// Digits without the zeros at the end.
fn significant(unscaled: i256, digits: u16) -> u16 {
    let zeros = match unscaled.to_i128() {
        Some(0) => digits,
        Some(mut narrow) => {
            let mut zeros = 0;
            while narrow % 10 == 0 {
                narrow /= 10;
                zeros += 1;
            }
            zeros
        }
        None => {
            let text = unscaled.to_string();
            (text.len() - text.trim_end_matches('0').len()) as u16
        }
    };
    digits - zeros
}

/// A numeric of the wire: groups of four digits, the weight of the first, a sign, and the digits to show behind the point.
fn numeric(raw: &[u8]) -> Result<Number, QueryError> {
    let word = |at: usize| raw.get(at * 2..at * 2 + 2).and_then(|two| two.try_into().ok()).map(i16::from_be_bytes).ok_or_else(broken);
    let (groups, weight, sign, shown) = (word(0)?, word(1)?, word(2)? as u16, word(3)?);
    match sign {
        0x0000 | 0x4000 => {}
        0xc000 => return Ok(Number::Odd(f64::NAN)),
        0xd000 => return Ok(Number::Odd(f64::INFINITY)),
        0xf000 => return Ok(Number::Odd(f64::NEG_INFINITY)),
        _ => return Err(broken()),
    }
    let shown = u16::try_from(shown).ok().filter(|shown| *shown <= WIDE).ok_or_else(too_long)?;
    let mut unscaled = i256::ZERO;
    // The scale of what has been read: four for each group behind the point.
    let scale = (i32::from(groups) - 1 - i32::from(weight)) * 4;
    for at in 0..groups {
        let group = i256::from_i128(word(4 + usize::try_from(at).map_err(|_| broken())?)?.into());
        unscaled = unscaled.checked_mul(i256::from_i128(10_000)).and_then(|value| value.checked_add(group)).ok_or_else(too_long)?;
    }
    let shift = i32::from(shown) - scale;
    let by = power(u16::try_from(shift.unsigned_abs()).map_err(|_| too_long())?)?;
    // Trailing zeros of the last group lie beyond the digits shown.
    let unscaled = if shift >= 0 { unscaled.checked_mul(by) } else { unscaled.checked_div(by) }.ok_or_else(too_long)?;
    Ok(Number::Finite(if sign == 0x4000 { unscaled.wrapping_neg() } else { unscaled }, shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_scales_are_read_from_the_modifier() {
        for (modifier, expected) in [
            (-1, None),
            (((10 << 16) | 2) + 4, Some(Form { whole: 8, scale: 2 })),
            ((38 << 16) + 4, Some(Form { whole: 38, scale: 0 })),
            // numeric(3, -2): hundreds.
            (((3 << 16) | 0x7fe) + 4, Some(Form { whole: 5, scale: 0 })),
            // numeric(2, 5): below 0.001.
            (((2 << 16) | 5) + 4, Some(Form { whole: 0, scale: 5 })),
        ] {
            assert_eq!(Form::declared(modifier), expected, "{modifier}");
        }
    }

    /// 1.5: two groups (1, 5000), weight 0, one digit shown; 0.25 has one group and two digits; NaN has none.
    fn raw(words: &[i16]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn b7_a_later_value_widens_the_column_and_no_digit_is_lost() {
        let mut decimals = Decimals::default();
        decimals.push(Some(&raw(&[2, 0, 0, 1, 1, 5000]))).unwrap();
        assert_eq!(decimals.finish().unwrap().data_type().to_string(), "Decimal128(38, 1)");
        decimals.push(Some(&raw(&[1, -1, 0, 2, 2500]))).unwrap();
        assert_eq!(decimals.finish().unwrap().data_type().to_string(), "Decimal128(38, 2)");
        decimals.push(Some(&raw(&[1, 9, 0, 0, 1]))).unwrap();
        assert_eq!(decimals.finish().unwrap().data_type().to_string(), "Decimal256(76, 2)", "1e36 and two digits behind the point");
        decimals.push(Some(&raw(&[0, 0, 0xc000_u16 as i16, 0]))).unwrap();
        let floats = decimals.finish().unwrap();
        assert_eq!(floats.data_type().to_string(), "Float64");
    }

    #[test]
    fn b7_nan_beside_digits_that_no_float_keeps_is_refused() {
        let mut decimals = Decimals::default();
        decimals.push(Some(&raw(&[5, 4, 0, 0, 1, 2345, 6789, 1234, 5678]))).unwrap();
        decimals.push(Some(&raw(&[0, 0, 0xd000_u16 as i16, 0]))).unwrap();
        let error = decimals.finish().unwrap_err();
        assert!(error.kind == QueryErrorKind::Value && error.message.contains("15 digits"), "{error}");
    }
}
