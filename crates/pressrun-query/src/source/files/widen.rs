//! The type that holds the values of two types: how the files of one table fit together.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Fields, TimeUnit};

/// What two types have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Common {
    /// A type that holds every value of both.
    Holds(DataType),
    /// Text: nothing is lost, but what were numbers no longer calculate.
    AsText,
    /// Nothing.
    No,
}

/// What `one` and `two` have in common.
pub(super) fn common(one: &DataType, two: &DataType) -> Common {
    use DataType as T;
    if one == two {
        return Common::Holds(one.clone());
    }
    let holds = Common::Holds;
    match (one, two) {
        (T::Null, other) | (other, T::Null) => holds(other.clone()),
        (T::Dictionary(_, values), other) | (other, T::Dictionary(_, values)) => common(values, other),
        (one, two) if is_text(one) && is_text(two) => holds(T::Utf8View),
        (one, two) if is_binary(one) && is_binary(two) => holds(T::BinaryView),
        (T::UInt64, other) | (other, T::UInt64) if other.is_signed_integer() => holds(T::Decimal128(20, 0)),
        (T::UInt64, other) | (other, T::UInt64) if other.is_unsigned_integer() => holds(T::UInt64),
        (one, two) if one.is_integer() && two.is_integer() => holds(T::Int64),
        (one, two) if is_real(one) && (is_real(two) || two.is_integer()) || one.is_integer() && is_real(two) => holds(T::Float64),
        (one, two) => match (decimal(one), decimal(two)) {
            (Some(left), Some(right)) => wider_decimal(left, right).map_or(Common::No, holds),
            _ if is_real(one) && decimal(two).is_some() || decimal(one).is_some() && is_real(two) => holds(T::Float64),
            _ if is_text(one) && is_simple(two) || is_simple(one) && is_text(two) => Common::AsText,
            _ => moments_or_nested(one, two),
        },
    }
}

fn moments_or_nested(one: &DataType, two: &DataType) -> Common {
    use DataType as T;
    match (one, two) {
        (T::Timestamp(a, None), T::Timestamp(b, None)) => Common::Holds(T::Timestamp(finer(*a, *b), None)),
        // Both are instants; in which zone they are told is decided by the query.
        (T::Timestamp(a, Some(zone)), T::Timestamp(b, Some(_))) => Common::Holds(T::Timestamp(finer(*a, *b), Some(Arc::clone(zone)))),
        (T::Date32, other @ T::Timestamp(_, None)) | (other @ T::Timestamp(_, None), T::Date32) => Common::Holds(other.clone()),
        (T::Date32, T::Date64) | (T::Date64, T::Date32) => Common::Holds(T::Timestamp(TimeUnit::Millisecond, None)),
        (T::Date64, T::Timestamp(unit, None)) | (T::Timestamp(unit, None), T::Date64) => {
            Common::Holds(T::Timestamp(finer(*unit, TimeUnit::Millisecond), None))
        }
        (T::Time32(_) | T::Time64(_), T::Time32(_) | T::Time64(_)) => Common::Holds(T::Time64(TimeUnit::Nanosecond)),
        (T::List(a) | T::LargeList(a), T::List(b) | T::LargeList(b)) => match common(a.data_type(), b.data_type()) {
            Common::Holds(item) => Common::Holds(T::List(Arc::new(Field::new(a.name(), item, true)))),
            Common::AsText | Common::No => Common::No,
        },
        (T::Struct(a), T::Struct(b)) => members(a, b).map_or(Common::No, |members| Common::Holds(T::Struct(members))),
        _ => Common::No,
    }
}

/// The members of both, by name.
fn members(one: &Fields, two: &Fields) -> Option<Fields> {
    let mut members: Vec<FieldRef> = one.iter().map(|field| Arc::new(nullable(field, field.data_type().clone()))).collect();
    for field in two {
        match members.iter_mut().find(|known| known.name() == field.name()) {
            Some(known) => {
                let Common::Holds(wider) = common(known.data_type(), field.data_type()) else { return None };
                *known = Arc::new(nullable(field, wider));
            }
            None => members.push(Arc::new(nullable(field, field.data_type().clone()))),
        }
    }
    Some(members.into())
}

/// What people call a type, in the words of the catalog.
pub(super) fn word(data_type: &DataType) -> String {
    use DataType as T;
    match data_type {
        T::Null => "nothing".to_owned(),
        T::Boolean => "boolean".to_owned(),
        T::Int64 => "integer".to_owned(),
        whole if whole.is_integer() => {
            let sign = if whole.is_unsigned_integer() { "unsigned " } else { "" };
            format!("{sign}integer of {} bits", whole.primitive_width().unwrap_or_default() * 8)
        }
        T::Float64 => "number".to_owned(),
        T::Float32 => "number of 32 bits".to_owned(),
        T::Float16 => "number of 16 bits".to_owned(),
        T::Decimal32(digits, scale) | T::Decimal64(digits, scale) | T::Decimal128(digits, scale) | T::Decimal256(digits, scale) => {
            format!("decimal({digits},{scale})")
        }
        T::Utf8 | T::LargeUtf8 | T::Utf8View => "text".to_owned(),
        T::Date32 => "date".to_owned(),
        T::Date64 => "date in milliseconds".to_owned(),
        T::Time32(_) | T::Time64(_) => "time".to_owned(),
        T::Timestamp(_, None) => "timestamp (wall clock)".to_owned(),
        T::Timestamp(_, Some(_)) => "timestamptz (instants)".to_owned(),
        T::Dictionary(_, values) => word(values),
        T::List(item) | T::LargeList(item) | T::FixedSizeList(item, _) => format!("list of {}", word(item.data_type())),
        T::Struct(_) => "an object".to_owned(),
        T::Map(..) => "a map".to_owned(),
        binary if is_binary(binary) => "bytes".to_owned(),
        other => other.to_string(),
    }
}

