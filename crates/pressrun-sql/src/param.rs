//! Values bound to placeholders; nothing a person typed is ever part of SQL text.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::markers;

/// A typed value for one placeholder.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "snake_case")]
pub enum Param {
    /// Text.
    Text(String),
    /// A whole number of 64 bits.
    Integer(i64),
    /// An exact decimal number.
    Decimal(Decimal),
    /// True or false.
    Boolean(bool),
    /// An instant, UTC.
    Instant(Timestamp),
    /// An instant as the wall clock of the query zone shows it.
    Local(Timestamp),
    /// A calendar day.
    Date(Date),
    /// Texts, as one value.
    Texts(Vec<String>),
    /// Whole numbers, as one value.
    Integers(Vec<i64>),
    /// Decimal numbers, as one value.
    Decimals(Vec<Decimal>),
    /// Instants, as one value.
    Instants(Vec<Timestamp>),
}

impl Param {
    /// The name of its type and what it holds, each text without a choice: equal values give equal texts, and only they.
    pub(crate) fn words(&self) -> (&'static str, Vec<String>) {
        fn all<T: ToString>(values: &[T]) -> Vec<String> {
            values.iter().map(ToString::to_string).collect()
        }
        match self {
            Self::Text(value) => ("text", vec![value.clone()]),
            Self::Integer(value) => ("integer", vec![value.to_string()]),
            Self::Decimal(value) => ("decimal", vec![value.to_string()]),
            Self::Boolean(value) => ("boolean", vec![value.to_string()]),
            Self::Instant(value) => ("instant", vec![value.to_string()]),
            Self::Local(value) => ("local", vec![value.to_string()]),
            Self::Date(value) => ("date", vec![value.to_string()]),
            Self::Texts(values) => ("texts", values.clone()),
            Self::Integers(values) => ("integers", all(values)),
            Self::Decimals(values) => ("decimals", all(values)),
            Self::Instants(values) => ("instants", all(values)),
        }
    }
}

/// Values that get markers until the placeholders are numbered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Params {
    first: usize,
    pub(crate) values: Vec<Param>,
}

impl Params {
    /// None yet; the first gets the marker behind number `taken`.
    pub(crate) fn after(taken: usize) -> Self {
        Self { first: taken, values: Vec::new() }
    }

    /// Adds a value and returns the marker that stands for it.
    pub(crate) fn bind(&mut self, value: Param) -> String {
        self.values.push(value);
        markers::marker(self.first + self.values.len())
    }
}

/// An exact decimal number of at most 38 digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decimal {
    /// The number without its decimal point.
    pub unscaled: i128,
    /// Digits behind the decimal point, at most 38.
    pub scale: u8,
}

/// The text is no decimal number of at most 38 digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a number of at most 38 digits")]
pub struct InvalidDecimal;

const MAX_DIGITS: usize = 38;

impl Decimal {
    /// The number as a whole number of 64 bits, if it is one.
    #[must_use]
    pub fn as_i64(self) -> Option<i64> {
        if self.scale == 0 { i64::try_from(self.unscaled).ok() } else { None }
    }

    /// The parameter that carries it: an integer when it is whole and small enough.
    #[must_use]
    pub fn into_param(self) -> Param {
        self.as_i64().map_or(Param::Decimal(self), Param::Integer)
    }

    /// Digits before and behind the decimal point.
    #[must_use]
    pub fn precision(self) -> u8 {
        let digits = self.unscaled.unsigned_abs().checked_ilog10().unwrap_or(0) + 1;
        (digits as u8).max(self.scale)
    }
}

impl FromStr for Decimal {
    type Err = InvalidDecimal;

    /// Reads `12`, `-1.50`, `.5`, `1e3`; trailing zeros behind the point are dropped, so that equal numbers are equal.
    fn from_str(text: &str) -> Result<Self, InvalidDecimal> {
        let text = text.trim();
        let (negative, rest) = match text.as_bytes() {
            [b'-', ..] => (true, &text[1..]),
            [b'+', ..] => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match rest.find(['e', 'E']) {
            Some(at) => (&rest[..at], rest[at + 1..].parse::<i32>().map_err(|_| InvalidDecimal)?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if (whole.is_empty() && fraction.is_empty()) || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
            return Err(InvalidDecimal);
        }
        let mut digits: String = format!("{whole}{fraction}").trim_start_matches('0').to_owned();
        let mut scale = i64::try_from(fraction.len()).map_err(|_| InvalidDecimal)? - i64::from(exponent);
        while scale > 0 && digits.ends_with('0') {
            digits.pop();
            scale -= 1;
        }
        if digits.is_empty() {
            return Ok(Self { unscaled: 0, scale: 0 });
        }
        if scale < 0 {
            let zeros = usize::try_from(-scale).map_err(|_| InvalidDecimal)?;
            if zeros > MAX_DIGITS {
                return Err(InvalidDecimal);
            }
            digits.extend(std::iter::repeat_n('0', zeros));
            scale = 0;
        }
        if digits.len() > MAX_DIGITS || scale > MAX_DIGITS as i64 {
            return Err(InvalidDecimal);
        }
        let unscaled: i128 = digits.parse().map_err(|_| InvalidDecimal)?;
        Ok(Self { unscaled: if negative { -unscaled } else { unscaled }, scale: scale as u8 })
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = usize::from(self.scale);
        if scale == 0 {
            return self.unscaled.fmt(f);
        }
        let digits = format!("{:0>width$}", self.unscaled.unsigned_abs(), width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        write!(f, "{}{whole}.{fraction}", if self.unscaled < 0 { "-" } else { "" })
    }
}

impl Serialize for Decimal {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_and_equal_by_value() {
        for (text, expected) in [
            ("10", Some("10")),
            ("1.50", Some("1.5")),
            ("-0.1", Some("-0.1")),
            (".5", Some("0.5")),
            ("1e3", Some("1000")),
            ("12.5e-2", Some("0.125")),
            ("0.000", Some("0")),
            ("-0", Some("0")),
            ("+7", Some("7")),
            ("99999999999999999999999999999999999999", Some("99999999999999999999999999999999999999")),
            ("999999999999999999999999999999999999999", None),
            ("1e400000000", None),
            ("abc", None),
            ("1.2.3", None),
            ("", None),
            (".", None),
            ("1e", None),
            ("NaN", None),
            ("٣", None),
        ] {
            assert_eq!(text.parse::<Decimal>().ok().map(|d| d.to_string()).as_deref(), expected, "{text}");
        }
    }
}
