//! Ticks at 1, 2, 2.5 and 5 times powers of ten.

use super::ValueScale;

/// A range with round ends around `low..=high`, with about `count` steps.
pub(super) fn scale(low: f64, high: f64, count: usize) -> ValueScale {
    let (mut low, mut high) = if low <= high { (low, high) } else { (high, low) };
    // Floats this near to their ends leave no room for a range.
    (low, high) = (low.clamp(-1e300, 1e300), high.clamp(-1e300, 1e300));
    let size = low.abs().max(high.abs());
    if high - low <= size * 1e-12 {
        // One value, or values whose difference is only noise: half of it on each side, or 0 to 1.
        let half = if size > 0.0 { size / 2.0 } else { 0.5 };
        (low, high) = if size > 0.0 { (low - half, high + half) } else { (0.0, 1.0) };
    }
    let (step, first, last) = best_step(low, high, count);
    let steps = ((last - first) as usize).clamp(1, 200);
    let ticks: Vec<f64> = (0..=steps).map(|i| tick(first + i as f64, step)).collect();
    ValueScale { low: tick(first, step), high: tick(first + steps as f64, step), ticks, step, log: false }
}

/// A range with round ends around `low..=high`, cut into exactly `steps` round steps.
pub(super) fn in_steps(low: f64, high: f64, steps: usize) -> ValueScale {
    let steps = steps.clamp(1, 200);
    let (low, high) = (low.min(high).clamp(-1e300, 1e300), high.max(low).clamp(-1e300, 1e300));
    let range = if high - low > low.abs().max(high.abs()) * 1e-12 { high - low } else { low.abs().max(1.0) };
    let mut step = nice_step(range / steps as f64);
    let mut first = (low / step + 1e-9).floor();
    for _ in 0..8 {
        if (first + steps as f64) * step >= high * (1.0 - 1e-12) {
            break;
        }
        step = nice_step(step * 1.01);
        first = (low / step + 1e-9).floor();
    }
    let ticks: Vec<f64> = (0..=steps).map(|i| tick(first + i as f64, step)).collect();
    ValueScale { low: tick(first, step), high: tick(first + steps as f64, step), ticks, step, log: false }
}

/// The least round step whose `steps` multiples from the `first` on cover `low..=high`.
///
/// A range with values below zero is not covered by an axis that starts there; such axes are made to start below it first.
pub(super) fn in_steps_from(low: f64, high: f64, first: f64, steps: usize) -> ValueScale {
    let steps = steps.clamp(1, 200);
    let last = first + steps as f64;
    let (low, high) = (low.clamp(-1e300, 1e300), high.clamp(-1e300, 1e300));
    let above = if last > 0.0 { high / last } else { 0.0 };
    let below = if first < 0.0 { low / first } else { 0.0 };
    let rough = above.max(below);
    let step = if rough > 0.0 { nice_step(rough) } else { 1.0 };
    let ticks: Vec<f64> = (0..=steps).map(|i| tick(first + i as f64, step)).collect();
    ValueScale { low: tick(first, step), high: tick(last, step), ticks, step, log: false }
}

/// The step with its first and last multiple: of those near the wanted count, the one that leaves least of the axis empty.
///
/// A step of 2.5 must earn its odd labels, and each tick more or less than wanted costs a tenth.
fn best_step(low: f64, high: f64, count: usize) -> (f64, f64, f64) {
    let wanted = count.max(1) as f64;
    let ends = |step: f64| {
        let first = (low / step + 1e-9).floor();
        (step, first, (high / step - 1e-9).ceil().max(first + 1.0))
    };
    let cost = |(step, first, last): (f64, f64, f64)| {
        let lead = step / 10f64.powf(step.log10().floor());
        let odd = if (lead - 2.5).abs() < 0.01 { 0.25 } else { 0.0 };
        (last - first) * step / (high - low) + (last - first - wanted).abs() * 0.1 + odd
    };
    let nearby = if count >= 3 { [count, count + 1, count - 1] } else { [count.max(1); 3] };
    let steps = nearby.into_iter().map(|count| ends(nice_step((high - low) / count as f64)));
    steps.min_by(|a, b| cost(*a).total_cmp(&cost(*b))).unwrap_or_else(|| ends(nice_step(high - low)))
}

