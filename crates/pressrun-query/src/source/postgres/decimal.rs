//! Numerics of the wire → exact decimal columns.
//!
//! A numeric that declares no scale has as many digits behind the point as each value likes, and a column of Arrow has one
//! scale. The first rows decide; a later value that does not fit is never rounded: the rest of the result is looked through for
//! what it needs, and the source begins again with columns that hold it.

use std::sync::Arc;

use arrow_array::{ArrayRef, Decimal128Array, Decimal256Array};
use arrow_buffer::i256;

use super::column::{broken, too_long};
use crate::error::{QueryError, QueryErrorKind};

/// Digits of a narrow and of a wide column.
const NARROW: u16 = 38;
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

    fn room(self) -> u16 {
        if self.digits() <= NARROW { NARROW } else { WIDE }
    }

    fn holds(self, other: Self) -> bool {
        other.scale <= self.scale && other.whole + self.scale <= self.room()
    }
}

/// A numeric column being filled.
#[derive(Default)]
pub(super) struct Decimals {
    values: Vec<Option<(i256, u16)>>,
    form: Option<Form>,
    needs: Form,
}

impl Decimals {
    pub(super) fn new(form: Option<Form>) -> Self {
        Self { form, ..Self::default() }
    }

    pub(super) fn push(&mut self, raw: Option<&[u8]>) -> Result<(), QueryError> {
        let value = raw.map(numeric).transpose()?;
        if let Some((unscaled, scale)) = value {
            let needs = Form { whole: digits(unscaled).saturating_sub(scale), scale };
            self.needs = self.needs.with(needs);
        }
        self.values.push(value);
        Ok(())
    }

    /// What the column would have to be to hold every value so far, when it does not.
    pub(super) fn misfit(&self) -> bool {
        self.form.is_some_and(|form| !form.holds(self.needs))
    }

    /// What every value so far needs.
    pub(super) fn form(&self) -> Form {
        self.form.unwrap_or_default().with(self.needs)
    }

    /// Forgets the values but not what they need.
    pub(super) fn forget(&mut self) {
        self.values.clear();
    }

    pub(super) fn finish(&mut self) -> Result<ArrayRef, QueryError> {
        let values = std::mem::take(&mut self.values);
        let form = *self.form.get_or_insert(self.needs);
        if form.digits() > WIDE || !form.holds(self.needs) {
            return Err(too_long());
        }
        let scale = i8::try_from(form.scale).map_err(|_| too_long())?;
        let internal = |error: arrow_schema::ArrowError| QueryError::new(QueryErrorKind::Internal, error.to_string());
        if form.room() == NARROW {
            let narrow = |(unscaled, own): (i256, u16)| {
                let by = 10_i128.checked_pow(u32::from(form.scale - own)).ok_or_else(too_long)?;
                unscaled.to_i128().and_then(|unscaled| unscaled.checked_mul(by)).ok_or_else(too_long)
            };
            let array = values.into_iter().map(|value| value.map(narrow).transpose()).collect::<Result<Decimal128Array, _>>()?;
            return Ok(Arc::new(array.with_precision_and_scale(NARROW as u8, scale).map_err(internal)?));
        }
        let wide = |(unscaled, own): (i256, u16)| unscaled.checked_mul(power(form.scale - own)?).ok_or_else(too_long);
        let array = values.into_iter().map(|value| value.map(wide).transpose()).collect::<Result<Decimal256Array, _>>()?;
        Ok(Arc::new(array.with_precision_and_scale(WIDE as u8, scale).map_err(internal)?))
    }
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

/// A numeric of the wire: groups of four digits, the weight of the first, a sign, and the digits to show behind the point.
fn numeric(raw: &[u8]) -> Result<(i256, u16), QueryError> {
    let word = |at: usize| raw.get(at * 2..at * 2 + 2).and_then(|two| two.try_into().ok()).map(i16::from_be_bytes).ok_or_else(broken);
    let (groups, weight, sign, shown) = (word(0)?, word(1)?, word(2)? as u16, word(3)?);
    if !matches!(sign, 0x0000 | 0x4000) {
        return Err(QueryError::new(QueryErrorKind::Value, "a numeric value is NaN or infinite").hint("cast it to double precision"));
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
    Ok((if sign == 0x4000 { unscaled.wrapping_neg() } else { unscaled }, shown))
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

    #[test]
    fn a_column_says_when_a_later_value_does_not_fit() {
        // 1.5: two groups (1, 5000), weight 0, one digit shown; 0.25 has two.
        let [half, quarter] = [[0_i16, 2, 0, 0, 1, 1, 5000], [0, 1, -1, 0, 2, 2500, 0]].map(|words| {
            let from = if words[1] == 1 { &words[1..6] } else { &words[1..] };
            from.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>()
        });
        let mut decimals = Decimals::default();
        decimals.push(Some(&half)).unwrap();
        assert_eq!(decimals.finish().unwrap().data_type().to_string(), "Decimal128(38, 1)");
        decimals.push(Some(&quarter)).unwrap();
        assert!(decimals.misfit());
        let mut again = Decimals::new(Some(decimals.form()));
        again.push(Some(&half)).unwrap();
        again.push(Some(&quarter)).unwrap();
        assert!(!again.misfit());
        assert_eq!(again.finish().unwrap().data_type().to_string(), "Decimal128(38, 2)");
    }
}
