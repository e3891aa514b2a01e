//! What the values of a column are, as far as they have been seen; the whole file decides, never a sample.

use std::fmt;

use arrow_schema::{DataType, Field, Fields, TimeUnit};
use indexmap::IndexMap;
use jiff::Timestamp;
use jiff::civil::{DateTime, date};

use super::moment;
use super::number::{DECIMAL_DIGITS, Digits, Marks};

/// What the values of a column are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Shape {
    /// There are none.
    #[default]
    Nothing,
    Boolean,
    Number(Digits),
    Day,
    /// Wall clock.
    Wall(Ticks),
    /// Wall clock with an offset.
    Instant(Ticks),
    Text,
    /// A list, of JSON alone.
    List(Box<Shape>),
    /// An object, of JSON alone.
    Object(IndexMap<String, Shape>),
}

/// How fine and how far times are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Ticks {
    /// Some have parts of a microsecond.
    nanos: bool,
    /// Some are beyond what 64 bits of nanoseconds hold.
    far: bool,
}

impl Ticks {
    fn of_wall(wall: DateTime) -> Self {
        let far = wall < date(1678, 1, 1).at(0, 0, 0, 0) || wall >= date(2262, 1, 1).at(0, 0, 0, 0);
        Self { nanos: wall.subsec_nanosecond() % 1000 != 0, far }
    }

    fn of_instant(at: Timestamp) -> Self {
        Self { nanos: at.subsec_nanosecond() % 1000 != 0, far: i64::try_from(at.as_nanosecond()).is_err() }
    }

    fn join(self, other: Self) -> Self {
        Self { nanos: self.nanos || other.nanos, far: self.far || other.far }
    }

    /// `None` when no unit holds them all.
    fn unit(self) -> Option<TimeUnit> {
        match self {
            Self { nanos: false, .. } => Some(TimeUnit::Microsecond),
            Self { nanos: true, far: false } => Some(TimeUnit::Nanosecond),
            Self { nanos: true, far: true } => None,
        }
    }
}

/// A list or an object stands where something else does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unlike(pub(crate) &'static str, pub(crate) &'static str);

impl Shape {
    /// What people call [`Shape::Wall`].
    pub(crate) const WALL: &'static str = "a time";
    /// What people call [`Shape::Instant`].
    pub(crate) const INSTANT: &'static str = "a time with an offset";

    /// What one value of a text file is. Blanks around it do not count.
    pub(crate) fn of(text: &str, marks: Marks) -> Self {
        let text = text.trim_ascii();
        match text.as_bytes().first() {
            Some(b't' | b'T' | b'f' | b'F') => {
                let word = text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false");
                return if word { Self::Boolean } else { Self::Text };
            }
            Some(b'0'..=b'9' | b'-' | b'.' | b',' | b'n' | b'N' | b'i' | b'I') => {}
            // What no number, day or time begins with is text, without looking further.
            _ => return Self::Text,
        }
        if text.as_bytes().get(4) == Some(&b'-') && text.len() >= 10 {
            if moment::day(text).is_some() {
                return Self::Day;
            }
            if let Some(wall) = moment::wall(text) {
                return Self::Wall(Ticks::of_wall(wall));
            }
            if let Some(at) = moment::instant(text) {
                return Self::Instant(Ticks::of_instant(at));
            }
        }
        marks.plain(text).and_then(|plain| Digits::read(&plain)).map_or(Self::Text, Self::Number)
    }

    /// What holds the values of both.
    ///
    /// # Errors
    /// [`Unlike`]: a list or an object has nothing in common with anything else.
    pub(crate) fn join(self, other: Self) -> Result<Self, Unlike> {
        Ok(match (self, other) {
            (Self::Nothing, shape) | (shape, Self::Nothing) => shape,
            (Self::Boolean, Self::Boolean) => Self::Boolean,
            (Self::Number(one), Self::Number(two)) => Self::Number(one.join(two)),
            (Self::Day, Self::Day) => Self::Day,
            (Self::Day, Self::Wall(ticks)) | (Self::Wall(ticks), Self::Day) => Self::Wall(ticks),
            (Self::Wall(one), Self::Wall(two)) => Self::Wall(one.join(two)),
            (Self::Instant(one), Self::Instant(two)) => Self::Instant(one.join(two)),
            (Self::List(one), Self::List(two)) => Self::List(Box::new(one.join(*two)?)),
            (Self::Object(mut one), Self::Object(two)) => {
                for (key, shape) in two {
                    let known = one.entry(key).or_default();
                    *known = std::mem::take(known).join(shape)?;
                }
                Self::Object(one)
            }
            (one @ (Self::List(_) | Self::Object(_)), two) | (one, two @ (Self::List(_) | Self::Object(_))) => {
                return Err(Unlike(one.word(), two.word()));
            }
            _ => Self::Text,
        })
    }

