//! Columns that a tile draws or names, and those that its query yields.

use pressrun_domain::catalog::QueryTile;
use pressrun_domain::chart::Chart;

use crate::problem::{Place, Report, printable, suggest};

/// Notes every column that is drawn but does not come, and every one that is only named.
pub(crate) fn judge(query: &QueryTile, output: &[String], chart: Place, fields: Place, report: &Report<'_>) {
    let comes = |name: &str| output.iter().any(|column| column == name);
    let hint = |name: &str| suggest(name, output.iter().map(String::as_str), "columns of the query");
    for (word, name) in drawn(&query.chart) {
        if !comes(name) {
            report.add(chart, format!("the chart draws `{}` as `{word}`, but the query has no such column", printable(name)), hint(name));
        }
    }
    for name in query.fields.keys() {
        if !comes(name) {
            report.warn(fields, format!("`fields` names `{}`, but the query has no such column", printable(name)), hint(name));
        }
    }
}

/// The columns that a chart names, each with the word it stands under.
fn drawn(chart: &Chart) -> impl Iterator<Item = (&'static str, &str)> {
    let single =
        [("x", &chart.x), ("color", &chart.color), ("size", &chart.size), ("value", &chart.value), ("sparkline", &chart.sparkline)];
    let lists = [("y", &chart.y), ("bars", &chart.bars), ("heat", &chart.heat)];
    let single = single.into_iter().filter_map(|(word, name)| Some((word, name.as_deref()?)));
    single.chain(lists.into_iter().flat_map(|(word, names)| names.iter().map(move |name| (word, name.as_str()))))
}
