//! One table, the same tones wherever it is shown.

use std::sync::Arc;

use arrow_array::{Float64Array, RecordBatch, StringArray};
use indexmap::IndexMap;
use pressrun_domain::catalog::FieldSpec;
use pressrun_domain::chart::{Chart, Compare, Finite, Mark};
use pressrun_domain::output::Format;
use pressrun_domain::tone::{Bound, Condition, Test, Tone};

use crate::chart::{ChartInput, Colors, Size, Theme, draw, kpi_text};
use crate::email::MailTable;
use crate::html::dashboard_html;
use crate::report::{ThemeName, TileContent, TileView};
use crate::testing::{batch, data, job, rendered, tile};

fn number(limit: f64) -> Option<Bound> {
    Finite::new(limit).map(Bound::Number)
}

fn condition(tone: Tone, test: Test) -> Condition {
    Condition { test, tone }
}

fn fields() -> IndexMap<String, FieldSpec> {
    let margin = vec![
        condition(Tone::Bad, Test { below: Some(Bound::Column("target".to_owned())), ..Test::default() }),
        condition(Tone::Good, Test { from: number(0.3), ..Test::default() }),
    ];
    let state = vec![condition(Tone::Warning, Test { is: vec!["Late \"x\"".to_owned()], ..Test::default() })];
    IndexMap::from([
        ("margin".to_owned(), FieldSpec { format: Some("0.0%".to_owned()), when: margin, ..FieldSpec::default() }),
        ("state".to_owned(), FieldSpec { when: state, ..FieldSpec::default() }),
    ])
}

fn rows() -> RecordBatch {
    batch(vec![
        ("state", Arc::new(StringArray::from(vec![Some("Late \"x\""), Some("Open"), None]))),
        ("margin", Arc::new(Float64Array::from(vec![Some(0.1), Some(0.35), None]))),
        ("target", Arc::new(Float64Array::from(vec![0.2, 0.2, 0.2]))),
    ])
}

fn table(set: impl FnOnce(&mut Chart)) -> TileView {
    let mut chart = Chart::new(Mark::Table);
    set(&mut chart);
    let mut content = data(vec![rows()], chart);
    content.fields = fields();
    tile("1", "Margins", TileContent::Data(content))
}

fn sheet(tile: TileView, formatted: bool) -> (std::collections::BTreeMap<String, String>, Vec<String>) {
    let mut job = job(Format::Xlsx, vec![tile]);
    (job.options.show_filters, job.options.show_content_link, job.options.enable_formatting) = (false, false, formatted);
    let (bytes, said) = rendered(&job).unwrap();
    (crate::xlsx::parts(bytes), said.warnings)
}

#[test]
fn g3_a_page_marks_and_colours_what_is_bad_and_what_is_good() {
    let html = dashboard_html(&job(Format::Pdf, vec![table(|_| {})]).report, ThemeName::Light).unwrap();
    let html = &html[0].tiles[0].html;
    for said in [
        "<span role=\"img\" aria-label=\"bad\">■</span> 10.0%",
        "<span role=\"img\" aria-label=\"good\">●</span> 35.0%",
        "<span role=\"img\" aria-label=\"warning\">▲</span> Late",
        ">Open<",
    ] {
        assert!(html.contains(said), "{said}: {html}");
    }
    assert!(html.contains("style=\"background:#"), "{html}");
}

#[test]
fn g3_a_mail_has_the_marks_too() {
    let tile = table(|_| {});
    let mail = MailTable::read(&tile, tile.data().unwrap(), "UTC").unwrap();
    assert_eq!(mail.rows[0][..2], ["▲ Late \"x\"", "■ 10.0%"]);
    assert_eq!(mail.rows[1][..2], ["Open", "● 35.0%"]);
}

#[test]
fn g3_paper_has_the_marks_too() {
    let (bytes, said) = rendered(&job(Format::Pdf, vec![table(|_| {})])).unwrap();
    assert!(said.warnings.is_empty(), "{:?}", said.warnings);
    if let Some(text) = crate::testing::pdf_text(&bytes) {
        for words in ["■ 10.0%", "● 35.0%", "▲ Late"] {
            assert!(text.contains(words), "{words}: {text}");
        }
    }
}

#[test]
fn g3_a_column_that_is_not_there_is_told() {
    let mut tile = table(|_| {});
    if let TileContent::Data(data) = &mut tile.content {
        data.fields.get_mut("margin").unwrap().when[0].test.below = Some(Bound::Column("gone".to_owned()));
    }
    let pages = dashboard_html(&job(Format::Pdf, vec![tile.clone()]).report, ThemeName::Light).unwrap();
    assert!(pages[0].tiles[0].html.contains("Conditions compare with what the result does not have: gone"));
    let (_, warnings) = sheet(tile, true);
    assert_eq!(warnings, ["\"Margins\": conditions of Margin compare with columns that are not in the sheet"]);
}

