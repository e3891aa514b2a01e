//! Equal places for categories.

/// `count` bands from `from` to `to`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Band {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) count: usize,
}

impl Band {
    /// Distance between neighbours.
    pub(crate) fn step(&self) -> f64 {
        (self.to - self.from) / self.count.max(1) as f64
    }

    /// The middle of a band.
    pub(crate) fn center(&self, index: usize) -> f64 {
        self.from + self.step() * (index as f64 + 0.5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_share_the_range() {
        let band = Band { from: 10.0, to: 110.0, count: 4 };
        assert!((band.step() - 25.0).abs() < 1e-9);
        assert!((band.center(0) - 22.5).abs() < 1e-9 && (band.center(3) - 97.5).abs() < 1e-9);
    }
}
