//! `chart:` to a drawing whose channels fit its mark.

use pressrun_domain::chart::{Chart, Compare, Mark, Orient, Scale, Stack};

use super::{guides, tone};
use crate::files::{ChartFile, Field, MarkWord, OneOrMany, OrientWord, ScaleWord, StackWord};
use crate::problem::{Place, Report};

/// What a mark needs and what else it takes, by the names of the file.
struct Channels {
    needs: &'static [&'static str],
    takes: &'static [&'static [&'static str]],
}

/// What stands beside, on and behind the rows of a drawing with axes.
const GUIDES: &[&str] = &["rules", "bands", "annotations", "axes", "legend"];

/// The same where rows are places on an axis.
const PLACES: &[&str] = &["layers", "sort", "top"];

fn channels(mark: MarkWord) -> Channels {
    let (needs, takes): (&[_], &[&[_]]) = match mark {
        MarkWord::Kpi => (&["value"], &[&["x", "compare", "back", "goal", "sparkline", "lower_is_better"]]),
        MarkWord::Table => (&[], &[&["bars", "heat", "totals"]]),
        MarkWord::Bar | MarkWord::Column => {
            (&["x", "y"], &[&["color", "stack", "orient", "scale", "max_series"], PLACES, GUIDES, &["labels"]])
        }
        MarkWord::Line => (&["x", "y"], &[&["color", "scale", "max_series", "point"], PLACES, GUIDES, &["labels"]]),
        MarkWord::Area => (&["x", "y"], &[&["color", "stack", "scale", "max_series"], PLACES, GUIDES]),
        MarkWord::Point => (&["x", "y"], &[&["color", "size", "scale", "max_series"], GUIDES]),
        MarkWord::Pie | MarkWord::Donut => (&["y"], &[&["x", "color", "inner_radius", "max_series"]]),
        MarkWord::Heatmap => (&["x", "y", "color"], &[]),
    };
    Channels { needs, takes }
}

fn word(mark: MarkWord) -> &'static str {
    match mark {
        MarkWord::Kpi => "kpi",
        MarkWord::Table => "table",
        MarkWord::Bar => "bar",
        MarkWord::Column => "column",
        MarkWord::Line => "line",
        MarkWord::Area => "area",
        MarkWord::Point => "point",
        MarkWord::Pie => "pie",
        MarkWord::Donut => "donut",
        MarkWord::Heatmap => "heatmap",
    }
}

/// Converts a tile's drawing; without one the rows are a table.
pub(super) fn chart(field: &Field<ChartFile>, report: &Report<'_>) -> Option<Chart> {
    let (file, place) = match field {
        Field::Absent => return Some(Chart::new(Mark::Table)),
        Field::Invalid(_) => return None,
        Field::Given(file, place) => (file, *place),
    };
    let mark = match &file.mark {
        Field::Given(mark, _) => *mark,
        Field::Invalid(_) => return None,
        Field::Absent => {
            report.add(place, "`mark` is missing", "write `mark: bar`, `line`, `kpi`, `table` …");
            return None;
        }
    };
    check_channels(file, mark, place, report);
    let mut chart = Chart::new(domain_mark(mark));
    chart.x = column(&file.x, "x", report);
    chart.y = columns(&file.y, "y", report);
    chart.color = column(&file.color, "color", report);
    chart.size = column(&file.size, "size", report);
    chart.stack = match file.stack.get() {
        Some(StackWord::True | StackWord::Zero) => Stack::Zero,
        Some(StackWord::Normalize) => Stack::Normalize,
        // Areas over one another hide one another; a logarithmic scale has no stacks, and measures beside one another are no parts.
        None if mark == MarkWord::Area && chart.y.len() == 1 && file.scale.get() != Some(&ScaleWord::Log) => Stack::Zero,
        Some(StackWord::False | StackWord::None) | None => Stack::None,
    };
    chart.orient = match file.orient.get() {
        Some(OrientWord::Horizontal) => Some(Orient::Horizontal),
        Some(OrientWord::Vertical) => Some(Orient::Vertical),
        None => (mark == MarkWord::Column).then_some(Orient::Vertical),
    };
    chart.scale = match file.scale.or(ScaleWord::Linear) {
        ScaleWord::Linear => Scale::Linear,
        ScaleWord::Log => Scale::Log,
    };
    chart.value = column(&file.value, "value", report);
    chart.compare =
        column(&file.compare, "compare", report).map(|text| if text == "previous" { Compare::Previous } else { Compare::Column(text) });
    chart.back = back(&file.back, chart.compare.as_ref(), report);
    chart.goal = tone::bound(&file.goal, "goal", report);
    chart.sparkline = column(&file.sparkline, "sparkline", report);
    chart.lower_is_better = file.lower_is_better.or(false);
    chart.bars = columns(&file.bars, "bars", report);
    chart.heat = columns(&file.heat, "heat", report);
    chart.totals = file.totals.or(false);
    chart.inner_radius =
        bounded(&file.inner_radius, (0, 90), "inner_radius", report).unwrap_or(if mark == MarkWord::Donut { 60 } else { 0 });
    chart.max_series = bounded(&file.max_series, (1, 20), "max_series", report).unwrap_or(chart.max_series);
    chart.point = file.point.or(false);
    guides::guides(file, &mut chart, report);
    check_combinations(file, mark, &chart, report);
    Some(chart)
}

