//! One value of every type that a source can yield, and what each file makes of it in New York.

use std::sync::Arc;

use arrow_array::builder::{
    FixedSizeBinaryBuilder, FixedSizeListBuilder, Int64Builder, LargeListBuilder, ListBuilder, MapBuilder, StringBuilder,
    StringDictionaryBuilder, StructBuilder,
};
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BinaryArray, BinaryViewArray, BooleanArray, Date32Array, Date64Array, Decimal32Array, Decimal64Array, Decimal128Array,
    Decimal256Array, DurationNanosecondArray, DurationSecondArray, Float32Array, Float64Array, Int8Array, Int16Array, Int32Array,
    Int64Array, IntervalDayTimeArray, IntervalMonthDayNanoArray, IntervalYearMonthArray, LargeBinaryArray, LargeStringArray, NullArray,
    StringArray, StringViewArray, Time32SecondArray, Time64MicrosecondArray, Time64NanosecondArray, TimestampMicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt8Array, UInt16Array, UInt32Array, UInt64Array,
};
use arrow_buffer::{IntervalDayTime, IntervalMonthDayNano, i256};
use arrow_schema::{DataType, Field, Fields};
use serde_json::{Value, json};

/// A value and its cells.
pub(crate) struct Typed {
    pub(crate) name: &'static str,
    pub(crate) array: ArrayRef,
    /// As it stands in a csv.
    pub(crate) csv: &'static str,
    /// As it stands in a json.
    pub(crate) json: Value,
    /// As it stands in a sheet: `t` with a text, or `v` with a native value; empty for no cell.
    pub(crate) xlsx: &'static str,
}

/// Two years, two months; a day less; 1.5 s less.
const MIXED: IntervalMonthDayNano = IntervalMonthDayNano { months: 26, days: -1, nanoseconds: -1_500_000_000 };