#[test]
fn g3_a_sheet_has_rules_of_its_own() {
    let (parts, warnings) = sheet(table(|_| {}), true);
    assert!(warnings.is_empty(), "{warnings:?}");
    let text = &parts["xl/worksheets/sheet1.xml"];
    for said in [
        "sqref=\"B2:B4\"",
        "AND(ISNUMBER($B2),ISNUMBER($C2),$B2&lt;$C2)",
        "AND(ISNUMBER($B2),$B2&gt;=0.3)",
        "AND(OR(EXACT($A2,\"Late \"\"x\"\"\")))",
        "stopIfTrue=\"1\"",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let styles = &parts["xl/styles.xml"];
    assert!(styles.contains("&quot;■ &quot;0.0%") && styles.contains("<dxf>"), "{styles}");
}

#[test]
fn f_bars_and_heat_of_a_sheet_are_its_own() {
    let shaded = table(|chart| (chart.bars, chart.heat) = (vec!["target".to_owned()], vec!["margin".to_owned()]));
    let text = sheet(shaded, false).0.remove("xl/worksheets/sheet1.xml").unwrap();
    assert!(text.contains("<dataBar>") && text.contains("<colorScale>"), "{text}");
}

#[test]
fn f_totals_of_a_sheet_follow_its_filter() {
    let mut tile = table(|chart| chart.totals = true);
    if let TileContent::Data(data) = &mut tile.content {
        data.fields
            .insert("target".to_owned(), FieldSpec { aggregate: Some(pressrun_domain::catalog::Aggregate::Avg), ..FieldSpec::default() });
    }
    let text = sheet(tile.clone(), true).0.remove("xl/worksheets/sheet1.xml").unwrap();
    assert!(text.contains("<f>SUBTOTAL(101,C2:C4)</f>") && text.contains("<autoFilter ref=\"A1:C4\"/>"), "{text}");
    assert!(text.contains("<row r=\"5\"") && text.contains("Total"), "{text}");
    // Shares come to nothing, so they have no formula.
    assert!(!text.contains("B2:B4)</f>"), "{text}");
    let plain = sheet(tile, false).0.remove("xl/worksheets/sheet1.xml").unwrap();
    assert!(!plain.contains("<row r=\"5\""), "a sheet for machines has rows and nothing else: {plain}");
}

#[test]
fn f_numbers_that_are_text_have_no_formula_that_would_not_see_them() {
    let rows = batch(vec![
        ("name", Arc::new(StringArray::from(vec!["a", "b"]))),
        ("big", Arc::new(arrow_array::Int64Array::from(vec![1_234_567_890_123_456, 1]))),
    ]);
    let mut chart = Chart::new(Mark::Table);
    chart.totals = true;
    let text = sheet(tile("1", "Big", TileContent::Data(data(vec![rows], chart))), true).0.remove("xl/worksheets/sheet1.xml").unwrap();
    assert!(!text.contains("SUBTOTAL") && text.contains("1,234,567,890,123,457"), "{text}");
}

#[test]
fn f_hidden_columns_of_a_sheet_are_there_and_hidden() {
    let mut tile = table(|_| {});
    if let TileContent::Data(data) = &mut tile.content {
        data.fields.insert("target".to_owned(), FieldSpec { hidden: true, ..FieldSpec::default() });
    }
    let text = sheet(tile, false).0.remove("xl/worksheets/sheet1.xml").unwrap();
    assert!(text.contains("min=\"3\" max=\"3\"") && text.contains("hidden=\"1\"") && text.contains("<c r=\"C2\""), "{text}");
}

#[test]
fn f_a_chart_is_one_of_the_sheet_s_own() {
    let mut chart = Chart::new(Mark::Bar);
    (chart.x, chart.y) = (Some("state".to_owned()), vec!["target".to_owned()]);
    chart.layers = vec![pressrun_domain::chart::Layer { mark: Mark::Line, y: "margin".to_owned(), side: None, point: false }];
    let mut content = data(vec![rows()], chart);
    content.fields = fields();
    let (parts, _) = sheet(tile("1", "Margins & targets", TileContent::Data(content)), true);
    let drawn = &parts["xl/charts/chart1.xml"];
    for said in ["<c:barChart>", "<c:lineChart>", "$C$2:$C$4", "$B$2:$B$4", "$A$2:$A$4", "Margins &amp; targets"] {
        assert!(drawn.contains(said), "{said}: {drawn}");
    }
    let heat = tile("1", "Rows", TileContent::Data(data(vec![rows()], Chart::new(Mark::Table))));
    assert!(!sheet(heat, true).0.contains_key("xl/charts/chart1.xml"));
}

#[test]
fn f_names_are_never_the_numbers_of_a_sheet_s_chart() {
    let mut chart = Chart::new(Mark::Bar);
    (chart.x, chart.y) = (Some("target".to_owned()), vec!["state".to_owned()]);
    let (parts, _) = sheet(tile("1", "Lying", TileContent::Data(data(vec![rows()], chart))), true);
    assert!(!parts.contains_key("xl/charts/chart1.xml"));
}

fn figure(chart: &Chart, rows: &RecordBatch, fields: &IndexMap<String, FieldSpec>, size: Size) -> (String, String, String) {
    let batches = [rows.clone()];
    let input = ChartInput { chart, batches: &batches, fields, zone: "UTC", colors: &Colors::default() };
    let drawn = draw(&input, size, &Theme::light()).unwrap();
    (drawn.svg, drawn.alt, kpi_text(&input).unwrap().value)
}

const SIZE: Size = Size { width: 200.0, height: 110.0 };

#[test]
fn g6_a_figure_says_how_far_its_goal_is_and_what_it_is() {
    let rows = batch(vec![("margin", Arc::new(Float64Array::from(vec![1.0, 340.0])))]);
    let when = vec![condition(Tone::Warning, Test { below: number(500.0), ..Test::default() })];
    let fields = IndexMap::from([("margin".to_owned(), FieldSpec { when, ..FieldSpec::default() })]);
    let mut chart = Chart::new(Mark::Kpi);
    (chart.value, chart.goal) = (Some("margin".to_owned()), number(500.0));
    let (svg, alt, value) = figure(&chart, &rows, &fields, SIZE);
    assert_eq!(value, "▲ 340");
    assert_eq!(alt, "Margin: ▲ 340, 68% of 500, warning.");
    assert!(svg.contains(">68% of 500<") && svg.contains("▲ 340"), "{svg}");
    // With a comparison the goal stands at its bar.
    chart.compare = Some(Compare::Previous);
    let (svg, alt, _) = figure(&chart, &rows, &fields, SIZE);
    assert!(svg.contains(">68% of 500<") && svg.contains("vs 1 before") && alt.contains("68% of 500"), "{svg}");
    // In a low tile there is no room for either, and a note says it.
    let batches = [rows];
    let input = ChartInput { chart: &chart, batches: &batches, fields: &fields, zone: "UTC", colors: &Colors::default() };
    let low = draw(&input, Size { height: 46.0, ..SIZE }, &Theme::light()).unwrap();
    assert_eq!((low.svg.contains(">68% of 500<"), low.notes), (false, vec!["Margin: 68% of 500".to_owned()]));
}

#[test]
fn g6_a_figure_may_be_a_text_or_a_time() {
    let rows = batch(vec![
        ("state", Arc::new(StringArray::from(vec!["All systems run"]))),
        ("day", Arc::new(arrow_array::Date32Array::from(vec![20_514]))),
    ]);
    let mut chart = Chart::new(Mark::Kpi);
    for (column, expected) in [("state", "All systems run"), ("day", "Mar 2, 2026")] {
        chart.value = Some(column.to_owned());
        let (svg, _, value) = figure(&chart, &rows, &IndexMap::new(), SIZE);
        assert_eq!(value, expected);
        assert!(svg.contains(&format!(">{expected}<")), "{svg}");
    }
    chart.compare = Some(Compare::Previous);
    let batches = [rows];
    let input = ChartInput { chart: &chart, batches: &batches, fields: &IndexMap::new(), zone: "UTC", colors: &Colors::default() };
    assert!(draw(&input, SIZE, &Theme::light()).unwrap_err().to_string().contains("does not hold numbers"));
}

#[test]
fn g7_a_figure_is_compared_with_the_period_so_many_rows_back() {
    let rows = batch(vec![("margin", Arc::new(Float64Array::from((1..=13).map(f64::from).collect::<Vec<_>>())))]);
    let mut chart = Chart::new(Mark::Kpi);
    (chart.value, chart.compare, chart.back) = (Some("margin".to_owned()), Some(Compare::Previous), 12);
    let batches = [rows];
    let input = ChartInput { chart: &chart, batches: &batches, fields: &IndexMap::new(), zone: "UTC", colors: &Colors::default() };
    let text = kpi_text(&input).unwrap();
    assert_eq!(text.compared_with.as_deref(), Some("vs 1 12 rows before"));
    assert_eq!(text.change.as_deref(), Some("+1200%"));
}
