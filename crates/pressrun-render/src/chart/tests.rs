//! What holds for every mark.

use std::sync::Arc;

use arrow_array::*;
use pressrun_domain::chart::{Compare, Orient, Scale, Stack};
use proptest::prelude::*;

use super::measure::Weight;
use super::*;

const MARKS: [Mark; 7] = [Mark::Kpi, Mark::Bar, Mark::Line, Mark::Area, Mark::Point, Mark::Pie, Mark::Heatmap];
const SIZE: Size = Size { width: 272.0, height: 186.0 };

fn chart(mark: Mark) -> Chart {
    let mut chart = Chart::new(mark);
    chart.x = Some("name".to_owned());
    chart.y = vec![if mark == Mark::Heatmap { "group" } else { "amount" }.to_owned()];
    chart.value = Some("amount".to_owned());
    chart.color = match mark {
        Mark::Heatmap => Some("amount".to_owned()),
        Mark::Pie => None,
        _ => Some("group".to_owned()),
    };
    chart
}

fn rows(names: Vec<&str>, groups: Vec<&str>, amounts: Vec<Option<f64>>) -> Vec<RecordBatch> {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("name", Arc::new(StringArray::from(names))),
        ("group", Arc::new(StringArray::from(groups))),
        ("amount", Arc::new(Float64Array::from(amounts))),
    ];
    vec![RecordBatch::try_from_iter(columns).unwrap()]
}

fn drawn(chart: &Chart, batches: &[RecordBatch]) -> Result<Drawn, ChartError> {
    let fields = IndexMap::new();
    draw(&ChartInput { chart, batches, fields: &fields, zone: "Europe/Berlin" }, SIZE, &Theme::light())
}

fn parses(svg: &str) -> bool {
    resvg::usvg::Tree::from_str(svg, &resvg::usvg::Options::default()).is_ok()
}

/// The drawing as a renderer sees it, with the fonts that it will be drawn in.
fn seen(svg: &str) -> resvg::usvg::Tree {
    use resvg::usvg::{Options, Tree, fontdb};
    static FONTS: std::sync::LazyLock<Arc<fontdb::Database>> = std::sync::LazyLock::new(|| {
        let mut fonts = fontdb::Database::new();
        for bytes in [notosans::REGULAR_TTF, notosans::BOLD_TTF] {
            fonts.load_font_source(fontdb::Source::Binary(Arc::new(bytes)));
        }
        Arc::new(fonts)
    });
    let options = Options { fontdb: FONTS.clone(), font_family: "Noto Sans".to_owned(), ..Options::default() };
    Tree::from_str(svg, &options).unwrap()
}

/// What of a drawing lies outside of its box: shapes by more than their outline, text by more than a renderer rounds.
fn outside(tree: &resvg::usvg::Tree) -> Vec<String> {
    use resvg::usvg::{Group, Node};
    fn walk(group: &Group, size: (f32, f32), found: &mut Vec<String>) {
        for node in group.children() {
            let (bounds, slack, what) = match node {
                Node::Group(group) => {
                    walk(group, size, found);
                    continue;
                }
                Node::Path(path) => (path.abs_stroke_bounding_box(), 2.0, "shape".to_owned()),
                Node::Text(text) => {
                    // Characters without a font are as wide as the renderer's box for them, which is not ours.
                    let upright = text.flattened().bounding_box();
                    let bounds = upright.transform(text.abs_transform()).unwrap_or(upright);
                    (bounds, 2.5 + bounds.width() * 0.12, text.chunks().iter().map(|chunk| chunk.text().to_owned()).collect())
                }
                Node::Image(_) => continue,
            };
            let inside =
                bounds.left() >= -slack && bounds.top() >= -slack && bounds.right() <= size.0 + slack && bounds.bottom() <= size.1 + slack;
            if !inside {
                found.push(format!("{what} at {bounds:?}"));
            }
        }
    }
    let mut found = Vec::new();
    walk(tree.root(), (tree.size().width(), tree.size().height()), &mut found);
    found
}

/// Numbers of attributes that are none.
fn has_broken_numbers(svg: &str) -> bool {
    // Text from data stands between tags and in the label only.
    let label = svg.split_once("aria-label=\"").and_then(|(_, rest)| rest.split_once('"')).map(|(label, _)| label).unwrap_or_default();
    let bare = svg.replacen(label, "", 1);
    bare.split('<').filter_map(|tag| tag.split_once('>')).any(|(tag, _)| tag.contains("NaN") || tag.contains("inf"))
}

