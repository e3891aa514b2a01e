//! Numbers as text files write them: what they are, and their value. Nothing is read as a number that would lose a character
//! that matters: a leading zero or plus, a digit that a double has no room for.

use std::borrow::Cow;

use pressrun_domain::catalog::FileReading;

/// Most digits that a double always gives back.
const EXACT_DIGITS: usize = 15;
/// Most digits of a decimal of 128 bits.
pub(crate) const DECIMAL_DIGITS: u8 = 38;

/// How numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marks {
    decimal: u8,
    thousands: Option<char>,
}

impl Marks {
    pub(crate) const PLAIN: Self = Self { decimal: b'.', thousands: None };

    pub(crate) fn of(reading: &FileReading) -> Self {
        Self { decimal: reading.decimal.unwrap_or(b'.'), thousands: reading.thousands }
    }

    /// `text` with a full stop before its fraction and nothing between thousands; `None` when it has another mark or one in
    /// the wrong place.
    pub(crate) fn plain(self, text: &str) -> Option<Cow<'_, str>> {
        if self == Self::PLAIN {
            return Some(Cow::Borrowed(text));
        }
        let mut out = String::with_capacity(text.len());
        let (whole, fraction) = match text.split_once(char::from(self.decimal)) {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (text, None),
        };
        match self.thousands {
            Some(mark) if whole.contains(mark) => {
                let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |rest| ("-", rest));
                let mut groups = digits.split(mark);
                let first = groups.next().filter(|group| (1..=3).contains(&group.len()) && all_digits(group))?;
                out.push_str(sign);
                out.push_str(first);
                for group in groups {
                    out.push_str(Some(group).filter(|group| group.len() == 3 && all_digits(group))?);
                }
            }
            // With another mark for fractions a full stop has no meaning of its own.
            _ if self.decimal != b'.' && whole.contains('.') => return None,
            _ => out.push_str(whole),
        }
        if let Some(fraction) = fraction {
            if fraction.contains('.') {
                return None;
            }
            out.push('.');
            out.push_str(fraction);
        }
        Some(Cow::Owned(out))
    }
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What is needed to hold the numbers of a column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Digits {
    /// Most digits before the mark.
    pub(crate) whole: u8,
    /// Most digits after it.
    pub(crate) scale: u8,
    /// Some have a mark, an exponent or are no numbers (NaN, infinity).
    pub(crate) fraction: bool,
    /// Some have no finite number of digits to write down: exponents, NaN, infinity.
    pub(crate) scientific: bool,
    /// Some do not come back unchanged from a double.
    pub(crate) inexact: bool,
    /// Some are none of the numbers that a double prints with as many digits, so that a double loses digits of them.
    pub(crate) rounded: bool,
    /// Some are beyond 64 bits.
    pub(crate) long: bool,
}

impl Digits {
    /// A number that only a double holds.
    pub(crate) const SCIENTIFIC: Self =
        Self { whole: 0, scale: 0, fraction: true, scientific: true, inexact: false, rounded: false, long: false };

    /// The number `text`, which has an exponent.
    pub(crate) fn scientific(text: &str) -> Self {
        let rounded = loses_digits(text);
        Self { inexact: rounded, rounded, ..Self::SCIENTIFIC }
    }

    /// What holds both.
    pub(crate) fn join(self, other: Self) -> Self {
        Self {
            whole: self.whole.max(other.whole),
            scale: self.scale.max(other.scale),
            fraction: self.fraction || other.fraction,
            scientific: self.scientific || other.scientific,
            inexact: self.inexact || other.inexact,
            rounded: self.rounded || other.rounded,
            long: self.long || other.long,
        }
    }

