#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::sync::Arc;

use arrow_array::{ArrayRef, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray};
use indexmap::IndexMap;
use jiff::Timestamp;
use pressrun_domain::catalog::{FieldSpec, GridPosition};
use pressrun_domain::chart::{Chart, Compare, Mark};

use super::*;
use crate::report::{FilterLine, Page, Rows, TileData, Truncated};

const HOSTILE: &str = "<img src=x onerror=alert(1)>\"'&\u{202e}";

fn rows(count: usize) -> RecordBatch {
    let month: Vec<String> = (0..count).map(|n| if n == 0 { HOSTILE.to_owned() } else { format!("M{n}") }).collect();
    let team: Vec<&str> = (0..count).map(|n| if n % 2 == 0 { "</svg><script>" } else { "East" }).collect();
    let amount: Vec<f64> = (0..count).map(|n| n as f64 * 10.0 - 5.0).collect();
    let number: Vec<i64> = (0..count).map(|n| n as i64).collect();
    RecordBatch::try_from_iter([
        ("month", Arc::new(StringArray::from(month)) as ArrayRef),
        ("team", Arc::new(StringArray::from(team)) as ArrayRef),
        ("amount", Arc::new(Float64Array::from(amount)) as ArrayRef),
        ("orders", Arc::new(Int64Array::from(number)) as ArrayRef),
    ])
    .unwrap()
}

fn chart(mark: Mark) -> Chart {
    let mut chart = Chart::new(mark);
    match mark {
        Mark::Kpi => {
            chart.value = Some("amount".into());
            chart.compare = Some(Compare::Previous);
            chart.sparkline = Some("amount".into());
        }
        Mark::Table => {
            chart.bars = vec!["amount".into()];
            chart.heat = vec!["orders".into()];
            chart.totals = true;
        }
        Mark::Heatmap => {
            chart.x = Some("month".into());
            chart.y = vec!["team".into()];
            chart.color = Some("amount".into());
        }
        Mark::Pie => {
            chart.x = Some("month".into());
            chart.y = vec!["orders".into()];
        }
        Mark::Bar | Mark::Line | Mark::Area | Mark::Point => {
            chart.x = Some("month".into());
            chart.y = vec!["amount".into()];
            chart.color = Some("team".into());
        }
    }
    chart
}

fn data(mark: Mark, batch: RecordBatch) -> TileContent {
    TileContent::Data(TileData { rows: Rows::Batches(vec![batch]), fields: IndexMap::new(), chart: chart(mark), truncated: None })
}

fn tile(content: TileContent) -> TileView {
    TileView { key: "1".into(), title: HOSTILE.into(), subtitle: None, at: GridPosition { x: 0, y: 0, w: 12, h: 8 }, content }
}

fn report(tiles: Vec<TileView>) -> Report {
    Report {
        title: "Orders".into(),
        description: None,
        language: "en".into(),
        zone: "America/New_York".into(),
        as_of: Timestamp::UNIX_EPOCH,
        filters: vec![FilterLine { key: "region".into(), label: "Region".into(), value: "is <b>*US*</b>".into() }],
        link: None,
        pages: vec![Page { name: None, tiles }],
        notes: Vec::new(),
        theme: ThemeName::Light,
    }
}

fn html(content: TileContent) -> String {
    let pages = dashboard_html(&report(vec![tile(content)]), ThemeName::Light).unwrap();
    pages[0].tiles[0].html.clone()
}

const MARKS: [Mark; 8] = [Mark::Kpi, Mark::Table, Mark::Bar, Mark::Line, Mark::Area, Mark::Point, Mark::Pie, Mark::Heatmap];

#[test]
fn every_mark_becomes_a_fragment_with_inert_text() {
    for mark in MARKS {
        let html = html(data(mark, rows(6)));
        assert!(html.contains(if mark == Mark::Table { "<table>" } else { "<svg " }), "{mark:?}: {html}");
        assert!(!html.contains("<script") && !html.contains("<img") && !html.contains('\u{202e}'), "{mark:?}: {html}");
        assert!(!html.contains("class=\"failed\""), "{mark:?}: {html}");
    }
}

#[test]
fn wide_charts_are_drawn_a_second_time_for_narrow_screens() {
    assert!(html(data(Mark::Bar, rows(6))).contains("<div class=\"narrow\"><svg "));
    assert!(!html(data(Mark::Kpi, rows(6))).contains("narrow"));
}

#[test]
fn v13_no_rows_says_so_for_every_mark() {
    for mark in MARKS {
        assert_eq!(html(data(mark, rows(0))), "<p class=\"empty\">No results</p>", "{mark:?}");
    }
}

#[test]
fn v13_a_failed_tile_is_a_labelled_box_and_the_rest_is_shown() {
    let mut wrong = chart(Mark::Bar);
    wrong.y = vec!["nope".into()];
    let misfit = TileContent::Data(TileData { rows: Rows::Batches(vec![rows(3)]), fields: IndexMap::new(), chart: wrong, truncated: None });
    let tiles = vec![tile(TileContent::Failed { message: "no table <orders>".into() }), tile(misfit), tile(data(Mark::Bar, rows(3)))];
    let pages = dashboard_html(&report(tiles), ThemeName::Dark).unwrap();
    let shown: Vec<&str> = pages[0].tiles.iter().map(|tile| tile.html.as_str()).collect();
    assert!(shown[0].contains("class=\"failed\"") && shown[0].contains("no table &lt;orders&gt;"), "{}", shown[0]);
    assert!(shown[1].contains("class=\"failed\"") && shown[1].contains("nope"), "{}", shown[1]);
    assert!(shown[2].contains("<svg "), "{}", shown[2]);
}

