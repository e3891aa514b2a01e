//! Numbers at the seam: files of Parquet and text, queried as tiles are.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type};
use arrow_array::{ArrayRef, Decimal128Array, Float64Array, Int64Array, StringArray, StructArray, UInt64Array};
use arrow_schema::{DataType, Field};

use crate::testing::{answer, batch, plain, write_parquet};

/// Asserts that `sql` yields these rows, or fails with this text.
pub(super) async fn says(folder: &Path, sql: &str, expected: Result<&str, &str>) {
    match (answer(folder, &plain(sql)).await, expected) {
        (Ok(found), Ok(expected)) => assert_eq!(found.join(" "), expected, "{sql}"),
        (Err(error), Err(expected)) => {
            assert!(error.to_string().contains(expected), "{sql}: {error}");
            assert!(!error.to_string().contains("pressrun_"), "{sql}: {error}");
        }
        (found, expected) => panic!("{sql}: {found:?}, not {expected:?}"),
    }
}

fn negative_nan() -> f64 {
    f64::from_bits(f64::NAN.to_bits() | 1 << 63)
}

/// Numbers with everything that floats have, in doubles, floats of 32 and 16 bits, lists and structures; one row group for each two rows, so that
/// statistics of each decide.
fn odd_floats(folder: &Path) -> Vec<f64> {
    let numbers = vec![1.0, f64::NAN, negative_nan(), 2.0, -0.0, 0.0, f64::NEG_INFINITY, f64::INFINITY, negative_nan(), -5.0, 3.0, 4.0];
    let double: ArrayRef = Arc::new(Float64Array::from(numbers.clone()));
    let single = arrow_cast::cast(&double, &DataType::Float32).unwrap();
    let half = arrow_cast::cast(&double, &DataType::Float16).unwrap();
    assert!(single.as_primitive::<Float32Type>().value(1).is_nan() && half.as_primitive::<Float16Type>().value(1).is_nan());
    let member = Arc::new(Field::new("a", DataType::Float64, true));
    let nested = StructArray::from(vec![(member, Arc::clone(&double))]);
    let keys = Int64Array::from_iter_values(0..numbers.len() as i64);
    let rows = batch(vec![("k", Arc::new(keys)), ("a", double), ("b", single), ("c", half), ("s", Arc::new(nested))]);
    let file = std::fs::File::create(folder.join("t.parquet")).unwrap();
    let properties =
        parquet::file::properties::WriterProperties::builder().set_max_row_group_row_count(Some(2)).set_bloom_filter_enabled(true).build();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, rows.schema(), Some(properties)).unwrap();
    writer.write(&rows).unwrap();
    writer.close().unwrap();
    numbers
}

/// PostgreSQL's order.
fn above(one: f64, two: f64) -> std::cmp::Ordering {
    one.partial_cmp(&two).unwrap_or_else(|| one.is_nan().cmp(&two.is_nan()))
}

#[tokio::test]
async fn n1_nan_is_above_all_numbers_and_equal_to_itself_whatever_statistics_say() {
    let folder = tempfile::tempdir().unwrap();
    let numbers = odd_floats(folder.path());
    let wanted = [
        ("1", 1.0),
        ("0", 0.0),
        ("-0.0", 0.0),
        ("2.5", 2.5),
        ("cast('NaN' as double)", f64::NAN),
        ("cast('inf' as double)", f64::INFINITY),
    ];
    for column in ["a", "b", "c", "s['a']"] {
        for (text, value) in wanted {
            for (operator, orders) in
                [("=", vec![0]), ("<>", vec![-1, 1]), ("<", vec![-1]), ("<=", vec![-1, 0]), (">", vec![1]), (">=", vec![0, 1])]
            {
                let keeps = |number: &&f64| orders.contains(&(above(**number, value) as i32));
                let expected = numbers.iter().filter(keeps).count().to_string();
                says(folder.path(), &format!("select count(*) from t where {column} {operator} {text}"), Ok(&expected)).await;
                says(folder.path(), &format!("select count(*) filter (where {column} {operator} {text}) from t"), Ok(&expected)).await;
            }
        }
    }
}

