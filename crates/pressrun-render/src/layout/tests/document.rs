//! What holds for the pdf as a document: its bytes, its fonts, its bookmarks and links, its language.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use arrow_array::StringArray;
use pressrun_domain::output::{Format, PaperFormat, PaperOrientation};

use super::{bars, dashboard, numbers, poppler, see};
use crate::report::{ThemeName, TileContent};
use crate::testing::{at, batch, job, rendered, table, text, tile};

/// What a program of poppler says about the artifact of `job`.
fn told(program: &str, arguments: &[&str], job: &crate::RenderJob) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.pdf");
    std::fs::write(&path, rendered(job).unwrap().0).unwrap();
    let output = Command::new(program).args(arguments).arg(&path).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn v1_options_of_another_format_change_nothing() {
    let plain = job(Format::Csv, vec![table("1", "Orders", vec![numbers(5)])]);
    let mut printed = plain.clone();
    (printed.options.hide_title, printed.options.single_column_layout) = (true, true);
    (printed.options.paper_format, printed.options.expand_tables_to_show_all_rows) = (Some(PaperFormat::A3), true);
    assert_eq!(text(&plain), text(&printed));
    let pdf = job(Format::Pdf, dashboard());
    let mut data = pdf.clone();
    (data.options.hide_hidden_fields, data.options.enable_formatting) = (true, true);
    (data.options.override_row_limit, data.options.max_row_limit) = (true, Some(1));
    assert_eq!(rendered(&pdf).unwrap(), rendered(&data).unwrap());
    let png = job(Format::Png, dashboard());
    let mut paper = png.clone();
    (paper.options.paper_format, paper.options.paper_orientation) = (Some(PaperFormat::Legal), Some(PaperOrientation::Landscape));
    assert_eq!(rendered(&png).unwrap(), rendered(&paper).unwrap());
}

#[test]
fn v2_a_fit_page_that_got_past_the_refusal_is_still_one_sheet() {
    let mut job = job(Format::Pdf, vec![at(bars(), 0, 0, 12, 8), at(table("2", "Orders", vec![numbers(300)]), 12, 0, 12, 8)]);
    job.options.paper_format = Some(PaperFormat::FitPage);
    (job.options.single_column_layout, job.options.expand_tables_to_show_all_rows) = (true, true);
    let seen = see(&job);
    assert_eq!(seen.pages, 1);
    if poppler() {
        assert_eq!(seen.text.matches("row-").count(), 300);
    }
}

#[test]
fn v4_a_fit_page_goes_on_where_readers_would_not_open_a_longer_one() {
    let mut job = job(Format::Pdf, vec![at(table("1", "Orders", vec![numbers(2_000)]), 0, 0, 24, 8)]);
    (job.options.paper_format, job.options.expand_tables_to_show_all_rows) = (Some(PaperFormat::FitPage), true);
    job.limits.expanded_rows = 5_000;
    let seen = see(&job);
    if poppler() {
        let heights: Vec<f64> = super::sizes(&seen.info).iter().filter_map(|size| size.split_whitespace().nth(2)?.parse().ok()).collect();
        assert!(heights.len() > 1 && heights.iter().all(|height| *height <= 14_400.0), "{heights:?}");
        assert_eq!(seen.text.matches("row-").count(), 2_000);
    }
}

#[test]
fn v3_without_options_the_sheet_is_letter_upright_with_filters_and_link() {
    let seen = see(&job(Format::Pdf, dashboard()));
    if poppler() {
        assert!(seen.info.contains("612 x 792 pts (letter)"), "{}", seen.info);
        assert!(seen.text.contains("is US, CA") && seen.text.contains("Open dashboard"), "{}", seen.text);
    }
}

#[test]
fn v4_fit_page_is_as_high_as_its_content_whatever_the_orientation() {
    let height = |tiles: u16, orientation: PaperOrientation| -> f64 {
        let mut job = job(Format::Pdf, (0..tiles).map(|row| at(bars(), 0, row * 10, 24, 10)).collect());
        (job.options.paper_format, job.options.paper_orientation) = (Some(PaperFormat::FitPage), Some(orientation));
        let size = super::sizes(&see(&job).info).pop().unwrap_or_default();
        size.split_whitespace().nth(2).and_then(|height| height.parse().ok()).unwrap_or_default()
    };
    if poppler() {
        let (one, ten) = (height(1, PaperOrientation::Portrait), height(10, PaperOrientation::Portrait));
        assert!((ten - one - 9.0 * 280.0).abs() < 1.0, "{one} {ten}");
        assert_eq!(one.to_bits(), height(1, PaperOrientation::Landscape).to_bits());
    }
}

