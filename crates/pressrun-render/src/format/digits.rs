//! Decimal digits as text: the only arithmetic that display needs, and it loses nothing.

use std::fmt;

use super::separators::Separators;
use super::value::{Decimal, Value};

/// A finite number in decimal notation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Digits {
    negative: bool,
    /// Digits before the point, without leading zeros; empty for zero.
    whole: Vec<u8>,
    /// Digits behind the point.
    fraction: Vec<u8>,
}

impl Digits {
    /// The digits of a number; `None` for what is not a finite number.
    pub(crate) fn from_value(value: &Value<'_>) -> Option<Self> {
        match value {
            Value::Bool(flag) => Some(Self::parse(if *flag { "1" } else { "0" })?),
            Value::Int(int) => Self::parse(&int.to_string()),
            Value::UInt(int) => Self::parse(&int.to_string()),
            Value::Float(float) => Self::from_f64(*float),
            Value::Decimal(decimal) => Some(Self::from_decimal(*decimal)),
            Value::Text(text) => Self::parse(text.trim()),
            Value::Duration(duration) => Self::from_f64(duration.as_secs_f64()),
            _ => None,
        }
    }

    /// The shortest digits that name this float.
    pub(crate) fn from_f64(float: f64) -> Option<Self> {
        if float.is_finite() { Self::parse(&float.to_string()) } else { None }
    }

    pub(crate) fn from_decimal(decimal: Decimal) -> Self {
        let text = decimal.unscaled.to_string();
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.as_str()),
        };
        let mut number = Self { negative, whole: digits.as_bytes().to_vec(), fraction: Vec::new() };
        number.shift(-i32::from(decimal.scale));
        number.normalize();
        number
    }

    /// Reads `-12.5`; no exponent, no grouping.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (whole, fraction) = rest.split_once('.').unwrap_or((rest, ""));
        let plain = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !plain(whole) || !plain(fraction) {
            return None;
        }
        let mut number = Self { negative, whole: whole.as_bytes().to_vec(), fraction: fraction.as_bytes().to_vec() };
        number.normalize();
        Some(number)
    }

    pub(crate) fn is_negative(&self) -> bool {
        self.negative && !self.is_zero()
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.whole.iter().chain(&self.fraction).all(|d| *d == b'0')
    }

    pub(crate) fn negate(&mut self) {
        self.negative = !self.negative;
    }

    /// Moves the point by `places` to the right (times 10^places).
    pub(crate) fn shift(&mut self, places: i32) {
        let count = places.unsigned_abs() as usize;
        if places >= 0 {
            let taken = count.min(self.fraction.len());
            self.whole.extend(self.fraction.drain(..taken));
            self.whole.extend(std::iter::repeat_n(b'0', count - taken));
        } else {
            let kept = self.whole.len().saturating_sub(count);
            let mut moved = vec![b'0'; count.saturating_sub(self.whole.len())];
            moved.extend(self.whole.drain(kept..));
            moved.append(&mut self.fraction);
            self.fraction = moved;
        }
        self.normalize();
    }

    /// Rounds half away from zero, as spreadsheets do, to at most `places` behind the point.
    pub(crate) fn round(&mut self, places: usize) {
        if self.fraction.len() <= places {
            return;
        }
        let up = self.fraction[places] >= b'5';
        self.fraction.truncate(places);
        if up {
            self.add_unit();
        }
    }

    /// Adds one to the last kept digit, carrying.
    fn add_unit(&mut self) {
        for digit in self.fraction.iter_mut().rev().chain(self.whole.iter_mut().rev()) {
            if *digit == b'9' {
                *digit = b'0';
            } else {
                *digit += 1;
                return;
            }
        }
        self.whole.insert(0, b'1');
    }

    /// How many digits stand before the point.
    pub(crate) fn whole_len(&self) -> usize {
        self.whole.len()
    }

    /// Zeros behind the point before the first other digit.
    pub(crate) fn leading_fraction_zeros(&self) -> usize {
        self.fraction.iter().take_while(|d| **d == b'0').count()
    }

    /// Digits behind the point, without trailing zeros.
    pub(crate) fn decimals(&self) -> usize {
        self.fraction.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1)
    }

    /// The nearest float.
    pub(crate) fn to_f64(&self) -> f64 {
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    /// The digits without sign, padded and grouped: at least `whole` digits before the point and `least` behind it.
    pub(crate) fn write(&self, whole: usize, least: usize, grouped: bool, separators: Separators) -> String {
        let padding = whole.saturating_sub(self.whole.len());
        let count = self.whole.len() + padding;
        let mut out = String::with_capacity(count * 4 / 3 + self.fraction.len() + 2);
        for (i, digit) in std::iter::repeat_n(&b'0', padding).chain(&self.whole).enumerate() {
            if grouped && i > 0 && (count - i).is_multiple_of(3) {
                out.push(separators.group);
            }
            out.push(char::from(*digit));
        }
        let places = self.decimals().max(least);
        if places > 0 {
            out.push(separators.decimal);
            for i in 0..places {
                out.push(char::from(self.fraction.get(i).copied().unwrap_or(b'0')));
            }
        }
        out
    }

    fn normalize(&mut self) {
        let zeros = self.whole.iter().take_while(|d| **d == b'0').count();
        self.whole.drain(..zeros);
    }
}

impl fmt::Display for Digits {
    /// A plain decimal: no grouping, no trailing zeros beyond those given, `0` for zero.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_negative() {
            f.write_str("-")?;
        }
        if self.whole.is_empty() {
            f.write_str("0")?;
        }
        let text = |part: &[u8]| part.iter().map(|d| char::from(*d)).collect::<String>();
        f.write_str(&text(&self.whole))?;
        if !self.fraction.is_empty() {
            write!(f, ".{}", text(&self.fraction))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_half_away_from_zero_and_exact() {
        for (number, places, expected) in [
            ("2.5", 0, "3"),
            ("-2.5", 0, "-3"),
            ("0.125", 2, "0.13"),
            ("1.005", 2, "1.01"),
            ("99999999999999999999.995", 2, "100000000000000000000.00"),
            ("0.004", 2, "0.00"),
            ("-0.004", 2, "0.00"),
            ("9.99", 1, "10.0"),
        ] {
            let mut digits = Digits::parse(number).unwrap();
            digits.round(places);
            assert_eq!(digits.to_string(), expected, "{number} to {places}");
        }
    }

    #[test]
    fn shifting_moves_the_point() {
        for (number, places, expected) in
            [("0.1234", 2, "12.34"), ("1234567", -6, "1.234567"), ("5", -3, "0.005"), ("0.5", 3, "500"), ("0", 2, "0")]
        {
            let mut digits = Digits::parse(number).unwrap();
            digits.shift(places);
            assert_eq!(digits.to_string(), expected, "{number} by {places}");
        }
    }

    #[test]
    fn what_is_not_a_plain_number_is_refused() {
        for text in ["", "-", ".", "1e5", "1,000", "NaN", "0x10", "1.2.3", "１"] {
            assert_eq!(Digits::parse(text), None, "{text}");
        }
    }
}