fn back(field: &Field<u16>, compare: Option<&Compare>, report: &Report<'_>) -> u16 {
    let Some((rows, place)) = field.placed() else { return 1 };
    if !(1..=1000).contains(rows) {
        report.add(place, format!("`back` is {rows}"), "write a number of rows from 1 to 1000");
    } else if compare != Some(&Compare::Previous) {
        report.add(place, "`back` says how far back `previous` is", "write `compare: previous`, or remove it");
    }
    *rows
}

fn domain_mark(mark: MarkWord) -> Mark {
    match mark {
        MarkWord::Kpi => Mark::Kpi,
        MarkWord::Table => Mark::Table,
        MarkWord::Bar | MarkWord::Column => Mark::Bar,
        MarkWord::Line => Mark::Line,
        MarkWord::Area => Mark::Area,
        MarkWord::Point => Mark::Point,
        MarkWord::Pie | MarkWord::Donut => Mark::Pie,
        MarkWord::Heatmap => Mark::Heatmap,
    }
}

fn check_channels(file: &ChartFile, mark: MarkWord, place: Place, report: &Report<'_>) {
    let Channels { needs, takes } = channels(mark);
    let name = word(mark);
    for (key, written) in written(file) {
        match written {
            None if needs.contains(&key) => {
                report.add(place, format!("mark `{name}` needs `{key}`"), format!("write `{key}: ` and the name of a result column"));
            }
            Some(place) if !needs.contains(&key) && !takes.iter().any(|keys| keys.contains(&key)) => {
                let known: Vec<String> = needs.iter().chain(takes.iter().copied().flatten()).map(|key| format!("`{key}`")).collect();
                report.add(place, format!("mark `{name}` does not use `{key}`"), format!("mark `{name}` uses {}", known.join(", ")));
            }
            _ => {}
        }
    }
}

/// Every key beside `mark`, and where it is written.
fn written(file: &ChartFile) -> [(&'static str, Option<Place>); 28] {
    [
        ("x", file.x.place()),
        ("y", file.y.place()),
        ("color", file.color.place()),
        ("size", file.size.place()),
        ("stack", file.stack.place()),
        ("orient", file.orient.place()),
        ("scale", file.scale.place()),
        ("value", file.value.place()),
        ("compare", file.compare.place()),
        ("back", file.back.place()),
        ("goal", file.goal.place()),
        ("sparkline", file.sparkline.place()),
        ("lower_is_better", file.lower_is_better.place()),
        ("bars", file.bars.place()),
        ("heat", file.heat.place()),
        ("totals", file.totals.place()),
        ("inner_radius", file.inner_radius.place()),
        ("max_series", file.max_series.place()),
        ("point", file.point.place()),
        ("layers", file.layers.place()),
        ("rules", file.rules.place()),
        ("bands", file.bands.place()),
        ("annotations", file.annotations.place()),
        ("axes", file.axes.place()),
        ("sort", file.sort.place()),
        ("top", file.top.place()),
        ("legend", file.legend.place()),
        ("labels", file.labels.place()),
    ]
}

fn check_combinations(file: &ChartFile, mark: MarkWord, chart: &Chart, report: &Report<'_>) {
    let place_of = |place: Option<Place>| place.unwrap_or_default();
    let name = word(mark);
    if chart.y.len() > 1 {
        let place = place_of(file.y.place());
        if matches!(mark, MarkWord::Pie | MarkWord::Donut | MarkWord::Heatmap) {
            report.add(place, format!("mark `{name}` takes one `y`"), "name one column");
        } else if chart.color.is_some() {
            report.add(place, "several columns of `y` make the series already", "name one column, or remove `color`");
        }
    }
    if matches!(mark, MarkWord::Pie | MarkWord::Donut) {
        match (&chart.x, &chart.color) {
            (None, None) if file.x.is_absent() && file.color.is_absent() => {
                report.add(
                    place_of(file.mark.place()),
                    format!("mark `{name}` needs `x` or `color` for its slices"),
                    "write `color: ` and the name of a result column",
                );
            }
            (Some(_), Some(_)) => report.add(place_of(file.color.place()), "both `x` and `color` name the slices", "keep one of them"),
            _ => {}
        }
    }
    if chart.scale == Scale::Log && chart.stack != Stack::None {
        report.add(place_of(file.scale.place()), "stacked values have no meaning on a logarithmic scale", "remove `stack` or `scale`");
    }
    if mark == MarkWord::Column && chart.orient == Some(Orient::Horizontal) {
        report.add(place_of(file.orient.place()), "columns stand", "write `mark: bar` for lying bars");
    }
}

fn column(field: &Field<String>, key: &str, report: &Report<'_>) -> Option<String> {
    let (name, place) = field.placed()?;
    if name.trim().is_empty() {
        report.add(place, format!("`{key}` is blank"), "name a result column");
        return None;
    }
    Some(name.clone())
}

fn columns(field: &Field<OneOrMany>, key: &str, report: &Report<'_>) -> Vec<String> {
    let Some((OneOrMany(names), place)) = field.placed() else {
        return Vec::new();
    };
    let mut seen = Vec::new();
    for name in names {
        if name.trim().is_empty() || seen.contains(name) {
            report.add(place, format!("a column of `{key}` is blank or named twice"), "name each result column once");
        } else {
            seen.push(name.clone());
        }
    }
    if names.is_empty() {
        report.add(place, format!("`{key}` names no column"), "name a result column");
    }
    seen
}

fn bounded(field: &Field<u8>, (least, most): (u8, u8), key: &str, report: &Report<'_>) -> Option<u8> {
    let (value, place) = field.placed()?;
    if (least..=most).contains(value) {
        return Some(*value);
    }
    report.add(place, format!("`{key}` is {value}"), format!("write a number from {least} to {most}"));
    None
}