pub(crate) fn every_type() -> Vec<Typed> {
    let of = |name, array: ArrayRef, csv, json, xlsx| Typed { name, array, csv, json, xlsx };
    let wide = "1234567890123456789012345678901234567890";
    vec![
        of("bool", Arc::new(BooleanArray::from(vec![true])), "true", json!(true), "<v>1</v>"),
        of("int8", Arc::new(Int8Array::from(vec![-7])), "-7", json!(-7), "<v>-7</v>"),
        of("int16", Arc::new(Int16Array::from(vec![-700])), "-700", json!(-700), "<v>-700</v>"),
        of("int32", Arc::new(Int32Array::from(vec![i32::MIN])), "-2147483648", json!(-2_147_483_648_i64), "<v>-2147483648</v>"),
        of(
            "int64",
            Arc::new(Int64Array::from(vec![i64::MIN])),
            "-9223372036854775808",
            json!("-9223372036854775808"),
            "<t>-9223372036854775808</t>",
        ),
        of("uint8", Arc::new(UInt8Array::from(vec![255])), "255", json!(255), "<v>255</v>"),
        of("uint16", Arc::new(UInt16Array::from(vec![65_535])), "65535", json!(65_535), "<v>65535</v>"),
        of("uint32", Arc::new(UInt32Array::from(vec![u32::MAX])), "4294967295", json!(4_294_967_295_u64), "<v>4294967295</v>"),
        of(
            "uint64",
            Arc::new(UInt64Array::from(vec![u64::MAX])),
            "18446744073709551615",
            json!("18446744073709551615"),
            "<t>18446744073709551615</t>",
        ),
        of("float32", Arc::new(Float32Array::from(vec![0.1_f32])), "0.1", json!(0.1), "<v>0.1</v>"),
        of("float64", Arc::new(Float64Array::from(vec![-1234.5])), "-1234.5", json!(-1234.5), "<v>-1234.5</v>"),
        of("tiny", Arc::new(Float64Array::from(vec![1.5e-9])), "0.0000000015", json!(1.5e-9), "<v>0.0000000015</v>"),
        of("nan", Arc::new(Float64Array::from(vec![f64::NAN])), "NaN", Value::Null, "<t>NaN</t>"),
        of("infinity", Arc::new(Float64Array::from(vec![f64::NEG_INFINITY])), "-Infinity", Value::Null, "<t>-Infinity</t>"),
        of("nan32", Arc::new(Float32Array::from(vec![f32::NAN])), "NaN", Value::Null, "<t>NaN</t>"),
        of(
            "decimal32",
            Arc::new(Decimal32Array::from(vec![105]).with_precision_and_scale(5, 1).unwrap()),
            "10.5",
            json!("10.5"),
            "<v>10.5</v>",
        ),
        of(
            "decimal64",
            Arc::new(Decimal64Array::from(vec![-1]).with_precision_and_scale(10, 3).unwrap()),
            "-0.001",
            json!("-0.001"),
            "<v>-0.001</v>",
        ),
        of(
            "decimal128",
            Arc::new(Decimal128Array::from(vec![-1_234_500]).with_precision_and_scale(20, 4).unwrap()),
            "-123.4500",
            json!("-123.4500"),
            "<v>-123.45</v>",
        ),
        of(
            "decimal_of_38_digits",
            Arc::new(
                Decimal128Array::from(vec![12_345_678_901_234_567_890_123_456_789_012_345_678]).with_precision_and_scale(38, 38).unwrap(),
            ),
            "0.12345678901234567890123456789012345678",
            json!("0.12345678901234567890123456789012345678"),
            "<t>0.12345678901234567890123456789012345678</t>",
        ),
        of(
            "decimal_of_thousands",
            Arc::new(Decimal128Array::from(vec![12]).with_precision_and_scale(10, -3).unwrap()),
            "12000",
            json!("12000"),
            "<v>12000</v>",
        ),
        of(
            "decimal256",
            Arc::new(Decimal256Array::from(vec![i256::from_string(wide).unwrap()]).with_precision_and_scale(40, 2).unwrap()),
            "12345678901234567890123456789012345678.90",
            json!("12345678901234567890123456789012345678.90"),
            "<t>12345678901234567890123456789012345678.90</t>",
        ),
        of("utf8", Arc::new(StringArray::from(vec!["a, \"b\""])), "\"a, \"\"b\"\"\"", json!("a, \"b\""), "<t>a, \"b\"</t>"),
        of("large_utf8", Arc::new(LargeStringArray::from(vec!["@home"])), "'@home", json!("@home"), "<t>@home</t>"),
        of("utf8_view", Arc::new(StringViewArray::from(vec!["Zoë 東京"])), "Zoë 東京", json!("Zoë 東京"), "<t>Zoë 東京</t>"),
        of("dictionary", dictionary(), "'=risky", json!("=risky"), "<t>=risky</t>"),
        of("binary", Arc::new(BinaryArray::from(vec![&[0xde_u8, 0xad][..]])), "dead", json!("dead"), "<t>dead</t>"),
        of("large_binary", Arc::new(LargeBinaryArray::from(vec![&[1_u8][..]])), "01", json!("01"), "<t>01</t>"),
        of("binary_view", Arc::new(BinaryViewArray::from(vec![&[2_u8][..]])), "02", json!("02"), "<t>02</t>"),
        of("fixed_binary", fixed_binary(), "00ff", json!("00ff"), "<t>00ff</t>"),
        of("date32", Arc::new(Date32Array::from(vec![20_514])), "2026-03-02", json!("2026-03-02"), "<v>46083</v>"),
        of("date64", Arc::new(Date64Array::from(vec![20_514 * 86_400_000])), "2026-03-02", json!("2026-03-02"), "<v>46083</v>"),
        of("old_date", Arc::new(Date32Array::from(vec![-30_000])), "1887-11-12", json!("1887-11-12"), "<t>1887-11-12</t>"),
        of("time32", Arc::new(Time32SecondArray::from(vec![43_200])), "12:00:00", json!("12:00:00"), "<v>0.5</v>"),
        of(
            "time64",
            Arc::new(Time64MicrosecondArray::from(vec![3_661_500_000])),
            "01:01:01.5",
            json!("01:01:01.5"),
            "<v>0.04237847222222222</v>",
        ),
        of(
            "time_ns",
            Arc::new(Time64NanosecondArray::from(vec![1])),
            "00:00:00.000000001",
            json!("00:00:00.000000001"),
            "<v>0.000000000000011574074074074075</v>",
        ),
        of(
            "wall_s",
            Arc::new(TimestampSecondArray::from(vec![1_772_460_000])),
            "2026-03-02T14:00:00",
            json!("2026-03-02T14:00:00"),
            "<v>46083.583333333336</v>",
        ),
        of(
            "wall_ns",
            Arc::new(TimestampNanosecondArray::from(vec![1_772_460_000_000_000_001])),
            "2026-03-02T14:00:00.000000001",
            json!("2026-03-02T14:00:00.000000001"),
            "<v>46083.583333333336</v>",
        ),
        of(
            "instant_ms",
            Arc::new(TimestampMillisecondArray::from(vec![1_772_460_000_500]).with_timezone("UTC")),
            "2026-03-02T09:00:00.5-05:00",
            json!("2026-03-02T09:00:00.5-05:00"),
            "<v>46083.375005787035</v>",
        ),
        of(
            "instant_us",
            Arc::new(TimestampMicrosecondArray::from(vec![1_772_460_000_000_000]).with_timezone("Asia/Tokyo")),
            "2026-03-02T09:00:00-05:00",
            json!("2026-03-02T09:00:00-05:00"),
            "<v>46083.375</v>",
        ),
        of("duration_s", Arc::new(DurationSecondArray::from(vec![90])), "PT1M30S", json!("PT1M30S"), "<v>0.0010416666666666667</v>"),
        of("duration_ns", Arc::new(DurationNanosecondArray::from(vec![-1_500_000_000])), "-PT1.5S", json!("-PT1.5S"), "<t>-PT1.5S</t>"),
        of("months", Arc::new(IntervalYearMonthArray::from(vec![14])), "P1Y2M", json!("P1Y2M"), "<t>P1Y2M</t>"),
        of(
            "days",
            Arc::new(IntervalDayTimeArray::from(vec![IntervalDayTime::new(3, 1500)])),
            "P3DT1.5S",
            json!("P3DT1.5S"),
            "<t>P3DT1.5S</t>",
        ),
        of(
            "interval",
            Arc::new(IntervalMonthDayNanoArray::from(vec![MIXED])),
            "P2Y2M-1DT-1.5S",
            json!("P2Y2M-1DT-1.5S"),
            "<t>P2Y2M-1DT-1.5S</t>",
        ),
        of("list", list(), "\"[1,null]\"", json!([1, null]), "<t>[1,null]</t>"),
        of("large_list", large_list(), "[]", json!([]), "<t>[]</t>"),
        of("fixed_list", fixed_list(), "\"[4,5]\"", json!([4, 5]), "<t>[4,5]</t>"),
        of(
            "struct",
            structure(),
            "\"{\"\"n\"\":\"\"9007199254740993\"\",\"\"t\"\":null}\"",
            json!({"n": "9007199254740993", "t": null}),
            "<t>{\"n\":\"9007199254740993\",\"t\":null}</t>",
        ),
        of("map", map(), "\"{\"\"a\"\":1,\"\"b\"\":null}\"", json!({"a": 1, "b": null}), "<t>{\"a\":1,\"b\":null}</t>"),
        of("null", Arc::new(NullArray::new(1)), "", Value::Null, ""),
    ]
}

