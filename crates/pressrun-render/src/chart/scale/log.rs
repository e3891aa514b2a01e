//! Ticks at powers of ten, with 2 and 5 between them when there are few.

use super::ValueScale;

/// Powers of ten around `low..=high`; ends that are not above zero are taken as one.
pub(super) fn scale(low: f64, high: f64, count: usize) -> ValueScale {
    let sound = |value: f64| if value.is_finite() && value > 0.0 { value.clamp(1e-300, 1e300) } else { 1.0 };
    let (low, high) = (sound(low.min(high)), sound(low.max(high)));
    let first = round(low, false);
    let mut last = round(high, true);
    if last <= first {
        last = round(first * 1.9, true);
    }
    let (from, to) = (first.log10().floor() as i32, last.log10().ceil() as i32);
    let decades = (to - from).max(1) as usize;
    let every = decades.div_ceil(count.max(1)).max(1);
    let leads: &[f64] = if decades <= 2 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let within = |tick: &f64| *tick >= first * (1.0 - 1e-9) && *tick <= last * (1.0 + 1e-9);
    let ticks = (0..=decades)
        .step_by(every)
        .flat_map(|i| leads.iter().map(move |lead| lead * 10f64.powi(from + i as i32)))
        .filter(within)
        .collect();
    ValueScale { low: first, high: last, ticks, step: 0.0, log: true }
}

/// The nearest 1, 2 or 5 times a power of ten on one side.
fn round(value: f64, up: bool) -> f64 {
    let power = 10f64.powi((value.log10() + 1e-12).floor() as i32);
    let lead = value / power;
    let leads = [1.0, 2.0, 5.0, 10.0];
    let found =
        if up { leads.into_iter().find(|l| lead <= l * (1.0 + 1e-9)) } else { leads.into_iter().rev().find(|l| *l <= lead * (1.0 + 1e-9)) };
    found.unwrap_or(if up { 10.0 } else { 1.0 }) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_powers_of_ten() {
        for (low, high, count, expected) in [
            (1.0, 10_000.0, 5, vec![1.0, 10.0, 100.0, 1000.0, 10_000.0]),
            (3.0, 80.0, 5, vec![2.0, 5.0, 10.0, 20.0, 50.0, 100.0]),
            (7.0, 7.0, 5, vec![5.0, 10.0]),
            (1.0, 1e12, 4, vec![1.0, 1e3, 1e6, 1e9, 1e12]),
        ] {
            assert_eq!(scale(low, high, count).ticks, expected, "{low} to {high}");
        }
    }

    #[test]
    fn nonsense_ends_are_survived() {
        for (low, high) in [(0.0, -1.0), (f64::NAN, 5.0), (f64::INFINITY, 1.0), (1e-320, 1e308)] {
            let scale = scale(low, high, 5);
            assert!(scale.low > 0.0 && scale.high > scale.low && scale.high.is_finite());
        }
    }
}