#[test]
fn v6_tables_stop_at_the_cap_and_say_so() {
    let mut job = job(Format::Pdf, vec![table("1", "Orders", vec![numbers(700)])]);
    job.options.expand_tables_to_show_all_rows = true;
    job.limits.table_rows = 120;
    let seen = see(&job);
    assert_eq!(seen.said.warnings, ["\"Orders\": first 120 of 700 rows"]);
    if poppler() {
        assert_eq!(seen.text.matches("row-").count(), 120);
        assert!(seen.text.contains("First 120 of 700 rows"), "{}", seen.text);
    }
}

/// The other process of the test below: writes the artifact to where it is told to, and nothing when it is not.
#[test]
fn other_process() {
    if let Some(out) = std::env::var_os("PRESSRUN_OTHER_PROCESS") {
        crate::render(&job(Format::Pdf, dashboard()), Path::new(&out)).unwrap();
    }
}

#[test]
fn v9_two_processes_make_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("other.pdf");
    let program = std::env::current_exe().unwrap();
    let name = concat!(module_path!(), "::other_process").split_once("::").unwrap().1;
    let child = Command::new(program).args(["--exact", name]).env("PRESSRUN_OTHER_PROCESS", &out).output().unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    assert_eq!(rendered(&job(Format::Pdf, dashboard())).unwrap().0, std::fs::read(out).unwrap());
}

#[test]
fn v9_what_is_remembered_of_other_reports_changes_nothing() {
    let one = job(Format::Pdf, dashboard());
    let mut other = job(Format::Pdf, vec![table("1", "Orders", vec![numbers(40)])]);
    other.report.theme = ThemeName::Dark;
    other.report.title = "Another".to_owned();
    let first = rendered(&one).unwrap().0;
    assert_ne!(first, rendered(&other).unwrap().0);
    assert_eq!(first, rendered(&one).unwrap().0);
}

#[test]
fn v9_text_of_charts_is_text_too_and_fonts_are_subsets() {
    if !poppler() {
        return;
    }
    let job = job(Format::Pdf, dashboard());
    let fonts = told("pdffonts", &[], &job);
    let rows: Vec<&str> = fonts.lines().skip(2).collect();
    assert!(!rows.is_empty(), "{fonts}");
    for row in rows {
        let columns: Vec<&str> = row.split_whitespace().collect();
        assert!(columns.first().is_some_and(|name| name.contains('+')), "a subset has a tag before its name: {row}");
        assert!(columns.windows(3).any(|three| three == ["yes", "yes", "yes"]), "embedded, subset, with a map to text: {row}");
    }
}

#[test]
fn the_language_links_and_bookmarks_are_in_the_document() {
    if !poppler() {
        return;
    }
    let mut job = job(Format::Pdf, dashboard());
    job.report.language = "de-AT".to_owned();
    let note = TileContent::Markdown("[the dictionary](https://example.com/words?a=1&b=2)".to_owned());
    job.report.pages[0].tiles.push(at(tile("links", "Links", note), 0, 12, 24, 3));
    let links = told("pdfinfo", &["-url"], &job);
    for address in ["https://bi.example.com/dashboards/12db1a0a?f--region=US", "https://example.com/words?a=1&b=2"] {
        assert!(links.contains(address), "{address}: {links}");
    }
    assert!(told("pdfinfo", &["-meta"], &job).contains("<rdf:li>de</rdf:li>"));
    let outline = told("pdftohtml", &["-xml", "-i", "-stdout"], &job);
    let outline = outline.split_once("<outline>").map(|(_, outline)| outline).unwrap_or_default();
    for title in ["Orders", "Revenue by region", "Latest orders", "Links"] {
        assert!(outline.contains(&format!(">{title}</item>")), "{title}: {outline}");
    }
}

#[test]
fn scripts_without_a_font_are_boxes_that_can_still_be_copied() {
    let rows = batch(vec![
        ("街", Arc::new(StringArray::from(vec!["東京", "مرحبا", "plain 漢"]))),
        ("emoji", Arc::new(StringArray::from(vec!["🚀", "👩‍👩‍👧", "✓"]))),
    ]);
    let mut job = job(Format::Pdf, vec![table("1", "東京 títle", vec![rows])]);
    job.report.title = "שלום 東京".to_owned();
    let seen = see(&job);
    let warning = seen.said.warnings.iter().find(|warning| warning.starts_with("No font has")).unwrap();
    for missing in ["U+6771", "U+8857"] {
        assert!(warning.contains(missing) || warning.contains("more"), "{missing}: {warning}");
    }
    assert!(!warning.contains("U+1F680"), "emoji have a font: {warning}");
    if poppler() {
        for words in ["東京", "plain 漢", "🚀", "街"] {
            assert!(seen.text.contains(words), "{words}: {}", seen.text);
        }
    }
}
