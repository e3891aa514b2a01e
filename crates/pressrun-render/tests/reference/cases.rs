//! The matrix: every option that changes an artifact, alone and in the company that it keeps.

use std::sync::Arc;

use arrow_array::{
    BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use pressrun_domain::catalog::FieldSpec;
use pressrun_domain::chart::{Chart, Mark, Stack};
use pressrun_domain::output::{Format, PaperFormat, PaperOrientation};
use pressrun_render::{Page, RenderJob, ThemeName, TileContent};

use super::reports::{Size, batch, data, field, job, tile};

/// One reference output.
pub(crate) struct Case {
    /// Names its files.
    pub(crate) name: &'static str,
    pub(crate) job: RenderJob,
}

/// Rows of the table: more than its tile holds, and two sheets of it alone.
const ROWS: Size = Size { rows: 90, seed: 0 };

/// Rows of the files of rows: few, for every cell of them is kept.
const FEW: Size = Size { rows: 6, seed: 0 };

/// All cases: pages, pictures, files of rows.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = papers();
    cases.extend(layouts());
    cases.extend(single_tiles());
    cases.extend(odd());
    cases.extend(pictures());
    cases.extend(rows());
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
        keep(job, key);
        change(job);
    })
}

/// Leaves one tile, delivered alone.
fn keep(job: &mut RenderJob, key: &str) {
    job.single_tile = true;
    for page in &mut job.report.pages {
        page.tiles.retain(|tile| tile.key == key);
    }
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

fn rows() -> Vec<Case> {
    let mut cases = Vec::new();
    for format in [Format::Csv, Format::Json, Format::Xlsx] {
        cases.push(of_rows("rows", format, |_| ()));
        cases.push(of_rows("rows-of-one", format, |job| keep(job, "awkward")));
    }
    for format in [Format::Csv, Format::Xlsx] {
        cases.push(of_rows("rows-formatted", format, |job| job.options.enable_formatting = true));
        cases.push(of_rows("rows-without-hidden", format, |job| job.options.hide_hidden_fields = true));
    }
    for format in [Format::Csv, Format::Json] {
        cases.push(of_rows("rows-of-one-formatted", format, |job| {
            keep(job, "awkward");
            job.options.enable_formatting = true;
        }));
    }
    cases.push(of_rows("rows-bare", Format::Json, |job| job.options.show_filters = false));
    cases.push(of_rows("rows-bare", Format::Xlsx, |job| (job.options.show_filters, job.options.show_content_link) = (false, false)));
    cases
}

/// The dashboard with a tile of awkward values behind the others.
fn of_rows(name: &'static str, format: Format, change: impl FnOnce(&mut RenderJob)) -> Case {
    let mut job = job(format, FEW);
    let mut content = data(awkward(), Chart::new(Mark::Table));
    if let TileContent::Data(data) = &mut content {
        data.fields.insert("internal".to_owned(), FieldSpec { hidden: true, ..field(None, None) });
        data.fields.insert("exact".to_owned(), field(Some("Balance"), Some("$#,##0.00")));
        data.fields.insert("at".to_owned(), field(Some("Seen: at"), Some("yyyy-MM-dd HH:mm")));
    }
    if let Some(page) = job.report.pages.first_mut() {
        page.tiles.push(tile("awkward", "Awkward: values/*?", None, (0, 38, 24, 8), content));
    }
    change(&mut job);
    Case { name, job }
}

/// What spreadsheets and parsers stumble over: leading zeros, formulas, quotes, line breaks, 17 digits, both 01:30 of a long night.
fn awkward() -> RecordBatch {
    let at = [1_772_460_000, 1_793_511_000, 1_793_514_600, 0, -1, 253_402_300_799].map(|second: i64| Some(second * 1_000_000));
    let exact = [Some(10), Some(-1_234_567_890_123_456_789_012_345), None, Some(0), Some(999_999), Some(-5)];
    batch(vec![
        ("code", Arc::new(StringArray::from(vec!["00123", "=1+1", "+49 30 1234", "-5", "@home", "\tSUM(A1)"]))),
        (
            "text",
            Arc::new(StringArray::from(vec![
                Some("a \"quoted\", comma"),
                Some("two\nlines"),
                None,
                Some(""),
                Some(" padded "),
                Some("東京 🏙️"),
            ])),
        ),
        (
            "big",
            Arc::new(Int64Array::from(vec![
                Some(9_007_199_254_740_993),
                Some(i64::MIN),
                None,
                Some(0),
                Some(-1),
                Some(123_456_789_012_345),
            ])),
        ),
        ("exact", Arc::new(Decimal128Array::from(exact.to_vec()).with_precision_and_scale(38, 2).unwrap_or_else(|_| unreachable!()))),
        ("ratio", Arc::new(Float64Array::from(vec![Some(0.1), Some(f64::NAN), None, Some(-0.0), Some(1e21), Some(f64::NEG_INFINITY)]))),
        ("at", Arc::new(TimestampMicrosecondArray::from(at.to_vec()).with_timezone("UTC"))),
        ("day", Arc::new(Date32Array::from(vec![Some(20_514), Some(0), None, Some(-30_000), Some(-719_162), Some(2_932_896)]))),
        ("paid", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None, Some(true), Some(false), Some(true)]))),
        ("internal", Arc::new(StringArray::from(vec!["n 1", "n 2", "n 3", "n 4", "n 5", "n 6"]))),
    ])
}
