//! The matrix: every option of pdf and png that changes the page, alone and in the company that it keeps.

use std::sync::Arc;

use arrow_array::{Float64Array, StringArray};
use pressrun_domain::chart::{Chart, Mark, Stack};
use pressrun_domain::output::{Format, PaperFormat, PaperOrientation};
use pressrun_render::{Page, RenderJob, ThemeName, TileContent};

use super::reports::{Size, batch, data, job, tile};

/// One reference output.
pub(crate) struct Case {
    /// Names its files.
    pub(crate) name: &'static str,
    pub(crate) job: RenderJob,
}

/// Rows of the table: more than its tile holds, and two sheets of it alone.
const ROWS: Size = Size { rows: 90, seed: 0 };

/// All cases, pdf before png.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = papers();
    cases.extend(layouts());
    cases.extend(single_tiles());
    cases.extend(odd());
    cases.extend(pictures());
    cases
}

fn case(name: &'static str, format: Format, change: impl FnOnce(&mut RenderJob)) -> Case {
    let mut job = job(format, ROWS);
    change(&mut job);
    Case { name, job }
}

fn paper(name: &'static str, paper: PaperFormat, orientation: PaperOrientation) -> Case {
    case(name, Format::Pdf, |job| {
        (job.options.paper_format, job.options.paper_orientation) = (Some(paper), Some(orientation));
    })
}

fn papers() -> Vec<Case> {
    let (portrait, landscape) = (PaperOrientation::Portrait, PaperOrientation::Landscape);
    vec![
        case("letter", Format::Pdf, |_| ()),
        paper("letter-landscape", PaperFormat::Letter, landscape),
        paper("a4", PaperFormat::A4, portrait),
        paper("a4-landscape", PaperFormat::A4, landscape),
        paper("legal", PaperFormat::Legal, portrait),
        paper("legal-landscape", PaperFormat::Legal, landscape),
        paper("a3", PaperFormat::A3, portrait),
        paper("a3-landscape", PaperFormat::A3, landscape),
        paper("tabloid", PaperFormat::Tabloid, portrait),
        paper("tabloid-landscape", PaperFormat::Tabloid, landscape),
        paper("fit-page", PaperFormat::FitPage, landscape),
    ]
}

fn layouts() -> Vec<Case> {
    vec![
        case("single-column", Format::Pdf, |job| job.options.single_column_layout = true),
        case("expanded", Format::Pdf, |job| job.options.expand_tables_to_show_all_rows = true),
        case("single-column-expanded", Format::Pdf, |job| {
            (job.options.single_column_layout, job.options.expand_tables_to_show_all_rows) = (true, true);
        }),
        case("bare", Format::Pdf, |job| {
            (job.options.hide_title, job.options.show_filters, job.options.show_content_link) = (true, false, false);
        }),
        case("dark", Format::Pdf, |job| {
            (job.report.theme, job.options.paper_format) = (ThemeName::Dark, Some(PaperFormat::FitPage));
        }),
        case("two-pages", Format::Pdf, two_pages),
        case("two-pages-fit", Format::Pdf, |job| {
            two_pages(job);
            job.options.paper_format = Some(PaperFormat::FitPage);
        }),
    ]
}

/// The tiles from the table on as a page of their own.
fn two_pages(job: &mut RenderJob) {
    if let Some(first) = job.report.pages.first_mut() {
        first.name = Some("Overview".to_owned());
        let second = first.tiles.split_off(8);
        job.report.pages.push(Page { name: Some("Every order".to_owned()), tiles: second });
    }
}

fn alone(name: &'static str, format: Format, key: &str, change: impl FnOnce(&mut RenderJob)) -> Case {
    case(name, format, |job| {
        job.single_tile = true;
        for page in &mut job.report.pages {
            page.tiles.retain(|tile| tile.key == key);
        }
        change(job);
    })
}

fn single_tiles() -> Vec<Case> {
    vec![
        alone("one-chart", Format::Pdf, "by-month", |_| ()),
        alone("one-chart-landscape", Format::Pdf, "share", |job| job.options.paper_orientation = Some(PaperOrientation::Landscape)),
        alone("one-table", Format::Pdf, "orders", |_| ()),
        alone("one-table-expanded", Format::Pdf, "orders", |job| {
            (job.options.expand_tables_to_show_all_rows, job.options.paper_format) = (true, Some(PaperFormat::A4));
        }),
        alone("one-table-fit", Format::Pdf, "orders", |job| job.options.paper_format = Some(PaperFormat::FitPage)),
        alone("one-figure", Format::Pdf, "revenue", |_| ()),
        alone("one-text", Format::Pdf, "note", |_| ()),
    ]
}

/// Scripts that no built-in font has, texts of every kind, tiles with nothing to show.
fn odd() -> Vec<Case> {
    let cities = || {
        batch(vec![
            ("city", Arc::new(StringArray::from(vec!["東京", "서울", "القاهرة", "תל אביב", "मुंबई", "Kraków 🏙️", "Αθήνα"]))),
            ("الإيرادات", Arc::new(Float64Array::from(vec![9.5e5, 7.1e5, -2.2e5, 1.8e5, 4.0e5, 6.2e5, 3.3e5]))),
        ])
    };
    let bars = Chart { x: Some("city".to_owned()), y: vec!["الإيرادات".to_owned()], stack: Stack::None, ..Chart::new(Mark::Bar) };
    let prose = "# Heading one\n\nA paragraph with **bold**, *italic*, ~~struck~~ and `code_in_line()`, a [link](https://example.com) and a hard\\\nbreak.\n\n\
                 ## Heading two\n\n1. first\n2. second\n   - nested\n   - nested *too*\n\n> A quotation of two sentences. It goes on.\n\n```\nselect *\nfrom orders\n```\n\n\
                 | Region | Share | Revenue |\n|:--|:-:|--:|\n| Americas | 41 % | $4.2M |\n| Europe | 30 % | $3.1M |\n\n---\n\n🚀 Emoji have a face, ✔ too.";
    let languages = vec![
        tile("1", "東京と القاهرة", Some("no font of these scripts is built in"), (0, 0, 12, 9), data(cities(), Chart::new(Mark::Table))),
        tile("2", "Cities", None, (12, 0, 12, 9), data(cities(), bars)),
        tile("3", "", None, (0, 9, 24, 10), TileContent::Markdown(prose.to_owned())),
    ];
    vec![
        case("languages", Format::Pdf, |job| job.report.pages = vec![Page { name: None, tiles: languages }]),
        case("nothing", Format::Pdf, |job| job.report.pages = vec![Page { name: None, tiles: Vec::new() }]),
    ]
}

fn pictures() -> Vec<Case> {
    vec![
        case("picture", Format::Png, |_| ()),
        case("picture-dark", Format::Png, |job| job.report.theme = ThemeName::Dark),
        case("picture-single-column", Format::Png, |job| job.options.single_column_layout = true),
        case("picture-bare", Format::Png, |job| {
            (job.options.hide_title, job.options.show_filters, job.options.show_content_link) = (true, false, false);
        }),
        alone("picture-chart", Format::Png, "trend", |_| ()),
        alone("picture-table-expanded", Format::Png, "orders", |job| job.options.expand_tables_to_show_all_rows = true),
        alone("picture-figure", Format::Png, "revenue", |_| ()),
    ]
}
