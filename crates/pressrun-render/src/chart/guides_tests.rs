//! What stands around and over the data: layers, lines, bands, words, axes, order.

use arrow_array::RecordBatch;
use pressrun_domain::catalog::Aggregate;
use pressrun_domain::chart::{Across, Annotation, Band, Finite, Layer, Legend, Order, Orient, Rule, RuleAt, Side, Sort, Stack};

use super::tests::{SIZE, channels, days, drawn_of, floats, texts};
use super::*;

fn finite(number: f64) -> Finite {
    Finite::new(number).unwrap()
}

fn months() -> Vec<(&'static str, arrow_array::ArrayRef)> {
    vec![
        ("m", days(&["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01"])),
        ("revenue", floats(&[100_000.0, 120_000.0, 90_000.0, 130_000.0])),
        ("margin", floats(&[0.21, 0.24, 0.19, 0.25])),
    ]
}

const FORMATS: [(&str, &str); 2] = [("revenue", "$#,##0"), ("margin", "0.0%")];

fn layer(y: &str, mark: Mark, side: Option<Side>) -> Layer {
    Layer { mark, y: y.to_owned(), side, point: false }
}

fn at_value(value: f64, label: &str) -> Rule {
    Rule { at: RuleAt::Value(finite(value)), side: None, label: Some(label.to_owned()) }
}

#[test]
fn g1_a_line_over_columns_has_the_axis_of_its_unit_and_its_name() {
    let mut chart = channels(Mark::Bar, "m", &["revenue"], None);
    chart.layers = vec![layer("margin", Mark::Line, None)];
    let out = drawn_of(&chart, months(), &FORMATS, SIZE).unwrap();
    for said in [">Revenue<", ">Margin (right axis)<", ">$100K<", "%<"] {
        assert!(out.svg.contains(said), "{said}: {}", out.svg);
    }
    assert!(out.alt.contains("Margin"), "{}", out.alt);
}

#[test]
fn g1_a_layer_over_a_stack_is_of_the_whole_place() {
    let columns =
        vec![("m", texts(&["a", "a", "b", "b"])), ("region", texts(&["EU", "US", "EU", "US"])), ("revenue", floats(&[1.0, 2.0, 3.0, 4.0]))];
    let mut chart = channels(Mark::Bar, "m", &["revenue"], Some("region"));
    chart.stack = Stack::Zero;
    chart.layers = vec![layer("revenue", Mark::Line, None)];
    let batches = [RecordBatch::try_from_iter(columns).unwrap()];
    let fields = IndexMap::new();
    let input = ChartInput { chart: &chart, batches: &batches, fields: &fields, zone: "UTC", colors: &Colors::default() };
    let table = data::Table::read(&input, "m", &["revenue"], false, data::Rest::Merge).unwrap();
    let total = table.series.iter().find(|series| series.layer.is_some()).unwrap();
    assert_eq!(total.values, [Some(3.0), Some(7.0)]);
    assert_eq!(table.base().count(), 2);
    assert!(table.series.iter().all(|series| series.ink.is_some()));
    assert!(table.notes.is_empty(), "{:?}", table.notes);
}

#[test]
fn g1_one_axis_never_measures_two_units() {
    let mut chart = channels(Mark::Bar, "m", &["revenue"], None);
    chart.layers = vec![layer("margin", Mark::Line, Some(Side::Left))];
    assert!(drawn_of(&chart, months(), &FORMATS, SIZE).unwrap_err().to_string().contains("one axis cannot show"));
    let mut lying = channels(Mark::Bar, "m", &["revenue"], None);
    (lying.orient, lying.layers) = (Some(Orient::Horizontal), vec![layer("revenue", Mark::Line, None)]);
    assert_eq!(drawn_of(&lying, months(), &FORMATS, SIZE), Err(ChartError::Lying));
}