    /// Reads a number; `None` when `text`, with a full stop for a mark, is none or would lose a character.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            let word =
                unsigned.eq_ignore_ascii_case("inf") || unsigned.eq_ignore_ascii_case("infinity") || text.eq_ignore_ascii_case("nan");
            return word.then_some(Self::SCIENTIFIC);
        }
        let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
            Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
            None => (unsigned, None),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (mantissa, None),
        };
        let padded = whole.len() > 1 && whole.starts_with('0');
        if padded || !all_digits(whole) || fraction.is_some_and(|digits| digits.is_empty() || !all_digits(digits)) {
            return None;
        }
        if let Some(exponent) = exponent {
            // `12e4567` is a code; programs write `1.2e4567` or `12e+4567`.
            let digits = exponent.strip_prefix(['+', '-']);
            let real = fraction.is_some() || digits.is_some();
            let digits = digits.unwrap_or(exponent);
            let number = real && !whole.is_empty() && !digits.is_empty() && all_digits(digits);
            // An exponent that a double cannot hold would become infinity or nothing.
            let finite = || text.parse::<f64>().is_ok_and(|value| value.is_finite() && (value != 0.0 || mantissa_is_zero(mantissa)));
            return (number && finite()).then(|| Self::scientific(text));
        }
        let scale = fraction.map_or(0, str::len);
        if whole.len() + scale > usize::from(u8::MAX) {
            return None;
        }
        let inexact = !comes_back(text, whole, fraction.unwrap_or_default());
        Some(Self {
            whole: whole.len() as u8,
            scale: scale as u8,
            // `-0` is no integer: it would lose its sign.
            fraction: fraction.is_some() || text == "-0",
            scientific: false,
            inexact,
            rounded: inexact && loses_digits(text),
            long: fraction.is_none() && text.parse::<i64>().is_err(),
        })
    }
}

fn mantissa_is_zero(mantissa: &str) -> bool {
    mantissa.bytes().all(|byte| matches!(byte, b'0' | b'.'))
}

/// Whether a double prints the same number again.
fn comes_back(text: &str, whole: &str, fraction: &str) -> bool {
    let tail = fraction.trim_end_matches('0');
    let significant = if whole.trim_start_matches('0').is_empty() { tail.trim_start_matches('0').len() } else { whole.len() + tail.len() };
    if significant <= EXACT_DIGITS {
        return true;
    }
    let Ok(value) = text.parse::<f64>() else { return false };
    let printed = value.abs().to_string();
    let (printed_whole, printed_fraction) = printed.split_once('.').unwrap_or((&printed, ""));
    printed_whole.trim_start_matches('0') == whole.trim_start_matches('0') && printed_fraction.trim_end_matches('0') == tail
}

/// Whether a double, printed with as many digits as the number `text` has, is another number.
pub(crate) fn loses_digits(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    let (Ok(value), Ok(exponent)) = (unsigned.parse::<f64>(), exponent.parse::<i64>()) else { return false };
    if significant.len() <= EXACT_DIGITS || !value.is_finite() {
        return false;
    }
    let leading = digits.len() - digits.trim_start_matches('0').len();
    let place = exponent + whole.len() as i64 - 1 - leading as i64;
    let printed = format!("{value:.precision$e}", precision = significant.len() - 1);
    let Some((mantissa, exponent)) = printed.split_once('e') else { return true };
    mantissa.replace('.', "") != significant || exponent.parse() != Ok(place)
}

/// Whether `text` is a number to programs and a code to people: `12e5`.
pub(crate) fn is_code(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && all_digits(text);
    text.strip_prefix('-').unwrap_or(text).split_once(['e', 'E']).is_some_and(|(mantissa, exponent)| digits(mantissa) && digits(exponent))
}

