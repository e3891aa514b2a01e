//! Layers, lines, bands, words and axes of a chart.

use pressrun_domain::chart::{
    Across, Annotation, Axes, Axis, Band, Chart, Finite, Layer, Legend, Mark, Order, Rule, RuleAt, Side, Sort, Stack,
};

use super::dashboard::aggregate;
use crate::files::{
    AnnotationFile, AxisFile, BandFile, ChartFile, Field, LayerFile, LayerMarkWord, LegendWord, NumberOrColumn, OneOrMany, RuleFile,
    SideWord,
};
use crate::problem::{Place, Report};
use pressrun_domain::catalog::Aggregate;

/// Most layers, lines, bands and words of a chart each: more say nothing.
const MOST: usize = 20;
/// Most names in an order.
const MOST_NAMES: usize = 1000;
/// The longest of the words in a drawing, in characters.
const LONGEST: usize = 120;

/// Sets all of it in `chart`, whose mark and channels are settled.
pub(super) fn guides(file: &ChartFile, chart: &mut Chart, report: &Report<'_>) {
    chart.layers = each(&file.layers, "layers", report, |file, place| layer(file, place, report));
    chart.rules = each(&file.rules, "rules", report, |file, place| rule(file, place, report));
    chart.bands = each(&file.bands, "bands", report, |file, place| band(file, place, report));
    chart.annotations = each(&file.annotations, "annotations", report, |file, place| annotation(file, place, report));
    chart.axes = axes(file, chart.mark, report);
    chart.sort = sort(&file.sort, report);
    chart.top = top(&file.top, report);
    chart.legend = file.legend.get().map(|word| match word {
        LegendWord::Top => Legend::Top,
        LegendWord::Right => Legend::Right,
        LegendWord::Bottom => Legend::Bottom,
        LegendWord::None => Legend::None,
    });
    chart.labels = file.labels.get().copied();
    check_together(file, chart, report);
}

/// Converts the items of a list, noting when there are too many or none.
fn each<F, T>(field: &Field<Vec<Field<F>>>, key: &str, report: &Report<'_>, convert: impl Fn(&F, Place) -> Option<T>) -> Vec<T> {
    let Some((items, place)) = field.placed() else { return Vec::new() };
    if items.is_empty() || items.len() > MOST {
        report.add(place, format!("`{key}` has {} entries", items.len()), format!("write 1 to {MOST} of them, or leave it out"));
        return Vec::new();
    }
    items.iter().filter_map(Field::placed).filter_map(|(item, place)| convert(item, place)).collect()
}

fn layer(file: &LayerFile, place: Place, report: &Report<'_>) -> Option<Layer> {
    if file.mark.is_absent() {
        report.add(place, "a layer has no `mark`", "write `mark: line`, `area` or `point`");
    }
    let mark = match file.mark.get()? {
        LayerMarkWord::Line => Mark::Line,
        LayerMarkWord::Area => Mark::Area,
        LayerMarkWord::Point => Mark::Point,
    };
    let y = words(&file.y, "y", place, report)?;
    if let Some(place) = file.point.place().filter(|_| mark != Mark::Line) {
        report.add(place, "`point` belongs to lines", "remove it, or write `mark: line`");
    }
    Some(Layer { mark, y, side: side(&file.axis), point: file.point.or(false) })
}

fn rule(file: &RuleFile, place: Place, report: &Report<'_>) -> Option<Rule> {
    let at = match (&file.y, &file.x) {
        (Field::Given(..), Field::Given(_, x)) => {
            report.add(*x, "a rule has both `x` and `y`", "make two rules of it");
            return None;
        }
        (Field::Given(NumberOrColumn::Number(number), _), _) => RuleAt::Value(Finite::new(*number)?),
        (Field::Given(NumberOrColumn::Column(name), at), _) if name.trim().is_empty() => {
            report.add(*at, "`y` is blank", "write a number, or name a result column");
            return None;
        }
        (Field::Given(NumberOrColumn::Column(name), _), _) => {
            RuleAt::Column { name: name.clone(), aggregate: file.aggregate.get().map_or(Aggregate::Avg, |word| aggregate(*word)) }
        }
        (_, Field::Given(..)) => RuleAt::Place(words(&file.x, "x", place, report)?),
        (Field::Absent, Field::Absent) => {
            report.add(place, "a rule stands nowhere", "write `y: ` and a number or a column, or `x: ` and a place");
            return None;
        }
        _ => return None,
    };
    let unused = [
        ("aggregate", file.aggregate.place(), !matches!(at, RuleAt::Column { .. }), "it belongs to a column in `y`"),
        ("axis", file.axis.place(), matches!(at, RuleAt::Place(_)), "it belongs to a value in `y`"),
    ];
    for (key, place, unused, hint) in unused {
        if let Some(place) = place.filter(|_| unused) {
            report.add(place, format!("`{key}` of this rule does nothing"), format!("remove it; {hint}"));
        }
    }
    if matches!(&at, RuleAt::Column { aggregate: Aggregate::None, .. }) {
        report.add(
            file.aggregate.place().unwrap_or(place),
            "a rule at `none` stands nowhere",
            "write `avg`, `sum`, `min`, `max`, `count` or `last`",
        );
    }
    Some(Rule { at, side: side(&file.axis), label: optional(&file.label, "label", report) })
}

