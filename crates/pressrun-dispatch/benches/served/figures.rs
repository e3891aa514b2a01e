//! Tables and JSON.

use crate::Figures;

/// Prints each figure's median and spread, and all rounds as JSON.
pub(crate) fn print(bench: &str, title: &str, figures: &mut Figures) {
    println!("{bench}: {title}");
    for (name, values) in figures.iter_mut() {
        values.sort_by(f64::total_cmp);
        let (least, median, most) = (values[0], values[values.len() / 2], values[values.len() - 1]);
        println!("  {name:<58} {median:>10.2}   ({least:.2} to {most:.2})");
    }
    println!("{}", serde_json::json!({ "bench": bench, "title": title, "figures": figures }));
}

/// The value below which so many percent of the values are; they get sorted.
pub(crate) fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) * percent / 100]
}