#[test]
fn g2_a_line_says_its_name_and_value_and_the_axis_reaches_it() {
    for mark in [Mark::Bar, Mark::Line, Mark::Area] {
        let mut chart = channels(mark, "m", &["revenue"], None);
        chart.rules = vec![
            at_value(180_000.0, "Target"),
            Rule {
                at: RuleAt::Column { name: "revenue".to_owned(), aggregate: Aggregate::Avg },
                side: None,
                label: Some("Average".to_owned()),
            },
            Rule { at: RuleAt::Place("2024-03-15".to_owned()), side: None, label: Some("Launch".to_owned()) },
        ];
        let out = drawn_of(&chart, months(), &FORMATS, SIZE).unwrap();
        for said in [">Target $180K<", ">Average $110K<", ">Launch<", ">$200K<"] {
            assert!(out.svg.contains(said), "{mark:?} {said}: {:?} {}", out.notes, out.svg);
        }
        assert!(out.notes.is_empty(), "{mark:?}: {:?}", out.notes);
        assert!(out.alt.ends_with("Lines: Target $180K, Average $110K, Launch."), "{}", out.alt);
    }
}

#[test]
fn g2_what_has_no_place_is_told() {
    let mut chart = channels(Mark::Line, "m", &["revenue"], None);
    chart.rules = vec![Rule { at: RuleAt::Place("2025-01-01".to_owned()), side: None, label: Some("Launch".to_owned()) }];
    chart.annotations = vec![Annotation { x: "soon".to_owned(), y: None, text: "New price".to_owned() }];
    chart.bands = vec![Band { across: Across::Places("2025-01-01".to_owned(), "2025-02-01".to_owned()), side: None, label: None }];
    let out = drawn_of(&chart, months(), &FORMATS, SIZE).unwrap();
    assert_eq!(out.notes, ["A band lies beyond what is drawn", "Launch lies beyond what is drawn", "New price lies beyond what is drawn"]);
}

#[test]
fn g2_lying_bars_have_lines_and_bands_too() {
    let columns = vec![("name", texts(&["a", "b"])), ("orders", floats(&[40.0, 70.0]))];
    let mut chart = channels(Mark::Bar, "name", &["orders"], None);
    chart.orient = Some(Orient::Horizontal);
    chart.rules = vec![at_value(50.0, "Goal")];
    chart.bands = vec![Band { across: Across::Values(finite(60.0), finite(80.0)), side: None, label: Some("Good".to_owned()) }];
    let out = drawn_of(&chart, columns, &[], SIZE).unwrap();
    assert!(out.svg.contains(">Goal 50<") && out.svg.contains(">Good<"), "{}", out.svg);
}

#[test]
fn g15_words_stand_at_their_point() {
    let mut chart = channels(Mark::Bar, "m", &["revenue"], None);
    chart.annotations = vec![Annotation { x: "2024-03-20".to_owned(), y: None, text: "New price".to_owned() }];
    let out = drawn_of(&chart, months(), &FORMATS, SIZE).unwrap();
    assert!(out.svg.contains(">New price<") && out.notes.is_empty(), "{:?}", out.notes);
}

#[test]
fn g5_ends_of_an_axis_are_the_author_s_and_what_lies_beyond_is_counted() {
    let mut chart = channels(Mark::Line, "m", &["revenue"], None);
    chart.axes.y.min = Some(finite(95_000.0));
    chart.axes.y.max = Some(finite(125_000.0));
    let out = drawn_of(&chart, months(), &FORMATS, SIZE).unwrap();
    assert_eq!(out.notes, ["2 values beyond the ends of the axis, drawn at its ends"]);
    assert!(!out.svg.contains(">$0<") && out.svg.contains(">$110K<"), "{}", out.svg);
    chart.axes = pressrun_domain::chart::Axes::default();
    chart.axes.y.zero = Some(false);
    assert!(!drawn_of(&chart, months(), &FORMATS, SIZE).unwrap().svg.contains(">$0<"));
}

#[test]
fn g5_axes_are_called_as_the_author_says_or_not_at_all() {
    for mark in [Mark::Bar, Mark::Line, Mark::Area] {
        let mut chart = channels(mark, "m", &["revenue"], None);
        chart.layers = vec![layer("margin", Mark::Line, None)];
        chart.axes.x.title = Some("Month of order".to_owned());
        chart.axes.y.title = Some("Net".to_owned());
        chart.axes.right.title = Some("Share".to_owned());
        let out = drawn_of(&chart, months(), &FORMATS, SIZE).unwrap();
        for said in [">Month of order<", ">Net<", ">Share<"] {
            assert!(out.svg.contains(said), "{mark:?} {said}: {}", out.svg);
        }
        let mut plain = channels(mark, "m", &["revenue"], None);
        plain.axes.y.title = Some(String::new());
        assert!(!drawn_of(&plain, months(), &FORMATS, SIZE).unwrap().svg.contains(">Revenue<"), "{mark:?}");
    }
}

