use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use arrow_array::{Date32Array, Decimal128Array, Float64Array, Int64Array, StringArray, TimestampSecondArray};
use pressrun_domain::output::Format;

use crate::testing::types::every_type;
use crate::testing::{batch, field, job, rendered, table, tile};
use crate::{RenderError, TileContent};

/// The parts of a workbook by name.
pub(crate) fn parts(bytes: Vec<u8>) -> BTreeMap<String, String> {
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    (0..zip.len())
        .map(|index| {
            let mut entry = zip.by_index(index).unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            (entry.name().to_owned(), text)
        })
        .collect()
}

fn rows() -> arrow_array::RecordBatch {
    batch(vec![
        ("name", Arc::new(StringArray::from(vec!["=1+1"]))),
        ("revenue", Arc::new(Float64Array::from(vec![1234.5]))),
        ("day", Arc::new(Date32Array::from(vec![20_514]))),
        ("at", Arc::new(TimestampSecondArray::from(vec![1_772_460_000]).with_timezone("UTC"))),
        ("big", Arc::new(Int64Array::from(vec![1_234_567_890_123_456]))),
        ("exact", Arc::new(Decimal128Array::from(vec![12_345_678_901_234_567_890]).with_precision_and_scale(38, 2).unwrap())),
        ("small", Arc::new(Decimal128Array::from(vec![1050]).with_precision_and_scale(10, 2).unwrap())),
    ])
}

/// The case `xlsx-sheet-name-emoji`: there was no workbook.
#[test]
fn r6_titles_with_emoji_make_a_workbook() {
    let title = "Revenue \u{1f4c8}\u{1f4c9} by region and productX";
    let job = job(Format::Xlsx, vec![table("1", title, vec![rows()]), table("2", title, vec![rows()])]);
    let workbook = &parts(rendered(&job).unwrap().0)["xl/workbook.xml"];
    for name in ["Revenue \u{1f4c8}\u{1f4c9} by region and prod", "Revenue \u{1f4c8}\u{1f4c9} by region and (2)"] {
        assert!(workbook.contains(&format!("name=\"{name}\"")), "{name} in {workbook}");
    }
}

#[test]
fn r6_numbers_and_dates_are_native_and_long_ones_keep_their_digits() {
    let mut job = job(Format::Xlsx, vec![table("1", "Orders", vec![rows()])]);
    job.options.show_filters = false;
    job.options.show_content_link = false;
    let parts = parts(rendered(&job).unwrap().0);
    let sheet = &parts["xl/worksheets/sheet1.xml"];
    for expected in [
        "<c r=\"A2\" t=\"inlineStr\"><is><t>=1+1</t></is></c>",
        "<c r=\"B2\"><v>1234.5</v></c>",
        "<v>46083</v>",
        // 09:00 on the wall in New York.
        "<v>46083.375</v>",
        "<t>1234567890123456</t>",
        "<t>123456789012345678.90</t>",
        "<v>10.5</v>",
        "topLeftCell=\"A2\"",
    ] {
        assert!(sheet.contains(expected), "{expected} in {sheet}");
    }
    assert!(!parts.contains_key("xl/worksheets/sheet2.xml"), "no cover when nothing is to be said");
}

#[test]
fn r6_every_type_has_its_cell() {
    let types = every_type();
    let rows = batch(types.iter().map(|one| (one.name, one.array.clone())).collect());
    let sheet =
        parts(rendered(&job(Format::Xlsx, vec![table("1", "All", vec![rows])])).unwrap().0).remove("xl/worksheets/sheet2.xml").unwrap();
    let row = sheet.split("<row r=\"2\"").nth(1).unwrap().split("</row>").next().unwrap();
    let mut cells: BTreeMap<String, &str> = BTreeMap::new();
    for cell in row.split("<c r=\"").skip(1) {
        let (reference, rest) = cell.split_once('"').unwrap();
        cells.insert(reference.trim_end_matches('2').to_owned(), rest);
    }
    for (at, one) in types.iter().enumerate() {
        let cell = cells.get(&column_letters(at)).copied().unwrap_or("");
        assert!(cell.contains(one.xlsx) && cell.is_empty() == one.xlsx.is_empty(), "{}: {} in {cell:?}", one.name, one.xlsx);
    }
}

fn column_letters(at: usize) -> String {
    let letter = |n: usize| char::from(b'A' + n as u8);
    if at < 26 { letter(at).to_string() } else { format!("{}{}", letter(at / 26 - 1), letter(at % 26)) }
}

