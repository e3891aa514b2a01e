use std::io::Read;
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringDictionaryBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Date64Array, Decimal128Array, Decimal256Array, DurationSecondArray, Float32Array,
    Float64Array, Int8Array, Int64Array, LargeStringArray, StringArray, StringViewArray, Time64MicrosecondArray, TimestampMicrosecondArray,
    TimestampSecondArray, UInt64Array,
};
use arrow_buffer::i256;
use pressrun_domain::output::Format;

use crate::error::RenderError;
use crate::report::{TileContent, Truncated};
use crate::testing::{batch, data, field, job, rendered, table, text, tile};

/// Every type with its plain csv cell in New York.
pub(crate) fn all_types() -> Vec<(&'static str, ArrayRef, &'static str)> {
    let mut dictionary = StringDictionaryBuilder::<Int32Type>::new();
    dictionary.append_value("=risky");
    let mut list = ListBuilder::new(arrow_array::builder::Int64Builder::new());
    list.values().append_value(1);
    list.values().append_null();
    list.append(true);
    vec![
        ("bool", Arc::new(BooleanArray::from(vec![true])), "true"),
        ("int8", Arc::new(Int8Array::from(vec![-7])), "-7"),
        ("int64", Arc::new(Int64Array::from(vec![i64::MIN])), "-9223372036854775808"),
        ("uint64", Arc::new(UInt64Array::from(vec![u64::MAX])), "18446744073709551615"),
        ("float32", Arc::new(Float32Array::from(vec![0.1_f32])), "0.1"),
        ("float64", Arc::new(Float64Array::from(vec![-1234.5])), "-1234.5"),
        ("decimal", Arc::new(Decimal128Array::from(vec![-1_234_500]).with_precision_and_scale(20, 4).unwrap()), "-123.4500"),
        ("decimal256", Arc::new(Decimal256Array::from(vec![i256::from_i128(15)]).with_precision_and_scale(40, 1).unwrap()), "1.5"),
        ("utf8", Arc::new(StringArray::from(vec!["a, \"b\""])), "\"a, \"\"b\"\"\""),
        ("large_utf8", Arc::new(LargeStringArray::from(vec!["@home"])), "'@home"),
        ("utf8_view", Arc::new(StringViewArray::from(vec!["Zoë 東京"])), "Zoë 東京"),
        ("dictionary", Arc::new(dictionary.finish()), "'=risky"),
        ("binary", Arc::new(BinaryArray::from(vec![&[0xde_u8, 0xad][..]])), "dead"),
        ("date32", Arc::new(Date32Array::from(vec![20_514])), "2026-03-02"),
        ("date64", Arc::new(Date64Array::from(vec![20_514 * 86_400_000])), "2026-03-02"),
        ("time", Arc::new(Time64MicrosecondArray::from(vec![3_661_500_000])), "01:01:01.5"),
        ("naive", Arc::new(TimestampSecondArray::from(vec![1_772_460_000])), "2026-03-02T14:00:00"),
        (
            "instant",
            Arc::new(TimestampMicrosecondArray::from(vec![1_772_460_000_000_000]).with_timezone("UTC")),
            "2026-03-02T09:00:00-05:00",
        ),
        ("duration", Arc::new(DurationSecondArray::from(vec![90])), "PT1M30S"),
        ("list", Arc::new(list.finish()), "\"[1,null]\""),
    ]
}

#[test]
fn r4_r5_every_type_has_its_plain_cell() {
    let types = all_types();
    let rows = batch(types.iter().map(|(name, array, _)| (*name, array.clone())).collect());
    let csv = text(&job(Format::Csv, vec![table("1", "All", vec![rows])]));
    let line = csv.lines().nth(1).unwrap();
    assert_eq!(line, types.iter().map(|(.., cell)| *cell).collect::<Vec<_>>().join(","));
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
