//! Several values drawn as one.

use pressrun_domain::catalog::Aggregate;

/// Values beyond this are drawn as if they were this: sums of them must stay finite.
const LARGEST: f64 = 1e290;

/// What is remembered of values that become one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Fold {
    count: u32,
    sum: f64,
    least: f64,
    greatest: f64,
    last: f64,
}

impl Fold {
    /// Takes one more value in.
    pub(crate) fn add(&mut self, value: f64) {
        self.join(&Self { count: 1, sum: value, least: value, greatest: value, last: value });
    }

    /// Takes in what `later` has, whose values come after these.
    pub(crate) fn join(&mut self, later: &Self) {
        if later.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *later;
            return;
        }
        self.count = self.count.saturating_add(later.count);
        self.sum = (self.sum + later.sum).clamp(-LARGEST, LARGEST);
        self.least = self.least.min(later.least);
        self.greatest = self.greatest.max(later.greatest);
        self.last = later.last;
    }

    /// The one value; `None` of no values, and of several that no one number stands for.
    pub(crate) fn value(&self, aggregate: Aggregate) -> Option<f64> {
        match (self.count, aggregate) {
            (0, _) => None,
            (_, Aggregate::Sum) => Some(self.sum),
            (count, Aggregate::Avg) => Some(self.sum / f64::from(count)),
            (_, Aggregate::Min) => Some(self.least),
            (_, Aggregate::Max) => Some(self.greatest),
            (count, Aggregate::Count) => Some(f64::from(count)),
            (_, Aggregate::Last) | (1, Aggregate::None) => Some(self.last),
            (_, Aggregate::None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a6_several_values_are_what_the_aggregate_says() {
        let mut fold = Fold::default();
        for value in [3.0, -1.0, 4.0] {
            fold.add(value);
        }
        for (aggregate, expected) in [
            (Aggregate::Sum, Some(6.0)),
            (Aggregate::Avg, Some(2.0)),
            (Aggregate::Min, Some(-1.0)),
            (Aggregate::Max, Some(4.0)),
            (Aggregate::Count, Some(3.0)),
            (Aggregate::Last, Some(4.0)),
            (Aggregate::None, None),
        ] {
            assert_eq!(fold.value(aggregate), expected, "{aggregate:?}");
            assert_eq!(Fold::default().value(aggregate), None, "{aggregate:?} of nothing");
        }
        let mut one = Fold::default();
        one.add(0.3);
        assert_eq!(one.value(Aggregate::None), Some(0.3));
    }
}
