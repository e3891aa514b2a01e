//! Short forms of numbers for axes and big numbers: `$1.2M`, `45%`, `0.003`.

use super::digits::Digits;
use super::number::NumberFormat;
use super::separators::Separators;

/// Powers of ten that have a letter.
const LETTERS: [(i32, &str); 5] = [(12, "T"), (9, "B"), (6, "M"), (3, "K"), (0, "")];

/// Numbers below this have an exponent: more zeros than six cannot be told apart.
const SMALLEST: f64 = 1e-6;

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
    // Digits behind the first that tell multiples of the step apart.
    let apart = axis.map_or(0.0, |(step, _)| (number.abs() / step).log10().ceil() + 1.0);
    let precision = if apart.is_finite() { apart.clamp(2.0, 15.0) as usize } else { 2 };
    if largest >= LONGEST * 1e3 && !digits.is_zero() {
        let minus = if digits.is_negative() { separators.minus.to_string() } else { String::new() };
        return format!("{minus}{prefix}{}{suffix}", power_of_ten((number * factor).abs(), precision));
    }
    if largest > 0.0 && largest < SMALLEST && !digits.is_zero() {
        // The digits as shifted, so that shares are told in hundredths here too.
        let minus = if digits.is_negative() { separators.minus.to_string() } else { String::new() };
        return format!("{minus}{prefix}{}{suffix}", power_of_ten((number * factor).abs(), precision));
    }
    let step = axis.map(|(step, _)| step * factor).filter(|step| *step > 0.0 && step.is_finite());
    let (power, letter) = letter_for(largest, step);
    digits.shift(-power);
    let scaled = largest / 10f64.powi(power);
    let places = match step {
        Some(step) => decimals_of(step / 10f64.powi(power)),
        _ if scaled >= 100.0 => 0,
        _ if scaled >= 10.0 => 1,
        _ if scaled >= 1.0 || scaled.abs() < f64::MIN_POSITIVE => 2,
        _ => digits.leading_fraction_zeros() + 2,
    };
    let places = places.min(if axis.is_some() { MOST_PLACES } else { 12 });
    digits.round(places);
    let negative = digits.is_negative();
    let zero = digits.is_zero();
    let least = if axis.is_some() && !zero { places } else { 0 };
    let shown = digits.write(1, least, true, separators);
    let minus = if negative { separators.minus.to_string() } else { String::new() };
    let letter = if zero { "" } else { letter };
    format!("{minus}{prefix}{shown}{letter}{suffix}")
}

/// The letter for numbers as large as `largest`; where labels `step` apart would need more than two decimals with it, a smaller
/// one: 1,000,002 is shorter than 1.000002M.
fn letter_for(largest: f64, step: Option<f64>) -> (i32, &'static str) {
    // 999,950 rounds to 1,000K, which reads better as 1M.
    let fitting = LETTERS.iter().copied().filter(|(power, _)| *power == 0 || largest >= 0.999_5 * 10f64.powi(*power));
    let plain = |power: i32| power == 3 && largest < 10_000.0 && step.is_none_or(|step| step >= 1.0);
    // Four digits are short enough as they are.
    let mut fitting = fitting.filter(|(power, _)| !plain(*power));
    let close = |power: i32| step.is_none_or(|step| decimals_of(step / 10f64.powi(power)) <= 2);
    fitting.find(|(power, _)| *power == 0 || close(*power)).unwrap_or((0, ""))
}

/// `1.25e90`: some digits behind the first, and an exponent.
fn power_of_ten(number: f64, precision: usize) -> String {
    let text = format!("{number:.precision$e}");
    match text.split_once('e') {
        Some((lead, power)) if lead.contains('.') => format!("{}e{power}", lead.trim_end_matches('0').trim_end_matches('.')),
        _ => text,
    }
}

/// Most decimals of a number on an axis: floats have no more.
const MOST_PLACES: usize = 16;

/// How many decimals name multiples of `step` exactly, up to [`MOST_PLACES`].
fn decimals_of(step: f64) -> usize {
    let mut places = 0;
    let mut scaled = step;
    while places < MOST_PLACES && (scaled - scaled.round()).abs() > 1e-6 * scaled.abs() {
        scaled *= 10.0;
        places += 1;
    }
    places
}

/// A number without a format: grouped, two decimals where it is above one, three digits below, no trailing zeros.
pub(super) fn default_display(digits: &Digits, grouped: bool, separators: Separators) -> String {
    with(digits, default_places(digits), 0, grouped, separators)
}

/// How many decimals [`default_display`] shows of a number.
pub(super) fn default_decimals(digits: &Digits) -> usize {
    let mut rounded = digits.clone();
    rounded.round(default_places(digits));
    rounded.decimals()
}

/// A number without a format, with exactly this many decimals.
pub(super) fn with_decimals(digits: &Digits, decimals: usize, grouped: bool, separators: Separators) -> String {
    with(digits, decimals, decimals, grouped, separators)
}

fn default_places(digits: &Digits) -> usize {
    if digits.whole_len() > 0 { 2 } else { (digits.leading_fraction_zeros() + 3).min(12) }
}

fn with(digits: &Digits, most: usize, least: usize, grouped: bool, separators: Separators) -> String {
    if grouped && digits.whole_len() > MOST_WHOLE {
        let number = digits.to_f64().abs();
        return format!("{}{}", if digits.is_negative() { separators.minus.to_string() } else { String::new() }, power_of_ten(number, 2));
    }
    let mut rounded = digits.clone();
    rounded.round(most);
    let minus = if rounded.is_negative() { separators.minus.to_string() } else { String::new() };
    format!("{minus}{}", rounded.write(1, least, grouped, separators))
}

/// Numbers with more digits before the point than exact decimals commonly have get an exponent, or one of them makes a whole table unreadable.
const MOST_WHOLE: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b2_tiny_numbers_are_told_apart() {
        for (number, axis, expected) in [
            (2e-13, Some((2e-13, 1e-12)), "2e-13"),
            (1e-12, Some((2e-13, 1e-12)), "1e-12"),
            (0.0, Some((2e-13, 1e-12)), "0"),
            (2e-10, None, "2e-10"),
            (0.0002, Some((0.0002, 0.001)), "0.0002"),
            (1.000_000_002, Some((2e-9, 1.000_000_008)), "1.000000002"),
        ] {
            assert_eq!(compact(None, number, axis, Separators::EN), expected, "{number}");
        }
    }

    #[test]
    fn b3_ticks_close_to_one_another_far_from_zero_have_no_letter() {
        let dollars = NumberFormat::parse("$#,##0");
        for (format, number, axis, expected) in [
            (None, 1_000_002.0, Some((2.0, 1_000_008.0)), "1,000,002"),
            (dollars.as_ref(), 1_002_500.0, Some((2_500.0, 1_010_000.0)), "$1,002.5K"),
            (None, 1_500_000.0, Some((500_000.0, 2_000_000.0)), "1.5M"),
        ] {
            assert_eq!(compact(format, number, axis, Separators::EN), expected, "{number}");
        }
    }

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
