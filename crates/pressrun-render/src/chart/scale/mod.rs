//! From values to places.

mod band;
mod linear;
mod log;
pub(crate) mod period;
pub(crate) mod time;

pub(crate) use self::band::Band;

/// The scale of a value axis: a range with round ends and the ticks in it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ValueScale {
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// Ticks in rising order.
    pub(crate) ticks: Vec<f64>,
    /// Distance of ticks; 0 on a log scale.
    pub(crate) step: f64,
    log: bool,
}

impl ValueScale {
    /// Equal steps over `low..=high`, widened to round ends, with about `count` ticks.
    pub(crate) fn linear(low: f64, high: f64, count: usize) -> Self {
        linear::scale(low, high, count)
    }

    /// Equal steps over `low..=high` with exactly `steps` of them, for an axis that shares the grid of another.
    pub(crate) fn in_steps(low: f64, high: f64, steps: usize) -> Self {
        linear::in_steps(low, high, steps)
    }

    /// As [`ValueScale::in_steps`], the first tick `first` steps from zero; what lies beyond the ends is kept at them.
    pub(crate) fn in_steps_from(low: f64, high: f64, first: f64, steps: usize) -> Self {
        linear::in_steps_from(low, high, first, steps)
    }

    /// Powers of ten around `low..=high`, both above zero.
    pub(crate) fn log(low: f64, high: f64, count: usize) -> Self {
        log::scale(low, high, count)
    }

    /// Puts the ends where they are settled, and leaves the ticks that lie between them.
    pub(crate) fn settle(&mut self, low: Option<f64>, high: Option<f64>) {
        (self.low, self.high) = (low.unwrap_or(self.low), high.unwrap_or(self.high));
        let (low, high) = (self.low, self.high);
        let slack = (high - low).abs() * 1e-9;
        self.ticks.retain(|tick| *tick >= low - slack && *tick <= high + slack);
    }

    /// Where `value` lies, 0 at the low end and 1 at the high end, kept within.
    pub(crate) fn share(&self, value: f64) -> f64 {
        let share = if self.log {
            let value = value.max(f64::MIN_POSITIVE);
            (value.log10() - self.low.log10()) / (self.high.log10() - self.low.log10())
        } else {
            // Halves, since the range of the largest floats is not a float.
            (value / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0)
        };
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
    }

    /// Where bars stand: zero, or the nearest end of a range without it.
    pub(crate) fn base(&self) -> f64 {
        if self.log { self.low } else { 0f64.clamp(self.low, self.high) }
    }

    pub(crate) fn is_log(&self) -> bool {
        self.log
    }
}