#[test]
fn g5_places_are_sorted_and_the_smallest_put_together() {
    let columns = || vec![("name", texts(&["b", "a", "d", "c", "e"])), ("orders", floats(&[5.0, 1.0, 4.0, 2.0, 3.0]))];
    let labels = |chart: &Chart| {
        let batches = [RecordBatch::try_from_iter(columns()).unwrap()];
        let fields = IndexMap::new();
        let input = ChartInput { chart, batches: &batches, fields: &fields, zone: "UTC", colors: &Colors::default() };
        data::Table::read(&input, "name", &["orders"], true, data::Rest::Drop).unwrap().places.labels
    };
    let mut chart = channels(Mark::Bar, "name", &["orders"], None);
    for (sort, expected) in [
        (Sort::Name(Order::Ascending), "abcde"),
        (Sort::Name(Order::Descending), "edcba"),
        (Sort::Size(Order::Ascending), "acedb"),
        (Sort::Size(Order::Descending), "bdeca"),
        (Sort::Listed(vec!["d".to_owned(), "a".to_owned(), "x".to_owned()]), "dabce"),
    ] {
        chart.sort = Some(sort.clone());
        assert_eq!(labels(&chart).concat(), expected, "{sort:?}");
    }
    (chart.sort, chart.top) = (Some(Sort::Size(Order::Descending)), Some(2));
    assert_eq!(labels(&chart), ["b", "d", "All other (3)"]);
    chart.top = Some(4);
    assert_eq!(labels(&chart).len(), 5, "one name alone is shown as itself");
}

#[test]
fn g5_dates_have_no_other_order() {
    let mut chart = channels(Mark::Line, "m", &["revenue"], None);
    chart.top = Some(2);
    let refused = drawn_of(&chart, months(), &FORMATS, SIZE).unwrap_err();
    assert!(refused.to_string().contains("`sort` and `top` are for names"), "{refused}");
}

#[test]
fn g5_values_are_written_on_wish_and_those_without_room_are_counted() {
    let mut chart = channels(Mark::Bar, "m", &["revenue"], None);
    chart.labels = Some(false);
    assert!(!drawn_of(&chart, months(), &FORMATS, SIZE).unwrap().svg.contains(">$130K<"));
    chart.labels = Some(true);
    assert!(drawn_of(&chart, months(), &FORMATS, SIZE).unwrap().svg.contains(">$130K<"));
    chart.orient = Some(Orient::Horizontal);
    assert!(drawn_of(&chart, months(), &FORMATS, SIZE).unwrap().svg.contains(">$130K<"));
    let mut lines = channels(Mark::Line, "m", &["revenue"], None);
    lines.labels = Some(true);
    assert!(drawn_of(&lines, months(), &FORMATS, SIZE).unwrap().svg.contains(">$130K<"));
    let small = drawn_of(&lines, months(), &FORMATS, Size { width: 60.0, height: 60.0 }).unwrap();
    assert!(small.notes.iter().any(|note| note.contains("not written: they have no room")), "{:?}", small.notes);
}

#[test]
fn g5_a_legend_stands_where_the_author_wants_it() {
    let columns = || vec![("m", texts(&["a", "a"])), ("region", texts(&["Europe", "America"])), ("revenue", floats(&[3.0, 2.0]))];
    let y = |legend: Option<Legend>| {
        let mut chart = channels(Mark::Bar, "m", &["revenue"], Some("region"));
        chart.legend = legend;
        let svg = drawn_of(&chart, columns(), &[], SIZE).unwrap().svg;
        let before = svg.find(">Europe<").map(|at| &svg[..at])?;
        let y = before.rfind(" y=\"")? + 4;
        before[y..].split('"').next()?.parse::<f64>().ok()
    };
    assert!(y(Some(Legend::Top)).unwrap() < 20.0);
    assert!(y(Some(Legend::Bottom)).unwrap() > SIZE.height - 20.0);
    assert!(y(Some(Legend::None)).is_none());
    assert!(y(Some(Legend::Right)).is_some());
}