fn dictionary() -> ArrayRef {
    let mut builder = StringDictionaryBuilder::<Int32Type>::new();
    builder.append_value("=risky");
    Arc::new(builder.finish())
}

fn fixed_binary() -> ArrayRef {
    let mut builder = FixedSizeBinaryBuilder::new(2);
    builder.append_value([0, 255]).unwrap();
    Arc::new(builder.finish())
}

fn list() -> ArrayRef {
    let mut builder = ListBuilder::new(Int64Builder::new());
    builder.values().append_value(1);
    builder.values().append_null();
    builder.append(true);
    Arc::new(builder.finish())
}

fn large_list() -> ArrayRef {
    let mut builder = LargeListBuilder::new(Int64Builder::new());
    builder.append(true);
    Arc::new(builder.finish())
}

fn fixed_list() -> ArrayRef {
    let mut builder = FixedSizeListBuilder::new(Int64Builder::new(), 2);
    builder.values().append_slice(&[4, 5]);
    builder.append(true);
    Arc::new(builder.finish())
}

fn structure() -> ArrayRef {
    let fields = Fields::from(vec![Field::new("n", DataType::Int64, true), Field::new("t", DataType::Utf8, true)]);
    let mut builder = StructBuilder::from_fields(fields, 1);
    builder.field_builder::<Int64Builder>(0).unwrap().append_value(9_007_199_254_740_993);
    builder.field_builder::<StringBuilder>(1).unwrap().append_null();
    builder.append(true);
    Arc::new(builder.finish())
}

fn map() -> ArrayRef {
    let mut builder = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    builder.keys().append_value("a");
    builder.values().append_value(1);
    builder.keys().append_value("b");
    builder.values().append_null();
    builder.append(true).unwrap();
    Arc::new(builder.finish())
}
