//! What holds for every mark.

use std::sync::Arc;

use arrow_array::*;
use pressrun_domain::chart::{Compare, Orient, Scale, Stack};
use proptest::prelude::*;

use super::measure::Weight;
use super::*;

const MARKS: [Mark; 7] = [Mark::Kpi, Mark::Bar, Mark::Line, Mark::Area, Mark::Point, Mark::Pie, Mark::Heatmap];
pub(super) const SIZE: Size = Size { width: 272.0, height: 186.0 };

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
    draw(&ChartInput { chart, batches, fields: &fields, zone: "Europe/Berlin", colors: &Colors::default() }, SIZE, &Theme::light())
}

fn parses(svg: &str) -> bool {
    resvg::usvg::Tree::from_str(svg, &resvg::usvg::Options::default()).is_ok()
}

/// The drawing as a renderer sees it, with the fonts that it will be drawn in.
pub(super) fn seen(svg: &str) -> resvg::usvg::Tree {
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
        (Mark::Bar, "The smallest 12 series not drawn: s11, s10, s9, s8, s7, s6, s5, s4 and 4 more"),
        (Mark::Line, "12 series shown in grey as All other"),
        (Mark::Area, "12 series shown as All other (12)"),
    ] {
        let mut chart = chart(mark);
        if mark == Mark::Area {
            chart.stack = Stack::Zero;
        }
        let notes = drawn(&chart, &many).unwrap().notes;
        assert!(notes.iter().any(|n| n == note), "{mark:?}: {notes:?}");
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

/// A chart of `mark` over columns of its own.
pub(super) fn drawn_of(chart: &Chart, columns: Vec<(&str, ArrayRef)>, fields: &[(&str, &str)], size: Size) -> Result<Drawn, ChartError> {
    let batches = [RecordBatch::try_from_iter(columns).unwrap()];
    let spec = |format: &str| FieldSpec { format: Some(format.to_owned()), ..FieldSpec::default() };
    let fields = fields.iter().map(|(name, format)| ((*name).to_owned(), spec(format))).collect();
    let input = ChartInput { chart, batches: &batches, fields: &fields, zone: "Europe/Berlin", colors: &Colors::default() };
    draw(&input, size, &Theme::light())
}

pub(super) fn texts(names: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(names.to_vec()))
}