/// A column of this type that may be missing from some files.
pub(super) fn nullable(field: &Field, data_type: DataType) -> Field {
    Field::new(field.name(), data_type, true)
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn is_binary(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_))
}

fn is_real(data_type: &DataType) -> bool {
    data_type.is_floating()
}

/// What people would still recognise as text.
fn is_simple(data_type: &DataType) -> bool {
    data_type.is_numeric() || *data_type == DataType::Boolean
}

fn finer(one: TimeUnit, two: TimeUnit) -> TimeUnit {
    one.max(two)
}

/// Digits before and behind the mark.
fn decimal(data_type: &DataType) -> Option<(u8, u8)> {
    use DataType as T;
    Some(match data_type {
        T::Decimal32(precision, scale)
        | T::Decimal64(precision, scale)
        | T::Decimal128(precision, scale)
        | T::Decimal256(precision, scale) => (precision.saturating_sub(u8::try_from(*scale).ok()?), u8::try_from(*scale).ok()?),
        T::Int8 | T::UInt8 => (3, 0),
        T::Int16 | T::UInt16 => (5, 0),
        T::Int32 | T::UInt32 => (10, 0),
        T::Int64 => (19, 0),
        T::UInt64 => (20, 0),
        _ => return None,
    })
}

fn wider_decimal(one: (u8, u8), two: (u8, u8)) -> Option<DataType> {
    let scale = one.1.max(two.1);
    let precision = one.0.max(two.0) + scale;
    match precision {
        0..=38 => Some(DataType::Decimal128(precision, scale as i8)),
        39..=76 => Some(DataType::Decimal256(precision, scale as i8)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b6_types_of_files_widen_to_what_holds_both_or_not_at_all() {
        use DataType as T;
        let stamp = |unit, zone: Option<&str>| T::Timestamp(unit, zone.map(Into::into));
        for (one, two, expected) in [
            (T::Int32, T::Int64, Common::Holds(T::Int64)),
            (T::UInt32, T::Int16, Common::Holds(T::Int64)),
            (T::UInt64, T::Int64, Common::Holds(T::Decimal128(20, 0))),
            (T::UInt64, T::UInt8, Common::Holds(T::UInt64)),
            (T::Int32, T::Float64, Common::Holds(T::Float64)),
            (T::Float32, T::Float64, Common::Holds(T::Float64)),
            (T::Decimal128(10, 2), T::Decimal128(12, 2), Common::Holds(T::Decimal128(12, 2))),
            (T::Decimal128(10, 2), T::Decimal128(10, 4), Common::Holds(T::Decimal128(12, 4))),
            (T::Decimal128(38, 0), T::Decimal128(10, 4), Common::Holds(T::Decimal256(42, 4))),
            (T::Int64, T::Decimal128(10, 2), Common::Holds(T::Decimal128(21, 2))),
            (T::Decimal128(10, 2), T::Float64, Common::Holds(T::Float64)),
            (T::Utf8, T::LargeUtf8, Common::Holds(T::Utf8View)),
            (T::Dictionary(Box::new(T::Int32), Box::new(T::Utf8)), T::Utf8, Common::Holds(T::Utf8)),
            (T::Int64, T::Utf8, Common::AsText),
            (T::Boolean, T::Utf8View, Common::AsText),
            (T::Null, T::Date32, Common::Holds(T::Date32)),
            (stamp(TimeUnit::Microsecond, None), stamp(TimeUnit::Nanosecond, None), Common::Holds(stamp(TimeUnit::Nanosecond, None))),
            (
                stamp(TimeUnit::Millisecond, Some("UTC")),
                stamp(TimeUnit::Microsecond, Some("+02:00")),
                Common::Holds(stamp(TimeUnit::Microsecond, Some("UTC"))),
            ),
            (stamp(TimeUnit::Microsecond, Some("UTC")), stamp(TimeUnit::Microsecond, None), Common::No),
            (T::Date32, stamp(TimeUnit::Microsecond, None), Common::Holds(stamp(TimeUnit::Microsecond, None))),
            (T::Date32, T::Utf8, Common::No),
            (T::Date32, T::Date64, Common::Holds(stamp(TimeUnit::Millisecond, None))),
            (T::Date64, stamp(TimeUnit::Microsecond, None), Common::Holds(stamp(TimeUnit::Microsecond, None))),
            (T::Boolean, T::Int64, Common::No),
            (T::Binary, T::Utf8, Common::No),
        ] {
            assert_eq!(common(&one, &two), expected, "{one} {two}");
        }
        for (one, two) in [(T::Int32, T::Utf8), (T::Date32, T::Null)] {
            assert_eq!(common(&one, &two), common(&two, &one));
        }
    }
}
