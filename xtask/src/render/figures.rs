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

/// One thing that was measured: ours, and what a browser took for the same.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) ours: Figures,
    pub(crate) printed: Vec<(&'static str, Figures)>,
}

impl Case {
    pub(crate) fn json(&self) -> Value {
        let printed: serde_json::Map<String, Value> =
            self.printed.iter().map(|(what, figures)| ((*what).to_owned(), figures.json())).collect();
        json!({ "case": self.name, "pressrun": self.ours.json(), "beside": printed })
    }
}

/// The cases as a table for a terminal, with how many times more the others take.
pub(crate) fn table(cases: &[Case]) -> String {
    let mut out = format!("{:<28} {:>30} {:>9} {:>6} {:>7}\n", "", "CPU ms, median (10 to 90 %)", "peak MB", "CPU", "memory");
    let line = |out: &mut String, name: &str, figures: &Figures, times: &str| {
        let spread = format!("{:.1} ({:.1} to {:.1})", figures.median(), figures.share(0.1), figures.share(0.9));
        let _ = writeln!(out, "  {name:<26} {spread:>30} {:>9.0} {times}", figures.peak_mb);
    };
    for Case { name, ours, printed } in cases {
        let _ = writeln!(out, "{name}");
        line(&mut out, "Pressrun", ours, "");
        for (what, figures) in printed {
            let (cpu, memory) = (figures.median() / ours.median(), figures.peak_mb / ours.peak_mb);
            line(&mut out, what, figures, &format!("{cpu:>5.1}x {memory:>6.1}x"));
        }
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
        let case = Case { name: "pdf".to_owned(), ours, printed: vec![("browser", Figures::new(vec![400.0], 600.0))] };
        let text = table(&[case]);
        assert!(text.contains("20.0x") && text.contains("6.0x"), "{text}");
    }
}
