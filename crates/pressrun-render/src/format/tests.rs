//! Tables of (value, format, text).

use std::sync::Arc;

use arrow_array::types::Int8Type;
use arrow_array::*;
use arrow_schema::TimeUnit;

use super::*;

fn field(format: &str, data_type: &DataType, zone: &str) -> FieldFormat {
    let spec = FieldSpec { label: None, format: (!format.is_empty()).then(|| format.to_owned()), ..FieldSpec::default() };
    FieldFormat::parse(&spec, data_type, "amount", zone)
}

fn texts(array: &dyn Array, format: &str) -> (String, String) {
    let field = field(format, array.data_type(), "America/New_York");
    let value = Value::at(array, 0);
    (field.display(&value), field.plain(&value))
}

#[test]
fn r5_every_type_has_a_display_and_a_plain_text() {
    let instant = 1_709_640_489_012_345i64;
    let cases: Vec<(&str, ArrayRef, &str, &str, &str)> = vec![
        ("flag", Arc::new(BooleanArray::from(vec![true])), "", "Yes", "true"),
        ("small integer", Arc::new(Int8Array::from(vec![-7])), "", "-7", "-7"),
        ("u64 beyond 2^53", Arc::new(UInt64Array::from(vec![u64::MAX])), "", "18,446,744,073,709,551,615", "18446744073709551615"),
        ("i64 beyond 2^53", Arc::new(Int64Array::from(vec![9_007_199_254_740_993])), "#,##0", "9,007,199,254,740,993", "9007199254740993"),
        ("float", Arc::new(Float64Array::from(vec![1234.5])), "", "1,234.5", "1234.5"),
        ("small float", Arc::new(Float64Array::from(vec![0.000_123_456])), "", "0.000123", "0.000123456"),
        ("f32 keeps its digits", Arc::new(Float32Array::from(vec![0.1])), "", "0.1", "0.1"),
        ("negative zero", Arc::new(Float64Array::from(vec![-0.0])), "", "0", "0"),
        ("NaN", Arc::new(Float64Array::from(vec![f64::NAN])), "0.0", "NaN", "NaN"),
        ("infinity", Arc::new(Float64Array::from(vec![f64::NEG_INFINITY])), "", "-∞", "-Infinity"),
        (
            "decimal keeps its scale",
            Arc::new(Decimal128Array::from(vec![1_250]).with_precision_and_scale(10, 2).unwrap()),
            "",
            "12.5",
            "12.50",
        ),
        ("negative scale", Arc::new(Decimal128Array::from(vec![12]).with_precision_and_scale(10, -3).unwrap()), "", "12,000", "12000"),
        (
            "38 digits",
            Arc::new(
                Decimal128Array::from(vec![-12_345_678_901_234_567_890_123_456_789_012_345_678]).with_precision_and_scale(38, 2).unwrap(),
            ),
            "$#,##0.00",
            "-$123,456,789,012,345,678,901,234,567,890,123,456.78",
            "-123456789012345678901234567890123456.78",
        ),
        ("text", Arc::new(StringArray::from(vec!["a, b"])), "#,##0", "a, b", "a, b"),
        ("number in text", Arc::new(StringArray::from(vec!["1234.5"])), "#,##0.00", "1,234.50", "1234.5"),
        ("date in text", Arc::new(StringArray::from(vec!["2024-03-05"])), "MMM yyyy", "Mar 2024", "2024-03-05"),
        ("view", Arc::new(StringViewArray::from(vec!["x"])), "", "x", "x"),
        ("dictionary", Arc::new(DictionaryArray::<Int8Type>::from_iter(["north"])), "", "north", "north"),
        ("date", Arc::new(Date32Array::from(vec![19_787])), "", "Mar 5, 2024", "2024-03-05"),
        ("date before 1970", Arc::new(Date64Array::from(vec![-86_400_000])), "EEE d MMM", "Wed 31 Dec", "1969-12-31"),
        ("time", Arc::new(Time64MicrosecondArray::from(vec![3_661_000_000])), "", "01:01:01", "01:01:01"),
        ("wall time", Arc::new(TimestampMicrosecondArray::from(vec![instant])), "", "Mar 5, 2024, 12:08:09", "2024-03-05T12:08:09.012345"),
        (
            "instant in the query zone",
            Arc::new(TimestampMicrosecondArray::from(vec![instant]).with_timezone("UTC")),
            "yyyy-MM-dd HH:mm",
            "2024-03-05 07:08",
            "2024-03-05T07:08:09.012345-05:00",
        ),
        ("midnight shows the date", Arc::new(TimestampSecondArray::from(vec![1_709_596_800])), "", "Mar 5, 2024", "2024-03-05T00:00:00"),
        ("duration", Arc::new(DurationSecondArray::from(vec![3_900])), "", "1h 05m", "PT1H5M"),
        ("duration in seconds", Arc::new(DurationMillisecondArray::from(vec![1_500])), "0.00", "1.50", "PT1.5S"),
        ("interval", Arc::new(IntervalYearMonthArray::from(vec![14])), "", "1y 2mo", "P1Y2M"),
        (
            "interval with parts of both signs",
            Arc::new(IntervalMonthDayNanoArray::from(vec![arrow_buffer::IntervalMonthDayNano::new(1, -2, -5_401_500_000_000)])),
            "",
            "1mo -2d -1h 30m",
            "P1M-2DT-1H-30M-1.5S",
        ),
        ("bytes", Arc::new(BinaryArray::from(vec![&[1u8, 255][..]])), "", "01ff", "01ff"),
        (
            "list",
            Arc::new(ListArray::from_iter_primitive::<types::Int32Type, _, _>([Some([Some(1000), None, Some(3)])])),
            "",
            "1,000, , 3",
            "[1000,null,3]",
        ),
        ("null", Arc::new(NullArray::new(1)), "", "", ""),
    ];
    for (case, array, format, display, plain) in cases {
        assert_eq!(texts(array.as_ref(), format), (display.to_owned(), plain.to_owned()), "{case}");
    }
}