    /// The type that holds it; instants are told in `zone`.
    pub(crate) fn data_type(&self, zone: &str) -> DataType {
        match self {
            Self::Nothing => DataType::Null,
            Self::Boolean => DataType::Boolean,
            Self::Number(digits) => number(*digits),
            Self::Day => DataType::Date32,
            Self::Wall(ticks) => ticks.unit().map_or(DataType::Utf8, |unit| DataType::Timestamp(unit, None)),
            Self::Instant(ticks) => ticks.unit().map_or(DataType::Utf8, |unit| DataType::Timestamp(unit, Some(zone.into()))),
            Self::Text => DataType::Utf8,
            Self::List(item) => DataType::List(Field::new("item", item.data_type(zone), true).into()),
            Self::Object(members) => {
                let member = |(name, shape): (&String, &Self)| Field::new(name, shape.data_type(zone), true);
                DataType::Struct(members.iter().map(member).collect::<Fields>())
            }
        }
    }

    /// What people call it.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Boolean => "true or false",
            Self::Number(_) => "a number",
            Self::Day => "a date",
            Self::Wall(_) => Self::WALL,
            Self::Instant(_) => Self::INSTANT,
            Self::Text => "text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// An integer or a double where these hold every digit, a decimal where that does, and text for what is longer: so long a number
/// is a name more often than a quantity.
fn number(digits: Digits) -> DataType {
    let width = digits.whole.saturating_add(digits.scale);
    match digits {
        Digits { fraction: false, long: false, .. } => DataType::Int64,
        Digits { fraction: true, inexact: false, .. } => DataType::Float64,
        Digits { fraction: true, scientific: false, .. } if width <= DECIMAL_DIGITS => DataType::Decimal128(width, digits.scale as i8),
        // Each prints its digits again when it is given as many: doubles that a program wrote with more than it needs.
        Digits { fraction: true, rounded: false, .. } => DataType::Float64,
        _ => DataType::Utf8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b3_every_value_of_a_column_counts() {
        for (values, expected) in [
            (&["1", "2"][..], "Int64"),
            (&["1", "2.5"], "Float64"),
            (&["1", "A22000"], "Utf8"),
            (&["00123", "7"], "Utf8"),
            (&["1234567890123456.78", "1"], "Decimal128(18, 2)"),
            (&["12345678901234567890", "1"], "Utf8"),
            (&["12345678901234567890", "1.5"], "Decimal128(21, 1)"),
            (&["9007199254740993", "0.5"], "Decimal128(17, 1)"),
            (&["9007199254740993", "1e-07"], "Utf8"),
            (&["0.10000000000000001", "1.0000000000000001e-05"], "Float64"),
            (&["1.234567890123456789e-07"], "Utf8"),
            (&["1", "NaN"], "Float64"),
            (&["true", "FALSE"], "Boolean"),
            (&["true", "1"], "Utf8"),
            (&["t", "f"], "Utf8"),
            (&["yes", "no"], "Utf8"),
            (&["2026-11-30", "2026-11-29"], "Date32"),
            (&["2026-11-30", "2026-11-29 10:00"], "Timestamp(µs)"),
            (&["2026-11-30 10:00:00.1234567", "2026-11-29 10:00"], "Timestamp(ns)"),
            (&["9999-12-31 00:00", "2026-11-29 10:00"], "Timestamp(µs)"),
            (&["9999-12-31 00:00", "2026-11-30 10:00:00.1234567"], "Utf8"),
            (&["2026-11-30T10:00:00Z", "2026-11-30T10:00:00+02:00"], "Timestamp(µs, \"Asia/Tokyo\")"),
            (&["2026-11-30T10:00:00Z", "2026-11-30T10:00:00"], "Utf8"),
            (&["2026-11-30", "30.11.2026"], "Utf8"),
            (&[" 1", "2 "], "Int64"),
            (&[], "Null"),
        ] {
            let shape =
                values.iter().fold(Shape::Nothing, |shape, value| shape.join(Shape::of(value, Marks::PLAIN)).unwrap_or(Shape::Text));
            assert_eq!(shape.data_type("Asia/Tokyo").to_string(), expected, "{values:?}");
        }
    }
}
