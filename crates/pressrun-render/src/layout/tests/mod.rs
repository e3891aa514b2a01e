mod document;
mod hostile;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use arrow_array::{Date32Array, Float64Array, Int64Array, RecordBatch, StringArray};
use pressrun_domain::chart::{Chart, Mark};
use pressrun_domain::output::{Format, PaperFormat, PaperOrientation};

use crate::report::{Page, RenderJob, TileContent, TileView, Truncated};
use crate::testing::{at, batch, data, field, job, rendered, table, tile};
use crate::{RenderError, Rendered};

/// What poppler, a reader we did not write, says about a pdf. `None` where poppler is not installed.
struct Seen {
    text: String,
    info: String,
    pages: usize,
    said: Rendered,
}

/// Its text, laid out as on the page.
fn page_text(file: &Path) -> String {
    let output = Command::new("pdftotext").args(["-layout", "-enc", "UTF-8"]).arg(file).arg("-").output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}

fn see(job: &RenderJob) -> Seen {
    let (bytes, said) = rendered(job).unwrap();
    assert!(bytes.starts_with(b"%PDF-"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.pdf");
    std::fs::write(&path, bytes).unwrap();
    let text = page_text(&path);
    let info =
        Command::new("pdfinfo").args(["-l", "999"]).arg(&path).output().map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let info = info.unwrap_or_default();
    let pages = said.pages as usize;
    Seen { text, info, pages, said }
}

/// What a reader who does not see is told.
fn structure(job: &RenderJob) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.pdf");
    std::fs::write(&path, rendered(job).unwrap().0).unwrap();
    let output = Command::new("pdfinfo").arg("-struct-text").arg(&path).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}

/// Whether poppler is here; without it the checks that need it are skipped.
fn poppler() -> bool {
    Command::new("pdfinfo").arg("-v").output().is_ok()
}

fn sizes(info: &str) -> Vec<String> {
    info.lines()
        .filter(|line| line.starts_with("Page ") && line.contains("size:"))
        .map(|line| line.split("size:").nth(1).unwrap_or("").trim().to_owned())
        .collect()
}

fn numbers(count: usize) -> RecordBatch {
    batch(vec![
        ("name", Arc::new(StringArray::from_iter_values((0..count).map(|row| format!("row-{row:05}"))))),
        ("amount", Arc::new(Float64Array::from_iter_values((0..count).map(|row| row as f64 + 0.5)))),
        ("day", Arc::new(Date32Array::from_iter_values((0..count).map(|row| 20_000 + row as i32)))),
    ])
}

fn bars() -> TileView {
    let rows = batch(vec![
        ("region", Arc::new(StringArray::from(vec!["North", "South"]))),
        ("revenue", Arc::new(Float64Array::from(vec![120.0, 80.0]))),
    ]);
    let chart = Chart { x: Some("region".to_owned()), y: vec!["revenue".to_owned()], ..Chart::new(Mark::Bar) };
    tile("1", "Revenue by region", TileContent::Data(data(vec![rows], chart)))
}

fn dashboard() -> Vec<TileView> {
    vec![
        at(bars(), 0, 0, 12, 8),
        at(table("2", "Latest orders", vec![numbers(60)]), 12, 0, 12, 8),
        at(tile("note", "", TileContent::Markdown("# Hello\n\nSome **bold** text.".to_owned())), 0, 8, 24, 4),
    ]
}

#[test]
fn v4_sheets_have_the_papers_size() {
    if !poppler() {
        return;
    }
    let (portrait, landscape) = (Some(PaperOrientation::Portrait), Some(PaperOrientation::Landscape));
    for (paper, orientation, expected) in [
        (None, None, "612 x 792 pts (letter)"),
        (Some(PaperFormat::Letter), landscape, "792 x 612 pts (letter)"),
        (Some(PaperFormat::A4), portrait, "595 x 842 pts (A4)"),
        (Some(PaperFormat::Legal), None, "612 x 1008 pts"),
        (Some(PaperFormat::Tabloid), landscape, "1224 x 792 pts"),
        (Some(PaperFormat::A3), None, "842 x 1191 pts (A3)"),
    ] {
        let mut job = job(Format::Pdf, dashboard());
        (job.options.paper_format, job.options.paper_orientation) = (paper, orientation);
        let seen = see(&job);
        assert!(sizes(&seen.info).iter().all(|size| size.starts_with(expected)), "{paper:?} {orientation:?}: {}", seen.info);
    }
}

#[test]
fn v4_fit_page_is_one_sheet_a_dashboard_page() {
    let mut job = job(Format::Pdf, (0..12).map(|row| at(bars(), 0, row * 10, 24, 10)).collect());
    job.options.paper_format = Some(PaperFormat::FitPage);
    assert_eq!(rendered(&job).unwrap().1.pages, 1);
    let second = Page { name: Some("Second".to_owned()), tiles: dashboard() };
    job.report.pages.push(second);
    assert_eq!(rendered(&job).unwrap().1.pages, 2);
}

#[test]
fn v5_a_tile_that_does_not_fit_moves_to_the_next_sheet_whole() {
    let seen = see(&job(Format::Pdf, (0..4).map(|row| at(bars(), 0, row * 12, 24, 12)).collect()));
    assert_eq!(seen.pages, 4 / 2 + usize::from(seen.pages > 2));
    if poppler() {
        assert_eq!(seen.text.matches("Revenue by region").count(), 4, "{}", seen.text);
    }
}

#[test]
fn v6_an_expanded_table_shows_a_thousand_rows_a_head_a_sheet_and_says_what_it_left_out() {
    let mut job = job(Format::Pdf, vec![table("1", "Orders", vec![numbers(900), numbers(600)])]);
    job.options.expand_tables_to_show_all_rows = true;
    let seen = see(&job);
    assert!(seen.said.warnings.iter().any(|warning| warning.contains("first 1,000 of 1,500")), "{:?}", seen.said.warnings);
    if poppler() {
        assert_eq!(seen.text.matches("row-").count(), 1_000);
        assert!(seen.text.contains("First 1,000 of 1,500 rows"));
        assert_eq!(seen.text.matches("Amount").count(), seen.pages);
        assert_eq!(seen.text.matches("continued").count(), seen.pages - 1);
    }
}

#[test]
fn v6_forty_rows_are_forty_rows() {
    let mut job = job(Format::Pdf, vec![table("1", "Orders", vec![numbers(40)])]);
    job.options.expand_tables_to_show_all_rows = true;
    let seen = see(&job);
    assert!(seen.said.warnings.is_empty());
    if poppler() {
        assert_eq!(seen.text.matches("row-").count(), 40);
        assert!(!seen.text.contains("First 40"));
    }
}

#[test]
fn v6_without_expanding_a_table_shows_what_fits_and_says_so() {
    let seen = see(&job(Format::Pdf, vec![table("1", "Orders", vec![numbers(100)])]));
    if poppler() {
        let shown = seen.text.matches("row-").count();
        assert!((5..15).contains(&shown), "{shown}");
        assert!(seen.text.contains(&format!("First {shown} of 100 rows")), "{}", seen.text);
    }
}

#[test]
fn v7_one_column_is_read_from_top_to_bottom_then_left_to_right() {
    let mut tiles = vec![
        at(table("b", "Right", vec![numbers(1)]), 12, 0, 12, 4),
        at(table("c", "Below", vec![numbers(1)]), 0, 4, 24, 4),
        at(table("a", "Left", vec![numbers(1)]), 0, 0, 12, 4),
    ];
    tiles.rotate_left(1);
    let mut job = job(Format::Pdf, tiles);
    job.options.single_column_layout = true;
    let seen = see(&job);
    if poppler() {
        let places: Vec<_> = ["Left", "Right", "Below"].iter().map(|title| seen.text.find(title).unwrap()).collect();
        assert!(places.is_sorted(), "{}", seen.text);
    }
}

#[test]
fn v8_filters_link_and_title_are_printed_unless_switched_off() {
    let mut job = job(Format::Pdf, dashboard());
    let shown = see(&job);
    (job.options.show_filters, job.options.show_content_link, job.options.hide_title) = (false, false, true);
    let bare = see(&job);
    if poppler() {
        for words in ["Region", "is US, CA", "Open dashboard", "As of March 2, 2026, 09:00 EST"] {
            assert!(shown.text.contains(words), "{words}: {}", shown.text);
        }
        assert!(shown.text.lines().any(|line| line.trim_start().starts_with("Orders")));
        assert!(!bare.text.contains("is US, CA") && !bare.text.contains("Open dashboard"));
        assert!(!bare.text.lines().any(|line| line.trim() == "Orders"), "{}", bare.text);
    }
}

#[test]
fn v9_text_is_text_the_pdf_is_tagged_and_equal_jobs_give_equal_bytes() {
    let job = job(Format::Pdf, dashboard());
    let (one, two) = (rendered(&job).unwrap(), rendered(&job).unwrap());
    assert_eq!(one.1, two.1);
    assert_eq!(one.0, two.0);
    if poppler() {
        let seen = see(&job);
        for words in ["Revenue by region", "row-00000", "North", "Hello"] {
            assert!(seen.text.contains(words), "{words}: {}", seen.text);
        }
        let structure = structure(&job);
        for part in ["H1 \"Orders\"", "H2 \"Revenue by region\"", "Figure", "TH <", "TD", "Table (block)"] {
            assert!(structure.contains(part), "{part}: {structure}");
        }
        for line in ["Tagged:          yes", "Title:           Orders", "Creator:         Pressrun"] {
            assert!(seen.info.contains(line), "{line}: {}", seen.info);
        }
    }
}

#[test]
fn v10_pages_come_in_order_and_a_picture_holds_the_first() {
    let mut job = job(Format::Pdf, vec![at(table("1", "First tile", vec![numbers(1)]), 0, 0, 24, 4)]);
    job.report.pages[0].name = Some("Overview".to_owned());
    job.report
        .pages
        .push(Page { name: Some("Details".to_owned()), tiles: vec![at(table("2", "Second tile", vec![numbers(1)]), 0, 0, 24, 4)] });
    let seen = see(&job);
    assert_eq!(seen.pages, 2);
    if poppler() {
        let sheets: Vec<_> = seen.text.split('\u{c}').collect();
        assert!(sheets[0].contains("Overview") && sheets[0].contains("First tile") && sheets[0].contains("Page 1 of 2"));
        assert!(sheets[1].contains("Details") && sheets[1].contains("Second tile") && sheets[1].contains("Page 2 of 2"));
    }
    job.format = Format::Png;
    let (bytes, said) = rendered(&job).unwrap();
    assert!(bytes.starts_with(b"\x89PNG"));
    assert_eq!(said.pages, 1);
    assert!(said.warnings.iter().any(|warning| warning.contains("one page")), "{:?}", said.warnings);
}

#[test]
fn v11_a_tile_alone_has_its_own_title_and_fills_the_paper() {
    let mut job = job(Format::Pdf, vec![at(table("1", "Latest orders", vec![numbers(500)]), 0, 0, 6, 4)]);
    job.single_tile = true;
    let seen = see(&job);
    assert_eq!(seen.pages, 1);
    if poppler() {
        assert!(seen.info.contains("Title:           Latest orders"), "{}", seen.info);
        assert!(seen.text.matches("row-").count() > 30, "{}", seen.text);
    }
}

#[test]
fn v12_markdown_is_text_and_loads_nothing() {
    let source = "Filter {{filters.region.summary}}, nothing {{no.such}}!\n\n<script>evil()</script>\n\n![pixel](https://example.com/p.png)\n\n\
                  [bad](javascript:alert(1)) [good](https://example.com)\n\n#let x = 1\n\n$ math $ @ref *emph* `code`\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n1. one\n2. two";
    let mut job = job(Format::Pdf, vec![at(tile("n", "", TileContent::Markdown(source.to_owned())), 0, 0, 24, 12)]);
    job.report.title = "#text(red)[*x*] \\ $y$".to_owned();
    let seen = see(&job);
    if poppler() {
        for words in ["Filter is US, CA, nothing !", "#let x = 1", "$ math $ @ref emph code", "bad good", "two", "#text(red)[*x*] \\ $y$"] {
            assert!(seen.text.contains(words), "{words}: {}", seen.text);
        }
        assert!(!seen.text.contains("evil") && !seen.text.contains("pixel"));
    }
}

#[test]
fn v5_a_text_taller_than_a_sheet_goes_on_between_its_paragraphs() {
    let source: Vec<String> = (0..120).map(|index| format!("Paragraph {index} with some words.")).collect();
    let seen =
        see(&job(Format::Pdf, vec![at(tile("n", "", TileContent::Markdown(source.join("\n\n"))), 0, 0, 24, 4), at(bars(), 0, 4, 24, 6)]));
    assert!(seen.pages >= 3, "{}", seen.pages);
    if poppler() {
        for index in 0..120 {
            assert!(seen.text.contains(&format!("Paragraph {index} ")), "{index}: {}", seen.text);
        }
        assert!(seen.text.rfind("Revenue by region") > seen.text.rfind("Paragraph 119"));
    }
}

#[test]
fn long_names_stay_in_their_place() {
    let long = "A name that never ends and goes on and on ".repeat(12);
    let mut job = job(Format::Pdf, (0..3).map(|row| at(table("1", &long, vec![numbers(9)]), 0, row * 12, 12, 12)).collect());
    job.report.title.clone_from(&long);
    job.imprint = Some(long.clone());
    job.report.filters[0].value.clone_from(&long);
    let seen = see(&job);
    assert!(seen.pages >= 2);
}

#[test]
fn v13_no_rows_and_a_failed_tile_leave_the_rest_standing() {
    let tiles = vec![
        at(table("1", "Empty table", vec![numbers(0)]), 0, 0, 12, 5),
        at(tile("2", "Broken", TileContent::Failed { message: "no such column: stock_level".to_owned() }), 12, 0, 12, 5),
        at(bars(), 0, 5, 24, 8),
    ];
    let seen = see(&job(Format::Pdf, tiles));
    assert!(seen.said.warnings.iter().any(|warning| warning.contains("\"Broken\" failed")));
    if poppler() {
        for words in ["No results", "This tile could not be shown", "no such column: stock_level", "Revenue by region"] {
            assert!(seen.text.contains(words), "{words}: {}", seen.text);
        }
    }
}

#[test]
fn r11_a_query_that_stopped_at_its_limit_says_so_on_the_page() {
    let mut content = data(vec![numbers(3)], Chart::new(Mark::Table));
    content.truncated = Some(Truncated { limit: 1_000 });
    let seen = see(&job(Format::Pdf, vec![tile("1", "Orders", TileContent::Data(content))]));
    assert_eq!(seen.said.warnings, ["\"Orders\" stops at its limit of 1,000 rows"]);
    if poppler() {
        assert!(seen.text.contains("The query stopped at its limit of 1,000 rows"), "{}", seen.text);
    }
}

fn figure(title: &str, subtitle: Option<&str>) -> TileView {
    let rows = batch(vec![("revenue", Arc::new(Float64Array::from(vec![120_000.0, 131_000.0])))]);
    let chart = Chart { value: Some("revenue".to_owned()), ..Chart::new(Mark::Kpi) };
    let mut tile = tile("1", title, TileContent::Data(data(vec![rows], chart)));
    tile.subtitle = subtitle.map(str::to_owned);
    tile
}

#[test]
fn a2_a_figure_in_a_flat_tile_can_be_read() {
    let long = "Revenue of the whole group before taxes and after returns, in thousands";
    for (case, height, title, subtitle) in [
        ("two rows", 2, "Revenue", None),
        ("two rows and a subtitle", 2, "Revenue", Some("before taxes and after returns, as of yesterday")),
        ("three rows and a subtitle", 3, long, Some("before taxes and after returns, as of yesterday")),
        ("one row", 1, long, None),
    ] {
        // A neighbour whose title takes two lines must not push the figure out of its tile.
        let tiles =
            vec![at(figure(title, subtitle), 0, 0, 6, height), at(figure(long, subtitle), 6, 0, 6, height), at(bars(), 0, height, 24, 8)];
        let job = job(Format::Pdf, tiles);
        if poppler() {
            assert!(see(&job).text.matches("131").count() >= 2, "{case}: {}", see(&job).text);
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("page.pdf");
            std::fs::write(&path, rendered(&job).unwrap().0).unwrap();
            let output = Command::new("pdftotext").args(["-bbox", "-enc", "UTF-8"]).arg(&path).arg("-").output().unwrap();
            let boxes = String::from_utf8_lossy(&output.stdout).into_owned();
            let height = |line: &str| {
                let part = |name: &str| line.split(name).nth(1).and_then(|rest| rest.split('"').nth(1)).and_then(|n| n.parse::<f64>().ok());
                part("yMax=").unwrap() - part("yMin=").unwrap()
            };
            for line in boxes.lines().filter(|line| line.contains("131")) {
                assert!(height(line) >= 7.0, "{case}: {line}");
            }
        }
    }
}

#[test]
fn a7_a_total_of_a_cut_query_is_no_total_of_everything() {
    let mut chart = Chart::new(Mark::Table);
    chart.totals = true;
    let mut content = data(vec![numbers(100)], chart);
    content.truncated = Some(Truncated { limit: 100 });
    let seen = see(&job(Format::Pdf, vec![tile("1", "Orders", TileContent::Data(content))]));
    if poppler() {
        assert!(seen.text.contains("Total of rows read") && seen.text.contains("5,000"), "{}", seen.text);
        assert!(seen.text.contains("totals are over the rows read, not over all there are"), "{}", seen.text);
        assert!(!seen.text.contains("over all of them"), "{}", seen.text);
    }
}

#[test]
fn a10_the_title_above_a_continued_table_has_one_line() {
    let long = "A name that never ends and goes on and on ".repeat(12);
    let mut job = job(Format::Pdf, vec![at(table("1", &long, vec![numbers(200)]), 0, 0, 24, 12)]);
    job.options.expand_tables_to_show_all_rows = true;
    let seen = see(&job);
    assert!(seen.pages > 2);
    if poppler() {
        let lines: Vec<&str> = seen.text.lines().filter(|line| line.contains("continued")).collect();
        assert_eq!(lines.len(), seen.pages - 1, "{}", seen.text);
        assert!(lines.iter().all(|line| line.contains("A name that never") && line.contains("… – continued")), "{lines:?}");
    }
}

#[test]
fn c1_decimal_points_of_a_column_stand_in_line() {
    let rows = batch(vec![
        ("name", Arc::new(StringArray::from(vec!["a", "b", "c"]))),
        ("amount", Arc::new(Float64Array::from(vec![1234.5, 12.25, 100.0]))),
    ]);
    let seen = see(&job(Format::Pdf, vec![table("1", "Amounts", vec![rows])]));
    if poppler() {
        for words in ["1,234.50", "12.25", "100.00"] {
            assert!(seen.text.contains(words), "{words}: {}", seen.text);
        }
    }
}

#[test]
fn c2_one_wild_number_leaves_the_rest_readable() {
    let rows = batch(vec![
        ("name", Arc::new(StringArray::from(vec!["a", "b"]))),
        ("wild", Arc::new(Float64Array::from(vec![1e300, 1.0]))),
        ("amount", Arc::new(Float64Array::from(vec![12.0, 13.0]))),
    ]);
    let seen = see(&job(Format::Pdf, vec![table("1", "Amounts", vec![rows])]));
    if poppler() {
        assert!(seen.text.contains("1e300") && seen.text.contains("13"), "{}", seen.text);
    }
}

#[test]
fn c4_cells_that_are_cut_are_counted() {
    let rows = batch(vec![("words", Arc::new(StringArray::from(vec!["word ".repeat(2_000), "short".to_owned()])))]);
    let seen = see(&job(Format::Pdf, vec![table("1", "Words", vec![rows])]));
    if poppler() {
        assert!(seen.text.contains("1 cell is longer than shown"), "{}", seen.text);
    }
}

#[test]
fn c9_recipients_are_not_told_the_columns_of_a_query() {
    let rows = batch(vec![("secret_margin", Arc::new(Float64Array::from(vec![1.0])))]);
    let chart = Chart { x: Some("region".to_owned()), y: vec!["revenue".to_owned()], ..Chart::new(Mark::Bar) };
    let seen = see(&job(Format::Pdf, vec![tile("1", "Revenue", TileContent::Data(data(vec![rows], chart)))]));
    assert!(seen.said.warnings.iter().any(|warning| warning.contains("secret_margin")), "{:?}", seen.said.warnings);
    if poppler() {
        assert!(seen.text.contains("This tile could not be shown") && !seen.text.contains("secret_margin"), "{}", seen.text);
    }
}

#[test]
fn totals_are_over_all_rows_in_the_columns_format() {
    let mut chart = Chart::new(Mark::Table);
    chart.totals = true;
    let mut content = data(vec![numbers(100)], chart);
    content.fields.insert("amount".to_owned(), field(Some("Amount"), Some("$#,##0.00")));
    let seen = see(&job(Format::Pdf, vec![tile("1", "Orders", TileContent::Data(content))]));
    if poppler() {
        assert!(seen.text.lines().any(|line| line.contains("Total") && line.contains("$5,000.00")), "{}", seen.text);
    }
}

#[test]
fn characters_without_a_font_are_told() {
    let rows = batch(vec![("city", Arc::new(StringArray::from(vec!["東京"])))]);
    let said = rendered(&job(Format::Pdf, vec![table("1", "Cities", vec![rows])])).unwrap().1;
    assert!(said.warnings.iter().any(|warning| warning.contains("U+6771")), "{:?}", said.warnings);
}

#[test]
fn hidden_columns_are_not_on_pages() {
    let mut content = data(vec![numbers(2)], Chart::new(Mark::Table));
    content.fields.insert("amount".to_owned(), pressrun_domain::catalog::FieldSpec { hidden: true, ..Default::default() });
    let seen = see(&job(Format::Pdf, vec![tile("1", "Orders", TileContent::Data(content))]));
    assert!(!seen.text.contains("Amount"));
}

#[test]
fn a_report_of_nothing_is_a_page_and_one_without_pages_an_error() {
    let mut job = job(Format::Pdf, Vec::new());
    assert_eq!(rendered(&job).unwrap().1.pages, 1);
    job.report.pages.clear();
    assert!(matches!(rendered(&job), Err(RenderError::Report { .. })));
}

#[test]
fn wide_tables_get_smaller_then_lose_columns_and_say_so() {
    let columns: Vec<(String, arrow_array::ArrayRef)> = (0..60)
        .map(|index| (format!("measurement_{index}"), Arc::new(Int64Array::from(vec![123_456_789])) as arrow_array::ArrayRef))
        .collect();
    let rows = batch(columns.iter().map(|(name, array)| (name.as_str(), array.clone())).collect());
    let seen = see(&job(Format::Pdf, vec![table("1", "Wide", vec![rows])]));
    if poppler() {
        assert!(seen.text.contains("columns do not fit on this page"), "{}", seen.text);
    }
}
