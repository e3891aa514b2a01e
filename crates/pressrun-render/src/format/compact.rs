//! Short forms of numbers for axes and big numbers: `$1.2M`, `45%`, `0.003`.

use super::digits::Digits;
use super::number::NumberFormat;
use super::separators::Separators;

/// Powers of ten that have a letter.
const LETTERS: [(i32, &str); 5] = [(12, "T"), (9, "B"), (6, "M"), (3, "K"), (0, "")];

/// The largest number that is written out; from a thousand times it on, letters do not help either.
const LONGEST: f64 = 1e13;

/// A number with a letter for its size. With `Some((step, largest))` the decimals suit the step and the letter suits the largest.
pub(super) fn compact(format: Option<&NumberFormat>, number: f64, axis: Option<(f64, f64)>, separators: Separators) -> String {
    let Some(mut digits) = Digits::from_f64(number) else {
        return "–".to_owned();
    };
    // The author's own format, where it is no longer than ours: shares, and numbers below ten thousand.
    if let (Some(format), None) = (format, axis) {
        let shift = format.positive().shift;
        if (shift > 0 && number.abs() < LONGEST) || (shift == 0 && number.abs() < 9999.5) {
            return format.display(&digits, separators);
        }
    }
    let section = format.map(NumberFormat::positive);
    let percent = section.is_some_and(|section| section.shift % 3 != 0);
    if percent {
        digits.shift(2);
    }
    let factor = if percent { 100.0 } else { 1.0 };
    let largest = axis.map_or(number, |(_, largest)| largest).abs() * factor;
    // A scaled format's own letter ("K") is replaced by ours.
    let suffix = section.map_or("", |section| if section.shift < 0 { "" } else { section.suffix.as_str() });
    let prefix = section.map_or("", |section| section.prefix.as_str());
    if largest >= LONGEST * 1e3 && !digits.is_zero() {
        let minus = if digits.is_negative() { separators.minus.to_string() } else { String::new() };
        return format!("{minus}{prefix}{}{suffix}", power_of_ten((number * factor).abs()));
    }
    // 999,950 rounds to 1,000K, which reads better as 1M.
    let (mut power, mut letter) = LETTERS.iter().copied().find(|(power, _)| largest >= 0.999_5 * 10f64.powi(*power)).unwrap_or((0, ""));
    if power == 3 && largest < 10_000.0 && axis.is_none_or(|(step, _)| step * factor >= 1.0) {
        // Four digits are short enough as they are.
        (power, letter) = (0, "");
    }
    digits.shift(-power);
    let scaled = largest / 10f64.powi(power);
    let places = match axis {
        Some((step, _)) if step > 0.0 && step.is_finite() => decimals_of(step * factor / 10f64.powi(power)),
        _ if power == 0 && scaled >= 100.0 => 0,
        _ if scaled >= 100.0 => 0,
        _ if scaled >= 10.0 => 1,
        _ if scaled >= 1.0 || scaled.abs() < f64::MIN_POSITIVE => 2,
        _ => digits.leading_fraction_zeros() + 2,
    };
    digits.round(places.min(12));
    let negative = digits.is_negative();
    let zero = digits.is_zero();
    let least = if axis.is_some() && !zero { places.min(12) } else { 0 };
    let shown = digits.write(1, least, true, separators);
    let minus = if negative { separators.minus.to_string() } else { String::new() };
    let letter = if zero { "" } else { letter };
    format!("{minus}{prefix}{shown}{letter}{suffix}")
}

/// `1.25e90`: three digits and an exponent.
fn power_of_ten(number: f64) -> String {
    let text = format!("{number:.2e}");
    match text.split_once('e') {
        Some((lead, power)) => format!("{}e{power}", lead.trim_end_matches('0').trim_end_matches('.')),
        None => text,
    }
}

/// How many decimals name multiples of `step` exactly, up to twelve.
fn decimals_of(step: f64) -> usize {
    let mut places = 0;
    let mut scaled = step;
    while places < 12 && (scaled - scaled.round()).abs() > 1e-6 * scaled.abs().max(1e-3) {
        scaled *= 10.0;
        places += 1;
    }
    places
}

/// A number without a format: grouped, two decimals where it is above one, three digits below, no trailing zeros.
pub(super) fn default_display(digits: &Digits, grouped: bool, separators: Separators) -> String {
    let places = if digits.whole_len() > 0 { 2 } else { (digits.leading_fraction_zeros() + 3).min(12) };
    let mut rounded = digits.clone();
    rounded.round(places);
    let minus = if rounded.is_negative() { separators.minus.to_string() } else { String::new() };
    format!("{minus}{}", rounded.write(1, 0, grouped, separators))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_beyond_all_letters_have_an_exponent() {
        let percent = NumberFormat::parse("0.0%");
        let dollars = NumberFormat::parse("$#,##0");
        for (format, number, axis, expected) in [
            (None, 8.09e90, None, "8.09e90"),
            (percent.as_ref(), -8.0e90, Some((2.0e90, 8.0e90)), "-8e92%"),
            (dollars.as_ref(), 1.25e20, None, "$1.25e20"),
            (dollars.as_ref(), 0.0, Some((2.0e90, 8.0e90)), "$0"),
            (None, 9.9e14, None, "990T"),
        ] {
            assert_eq!(compact(format, number, axis, Separators::EN), expected, "{number}");
        }
    }
}