#[test]
fn rows_that_cannot_be_read_are_an_error() {
    let data =
        TileData { rows: Rows::Ipc("/nowhere/rows.arrow".into()), fields: IndexMap::new(), chart: chart(Mark::Bar), truncated: None };
    let error = dashboard_html(&report(vec![tile(TileContent::Data(data))]), ThemeName::Light).unwrap_err();
    assert_eq!(error.reason(), "rowsUnreadable");
}

#[test]
fn r11_a_table_shows_a_thousand_rows_says_so_and_totals_all() {
    let html = html(data(Mark::Table, rows(1_500)));
    assert_eq!(html.matches("<tr>").count(), 1_001, "header and rows");
    assert!(html.contains("First 1,000 of 1,500 rows; totals are over all of them"));
    assert!(html.contains("<td>Total</td>") && html.contains("1,124,250"), "orders add up to 0 + … + 1499");
}

#[test]
fn r11_a_query_stopped_at_its_limit_is_noted() {
    for mark in [Mark::Table, Mark::Bar] {
        let TileContent::Data(mut data) = data(mark, rows(4)) else { unreachable!() };
        data.truncated = Some(Truncated { limit: 4 });
        assert!(html(TileContent::Data(data)).contains("stopped at its limit of 4 rows"), "{mark:?}");
    }
}

#[test]
fn tables_align_numbers_draw_bars_and_heat_and_hide_hidden_columns() {
    let TileContent::Data(mut data) = data(Mark::Table, rows(3)) else { unreachable!() };
    data.fields.insert("team".into(), FieldSpec { hidden: true, ..FieldSpec::default() });
    data.fields.insert("amount".into(), FieldSpec { format: Some("$#,##0".into()), ..FieldSpec::default() });
    let html = html(TileContent::Data(data));
    assert!(html.contains("<th scope=\"col\" class=\"num\">Amount</th>"), "{html}");
    assert!(html.contains("class=\"num bar neg\"") && html.contains("class=\"num bar\" style=\"--a:"), "{html}");
    assert!(html.contains("class=\"num heat\" style=\"background:#"), "{html}");
    assert!(html.contains("$15"), "{html}");
    assert!(!html.contains("Team"), "{html}");
}

#[test]
fn totals_are_exact_and_leave_out_what_has_no_sum() {
    let decimals = Decimal128Array::from(vec![Some(i128::MAX / 2), None, Some(1)]).with_precision_and_scale(38, 2).unwrap();
    let batch = RecordBatch::try_from_iter([
        ("price", Arc::new(decimals) as ArrayRef),
        ("order_id", Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef),
        ("share", Arc::new(Float64Array::from(vec![0.1, 0.2, 0.3])) as ArrayRef),
    ])
    .unwrap();
    let mut totals_chart = Chart::new(Mark::Table);
    totals_chart.totals = true;
    let fields = IndexMap::from_iter([("share".to_owned(), FieldSpec { format: Some("0%".into()), ..FieldSpec::default() })]);
    let data = TileData { rows: Rows::Batches(vec![batch]), fields, chart: totals_chart, truncated: None };
    let html = html(TileContent::Data(data));
    let foot = html.split("<tfoot>").nth(1).unwrap();
    assert!(foot.contains("850,705,917,302,346,158,658,436,518,579,420,528.64"), "{foot}");
    // The word stands in the first column that comes to nothing (A7).
    assert_eq!(foot.matches("<td class=\"num\"></td>").count(), 1, "{foot}");
    assert_eq!(foot.matches("<td class=\"num\">Total</td>").count(), 1, "{foot}");
}

#[test]
fn v12_markdown_loads_nothing_and_runs_nothing() {
    for (text, present, absent) in [
        ("# Big\n\n**bold** text", "<h3>Big</h3>", "<h1"),
        ("a <script>alert(1)</script> b", "a alert(1) b", "<script"),
        ("<iframe src=\"https://x.yy\"></iframe>\n\nafter", "after", "<iframe"),
        ("![logo](https://x.yy/z.png)", "logo", "<img"),
        ("![p](data:image/png;base64,AAAA)", "<img src=\"data:image/png;base64,AAAA\"", "https:"),
        ("![p](data:image/svg+xml;base64,AAAA)", "p", "<img"),
        ("[go](javascript:alert(1))", "go", "href"),
        ("[go](https://example.com/?a=1&b=2)", "<a href=\"https://example.com/?a=1&amp;b=2\">go</a>", "javascript"),
        ("[go](//evil.example)", "go", "href"),
        ("[![x](https://a.bb/c.png)](https://ok.example)", "<a href=\"https://ok.example\">x</a>", "<img"),
        ("Region {{filters.region.summary}}", "Region is &lt;b&gt;*US*&lt;/b&gt;", "<b>"),
        ("{{filters.region.label}} {{{ filters.region.value }}}.", "Region is &lt;b&gt;*US*&lt;/b&gt;.", "}"),
        ("[x{{nothing.here}}]{{", "[x]{{", "nothing"),
        ("as of {{metadata.lastRanAt}}", "December 31, 1969, 19:00 EST", "{{"),
        ("```<b>\n<i>code</i>\n```", "&lt;i&gt;code&lt;/i&gt;", "<b>"),
    ] {
        let html = html(TileContent::Markdown(text.to_owned()));
        assert!(html.contains(present), "{text}: {html}");
        assert!(!html.contains(absent), "{text}: {html}");
    }
}

#[test]
fn fragments_cross_a_process_border() {
    let pages = dashboard_html(&report(vec![tile(data(Mark::Pie, rows(3)))]), ThemeName::Light).unwrap();
    let text = serde_json::to_string(&pages).unwrap();
    assert_eq!(serde_json::from_str::<Vec<PageTiles>>(&text).unwrap(), pages);
}