/// The value of a plain number times ten to the `scale`; `None` when it has more digits than that or than 128 bits hold.
pub(crate) fn unscaled(text: &str, scale: u8) -> Option<i128> {
    let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let fraction = fraction.trim_end_matches('0');
    let wrong = whole.is_empty() && fraction.is_empty() || !all_digits(whole) || !all_digits(fraction);
    if wrong || fraction.len() > usize::from(scale) {
        return None;
    }
    let mut value: i128 = 0;
    for digit in whole.bytes().chain(fraction.bytes()) {
        value = value.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
    }
    let padding = u32::from(scale) - fraction.len() as u32;
    value = value.checked_mul(10_i128.checked_pow(padding)?)?;
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> &'static str {
        match Digits::read(text) {
            None => "text",
            Some(Digits { scientific: true, rounded: true, .. }) => "digits",
            Some(Digits { scientific: true, .. }) => "double",
            Some(Digits { long: true, .. }) => "long",
            Some(Digits { inexact: true, .. }) => "digits",
            Some(Digits { fraction: true, .. }) => "double",
            Some(_) => "integer",
        }
    }

    #[test]
    fn b3_numbers_are_read_as_such_only_when_no_character_is_lost() {
        for (text, expected) in [
            ("0", "integer"),
            ("-12", "integer"),
            ("9223372036854775807", "digits"),
            ("9223372036854775808", "long"),
            ("00123", "text"),
            ("-007", "text"),
            ("+49301234", "text"),
            ("0.5", "double"),
            (".5", "double"),
            ("5.", "text"),
            ("00.5", "text"),
            ("-0", "double"),
            ("1234567890123456.78", "digits"),
            ("0.30000000000000004", "double"),
            ("0.3000000000000000400", "double"),
            ("123456789012345.000000", "double"),
            ("1e-07", "double"),
            ("1.5e10", "double"),
            ("1.234567890123456789e-07", "digits"),
            ("1.000000000000000055511151231257827e-01", "double"),
            ("5.0000000000000000000e-01", "double"),
            ("12e4567", "text"),
            ("1e+9999", "text"),
            ("1.0e-9999", "text"),
            ("0.0e+0", "double"),
            ("1e5", "text"),
            ("NaN", "double"),
            ("-inf", "double"),
            ("1,5", "text"),
            ("1 000", "text"),
            ("0x10", "text"),
            ("-", "text"),
            (".", "text"),
            ("", "text"),
            ("1.2.3", "text"),
            ("٣", "text"),
        ] {
            assert_eq!(shape(text), expected, "{text}");
        }
    }

    #[test]
    fn b3_other_marks_are_understood_and_wrong_places_refused() {
        let german = Marks { decimal: b',', thousands: Some('.') };
        let spaced = Marks { decimal: b',', thousands: Some('\u{202f}') };
        let comma = Marks { decimal: b',', thousands: None };
        for (marks, text, expected) in [
            (german, "1.234.567,89", Some("1234567.89")),
            (german, "-1.234", Some("-1234")),
            (german, "12.34", None),
            (german, "1.2345", None),
            (german, "1234,5", Some("1234.5")),
            (german, "1234567", Some("1234567")),
            (german, "1,234.5", None),
            (spaced, "12\u{202f}345,6", Some("12345.6")),
            (comma, "0,5", Some("0.5")),
            (comma, "0.5", None),
            (comma, "1,2,3", Some("1.2,3")),
            (Marks { decimal: b'.', thousands: Some(',') }, "1,234.5", Some("1234.5")),
            (Marks { decimal: b'.', thousands: Some(',') }, "1234.5", Some("1234.5")),
        ] {
            assert_eq!(marks.plain(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn n3_a_double_that_prints_other_digits_loses_some() {
        for (text, expected) in [
            ("9007199254740993", true),
            ("9007199254740992", false),
            ("0.1", false),
            ("0.10000000000000001", false),
            ("0.1000000000000000055511151231257827", false),
            ("0.123456789012345678", true),
            ("-1234567890123456.78", true),
            ("1.7976931348623157e308", false),
            ("1.7976931348623158e308", true),
            ("1.2345678901234567890e5", true),
            ("0.0000123400000000000000000", false),
            ("NaN", false),
            ("1", false),
        ] {
            assert_eq!(loses_digits(text), expected, "{text}");
        }
    }

    #[test]
    fn decimals_keep_their_digits() {
        for (text, scale, expected) in [
            ("1234567890123456.78", 2, Some(123_456_789_012_345_678)),
            ("-0.05", 2, Some(-5)),
            (".5", 1, Some(5)),
            ("1.50", 1, Some(15)),
            ("1.55", 1, None),
            ("", 1, None),
            ("1e5", 1, None),
            ("99999999999999999999999999999999999999", 0, Some(10_i128.pow(38) - 1)),
            ("999999999999999999999999999999999999999999", 0, None),
        ] {
            assert_eq!(unscaled(text, scale), expected, "{text}");
        }
    }
}