pub(super) fn floats(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

pub(super) fn days(days: &[&str]) -> ArrayRef {
    let epoch = jiff::civil::date(1970, 1, 1);
    let since = |day: &&str| day.parse::<jiff::civil::Date>().unwrap().since(epoch).unwrap().get_days();
    Arc::new(Date32Array::from(days.iter().map(since).collect::<Vec<i32>>()))
}

pub(super) fn channels(mark: Mark, x: &str, y: &[&str], color: Option<&str>) -> Chart {
    let mut chart = Chart::new(mark);
    (chart.x, chart.color) = (Some(x.to_owned()), color.map(str::to_owned));
    chart.y = y.iter().map(|name| (*name).to_owned()).collect();
    chart
}

#[test]
fn a1_short_names_stand_beside_a_donut() {
    let mut donut = channels(Mark::Pie, "name", &["amount"], None);
    donut.inner_radius = 60;
    for names in [["US", "UK", "DE", "FR"], ["Q1", "Q2", "Q3", "Q4"], ["Yes", "No", "2024", "Pro"]] {
        for (width, height) in [(272.0, 186.0), (420.0, 130.0), (150.0, 100.0), (90.0, 60.0), (40.0, 40.0)] {
            let columns = vec![("name", texts(&names)), ("amount", floats(&[40.0, 30.0, 20.0, 10.0]))];
            let out = drawn_of(&donut, columns, &[], Size { width, height }).unwrap();
            for name in names {
                let told = out.svg.contains(&format!(">{name}<")) || out.notes.iter().any(|note| note.contains(name));
                assert!(told, "{name} at {width} x {height}: {:?}", out.notes);
            }
        }
    }
}

#[test]
fn a3_a_second_unit_has_an_axis_of_its_own() {
    let columns = || {
        vec![
            ("m", days(&["2024-01-01", "2024-02-01", "2024-03-01"])),
            ("rate", floats(&[0.05, 0.06, 0.04])),
            ("revenue", floats(&[100_000.0, 120_000.0, 90_000.0])),
            ("days", floats(&[3.0, 4.0, 5.0])),
        ]
    };
    let formats = [("rate", "0.0%"), ("revenue", "$#,##0"), ("days", "0 \"days\"")];
    for mark in [Mark::Line, Mark::Area, Mark::Bar] {
        let out = drawn_of(&channels(mark, "m", &["rate", "revenue"], None), columns(), &formats, SIZE).unwrap();
        for said in ["%<", ">$100K<", ">Revenue (right axis)<", ">Rate<"] {
            assert!(out.svg.contains(said), "{mark:?} lacks {said}: {}", out.svg);
        }
        assert!(!out.svg.contains("M%"), "{mark:?}: no dollars on the axis of shares");
        let three = drawn_of(&channels(mark, "m", &["rate", "revenue", "days"], None), columns(), &formats, SIZE);
        assert!(three.unwrap_err().to_string().contains("more than two units"), "{mark:?}");
    }
    let mut stacked = channels(Mark::Bar, "m", &["rate", "revenue"], None);
    stacked.stack = Stack::Zero;
    assert!(drawn_of(&stacked, columns(), &formats, SIZE).unwrap_err().to_string().contains("a stack cannot show"));
}

#[test]
fn a3_a_measure_that_lies_flat_is_told() {
    let columns = vec![("m", texts(&["a", "b"])), ("orders", floats(&[10.0, 12.0])), ("visits", floats(&[90_000.0, 80_000.0]))];
    let out = drawn_of(&channels(Mark::Line, "m", &["orders", "visits"], None), columns, &[], SIZE).unwrap();
    assert_eq!(out.notes, ["Orders lies close to zero: Visits is more than 100 times as large"]);
}

#[test]
fn a4_a_stack_runs_on_over_days_without_rows() {
    let mut chart = channels(Mark::Area, "day", &["amount"], Some("group"));
    chart.stack = Stack::Zero;
    // Friday and Monday, twice.
    let columns = vec![
        ("day", days(&["2024-03-01", "2024-03-04", "2024-03-08", "2024-03-01", "2024-03-04", "2024-03-08"])),
        ("group", texts(&["a", "a", "a", "b", "b", "b"])),
        ("amount", floats(&[5.0, 6.0, 7.0, 5.0, 6.0, 7.0])),
    ];
    let out = drawn_of(&chart, columns, &[], SIZE).unwrap();
    let first = out.svg.split("<path d=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    assert_eq!(first.matches('L').count(), 5, "three places above and three below: {first}");
}

#[test]
fn a5_month_ends_are_columns_of_their_own() {
    let ends = ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30", "2024-05-31", "2024-06-30", "2024-07-31"];
    let columns = vec![("m", days(&ends)), ("amount", floats(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]))];
    let out = drawn_of(&channels(Mark::Bar, "m", &["amount"], None), columns, &[], Size { width: 500.0, height: 186.0 }).unwrap();
    assert_eq!(out.notes, [""; 0]);
    assert!(out.alt.contains("7 values"), "{}", out.alt);
    let bars = out.svg.matches(&format!("fill=\"{}\"", Theme::light().series[0])).count();
    assert_eq!(bars, 7, "{}", out.svg);
}

#[test]
fn a8_eight_lines_in_a_third_of_a_page_all_have_their_names() {
    let names = ["North", "South", "East", "West", "Online", "Partner", "Retail", "Export"];
    let (mut at, mut who, mut much) = (Vec::new(), Vec::new(), Vec::new());
    for (nth, name) in names.iter().enumerate() {
        for day in ["2024-01-01", "2024-02-01", "2024-03-01"] {
            at.push(day);
            who.push(*name);
            much.push(10.0 + nth as f64);
        }
    }
    for mark in [Mark::Line, Mark::Area, Mark::Bar] {
        let columns = vec![("m", days(&at)), ("who", texts(&who)), ("much", floats(&much))];
        let out = drawn_of(&channels(mark, "m", &["much"], Some("who")), columns, &[], Size { width: 158.0, height: 168.0 }).unwrap();
        for name in names {
            assert!(out.svg.contains(&format!(">{name}<")), "{mark:?}: {name} is not in {}", out.svg);
        }
    }
}

#[test]
fn a12_a_heatmap_of_hours_and_days_shows_every_hour() {
    let hours: Vec<String> = (0..24 * 90).map(|cell| format!("{:02}:00", cell % 24)).collect();
    let at: Vec<i32> = (0..24 * 90).map(|cell| 19_000 + cell / 24).collect();
    let heat: Vec<f64> = (0..24 * 90).map(|cell| f64::from(cell * 7 % 100)).collect();
    let mut chart = channels(Mark::Heatmap, "day", &["hour"], Some("heat"));
    chart.stack = Stack::None;
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("day", Arc::new(Date32Array::from(at))),
        ("hour", Arc::new(StringArray::from(hours))),
        ("heat", Arc::new(Float64Array::from(heat))),
    ];
    let out = drawn_of(&chart, columns, &[], Size { width: 500.0, height: 200.0 }).unwrap();
    assert_eq!(out.notes, [""; 0]);
    assert!(out.svg.len() < 150_000, "{} bytes", out.svg.len());
}