#[test]
fn r6_rows_beyond_a_sheet_are_left_out_and_told() {
    let rows = batch(vec![("n", Arc::new(Int64Array::from_iter_values(0..10)))]);
    let mut job = job(Format::Xlsx, vec![table("1", "Orders", vec![rows.clone(), rows])]);
    job.limits.sheet_rows = 15;
    let (bytes, said) = rendered(&job).unwrap();
    assert_eq!(said.warnings, ["\"Orders\" has 20 rows; a sheet holds 15, the rest was left out"]);
    let sheet = &parts(bytes)["xl/worksheets/sheet2.xml"];
    assert!(sheet.contains("<row r=\"16\"") && !sheet.contains("<row r=\"17\""), "{sheet}");
    job.limits.sheet_rows = u64::MAX;
    assert!(rendered(&job).unwrap().1.warnings.is_empty());
}

#[test]
fn r6_a_sheet_can_be_filtered_below_a_header_that_stays() {
    let parts = parts(rendered(&job(Format::Xlsx, vec![table("1", "Orders", vec![rows()])])).unwrap().0);
    let sheet = &parts["xl/worksheets/sheet2.xml"];
    assert!(sheet.contains("<autoFilter ref=\"A1:G2\"/>"), "{sheet}");
    assert!(sheet.contains("ySplit=\"1\"") && sheet.contains("state=\"frozen\""), "{sheet}");
    assert!(parts["xl/workbook.xml"].contains("_xlnm._FilterDatabase"));
}

#[test]
fn r5_formatting_gives_number_formats_to_native_numbers() {
    let mut tile = table("1", "Orders", vec![rows()]);
    if let TileContent::Data(data) = &mut tile.content {
        data.fields.insert("revenue".to_owned(), field(None, Some("$#,##0.00")));
    }
    let mut job = job(Format::Xlsx, vec![tile]);
    let plain = parts(rendered(&job).unwrap().0);
    assert!(!plain["xl/styles.xml"].contains("#,##0.00"));
    job.options.enable_formatting = true;
    let formatted = parts(rendered(&job).unwrap().0);
    assert!(formatted["xl/styles.xml"].contains("#,##0.00"), "{}", formatted["xl/styles.xml"]);
    assert!(formatted["xl/worksheets/sheet2.xml"].contains("<v>1234.5</v>"));
}

#[test]
fn r6_v8_the_cover_comes_first_then_one_sheet_a_tile() {
    let tiles = vec![
        table("1", "Orders: by month/region, everything", vec![rows()]),
        tile("note", "Note", TileContent::Markdown("text".to_owned())),
        table("2", "Orders: by month/region, everything", vec![rows()]),
    ];
    let parts = parts(rendered(&job(Format::Xlsx, tiles)).unwrap().0);
    let workbook = &parts["xl/workbook.xml"];
    let names: Vec<_> = workbook.split("<sheet name=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(names, ["About", "Orders- by month-region, everyt", "Orders- by month-region, ev (2)"]);
    let cover: String = parts.iter().filter(|(name, _)| name.contains("sharedStrings")).map(|(_, text)| text.as_str()).collect();
    for expected in ["Orders", "Region", "is US, CA", "America/New_York", "March 2, 2026, 09:00 (EST)"] {
        assert!(cover.contains(expected), "{expected} in {cover}");
    }
    assert!(parts["xl/worksheets/_rels/sheet1.xml.rels"].contains("https://bi.example.com/dashboards/12db1a0a"));
}

#[test]
fn r6_equal_jobs_give_equal_workbooks() {
    let job = job(Format::Xlsx, vec![table("1", "Orders", vec![rows()])]);
    let (one, two) = (rendered(&job).unwrap(), rendered(&job).unwrap());
    assert_eq!(one.1, two.1);
    assert_eq!(one.0, two.0);
}

#[test]
fn r3_a_workbook_without_data_is_refused() {
    assert_eq!(rendered(&job(Format::Xlsx, Vec::new())).unwrap_err(), RenderError::NoData);
}

#[test]
fn r6_text_beyond_a_cells_limit_is_cut_and_told() {
    let long = "x".repeat(40_000);
    let rows = batch(vec![("note", Arc::new(StringArray::from(vec![long.as_str(), "bell \u{7}"])))]);
    let (bytes, said) = rendered(&job(Format::Xlsx, vec![table("1", "T", vec![rows])])).unwrap();
    assert_eq!(said.warnings, ["\"T\": 1 cells of \"Note\" were cut at 32,767 characters, the most a cell holds"]);
    assert!(parts(bytes)["xl/worksheets/sheet2.xml"].contains("bell \u{fffd}"));
}

#[test]
fn a_full_disk_is_named_whoever_notices_it() {
    let error = super::panicked(std::path::Path::new("/spool/a.xlsx"), "Couldn't write to xml file: Os { code: 28, kind: StorageFull }");
    assert_eq!(error, RenderError::DiskFull { folder: "/spool".to_owned() });
}
