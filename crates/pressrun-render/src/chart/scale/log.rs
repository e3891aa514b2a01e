//! Ticks at powers of ten, with 2 and 5 between them when there are few.

use super::ValueScale;

/// Powers of ten around `low..=high`; ends that are not above zero are taken as one.
pub(super) fn scale(low: f64, high: f64, count: usize) -> ValueScale {
    let sound = |value: f64| if value.is_finite() && value > 0.0 { value.clamp(1e-300, 1e300) } else { 1.0 };
    let (low, high) = (sound(low.min(high)), sound(low.max(high)));
    let first = (low.log10() + 1e-9).floor() as i32;
    let last = ((high.log10() - 1e-9).ceil() as i32).max(first + 1);
    let decades = (last - first) as usize;
    let every = decades.div_ceil(count.max(1)).max(1);
    let mut ticks: Vec<f64> = (0..=decades).step_by(every).map(|i| 10f64.powi(first + i as i32)).collect();
    if decades <= 2 {
        for i in 0..decades as i32 {
            ticks.extend([2.0, 5.0].map(|lead| lead * 10f64.powi(first + i)));
        }
        ticks.sort_by(f64::total_cmp);
    }
    ValueScale { low: 10f64.powi(first), high: 10f64.powi(last), ticks, step: 0.0, log: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_powers_of_ten() {
        for (low, high, count, expected) in [
            (1.0, 10_000.0, 5, vec![1.0, 10.0, 100.0, 1000.0, 10_000.0]),
            (3.0, 80.0, 5, vec![1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]),
            (7.0, 7.0, 5, vec![1.0, 2.0, 5.0, 10.0]),
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