#[test]
fn b4_what_is_not_drawn_is_told_even_when_nothing_is() {
    let mut log = channels(Mark::Line, "m", &["amount"], None);
    log.scale = Scale::Log;
    for mark in [Mark::Line, Mark::Bar, Mark::Area, Mark::Point] {
        log.mark = mark;
        let out = drawn_of(&log, vec![("m", texts(&["a", "b"])), ("amount", floats(&[0.0, 0.0]))], &[], SIZE).unwrap();
        assert!(out.svg.contains("No results") && out.notes.iter().any(|note| note.contains("2 values ≤ 0")), "{mark:?}: {:?}", out.notes);
        log.scale = Scale::Log;
    }
    for mark in [Mark::Line, Mark::Bar, Mark::Area] {
        let columns = vec![("m", texts(&["a", "b", "c"])), ("amount", floats(&[1.0, f64::NAN, f64::INFINITY]))];
        let out = drawn_of(&channels(mark, "m", &["amount"], None), columns, &[], SIZE).unwrap();
        assert_eq!(out.notes, ["2 values of Amount not drawn: not a finite number"], "{mark:?}");
    }
}

#[test]
fn b6_a_comparison_says_when_it_was() {
    let mut kpi = Chart::new(Mark::Kpi);
    (kpi.value, kpi.compare) = (Some("amount".to_owned()), Some(Compare::Previous));
    let batches =
        [RecordBatch::try_from_iter(vec![("m", days(&["2024-02-01", "2024-03-01"])), ("amount", floats(&[100.0, 112.0]))]).unwrap()];
    let fields = IndexMap::from([("m".to_owned(), FieldSpec { format: Some("MMM yyyy".to_owned()), ..FieldSpec::default() })]);
    let input = ChartInput { chart: &kpi, batches: &batches, fields: &fields, zone: "UTC", colors: &Colors::default() };
    assert_eq!(kpi_text(&input).unwrap().compared_with.as_deref(), Some("vs 100 in Feb 2024"));
}

#[test]
fn b8_a_series_of_both_signs_does_not_cover_others() {
    let mut chart = channels(Mark::Area, "m", &["amount"], Some("group"));
    chart.stack = Stack::Zero;
    let columns = vec![
        ("m", days(&["2024-01-01", "2024-02-01", "2024-01-01", "2024-02-01"])),
        ("group", texts(&["a", "a", "b", "b"])),
        ("amount", floats(&[5.0, 5.0, 3.0, -3.0])),
    ];
    let out = drawn_of(&chart, columns, &[], SIZE).unwrap();
    let second = Theme::light().series[1];
    let parts = out.svg.matches(&format!("fill=\"{second}\" fill-opacity")).count();
    assert_eq!(parts, 2, "one part above zero and one below: {}", out.svg);
}

