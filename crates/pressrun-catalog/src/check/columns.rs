//! Columns that a tile draws, names or formats, and those that its query yields.

use pressrun_domain::catalog::{FieldSpec, QueryTile};
use pressrun_domain::chart::{Chart, Compare, RuleAt};
use pressrun_domain::tone::Bound;

use crate::problem::{Place, Report, printable, suggest};

/// A column of a query's result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// As the query names it.
    pub name: String,
    /// What it holds; `None` when only the query's text was asked.
    pub kind: Option<ColumnKind>,
}

/// What a column holds, as far as a format is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Numbers.
    Number,
    /// Dates, times and instants.
    Date,
    /// Text, truth values and all else, which no format changes.
    Other,
}

/// Notes every column that is drawn but does not come, and what is only named, or formatted as what it is not.
pub(crate) fn judge(query: &QueryTile, output: &[Column], chart: Place, fields: Place, report: &Report<'_>) {
    let find = |name: &str| output.iter().find(|column| column.name == name);
    let hint = |name: &str| suggest(name, output.iter().map(|column| column.name.as_str()), "columns of the query");
    for (word, name) in drawn(&query.chart) {
        if find(name).is_none() {
            report.add(chart, format!("the chart draws `{}` as `{word}`, but the query has no such column", printable(name)), hint(name));
        }
    }
    let ordered = query.chart.sort.is_some() || query.chart.top.is_some();
    if let Some(name) = query.chart.x.as_deref().filter(|_| ordered)
        && find(name).is_some_and(|column| column.kind == Some(ColumnKind::Date))
    {
        let fault = format!("`sort` and `top` are for names, but `{}` holds dates", printable(name));
        report.add(chart, fault, "remove them; time runs from left to right");
    }
    for (name, spec) in &query.fields {
        match find(name) {
            None => report.warn(fields, format!("`fields` names `{}`, but the query has no such column", printable(name)), hint(name)),
            Some(column) => {
                judge_conditions((name, spec, column.kind), output, fields, report);
                if let Some((fault, hint)) = misfit(spec, column.kind) {
                    report.warn(fields, format!("the format of `{}` {fault}", printable(name)), hint);
                }
            }
        }
    }
}

/// Notes conditions that compare what has no order, or with a column that does not come.
fn judge_conditions((name, spec, kind): (&str, &FieldSpec, Option<ColumnKind>), output: &[Column], fields: Place, report: &Report<'_>) {
    for (word, bound) in spec.when.iter().flat_map(|condition| condition.test.bounds()) {
        let Some(bound) = bound else { continue };
        if matches!(kind, Some(ColumnKind::Date | ColumnKind::Other)) {
            let fault = format!("`{word}` compares numbers, but `{}` holds none", printable(name));
            report.add(fields, fault, "write `is` or `empty`, or compute a number in the SQL");
        }
        if let Bound::Column(other) = bound
            && !output.iter().any(|column| column.name == *other)
        {
            let fault = format!("`{word}` of `{}` names `{}`, but the query has no such column", printable(name), printable(other));
            report.add(fields, fault, suggest(other, output.iter().map(|column| column.name.as_str()), "columns of the query"));
        }
    }
}

/// Why a format does nothing for a column, and what would be right.
fn misfit(spec: &FieldSpec, kind: Option<ColumnKind>) -> Option<(&'static str, &'static str)> {
    let format = spec.format.as_deref()?;
    let digits = format.contains(['0', '#']);
    match kind? {
        ColumnKind::Number if !digits => Some(("has no digits, but the column holds numbers", "write for example `#,##0` or `0.0%`")),
        ColumnKind::Date if digits => {
            Some(("is that of a number, but the column holds dates", "write for example `MMM yyyy` or `yyyy-MM-dd`"))
        }
        ColumnKind::Other => {
            Some(("changes nothing: the column holds neither numbers nor dates", "remove it, or convert the column in the SQL"))
        }
        ColumnKind::Number | ColumnKind::Date => None,
    }
}

/// The columns that a chart names, each with the word it stands under.
fn drawn(chart: &Chart) -> impl Iterator<Item = (&'static str, &str)> {
    let single =
        [("x", &chart.x), ("color", &chart.color), ("size", &chart.size), ("value", &chart.value), ("sparkline", &chart.sparkline)];
    let lists = [("y", &chart.y), ("bars", &chart.bars), ("heat", &chart.heat)];
    let single = single.into_iter().filter_map(|(word, name)| Some((word, name.as_deref()?)));
    let rules = chart.rules.iter().filter_map(|rule| match &rule.at {
        RuleAt::Column { name, .. } => Some(("rules", name.as_str())),
        RuleAt::Value(_) | RuleAt::Place(_) => None,
    });
    let compared = match &chart.compare {
        Some(Compare::Column(name)) => Some(("compare", name.as_str())),
        Some(Compare::Previous) | None => None,
    };
    let goal = match &chart.goal {
        Some(Bound::Column(name)) => Some(("goal", name.as_str())),
        Some(Bound::Number(_)) | None => None,
    };
    let layers = chart.layers.iter().map(|layer| ("layers", layer.y.as_str()));
    let lists = lists.into_iter().flat_map(|(word, names)| names.iter().map(move |name| (word, name.as_str())));
    single.chain(lists).chain(layers).chain(rules).chain(compared).chain(goal)
}