#[test]
fn short_forms_keep_the_affixes() {
    for (format, number, expected) in [
        ("", 0.0, "0"),
        ("", 1234.0, "1,234"),
        ("", 12_345.0, "12.3K"),
        ("", 999_960.0, "1M"),
        ("$#,##0.00", 1_234_567.0, "$1.23M"),
        ("$#,##0.00", -2_500_000_000.0, "-$2.5B"),
        ("0.0%", 0.1234, "12.3%"),
        ("0%", 1.0, "100%"),
        ("#,##0,\"K\"", 1_234_567.0, "1.23M"),
        ("#,##0 €", 45_600.0, "45.6K €"),
        ("", 0.001_234, "0.0012"),
        ("", f64::NAN, "–"),
    ] {
        assert_eq!(field(format, &DataType::Float64, "UTC").short(number), expected, "{format} of {number}");
    }
}

#[test]
fn labels_of_one_axis_agree() {
    let labels = |format: &str, step: f64, ticks: &[f64]| -> Vec<String> {
        let largest = ticks.iter().fold(0f64, |a, b| a.max(b.abs()));
        ticks.iter().map(|t| field(format, &DataType::Float64, "UTC").short_step(*t, step, largest)).collect()
    };
    assert_eq!(labels("$#,##0", 500_000.0, &[0.0, 500_000.0, 1_000_000.0, 1_500_000.0]), ["$0", "$0.5M", "$1.0M", "$1.5M"]);
    assert_eq!(labels("", 2000.0, &[0.0, 2000.0, 4000.0]), ["0", "2,000", "4,000"]);
    assert_eq!(labels("", 5000.0, &[0.0, 5000.0, 10_000.0]), ["0", "5K", "10K"]);
    assert_eq!(labels("0.0%", 0.25, &[0.0, 0.25, 0.5]), ["0%", "25%", "50%"]);
    assert_eq!(labels("", 0.05, &[0.0, 0.05, 0.1]), ["0", "0.05", "0.10"]);
}

#[test]
fn names_become_words() {
    for (name, expected) in [
        ("order_count", "Order count"),
        ("orderCount", "Order count"),
        ("revenue", "Revenue"),
        ("ARR", "ARR"),
        ("count(*)", "count(*)"),
        ("_x_", "X"),
        ("umsätze_2024", "Umsätze 2024"),
    ] {
        assert_eq!(words(name), expected);
    }
}

#[test]
fn years_and_ids_are_not_grouped() {
    for (name, expected) in [("year", "2024"), ("order_id", "2024"), ("paid", "2,024")] {
        let field = FieldFormat::parse(&FieldSpec::default(), &DataType::Int64, name, "UTC");
        assert_eq!(field.display(&Value::Int(2024)), expected, "{name}");
    }
}

#[test]
fn excel_formats_cover_dates_without_a_pattern() {
    for (format, data_type, expected) in [
        ("", DataType::Date32, Some("yyyy-mm-dd")),
        ("MMM yyyy", DataType::Date32, Some("mmm yyyy")),
        ("", DataType::Timestamp(TimeUnit::Second, None), Some("yyyy-mm-dd hh:mm:ss")),
        ("$#,##0", DataType::Int64, Some("$#,##0")),
        ("", DataType::Int64, None),
        ("MMM yyyy", DataType::Int64, None),
    ] {
        assert_eq!(field(format, &data_type, "UTC").excel_format().as_deref(), expected, "{format} {data_type}");
    }
}

#[test]
fn a_row_beyond_the_end_is_null() {
    assert_eq!(Value::at(&Int32Array::from(vec![1]), 5), Value::Null);
}