#[test]
fn v13_no_rows_and_nulls_only_say_no_results() {
    for mark in MARKS {
        let none = drawn(&chart(mark), &[]).unwrap();
        assert!(none.svg.contains("No results") && none.alt == "No results", "{mark:?}");
        if mark != Mark::Kpi {
            let nulls = drawn(&chart(mark), &rows(vec!["a", "b"], vec!["x", "y"], vec![None, None])).unwrap();
            assert!(nulls.svg.contains("No results"), "{mark:?}");
        }
    }
}

#[test]
fn hostile_names_are_inert_in_every_mark() {
    let hostile = "</text><script>alert(1)</script>\u{0}\u{1b}\u{202e}";
    for mark in MARKS {
        let out = drawn(&chart(mark), &rows(vec![hostile, "\"'&"], vec![hostile, "b"], vec![Some(1.0), Some(2.0)])).unwrap();
        assert!(!out.svg.contains("<script") && !out.svg.contains(['\u{0}', '\u{1b}', '\u{202e}']), "{mark:?}");
        assert!(parses(&out.svg), "{mark:?}");
    }
}

#[test]
fn v9_equal_input_gives_equal_bytes() {
    let batches = rows(vec!["a", "b", "c", "a"], vec!["x", "y", "x", "z"], vec![Some(0.1), Some(0.2), Some(0.3), Some(1e9)]);
    for mark in MARKS {
        assert_eq!(drawn(&chart(mark), &batches), drawn(&chart(mark), &batches), "{mark:?}");
    }
}

#[test]
fn errors_name_the_column_and_what_there_is() {
    let batches = rows(vec!["a"], vec!["x"], vec![Some(1.0)]);
    let mut missing = chart(Mark::Bar);
    missing.x = Some("nme".to_owned());
    assert_eq!(drawn(&missing, &batches).unwrap_err().to_string(), "the result has no column \"nme\"; it has: name, group, amount");
    let mut text = chart(Mark::Line);
    text.y = vec!["group".to_owned()];
    assert_eq!(drawn(&text, &batches), Err(ChartError::NotANumber { column: "group".to_owned(), channel: "y" }));
    let mut channel = chart(Mark::Pie);
    channel.x = None;
    assert_eq!(drawn(&channel, &batches), Err(ChartError::MissingChannel { mark: "pie", channel: "x" }));
    assert_eq!(drawn(&chart(Mark::Table), &batches), Err(ChartError::Table));
}

#[test]
fn what_is_left_out_or_put_together_is_said() {
    let names: Vec<String> = (0..20).map(|i| format!("s{i}")).collect();
    let groups: Vec<&str> = names.iter().map(String::as_str).collect();
    let many = rows(vec!["a"; 20], groups, (0..20).map(|i| Some(f64::from(i))).collect());
    for (mark, note) in [
        (Mark::Bar, "12 series shown as Other"),
        (Mark::Line, "12 series shown in grey as Other"),
        (Mark::Area, "12 series shown as Other"),
    ] {
        assert!(drawn(&chart(mark), &many).unwrap().notes.iter().any(|n| n == note), "{mark:?}");
    }
    let mut log = chart(Mark::Bar);
    log.scale = Scale::Log;
    let values = rows(vec!["a", "b", "c", "d"], vec!["x"; 4], vec![Some(0.0), Some(-1.0), Some(-2.0), Some(5.0)]);
    assert_eq!(drawn(&log, &values).unwrap().notes, ["3 values ≤ 0 not drawn on a log axis"]);
    let twice = rows(vec!["a", "a"], vec!["x", "x"], vec![Some(1.0), Some(2.0)]);
    let summed = drawn(&chart(Mark::Bar), &twice).unwrap();
    assert_eq!(summed.notes, ["Rows with the same Name were added up"]);
    assert!(summed.alt.ends_with("; 3 (a)."), "{}", summed.alt);
}

#[test]
fn alternative_text_has_the_key_numbers() {
    let batches =
        rows(vec!["Jan", "Feb", "Jan", "Feb"], vec!["EMEA", "EMEA", "APAC", "APAC"], vec![Some(10.0), Some(40.0), Some(5.0), Some(7.5)]);
    assert_eq!(
        drawn(&chart(Mark::Bar), &batches).unwrap().alt,
        "Bar chart of Amount by Name (2 values, Jan to Feb) in 2 series: EMEA, APAC; highest 40 (EMEA, Feb), lowest 5 (APAC, Jan)."
    );
}

