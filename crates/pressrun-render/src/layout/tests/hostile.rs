//! Any report renders or fails with a named error; none panics, hangs or leaves its sheets.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use pressrun_domain::chart::{Chart, Mark};
use pressrun_domain::output::{Format, PaperFormat, PaperOrientation};
use proptest::prelude::*;

use crate::RenderError;
use crate::report::{FilterLine, Page, RenderJob, ThemeName, TileContent, TileView};
use crate::testing::{at, batch, data, job, rendered, table, tile};

fn words(texts: Vec<String>) -> RecordBatch {
    batch(vec![("word", Arc::new(StringArray::from(texts)))])
}

#[test]
fn a_cell_of_a_million_characters_is_cut() {
    let cell = "x".repeat(1_000_000);
    let spaced = "word and word ".repeat(70_000);
    let tiles = vec![table("1", "Long", vec![words(vec![cell.clone(), spaced.clone()])])];
    let mut job = job(Format::Pdf, tiles);
    (job.report.title, job.report.description) = (cell.clone(), Some(spaced.clone()));
    job.report.pages[0].tiles[0].title.clone_from(&cell);
    job.report.pages[0].tiles[0].subtitle = Some(spaced.clone());
    job.report.pages[0].tiles.push(at(tile("2", "Failed", TileContent::Failed { message: spaced.clone() }), 0, 20, 12, 5));
    job.report.pages[0].tiles.push(at(tile("3", "Text", TileContent::Markdown(spaced.clone())), 12, 20, 12, 5));
    job.report.filters = (0..200).map(|n| FilterLine { label: cell.clone(), value: spaced.clone(), key: n.to_string() }).take(30).collect();
    job.report.notes = vec![spaced; 20];
    job.imprint = Some(cell);
    let said = rendered(&job).unwrap().1;
    assert!(said.pages < 60, "{}", said.pages);
}

#[test]
fn markdown_of_endless_depth_ends() {
    for source in [
        ">".repeat(20_000) + "deep",
        "- ".repeat(5_000) + "deep",
        "*".repeat(30_000),
        "[".repeat(20_000) + &"](x)".repeat(5_000),
        "| a ".repeat(400) + "|\n" + &"|---".repeat(400) + "|\n" + &"| b ".repeat(400) + "|",
        "`".repeat(10_000) + "#set page(width: 0pt)\n#panic()\n$x$",
        "{{".repeat(20_000),
        "{{#result}}".repeat(2_000) + &"{{/result}}".repeat(2_000),
    ] {
        let said = rendered(&job(Format::Pdf, vec![at(tile("1", "Deep", TileContent::Markdown(source)), 0, 0, 12, 8)]));
        assert!(said.is_ok(), "{said:?}");
    }
}

#[test]
fn a_grid_of_many_tiles_and_one_of_endless_height_are_laid_out() {
    let many = (0..300_u16).map(|n| at(table("1", "T", vec![words(vec!["a".to_owned()])]), n % 24, n / 24 * 3, 1, 3)).collect();
    assert!(rendered(&job(Format::Pdf, many)).is_ok());
    let far = |y: u16| at(table("1", "Far", vec![words(vec!["a".to_owned()])]), 0, y, 24, u16::MAX);
    let mut tall = job(Format::Pdf, vec![far(0), far(u16::MAX)]);
    tall.options.single_column_layout = true;
    assert!(rendered(&tall).is_ok());
    tall.format = Format::Png;
    assert!(matches!(rendered(&tall), Err(RenderError::TooLarge { .. })));
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "\\PC{0,40}",
        2 => "\\p{Any}{0,24}",
        1 => "[ -~\n]{0,120}",
        1 => prop::sample::select(vec![
            "\u{0}\u{1b}[31m", "\u{202e}txt.exe", "#panic()", "[x](javascript:a)", "{{result._first.word}}", "\u{feff}\u{200d}\u{301}",
            "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW", "مرحبا بالعالم שלום", "\r\n\t", "👩‍👩‍👧‍👦🏳️‍🌈",
        ]).prop_map(str::to_owned),
    ]
}

fn any_content() -> impl Strategy<Value = TileContent> {
    let rows = prop::collection::vec((any_text(), prop::option::of(any::<f64>())), 0..30).prop_map(|rows| {
        let (names, numbers): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        let columns: Vec<(&str, ArrayRef)> =
            vec![("word", Arc::new(StringArray::from(names))), ("number", Arc::new(Float64Array::from(numbers)))];
        batch(columns)
    });
    let marks = vec![Mark::Table, Mark::Table, Mark::Kpi, Mark::Bar, Mark::Line, Mark::Pie, Mark::Heatmap];
    let charts = (rows, prop::sample::select(marks), any::<(bool, bool)>()).prop_map(|(rows, mark, (totals, shaded))| {
        let mut chart = Chart { x: Some("word".to_owned()), y: vec!["number".to_owned()], totals, ..Chart::new(mark) };
        if shaded {
            (chart.bars, chart.heat) = (vec!["number".to_owned()], vec!["none".to_owned()]);
        }
        TileContent::Data(data(vec![rows], chart))
    });
    prop_oneof![
        4 => charts,
        1 => any_text().prop_map(TileContent::Markdown),
        1 => any_text().prop_map(|message| TileContent::Failed { message }),
    ]
}

fn any_tile() -> impl Strategy<Value = TileView> {
    let small = || prop_oneof![4 => 0_u16..26, 1 => any::<u16>()];
    (any_text(), prop::option::of(any_text()), any_content(), (small(), small(), small(), small())).prop_map(
        |(title, subtitle, content, (x, y, w, h))| {
            let mut tile = at(tile("1", &title, content), x, y, w, h);
            tile.subtitle = subtitle;
            tile
        },
    )
}

fn any_job() -> impl Strategy<Value = RenderJob> {
    let papers: Vec<Option<PaperFormat>> = PaperFormat::ALL.into_iter().map(Some).chain([None]).collect();
    let pages = prop::collection::vec((prop::option::of(any_text()), prop::collection::vec(any_tile(), 0..7)), 1..3);
    let looks = (any::<[bool; 7]>(), prop::sample::select(papers), any::<bool>());
    (pages, looks, any_text(), any_text(), prop::collection::vec(any_text(), 0..4)).prop_map(|(pages, looks, title, zone, notes)| {
        let ([png, hide, stacked, expanded, alone, dark, link], paper, landscape) = looks;
        let mut job = job(if png { Format::Png } else { Format::Pdf }, Vec::new());
        job.report.pages = pages.into_iter().map(|(name, tiles)| Page { name, tiles }).collect();
        job.report.filters =
            notes.iter().map(|note| FilterLine { label: note.clone(), value: title.clone(), key: String::new() }).collect();
        (job.report.title, job.report.zone, job.report.notes) = (title.clone(), zone, notes);
        job.report.theme = if dark { ThemeName::Dark } else { ThemeName::Light };
        if !link {
            job.report.link = Some(title);
        }
        (job.options.hide_title, job.options.single_column_layout) = (hide, stacked);
        job.options.expand_tables_to_show_all_rows = expanded;
        job.options.paper_format = paper;
        job.options.paper_orientation = landscape.then_some(PaperOrientation::Landscape);
        job.single_tile = alone;
        job
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_report_renders_or_fails_with_a_named_error(job in any_job()) {
        match rendered(&job) {
            Ok((bytes, said)) => prop_assert!(said.pages > 0 && said.bytes == bytes.len() as u64),
            Err(error) => prop_assert!(matches!(error, RenderError::TooLarge { .. }), "{error}"),
        }
    }
}
