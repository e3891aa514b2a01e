#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray};

use super::*;
use crate::testing::batch;

fn of(batches: &[RecordBatch]) -> Fingerprint {
    let mut fingerprinter = Fingerprinter::default();
    fingerprinter.begin(&batches[0].schema());
    for batch in batches {
        fingerprinter.push(batch).unwrap();
    }
    fingerprinter.finish()
}

fn one(name: &str, array: ArrayRef) -> Fingerprint {
    of(&[batch(vec![(name, array)])])
}

fn texts(values: &[Option<&str>]) -> Fingerprint {
    one("c", Arc::new(StringArray::from(values.to_vec())))
}

fn counts(now: &Fingerprint, then: &Fingerprint) -> Option<(Option<u64>, Option<u64>)> {
    now.difference(then).map(|difference| (difference.added, difference.removed))
}

#[test]
fn a5_order_of_rows_is_no_change() {
    assert_eq!(texts(&[Some("a"), Some("b"), Some("b")]), texts(&[Some("b"), Some("a"), Some("b")]));
}

#[test]
fn a5_order_of_columns_and_the_cut_into_batches_are_no_change() {
    let a: ArrayRef = Arc::new(StringArray::from(vec!["x", "y"]));
    let b: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let whole = batch(vec![("a", Arc::clone(&a)), ("b", Arc::clone(&b))]);
    assert_eq!(of(&[batch(vec![("b", b), ("a", a)])]), of(&[whole.slice(0, 1), whole.slice(1, 1)]));
}

#[test]
fn a5_a_changed_cell_a_row_more_or_less_and_multiplicity_are_changes() {
    let base = texts(&[Some("a"), Some("b")]);
    for (case, other, expected) in [
        ("changed cell", texts(&[Some("a"), Some("c")]), (Some(1), Some(1))),
        ("added row", texts(&[Some("a"), Some("b"), Some("c")]), (Some(1), Some(0))),
        ("removed row", texts(&[Some("a")]), (Some(0), Some(1))),
        ("multiplicity", texts(&[Some("a"), Some("b"), Some("b")]), (Some(1), Some(0))),
        ("swapped multiplicity", texts(&[Some("a"), Some("a")]), (Some(1), Some(1))),
    ] {
        assert_eq!(counts(&other, &base), Some(expected), "{case}");
    }
    assert_eq!(base.difference(&base), None);
}

#[test]
fn a5_values_do_not_flow_between_columns() {
    let two = |a: &str, b: &str| {
        of(&[batch(vec![("a", Arc::new(StringArray::from(vec![a])) as _), ("b", Arc::new(StringArray::from(vec![b])))])])
    };
    assert_ne!(two("xy", "z"), two("x", "yz"));
    assert_ne!(two("x", "y"), two("y", "x"));
}

#[test]
fn a5_other_columns_or_types_are_changes() {
    let text = one("c", Arc::new(StringArray::from(vec!["1"])));
    for other in [one("d", Arc::new(StringArray::from(vec!["1"]))), one("c", Arc::new(Int64Array::from(vec![1])))] {
        assert_eq!(other.difference(&text), Some(Difference { columns: true, added: None, removed: None }));
    }
}

