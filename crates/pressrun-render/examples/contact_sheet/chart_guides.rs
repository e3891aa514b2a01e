//! Cases of layers, lines, bands, words, axes and order.

use pressrun_domain::catalog::Aggregate;
use pressrun_domain::chart::{
    Across, Annotation, Band, Chart, Finite, Layer, Legend, Mark, Order, Orient, Rule, RuleAt, Side, Sort, Stack,
};

use crate::chart_cases::{Case, REGIONS, categories, revenue};
use crate::chart_data::{dates, integers, months, noise, numbers, texts};

fn value(at: f64, label: &str) -> Option<Rule> {
    Some(Rule { at: RuleAt::Value(Finite::new(at)?), side: None, label: Some(label.to_owned()) })
}

fn average(column: &str) -> Rule {
    Rule { at: RuleAt::Column { name: column.to_owned(), aggregate: Aggregate::Avg }, side: None, label: Some("Average".to_owned()) }
}

fn event(place: &str, label: &str) -> Rule {
    Rule { at: RuleAt::Place(place.to_owned()), side: None, label: Some(label.to_owned()) }
}

fn band(low: f64, high: f64, label: &str) -> Option<Band> {
    Some(Band { across: Across::Values(Finite::new(low)?, Finite::new(high)?), side: None, label: Some(label.to_owned()) })
}

fn season(from: &str, to: &str, label: &str) -> Band {
    Band { across: Across::Places(from.to_owned(), to.to_owned()), side: None, label: Some(label.to_owned()) }
}

fn layer(mark: Mark, y: &str, side: Option<Side>) -> Layer {
    Layer { mark, y: y.to_owned(), side, point: mark == Mark::Line }
}

/// A year of revenue, cost and margin.
fn year() -> Vec<(&'static str, arrow_array::ArrayRef)> {
    let revenue = |i: u64| 90_000.0 * (1.0 + i as f64 / 20.0) * (0.8 + 0.4 * noise(i + 3));
    vec![
        ("month", dates(months(12))),
        ("revenue", numbers((0..12).map(revenue))),
        ("cost", numbers((0..12).map(|i| revenue(i) * (0.6 + 0.2 * noise(i + 40))))),
        ("margin", numbers((0..12).map(|i| 0.18 + 0.1 * noise(i + 11)))),
    ]
}

fn money(case: Case) -> Case {
    case.format("revenue", "Revenue", "$#,##0").format("cost", "Cost", "$#,##0").format("margin", "Margin", "0.0%")
}

/// All cases in order.
pub(crate) fn cases() -> Vec<Case> {
    let mut all = layered();
    all.extend(lined());
    all.extend(settled());
    all
}

fn layered() -> Vec<Case> {
    vec![
        money(Case::new("Combo: columns and a line on the right axis", Mark::Bar, year()).xy("month", &["revenue"]))
            .with(|chart| chart.layers = vec![layer(Mark::Line, "margin", None)]),
        money(Case::new("Two columns and a line", Mark::Bar, year()).xy("month", &["revenue", "cost"])).with(|chart| {
            chart.layers = vec![layer(Mark::Line, "margin", Some(Side::Right))];
            chart.legend = Some(Legend::Bottom);
        }),
        money(Case::new("A total over a stack", Mark::Bar, revenue(9, &REGIONS)).xy("month", &["revenue"]).color("region")).with(|chart| {
            chart.stack = Stack::Zero;
            chart.layers = vec![layer(Mark::Point, "revenue", None)];
        }),
        money(Case::new("An area behind a line, points", Mark::Line, year()).xy("month", &["revenue"]))
            .with(|chart| chart.layers = vec![layer(Mark::Area, "cost", None), layer(Mark::Point, "margin", None)]),
    ]
}