#[tokio::test]
async fn n1_nan_groups_sorts_joins_and_aggregates_as_one_number() {
    let folder = tempfile::tempdir().unwrap();
    odd_floats(folder.path());
    for column in ["a", "b", "c", "s['a']"] {
        for (sql, expected) in [
            ("select count(distinct #) from t", "9"),
            ("select count(*) from (select # as x from t group by #)", "9"),
            ("select count(*) from (select distinct # as x from t)", "9"),
            ("select n from (select # as x, count(*) as n from t group by #) order by x desc limit 2", "3 1"),
            ("select k from t order by # desc, k limit 4", "1 2 8 7"),
            ("select k from t order by #, k limit 3", "6 9 4"),
            ("select count(*) from t join t as u on t.# = u.#", "20"),
            ("select max(#), min(#) from t", "NaN|-inf"),
            (
                "select k / 2 as g, max(#), min(#) from t group by g order by g",
                "0|NaN|1.0 1|NaN|2.0 2|0.0|0.0 3|inf|-inf 4|NaN|-5.0 5|4.0|3.0",
            ),
            ("select max(#) over (order by k rows 1 preceding) from t where k > 8", "-5.0 3.0 4.0"),
            ("select sum(#) over (order by k rows 1 preceding) from t where k in (0, 1, 3, 10, 11)", "1.0 NaN NaN 5.0 7.0"),
            ("select avg(#) over (order by k rows 1 preceding) from t where k in (6, 3, 10, 11)", "2.0 -inf -inf 3.5"),
            ("select greatest(max(#), 1), least(max(#), 1) from t", "NaN|1.0"),
            ("select count(*) from t where # in (0, cast('NaN' as double))", "5"),
            ("select count(*) from t where # not in (0, cast('-NaN' as double))", "7"),
            ("select count(*) from t where # between 2 and cast('NaN' as double)", "7"),
            ("select count(*) from t where nullif(#, cast('NaN' as double)) is null", "3"),
            ("select count(*) from t where # is not distinct from cast('NaN' as double)", "3"),
            ("select count(*) from t where # in (select u.# from t as u where u.k = 2)", "3"),
            ("select count(*) from (select # as x from t intersect select # as x from t where k in (2, 4))", "2"),
            ("select rank() over (order by # desc) as r from t where k in (1, 2, 3) order by r", "1 1 3"),
        ] {
            says(folder.path(), &sql.replace('#', column), Ok(expected)).await;
        }
    }
}

/// What a machine makes of an undefined calculation has a sign.
#[tokio::test]
async fn n1_calculated_nan_and_zero_are_those_of_files() {
    let folder = tempfile::tempdir().unwrap();
    odd_floats(folder.path());
    for (sql, expected) in [
        ("select count(*) from t where a - a > 1", "5"),
        ("select count(*) from t where -a = a", "5"),
        ("select count(distinct a - a) from t", "2"),
        ("select count(*) from t where a * 0 = 0", "7"),
        ("select count(*) from t where round(a / 100) = 0", "7"),
        ("select count(distinct a * 0) from t where k in (0, 9)", "1"),
        ("select count(*) from t where a * cast('inf' as double) > 100", "10"),
        ("select sum(a) > 1 from t where k in (6, 7)", "true"),
        ("select avg(a) > 1 from t where k in (6, 7)", "true"),
        ("select cast('-nan' as double) = cast('nan' as double), cast('-0' as double) = 0, -0.0 = 0", "true|true|true"),
        ("select * from (values (cast('-nan' as double)), (1.0)) as v(x) order by x", "1.0 NaN"),
    ] {
        says(folder.path(), sql, Ok(expected)).await;
    }
    std::fs::write(folder.path().join("c.csv"), "x\nNaN\nnan\n-0\n0\n1.5\n").unwrap();
    for (sql, expected) in
        [("select count(*) from c where x > 2", "2"), ("select count(distinct x) from c", "3"), ("select count(*) from c where x = 0", "2")]
    {
        says(folder.path(), sql, Ok(expected)).await;
    }
}

const BIG: i64 = 9_000_000_000_000_000_001;