#[test]
fn a6_normalisation_before_comparing() {
    let float = |value: f64| one("c", Arc::new(Float64Array::from(vec![value])));
    let decimal =
        |unscaled: i128, scale: i8| one("c", Arc::new(Decimal128Array::from(vec![unscaled]).with_precision_and_scale(20, scale).unwrap()));
    let instant = |zone: &str| one("c", Arc::new(TimestampMicrosecondArray::from(vec![1_000_000]).with_timezone(zone)));
    let wall = one("c", Arc::new(TimestampMicrosecondArray::from(vec![1_000_000])));
    for (case, left, right, same) in [
        ("null differs from empty", texts(&[None]), texts(&[Some("")]), false),
        ("text is not trimmed", texts(&[Some("a ")]), texts(&[Some("a")]), false),
        ("text is not folded", texts(&[Some("A")]), texts(&[Some("a")]), false),
        ("text by code point", texts(&[Some("é")]), texts(&[Some("e\u{301}")]), false),
        ("floats beyond 12 digits", float(0.1 + 0.2), float(0.3), true),
        ("floats within 12 digits", float(0.300_000_000_01), float(0.3), false),
        ("one NaN", float(f64::NAN), float(-f64::NAN), true),
        ("one zero", float(0.0), float(-0.0), true),
        ("infinities differ", float(f64::INFINITY), float(f64::NEG_INFINITY), false),
        ("decimals by value", decimal(10, 1), decimal(100, 2), true),
        ("decimals that differ", decimal(10, 1), decimal(10, 2), false),
        ("decimal zero", decimal(0, 1), decimal(0, 5), true),
        ("instants, not zones", instant("UTC"), instant("Asia/Tokyo"), true),
        ("an instant is no wall clock", instant("UTC"), wall, false),
    ] {
        assert_eq!(left.difference(&right).is_none(), same, "{case}");
    }
    let flags = |value| one("c", Arc::new(BooleanArray::from(vec![value])));
    assert_ne!(flags(Some(false)), flags(None));
}

#[test]
fn a14_none_to_some_and_some_to_none_are_changes() {
    let (none, three) = (texts(&[]), texts(&[Some("a"), Some("b"), None]));
    assert_eq!(counts(&three, &none), Some((Some(3), Some(0))));
    assert_eq!(counts(&none, &three), Some((Some(0), Some(3))));
    assert_eq!(none.difference(&texts(&[])), None);
}

#[test]
fn a2_a_row_of_nulls_is_a_row() {
    assert_eq!(texts(&[None]).rows, 1);
    assert!(texts(&[None]).difference(&texts(&[])).is_some());
}

#[test]
fn large_results_still_compare_and_a_fingerprint_survives_storage() {
    let many = |extra: i64| one("c", Arc::new(Int64Array::from_iter_values(0..KEPT_ROWS as i64 + extra)));
    let (base, more) = (many(1), many(2));
    assert_eq!(more.difference(&base), Some(Difference { columns: false, added: None, removed: None }));
    assert_eq!(base.row_hashes, None);
    let small = texts(&[Some("a"), None]);
    let stored = serde_json::to_string(&small).unwrap();
    assert_eq!(serde_json::from_str::<Fingerprint>(&stored).unwrap(), small);
}

