use std::io::Read;
use std::sync::Arc;

use arrow_array::{Float64Array, Int64Array, StringArray};
use pressrun_domain::output::Format;

use crate::error::RenderError;
use crate::report::{TileContent, Truncated};
use crate::testing::types::every_type;
use crate::testing::{batch, data, field, job, rendered, table, text, tile};

#[test]
fn r4_r5_every_type_has_its_plain_cell() {
    let types = every_type();
    let rows = batch(types.iter().map(|one| (one.name, one.array.clone())).collect());
    let csv = text(&job(Format::Csv, vec![table("1", "All", vec![rows])]));
    let line = csv.split("\r\n").nth(1).unwrap();
    let mut rest = line;
    for one in &types {
        let cell = one.csv;
        assert!(rest.starts_with(cell), "{}: {cell} in {rest}", one.name);
        rest = rest[cell.len()..].strip_prefix(',').unwrap_or("");
    }
    assert_eq!(rest, "");
}

#[test]
fn r4_nulls_are_empty_and_lines_end_in_crlf_without_a_mark() {
    let rows = batch(vec![
        ("order_count", Arc::new(Int64Array::from(vec![Some(1), None]))),
        ("name", Arc::new(StringArray::from(vec![None, Some("x")]))),
    ]);
    let csv = text(&job(Format::Csv, vec![table("1", "T", vec![rows])]));
    assert_eq!(csv, "Order count,Name\r\n1,\r\n,x\r\n");
}

#[test]
fn r4_an_empty_cell_alone_on_its_line_is_quoted() {
    let rows = batch(vec![("name", Arc::new(StringArray::from(vec![None, Some("x")])))]);
    assert_eq!(text(&job(Format::Csv, vec![table("1", "T", vec![rows])])), "Name\r\n\"\"\r\nx\r\n");
}

#[test]
fn r5_formatting_shows_the_fields_format_and_guards_only_text() {
    let rows = batch(vec![("revenue", Arc::new(Float64Array::from(vec![-1_234.5]))), ("note", Arc::new(StringArray::from(vec!["-5"])))]);
    let mut tile = table("1", "T", vec![rows]);
    if let TileContent::Data(data) = &mut tile.content {
        data.fields.insert("revenue".to_owned(), field(Some("Revenue"), Some("$#,##0.00")));
    }
    let mut job = job(Format::Csv, vec![tile]);
    job.options.enable_formatting = true;
    assert_eq!(text(&job), "Revenue,Note\r\n\"-$1,234.50\",'-5\r\n");
    job.options.enable_formatting = false;
    assert_eq!(text(&job), "Revenue,Note\r\n-1234.5,'-5\r\n");
}

#[test]
fn r8_hidden_columns_are_absent_only_when_asked() {
    let rows = batch(vec![("a", Arc::new(Int64Array::from(vec![1]))), ("b", Arc::new(Int64Array::from(vec![2])))]);
    let mut tile = table("1", "T", vec![rows]);
    if let TileContent::Data(data) = &mut tile.content {
        data.fields.insert("a".to_owned(), pressrun_domain::catalog::FieldSpec { hidden: true, ..Default::default() });
    }
    let mut job = job(Format::Csv, vec![tile]);
    assert_eq!(text(&job), "A,B\r\n1,2\r\n");
    job.options.hide_hidden_fields = true;
    assert_eq!(text(&job), "B\r\n2\r\n");
}

#[test]
fn r3_several_tiles_make_a_zip_of_safe_unique_names() {
    let one = || batch(vec![("a", Arc::new(Int64Array::from(vec![1])))]);
    let tiles = vec![
        table("1", "Orders / month", vec![one()]),
        tile("note", "Note", TileContent::Markdown("text".to_owned())),
        table("2", "orders / Month", vec![one()]),
        table("3", "", vec![one()]),
    ];
    let (bytes, said) = rendered(&job(Format::Csv, tiles)).unwrap();
    assert_eq!((said.media_type.as_str(), said.extension.as_str()), ("application/zip", "zip"));
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    assert_eq!(zip.file_names().collect::<Vec<_>>(), ["Orders - month.csv", "orders - Month (2).csv", "3.csv"]);
    let mut first = String::new();
    zip.by_index(0).unwrap().read_to_string(&mut first).unwrap();
    assert_eq!(first, "A\r\n1\r\n");
}

#[test]
fn r3_a_dashboard_of_text_has_no_data() {
    let job = job(Format::Csv, vec![tile("note", "Note", TileContent::Markdown("text".to_owned()))]);
    let error = rendered(&job).unwrap_err();
    assert_eq!((error.reason(), error), ("noData", RenderError::NoData));
}

#[test]
fn r11_a_cut_is_told_with_tile_and_limit() {
    let mut data = data(
        vec![batch(vec![("a", Arc::new(Int64Array::from(vec![1])))])],
        pressrun_domain::chart::Chart::new(pressrun_domain::chart::Mark::Table),
    );
    data.truncated = Some(Truncated { limit: 50_000 });
    let said = rendered(&job(Format::Csv, vec![tile("1", "Orders", TileContent::Data(data))])).unwrap().1;
    assert_eq!(said.warnings, ["\"Orders\" stops at its limit of 50,000 rows"]);
}

#[test]
fn r13_pages_and_places_mean_nothing_to_a_file() {
    let one = |value: i64| batch(vec![("a", Arc::new(Int64Array::from(vec![value])))]);
    let mut job = job(Format::Csv, vec![table("1", "Front", vec![one(1)])]);
    let mut back = job.report.pages[0].clone();
    back.tiles = vec![crate::testing::at(table("2", "Back", vec![one(2)]), 18, 90, 2, 1)];
    job.report.pages.push(back);
    job.options.single_column_layout = true;
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(rendered(&job).unwrap().0)).unwrap();
    let entries: Vec<(String, String)> = (0..zip.len())
        .map(|index| {
            let mut entry = zip.by_index(index).unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            (entry.name().to_owned(), text)
        })
        .collect();
    assert_eq!(entries, [("Front.csv".to_owned(), "A\r\n1\r\n".to_owned()), ("Back.csv".to_owned(), "A\r\n2\r\n".to_owned())]);
}

#[test]
fn equal_jobs_give_equal_zips() {
    let one = || batch(vec![("a", Arc::new(Int64Array::from(vec![1])))]);
    let job = job(Format::Csv, vec![table("1", "A", vec![one()]), table("2", "B", vec![one()])]);
    assert_eq!(rendered(&job).unwrap(), rendered(&job).unwrap());
}

#[test]
fn rows_come_from_ipc_files_and_a_damaged_one_names_its_tile() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.arrow");
    let rows = batch(vec![("a", Arc::new(Int64Array::from(vec![1, 2])))]);
    let mut writer = arrow_ipc::writer::FileWriter::try_new(std::fs::File::create(&path).unwrap(), &rows.schema()).unwrap();
    writer.write(&rows).unwrap();
    writer.write(&rows).unwrap();
    writer.finish().unwrap();
    let mut tile = table("orders", "T", Vec::new());
    if let TileContent::Data(data) = &mut tile.content {
        data.rows = crate::Rows::Ipc(path.clone());
    }
    let job = job(Format::Csv, vec![tile]);
    assert_eq!(text(&job), "A\r\n1\r\n2\r\n1\r\n2\r\n");
    std::fs::write(&path, b"damaged").unwrap();
    assert!(matches!(rendered(&job), Err(RenderError::Rows { tile, .. }) if tile == "orders"));
}