#[test]
fn b10_bins_stand_where_they_are() {
    let columns = vec![("bin", floats(&[0.0, 10.0, 30.0])), ("n", floats(&[4.0, 5.0, 6.0]))];
    let out = drawn_of(&channels(Mark::Bar, "bin", &["n"], None), columns, &[], SIZE).unwrap();
    assert!(out.alt.contains("4 values") && out.svg.contains(">20<"), "{}", out.svg);
    let columns = vec![("bin", floats(&[0.0, 10.0, 500.0])), ("n", floats(&[4.0, 5.0, 6.0]))];
    let out = drawn_of(&channels(Mark::Bar, "bin", &["n"], None), columns, &[], SIZE).unwrap();
    assert_eq!(out.notes, ["The values of Bin are not equally far apart"]);
}

#[test]
fn b12_what_is_left_over_has_a_name_that_no_category_has() {
    let names: Vec<String> = (0..12).map(|i| if i == 0 { "Other".to_owned() } else { format!("s{i}") }).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let columns = vec![("name", texts(&names)), ("amount", floats(&(0..12).map(|i| 20.0 - f64::from(i)).collect::<Vec<_>>()))];
    let out = drawn_of(&channels(Mark::Pie, "name", &["amount"], None), columns, &[], Size { width: 400.0, height: 250.0 }).unwrap();
    assert!(out.svg.contains(">All other (4)<") && out.svg.contains(">Other<"), "{}", out.svg);
}

#[test]
fn b16_slices_of_one_name_are_put_together_and_told() {
    let columns = vec![("name", texts(&["a", "a", "b"])), ("amount", floats(&[1.0, 2.0, 3.0]))];
    let out = drawn_of(&channels(Mark::Pie, "name", &["amount"], None), columns, &[], SIZE).unwrap();
    assert_eq!(out.notes, ["Rows with the same Name were added up"]);
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
        let spec = FieldSpec { label: None, format: (!format.is_empty()).then(|| format.to_owned()), ..FieldSpec::default() };
        let fields = IndexMap::from([("amount".to_owned(), spec)]);
        let text =
            kpi_text(&ChartInput { chart: &kpi, batches: &batches, fields: &fields, zone: "UTC", colors: &Colors::default() }).unwrap();
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
    let input = ChartInput { chart: &kpi, batches: &batches, fields: &IndexMap::new(), zone: "UTC", colors: &Colors::default() };
    let theme = Theme::light();
    let says = |width: f64, words: &str| {
        let svg = draw(&input, Size { width, height: 50.0 }, &theme).unwrap().svg;
        svg.contains(&format!(">{words}</text>"))
    };
    // What all of it takes in the smallest letters, with the arrow and the spaces around the change.
    let least = measure::width("12.0%", theme.small, Weight::Bold) + measure::width("vs 100 before", theme.small, Weight::Regular);
    let least = least + theme.small * 1.7;
    assert!(says(least + 1.0, "vs 100 before"));
    assert!(says(least - 1.0, "vs 100") && says(least - 1.0, "12.0%"));
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
    let input = ChartInput { chart: &table, batches: &batches, fields: &fields, zone: "UTC", colors: &Colors::default() };
    let mut ranges = Ranges::of(&table);
    ranges.add(&batches[0]);
    let shades = table_shades(&input, &ranges, &Theme::light()).unwrap();
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
        let spec = || FieldSpec { label: None, format: Some(format.to_owned()), ..FieldSpec::default() };
        let fields = IndexMap::from([("amount".to_owned(), spec()), ("name".to_owned(), spec())]);
        let input = ChartInput { chart: &chart, batches: &batches, fields: &fields, zone: "America/New_York", colors: &Colors::default() };
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
