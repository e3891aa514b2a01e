//! Four things that hold for every drawing, whatever the data: what is coloured has a name, ticks are true, text can be read, and
//! what stands for several values is what their aggregate says.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, Date32Array, Float64Array, RecordBatch, StringArray, TimestampSecondArray};
use indexmap::IndexMap;
use jiff::civil::DateTime;
use pressrun_domain::catalog::{Aggregate, FieldSpec};
use pressrun_domain::chart::{
    Across, Annotation, Band, Chart, Finite, Layer, Legend, Mark, Order, Orient, Rule, RuleAt, Scale, Side, Sort, Stack,
};
use proptest::prelude::*;
use resvg::usvg;

use super::axis::{Span, ValueAxis};
use super::data::{Column, Places, Rest, Table};
use super::scale::time;
use super::{ChartInput, Colors, Drawn, Size, Theme, draw, places};
use crate::format::FieldFormat;

/// Rows of a chart: place, name of the series, number.
#[derive(Debug, Clone)]
struct Rows {
    places: Vec<i32>,
    names: Vec<String>,
    amounts: Vec<f64>,
}

const NAMES: [&str; 14] = [
    "US",
    "UK",
    "Germany",
    "North America",
    "Q1",
    "Yes",
    "Enterprise customers",
    "2024",
    "Ångström",
    "a",
    "Retail & wholesale",
    "FR",
    "Pro",
    "Self-service",
];

fn rows() -> impl Strategy<Value = Rows> {
    (1..14usize, 1..16i32, prop::sample::select(vec![1, 7, 28, 31]), any::<bool>()).prop_flat_map(|(names, places, step, negative)| {
        let low = if negative { -500.0 } else { 0.0 };
        let count = names * places as usize;
        (prop::collection::vec(low..1000.0, count), prop::collection::vec(0..10u8, count)).prop_map(move |(amounts, missing)| {
            let mut rows = Rows { places: Vec::new(), names: Vec::new(), amounts: Vec::new() };
            for (cell, (amount, missing)) in amounts.into_iter().zip(missing).enumerate() {
                if missing > 0 {
                    rows.places.push(19_700 + (cell / names) as i32 * step);
                    rows.names.push(NAMES[cell % names].to_owned());
                    rows.amounts.push(amount);
                }
            }
            rows
        })
    })
}