#[test]
fn kpis_say_value_change_and_comparison() {
    for (case, values, format, lower, expected) in [
        ("a rise", vec![Some(100.0), Some(112.0)], "$#,##0", false, ("$112", Some("+12.0%"), Some(true), Some("vs $100 before"))),
        ("a rise of costs", vec![Some(100.0), Some(112.0)], "$#,##0", true, ("$112", Some("+12.0%"), Some(false), Some("vs $100 before"))),
        ("a fall", vec![Some(200.0), Some(150.0)], "", false, ("150", Some("−25.0%"), Some(false), Some("vs 200 before"))),
        ("no change", vec![Some(5.0), Some(5.0)], "", false, ("5", Some("0.0%"), None, Some("vs 5 before"))),
        ("from zero", vec![Some(0.0), Some(5.0)], "", false, ("5", Some("+5"), Some(true), Some("vs 0 before"))),
        ("shares in points", vec![Some(0.10), Some(0.12)], "0.0%", false, ("12.0%", Some("+2.0 pp"), Some(true), Some("vs 10.0% before"))),
        ("first row", vec![Some(5.0)], "", false, ("5", None, None, None)),
        ("nothing now", vec![Some(5.0), None], "", false, ("–", None, None, Some("vs 5 before"))),
    ] {
        let mut kpi = Chart::new(Mark::Kpi);
        kpi.value = Some("amount".to_owned());
        kpi.compare = Some(Compare::Previous);
        kpi.lower_is_better = lower;
        let count = values.len();
        let batches = rows(vec!["a"; count], vec!["x"; count], values);
        let spec = FieldSpec { label: None, format: (!format.is_empty()).then(|| format.to_owned()), hidden: false };
        let fields = IndexMap::from([("amount".to_owned(), spec)]);
        let text = kpi_text(&ChartInput { chart: &kpi, batches: &batches, fields: &fields, zone: "UTC" }).unwrap();
        let found = (text.value.as_str(), text.change.as_deref(), text.good, text.compared_with.as_deref());
        assert_eq!(found, expected, "{case}");
    }
}

#[test]
fn a_comparison_gets_smaller_before_it_is_cut() {
    let mut kpi = Chart::new(Mark::Kpi);
    kpi.value = Some("amount".to_owned());
    kpi.compare = Some(Compare::Previous);
    let batches = rows(vec!["a"; 2], vec!["x"; 2], vec![Some(100.0), Some(112.0)]);
    let input = ChartInput { chart: &kpi, batches: &batches, fields: &IndexMap::new(), zone: "UTC" };
    let theme = Theme::light();
    let says = |width: f64, words: &str| {
        let svg = draw(&input, Size { width, height: 50.0 }, &theme).unwrap().svg;
        svg.contains(&format!(">{words}</text>"))
    };
    // What all of it takes in the smallest letters, with the arrow and the spaces around the change.
    let least = measure::width("12.0%", theme.small, Weight::Bold) + measure::width("vs 100 before", theme.small, Weight::Regular);
    let least = least + theme.small * 1.7;
    assert!(says(least + 1.0, "vs 100 before"));
    assert!(says(least - 1.0, "vs 100 befo…") && says(least - 1.0, "12.0%"));
}

#[test]
fn five_thousand_points_stay_light() {
    let at: Vec<i64> = (0..5000).map(|i| 1_700_000_000 + i * 60).collect();
    let values: Vec<f64> = (0..5000u32).map(|i| f64::from(i.wrapping_mul(2_654_435_761) % 1000)).collect();
    for mark in [Mark::Line, Mark::Area, Mark::Point, Mark::Bar] {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("name", Arc::new(TimestampSecondArray::from(at.clone()).with_timezone("UTC"))),
            ("group", Arc::new(StringArray::from(vec!["x"; 5000]))),
            ("amount", Arc::new(Float64Array::from(values.clone()))),
        ];
        let out = drawn(&chart(mark), &[RecordBatch::try_from_iter(columns).unwrap()]).unwrap();
        assert!(out.svg.len() < 100_000, "{mark:?}: {} bytes", out.svg.len());
        assert!(parses(&out.svg));
    }
}

#[test]
fn table_shades_share_one_zero() {
    let mut table = Chart::new(Mark::Table);
    table.bars = vec!["amount".to_owned()];
    table.heat = vec!["amount".to_owned()];
    let batches = rows(vec!["a"; 3], vec!["x"; 3], vec![Some(-1.0), Some(3.0), None]);
    let fields = IndexMap::new();
    table.heat.clear();
    let shades = table_shades(&ChartInput { chart: &table, batches: &batches, fields: &fields, zone: "UTC" }, &Theme::light()).unwrap();
    let Some(Shades::Bars(bars)) = shades.get("amount") else { panic!("bars") };
    let ends: Vec<Option<(f64, f64)>> = bars.iter().map(|bar| bar.map(|(from, to, _)| (from, to))).collect();
    assert_eq!(ends, [Some((0.0, 0.25)), Some((0.25, 1.0)), None]);
}