#[test]
fn a6_equal_moments_and_numbers_are_equal_whatever_their_width_and_lists_are_compared_by_item() {
    use arrow_array::types::Int64Type;
    use arrow_array::{Decimal256Array, ListArray, TimestampNanosecondArray, TimestampSecondArray};
    use arrow_buffer::i256;
    let zoned = one("c", Arc::new(TimestampSecondArray::from(vec![1_772_460_000]).with_timezone("UTC")));
    for (same, nanoseconds) in [(true, 1_772_460_000_000_000_000), (false, 1_772_460_000_000_000_001)] {
        let other = one("c", Arc::new(TimestampNanosecondArray::from(vec![nanoseconds]).with_timezone("Asia/Tokyo")));
        assert_eq!(zoned == other, same, "{nanoseconds}");
    }
    let narrow = one("c", Arc::new(Decimal128Array::from(vec![150]).with_precision_and_scale(10, 2).unwrap()));
    let wide = |text: &str, scale| {
        one("c", Arc::new(Decimal256Array::from(vec![i256::from_string(text).unwrap()]).with_precision_and_scale(76, scale).unwrap()))
    };
    assert_eq!(narrow, wide("15", 1));
    let long = "1".repeat(45);
    assert_eq!(wide(&format!("{long}00"), 4), wide(&long, 2));
    assert_ne!(wide(&format!("{long}01"), 4), wide(&long, 2));
    let list = |items: Vec<Option<i64>>| one("c", Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>([Some(items)])));
    assert_eq!(list(vec![Some(1), None]), list(vec![Some(1), None]));
    for other in [vec![None, Some(1)], vec![Some(1)], vec![Some(1), None, None], vec![Some(11)]] {
        assert_ne!(list(vec![Some(1), None]), list(other.clone()), "{other:?}");
    }
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    type Row = (Option<i64>, Option<String>);

    /// Rows of few different values, so that equal rows, nulls and empty texts are common.
    fn rows() -> impl Strategy<Value = Vec<Row>> {
        let row =
            (proptest::option::of(0i64..3), proptest::option::of(proptest::sample::select(vec!["", "a", "b"]).prop_map(str::to_owned)));
        proptest::collection::vec(row, 0..12)
    }

    fn of_rows(rows: &[Row]) -> Fingerprint {
        let numbers: ArrayRef = Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>());
        let texts: ArrayRef = Arc::new(rows.iter().map(|row| row.1.clone()).collect::<StringArray>());
        of(&[batch(vec![("n", numbers), ("t", texts)])])
    }

    /// How often each row is on the left without a partner on the right.
    fn without_partner(left: &[Row], right: &[Row]) -> u64 {
        let mut right = right.to_vec();
        let alone = left.iter().filter(|row| match right.iter().position(|other| other == *row) {
            Some(at) => {
                right.swap_remove(at);
                false
            }
            None => true,
        });
        alone.count() as u64
    }

    proptest! {
        #[test]
        fn a5_results_are_the_same_exactly_when_their_multisets_of_rows_are(left in rows(), right in rows()) {
            let (added, removed) = (without_partner(&left, &right), without_partner(&right, &left));
            let expected = (added + removed > 0).then_some((Some(added), Some(removed)));
            prop_assert_eq!(counts(&of_rows(&left), &of_rows(&right)), expected);
        }

        #[test]
        fn a5_order_means_nothing_and_multiplicity_does(rows in rows(), seed in any::<u64>()) {
            let mut shuffled = rows.clone();
            let mut state = seed;
            for at in (1..shuffled.len()).rev() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                shuffled.swap(at, (state >> 33) as usize % (at + 1));
            }
            prop_assert_eq!(of_rows(&shuffled), of_rows(&rows));
            if let Some(row) = rows.first().cloned() {
                let mut more = rows.clone();
                more.push(row);
                prop_assert_eq!(counts(&of_rows(&more), &of_rows(&rows)), Some((Some(1), Some(0))));
            }
        }

        #[test]
        fn a6_decimals_compare_by_value(unscaled in -1_000_000i128..1_000_000, scale in 0i8..6, zeros in 0u32..6) {
            let decimal = |unscaled: i128, scale: i8| {
                one("c", Arc::new(Decimal128Array::from(vec![unscaled]).with_precision_and_scale(30, scale).unwrap()))
            };
            let longer = decimal(unscaled * 10i128.pow(zeros), scale + zeros as i8);
            prop_assert_eq!(&longer, &decimal(unscaled, scale));
            prop_assert_ne!(&longer, &decimal(unscaled * 10i128.pow(zeros) + 1, scale + zeros as i8));
        }

        #[test]
        fn a6_floats_compare_by_twelve_digits(value in proptest::num::f64::NORMAL, digits in 12usize..17) {
            let float = |value: f64| one("c", Arc::new(Float64Array::from(vec![value])));
            // A number written with twelve digits or more, and read again, is the same number.
            let written: f64 = format!("{value:.*e}", digits - 1).parse().unwrap();
            let twelve: f64 = format!("{value:.11e}").parse().unwrap();
            let rounds_alike = format!("{written:.11e}") == format!("{value:.11e}");
            prop_assert_eq!(float(written).difference(&float(value)).is_none(), rounds_alike);
            prop_assert_eq!(&float(twelve), &float(value));
            let other: f64 = format!("{:.11e}", value * (1.0 + 1e-9)).parse().unwrap();
            prop_assert_eq!(float(other) == float(value), other.to_bits() == twelve.to_bits());
        }

        #[test]
        fn a6_instants_compare_whatever_their_zone(at in -1_000_000_000_000_000i64..1_000_000_000_000_000) {
            let instant = |zone: &str| one("c", Arc::new(TimestampMicrosecondArray::from(vec![at]).with_timezone(zone)));
            prop_assert_eq!(instant("UTC"), instant("Asia/Tokyo"));
            prop_assert_eq!(instant("+00:00"), instant("America/New_York"));
        }
    }
}