/// Whole numbers that no double holds, decimals of many digits, and doubles.
fn long_numbers(folder: &Path) {
    let whole = Int64Array::from(vec![BIG, BIG - 1, 7, -3]);
    let unsigned = UInt64Array::from(vec![u64::MAX, u64::MAX - 1, 7, 3]);
    let decimal = Decimal128Array::from(vec![1_234_567_890_123_456_789, 10, -5, 0]).with_precision_and_scale(38, 2).unwrap();
    let double = Float64Array::from(vec![9e18, 0.1, 7.0, 1e-20]);
    write_parquet(
        &folder.join("t.parquet"),
        &batch(vec![
            ("n", Arc::new(whole)),
            ("u", Arc::new(unsigned)),
            ("d", Arc::new(decimal)),
            ("f", Arc::new(double)),
            ("g", Arc::new(StringArray::from(vec!["a", "a", "b", "b"]))),
        ]),
    );
}

#[tokio::test]
async fn n2_whole_numbers_are_compared_with_fractions_by_every_digit() {
    let folder = tempfile::tempdir().unwrap();
    long_numbers(folder.path());
    for (condition, expected) in [
        ("n = 9000000000000000001.0", "1"),
        ("n = 9000000000000000001.5", "0"),
        ("n < 9000000000000000000.5", "3"),
        ("9000000000000000000.5 < n", "1"),
        ("n > -3.5", "4"),
        ("n >= 6.999", "3"),
        ("n = 7.0", "1"),
        ("n in (9000000000000000001, 2.5)", "1"),
        ("n in (9000000000000000001.0, 7.0)", "2"),
        ("n not in (9000000000000000001, 2.5)", "3"),
        ("n between 6.5 and 9000000000000000000.5", "2"),
        ("n < 1e19", "4"),
        ("n > -1e30", "4"),
        ("n = 12345678901234567890123", "0"),
        ("n < 12345678901234567890123", "4"),
        ("n is distinct from 9000000000000000001.0", "3"),
        ("u = 18446744073709551615.0", "1"),
        ("u > 18446744073709551614.5", "1"),
        ("u = 7.0", "1"),
        ("d = 12345678901234567.89", "1"),
        ("d > 12345678901234567.88", "1"),
        ("d = 0.1", "1"),
        ("d = 0.1000000000000000000001", "0"),
        ("d in (0.1, 5)", "1"),
        ("d between -0.05 and 0.05", "2"),
        ("d = -0.05", "1"),
        ("d < 1e-30", "2"),
        ("case n when 7.0 then true else false end", "1"),
    ] {
        says(folder.path(), &format!("select count(*) from t where {condition}"), Ok(expected)).await;
    }
}

#[tokio::test]
async fn n2_a_digit_is_never_lost_beside_a_double_unasked() {
    let folder = tempfile::tempdir().unwrap();
    long_numbers(folder.path());
    let lost = "loses digits as a double";
    for (sql, expected) in [
        ("select coalesce(n, 1.5) from t", Err(lost)),
        ("select case when g = 'a' then n else 0.5 end from t", Err(lost)),
        ("select greatest(n, 1.5) from t", Err(lost)),
        ("select nullif(n, 1.5) from t", Err(lost)),
        ("select n from t union all select 1.5", Err(lost)),
        ("select floor(n) from t", Err(lost)),
        ("select ceil(n) from t", Err(lost)),
        ("select avg(n) from t", Err(lost)),
        ("select g, avg(n) from t group by g", Err(lost)),
        ("select avg(n) over (order by n rows 1 preceding) from t", Err(lost)),
        ("select n + 0.5 from t", Err(lost)),
        ("select n * 1.0 from t", Err(lost)),
        ("select count(*) from t where n = f", Err(lost)),
        ("select count(*) from t join t as o on t.n = o.f", Err(lost)),
        ("select count(*) from t where n in (select f from t)", Err(lost)),
        ("select count(*) from t where u > f", Err(lost)),
        ("select coalesce(d, f) from t", Err(lost)),
        ("select count(*) from t where d = f", Err(lost)),
        ("select * from (values (9007199254740993), (1.5)) as v(x)", Err(lost)),
        ("select d from t union all select f from t", Err("loses digits as a")),
        // Said by the SQL itself, or of few digits, or rounded by its nature.
        ("select cast(n as double) from t where n > 7 and u > 18446744073709551614", Ok("9e18")),
        ("select n::double precision + 0.5 from t where n = 7", Ok("7.5")),
        ("select coalesce(n, 1.5), floor(n), n + 0.5, greatest(n, 1.5) from t where n = 7", Ok("7.0|7.0|7.5|7.0")),
        ("select avg(n) from t where g = 'b'", Ok("2.0")),
        ("select avg(cast(n as decimal(38, 0))) from t where g = 'a'", Ok("9000000000000000000.5000")),
        ("select sqrt(n) > 2e9 from t where u = 18446744073709551615.0", Ok("true")),
        ("select n / 1e9 from t where u > 18446744073709551614", Ok("9000000000.0")),
        ("select round(n), abs(n) from t where n > 9000000000000000000", Ok("9000000000000000001|9000000000000000001")),
        ("select d * 1.5 > 1e16 from t where d > 1", Ok("true")),
        ("select coalesce(d, 0.0), greatest(d, 0.5) from t where d = 0.1", Ok("0.10|0.50")),
        ("select coalesce(d, 0.0) from t where d > 1", Ok("12345678901234567.89")),
        ("select cast(f as decimal(10, 2)) from t where f = 0.1", Ok("0.10")),
    ] {
        says(folder.path(), sql, expected).await;
    }
}

