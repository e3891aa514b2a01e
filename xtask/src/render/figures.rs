//! Runs in figures: median, spread, peak.

use std::fmt::Write as _;

use anyhow::Context;
use serde_json::{Value, json};

/// The runs of one case.
pub(crate) struct Figures {
    /// CPU milliseconds, rising.
    cpu_ms: Vec<f64>,
    peak_mb: f64,
}

impl Figures {
    pub(crate) fn new(mut cpu_ms: Vec<f64>, peak_mb: f64) -> Self {
        cpu_ms.sort_by(f64::total_cmp);
        Self { cpu_ms, peak_mb }
    }

    /// Reads what the measuring program printed.
    pub(crate) fn of(told: &Value) -> anyhow::Result<Self> {
        let runs = told.get("cpu_ms").and_then(Value::as_array).context("CPU times")?;
        let peak = told.get("peak_mb").and_then(Value::as_f64).context("peak memory")?;
        Ok(Self::new(runs.iter().filter_map(Value::as_f64).collect(), peak))
    }

    fn share(&self, share: f64) -> f64 {
        let last = self.cpu_ms.len().saturating_sub(1);
        self.cpu_ms.get((share * last as f64).round() as usize).copied().unwrap_or(0.0)
    }

    fn median(&self) -> f64 {
        self.share(0.5)
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "runs": self.cpu_ms.len(), "median_cpu_ms": self.median(), "least_cpu_ms": self.share(0.0), "most_cpu_ms": self.share(1.0),
            "tenth_cpu_ms": self.share(0.1), "ninetieth_cpu_ms": self.share(0.9), "peak_mb": self.peak_mb,
        })
    }
}

/// The cases as a table for a terminal: ours, the browser's where there is one, and how many times less we take.
pub(crate) fn table(rows: &[(String, Figures, Option<Figures>)]) -> String {
    let cell = |figures: &Figures| {
        let (low, high) = (figures.share(0.1), figures.share(0.9));
        format!("{:>7.1} ({low:.1} to {high:.1}) {:>6.0} MB", figures.median(), figures.peak_mb)
    };
    let mut out = format!("{:<16} {:>34} {:>40} {:>8} {:>8}\n", "", "pressrun, CPU ms", "warm Chromium, CPU ms", "CPU", "memory");
    for (name, ours, printed) in rows {
        let _ = match printed {
            Some(printed) => writeln!(
                out,
                "{name:<16} {:>34} {:>40} {:>7.0}x {:>7.1}x",
                cell(ours),
                cell(printed),
                printed.median() / ours.median(),
                printed.peak_mb / ours.peak_mb
            ),
            None => writeln!(out, "{name:<16} {:>34} {:>40}", cell(ours), "no chromium here"),
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_become_median_and_spread_and_the_table_says_how_many_times_less() {
        let ours = Figures::of(&json!({ "cpu_ms": [30.0, 10.0, 20.0], "peak_mb": 100.0 })).expect("figures");
        assert_eq!(ours.json()["median_cpu_ms"], 20.0);
        assert_eq!((ours.share(0.0), ours.share(1.0)), (10.0, 30.0));
        let text = table(&[("pdf".to_owned(), ours, Some(Figures::new(vec![400.0], 600.0)))]);
        assert!(text.contains("20x") && text.contains("6.0x"), "{text}");
    }
}