/// The smallest round step that is no smaller than `rough`.
fn nice_step(rough: f64) -> f64 {
    let rough = if rough.is_finite() && rough > 1e-300 { rough } else { 1e-300 };
    let power = 10f64.powf(rough.log10().floor());
    let lead = rough / power;
    let nice = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|nice| lead <= nice * (1.0 + 1e-9)).unwrap_or(10.0);
    nice * power
}

/// The tick `index` steps from zero, with the float noise of the product rounded away.
fn tick(index: f64, step: f64) -> f64 {
    let value = index * step;
    let digits = 12 - step.abs().log10().floor() as i32;
    if !(0..=300).contains(&digits) {
        return value + 0.0;
    }
    let scale = 10f64.powi(digits);
    let rounded = (value * scale).round() / scale;
    if rounded.is_finite() { rounded + 0.0 } else { value + 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_cover_the_range() {
        for (low, high, count, expected) in [
            (0.0, 100.0, 5, vec![0.0, 20.0, 40.0, 60.0, 80.0, 100.0]),
            (0.0, 97.0, 4, vec![0.0, 20.0, 40.0, 60.0, 80.0, 100.0]),
            (0.0, 74.0, 3, vec![0.0, 20.0, 40.0, 60.0, 80.0]),
            (0.0, 430.0, 4, vec![0.0, 100.0, 200.0, 300.0, 400.0, 500.0]),
            (-3.0, 7.0, 5, vec![-4.0, -2.0, 0.0, 2.0, 4.0, 6.0, 8.0]),
            (0.0, 0.3, 3, vec![0.0, 0.1, 0.2, 0.3]),
            (0.0, 1_234_567.0, 4, vec![0.0, 500_000.0, 1_000_000.0, 1_500_000.0]),
            (0.0, 0.0, 4, vec![0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
            (5.0, 5.0, 2, vec![2.5, 5.0, 7.5]),
            (-1.0, 0.0, 2, vec![-1.0, -0.5, 0.0]),
        ] {
            assert_eq!(scale(low, high, count).ticks, expected, "{low} to {high}");
        }
    }

    #[test]
    fn an_axis_in_given_steps_covers_its_range() {
        for (low, high, steps) in
            [(0.0, 0.073, 4), (0.0, 1.0, 3), (0.0, 2300.0, 5), (-3.0, 11.0, 4), (5.0, 5.0, 2), (0.0, 0.0, 3), (0.0, 1e12, 6)]
        {
            let scale = in_steps(low, high, steps);
            assert_eq!(scale.ticks.len(), steps + 1, "{low} to {high}");
            assert!(scale.low <= low && scale.high >= high, "{low} to {high}: {scale:?}");
        }
    }

    #[test]
    fn a3_two_axes_have_zero_in_one_place() {
        for (low, high, first, steps) in [(0.0, 0.073, 0.0, 4), (-3.0, 11.0, -1.0, 4), (-20.0, 1.0, -2.0, 3), (0.0, 0.0, 0.0, 3)] {
            let scale = in_steps_from(low, high, first, steps);
            assert!(scale.low <= low && scale.high >= high && scale.ticks.len() == steps + 1, "{low} to {high}: {scale:?}");
            assert!(scale.ticks.contains(&0.0), "{low} to {high}");
        }
    }

    #[test]
    fn extreme_ranges_end_and_are_finite() {
        for (low, high) in [(f64::MIN, f64::MAX), (1e16, 1e16 + 2.0), (-1e-310, 1e-310), (1e300, 1e300), (0.0, 5e-324), (1e15, 1e15 + 1.0)]
        {
            let scale = scale(low, high, 5);
            assert!(scale.ticks.len() <= 201 && scale.ticks.iter().all(|t| t.is_finite()), "{low} to {high}: {scale:?}");
            assert!(scale.share(low).is_finite() && scale.high > scale.low, "{low} to {high}");
        }
    }
}
