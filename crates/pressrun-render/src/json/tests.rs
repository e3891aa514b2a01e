use std::sync::Arc;

use arrow_array::{Float64Array, Int64Array, StringArray};
use pressrun_domain::output::Format;
use serde_json::json;

use crate::report::TileContent;
use crate::testing::types::every_type;
use crate::testing::{batch, field, job, rendered, table, text, tile};

fn read(job: &crate::RenderJob) -> serde_json::Value {
    serde_json::from_str(&text(job)).unwrap()
}

#[test]
fn r7_one_tile_is_an_array_of_rows_in_column_order() {
    let rows = batch(vec![
        ("z", Arc::new(Int64Array::from(vec![Some(1), None]))),
        ("a", Arc::new(StringArray::from(vec!["line\nbreak \"q\" \u{1}", "=1"]))),
    ]);
    let mut job = job(Format::Json, vec![table("1", "T", vec![rows])]);
    job.single_tile = true;
    assert_eq!(text(&job), "[{\"z\":1,\"a\":\"line\\nbreak \\\"q\\\" \\u0001\"},{\"z\":null,\"a\":\"=1\"}]\n");
}

#[test]
fn r7_every_type_keeps_its_digits() {
    let types = every_type();
    let rows = batch(types.iter().map(|one| (one.name, one.array.clone())).collect());
    let mut job = job(Format::Json, vec![table("1", "T", vec![rows])]);
    job.single_tile = true;
    let row = read(&job)[0].clone();
    for one in &types {
        assert_eq!(row[one.name], one.json, "{}", one.name);
    }
    assert_eq!(row.as_object().unwrap().len(), types.len());
}

#[test]
fn r7_integers_beyond_2_to_the_53_are_strings_and_what_is_no_number_is_null() {
    let rows = batch(vec![
        ("n", Arc::new(Int64Array::from(vec![1 << 53, (1 << 53) + 1]))),
        ("f", Arc::new(Float64Array::from(vec![f64::NAN, 1e300]))),
    ]);
    let mut job = job(Format::Json, vec![table("1", "T", vec![rows])]);
    job.single_tile = true;
    assert_eq!(read(&job), json!([{ "n": 9_007_199_254_740_992_i64, "f": null }, { "n": "9007199254740993", "f": 1e300 }]));
}

#[test]
fn r7_a_dashboard_is_an_object_by_tile_key_and_v8_filters_wrap_it() {
    let rows = || batch(vec![("a", Arc::new(Int64Array::from(vec![1])))]);
    let tiles = vec![
        table("2", "Second", vec![rows()]),
        tile("note", "Note", TileContent::Markdown("text".to_owned())),
        table("1", "First", vec![rows()]),
        tile("bad", "Bad", TileContent::Failed { message: "no such column".to_owned() }),
    ];
    let mut job = job(Format::Json, tiles);
    job.options.show_filters = false;
    let expected = json!({
        "2": { "name": "Second", "rows": [{ "a": 1 }] },
        "1": { "name": "First", "rows": [{ "a": 1 }] },
        "bad": { "name": "Bad", "rows": [], "error": "no such column" },
    });
    assert_eq!(read(&job), expected);
    job.options.show_filters = true;
    let wrapped = read(&job);
    assert_eq!(wrapped["tiles"], expected);
    assert_eq!(wrapped["filters"], json!([{ "label": "Region", "value": "is US, CA" }]));
    assert_eq!(rendered(&job).unwrap().1.warnings, ["\"Bad\" failed: no such column"]);
}

#[test]
fn r7_repeated_column_names_stay_apart() {
    let rows = batch(vec![
        ("a", Arc::new(Int64Array::from(vec![1]))),
        ("a", Arc::new(Int64Array::from(vec![2]))),
        ("A", Arc::new(Int64Array::from(vec![3]))),
    ]);
    let mut job = job(Format::Json, vec![table("1", "T", vec![rows])]);
    job.single_tile = true;
    assert_eq!(text(&job), "[{\"a\":1,\"a_2\":2,\"A\":3}]\n");
}

#[test]
fn r5_formatting_of_one_tile_makes_display_texts() {
    let rows = batch(vec![("revenue", Arc::new(Float64Array::from(vec![Some(1234.5), None])))]);
    let mut tile = table("1", "T", vec![rows]);
    if let TileContent::Data(data) = &mut tile.content {
        data.fields.insert("revenue".to_owned(), field(Some("Revenue"), Some("$#,##0.00")));
    }
    let mut job = job(Format::Json, vec![tile]);
    job.single_tile = true;
    job.options.enable_formatting = true;
    assert_eq!(read(&job), json!([{ "revenue": "$1,234.50" }, { "revenue": null }]));
}