fn lined() -> Vec<Case> {
    vec![
        money(Case::new("Target, average and an event", Mark::Bar, year()).xy("month", &["revenue"])).with(|chart| {
            chart.rules = value(150_000.0, "Target").into_iter().chain([average("revenue"), event("2023-06-10", "New price")]).collect();
        }),
        money(Case::new("Goal band, season, words at points", Mark::Line, year()).xy("month", &["revenue"])).with(|chart| {
            chart.bands = band(100_000.0, 130_000.0, "Goal").into_iter().chain([season("2023-11-01", "2023-12-31", "Holidays")]).collect();
            chart.annotations = vec![Annotation { x: "2023-08-01".to_owned(), y: None, text: "Outage".to_owned() }];
        }),
        Case::new("Lying bars with a goal", Mark::Bar, categories()).xy("category", &["orders"]).with(|chart| {
            chart.orient = Some(Orient::Horizontal);
            chart.rules = value(25_000.0, "Goal").into_iter().collect();
            chart.bands = band(35_000.0, 45_000.0, "Plan").into_iter().collect();
        }),
        Case::new(
            "Points with a line and a band",
            Mark::Point,
            vec![("age", numbers((0..60).map(|i| 18.0 + 50.0 * noise(i)))), ("spend", numbers((0..60).map(|i| 200.0 * noise(i + 90))))],
        )
        .xy("age", &["spend"])
        .with(|chart| {
            chart.rules = value(120.0, "Median").into_iter().collect();
            chart.bands = vec![season("30", "40", "Core")];
        }),
        money(Case::new("Many lines close together", Mark::Line, year()).xy("month", &["revenue"])).with(|chart| {
            chart.rules = [118_000.0, 120_000.0, 122_000.0, 124_000.0].into_iter().filter_map(|at| value(at, "Budget")).collect();
        }),
        Case::new("Area with a goal", Mark::Area, revenue(9, &REGIONS)).xy("month", &["revenue"]).color("region").with(|chart| {
            chart.stack = Stack::Zero;
            chart.rules = value(500_000.0, "Capacity").into_iter().collect();
        }),
    ]
}

fn settled() -> Vec<Case> {
    let many = || {
        vec![
            ("country", texts((0..30).map(|i| format!("Country {i:02}")))),
            ("orders", integers((0..30).map(|i| (4_000.0 * noise(i + 5)) as i64))),
        ]
    };
    let ends = |chart: &mut Chart| {
        chart.axes.y.min = Finite::new(80_000.0);
        chart.axes.y.max = Finite::new(160_000.0);
        chart.axes.y.title = Some("Net revenue".to_owned());
        chart.axes.x.title = Some("Month of the order".to_owned());
    };
    vec![
        money(Case::new("Axis from 80K to 160K, titles", Mark::Line, year()).xy("month", &["revenue"])).with(ends),
        Case::new("Top 8 of 30, sorted", Mark::Bar, many()).xy("country", &["orders"]).with(|chart| {
            (chart.sort, chart.top) = (Some(Sort::Size(Order::Descending)), Some(8));
        }),
        Case::new("Top 8, lying, titles", Mark::Bar, many()).xy("country", &["orders"]).with(|chart| {
            (chart.sort, chart.top, chart.orient) = (Some(Sort::Size(Order::Descending)), Some(8), Some(Orient::Horizontal));
            chart.axes.x.title = Some("Country".to_owned());
        }),
        money(Case::new("Labels in a stack", Mark::Bar, revenue(6, &REGIONS)).xy("month", &["revenue"]).color("region")).with(|chart| {
            (chart.stack, chart.labels, chart.legend) = (Stack::Zero, Some(true), Some(Legend::Right));
        }),
        money(Case::new("Labels on grouped bars", Mark::Bar, revenue(3, &REGIONS[..3])).xy("month", &["revenue"]).color("region"))
            .with(|chart| chart.labels = Some(true)),
        money(Case::new("Labels on lines", Mark::Line, year()).xy("month", &["revenue", "cost"])).with(|chart| chart.labels = Some(true)),
        money(Case::new("Zero on an axis far from it", Mark::Line, year()).xy("month", &["margin"])).with(|chart| {
            chart.axes.y.zero = Some(true);
        }),
        money(Case::new("No labels, no legend", Mark::Bar, year()).xy("month", &["revenue"])).with(|chart| {
            (chart.labels, chart.legend) = (Some(false), Some(Legend::None));
        }),
    ]
}