fn band(file: &BandFile, place: Place, report: &Report<'_>) -> Option<Band> {
    let two = "write two of them, as in `[10, 20]`";
    let across = match (&file.y, &file.x) {
        (Field::Given(..), Field::Given(_, x)) => {
            report.add(*x, "a band has both `x` and `y`", "make two bands of it");
            return None;
        }
        (Field::Given(ends, at), _) => {
            let numbers: Vec<Finite> = ends.iter().filter_map(|end| Finite::new(*end.get()?)).collect();
            let [low, high] = numbers[..] else {
                if ends.iter().all(|end| end.get().is_some()) {
                    report.add(*at, "a band is between two values", two);
                }
                return None;
            };
            if low >= high {
                report.add(*at, format!("a band from {low} to {high} has no height"), "write the lower value first");
            }
            Across::Values(low, high)
        }
        (_, Field::Given(ends, at)) => {
            let places: Vec<String> = ends.iter().filter_map(|end| words(end, "x", *at, report)).collect();
            let [from, to] = &places[..] else {
                if ends.iter().all(|end| end.get().is_some()) {
                    report.add(*at, "a band is between two places", "write two of them, as in `[2026-01-01, 2026-03-31]`");
                }
                return None;
            };
            if let Some(axis) = file.axis.place() {
                report.add(axis, "`axis` of this band does nothing", "remove it; it belongs to values in `y`");
            }
            Across::Places(from.clone(), to.clone())
        }
        (Field::Absent, Field::Absent) => {
            report.add(place, "a band stands nowhere", "write `y: [10, 20]`, or `x: ` and two places");
            return None;
        }
        _ => return None,
    };
    Some(Band { across, side: side(&file.axis), label: optional(&file.label, "label", report) })
}

fn annotation(file: &AnnotationFile, place: Place, report: &Report<'_>) -> Option<Annotation> {
    let (x, text) = (words(&file.x, "x", place, report), words(&file.text, "text", place, report));
    Some(Annotation { x: x?, text: text?, y: file.y.get().copied().and_then(Finite::new) })
}

fn axes(file: &ChartFile, mark: Mark, report: &Report<'_>) -> Axes {
    let Some(axes) = file.axes.get() else { return Axes::default() };
    let title = |title: &Field<String>| title.get().map(|text| cut(text.trim(), title.place(), "title", report));
    let values = |field: &Field<AxisFile>| {
        let Some(axis) = field.get() else { return Axis::default() };
        let end = |end: &Field<f64>| end.get().copied().and_then(Finite::new);
        let found = Axis { title: title(&axis.title), min: end(&axis.min), max: end(&axis.max), zero: axis.zero.get().copied() };
        check_ends(axis, &found, (mark, file.scale.get() == Some(&crate::files::ScaleWord::Log)), report);
        found
    };
    let x = axes.x.get().map(|axis| Axis { title: title(&axis.title), ..Axis::default() }).unwrap_or_default();
    Axes { x, y: values(&axes.y), right: values(&axes.right) }
}