/// Thousands of comparisons beside exact arithmetic: whole numbers and decimals of 30 digits against what is written.
#[tokio::test]
async fn n2_comparisons_agree_with_exact_arithmetic_on_random_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let mut seed: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    // Around a few centres, so that many are equal or differ by little.
    let centres = [1_i64 << 53, i64::MAX - 4, i64::MIN + 4, 0, 1 << 62, 10_i64.pow(15)];
    let whole: Vec<i64> = (0..600).map(|_| centres[(next() % 6) as usize] - 4 + (next() % 9) as i64).collect();
    let decimal: Vec<i128> = whole.iter().map(|number| i128::from(*number) * 1000 + i128::from(next() % 3) * 500).collect();
    write_parquet(
        &folder.path().join("t.parquet"),
        &batch(vec![
            ("n", Arc::new(Int64Array::from(whole.clone()))),
            ("d", Arc::new(Decimal128Array::from(decimal.clone()).with_precision_and_scale(30, 3).unwrap())),
        ]),
    );
    for _ in 0..40 {
        let whole_part = centres[(next() % 6) as usize] - 3 + (next() % 7) as i64;
        let (fraction, thousandths) = [("0", 0), ("5", 500), ("25", 250)][(next() % 3) as usize];
        let sign = if whole_part < 0 { -1 } else { 1 };
        let wanted = i128::from(whole_part) * 1000 + sign * thousandths;
        let operators = ["=", "<>", "<", "<=", ">", ">="];
        let holds = |number: i128| {
            let order = number.cmp(&wanted);
            [order.is_eq(), order.is_ne(), order.is_lt(), order.is_le(), order.is_gt(), order.is_ge()]
        };
        let counted = |numbers: &mut dyn Iterator<Item = i128>| {
            let mut counts = [0; 6];
            for number in numbers {
                counts.iter_mut().zip(holds(number)).for_each(|(count, holds)| *count += i32::from(holds));
            }
            counts.map(|count| count.to_string()).join("|")
        };
        for (column, expected) in
            [("n", counted(&mut whole.iter().map(|number| i128::from(*number) * 1000))), ("d", counted(&mut decimal.iter().copied()))]
        {
            let counts =
                operators.map(|operator| format!("count(*) filter (where {column} {operator} {whole_part}.{fraction})")).join(", ");
            says(folder.path(), &format!("select {counts} from t"), Ok(&expected)).await;
        }
    }
}

#[tokio::test]
async fn n1_the_first_groups_are_those_of_all_groups() {
    let folder = tempfile::tempdir().unwrap();
    let x = Float64Array::from(vec![Some(f64::NAN), Some(1.0), Some(negative_nan()), Some(2.0), None, Some(f64::NAN)]);
    let g = StringArray::from(vec!["a", "b", "c", "b", "c", "a"]);
    write_parquet(&folder.path().join("t.parquet"), &batch(vec![("x", Arc::new(x) as ArrayRef), ("g", Arc::new(g))]));
    for (sql, expected) in [
        ("select distinct x from t order by x limit 10", "1.0 2.0 NaN ∅"),
        ("select x from t group by x order by x desc limit 2", "∅ NaN"),
        ("select g, max(x) as m from t group by g order by m desc, g limit 2", "a|NaN c|NaN"),
        ("select g, max(x) as m from t where g < 'c' group by g order by m desc limit 1", "a|NaN"),
        ("select g, min(x) as m from t where g < 'c' group by g order by m limit 1", "b|1.0"),
    ] {
        says(folder.path(), sql, Ok(expected)).await;
    }
}