fn any_amount() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        3 => (-1e6..1e6).prop_map(Some),
        1 => Just(None),
        1 => Just(Some(0.0)),
        1 => any::<f64>().prop_map(Some),
        1 => prop::sample::select(vec![f64::MAX, f64::MIN, f64::MIN_POSITIVE, f64::NAN, f64::INFINITY, 5e-324]).prop_map(Some),
    ]
}

fn any_places(count: usize) -> impl Strategy<Value = ArrayRef> {
    let texts = prop::collection::vec(prop::option::of("\\PC{0,30}|[a-d]|\\p{Any}{0,6}"), count)
        .prop_map(|v| Arc::new(StringArray::from(v)) as ArrayRef);
    let dates = prop::collection::vec(prop::option::of(prop_oneof![any::<i32>(), 19_000..20_000i32]), count)
        .prop_map(|v| Arc::new(Date32Array::from(v)) as ArrayRef);
    let instants =
        prop::collection::vec(prop::option::of(prop_oneof![any::<i64>(), 1_700_000_000_000_000..1_701_000_000_000_000i64]), count)
            .prop_map(|v| Arc::new(TimestampMicrosecondArray::from(v).with_timezone("UTC")) as ArrayRef);
    let numbers = prop::collection::vec(any_amount(), count).prop_map(|v| Arc::new(Float64Array::from(v)) as ArrayRef);
    prop_oneof![texts, dates, instants, numbers]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn drawings_never_panic_and_stay_in_their_box(
        (places, groups, amounts) in (0..60usize).prop_flat_map(|n| (any_places(n), any_places(n), prop::collection::vec(any_amount(), n))),
        mark in prop::sample::select(MARKS.to_vec()),
        (stack, orient, scale) in (
            prop::sample::select(vec![Stack::None, Stack::Zero, Stack::Normalize]),
            prop::sample::select(vec![None, Some(Orient::Vertical), Some(Orient::Horizontal)]),
            prop::sample::select(vec![Scale::Linear, Scale::Log]),
        ),
        (max_series, inner_radius, sized, colored) in (0..12u8, any::<u8>(), any::<bool>(), any::<bool>()),
        (width, height) in (prop_oneof![4 => 1.0..700.0, 1 => any::<f64>()], prop_oneof![4 => 1.0..500.0, 1 => any::<f64>()]),
        format in prop::sample::select(vec!["", "$#,##0.00", "0.0%", "MMM yyyy", "#,##0,\"K\"", "yyyy-MM-dd HH:mm", ";;"]),
    ) {
        let columns: Vec<(&str, ArrayRef)> = vec![("name", places), ("group", groups), ("amount", Arc::new(Float64Array::from(amounts)))];
        let batches = vec![RecordBatch::try_from_iter(columns).unwrap()];
        let mut chart = chart(mark);
        (chart.stack, chart.orient, chart.scale) = (stack, orient, scale);
        (chart.max_series, chart.inner_radius) = (max_series, inner_radius);
        chart.size = sized.then(|| "amount".to_owned());
        chart.compare = Some(Compare::Previous);
        chart.sparkline = Some("amount".to_owned());
        if !colored && mark != Mark::Heatmap {
            chart.color = None;
        }
        let spec = || FieldSpec { label: None, format: Some(format.to_owned()), hidden: false };
        let fields = IndexMap::from([("amount".to_owned(), spec()), ("name".to_owned(), spec())]);
        let input = ChartInput { chart: &chart, batches: &batches, fields: &fields, zone: "America/New_York" };
        if let Ok(out) = draw(&input, Size { width, height }, &Theme::dark()) {
            prop_assert!(!has_broken_numbers(&out.svg), "{}", out.svg);
            let tree = seen(&out.svg);
            // On less room than a thumb no label fits.
            if width.is_finite() && height.is_finite() && width >= 120.0 && height >= 80.0 && width < 5_000.0 && height < 5_000.0 {
                let outside = outside(&tree);
                prop_assert!(outside.is_empty(), "{outside:?} in {}", out.svg);
            }
            prop_assert!(out.svg.len() < 400_000);
        }
    }
}