fn check_ends(file: &AxisFile, axis: &Axis, (mark, log): (Mark, bool), report: &Report<'_>) {
    let place = file.min.place().or(file.max.place()).unwrap_or_default();
    let (min, max) = (axis.min.map(Finite::get), axis.max.map(Finite::get));
    if let (Some(min), Some(max)) = (min, max)
        && min >= max
    {
        report.add(place, format!("an axis from {min} to {max} has no length"), "write the lower value as `min`");
    } else if log && [min, max].into_iter().flatten().any(|end| end <= 0.0) {
        report.add(place, "a logarithmic axis has neither zero nor anything below it", "write an end above zero, or remove `scale`");
    } else if matches!(mark, Mark::Bar | Mark::Area) && !log {
        if min.is_some_and(|min| min > 0.0) || max.is_some_and(|max| max < 0.0) {
            report.add(place, "bars and areas stand on zero, which this axis leaves out", "write a `min` of 0 or below, or draw lines");
        }
        if let Some(place) = file.zero.place() {
            report.add(place, "`zero` does nothing for bars and areas, which stand on it", "remove it, or draw lines");
        }
    } else if axis.zero == Some(true) && (min.is_some_and(|min| min > 0.0) || max.is_some_and(|max| max < 0.0)) {
        report.add(file.zero.place().unwrap_or(place), "`zero` lies beyond the ends of the axis", "remove one of them");
    }
}

fn sort(field: &Field<OneOrMany>, report: &Report<'_>) -> Option<Sort> {
    let (OneOrMany(words), place) = field.placed()?;
    match &words[..] {
        [word] if word == "x" => Some(Sort::Name(Order::Ascending)),
        [word] if word == "-x" => Some(Sort::Name(Order::Descending)),
        [word] if word == "y" => Some(Sort::Size(Order::Ascending)),
        [word] if word == "-y" => Some(Sort::Size(Order::Descending)),
        [] | [_] => {
            report.add(place, "`sort` is no order", "write `x`, `-x`, `y`, `-y`, or a list of names");
            None
        }
        names if names.len() > MOST_NAMES => {
            report.add(place, format!("`sort` has more than {MOST_NAMES} names"), "let the query sort, and leave `sort` out");
            None
        }
        names => Some(Sort::Listed(names.to_vec())),
    }
}

fn top(field: &Field<u16>, report: &Report<'_>) -> Option<u16> {
    let (top, place) = field.placed()?;
    if (1..=1000).contains(top) {
        return Some(*top);
    }
    report.add(place, format!("`top` is {top}"), "write a number from 1 to 1000");
    None
}

fn check_together(file: &ChartFile, chart: &Chart, report: &Report<'_>) {
    let place = |place: Option<Place>| place.unwrap_or_default();
    let lying = chart.orient == Some(pressrun_domain::chart::Orient::Horizontal);
    if lying && !chart.layers.is_empty() {
        report.add(place(file.layers.place()), "layers stand over standing bars", "remove `orient`, or write `mark: column`");
    }
    if lying && !chart.annotations.is_empty() {
        report.add(place(file.annotations.place()), "annotations belong to standing bars", "remove `orient`, or write `mark: column`");
    }
    if chart.stack == Stack::Normalize && chart.layers.iter().any(|layer| layer.side != Some(Side::Right)) {
        report.add(place(file.layers.place()), "the axis of shares measures nothing else", "write `axis: right` in each layer");
    }
}

fn side(field: &Field<SideWord>) -> Option<Side> {
    field.get().map(|word| match word {
        SideWord::Left => Side::Left,
        SideWord::Right => Side::Right,
    })
}

/// A text that must be there.
fn words(field: &Field<String>, key: &str, place: Place, report: &Report<'_>) -> Option<String> {
    match field {
        Field::Given(text, place) if text.trim().is_empty() => {
            report.add(*place, format!("`{key}` is blank"), "write what it is");
            None
        }
        Field::Given(text, place) => Some(cut(text.trim(), Some(*place), key, report)),
        Field::Absent => {
            report.add(place, format!("`{key}` is missing"), format!("write `{key}: …`"));
            None
        }
        Field::Invalid(_) => None,
    }
}

fn optional(field: &Field<String>, key: &str, report: &Report<'_>) -> Option<String> {
    field.get().map(|text| cut(text.trim(), field.place(), key, report)).filter(|text| !text.is_empty())
}

fn cut(text: &str, place: Option<Place>, key: &str, report: &Report<'_>) -> String {
    if text.chars().count() > LONGEST {
        report.add(
            place.unwrap_or_default(),
            format!("`{key}` is longer than {LONGEST} characters"),
            "write less; longer words belong to a text tile",
        );
    }
    text.to_owned()
}