#[tokio::test]
async fn n1_what_has_left_a_frame_that_moves_is_not_in_its_spread() {
    let folder = tempfile::tempdir().unwrap();
    let x = [
        Some(1.0),
        Some(f64::NAN),
        Some(2.0),
        Some(4.0),
        Some(f64::INFINITY),
        None,
        Some(3.0),
        Some(5.0),
        Some(1e17),
        Some(1.0),
        Some(2.0),
        Some(3.0),
    ];
    let y = [1.0, 1.0, 1.0, 2.0, 1.0, 1.0, 1.0, 2.0, 1.0, 1.0, 2.0, 3.0];
    let id = Int64Array::from_iter_values(0..12);
    let rows = batch(vec![
        ("id", Arc::new(id) as ArrayRef),
        ("x", Arc::new(Float64Array::from(x.to_vec()))),
        ("y", Arc::new(Float64Array::from(y.to_vec()))),
    ]);
    write_parquet(&folder.path().join("t.parquet"), &rows);
    let over = |what: &str| {
        format!(
            "select s from (select id, {what} over (order by id rows between 1 preceding and current row) as s from t) where id in (3, 7, 10, 11) order by id"
        )
    };
    for (what, expected) in [
        ("var_pop(x)", "1.0 1.0 0.25 0.25"),
        ("var_samp(x)", "2.0 2.0 0.5 0.5"),
        ("stddev_pop(x)", "1.0 1.0 0.5 0.5"),
        ("covar_pop(x, y)", "0.5 0.5 0.25 0.25"),
        ("corr(x, y)", "1.0 1.0 1.0 1.0"),
        ("regr_slope(x, y)", "2.0 2.0 1.0 1.0"),
        ("regr_count(x, y)", "2 2 2 2"),
        ("var_pop(x) filter (where y < 3)", "1.0 1.0 0.25 0.0"),
    ] {
        says(folder.path(), &over(what), Ok(expected)).await;
    }
}

#[tokio::test]
async fn n3_a_calculation_with_decimals_has_all_its_digits_or_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let most = "99999999999999999999999999999999999999";
    let n = Decimal128Array::from(vec![most.parse::<i128>().unwrap(), 1]).with_precision_and_scale(38, 0).unwrap();
    write_parquet(&folder.path().join("t.parquet"), &batch(vec![("n", Arc::new(n) as ArrayRef)]));
    for (sql, expected) in [
        (format!("select cast({most} as decimal(38, 0)) + 1 as n"), Err("more than 38 digits")),
        ("select n + 1 as n from t".to_owned(), Err("more than 38 digits")),
        ("select n - cast(-1 as decimal(38, 0)) as n from t".to_owned(), Err("more than 38 digits")),
        ("select n + 1 as n from t where n = 1".to_owned(), Ok("2")),
        ("select n - 1 as n from t where n > 1".to_owned(), Ok("99999999999999999999999999999999999998")),
    ] {
        says(folder.path(), &sql, expected).await;
    }
}

/// The number became a double on its way.
#[tokio::test]
async fn decimals_that_are_written_as_a_cast_number_keep_what_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let zeros = "0".repeat(36);
    for (sql, expected) in [
        ("select cast(1.5 as decimal(38, 37)) * 3".to_owned(), Ok(format!("4.5{zeros}"))),
        ("select -1.1::decimal(38, 37), cast(-1.1 as numeric(38, 37))".to_owned(), Ok(format!("-1.1{zeros}|-1.1{zeros}"))),
        (
            "select cast(1.005 as decimal(10, 2)), cast(.5 as decimal(3, 1)), try_cast(2.5 as decimal(3, 1))".to_owned(),
            Ok("1.01|0.5|2.5".to_owned()),
        ),
        (
            "select cast(1.5e1 as decimal(10, 2)), cast(15 as decimal(10, 2)), cast(1.5 as double)".to_owned(),
            Ok("15.00|15.00|1.5".to_owned()),
        ),
        ("select try_cast(123.4 as decimal(3, 1))".to_owned(), Ok("∅".to_owned())),
        ("select cast(123.4 as decimal(3, 1))".to_owned(), Err("123.4")),
    ] {
        says(folder.path(), &sql, expected.as_deref().map_err(|error| *error)).await;
    }
}