fn batch(rows: &Rows) -> RecordBatch {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("place", Arc::new(Date32Array::from(rows.places.clone()))),
        ("name", Arc::new(StringArray::from(rows.names.clone()))),
        ("amount", Arc::new(Float64Array::from(rows.amounts.clone()))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn chart(mark: Mark) -> Chart {
    let mut chart = Chart::new(mark);
    chart.x = Some(if mark == Mark::Pie { "name" } else { "place" }.to_owned());
    chart.y = vec!["amount".to_owned()];
    chart.color = (mark != Mark::Pie).then(|| "name".to_owned());
    chart
}

fn drawn(chart: &Chart, rows: &Rows, size: Size) -> Drawn {
    let batches = [batch(rows)];
    let fields = IndexMap::new();
    draw(&ChartInput { chart, batches: &batches, fields: &fields, zone: "UTC", colors: &Colors::default() }, size, &Theme::light()).unwrap()
}

/// A piece of text in a drawing: what it says, its size, its box (left, top, right, bottom), and whether it is turned.
#[derive(Debug)]
struct Text {
    says: String,
    size: f32,
    bounds: (f32, f32, f32, f32),
    turned: bool,
}

fn texts(svg: &str) -> Vec<Text> {
    fn walk(group: &usvg::Group, found: &mut Vec<Text>) {
        for node in group.children() {
            match node {
                usvg::Node::Group(group) => walk(group, found),
                usvg::Node::Text(text) => {
                    let upright = text.flattened().bounding_box();
                    let bounds = upright.transform(text.abs_transform()).unwrap_or(upright);
                    let size =
                        text.chunks().iter().flat_map(usvg::TextChunk::spans).map(|span| span.font_size().get()).fold(99.0, f32::min);
                    let turn = text.abs_transform();
                    found.push(Text {
                        says: text.chunks().iter().map(usvg::TextChunk::text).collect(),
                        size,
                        bounds: (bounds.left(), bounds.top(), bounds.right(), bounds.bottom()),
                        turned: turn.kx.abs() > 0.01 || turn.ky.abs() > 0.01,
                    });
                }
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    walk(super::tests::seen(svg).root(), &mut found);
    found
}

/// What stands over the data of a chart, so far as its mark knows it.
#[derive(Debug, Clone)]
struct Over {
    layers: Vec<Layer>,
    rules: Vec<Rule>,
    bands: Vec<Band>,
    annotations: Vec<Annotation>,
    legend: Option<Legend>,
    labels: Option<bool>,
    titles: bool,
    max: Option<f64>,
}

fn over() -> impl Strategy<Value = Over> {
    let layer = (
        prop::sample::select(vec![Mark::Line, Mark::Area, Mark::Point]),
        prop::sample::select(vec![None, Some(Side::Right)]),
        any::<bool>(),
    );
    let rule =
        (-300.0..1500.0f64, 0..3u8, prop::sample::select(vec![None, Some("Target".to_owned()), Some("Budget of last year".to_owned())]));
    let legend = prop::sample::select(vec![None, Some(Legend::Top), Some(Legend::Right), Some(Legend::Bottom)]);
    let labels = prop::sample::select(vec![None, Some(true), Some(false)]);
    let rest = (prop::collection::vec(0..3usize, 0..3), legend, labels, any::<bool>(), prop::option::of(50.0..800.0f64));
    (prop::collection::vec(layer, 0..2), prop::collection::vec(rule, 0..4), rest).prop_map(
        |(layers, rules, (annotations, legend, labels, titles, max))| Over {
            layers: layers
                .into_iter()
                .map(|(mark, side, point)| Layer { mark, y: "amount".to_owned(), side, point: point && mark == Mark::Line })
                .collect(),
            bands: rules
                .iter()
                .filter(|(_, kind, _)| *kind == 2)
                .map(|(value, _, label)| Band {
                    across: Across::Values(finite(*value), finite(*value + 90.0)),
                    side: None,
                    label: label.clone(),
                })
                .collect(),
            rules: rules
                .into_iter()
                .map(|(value, kind, label)| {
                    let at = match kind {
                        0 => RuleAt::Value(finite(value)),
                        1 => RuleAt::Column { name: "amount".to_owned(), aggregate: Aggregate::Avg },
                        _ => RuleAt::Place("2023-12-20".to_owned()),
                    };
                    Rule { at, side: None, label }
                })
                .collect(),
            annotations: annotations
                .into_iter()
                .map(|nth| Annotation { x: format!("2023-12-1{nth}"), y: None, text: "Price change".to_owned() })
                .collect(),
            legend,
            labels,
            titles,
            max,
        },
    )
}

fn finite(number: f64) -> Finite {
    Finite::new(number).unwrap()
}

impl Over {
    fn set(self, chart: &mut Chart) {
        if !matches!(chart.mark, Mark::Bar | Mark::Line | Mark::Area | Mark::Point) {
            return;
        }
        let lying = chart.orient == Some(Orient::Horizontal);
        (chart.rules, chart.bands, chart.legend) = (self.rules, self.bands, self.legend);
        if self.titles {
            chart.axes.x.title = Some("Day of the week".to_owned());
            chart.axes.y.title = Some("What it cost".to_owned());
            chart.axes.right.title = Some("And more".to_owned());
        }
        chart.axes.y.max = self.max.map(finite);
        if !lying {
            chart.annotations = self.annotations;
        }
        if !lying && chart.mark != Mark::Point {
            chart.layers = self.layers;
        }
        if chart.mark != Mark::Area && chart.mark != Mark::Point {
            chart.labels = self.labels;
        }
    }
}

fn any_size() -> impl Strategy<Value = Size> {
    (120.0..560.0f64, 80.0..320.0f64).prop_map(|(width, height)| Size { width, height })
}

fn any_stack() -> impl Strategy<Value = Stack> {
    prop::sample::select(vec![Stack::None, Stack::Zero, Stack::Normalize])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Property 1 (A1, A8): as many names as colours, in the drawing or in a note.
    #[test]
    fn every_coloured_series_is_named_in_the_drawing_or_in_a_note(
        rows in rows(),
        mark in prop::sample::select(vec![Mark::Bar, Mark::Line, Mark::Area, Mark::Point, Mark::Pie]),
        stack in any_stack(),
        size in any_size(),
        over in over(),
    ) {
        let mut chart = chart(mark);
        chart.stack = stack;
        over.set(&mut chart);
        let out = drawn(&chart, &rows, size);
        let used = Theme::light().series.iter().filter(|color| out.svg.contains(&format!("\"{color}\""))).count();
        let texts = texts(&out.svg);
        let says = |name: &str| texts.iter().any(|text| text.says == name || text.says.strip_suffix('…').is_some_and(|cut| name.starts_with(cut)));
        // The layer is called as its measure.
        let named = NAMES.iter().chain(&["Amount", "Amount (right axis)"]).filter(|name| says(name) || out.notes.iter().any(|note| note.contains(*name))).count();
        // One series needs no name of its own: the title and the axis say what it is.
        prop_assert!(used <= 1 || named >= used, "{named} of {used} named; {:?}; {}", out.notes, out.svg);
    }

    /// Property 3 (A2, A8): nothing too small to read, nothing on anything else.
    #[test]
    fn text_is_large_enough_and_none_lies_on_another(
        rows in rows(),
        mark in prop::sample::select(vec![Mark::Bar, Mark::Line, Mark::Area, Mark::Point, Mark::Pie, Mark::Kpi]),
        stack in any_stack(),
        orient in prop::sample::select(vec![None, Some(Orient::Horizontal)]),
        size in any_size(),
        over in over(),
    ) {
        let mut chart = chart(mark);
        chart.stack = stack;
        chart.orient = orient.filter(|_| mark == Mark::Bar);
        chart.value = Some("amount".to_owned());
        chart.compare = Some(pressrun_domain::chart::Compare::Previous);
        over.set(&mut chart);
        let out = drawn(&chart, &rows, size);
        let texts = texts(&out.svg);
        for text in &texts {
            prop_assert!(text.size >= 6.0, "{} pt: {}", text.size, text.says);
        }
        for (nth, a) in texts.iter().enumerate() {
            for b in texts.iter().skip(nth + 1).filter(|b| !a.turned && !b.turned) {
                let over = |a: (f32, f32), b: (f32, f32)| a.1.min(b.1) - a.0.max(b.0);
                let across = over((a.bounds.0, a.bounds.2), (b.bounds.0, b.bounds.2));
                let down = over((a.bounds.1, a.bounds.3), (b.bounds.1, b.bounds.3));
                prop_assert!(across <= 0.6 || down <= 0.6, "{a:?} and {b:?}: {}", out.svg);
            }
        }
    }

    /// Property 2 for values (B2, B3): labels of an axis are distinct, in order, and name their tick.
    #[test]
    fn labels_of_values_are_distinct_ordered_and_true(
        low in -1.0f64..1.0, span in 0.0f64..1.0, power in -14..14i32, offset in -14..14i32,
        pixels in 40.0..400.0f64, log in any::<bool>(),
    ) {
        let format = FieldFormat::parse(&FieldSpec::default(), &arrow_schema::DataType::Float64, "amount", "UTC");
        let low = if log { (low.abs() + 0.01) * 10f64.powi(power) } else { low * 10f64.powi(offset) };
        // Floats this far from zero have no digits left for ticks this close.
        let high = low + (span * 10f64.powi(power)).max(low.abs() * 1e-6);
        let axis = ValueAxis::spaced(&Span { low, high, log, ..Span::default() }, pixels, 32.0, &format);
        let mut before: Option<f64> = None;
        let step = axis.scale.step;
        for (tick, _, label) in axis.ticks() {
            let told = number(label);
            let slack = if log { tick.abs() * 1e-6 } else { step * 0.02 + tick.abs() * 1e-12 };
            prop_assert!((told - tick).abs() <= slack, "{label} for {tick} of {low} to {high}");
            prop_assert!(before.is_none_or(|before| told > before), "{label} after {before:?}");
            before = Some(told);
        }
    }

    /// Property 2 for time (A5, A11, B16): each label and the period it stands in are those of its moment, and no two are alike.
    #[test]
    fn labels_of_time_are_distinct_ordered_and_true(
        start in 0..2_000_000_000i64,
        (step, count) in prop::sample::select(vec![(1_i64, 30_i64), (60, 90), (420, 40), (3600, 50), (86_400, 400), (604_800, 60), (2_629_746, 30)])
            .prop_flat_map(|(step, most)| (Just(step), 1..most)),
        whole in any::<bool>(), bands in any::<bool>(), width in 60.0..560.0f64,
    ) {
        let start = if whole { start / 86_400 * 86_400 } else { start };
        let at: Vec<i64> = (0..count).map(|nth| start + nth * step).collect();
        let column: ArrayRef = Arc::new(TimestampSecondArray::from(at));
        let batches = [RecordBatch::try_from_iter([("at", column)]).unwrap()];
        let chart = Chart::new(Mark::Bar);
        let fields = IndexMap::new();
        let input = ChartInput { chart: &chart, batches: &batches, fields: &fields, zone: "UTC", colors: &Colors::default() };
        let read = Places::read(&Column::find(&input, "at").unwrap(), true);
        let theme = Theme::light();
        let axis = if bands { places::bands(&read, 0.0, width, 60.0, &theme) } else { places::continuous(&read, 0.0, width, 60.0, &theme) };
        let mut said: Vec<(String, String)> = Vec::new();
        let lines = axis.labels.told();
        for (x, _, text) in lines.iter().filter(|(_, row, _)| *row == 0) {
            let period = lines.iter().filter(|(at, row, _)| *row == 1 && *at <= *x + 0.1).max_by(|a, b| a.0.total_cmp(&b.0));
            let period = period.map_or(String::new(), |(_, _, text)| text.clone());
            // The moment under the label: that of the nearest band, or of the place on the line.
            let nearest = (0..read.len()).min_by(|a, b| (axis.x[*a] - x).abs().total_cmp(&(axis.x[*b] - x).abs())).unwrap();
            // Labels at the ends are moved inside, away from their band.
            let half = super::measure::width(text, theme.small, super::measure::Weight::Regular) / 2.0;
            let moved = *x - half < 0.05 || *x + half > width + 1.95;
            if bands && !moved && (axis.x[nearest] - x).abs() < 0.01 {
                let wall = time::wall(read.at[nearest], &read.zone);
                prop_assert!(names(wall, text, &period), "{text} in {period:?} for {wall}");
            }
            said.push((text.clone(), period));
        }
        let mut distinct = said.clone();
        distinct.dedup();
        prop_assert_eq!(&distinct, &said);
        prop_assert!(!said.is_empty());
    }

    /// Property 4 for places: what is beyond the largest is what the aggregate says, and nothing is lost without a word.
    #[test]
    fn what_stands_for_the_smallest_places_is_what_the_aggregate_says(
        rows in prop::collection::vec((0..9usize, -100..100i32), 1..60),
        top in 1..6u16,
        sort in prop::sample::select(vec![None, Some(Sort::Name(Order::Ascending)), Some(Sort::Size(Order::Descending))]),
        aggregate in prop::sample::select(vec![Aggregate::Sum, Aggregate::Avg, Aggregate::Min, Aggregate::Max]),
    ) {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("name", Arc::new(rows.iter().map(|row| Some(NAMES[row.0])).collect::<StringArray>())),
            ("amount", Arc::new(rows.iter().map(|row| Some(f64::from(row.1))).collect::<Float64Array>())),
        ];
        let batches = [RecordBatch::try_from_iter(columns).unwrap()];
        let mut chart = Chart::new(Mark::Bar);
        (chart.top, chart.sort) = (Some(top), sort.clone());
        let fields = IndexMap::from([("amount".to_owned(), FieldSpec { aggregate: Some(aggregate), ..FieldSpec::default() })]);
        let input = ChartInput { chart: &chart, batches: &batches, fields: &fields, zone: "UTC", colors: &Colors::default() };
        let table = Table::read(&input, "name", &["amount"], true, Rest::Drop).unwrap();
        let labels = &table.places.labels;
        let shown: Vec<&str> = labels.iter().map(String::as_str).filter(|label| NAMES.contains(label)).collect();
        let rounded = |number: f64| (number * 1e6).round();
        for (label, value) in labels.iter().zip(&table.series[0].values) {
            let own = |name: &str| if shown.contains(&label.as_str()) { name == label } else { !shown.contains(&name) };
            let numbers: Vec<f64> = rows.iter().filter(|row| own(NAMES[row.0])).map(|row| f64::from(row.1)).collect();
            prop_assert_eq!(value.map(rounded), expected(&numbers, aggregate).map(rounded), "{}", label);
        }
        let all: std::collections::BTreeSet<usize> = rows.iter().map(|row| row.0).collect();
        prop_assert_eq!(shown.len() < all.len(), labels.len() > shown.len(), "{:?}", labels);
        prop_assert!(shown.len() <= usize::from(top) + 1);
        if sort == Some(Sort::Size(Order::Descending)) {
            let values: Vec<f64> = table.series[0].values.iter().take(shown.len()).flatten().copied().collect();
            prop_assert!(values.windows(2).all(|pair| pair[0] >= pair[1]), "{values:?}");
        }
    }

    /// Property 4 (A6): rows of one place, and all that is left over, are what the aggregate says.
    #[test]
    fn what_stands_for_several_values_is_what_the_aggregate_says(
        rows in prop::collection::vec((0..3i32, 0..6usize, -100..100i32), 1..60),
        aggregate in prop::sample::select(vec![Aggregate::Sum, Aggregate::Avg, Aggregate::Min, Aggregate::Max, Aggregate::Last, Aggregate::None]),
    ) {
        let all = Rows {
            places: rows.iter().map(|row| 19_700 + row.0).collect(),
            names: rows.iter().map(|row| NAMES[row.1].to_owned()).collect(),
            amounts: rows.iter().map(|row| f64::from(row.2)).collect(),
        };
        let batches = [batch(&all)];
        let mut chart = chart(Mark::Bar);
        chart.max_series = 2;
        let fields = IndexMap::from([("amount".to_owned(), FieldSpec { aggregate: Some(aggregate), ..FieldSpec::default() })]);
        let input = ChartInput { chart: &chart, batches: &batches, fields: &fields, zone: "UTC", colors: &Colors::default() };
        let table = Table::read(&input, "place", &["amount"], true, Rest::Merge).unwrap();
        let kept: Vec<&str> = table.series.iter().filter(|series| series.ink.is_some()).map(|series| series.name.as_str()).collect();
        for series in &table.series {
            for (place, value) in series.values.iter().enumerate() {
                let day = (table.places.at[place] / 86_400.0) as i32;
                let own = |name: &str| if series.ink.is_some() { name == series.name } else { !kept.contains(&name) };
                if aggregate == Aggregate::Last && series.ink.is_none() {
                    // The last of several series is that of the last series, whose order is the engine's.
                    continue;
                }
                let numbers: Vec<f64> = (0..rows.len())
                    .filter(|row| all.places[*row] == day && own(&all.names[*row]))
                    .map(|row| all.amounts[row])
                    .collect();
                let rounded = |number: f64| (number * 1e6).round();
                let expected = expected(&numbers, aggregate);
                prop_assert_eq!(value.map(rounded), expected.map(rounded), "{} at {}", series.name, day);
            }
        }
        if aggregate == Aggregate::None {
            prop_assert!(table.series.iter().all(|series| series.ink.is_some()), "nothing stands for what is left over");
        }
    }
}

/// What numbers come to.
fn expected(numbers: &[f64], aggregate: Aggregate) -> Option<f64> {
    let values = || numbers.iter().copied();
    match aggregate {
        _ if numbers.is_empty() => None,
        Aggregate::Sum => Some(values().sum()),
        Aggregate::Avg => Some(values().sum::<f64>() / numbers.len() as f64),
        Aggregate::Min => values().reduce(f64::min),
        Aggregate::Max => values().reduce(f64::max),
        Aggregate::Count => Some(numbers.len() as f64),
        Aggregate::None if numbers.len() > 1 => None,
        Aggregate::Last | Aggregate::None => numbers.last().copied(),
    }
}

/// A label as a number: `−1,250`, `$1.5M`, `2e-13`.
fn number(label: &str) -> f64 {
    let (negative, label) = match label.strip_prefix('\u{2212}') {
        Some(rest) => (true, rest),
        None => (false, label),
    };
    let letters: BTreeMap<char, f64> = BTreeMap::from([('K', 1e3), ('M', 1e6), ('B', 1e9), ('T', 1e12)]);
    let last = label.chars().last().and_then(|last| letters.get(&last).copied());
    let digits: String = label.chars().filter(|c| *c != ',' && !letters.contains_key(c)).collect();
    let number = digits.parse::<f64>().unwrap_or(f64::NAN) * last.unwrap_or(1.0);
    if negative { -number } else { number }
}

/// Whether a label, in the period it stands in, names this moment.
fn names(wall: DateTime, label: &str, period: &str) -> bool {
    use time::Unit;
    let exact = [Unit::Fraction, Unit::Second, Unit::Minute, Unit::Hour, Unit::Day, Unit::Month, Unit::Year];
    exact.into_iter().any(|unit| {
        let (text, context) = time::labels(wall, unit);
        // A year that the period before said already is not repeated.
        let in_period =
            context.is_none_or(|context| context == period || context.strip_prefix(period).is_some_and(|rest| rest.starts_with(' ')));
        (text == label && in_period) || time::full_label(wall, unit) == label
    })
}

#[test]
fn scales_of_both_kinds_have_labels() {
    let format = FieldFormat::parse(&FieldSpec::default(), &arrow_schema::DataType::Float64, "amount", "UTC");
    for scale in [Scale::Linear, Scale::Log] {
        let axis = ValueAxis::new(&Span { low: 1.0, high: 1000.0, log: scale == Scale::Log, ..Span::default() }, 120.0, &format);
        assert!(axis.ticks().count() >= 2, "{scale:?}");
    }
}
